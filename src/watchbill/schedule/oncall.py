"""Compile a rota to shifts in UTC, and ask who is on call.

The rules, in the order they apply, for each kind of duty by itself:

1. A layer's turns begin at its handoff time by the wall clock of its own zone, counted from its anchor. A handoff
   that falls into the hour a spring change skips happens at the instant of the change; one that happens twice in
   autumn happens the first time. So turns tile time without gap or overlap.
2. Restrictions cut a layer's turns to weekly hours, by the same wall clock.
3. Leave takes the person out of their own turns.
4. Where layers of a kind overlap, the later one in the file wins.
5. Overrides, in file order: `add` takes over what `remove` holds in the span, or the whole span when no `remove` is
   named; without `add` the span of `remove` falls empty.

Everything is half-open: the instant of a handoff belongs to the next shift. Grace is not applied here: it widens
entitlement only, never who is on call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval, Timeline, merge, subtract
from watchbill.schedule.model import Gap, Shift
from watchbill.team.model import Kind, Layer, Override, Rota, Turn


def shifts(rota: Rota, within: Interval) -> tuple[Shift, ...]:
    """Give every shift that touches `within`, cut to it, in order of time."""
    kinds = {layer.kind for layer in rota.layers} | {override.kind for override in rota.overrides}
    found = [shift for kind in kinds for shift in _of_kind(rota, kind, within)]
    return tuple(sorted(found))


def on_call(rota: Rota, at: datetime) -> tuple[Shift, ...]:
    """Give the shifts in force at an instant, each whole as far as a week to either side goes."""
    week = timedelta(days=7)
    return tuple(shift for shift in shifts(rota, Interval(at - week, at + week)) if at in shift.interval)


def gaps(rota: Rota, within: Interval) -> tuple[Gap, ...]:
    """Give every span of `within` in which a required kind has nobody on call."""
    found = shifts(rota, within)
    return tuple(
        Gap(interval, rota.name, kind, rota.where)
        for kind in sorted(rota.required)
        for interval in subtract(within, [shift.interval for shift in found if shift.kind is kind])
    )


def _of_kind(rota: Rota, kind: Kind, within: Interval) -> list[Shift]:
    held: list[Shift] = []
    for layer in reversed([layer for layer in rota.layers if layer.kind is kind]):
        taken = Timeline([shift.interval for shift in held], _itself)
        for shift in _layer_shifts(rota, layer, within):
            rests = subtract(shift.interval, taken.meeting(shift.interval))
            held.extend(replace(shift, interval=rest) for rest in rests)
    for override in rota.overrides:
        if override.kind is kind and (span := override.interval.intersection(within)) is not None:
            held = _overridden(held, override, span, rota)
    return held


def _layer_shifts(rota: Rota, layer: Layer, within: Interval) -> Iterator[Shift]:
    hours = Timeline(_restricted_hours(layer, within), _itself)
    for turn, person in _turns(layer, within):
        away = [leave.interval for leave in rota.leave if leave.person == person]
        for hour in hours.meeting(turn):
            worked = turn.intersection(hour)
            for rest in subtract(worked, away) if worked else ():
                yield Shift(rest, rota.name, layer.kind, person, layer.name, "", layer.where)


def _overridden(held: Sequence[Shift], override: Override, span: Interval, rota: Rota) -> list[Shift]:
    kept: list[Shift] = []
    moved: list[Interval] = []
    for shift in held:
        common = shift.interval.intersection(span)
        if common is None or override.remove not in (None, shift.person):
            kept.append(shift)
            continue
        kept.extend(replace(shift, interval=rest) for rest in subtract(shift.interval, [span]))
        moved.append(common)
    if override.add is not None:
        spans = (span,) if override.remove is None else merge(moved)
        kept.extend(
            Shift(each, rota.name, override.kind, override.add, "", override.name, override.where) for each in spans
        )
    return kept


def _turns(layer: Layer, within: Interval) -> Iterator[tuple[Interval, str]]:
    """Give the turns that touch `within`, cut to it, each with its member."""
    zone = ZoneInfo(layer.time_zone)
    anchor = datetime.combine(layer.anchor, layer.handoff)
    first = layer.members.index(layer.anchor_member)
    number = _turns_before(anchor, layer.turn, within.start.astimezone(zone).replace(tzinfo=None)) - 1
    while (start := to_utc(_step(anchor, layer.turn, number), zone)) < within.end:
        end = to_utc(_step(anchor, layer.turn, number + 1), zone)
        # An hourly turn that lies wholly in the hour skipped in spring has no length.
        if start < end and (turn := Interval(start, end).intersection(within)) is not None:
            yield turn, layer.members[(first + number) % len(layer.members)]
        number += 1


def _turns_before(anchor: datetime, turn: Turn, local: datetime) -> int:
    """Estimate from below how many turns lie between the anchor and a local time; may be negative."""
    if turn.unit == "mo":
        return ((local.year - anchor.year) * 12 + local.month - anchor.month) // turn.count - 1
    return (local - anchor) // _length(turn) - 1


def _step(anchor: datetime, turn: Turn, number: int) -> datetime:
    """Give the local time at which turn `number` begins."""
    if turn.unit != "mo":
        return anchor + _length(turn) * number
    years, month = divmod(anchor.month - 1 + turn.count * number, 12)
    year = anchor.year + years
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day  # noqa: PLR2004 - December
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last))


def _length(turn: Turn) -> timedelta:
    return {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[turn.unit] * turn.count


def _restricted_hours(layer: Layer, within: Interval) -> tuple[Interval, ...]:
    if not layer.restrictions:
        return (within,)
    zone = ZoneInfo(layer.time_zone)
    day = within.start.astimezone(zone).date() - timedelta(days=2)
    last = within.end.astimezone(zone).date() + timedelta(days=1)
    found: list[Interval] = []
    while day <= last:
        for hours in layer.restrictions:
            if day.weekday() in hours.days:
                found.extend(_span(day, hours.start, hours.end, zone, within))
        day += timedelta(days=1)
    return merge(found)


def _span(day: date, start: time, end: time, zone: ZoneInfo, within: Interval) -> Iterator[Interval]:
    until = day if end > start else day + timedelta(days=1)
    begin, finish = to_utc(datetime.combine(day, start), zone), to_utc(datetime.combine(until, end), zone)
    if begin < finish and (cut := Interval(begin, finish).intersection(within)) is not None:
        yield cut


def _itself(interval: Interval) -> Interval:
    return interval


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the instant of a wall-clock time: the first of two, or the instant of the change when it is skipped."""
    at = local.replace(tzinfo=zone).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    # Skipped: the change lies between the readings with the offsets after and before it (PEP 495).
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), at
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)
