"""Read a calendar feed (RFC 5545): who is on call when, in the feed's own words.

Lines are split and times placed by this package; python-dateutil works out recurrence rules, icalendar knows Windows'
names of zones and the zones a calendar defines itself. What the tests hold this to is recurring-ical-events.

- What is not understood is never guessed: the event is dropped, and a problem says why. So is what a change of the
  clocks leaves without length.
- The text comes from outside and may be hostile: each limit in this package is one on the work, or the memory, it can
  cost.
"""

from datetime import datetime

from watchbill.errors import Problem, WatchbillError
from watchbill.inert import inert
from watchbill.intervals import Interval, iso
from watchbill.schedule.calendars.budget import Budget
from watchbill.schedule.calendars.components import Calendar, calendars_of
from watchbill.schedule.calendars.errors import BadEventError
from watchbill.schedule.calendars.events import Event, read_event
from watchbill.schedule.calendars.lines import NO_CALENDAR, lines_of, text_of
from watchbill.schedule.calendars.people import Named
from watchbill.schedule.calendars.series import Occurrence, occurrences, series_of
from watchbill.schedule.calendars.times import DAY
from watchbill.schedule.calendars.zones import Zones
from watchbill.schedule.imported import Entry, Imported


MAX_ENTRIES = 200_000
"""Entries of all events together, within the span asked for."""
MAX_PROBLEMS = 1_000


def read_calendar(data: bytes, within: Interval, file: str, zone: str = "UTC") -> Imported:
    """Give the entries of a calendar that share an instant with `within`, each whole.

    `file` is what problems call the calendar. `zone` is that of times that name none and of whole days, where the
    calendar says none for them (X-WR-TIMEZONE). Raises WatchbillError where the data is no calendar, or is cut off.
    """
    text = text_of(data, file)
    calendars = calendars_of(lines_of(text), file)
    reader = _Reader(within, file)
    if "\ufffd" in text:
        reader.report("bad-encoding", "the calendar is not all UTF-8; what is not matches nobody's name")
    for calendar in calendars:
        reader.read(calendar, zone)
    return reader.imported(next((calendar.name for calendar in calendars if calendar.name), ""))


class _Reader:
    """What has been read so far."""

    def __init__(self, within: Interval, file: str) -> None:
        self._within = within
        self._file = file
        self._budget = Budget()
        self._entries: list[Entry] = []
        self._problems: dict[Problem, None] = {}
        self._unsaid = 0
        self._known_until = within.end
        self._is_full = False

    def report(self, code: str, message: str, uid: str | None = None) -> None:
        """Add a problem once, and none where there are so many that nobody would read it."""
        problem = Problem(code, message, self._file, event_id=uid or None)
        if len(self._problems) < MAX_PROBLEMS:
            self._problems[problem] = None
        elif problem not in self._problems:
            self._unsaid += 1

    def imported(self, name: str) -> Imported:
        """Give all of it, in order of time."""
        problems = list(self._problems)
        if self._unsaid:
            problems.append(Problem("more-problems", f"{self._unsaid:,} more problems are not shown", self._file))
        complete = None
        if self._known_until < self._within.end:
            # Cut off before the span that is asked about, it answers for nothing in it.
            until = max(self._known_until, self._within.start)
            complete = Interval(min(self._within.start, until - DAY), until)
        ordered = sorted(self._entries, key=lambda entry: (entry.interval.start, entry.interval.end, entry.uid))
        return Imported(name, tuple(ordered), tuple(problems), complete)

    def read(self, calendar: Calendar, zone: str) -> None:
        """Add the entries of one calendar."""
        scale = calendar.top.text("CALSCALE").upper()
        if scale not in ("", "GREGORIAN"):
            raise WatchbillError(f"{self._file} is no Gregorian calendar but `{inert(scale[:30])}`", NO_CALENDAR)
        zones = Zones(calendar, zone)
        cancelled = calendar.top.text("METHOD").upper() == "CANCEL"
        product = calendar.top.text("PRODID")
        by_uid: dict[str, list[Event]] = {}
        torn: set[str] = set()
        for place, component in enumerate(calendar.events):
            uid = component.text("UID") or f"\n{place}"
            try:
                event = read_event(component, place, zones, cancelled=cancelled, product=product)
            except (BadEventError, OverflowError) as error:
                self._drop(error, component.uid)
                torn.add(uid)
            else:
                by_uid.setdefault(uid, []).append(event)
        for uid, events in by_uid.items():
            if uid in torn:
                # What the lost one edits, replaces or cancels is not known, so neither is what still stands.
                self.report("bad-series", "other events with this UID are left out with it", events[0].component.uid)
            elif not self._is_full:
                self._read_series(events, zones)

    def _drop(self, error: BadEventError | OverflowError, uid: str) -> None:
        if isinstance(error, BadEventError):
            self.report(error.code, str(error), uid)
        else:
            self.report("bad-time", "its times are further away than dates go", uid)

    def _read_series(self, events: list[Event], zones: Zones) -> None:
        """Add the instances of the events with one UID."""
        uid = events[0].component.uid
        series = series_of(events)
        if series.is_tied:
            self.report("duplicate-uid", "several events have this UID and none is newer; the last of them counts", uid)
        try:
            for occurrence in occurrences(series, self._within, zones, self._budget):
                self._add(occurrence, uid)
        except (BadEventError, OverflowError) as error:
            self._drop(error, uid)

    def _add(self, occurrence: Occurrence, uid: str) -> None:
        """Add an event where it shares an instant with the span asked for."""
        event = occurrence.event
        if event.is_cancelled or event.whom.is_off_duty:
            return
        start, end = occurrence.start.utc, occurrence.start.after(occurrence.length)
        if event.whom.is_cut:
            self._cut(start, uid)
        elif start >= end:
            if start in self._within:
                self.report("no-length", f"the event at {iso(start)} ends no later than it starts", uid)
        elif start < self._within.end and self._within.start < end:
            self._enter(event.whom.people, Interval(start, end), uid)

    def _cut(self, start: datetime, uid: str) -> None:
        """Note that nothing is known of what comes after an instant."""
        if start < self._known_until:
            self._known_until = start
            self.report("cut-off", f"the feed does not say what comes after {iso(start)}", uid)

    def _enter(self, people: tuple[Named, ...], interval: Interval, uid: str) -> None:
        if not people:
            self.report("no-name", "the event does not say who is on call", uid)
        elif len(self._entries) + len(people) > MAX_ENTRIES:
            self._is_full = True
            self.report("too-many-entries", f"only {MAX_ENTRIES:,} entries are kept; ask for a shorter span")
        else:
            self._entries.extend(Entry(interval, names, uid, kind) for names, kind in people)
