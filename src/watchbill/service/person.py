"""What one person did in a span of time, held against what was theirs to do: the read model of a page.

The rules, in order:

1. Whose an event is, is as the lake has it. Whether it was theirs to do is judged by the team files that were in force
   then, as `judge.bulk` does it for a whole trail: by a history that is cut to what can be that person's (`narrowed`).
2. An event lies in one lane: what AWS refused or what failed, whatever right there was to it; else what was the
   person's right; else what was not; else what could not be judged.
3. More events than are looked at are not shown: the last ones are, and that is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.access.history import History
from watchbill.alerts.sittings import SITTING, WRONG
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED, judge_batches
from watchbill.judge.model import Right
from watchbill.lake.judged import SHOWN
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import shifts
from watchbill.team.model import Rota, Team
from watchbill.trail.model import Outcome
from watchbill.trail.table import SCHEMA, instant


class Lane(StrEnum):
    """Where an event lies against what was its person's right."""

    OUTSIDE = "outside"
    FAILED = "failed or refused"
    UNJUDGED = "not judged"
    WITHIN = "within right"


LANES: Final = tuple(Lane)
"""In the order of what is looked at first."""
_WITHIN = (Right.ENTITLED, Right.NEEDS_NONE)


@dataclass(frozen=True, slots=True)
class Seen:
    """The events of a person in a span, latest first, each with its judgement and its lane."""

    span: Interval
    table: pa.Table
    """`lake.judged.SHOWN`, `right`, `why`, and `lane`: a number of `LANES`."""
    whole: bool
    """Whether these are all."""
    assumed: tuple[str, ...]
    """What was taken to be the team file of the time, in words."""

    @property
    def lanes(self) -> npt.NDArray[np.int64]:
        """Give the lane of each."""
        return np.asarray(self.table["lane"].to_numpy(), np.int64)

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """Give when each was, in milliseconds since 1970."""
        return np.asarray(self.table["time_ms"].to_numpy(), np.int64)

    def counts(self) -> Mapping[Lane, int]:
        """Count the events of each lane."""
        found = np.bincount(self.lanes, minlength=len(LANES)).tolist()
        return dict(zip(LANES, found, strict=True))

    def listed(self, first: int, count: int) -> list["Done"]:
        """Give some of them, those that were outside first and the latest of each lane first."""
        order = np.argsort(self.lanes, kind="stable")[first : first + count]
        rows = self.table.take(pa.array(order)).to_pylist()
        return [_done(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Done:
    """One event, and whether it was its person's to do."""

    at: datetime
    id: str
    what: str
    """`rds:DeleteDBInstance`, or what was done on a host."""
    where: str
    outcome: str
    ip: str
    lane: Lane
    right: str
    why: str


@dataclass(frozen=True, slots=True)
class Sitting:
    """Events between which no pause is longer than half an hour."""

    start: datetime
    end: datetime
    events: int
    outside: int
    failed: int
    addresses: int


def _done(row: Mapping[str, Any]) -> Done:
    source = (row["source"] or "").removesuffix(".amazonaws.com")
    where = row["host"] or " ".join(filter(None, (row["account"], row["region"])))
    outcome = " ".join(filter(None, (row["outcome"], row["error_code"])))
    return Done(
        instant(row["time_ms"]),
        row["id"],
        f"{source}:{row['name'] or '?'}",
        where,
        outcome,
        row["ip"] or "",
        LANES[row["lane"]],
        row["right"],
        row["why"],
    )


def sittings(seen: Seen) -> list[Sitting]:
    """Give the sittings of a person, latest first."""
    times, lanes = seen.times, seen.lanes
    if not len(times):
        return []
    ips = np.asarray(seen.table["ip"].to_pylist(), object)
    cuts = np.flatnonzero(times[:-1] - times[1:] > SITTING // timedelta(milliseconds=1)) + 1
    edges = [0, *cuts.tolist(), len(times)]
    return [
        Sitting(
            instant(int(times[last - 1])),
            instant(int(times[first])),
            last - first,
            int((lanes[first:last] == LANES.index(Lane.OUTSIDE)).sum()),
            int((lanes[first:last] == LANES.index(Lane.FAILED)).sum()),
            len(set(ips[first:last]) - {None}),
        )
        for first, last in pairwise(edges)
    ]


def shifts_of(history: History, person: str, within: Interval) -> tuple[Shift, ...]:
    """Give when a person was on call in a span, by the team files that were in force."""
    found: list[Shift] = []
    for span, each in history.spans(within):
        if each.team is not None:
            mine = (rota for rota in each.team.rotas.values() if person in rota.people)
            found += [shift for rota in mine for shift in shifts(rota, span) if shift.person == person]
    return tuple(sorted(found))


def narrowed(history: History, person: str) -> History:
    """Give a history in which nobody but a person is on call or is granted anything.

    Every judgement of that person is the same by it: who else may take a role still stands in the guards that deny it
    to them, since each rota still names its people.
    """
    files = (each if each.team is None else replace(each, team=_of_one(each.team, person)) for each in history.files)
    return replace(history, files=tuple(files), given=_of_one(history.given, person))


def _of_one(team: Team, person: str) -> Team:
    rotas = {name: rota if person in rota.people else _silent(rota) for name, rota in team.rotas.items()}
    groups = {name: group for name, group in team.groups.items() if person in team.members(name)}
    return replace(
        team, rotas=rotas, groups=groups, grants=tuple(grant for grant in team.grants if grant.person == person)
    )


def _silent(rota: Rota) -> Rota:
    """Give a rota with its people, of whom nobody is ever on call."""
    if not rota.layers:
        return rota
    layer = replace(rota.layers[0], members=rota.people, until=_NEVER)
    return replace(rota, layers=(layer,), overrides=(), leave=(), required=(), holidays={})


_NEVER = instant(0)


def nothing_seen(span: Interval, history: History) -> Seen:
    """Give what is seen of anybody where there is no trail."""
    nothing = with_lanes(judged(SCHEMA.empty_table(), history, span))
    return Seen(span, nothing, whole=True, assumed=history.assumed)


def judged(events: pa.Table, history: History, span: Interval) -> pa.Table:
    """Judge events, of which `judge.hanging.READ` is known: what is shown of each with its right and why, in order."""
    found = pa.Table.from_batches(judge_batches(filled(events).combine_chunks().to_batches(), history, span), JUDGED)
    shown = events.select(list(SHOWN)).append_column("right", pc.cast(found["right"], pa.string()))
    return shown.append_column("why", found["why"])


def with_lanes(table: pa.Table) -> pa.Table:
    """Say in which lane each event lies that was judged."""
    outcomes, rights = table["outcome"].to_pylist(), table["right"].to_pylist()
    lanes = [_lane(outcome, right) for outcome, right in zip(outcomes, rights, strict=True)]
    return table.append_column("lane", pa.array(lanes, pa.int64()))


def filled(events: pa.Table) -> pa.Table:
    """Give events with every column; those that were not read are null."""
    nothing = (pa.nulls(events.num_rows, field.type) for field in SCHEMA)
    known = set(events.schema.names)
    columns = [events[f.name] if f.name in known else null for f, null in zip(SCHEMA, nothing, strict=True)]
    return pa.table(columns, names=SCHEMA.names)


def _lane(outcome: str | None, right: str) -> int:
    return LANES.index(_lane_of(outcome, right))


def _lane_of(outcome: str | None, right: str) -> Lane:
    if outcome != Outcome.ALLOWED:
        return Lane.FAILED
    if right in WRONG:
        return Lane.OUTSIDE
    return Lane.WITHIN if right in _WITHIN else Lane.UNJUDGED
