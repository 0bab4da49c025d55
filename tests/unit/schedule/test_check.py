"""What is wrong with schedules, and how evenly they burden people: by example, and against slow readings."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import person, team
from tests.unit.schedule.drawn import (
    CHANGES,
    DAY,
    HALF_HOUR,
    HERE,
    MOMENT,
    layer,
    rota,
    rotas,
    slow_away,
    slow_on_call,
    slow_utc,
    spans_near,
    utc,
)

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.check import check, fairness
from watchbill.schedule.oncall import Schedule
from watchbill.team.model import Feed, Held, Kind, Layer, Leave, Override, Required, Roster, Turn


MONDAY = utc(2026, 1, 5)
HOUR = timedelta(hours=1)
WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
THERE = Location("watchbill.yaml", 7)


def team_of(*rotas, zones=()):
    """Make a team of Ana, Bo and Cy; `zones` says where some of them live."""
    people = {name: person(name, dict(zones).get(name, "UTC")) for name in ("ana", "bo", "cy", "dee")}
    return replace(team(), people=people, rotas={each.name: each for each in rotas})


def span(first, last):
    """Give a span, in hours after Monday."""
    return Interval(MONDAY + first * HOUR, MONDAY + last * HOUR)


def fed(*held, name="feed", kind=Kind.PRIMARY, where=HERE):
    """Make a layer of an outside schedule from (person, first hour, last hour)."""
    copy = tuple(Held(span(first, last), who, f"e{number}") for number, (who, first, last) in enumerate(held))
    members = tuple(dict.fromkeys(who for who, _, _ in held))
    return Layer(name, kind, "UTC", members, Feed("ics", "X", "", 0.25, copy), (), where)


def quiet(*layers, name="platform", **changes):
    """Make a rota that must cover nothing and needs no rest."""
    fields: dict[str, Any] = {"required": (), "rest": timedelta(0)} | changes
    return replace(rota(*layers, name=name), **fields)


def said(found):
    """Tell findings in short: code, person, hours after Monday."""
    hours = [((each.interval.start - MONDAY) / HOUR, (each.interval.end - MONDAY) / HOUR) for each in found]
    return [(each.code, each.person, *when) for each, when in zip(found, hours, strict=True)]


def test_a_gap_is_found():
    """It is that of the schedule, at the rota's place."""
    found = check(
        team_of(
            replace(quiet(fed(("ana", 0, 10), ("ana", 12, 168))), required=(Required(Kind.PRIMARY, 1, (), "UTC"),))
        ),
        WEEK,
    )
    assert said(found) == [("gap", None, 10, 12)]
    assert found[0].message == "rota platform has no primary from 2026-01-05T10:00:00Z - 2026-01-05T12:00:00Z"


def test_a_gap_names_whose_leave_opened_it():
    """What would be a gap anyhow is one of its own; the rest says who is away."""
    here = rota(
        fed(("ana", 0, 10), ("bo", 12, 168)), leave=[Leave("ana", span(8, 14), HERE), Leave("bo", span(100, 101), HERE)]
    )
    found = [each for each in check(team_of(here), WEEK) if each.code in ("gap", "leave-gap")]
    assert said(found) == [("leave-gap", "ana", 8, 10), ("gap", None, 10, 12), ("leave-gap", "bo", 100, 101)]
    assert found[0].message.endswith("T10:00:00Z, since `ana` is away")


def test_a_gap_names_all_whose_leave_opened_it():
    """Where either of two could cover, or both must, both are named and it is about neither alone."""
    leave = [Leave("ana", span(0, 10), HERE), Leave("bo", span(5, 20), HERE)]
    either = replace(rota(layer("below", ("bo",)), layer("over", ("ana",)), leave=leave), rest=timedelta(0))
    both = replace(
        rota(layer("one", ("ana",)), layer("other", ("bo",), beside=True), leave=leave),
        required=(Required(Kind.PRIMARY, 2, (), "UTC"),),
        rest=timedelta(0),
    )
    assert said(check(team_of(either), span(0, 24))) == [("leave-gap", None, 5, 10)]
    found = check(team_of(both), span(0, 24))
    assert said(found) == [("leave-gap", "ana", 0, 5), ("leave-gap", None, 5, 10), ("leave-gap", "bo", 10, 20)]
    assert "fewer than 2 primary" in found[1].message
    assert found[1].message.endswith("since `ana` and `bo` are away")


def test_a_gap_is_not_of_somebody_who_is_on_call_all_the_same():
    """Ana is on leave and an override keeps her on call: that a second person is missing is no doing of hers."""
    kept = Override("sw-1", Kind.PRIMARY, span(0, 10), "ana", None, "r", "bo", HERE, beside=True)
    here = quiet(layer(members=("ana",)), required=(Required(Kind.PRIMARY, 2, (), "UTC"),))
    here = replace(here, overrides=(kept,), leave=(Leave("ana", span(0, 12), HERE),))
    found = [each for each in check(team_of(here), span(0, 12)) if each.code != "away"]
    assert said(found) == [("gap", None, 0, 10), ("leave-gap", "ana", 10, 12)]


def test_leave_opens_a_gap_of_its_own_kind_alone():
    """Nobody is ever secondary here, whether Ana is away or not."""
    required = tuple(Required(kind, 1, (), "UTC") for kind in (Kind.PRIMARY, Kind.SECONDARY))
    here = quiet(layer(members=("ana",)), required=required, leave=(Leave("ana", span(0, 5), HERE),))
    assert said(check(team_of(here), span(0, 10))) == [("leave-gap", "ana", 0, 5), ("gap", None, 0, 10)]


def test_a_holiday_opens_a_gap():
    """New Year's Day in London, where nobody covers."""
    here = replace(rota(layer(members=("ana",))), holidays={"ana": ("GB", "Europe/London")})
    found = check(team_of(here), Interval(utc(2025, 12, 31), utc(2026, 1, 3)))
    assert [(each.code, each.person, each.interval) for each in found] == [
        ("leave-gap", "ana", Interval(utc(2026, 1, 1), utc(2026, 1, 2)))
    ]


def test_one_person_on_two_rotas_is_found():
    """Once per span that the two have in common, at the place of the second."""
    found = check(
        team_of(quiet(fed(("ana", 0, 10))), quiet(fed(("ana", 8, 9), ("ana", 9, 12), where=THERE), name="data")), WEEK
    )
    assert said(found) == [("double-booked", "ana", 8, 10)]
    assert found[0].message == "`ana` is on call twice at once: primary of data and primary of platform"


@pytest.mark.parametrize(("kind", "expected"), [(Kind.SECONDARY, [("double-booked", "ana", 8, 10)]), (Kind.SHADOW, [])])
def test_two_kinds_at_once_are_found_but_for_a_shadow(kind, expected):
    """Nobody is their own second; whoever watches may do so anywhere."""
    here = quiet(fed(("ana", 0, 10)), fed(("ana", 8, 12), name="other", kind=kind, where=THERE))
    found = check(team_of(here), WEEK)
    assert said(found) == expected
    assert [each.where for each in found] == [THERE] * len(found)


@pytest.mark.parametrize(
    ("other", "rests", "expected"),
    [
        # Ana is on the first rota from 0 to 10.
        (("ana", 20, 30), (11, 11), [("short-rest", "ana", 10, 20)]),
        (("ana", 21, 30), (11, 11), []),
        (("ana", 21, 30), (11, 12), [("short-rest", "ana", 10, 21)]),
        (("ana", 21, 30), (12, 11), [("short-rest", "ana", 10, 21)]),
        (("ana", 10, 30), (11, 11), []),
        (("bo", 12, 30), (11, 11), []),
    ],
)
def test_short_rest_is_found_across_rotas(other, rests, expected):
    """Shifts end to end are one stretch, and the longer of two rests counts."""
    rotas = [
        quiet(fed(held, where=where), name=name, rest=rest * HOUR)
        for held, where, name, rest in zip(
            (("ana", 0, 10), other), (HERE, THERE), ("platform", "data"), rests, strict=True
        )
    ]
    found = check(team_of(*rotas), WEEK)
    assert said(found) == expected
    assert [each.where for each in found] == [THERE] * len(found)


def test_short_rest_says_how_short():
    """In hours and minutes, with what it should be."""
    half = Interval(MONDAY + 10 * HOUR + HALF_HOUR, MONDAY + 12 * HOUR)
    feed = fed(("ana", 0, 9))
    held = (*feed.pattern.held, Held(half, "ana", "e9"))
    found = check(team_of(quiet(replace(feed, pattern=replace(feed.pattern, held=held)), rest=11 * HOUR)), WEEK)
    assert [each.message for each in found] == ["`ana` has 1h 30m between two shifts, less than 11h"]


def test_a_rest_that_began_before_the_span_counts():
    """A pause is found in the span in which the next shift begins, and in no other."""
    here = team_of(quiet(fed(("ana", 0, 10), ("ana", 14, 20)), rest=11 * HOUR))
    spans = [span(0, 14), span(12, 24), span(14, 15), span(15, 24)]
    assert [said(check(here, each)) for each in spans] == [[], *[[("short-rest", "ana", 10, 14)]] * 2, []]


def test_an_override_of_somebody_away_is_found():
    """Leave takes people out of their turns, not out of what others arranged."""
    swap = Override("sw-1", Kind.PRIMARY, span(4, 8), "ana", None, "r", "bo", THERE)
    here = replace(quiet(layer(members=("bo",))), overrides=(swap,), leave=(Leave("ana", span(6, 20), HERE),))
    found = check(team_of(here), WEEK)
    assert said(found) == [("away", "ana", 6, 8)]
    assert (found[0].where, found[0].message) == (
        THERE,
        "`ana` is away, and override sw-1 of rota platform puts them on call",
    )


def test_an_outside_shift_of_somebody_away_is_found():
    """The copy gives it to nobody; whoever keeps the schedule should know."""
    here = replace(
        quiet(fed(("ana", 4, 8), ("bo", 8, 10))), leave=(Leave("ana", span(0, 6), HERE), Leave("cy", span(0, 9), HERE))
    )
    found = check(team_of(here), WEEK)
    assert said(found) == [("away", "ana", 4, 6)]
    assert found[0].message == "`ana` is away, and entry e0 of layer feed of rota platform would have them on call"


def test_a_layer_without_a_copy_is_found():
    """While it is in force; its members cannot come on call."""
    without = replace(fed(("ana", 0, 1)), pattern=Feed("ics", "X", "", 0.25), until=MONDAY + 9 * HOUR)
    found = check(team_of(quiet(without)), WEEK)
    assert said(found) == [("no-copy", None, 0, 9), ("never-on-call", "ana", 0, 168)]


def test_whoever_never_comes_on_call_is_found():
    """Of those whose roster is in force in the span: the old and the coming ones are not meant."""
    later = (Roster(date(2026, 1, 19), ("cy", "dee"), None),)
    here = team_of(
        quiet(layer(members=("ana", "bo"), turn=Turn(1, "w"), anchor=date(2026, 1, 5), handoff=time(0), rosters=later))
    )
    first, second = Interval(MONDAY, MONDAY + 6 * DAY), Interval(MONDAY + 14 * DAY, MONDAY + 20 * DAY)
    assert [(each.code, each.person) for each in check(here, first)] == [("never-on-call", "bo")]
    assert [(each.code, each.person) for each in check(here, second)] == [("never-on-call", "dee")]
    assert check(here, Interval(MONDAY, MONDAY + 14 * DAY)) == ()


def test_whoever_comes_on_call_by_another_layer_is_not_meant():
    """It is the rota that counts, not the layer; a layer that is over has no say."""
    over = layer("over", ("ana",))
    assert check(team_of(quiet(layer("below", ("ana", "bo")), over, fed(("bo", 0, 1)))), span(0, 24)) == ()
    ended = layer("ended", ("dee",), until=MONDAY)
    assert check(team_of(quiet(layer(members=("ana",)), ended)), span(0, 24)) == ()


# --- loads ---------------------------------------------------------------------------------------


def test_a_load_is_told_by_the_persons_own_clock():
    """The same two days are a weekend in London and not all of one in Sydney."""
    zones = {"ana": "Europe/London", "bo": "Australia/Sydney"}
    friday = 4 * 24
    here = quiet(fed(("ana", friday, friday + 36), ("bo", friday, friday + 12), ("ana", 0, 1), ("ana", 1, 2)))
    ana, bo = fairness(team_of(here, zones=zones), WEEK)
    # Friday 00:00 to Saturday 12:00, and Monday 00:00 to 02:00 as one shift of two.
    assert (ana.person, ana.on_call, ana.at_night, ana.at_weekends, ana.shifts) == (
        "ana",
        38 * HOUR,
        16 * HOUR,
        12 * HOUR,
        2,
    )
    # 11:00 to 23:00 on Friday in Sydney.
    assert (bo.person, bo.on_call, bo.at_night, bo.at_weekends, bo.shifts) == ("bo", 12 * HOUR, HOUR, 0 * HOUR, 1)
    assert (ana.share, bo.share) == (0.76, 0.24)


@pytest.mark.parametrize(
    ("zone", "day", "night", "weekend"),
    [
        ("Europe/London", date(2026, 3, 29), 7, 47),
        ("Europe/London", date(2026, 10, 25), 9, 49),
        ("America/New_York", date(2026, 3, 8), 7, 47),
        ("America/New_York", date(2026, 11, 1), 9, 49),
        ("Australia/Sydney", date(2026, 4, 5), 9, 49),
        ("Australia/Sydney", date(2026, 10, 4), 7, 47),
        ("Australia/Lord_Howe", date(2026, 4, 5), 8.5, 48.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 7.5, 47.5),
        ("Asia/Kolkata", date(2026, 3, 29), 8, 48),
    ],
)
def test_nights_and_weekends_are_as_long_as_the_clocks_make_them(zone, day, night, weekend):
    """The night and the weekend of a change are shorter or longer."""
    noon = slow_utc(datetime.combine(day, time(12)), ZoneInfo(zone))
    here = team_of(quiet(layer(members=("ana",))), zones={"ana": zone})
    assert fairness(here, Interval(noon - DAY + HOUR, noon))[0].at_night == night * HOUR
    assert fairness(here, Interval(noon - 4 * DAY, noon + 4 * DAY))[0].at_weekends == weekend * HOUR


def test_a_load_counts_an_hour_in_two_capacities_once_and_a_shadow_not():
    """Who takes part and carries nothing is in the list too."""
    here = quiet(
        fed(("ana", 0, 10)),
        fed(("ana", 5, 12), name="s", kind=Kind.SECONDARY),
        fed(("bo", 0, 9), name="w", kind=Kind.SHADOW),
    )
    found = fairness(team_of(here), WEEK)
    assert [(load.person, load.on_call, load.shifts, load.share) for load in found] == [
        ("ana", 12 * HOUR, 1, 1.0),
        ("bo", 0 * HOUR, 0, 0.0),
    ]


def test_no_load_at_all_is_no_share():
    """Nobody on call is no division by nothing."""
    feed = fed(("ana", 200, 201))
    assert [(load.person, load.share) for load in fairness(team_of(quiet(feed)), WEEK)] == [("ana", 0.0)]


# --- properties ----------------------------------------------------------------------------------


@st.composite
def teams(draw):
    """Draw a team of two rotas around one change of the clocks, and a span there."""
    place = draw(st.sampled_from(CHANGES))
    first, change = draw(rotas(place))
    second, _ = draw(rotas(place))
    rests = st.sampled_from([0, 5, 11, 24])
    made = [replace(each, name=name, rest=draw(rests) * HOUR) for each, name in ((first, "platform"), (second, "data"))]
    homes = st.sampled_from([place[0], "Europe/London", "Asia/Kolkata"])
    return (
        team_of(*made, zones={name: draw(homes) for name in ("ana", "bo", "cy")}),
        change,
        draw(spans_near(change, 3)),
    )


def without_leave_of(made, name):
    """Give a rota as if one person were never away."""
    return replace(
        made,
        leave=tuple(each for each in made.leave if each.person != name),
        holidays={key: value for key, value in made.holidays.items() if key != name},
    )


def edges_of(found, within):
    """Give the instants at which anything found begins or ends, within a span, in order."""
    ends = {within.start, within.end, *(end for each in found for end in (each.interval.start, each.interval.end))}
    return sorted(end for end in ends if within.start <= end <= within.end)


@given(teams(), st.data())
@examples(20, 100)
def test_findings_at_an_instant_are_those_of_a_slow_reading(drawn, data):
    """Gaps and whose leave opened them, two duties at once, and who is away and on call all the same."""
    made, change, within = drawn
    found = check(made, within)
    edges = edges_of(found, within) + [change + number * HALF_HOUR for number in range(-4, 5)]
    for edge in data.draw(st.lists(st.sampled_from(edges), min_size=1, max_size=3)):
        for at in (edge - MOMENT, edge):
            if at in within:
                here = sorted(
                    (each.code, each.person or "") for each in found if at in each.interval and each.code in _CODES
                )
                assert here == sorted(slow_findings(made, at)), at


_CODES = ("gap", "leave-gap", "double-booked", "away", "no-copy")


def slow_findings(made, at):
    """Give code and person of what is found at an instant."""
    duties: dict[str, list[object]] = {}
    for each in made.rotas.values():
        yield from slow_gap(each, at)
        yield from slow_clashes(each, at)
        for kind in (Kind.PRIMARY, Kind.SECONDARY, Kind.MANAGER):
            for name in slow_on_call(each, kind, at):
                duties.setdefault(name, []).append((each.name, kind))
    for name, held in duties.items():
        yield from [("double-booked", name)] * (len(held) * (len(held) - 1) // 2)


def slow_gap(made, at):
    """Tell whether nobody is on call, and who would be if they were not away."""
    if slow_on_call(made, Kind.PRIMARY, at):
        return
    away = [n for n in ("ana", "bo", "cy") if n in slow_on_call(without_leave_of(made, n), Kind.PRIMARY, at)]
    yield ("leave-gap", away[0] if len(away) == 1 else "") if away else ("gap", "")


def slow_clashes(made, at):
    """Tell who is away and put on call all the same, and which layers have no copy."""
    for duty in Schedule(made).on_call(at):
        if duty.source.startswith("override") and slow_away(made, duty.person, at):
            yield "away", duty.person
    for part in made.layers:
        over = (part.since and at < part.since) or (part.until and at >= part.until)
        if isinstance(part.pattern, Feed) and not over:
            if part.pattern.held is None:
                yield "no-copy", ""
            for held in part.pattern.held or ():
                if at in held.interval and slow_away(made, held.person, at):
                    yield "away", held.person


@given(teams())
@examples(20, 100)
def test_short_rests_are_those_of_a_slow_reading(drawn):
    """Piece after piece of time: who is on, who was on, and how long ago."""
    made, _, within = drawn
    early = Interval(within.start - 2 * DAY, within.end)
    shifts = [s for each in made.rotas.values() for s in Schedule(each).shifts(early) if s.kind is not Kind.SHADOW]
    expected = []
    for name in ("ana", "bo", "cy"):
        last, before = None, set()
        for start, end in pairwise(edges_of(shifts, early)):
            now = {s.rota for s in shifts if s.person == name and start in s.interval}
            if now and last is not None and last < start in within:
                rest = max(made.rotas[each].rest for each in now | before)
                if start - last < rest:
                    expected.append((name, last, start))
            if now:
                last, before = end, now
    found = [
        (each.person, each.interval.start, each.interval.end)
        for each in check(made, within)
        if each.code == "short-rest"
    ]
    assert sorted(found) == sorted(expected)


@given(teams())
@examples(20, 100)
def test_loads_are_those_of_a_slow_reading(drawn):
    """Time is cut wherever anything changes, and each piece read off the person's clock."""
    made, change, within = drawn
    for load in fairness(made, within):
        zone = ZoneInfo(made.people[load.person].time_zone)
        shifts = [s for s in Schedule(made.rotas[load.rota]).shifts(within) if s.kind is not Kind.SHADOW]
        days = [change.astimezone(zone).date() + number * DAY for number in range(-12, 13)]
        clock = [slow_utc(datetime.combine(day, time(hour)), zone) for day in days for hour in (0, 6, 22)]
        edges = sorted({*edges_of(shifts, within), *(at for at in [*clock, change] if at in within)})
        mine = [(a, b) for a, b in pairwise(edges) if any(s.person == load.person and a in s.interval for s in shifts)]
        local = [(b - a, a.astimezone(zone)) for a, b in mine]
        everyone = {s.person for s in shifts}
        total = sum(
            ((b - a) * len({s.person for s in shifts if a in s.interval}) for a, b in pairwise(edges)), 0 * HOUR
        )
        assert load.on_call == sum((length for length, _ in local), 0 * HOUR)
        assert load.at_night == sum((length for length, at in local if at.hour >= 22 or at.hour < 6), 0 * HOUR)
        assert load.at_weekends == sum((length for length, at in local if at.weekday() >= 5), 0 * HOUR)
        assert load.shifts == len({a for a, _ in mine} - {b for _, b in mine})
        assert load.share == pytest.approx(load.on_call / total if total else 0)
        assert load.person in everyone or load.on_call == 0 * HOUR
