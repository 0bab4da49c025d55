"""Who is signed in to the pages: a row of the state each, of which a browser holds the secret.

The rules, in order:

1. The browser's secret is kept nowhere, only its digest is. Each sign-in makes a new one, so that nobody can be given
   one beforehand.
2. A session ends when nobody was there for `IDLE`, after `LONGEST` at the latest, when its person leaves the team file
   or is frozen, and when the team file names another provider.
3. The role follows the team file as it is now, by the groups that the provider named at the sign-in.
4. What a fresh sign-in proves is good for the one page it was made for, once, and no longer than `FRESH`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import SignedIn, StepUp
from watchbill.respond.outcomes import FRESH
from watchbill.service.casework import Casework
from watchbill.service.links import digest_of
from watchbill.service.sign_in import Role, person_of, role_by
from watchbill.store.database import Store
from watchbill.store.rows import SignInLinkRow, WebSessionRow
from watchbill.team.model import Team


IDLE = timedelta(minutes=30)
"""How long nobody may be there."""
LONGEST = timedelta(hours=8)
"""How long a session lasts at most: a shift."""
LINK_LASTS = timedelta(minutes=15)
"""How long a link to sign in once is good."""

TRY_LASTS = timedelta(minutes=10)
"""How long somebody may be at the identity provider."""

_SEEN = timedelta(minutes=1)
"""How often it is written down that somebody is there."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a fresh sign-in proves."""

    page: str
    """The path of the page that it was made for."""
    at: datetime
    amr: tuple[str, ...]
    acr: str


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    digest: str
    person: str
    role: Role
    kept: str | None
    """The proof, as it is kept."""

    def proof(self, page: str, at: datetime) -> StepUp | None:
        """Give what their sign-in proves for a page; None where it was made for another, or too long ago."""
        found = None if self.kept is None else msgspec.json.decode(self.kept, type=Proof)
        if found is None or found.page != page or at - found.at > FRESH:
            return None
        return StepUp(self.person, found.at, found.amr, found.acr)


def sign_in(work: Casework, who: SignedIn, secret: str, page: str | None) -> Session:
    """Begin the session of somebody whom the identity provider vouches for; `page` is what they did it afresh for."""
    kept = None
    if page is not None and who.at is not None:
        kept = msgspec.json.encode(Proof(page, who.at, who.amr, who.acr)).decode()
    try:
        row = WebSessionRow("", person_of(work, who), who.issuer, who.groups, work.at, work.at, work.at, kept)
        return _begin(work, secret, row)
    except RefusedError as error:
        work.record(Kind.SIGN_IN_REFUSED, who.subject, {"issuer": who.issuer, "why": str(error)})
        raise


def add_link(work: Casework, secret: str) -> datetime:
    """Make a link by which the actor may sign in once, without an identity provider; give until when it is good."""
    _must_be_local(work.team)
    _must_be_of(work.team, work.actor)
    until = work.at + LINK_LASTS
    work.store.sign_ins.add_link(SignInLinkRow(digest_of(secret), work.actor, until), work.at)
    return until


def sign_in_by_link(work: Casework, link: str, secret: str) -> Session:
    """Begin the session of whoever has a link, which is used up; one that is not good is refused in the same words."""
    _must_be_local(work.team)
    found = work.store.sign_ins.take_link(digest_of(link))
    if found is None or found.expires_at <= work.at or found.person not in work.team.people:
        raise RefusedError("this link is good no more", "`watchbill sign-in` makes another")
    return _begin(work, secret, WebSessionRow("", found.person, None, (), work.at, work.at, work.at))


def current(store: Store, team: Team, secret: str, at: datetime, *, there: bool = True) -> Session | None:
    """Give whose session a secret is of; None where it is nobody's, or over.

    `there` tells whether somebody asks: a page that asks for itself anew keeps nobody signed in.
    """
    row = store.web_sessions.get(digest_of(secret))
    session = None if row is None else _standing(store, team, row, at)
    if there and row is not None and session is not None and at - row.seen_at >= _SEEN:
        store.web_sessions.see(row.digest, at)
    return session


def standing(store: Store, team: Team, digest: str, at: datetime) -> Session | None:
    """Give a session as it is now, by the digest of its secret; None where it is over. That keeps nobody signed in."""
    row = store.web_sessions.get(digest)
    return None if row is None else _standing(store, team, row, at)


def end(work: Casework, session: Session) -> None:
    """Sign somebody out."""
    with work.store.transaction():
        work.store.web_sessions.end(session.digest)
        work.record(Kind.SIGNED_OUT, session.person, {})


def _standing(store: Store, team: Team, row: WebSessionRow, at: datetime) -> Session | None:
    if row.ends_at <= at or at - row.seen_at > IDLE:
        return None
    if row.person not in team.people or any(each.person == row.person for each in store.freezes.active(at)):
        return None
    role = _role(team, row)
    return None if role is None else Session(row.digest, row.person, role, row.proof)


def _begin(work: Casework, secret: str, row: WebSessionRow) -> Session:
    if any(each.person == row.person for each in work.store.freezes.active(work.at)):
        raise RefusedError(f"`{row.person}` is frozen", "speak to a lead")
    role = _role(work.team, row)
    if role is None:
        raise RefusedError("the team file names another identity provider", "sign in again")
    begun = replace(row, digest=digest_of(secret), ends_at=work.at + LONGEST)
    with work.store.transaction():
        work.store.web_sessions.begin(begun)
        facts = {"by": row.issuer or "a one-time link", "role": str(role)}
        replace(work, actor=row.person).record(Kind.SIGNED_IN, row.person, facts)
    return Session(begun.digest, begun.person, role, begun.proof)


def _role(team: Team, row: WebSessionRow) -> Role | None:
    """Give the role of a session; None where the team file no longer lets anybody sign in that way."""
    if team.web is None:
        return None
    if team.web.sign_in is None:
        # Whoever can make a link has the state and AWS's credentials at hand.
        return Role.ADMIN if row.issuer is None else None
    return role_by(team.web.sign_in.roles, row.groups) if row.issuer == team.web.sign_in.issuer else None


def _must_be_local(team: Team) -> None:
    if team.web is None:
        raise RefusedError("the team file says of no pages", "write where they are under `web`, as docs/web.md says")
    if team.web.sign_in is not None:
        raise RefusedError("people sign in at the identity provider of the team file", f"open {team.web.base}")


def _must_be_of(team: Team, person: str) -> None:
    if person not in team.people:
        raise RefusedError(f"`{person}` is nobody of the team file", "set WATCHBILL_ACTOR to the name you have in it")
