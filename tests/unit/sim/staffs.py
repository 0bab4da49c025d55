"""Made-up teams with who was on watch when, by the file of the time; each made once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import shifts
from watchbill.sim.month import LENGTH
from watchbill.sim.ordinary import Chapter
from watchbill.sim.staff import make_staff
from watchbill.team.files import parse


START = datetime(2026, 9, 7, tzinfo=UTC)
"""A Monday; no clock changes in the month from it."""

SPAN = Interval(START, START + LENGTH)
AROUND = timedelta(days=8)
"""How far to both sides of a span shifts are asked for, so that those across its edges are whole."""


@dataclass(frozen=True)
class Staff:
    """A made-up team, with who was on watch when by the file of the time."""

    chapters: tuple[Chapter, ...]
    texts: tuple[str, ...]
    shifts: tuple[Shift, ...]


@cache
def staff(size: int, seed: int, *, changes: bool = True, length: timedelta = LENGTH) -> Staff:
    """Make a team and its shifts."""
    editions = make_staff(size, START, seed, changes=changes)
    chapters = tuple(Chapter(each.since, parse(each.text, "watchbill.yaml")) for each in editions)
    found = list[Shift]()
    ends = [*(each.since or START for each in chapters[1:]), START + length]
    for chapter, end in zip(chapters, ends, strict=True):
        begin = chapter.since or START
        if begin < end:
            whole = Interval(START - AROUND, START + length + AROUND)
            every = [shift for rota in chapter.team.rotas.values() for shift in shifts(rota, whole)]
            # A shift that a change cuts in two is kept whole, by the file in which it ends.
            found += [shift for shift in every if begin < shift.interval.end <= end]
    return Staff(chapters, tuple(each.text for each in editions), tuple(found))
