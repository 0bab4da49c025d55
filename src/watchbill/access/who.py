"""Who can do something when: over a span of time, every way of everyone, with the reason of each part of it.

1. Decisions change with time only where a date stands in a statement that speaks of the action. Between two such edges
   one instant stands for all, so that the answer is exact; those of all ways are decided at once.
2. The steps of a way are asked in turn, the last first, each only where those asked before leave the way open.
3. What else an answer hangs on is said as conditions: keys that are not known, policies that were not read, and the
   time itself where a statement reads it otherwise than to compare it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from math import floor
from operator import eq
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.access.effective import whole
from watchbill.access.ways import Step, Way, Ways
from watchbill.intervals import Interval, iso
from watchbill.policy.bulk import decide_batch
from watchbill.policy.conditions import Predicate
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Decision, Effect, Origin, Request
from watchbill.policy.operators import Negated, Ordered, Texts, operator_of, read_instant
from watchbill.policy.residual import conditions, rules_of
from watchbill.policy.rules import Rule
from watchbill.policy.services import ALWAYS_ALLOWED
from watchbill.policy.table import Codes


Instants = npt.NDArray[np.int64]
"""In microseconds since 1970, as all instants here."""

NOW = "aws:CurrentTime"
_SECONDS = "aws:EpochTime"
_CLOCK = frozenset({NOW.lower(), _SECONDS.lower()})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_NO_CALENDAR = 1e12
"""Seconds from 1970 on, or back, where no calendar reaches."""


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

    Keys that `asked` does not give are not known, unless it says otherwise, and what they decide is said as a
    condition. The time is that of the span, whatever `asked` says of it.
    """
    asking = _Asking(replace(asked, context={k: v for k, v in asked.context.items() if k.lower() not in _CLOCK}))
    every = [way for user in ways.users for way in ways.of(user) if asking.may_allow(way)]
    left = [_Open(place, way, _micros(within.start), _micros(within.end), ()) for place, way in enumerate(every)]
    found: dict[int, list[_Open]] = {}
    while left:
        further = asking.next_steps(left)
        left = [span for span in further if not span.done]
        for span in further:
            if span.done:
                found.setdefault(span.place, []).append(span)
    return tuple(
        Holder(every[place].user, every[place].name, tuple(_parts(asking, found[place])), every[place].unread)
        for place in sorted(found)
    )


@dataclass(frozen=True, slots=True)
class _Open:
    """A span in which a way is not denied by the steps that were asked, each of which has one decision in it."""

    place: int
    """Of the way among all."""
    way: Way
    start: int
    end: int
    decisions: tuple[Decision, ...]

    @property
    def done(self) -> bool:
        """Tell whether all steps were asked."""
        return len(self.decisions) == len(self.way.steps)

    @property
    def step(self) -> Step:
        """Give the step to be asked next: the last of those not asked."""
        return self.way.steps[-1 - len(self.decisions)]


Answer = tuple[Effect, tuple[str, ...], tuple[str, ...]]
"""Whether a way is allowed, because of which statements, and under which conditions."""


def _parts(asking: "_Asking", spans: Iterable[_Open]) -> Iterator[Part]:
    """Give the answers of a way in order of time; those that follow each other with the same answer as one."""
    said: list[tuple[int, int, Answer]] = []
    for span in spans:
        start, answer = span.start, asking.answer(span)
        if said and said[-1][1:] == (start, answer):
            start = said.pop()[0]
        said.append((start, span.end, answer))
    for start, end, answer in said:
        yield Part(_interval(start, end), *answer)


class _Asking:
    """Asks steps of ways over spans of time, each span cut at the edges of the step's own statements."""

    def __init__(self, asked: Request) -> None:
        self._asked = asked
        self._edges: dict[tuple[Evaluator, str], list[int] | None] = {}
        self._rules: dict[tuple[Evaluator, str], Mapping[Origin, Rule]] = {}
        self._at: dict[int, Request] = {}

    def may_allow(self, way: Way) -> bool:
        """Tell whether anything may allow a way: where none of its own policies says so of the action, nothing does.

        A resource's policy that was not read is not taken to give anything by itself.
        """
        action, layers = self._asked.action.lower(), way.steps[-1].evaluator.layers
        if way.unread or layers.resource is not None or action in ALWAYS_ALLOWED:
            return True
        return any(policy.speaking_of(action).allows for policy in layers.identity)

    def answer(self, span: _Open) -> Answer:
        """Say whether a way is allowed in a span in which it was asked in full, by which statements, and if what."""
        way, decisions = span.way, span.decisions
        effects = [decision.effect for decision in decisions]
        effect = whole(effects, unread=way.unread, unread_bounds=way.unread_bounds)
        because = tuple(str(origin) for decision in decisions for origin in decision.deciding)
        hangs: dict[str, None] = {}
        for step, decision in zip(way.steps, decisions, strict=True):
            if decision.effect is Effect.DEPENDS:
                hangs |= dict.fromkeys(self._conditions(step, decision, span.start))
        if way.unread:
            denied = Effect.IMPLICITLY_DENIED in effects
            names = " or ".join(way.unread)
            hangs[f"if {names}, not read, allows it" if denied else f"unless {names}, not read, denies it"] = None
        for each in way.unread_bounds:
            hangs[f"unless {each}, not read, denies it"] = None
        return effect, because, tuple(hangs)

    def next_steps(self, spans: Iterable[_Open]) -> list[_Open]:
        """Ask the next step in each span, and give the spans that it leaves open; those of a way in order of time."""
        alike: dict[tuple[object, ...], list[tuple[_Open, list[int]]]] = {}
        for span in spans:
            step, edges = span.step, self._edges_of(span.step)
            kind = (step.absent, step.unknown, tuple(step.context), step.action, edges is None)
            alike.setdefault(kind, []).append((span, _cut(span, edges or [])))
        return [each for group in alike.values() for each in self._ask(*zip(*group, strict=True))]

    def _ask(self, spans: Sequence[_Open], cut: Sequence[list[int]]) -> Iterator[_Open]:
        """Ask steps that have the same keys and the same action; what their spans are cut into is one table."""
        counts = [len(each) for each in cut]
        starts: Instants = np.array(list(chain.from_iterable(cut)), np.int64)
        ends = np.append(starts[1:], 0)
        ends[np.cumsum(counts) - 1] = [span.end for span in spans]
        of = np.repeat(np.arange(len(spans), dtype=np.int32), counts)
        codes, distinct = self._decided([span.step for span in spans], of, starts)
        # What follows with the same decision is one span.
        first = np.flatnonzero(np.diff(codes, prepend=-1) | np.diff(of, prepend=-1))
        last = np.append(first[1:], len(codes)) - 1
        unread = np.array([bool(span.way.unread) for span in spans], np.int8)
        left = ~_denied(distinct)[unread[of[first]], codes[first]]
        runs = (of[first], starts[first], ends[last], codes[first])
        for number, start, end, code in zip(*(each[left].tolist() for each in runs), strict=True):
            span = spans[number]
            yield _Open(span.place, span.way, start, end, (distinct[code], *span.decisions))

    def _decided(self, steps: Sequence[Step], of: Codes, starts: Instants) -> tuple[Codes, tuple[Decision, ...]]:
        """Decide steps at instants: `of` numbers the step of each."""
        like = steps[0].request(self._asked)
        evaluators = {evaluator: number for number, evaluator in enumerate(dict.fromkeys(s.evaluator for s in steps))}
        columns = {
            "evaluator": pa.array(np.array([evaluators[step.evaluator] for step in steps], np.int32)[of]),
            "action": _column([like.action] * len(steps), of),
            "resource": _column([self._asked.resource if s.action is None else s.resource for s in steps], of),
            "principal": _column([step.principal for step in steps], of),
            "resource_account": _column([like.resource_account] * len(steps), of),
        }
        for key in like.context:
            columns[key] = _column([step.context.get(key, like.context[key]) for step in steps], of)
        timed = self._edges_of(steps[0]) is not None
        if timed:
            instants, at = np.unique(starts, return_inverse=True)
            columns[NOW] = _column([iso(_instant(each)) for each in instants.tolist()], at)
            columns[_SECONDS] = _column([str(each // _SECOND) for each in instants.tolist()], at)
        decisions = decide_batch(
            list(evaluators),
            pa.RecordBatch.from_pydict(columns),
            absent=like.absent,
            present=like.present,
            unknown=like.unknown if timed else like.unknown | _CLOCK,
            complete=like.complete,
            some=like.some,
        )
        return decisions.codes, decisions.distinct

    def _conditions(self, step: Step, decision: Decision, at: int) -> tuple[str, ...]:
        """Say what a decision hangs on; the time is known, except to a step that reads it otherwise."""
        if self._edges_of(step) is None:
            request = step.request(replace(self._asked, unknown=self._asked.unknown | _CLOCK))
        else:
            request = step.request(self._asked_at(at))
        key = (step.evaluator, request.action)
        if key not in self._rules:
            self._rules[key] = rules_of(step.evaluator, request.action)
        return conditions(self._rules[key], request, decision)

    def _asked_at(self, at: int) -> Request:
        if at not in self._at:
            clock = {NOW: iso(_instant(at)), _SECONDS: str(at // _SECOND)}
            self._at[at] = replace(self._asked, context={**self._asked.context, **clock})
        return self._at[at]

    def _edges_of(self, step: Step) -> list[int] | None:
        """Give the instants at which a step's answer may change, in order; None where it reads the time otherwise."""
        key = (step.evaluator, (step.action or self._asked.action).lower())
        if key not in self._edges:
            levels = step.evaluator.speaking_of(key[1])
            rules = (rule for level in levels for rule in (*level.denies, *level.allows))
            every = [_edges(predicate) for rule in rules for predicate in rule.predicates]
            self._edges[key] = None if None in every else sorted({edge for edges in every for edge in edges or ()})
        return self._edges[key]


def _cut(span: _Open, edges: list[int]) -> list[int]:
    """Give where a span begins, and the edges inside of it."""
    return [span.start, *edges[bisect_right(edges, span.start) : bisect_left(edges, span.end)]]


@lru_cache(maxsize=65536)
def _edges(predicate: Predicate) -> tuple[int, ...] | None:
    """Give the instants at which an answer may change with the time; None where they cannot be told."""
    clock = _CLOCK.intersection(map(str.lower, predicate.keys))
    operator = operator_of(predicate.entry.operator) if predicate.entry else None
    if not clock or (predicate.entry and (operator is None or operator.name == "null")):
        return ()
    wanted = predicate.match.match if isinstance(predicate.match, Negated) else predicate.match
    if isinstance(wanted, Ordered):
        turns = [(limit, wanted.compare) for limit in wanted.limits]
    elif isinstance(wanted, Texts):
        turns = [(limit, eq) for text in wanted if (limit := read_instant(text)) is not None]
    else:
        return None
    unit = 1 if NOW.lower() in clock else _SECOND
    within = ((limit, compare) for limit, compare in turns if abs(limit) < _NO_CALENDAR)
    return tuple(edge for limit, compare in within for edge in _turning(compare, limit, unit))


def _turning(compare: Callable[[float, float], bool], limit: float, unit: int) -> Iterator[int]:
    """Give where a comparison with an instant turns, as time goes on by units of so many microseconds."""
    at = floor(round(limit * _SECOND) / unit) * unit
    for edge in (at, at + unit):
        before, since = (edge - unit) / _SECOND, edge / _SECOND
        if compare(before, limit) != compare(since, limit):
            yield edge


def _denied(decisions: Sequence[Decision]) -> npt.NDArray[np.bool_]:
    """Tell which decisions deny a way: first of one whose policies were all read, then of another.

    A policy that was not read may allow what the others are silent of.
    """
    explicitly = np.array([decision.effect is Effect.EXPLICITLY_DENIED for decision in decisions])
    implicitly = np.array([decision.effect is Effect.IMPLICITLY_DENIED for decision in decisions])
    return np.stack((explicitly | implicitly, explicitly))


def _column(values: Sequence[Any], codes: npt.NDArray[np.integer]) -> pa.Array:
    """Make a column of values by their numbers; equal ones are one."""
    distinct: dict[Any, int] = {}
    numbers = np.array([distinct.setdefault(value, len(distinct)) for value in values], np.int32)[codes]
    if any(isinstance(value, tuple) for value in distinct):
        return pa.array(map(list, distinct), pa.list_(pa.string())).take(pa.array(numbers))
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(list(distinct), pa.string()))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def _interval(start: int, end: int) -> Interval:
    return Interval(_instant(start), _instant(end))


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
