"""Which events and zones a calendar holds, as written: its lines, sorted into components."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from watchbill.errors import WatchbillError
from watchbill.inert import inert
from watchbill.schedule.calendars.lines import NO_CALENDAR, Value, property_of


MAX_EVENTS = 100_000
MAX_DEPTH = 10
MAX_NAME = 500
"""No name or address is longer; what is, names nobody."""

_WANTED = frozenset(
    {
        *("ATTENDEE", "DTEND", "DTSTAMP", "DTSTART", "DURATION", "EXDATE", "EXRULE", "RDATE", "RECURRENCE-ID", "RRULE"),
        *("SEQUENCE", "STATUS", "SUMMARY", "UID", "X-WATCHBILL-KIND", "X-WATCHBILL-PERSON"),
        *("CALSCALE", "METHOD", "NAME", "PRODID", "X-WR-CALNAME", "X-WR-TIMEZONE"),
    }
)
"""The properties that any of this package asks for; no other is kept."""


@dataclass(slots=True)
class Component:
    """The properties of an event, or of a calendar itself, that matter here."""

    values: dict[str, list[Value]] = field(default_factory=dict)
    is_closed: bool = False
    """Whether the end of the event is where it should be."""

    def first(self, name: str) -> Value | None:
        """Give the first value of a property; None where it has none."""
        found = self.values.get(name)
        return found[0] if found else None

    def text(self, name: str) -> str:
        """Give the first value of a property as text; empty where it has none."""
        found = self.values.get(name)
        return found[0].plain.strip() if found else ""

    @property
    def uid(self) -> str:
        """The UID, safe to show."""
        return inert(self.text("UID")[:MAX_NAME])


@dataclass(slots=True)
class Calendar:
    """A calendar, split."""

    top: Component = field(default_factory=Component)
    """What it says of itself."""
    events: list[Component] = field(default_factory=list)
    zones: list[list[str]] = field(default_factory=list)
    """The lines of each zone that it defines."""

    @property
    def name(self) -> str:
        """What it is called; empty where it does not say."""
        return (self.top.text("X-WR-CALNAME") or self.top.text("NAME"))[:MAX_NAME]


def calendars_of(lines: Iterable[str], file: str) -> list[Calendar]:
    """Sort the lines of a file into its calendars; raises WatchbillError where one is cut off or beyond all bounds.

    What lies deeper in an event, such as alarms, is left out.
    """
    splitter = _Splitter(file)
    splitter.split(lines)
    return splitter.calendars


class _Splitter:
    def __init__(self, file: str) -> None:
        self.calendars: list[Calendar] = []
        self._file = file
        self._open: list[str] = []
        """The names of the components begun and not ended, the outermost first."""
        self._place: Component | None = None
        """Where properties go."""
        self._zone: list[str] | None = None
        self._events = 0

    def split(self, lines: Iterable[str]) -> None:
        for line in lines:
            name, value = property_of(line)
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
            raise WatchbillError(
                f"{self._file} nests components deeper than {MAX_DEPTH}; no calendar does", NO_CALENDAR
            )
        self._open.append(component)
        self._place = None
        if self._open == ["VCALENDAR"]:
            self.calendars.append(Calendar())
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
        self._place = Component()
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
