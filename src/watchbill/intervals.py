"""Half-open spans of time, `[start, end)`, in UTC: the instant of a handoff belongs to the next shift."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar


T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """The instants `start <= t < end`. Both ends carry the zone UTC; an empty interval cannot be made."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not _is_utc(self.start) or not _is_utc(self.end):
            raise ValueError(f"an interval needs UTC instants, not {self.start} to {self.end}")
        if self.start >= self.end:
            raise ValueError(f"an interval must end after it starts, not {self.start} to {self.end}")

    def __contains__(self, at: object) -> bool:
        return isinstance(at, datetime) and self.start <= at < self.end

    def __str__(self) -> str:
        return f"{iso(self.start)} - {iso(self.end)}"

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start

    def meets(self, other: "Interval") -> bool:
        """Tell whether the two share an instant or touch end to start."""
        return self.start <= other.end and other.start <= self.end

    def intersection(self, other: "Interval") -> "Interval | None":
        """Give the instants in both, None when there are none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None


class Timeline(Generic[T]):
    """Things that last for an interval, found by time without a look at all of them."""

    def __init__(self, things: Iterable[T], interval_of: Callable[[T], Interval]) -> None:
        self._placed = sorted(((interval_of(thing), thing) for thing in things), key=lambda pair: pair[0])
        self._starts = [interval.start for interval, _ in self._placed]
        self._longest = max((interval.length for interval, _ in self._placed), default=timedelta(0))

    def meeting(self, span: Interval) -> list[T]:
        """Give what shares an instant with a span or touches it, in order of time."""
        low = bisect_left(self._starts, span.start - self._longest)
        high = bisect_right(self._starts, span.end)
        return [thing for interval, thing in self._placed[low:high] if interval.meets(span)]

    def at(self, at: datetime) -> list[T]:
        """Give what is in force at an instant, in order of time."""
        low, high = bisect_left(self._starts, at - self._longest), bisect_right(self._starts, at)
        return [thing for interval, thing in self._placed[low:high] if at in interval]


def _is_utc(at: datetime) -> bool:
    # Nearly all carry this very zone, and millions are made: to ask its offset takes longer than all the rest.
    return at.tzinfo is UTC or at.utcoffset() == timedelta(0)


def merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Give the same instants as the fewest intervals, in order; touching ones become one."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return tuple(merged)


def subtract(whole: Interval, taken: Iterable[Interval]) -> tuple[Interval, ...]:
    """Give the instants of `whole` that are in none of `taken`, in order."""
    rest: list[Interval] = []
    start = whole.start
    for interval in merge(taken):
        if interval.end <= start or interval.start >= whole.end:
            continue
        if interval.start > start:
            rest.append(Interval(start, interval.start))
        start = max(start, interval.end)
    if start < whole.end:
        rest.append(Interval(start, whole.end))
    return tuple(rest)


def iso(at: datetime) -> str:
    """Write an instant as ISO-8601 in UTC with `Z`: whole seconds, or microseconds where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read an ISO-8601 instant that names its zone (`Z` or an offset); what does not raises ValueError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"`{text}` is no instant; write 2026-09-07T08:00:00Z") from error
    if at.tzinfo is None:
        raise ValueError(f"`{text}` names no time zone; write 2026-09-07T08:00:00Z")
    return at.astimezone(UTC)
