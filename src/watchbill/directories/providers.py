"""Okta, Entra and Google: find a person, suspend them, end their sessions, let them in again.

Made by public documentation, and run against servers of ours that speak it, Okta's part against `emulate` as well: not
against Okta, Microsoft or Google.

* Okta: developer.okta.com/docs/api, "User Lifecycle" and "User Sessions": POST .../lifecycle/suspend takes an ACTIVE
  user only; DELETE .../sessions?oauthTokens=true ends sessions at Okta, not those of the applications themselves.
* Entra: learn.microsoft.com/graph/api, "Update user" and "user: revokeSignInSessions": it takes some minutes, and
  leaves guests alone, who sign in at home; access tokens live up to an hour.
* Google: developers.google.com/workspace/admin/directory, "users.update" and "users.signOut"; a service account acts
  for an administrator (developers.google.com/identity/protocols/oauth2/service-account).
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from watchbill.access.model import Call
from watchbill.directories.http import Answer, Http
from watchbill.errors import ProviderError, RefusedError
from watchbill.respond.directory import DirectoryUser
from watchbill.team.model import Directory


_NOT_FOUND = 404
_OKTA_LIVE = frozenset({"ACTIVE", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY", "PROVISIONED", "STAGED"})
"""States of a user of Okta who may sign in, or may come to by themselves."""
_SCOPES = (
    "https://www.googleapis.com/auth/admin.directory.user https://www.googleapis.com/auth/admin.directory.user.security"
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the providers are that have one address for everybody."""

    graph: str = "https://graph.microsoft.com"
    login: str = "https://login.microsoftonline.com"
    google: str = "https://admin.googleapis.com"
    google_token: str = "https://oauth2.googleapis.com"  # noqa: S105 - an address


class Provider(Protocol):
    """One identity provider. Every failure is a ProviderError."""

    def find(self, login: str) -> DirectoryUser | None:
        """Give the user of this address; None where there is none."""
        ...

    def perform(self, call: Call) -> None:
        """Make one step; making one that is already so changes nothing. One that is none raises KeyError."""
        ...


def connect(
    directory: Directory,
    secrets: Mapping[str, str],
    addresses: Addresses = Addresses(),
    sleep: Callable[[float], object] = time.sleep,
) -> Provider:
    """Give the provider of a directory with its secret, by the name of the environment variable that holds it."""
    if directory.secret not in secrets:
        raise RefusedError(
            f"directory `{directory.name}` needs {directory.secret}, which is not set",
            f"set it, or {directory.secret}_FILE",
        )
    secret, http = secrets[directory.secret], Http(directory.name, sleep)
    match directory.kind:
        case "okta":
            return Okta(directory, secret, http)
        case "entra":
            return Entra(directory, secret, http, addresses)
        case _:
            return Google(directory, secret, http, addresses)


def logins(*addresses: str) -> Iterator[str]:
    """Give each address once, whatever its case."""
    yield from dict.fromkeys(address.lower() for address in addresses)


@dataclass(frozen=True, slots=True)
class _Users:
    """The users of a provider, below one address of its API."""

    http: Http
    url: str
    authorization: Callable[[], str]

    def find(self, path: str) -> Any:
        """Give one; None where the provider has none there."""
        answer = self._ask("GET", path)
        found = self.http.done(answer, "reading a user", _NOT_FOUND)
        return None if answer.status == _NOT_FOUND else found

    def get(self, path: str, what: str) -> Any:
        """Give what has to be there."""
        return self.http.done(self._ask("GET", path), what)

    def do(self, call: Call, method: str, path: str, body: object = None) -> None:
        """Make a step."""
        self.http.done(self._ask(method, path, body), call.operation)

    def _ask(self, method: str, path: str, body: object = None) -> Answer:
        return self.http.ask(method, f"{self.url}{path}", {"Authorization": self.authorization()}, body)


@dataclass(frozen=True, slots=True)
class Okta:
    """Okta, by an API token."""

    directory: Directory
    secret: str = field(repr=False)
    http: Http

    def find(self, login: str) -> DirectoryUser | None:
        """Give the user of this login or address."""
        found = self._users().find(_path(login))
        if found is None:
            return None
        status = _text(self.http, found, "status")
        live = status in _OKTA_LIVE
        by_hand = f"it is {status}, and Okta suspends only who is ACTIVE" if live and status != "ACTIVE" else ""
        name = _text(self.http, found, "id")
        return DirectoryUser(self.directory.name, "okta", name, login, status, live, by_hand)

    def perform(self, call: Call) -> None:
        """Make one step; who is suspended already, or active again, is asked about first: Okta refuses it twice."""
        user, users = _path(call.parameters["UserId"]), self._users()
        method, path, goal = {
            "SuspendUser": ("POST", f"{user}/lifecycle/suspend", "SUSPENDED"),
            "ResumeUser": ("POST", f"{user}/lifecycle/unsuspend", "ACTIVE"),
            "ClearSessions": ("DELETE", f"{user}/sessions?oauthTokens=true", None),
        }[call.operation]
        if goal is not None and _text(self.http, users.get(user, "reading a user"), "status") == goal:
            return
        users.do(call, method, path)

    def _users(self) -> _Users:
        return _Users(self.http, f"{self.directory.url}/api/v1/users", lambda: f"SSWS {self.secret}")


@dataclass(frozen=True, slots=True)
class Entra:
    """Microsoft Entra ID by Graph, as an application with a secret."""

    directory: Directory
    secret: str = field(repr=False)
    http: Http
    addresses: Addresses
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    def find(self, login: str) -> DirectoryUser | None:
        """Give the user of this principal name or, where there is none, of this address."""
        asked = "$select=id,userPrincipalName,accountEnabled,onPremisesSyncEnabled"
        found = self._users().find(f"{_path(login)}?{asked}")
        if found is None:
            mail = quote("mail eq '" + login.replace("'", "''") + "'", safe="")
            listed = self._users().get(f"?$filter={mail}&{asked}", "looking for a user")
            users = listed.get("value") if isinstance(listed, Mapping) else None
            if not users:
                return None
            found = users[0]
        enabled = found.get("accountEnabled") is not False
        by_hand = "it is synchronised from a directory of your own, which would enable it again"
        return DirectoryUser(
            self.directory.name,
            "entra",
            _text(self.http, found, "id"),
            login,
            "enabled" if enabled else "disabled",
            enabled,
            by_hand if found.get("onPremisesSyncEnabled") is True else "",
        )

    def perform(self, call: Call) -> None:
        """Make one step; Graph takes each of them twice."""
        user = _path(call.parameters["UserId"])
        method, path, body = {
            "SuspendUser": ("PATCH", user, {"accountEnabled": False}),
            "ResumeUser": ("PATCH", user, {"accountEnabled": True}),
            "ClearSessions": ("POST", f"{user}/revokeSignInSessions", None),
        }[call.operation]
        self._users().do(call, method, path, body)

    def _users(self) -> _Users:
        return _Users(self.http, f"{self.addresses.graph}/v1.0/users", lambda: f"Bearer {self._token()}")

    def _token(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.directory.client or "",
            "client_secret": self.secret,
            "scope": f"{self.addresses.graph}/.default",
        }
        url = f"{self.addresses.login}/{quote(self.directory.tenant or '', safe='')}/oauth2/v2.0/token"
        return _token_of(self.http, self.tokens, url, lambda: form)


@dataclass(frozen=True, slots=True)
class Google:
    """Google Workspace, by a service account that acts for an administrator."""

    directory: Directory
    secret: str = field(repr=False)
    http: Http
    addresses: Addresses
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    def find(self, login: str) -> DirectoryUser | None:
        """Give the user of this address, an alias too."""
        found = self._users().find(_path(login))
        if found is None:
            return None
        suspended = found.get("suspended") is True
        stands = "suspended" if suspended else "active"
        name = _text(self.http, found, "id")
        return DirectoryUser(self.directory.name, "google", name, login, stands, not suspended)

    def perform(self, call: Call) -> None:
        """Make one step; Google takes each of them twice."""
        user = _path(call.parameters["UserId"])
        method, path, body = {
            "SuspendUser": ("PUT", user, {"suspended": True}),
            "ResumeUser": ("PUT", user, {"suspended": False}),
            "ClearSessions": ("POST", f"{user}/signOut", None),
        }[call.operation]
        self._users().do(call, method, path, body)

    def _users(self) -> _Users:
        address = f"{self.addresses.google}/admin/directory/v1/users"
        return _Users(self.http, address, lambda: f"Bearer {self._token()}")

    def _token(self) -> str:
        url = f"{self.addresses.google_token}/token"
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return _token_of(self.http, self.tokens, url, lambda: {"grant_type": grant, "assertion": self._assertion(url)})

    def _assertion(self, url: str) -> str:
        """Sign what Google gives a token for: RFC 7523, RS256."""
        try:
            account = json.loads(self.secret)
            key = load_pem_private_key(account["private_key"].encode(), None)
            issuer = account["client_email"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ProviderError(f"{self.directory.secret} is not the JSON of a service account") from None
        if not isinstance(key, RSAPrivateKey):
            raise ProviderError(f"the key in {self.directory.secret} is no RSA key")
        at = int(self.http.now())
        claims = {"iss": issuer, "sub": self.directory.admin, "scope": _SCOPES, "aud": url, "iat": at, "exp": at + 3600}
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{_base64(key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def _token_of(http: Http, tokens: dict[str, tuple[str, float]], url: str, form: Callable[[], Mapping[str, str]]) -> str:
    """Give a token that holds a minute yet, asking for another where it does not."""
    token, until = tokens.get(url, ("", 0.0))
    if http.now() < until:
        return token
    found = http.done(http.ask("POST", url, {}, form=form()), "asking for a token")
    token = _text(http, found, "access_token")
    held = found.get("expires_in")
    tokens[url] = (token, http.now() + (held if isinstance(held, int) else 0) - 60)
    return token


def _path(user: object) -> str:
    """Give where a user is, by id, login or address: no character of it leads anywhere else."""
    return f"/{quote(str(user), safe='')}"


def _text(http: Http, found: Any, name: str) -> str:
    value = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(value, str) or not value:
        raise ProviderError(f"{http.name} answered without `{name}`", "look whether its address is the right one")
    return value


def _part(value: object) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
