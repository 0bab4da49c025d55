"""What a team file would have denied, had it been enforced over a span of time: event by event, and by person.

An event counts as denied where the judgement says that it was not the person's to do then, or only in the on-call role
while they called as their IAM user. What hangs on something unknown is not guessed, and nobody is named who is not
known. A person whose every call that took a permission would have been denied is locked out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from watchbill.access.history import History
from watchbill.intervals import Interval
from watchbill.judge.bulk import judge_batches
from watchbill.judge.model import Right
from watchbill.policy.requests import requests_of_record
from watchbill.trail.table import instant, record_of, rows_of


_DENIED: Final = (str(Right.OFF_SHIFT), str(Right.BEYOND_ROLE), str(Right.FROZEN))
_OPEN: Final = (str(Right.NOT_JUDGEABLE), str(Right.UNKNOWN_ACTOR))
_AS_USER = "theirs on call, and by taking the role alone: this was done as their IAM user"


@dataclass(frozen=True, slots=True)
class Denied:
    """An event that would have been denied."""

    id: str
    at: datetime
    account: str
    person: str
    action: str
    resource: str
    """What it was on, as far as the record tells; `*` where it names nothing."""
    right: str
    why: str
    outcome: str
    """What AWS made of it."""


@dataclass(slots=True)
class PersonSeen:
    """What became of somebody's events."""

    allowed: int = 0
    """Theirs to do."""
    free: int = 0
    """No permission stands behind them: sign-ins."""
    denied: int = 0
    refused_anyway: int = 0
    """Of the denied, those that AWS refused as things are."""
    open: Counter[str] = field(default_factory=Counter)
    """Those that cannot be judged, by why."""

    @property
    def is_locked_out(self) -> bool:
        """Tell whether nothing that took a permission would have been left to them."""
        return bool(self.denied) and not self.allowed and not self.open


@dataclass(slots=True)
class Past:
    """What a team file makes of a span of time."""

    people: dict[str, PersonSeen] = field(default_factory=dict)
    denied: list[Denied] = field(default_factory=list)
    """In order of time."""
    unknown: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Events of nobody we know, by account, who it is in AWS, and why they are nobody's."""
    machines: int = 0
    events: int = 0


def past_of(batches: Iterable[pa.RecordBatch], history: History, span: Interval) -> Past:
    """Judge batches of `trail.table.SCHEMA` by a history; an event counts once, by the batches' own care."""
    found, given = Past(), list[pa.RecordBatch]()

    def handed() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            given.append(batch)
            yield batch

    for judged in judge_batches(handed(), history, span):
        _take(found, given.pop(), judged)
    found.denied.sort(key=lambda each: (each.at, each.account, each.id))
    return found


def _take(found: Past, batch: pa.RecordBatch, judged: pa.RecordBatch) -> None:
    found.events += batch.num_rows
    right, past_role = judged.column("right"), judged.column("past_role")
    looked = pc.or_(pc.is_in(right, pa.array([*_DENIED, *_OPEN])), past_role)
    rest = pc.invert(looked)
    for person, said in zip(*(c.filter(rest).to_pylist() for c in (judged.column("person"), right)), strict=True):
        if said == Right.NOT_A_PERSON or person is None:
            found.machines += 1
        elif said == Right.NEEDS_NONE:
            _seen(found, person).free += 1
        else:
            _seen(found, person).allowed += 1
    for row, said in zip(rows_of(batch.filter(looked)), judged.filter(looked).to_pylist(), strict=True):
        _look(found, row, said)


def _look(found: Past, row: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    person, right = said["person"], said["right"]
    if right == Right.UNKNOWN_ACTOR or person is None:
        who = row["arn"] or row["user_name"] or row["principal"] or row["identity_type"] or "nobody"
        found.unknown[row["account"] or "", str(who), said["why"]] += 1
        return
    seen = _seen(found, person)
    if right == Right.NOT_JUDGEABLE:
        seen.open[said["why"]] += 1
        return
    seen.denied += 1
    seen.refused_anyway += row["outcome"] == "denied"
    why = said["why"] if right in _DENIED else _AS_USER
    action, resource = _asked(row)
    at, account = instant(row["time_ms"]), row["account"] or ""
    found.denied.append(Denied(row["id"], at, account, person, action, resource, right, why, row["outcome"] or ""))


def _asked(row: Mapping[str, Any]) -> tuple[str, str]:
    """Give the action and the resource that an event was on; the event's own name where it was no request."""
    requests = requests_of_record(record_of(row)).requests
    if not requests:
        return f"{str(row['source'] or '').partition('.')[0]}:{row['name']}", "*"
    return requests[0].action, ", ".join(dict.fromkeys(request.resource or "*" for request in requests))


def _seen(found: Past, person: str) -> PersonSeen:
    return found.people.setdefault(person, PersonSeen())
