"""When the events with one UID are: which of them counts, the instances of its rules and dates, and their edits.

- Of events with one UID, the highest SEQUENCE counts, then the latest DTSTAMP; cancelled wins a tie.
- An edit (RECURRENCE-ID) takes the place of its instance wherever it moved to, with RANGE=THISANDFUTURE also of those
  after it, moved by as much; EXDATE takes out the instance and its edit; a cancelled series takes its edits with it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

from watchbill.intervals import Interval
from watchbill.schedule.calendars.budget import Budget
from watchbill.schedule.calendars.events import Event
from watchbill.schedule.calendars.lines import Value
from watchbill.schedule.calendars.rules import rules_of
from watchbill.schedule.calendars.times import DAY, ZERO, Length, Wall, duration, wall
from watchbill.schedule.calendars.zones import Zones


class Occurrence(NamedTuple):
    """An event at one of its times."""

    event: Event
    start: Wall
    length: Length


@dataclass(frozen=True, slots=True)
class Series:
    """The events with one UID."""

    master: Event | None
    """The one that counts; None where there are edits alone, as in a feed of a few weeks."""
    edits: Sequence[tuple[Wall, Event]]
    """Each with the instance that it is of, the newest last."""
    is_tied: bool
    """Whether none of them is newer than another that says something else."""


def series_of(events: Iterable[Event]) -> Series:
    """Sort the events with one UID by what they are to each other."""
    ordered = sorted(events, key=attrgetter("order"))
    masters = [event for event in ordered if event.replaces is None]
    edits = [(event.replaces, event) for event in ordered if event.replaces is not None]
    return Series(masters[-1] if masters else None, edits, _is_tied(masters[-2:]))


def occurrences(series: Series, within: Interval, zones: Zones, budget: Budget) -> Iterator[Occurrence]:
    """Give at least all occurrences that share an instant with `within`, those of cancelled events too."""
    if series.master is None:
        newest = {replaced.utc: edit for replaced, edit in series.edits}
        yield from map(_as_written, newest.values())
    elif series.master.recurs or series.edits:
        yield from _recurring(series.master, series.edits, within, zones, budget)
    else:
        yield _as_written(series.master)


def _is_tied(last: Sequence[Event]) -> bool:
    if len(last) <= 1:
        return False
    older, newer = last
    return older.order[:3] == newer.order[:3] and (older.start, older.length) != (newer.start, newer.length)


def _as_written(event: Event) -> Occurrence:
    return Occurrence(event, event.start, event.length)


class _Change(NamedTuple):
    """What holds from an instance on."""

    since: datetime
    moved: timedelta
    event: Event


def _recurring(
    master: Event, edits: Iterable[tuple[Wall, Event]], within: Interval, zones: Zones, budget: Budget
) -> Iterator[Occurrence]:
    if master.is_cancelled:
        return
    budget.next_series()
    start = master.start
    # In order of age, so that the newest edit of an instance stays.
    by_local = {_replaced(replaced, start): edit for replaced, edit in edits}
    changes = sorted(
        _Change(local, edit.start.in_zone_of(start) - local, edit)
        for local, edit in by_local.items()
        if edit.is_for_future
    )
    starts = [change.since for change in changes]
    since, before = (each.astimezone(start.zone).replace(tzinfo=None) for each in (within.start, within.end))
    since, before = since - 2 * DAY, before + 2 * DAY
    longest, furthest = _reach(master, changes)
    out = _excluded(master, zones, budget)
    found = _instances(master, since - longest - furthest, before + furthest, zones, budget)
    for local, length in found.items():
        if local in by_local or local in out:
            continue
        number = bisect_right(starts, local)
        _, moved, event = changes[number - 1] if number else (local, ZERO, master)
        yield Occurrence(event, Wall(local + moved, start.zone, start.is_day), length or event.length)
    yield from (_as_written(edit) for local, edit in by_local.items() if local not in out)


def _replaced(replaced: Wall, start: Wall) -> datetime:
    """Give the local time of the instance that an edit is of; a date means the one that would begin on it."""
    local = replaced.in_zone_of(start)
    return datetime.combine(local.date(), start.local.time()) if replaced.is_day else local


def _reach(master: Event, changes: Sequence[_Change]) -> tuple[timedelta, timedelta]:
    """Say how long an instance lasts at most, and how far it is moved."""
    longest = max(ZERO, master.length.total, *(change.event.length.total for change in changes))
    return longest, max((abs(change.moved) for change in changes), default=ZERO)


@dataclass(frozen=True, slots=True)
class _Excluded:
    """What EXDATE takes out of a series."""

    times: frozenset[datetime]
    days: frozenset[date]

    def __contains__(self, local: datetime) -> bool:
        return local in self.times or local.date() in self.days


def _excluded(master: Event, zones: Zones, budget: Budget) -> _Excluded:
    walls = [each for each, _ in _dates(master.component.values.get("EXDATE", ()), zones, budget)]
    return _Excluded(
        frozenset(each.in_zone_of(master.start) for each in walls if not each.is_day),
        frozenset(each.local.date() for each in walls if each.is_day),
    )


def _instances(
    master: Event, since: datetime, before: datetime, zones: Zones, budget: Budget
) -> Mapping[datetime, Length | None]:
    """Give the local times at which a series begins, with the length where an RDATE has its own.

    Those of rules are cut to a span. EXDATE is not applied.
    """
    rules = rules_of(master.component, master.start, since, zones, budget)
    found: dict[datetime, Length | None] = {}
    if not rules or any(rule is not None for rule in rules):
        # The start is always the first instance, also where the rule would not have it (section 3.8.5.3).
        found[master.start.local] = None
    for rule in rules:
        for local in rule or ():
            if local > before:
                break
            if local >= since:
                found[local] = None
    for begin, length in _dates(master.component.values.get("RDATE", ()), zones, budget):
        found[begin.in_zone_of(master.start)] = length
    return found


def _dates(values: Iterable[Value], zones: Zones, budget: Budget) -> Iterator[tuple[Wall, Length | None]]:
    """Give the times of RDATE or EXDATE, with the length of those that are periods (section 3.3.9)."""
    for value in values:
        for text in value.text.split(","):
            budget.spend()
            written, slash, end = text.partition("/")
            begin = wall(value, zones, written)
            if not slash:
                yield begin, None
            elif end.strip()[:1] in ("P", "+"):
                yield begin, duration(end)
            else:
                yield begin, Length(ZERO, wall(value, zones, end).utc - begin.utc)
