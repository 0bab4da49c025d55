"""Write shifts as a calendar (RFC 5545) that people subscribe to, and that `calendars.read.read_calendar` reads back.

An event's UID follows from who is on call for what from when, so a later export replaces the event and leaves no
second one. Times are in UTC: each reader's calendar shows them by its own clock.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from icalendar import Calendar, Event, vCalAddress, vText

from watchbill.inert import inert
from watchbill.intervals import iso
from watchbill.schedule.model import Shift
from watchbill.team.model import Person


_REFRESH = timedelta(hours=1)
"""How often a subscriber should look again (RFC 7986, section 5.7)."""


def write_calendar(shifts: Iterable[Shift], name: str, people: Mapping[str, Person], stamp: datetime) -> bytes:
    """Write one event per shift; `name` is what the calendar is called, `stamp` when it is made.

    A person who is not in `people` has an event without an address, by the name that the shift has for them.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//watchbill//on-call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", vText(inert(name)))
    calendar.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    for shift in shifts:
        calendar.add_component(_event(shift, people.get(shift.person), stamp.astimezone(UTC)))
    written: bytes = calendar.to_ical()
    return written


def _event(shift: Shift, person: Person | None, stamp: datetime) -> Event:
    # Shown rather than obeyed: TEXT may hold no control characters (section 3.3.11).
    full_name = inert(person.full_name if person else shift.person)
    event = Event()
    event.add("uid", _uid(shift))
    event.add("dtstamp", stamp)
    event.add("dtstart", shift.interval.start)
    event.add("dtend", shift.interval.end)
    event.add("summary", f"{full_name}, {shift.kind} of {inert(shift.rota)}")
    event.add("description", inert(shift.why))
    event.add("categories", [shift.kind.value])
    event.add("x-watchbill-person", _encoded(shift.person))
    event.add("x-watchbill-kind", shift.kind.value)
    event.add("x-watchbill-rota", _encoded(shift.rota))
    if person is not None:
        attendee = vCalAddress(f"mailto:{inert(person.email)}")
        attendee.params["CN"] = full_name
        event.add("attendee", attendee)
    return event


def _uid(shift: Shift) -> str:
    said = "\0".join((shift.rota, shift.kind, shift.person, iso(shift.interval.start)))
    return f"{sha256(said.encode()).hexdigest()[:32]}@watchbill"


def _encoded(key: str) -> str:
    """Write a name of the team file so that any character comes back the same; the usual ones stay as they are."""
    return quote(key, safe="@+=")
