"""Turns: whose they are, by rosters that change, by months, and across changes of the clocks."""

from calendar import monthrange
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.schedule.drawn import (
    CHANGES,
    DAY,
    MOMENT,
    clock,
    hourly,
    names,
    rosters_of,
    rotations,
    slow_turns,
    spans_near,
    utc,
)

from watchbill.intervals import Interval
from watchbill.schedule.rotation import Turns
from watchbill.team.model import Roster, Rotation, Turn


ANCHOR = date(2026, 1, 5)
"""A Monday."""
DAILY = Turn(1, "d")
YEAR = Interval(utc(2025, 6, 1), utc(2026, 6, 1))


def rotation(*rosters, turn=DAILY, handoff=time(9), anchor=ANCHOR):
    """Make turns from rosters given as (days after the anchor, members, first)."""
    made = tuple(Roster(anchor + days * DAY, tuple(members), first) for days, members, first in rosters)
    return Rotation(turn, handoff, anchor, made)


def days_of(turns, count=12, first=0, zone="UTC"):
    """Tell whose the daily turns are, from some days after the anchor on."""
    start = utc(2026, 1, 5, 9) + first * DAY
    return "".join(person[0] for _, person in Turns(turns, zone).within(Interval(start, start + count * DAY)))


BASE = (0, ("ana", "bo", "cy"), "ana")


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ((), "abcabcabcabc"),
        # Cy is on before; after her the new one is next where the order says so.
        (((3, ("ana", "bo", "cy", "dee"), None),), "abcdabcdabcd"),
        (((4, ("ana", "bo", "cy", "dee"), None),), "abcabcdabcda"),
        (((4, ("dee", "ana", "bo", "cy"), None),), "abcabcdabcda"),
        (((4, ("ana", "bo", "cy", "dee"), "dee"),), "abcadabcdabc"),
        # Who was on before leaves: the next of the old order who stays.
        (((5, ("ana", "cy"), None),), "abcabcacacac"),
        (((4, ("bo", "cy"), None),), "abcabcbcbcbc"),
        (((6, ("bo", "ana"), None),), "abcabcababab"),
        # Nobody stays.
        (((4, ("dee", "eve"), None),), "abcadededede"),
        # Two edits, and one that is over before a turn began by it, count as the last.
        (((3, ("ana", "bo"), None), (6, ("bo", "dee"), None)), "abcababdbdbd"),
        # Who takes part twice goes on from the place they had.
        (((4, ("ana", "bo", "ana", "cy"), None),), "abcabacabaca"),
    ],
)
def test_rosters_go_on_from_whoever_was_on(later, expected):
    """A roster without `first` begins after the one before it."""
    assert days_of(rotation(BASE, *later)) == expected


def test_one_who_takes_part_twice_goes_on_from_their_second_place():
    """Of `ana bo ana cy`, after the second turn of Ana comes Cy, also where the roster is given anew."""
    order = ("ana", "bo", "ana", "cy")
    before = days_of(rotation((0, order, "ana")))
    assert before == "abacabacabac"
    assert [days_of(rotation((0, order, "ana"), (day, order, None))) for day in range(1, 5)] == [before] * 4


def test_a_roster_that_no_turn_began_by_changes_nothing():
    """Two edits between two weekly turns: the second counts, and goes on after who really was on."""
    weekly = rotation(BASE, (8, ("dee", "eve"), None), (10, ("bo", "cy", "ana"), None), turn=Turn(1, "w"))
    found = [person for _, person in Turns(weekly, "UTC").within(Interval(utc(2026, 1, 5, 9), utc(2026, 2, 9, 9)))]
    assert found == ["ana", "bo", "cy", "ana", "bo"]
    without = replace(weekly, rosters=(weekly.rosters[0], weekly.rosters[2]))
    assert list(Turns(weekly, "UTC").within(YEAR)) == list(Turns(without, "UTC").within(YEAR))


def test_a_roster_begins_with_the_first_turn_on_its_local_date():
    """By the clock of the layer: 09:00 in Sydney on the 8th is still the 7th in UTC."""
    turns = Turns(rotation(BASE, (3, ("dee",), None)), "Australia/Sydney")
    found = list(turns.within(Interval(utc(2026, 1, 6, 22), utc(2026, 1, 8, 22))))
    assert [(span.start, person) for span, person in found] == [
        (utc(2026, 1, 6, 22), "cy"),
        (utc(2026, 1, 7, 22), "dee"),
    ]


@pytest.mark.parametrize("handoff", [time(0), time(0, 1), time(23, 59)])
def test_a_turn_that_is_running_is_not_cut(handoff):
    """A roster of some date has no say in the turn that began the evening before."""
    turns = rotation(BASE, (2, ("dee",), None), handoff=handoff, turn=Turn(2, "d"))
    running = datetime.combine(ANCHOR + 2 * DAY, handoff).replace(tzinfo=utc(2026, 1, 1).tzinfo)
    found = list(Turns(turns, "UTC").within(Interval(running - DAY, running + DAY)))
    assert [(span.end, person) for span, person in found] == [(running, "ana"), (running + DAY, "dee")]


@pytest.mark.parametrize("day", [28, 29, 30, 31])
@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_months_begin_on_the_day_or_the_last(day, count):
    """Over eight years, two of them leap years, and back before the anchor too."""
    turns = Turns(rotation(BASE, turn=Turn(count, "mo"), anchor=date(2023, 12, 1).replace(day=day)), "UTC")
    found = [span for span, _ in turns.within(Interval(utc(2021, 1, 1), utc(2029, 1, 1)))]
    assert all(one.end == two.start for one, two in pairwise(found))
    for span in found[1:]:
        start = span.start
        assert start.day == min(day, monthrange(start.year, start.month)[1])
        assert ((start.year - 2023) * 12 + start.month - 12) % count == 0
    assert len(found) == pytest.approx(96 / count, abs=2)


def test_a_month_from_the_29th_in_a_leap_year():
    """February has 29 days in 2028: the turn begins on its last day, and in 2027 on the 28th."""
    turns = Turns(rotation(BASE, turn=Turn(1, "mo"), anchor=date(2026, 12, 31)), "UTC")
    starts = {span.start.date() for span, _ in turns.within(Interval(utc(2026, 12, 31, 9), utc(2028, 4, 1)))}
    assert {date(2027, 2, 28), date(2028, 2, 29), date(2027, 4, 30), date(2028, 3, 31)} <= starts
    assert date(2028, 2, 28) not in starts


@pytest.mark.parametrize(("zone", "change"), CHANGES)
@pytest.mark.parametrize("turn", [DAILY, Turn(3, "d"), Turn(1, "w"), Turn(1, "mo")])
def test_turns_begin_by_the_wall_clock(zone, change, turn):
    """Nine in the morning stays nine in the morning, whatever the clocks do."""
    anchor = change.astimezone(ZoneInfo(zone)).date() - 2 * DAY
    found = list(
        Turns(rotation(BASE, turn=turn, anchor=anchor), zone).within(Interval(change - 40 * DAY, change + 40 * DAY))
    )
    starts = {span.start.astimezone(ZoneInfo(zone)).time() for span, _ in found[1:]}
    # In Apia, 09:00 of the day that never was is the midnight after it.
    assert starts - {time(0)} == {time(9)}
    assert time(0) not in starts or zone == "Pacific/Apia"


@pytest.mark.parametrize(
    ("zone", "change", "lengths"),
    [
        # 01:00 is skipped, so that turn has no time; where 01:00 comes twice, its turn lasts two hours.
        ("Europe/London", utc(2026, 3, 29, 1), [60, 60, 60, 60]),
        ("Europe/London", utc(2026, 10, 25, 1), [60, 120, 60]),
        # Half an hour: 02:00 is skipped and begins at 02:30; 01:30 to 02:00 comes twice.
        ("Australia/Lord_Howe", utc(2026, 10, 3, 15, 30), [60, 60, 30, 60]),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 15), [60, 90, 60]),
        ("Asia/Kolkata", utc(2026, 3, 29, 1, 30), [60, 60, 60, 60]),
    ],
)
def test_hourly_turns_across_a_change(zone, change, lengths):
    """What turns of an hour come to on the night of a change."""
    local = (change - 2 * 60 * timedelta(minutes=1)).astimezone(ZoneInfo(zone))
    turns = Turns(rotation(BASE, turn=Turn(1, "h"), handoff=time(0), anchor=local.date()), zone)
    found = list(turns.within(Interval(change - DAY / 12, change + DAY / 6)))
    minutes = [span.length // timedelta(minutes=1) for span, _ in found]
    begun = next(n for n in range(len(minutes)) if minutes[n : n + len(lengths)] == lengths)
    assert begun <= 1
    assert all(one.end == two.start for (one, _), (two, _) in pairwise(found))


# --- properties ----------------------------------------------------------------------------------

places = st.sampled_from(CHANGES)


@given(places, st.data())
def test_turns_agree_with_one_turn_after_the_other(place, data):
    """Turns counted by arithmetic are those found by going from each to the next."""
    zone, change = place
    drawn = data.draw(st.one_of(rotations(change), hourly(change)))
    window = data.draw(spans_near(change, 3))
    slow = list(slow_turns(drawn, ZoneInfo(zone), window.end))
    ends = [start for start, _ in slow[1:]] + [window.end + MOMENT]
    expected = [
        (cut, person)
        for (start, person), end in zip(slow, ends, strict=True)
        if start < end and (cut := Interval(start, end).intersection(window)) is not None
    ]
    assert list(Turns(drawn, zone).within(window)) == expected


@given(places, st.data(), st.integers(-3, 9), rosters_of, st.booleans())
def test_a_roster_changes_nothing_before_its_date(place, data, days, members, names_first):
    """Nor the turn that is running then, whoever is to begin."""
    zone, change = place
    drawn = data.draw(st.one_of(rotations(change), hourly(change)))
    since = max(change.date() + days * DAY, drawn.rosters[-1].since + DAY)
    added = replace(drawn, rosters=(*drawn.rosters, Roster(since, members, members[-1] if names_first else None)))
    window = Interval(change - 4 * DAY, change + 12 * DAY)
    before, after = list(Turns(drawn, zone).within(window)), list(Turns(added, zone).within(window))
    assert [span for span, _ in before] == [span for span, _ in after]
    for (span, one), (_, other) in zip(before, after, strict=True):
        begun = span.start.astimezone(ZoneInfo(zone)).date()
        if begun < since:
            assert one == other
        elif span is not before[0][0]:
            assert other in members


def test_a_turn_of_a_day_that_was_skipped_belongs_to_the_day_after():
    """Samoa had no 30 December 2011: the turn that was to begin that evening began with the 31st, under its roster."""
    old, new = Roster(date(2011, 12, 30), ("ana",), "ana"), Roster(date(2011, 12, 31), ("bo",), None)
    rotation = Rotation(Turn(4, "h"), time(0, 30), date(2011, 12, 30), (old, new))
    midnight, hour = utc(2011, 12, 30, 10), timedelta(hours=1)
    turns = list(Turns(rotation, "Pacific/Apia").within(Interval(midnight - hour, midnight + hour)))
    assert [(span.start, person) for span, person in turns][-2:] == [
        (midnight, "bo"),
        (midnight + timedelta(minutes=30), "bo"),
    ]


@given(places, st.data(), st.lists(names, min_size=1, max_size=4))
def test_the_same_roster_given_anew_changes_nothing(place, data, members):
    """Turns go on as they were where the roster of a later date has the same order, whoever takes part twice."""
    zone, change = place
    anchor = (change - 3 * DAY).date()
    base = Roster(anchor, tuple(members), data.draw(st.sampled_from(members)))
    turns = Rotation(data.draw(st.sampled_from([DAILY, Turn(9, "h"), Turn(1, "w")])), data.draw(clock), anchor, (base,))
    again = tuple(Roster(anchor + days * DAY, base.members, None) for days in (1, 2, 4))
    window = Interval(change - 5 * DAY, change + 30 * DAY)
    assert list(Turns(replace(turns, rosters=(base, *again)), zone).within(window)) == list(
        Turns(turns, zone).within(window)
    )
