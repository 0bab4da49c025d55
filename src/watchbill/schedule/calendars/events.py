"""What one event of a calendar says: when it begins, how long it lasts, and which event it takes the place of."""

from dataclasses import dataclass

from watchbill.schedule.calendars.components import Component
from watchbill.schedule.calendars.errors import BadEventError
from watchbill.schedule.calendars.people import Whom, whom_of
from watchbill.schedule.calendars.times import DAY, ZERO, Length, Wall, duration, wall
from watchbill.schedule.calendars.zones import Zones


_DIGITS = 9
"""Of a number: what an INTEGER may always have (section 3.3.8)."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event with its times placed."""

    component: Component
    whom: Whom
    start: Wall
    length: Length
    order: tuple[int, str, bool, int]
    """SEQUENCE, DTSTAMP, cancelled, place in the file: the highest of a UID counts."""
    replaces: Wall | None
    """The instance that it is an edit of (RECURRENCE-ID)."""

    @property
    def is_cancelled(self) -> bool:
        """Whether it says that it does not take place."""
        return self.order[2]

    @property
    def recurs(self) -> bool:
        """Whether it says of other times that it is then, or is not."""
        return not self.component.values.keys().isdisjoint({"RRULE", "RDATE", "EXDATE", "EXRULE"})

    @property
    def is_for_future(self) -> bool:
        """Whether it is also an edit of all instances after its own."""
        value = self.component.first("RECURRENCE-ID")
        return value is not None and value.parameter("RANGE").upper() == "THISANDFUTURE"


def read_event(component: Component, place: int, zones: Zones, *, cancelled: bool, product: str) -> Event:
    """Read an event; `place` is its number in the file, `cancelled` whether the whole calendar takes events back."""
    start_value = component.first("DTSTART")
    if not component.is_closed:
        raise BadEventError("bad-event", "the event has no END:VEVENT")
    if start_value is None:
        raise BadEventError("bad-time", "the event has no start")
    start = wall(start_value, zones)
    replaced = component.first("RECURRENCE-ID")
    sequence = component.text("SEQUENCE")
    number = int(sequence) if sequence.isdecimal() and len(sequence) <= _DIGITS else 0
    gone = cancelled or component.text("STATUS").upper() == "CANCELLED"
    return Event(
        component,
        whom_of(component, product),
        start,
        _length(component, start, zones),
        (number, component.text("DTSTAMP")[:20], gone, place),
        wall(replaced, zones) if replaced else None,
    )


def _length(component: Component, start: Wall, zones: Zones) -> Length:
    """Say how long an event lasts; one of a day without an end lasts that day (section 3.6.1)."""
    end_value, span = component.first("DTEND"), component.first("DURATION")
    if end_value is None:
        if span is not None:
            return duration(span.text)
        if start.is_day:
            return Length(DAY, ZERO)
        raise BadEventError("no-end", "the event has no end")
    end = wall(end_value, zones)
    if end.is_day != start.is_day:
        raise BadEventError("bad-time", "of start and end, one is a day and one a time")
    if end.zone is start.zone:
        return Length(end.local - start.local, ZERO)
    return Length(ZERO, end.utc - start.utc)
