"""Who is on call: rules, clock changes, and properties against a slow reading of the rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.schedule.drawn import (
    ALL_DAYS,
    CHANGES,
    DAY,
    HALF_HOUR,
    HERE,
    MOMENT,
    clock,
    hourly,
    layer,
    rota,
    rotas,
    slow_in_hours,
    slow_on_call,
    spans_near,
    utc,
    wall,
)

from watchbill.intervals import Interval, merge
from watchbill.schedule.oncall import Schedule, gaps, shifts
from watchbill.schedule.wall import to_utc
from watchbill.team.model import Feed, Held, Kind, Layer, Leave, Override, Required, Restriction, Stint, Turn


def people(found):
    """Tell who holds which hours."""
    return [(shift.person, shift.interval.start, shift.interval.end) for shift in found]


def override(start, end, add=None, remove=None, **more):
    """Make an override of the primary."""
    return Override("sw-1", Kind.PRIMARY, Interval(start, end), add, remove, "wedding", "ana", HERE, **more)


def test_turns_begin_at_the_anchor_and_rotate():
    """The anchor says who starts when; the next member follows one turn later."""
    found = shifts(rota(layer()), Interval(utc(2026, 1, 5, 18), utc(2026, 1, 26, 18)))
    assert people(found) == [
        ("ana", utc(2026, 1, 5, 18), utc(2026, 1, 12, 18)),
        ("bo", utc(2026, 1, 12, 18), utc(2026, 1, 19, 18)),
        ("ana", utc(2026, 1, 19, 18), utc(2026, 1, 26, 18)),
    ]


def test_turns_reach_back_before_the_anchor():
    """A window before the anchor has the same rotation, so that history can be asked."""
    found = shifts(rota(layer()), Interval(utc(2025, 12, 29, 18), utc(2026, 1, 5, 18)))
    assert people(found) == [("bo", utc(2025, 12, 29, 18), utc(2026, 1, 5, 18))]


def test_restrictions_wrap_past_midnight():
    """18:00 to 02:00 ends on the next day."""
    evenings = Restriction(ALL_DAYS, time(18), time(2))
    found = shifts(rota(layer(restrictions=(evenings,))), Interval(utc(2026, 1, 5), utc(2026, 1, 7)))
    assert people(found) == [
        ("bo", utc(2026, 1, 5), utc(2026, 1, 5, 2)),
        ("ana", utc(2026, 1, 5, 18), utc(2026, 1, 6, 2)),
        ("ana", utc(2026, 1, 6, 18), utc(2026, 1, 7)),
    ]


def test_a_later_layer_wins():
    """The second layer covers Tuesday; the first keeps the rest."""
    tuesday = layer("cover", ("cy",), restrictions=(Restriction(frozenset({1}), time(0), time(0)),))
    found = shifts(rota(layer(), tuesday), Interval(utc(2026, 1, 5, 18), utc(2026, 1, 7, 18)))
    assert [(shift.person, shift.source.removeprefix("layer ")) for shift in found] == [
        ("ana", "emea"),
        ("cy", "cover"),
        ("ana", "emea"),
    ]


def test_leave_opens_a_gap():
    """A person on leave is taken out of their turn and nobody is invented for it."""
    away = Leave("ana", Interval(utc(2026, 1, 6), utc(2026, 1, 7)), HERE)
    window = Interval(utc(2026, 1, 5, 18), utc(2026, 1, 8))
    assert [gap.interval for gap in gaps(rota(layer(), leave=[away]), window)] == [away.interval]


def test_an_override_replaces_only_the_person_it_removes():
    """Bo covers for Ana inside the span and nowhere else."""
    swap = override(utc(2026, 1, 12, 9), utc(2026, 1, 13), add="cy", remove="ana")
    found = shifts(rota(layer(), overrides=[swap]), Interval(utc(2026, 1, 12), utc(2026, 1, 14)))
    assert people(found) == [
        ("ana", utc(2026, 1, 12), utc(2026, 1, 12, 9)),
        ("cy", utc(2026, 1, 12, 9), utc(2026, 1, 12, 18)),
        ("bo", utc(2026, 1, 12, 18), utc(2026, 1, 14)),
    ]
    assert found[1].why == "rota platform, override sw-1"


def test_the_instant_of_a_handoff_belongs_to_the_next_shift():
    """Half-open shifts leave neither two people nor nobody at a handoff."""
    assert [shift.person for shift in Schedule(rota(layer())).on_call(utc(2026, 1, 12, 18))] == ["bo"]
    assert [s.person for s in Schedule(rota(layer())).on_call(utc(2026, 1, 12, 17, 59, 59))] == ["ana"]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/London", date(2026, 3, 29)),
        ("Europe/London", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("America/New_York", date(2026, 11, 1)),
        ("Australia/Sydney", date(2026, 4, 5)),
        ("Australia/Sydney", date(2026, 10, 4)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("Asia/Kolkata", date(2026, 3, 29)),
    ],
)
def test_handoffs_keep_the_wall_clock(zone, day):
    """Nine in the morning stays nine in the morning through a clock change."""
    daily = layer(time_zone=zone, handoff=time(9), turn=Turn(1, "d"), anchor=day - timedelta(days=3))
    midday = datetime.combine(day, time(12), UTC)
    found = shifts(rota(daily), Interval(midday - timedelta(days=2), midday + timedelta(days=2)))
    handoffs = [shift.interval.start.astimezone(ZoneInfo(zone)).time() for shift in found[1:]]
    assert set(handoffs) == {time(9)}


def test_a_skipped_handoff_happens_at_the_change():
    """02:30 does not exist on the night of the spring change in New York."""
    assert to_utc(wall(2026, 3, 8, 2, 30), ZoneInfo("America/New_York")) == utc(2026, 3, 8, 7)


def test_months_are_cut_to_the_last_day():
    """A turn anchored on the 31st begins on the last day of a shorter month."""
    monthly = layer(turn=Turn(1, "mo"), anchor=date(2026, 1, 31), handoff=time(0))
    found = shifts(rota(monthly), Interval(utc(2026, 2, 1), utc(2026, 4, 15)))
    assert [shift.interval.start for shift in found[1:]] == [utc(2026, 2, 28), utc(2026, 3, 30, 23)]


# --- overrides, rosters, feeds, coverage: what each comes to --------------------------------------


MONDAY = utc(2026, 1, 5, 18)
"""When the first week of Ana begins; Bo has the second."""


def hours_on(first, last):
    """Give a span, in hours after `MONDAY`."""
    return Interval(MONDAY + timedelta(hours=first), MONDAY + timedelta(hours=last))


def held(found):
    """Tell who holds which hours after `MONDAY`."""
    return [
        (s.person, *((end - MONDAY) // timedelta(hours=1) for end in (s.interval.start, s.interval.end))) for s in found
    ]


WHOLE = hours_on(0, 10)
BOTH = Feed("ics", "X", "", 0.25, (Held(WHOLE, "ana", "e1"), Held(hours_on(2, 12), "bo", "e2")))


def fed(copy, **changes):
    """Make a layer of an outside schedule."""
    return Layer("feed", Kind.PRIMARY, "Europe/London", ("ana", "bo", "cy"), copy, (), HERE, **changes)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"add": "cy"}, [("ana", 0, 4), ("cy", 4, 6), ("ana", 6, 10), ("bo", 2, 4), ("bo", 6, 10)]),
        ({"remove": "ana"}, [("ana", 0, 4), ("ana", 6, 10), ("bo", 2, 10)]),
        ({"remove": "cy"}, [("ana", 0, 10), ("bo", 2, 10)]),
        ({"add": "cy", "remove": "ana"}, [("ana", 0, 4), ("cy", 4, 6), ("ana", 6, 10), ("bo", 2, 10)]),
        # Bo is on call there already, and is so once.
        ({"add": "bo", "remove": "ana"}, [("ana", 0, 4), ("ana", 6, 10), ("bo", 2, 10)]),
        ({"add": "cy", "remove": "cy"}, [("ana", 0, 10), ("bo", 2, 10)]),
        ({"add": "cy", "beside": True}, [("ana", 0, 10), ("cy", 4, 6), ("bo", 2, 10)]),
        ({"add": "bo", "beside": True}, [("ana", 0, 10), ("bo", 2, 10)]),
        (
            {"swap": ("ana", "cy")},
            [("ana", 0, 4), ("cy", 4, 6), ("ana", 6, 10), ("bo", 2, 10)],
        ),
        (
            {"instead": (Stint("cy", hours_on(3, 5)), Stint("bo", hours_on(5, 9)), Stint("bo", hours_on(5, 6)))},
            [("ana", 0, 4), ("cy", 4, 5), ("bo", 5, 6), ("ana", 6, 10), ("bo", 2, 4), ("bo", 6, 10)],
        ),
        ({"instead": ()}, [("ana", 0, 4), ("ana", 6, 10), ("bo", 2, 4), ("bo", 6, 10)]),
    ],
)
def test_each_form_of_override(form, expected):
    """Ana is on from 0 to 10, Bo from 2 to 12 beside her; the override is from 4 to 6."""
    span = hours_on(4, 6)
    found = shifts(rota(fed(BOTH), overrides=[override(span.start, span.end, **form)]), WHOLE)
    assert sorted(held(found)) == sorted(expected)


def test_a_swap_exchanges_all_that_two_hold():
    """Over both their weeks, each has the other's."""
    swap = override(MONDAY, MONDAY + 14 * DAY, swap=("ana", "bo"))
    found = shifts(rota(layer(), overrides=[swap]), hours_on(0, 24 * 21))
    assert held(found) == [("bo", 0, 168), ("ana", 168, 336), ("ana", 336, 504)]


def test_a_later_override_changes_what_an_earlier_one_made():
    """Overrides apply in file order."""
    one = override(MONDAY, MONDAY + DAY, add="bo", remove="ana")
    other = override(MONDAY, MONDAY + DAY, add="cy", remove="bo")
    assert held(shifts(rota(layer(), overrides=[one, other]), hours_on(0, 24))) == [("cy", 0, 24)]
    assert held(shifts(rota(layer(), overrides=[other, one]), hours_on(0, 24))) == [("bo", 0, 24)]


def test_one_person_twice_in_a_feed_is_on_call_once():
    """Of two entries at once the earlier counts, and the later for what is left of it."""
    entries = (Held(hours_on(1, 5), "ana", "e2"), Held(hours_on(0, 3), "ana", "e1"), Held(hours_on(2, 4), "ana", "e3"))
    found = shifts(rota(fed(Feed("ics", "X", "", 0.25, entries))), WHOLE)
    assert [(*each[1:], shift.source) for each, shift in zip(held(found), found, strict=True)] == [
        (0, 3, "layer feed, entry e1"),
        (3, 5, "layer feed, entry e2"),
    ]


def test_a_feed_without_a_copy_leaves_the_layer_below():
    """Nobody is on call by a schedule that was never read."""
    assert held(shifts(rota(layer(), fed(Feed("ics", "X", "", 0.25))), WHOLE)) == [("ana", 0, 10)]
    assert held(shifts(rota(layer(), fed(BOTH)), hours_on(1, 3))) == [("ana", 1, 3), ("bo", 2, 3)]


def test_beside_is_together_with_the_layer_before():
    """A layer beside another wins with it over what lies below, and nobody is on call twice."""
    below, over = layer("below", ("cy",)), layer("over", ("ana",))
    assert sorted(held(shifts(rota(below, over, fed(BOTH, beside=True)), hours_on(0, 4)))) == [
        ("ana", 0, 4),
        ("bo", 2, 4),
    ]
    other = layer("other", ("bo",), beside=True, since=MONDAY + 2 * HALF_HOUR)
    assert sorted(held(shifts(rota(below, over, other), hours_on(0, 4)))) == [("ana", 0, 4), ("bo", 1, 4)]


def test_a_layer_is_in_force_within_its_span():
    """From `since` on and up to `until`; outside, the layer below shows."""
    cover = layer("cover", ("cy",), since=MONDAY + 2 * HALF_HOUR, until=MONDAY + 6 * HALF_HOUR)
    assert held(shifts(rota(layer(), cover), hours_on(0, 5))) == [("ana", 0, 1), ("cy", 1, 3), ("ana", 3, 5)]


@pytest.mark.parametrize(
    ("place", "zone", "first", "last"),
    [
        ("GB", "Europe/London", utc(2025, 12, 25), utc(2025, 12, 27)),
        ("GB", "Asia/Kolkata", utc(2025, 12, 24, 18, 30), utc(2025, 12, 26, 18, 30)),
        ("GB", "America/New_York", utc(2025, 12, 25, 5), utc(2025, 12, 27, 5)),
        # Belarus has 7 November off. In St John's, 23:01 of the 6th came again a minute into the 7th of 2010.
        ("BY", "America/St_Johns", utc(2010, 11, 7, 2, 30), utc(2010, 11, 8, 3, 30)),
    ],
)
def test_a_public_holiday_is_a_day_off_where_they_live(place, zone, first, last):
    """From local midnight to midnight the layer below shows, and not a moment longer."""
    off = replace(rota(layer("below", ("cy",)), layer("over", ("ana",))), holidays={"ana": (place, zone)})
    within = Interval(first - DAY / 2, last + DAY / 2)
    merged = merge(shift.interval for shift in shifts(off, within) if shift.person == "cy")
    assert merged == (Interval(first, last),)
    for at in [first, first + HALF_HOUR, first + 3 * HALF_HOUR, last - MOMENT]:
        assert [duty.person for duty in Schedule(off).on_call(at)] == ["cy"], at
    for at in (first - MOMENT, last):
        assert [duty.person for duty in Schedule(off).on_call(at)] == ["ana"], at


def test_two_people_must_be_on_call_in_working_hours():
    """The gap is where fewer than two are on call, from nine to five in New York, and names how many there must be."""
    required = Required(Kind.PRIMARY, 2, (Restriction(frozenset(range(5)), time(9), time(17)),), "America/New_York")
    entries = (
        Held(Interval(utc(2026, 3, 6, 10), utc(2026, 3, 9, 15)), "ana", "1"),
        Held(Interval(utc(2026, 3, 6, 16), utc(2026, 3, 9, 13)), "bo", "2"),
    )
    both = replace(rota(fed(Feed("ics", "X", "", 0.25, entries))), required=(required,))
    found = gaps(both, Interval(utc(2026, 3, 6), utc(2026, 3, 10)))
    # New York's clocks went forward on the 8th: Friday begins at 14:00 UTC and Monday at 13:00.
    assert [(gap.interval.start, gap.interval.end, gap.people) for gap in found] == [
        (utc(2026, 3, 6, 14), utc(2026, 3, 6, 16), 2),
        (utc(2026, 3, 9, 13), utc(2026, 3, 9, 21), 2),
    ]
    assert str(found[0]).startswith("fewer than 2 primary from ")


@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_hours_past_midnight_end_by_the_wall_clock(zone, change):
    """Hours from 22:00 to 06:00 are eight hours long but for the night of a change."""
    nights = layer(
        time_zone=zone, restrictions=(Restriction(ALL_DAYS, time(22), time(6)),), turn=Turn(1, "d"), handoff=time(22)
    )
    found = shifts(rota(nights), Interval(change - 4 * DAY, change + 4 * DAY))[1:-1]
    there = ZoneInfo(zone)
    offsets = [at.astimezone(there).utcoffset() for at in (change + DAY, change - DAY)]
    shortest = timedelta(hours=8) + offsets[1] - offsets[0]
    # In Apia a whole day fell out: one night ended where it would have begun.
    usual = (
        {timedelta(hours=8), shortest}
        if shortest > timedelta(0)
        else {timedelta(hours=2), timedelta(hours=6), timedelta(hours=8)}
    )
    assert {shift.interval.length for shift in found} == usual
    assert {shift.interval.end.astimezone(there).time() for shift in found} - {time(0)} == {time(6)}


# --- properties ----------------------------------------------------------------------------------


def instants(draw, found, change, window):
    """Draw instants where something changes, and a moment before and after each."""
    edges = {window.start, window.end, *(end for s in found for end in (s.interval.start, s.interval.end))}
    near = st.integers(-8, 8).map(lambda number: change + number * HALF_HOUR)
    drawn = draw(st.lists(st.sampled_from(sorted(edges)) | near, min_size=1, max_size=4))
    return [at for edge in drawn for at in (edge - MOMENT, edge, edge + MOMENT) if at in window]


@given(rotas(), st.data())
def test_shifts_and_gaps_tile_the_window(drawn, data):
    """Every instant of a window is in a gap or in shifts, never in both, and nobody is in two shifts of a kind."""
    made, change = drawn
    window = data.draw(spans_near(change))
    found = [shift for shift in shifts(made, window) if shift.kind is Kind.PRIMARY]
    missing = [gap.interval for gap in gaps(made, window)]
    pieces = sorted(
        {end for each in [window, *(s.interval for s in found), *missing] for end in (each.start, each.end)}
    )
    assert (pieces[0], pieces[-1]) == (window.start, window.end)
    for start, _ in pairwise(pieces):
        here = [shift.person for shift in found if start in shift.interval]
        assert len(here) == len(set(here))
        assert any(start in gap for gap in missing) is not bool(here)


@given(rotas(), st.data())
def test_on_call_agrees_with_the_shifts(drawn, data):
    """Asking at an instant and compiling a window are the same question."""
    made, change = drawn
    window = data.draw(spans_near(change))
    schedule = Schedule(made)
    found = schedule.shifts(window)
    for at in instants(data.draw, found, change, window):
        assert schedule.on_call(at) == tuple(sorted(s.duty for s in found if at in s.interval)), at


@given(st.sampled_from(CHANGES), st.data())
def test_hourly_turns_agree_at_the_very_change(place, data):
    """Turns of an hour, some skipped and some of two hours, agree at each half hour around a change, and beside it."""
    zone, change = place
    window = Interval(change - DAY / 4, change + DAY / 4)
    schedule = Schedule(rota(layer(time_zone=zone, pattern=data.draw(hourly(change)), members=("ana", "bo", "cy"))))
    found = schedule.shifts(window)
    for at in (change + n * HALF_HOUR + off for n in range(-6, 7) for off in (-MOMENT, timedelta(0), MOMENT)):
        assert schedule.on_call(at) == tuple(s.duty for s in found if at in s.interval), at


@given(rotas(), st.data())
def test_compiled_shifts_agree_with_the_rules_read_slowly(drawn, data):
    """The compiler and a plain reading of all the rules name the same people."""
    made, change = drawn
    window = data.draw(spans_near(change, 3))
    found = shifts(made, window)
    for at in instants(data.draw, found, change, window):
        for kind in Kind:
            assert {s.person for s in found if at in s.interval and s.kind is kind} == slow_on_call(made, kind, at), at


@given(st.sampled_from(CHANGES), st.data())
def test_required_hours_are_those_of_the_wall_clock(place, data):
    """With nobody on call, the gaps are the required hours, read slowly."""
    zone, change = place
    hours = data.draw(st.builds(Restriction, st.frozensets(st.integers(0, 6), min_size=3), clock, clock))
    nobody = replace(rota(), required=(Required(Kind.PRIMARY, 1, (hours,), zone),))
    window = Interval(change - 2 * DAY, change + 2 * DAY)
    found = gaps(nobody, window)
    for at in (change + n * HALF_HOUR + off for n in range(-50, 51, 3) for off in (-MOMENT, timedelta(0))):
        assert any(at in gap.interval for gap in found) is slow_in_hours(hours, ZoneInfo(zone), at), at


@given(rotas(), st.data())
def test_a_window_is_what_its_parts_are(drawn, data):
    """Cutting a window in two changes nobody's duty at any instant."""
    made, change = drawn
    window = data.draw(spans_near(change))
    middle = window.start + (window.end - window.start) / 2
    whole = shifts(made, window)
    parts = [*shifts(made, Interval(window.start, middle)), *shifts(made, Interval(middle, window.end))]
    for at in instants(data.draw, whole, change, window):
        assert sorted(s.duty for s in whole if at in s.interval) == sorted(s.duty for s in parts if at in s.interval)


@given(rotas(), st.data())
def test_shifts_of_some_kinds_are_those_of_all_that_are_of_them(drawn, data):
    """What is left out changes nothing of the rest."""
    made, change = drawn
    window = data.draw(spans_near(change, 3))
    kinds = data.draw(st.sets(st.sampled_from(Kind)))
    assert shifts(made, window, kinds) == tuple(each for each in shifts(made, window) if each.kind in kinds)
