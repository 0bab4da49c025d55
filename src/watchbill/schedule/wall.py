"""The wall clock of a time zone: from local time to instants and back, across changes of the clocks.

A local time that a change skips is taken for the instant of the change; one that happens twice, for the first time it
does (PEP 495). So what begins and ends at local times tiles time without gap or overlap.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval, merge
from watchbill.team.model import Restriction


_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


@lru_cache(maxsize=16_384)
def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the instant of a wall-clock time: the first of two, or the instant of the change when it is skipped."""
    at = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == local:
        return at
    # Skipped: the change lies between the readings with the offsets after and before it (PEP 495).
    return _change(local.replace(tzinfo=zone, fold=1).astimezone(UTC), at, zone)


@lru_cache(maxsize=4096)
def reached(at: datetime, zone: str) -> datetime:
    """Give the latest time that the wall clock has read up to an instant, naive: what it reads, but for repeated hours.

    `to_utc` of a local time is at or before an instant exactly where the local time is at or before this.
    """
    place = ZoneInfo(zone)
    local = at.astimezone(place)
    if not local.fold:
        return local.replace(tzinfo=None)
    before, after = local.replace(fold=0).utcoffset(), local.utcoffset()
    assert before is not None
    assert after is not None
    change = _change((at - (before - after)).astimezone(UTC), at.astimezone(UTC), place)
    return (change + before).replace(tzinfo=None) - _MOMENT


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """Give the instant, after `low` and not after `high`, of the one change of the clocks between them."""
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def in_hours(restrictions: Iterable[Restriction], local: datetime) -> bool:
    """Tell whether weekly hours have begun and not ended when the wall clock has `reached` a local time."""
    weekday, at = local.weekday(), local.time()
    for hours in restrictions:
        if hours.start < hours.end:
            if weekday in hours.days and hours.start <= at < hours.end:
                return True
        elif (weekday in hours.days and at >= hours.start) or ((weekday - 1) % 7 in hours.days and at < hours.end):
            return True
    return False


def weekly_hours(restrictions: Sequence[Restriction], zone: ZoneInfo, within: Interval) -> tuple[Interval, ...]:
    """Give weekly hours within a span, cut to it; all of it where there are no restrictions."""
    if not restrictions:
        return (within,)
    first, last = within.start.astimezone(zone).date() - 2 * _DAY, within.end.astimezone(zone).date() + _DAY
    days = (first + number * _DAY for number in range((last - first).days + 1))
    return merge(span for day in days for span in _of_day(day, restrictions, zone, within))


def _of_day(day: date, restrictions: Iterable[Restriction], zone: ZoneInfo, within: Interval) -> Iterator[Interval]:
    for hours in restrictions:
        if day.weekday() in hours.days:
            until = day if hours.end > hours.start else day + _DAY
            span = span_of(datetime.combine(day, hours.start), datetime.combine(until, hours.end), zone, within)
            if span is not None:
                yield span


def span_of(start: datetime, end: datetime, zone: ZoneInfo, within: Interval) -> Interval | None:
    """Give the instants between two local times, cut to a span; None where there are none."""
    first, last = max(to_utc(start, zone), within.start), min(to_utc(end, zone), within.end)
    return Interval(first, last) if first < last else None


def day_of(day: date, zone: ZoneInfo) -> Interval | None:
    """Give a whole local day; None for one that never was, since the clocks went from one side of it to the other."""
    start, end = to_utc(datetime.combine(day, time()), zone), to_utc(datetime.combine(day + _DAY, time()), zone)
    return Interval(start, end) if start < end else None
