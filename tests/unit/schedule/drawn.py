"""Rotas to draw around changes of the clocks, and the rules of being on call, read slowly at one instant."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.holidays import is_holiday
from watchbill.team.model import (
    Feed,
    Held,
    Kind,
    Layer,
    Leave,
    Override,
    Recurrence,
    Required,
    Restriction,
    Roster,
    Rota,
    Rotation,
    Stint,
    Turn,
)


HERE = Location("watchbill.yaml", 1)
ALL_DAYS = frozenset(range(7))
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
HALF_HOUR = timedelta(minutes=30)
WEEKLY = Turn(1, "w")
BACK = 120
"""How many turns before the anchor the slow reading knows."""


def utc(*parts: int) -> datetime:
    """Write an instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def wall(*parts: int) -> datetime:
    """Write a wall-clock time."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - that is what it is


CHANGES = (
    ("Europe/London", utc(2026, 3, 29, 1)),
    ("Europe/London", utc(2026, 10, 25, 1)),
    ("America/New_York", utc(2026, 3, 8, 7)),
    ("America/New_York", utc(2026, 11, 1, 6)),
    ("Australia/Sydney", utc(2026, 4, 4, 16)),
    ("Australia/Sydney", utc(2026, 10, 3, 16)),
    ("Australia/Lord_Howe", utc(2026, 4, 4, 15)),
    ("Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
    ("Asia/Kolkata", utc(2026, 3, 29, 1)),
    # A day that never was, a change at midnight in each direction, and one just after midnight.
    ("Pacific/Apia", utc(2011, 12, 30, 10)),
    ("America/Sao_Paulo", utc(2018, 11, 4, 3)),
    ("America/Sao_Paulo", utc(2019, 2, 17, 2)),
    ("America/St_Johns", utc(2010, 11, 7, 2, 31)),
)
"""Zones, and an instant at which the clocks change there; in Kolkata they never do."""


# --- the rules, read slowly ----------------------------------------------------------------------


@cache
def slow_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Give the first instant at which the wall clock reads a local time; where it never does, the first after it."""
    near = [(local + n * 12 * timedelta(hours=1)).replace(tzinfo=UTC) for n in range(-4, 5)]
    offsets = [at.astimezone(zone).utcoffset() or timedelta(0) for at in near]
    candidates = sorted({local.replace(tzinfo=UTC) - offset for offset in offsets})
    for at in candidates:
        if at.astimezone(zone).replace(tzinfo=None) == local:
            return at
    at = candidates[0].replace(second=0, microsecond=0)
    while at.astimezone(zone).replace(tzinfo=None) < local:
        at += timedelta(minutes=1)
    return at


def turn_start(rotation: Rotation, number: int) -> datetime:
    """Give the local time at which a turn begins, counted from the anchor."""
    anchor = datetime.combine(rotation.anchor, rotation.handoff)
    if rotation.turn.unit != "mo":
        return anchor + {"h": DAY / 24, "d": DAY, "w": 7 * DAY}[rotation.turn.unit] * rotation.turn.count * number
    months = anchor.year * 12 + anchor.month - 1 + rotation.turn.count * number
    year, month = months // 12, months % 12 + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))


def slow_turns(rotation: Rotation, zone: ZoneInfo, until: datetime) -> Iterator[tuple[datetime, str]]:
    """Give when turns begin and whose they are, from `BACK` before the anchor to an instant, one after the other."""
    base = rotation.rosters[0]
    assert base.first is not None
    roster, place = base, (base.members.index(base.first) - BACK - 1) % len(base.members)
    number = -BACK - 1
    while (start := slow_utc(turn_start(rotation, number + 1), zone)) <= until:
        number += 1
        begun = turn_start(rotation, number).date()
        now = [each for each in rotation.rosters[1:] if number >= 0 and each.since <= begun]
        following = now[-1] if now else base
        if following is roster:
            place = (place + 1) % len(roster.members)
        else:
            place = slow_place(roster.members, place, following)
            roster = following
        yield start, roster.members[place]


def slow_place(old: tuple[str, ...], place: int, roster: Roster) -> int:
    """Give the place in a new roster of who follows a place in the old one; members stand once in each."""
    if roster.first is not None:
        return roster.members.index(roster.first)
    if old[place] in roster.members:
        return (roster.members.index(old[place]) + 1) % len(roster.members)
    for step in range(1, len(old)):
        if (name := old[(place + step) % len(old)]) in roster.members:
            return roster.members.index(name)
    return 0


def slow_starts(recurrence: Recurrence) -> Iterator[tuple[datetime, int]]:
    """Give the local starts of the rules that are drawn here, with their numbers, day by day over three weeks."""
    parts = dict(part.split("=") for part in recurrence.rule.split(";"))
    step = timedelta(hours=1) if parts["FREQ"] == "HOURLY" else DAY
    days = [("MO", "TU", "WE", "TH", "FR", "SA", "SU").index(day) for day in parts.get("BYDAY", "").split(",") if day]
    number, tick = 0, 0
    while tick * step < 21 * DAY and number < int(parts.get("COUNT", 10**9)):
        local = recurrence.start + tick * step
        if tick % int(parts.get("INTERVAL", 1)) == 0 and (not days or local.weekday() in days):
            yield local, number
            number += 1
        tick += 1


def slow_shifts(recurrence: Recurrence, members: tuple[str, ...]) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """Give the local starts of all shifts and who has them."""
    found = list(slow_starts(recurrence))
    starts = {local: number for local, number in found if local not in recurrence.without}
    for local in recurrence.also:
        before = [number for start, number in found if start < local]
        starts.setdefault(local, before[-1] if before else 0)
    for local, number in starts.items():
        each = recurrence.each
        yield local, members if each is None else (members[number // each % len(members)],)


def slow_layer(rota: Rota, layer: Layer, at: datetime) -> set[str]:
    """Tell who is on call at an instant by one layer."""
    zone = ZoneInfo(layer.time_zone)
    if (layer.since and at < layer.since) or (layer.until and at >= layer.until):
        return set()
    if layer.restrictions and not any(slow_in_hours(hours, zone, at) for hours in layer.restrictions):
        return set()
    pattern = layer.pattern
    if isinstance(pattern, Rotation):
        found = {[person for _, person in slow_turns(pattern, zone, at)][-1]}
    elif isinstance(pattern, Feed):
        found = {held.person for held in pattern.held or () if at in held.interval}
    else:
        found = {
            person
            for local, people in slow_shifts(pattern, layer.members)
            if slow_utc(local, zone) <= at < slow_utc(local + pattern.length, zone)
            for person in people
        }
    return {person for person in found if not slow_away(rota, person, at)}


def slow_in_hours(hours: Restriction, zone: ZoneInfo, at: datetime) -> bool:
    """Tell whether weekly hours run at an instant."""
    days = [at.astimezone(zone).date() + number * DAY for number in (-2, -1, 0, 1)]
    return any(
        day.weekday() in hours.days
        and slow_utc(datetime.combine(day, hours.start), zone)
        <= at
        < slow_utc(datetime.combine(day + (DAY if hours.end <= hours.start else 0 * DAY), hours.end), zone)
        for day in days
    )


def slow_away(rota: Rota, person: str, at: datetime) -> bool:
    """Tell whether somebody is on leave or has a public holiday off."""
    if any(leave.person == person and at in leave.interval for leave in rota.leave):
        return True
    place, zone = rota.holidays.get(person, ("", "UTC"))
    days = [at.astimezone(ZoneInfo(zone)).date() + number * DAY for number in (-1, 0, 1)]
    return bool(place) and any(
        is_holiday(place, day)
        and slow_utc(datetime.combine(day, time()), ZoneInfo(zone))
        <= at
        < slow_utc(datetime.combine(day + DAY, time()), ZoneInfo(zone))
        for day in days
    )


def slow_on_call(rota: Rota, kind: Kind, at: datetime) -> set[str]:
    """Tell who is on call in one capacity at an instant."""
    groups: list[set[str]] = []
    for layer in rota.layers:
        if layer.kind is kind:
            here = slow_layer(rota, layer, at)
            groups[-1:] = [groups[-1] | here] if layer.beside and groups else [*groups[-1:], here]
    found = next((group for group in reversed(groups) if group), set())
    for override in rota.overrides:
        if override.kind is kind and at in override.interval:
            found = slow_override(override, found, at)
    return found


def slow_override(override: Override, found: set[str], at: datetime) -> set[str]:
    """Tell who is on call after one override."""
    if override.swap is not None:
        one, other = override.swap
        return {{one: other, other: one}.get(person, person) for person in found}
    if override.instead is not None:
        return {stint.person for stint in override.instead if at in stint.interval}
    added = {override.add} if override.add is not None else set()
    if override.remove is not None:
        return (found - {override.remove}) | added if override.remove in found else found
    return found | added if override.beside else added


# --- drawing -------------------------------------------------------------------------------------


names = st.sampled_from(["ana", "bo", "cy"])
rosters_of = st.lists(names, min_size=1, max_size=3, unique=True).map(tuple)
kinds = st.sampled_from([Kind.PRIMARY, Kind.PRIMARY, Kind.PRIMARY, Kind.SECONDARY, Kind.SHADOW])
clock = st.sampled_from([time(0), time(0, 30), time(1), time(1, 30), time(2), time(2, 30), time(3), time(9), time(23)])


def spans_near(change: datetime, days: int = 4) -> st.SearchStrategy[Interval]:
    """Draw spans of whole half hours around an instant, a moment off at times."""
    steps = 48 * days
    return st.tuples(
        st.integers(-steps, steps), st.integers(1, 96), st.sampled_from([timedelta(0), timedelta(0), -MOMENT, MOMENT])
    ).map(lambda p: Interval(change + p[0] * HALF_HOUR + p[2], change + (p[0] + p[1]) * HALF_HOUR + p[2]))


def rotations(change: datetime) -> st.SearchStrategy[Rotation]:
    """Draw turns whose anchor is near an instant, with up to two later rosters."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Rotation:
        anchor = (change + draw(st.integers(-5, 2)) * DAY).date()
        members = draw(rosters_of)
        rosters = [Roster(anchor, members, draw(st.sampled_from(members)))]
        for days in sorted(draw(st.sets(st.integers(1, 8), max_size=2))):
            others = draw(rosters_of)
            first = draw(st.none() | st.sampled_from(others))
            rosters.append(Roster(anchor + days * DAY, others, first))
        turn = draw(
            st.sampled_from([Turn(4, "h"), Turn(9, "h"), Turn(1, "d"), Turn(2, "d"), Turn(1, "w"), Turn(1, "mo")])
        )
        return Rotation(turn, draw(clock), anchor, tuple(rosters))

    return drawn()


def hourly(change: datetime) -> st.SearchStrategy[Rotation]:
    """Draw turns of an hour, some of which a change of the clocks skips."""
    return st.builds(
        lambda members, handoff: Rotation(
            Turn(1, "h"), handoff, (change - DAY).date(), (Roster((change - DAY).date(), members, members[0]),)
        ),
        rosters_of,
        clock,
    )


def recurrences(change: datetime) -> st.SearchStrategy[Recurrence]:
    """Draw shifts by rules that the slow reading knows, starts left out and added among them."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Recurrence:
        start = datetime.combine((change - draw(st.integers(0, 5)) * DAY).date(), draw(clock))
        day = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[start.weekday()]
        rule = draw(
            st.sampled_from(
                ["FREQ=DAILY", "FREQ=DAILY;INTERVAL=2", "FREQ=HOURLY;INTERVAL=5", f"FREQ=WEEKLY;BYDAY={day},SU,MO"]
            )
        )
        rule += draw(st.sampled_from(["", "", ";COUNT=4"]))
        starts = st.integers(0, 16).map(lambda number: start + number * DAY / 2)
        length = draw(st.sampled_from([timedelta(hours=1), timedelta(hours=12), DAY, timedelta(hours=30)]))
        return Recurrence(
            start,
            length,
            rule,
            frozenset(draw(st.lists(starts, max_size=2))),
            tuple(draw(st.lists(starts, max_size=2, unique=True))),
            draw(st.sampled_from([None, 1, 1, 2])),
        )

    return drawn()


def feeds(change: datetime) -> st.SearchStrategy[Feed]:
    """Draw copies of outside schedules, whose shifts may overlap, of one person too."""
    held = st.builds(
        lambda span, person, number: Held(span, person, f"e{number}"), spans_near(change), names, st.integers(0, 9)
    )
    return st.builds(
        lambda copy: Feed("ics", "PLATFORM_FEED", "", 0.25, copy), st.none() | st.lists(held, max_size=5).map(tuple)
    )


@st.composite
def rotas(draw: st.DrawFn, place: tuple[str, datetime] | None = None) -> tuple[Rota, datetime]:
    """Draw a rota of all that a team file can say, and the instant around which it is."""
    zone, change = place or draw(st.sampled_from(CHANGES))
    layers = []
    for number in range(draw(st.sampled_from([1, 2, 3, 3]))):
        pattern = draw(
            st.one_of(rotations(change), rotations(change), hourly(change), recurrences(change), feeds(change))
        )
        members: tuple[str, ...] = ("ana", "bo", "cy")
        if isinstance(pattern, Rotation):
            members = tuple(dict.fromkeys(name for roster in pattern.rosters for name in roster.members))
        limits = st.builds(Restriction, st.frozensets(st.integers(0, 6), min_size=3), clock, clock)
        force = draw(st.one_of(st.none(), st.none(), st.none(), spans_near(change)))
        layers.append(
            Layer(
                f"layer{number}",
                draw(kinds),
                draw(st.sampled_from([zone, zone, "Asia/Kolkata", "Europe/London"])),
                members,
                pattern,
                tuple(draw(st.just([]) | st.lists(limits, max_size=2))),
                HERE,
                draw(st.booleans()),
                force.start if force and draw(st.booleans()) else None,
                force.end if force else None,
            )
        )
    leave = draw(st.lists(st.builds(Leave, names, spans_near(change), st.just(HERE)), max_size=2))
    overrides = [draw(overridden(change, number)) for number in range(draw(st.integers(0, 3)))]
    places = st.sampled_from([("GB", "Europe/London"), ("US", zone), ("AU-NSW", zone), ("CA", zone)])
    found = rota(*layers, overrides=overrides, leave=leave)
    return with_holidays(found, draw(st.dictionaries(names, places, max_size=2))), change


def overridden(change: datetime, number: int) -> st.SearchStrategy[Override]:
    """Draw overrides of every form."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Override:
        form = draw(st.sampled_from(["add", "remove", "both", "swap", "instead", "beside"]))
        span, one, other = draw(spans_near(change)), draw(names), draw(names)
        stints = st.lists(st.builds(Stint, names, spans_near(span.start, 1)), max_size=3).map(tuple)
        return Override(
            f"o{number}",
            draw(kinds),
            span,
            one if form in ("add", "both", "beside") else None,
            other if form in ("remove", "both") else None,
            "wedding",
            "ana",
            HERE,
            ("ana", draw(st.sampled_from(["bo", "cy"]))) if form == "swap" else None,
            draw(stints) if form == "instead" else None,
            form == "beside",
        )

    return drawn()


def rota(*layers: Layer, overrides=(), leave=(), name: str = "platform") -> Rota:
    """Make a rota that must have a primary around the clock."""
    return Rota(
        name,
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


def with_holidays(found: Rota, holidays: dict[str, tuple[str, str]]) -> Rota:
    """Give a rota whose people have public holidays off."""
    return replace(found, holidays=holidays)


def layer(
    name: str = "emea",
    members: tuple[str, ...] = ("ana", "bo"),
    turn: Turn = WEEKLY,
    *,
    anchor: date = date(2026, 1, 5),
    handoff: time = time(18),
    rosters: tuple[Roster, ...] = (),
    **changes,
) -> Layer:
    """Make a layer that starts on Monday 2026-01-05 at 18:00 with its first member."""
    members = tuple(members)
    pattern = Rotation(turn, handoff, anchor, (Roster(anchor, members, members[0]), *rosters))
    everyone = tuple(dict.fromkeys([*members, *(each for roster in rosters for each in roster.members)]))
    made = Layer(name, Kind.PRIMARY, "Europe/London", everyone, pattern, (), HERE)
    return replace(made, **changes)
