"""Correlations: what several hits say together, within a span of time.

Hits may come in any order; they are put in order of time when alerts are asked for. Exactly:

* Hits of the members are put into groups by what stands at the `group-by` fields, as text without regard to case; an
  alias says which field of which member is meant. A hit that lacks one of these fields is in no group, and not counted:
  what is nobody's is not one and the same somebody's. pySigma's own backends have it so.
* One event counts once, however often it was delivered and however many members it matches; only `temporal` asks which
  members they were, and there one event may stand for several.
* A group is looked at whenever it has a hit, at `t`: its *window* is all hits from `t - timespan` to `t`, both in it,
  those of the same instant too.
* It alerts at `t` where the window satisfies the condition and has not been satisfying all along: the last time that
  was looked at did not satisfy it, or lies more than a timespan back, when the window had been empty in between. So a
  burst is one alert, at the moment at which it suffices; the evidence is the window of then, and `more` says how many
  hits came while it lasted.
* `value_count` counts the different values of the field, or of the fields together, without regard to case;
  `value_sum`, `value_avg`, `value_median` and `value_percentile` are of those values that are numbers, and satisfy
  nothing where there is none. A percentile is the least value that so many per cent of the values do not exceed
  (nearest rank); the median of an even number is the mean of the middle two.
* `temporal` counts the members that have a hit in the window; without a condition all must have one.
* `temporal_ordered` looks for a hit of each member in the order of the rules, none earlier than the one before it; two
  neighbours in that order are two events. The evidence is the chain that began last.
* *Absent before* (`absent` names the first rule): a hit of the second with none of the first in the window before it.
  *Absent after* (the second): a hit of the first with none of the second from then until a timespan later; that
  is known, and told with that time, only once the watermark has passed it. Only the hits that are there are looked at.
* An alert of a correlation that another one counts is a hit at the time of the alert, which has no fields but those it
  was grouped by.

Source: Sigma specification 2.1, "Sigma correlation rules".
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from math import ceil
from operator import attrgetter
from typing import Any, Final, NamedTuple

import pyarrow.compute as pc

from watchbill.detect.sigma.columns import Hits
from watchbill.detect.sigma.held import Held, Hit, Key, Stretch, Texts, folded
from watchbill.detect.sigma.model import Correlation, Expression, Kind, Rule
from watchbill.detect.sigma.tree import Record
from watchbill.detect.sigma.values import number_of, path_of, text_of, values_at


Values = Sequence[Any]
"""What stands at a field."""

_ENOUGH: Final = 5_000
"""Hits that are held at least before any are dropped."""

_BOUNDS: Final[Mapping[str, Callable[[Any, float], bool]]] = {
    "gt": lambda number, bound: number > bound,
    "gte": lambda number, bound: number >= bound,
    "lt": lambda number, bound: number < bound,
    "lte": lambda number, bound: number <= bound,
    "eq": lambda number, bound: number == bound,
    "neq": lambda number, bound: number != bound,
}


@dataclass(frozen=True, slots=True)
class Alert:
    """A correlation was satisfied."""

    correlation: Correlation
    at_ms: int
    """When it was; of what is absent after, when the wait was over."""
    first_ms: int
    last_ms: int
    """Times of the first and the last event of the evidence."""
    key: Mapping[str, Texts]
    """What stands at each field that it was grouped by, as the first hit of the group spells it."""
    event_ids: Texts
    """The evidence, in order of time."""
    more: int
    """Hits that came after, while it lasted."""
    until_ms: int
    """Time of the last of them; of the last event of the evidence where there is none."""


class _Look(NamedTuple):
    """What came of looking at a group at one time."""

    time: int
    holds: bool
    evidence: Callable[[], Sequence[Hit]]
    hits: int
    """How many came at that time."""


class Correlator:
    """Gathers hits, and tells what they say together."""

    def __init__(self, rules: Sequence[Rule], correlations: Sequence[Correlation]) -> None:
        """Take rules in the order in which hits number them; `correlations` each after its members."""
        self._correlations = tuple(correlations)
        self._held = {id(each): Held(each.span_ms) for each in self._correlations}
        self._over: dict[int, list[Alert]] = {id(each): [] for each in self._correlations}
        """Alerts of what is over."""
        self._due = dict.fromkeys(self._held, _ENOUGH)
        self._by: dict[int, list[_Member]] = {}
        """Who counts the hits of a rule, by its number."""
        self._latest: int | None = None
        numbers = {id(rule): number for number, rule in enumerate(rules)}
        for each in self._correlations:
            for place, counted in enumerate(each.members):
                if isinstance(counted, Rule):
                    self._by.setdefault(numbers[id(counted)], []).append(_Member.of(each, place))

    @property
    def wants(self) -> frozenset[int]:
        """Numbers of the rules whose hits are counted."""
        return frozenset(self._by)

    def add(self, hits: Hits) -> None:
        """Take the hits of a batch, and see how far time has come in it."""
        columns = hits.columns
        if columns.count:
            self.reach(int(pc.max(columns.times()).as_py()))
        for number in sorted(self.wants.intersection(hits.rules.tolist())):
            rows = hits.rows[hits.rules == number]
            told = [columns.column(name, rows) for name in ("time_ms", "id", "account")]
            names = list(dict.fromkeys(name for member in self._by[number] for name in (*member.by, *member.fields)))
            values = {name: columns.values(path_of(name), rows) for name in names}
            for member in self._by[number]:
                self._add(member, told, values)

    def _add(self, member: "_Member", told: Sequence[Sequence[Any]], values: Mapping[str, Sequence[Values]]) -> None:
        """Take the hits of one rule in a batch for one that counts them."""
        held = self._held[id(member.of_)]
        by, fields = ([values[name] for name in names] for names in (member.by, member.fields))
        columns = [*by, *fields]
        # Rows that share what stands there mostly share the very object.
        known: dict[tuple[int, ...], tuple[int, int] | None] = {}
        for place, (time, event_id, account) in enumerate(zip(*told, strict=True)):
            same = tuple(id(column[place]) for column in columns)
            if same not in known:
                key = _key(column[place] for column in by)
                counted = _counted_of(member.of_, [column[place] for column in fields])
                known[same] = held.numbers(key, counted) if all(key) else None
            numbers = known[same]
            if numbers is not None:
                held.add_numbered(time, event_id, held.account(account or ""), member.place, numbers)

    def add_record(self, number: int, record: Record, time_ms: int, event_id: str) -> None:
        """Take a hit of a rule on one record."""
        self.reach(time_ms)
        for member in self._by.get(number, ()):
            by, fields = ([values_at(record, path_of(name)) for name in names] for names in (member.by, member.fields))
            key = _key(by)
            if all(key):
                hit = Hit(time_ms, (event_id,), member.place, _counted_of(member.of_, fields))
                self._held[id(member.of_)].add(hit, "", key)

    def reach(self, time_ms: int) -> None:
        """Say that time has come so far."""
        self._latest = time_ms if self._latest is None else max(self._latest, time_ms)

    def settle(self, until_ms: int) -> bool:
        """Say that no hit before an instant comes any more: what is over is looked at and dropped, if it is much.

        Tells whether anything was. Alerts may not be asked for with a watermark before that instant any more.
        """
        due = [
            each
            for each in self._correlations
            if len(self._held[id(each)]) >= self._due[id(each)] and all(isinstance(of, Rule) for of in each.members)
        ]
        for each in due:
            held = self._held[id(each)]
            over = [of for of in held.stretches(*_enough(each)) if of.last + each.span_ms < until_ms]
            self._over[id(each)] += _alerts_in(each, held, over, until_ms)
            held.drop_before(until_ms)
            self._due[id(each)] = 2 * len(held) + _ENOUGH
        return bool(due)

    def held(self) -> frozenset[str]:
        """Give the ids of all events that an alert may have."""
        found = {event_id for alerts in self._over.values() for alert in alerts for event_id in alert.event_ids}
        return frozenset(found.union(*(held.ids().to_pylist() for held in self._held.values())))

    def alerts(self, watermark_ms: int | None = None) -> list[Alert]:
        """Give all alerts, in order of time; `watermark_ms` is until when nothing is missing, else the latest event."""
        until = self._latest if watermark_ms is None else watermark_ms
        made: dict[int, list[Alert]] = {}
        for correlation in self._correlations:
            made[id(correlation)] = self._alerts_of(correlation, made, until)
        found = [alert for each in made.values() for alert in each]
        return sorted(found, key=lambda alert: (alert.at_ms, alert.correlation.title, alert.event_ids))

    def _alerts_of(
        self, correlation: Correlation, made: Mapping[int, Sequence[Alert]], until: int | None
    ) -> list[Alert]:
        held = self._held[id(correlation)]
        if all(isinstance(each, Rule) for each in correlation.members):
            rest = _alerts_in(correlation, held, held.stretches(*_enough(correlation)), until)
            return [*self._over[id(correlation)], *rest]
        groups: dict[Key, list[tuple[Hit, Key]]] = {}
        for key, hit in (*held.by_group(), *_of_alerts(correlation, made)):
            groups.setdefault(folded(key), []).append((hit, key))
        alerts: list[Alert] = []
        for keyed in groups.values():
            keyed.sort(key=lambda pair: pair[0][:3])
            alerts += _alerts(correlation, _spelled(correlation, keyed[0][1]), [hit for hit, _ in keyed], until)
        return alerts


class _Member(NamedTuple):
    """A correlation, as what counts the hits of one of its members."""

    of_: Correlation
    place: int
    """Which of its members."""
    by: Texts
    fields: Texts

    @classmethod
    def of(cls, correlation: Correlation, place: int) -> "_Member":
        """Take a member by its place."""
        reference = correlation.references[place]
        by, fields = (
            tuple(_field(correlation, name, reference) for name in names)
            for names in (correlation.group_by, correlation.fields)
        )
        return cls(correlation, place, by, fields)


def _key(values: Iterable[Values]) -> Key:
    return tuple(tuple(text_of(value) for value in each) for each in values)


def _spelled(correlation: Correlation, key: Key) -> Mapping[str, Texts]:
    return dict(zip(correlation.group_by, key, strict=True))


def _of_alerts(correlation: Correlation, made: Mapping[int, Sequence[Alert]]) -> Iterator[tuple[Key, Hit]]:
    """Give the alerts of other correlations that are counted."""
    for place, (reference, counted) in enumerate(zip(correlation.references, correlation.members, strict=True)):
        for alert in made[id(counted)] if isinstance(counted, Correlation) else ():
            key = tuple(alert.key.get(_field(correlation, name, reference), ()) for name in correlation.group_by)
            values = [alert.key.get(_field(correlation, name, reference), ()) for name in correlation.fields]
            if all(key):
                yield key, Hit(alert.at_ms, alert.event_ids, place, _counted_of(correlation, values))


def _alerts_in(
    correlation: Correlation, held: Held, stretches: Iterable[Stretch], until: int | None
) -> Iterator[Alert]:
    for each in stretches:
        yield from _alerts(correlation, _spelled(correlation, held.key(each.group)), held.hits(each), until)


def _field(correlation: Correlation, name: str, reference: str) -> str:
    """Give the field that a name stands for in the events of a member."""
    return correlation.aliases.get(name, {}).get(reference, name)


def _alerts(
    correlation: Correlation, key: Mapping[str, Texts], hits: Sequence[Hit], until: int | None
) -> Iterator[Alert]:
    """Give the alerts of one group, whose hits are in order of time."""
    span = correlation.span_ms
    delay = span if correlation.kind is Kind.ABSENT_AFTER else 0
    before: _Look | None = None
    begun: Alert | None = None
    for look in _LOOKS[correlation.kind](correlation, hits, until):
        lasts = before is not None and before.holds and look.time - before.time <= span
        if look.holds and lasts and begun is not None:
            begun = replace(begun, more=begun.more + look.hits, until_ms=look.time)
        else:
            if begun is not None:
                yield begun
            begun = _alert(correlation, key, look, delay) if look.holds else None
        before = look
    if begun is not None:
        yield begun


def _alert(correlation: Correlation, key: Mapping[str, Texts], look: _Look, delay: int) -> Alert:
    evidence = look.evidence()
    ids = tuple(dict.fromkeys(each for hit in evidence for each in hit.ids))
    first, last = evidence[0].time, evidence[-1].time
    return Alert(correlation, look.time + delay, first, last, key, ids, 0, last)


def _by_time(hits: Sequence[Hit]) -> Iterator[tuple[int, Sequence[Hit]]]:
    for time, found in groupby(hits, key=attrgetter("time")):
        yield time, tuple(found)


def _satisfied(correlation: Correlation, number: float | Fraction) -> bool:
    return all(_BOUNDS[name](number, bound) for name, bound in correlation.bounds)


def _once(hits: Sequence[Hit]) -> list[Hit]:
    """Give each event once, whichever members it is a hit of."""
    return list({hit.ids: hit for hit in reversed(hits)}.values())[::-1]


# --- What is counted of a hit ----------------------------------------------------------------------


def _counted_of(correlation: Correlation, values: Sequence[Values]) -> tuple[Any, ...]:
    """Give what a correlation counts, or sums, of what stands at its fields."""
    if correlation.kind is Kind.VALUE_COUNT:
        return tuple(_valued(values))
    return tuple(_numbers(values)) if correlation.kind in _OF_NUMBERS else ()


def _valued(values: Sequence[Values]) -> list[Texts]:
    """Give each value of one field, or those of several fields together; none where one is missing."""
    texts = [tuple(text_of(value).lower() for value in each) for each in values]
    if len(texts) == 1:
        return [(text,) for text in dict.fromkeys(texts[0])]
    return [tuple("\0".join(each) for each in texts)] if all(texts) else []


def _numbers(values: Sequence[Values]) -> list[float]:
    found = (number_of(value) for each in values for value in each)
    return [number for number in found if number is not None and number - number == 0]


_OF_NUMBERS: Final = frozenset({Kind.VALUE_SUM, Kind.VALUE_AVG, Kind.VALUE_MEDIAN, Kind.VALUE_PERCENTILE})


def _enough(correlation: Correlation) -> tuple[Callable[[tuple[Any, ...]], int] | None, float]:
    """Give how much a hit counts at most, and how much a window must count at least; None where that is not known."""
    weigh: Callable[[tuple[Any, ...]], int] | None = None
    if correlation.kind is Kind.EVENT_COUNT:
        weigh = _one
    elif correlation.kind is Kind.VALUE_COUNT:
        weigh = len
    return weigh, max((bound for name, bound in correlation.bounds if name in ("gt", "gte", "eq")), default=0)


def _one(_: tuple[Any, ...]) -> int:
    return 1


# --- Windows in which something is counted ---------------------------------------------------------


class _Count:
    """How many events there are."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._number = 0

    def add(self, _: Hit) -> None:
        self._number += 1

    def remove(self, _: Hit) -> None:
        self._number -= 1

    def holds(self) -> bool:
        return _satisfied(self._correlation, self._number)


class _Different:
    """How many different values there are."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._seen: dict[Any, int] = {}
        self._held: deque[tuple[Texts, ...]] = deque()
        """The values of each hit in the window."""

    def add(self, hit: Hit) -> None:
        self._held.append(hit.values)
        for value in hit.values:
            self._seen[value] = self._seen.get(value, 0) + 1

    def remove(self, _: Hit) -> None:
        # Hits leave in the order in which they came.
        for value in self._held.popleft():
            self._seen[value] -= 1
            if not self._seen[value]:
                del self._seen[value]

    def holds(self) -> bool:
        return _satisfied(self._correlation, len(self._seen))


class _Numbers:
    """What numbers come to: their sum, mean, median or percentile."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._sum = Fraction(0)
        self._sorted: list[float] = []

    def add(self, hit: Hit) -> None:
        for number in hit.values:
            self._sum += Fraction(number)
            insort(self._sorted, number)

    def remove(self, hit: Hit) -> None:
        for number in hit.values:
            self._sum -= Fraction(number)
            del self._sorted[bisect_left(self._sorted, number)]

    def holds(self) -> bool:
        return bool(self._sorted) and _satisfied(self._correlation, self._value())

    def _value(self) -> float | Fraction:
        count, kind = len(self._sorted), self._correlation.kind
        if kind is Kind.VALUE_SUM:
            return self._sum
        if kind is Kind.VALUE_AVG:
            return self._sum / count
        if kind is Kind.VALUE_MEDIAN:
            return (Fraction(self._sorted[(count - 1) // 2]) + Fraction(self._sorted[count // 2])) / 2
        return self._sorted[max(0, ceil(Fraction(self._correlation.percentile * count, 100)) - 1)]


class _Present:
    """Which members have a hit."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._seen: Counter[int] = Counter()

    def add(self, hit: Hit) -> None:
        self._seen[hit.member] += 1

    def remove(self, hit: Hit) -> None:
        self._seen[hit.member] -= 1

    def holds(self) -> bool:
        present = {member for member, count in self._seen.items() if count}
        expression = self._correlation.expression
        if expression is None:
            return _satisfied(self._correlation, len(present))
        return _true(expression, {self._correlation.references[member] for member in present})


def _true(expression: Expression, present: set[str]) -> bool:
    if isinstance(expression, str):
        return expression in present
    word, parts = expression
    if word == "not":
        return not _true(parts[0], present)
    found = (_true(part, present) for part in parts)
    return all(found) if word == "and" else any(found)


_Window = _Count | _Different | _Numbers | _Present
_WINDOWS: Final[Mapping[Kind, Callable[[Correlation], _Window]]] = {
    Kind.EVENT_COUNT: _Count,
    Kind.VALUE_COUNT: _Different,
    Kind.VALUE_SUM: _Numbers,
    Kind.VALUE_AVG: _Numbers,
    Kind.VALUE_MEDIAN: _Numbers,
    Kind.VALUE_PERCENTILE: _Numbers,
    Kind.TEMPORAL: _Present,
}


def _counted(correlation: Correlation, hits: Sequence[Hit], _: int | None) -> Iterator[_Look]:
    """Slide a window over the hits of a group."""
    if correlation.kind is not Kind.TEMPORAL:
        hits = _once(hits)
    window, start, end = _WINDOWS[correlation.kind](correlation), 0, 0
    for time, found in _by_time(hits):
        for hit in found:
            window.add(hit)
        end += len(found)
        while hits[start].time < time - correlation.span_ms:
            window.remove(hits[start])
            start += 1
        held = slice(start, end)
        yield _Look(time, window.holds(), lambda held=held, hits=hits: hits[held], len(found))  # type: ignore[misc]


# --- Order and absence -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chain:
    """Hits of the first members, in their order."""

    start: int
    hit: Hit
    before: "_Chain | None"

    def hits(self) -> list[Hit]:
        """Give them from the first on."""
        found, chain = [], self
        while True:
            found.append(chain.hit)
            if chain.before is None:
                return found[::-1]
            chain = chain.before


def _ordered(correlation: Correlation, hits: Sequence[Hit], _: int | None) -> Iterator[_Look]:
    """Keep, for each member, the two chains up to it that began last and end with different events."""
    best: list[list[_Chain]] = [[] for _ in correlation.members]
    for time, found in _by_time(hits):
        for member, chains in enumerate(best):
            for hit in found:
                if hit.member == member:
                    _extend(chains, hit, best[member - 1] if member else None)
        whole = best[-1][0] if best[-1] else None
        holds = whole is not None and whole.start >= time - correlation.span_ms
        yield _Look(time, holds, whole.hits if whole is not None else tuple, len(found))


def _extend(chains: list[_Chain], hit: Hit, shorter: Sequence[_Chain] | None) -> None:
    if shorter is None:
        new = _Chain(hit.time, hit, None)
    else:
        before = next((chain for chain in shorter if chain.hit.ids != hit.ids), None)
        if before is None:
            return
        new = _Chain(before.start, hit, before)
    chains[:] = sorted([new, *chains], key=lambda chain: -chain.start)[:2]


def _absent_before(correlation: Correlation, hits: Sequence[Hit], _: int | None) -> Iterator[_Look]:
    others = [hit.time for hit in hits if hit.member == 0]
    for time, found in _by_time([hit for hit in hits if hit.member == 1]):
        place = bisect_right(others, time)
        there = place > 0 and others[place - 1] >= time - correlation.span_ms
        yield _Look(time, not there, lambda found=found: found, len(found))  # type: ignore[misc]


def _absent_after(correlation: Correlation, hits: Sequence[Hit], until: int | None) -> Iterator[_Look]:
    others = [hit.time for hit in hits if hit.member == 1]
    for time, found in _by_time([hit for hit in hits if hit.member == 0]):
        place = bisect_left(others, time)
        there = place < len(others) and others[place] <= time + correlation.span_ms
        known = until is not None and time + correlation.span_ms <= until
        yield _Look(time, known and not there, lambda found=found: found, len(found))  # type: ignore[misc]


_LOOKS: Final[Mapping[Kind, Callable[[Correlation, Sequence[Hit], int | None], Iterator[_Look]]]] = {
    **dict.fromkeys(_WINDOWS, _counted),
    Kind.TEMPORAL_ORDERED: _ordered,
    Kind.ABSENT_BEFORE: _absent_before,
    Kind.ABSENT_AFTER: _absent_after,
}
