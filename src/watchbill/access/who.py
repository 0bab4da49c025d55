"""Who can do something when: over a span of time, every way of everyone, with the reason of each part of it.

Decisions change with time only where a date stands in a statement that speaks of the action. Between two such edges one
instant stands for all, so that the answer is exact; all instants of all ways are decided at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from watchbill.access.effective import whole
from watchbill.access.ways import Step, Way, Ways
from watchbill.intervals import Interval, iso
from watchbill.policy.bulk import Codes, decide_batch
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import ConditionEntry, Decision, Effect, Origin, Request
from watchbill.policy.operators import operator_of, read_instant, read_number
from watchbill.policy.residual import conditions, rules_of
from watchbill.policy.rules import Rule


NOW = "aws:CurrentTime"
_SECONDS = "aws:EpochTime"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DENIED = (Effect.IMPLICITLY_DENIED, Effect.EXPLICITLY_DENIED)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the span in which a way has one answer."""

    interval: Interval
    effect: Effect
    because: tuple[str, ...]
    """Statements that decide, in the order of the steps."""
    conditions: tuple[str, ...]
    """What else must be so, where it depends."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What one way of somebody gives over the span; parts in which it is denied are left out."""

    user: str
    way: str
    parts: tuple[Part, ...]
    unread: tuple[str, ...]


def who_can(ways: Ways, asked: Request, within: Interval) -> tuple[Holder, ...]:
    """Give everyone in an account who is, or may be, allowed at some instant of a span, by each of their ways.

    Keys that `asked` does not give are not known, so that what they decide is said as a condition. The time is that of
    the span, and not to be given.
    """
    every = [way for user in ways.users for way in ways.of(user)]
    decided = _Decided([step for way in every for step in way.steps], asked, within)
    found: list[Holder] = []
    place = 0
    for way in every:
        runs = [decided.runs(place + number) for number in range(len(way.steps))]
        place += len(way.steps)
        if all(_gives(each) for each in runs):
            parts = tuple(_merged(decided.parts(way, runs)))
            found += [Holder(way.user, way.name, parts, way.unread)] if parts else []
    return tuple(found)


Run = tuple[int, int, Decision]
"""A decision from an instant up to another, in microseconds since 1970."""


def _gives(runs: Sequence[Run]) -> bool:
    return any(decision.effect not in _DENIED for _, _, decision in runs)


def _common(runs: Sequence[Sequence[Run]]) -> Iterator[tuple[int, int, list[Decision]]]:
    """Give the spans in which no step is denied, each with the decisions of all steps."""
    first, *others = ([run for run in each if run[2].effect not in _DENIED] for each in runs)
    spans = [(start, end, [decision]) for start, end, decision in first]
    for other in others:
        starts = [start for start, _, _ in other]
        spans = [
            (max(start, at), min(end, until), [*decisions, decision])
            for start, end, decisions in spans
            for at, until, decision in other[max(bisect_right(starts, start) - 1, 0) : bisect_left(starts, end)]
            if max(start, at) < min(end, until)
        ]
    yield from spans


def _merged(parts: Iterator[Part]) -> Iterator[Part]:
    """Make one of parts that follow each other with the same answer."""
    last: Part | None = None
    for part in parts:
        if (
            last is not None
            and last.interval.end == part.interval.start
            and replace(part, interval=last.interval) == last
        ):
            last = replace(last, interval=Interval(last.interval.start, part.interval.end))
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


class _Decided:
    """The decisions of steps over a span, each cut at the edges of its own statements."""

    def __init__(self, steps: Sequence[Step], asked: Request, within: Interval) -> None:
        self._steps, self._asked = steps, asked
        self._start, self._end = _micros(within.start), _micros(within.end)
        self._edges: dict[tuple[Evaluator, str], Codes] = {}
        self._codes: list[Codes] = [np.zeros(0, np.int64)] * len(steps)
        self._of: list[tuple[Decision, ...]] = [()] * len(steps)
        self._rules: dict[tuple[Evaluator, str], dict[Origin, Rule]] = {}
        self._said: dict[tuple[Evaluator, str, Decision], tuple[str, ...]] = {}
        alike: dict[tuple[frozenset[str], tuple[str, ...], str | None], list[int]] = {}
        for place, step in enumerate(steps):
            alike.setdefault((step.absent, tuple(sorted(step.context)), step.action), []).append(place)
        for places in alike.values():
            self._decide(places)

    def runs(self, place: int) -> list[Run]:
        """Give the decisions of a step, one after the other."""
        codes, starts = self._codes[place], self._starts(self._steps[place])
        first = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
        ends = [*(int(starts[each]) for each in first[1:]), self._end]
        distinct = self._of[place]
        return [(int(starts[at]), end, distinct[int(codes[at])]) for at, end in zip(first, ends, strict=True)]

    def parts(self, way: Way, runs: Sequence[Sequence[Run]]) -> Iterator[Part]:
        """Put the decisions of a way's steps together, where they give anything."""
        for start, end, decisions in _common(runs):
            effect = whole([decision.effect for decision in decisions], unread=way.unread)
            because = tuple(str(origin) for decision in decisions for origin in decision.deciding)
            said = [self._conditions(s, d, start) for s, d in zip(way.steps, decisions, strict=True)]
            hangs = tuple(dict.fromkeys(text for each in said for text in each))
            yield Part(Interval(_instant(start), _instant(end)), effect, because, hangs)

    def _conditions(self, step: Step, decision: Decision, at: int) -> tuple[str, ...]:
        if decision.effect is not Effect.DEPENDS:
            return ()
        request = step.request(replace(self._asked, context={**self._asked.context, **_clock(at)}))
        key = (step.evaluator, request.action, decision)
        if key not in self._said:
            self._said[key] = conditions(self._rules_of(step.evaluator, request.action), request, decision)
        return self._said[key]

    def _rules_of(self, evaluator: Evaluator, action: str) -> dict[Origin, Rule]:
        key = (evaluator, action)
        if key not in self._rules:
            self._rules[key] = rules_of(evaluator, action)
        return self._rules[key]

    def _starts(self, step: Step) -> Codes:
        key = (step.evaluator, (step.action or self._asked.action).lower())
        found = self._edges.get(key)
        if found is None:
            inside = {edge for edge in _edges(*key) if self._start < edge < self._end}
            found = self._edges[key] = np.array(sorted({self._start, *inside}), np.int64)
        return found

    def _decide(self, places: Sequence[int]) -> None:
        """Decide steps that have the same keys and the same action, all their cells in one table."""
        steps = [self._steps[place] for place in places]
        starts = [self._starts(step) for step in steps]
        counts = np.array([len(each) for each in starts], np.int64)
        evaluators = list(dict.fromkeys(step.evaluator for step in steps))
        number = {evaluator: place for place, evaluator in enumerate(evaluators)}
        instants, codes = np.unique(np.concatenate(starts), return_inverse=True)
        row = np.repeat(np.arange(len(steps)), counts)
        columns: dict[str, pa.Array] = {
            "evaluator": pa.array(np.array([number[step.evaluator] for step in steps])[row]),
            NOW: _column(codes, [iso(_instant(each)) for each in instants.tolist()]),
            _SECONDS: _column(codes, [str(each // 1_000_000) for each in instants.tolist()]),
        }
        requests = [step.request(self._asked) for step in steps]
        columns["action"] = _column(row, [request.action for request in requests])
        columns["resource"] = _column(row, [request.resource for request in requests])
        columns["principal"] = _column(row, [step.principal for step in steps])
        for key in requests[0].context:
            columns[key] = _column(row, [request.context[key] for request in requests])
        first = requests[0]
        decisions = decide_batch(
            evaluators,
            pa.RecordBatch.from_pydict(columns),
            absent=first.absent,
            complete=first.complete,
            some=first.some,
        )
        ends = np.cumsum(counts).tolist()
        for place, start, end in zip(places, [0, *ends], ends, strict=False):
            self._codes[place] = decisions.codes[start:end]
            self._of[place] = decisions.distinct


def _column(codes: Codes, values: Sequence[object]) -> pa.Array:
    """Make a column of values that repeat; equal ones have one code."""
    distinct: dict[object, int] = {}
    numbers = np.array([distinct.setdefault(value, len(distinct)) for value in values], np.int32)
    indices = pa.array(numbers[codes])
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(distinct), pa.string()))


def _edges(evaluator: Evaluator, action: str) -> Iterator[int]:
    """Give the instants at which an answer may change, in microseconds: where one starts or ceases to be as wanted."""
    for level in evaluator.speaking_of(action):
        for rule in (*level.denies, *level.allows):
            for predicate in rule.predicates:
                if predicate.entry is not None:
                    yield from _edges_of(predicate.entry)


def _edges_of(entry: ConditionEntry) -> Iterator[int]:
    operator, key = operator_of(entry.operator), entry.key.lower()
    if operator is None or key not in (NOW.lower(), _SECONDS.lower()):
        return
    of_date = operator.name.startswith("date")
    for text in entry.values:
        found = (read_instant if of_date else read_number)(text)
        if found is not None:
            at = round(found * 1_000_000)
            # What names an instant is also about the next one: of its microseconds, or of its seconds.
            yield from (at, at + (1 if key == NOW.lower() else 1_000_000))


def _clock(at: int) -> dict[str, str]:
    return {NOW: iso(_instant(at)), _SECONDS: str(at // 1_000_000)}


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
