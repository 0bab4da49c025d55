"""What was last read of what lies beside the accounts' own IAM, kept so that answers from the team file know it too.

An organization is kept when a plan is made: each that bounds the team's accounts otherwise, with when it was first and
last read so. From then on it is taken to be so until another is read; what it was before the first is not known, and
nobody guesses. Of Identity Center only the last is kept: it is large, changes with every shift, and nobody's right
follows from it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

import msgspec

from watchbill.access.center.state import CenterState
from watchbill.access.history import NEVER, Organized, not_before, not_known
from watchbill.access.organization import Known, Organization, bounds_of
from watchbill.intervals import Interval, iso
from watchbill.store.database import Store
from watchbill.store.rows import ReadingRow
from watchbill.team.model import IdentityCenter, Team


@dataclass(frozen=True, slots=True)
class AsRead:
    """What lies beside the accounts' IAM, and of when that is."""

    organization: Known
    center: CenterState | None = None
    """Identity Center, where the team file names it and an organization; None where it was not read by then."""
    said: tuple[str, ...] = ()
    """As of when it was read, or why it is not known, in words; nothing where the team file names none."""


NOTHING_READ = AsRead(None)
_ORGANIZATION = "organization of "


def keep_organization(
    store: Store, team: Team, found: Known, at: datetime, by: str, in_force: Team | None = None
) -> str | None:
    """Keep what was read of an organization; where it bounds accounts otherwise, give the digest of that.

    Where it does not, what is kept is replaced: an organization changes with each account that anybody makes. Asked
    about are the accounts of the team file and those of the one in force, so that plans by files with more accounts
    or fewer make no other of it, and none takes the place of what is judged by.
    """
    if team.organization is None or isinstance(found, str):
        return None
    numbers = {account.number for each in (team, in_force) if each is not None for account in each.accounts.values()}
    bounds = bounds_of(found, sorted(numbers))
    digest = sha256(msgspec.json.encode(bounds, order="deterministic")).hexdigest()
    content = msgspec.json.encode(found, order="deterministic").decode()
    with store.transaction():
        last = store.readings.all(_about(team))[-1:]
        if last and bounds_of(_contents(store, last)[0], sorted(numbers)) == bounds:
            digest = last[0].digest
        return digest if store.readings.keep(_about(team), digest, content, at, by) else None


def keep_center(store: Store, team: Team, found: CenterState | None, at: datetime, by: str) -> None:
    """Keep what was read of Identity Center."""
    if team.organization is None or team.identity_center is None or found is None:
        return
    content = msgspec.json.encode(found, order="deterministic")
    about = _about_center(team.identity_center)
    store.readings.keep(about, sha256(content).hexdigest(), content.decode(), at, by, alone=True)


def as_read(store: Store | None, team: Team, at: datetime) -> AsRead:
    """Give what was read of an organization, and of Identity Center, as it was known at an instant.

    Without a state nothing ever was. A team file that names no organization asks for none of it.
    """
    if team.organization is None:
        return AsRead(None)
    rows, row = _by_then(store, _about(team), at)
    found = AsRead(not_before(rows[0].since) if rows else NEVER)
    found = replace(found, said=(not_known(str(found.organization)),))
    if store is not None and row is not None:
        found = AsRead(_contents(store, [row])[0], None, (_as_of("organization policies are", row),))
    if team.identity_center is None:
        return found
    _, row = _by_then(store, _about_center(team.identity_center), at)
    if store is None or row is None:
        words = "what others gave in Identity Center is not known: no plan had read it by then"
        return replace(found, said=(*found.said, words))
    center = _center(store.readings.contents([row.number])[row.number])
    return replace(found, center=center, said=(*found.said, _as_of("what others gave in Identity Center is", row)))


def _by_then(store: Store | None, about: str, at: datetime) -> tuple[list[ReadingRow], ReadingRow | None]:
    """Give all that was read, and what of it was known at an instant."""
    rows = [] if store is None else store.readings.all(about)
    return rows, next((each for each in reversed(rows) if each.since <= at), None)


def _as_of(what: str, row: ReadingRow) -> str:
    return f"{what} taken as read, first so at {iso(row.since)}, last at {iso(row.seen_at)} by {row.by}"


def organizations_in(store: Store, teams: Iterable[Team], within: Interval) -> dict[str, tuple[Organized, ...]]:
    """Give what organizations were at any instant of a span, by the account that they are read by.

    Where one was first read after the span, it is given alone: it says until when nothing is known.
    """
    found: dict[str, tuple[Organized, ...]] = {}
    for team in teams:
        if team.organization is None or (number := _number(team)) in found:
            continue
        met = _met(store, team, within)
        found[number] = tuple(Organized(row.since, each) for row, each in zip(met, _contents(store, met), strict=True))
    return found


def _met(store: Store, team: Team, within: Interval) -> list[ReadingRow]:
    """Give the readings that counted in a span; where the first came after it, that one."""
    rows = store.readings.all(_about(team))
    turns = [row.since for row in rows[1:]]
    return rows[bisect_right(turns, within.start) : bisect_left(turns, within.end) + 1]


def judged_by(store: Store, team: Team, within: Interval) -> tuple[str, ...]:
    """Say as of when the organization was read by which events of a span are judged; nothing of one that was not.

    Where it was another before in the span, each event is judged by the one of its time.
    """
    met = [] if team.organization is None else _met(store, team, within)
    if not met or met[-1].since >= within.end:
        return ()
    others = f"; before that, and from {iso(met[0].since)} on, as it was read then" if len(met) > 1 else ""
    return (f"{_as_of('organization policies are', met[-1])}{others}",)


def _contents(store: Store, rows: Sequence[ReadingRow]) -> list[Organization | None]:
    texts = store.readings.contents(row.number for row in rows)
    return [_decoded(texts[row.number]) for row in rows]


@lru_cache(maxsize=8)
def _decoded(content: str) -> Organization | None:
    """Read one. The same few are asked for again and again, and a large one takes a while."""
    return msgspec.json.decode(content, type=Organization | None)


@lru_cache(maxsize=2)
def _center(content: str) -> CenterState:
    return msgspec.json.decode(content, type=CenterState)


def kept_organizations(store: Store) -> list[int]:
    """Give the numbers of all organizations that are kept: what was judged by others is to be judged anew."""
    return store.readings.numbers(_ORGANIZATION)


def organizations_met(store: Store, teams: Iterable[Team], within: Interval) -> list[tuple[str, int, datetime]]:
    """Name what `organizations_in` gives: by the account that it is read by, its number, and since when it is so."""
    named: set[tuple[str, int, datetime]] = set()
    for number, team in {_number(team): team for team in teams if team.organization is not None}.items():
        named |= {(number, row.number, row.since) for row in _met(store, team, within)}
    return sorted(named)


def _number(team: Team) -> str:
    return team.accounts[team.organization or ""].number


def _about(team: Team) -> str:
    return f"{_ORGANIZATION}{_number(team)}"


def _about_center(center: IdentityCenter) -> str:
    return f"identity center {center.instance}"
