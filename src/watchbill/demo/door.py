"""Who whoever looks at the demo is: whomever they like, once they came in by a link of the terminal.

The demo is its own identity provider. Everything behind its word is as it is elsewhere: whom it vouches for is pinned,
the role follows from groups by the team file, and what a sign-in proves is good once, for one page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from urllib.parse import urlencode

from watchbill.directories.sign_in import Back, Going
from watchbill.errors import RefusedError
from watchbill.respond.interfaces import SignedIn
from watchbill.service.links import digest_of
from watchbill.team.model import Team


BACK = "/sign-in/back"
AMR: Mapping[str, tuple[str, ...]] = {"key": ("pwd", "hwk"), "code": ("pwd", "otp"), "password": ("pwd",)}
"""What a token says of a way to sign in (RFC 8176)."""

_MOST = 64
"""Sign-ins that are under way at once; of more the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class _Vouched:
    state: str
    """Of the sign-in that it is for."""
    person: str
    how: str
    at: datetime


class Door:
    """Lets people in, and stands where an identity provider would (`web.site.Provider`)."""

    def __init__(self, base: str, team: Team, groups: Mapping[str, tuple[str, ...]], secret: Callable[[], str]) -> None:
        """Take the groups of each person; `secret` gives what nobody can guess."""
        self._base, self._team, self._groups, self._secret = base, team, groups, secret
        self.issuer = f"{base}/demo"
        self._links: dict[str, str] = {}
        self._tickets: set[str] = set()
        self._under_way: dict[str, Going] = {}
        self._vouched: dict[str, _Vouched] = {}
        self._lock = Lock()

    # --- the way in ---

    def link(self, person: str) -> str:
        """Make a link that lets whoever opens it in once, as somebody at first."""
        made = self._secret()
        self._links[digest_of(made)] = person
        return f"{self._base}/demo/in/{made}"

    def invited(self, secret: str) -> str | None:
        """Tell whom a link is for; None where it is none, or used up."""
        return self._links.get(digest_of(secret))

    def come_in(self, secret: str) -> str | None:
        """Use a link up; give what the browser holds from then on."""
        with self._lock:
            if self._links.pop(digest_of(secret), None) is None:
                return None
            made = self._secret()
            self._tickets.add(digest_of(made))
            return made

    def is_in(self, ticket: str) -> bool:
        """Tell whether a browser came in by a link."""
        return digest_of(ticket) in self._tickets

    def signed_in(self, person: str, how: str, at: datetime) -> SignedIn:
        """Give what an identity provider would say of somebody who signed in."""
        found = self._team.people[person]
        return SignedIn(self.issuer, f"demo-{person}", found.email, self._groups[person], at, AMR[how])

    # --- in place of an identity provider ---

    def origin(self, at: datetime) -> str:
        """Give where people sign in: here."""
        return self._base

    def address(self, going: Going, at: datetime) -> str:
        """Give the page on which whoever looks says who they are."""
        with self._lock:
            self._under_way[going.state] = going
            _forget(self._under_way)
        return f"{self._base}/demo/be?{urlencode({'state': going.state})}"

    def is_asked(self, state: str) -> bool | None:
        """Tell whether a sign-in that is under way is to be made afresh; None where there is none."""
        found = self._under_way.get(state)
        return None if found is None else found.fresh

    def vouch(self, state: str, person: str, how: str, at: datetime) -> str:
        """Take it that somebody signed in; give the page they go back to."""
        with self._lock:
            if self._under_way.pop(state, None) is None:
                raise RefusedError("this sign-in is under way no more", "begin it again")
            code = self._secret()
            self._vouched[code] = _Vouched(state, person, how, at)
            _forget(self._vouched)
        return f"{BACK}?{urlencode({'state': state, 'code': code, 'iss': self.issuer})}"

    def redeem(self, back: Back, going: Going, at: datetime) -> SignedIn:
        """Give who came back."""
        with self._lock:
            found = self._vouched.pop(back.code, None)
        if found is None or found.state != going.state or back.issuer != self.issuer:
            raise RefusedError("the demo vouches for nobody by this", "sign in again")
        return self.signed_in(found.person, found.how, found.at)


def groups_of(team: Team, auditors: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give the groups by which the people of the demo have their roles."""
    return {
        name: ("team", *(["leads"] if name in team.leads else ["auditors"] if name in auditors else []))
        for name in team.people
    }


def _forget(found: dict[str, object] | dict[str, Going] | dict[str, _Vouched]) -> None:
    while len(found) > _MOST:
        del found[next(iter(found))]
