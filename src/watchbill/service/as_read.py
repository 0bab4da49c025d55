"""What was last read of what lies beside the accounts' own IAM, kept so that answers from the team file know it too.

An organization is kept when a plan is made, and each that differs with when it was first and last read so. From then on
it is taken to be so until another is read; what it was before the first is not known, and nobody guesses.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

import msgspec

from watchbill.access.history import NEVER, Organized, not_before, not_known
from watchbill.access.organization import Known, Organization
from watchbill.intervals import Interval, iso
from watchbill.store.database import Store
from watchbill.store.rows import ReadingRow
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True)
class AsRead:
    """An organization, and of when that is."""

    organization: Known
    said: tuple[str, ...] = ()
    """As of when it was read, or why it is not known, in words; nothing where the team file names none."""


def keep_organization(store: Store, team: Team, found: Known, at: datetime, by: str) -> str | None:
    """Keep what was read of an organization; where it is another than was read last, give its digest."""
    if team.organization is None or isinstance(found, str):
        return None
    content = msgspec.json.encode(found, order="deterministic")
    digest = sha256(content).hexdigest()
    return digest if store.readings.keep(_about(team), digest, content.decode(), at, by) else None


def organization_at(store: Store | None, team: Team, at: datetime) -> AsRead:
    """Give the organization of a team as it was known at an instant; without a state nothing ever was."""
    if team.organization is None:
        return AsRead(None)
    rows = [] if store is None else store.readings.all(_about(team))
    row = next((each for each in reversed(rows) if each.since <= at), None)
    if store is None or row is None:
        why = not_before(rows[0].since) if rows else NEVER
        return AsRead(why, (not_known(why),))
    words = f"first so at {iso(row.since)}, last at {iso(row.seen_at)} by {row.by}"
    return AsRead(_contents(store, [row])[0], (f"organization policies are taken as they were read, {words}",))


def organizations_in(store: Store, teams: Iterable[Team], within: Interval) -> dict[str, tuple[Organized, ...]]:
    """Give what organizations were at any instant of a span, by the account that they are read by.

    Where one was first read after the span, it is given alone: it says until when nothing is known.
    """
    found: dict[str, tuple[Organized, ...]] = {}
    for team in teams:
        if team.organization is None or (number := _number(team)) in found:
            continue
        rows = store.readings.all(_about(team))
        turns = [row.since for row in rows[1:]]
        met = rows[bisect_right(turns, within.start) : bisect_left(turns, within.end) + 1]
        found[number] = tuple(Organized(row.since, each) for row, each in zip(met, _contents(store, met), strict=True))
    return found


def _contents(store: Store, rows: Sequence[ReadingRow]) -> list[Organization | None]:
    texts = store.readings.contents(row.number for row in rows)
    return [_decoded(texts[row.number]) for row in rows]


@lru_cache(maxsize=8)
def _decoded(content: str) -> Organization | None:
    """Read one. The same few are asked for again and again, and a large one takes a while."""
    return msgspec.json.decode(content, type=Organization | None)


def _number(team: Team) -> str:
    return team.accounts[team.organization or ""].number


def _about(team: Team) -> str:
    return f"organization of {_number(team)}"
