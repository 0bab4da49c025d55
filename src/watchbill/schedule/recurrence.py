"""Shifts that recur by a rule: who has which.

Whose turn it is follows from how many shifts the rule has had since its start. A shift that is left out counts too, so
that to leave one out gives the others to nobody else; one that is added does not count.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from watchbill.intervals import Interval
from watchbill.schedule.wall import reached, to_utc
from watchbill.team.model import Recurrence
from watchbill.team.rules import read_rule


_AHEAD = timedelta(days=370)
"""How much further than asked shifts are worked out, so that the next question finds them there."""
_MOMENT = timedelta(microseconds=1)


class Recurring:
    """The shifts of a recurrence, by the wall clock of a zone; worked out once as far as they were asked for."""

    def __init__(self, recurrence: Recurrence, members: tuple[str, ...], zone: str) -> None:
        self._recurrence, self._members, self._zone = recurrence, members, ZoneInfo(zone)
        self._rule = read_rule(recurrence.rule)
        self._known: datetime | None = None
        self._spans: list[tuple[Interval, tuple[str, ...]]] = []
        self._starts: list[datetime] = []

    def within(self, span: Interval) -> Iterator[tuple[Interval, str]]:
        """Give the shifts that touch a span, cut to it, each with one of its members."""
        if self._known is None or span.end > self._known:
            self._work_out(span.end + _AHEAD)
        # By the wall clock a shift may last longer than its length, where the clocks go back.
        low = bisect_left(self._starts, span.start - self._recurrence.length - timedelta(days=2))
        for whole, people in self._spans[low : bisect_right(self._starts, span.end)]:
            if (cut := whole.intersection(span)) is not None:
                for person in people:
                    yield cut, person

    def _work_out(self, end: datetime) -> None:
        local_end = reached(end, self._zone.key) + _MOMENT
        starts = list(self._rule.starts(self._recurrence.start, self._zone, local_end))
        kept = {start: number for number, start in enumerate(starts) if start not in self._recurrence.without}
        added = {start: max(bisect_left(starts, start) - 1, 0) for start in self._recurrence.also}
        spans = [
            (interval, self._people(number))
            # One that is added where there is one already changes nothing.
            for start, number in (added | kept).items()
            if (interval := self._span(start)) is not None
        ]
        self._spans = sorted(spans)
        self._starts = [interval.start for interval, _ in self._spans]
        self._known = end

    def _span(self, start: datetime) -> Interval | None:
        first, last = to_utc(start, self._zone), to_utc(start + self._recurrence.length, self._zone)
        return Interval(first, last) if first < last else None

    def _people(self, number: int) -> tuple[str, ...]:
        each = self._recurrence.each
        return self._members if each is None else (self._members[number // each % len(self._members)],)
