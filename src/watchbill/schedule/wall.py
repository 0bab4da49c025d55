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
_NEAR = timedelta(hours=30)
"""No change of the clocks so far away moves a local time of today."""


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


@lru_cache(maxsize=4096)
def calm_time(at: datetime, zone: str) -> datetime | None:
    """Give the local time of an instant, naive; None where the clocks change near it, so that it may mislead."""
    place = ZoneInfo(zone)
    local = at.astimezone(place)
    offset = local.utcoffset()
    if (at - _NEAR).astimezone(place).utcoffset() != offset or (at + _NEAR).astimezone(place).utcoffset() != offset:
        return None
    return local.replace(tzinfo=None)


def in_hours(restrictions: Iterable[Restriction], local: datetime) -> bool:
    """Tell whether a local time on a day without a change of the clocks is in weekly hours."""
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


def day_of(day: date, zone: ZoneInfo) -> Interval:
    """Give a whole local day."""
    start, end = datetime.combine(day, time()), datetime.combine(day + _DAY, time())
    return Interval(to_utc(start, zone), to_utc(end, zone))
