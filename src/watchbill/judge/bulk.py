"""Judge events in bulk: a function of Arrow batches, which runs here, or on the workers of an engine.

Each event is judged by itself, by `Judges`, so that it makes no difference how events are cut into batches, in which
order they come, or how many judges share them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from watchbill.access.history import History
from watchbill.intervals import Interval
from watchbill.judge.judge import Judges
from watchbill.judge.model import Right
from watchbill.trail.model import Attributed
from watchbill.trail.table import attributed_of


JUDGED = pa.schema(
    [
        pa.field("account", pa.string()),
        pa.field("id", pa.string(), nullable=False),
        pa.field("person", pa.string()),
        pa.field("right", pa.string(), nullable=False),
        pa.field("why", pa.string(), nullable=False),
        pa.field("through", pa.string()),
    ]
)
"""A row for each event. The same id in two accounts is two events, hence `account`; `right` is a `judge.model.Right`;
`through` is that of the judgement's holding: what gave the right or, off shift, what would have."""


def judge_batches(batches: Iterable[pa.RecordBatch], history: History, span: Interval) -> Iterator[pa.RecordBatch]:
    """Judge the events of batches of `trail.table.SCHEMA`: for each batch one of `JUDGED`, its rows in the same order.

    An event outside the span is not judgeable, since what was in force then is not known here.
    """
    judges = Judges(history, span)
    for batch in batches:
        yield _batch([_row(each, judges, span) for each in attributed_of(batch)])


@dataclass(frozen=True, slots=True)
class BulkJudge:
    """`judge_batches` with its history and span bound: a value that can be pickled and sent to where the events are."""

    history: History
    span: Interval

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Judge batches: see `judge_batches`."""
        return judge_batches(batches, self.history, self.span)


def _row(each: Attributed, judges: Judges, span: Interval) -> dict[str, str | None]:
    event = each.event
    row = {"account": event.account or None, "id": event.id, "person": each.actor.person}
    if event.at not in span:
        why = f"it lies outside the span that is judged, {span}"
        return {**row, "right": str(Right.NOT_JUDGEABLE), "why": why, "through": None}
    judged = judges.judge(each)
    through = None if judged.holding is None else judged.holding.through
    return {**row, "right": str(judged.right), "why": judged.why, "through": through}


def _batch(rows: list[dict[str, str | None]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=JUDGED)
