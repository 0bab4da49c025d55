"""When something is, that a calendar writes as a date, a time or a duration.

- Local times go by the wall clock of their zone, and so do the ends of recurring events: a shift of 09:00 to 09:00
  stays so on the day the clocks change. A time that spring skips is read with the offset from before the change, one
  that autumn repeats is its first (section 3.3.5).
- A whole day runs between the local midnights of that date.
"""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from watchbill.inert import inert
from watchbill.schedule.calendars.errors import BadEventError
from watchbill.schedule.calendars.lines import Value
from watchbill.schedule.calendars.zones import Zones


DAY = timedelta(days=1)
ZERO = timedelta(0)

_TIME = re.compile(r"[0-9]{8}(?:T[0-9]{6}Z?)?")
_DURATION = re.compile(
    r"([+-])?P(?=[0-9T])(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?"
)


class Length(NamedTuple):
    """How long an event lasts: first so long by the wall clock, then so long by the stop-watch."""

    wall: timedelta
    exact: timedelta

    @property
    def total(self) -> timedelta:
        """Both together, on a day when no clock changes."""
        return self.wall + self.exact


class Wall(NamedTuple):
    """A time as the calendar writes it: by the clock of a zone, or the midnight with which a whole day begins."""

    local: datetime
    zone: tzinfo
    is_day: bool

    @property
    def utc(self) -> datetime:
        """The instant."""
        return _utc(self.local, self.zone)

    def after(self, length: Length) -> datetime:
        """Give the instant at which what begins now ends."""
        return _utc(self.local + length.wall, self.zone) + length.exact

    def in_zone_of(self, other: "Wall") -> datetime:
        """Give the local time in the zone of another; a midnight where the other is a whole day."""
        local = self.local
        if self.zone is not other.zone and not self.is_day:
            local = self.utc.astimezone(other.zone).replace(tzinfo=None)
        return datetime.combine(local.date(), time()) if other.is_day else local


def wall(value: Value, zones: Zones, text: str | None = None) -> Wall:
    """Place a DATE or DATE-TIME (sections 3.3.4, 3.3.5); `text` is one of several values of the property."""
    written = (value.text if text is None else text).strip()
    if _TIME.fullmatch(written) is None:
        raise BadEventError("bad-time", f"`{inert(written[:60])}` is no date or time")
    try:
        local = datetime.fromisoformat(written.removesuffix("Z"))
    except ValueError:
        raise BadEventError("bad-time", f"`{inert(written[:60])}` is not in the calendar or on the clock") from None
    if len(written) == len("20260101"):
        return Wall(local, zones.default(), is_day=True)
    if written.endswith("Z"):
        return Wall(local, UTC, is_day=False)
    named = value.parameter("TZID") if value.parameters else ""
    return Wall(local, zones.named(named) if named else zones.default(), is_day=False)


def duration(text: str) -> Length:
    """Read a DURATION: weeks and days go by the calendar, the rest by the stop-watch (section 3.3.6)."""
    found = _DURATION.fullmatch(text.strip().upper())
    if found is None:
        raise BadEventError("bad-time", f"`{inert(text[:60])}` is no duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    sign = -1 if found[1] == "-" else 1
    return Length(
        sign * timedelta(weeks=weeks, days=days), sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)
    )


def _utc(local: datetime, zone: tzinfo) -> datetime:
    """Give the instant of a local time: the first of two; one that is skipped, by the offset before."""
    return local.replace(tzinfo=zone).astimezone(UTC)
