"""Okta, Entra and Google on the loopback, as far as a freeze speaks to them: by their public references, all in one."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


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

    server: Any

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
