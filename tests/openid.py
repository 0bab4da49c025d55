"""An identity provider on the loopback: OpenID Connect with `auth_time`, `amr`, `acr` and `prompt`.

`emulate` 0.11.0 speaks Okta's sign-in and knows none of these; what a step-up hangs on is tried here. It is strict where
the standards are (PKCE, codes that are good once, addresses to the letter), and lies where a test tells it to.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


KEY = RSAKey.generate_key(2048, {"kid": "k1", "alg": "RS256", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "k2", "alg": "RS256", "use": "sig"})
CLIENT, SECRET = "watchbill", "a client's secret / of+its%own"


@dataclass
class User:
    """Somebody who has an account there."""

    sub: str
    email: str
    groups: list[str] = field(default_factory=list)
    verified: bool = True
    amr: list[str] = field(default_factory=lambda: ["pwd", "otp"])
    acr: str = ""
    signed_in_at: datetime | None = None


class OpenIdPeer(ThreadingHTTPServer):
    """The provider; `keyboard` is who sits at the browser and signs in."""

    def __init__(self, redirect, now):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.daemon_threads = True
        self.redirect, self.now = redirect, now
        self.users: dict[str, User] = {}
        self.keyboard = ""
        self.codes: dict[str, dict[str, Any]] = {}
        self.claims: dict[str, Any] = {}
        """Claims of its tokens that are otherwise than they should be; None takes one out."""
        self.more: dict[str, Any] = {}
        """What it says of somebody only when asked."""
        self.key, self.keys = KEY, [KEY]
        self.passes_over_prompt = False
        self.says_no = False
        self.busy = False
        self.asked: list[str] = []
        self._thread = Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def issuer(self):
        """Give its name."""
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, name, groups=(), **more):
        """Give somebody an account."""
        made = User(f"sub-{name}", f"{name}@example.com", list(groups))
        for key, value in more.items():
            setattr(made, key, value)
        self.users[name] = made
        return made

    def token_of(self, asked):
        """Sign what it says of whoever signed in."""
        user, now = self.users[asked["who"]], self.now()
        claims = {
            "iss": self.issuer,
            "sub": user.sub,
            "aud": CLIENT,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + 300,
            "nonce": asked["nonce"],
            "auth_time": int(user.signed_in_at.timestamp()) if user.signed_in_at else None,
            "email": user.email,
            "email_verified": user.verified,
            "groups": user.groups,
            "amr": user.amr,
            "acr": user.acr or None,
        }
        kept = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, kept, self.key)


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def log_message(self, *_):
        """Say nothing."""

    def answer(self, status, body=None, **headers):
        raw = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self):
        peer, parsed = self.server, urlsplit(self.path)
        peer.asked.append(parsed.path)
        if peer.busy:
            self.answer(429, None, **{"Retry-After": "30"})
            return
        match parsed.path:
            case "/.well-known/openid-configuration":
                self.answer(
                    200,
                    {
                        "issuer": peer.issuer,
                        "authorization_endpoint": f"{peer.issuer}/authorize",
                        "token_endpoint": f"{peer.issuer}/token",
                        "userinfo_endpoint": f"{peer.issuer}/userinfo",
                        "jwks_uri": f"{peer.issuer}/keys",
                        "authorization_response_iss_parameter_supported": True,
                    },
                )
            case "/keys":
                self.answer(200, {"keys": [key.as_dict(private=False) for key in peer.keys]})
            case "/authorize":
                self.authorize({name: values[0] for name, values in parse_qs(parsed.query).items()})
            case "/userinfo":
                self.answer(200, peer.more)
            case _:
                self.answer(404)

    def authorize(self, asked):
        peer = self.server
        assert asked["redirect_uri"] == peer.redirect
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        user = peer.users[peer.keyboard]
        anew = asked.get("prompt") == "login" and asked.get("max_age") == "0" and not peer.passes_over_prompt
        if anew or user.signed_in_at is None:
            user.signed_in_at = peer.now()
        back = {"state": asked["state"], "iss": peer.issuer}
        if peer.says_no:
            back["error"] = "access_denied"
        else:
            back["code"] = token_urlsafe(16)
            peer.codes[back["code"]] = asked | {"who": peer.keyboard}
        self.answer(303, Location=f"{peer.redirect}?{urlencode(back)}")

    def do_POST(self):
        peer = self.server
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(raw).items()}
        told = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if [unquote(part) for part in told.split(":")] != [CLIENT, SECRET]:
            self.answer(401, {"error": "invalid_client"})
            return
        asked = peer.codes.pop(form["code"], None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != digest or form["redirect_uri"] != peer.redirect:
            self.answer(400, {"error": "invalid_grant"})
            return
        self.answer(200, {"access_token": "at", "token_type": "Bearer", "id_token": peer.token_of(asked)})
