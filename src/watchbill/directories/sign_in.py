"""Sign in at the identity provider: OpenID Connect's code flow, with PKCE; what its tokens say is checked here.

OpenID Connect Core 1.0 for the flow and the tokens, OpenID Connect Discovery 1.0 for where its endpoints are, RFC 7636
for PKCE, RFC 9207 for who sent somebody back. No token and no secret is in an error.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from watchbill.directories.http import Http, must_be_safe
from watchbill.errors import ProviderError, RefusedError
from watchbill.respond.interfaces import SignedIn
from watchbill.team.model import SignIn


_CALLED: Final = "the identity provider"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a key that the provider alone has: RFC 7518, section 3.1. None by a secret that is shared."""
_SCOPES = ("openid", "email", "profile")
_SKEW = timedelta(minutes=1)
"""How far its clock may be from ours."""
_ANEW = timedelta(hours=1)
"""How long what the provider says of itself is gone by."""
_KEYS_ANEW = timedelta(minutes=1)
"""How long its keys are not asked for again, where a token has one that is not among them."""
_MOST_GROUPS = 1000
_LONGEST_WAIT = 2.0
"""Seconds for which it is waited where it says to come later: a person waits for the page."""


@dataclass(frozen=True, slots=True)
class Going:
    """What somebody goes to the provider with; it is theirs alone, and good once."""

    state: str
    nonce: str
    verifier: str
    fresh: bool
    """Whether they are to sign in anew, though they are signed in there."""
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Back:
    """What somebody comes back with."""

    code: str
    issuer: str | None
    """Who sent them back, where it says so."""


class OpenId:
    """One identity provider, as the client that the team file names."""

    def __init__(self, sign_in: SignIn, secret: str, redirect: str) -> None:
        """Take the client's secret, and the page of ours that it sends people back to."""
        self.issuer = sign_in.issuer
        self._sign_in, self._secret, self._redirect = sign_in, secret, redirect
        self._http = Http(_CALLED, longest_wait=_LONGEST_WAIT)
        self._metadata: tuple[datetime, Mapping[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    def origin(self, at: datetime) -> str:
        """Give where people sign in, without the path: what a form of ours must be allowed to lead to."""
        parsed = urlsplit(self._endpoint("authorization_endpoint", at))
        return f"{parsed.scheme}://{parsed.netloc}"

    def address(self, going: Going, at: datetime) -> str:
        """Give the address at which somebody signs in."""
        asked = {
            "response_type": "code",
            "client_id": self._sign_in.client,
            "redirect_uri": self._redirect,
            "scope": " ".join((*_SCOPES, *self._sign_in.scopes)),
            "state": going.state,
            "nonce": going.nonce,
            "code_challenge": create_s256_code_challenge(going.verifier),
            "code_challenge_method": "S256",
        }
        if going.fresh:
            asked |= {"prompt": "login", "max_age": "0"}
        address: str = add_params_to_uri(self._endpoint("authorization_endpoint", at), asked.items())
        return address

    def redeem(self, back: Back, going: Going, at: datetime) -> SignedIn:
        """Give who came back: a RefusedError where it is not to be believed, ProviderError where it cannot be told."""
        named = self._about(at).get("authorization_response_iss_parameter_supported") is True
        if (named or back.issuer is not None) and back.issuer != self.issuer:
            raise RefusedError("another identity provider sent you here", "sign in again")
        tokens = self._tokens(back.code, going, at)
        claims = self._claims(tokens, going, at)
        signed_in_at = _instant(claims.get("auth_time"))
        if going.fresh:
            _must_be_fresh(signed_in_at, going)
        claims = self._with_more(claims, tokens, at)
        email = claims.get("email") if claims.get("email_verified") in (True, "true") else None
        return SignedIn(
            self.issuer,
            str(claims["sub"]),
            email if isinstance(email, str) else None,
            _texts(claims.get(self._sign_in.groups_claim)),
            signed_in_at,
            _texts(claims.get("amr")),
            claims["acr"] if isinstance(claims.get("acr"), str) else "",
        )

    def _tokens(self, code: str, going: Going, at: datetime) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": going.verifier,
        }
        ways, headers = self._about(at).get("token_endpoint_auth_methods_supported"), {}
        if ways is None or "client_secret_basic" in ways:
            both = f"{quote(self._sign_in.client, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form |= {"client_id": self._sign_in.client, "client_secret": self._secret}
        answer = self._http.ask("POST", self._endpoint("token_endpoint", at), headers, form=form)
        body = answer.body if isinstance(answer.body, Mapping) else {}
        if body.get("error") == "invalid_grant":
            raise RefusedError("the identity provider knows of no such sign-in, or it took too long", "sign in again")
        found = self._http.done(answer, "the sign-in")
        if not isinstance(found, Mapping) or not isinstance(found.get("id_token"), str):
            raise ProviderError(f"{_CALLED} gave no id token", "look at the client's settings there")
        return found

    def _claims(self, tokens: Mapping[str, Any], going: Going, at: datetime) -> Mapping[str, Any]:
        """Give what an id token says, once its signature and all that is to hold does: OpenID Connect Core, 3.1.3.7."""
        about = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self._sign_in.client},
            "sub": {"essential": True},
        }
        known = {"nonce": going.nonce, "client_id": self._sign_in.client, "access_token": tokens.get("access_token")}
        try:
            token = self._decoded(tokens["id_token"], at)
            claims = CodeIDToken(token.claims, token.header, about, known)
            claims.validate(now=int(at.timestamp()), leeway=int(_SKEW.total_seconds()))
        except (JoseError, ValueError) as error:
            why = error.error if isinstance(error, JoseError) else "it is no token"
            raise RefusedError(f"what {_CALLED} says of you does not hold: {why}", "sign in again") from None
        return dict(claims)

    def _decoded(self, token: str, at: datetime) -> jwt.Token:
        keys, fetched = self._key_set(at)
        try:
            return jwt.decode(token, keys, algorithms=list(_ALGORITHMS))
        except (JoseError, ValueError):
            if at - fetched < _KEYS_ANEW:
                raise
        # It may have begun to sign with another key.
        self._keys = None
        return jwt.decode(token, self._key_set(at)[0], algorithms=list(_ALGORITHMS))

    def _with_more(self, claims: Mapping[str, Any], tokens: Mapping[str, Any], at: datetime) -> Mapping[str, Any]:
        """Give the claims with those that the provider tells only when asked: OpenID Connect Core, 5.3."""
        wanted, access = ("email", self._sign_in.groups_claim), tokens.get("access_token")
        if all(name in claims for name in wanted) or not isinstance(access, str):
            return claims
        if "userinfo_endpoint" not in self._about(at):
            return claims
        answer = self._http.ask("GET", self._endpoint("userinfo_endpoint", at), {"Authorization": f"Bearer {access}"})
        more = self._http.done(answer, "who it is")
        if not isinstance(more, Mapping) or more.get("sub") != claims["sub"]:
            raise RefusedError(f"{_CALLED} tells of somebody else", "sign in again")
        if "email" in claims and more.get("email") != claims["email"]:
            # It vouches for another address than the one that its token has.
            return {**more, "email_verified": None, **claims}
        return {**more, **claims}

    def _key_set(self, at: datetime) -> tuple[KeySet, datetime]:
        if self._keys is None or at - self._keys[0] >= _ANEW:
            answer = self._http.ask("GET", self._endpoint("jwks_uri", at), {})
            try:
                found = KeySet.import_key_set(self._http.done(answer, "its keys"))
            except (JoseError, ValueError, TypeError, KeyError, AttributeError):
                raise ProviderError(f"the keys of {_CALLED} could not be read") from None
            self._keys = at, found
        return self._keys[1], self._keys[0]

    def _about(self, at: datetime) -> Mapping[str, Any]:
        """Give what the provider says of itself: OpenID Connect Discovery 1.0, section 4."""
        if self._metadata is None or at - self._metadata[0] >= _ANEW:
            place = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            found = self._http.done(self._http.ask("GET", place, {}), "where to sign in")
            if not isinstance(found, Mapping) or found.get("issuer") != self.issuer:
                raise ProviderError(f"{_CALLED} calls itself otherwise than `issuer` in the team file does")
            self._metadata = at, found
        return self._metadata[1]

    def _endpoint(self, name: str, at: datetime) -> str:
        place = self._about(at).get(name)
        if not isinstance(place, str):
            raise ProviderError(f"{_CALLED} does not say where its {name} is")
        must_be_safe(_CALLED, place)
        return place


def _must_be_fresh(signed_in_at: datetime | None, going: Going) -> None:
    """Refuse a sign-in from before it was asked for: a provider may pass over `prompt` and `max_age`."""
    if signed_in_at is None:
        hint = "whoever runs it must let its tokens have `auth_time`; until then speak to a lead"
        raise RefusedError(f"{_CALLED} does not say when you signed in, so that it proves nothing", hint)
    if signed_in_at < going.begun_at - _SKEW:
        hint = "sign out there, and try again"
        raise RefusedError(f"{_CALLED} did not let you sign in anew, so that it proves nothing", hint)


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _texts(value: object) -> tuple[str, ...]:
    """Give what a claim lists; some providers give one text where there is one."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    return tuple(each for each in value if isinstance(each, str))[:_MOST_GROUPS]
