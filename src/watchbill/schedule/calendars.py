"""Read a calendar feed (RFC 5545): who is on call when, in the feed's own words.

Lines are split and times placed here, since a feed of ten thousand shifts must take a second or two; python-dateutil
works out recurrence rules, icalendar knows Windows' names of zones and the zones a calendar defines itself. What the
tests hold this to is recurring-ical-events.

- Local times go by the wall clock of their zone, and so do the ends of recurring events: a shift of 09:00 to 09:00
  stays so on the day the clocks change. A time that spring skips is read with the offset from before the change, one
  that autumn repeats is its first (section 3.3.5). What a change leaves without length is a problem.
- A whole day runs between the local midnights of that date.
- Of events with one UID, the highest SEQUENCE counts, then the latest DTSTAMP; cancelled wins a tie.
- An edit (RECURRENCE-ID) takes the place of its instance wherever it moved to, with RANGE=THISANDFUTURE also of those
  after it, moved by as much; EXDATE takes out the instance and its edit; a cancelled series takes its edits with it.
- What is not understood is never guessed: the event is dropped, and a problem says why.

The text comes from outside and may be hostile: each limit below is one on the work, or the memory, it can cost.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import DAILY, HOURLY, MONTHLY, WEEKLY, YEARLY, rrule, weekday
from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from watchbill.errors import Problem, WatchbillError
from watchbill.inert import inert
from watchbill.intervals import Interval, iso
from watchbill.schedule.imported import Entry, Imported
from watchbill.team.model import Kind


MAX_BYTES = 20_000_000
MAX_EVENTS = 100_000
MAX_ENTRIES = 200_000
"""Entries of all events together, within the span asked for."""
MAX_STEPS = 1_000_000
"""Days (or hours) that the recurrence rules of a calendar may look at, all together."""
MAX_STEPS_EACH = 100_000
"""The same for one series: 270 years of days."""
MAX_DEPTH = 10
MAX_PROBLEMS = 1_000
MAX_NAME = 500
"""No name or address is longer; what is, names nobody."""

_STEPS_OF_A_RULE = 100
_MAX_INTERVAL = 10_000
_MAX_TIMES_A_DAY = 24
_MAX_SUMMARY = 2_000
_MAX_ZONE_TEXT = 20_000
_MAX_OWN_ZONES = 20
_DAY = timedelta(days=1)

_HINT = "check that the address is that of the calendar's iCalendar (.ics) feed, and needs no log-in"

_WANTED = frozenset(
    {
        *("ATTENDEE", "DTEND", "DTSTAMP", "DTSTART", "DURATION", "EXDATE", "EXRULE", "RDATE", "RECURRENCE-ID", "RRULE"),
        *("SEQUENCE", "STATUS", "SUMMARY", "UID", "X-WATCHBILL-KIND", "X-WATCHBILL-PERSON"),
        *("CALSCALE", "METHOD", "NAME", "PRODID", "X-WR-CALNAME", "X-WR-TIMEZONE"),
    }
)
_FREQUENCIES: Mapping[str, int] = {
    "YEARLY": YEARLY,
    "MONTHLY": MONTHLY,
    "WEEKLY": WEEKLY,
    "DAILY": DAILY,
    "HOURLY": HOURLY,
}
_UNITS = {WEEKLY: timedelta(weeks=1), DAILY: _DAY, HOURLY: timedelta(hours=1)}
_NUMBERS = {
    "BYMONTH": ("bymonth", 1, 12),
    "BYMONTHDAY": ("bymonthday", -31, 31),
    "BYYEARDAY": ("byyearday", -366, 366),
    "BYWEEKNO": ("byweekno", -53, 53),
    "BYHOUR": ("byhour", 0, 23),
    "BYMINUTE": ("byminute", 0, 59),
    "BYSECOND": ("bysecond", 0, 59),
    "BYSETPOS": ("bysetpos", -366, 366),
}
_WEEKDAYS = {name: weekday(number) for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}

_TIME = re.compile(r"[0-9]{8}(?:T[0-9]{6}Z?)?")
_DURATION = re.compile(
    r"([+-])?P(?=[0-9T])(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?"
)
_BYDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_PARAMETER = re.compile(r';([^=;"]+)=("[^"]*"|[^";]*)')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ZONE_RULE = re.compile(
    r"FREQ=YEARLY|BYMONTH=(?:0?[1-9]|1[0-2])|BYDAY=[+-]?[1-5]?[A-Z]{2}|UNTIL=[0-9TZ]+"
    r"|BYMONTHDAY=(?:0?[1-9]|1[0-9]|2[0-8])(?:,(?:0?[1-9]|1[0-9]|2[0-8]))*"
)

_GOALERT = re.compile(r"(?:(?P<name>.*) )?On-Call \(GoAlert: .*\)(?P<cut> Begins\*)?")
_PAGERDUTY = re.compile(r"On Call - (?P<name>.+?) - .+")
_LINKEDIN = re.compile(r"\S+(?: \S+)*? (?P<role>\S+) shift: (?P<name>.+)")
_LEVEL = re.compile(r"\[[^\]]*\]\s*")
_OFF_DUTY = frozenset({"vacation", "unavailable"})


def read_calendar(data: bytes, within: Interval, file: str, zone: str = "UTC") -> Imported:
    """Give the entries of a calendar that share an instant with `within`, each whole.

    `file` is what problems call the calendar. `zone` is that of times that name none and of whole days, where the
    calendar says none for them (X-WR-TIMEZONE). Raises WatchbillError where the data is no calendar, or is cut off.
    """
    text = _text(data, file)
    splitter = _Splitter(file)
    splitter.split(found[0] for found in re.finditer(r"[^\n]+", text))
    reader = _Reader(within, file)
    if "\ufffd" in text:
        reader.report("bad-encoding", "the calendar is not all UTF-8; what is not matches nobody's name")
    for calendar in splitter.calendars:
        reader.read(calendar, zone)
    return reader.imported(next((calendar.name for calendar in splitter.calendars if calendar.name), ""))


class _BadEventError(Exception):
    """Something about one event that is not understood; the event is dropped."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- text to components --------------------------------------------------------------------------


class _Value(NamedTuple):
    """What a property says: its parameters as written, and its value, still escaped."""

    parameters: str
    text: str

    def parameter(self, name: str) -> str:
        """Give a parameter without its quotes, RFC 6868 undone; empty where there is none."""
        for key, value in _PARAMETER.findall(f";{self.parameters}") if self.parameters else ():
            if key.strip().upper() == name:
                plain = value.strip('"')
                return re.sub(r"\^([n^'])", lambda found: {"n": "\n", "^": "^", "'": '"'}[found[1]], plain)
        return ""

    @property
    def plain(self) -> str:
        """The value with its escapes undone (section 3.3.11)."""
        if "\\" not in self.text:
            return self.text
        return _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.text)


_Values = dict[str, list[_Value]]


@dataclass(slots=True)
class _Component:
    """The properties of an event that matter here, and whether its end is where it should be."""

    values: _Values = field(default_factory=dict)
    is_closed: bool = False

    def first(self, name: str) -> _Value | None:
        found = self.values.get(name)
        return found[0] if found else None

    def text(self, name: str) -> str:
        found = self.values.get(name)
        return found[0].plain.strip() if found else ""

    @property
    def uid(self) -> str:
        """The UID, safe to show."""
        return inert(self.text("UID")[:MAX_NAME])


@dataclass(slots=True)
class _Calendar:
    top: _Component = field(default_factory=_Component)
    events: list[_Component] = field(default_factory=list)
    zones: list[list[str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return (self.top.text("X-WR-CALNAME") or self.top.text("NAME"))[:MAX_NAME]


def _unfolded(data: bytes) -> bytes:
    # Before decoding: a fold may lie inside a character (section 3.1).
    return data.replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")


def _text(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise WatchbillError(
            f"{file} is larger than {MAX_BYTES // 1_000_000} MB; no calendar is", "export fewer years of the schedule"
        )
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:15].upper() == b"BEGIN:VCALENDAR":
        return _unfolded(start).decode(errors="replace")
    raise WatchbillError(f"{file} is no calendar: it is {_what(start)}", _HINT)


def _what(start: bytes) -> str:
    """Say what something is that is no calendar."""
    if not start:
        return "empty"
    if start[:1] == b"<":
        return "a web page or XML"
    if start[:1] in b"{[":
        return "JSON"
    first = start[:40].split(b"\n")[0].decode(errors="replace").strip()
    if not first.isprintable() or "\ufffd" in first:
        return "binary data"
    return f"something else that begins with `{first}`"


class _Splitter:
    """Splits lines into calendars and their events; what lies deeper in an event, such as alarms, is left out."""

    def __init__(self, file: str) -> None:
        self.calendars: list[_Calendar] = []
        self._file = file
        self._open: list[str] = []
        """The names of the components begun and not ended, the outermost first."""
        self._place: _Component | None = None
        """Where properties go."""
        self._zone: list[str] | None = None
        self._events = 0

    def split(self, lines: Iterable[str]) -> None:
        """Read all lines; raises where the last calendar does not end."""
        for line in lines:
            name, value = _property(line)
            if self._zone is not None:
                self._zone.append(line)
            if name == "BEGIN":
                self._begin(value.text.strip().upper(), line)
            elif name == "END":
                self._end(value.text.strip().upper())
            elif self._place is not None and name in _WANTED:
                self._place.values.setdefault(name, []).append(value)
        if self._open:
            raise self._cut_off()

    def _begin(self, component: str, line: str) -> None:
        if component == "VCALENDAR" and self._open:
            raise self._cut_off()
        if component in ("VEVENT", "VTIMEZONE"):
            # Neither lies in another component: what is still open lacks its end.
            del self._open[1:]
        if len(self._open) == MAX_DEPTH:
            raise WatchbillError(f"{self._file} nests components deeper than {MAX_DEPTH}; no calendar does", _HINT)
        self._open.append(component)
        self._place = None
        if self._open == ["VCALENDAR"]:
            self.calendars.append(_Calendar())
            self._place = self.calendars[-1].top
        elif self._open == ["VCALENDAR", "VEVENT"]:
            self._begin_event()
        elif self._open == ["VCALENDAR", "VTIMEZONE"]:
            self._zone = [line]
            self.calendars[-1].zones.append(self._zone)

    def _begin_event(self) -> None:
        self._events += 1
        if self._events > MAX_EVENTS:
            message = f"{self._file} has more than {MAX_EVENTS:,} events"
            raise WatchbillError(message, "export fewer years of the schedule")
        self._place = _Component()
        self.calendars[-1].events.append(self._place)

    def _end(self, component: str) -> None:
        if component not in self._open:
            return
        if component == "VEVENT" and self._place is not None:
            self._place.is_closed = True
        # The last of that name, and with it what it holds: what lacks its end stays unclosed.
        while self._open.pop() != component:
            pass
        self._place = None
        if self._open == ["VCALENDAR"]:
            self._place, self._zone = self.calendars[-1].top, None
        elif self._open == ["VCALENDAR", "VEVENT"]:
            self._place = self.calendars[-1].events[-1]

    def _cut_off(self) -> WatchbillError:
        return WatchbillError(f"{self._file} ends in the middle of the calendar; it was cut off", "fetch it again")


def _property(line: str) -> tuple[str, _Value]:
    """Split a line into its name, upper case, and its value (section 3.1)."""
    head, _, text = line.partition(":")
    if '"' in head:
        # A colon in quotes does not end the parameters.
        end = _unquoted_colon(line)
        head, text = line[:end], line[end + 1 :]
    name, _, parameters = head.partition(";")
    return name.upper(), _Value(parameters, text)


def _unquoted_colon(line: str) -> int:
    quoted = False
    for found in re.finditer('[":]', line):
        if found[0] == '"':
            quoted = not quoted
        elif not quoted:
            return found.start()
    return len(line)


# --- times ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wall:
    """A time as the calendar writes it: by the clock of a zone, or the midnight with which a whole day begins."""

    local: datetime
    zone: tzinfo
    is_day: bool

    @property
    def utc(self) -> datetime:
        return _utc(self.local, self.zone)

    def in_zone_of(self, other: "_Wall") -> datetime:
        """Give the local time in the zone of another; a midnight where the other is a whole day."""
        local = self.local
        if self.zone is not other.zone and not self.is_day:
            local = self.utc.astimezone(other.zone).replace(tzinfo=None)
        return datetime.combine(local.date(), time()) if other.is_day else local


class _Length(NamedTuple):
    """How long an event lasts: first so long by the wall clock, then so long by the stop-watch."""

    wall: timedelta
    exact: timedelta

    @property
    def total(self) -> timedelta:
        return self.wall + self.exact


@cache
def _known_zones() -> frozenset[str]:
    # Both are about the machine, not a place: `localtime` is wherever it stands.
    return frozenset(available_timezones() - {"localtime", "Factory"})


class _Zones:
    """The zones that a calendar names: of the tz database first, as those it defines itself are often out of date."""

    def __init__(self, calendar: _Calendar, otherwise: str) -> None:
        self._default = calendar.top.text("X-WR-TIMEZONE") or otherwise
        self._own = {_zone_name(lines): lines for lines in calendar.zones}
        self._found: dict[str, tzinfo | None] = {"UTC": UTC}
        self._made = 0

    def named(self, name: str) -> tzinfo:
        """Give the zone of a name; raises for one that nobody knows."""
        if name not in self._found:
            self._found[name] = self._look_up(name)
        zone = self._found[name]
        if zone is None:
            raise _BadEventError("unknown-zone", f"nobody knows the time zone `{inert(name[:MAX_NAME])}`")
        return zone

    def default(self) -> tzinfo:
        """Give the zone of floating times and of whole days."""
        return self.named(self._default)

    def _look_up(self, name: str) -> tzinfo | None:
        for known in (name, WINDOWS_TO_OLSON.get(name)):
            if known in _known_zones():
                return ZoneInfo(known)
        if name not in self._own or self._made == _MAX_OWN_ZONES:
            return None
        self._made += 1
        return _own_zone(self._own[name])


def _zone_name(lines: Sequence[str]) -> str:
    return next((value.plain.strip() for name, value in map(_property, lines) if name == "TZID"), "")


def _own_zone(lines: Sequence[str]) -> tzinfo | None:
    """Make a zone as a calendar defines it (section 3.6.5); None where that is not understood.

    Only yearly rules on a day of a month are let through: others could keep dateutil busy for ever.
    """
    if sum(map(len, lines)) > _MAX_ZONE_TEXT or not all(map(_is_plain_zone_line, lines)):
        return None
    kept = [line for line in lines if not line.upper().startswith("X-")]
    try:
        component = Timezone.from_ical("\r\n".join(kept))
        assert isinstance(component, Timezone)
        zone: tzinfo = component.to_tz(lookup_tzid=False)
        zone.utcoffset(datetime(2000, 1, 1))  # noqa: DTZ001 - a zone is asked about local times
    except Exception:  # noqa: BLE001 - hostile text makes the libraries raise all sorts; all of it means not understood
        return None
    return zone


def _is_plain_zone_line(line: str) -> bool:
    name, value = _property(line)
    if name != "RRULE":
        return name != "EXRULE"
    parts = value.text.strip().upper().split(";")
    return "FREQ=YEARLY" in parts and all(_ZONE_RULE.fullmatch(part) for part in parts) and _is_feasible(value.text)


def _is_feasible(rule: str) -> bool:
    """Tell whether days of the month that a rule names exist in each, and have the weekday every few years."""
    return "BYMONTHDAY" not in rule.upper() or re.search(r"BYDAY=[^;]*[0-9]", rule.upper()) is None


def _utc(local: datetime, zone: tzinfo) -> datetime:
    """Give the instant of a local time: the first of two; one that is skipped, by the offset before (section 3.3.5)."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def _wall(value: _Value, zones: _Zones, text: str | None = None) -> _Wall:
    """Place a DATE or DATE-TIME (sections 3.3.4, 3.3.5); `text` is one of several values of the property."""
    written = (value.text if text is None else text).strip()
    if _TIME.fullmatch(written) is None:
        raise _BadEventError("bad-time", f"`{inert(written[:60])}` is no date or time")
    try:
        local = datetime.fromisoformat(written.removesuffix("Z"))
    except ValueError:
        raise _BadEventError("bad-time", f"`{inert(written[:60])}` is not in the calendar or on the clock") from None
    if len(written) == len("20260101"):
        return _Wall(local, zones.default(), is_day=True)
    if written.endswith("Z"):
        return _Wall(local, UTC, is_day=False)
    named = value.parameter("TZID") if value.parameters else ""
    return _Wall(local, zones.named(named) if named else zones.default(), is_day=False)


def _duration(text: str) -> _Length:
    """Read a DURATION: weeks and days go by the calendar, the rest by the stop-watch (section 3.3.6)."""
    found = _DURATION.fullmatch(text.strip().upper())
    if found is None:
        raise _BadEventError("bad-time", f"`{inert(text[:60])}` is no duration")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    sign = -1 if found[1] == "-" else 1
    return _Length(
        sign * timedelta(weeks=weeks, days=days), sign * timedelta(hours=hours, minutes=minutes, seconds=seconds)
    )


# --- people --------------------------------------------------------------------------------------


class _Named(NamedTuple):
    """One person of an event."""

    names: tuple[str, ...]
    kind: Kind | None


class _Said(NamedTuple):
    """What a SUMMARY says by the shape of the product that wrote it."""

    people: tuple[str, ...]
    kind: Kind | None = None
    is_shape: bool = True
    """Whether the shape is one we know; else the summary is a title that somebody typed."""
    is_off_duty: bool = False
    is_cut: bool = False
    """GoAlert's `Begins*`: the shift goes on past the year that the feed shows, so its end is made up."""


def _said(summary: str, product: str) -> _Said:
    text = " ".join(summary.split()) if len(summary) <= _MAX_SUMMARY else ""
    if found := _GOALERT.fullmatch(text):
        return _Said(_kept([found["name"] or ""]), is_cut=bool(found["cut"]))
    if found := _PAGERDUTY.fullmatch(text):
        return _Said(_kept([found["name"]]))
    if found := _LINKEDIN.fullmatch(text):
        role = found["role"].casefold()
        return _Said(_kept([found["name"]]), _kind(role), is_off_duty=role in _OFF_DUTY)
    title = text[level.end() :] if (level := _LEVEL.match(text)) else text
    if "opsgenie" in product.casefold():
        return _Said(_beginnings(title))
    return _Said(_kept(part.strip() for part in title.split(",")), is_shape=False)


def _beginnings(text: str) -> tuple[str, ...]:
    """Give what may be the name with which a line begins, the longest first: an address, or two to four words.

    A single word would mean anybody with that first name.
    """
    words = text.split()[:4]
    if words and "@" in words[0]:
        return _kept([words[0]])
    return _kept(" ".join(words[:count]) for count in range(len(words), 1, -1))


def _kept(names: Iterable[str]) -> tuple[str, ...]:
    """Give names without repeats, empty ones, and texts too long for one."""
    return tuple(dict.fromkeys(name for name in names if name and len(name) <= MAX_NAME))


def _kind(text: str) -> Kind | None:
    return next((kind for kind in Kind if kind.value == text), None)


def _people(event: _Component, said: _Said) -> tuple[_Named, ...]:
    """Say whom an event is about, one by one, each by all its names."""
    kind = _kind(event.text("X-WATCHBILL-KIND")) or said.kind
    ours = _kept([unquote(event.text("X-WATCHBILL-PERSON"))])
    attendees = [names for value in event.values.get("ATTENDEE", ()) if (names := _attendee(value))]
    if len(attendees) > 1:
        return tuple(_Named(names, kind) for names in dict.fromkeys(attendees))
    by_shape = said.people if said.is_shape and not ours else ()
    if names := (attendees[0] if attendees else ()) or ours or by_shape:
        addresses = [name for name in names if "@" in name]
        return (_Named(_kept([*addresses, *ours, *names, *by_shape]), kind),)
    if event.values.get("ATTENDEE") and not said.is_shape:
        return ()  # Those asked have declined, or only know of it; the title is then no name.
    return tuple(_Named((name,), kind) for name in said.people)


def _attendee(value: _Value) -> tuple[str, ...]:
    """Give the names of an ATTENDEE, none for a room, or for one who declined or is only told (section 3.2)."""
    if value.parameters:
        if (
            value.parameter("CUTYPE").upper() in ("ROOM", "RESOURCE")
            or value.parameter("PARTSTAT").upper() == "DECLINED"
        ):
            return ()
        if value.parameter("ROLE").upper() == "NON-PARTICIPANT":
            return ()
    address = value.text.strip()
    if address[:7].upper() == "MAILTO:":
        address = address[7:].strip()
    return _kept([address, value.parameter("CN").strip()])


# --- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Event:
    """An event with its times placed."""

    component: _Component
    said: _Said
    start: _Wall
    length: _Length
    order: tuple[int, str, bool, int]
    """SEQUENCE, DTSTAMP, cancelled, place in the file: the highest of a UID counts."""
    replaces: _Wall | None
    """The instance that it is an edit of (RECURRENCE-ID)."""

    @property
    def is_cancelled(self) -> bool:
        return self.order[2]

    @property
    def recurs(self) -> bool:
        return not self.component.values.keys().isdisjoint({"RRULE", "RDATE", "EXDATE", "EXRULE"})


def _event(component: _Component, place: int, zones: _Zones, *, cancelled: bool, product: str) -> _Event:
    start_value = component.first("DTSTART")
    if not component.is_closed:
        raise _BadEventError("bad-event", "the event has no END:VEVENT")
    if start_value is None:
        raise _BadEventError("bad-time", "the event has no start")
    start = _wall(start_value, zones)
    replaced = component.first("RECURRENCE-ID")
    sequence = component.text("SEQUENCE")
    number = int(sequence) if sequence.isdecimal() and len(sequence) <= 9 else 0  # noqa: PLR2004 - as an INTEGER has
    gone = cancelled or component.text("STATUS").upper() == "CANCELLED"
    return _Event(
        component,
        # Ours says who in a property of its own, so the summary is for people alone.
        _Said(()) if "X-WATCHBILL-PERSON" in component.values else _said(component.text("SUMMARY"), product),
        start,
        _length(component, start, zones),
        (number, component.text("DTSTAMP")[:20], gone, place),
        _wall(replaced, zones) if replaced else None,
    )


def _length(component: _Component, start: _Wall, zones: _Zones) -> _Length:
    """Say how long an event lasts; one of a day without an end lasts that day (section 3.6.1)."""
    end_value, duration = component.first("DTEND"), component.first("DURATION")
    if end_value is None:
        if duration is not None:
            return _duration(duration.text)
        if start.is_day:
            return _Length(_DAY, timedelta(0))
        raise _BadEventError("no-end", "the event has no end")
    end = _wall(end_value, zones)
    if end.is_day != start.is_day:
        raise _BadEventError("bad-time", "of start and end, one is a day and one a time")
    if end.zone is start.zone:
        return _Length(end.local - start.local, timedelta(0))
    return _Length(timedelta(0), end.utc - start.utc)


# --- recurrence ----------------------------------------------------------------------------------


class _Budget:
    """The work that recurrence may still cost."""

    def __init__(self) -> None:
        self._all = MAX_STEPS
        self._each = 0

    def next_series(self) -> None:
        self._each = MAX_STEPS_EACH

    def spend(self, steps: int = 1) -> None:
        """Take some of it; raises where none is left."""
        self._all -= steps
        self._each -= steps
        if self._each < 0 or self._all < 0:
            raise _BadEventError("too-much-work", "its recurrence never matches, or takes too much work")


class _Month(int):
    """A month of a rule that is told of each day dateutil looks at, since it compares the day's month first.

    A rule that never matches is otherwise tried on each day until the year 9999.
    """

    spend: Callable[[], None]

    @classmethod
    def counting(cls, month: int, spend: Callable[[], None]) -> "_Month":
        made = cls(month)
        made.spend = spend
        return made

    def __eq__(self, other: object) -> bool:
        self.spend()
        return int(self) == other

    __hash__ = int.__hash__


def _rule(text: str, start: _Wall, since: datetime, zones: _Zones, budget: _Budget) -> rrule | None:
    """Read a recurrence rule (section 3.3.10) by the wall clock; None where it ends before it starts.

    Without a COUNT it may begin later, at the last of its steps before `since`, as all before do not matter.
    """
    budget.spend(_STEPS_OF_A_RULE)
    parts = _parts(text)
    if {"COUNT", "UNTIL"} <= parts.keys():
        raise _bad_rule("it has both COUNT and UNTIL")
    frequency = _frequency(parts.pop("FREQ", ""))
    interval = _number(parts.pop("INTERVAL", "1"), 1, _MAX_INTERVAL)
    count = _number(parts.pop("COUNT"), 1, 999_999_999) if "COUNT" in parts else None
    until = _until(parts.pop("UNTIL"), start, zones) if "UNTIL" in parts else None
    week_start = _weekdays(parts.pop("WKST", "MO"))[0]
    days = _weekdays(parts.pop("BYDAY")) if "BYDAY" in parts else None
    lists = {_NUMBERS[name][0]: _numbers(name, part) for name, part in parts.items() if name in _NUMBERS}
    if unknown := sorted(parts.keys() - _NUMBERS.keys()):
        raise _bad_rule(f"`{inert(unknown[0][:30])}` is not understood")
    _check_times(lists)
    if (
        days
        and any(day.n for day in days)
        and (frequency > MONTHLY or (frequency == YEARLY and "bymonth" not in lists))
    ):
        raise _bad_rule("a numbered weekday needs a month")
    if frequency == YEARLY and not days and lists.keys().isdisjoint({"bymonthday", "byyearday", "byweekno"}):
        lists = {"bymonth": (start.local.month,), "bymonthday": (start.local.day,), **lists}
    if until is not None and until < start.local:
        return None
    first, *others = sorted(lists.get("bymonth", range(1, 13)))
    lists["bymonth"] = (_Month.counting(first, budget.spend), *others)
    begin = start.local
    if count is None and frequency in _UNITS:
        step = _UNITS[frequency] * interval
        begin += max((since - begin) // step - 1, 0) * step
    try:
        return rrule(
            frequency,
            dtstart=begin,
            interval=interval,
            wkst=week_start,
            count=count,
            until=until,
            byweekday=days,
            **lists,
        )
    except ValueError as error:
        raise _bad_rule(str(error)) from None


def _bad_rule(why: str) -> _BadEventError:
    return _BadEventError("bad-rule", f"its recurrence rule is not understood: {why}")


def _parts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.strip().upper().strip(";").split(";"):
        name, _, value = part.partition("=")
        if name in found or not value:
            raise _bad_rule(f"`{inert(part[:30])}`")
        found[name] = value
    return found


def _frequency(text: str) -> int:
    if text in ("SECONDLY", "MINUTELY"):
        raise _bad_rule(f"no shift recurs {text}")
    if text not in _FREQUENCIES:
        raise _bad_rule(f"`FREQ={inert(text[:30])}`")
    return _FREQUENCIES[text]


def _number(text: str, low: int, high: int) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text) is None or not low <= int(text) <= high:
        raise _bad_rule(f"`{inert(text[:30])}` is no number from {low} to {high}")
    return int(text)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    _, low, high = _NUMBERS[name]
    found = {_number(each, low, high) for each in text.split(",", 1_000)}
    if 0 in found and low < 0:
        raise _bad_rule(f"`{name}=0`")
    return tuple(found)


def _weekdays(text: str) -> tuple[weekday, ...]:
    found: dict[str, weekday] = {}
    for each in text.split(",", 1_000):
        day = _BYDAY.fullmatch(each)
        if day is None or (day[1] and not 1 <= abs(int(day[1])) <= 53):  # noqa: PLR2004 - weeks of a year
            raise _bad_rule(f"`{inert(each[:30])}` is no weekday")
        found[each] = _WEEKDAYS[day[2]](int(day[1])) if day[1] else _WEEKDAYS[day[2]]
    return tuple(found.values())


def _check_times(lists: Mapping[str, Sequence[int]]) -> None:
    times = 1
    for name in ("byhour", "byminute", "bysecond"):
        times *= len(lists.get(name, (0,)))
    if times > _MAX_TIMES_A_DAY:
        raise _bad_rule(f"no shift begins {times} times a day")


def _until(text: str, start: _Wall, zones: _Zones) -> datetime:
    """Give the last local time at which an instance may begin: a date means all of that day."""
    until = _wall(_Value("", text), zones)
    if start.is_day:
        return datetime.combine(until.local.date(), time())
    if until.is_day:
        return datetime.combine(until.local.date(), time.max)
    # One that names no zone is of the event's own.
    return until.in_zone_of(start) if text.endswith("Z") else until.local


@dataclass(frozen=True, slots=True)
class _Excluded:
    """What EXDATE takes out of a series."""

    times: frozenset[datetime]
    days: frozenset[date]

    def __contains__(self, local: datetime) -> bool:
        return local in self.times or local.date() in self.days


def _excluded(master: _Event, zones: _Zones, budget: _Budget) -> _Excluded:
    walls = [wall for wall, _ in _dates(master.component.values.get("EXDATE", ()), zones, budget)]
    return _Excluded(
        frozenset(wall.in_zone_of(master.start) for wall in walls if not wall.is_day),
        frozenset(wall.local.date() for wall in walls if wall.is_day),
    )


def _instances(
    master: _Event, since: datetime, before: datetime, zones: _Zones, budget: _Budget
) -> Mapping[datetime, _Length | None]:
    """Give the local times at which a series begins, with the length where an RDATE has its own.

    Those of rules are cut to a span. EXDATE is not applied.
    """
    values = master.component.values
    if "EXRULE" in values:
        raise _bad_rule("it has an EXRULE, which is out of use")
    rules = [_rule(value.text, master.start, since, zones, budget) for value in values.get("RRULE", ())]
    found: dict[datetime, _Length | None] = {}
    if not rules or any(rule is not None for rule in rules):
        # The start is always the first instance, also where the rule would not have it (section 3.8.5.3).
        found[master.start.local] = None
    for rule in rules:
        for local in rule or ():
            if local > before:
                break
            if local >= since:
                found[local] = None
    for wall, length in _dates(values.get("RDATE", ()), zones, budget):
        found[wall.in_zone_of(master.start)] = length
    return found


def _dates(values: Iterable[_Value], zones: _Zones, budget: _Budget) -> Iterator[tuple[_Wall, _Length | None]]:
    """Give the times of RDATE or EXDATE, with the length of those that are periods (section 3.3.9)."""
    for value in values:
        for text in value.text.split(","):
            budget.spend()
            begin, slash, end = text.partition("/")
            wall = _wall(value, zones, begin)
            if not slash:
                yield wall, None
            elif end.strip()[:1] in ("P", "+"):
                yield wall, _duration(end)
            else:
                yield wall, _Length(timedelta(0), _wall(value, zones, end).utc - wall.utc)


def _replaced(edit: _Event, master: _Event) -> datetime:
    """Give the local time of the instance that an edit is of; a date means the one that would begin on it."""
    assert edit.replaces is not None
    local = edit.replaces.in_zone_of(master.start)
    return datetime.combine(local.date(), master.start.local.time()) if edit.replaces.is_day else local


def _is_for_future(edit: _Event) -> bool:
    value = edit.component.first("RECURRENCE-ID")
    return value is not None and value.parameter("RANGE").upper() == "THISANDFUTURE"


# --- all of it -----------------------------------------------------------------------------------


class _Reader:
    """What has been read so far."""

    def __init__(self, within: Interval, file: str) -> None:
        self._within = within
        self._file = file
        self._budget = _Budget()
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
            complete = Interval(min(self._within.start, self._known_until - _DAY), self._known_until)
        ordered = sorted(self._entries, key=lambda entry: (entry.interval.start, entry.interval.end, entry.uid))
        return Imported(name, tuple(ordered), tuple(problems), complete)

    def read(self, calendar: _Calendar, zone: str) -> None:
        """Add the entries of one calendar."""
        scale = calendar.top.text("CALSCALE").upper()
        if scale not in ("", "GREGORIAN"):
            raise WatchbillError(f"{self._file} is no Gregorian calendar but `{inert(scale[:30])}`", _HINT)
        zones = _Zones(calendar, zone)
        cancelled = calendar.top.text("METHOD").upper() == "CANCEL"
        product = calendar.top.text("PRODID")
        series: dict[str, list[_Event]] = {}
        torn: set[str] = set()
        for place, component in enumerate(calendar.events):
            uid = component.text("UID") or f"\n{place}"
            try:
                event = _event(component, place, zones, cancelled=cancelled, product=product)
            except (_BadEventError, OverflowError) as error:
                self._drop(error, component.uid)
                torn.add(uid)
            else:
                series.setdefault(uid, []).append(event)
        for uid, events in series.items():
            if uid in torn:
                # What the lost one edits, replaces or cancels is not known, so neither is what still stands.
                self.report("bad-series", "other events with this UID are left out with it", events[0].component.uid)
            else:
                self._read_series(events, zones)

    def _drop(self, error: Exception, uid: str) -> None:
        if isinstance(error, _BadEventError):
            self.report(error.code, str(error), uid)
        else:
            self.report("bad-time", "its times are further away than dates go", uid)

    def _read_series(self, events: Sequence[_Event], zones: _Zones) -> None:
        """Add the instances of the events with one UID."""
        if self._is_full:
            return
        try:
            masters = [event for event in events if event.replaces is None]
            edits = sorted((event for event in events if event.replaces is not None), key=_age)
            if not masters:
                # A feed of a few weeks may hold the edits of a series alone.
                newest = {edit.replaces.utc: edit for edit in edits if edit.replaces is not None}
                self._add_alone(newest.values())
            elif (master := self._newest(masters)).recurs or edits:
                self._budget.next_series()
                self._add_recurring(master, edits, zones)
            else:
                self._add_alone([master])
        except (_BadEventError, OverflowError) as error:
            self._drop(error, events[0].component.uid)

    def _newest(self, masters: list[_Event]) -> _Event:
        masters.sort(key=_age)
        if len(masters) > 1:
            older, newer = masters[-2:]
            if older.order[:3] == newer.order[:3] and (older.start, older.length) != (newer.start, newer.length):
                message = "several events have this UID and none is newer; the last of them counts"
                self.report("duplicate-uid", message, newer.component.uid)
        return masters[-1]

    def _add_alone(self, events: Iterable[_Event]) -> None:
        for event in events:
            self._add(event, event.start.zone, event.start.local, event.length)

    def _add_recurring(self, master: _Event, edits: Sequence[_Event], zones: _Zones) -> None:
        if master.is_cancelled:
            return
        # In order of age, so that the newest edit of an instance stays.
        by_local = {_replaced(edit, master): edit for edit in edits}
        changes = sorted(
            (local, edit.start.in_zone_of(master.start) - local, edit)
            for local, edit in by_local.items()
            if _is_for_future(edit)
        )
        zone = master.start.zone
        since = self._within.start.astimezone(zone).replace(tzinfo=None) - 2 * _DAY
        before = self._within.end.astimezone(zone).replace(tzinfo=None) + 2 * _DAY
        longest = max([master.length.total, *(edit.length.total for _, _, edit in changes)])
        furthest = max((abs(moved) for _, moved, _ in changes), default=timedelta(0))
        out = _excluded(master, zones, self._budget)
        found = _instances(
            master, since - max(longest, timedelta(0)) - furthest, before + furthest, zones, self._budget
        )
        starts = [local for local, _, _ in changes]
        for local, length in found.items():
            if local in by_local or local in out:
                continue
            number = bisect_right(starts, local)
            _, moved, event = changes[number - 1] if number else (local, timedelta(0), master)
            self._add(event, zone, local + moved, length or event.length)
        self._add_alone(edit for local, edit in by_local.items() if local not in out)

    def _add(self, event: _Event, zone: tzinfo, local: datetime, length: _Length) -> None:
        """Add one event that begins at a local time, where it shares an instant with the span asked for."""
        if event.is_cancelled or event.said.is_off_duty:
            return
        start, uid = _utc(local, zone), event.component.uid
        end = _utc(local + length.wall, zone) + length.exact
        if event.said.is_cut:
            if start < self._known_until:
                self._known_until = start
                self.report("cut-off", f"the feed does not say what comes after {iso(start)}", uid)
        elif start >= end:
            if start in self._within:
                self.report("no-length", f"the event at {iso(start)} ends no later than it starts", uid)
        elif start < self._within.end and self._within.start < end:
            self._enter(event, Interval(start, end), uid)

    def _enter(self, event: _Event, interval: Interval, uid: str) -> None:
        people = _people(event.component, event.said)
        if not people:
            self.report("no-name", "the event does not say who is on call", uid)
        elif len(self._entries) + len(people) > MAX_ENTRIES:
            self._is_full = True
            self.report("too-many-entries", f"only {MAX_ENTRIES:,} entries are kept; ask for a shorter span")
        else:
            self._entries.extend(Entry(interval, names, uid, kind) for names, kind in people)


def _age(event: _Event) -> tuple[int, str, bool, int]:
    return event.order
