"""Compile a rota to shifts in UTC, and ask who is on call.

The rules, in the order they apply, for each kind of duty by itself:

1. A layer's shifts are turns of a rotation (`rotation`), shifts that recur by a rule (`recurrence`), or what the good
   copy of an outside schedule gives to its members.
2. They are cut to the layer's weekly hours by its wall clock, and to the span in which the layer is in force.
3. Leave, and public holidays where somebody has them off, take the person out of their own shifts.
4. Where layers of a kind overlap, the later one in the file wins. A layer that is `beside` the one before it is on call
   together with it.
5. Overrides, in file order: `add` takes over what `remove` holds in the span, or the whole span when no `remove` is
   named; without `add` the span of `remove` falls empty. `swap` exchanges what two people hold. `instead` empties the
   span and puts its stints there. An `add` that is `beside` takes nothing from anybody.

Nobody is on call twice at once for one kind. Everything is half-open: the instant of a handoff belongs to the next
shift. Grace is not applied here: it widens entitlement only, never who is on call.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval, Timeline, merge, subtract
from watchbill.schedule.holidays import holidays_within, is_holiday
from watchbill.schedule.model import Duty, Gap, Shift
from watchbill.schedule.recurrence import Recurring
from watchbill.schedule.rotation import Turns
from watchbill.schedule.wall import in_hours, reached, weekly_hours
from watchbill.team.model import Feed, Kind, Layer, Override, Required, Rota, Rotation


_MOMENT = timedelta(microseconds=1)
_EVERY = frozenset(Kind)


def shifts(rota: Rota, within: Interval, kinds: Collection[Kind] = _EVERY) -> tuple[Shift, ...]:
    """Give every shift of some kinds that touches `within`, cut to it, in order of time."""
    return Schedule(rota, kinds).shifts(within)


def gaps(rota: Rota, within: Interval) -> tuple[Gap, ...]:
    """Give every span of `within` in which a required kind has too few people on call."""
    return Schedule(rota).gaps(within)


class Schedule:
    """A rota made ready to be asked, often."""

    def __init__(self, rota: Rota, kinds: Collection[Kind] = _EVERY) -> None:
        """Make it ready for questions about some kinds: none says anything about another."""
        self.rota = rota
        away = Away(rota)
        there = dict.fromkeys([*(layer.kind for layer in rota.layers), *(each.kind for each in rota.overrides)])
        self._kinds = [_OfKind(rota, kind, away) for kind in there if kind in kinds]

    def shifts(self, within: Interval) -> tuple[Shift, ...]:
        """Give every shift that touches `within`, cut to it, in order of time."""
        return tuple(sorted(shift for kind in self._kinds for shift in kind.shifts(within)))

    def on_call(self, at: datetime) -> tuple[Duty, ...]:
        """Tell who is on call at an instant."""
        found = [duty for kind in self._kinds for duty in kind.on_call(at)]
        return tuple(sorted(found)) if len(found) > 1 else tuple(found)

    def gaps(self, within: Interval) -> tuple[Gap, ...]:
        """Give every span of `within` in which a required kind has too few people on call."""
        found = self.shifts(within) if self.rota.required else ()
        missing = (self._missing(required, found, within) for required in self.rota.required)
        return tuple(sorted(gap for gaps in missing for gap in gaps))

    def _missing(self, required: Required, found: Iterable[Shift], within: Interval) -> Iterator[Gap]:
        held = [shift.interval for shift in found if shift.kind is required.kind]
        enough = merge(held) if required.people == 1 else _held_by(held, required.people)
        hours = weekly_hours(required.hours, ZoneInfo(required.time_zone), within)
        covered = Timeline(enough, _itself)
        for hour in hours:
            for rest in subtract(hour, covered.meeting(hour)):
                yield Gap(rest, self.rota.name, required.kind, required.people, self.rota.where)


def _held_by(held: Iterable[Interval], people: int) -> tuple[Interval, ...]:
    """Give the instants that at least so many intervals have in common."""
    turns = sorted([*((span.start, 1) for span in held), *((span.end, -1) for span in held)])
    found: list[Interval] = []
    count = 0
    for (at, change), (following, _) in pairwise(turns):
        count += change
        if count >= people and at < following:
            found.append(Interval(at, following))
    return merge(found)


class Away:
    """When people are on leave, or have a public holiday off."""

    def __init__(self, rota: Rota) -> None:
        self._leave: dict[str, list[Interval]] = {}
        for leave in rota.leave:
            self._leave.setdefault(leave.person, []).append(leave.interval)
        self._holidays = rota.holidays

    def of(self, person: str, within: Interval) -> list[Interval]:
        """Give the spans in which somebody is away."""
        found = list(self._leave.get(person, ()))
        if person in self._holidays:
            found += holidays_within(*self._holidays[person], within)
        return found

    def at(self, person: str, at: datetime) -> bool:
        """Tell whether somebody is away at an instant."""
        if person in self._holidays:
            place, zone = self._holidays[person]
            if is_holiday(place, reached(at, zone).date()):
                return True
        return any(at in interval for interval in self._leave.get(person, ()))


class _Line:
    """One layer, made ready to be asked."""

    def __init__(self, rota: Rota, layer: Layer, away: Away) -> None:
        self._layer, self._away = layer, away
        self._zone = ZoneInfo(layer.time_zone)
        self._duties = {
            member: Duty(rota.name, layer.kind, member, f"layer {layer.name}", layer.where) for member in layer.members
        }
        pattern = layer.pattern
        self._turns = Turns(pattern, layer.time_zone) if isinstance(pattern, Rotation) else None

    def shifts(self, within: Interval) -> list[Shift]:
        """Give its shifts, cut to a span; nobody has two at once."""
        cut = self._in_force(within)
        if cut is None:
            return []
        hours = Timeline(weekly_hours(self._layer.restrictions, self._zone, cut), _itself)
        away = {person: self._away.of(person, cut) for person in self._layer.members}
        found: list[Shift] = []
        until: dict[str, datetime] = {}
        for span, duty in self._spans(cut):
            last = until.get(duty.person, span.start)
            if span.end <= last:
                continue
            until[duty.person] = span.end
            begun = span if last <= span.start else Interval(last, span.end)
            for hour in hours.meeting(begun):
                worked = begun.intersection(hour)
                if worked is not None:
                    found += [Shift(rest, duty) for rest in subtract(worked, away[duty.person])]
        return found

    def on_call(self, at: datetime) -> list[Duty]:
        """Tell who is on call at an instant by it."""
        layer = self._layer
        if (layer.since is not None and at < layer.since) or (layer.until is not None and at >= layer.until):
            return []
        local = reached(at, layer.time_zone)
        if layer.restrictions and not in_hours(layer.restrictions, local):
            return []
        if self._turns is not None:
            person = self._turns.member(self._turns.number_at(local))
            return [] if self._away.at(person, at) else [self._duties[person]]
        by_person: dict[str, Duty] = {}
        for _, duty in self._spans(Interval(at, at + _MOMENT)):
            by_person.setdefault(duty.person, duty)
        return [duty for person, duty in by_person.items() if not self._away.at(person, at)]

    def _in_force(self, within: Interval) -> Interval | None:
        start = max(within.start, self._layer.since or within.start)
        end = min(within.end, self._layer.until or within.end)
        return Interval(start, end) if start < end else None

    def _spans(self, within: Interval) -> Iterator[tuple[Interval, Duty]]:
        """Give what its pattern says, in order of time."""
        if isinstance(self._layer.pattern, Feed):
            for whole, duty in self._copied.meeting(within):
                if (cut := whole.intersection(within)) is not None:
                    yield cut, duty
            return
        for span, person in (self._turns or self._recurring).within(within):
            yield span, self._duties[person]

    @cached_property
    def _recurring(self) -> Recurring:
        assert not isinstance(self._layer.pattern, Rotation | Feed)
        return Recurring(self._layer.pattern, self._layer.members, self._layer.time_zone)

    @cached_property
    def _copied(self) -> Timeline[tuple[Interval, Duty]]:
        """The shifts that the copy of an outside schedule gives."""
        assert isinstance(self._layer.pattern, Feed)
        found = []
        for held in self._layer.pattern.held or ():
            duty = self._duties[held.person]
            source = f"{duty.source}, entry {held.uid}"
            found.append((held.interval, Duty(duty.rota, duty.kind, duty.person, source, duty.where)))
        return Timeline(found, lambda each: each[0])


class _OfKind:
    """What decides who is on call in one capacity."""

    def __init__(self, rota: Rota, kind: Kind, away: Away) -> None:
        self._groups: list[list[_Line]] = []
        """Lines that are on call together; a later group wins."""
        for layer in rota.layers:
            if layer.kind is kind:
                if not layer.beside or not self._groups:
                    self._groups.append([])
                self._groups[-1].append(_Line(rota, layer, away))
        self._rota, self._kind = rota.name, kind
        self._overrides = [override for override in rota.overrides if override.kind is kind]

    def shifts(self, within: Interval) -> list[Shift]:
        """Give every shift that touches a span, cut to it."""
        held: list[Shift] = []
        for group in reversed(self._groups):
            taken = Timeline([shift.interval for shift in held], _itself)
            mine: list[Shift] = []
            for line in group:
                mine += _besides(mine, line.shifts(within))
            for shift in mine:
                rests = subtract(shift.interval, taken.meeting(shift.interval))
                held.extend(Shift(rest, shift.duty) for rest in rests)
        for override in self._overrides:
            if (span := override.interval.intersection(within)) is not None:
                held = self._overridden(held, override, span)
        return held

    def on_call(self, at: datetime) -> list[Duty]:
        """Tell who is on call at an instant."""
        for override in self._overrides:
            if at in override.interval:
                # Overrides are few at any instant: the shifts of a moment answer for them.
                return [shift.duty for shift in self.shifts(Interval(at, at + _MOMENT))]
        for group in reversed(self._groups):
            if len(group) == 1:
                found = group[0].on_call(at)
            else:
                by_person: dict[str, Duty] = {}
                for line in group:
                    for duty in line.on_call(at):
                        by_person.setdefault(duty.person, duty)
                found = list(by_person.values())
            if found:
                return found
        return []

    def _overridden(self, held: Sequence[Shift], override: Override, span: Interval) -> list[Shift]:
        kept: list[Shift] = []
        relieved: list[Shift] = []
        for shift in held:
            common = shift.interval.intersection(span)
            if common is None or not _relieves(override, shift.person):
                kept.append(shift)
            else:
                kept.extend(Shift(rest, shift.duty) for rest in subtract(shift.interval, [span]))
                relieved.append(Shift(common, shift.duty))
        return [*kept, *_besides(kept, self._instead(relieved, override, span))]

    def _instead(self, relieved: Sequence[Shift], override: Override, span: Interval) -> list[Shift]:
        """Give who is on call instead of those whom an override relieves."""
        if override.instead is not None:
            stints = [(each.interval.intersection(span), each.person) for each in override.instead]
            return _once_each(Shift(cut, self._by(override, person)) for cut, person in stints if cut is not None)
        if override.swap is not None:
            one, other = override.swap
            turned = {one: self._by(override, other), other: self._by(override, one)}
            return [Shift(shift.interval, turned[shift.person]) for shift in relieved]
        if override.add is None:
            return []
        spans = (span,) if override.remove is None else merge(shift.interval for shift in relieved)
        return [Shift(each, self._by(override, override.add)) for each in spans]

    def _by(self, override: Override, person: str) -> Duty:
        return Duty(self._rota, self._kind, person, f"override {override.name}", override.where)


def _besides(held: Sequence[Shift], more: Sequence[Shift]) -> list[Shift]:
    """Give what more shifts add, where nobody is on call twice at once."""
    if not held:
        return list(more)
    of_person: dict[str, list[Interval]] = {}
    for shift in held:
        of_person.setdefault(shift.person, []).append(shift.interval)
    known = {person: Timeline(spans, _itself) for person, spans in of_person.items()}
    found = []
    for shift in more:
        taken = known[shift.person].meeting(shift.interval) if shift.person in known else ()
        found += [Shift(rest, shift.duty) for rest in subtract(shift.interval, taken)]
    return found


def _once_each(stints: Iterable[Shift]) -> list[Shift]:
    """Keep the first of what one person would hold twice at once."""
    kept: list[Shift] = []
    for shift in sorted(stints):
        kept += _besides(kept, [shift])
    return kept


def _relieves(override: Override, person: str) -> bool:
    """Tell whether an override takes from somebody what they hold in its span."""
    if override.swap is not None:
        return person in override.swap
    if override.instead is not None or override.remove is None:
        return not override.beside
    return person == override.remove


def _itself(interval: Interval) -> Interval:
    return interval
