"""Who signs in to the pages: found by an address that the identity provider vouches for once, and pinned for good.

An address can be given to somebody else; the subject of an issuer cannot (OpenID Connect Core 1.0, section 2). So from
the pin on the address counts no more, and whoever comes with the address of somebody who is pinned to another subject
is refused, and the leads are told.
"""

from collections.abc import Mapping
from enum import IntEnum

from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import SignedIn
from watchbill.respond.telling import news
from watchbill.service.casework import Casework
from watchbill.service.outbox import put
from watchbill.store.rows import SignInPinRow
from watchbill.team.model import Team


class Role(IntEnum):
    """What somebody may look at and press; each may do what the ones before it may.

    What is done is held to the team file besides: nobody decides a case who is not among its `leads`.
    """

    NONE = 0
    """Of the team, and in no group that has a role: questions to themselves alone."""
    VIEWER = 1
    AUDITOR = 2
    LEAD = 3
    ADMIN = 4

    def __str__(self) -> str:
        return self.name.lower()


def role_by(roles: Mapping[str, tuple[str, ...]], groups: tuple[str, ...]) -> Role:
    """Give the role of somebody by their groups: the highest of those they have."""
    found = (Role[name.upper()] for name, of in roles.items() if set(of) & set(groups))
    return max(found, default=Role.NONE)


def person_of(work: Casework, who: SignedIn) -> str:
    """Tell who of the team somebody is: by their pin, else by the one address that is theirs, and pinned then."""
    known = work.store.sign_ins.person(who.issuer, who.subject)
    if known is not None:
        if known.person not in work.team.people:
            raise RefusedError("you are in the team file no more", "whoever keeps it can put you in again")
        return known.person
    person = _by_address(work.team, who)
    _pin(work, person, who)
    return person


def _by_address(team: Team, who: SignedIn) -> str:
    if who.email is None:
        message = "the identity provider does not vouch for your address, by which we would know you"
        raise RefusedError(message, "whoever runs it must let its tokens have `email` and `email_verified`")
    address = who.email.lower()
    found = [
        person.name
        for person in team.people.values()
        if address in (each.lower() for each in (person.email, *person.also_known_as))
    ]
    if len(found) != 1:
        message = f"`{who.email}` is the address of nobody in the team file"
        raise RefusedError(message, "whoever keeps it can put you in, or the address under `also_known_as`")
    return found[0]


def _pin(work: Casework, person: str, who: SignedIn) -> None:
    facts = {"issuer": who.issuer, "subject": who.subject}
    with work.store.transaction():
        if work.store.sign_ins.pin(SignInPinRow(person, who.issuer, who.subject, work.at)):
            work.record(Kind.IDENTITY_PINNED, person, facts)
            return
        work.record(Kind.IDENTITY_REFUSED, person, facts)
        title = f"The address of {person} is another's at the identity provider"
        lines = (
            f"Somebody signed in with it as the subject {who.subject} of {who.issuer}.",
            f"{person} is pinned to another subject since they first signed in.",
            "They were refused.",
        )
        put(work, news(f"identity:{person}:{who.issuer}:{who.subject}", title, lines))
    raise RefusedError(f"`{person}` is another account of the identity provider to us", "the leads are told")
