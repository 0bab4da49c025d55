"""Identity providers over HTTP: servers of ours that speak what Okta, Entra and Google publish, and `emulate` for Okta.

Not run against Okta, Microsoft or Google.
"""

import base64
import json
import os
import subprocess
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from watchbill.access.apply import apply
from watchbill.access.model import Call, State
from watchbill.directories.http import Http
from watchbill.directories.providers import Addresses, Okta, connect
from watchbill.errors import Location, ProviderError, RefusedError
from watchbill.respond.directory import (
    drift_in_directories,
    freeze_in_directories,
    restore_in_directories,
    verify_in_directories,
)
from watchbill.respond.interfaces import LaterError
from watchbill.team.model import Directory


PEERS = Path(__file__).parents[1] / "peers"
EMULATE = PEERS / "node_modules/emulate/dist/index.js"
WHERE = Location("w.yaml", 1)
KEY = generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
ACCOUNT = json.dumps({"client_email": "bot@project.example", "private_key": PEM})
TOKEN = "a-secret-token"
JAMES = "james@example.com"


class Peer(ThreadingHTTPServer):
    """Speaks the few endpoints of all three, on the loopback; `busy` answers come first."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.busy, self.tokens = [], [], 0
        self.enabled, self.sessions, self.okta, self.synced = True, 1, "ACTIVE", False

    @property
    def url(self):
        """Give its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers as the providers' references have it."""

    def log_message(self, *_):
        """Say nothing."""

    def answer(self, status, body=None, headers=()):
        """Answer with JSON."""
        raw = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (("Content-Length", str(len(raw))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def handle_any(self):
        """Answer any method."""
        peer, parsed = self.server, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, method = unquote(parsed.path), self.command
        peer.asked.append((method, path, self.headers.get("Authorization")))
        if peer.busy:
            return self.answer(429, None, [peer.busy.pop(0)])
        if path.endswith("/token"):
            peer.tokens += 1
            return self.token(parse_qs(raw.decode()))
        body = json.loads(raw) if raw else None
        if path.startswith("/api/v1/users/"):
            return self.okta(method, path.removeprefix("/api/v1/users/"), parse_qs(parsed.query))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": {"message": "no token"}})
        if path.startswith("/v1.0/users"):
            return self.graph(method, path.removeprefix("/v1.0/users"), parse_qs(parsed.query), body)
        return self.google(method, path.removeprefix("/admin/directory/v1/users/"), body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names of http.server

    def token(self, form):
        """Give a token for a client secret, or for an assertion whose signature holds."""
        if "assertion" in form:
            head, claims, signature = form["assertion"][0].split(".")
            KEY.public_key().verify(unbase64(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
            said = json.loads(unbase64(claims))
            assert said["aud"] == f"{self.server.url}/token"
            assert (said["sub"], said["iss"]) == ("boss@example.com", "bot@project.example")
        elif form.get("client_secret") != ["client secret"] or form["grant_type"] != ["client_credentials"]:
            return self.answer(401, {"error": "invalid_client"})
        return self.answer(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def okta(self, method, path, query):
        """Refuse to suspend who is not active, as Okta does."""
        peer = self.server
        if self.headers.get("Authorization") != f"SSWS {TOKEN}":
            return self.answer(401, {"errorCode": "E0000011", "errorSummary": "Invalid token provided"})
        if path not in ("00u1", JAMES) and not path.startswith("00u1/"):
            return self.answer(404, {"errorCode": "E0000007", "errorSummary": "Not found"})
        wanted = {
            "00u1/lifecycle/suspend": ("ACTIVE", "SUSPENDED"),
            "00u1/lifecycle/unsuspend": ("SUSPENDED", "ACTIVE"),
        }
        if path in wanted:
            if peer.okta != wanted[path][0]:
                return self.answer(400, {"errorCode": "E0000001", "errorSummary": "Cannot do that to this user"})
            peer.okta = wanted[path][1]
            return self.answer(200, {})
        if (method, path) == ("DELETE", "00u1/sessions"):
            assert query == {"oauthTokens": ["true"]}
            peer.sessions = 0
            return self.answer(204)
        return self.answer(200, {"id": "00u1", "status": peer.okta, "profile": {"login": JAMES}})

    def graph(self, method, path, query, body):
        """Know the person by a principal name that is not their address."""
        peer = self.server
        user = {"id": "g-1", "userPrincipalName": "j@corp", "accountEnabled": peer.enabled}
        user["onPremisesSyncEnabled"] = peer.synced or None
        if path == "":
            found = query["$filter"] == [f"mail eq '{JAMES}'"]
            return self.answer(200, {"value": [user] if found else []})
        if not path.startswith("/g-1"):
            return self.answer(404, {"error": {"code": "Request_ResourceNotFound", "message": "no such user"}})
        if method == "PATCH":
            peer.enabled = body["accountEnabled"]
            return self.answer(204)
        if path == "/g-1/revokeSignInSessions":
            peer.sessions = 0
            return self.answer(200, {"value": True})
        return self.answer(200, user)

    def google(self, method, path, body):
        """Know the person by address and id."""
        peer = self.server
        if path.partition("/")[0] not in (JAMES, "117"):
            return self.answer(404, {"error": {"message": "Resource Not Found: userKey"}})
        if method == "PUT":
            peer.enabled = not body["suspended"]
        if path.endswith("/signOut"):
            peer.sessions = 0
            return self.answer(204)
        return self.answer(200, {"id": "117", "primaryEmail": JAMES, "suspended": not peer.enabled})


def unbase64(text):
    """Decode what has no padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def peer():
    """Serve all three."""
    with Peer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def provider(peer, kind, sleep=lambda _: None, **secrets):
    """Connect to one of them."""
    directory = {
        "okta": Directory("corp", "okta", "S", peer.url, None, None, None, WHERE),
        "entra": Directory("corp", "entra", "S", None, "tenant", "client", None, WHERE),
        "google": Directory("corp", "google", "S", None, None, None, "boss@example.com", WHERE),
    }[kind]
    given = {"okta": TOKEN, "entra": "client secret", "google": ACCOUNT}[kind]
    return connect(directory, {"S": given, **secrets}, Addresses(*[peer.url] * 4), sleep)


def carry_out(found, changes):
    """Make every change."""
    outcomes = apply(changes, lambda change: found.perform(change.call))
    assert [outcome.error for outcome in outcomes if outcome.state is not State.DONE] == []


@pytest.mark.parametrize("kind", ["okta", "entra", "google"])
def test_suspended_signed_out_and_let_in_again(peer, kind):
    """Each step twice, as after a crash: what is so already stays as it is."""
    found = provider(peer, kind)
    was = found.find(JAMES)
    assert (was.kind, was.enabled, was.by_hand) == (kind, True, "")
    assert found.find("nobody@example.com") is None
    frozen = list(freeze_in_directories([was]))
    assert [change.call.operation for change in frozen] == ["SuspendUser", "ClearSessions"]
    assert {change.call.service for change in frozen} == {kind}
    carry_out(found, frozen * 2)
    now = found.find(JAMES)
    assert (now.enabled, peer.sessions) == (False, 0)
    assert [check.holds for check in verify_in_directories([was], [now])] == [True]
    assert [check.holds for check in verify_in_directories([was], [was])] == [False]
    assert list(freeze_in_directories([now])) == []
    back, left_out = restore_in_directories([was], [now])
    assert left_out == ()
    carry_out(found, back * 2)
    assert found.find(JAMES) == was


def test_who_was_suspended_before_stays_so(peer):
    """A restore lets nobody in who was not before, and says so."""
    peer.enabled = False
    was = provider(peer, "google").find(JAMES)
    assert list(freeze_in_directories([was])) == []
    changes, left_out = restore_in_directories([was], [was])
    assert (changes, left_out) == ((), (f"{JAMES} at corp: was suspended before the freeze, and stays so",))
    assert list(drift_in_directories([was], [was])) == []
    assert [found.what for found in drift_in_directories([], [was])] == [f"{JAMES} was made since the freeze"]


def test_what_cannot_be_changed_from_here_is_left_to_a_person(peer):
    """Okta suspends only who is active; Entra's synchronised users are enabled again by what feeds them."""
    peer.okta, peer.synced = "LOCKED_OUT", True
    for kind, said in (("okta", "LOCKED_OUT"), ("entra", "synchronised")):
        was = provider(peer, kind).find(JAMES)
        suspend, clear = freeze_in_directories([was])
        assert (suspend.call.service, clear.call.service) == ("console", kind)
        assert said in suspend.why


@pytest.mark.parametrize("header", [("Retry-After", "7"), ("X-Rate-Limit-Reset", "SOON")])
def test_its_pace_is_honoured(peer, header):
    """It waits for as long as it is told, and no longer than is of use: then it says so."""
    waited = []
    in_a_while = str(int(time.time()) + 7)  # noqa: TID251 - it is asked about by the real one
    soon = in_a_while if header[1] == "SOON" else header[1]
    peer.busy = [(header[0], soon)] * 2
    found = provider(peer, "okta", waited.append)
    assert found.find(JAMES).id == "00u1"
    assert [6 <= wait <= 8 for wait in waited] == [True, True]
    peer.busy = [(header[0], soon)] * 4
    with pytest.raises(LaterError, match="takes no more calls"):
        found.find(JAMES)
    peer.busy = [("Retry-After", "3600")]
    with pytest.raises(LaterError, match="for 3600 s"):
        found.find(JAMES)


def test_a_token_is_asked_for_once(peer):
    """And again where it has run out."""
    found = provider(peer, "entra")
    for _ in range(3):
        found.find(JAMES)
    assert peer.tokens == 1


def test_no_secret_is_in_an_error(peer):
    """Whatever goes wrong, the provider's words are told and ours are not."""
    errors = []
    for kind in ("okta", "entra", "google"):
        with pytest.raises(ProviderError) as caught:
            provider(peer, kind, S="wrong-secret").find(JAMES)
        errors.append(caught.value)
    said = [str(error) for error in errors]
    assert said[0] == "corp answered 401 to reading a user: Invalid token provided"
    assert said[1] == "corp answered 401 to asking for a token"
    assert said[2] == "S is not the JSON of a service account"
    assert "wrong-secret" not in "".join([*said, *map(repr, errors), repr(provider(peer, "okta"))])
    assert TOKEN not in repr(provider(peer, "okta"))
    with pytest.raises(RefusedError, match="needs S, which is not set"):
        connect(Directory("corp", "okta", "S", peer.url, None, None, None, WHERE), {})


@pytest.mark.parametrize("url", ["http://okta.example", "http://127.0.0.1.example", "http://10.0.0.1"])
def test_a_token_never_goes_in_the_clear(url):
    """But to this machine itself."""
    with pytest.raises(ProviderError, match="is not https"):
        Http("corp").ask("GET", url, {})


def test_nobody_there_is_told(peer):
    """As is an answer that is none."""
    with pytest.raises(ProviderError, match="could not reach corp"):
        Http("corp").ask("GET", "http://127.0.0.1:1", {})
    peer.okta = ""
    with pytest.raises(ProviderError, match="answered without `status`"):
        provider(peer, "okta").find(JAMES)
    with pytest.raises(KeyError):
        provider(peer, "okta").perform(Call("DeleteUser", {"UserId": "00u1"}, "okta"))


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """Run `emulate` as Okta; give its address."""
    assert EMULATE.exists(), "run `make test`, which installs it"
    folder = tmp_path_factory.mktemp("okta")
    user = {"login": JAMES, "email": JAMES, "first_name": "James", "last_name": "B"}
    (folder / "seed.json").write_text(json.dumps({"okta": {"users": [user]}, "tokens": {TOKEN: {"login": JAMES}}}))
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["node", "--require", str(PEERS / "loopback.cjs"), str(EMULATE), "start", "--service", "okta"]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}  # noqa: TID251 - node is on it
    with (folder / "log").open("wb") as log:
        words += ["--port", str(port), "--seed", "seed.json"]
        process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env=env)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def test_okta_as_others_wrote_it(emulated):
    """The steps that `emulate` 0.11.0 knows: it has users and their life, and no sessions to end."""
    found = Okta(Directory("corp", "okta", "S", emulated, None, None, None, WHERE), TOKEN, Http("corp"))
    was = None
    for _ in range(150):
        with suppress(ProviderError):
            was = found.find(JAMES)
            break
        time.sleep(0.1)
    assert was is not None
    suspend, clear = freeze_in_directories([was])
    carry_out(found, [suspend, suspend])
    assert found.find(JAMES).stands == "SUSPENDED"
    with pytest.raises(ProviderError, match="answered 404 to ClearSessions"):
        found.perform(clear.call)
    carry_out(found, restore_in_directories([was], [found.find(JAMES)])[0])
    assert found.find(JAMES) == was
