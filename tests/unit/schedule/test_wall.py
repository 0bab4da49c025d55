"""The wall clock: from local time to instants and back, on ordinary days and where the clocks change."""

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.schedule.drawn import CHANGES, DAY, MOMENT, clock, slow_in_hours, slow_utc, spans_near, utc, wall

from watchbill.intervals import Interval
from watchbill.schedule.holidays import holidays_within, is_holiday
from watchbill.schedule.wall import day_of, in_hours, reached, to_utc, weekly_hours
from watchbill.team.model import Restriction


minutes = st.integers(-40 * 60, 40 * 60)
offs = st.sampled_from([timedelta(0), MOMENT, -MOMENT])


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        # Skipped: the instant of the change, however far into the gap.
        ("Europe/London", wall(2026, 3, 29, 1), utc(2026, 3, 29, 1)),
        ("Europe/London", wall(2026, 3, 29, 1, 59, 59, 999999), utc(2026, 3, 29, 1)),
        ("Australia/Lord_Howe", wall(2026, 10, 4, 2, 15), utc(2026, 10, 3, 15, 30)),
        ("Pacific/Apia", wall(2011, 12, 30, 17), utc(2011, 12, 30, 10)),
        ("America/Sao_Paulo", wall(2018, 11, 4), utc(2018, 11, 4, 3)),
        # Twice: the first time.
        ("Europe/London", wall(2026, 10, 25, 1, 30), utc(2026, 10, 25, 0, 30)),
        ("America/New_York", wall(2026, 11, 1, 1, 30), utc(2026, 11, 1, 5, 30)),
        ("Australia/Lord_Howe", wall(2026, 4, 5, 1, 45), utc(2026, 4, 4, 14, 45)),
        ("America/Sao_Paulo", wall(2019, 2, 16, 23, 30), utc(2019, 2, 17, 1, 30)),
        # Where it is over.
        ("Europe/London", wall(2026, 10, 25, 2), utc(2026, 10, 25, 2)),
        ("Asia/Kolkata", wall(2026, 3, 29, 1), utc(2026, 3, 28, 19, 30)),
    ],
)
def test_a_local_time_is_one_instant(zone, local, expected):
    """Also where it never was, or was twice."""
    assert to_utc(local, ZoneInfo(zone)) == expected


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        ("Europe/London", utc(2026, 10, 25, 0, 30), wall(2026, 10, 25, 1, 30)),
        # The second time that the clock reads 01:30, it has read all up to 02:00.
        ("Europe/London", utc(2026, 10, 25, 1, 30), wall(2026, 10, 25, 2) - MOMENT),
        ("Europe/London", utc(2026, 10, 25, 2), wall(2026, 10, 25, 2)),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 15), wall(2026, 4, 5, 2) - MOMENT),
        ("Europe/London", utc(2026, 3, 29, 1), wall(2026, 3, 29, 2)),
        ("Europe/London", utc(2026, 3, 29, 1) - MOMENT, wall(2026, 3, 29, 1) - MOMENT),
    ],
)
def test_what_the_clock_has_reached(zone, at, expected):
    """Its reading, but for what autumn repeats."""
    assert reached(at, zone) == expected


@given(st.sampled_from(CHANGES), minutes, offs)
def test_local_times_agree_with_a_slow_reading(place, minute, off):
    """The first instant at which the clock shows a time, looked for minute by minute."""
    zone, change = place
    local = (change + minute * timedelta(minutes=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    # A skipped local time is one that the slow clock never reads.
    for shifted in (local, local + timedelta(minutes=45), local - timedelta(minutes=45)):
        assert to_utc(shifted, ZoneInfo(zone)) == slow_utc(shifted, ZoneInfo(zone))
    assert to_utc(local + off, ZoneInfo(zone)) <= to_utc(local + off + MOMENT, ZoneInfo(zone))


@given(st.sampled_from(CHANGES), minutes, minutes, offs, offs)
def test_what_is_reached_tells_what_has_begun(place, one, other, off, beside):
    """A local time has begun exactly where it is not after what the clock has reached."""
    zone, change = place
    at = change + one * timedelta(minutes=1) + off
    local = (change + other * timedelta(minutes=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None) + beside
    for time_of_it in (local, local + timedelta(hours=1), reached(at, zone), reached(at, zone) + MOMENT):
        assert (to_utc(time_of_it, ZoneInfo(zone)) <= at) is (time_of_it <= reached(at, zone))


limits = st.builds(Restriction, st.frozensets(st.integers(0, 6), min_size=1), clock, clock)


@given(st.sampled_from(CHANGES), st.lists(limits, min_size=1, max_size=3), st.data())
def test_weekly_hours_agree_at_every_instant(place, restrictions, data):
    """Hours asked at an instant, worked out for a span, and read slowly are the same, also where they begin and end."""
    zone, change = place
    within = data.draw(spans_near(change, 2))
    day = change.astimezone(ZoneInfo(zone)).date() + data.draw(st.integers(-3, 3)) * DAY
    ends = [
        slow_utc(datetime.combine(day, at), ZoneInfo(zone)) for each in restrictions for at in (each.start, each.end)
    ]
    spans = weekly_hours(restrictions, ZoneInfo(zone), within)
    for at in [
        edge + off for edge in (*ends, within.start, within.end, change) for off in (-MOMENT, timedelta(0), MOMENT)
    ]:
        slow = any(slow_in_hours(hours, ZoneInfo(zone), at) for hours in restrictions)
        assert in_hours(restrictions, reached(at, zone)) is slow
        assert any(at in span for span in spans) is (slow and at in within)


def test_no_weekly_hours_is_around_the_clock():
    """A layer without restrictions is in force at all times of the span."""
    within = Interval(utc(2026, 1, 1), utc(2026, 1, 2))
    assert weekly_hours((), ZoneInfo("UTC"), within) == (within,)


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_local_days_tile_time(zone, change):
    """Each day begins where the one before it ended; 2011-12-30 never was in Apia."""
    days = [change.astimezone(ZoneInfo(zone)).date() + number * DAY for number in range(-5, 6)]
    spans = [day_of(day, ZoneInfo(zone)) for day in days]
    assert [day for day, span in zip(days, spans, strict=True) if span is None] == (
        [date(2011, 12, 30)] if zone == "Pacific/Apia" else []
    )
    known = [span for span in spans if span is not None]
    assert all(one.end == two.start for one, two in pairwise(known))


def test_a_holiday_on_a_day_that_never_was_is_none():
    """2011-12-30 and 31 were holidays in the Philippines, and the 30th no day at all in Apia."""
    found = holidays_within("PH", "Pacific/Apia", Interval(utc(2011, 12, 28), utc(2011, 12, 31, 9)))
    assert found == (Interval(utc(2011, 12, 30, 10), utc(2011, 12, 31, 10)),)
    assert is_holiday("PH", date(2011, 12, 30))


def test_hours_wrap_past_midnight_of_the_last_day_of_the_week():
    """Sunday from 22:00 to 06:00 ends on Monday; equal times are a whole day."""
    sunday = [Restriction(frozenset({6}), time(22), time(6))]
    assert [
        in_hours(sunday, datetime.combine(date(2026, 1, day), time(hour)))
        for day, hour in ((4, 22), (5, 5), (5, 6), (4, 5))
    ] == [True, True, False, False]
    whole = [Restriction(frozenset({6}), time(9), time(9))]
    assert [
        in_hours(whole, datetime.combine(date(2026, 1, day), time(hour)))
        for day, hour in ((4, 8), (4, 9), (5, 8), (5, 9))
    ] == [False, True, True, False]
