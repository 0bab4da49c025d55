"""Who the people of the team file are in Slack: found by their address once, and pinned for good.

An address in Slack can be changed by whoever holds the account, or by an administrator: from the pin on it counts no
more. Whoever comes with the address of somebody who is pinned to another user is refused, and the leads are told.
"""

from collections.abc import Callable, Iterable

from watchbill.errors import NotFoundError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import SlackId
from watchbill.respond.telling import news
from watchbill.service.casework import Casework
from watchbill.service.outbox import put
from watchbill.store.rows import IdentityRow


LookUp = Callable[[str], SlackId]
"""Finds a member of the workspace by an address; NotFoundError or RefusedError where it is nobody's, or no member's."""


def pin(work: Casework, person: str, found: SlackId) -> None:
    """Pin somebody to a user of Slack; RefusedError, and the leads are told, where either was pinned otherwise."""
    with work.store.transaction():
        if work.store.identities.pin(IdentityRow(person, found.team, found.user, work.at)):
            work.record(Kind.IDENTITY_PINNED, person, {"team": found.team, "user": found.user})
            return
        known = work.store.identities.of(person)
        if known is not None and (known.team, known.user) == (found.team, found.user):
            return
        work.record(Kind.IDENTITY_REFUSED, person, {"team": found.team, "user": found.user})
        title = f"The address of {person} is another's in Slack"
        now = f"It is the address of the user {found.user} of workspace {found.team} there."
        was = (
            f"{person} is pinned to {known.user} of {known.team}." if known else f"{found.user} is somebody else's pin."
        )
        key = f"identity:{person}:{found.team}:{found.user}"
        put(work, news(key, title, (now, was, "Nothing is taken from them, nor sent to them.")))
    raise RefusedError(f"`{person}` is another user of Slack to us: the leads are told")


def person_of(work: Casework, user: SlackId, among: Iterable[str], look_up: LookUp | None) -> str:
    """Tell who a user of Slack is: by their pin, else by the address of one of some people, who is pinned then."""
    known = work.store.identities.person(user.team, user.user)
    if known is not None:
        if known.person not in work.team.people:
            raise RefusedError("you are in the team file no more")
        return known.person
    for name in dict.fromkeys(among):
        if look_up is not None and name in work.team.people and _is(work.team.people[name].email, user, look_up):
            pin(work, name, user)
            return name
    raise RefusedError(
        "we do not know who of the team you are: your address in Slack is that of nobody who may do this"
    )


def _is(email: str, user: SlackId, look_up: LookUp) -> bool:
    try:
        return look_up(email) == user
    except (NotFoundError, RefusedError):
        return False
