"""Who is on call: rules, clock changes, and properties against a slow reading of the rules."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.oncall import Schedule, gaps, shifts
from watchbill.schedule.wall import to_utc
from watchbill.team.model import Kind, Layer, Leave, Override, Required, Restriction, Roster, Rota, Rotation, Turn


HERE = Location("watchbill.yaml", 1)
ALL_DAYS = frozenset(range(7))
WEEKLY = Turn(1, "w")


def layer(name="emea", members=("ana", "bo"), turn=WEEKLY, **changes):
    """Make a layer that starts on Monday 2026-01-05 with its first member."""
    anchor = changes.pop("anchor", date(2026, 1, 5))
    rosters = (Roster(anchor, tuple(members), members[0]),)
    rotation = Rotation(turn, changes.pop("handoff", time(18)), anchor, rosters)
    fields: dict[str, Any] = {
        "kind": Kind.PRIMARY,
        "time_zone": "Europe/London",
        "pattern": rotation,
        "restrictions": (),
    }
    return Layer(name=name, members=tuple(members), where=HERE, **(fields | changes))


def rota(*layers, overrides=(), leave=()):
    """Make a rota that must have a primary around the clock."""
    return Rota(
        "platform",
        ("production",),
        {Kind.PRIMARY: "prod-oncall"},
        timedelta(days=14),
        timedelta(0),
        timedelta(0),
        (Required(Kind.PRIMARY, 1, (), "UTC"),),
        tuple(layers),
        tuple(overrides),
        tuple(leave),
        HERE,
    )


def utc(year, month, day, hour=0, minute=0, second=0):
    """Write an instant."""
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def people(found):
    """Tell who holds which hours."""
    return [(shift.person, shift.interval.start, shift.interval.end) for shift in found]


def override(start, end, add=None, remove=None):
    """Make an override of the primary."""
    return Override("sw-1", Kind.PRIMARY, Interval(start, end), add, remove, "wedding", "ana", HERE)


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
    assert to_utc(datetime(2026, 3, 8, 2, 30), ZoneInfo("America/New_York")) == utc(2026, 3, 8, 7)  # noqa: DTZ001 - a wall-clock time


def test_months_are_cut_to_the_last_day():
    """A turn anchored on the 31st begins on the last day of a shorter month."""
    monthly = layer(turn=Turn(1, "mo"), anchor=date(2026, 1, 31), handoff=time(0))
    found = shifts(rota(monthly), Interval(utc(2026, 2, 1), utc(2026, 4, 15)))
    assert [shift.interval.start for shift in found[1:]] == [utc(2026, 2, 28), utc(2026, 3, 30, 23)]


hours = st.integers(0, 23).map(time)
spans = st.tuples(st.integers(0, 24 * 14), st.integers(1, 48)).map(
    lambda p: Interval(utc(2026, 3, 23) + timedelta(hours=p[0]), utc(2026, 3, 23) + timedelta(hours=p[0] + p[1]))
)
names = st.sampled_from(["ana", "bo", "cy"])


@st.composite
def rotas(draw):
    """Draw rotas whose layers, leave and overrides collide around the London spring change."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        members = draw(st.lists(names, min_size=1, max_size=3, unique=True))
        limits = st.builds(Restriction, st.frozensets(st.integers(0, 6), min_size=1), hours, hours)
        made.append(
            layer(
                f"layer{number}",
                members,
                Turn(draw(st.integers(2, 9)), draw(st.sampled_from(["h", "d", "w", "mo"]))),
                handoff=draw(hours),
                time_zone=draw(st.sampled_from(["Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"])),
                restrictions=tuple(draw(st.lists(limits, max_size=2))),
            )
        )
    leave = [Leave(name, span, HERE) for name, span in draw(st.lists(st.tuples(names, spans), max_size=2))]
    swaps = []
    for span in draw(st.lists(spans, max_size=2)):
        add, remove = draw(st.sampled_from([("ana", None), (None, "bo"), ("cy", "ana"), ("bo", "bo")]))
        swaps.append(override(span.start, span.end, add, remove))
    return rota(*made, overrides=swaps, leave=leave)


@given(rotas(), spans)
def test_shifts_and_gaps_tile_the_window(drawn, window):
    """Every instant of a window is in exactly one shift or one gap of a kind."""
    pieces = sorted([s.interval for s in shifts(drawn, window)] + [g.interval for g in gaps(drawn, window)])
    assert pieces[0].start == window.start
    assert pieces[-1].end == window.end
    assert all(one.end == two.start for one, two in pairwise(pieces))


@given(rotas(), spans, st.integers(0, 96))
def test_on_call_agrees_with_the_shifts(drawn, window, half_hours):
    """Asking at an instant and compiling a window are the same question."""
    at = window.start + timedelta(minutes=30 * half_hours)
    if at in window:
        inside = sorted(s.duty for s in shifts(drawn, window) if at in s.interval)
        assert list(Schedule(drawn).on_call(at)) == inside


def holder(drawn, at):
    """Say who is on call by reading the rules slowly, one instant at a time."""
    found = None
    for each in drawn.layers:
        zone = ZoneInfo(each.time_zone)
        turns = each.pattern
        anchor = datetime.combine(turns.anchor, turns.handoff)
        step = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}[turns.turn.unit]
        number = (at.astimezone(zone).replace(tzinfo=None) - anchor) // (step * turns.turn.count) - 3
        while to_utc(anchor + step * turns.turn.count * (number + 1), zone) <= at:
            number += 1
        person = each.members[number % len(each.members)]
        local = at.astimezone(zone)
        days = [local.date() - timedelta(days=back) for back in (0, 1)]
        restricted = not each.restrictions or any(
            day.weekday() in limit.days
            and to_utc(datetime.combine(day, limit.start), zone)
            <= at
            < to_utc(datetime.combine(day + timedelta(days=limit.end <= limit.start), limit.end), zone)
            for limit in each.restrictions
            for day in days
        )
        away = any(leave.person == person and at in leave.interval for leave in drawn.leave)
        if restricted and not away:
            found = person
    for swap in drawn.overrides:
        if at in swap.interval and swap.remove in (None, found) and (swap.add or found is not None):
            found = swap.add
    return found


@given(rotas(), spans)
def test_compiled_shifts_agree_with_the_rules_read_slowly(drawn, window):
    """The compiler and a plain reading of the rules name the same person at every half hour."""
    if any(each.pattern.turn.unit == "mo" for each in drawn.layers):
        return
    found = shifts(drawn, window)
    at = window.start
    while at < window.end:
        assert next((s.person for s in found if at in s.interval), None) == holder(drawn, at)
        at += timedelta(minutes=30)
