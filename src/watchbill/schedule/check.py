"""Look a team's schedules over: what is wrong with them, and how evenly they burden people.

What is found, by code:

- `gap`: a required kind has too few people on call. `leave-gap`: so it is because of somebody's leave or holiday.
- `double-booked`: one person is on call for two rotas, or in two capacities, at once. A shadow may be.
- `short-rest`: less than the rota's rest between two shifts of one person, whatever rotas they are of. Shifts that
  follow each other end to end are one stretch. Where it lies between two rotas, the longer rest counts.
- `away`: somebody on leave or holiday whom an override puts on call, or whom an outside schedule would.
- `no-copy`: a layer has an outside schedule and no copy of it, so that nobody is on call by it.
- `never-on-call`: a member of a rota does not come on call in all of the span.

A finding lies in the span asked about, but for the pause before a shift that begins in it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import time, timedelta
from itertools import combinations, pairwise
from zoneinfo import ZoneInfo

from watchbill.errors import Location
from watchbill.intervals import Interval, Timeline, merge, subtract
from watchbill.schedule.model import Gap, Shift
from watchbill.schedule.oncall import Away, Schedule
from watchbill.schedule.wall import reached, weekly_hours
from watchbill.team.model import Feed, Kind, Layer, Restriction, Rota, Rotation, Team


_MOMENT = timedelta(microseconds=1)
_NIGHT = (Restriction(frozenset(range(7)), time(22), time(6)),)
_WEEKEND = (Restriction(frozenset({5, 6}), time(), time()),)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a schedule that a person should look at."""

    code: str
    """One of those above; programs match on it."""
    message: str
    person: str | None
    """Whom it is about; None where it is nobody, or several."""
    interval: Interval
    where: Location
    """The line of the team file to look at first."""


@dataclass(frozen=True, slots=True)
class Load:
    """What being on call for one rota asks of one person. A shadow carries nothing."""

    person: str
    rota: str
    on_call: timedelta
    """How long they are on call, in whatever capacity; time in two capacities at once counts once."""
    at_night: timedelta
    """How much of it lies between 22:00 and 06:00 by their own clock."""
    at_weekends: timedelta
    """How much of it lies on a Saturday or Sunday by their own clock."""
    shifts: int
    """How often they come on call: what follows end to end is one shift."""
    share: float
    """Of the time that all people together are on call for the rota."""


def check(team: Team, within: Interval) -> tuple[Finding, ...]:
    """Give all that is found in a span, in order of time."""
    rotas = list(team.rotas.values())
    rest = max((rota.rest for rota in rotas), default=timedelta(0))
    # Who rests too little before a shift in the span may have been on call before it.
    early = [shift for rota in rotas for shift in Schedule(rota).shifts(Interval(within.start - rest, within.end))]
    found = [replace(shift, interval=cut) for shift in early if (cut := shift.interval.intersection(within))]
    findings = [finding for rota in rotas for finding in _of_rota(rota, found, within)]
    findings += _double_booked(found)
    findings += (each for each in _short_rests(early, team.rotas) if each.interval.end in within)
    return tuple(sorted(findings, key=lambda each: (each.interval, each.code, each.message)))


def fairness(team: Team, within: Interval) -> tuple[Load, ...]:
    """Give the load of everyone who takes part in a rota in a span, by rota, the most burdened first."""
    return tuple(load for rota in team.rotas.values() for load in _loads(team, rota, within))


def _of_rota(rota: Rota, found: Iterable[Shift], within: Interval) -> Iterator[Finding]:
    mine = [shift for shift in found if shift.rota == rota.name]
    yield from _gaps(rota, within)
    yield from _overridden_away(rota, mine)
    on_call = {shift.person for shift in mine}
    said: set[str] = set()
    for layer in rota.layers:
        if (span := _in_force(layer, within)) is None:
            continue
        if isinstance(layer.pattern, Feed):
            yield from _of_feed(rota, layer, layer.pattern, span)
        for person in _taking_part(layer, span):
            if person not in on_call and person not in said:
                said.add(person)
                message = f"`{person}` is a member of rota {rota.name} and never on call for it"
                yield Finding("never-on-call", message, person, within, layer.where)


# --- gaps ----------------------------------------------------------------------------------------


def _gaps(rota: Rota, within: Interval) -> Iterator[Finding]:
    gaps = Schedule(rota).gaps(within)
    missed = _missed(rota, within) if gaps else {}
    for gap in gaps:
        of_kind = {person: merge(spans.get(gap.kind, ())) for person, spans in missed.items()}
        ends = {end for spans in of_kind.values() for span in spans for end in (span.start, span.end)}
        inside = {end for end in ends if end in gap.interval}
        for start, end in pairwise(sorted(inside | {gap.interval.start, gap.interval.end})):
            people = [person for person, spans in of_kind.items() if any(start in span for span in spans)]
            yield _gap_finding(replace(gap, interval=Interval(start, end)), people)


def _missed(rota: Rota, within: Interval) -> Mapping[str, Mapping[Kind, Sequence[Interval]]]:
    """Give, by person, when they would be on call in what capacity if they alone were not away."""
    found: dict[str, dict[Kind, list[Interval]]] = {}
    schedule = Schedule(rota)
    for person in sorted({*(leave.person for leave in rota.leave), *rota.holidays}):
        away = [cut for span in Away(rota).of(person, within) if (cut := span.intersection(within)) is not None]
        leave = tuple(each for each in rota.leave if each.person != person)
        holidays = {name: place for name, place in rota.holidays.items() if name != person}
        there = Schedule(replace(rota, leave=leave, holidays=holidays))
        for span in merge(away):
            held = [shift for shift in schedule.shifts(span) if shift.person == person]
            for shift in there.shifts(span):
                if shift.person == person:
                    now = [each.interval for each in held if each.kind is shift.kind]
                    found.setdefault(person, {}).setdefault(shift.kind, []).extend(subtract(shift.interval, now))
    return found


def _gap_finding(gap: Gap, people: Sequence[str]) -> Finding:
    message = f"rota {gap.rota} has {gap}"
    if not people:
        return Finding("gap", message, None, gap.interval, gap.where)
    names = " and ".join(f"`{person}`" for person in people)
    message += f", since {names} {'is' if len(people) == 1 else 'are'} away"
    return Finding("leave-gap", message, people[0] if len(people) == 1 else None, gap.interval, gap.where)


# --- people --------------------------------------------------------------------------------------


def _double_booked(found: Iterable[Shift]) -> Iterator[Finding]:
    for person, shifts in _by_person(found).items():
        by_duty: dict[tuple[str, Kind], list[Shift]] = {}
        for shift in shifts:
            by_duty.setdefault((shift.rota, shift.kind), []).append(shift)
        for (one, these), (other, those) in combinations(sorted(by_duty.items()), 2):
            timeline = Timeline(those, lambda shift: shift.interval)
            both = [
                (cut, second)
                for first in these
                for second in timeline.meeting(first.interval)
                if (cut := first.interval.intersection(second.interval)) is not None
            ]
            for span in merge(cut for cut, _ in both):
                message = f"`{person}` is on call twice at once: {one[1]} of {one[0]} and {other[1]} of {other[0]}"
                where = next(second.where for cut, second in both if cut.start == span.start)
                yield Finding("double-booked", message, person, span, where)


def _short_rests(found: Iterable[Shift], rotas: Mapping[str, Rota]) -> Iterator[Finding]:
    for person, shifts in _by_person(found).items():
        for before, after in pairwise(merge(shift.interval for shift in shifts)):
            beside = [
                shift for shift in shifts if before.end == shift.interval.end or after.start == shift.interval.start
            ]
            rest = max(rotas[shift.rota].rest for shift in beside)
            pause = Interval(before.end, after.start)
            if pause.length < rest:
                message = f"`{person}` has {_hours(pause.length)} between two shifts, less than {_hours(rest)}"
                where = next(shift.where for shift in beside if shift.interval.start == after.start)
                yield Finding("short-rest", message, person, pause, where)


def _by_person(found: Iterable[Shift]) -> dict[str, list[Shift]]:
    """Give what each person is on call for, but as a shadow."""
    by_person: dict[str, list[Shift]] = {}
    for shift in found:
        if shift.kind is not Kind.SHADOW:
            by_person.setdefault(shift.person, []).append(shift)
    return by_person


def _overridden_away(rota: Rota, found: Iterable[Shift]) -> Iterator[Finding]:
    for shift in found:
        if shift.source.startswith("override "):
            said = f"{shift.source} of rota {rota.name} puts them on call"
            yield from _clashes(rota, shift.person, shift.interval, said, shift.where)


def _of_feed(rota: Rota, layer: Layer, feed: Feed, span: Interval) -> Iterator[Finding]:
    if feed.held is None:
        message = f"layer {layer.name} of rota {rota.name} has no copy of its outside schedule: nobody is on call by it"
        yield Finding("no-copy", message, None, span, layer.where)
    for held in feed.held or ():
        if (cut := held.interval.intersection(span)) is not None:
            said = f"entry {held.uid} of layer {layer.name} of rota {rota.name} would have them on call"
            yield from _clashes(rota, held.person, cut, said, layer.where)


def _clashes(rota: Rota, person: str, span: Interval, said: str, where: Location) -> Iterator[Finding]:
    for away in merge(Away(rota).of(person, span)):
        if (both := away.intersection(span)) is not None:
            yield Finding("away", f"`{person}` is away, and {said}", person, both, where)


def _in_force(layer: Layer, within: Interval) -> Interval | None:
    start, end = max(within.start, layer.since or within.start), min(within.end, layer.until or within.end)
    return Interval(start, end) if start < end else None


def _taking_part(layer: Layer, within: Interval) -> Sequence[str]:
    """Give the members of a layer, without those whose roster is over or has not come."""
    if not isinstance(layer.pattern, Rotation):
        return layer.members
    first, last = (reached(at, layer.time_zone).date() for at in (within.start, within.end - _MOMENT))
    rosters = layer.pattern.rosters
    ends = [*(roster.since for roster in rosters[1:]), None]
    in_force = [
        roster.members
        for number, (roster, end) in enumerate(zip(rosters, ends, strict=True))
        if (number == 0 or roster.since <= last) and (end is None or end > first)
    ]
    return tuple(dict.fromkeys(person for members in in_force for person in members))


# --- loads ---------------------------------------------------------------------------------------


def _loads(team: Team, rota: Rota, within: Interval) -> list[Load]:
    held: dict[str, list[Interval]] = {}
    for layer in rota.layers:
        if (span := _in_force(layer, within)) is not None:
            held.update((person, []) for person in _taking_part(layer, span))
    for shift in Schedule(rota).shifts(within):
        if shift.kind is not Kind.SHADOW:
            held.setdefault(shift.person, []).append(shift.interval)
    spans = {person: merge(intervals) for person, intervals in held.items()}
    zones = {team.people[person].time_zone for person in spans}
    nights = {zone: Timeline(weekly_hours(_NIGHT, ZoneInfo(zone), within), _itself) for zone in zones}
    weekends = {zone: Timeline(weekly_hours(_WEEKEND, ZoneInfo(zone), within), _itself) for zone in zones}
    total = sum((_length(each) for each in spans.values()), timedelta(0))
    loads = [
        Load(
            person,
            rota.name,
            _length(mine),
            _common(mine, nights[team.people[person].time_zone]),
            _common(mine, weekends[team.people[person].time_zone]),
            len(mine),
            _length(mine) / total if total else 0.0,
        )
        for person, mine in spans.items()
    ]
    return sorted(loads, key=lambda load: (-load.on_call, load.person))


def _length(spans: Iterable[Interval]) -> timedelta:
    return sum((span.length for span in spans), timedelta(0))


def _common(spans: Iterable[Interval], hours: Timeline[Interval]) -> timedelta:
    """Give how long spans and hours last together."""
    cuts = (span.intersection(hour) for span in spans for hour in hours.meeting(span))
    return _length(cut for cut in cuts if cut is not None)


def _hours(length: timedelta) -> str:
    """Write a length to the minute: `9h 30m`."""
    hours, minutes = divmod(length // timedelta(minutes=1), 60)
    return f"{hours}h {minutes}m" if minutes else f"{hours}h"


def _itself(interval: Interval) -> Interval:
    return interval
