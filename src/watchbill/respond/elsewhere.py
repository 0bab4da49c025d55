"""What a freeze does besides IAM: on hosts, at identity providers and in Identity Center, planned as one.

Places are worked on side by side. An identity provider that feeds Identity Center is worked on in that one's place, so
that AWS's order is kept: the denies, the provider, then assignments and groups, which it would give back. What could
not be read is never taken for frozen; it is read with each look, and what it was then is what a restore gives back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from watchbill.access.apply import BY_HAND
from watchbill.access.center.state import PLACE
from watchbill.access.model import Change, Drift
from watchbill.respond import center as identity_center
from watchbill.respond.center import Due, Seat
from watchbill.respond.directory import (
    DirectoryUser,
    drift_in_directories,
    freeze_in_directories,
    restore_in_directories,
    verify_in_directories,
)
from watchbill.respond.hosts import (
    HostUser,
    by_hand_on_hosts,
    drift_on_hosts,
    freeze_on_hosts,
    restore_on_hosts,
    verify_on_hosts,
    warnings_on_hosts,
)
from watchbill.respond.model import Check
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was read of a person outside of IAM."""

    hosts: tuple[HostUser, ...] = ()
    directories: tuple[DirectoryUser, ...] = ()
    seat: Seat | None = None
    unread: Mapping[str, str] = field(default_factory=dict)
    """By place that could not be read, why."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to freeze, or may be."""
        return bool(self.hosts or self.directories or self.seat or self.unread)


def freeze_elsewhere(team: Team, now: Elsewhere, before: Elsewhere) -> Iterator[Change]:
    """Give the changes that it takes now, of all that a program can do; none where all of it is frozen."""
    fed, others = _by_feed(team, now.directories)
    if now.seat is not None and team.identity_center is not None:
        yield from identity_center.deny_in_center(team.identity_center, now.seat, before.seat)
    yield from freeze_in_directories(fed, PLACE)
    if now.seat is not None and team.identity_center is not None:
        yield from identity_center.revoke_in_center(team.identity_center, now.seat)
    yield from freeze_in_directories(others)
    yield from freeze_on_hosts(now.hosts)


def by_hand_elsewhere(team: Team, before: Elsewhere) -> Iterator[Change]:
    """Give what only a person can do, after the rest."""
    if before.seat is not None and team.identity_center is not None:
        yield from identity_center.by_hand_in_center(team.identity_center, before.seat)
    yield from by_hand_on_hosts(before.hosts)


def warnings_elsewhere(team: Team, now: Elsewhere) -> Iterator[str]:
    """Say what a lead should know of before a freeze."""
    for place, why in now.unread.items():
        yield f"{place} could not be read, and nothing is frozen there until it can: {why}"
    if now.seat is not None and team.identity_center is not None:
        yield from identity_center.warnings_in_center(team.identity_center, now.seat)
    yield from warnings_on_hosts(now.hosts)


def joined(before: Elsewhere, now: Elsewhere) -> Elsewhere:
    """Add to what was before a freeze what could not be read then and can be now."""
    late = set(before.unread) - set(now.unread)
    if not late:
        return before
    return Elsewhere(
        (*before.hosts, *(user for user in now.hosts if user.host in late)),
        (*before.directories, *(user for user in now.directories if user.directory in late)),
        now.seat if PLACE in late else before.seat,
        {place: why for place, why in before.unread.items() if place not in late},
    )


def missing(before: Elsewhere, now: Elsewhere) -> dict[str, str]:
    """Give the places in which a person is frozen and that cannot be read now, with why."""
    frozen = {user.host for user in before.hosts} | {user.directory for user in before.directories}
    if before.seat is not None:
        frozen.add(PLACE)
    return {place: why for place, why in now.unread.items() if place in frozen}


def restore_elsewhere(
    team: Team, before: Elsewhere, now: Elsewhere, due: Due, stolen: Collection[str] = ()
) -> tuple[tuple[Change, ...], tuple[Change, ...], tuple[str, ...]]:
    """Give the changes that undo a freeze, those that come last of all, and what is left out, in words.

    `due` is what may come back in Identity Center; `stolen` names keys, those of SSH by their fingerprints, that are
    not given back.
    """
    fed, others = _by_feed(team, before.directories)
    hosts, gone = restore_on_hosts(before.hosts, now.hosts, stolen)
    resumed, stay = restore_in_directories(others, now.directories)
    resumed_there, stay_there = restore_in_directories(fed, now.directories, PLACE)
    first: tuple[Change, ...] = ()
    last: tuple[Change, ...] = ()
    left: tuple[str, ...] = ()
    by_hand: tuple[Change, ...] = ()
    if before.seat is not None and now.seat is not None and team.identity_center is not None:
        first, last, left = identity_center.restore_in_center(team.identity_center, before.seat, now.seat, due)
        by_hand = tuple(identity_center.back_by_hand(team.identity_center, before.seat))
    changes = (*hosts, *resumed, *first, *resumed_there, *by_hand)
    return changes, last, (*gone, *stay, *stay_there, *left)


def drift_elsewhere(before: Elsewhere, now: Elsewhere, stolen: Collection[str] = ()) -> Iterator[Drift]:
    """Say what others changed since a freeze."""
    yield from drift_on_hosts(before.hosts, now.hosts, stolen)
    read = [user for user in now.directories if user.directory not in before.unread]
    yield from drift_in_directories(before.directories, read)
    if before.seat is not None and now.seat is not None:
        yield from identity_center.drift_in_center(before.seat, now.seat)


def verify_elsewhere(team: Team, before: Elsewhere, now: Elsewhere) -> Iterator[Check]:
    """Check that nothing is left to a person outside of IAM."""
    for place, why in now.unread.items():
        yield Check(f"{place} can be read", holds=False, detail=why)
    yield from verify_on_hosts(before.hosts, now.hosts)
    yield from verify_in_directories(before.directories, now.directories)
    if before.seat is not None and team.identity_center is not None:
        yield from identity_center.verify_in_center(team.identity_center, before.seat, now.seat)


def differences_elsewhere(before: Elsewhere, now: Elsewhere) -> Iterator[str]:
    """Say in words what is not as it was before a freeze, but for what runs and the ids of memberships."""
    there = {(user.host, user.user): replace(user, processes=0) for user in now.hosts}
    for was in before.hosts:
        if there.get((was.host, was.user)) != replace(was, processes=0):
            yield f"user {was.user} on {was.host}"
    directories = set(now.directories)
    for user in before.directories:
        if user not in directories:
            yield f"{user.login} at {user.directory}"
    if before.seat is not None and (now.seat is None or _held(before.seat) != _held(now.seat)):
        yield f"what {before.seat.iam_user} holds in Identity Center"


def is_last(change: Change) -> bool:
    """Tell whether a change of a restore waits for all others: the deny of the organization is lifted last."""
    return change.call.service == "organizations"


def is_by_hand(change: Change) -> bool:
    """Tell whether a change is a person's to make."""
    return change.call.service == BY_HAND


def _held(seat: Seat) -> object:
    each = [(user.user, user.assignments, sorted(m.group for m in user.memberships)) for user in seat.users]
    return each, dict(seat.inline)


def _by_feed(team: Team, users: Iterable[DirectoryUser]) -> tuple[list[DirectoryUser], list[DirectoryUser]]:
    """Part the users of the directory that feeds Identity Center from the others."""
    fed_by = None if team.identity_center is None else team.identity_center.fed_by
    listed = list(users)
    return [u for u in listed if u.directory == fed_by], [u for u in listed if u.directory != fed_by]
