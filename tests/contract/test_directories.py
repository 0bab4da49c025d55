"""Identity providers over HTTP: servers of ours that speak what Okta, Entra and Google publish, and `emulate` for Okta.

Not run against Okta, Microsoft or Google.
"""

import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from socket import create_server

import pytest
from tests.idp import ACCOUNT, JAMES, TOKEN

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
    waited: list[float] = []
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
    suspended = found.find(JAMES)
    assert suspended is not None
    assert suspended.stands == "SUSPENDED"
    with pytest.raises(ProviderError, match="answered 404 to ClearSessions"):
        found.perform(clear.call)
    carry_out(found, restore_in_directories([was], [suspended])[0])
    assert found.find(JAMES) == was
