"""PagerDuty's schedules: of layers (`GET /schedules/{id}`, v2) and of shifts (`GET /v3/schedules/{id}`).

Shifts. v2 answers with `final_schedule.rendered_schedule_entries`, one person at a time, named in the entry. v3
answers with `final_schedule.computed_shift_assignments` where `include[]=final_schedule` asks for it: several people
at once may be, each by `user_id` alone, and an `empty_member` is nobody. `users` beside the schedule, or in it (each
with `id`, `name` or `summary`, and `email`), adds names and addresses.

Definition of v2.
- Layers come with the top one first, which is the one that wins: ours stand the other way round.
- `users[0]` has the turn that begins at `rotation_virtual_start`; turns begin at its wall-clock time in the schedule's
  zone. A layer is in force from `start` to `end`.
- Restrictions begin at a wall-clock time; `duration_seconds` is taken by the wall clock too, as PagerDuty's own
  screens have it, from a time of day to another. Longer ones than a day become one for each day.
- `overrides_subschedule` holds the overrides of the span that was asked for; one wins over all layers.

Definition of v3. Rotations add to each other, none wins: each is `beside`. Each event of one becomes a layer of shifts
that recur. `effective_since` and `effective_until` cut it. Overrides and custom shifts are resources of their own
there: put what they answer beside the schedule as `overrides` and `custom_shifts`. An override relieves one member of
one rotation, a custom shift adds somebody.

What PagerDuty does where the clocks change is in no document. Ours: a time that is skipped is the instant of the
change, one that happens twice is the first. For turns of days or weeks at a time that neither happens to, both are the
wall clock; turns of hours are a problem that says so.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from watchbill.errors import WatchbillError
from watchbill.intervals import Interval
from watchbill.schedule.imported import Imported
from watchbill.schedule.vendors.defined import (
    MAX_PARTS,
    Definition,
    Draft,
    NoEquivalentError,
    changes_clocks,
    clock,
    local_moment,
    local_time,
    moment,
    schedule_zone,
    shift_length,
    turn,
    written,
    zone_named,
)
from watchbill.schedule.vendors.reading import Entries, inside, quoted, rows, text, wrong
from watchbill.schedule.wall import to_utc
from watchbill.team.names import DAYS, length
from watchbill.team.rules import Rule, read_rule


_PRODUCT = "PagerDuty"
_DAY = 86_400
_WEEK = 7 * _DAY
_NEAR = timedelta(days=2)
"""No change of the clocks moves a local time so far."""
_FAR = timedelta(days=20 * 366)
_MAX_EVENTS = 300
_MAX_STEPS = 2_000_000
"""Shifts of all events that are looked through."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_DATES = re.compile(r"(EXDATE|RDATE)(?:;TZID=([^:;]+)|;VALUE=DATE-TIME)*:([0-9TZ,]+)")


def read(document: object, within: Interval, file: str) -> Imported:
    """Give the final schedule's shifts, of either version; raises WatchbillError where there are none."""
    schedule = _schedule(document)
    names = _names(document)
    entries = Entries(within, file)
    final = inside(schedule, "final_schedule")
    rendered = inside(final, "rendered_schedule_entries")
    computed = inside(final, "computed_shift_assignments")
    if isinstance(computed, list):
        for number, each in enumerate(computed):
            _add_computed(entries, f"computed_shift_assignments[{number}]", each, names)
    elif isinstance(rendered, list):
        for number, each in enumerate(rendered):
            user = inside(each, "user")
            called = _called(inside(user, "id"), names)
            own = (inside(user, "email"), inside(user, "id"), inside(user, "name"), inside(user, "summary"))
            place = f"rendered_schedule_entries[{number}]"
            entries.add(place, inside(each, "start"), inside(each, "end"), (*own, *called), text(inside(each, "id")))
    else:
        raise wrong(
            document,
            f"shifts of {_PRODUCT}",
            "ask for the schedule with since, until and include[]=final_schedule",
            file,
        )
    return entries.imported(text(inside(schedule, "name")) or text(inside(schedule, "summary")))


def definition(document: object, file: str) -> Definition:
    """Give the layers or rotations as parts of a team file; raises WatchbillError where there are none."""
    schedule = _schedule(document)
    has_layers = isinstance(inside(schedule, "schedule_layers"), list)
    if not has_layers and not isinstance(inside(schedule, "rotations"), list):
        raise wrong(document, f"schedule as {_PRODUCT} defines one", "ask for one schedule by its id", file)
    zone = schedule_zone(inside(schedule, "time_zone"), file)
    draft = Draft(file)
    for number, names in _names(document).items():
        draft.know(number, names[1], names[0])
    if has_layers:
        _Layers(draft, zone).read(schedule)
    else:
        _Rotations(draft, zone).read(document, schedule)
    return draft.definition(text(inside(schedule, "name")) or text(inside(schedule, "summary")))


def _schedule(document: object) -> object:
    found = inside(document, "schedule")
    return found if isinstance(found, Mapping) else document


def _add_computed(entries: Entries, place: str, each: object, names: Mapping[str, tuple[str, str]]) -> None:
    member, source = inside(each, "member"), inside(each, "source")
    if text(inside(member, "type")) == "empty_member":
        return
    number, start = text(inside(member, "user_id")), inside(each, "start_time")
    ids = (text(inside(source, key)) for key in ("override_id", "shift_id", "rotation_id"))
    uid = " ".join((next(filter(None, ids), ""), number, text(start))).strip()
    entries.add(place, start, inside(each, "end_time"), (number, *_called(number, names)), uid)


def _called(number: object, names: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    return names.get(text(number), ("", ""))


def _names(document: object) -> Mapping[str, tuple[str, str]]:
    """Give the address and the name of users by their id, from all places of the document that have them."""
    found: dict[str, tuple[str, str]] = {}
    for user in _users(document):
        number = text(inside(user, "id"))
        email, name = found.get(number, ("", ""))
        said = text(inside(user, "name")) or text(inside(user, "summary"))
        found[number] = (text(inside(user, "email")) or email, said or name)
    found.pop("", None)
    return found


def _users(document: object) -> Iterator[object]:
    schedule = _schedule(document)
    for layer in rows(inside(schedule, "schedule_layers")):
        for user in rows(inside(layer, "users")):
            yield inside(user, "user")
    for part in ("overrides_subschedule", "final_schedule"):
        for entry in rows(inside(schedule, part, "rendered_schedule_entries")):
            yield inside(entry, "user")
    yield from rows(inside(schedule, "users"))
    # The fullest come last: an answer about the users themselves.
    yield from rows(inside(document, "users"))


class _Layers:
    """A schedule of layers (v2)."""

    def __init__(self, draft: Draft, zone: ZoneInfo) -> None:
        self._draft, self._zone = draft, zone

    def read(self, schedule: object) -> None:
        layers = rows(inside(schedule, "schedule_layers"))
        entries = rows(inside(schedule, "overrides_subschedule", "rendered_schedule_entries"))
        _check_count(layers, entries)
        for layer in reversed(layers):
            name = text(inside(layer, "name")) or text(inside(layer, "id")) or "layer"
            try:
                self._draft.add_layer(name, self._layer(name, layer))
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"layer {quoted(name)} is left out: {error}")
        for number, entry in enumerate(entries):
            try:
                person = self._draft.person(inside(entry, "user", "id"))
                start, end = moment(inside(entry, "start")), moment(inside(entry, "end"))
                self._draft.add_override(_PRODUCT, person, start, end, {"add": person})
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"override {number + 1} is left out: {error}")

    def _layer(self, name: str, layer: object) -> dict[str, Any]:
        begin = local_moment(inside(layer, "rotation_virtual_start"), self._zone)
        each = turn(timedelta(seconds=_seconds(inside(layer, "rotation_turn_length_seconds"))))
        members = [self._draft.person(inside(user, "user", "id")) for user in rows(inside(layer, "users"))]
        if not members:
            raise NoEquivalentError("it has no users")
        restrict = [part for found in rows(inside(layer, "restrictions")) for part in _restrict(found)]
        written_out: dict[str, Any] = {
            "time_zone": self._zone.key,
            "members": members,
            "turn": each,
            "handoff": {"time": clock(begin)},
            "anchor": {"date": str(begin.date()), "member": members[0]},
            **_bounds(inside(layer, "start"), inside(layer, "end")),
        }
        if restrict:
            written_out["restrict"] = restrict
        if each.endswith("h") and len(members) > 1 and changes_clocks(self._zone):
            message = (
                "turns of hours keep the wall clock here; what PagerDuty does at a change of the clocks is not known"
            )
            self._draft.report("clock-change", f"layer {quoted(name)}: {message}")
        return written_out


def _seconds(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise NoEquivalentError(f"{quoted(value)} is no length in seconds")
    return value


def _restrict(restriction: object) -> list[dict[str, Any]]:
    """Give the weekly hours of a restriction, each of a day at most."""
    found = _TIME.fullmatch(text(inside(restriction, "start_time_of_day")))
    if found is None:
        raise NoEquivalentError(f"{quoted(inside(restriction, 'start_time_of_day'))} is no time of day")
    begin = datetime(2026, 1, 5, int(found[1]), int(found[2]), int(found[3] or 0), tzinfo=UTC)
    rest = _seconds(inside(restriction, "duration_seconds"))
    kind, first = inside(restriction, "type"), inside(restriction, "start_day_of_week")
    if kind == "daily_restriction" and rest <= _DAY:
        return [{"days": "all", **_hours(begin, rest)}]
    if kind != "weekly_restriction" or rest > _WEEK or first not in range(1, 8) or not isinstance(first, int):
        raise NoEquivalentError(f"a restriction of type {quoted(kind)} from day {quoted(first)} for {rest} seconds")
    parts: list[dict[str, Any]] = []
    while rest > 0:
        day = DAYS[(first - 1 + len(parts)) % 7]
        parts.append({"days": [day], **_hours(begin, min(rest, _DAY))})
        rest -= _DAY
    return parts


def _hours(begin: datetime, seconds: int) -> dict[str, str]:
    return {"from": clock(begin), "to": clock(begin + timedelta(seconds=seconds))}


def _bounds(start: object, end: object) -> dict[str, str]:
    """Give from when to when a layer is in force; what is not there bounds nothing."""
    found = {key: moment(value) for key, value in (("from", start), ("to", end)) if value is not None}
    if len(found) == 2 and found["from"] >= found["to"]:  # noqa: PLR2004 - both
        raise NoEquivalentError("it is never in force: it ends before it starts")
    return {key: written(at) for key, at in found.items()}


def _check_count(*parts: list[object]) -> None:
    if any(len(each) > MAX_PARTS for each in parts):
        raise WatchbillError(f"the schedule has more than {MAX_PARTS:,} layers, rotations or overrides", "split it")


class _Rotations:
    """A schedule of shifts (v3)."""

    def __init__(self, draft: Draft, zone: ZoneInfo) -> None:
        self._draft, self._zone = draft, zone
        self._members: dict[str, set[str]] = {}
        """The members of each rotation, by its id."""
        self._steps = 0

    def read(self, document: object, schedule: object) -> None:
        rotations = rows(inside(schedule, "rotations"))
        events = [(rotation, event) for rotation in rotations for event in rows(inside(rotation, "events"))]
        overrides = rows(inside(schedule, "overrides")) or rows(inside(document, "overrides"))
        shifts = rows(inside(schedule, "custom_shifts")) or rows(inside(document, "custom_shifts"))
        _check_count(rotations, overrides, shifts)
        if len(events) > _MAX_EVENTS:
            raise WatchbillError(f"the schedule has more than {_MAX_EVENTS} events", "split it")
        for rotation, event in events:
            name = text(inside(event, "name")) or text(inside(event, "id")) or "shift"
            try:
                layer = self._layer(name, text(inside(rotation, "id")), event)
                beside = {"beside": True} if self._draft.layers else {}
                self._draft.add_layer(name, {**layer, **beside})
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"event {quoted(name)} is left out: {error}")
        for what, each, add in (
            *(("override", each, self._add_override) for each in overrides),
            *(("custom shift", each, self._add_shift) for each in shifts),
        ):
            try:
                add(each)
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"{what} {quoted(inside(each, 'id'))} is left out: {error}")

    def _layer(self, name: str, rotation: str, event: object) -> dict[str, Any]:
        zone, start = self._local(inside(event, "start_time"))
        end_zone, end = self._local(inside(event, "end_time"))
        if end_zone.key != zone.key:
            raise NoEquivalentError(f"it starts by the clock of {zone.key} and ends by that of {end_zone.key}")
        strategy = inside(event, "assignment_strategy")
        members, each = self._assigned(strategy)
        self._members.setdefault(rotation, set()).update(members)
        recurs = {"start": local_time(start), "length": shift_length(end - start), **_rule(event, zone), "each": each}
        bounds = _bounds(inside(event, "effective_since"), inside(event, "effective_until"))
        try:
            self._check(name, recurs, zone, bounds, is_rotating=each != "everyone" and len(members) > 1)
        except (ValueError, OverflowError) as error:
            raise NoEquivalentError(str(error)) from error
        return {"time_zone": zone.key, "members": members, "recurs": recurs, **bounds}

    def _local(self, value: object) -> tuple[ZoneInfo, datetime]:
        """Read a time with its zone, which may also be a bare instant, by the clock of the schedule's zone."""
        if isinstance(value, Mapping):
            zone = zone_named(value.get("time_zone") or self._zone.key)
            return zone, local_moment(value.get("date_time"), zone)
        return self._zone, local_moment(value, self._zone)

    def _assigned(self, strategy: object) -> tuple[list[str], int | str]:
        kind, found = inside(strategy, "type"), rows(inside(strategy, "members"))
        is_everyone = kind == "every_member_assignment_strategy"
        if not is_everyone and kind != "rotating_member_assignment_strategy":
            raise NoEquivalentError(f"the assignment strategy {quoted(kind)} is not known")
        named = [each for each in found if inside(each, "type") != "empty_member"]
        if not is_everyone and len(named) < len(found):
            raise NoEquivalentError("in turns of a team file there is no turn of nobody (`empty_member`)")
        members = [self._draft.person(inside(each, "user_id")) for each in named]
        if not members:
            raise NoEquivalentError("it has no members")
        if is_everyone:
            return list(dict.fromkeys(members)), "everyone"
        if len(set(members)) < len(members):
            raise NoEquivalentError("a member has several turns of a round, which shifts that recur cannot say")
        count = inside(strategy, "shifts_per_member")
        if count is None:
            return members, 1
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 999:  # noqa: PLR2004 - as in RecursPart
            raise NoEquivalentError(f"{quoted(count)} is no number of shifts, 999 at most")
        return members, count

    def _check(
        self, name: str, recurs: Mapping[str, Any], zone: ZoneInfo, bounds: Mapping[str, str], *, is_rotating: bool
    ) -> None:
        """Report what PagerDuty's documents leave open about an event; raises ValueError where it is in no order."""
        start, lasts = datetime.fromisoformat(recurs["start"]), length(recurs["length"])
        rule = read_rule(recurs["rule"])
        if next(rule.starts(start, zone, start + timedelta(minutes=1)), None) != start:
            raise NoEquivalentError("its first start is none of its rule's, so that it is not known which is the first")
        for key, at in ((key, datetime.fromisoformat(value)) for key, value in bounds.items()):
            begun, is_running = self._until(at, rule, start, lasts, zone)
            if is_running:
                said = "it is cut there; what PagerDuty makes of a shift that is running then is not known"
                self._draft.report("cut", f"event {quoted(name)}: `{key}` {written(at)} lies within a shift: {said}")
            if key == "from" and begun > 1 and is_rotating:
                said = "whose turn it is then is counted from `start_time`; PagerDuty's documents do not say"
                self._draft.report("whose-turn", f"event {quoted(name)} is in force from a later shift on: {said}")
        if is_rotating and (recurs.get("without") or recurs.get("also")):
            said = "one left out counts as a turn and one more does not; PagerDuty's documents do not say"
            self._draft.report("whose-turn", f"event {quoted(name)} has EXDATE or RDATE: {said}")

    def _until(self, at: datetime, rule: Rule, start: datetime, lasts: timedelta, zone: ZoneInfo) -> tuple[int, bool]:
        """Give how many shifts of a rule have begun at an instant, and whether it lies within one."""
        local = at.astimezone(zone).replace(tzinfo=None)
        if local - start > _FAR:
            raise NoEquivalentError(f"{written(at)} is more than {_FAR.days} days after its first shift")
        number, is_running = 0, False
        # A shift that begins in an hour that the clocks skip begins later by the wall clock.
        for each in rule.starts(start, zone, local + _NEAR):
            self._steps += 1
            if self._steps > _MAX_STEPS:
                raise WatchbillError(f"the events of the schedule have more than {_MAX_STEPS:,} shifts", "split it")
            begin = to_utc(each, zone) if each > local - _NEAR else None
            number += begin is None or begin <= at
            if each + lasts > local - _NEAR and to_utc(each, zone) < at < to_utc(each + lasts, zone):
                is_running = True
        return number, is_running

    def _add_override(self, override: object) -> None:
        start, end = moment(inside(override, "start_time")), moment(inside(override, "end_time"))
        old = self._member(inside(override, "overridden_member"))
        new = self._member(inside(override, "overriding_member"))
        if old is None:
            raise NoEquivalentError("it relieves nobody (`empty_member`)")
        rotation = text(inside(override, "rotation_id"))
        if not rotation:
            raise NoEquivalentError("it is about a custom shift; change the one that adds it instead")
        others = [number for number, members in self._members.items() if number != rotation and old in members]
        if others:
            raise NoEquivalentError(
                f"`{old}` is in other rotations too, from which a team file would relieve them as well"
            )
        what = {"remove": old} if new is None else {"add": new, "remove": old}
        self._draft.add_override(_PRODUCT, new or old, start, end, what)

    def _add_shift(self, shift: object) -> None:
        start, end = moment(inside(shift, "start_time")), moment(inside(shift, "end_time"))
        for assignment in rows(inside(shift, "assignments")):
            person = self._member(inside(assignment, "member"))
            if person is not None:
                self._draft.add_override(_PRODUCT, person, start, end, {"add": person, "beside": True})

    def _member(self, member: object) -> str | None:
        return None if inside(member, "type") == "empty_member" else self._draft.person(inside(member, "user_id"))


def _rule(event: object, zone: ZoneInfo) -> dict[str, Any]:
    """Give the rule of an event, and the starts left out and added; all by the wall clock."""
    lines = [text(line) for line in rows(inside(event, "recurrence"))]
    rules = [line for line in lines if line.upper().startswith(("RRULE:", "FREQ="))]
    if len(rules) != 1:
        raise NoEquivalentError(f"it has {len(rules)} recurrence rules, not one")
    try:
        read_rule(rules[0])
    except ValueError as error:
        raise NoEquivalentError(str(error)) from error
    found: dict[str, Any] = {"rule": rules[0].upper().removeprefix("RRULE:")}
    for line in lines:
        if line not in rules:
            key, dates = _dates(line, zone)
            found.setdefault(key, []).extend(dates)
    return found


def _dates(line: str, zone: ZoneInfo) -> tuple[str, list[str]]:
    read = _DATES.fullmatch(line)
    if read is None:
        raise NoEquivalentError(f"{quoted(line)} is neither a rule nor starts left out or added")
    local_zone = zone if read[2] is None else zone_named(read[2])
    key = "without" if read[1] == "EXDATE" else "also"
    return key, [local_time(_date(each, local_zone).astimezone(zone)) for each in read[3].split(",")]


def _date(said: str, zone: ZoneInfo) -> datetime:
    try:
        if said.endswith("Z"):
            return datetime.strptime(said, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return datetime.strptime(said, "%Y%m%dT%H%M%S").replace(tzinfo=zone)
    except ValueError as error:
        raise NoEquivalentError(f"{quoted(said)} is no start of a shift such as 20260105T090000Z") from error
