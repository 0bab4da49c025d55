"""Shifts that recur by a rule: whose they are, where they end, and which rules are refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.schedule.drawn import CHANGES, DAY, recurrences, slow_shifts, slow_utc, spans_near, utc, wall

from watchbill.intervals import Interval
from watchbill.schedule.recurrence import Recurring
from watchbill.team.model import Recurrence
from watchbill.team.rules import read_rule


MEMBERS = ("ana", "bo", "cy")
HOUR = timedelta(hours=1)
WEEKENDS = Recurrence(wall(2026, 1, 10, 9), 12 * HOUR, "FREQ=WEEKLY;BYDAY=SA,SU", frozenset(), (), 1)
"""From Saturday 2026-01-10 on."""


def shifts(recurrence=WEEKENDS, days=22, zone="UTC", members=MEMBERS):
    """Tell whose each shift is, by the local day of January on which it begins."""
    within = Interval(utc(2026, 1, 5), utc(2026, 1, 5) + days * DAY)
    found = Recurring(recurrence, members, zone).within(within)
    return [(span.start.astimezone(ZoneInfo(zone)).day, person[0]) for span, person in found]


SIX = [(10, "a"), (11, "b"), (17, "c"), (18, "a"), (24, "b"), (25, "c")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, SIX),
        # One that is left out was somebody's all the same.
        ({"without": {wall(2026, 1, 11, 9)}}, [each for each in SIX if each[0] != 11]),
        ({"without": {wall(2026, 1, 10, 9), wall(2026, 1, 24, 9)}}, [SIX[1], SIX[2], SIX[3], SIX[5]]),
        ({"without": {wall(2026, 1, 11, 10)}}, SIX),
        # One that is added is of whoever had the one before it.
        ({"also": (wall(2026, 1, 14, 9),)}, [*SIX[:2], (14, "b"), *SIX[2:]]),
        ({"also": (wall(2026, 1, 7, 9),)}, [(7, "a"), *SIX]),
        ({"also": (wall(2026, 1, 14, 9),), "without": {wall(2026, 1, 11, 9)}}, [SIX[0], (14, "b"), *SIX[2:]]),
        # One that is added where there is one changes nothing.
        ({"also": (wall(2026, 1, 17, 9),)}, SIX),
        ({"also": (wall(2026, 1, 14, 9), wall(2026, 1, 14, 9))}, [*SIX[:2], (14, "b"), *SIX[2:]]),
        ({"each": 2}, [(10, "a"), (11, "a"), (17, "b"), (18, "b"), (24, "c"), (25, "c")]),
        ({"each": 4}, [(10, "a"), (11, "a"), (17, "a"), (18, "a"), (24, "b"), (25, "b")]),
        ({"each": None}, [(day, person) for day, _ in SIX for person in "abc"]),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;COUNT=3"}, SIX[:3]),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;COUNT=3", "without": {wall(2026, 1, 11, 9)}}, [SIX[0], SIX[2]]),
        # A date is the whole local day, a local time is itself, both inclusive.
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20260118"}, SIX[:4]),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20260118T090000"}, SIX[:4]),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20260118T085959"}, SIX[:3]),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20260118T090000Z"}, SIX[:4]),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20260101"}, []),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=99991231T235959Z"}, SIX),
        ({"rule": "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=00010101T000000Z"}, []),
        ({"rule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA,SU"}, [(10, "a"), (11, "b"), (24, "c"), (25, "a")]),
        ({"rule": "rrule:freq=weekly;byday=sa,su"}, SIX),
        ({"rule": "FREQ=MONTHLY;BYDAY=SA;BYSETPOS=2,-1"}, [(10, "a")]),
    ],
)
def test_whose_each_shift_is(changes, expected):
    """Three people take the Saturdays and Sundays of January in turn."""
    fields: dict[str, Any] = {key: frozenset(v) if key == "without" else v for key, v in changes.items()}
    assert shifts(replace(WEEKENDS, **fields)) == expected


def test_until_in_utc_is_by_the_clock_of_the_zone():
    """22:00 UTC is 09:00 of the next day in Sydney in January."""
    sydney = [(10, "a"), (11, "b"), (17, "c"), (18, "a")]
    for until, expected in (("20260117T220000Z", sydney), ("20260117T215959Z", sydney[:3])):
        rule = f"FREQ=WEEKLY;BYDAY=SA,SU;UNTIL={until}"
        assert shifts(replace(WEEKENDS, rule=rule), zone="Australia/Sydney") == expected


def test_until_in_an_hour_that_comes_twice_keeps_what_had_begun():
    """At 01:10 UTC London reads 01:10 for the second time: the shift of 01:30 began forty minutes ago."""
    rule = Recurrence(wall(2026, 10, 24, 1, 30), HOUR, "FREQ=DAILY;UNTIL=20261025T011000Z", frozenset(), (), 1)
    found = Recurring(rule, MEMBERS, "Europe/London").within(Interval(utc(2026, 10, 23), utc(2026, 10, 28)))
    assert [span.start for span, _ in found] == [utc(2026, 10, 24, 0, 30), utc(2026, 10, 25, 0, 30)]


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_shifts_begin_and_end_by_the_wall_clock(zone, change):
    """From 22:00 to 06:00, each night, whatever the clocks do."""
    there = ZoneInfo(zone)
    start = (change - 4 * DAY).astimezone(there).replace(tzinfo=None, hour=22, minute=0, second=0, fold=0)
    nights = Recurrence(start, 8 * HOUR, "FREQ=DAILY", frozenset(), (), 1)
    found = [span for span, _ in Recurring(nights, MEMBERS, zone).within(Interval(change - 3 * DAY, change + 3 * DAY))]
    assert {span.start.astimezone(there).time() for span in found[1:-1]} <= {start.time(), wall(2026, 1, 1).time()}
    assert {span.end.astimezone(there).hour for span in found[:-1]} <= {6, 0}
    if zone != "Pacific/Apia":
        assert {span.end.astimezone(there).hour for span in found[:-1]} == {6}
        assert {span.start.astimezone(there).hour for span in found[1:]} == {22}


def test_a_shift_that_lasts_longer_than_its_length_is_found_in_its_last_hour():
    """From nine to nine in London, through the hour that comes twice, are 25 hours."""
    days = Recurrence(wall(2026, 10, 24, 9), DAY, "FREQ=DAILY;INTERVAL=2", frozenset(), (), 1)
    last = Interval(utc(2026, 10, 25, 8, 30), utc(2026, 10, 25, 10))
    found = list(Recurring(days, MEMBERS, "Europe/London").within(last))
    assert found == [(Interval(last.start, utc(2026, 10, 25, 9)), "ana")]


@given(st.sampled_from(CHANGES), st.data())
def test_shifts_agree_with_rules_read_day_by_day(place, data):
    """What dateutil works out is what a plain walk over days and hours finds, asked in any order of windows."""
    zone, change = place
    drawn = data.draw(recurrences(change))
    recurring = Recurring(drawn, MEMBERS, zone)
    for window in data.draw(st.lists(spans_near(change), min_size=1, max_size=3)):
        slow = [
            (cut, person)
            for local, people in slow_shifts(drawn, MEMBERS)
            for person in people
            if (start := slow_utc(local, ZoneInfo(zone))) < (end := slow_utc(local + drawn.length, ZoneInfo(zone)))
            and (cut := Interval(start, end).intersection(window)) is not None
        ]
        assert sorted(recurring.within(window)) == sorted(slow)


@given(st.integers(0, 3000), st.integers(1, 400))
def test_a_shift_is_the_same_however_far_one_asked_before(day, days):
    """A window far ahead, and one before it afterwards, have what a fresh look has."""
    near = Interval(utc(2026, 1, 1), utc(2026, 1, 1) + days * DAY)
    far = Interval(near.start + day * DAY, near.end + day * DAY)
    also = replace(WEEKENDS, also=(wall(2028, 2, 29, 9), wall(2027, 6, 2, 9)), each=2)
    asked = Recurring(also, MEMBERS, "Europe/London")
    found = [list(asked.within(window)) for window in (near, far, near)]
    assert found == [list(Recurring(also, MEMBERS, "Europe/London").within(window)) for window in (near, far, near)]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("", "is no recurrence rule"),
        ("SA", "`SA` is no part of a rule"),
        ("FREQ=WEEKLY;;BYDAY=SA", "`` is no part of a rule"),
        ("FREQ=WEEKLY;BYDAY", "`BYDAY` is no part of a rule"),
        ("FREQ=WEEKLY;FREQ=DAILY", "`FREQ=DAILY` is no part of a rule"),
        ("BYDAY=SA", "FREQ must be one of HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=MINUTELY", "FREQ must be one of"),
        ("FREQ=SECONDLY", "FREQ must be one of"),
        ("FREQ=DAILY;BYMINUTE=5", "`BYMINUTE=5` is no part of a rule"),
        ("FREQ=DAILY;BYEASTER=0", "`BYEASTER=0` is no part of a rule"),
        ("FREQ=DAILY;DTSTART=20200101", "`DTSTART=20200101` is no part of a rule"),
        # dateutil would read these as properties besides the rule.
        ("FREQ=DAILY;BYHOUR=1 RDATE:20260101T000000", "is no recurrence rule"),
        ("FREQ=DAILY;BYHOUR=1\nDTSTART:20200101T000000", "is no recurrence rule"),
        ("FREQ=DAILY;BYHOUR=" + "1," * 400 + "1", "is no recurrence rule"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be a number from 1 on, not `0`"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL must be a number from 1 on, not `-1`"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be a number from 1 on, not `0`"),
        ("FREQ=DAILY;COUNT=9999999", "COUNT must be a number from 1 on, not `9999999`"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL must be a date or a time such as 20261231T230000Z, not `TOMORROW`"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL must be a date or a time such as 20261231T230000Z, not `20260230`"),
        ("FREQ=DAILY;UNTIL=20260101T250000Z", "UNTIL must be a date or a time"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR cannot be `24`"),
        ("FREQ=HOURLY;BYHOUR=25", "BYHOUR cannot be `25`"),
        ("FREQ=DAILY;BYHOUR=-1", "BYHOUR cannot be `-1`"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH cannot be `13`"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY cannot be `0`"),
        ("FREQ=DAILY;BYMONTHDAY=32", "BYMONTHDAY cannot be `32`"),
        ("FREQ=DAILY;BYYEARDAY=367", "BYYEARDAY cannot be `367`"),
        ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO cannot be `54`"),
        ("FREQ=WEEKLY;BYSETPOS=0", "BYSETPOS cannot be `0`"),
        ("FREQ=DAILY;BYMONTH=", "BYMONTH cannot be ``"),
        ("FREQ=DAILY;BYDAY=XX", "cannot be read as a recurrence rule"),
        ("FREQ=DAILY;BYDAY=", "cannot be read as a recurrence rule"),
        ("FREQ=DAILY;WKST=XX", "cannot be read as a recurrence rule"),
        ("FREQ=WEEKLY;BYDAY=1MO", "a numbered weekday is one of a month or year"),
        ("FREQ=YEARLY;BYDAY=99MO", "cannot be read as a recurrence rule"),
        ("FREQ=DAILY;BYSETPOS=2", "BYSETPOS picks from the shifts of a week, month or year"),
        ("FREQ=HOURLY;BYSETPOS=2", "BYSETPOS picks from the shifts of a week, month or year"),
        # What no day fits.
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "no day of any year fits"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "no day of any year fits"),
        ("FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1", "no day of any year fits"),
    ],
)
def test_a_hostile_rule_is_refused(rule, expected):
    """With a ValueError that says why, and at once: dateutil would look up to the year 9999."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
        read_rule(rule)
    assert expected in str(caught.value)


@given(st.text("FREQ=DAILYWKMOTHUSBP;,-+0123456789 \n:", max_size=40) | st.text(max_size=20))
def test_any_text_is_a_rule_or_a_value_error(text):
    """Nothing else comes out, with a sound beginning or without."""
    for rule in (text, f"FREQ=DAILY;{text}", f"FREQ=WEEKLY;BYDAY={text}", f"FREQ=DAILY;UNTIL={text}"):
        try:
            found = read_rule(rule)
        except ValueError:
            continue
        list(found.starts(wall(2026, 1, 10, 9), ZoneInfo("Australia/Sydney"), wall(2026, 1, 20)))


@pytest.mark.parametrize(
    ("rule", "start", "fits"),
    [
        ("FREQ=WEEKLY;BYDAY=SA,SU", wall(2026, 1, 10, 9), True),
        ("FREQ=WEEKLY;BYDAY=SA,SU", wall(2026, 1, 12, 9), False),
        ("FREQ=DAILY;BYHOUR=9,21", wall(2026, 1, 12, 21), True),
        ("FREQ=DAILY;BYHOUR=9,21", wall(2026, 1, 12, 20), False),
        ("FREQ=HOURLY;INTERVAL=12;BYHOUR=9,21", wall(2026, 1, 12, 9), True),
        # Steps of twelve hours from 08:00 are never at nine.
        ("FREQ=HOURLY;INTERVAL=12;BYHOUR=9", wall(2026, 1, 12, 8), False),
        # Steps of a week from a Monday are never on a Tuesday.
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU", wall(2026, 1, 12, 9), False),
        ("FREQ=MONTHLY;BYDAY=-1FR", wall(2026, 1, 30, 9), True),
        ("FREQ=MONTHLY;BYDAY=-1FR", wall(2026, 1, 23, 9), False),
        ("FREQ=MONTHLY;BYDAY=6MO", wall(2026, 1, 12, 9), False),
    ],
)
def test_the_start_must_fit_the_rule(rule, start, fits):
    """A rule by which the first shift is not the start is told."""
    assert read_rule(rule).fits(start) is fits


def test_a_rule_that_hardly_ever_matches():
    """A leap day that is a Monday comes every 28 years."""
    rule = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO"
    rare = Recurrence(wall(2044, 2, 29, 9), HOUR, rule, frozenset(), (), 1)
    found = list(Recurring(rare, MEMBERS, "UTC").within(Interval(utc(2026, 1, 1), utc(2046, 1, 1))))
    assert [span.start for span, _ in found] == [utc(2044, 2, 29, 9)]
