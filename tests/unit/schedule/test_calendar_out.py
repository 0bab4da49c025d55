"""Shifts written as a calendar: what others read of it, and that we read the same back."""
# ruff: noqa: D103 - the names of the tests say what holds

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.calendar_out import write_calendar
from watchbill.schedule.calendars.read import read_calendar
from watchbill.schedule.imported import person_of
from watchbill.schedule.model import Shift
from watchbill.team.model import Kind, Person


STAMP = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Told:
    """What a calendar needs of a shift."""

    interval: Interval
    person: str = "jane"
    rota: str = "platform"
    kind: Kind = Kind.PRIMARY
    why: str = "rota platform, layer emea"


def person(name="jane", full_name="Jane Doe", email="jane@example.com"):
    """Declare somebody."""
    return Person(name, full_name, email, name, "UTC", (), Location("watchbill.yaml", 1))


def span(start, hours=12):
    """Give a span that begins some hours into the year."""
    begin = YEAR.start + timedelta(hours=start)
    return Interval(begin, begin + timedelta(hours=hours))


def write(*shifts, people=None, name="On call", stamp=STAMP):
    """Write shifts as a calendar."""
    known = {"jane": person()} if people is None else people
    return write_calendar([cast("Shift", shift) for shift in shifts], name, known, stamp)


def lines(data):
    """Give the lines of a calendar, unfolded."""
    return data.decode().replace("\r\n ", "").split("\r\n")


def test_an_event_says_who_and_why_in_words_and_for_programs():
    written = lines(write(Told(span(9)), name="Platform, EU"))
    for line in (
        "VERSION:2.0",
        "PRODID:-//watchbill//on-call//EN",
        "X-WR-CALNAME:Platform\\, EU",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "DTSTAMP:20260301T120000Z",
        "DTSTART:20260101T090000Z",
        "DTEND:20260101T210000Z",
        "SUMMARY:Jane Doe\\, primary of platform",
        'ATTENDEE;CN="Jane Doe":mailto:jane@example.com',
        "DESCRIPTION:rota platform\\, layer emea",
        "CATEGORIES:primary",
        "X-WATCHBILL-PERSON:jane",
        "X-WATCHBILL-KIND:primary",
        "X-WATCHBILL-ROTA:platform",
    ):
        assert written.count(line) == 1, line


def test_the_uid_follows_from_who_is_on_call_for_what_from_when():
    def uid(shift, **changes):
        (line,) = (line for line in lines(write(shift, **changes)) if line.startswith("UID:"))
        return line

    told = Told(span(9))
    assert uid(told) == "UID:8cf433ee1a0c03a712a3a0fccab8f795@watchbill"
    assert uid(replace(told, why="other", interval=span(9, 24)), stamp=STAMP + timedelta(1)) == uid(told)
    others = [
        replace(told, rota="database"),
        replace(told, kind=Kind.SECONDARY),
        replace(told, person="bob"),
        replace(told, interval=span(10)),
        replace(told, rota="platformprimary", person="x"),
    ]
    assert len({uid(told), *map(uid, others)}) == 6


def test_a_stamp_of_any_zone_is_written_in_utc():
    stamp = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/London"))
    assert "DTSTAMP:20260701T110000Z" in lines(write(Told(span(9)), stamp=stamp))


def test_somebody_unknown_has_an_event_without_an_address():
    data = write(Told(span(9), person="bob"), people={})
    assert "SUMMARY:bob\\, primary of platform" in lines(data)
    assert b"ATTENDEE" not in data
    assert read_calendar(data, YEAR, "out.ics").entries[0].names == ("bob",)


def test_no_shifts_are_an_empty_calendar():
    imported = read_calendar(write(name="Ops"), YEAR, "out.ics")
    assert (imported.name, imported.entries, imported.problems) == ("Ops", (), ())


HOSTILE = st.one_of(
    st.text(min_size=1, max_size=80),
    st.sampled_from([
        "Jane\r\nEND:VEVENT\r\nBEGIN:VEVENT", "a,b;c:d\\n\"e'", "🧑‍🚒" * 40, "x" * 3_000, "\x00\x07\x1b[31m\x7f\x85", "\u202eevil\u2028",
        "^n^^", " ", "\t", '";TZID=x:', "On Call - Mallory - Team", "Mallory On-Call (GoAlert: x) Begins*", "a vacation shift: x",
    ]),
)  # fmt: skip
KEYS = st.one_of(st.text(min_size=1, max_size=60), st.sampled_from(["jane", "a,b", "x\ny", "q%2Cr", "a@b", "\x00"]))


@st.composite
def rosters(draw):
    """Draw shifts of people with hostile names, and who they are."""
    names = draw(st.lists(KEYS, min_size=1, max_size=4, unique=True))
    people = {
        name: person(name, draw(HOSTILE), f"p{number}@example.com")
        for number, name in enumerate(names)
        if draw(st.booleans())
    }
    starts = draw(st.lists(st.integers(0, 8_000), max_size=5, unique=True))
    told = [
        Told(
            span(start, draw(st.integers(1, 400))),
            draw(st.sampled_from(names)),
            draw(HOSTILE),
            draw(st.sampled_from(Kind)),
            draw(HOSTILE),
        )
        for start in starts
    ]
    return told, people, draw(HOSTILE)


@given(rosters())
def test_what_is_written_is_read_back(drawn):
    told, people, name = drawn
    imported = read_calendar(write(*told, people=people, name=name), YEAR, "out.ics")
    assert imported.problems == ()
    assert [(entry.interval, entry.kind) for entry in imported.entries] == [
        (each.interval, each.kind) for each in sorted(told, key=lambda each: each.interval)
    ]
    for entry, each in zip(imported.entries, sorted(told, key=lambda each: each.interval), strict=True):
        assert each.person in entry.names
        if each.person in people:
            assert entry.names[0] == people[each.person].email
            assert person_of(entry.names[:1], people) == each.person


@given(rosters())
def test_any_reader_gets_proper_lines_and_one_event_a_shift(drawn):
    told, people, name = drawn
    data = write(*told, people=people, name=name)
    assert data.endswith(b"END:VCALENDAR\r\n")
    written = data.split(b"\r\n")
    assert max(map(len, written)) <= 75
    assert not any(byte < 32 for line in written for byte in line)
    assert len(Calendar.from_ical(data).walk("VEVENT")) == len(told)
