"""Freeze a person at identity providers: suspended first, so that nobody signs in anew, then every session ended.

Suspending is what each of them can take back with nothing lost: groups, applications and factors stay. Sessions that
were ended are not brought back by a restore: the person signs in.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from watchbill.access.apply import BY_HAND
from watchbill.access.model import Call, Change, Drift, Phase
from watchbill.respond.model import Check


SERVICES = ("okta", "entra", "google")
"""The services of calls that are made at identity providers, by their kind."""


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user of an identity provider as they were read."""

    directory: str
    kind: str
    """`okta`, `entra` or `google`."""
    id: str
    login: str
    stands: str
    """In the provider's word: `ACTIVE`, `enabled`, `suspended`."""
    enabled: bool
    """Whether they may sign in."""
    by_hand: str = ""
    """Why it cannot be changed from here; empty where it can."""


def freeze_in_directories(users: Iterable[DirectoryUser], place: str | None = None) -> Iterator[Change]:
    """Give the changes that it takes now; none where they are suspended.

    With a `place` they are made there, in the order of what else is made there, else beside everything else.
    """
    for user in users:
        if not user.enabled:
            continue
        if user.by_hand:
            yield _by_hand(user, place)
        else:
            yield _step(user, place, Phase.REVOKE, "SuspendUser", "suspend")
        yield _step(user, place, Phase.REVOKE, "ClearSessions", "end every session of")


def restore_in_directories(
    before: Iterable[DirectoryUser], now: Iterable[DirectoryUser], place: str | None = None
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Give the changes that let people sign in again who could before, and what is left out, in words."""
    there = {(user.directory, user.id): user for user in now}
    changes: list[Change] = []
    left_out: list[str] = []
    for was in before:
        found = there.get((was.directory, was.id))
        if not was.enabled:
            left_out.append(f"{was.login} at {was.directory}: was {was.stands} before the freeze, and stays so")
        elif found is None:
            left_out.append(f"{was.login} at {was.directory}: is gone")
        elif not found.enabled:
            changes.append(_step(was, place, Phase.GRANT, "ResumeUser", "let sign in again"))
    return tuple(changes), tuple(left_out)


def drift_in_directories(before: Iterable[DirectoryUser], now: Iterable[DirectoryUser]) -> Iterator[Drift]:
    """Say who is there since the freeze that was not before."""
    known = {(user.directory, user.id) for user in before}
    for user in now:
        if (user.directory, user.id) not in known:
            yield Drift(user.directory, user.id, f"{user.login} was made since the freeze", user.login)


def verify_in_directories(before: Iterable[DirectoryUser], now: Sequence[DirectoryUser]) -> Iterator[Check]:
    """Check that these people may not sign in. What was not read does not hold."""
    there = {(user.directory, user.id): user for user in now}
    read = {user.directory for user in now}
    for was in before:
        found = there.get((was.directory, was.id))
        what = f"{was.login} may not sign in at {was.directory}"
        if found is not None:
            yield Check(what, not found.enabled, found.stands)
        else:
            yield Check(what, holds=was.directory in read, detail="is not there")


def _by_hand(user: DirectoryUser, place: str | None) -> Change:
    given = {"Directory": user.directory, "UserId": user.id}
    why = f"suspend {user.login} at {user.directory} by hand: {user.by_hand}"
    return Change(place or user.directory, Phase.REVOKE, Call("SuspendUser", given, BY_HAND), why)


def _step(user: DirectoryUser, place: str | None, phase: Phase, operation: str, verb: str) -> Change:
    given = {"Directory": user.directory, "UserId": user.id}
    why = f"{verb} {user.login} at {user.directory}"
    return Change(place or user.directory, phase, Call(operation, given, user.kind), why)
