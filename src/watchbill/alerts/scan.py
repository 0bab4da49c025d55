"""Look at every event once, in bulk, and keep what cases may be made of.

1. Each batch is judged, and counted: by person and right, or by why it is nobody's.
2. What AWS allowed and was not the person's is kept as far as it tells what is one case: a `Wrong`.
3. What detectors look at is noticed (`noticed`): sign-ins, what may have given somebody more, break-glass users.

Batches may come in any order; what needs the order of time is put into it when all have come.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.access.history import History
from watchbill.alerts.model import PersonCount
from watchbill.alerts.noticed import Noticed, Noticing
from watchbill.alerts.sittings import WRONG, Wrong
from watchbill.detect.rules import RuleRun
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED, judge_batches
from watchbill.judge.model import Right
from watchbill.judge.possible import OPENERS
from watchbill.team.model import Team
from watchbill.trail.codes import Codes, alone, codes_of, holds, together
from watchbill.trail.model import Attributed, Outcome
from watchbill.trail.openings import HANDS_OUT
from watchbill.trail.table import attributed_of, instant


Rows = npt.NDArray[np.bool_]

_WRONG = sorted(str(right) for right in WRONG)

_NAMES = OPENERS | {"ConsoleLogin"}
"""Names of events that detectors look at."""


class Scan:
    """What was found in the batches so far."""

    def __init__(
        self,
        history: History | None,
        span: Interval,
        team: Team | None,
        rules: RuleRun,
        opened: Collection[str] = (),
        *,
        claimed: bool = True,
    ) -> None:
        """Begin; `opened` are the keys that were handed out to break-glass users.

        `claimed` says that a source identity claims to be such a user: then it matters who was handed any key.
        """
        self._given: list[pa.RecordBatch] = []
        self._judged = None if history is None else judge_batches(self._handed(), history, span)
        self._claimed = claimed
        self._break_glass = {each.iam_user.lower() for each in team.break_glass} if team is not None else set[str]()
        self._rules = rules
        self.said: dict[str, Sequence[str]] = {}
        """What staged rules say of the events that `also` gave, by id."""
        self._people: Counter[tuple[str, ...]] = Counter()
        self._others: Counter[str] = Counter()
        self._opened = frozenset(opened)
        self._reach = (1 << 62, -1)
        self._wrong: list[pa.RecordBatch] = []
        self._noticing = Noticing()

    def take(self, batch: pa.RecordBatch) -> None:
        """Look at a batch of `trail.table.SCHEMA`."""
        if not batch.num_rows:
            return
        judged = self._judge(batch)
        times = pc.min_max(batch.column("time_ms")).as_py()
        self._reach = min(self._reach[0], times["min"]), max(self._reach[1], times["max"])
        self._count(batch, judged)
        wrong = pc.and_(
            pc.is_in(judged.column("right"), pa.array(_WRONG)), pc.equal(batch.column("outcome"), str(Outcome.ALLOWED))
        )
        if pc.any(wrong).as_py():
            columns = [*(batch.column(name) for name in _OF_WRONG), judged.column("right")]
            self._wrong.append(alone(pa.RecordBatch.from_arrays(columns, [*_OF_WRONG, "right"]).filter(wrong)))
        self._rules.take(batch, judged)
        break_glass = self._of_break_glass(batch)
        named = holds(batch, "name", _NAMES.__contains__)
        self._noticing.take(batch, named | break_glass, break_glass)

    def also(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Attributed]:
        """Give the events of more batches, and hear what staged rules say of them; nothing is counted."""
        for batch in batches:
            if batch.num_rows:
                self.said.update(self._rules.said(batch, self._judge(batch)))
                yield from attributed_of(batch)
                let_go()

    def reach(self) -> tuple[datetime | None, datetime | None]:
        """Give when the first event was, and when the last; None where there was none."""
        first, last = self._reach
        return (None, None) if last < 0 else (instant(first), instant(last))

    def people(self) -> tuple[PersonCount, ...]:
        """Count what each person did."""
        return _people(self._people)

    def others(self) -> Mapping[str, int]:
        """Count what is nobody's by why, the commonest first."""
        return dict(sorted(self._others.items(), key=lambda pair: (-pair[1], pair[0])))

    def wrongs(self) -> list[Wrong]:
        """Give what was not the person's to do and AWS allowed, in order of time."""
        found = [_wrong(row) for batch in self._wrong for row in batch.to_pylist()]
        return sorted(found, key=lambda wrong: (wrong.at, wrong.id))

    def noticed(self) -> Noticed:
        """Give what detectors look at."""
        return self._noticing.all()

    def _handed(self) -> Iterator[pa.RecordBatch]:
        while True:
            yield self._given.pop()

    def _judge(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._judged is None:
            return _unjudged(batch)
        self._given.append(batch)
        return next(self._judged)

    def _count(self, batch: pa.RecordBatch, judged: pa.RecordBatch) -> None:
        person, right = codes_of(batch.column("person")), codes_of(judged.column("right"))
        method, outcome = codes_of(batch.column("method")), codes_of(batch.column("outcome"))
        why = codes_of(batch.column("why"))
        nobody = batch.column("person").is_null().to_numpy(zero_copy_only=False)
        for key, count in _counted([person, right, method, outcome], ~nobody):
            self._people[key] += count
        for (how, said), count in _counted([method, why], nobody):
            self._others[f"{how}: {said}"] += count

    def _of_break_glass(self, batch: pa.RecordBatch) -> Rows:
        """Tell which rows say something of break-glass users."""
        found = np.zeros(batch.num_rows, np.bool_)
        if self._break_glass:
            if self._claimed:
                found |= holds(batch, "name", HANDS_OUT.__contains__)
            for column in ("user_name", "source_identity"):
                found |= holds(batch, column, lambda name: name is not None and name.lower() in self._break_glass)
            found |= holds(batch, "issuer_arn", lambda arn: (arn or "").rsplit("/", 1)[-1].lower() in self._break_glass)
            about = self._names_break_glass(batch)
            found |= about & holds(batch, "source", lambda source: source == "iam.amazonaws.com")
            found |= holds(batch, "access_key", lambda key: key in self._opened)
        return found

    def _names_break_glass(self, batch: pa.RecordBatch) -> Rows:
        """Tell which rows name a break-glass user in what they asked for, or in why they were refused."""
        found = np.zeros(batch.num_rows, np.bool_)
        for column in ("request_parameters", "error_message"):
            for user in self._break_glass:
                held = pc.match_substring(batch.column(column), user, ignore_case=True)
                found |= held.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        return found


def let_go() -> None:
    """Give back to the machine what was freed: allocators keep it for more of the same size, and little is."""
    pa.default_memory_pool().release_unused()
    # Of Arrow's pools this one stands for what the C library gives out, to Python and NumPy too.
    pa.system_memory_pool().release_unused()


_OF_WRONG = ("id", "time_ms", "person", "account", "source", "name", "read_only", "ip", "user_agent")


def _wrong(row: Mapping[str, Any]) -> Wrong:
    return Wrong(
        row["id"],
        instant(row["time_ms"]),
        row["person"],
        row["account"] or "",
        row["source"] or "",
        row["name"] or "",
        row["read_only"],
        row["ip"],
        row["user_agent"],
        Right(row["right"]),
    )


def _unjudged(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Judge nobody, where no team file says what is theirs."""
    known = batch.column("person").is_valid()
    right = pc.if_else(known, str(Right.NOT_JUDGEABLE), str(Right.UNKNOWN_ACTOR))
    columns = {"right": right}
    nothing = [pa.nulls(batch.num_rows, field.type) for field in JUDGED]
    return pa.RecordBatch.from_arrays(
        [columns.get(field.name, nothing[n]) for n, field in enumerate(JUDGED)], JUDGED.names
    )


def _counted(columns: Sequence[tuple[Codes, list[str]]], rows: Rows) -> Iterator[tuple[tuple[str, ...], int]]:
    if not rows.any():
        return
    codes, found = together([(of[rows], values) for of, values in columns])
    yield from zip(found, np.bincount(codes, minlength=len(found)).tolist(), strict=True)


def _people(counted: Mapping[tuple[str, ...], int]) -> tuple[PersonCount, ...]:
    rights: dict[str, Counter[str]] = {}
    methods: dict[str, Counter[str]] = {}
    denied: Counter[str] = Counter()
    for (person, right, method, outcome), count in counted.items():
        rights.setdefault(person, Counter())[right] += count
        methods.setdefault(person, Counter())[method] += count
        denied[person] += count if outcome == Outcome.DENIED else 0
    return tuple(
        PersonCount(person, sum(found.values()), dict(found), denied[person], dict(methods[person]))
        for person, found in sorted(rights.items())
    )
