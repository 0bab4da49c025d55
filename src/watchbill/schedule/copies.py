"""What copies of outside schedules give: the shifts of one, how two differ, and what all of them come to over time.

Who was on call at an instant is said by the copy that was in force then, so that a schedule which is changed afterwards
changes nothing of what was. The first copy reaches back before it came.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watchbill.errors import Problem
from watchbill.intervals import Interval, merge, subtract
from watchbill.schedule.imported import Imported, matched
from watchbill.team.model import Feed, Held, Layer, Person, Rota, Team


_BACK = timedelta(days=31)
_AHEAD = timedelta(days=180)
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Source:
    """A layer that takes its shifts from outside."""

    name: str
    """`rota/layer`."""
    layer: Layer
    feed: Feed


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Somebody gains or loses a span by a new copy."""

    interval: Interval
    person: str
    gains: bool


def sources(team: Team) -> tuple[Source, ...]:
    """Give every layer that takes its shifts from outside."""
    return tuple(
        Source(_name(rota, layer), layer, layer.pattern)
        for rota in team.rotas.values()
        for layer in rota.layers
        if isinstance(layer.pattern, Feed)
    )


def read_span(at: datetime) -> Interval:
    """Give the span over which a copy is read."""
    return Interval(at - _BACK, at + _AHEAD)


def held_by(
    imported: Imported, layer: Layer, people: Mapping[str, Person], file: str
) -> tuple[tuple[Held, ...], tuple[Problem, ...]]:
    """Give the shifts that a copy gives to members of the layer, and a problem for each other name it has.

    Entries in another capacity than the layer's are of no account, where the source says in which they are.
    """
    mine = tuple(entry for entry in imported.entries if entry.kind in (None, layer.kind))
    kept, problems = matched(replace(imported, entries=mine), people, layer.members, file)
    return tuple(Held(entry.interval, person, entry.uid) for entry, person in kept), problems


def changes(before: Iterable[Held], after: Iterable[Held], at: datetime) -> tuple[Change, ...]:
    """Give what everyone gains and loses from an instant on, in order of time."""
    ahead = Interval(at, at + _AHEAD)
    one, other = _by_person(before, ahead), _by_person(after, ahead)
    gained = (Change(span, person, gains=True) for person, span in _more(other, one))
    lost = (Change(span, person, gains=False) for person, span in _more(one, other))
    return tuple(sorted([*gained, *lost]))


def may_pass(before: Sequence[Held] | None, after: Sequence[Held], at: datetime, most_change: float) -> bool:
    """Tell whether a copy may take the place of another without a person's word.

    What changes is the person-time that is gained or lost in the coming 30 days, whichever is more, as a share of what
    is held in them. More than nothing is always too much, and so is a first copy that gives anything at all: whoever
    has the address of a schedule, or gives a wrong one, would say who gets access. A `most_change` of 1 lets all pass.
    """
    if most_change >= 1:
        return True
    if before is None:
        return not after
    month = Interval(at, at + _MONTH)
    held = sum((span.length for spans in _by_person(before, month).values() for span in spans), timedelta())
    made = changes(before, after, at)
    changed = max(_length(made, month, gains=True), _length(made, month, gains=False))
    return changed <= held * most_change


def over_time(copies: Sequence[tuple[datetime, Sequence[Held]]]) -> tuple[Held, ...]:
    """Give what copies come to, each with the instant from which it was in force, in order of time."""
    pieces: list[Held] = []
    for number, (since, held) in enumerate(copies):
        until = copies[number + 1][0] if number + 1 < len(copies) else None
        for each in held:
            start = each.interval.start if number == 0 else max(since, each.interval.start)
            end = each.interval.end if until is None else min(until, each.interval.end)
            if start < end:
                pieces.append(replace(each, interval=Interval(start, end)))
    return tuple(sorted(_joined(pieces), key=lambda each: each.interval))


def with_held(team: Team, held: Mapping[str, tuple[Held, ...]]) -> Team:
    """Give a team whose feeds hold these shifts, by `rota/layer`; one that is not named holds nobody."""

    def filled(rota: Rota, layer: Layer) -> Layer:
        if not isinstance(layer.pattern, Feed):
            return layer
        return replace(layer, pattern=replace(layer.pattern, held=held.get(_name(rota, layer))))

    rotas = {
        name: replace(rota, layers=tuple(filled(rota, layer) for layer in rota.layers))
        for name, rota in team.rotas.items()
    }
    return replace(team, rotas=rotas)


def _name(rota: Rota, layer: Layer) -> str:
    return f"{rota.name}/{layer.name}"


def _by_person(held: Iterable[Held], within: Interval) -> Mapping[str, tuple[Interval, ...]]:
    found: dict[str, list[Interval]] = {}
    for each in held:
        if (span := each.interval.intersection(within)) is not None:
            found.setdefault(each.person, []).append(span)
    return {person: merge(spans) for person, spans in found.items()}


def _more(
    one: Mapping[str, tuple[Interval, ...]], other: Mapping[str, tuple[Interval, ...]]
) -> Iterator[tuple[str, Interval]]:
    """Give what people have in one and not in the other."""
    for person, spans in one.items():
        for rest in _without(spans, other.get(person, ())):
            yield person, rest


def _without(spans: Sequence[Interval], taken: Sequence[Interval]) -> Iterator[Interval]:
    """Give what is left of spans; both are in order and apart, so that each is looked at once."""
    first = 0
    for span in spans:
        while first < len(taken) and taken[first].end <= span.start:
            first += 1
        last = first
        while last < len(taken) and taken[last].start < span.end:
            last += 1
        yield from subtract(span, taken[first:last])


def _length(made: Iterable[Change], within: Interval, *, gains: bool) -> timedelta:
    spans = (change.interval.intersection(within) for change in made if change.gains is gains)
    return sum((span.length for span in spans if span is not None), timedelta())


def _joined(pieces: Iterable[Held]) -> Iterator[Held]:
    """Join what was cut where one copy took the place of another that says the same."""
    last: dict[tuple[str, str], Held] = {}
    for piece in sorted(pieces, key=lambda each: each.interval):
        key = (piece.person, piece.uid)
        before = last.get(key)
        if before is not None and before.interval.end == piece.interval.start:
            last[key] = replace(before, interval=Interval(before.interval.start, piece.interval.end))
            continue
        if before is not None:
            yield before
        last[key] = piece
    yield from last.values()
