"""What detectors look at: of most of it a few columns are held, and only what tells by its record is held whole.

1. What may have given somebody more, and AWS allowed, is whole: its record says what it gave, and to whom.
2. What a break-glass user did, or others did to one, is whole, and so is what tells whose a key is.
3. Of the rest, which is sign-ins mostly, the columns `_HELD` are. What of it lies in a sitting is read whole again.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.alerts.noise import Seen
from watchbill.alerts.sittings import SITTING, Sitting, Subject
from watchbill.detect.networks import network_of
from watchbill.detect.signin import tell
from watchbill.judge.possible import OPENERS
from watchbill.trail.codes import alone, holds
from watchbill.trail.model import Attributed, Outcome
from watchbill.trail.table import SCHEMA, attributed_of, instant


Rows = npt.NDArray[np.bool_]

_HELD = (
    *("time_ms", "id", "account", "region", "source", "name", "type", "outcome", "read_only", "ip", "user_agent"),
    *("person", "method", "confidence", "traced", "principal"),
    *("identity_type", "arn", "user_name", "access_key", "mfa"),
)

_OF_SEEN = ("id", "time_ms", "person", "account", "source", "name", "ip", "access_key")


@dataclass(slots=True)
class Noticing:
    """Takes what is noticed, batch by batch."""

    _rows: list[pa.RecordBatch] = field(default_factory=list)
    _changes: list[Attributed] = field(default_factory=list)
    _break_glass: list[Attributed] = field(default_factory=list)

    def take(self, batch: pa.RecordBatch, noticed: Rows, break_glass: Rows) -> None:
        """Take the rows of a batch that are noticed; some of them for break-glass users."""
        if not noticed.any():
            return
        self._rows.append(alone(batch.select([*_HELD]).filter(pa.array(noticed))))
        allowed = holds(batch, "outcome", lambda outcome: outcome == Outcome.ALLOWED)
        changes = holds(batch, "name", OPENERS.__contains__) & allowed
        self._changes.extend(attributed_of(batch.filter(pa.array(changes))))
        self._break_glass.extend(attributed_of(batch.filter(pa.array(break_glass))))

    def all(self) -> "Noticed":
        """Give all that was taken, in order of time."""
        empty = pa.schema([SCHEMA.field(name) for name in _HELD]).empty_table()
        rows = pa.concat_tables([empty, *map(pa.table, self._rows)]) if self._rows else empty
        ordered = rows.sort_by([("time_ms", "ascending"), ("id", "ascending")]).unify_dictionaries().combine_chunks()
        batch = next(iter(ordered.to_batches()), None)
        return Noticed(_by_time(self._changes), _by_time(self._break_glass), batch)


@dataclass(frozen=True, slots=True)
class Noticed:
    """What was noticed in all events, in order of time."""

    changes: Sequence[Attributed] = ()
    """What may have given somebody more."""
    break_glass: Sequence[Attributed] = ()
    """What tells of break-glass users."""
    rows: pa.RecordBatch | None = None
    """All of it, with some columns; None where there is none."""

    def sign_ins(self) -> list[Attributed]:
        """Give the sign-ins that say something by themselves or together, without their records."""
        if self.rows is None:
            return []
        some = self.rows.filter(pa.array(tell(self.rows)))
        missing = {each.name: pa.nulls(some.num_rows, each.type) for each in SCHEMA if each.name not in _HELD}
        columns = [missing[name] if name in missing else some.column(name) for name in SCHEMA.names]
        return list(attributed_of(pa.RecordBatch.from_arrays(columns, SCHEMA.names)))

    def seen(self, ids: Collection[str]) -> dict[str, Seen]:
        """Give what suppressions ask of some events, by id."""
        if self.rows is None or not ids:
            return {}
        wanted = self.rows.select([*_OF_SEEN]).filter(pc.is_in(self.rows.column("id"), pa.array([*ids], pa.string())))
        told = (_seen(*values) for values in zip(*(column.to_pylist() for column in wanted.columns), strict=True))
        return {each.id: each for each in told}

    def arns(self) -> Iterator[tuple[datetime, str, str, str, str]]:
        """Give when, in which event, in which account, as which IAM user and by which ARN somebody acted."""
        if self.rows is None:
            return
        rows = self.rows.filter(pc.equal(self.rows.column("identity_type").cast(pa.string()), "IAMUser"))
        columns = (rows.column(name).to_pylist() for name in ("time_ms", "id", "account", "user_name", "arn"))
        for time, event_id, account, user, arn in zip(*columns, strict=True):
            if user and arn:
                yield instant(time), event_id, account or "", user, arn

    def in_sittings(self, sittings: Sequence[Sitting], opened: Mapping[str, str]) -> set[str]:
        """Give the ids of what the subjects of sittings did in them, and of what findings cite.

        `opened` gives by event id the break-glass user that acted.
        """
        if self.rows is None:
            return set()
        spans = Spans(sittings)
        cited = {event_id for each in sittings for item in each.items for event_id in item.event_ids}
        columns = (self.rows.column(name).to_pylist() for name in ("id", "time_ms", "person", "principal", "ip"))
        found = set[str]()
        for event_id, time, person, principal, ip in zip(*columns, strict=True):
            of = [Subject(person)] if person else []
            of += [Subject(None, principal=principal), Subject(None, network=network_of(ip))]
            if event_id in opened:
                of.append(Subject(None, principal=opened[event_id]))
            if event_id in cited or any(spans.has(subject, instant(time)) for subject in of):
                found.add(event_id)
        return found


class Spans:
    """When the sittings of each subject are, with what lies around them."""

    def __init__(self, sittings: Iterable[Sitting]) -> None:
        self._of: dict[Subject, tuple[list[datetime], list[datetime]]] = {}
        for each in sorted(sittings, key=lambda sitting: sitting.first):
            starts, ends = self._of.setdefault(each.subject, ([], []))
            starts.append(each.first - SITTING)
            ends.append(each.last + SITTING)

    def has(self, subject: Subject, at: datetime) -> bool:
        """Tell whether an instant lies in one of a subject's; both ends belong to it."""
        starts, ends = self._of.get(subject, ((), ()))
        # Sittings of one subject do not overlap, so that the last to have begun is the last to end.
        place = bisect_right(starts, at)
        return place > 0 and at <= ends[place - 1]


def _by_time(found: Iterable[Attributed]) -> tuple[Attributed, ...]:
    return tuple(sorted(found, key=lambda each: (each.event.at, each.event.id)))


def _seen(
    event_id: str,
    time_ms: int,
    person: str | None,
    account: str | None,
    source: str | None,
    name: str | None,
    ip: str | None,
    access_key: str | None,
) -> Seen:
    return Seen(event_id, instant(time_ms), person, account or "", source or "", name or "", ip, access_key)
