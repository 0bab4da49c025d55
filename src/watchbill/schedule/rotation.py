"""Turns one after the other: who has which.

1. Turns begin at the handoff time by the wall clock of the layer's zone, counted from the anchor in both directions.
2. Each turn belongs to the roster that is in force on the local date on which it begins. So an edit of who takes part
   changes nothing before its date, nor the turn that is running then.
3. A roster that names nobody to begin goes on after whoever was on before: with the next of the old order who stays.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from watchbill.intervals import Interval
from watchbill.schedule.wall import reached, to_utc
from watchbill.team.model import Roster, Rotation


_LENGTHS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class Turns:
    """The turns of a rotation, by the wall clock of a zone."""

    def __init__(self, rotation: Rotation, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._turn = rotation.turn
        self._anchor = datetime.combine(rotation.anchor, rotation.handoff)
        self._length = None if rotation.turn.unit == "mo" else _LENGTHS[rotation.turn.unit] * rotation.turn.count
        self._rosters: list[tuple[int, int, Sequence[str]]] = []
        """The number of the first turn of each, what to add to a turn's number, and the members; the last first."""
        for roster in rotation.rosters:
            self._add(roster)

    def within(self, span: Interval) -> Iterator[tuple[Interval, str]]:
        """Give the turns that touch a span, cut to it, each with its member."""
        number = self.number_at(reached(span.start, self._zone.key))
        start = to_utc(self._start(number), self._zone)
        while start < span.end:
            end = to_utc(self._start(number + 1), self._zone)
            # An hourly turn that lies wholly in the hour skipped in spring has no length.
            if start < end and (turn := Interval(start, end).intersection(span)) is not None:
                yield turn, self.member(number)
            start, number = end, number + 1

    def number_at(self, local: datetime) -> int:
        """Give the number of the turn at a local time, from 0 at the anchor; may be negative."""
        if self._length is not None:
            return (local - self._anchor) // self._length
        months = (local.year - self._anchor.year) * 12 + local.month - self._anchor.month
        number = months // self._turn.count
        return number if self._start(number) <= local else number - 1

    def member(self, number: int) -> str:
        """Tell whose turn it is."""
        members, place = self._place(number)
        return members[place]

    def without(self, person: str, local: datetime) -> tuple[date, int, tuple[str, ...]] | None:
        """Give an anchor, the place of whose turn begins there, and the members, for turns that go on without somebody.

        The turn at a local time stays whose it is, and where it is theirs, goes to the next. None where nobody is left,
        where one of them has several places, or where no turn of the last hundred begins as one at an anchor does.
        """
        number = self.number_at(local)
        members, place = self._place(number)
        left = tuple(each for each in members if each != person)
        if len(set(left)) < max(len(left), 1):
            return None  # an anchor names somebody, and not which of their places
        # Whoever stands here in the shorter order, or the next, where it was the person.
        here = sum(each != person for each in members[:place]) % len(left)
        for back in range(100):
            start = self._start(number - back)
            if start.time() == self._anchor.time() and (self._length is not None or start.day == self._anchor.day):
                return start.date(), (here - back) % len(left), left
        return None

    def _start(self, number: int) -> datetime:
        """Give the local time at which a turn begins."""
        if self._length is not None:
            return self._anchor + self._length * number
        # The last day of a month that is shorter than the anchor's day.
        start: datetime = self._anchor + relativedelta(months=self._turn.count * number)
        return start

    def _begins_on(self, number: int) -> date:
        """Give the local date on which a turn begins: one of a day that was skipped begins on the day after."""
        return to_utc(self._start(number), self._zone).astimezone(self._zone).date()

    def _add(self, roster: Roster) -> None:
        number = 0
        if self._rosters:
            number = self.number_at(datetime.combine(roster.since, time()))
            while self._begins_on(number) < roster.since:
                number += 1
        members = roster.members
        first = self._following(number, members) if roster.first is None else members.index(roster.first)
        self._rosters.insert(0, (number, first - number, members))

    def _place(self, number: int) -> tuple[Sequence[str], int]:
        """Give the members of the roster that a turn belongs to, and the place among them of whose turn it is."""
        for first, shift, members in self._rosters[:-1]:
            if number >= first:
                return members, (number + shift) % len(members)
        _, shift, members = self._rosters[-1]
        return members, (number + shift) % len(members)

    def _following(self, number: int, members: Sequence[str]) -> int:
        """Give the place of whose turn it is after the one before a turn, among those who take part from then on."""
        if not self._rosters:
            return 0
        old, place = self._place(number - 1)
        if old[place] in members:
            # Who takes part more than once goes on from the same one of their places.
            places = [here for here, name in enumerate(members) if name == old[place]]
            return (places[min(old[:place].count(old[place]), len(places) - 1)] + 1) % len(members)
        order = [*old[place + 1 :], *old[:place]]
        return next((members.index(each) for each in order if each in members), 0)
