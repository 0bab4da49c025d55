"""What the address of a page asks for: spans of time and a time zone; and how times are shown by it.

A day, or an instant without a zone, is by the zone that is asked for: UTC where none is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Query

from watchbill.intervals import Interval, parse_instant
from watchbill.schedule.wall import to_utc
from watchbill.web.site import Refusal


UTC: Final = "UTC"
Zone = Annotated[str, Query(max_length=64)]
When = Annotated[str, Query(max_length=40)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]

Local = Callable[[datetime], str]
"""Says an instant by the zone of the reader."""

ZONES: Final = (
    UTC,
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Sydney",
)
"""What a page offers beside the zone of its reader; the address takes any other."""


def zone_of(name: str) -> ZoneInfo:
    """Give a time zone; what is none is refused."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Refusal(400, f"there is no time zone `{name}`", "write one such as Europe/London") from None


def zones_for(zone: ZoneInfo, own: str | None) -> list[str]:
    """Give the zones that a page offers: the one that it is in, its reader's own, and some others."""
    return list(dict.fromkeys(filter(None, (zone.key, own, *ZONES))))


def instant_of(text: str, zone: ZoneInfo) -> datetime:
    """Read a day, a local time, or an instant with its zone."""
    try:
        local = datetime.fromisoformat(text)
        return to_utc(local, zone) if local.tzinfo is None else parse_instant(text)
    except (ValueError, OverflowError):
        hint = "write 2026-01-12, 2026-01-12T18:00 by the clock of the page, or 2026-01-12T18:00:00Z"
        raise Refusal(400, f"`{text}` is no day and no instant", hint) from None


def span_of(start: datetime, end: datetime, least: timedelta, most: timedelta) -> Interval:
    """Give a span; one that is too short or too long is refused."""
    if not least <= end - start <= most:
        said = f"a span is of {_length(least)} to {_length(most)}: this one is from {start:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise Refusal(400, said, "choose another span")
    return Interval(start, end)


def _length(length: timedelta) -> str:
    return f"{length.days} days" if length.days else f"{length // timedelta(hours=1)} h"


def midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """Give the beginning of the local day that an instant is in."""
    return to_utc(at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None), zone)


def days_later(at: datetime, zone: ZoneInfo, days: int) -> datetime:
    """Give the same time of the wall clock so many days later, or earlier."""
    try:
        return to_utc(at.astimezone(zone).replace(tzinfo=None) + timedelta(days=days), zone)
    except OverflowError:
        raise Refusal(400, "that is outside of the calendar", "choose another span") from None


def local_in(zone: ZoneInfo) -> Local:
    """Give what says instants by a zone; the name of its time tells apart what the clock shows twice."""

    def said(at: datetime) -> str:
        local = at.astimezone(zone)
        return f"{local:%a %Y-%m-%d %H:%M}" + ("" if zone.key == UTC else f" {local:%Z}")

    return said
