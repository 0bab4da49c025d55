"""Calendar feeds: shapes of products, clock changes, recurrence against another reader, and hostile text."""
# ruff: noqa: D103 - the names of the tests say what holds

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar, Event, vCalAddress

from watchbill.errors import WatchbillError
from watchbill.intervals import Interval
from watchbill.schedule.calendars import budget, components
from watchbill.schedule.calendars import read as reader
from watchbill.schedule.calendars.read import read_calendar
from watchbill.team.model import Kind


YEAR = Interval(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
HOUR = ("DTSTART:20260310T090000Z", "DTEND:20260310T100000Z")


def event(*lines, uid="u1", summary="jane"):
    """Write an event; `lines` come after its UID and SUMMARY."""
    return "\r\n".join(("BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{summary}", *lines, "END:VEVENT"))


def calendar(*parts):
    """Write a calendar of events and top-level lines."""
    return ("\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", *parts, "END:VCALENDAR")) + "\r\n").encode()


def read(*parts, within=YEAR, zone="UTC"):
    """Read a calendar of events and top-level lines."""
    return read_calendar(calendar(*parts), within, "feed.ics", zone)


def spans(imported):
    """Write each entry's span shortly, in UTC."""
    return [f"{e.interval.start:%m-%dT%H:%M} {e.interval.end:%m-%dT%H:%M}" for e in imported.entries]


def starts(imported):
    """Write when each entry begins, in UTC."""
    return [f"{e.interval.start:%m-%dT%H:%M}" for e in imported.entries]


def codes(imported):
    """Give the codes of the problems."""
    return [problem.code for problem in imported.problems]


# --- what is no calendar


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page or XML"),
        (b'{"error": "unauthorized"}', "JSON"),
        (b"PK\x03\x04\x00\x00", "binary data"),
        (b"\x89PNG\r\n", "binary data"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n", "begins with `BEGIN:VCARD`"),
        (b"not found", "begins with `not found`"),
        (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "cut off"),
        (calendar(event(*HOUR))[:-20], "cut off"),
        (calendar(event(*HOUR))[:90], "cut off"),
        (b"BEGIN:VCALENDAR\r\n" + calendar(), "cut off"),
        (calendar("CALSCALE:HEBREW"), "no Gregorian calendar"),
        (calendar(*["BEGIN:X"] * 11), "deeper than 10"),
    ],
)
def test_what_is_no_calendar_is_refused_and_says_what_it_is(data, said):
    with pytest.raises(WatchbillError, match=r"feed\.ics") as caught:
        read_calendar(data, YEAR, "feed.ics")
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_calendar_without_events_is_one():
    imported = read("X-WR-CALNAME:On Call Schedule for Ops\\, EU")
    assert imported.name == "On Call Schedule for Ops, EU"
    assert (imported.entries, imported.problems, imported.complete_to) == ((), (), None)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(end, mark):
    data = mark + calendar(event(*HOUR, summary="Jané")).replace(b"\r\n", end.encode())
    assert [entry.names for entry in read_calendar(data, YEAR, "feed.ics").entries] == [("Jané",)]


def test_a_fold_may_lie_in_a_character():
    data = calendar(event(*HOUR, summary="José")).replace(b"\xc3\xa9", b"\xc3\r\n \xa9")
    assert read_calendar(data, YEAR, "feed.ics").entries[0].names == ("José",)


def test_other_bytes_than_utf8_are_said_and_match_nobody():
    imported = read_calendar(calendar(event(*HOUR, summary="Jos#")).replace(b"#", b"\xe9"), YEAR, "feed.ics")
    assert codes(imported) == ["bad-encoding"]
    assert imported.entries[0].names == ("Jos\ufffd",)


def test_several_calendars_in_one_text_are_read_each_by_its_zone():
    one = calendar("X-WR-TIMEZONE:Asia/Kolkata", event("DTSTART:20260310T090000", "DTEND:20260310T100000"))
    imported = read_calendar(one + calendar(event(*HOUR)), YEAR, "feed.ics")
    assert starts(imported) == ["03-10T03:30", "03-10T09:00"]


# --- products


@pytest.mark.parametrize(
    ("lines", "names", "kind"),
    [
        # PagerDuty: the address without mailto.
        (
            ("SUMMARY:On Call - Jane Doe - On-Call Te\r\n am", "ATTENDEE:jane@example.com"),
            [("jane@example.com", "Jane Doe")],
            None,
        ),
        (("SUMMARY:On Call - Jane Doe - EU - On-Call",), [("Jane Doe",)], None),
        (("SUMMARY:Alice On-Call (GoAlert: Sched)",), [("Alice",)], None),
        (
            (
                "SUMMARY:platform primary shift: Jane Doe",
                "ATTENDEE;CN=Jane Doe;ROLE=REQ-PARTICIPANT:MAILTO:jane@example.com",
            ),
            [("jane@example.com", "Jane Doe")],
            Kind.PRIMARY,
        ),
        # LinkedIn's public feed leaves out the address.
        (
            ("SUMMARY:my team shadow shift: Jane Doe", "ATTENDEE;CN=Jane Doe;ROLE=REQ-PARTICIPANT:MAILTO:"),
            [("Jane Doe",)],
            Kind.SHADOW,
        ),
        (("SUMMARY:team secondary shift: Jane Doe",), [("Jane Doe",)], Kind.SECONDARY),
        (("SUMMARY:team manager shift: Jane Doe",), [("Jane Doe",)], Kind.MANAGER),
        (("SUMMARY:team graveyard shift: Jane Doe",), [("Jane Doe",)], None),
        (("SUMMARY:[L1] jane", "PRIORITY:1"), [("jane",)], None),
        (("SUMMARY:[L1] alice@example.com",), [("alice@example.com",)], None),
        (("SUMMARY:Jane Doe\\, Bob Roe",), [("Jane Doe",), ("Bob Roe",)], None),
        (("SUMMARY:Jane Doe, , bob@example.com",), [("Jane Doe",), ("bob@example.com",)], None),
        # Typed titles name nobody where there are addresses: the title may be about another person.
        (("SUMMARY:Bob", "ATTENDEE:mailto:jane@example.com"), [("jane@example.com",)], None),
        (
            ("SUMMARY:shift", 'ATTENDEE;CN="Doe, Jane: \\;x";X=Y:mailto:jane@example.com', "ATTENDEE:MAILTO:bob@b.org"),
            [("jane@example.com", "Doe, Jane: \\;x"), ("bob@b.org",)],
            None,
        ),
        (("SUMMARY:x", "ATTENDEE;CN=The ^'Boss^' ^^:mailto:j@b.org"), [("j@b.org", 'The "Boss" ^')], None),
        (
            ("SUMMARY:x", "ATTENDEE:mailto:j@b.org", "ATTENDEE;CUTYPE=ROOM:mailto:room@b.org"),
            [("j@b.org",)],
            None,
        ),
        (
            ("SUMMARY:x", "ATTENDEE:mailto:j@b.org", "ATTENDEE;PARTSTAT=DECLINED:mailto:bob@b.org"),
            [("j@b.org",)],
            None,
        ),
        (
            ("SUMMARY:x", "ATTENDEE:mailto:j@b.org", "ATTENDEE;ROLE=NON-PARTICIPANT:mailto:b@b.org"),
            [("j@b.org",)],
            None,
        ),
    ],
)
def test_names_are_read_by_the_shape_of_the_product(lines, names, kind):
    lines = [line for line in lines if not line.startswith("SUMMARY")] + [lines[0]]
    imported = read("\r\n".join(("BEGIN:VEVENT", "UID:u1", *lines, *HOUR, "END:VEVENT")))
    assert [entry.names for entry in imported.entries] == sorted(names, key=names.index)
    assert {entry.kind for entry in imported.entries} == {kind}
    assert imported.problems == ()


def test_opsgenie_lines_begin_with_the_name():
    imported = read("PRODID:-//OpsGenie//Schedule//EN", event(*HOUR, summary="Jane Doe Platform Schedule EU"))
    assert imported.entries[0].names == ("Jane Doe Platform Schedule", "Jane Doe Platform", "Jane Doe")
    imported = read("PRODID:-//OpsGenie//Schedule//EN", event(*HOUR, summary="jane@example.com platform"))
    assert imported.entries[0].names == ("jane@example.com",)


@pytest.mark.parametrize(
    "lines",
    [
        ("SUMMARY:On-Call (GoAlert: Sched)",),
        ("SUMMARY:",),
        ("SUMMARY:,",),
        ("DESCRIPTION:x",),
        ("SUMMARY:Jane", "ATTENDEE;PARTSTAT=DECLINED:mailto:jane@example.com"),
        ("SUMMARY:" + "x" * 501,),
    ],
)
def test_an_event_that_names_nobody_is_a_problem(lines):
    imported = read("\r\n".join(("BEGIN:VEVENT", "UID:u1", *lines, *HOUR, "END:VEVENT")), event(*HOUR, uid="u2"))
    assert [entry.uid for entry in imported.entries] == ["u2"]
    assert [(problem.code, problem.file, problem.event_id) for problem in imported.problems] == [
        ("no-name", "feed.ics", "u1")
    ]


@pytest.mark.parametrize("role", ["vacation", "unavailable", "Vacation"])
def test_leave_is_no_shift(role):
    imported = read(event(*HOUR, summary=f"team {role} shift: Jane Doe"))
    assert (imported.entries, imported.problems) == ((), ())


def test_a_shift_that_goalert_cuts_off_entitles_to_nothing_past_it():
    alarm = "BEGIN:VALARM\r\nSUMMARY:Mallory\r\nDTSTART:20260101T000000Z\r\nEND:VALARM"
    cut = event(
        "DTSTART:20260310T100000Z", "DTEND:20260310T110000Z", uid="u2", summary="Bob On-Call (GoAlert: S) Begins*"
    )
    imported = read(event(*HOUR, alarm, summary="Alice On-Call (GoAlert: S)"), cut)
    assert [entry.names for entry in imported.entries] == [("Alice",)]
    assert codes(imported) == ["cut-off"]
    assert imported.complete_to == Interval(YEAR.start, datetime(2026, 3, 10, 10, tzinfo=UTC))


def test_a_feed_cut_off_before_the_span_answers_for_nothing_in_it():
    cut = event("DTSTART:20251201T100000Z", "DTEND:20251201T110000Z", summary="Bob On-Call (GoAlert: S) Begins*")
    imported = read(cut)
    assert codes(imported) == ["cut-off"]
    assert imported.complete_to is not None
    assert imported.complete_to.intersection(YEAR) is None


def test_a_feed_cut_off_at_the_first_of_all_days_is_read():
    """No day before it can be named, and the other events are not lost for it."""
    cut = event("DTSTART:00010101T000000Z", "DTEND:00010101T010000Z", uid="u2", summary="On-Call (GoAlert: x) Begins*")
    imported = read(cut, event(*HOUR, summary="Alice On-Call (GoAlert: S)"))
    assert [entry.names for entry in imported.entries] == [("Alice",)]


# --- times


ZONES = {
    # A weekly shift of 22:00 to 10:00 across both changes, by the wall clock; when it begins and ends in UTC.
    "Europe/London": [
        ("20260321T220000", ["03-21T22:00 03-22T10:00", "03-28T22:00 03-29T09:00", "04-04T21:00 04-05T09:00"]),
        ("20261017T220000", ["10-17T21:00 10-18T09:00", "10-24T21:00 10-25T10:00", "10-31T22:00 11-01T10:00"]),
    ],
    "America/New_York": [
        ("20260228T220000", ["03-01T03:00 03-01T15:00", "03-08T03:00 03-08T14:00", "03-15T02:00 03-15T14:00"]),
        ("20261024T220000", ["10-25T02:00 10-25T14:00", "11-01T02:00 11-01T15:00", "11-08T03:00 11-08T15:00"]),
    ],
    "Australia/Sydney": [
        ("20260328T220000", ["03-28T11:00 03-28T23:00", "04-04T11:00 04-05T00:00", "04-11T12:00 04-12T00:00"]),
        ("20260926T220000", ["09-26T12:00 09-27T00:00", "10-03T12:00 10-03T23:00", "10-10T11:00 10-10T23:00"]),
    ],
    "Australia/Lord_Howe": [
        ("20260328T220000", ["03-28T11:00 03-28T23:00", "04-04T11:00 04-04T23:30", "04-11T11:30 04-11T23:30"]),
        ("20260926T220000", ["09-26T11:30 09-26T23:30", "10-03T11:30 10-03T23:00", "10-10T11:00 10-10T23:00"]),
    ],
    "Asia/Kolkata": [
        ("20260321T220000", ["03-21T16:30 03-22T04:30", "03-28T16:30 03-29T04:30", "04-04T16:30 04-05T04:30"]),
    ],
}


@pytest.mark.parametrize(
    ("zone", "start", "expected"), [(zone, *each) for zone, changes in ZONES.items() for each in changes]
)
@pytest.mark.parametrize("form", ["named", "floating", "calendar"])
def test_recurring_shifts_keep_the_wall_clock(zone, start, expected, form):
    end = f"{datetime.fromisoformat(start) + timedelta(hours=12):%Y%m%dT%H%M%S}"
    named = f";TZID={zone}" if form == "named" else ""
    top = [f"X-WR-TIMEZONE:{zone}"] if form == "calendar" else []
    lines = (f"DTSTART{named}:{start}", f"DTEND{named}:{end}", "RRULE:FREQ=WEEKLY;COUNT=3")
    assert spans(read(*top, event(*lines), zone=zone if form == "floating" else "UTC")) == expected


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/London", "20260329", "03-29T00:00 03-29T23:00"),
        ("Europe/London", "20261025", "10-24T23:00 10-26T00:00"),
        ("America/New_York", "20260308", "03-08T05:00 03-09T04:00"),
        ("America/New_York", "20261101", "11-01T04:00 11-02T05:00"),
        ("Australia/Sydney", "20261004", "10-03T14:00 10-04T13:00"),
        ("Australia/Lord_Howe", "20261004", "10-03T13:30 10-04T13:00"),
        ("Australia/Lord_Howe", "20260405", "04-04T13:00 04-05T13:30"),
        ("Asia/Kolkata", "20260329", "03-28T18:30 03-29T18:30"),
        # The change skips midnight itself: the day begins at 01:00.
        ("Asia/Beirut", "20260329", "03-28T22:00 03-29T21:00"),
    ],
)
@pytest.mark.parametrize("end", ["none", "DTEND", "DURATION"])
def test_a_whole_day_runs_between_the_local_midnights_of_that_date(zone, day, expected, end):
    after = f"{datetime.fromisoformat(day) + timedelta(days=1):%Y%m%d}"
    lines = {"none": [], "DTEND": [f"DTEND;VALUE=DATE:{after}"], "DURATION": ["DURATION:P1D"]}[end]
    assert spans(read(f"X-WR-TIMEZONE:{zone}", event(f"DTSTART;VALUE=DATE:{day}", *lines))) == [expected]


def test_what_the_calendar_says_of_its_zone_comes_first():
    floating = event("DTSTART:20260310T090000", "DTEND:20260310T100000")
    assert starts(read("X-WR-TIMEZONE:Asia/Kolkata", floating, zone="America/New_York")) == ["03-10T03:30"]
    assert starts(read(floating, zone="America/New_York")) == ["03-10T13:00"]
    utc = event("DTSTART:20260310T090000Z", "DTEND:20260310T100000Z", "RRULE:FREQ=MONTHLY;COUNT=2")
    assert starts(read("X-WR-TIMEZONE:Europe/London", utc)) == ["03-10T09:00", "04-10T09:00"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GMT Standard Time", "07-01T08:00"),
        ("Eastern Standard Time", "07-01T13:00"),
        ("AUS Eastern Standard Time", "06-30T23:00"),
        ('"India Standard Time"', "07-01T03:30"),
    ],
)
def test_zones_have_the_names_that_windows_gives_them(name, expected):
    lines = (f"DTSTART;TZID={name}:20260701T090000", f"DTEND;TZID={name}:20260701T100000")
    assert starts(read(event(*lines))) == [expected]


OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Our Zone
X-LIC-LOCATION:Nowhere
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0300
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0200
TZOFFSETTO:+0300
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""
IN_OWN_ZONE = (
    "DTSTART;TZID=Our Zone:20260320T090000",
    "DTEND;TZID=Our Zone:20260320T170000",
    "RRULE:FREQ=WEEKLY;COUNT=3",
)


def test_a_calendar_may_define_a_zone():
    expected = ["03-20T07:00 03-20T15:00", "03-27T07:00 03-27T15:00", "04-03T06:00 04-03T14:00"]
    assert spans(read(OWN_ZONE.replace("\n", "\r\n"), event(*IN_OWN_ZONE))) == expected
    assert spans(read(event(*IN_OWN_ZONE), OWN_ZONE)) == expected


def test_what_a_calendar_says_of_a_known_zone_does_not_count():
    own = OWN_ZONE.replace("Our Zone", "Asia/Kolkata")
    lines = ("DTSTART;TZID=Asia/Kolkata:20260320T090000", "DTEND;TZID=Asia/Kolkata:20260320T170000")
    assert starts(read(own, event(*lines))) == ["03-20T03:30"]


@pytest.mark.parametrize(
    "own",
    [
        "",
        OWN_ZONE.replace("FREQ=YEARLY", "FREQ=SECONDLY"),
        OWN_ZONE.replace("BYMONTH=10", "BYMONTH=2;BYMONTHDAY=31"),
        OWN_ZONE.replace("BYMONTH=10", "BYMONTH=99"),
        OWN_ZONE.replace("BYDAY=-1SU", "BYDAY=5SU;BYMONTHDAY=1"),
        OWN_ZONE.replace("BYDAY=-1SU", "BYSETPOS=999"),
        OWN_ZONE.replace("TZOFFSETTO:+0200", "TZOFFSETTO:soon"),
        OWN_ZONE.replace("BEGIN:STANDARD", "RRULE:FREQ=MINUTELY\nBEGIN:STANDARD"),
        OWN_ZONE.replace("BEGIN:STANDARD", "BEGIN:STANDARD\nRDATE:" + ",".join(["20260101T000000"] * 10_000)),
        "BEGIN:VTIMEZONE\nTZID:Our Zone\nEND:VTIMEZONE",
    ],
)
def test_a_zone_that_is_not_understood_is_named_and_its_events_are_dropped(own):
    imported = read(own, event(*IN_OWN_ZONE), event(*HOUR, uid="u2"))
    assert [entry.uid for entry in imported.entries] == ["u2"]
    assert codes(imported) == ["unknown-zone"]
    assert "`Our Zone`" in imported.problems[0].message


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "localtime", "Europe", "\x00", "Ω"]
)
def test_no_zone_is_guessed(name):
    imported = read(event(f"DTSTART;TZID={name}:20260310T090000", f"DTEND;TZID={name}:20260310T100000"))
    assert (imported.entries, codes(imported)) == ((), ["unknown-zone"])
    imported = read(f"X-WR-TIMEZONE:{name}", event("DTSTART;VALUE=DATE:20260310"), event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], codes(imported)) == (["u2"], ["unknown-zone"])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("DTSTART:20260310T090000Z", "DURATION:PT90M"), "03-10T09:00 03-10T10:30"),
        (("DTSTART:20260310T090000Z", "DURATION:P1W"), "03-10T09:00 03-17T09:00"),
        # A day goes by the calendar, 24 hours by the stop-watch.
        (("DTSTART;TZID=Europe/London:20260328T090000", "DURATION:P1D"), "03-28T09:00 03-29T08:00"),
        (("DTSTART;TZID=Europe/London:20260328T090000", "DURATION:PT24H"), "03-28T09:00 03-29T09:00"),
        (("DTSTART;TZID=Europe/London:20260310T090000", "DTEND:20260310T100000Z"), "03-10T09:00 03-10T10:00"),
        # Which of two 01:30 the end is, is known.
        (("DTSTART;TZID=Europe/London:20261025T003000", "DTEND:20261025T013000Z"), "10-24T23:30 10-25T01:30"),
        # A start that spring skips goes by the offset from before.
        (("DTSTART;TZID=Europe/London:20260329T013000", "DTEND;TZID=Europe/London:20260329T040000"), "03-29T01:30 03-29T03:00"),
        # Autumn has two of these: the first.
        (("DTSTART;TZID=Europe/London:20261025T013000", "DTEND;TZID=Europe/London:20261025T030000"), "10-25T00:30 10-25T03:00"),
        (('DTSTART;TZID=Europe/London;X-Y="a:b":20260310T090000', "DTEND:20260310T100000Z"), "03-10T09:00 03-10T10:00"),
        (("dtstart:20260310T090000Z", "Dtend:20260310T100000Z"), "03-10T09:00 03-10T10:00"),
    ],
)  # fmt: skip
def test_starts_and_ends(lines, expected):
    imported = read(event(*lines))
    assert (spans(imported), imported.problems) == ([expected], ())


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("DTSTART:20260310T090000Z",), "no-end"),
        (("DTEND:20260310T090000Z",), "bad-time"),
        (("DTSTART:20260310T090000Z", "DTEND:20260310T090000Z"), "no-length"),
        (("DTSTART:20260310T090000Z", "DTEND:20260310T080000Z"), "no-length"),
        (("DTSTART:20260310T090000Z", "DURATION:-PT1H"), "no-length"),
        (("DTSTART:20260310", "DTEND:20260310"), "no-length"),
        (("DTSTART:20260310T090000Z", "DURATION:1H"), "bad-time"),
        (("DTSTART:20260310T090000Z", "DURATION:P"), "bad-time"),
        (("DTSTART:20260310T090000Z", "DURATION:P999999999D"), "bad-time"),
        (("DTSTART:20260310T090000Z", "DTEND:20260311"), "bad-time"),
        (("DTSTART:20260230T090000Z", "DTEND:20260310T100000Z"), "bad-time"),
        (("DTSTART:2026-03-10T09:00:00Z", "DTEND:20260310T100000Z"), "bad-time"),
        (("DTSTART:tomorrow", "DTEND:20260310T100000Z"), "bad-time"),
        (("DTSTART;TZID=Asia/Kolkata:00010101T000000", "DTEND;TZID=Asia/Kolkata:20260310T100000"), "bad-time"),
        # Half of it lies in the hour that spring skips, half before what it skips to.
        (("DTSTART;TZID=Europe/London:20260329T013000", "DTEND;TZID=Europe/London:20260329T020000"), "no-length"),
        (("DTSTART:20260310T090000Z", "DTEND:20260310T100000Z", "EXRULE:FREQ=DAILY"), "bad-rule"),
    ],
)
def test_an_event_that_is_not_understood_is_a_problem_and_the_rest_is_kept(lines, code):
    imported = read(event(*lines), event(*HOUR, uid="u2"))
    assert [entry.uid for entry in imported.entries] == ["u2"]
    assert [(problem.code, problem.file, problem.event_id) for problem in imported.problems] == [
        (code, "feed.ics", "u1")
    ]


def test_an_event_without_an_end_is_a_problem_of_its_own():
    broken = event(*HOUR).removesuffix("\r\nEND:VEVENT")
    imported = read(broken, event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], codes(imported)) == (["u2"], ["bad-event"])


def test_entries_are_whole_in_order_of_time_and_touch_the_span():
    within = Interval(datetime(2026, 3, 10, 9, 30, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC))
    hours = (11, 9, 12, 8, 10)
    events = [event(f"DTSTART:20260310T{hour:02}0000Z", "DURATION:PT1H", uid=f"u{hour}") for hour in hours]
    imported = read(*events, event("DTSTART:20200101T000000Z", "DTEND:20300101T000000Z", uid="long"), within=within)
    assert [entry.uid for entry in imported.entries] == ["long", "u9", "u10", "u11"]
    assert imported.entries[1].interval.start == datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_cancelled_events_are_no_shifts_and_transparency_does_not_matter():
    imported = read(
        event(*HOUR, "STATUS:CANCELLED"),
        event(*HOUR, "status:cancelled", uid="u2"),
        event(*HOUR, "TRANSP:TRANSPARENT", "STATUS:TENTATIVE", uid="u3"),
    )
    assert ([entry.uid for entry in imported.entries], imported.problems) == (["u3"], ())
    assert read("METHOD:CANCEL", event(*HOUR)).entries == ()


# --- several events of one UID


def test_the_highest_sequence_counts_then_the_latest_stamp():
    def told(hour, *lines):
        return event(f"DTSTART:20260310T{hour:02}0000Z", "DURATION:PT1H", *lines)

    assert starts(read(told(9, "SEQUENCE:2"), told(10, "SEQUENCE:10"), told(11))) == ["03-10T10:00"]
    stamps = ("DTSTAMP:20260102T000000Z", "DTSTAMP:20260101T000000Z")
    assert starts(read(told(9, stamps[0]), told(10, stamps[1]))) == ["03-10T09:00"]
    imported = read(told(9), told(10))
    assert (starts(imported), codes(imported)) == (["03-10T10:00"], ["duplicate-uid"])
    imported = read(told(9), told(9))
    assert (starts(imported), codes(imported)) == (["03-10T09:00"], [])
    assert starts(read(told(9, "STATUS:CANCELLED"), told(9))) == []
    assert starts(read(told(9, "STATUS:CANCELLED", "SEQUENCE:1"), told(9, "SEQUENCE:2"))) == ["03-10T09:00"]


def test_events_without_a_uid_are_each_their_own():
    nameless = [event(f"DTSTART:202603{day}", uid="") for day in (10, 11)]
    assert starts(read(*nameless)) == ["03-10T00:00", "03-11T00:00"]


DAILY = (
    "DTSTART;TZID=Europe/London:20260325T090000",
    "DTEND;TZID=Europe/London:20260325T170000",
    "RRULE:FREQ=DAILY;COUNT=6",
)
UNEDITED = ["03-25T09:00", "03-26T09:00", "03-27T09:00", "03-28T09:00", "03-29T08:00", "03-30T08:00"]  # fmt: skip


@pytest.mark.parametrize(
    "instance",
    [
        ";TZID=Europe/London:20260329T090000",
        ":20260329T080000Z",
        ";VALUE=DATE:20260329",
        ";TZID=Asia/Kolkata:20260329T133000",
    ],
)
def test_an_edit_takes_the_place_of_its_instance(instance):
    edit = ("DTSTART:20260510T090000Z", "DURATION:PT1H", f"RECURRENCE-ID{instance}")
    expected = [*UNEDITED[:4], UNEDITED[5], "05-10T09:00"]
    imported = read(event(*edit, summary="bob"), event(*DAILY))
    assert starts(imported) == expected
    assert imported.entries[-1].names == ("bob",)
    assert starts(read(event(*DAILY), event(*edit, "STATUS:CANCELLED"))) == expected[:-1]


def test_the_newest_edit_of_an_instance_counts():
    edits = [
        event(f"DTSTART:20260510T{hour:02}0000Z", "DURATION:PT1H", f"SEQUENCE:{hour}", "RECURRENCE-ID:20260329T080000Z")
        for hour in (11, 12, 10)
    ]
    assert starts(read(event(*DAILY), *edits)) == [*UNEDITED[:4], UNEDITED[5], "05-10T12:00"]


def test_an_edit_from_outside_the_span_may_move_into_it():
    within = Interval(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    edit = ("DTSTART:20260610T090000Z", "DURATION:PT1H", "RECURRENCE-ID:20260326T090000Z")
    assert starts(read(event(*DAILY), event(*edit), within=within)) == ["06-10T09:00"]


def test_edits_without_their_series_stand_alone():
    edit = ("DTSTART:20260610T090000Z", "DURATION:PT1H", "RECURRENCE-ID:20260326T090000Z")
    assert starts(read(event(*edit))) == ["06-10T09:00"]


def test_an_edit_of_this_and_the_future_moves_all_that_follow():
    edit = (
        "DTSTART;TZID=Europe/London:20260328T100000",
        "DURATION:PT2H",
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/London:20260328T090000",
    )
    imported = read(event(*DAILY), event(*edit, summary="bob"))
    assert spans(imported)[2:] == ["03-27T09:00 03-27T17:00", "03-28T10:00 03-28T12:00", "03-29T09:00 03-29T11:00", "03-30T09:00 03-30T11:00"]  # fmt: skip
    assert [entry.names[0] for entry in imported.entries] == ["jane"] * 3 + ["bob"] * 3
    assert starts(read(event(*DAILY), event(*edit, "STATUS:CANCELLED"))) == UNEDITED[:3]


def test_a_cancelled_series_takes_its_edits_with_it():
    edit = ("DTSTART:20260610T090000Z", "DURATION:PT1H", "RECURRENCE-ID:20260326T090000Z")
    assert read(event(*DAILY, "STATUS:CANCELLED"), event(*edit)).entries == ()


def test_a_series_goes_with_an_edit_that_is_not_understood():
    edit = ("DTSTART:soon", "RECURRENCE-ID:20260326T090000Z")
    imported = read(event(*DAILY), event(*edit), event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], codes(imported)) == (["u2"], ["bad-time", "bad-series"])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("EXDATE;TZID=Europe/London:20260329T090000",), [*UNEDITED[:4], UNEDITED[5]]),
        (("EXDATE:20260329T080000Z,20260330T080000Z",), UNEDITED[:4]),
        (("EXDATE:20260329T080000Z", "EXDATE:20260330T080000Z"), UNEDITED[:4]),
        (("EXDATE;VALUE=DATE:20260325,20260330",), UNEDITED[1:5]),
        (("RDATE:20260401T070000Z",), [*UNEDITED, "04-01T07:00"]),
        (("RDATE;TZID=Europe/London:20260330T090000",), UNEDITED),
    ],
)
def test_dates_are_taken_out_and_added(lines, expected):
    assert starts(read(event(*DAILY, *lines))) == expected


def test_an_added_date_may_have_its_own_length():
    lines = ("RDATE;VALUE=PERIOD:20260401T070000Z/PT2H,20260402T070000Z/20260402T080000Z", "EXDATE:20260310T090000Z")
    assert spans(read(event(*HOUR, *lines))) == ["04-01T07:00 04-01T09:00", "04-02T07:00 04-02T08:00"]


def test_an_edit_of_an_instance_that_is_taken_out_goes_too():
    edit = ("DTSTART:20260510T090000Z", "DURATION:PT1H", "RECURRENCE-ID:20260329T080000Z")
    assert starts(read(event(*DAILY, "EXDATE:20260329T080000Z"), event(*edit))) == [*UNEDITED[:4], UNEDITED[5]]


@pytest.mark.parametrize(
    ("until", "last"),
    [("20260327", "03-27T09:00"), ("20260327T090000Z", "03-27T09:00"), ("20260327T085959Z", "03-26T09:00"), ("20260327T090000", "03-27T09:00")],
)  # fmt: skip
def test_a_rule_ends_with_the_instance_at_its_until_and_a_date_means_all_of_it(until, last):
    assert starts(read(event(*DAILY[:2], f"RRULE:FREQ=DAILY;UNTIL={until}")))[-1] == last


def test_whole_days_recur_until_a_day():
    for until in ("20260312", "20260312T000000Z"):
        days = event("DTSTART;VALUE=DATE:20260310", f"RRULE:FREQ=DAILY;UNTIL={until}")
        assert starts(read("X-WR-TIMEZONE:America/New_York", days)) == ["03-10T04:00", "03-11T04:00", "03-12T04:00"]


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("FREQ=HOURLY", 24 * 365),
        ("FREQ=DAILY;COUNT=999999999", 365),
        ("FREQ=YEARLY", 1),
        ("FREQ=MONTHLY;BYDAY=-1FR", 12),
        ("FREQ=MONTHLY;BYMONTHDAY=31", 7),
        ("FREQ=WEEKLY;BYDAY=MO,TU;WKST=SU;INTERVAL=2", 52),
    ],
)
def test_rules_without_an_end_go_on_to_the_end_of_the_span(rule, count):
    assert len(read(event("DTSTART:19700105T080000Z", "DTEND:19700105T090000Z", f"RRULE:{rule}")).entries) == count


def test_a_long_way_from_the_start_no_instance_that_touches_the_span_is_lost():
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    within = Interval(noon, noon + timedelta(hours=1))
    long = event("DTSTART:19700105T080000Z", "DURATION:P10D", "RRULE:FREQ=DAILY")
    assert [f"{entry.interval.start:%m-%d}" for entry in read(long, within=within).entries] == [
        *(f"05-{day}" for day in range(23, 32)),
        "06-01",
    ]
    # 2026-06-01 is a Monday, the start a Friday.
    weekly = event("DTSTART:19700109T080000Z", "DURATION:PT9H", "RRULE:FREQ=WEEKLY;BYDAY=MO,FR")
    assert starts(read(weekly, within=within)) == ["06-01T08:00"]


def test_a_rule_that_ends_before_it_starts_has_no_instance():
    assert read(event(*HOUR, "RRULE:FREQ=DAILY;UNTIL=20260301T000000Z")).entries == ()


# --- bounds


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;INTERVAL=5",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=99999999999999999999",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=FORTNIGHTLY",
        "INTERVAL=2",
        "",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;COUNT",
        "FREQ=DAILY;UNTIL=20261231;COUNT=2",
        "FREQ=WEEKLY;BYDAY=FUNDAY",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=YEARLY;BYDAY=20MO",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=" + "9" * 100_000,
        "FREQ=YEARLY;BYEASTER=0",
        "RSCALE=CHINESE;FREQ=YEARLY",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,30",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=10",
    ],
)
def test_a_rule_that_is_not_understood_is_a_problem(rule):
    imported = read(event(*HOUR, f"RRULE:{rule}"), event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], codes(imported)) == (["u2"], ["bad-rule"])


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=DAILY;INTERVAL=7;BYDAY=WE",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=3",
        "FREQ=YEARLY;BYYEARDAY=1;BYMONTH=2",
    ],
)
def test_a_rule_that_never_matches_is_given_up(rule):
    imported = read(event(*HOUR, f"RRULE:{rule}"), event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], codes(imported)) == (["u2"], ["too-much-work"])


def test_many_rules_that_never_match_share_one_budget(monkeypatch):
    monkeypatch.setattr(budget, "MAX_STEPS", 5_000)
    monkeypatch.setattr(budget, "MAX_STEPS_EACH", 1_000)
    spent: list[int] = []
    monkeypatch.setattr(budget.Budget, "spend", counted(budget.Budget.spend, spent))
    never = [event(*HOUR, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", uid=f"n{n}") for n in range(500)]
    imported = read(*never, event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], set(codes(imported))) == (["u2"], {"too-much-work"})
    assert len(spent) < 5_000 + 500


def counted(spend, spent):
    """Note each call of a method."""

    def noted(budget, steps=1):
        spent.append(steps)
        spend(budget, steps)

    return noted


@pytest.mark.parametrize("name", ["RDATE", "EXDATE"])
@pytest.mark.parametrize("glue", [",", "\r\n{}:"])
def test_more_dates_than_anybody_writes_are_given_up(name, glue):
    dates = glue.format(name).join(["20260310T090000Z"] * (budget.MAX_STEPS_EACH + 1))
    imported = read(event(*HOUR, f"{name}:{dates}"), event(*HOUR, uid="u2"))
    assert ([entry.uid for entry in imported.entries], codes(imported)) == (["u2"], ["too-much-work"])


def test_entries_are_bounded_all_together(monkeypatch):
    monkeypatch.setattr(reader, "MAX_ENTRIES", 500)
    everybody = [f"ATTENDEE:mailto:p{n}@example.com" for n in range(100)]
    imported = read(event(*HOUR, "RRULE:FREQ=HOURLY", *everybody), event(*HOUR, "RRULE:FREQ=HOURLY", uid="u2"))
    assert (len(imported.entries), codes(imported)) == (500, ["too-many-entries"])


def test_the_limits_of_a_whole_file_refuse_it(monkeypatch):
    with pytest.raises(WatchbillError, match="larger than 20 MB"):
        read_calendar(b"BEGIN:VCALENDAR\r\n" + b"x" * 100_000_000, YEAR, "feed.ics")
    monkeypatch.setattr(components, "MAX_EVENTS", 3)
    assert len(read(*[event(*HOUR, uid=f"u{n}") for n in range(3)]).entries) == 3
    with pytest.raises(WatchbillError, match="more than 3 events"):
        read(*[event(*HOUR, uid=f"u{n}") for n in range(4)])


def test_problems_are_bounded_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(reader, "MAX_PROBLEMS", 5)
    imported = read(*[event("DTSTART:x", uid=f"u{n}") for n in range(20)])
    assert codes(imported) == ["bad-time"] * 5 + ["more-problems"]
    assert "15 more" in imported.problems[-1].message


def test_zones_of_a_calendars_own_are_bounded():
    zones = [OWN_ZONE.replace("Our Zone", f"Zone {n}") for n in range(25)]
    events = [event(f"DTSTART;TZID=Zone {n}:20260310T090000", "DURATION:PT1H", uid=f"u{n}") for n in range(25)]
    imported = read(*zones, *events)
    assert (len(imported.entries), codes(imported)) == (20, ["unknown-zone"] * 5)


def test_hostile_text_does_not_reach_messages_raw():
    imported = read(event("DTSTART:\x1b[31mred\u202e", uid="u\x1b]0;x\u202e" + "y" * 9_000))
    problem = imported.problems[0]
    assert str(problem).isprintable()
    assert len(str(problem)) < 1_000


def test_ten_thousand_flat_events_are_all_read():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(minutes=30 * n) for n in range(10_001)]
    events = [
        event(f"DTSTART:{one:%Y%m%dT%H%M%SZ}", f"DTEND:{other:%Y%m%dT%H%M%SZ}", uid=f"u{n}")
        for n, (one, other) in enumerate(pairwise(times))
    ]
    assert len(read(*events).entries) == 10_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    refused = []
    lines = (b"DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z\r\n" + data).replace(b"\r\n ", b"")
    for text in (data, b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n" + lines + b"\r\nEND:VEVENT\r\nEND:VCALENDAR"):
        try:
            read_calendar(text, YEAR, "feed.ics")
        except WatchbillError as error:
            refused.append(str(error))
    assert "".join(refused).isprintable()


VALUES = st.sampled_from([
    "", "20260310T090000Z", "20260310", "00010101T000000", "99991231T235959Z", "P1D", "-PT1H", "P999999999W", "PT0S",
    "FREQ=DAILY", "FREQ=YEARLY;BYDAY=1MO;BYMONTH=3", "FREQ=WEEKLY;UNTIL=99991231", "FREQ=DAILY;UNTIL=00010101T000000Z",
    "CANCELLED", "u1", "VEVENT", "VALARM", "VCALENDAR", "VTIMEZONE", "20260310T090000Z/PT1H", "20260310/P1D", ",", ";", '"',
])  # fmt: skip
NAMES = st.sampled_from([
    "BEGIN", "END", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SEQUENCE", "STATUS",
    "DTSTART;TZID=Asia/Kolkata", "RECURRENCE-ID;RANGE=THISANDFUTURE", "RDATE;VALUE=PERIOD", 'ATTENDEE;CN="', "UID", "TZID",
])  # fmt: skip


@given(st.lists(st.tuples(NAMES, VALUES).map(":".join), max_size=20))
@settings(max_examples=300)
def test_any_lines_are_read_or_refused(lines):
    try:
        imported = read(event(*HOUR), "BEGIN:VEVENT", "UID:u2", *lines, "END:VEVENT")
    except WatchbillError:
        return
    assert all(entry.interval.intersection(YEAR) for entry in imported.entries)


# --- against other readers


@st.composite
def series(draw):
    """Draw a series with edits near a clock change, as icalendar's events."""
    zone = ZoneInfo(draw(st.sampled_from([*ZONES, "UTC"])))
    first = draw(st.sampled_from([datetime(2026, m, 20) for m in (2, 3, 9, 10)]))  # noqa: DTZ001 - made local below
    start = first + timedelta(minutes=30 * draw(st.integers(0, 48 * 14)))
    length = timedelta(minutes=draw(st.sampled_from([30, 60, 480, 720, 1440, 10080])))
    rule: dict[str, Any] = {"freq": draw(st.sampled_from(["daily", "weekly", "monthly", "yearly"]))}
    rule["interval"] = draw(st.integers(1, 4))
    if rule["freq"] != "yearly" and draw(st.booleans()):
        rule["byday"] = draw(st.lists(st.sampled_from(["MO", "WE", "SA", "SU"]), min_size=1, unique=True))
    bound = draw(st.sampled_from(["none", "count", "until"]))
    if bound == "count":
        rule["count"] = draw(st.integers(1, 50))
    elif bound == "until":
        rule["until"] = (start + timedelta(days=draw(st.integers(0, 90)))).replace(tzinfo=zone).astimezone(UTC)
    master = Event()
    master.add("uid", "u1")
    master.add("summary", "jane")
    master.add("dtstart", start.replace(tzinfo=zone))
    master.add("dtend", (start + length).replace(tzinfo=zone))
    master.add("rrule", rule)
    days = st.integers(0, 40).map(lambda n: (start + timedelta(days=n)).replace(tzinfo=zone))
    for name in ("exdate", "rdate"):
        if dates := draw(st.lists(days, max_size=3, unique=True)):
            master.add(name, dates)
    events = [master]
    for at in draw(st.lists(days, max_size=2, unique=True)):
        edit = Event()
        edit.add("uid", "u1")
        edit.add("summary", "bob")
        edit.add("recurrence-id", at)
        moved = at + timedelta(hours=draw(st.integers(-30, 30)))
        edit.add("dtstart", moved)
        edit.add("dtend", moved + timedelta(hours=3))
        if draw(st.booleans()):
            edit.add("status", "CANCELLED")
        events.append(edit)
    return events


def other_reader(made, within):
    """Give the spans and names that recurring-ical-events finds, without what it does not filter."""
    found = set()
    for each in recurring_ical_events.of(made).between(within.start, within.end):
        start, end = (each[name].dt.astimezone(UTC) for name in ("DTSTART", "DTEND"))
        if start < end and within.start < end and start < within.end and each.get("STATUS") != "CANCELLED":
            found.add((start, end, str(each["SUMMARY"])))
    return found


@given(series())
@settings(max_examples=300)
def test_recurrence_is_what_another_reader_makes_of_it(events):
    made = Calendar()
    for each in events:
        made.add_component(each)
    imported = read_calendar(made.to_ical(), YEAR, "feed.ics")
    assert set(codes(imported)) <= {"no-length"}
    found = {(entry.interval.start, entry.interval.end, entry.names[0]) for entry in imported.entries}
    assert found == other_reader(made, YEAR)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60)


@given(TEXT, TEXT, st.emails(), st.integers(0, 365 * 24), st.integers(1, 100))
def test_lines_are_what_another_reader_makes_of_them(uid, full_name, address, hours, length):
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    written = Event()
    written.add("uid", uid)
    written.add("dtstart", start.astimezone(ZoneInfo("America/New_York")))
    written.add("dtend", start + timedelta(hours=length))
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params["CN"] = full_name
    written.add("attendee", attendee)
    made = Calendar()
    made.add_component(written)
    again: Any = Calendar.from_ical(made.to_ical()).walk("VEVENT")[0]
    (entry,) = read_calendar(made.to_ical(), Interval(YEAR.start, YEAR.end + timedelta(days=9)), "feed.ics").entries
    assert entry.interval == Interval(again["DTSTART"].dt.astimezone(UTC), again["DTEND"].dt)
    assert re.sub(r"\\u[0-9a-f]{4,}", "?", entry.uid) == re.sub(
        r"\\u[0-9a-f]{4,}", "?", "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in again["UID"].strip())
    )
    assert entry.names[0] == address
    # The other reader takes a backslash in a parameter for an escape; RFC 5545, section 3.1 knows none there.
    if "\\" not in full_name:
        assert entry.names[1:] in ((again["ATTENDEE"].params["CN"].strip(),), ())


@pytest.mark.parametrize("full_name", ["\\", "Ada\\", "Ada \\\\ Lovelace", "a\\,b", "\\;"])
def test_a_backslash_in_a_parameter_is_a_backslash(full_name):
    attendee = vCalAddress("mailto:ada@example.com")
    attendee.params["CN"] = full_name
    written = Event()
    written.add("uid", "1")
    written.add("dtstart", datetime(2026, 1, 1, tzinfo=UTC))
    written.add("dtend", datetime(2026, 1, 2, tzinfo=UTC))
    written.add("attendee", attendee)
    made = Calendar()
    made.add_component(written)
    (entry,) = read_calendar(made.to_ical(), YEAR, "feed.ics").entries
    assert entry.names == ("ada@example.com", full_name)
