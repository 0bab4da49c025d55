"""Half-open spans of time, `[start, end)`, in UTC: the instant of a handoff belongs to the next shift."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """The instants `start <= t < end`. Both ends carry the zone UTC; an empty interval cannot be made."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() != timedelta(0) or self.end.utcoffset() != timedelta(0):
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
    """Read an ISO-8601 instant that names its zone (`Z` or an offset); a bare time raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"`{text}` names no time zone; write 2026-09-07T08:00:00Z")
    return at.astimezone(UTC)
