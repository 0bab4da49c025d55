"""GoAlert's schedules: the shifts of a calendar subscription or a schedule, and how a schedule is defined.

Shifts. A calendar subscription's address answers in JSON where `Accept: application/json` asks for it (`Type` is
`calendar-subscription/v1`): `Start` and `End` are the span it answers for, `Shifts[]` has `UserID`, `UserName`,
`Start`, `End` and `Truncated`. GraphQL's `schedule { name shifts(start, end) { userID user { name email } start end
truncated } }` is read too. A truncated shift goes on after the span: its end is where the answer ends.

Definition, by GraphQL: `schedule { name timeZone targets { target { id name type } rules { start end weekdayFilter } }
temporarySchedules { start end shifts { userID start end } } }`, `rotations { nodes { id name type start timeZone
shiftLength userIDs activeUserIndex nextHandoffTimes } }`, `userOverrides { nodes { start end addUserID removeUserID }
}` and `users { nodes { id name email } }`, all beside each other.

- Rules add to each other: each target becomes a layer `beside` the one before it, restricted to its rules.
- Rotations go by the wall clock, in both directions of time. Whose turn it is follows from `activeUserIndex` alone:
  the next in the list takes over at the first of `nextHandoffTimes`.
- Overrides change what rules say; temporary schedules replace both.

Where the clocks change: the end of a rule that happens twice is its second occurrence there, so that it lasts an hour
longer, and its first here. A start is the first in both. Turns of hours are stepped by the wall clock in both; what
GoAlert makes of a handoff in the hour that is skipped depends on its version. Each is a problem where it may happen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from watchbill.errors import WatchbillError
from watchbill.intervals import Interval, iso
from watchbill.schedule.imported import Imported
from watchbill.schedule.vendors.defined import (
    MAX_PARTS,
    Definition,
    Draft,
    NoEquivalentError,
    changes_clocks,
    clock,
    happens_twice,
    local_moment,
    moment,
    schedule_zone,
    turn,
    written,
    zone_named,
)
from watchbill.schedule.vendors.reading import Entries, inside, quoted, rows, span, text, wrong
from watchbill.team.names import DAYS


_PRODUCT = "GoAlert"
_SUBSCRIPTION = "calendar-subscription/v1"
_LENGTHS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
_LAST_SURE_DAY = 28
"""The last day that every month has."""
_MONDAY = "2026-01-05"


def read(document: object, within: Interval, file: str) -> Imported:
    """Give the shifts of a subscription or a schedule; raises WatchbillError where there are none."""
    if inside(document, "Type") == _SUBSCRIPTION:
        return _subscription(document, within, file)
    schedule = inside(_root(document), "schedule")
    shifts = inside(schedule, "shifts")
    if not isinstance(shifts, list):
        hint = f"ask a calendar subscription's address with Accept: application/json for a {_SUBSCRIPTION}"
        raise wrong(document, f"shifts of {_PRODUCT}", hint, file)
    entries, ends = Entries(within, file), []
    for number, each in enumerate(shifts):
        start, end, user = inside(each, "start"), inside(each, "end"), inside(each, "user")
        who = text(inside(each, "userID")) or text(inside(user, "id"))
        names = (inside(user, "email"), who, inside(user, "name"))
        entries.add(f"shifts[{number}]", start, end, names, f"{who} {text(start)}".strip())
        if inside(each, "truncated") is True:
            ends.append(end)
    imported = entries.imported(text(inside(schedule, "name")))
    if not ends or not imported.entries:
        return imported
    return replace(imported, complete_to=_span(iso(imported.entries[0].interval.start), ends[0]))


def definition(document: object, file: str) -> Definition:
    """Give a schedule's rules, overrides and temporary schedules as parts of a team file."""
    root = _root(document)
    schedule = inside(root, "schedule")
    if not isinstance(inside(schedule, "targets"), list):
        raise wrong(
            document,
            f"schedule as {_PRODUCT} defines one",
            "ask GraphQL for the schedule with its targets and their rules",
            file,
        )
    draft = Draft(file)
    for user in _users(root):
        draft.know(inside(user, "id"), inside(user, "name"), inside(user, "email"))
    _Schedule(draft, schedule_zone(inside(schedule, "timeZone"), file)).read(root)
    return draft.definition(text(inside(schedule, "name")))


def _root(document: object) -> object:
    data = inside(document, "data")
    return data if isinstance(data, Mapping) else document


def _subscription(document: object, within: Interval, file: str) -> Imported:
    entries = Entries(within, file)
    for number, each in enumerate(rows(inside(document, "Shifts"))):
        start, who = inside(each, "Start"), text(inside(each, "UserID"))
        names = (who, inside(each, "UserName"))
        entries.add(f"Shifts[{number}]", start, inside(each, "End"), names, f"{who} {text(start)}".strip())
    answered = _span(inside(document, "Start"), inside(document, "End"))
    return entries.imported(text(inside(document, "ScheduleName")), answered)


def _span(start: object, end: object) -> Interval | None:
    try:
        return span(start, end)
    except ValueError:
        return None


def _users(root: object) -> Iterator[object]:
    for each in rows(inside(root, "rotations")):
        yield from rows(inside(each, "users"))
    for target in rows(inside(root, "schedule", "targets")):
        if inside(target, "target", "type") == "user":
            yield inside(target, "target")
    yield from rows(inside(root, "users"))


class _Schedule:
    """A schedule's definition."""

    def __init__(self, draft: Draft, zone: ZoneInfo) -> None:
        self._draft, self._zone = draft, zone

    def read(self, root: object) -> None:
        schedule = inside(root, "schedule")
        targets, changes = rows(inside(schedule, "targets")), rows(inside(root, "userOverrides"))
        temporary = rows(inside(schedule, "temporarySchedules"))
        if max(len(targets), len(changes), len(temporary)) > MAX_PARTS:
            raise WatchbillError(f"the schedule has more than {MAX_PARTS:,} targets or overrides", "split it")
        rotations = {text(inside(each, "id")): each for each in rows(inside(root, "rotations"))}
        for target in targets:
            name = text(inside(target, "target", "name")) or text(inside(target, "target", "id")) or "layer"
            try:
                self._add_target(name, target, rotations)
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"target {quoted(name)} is left out: {error}")
        self._add_overrides(changes)
        for number, each in enumerate(temporary):
            try:
                self._add_temporary(each)
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"temporary schedule {number + 1} is left out: {error}")

    def _add_target(self, name: str, target: object, rotations: Mapping[str, object]) -> None:
        rules = [_rule(each) for each in rows(inside(target, "rules"))]
        restrict = [rule for rule in rules if rule["days"]]
        if not restrict:
            return
        if any(rule["days"] == "all" and rule["from"] == rule["to"] for rule in restrict):
            restrict = []
        kind, number = inside(target, "target", "type"), text(inside(target, "target", "id"))
        if kind == "user":
            layer = self._alone(number, restrict)
        elif kind == "rotation" and number in rotations:
            layer = self._rotation(name, rotations[number])
        else:
            raise NoEquivalentError(f"its {quoted(kind)} {quoted(number)} is not in the document")
        if restrict:
            if layer["time_zone"] != self._zone.key:
                message = f"its turns go by the clock of {layer['time_zone']} and its rules by that of {self._zone.key}"
                raise NoEquivalentError(message)
            layer["restrict"] = restrict
            self._look_at_ends(name, restrict)
        beside = {"beside": True} if self._draft.layers else {}
        self._draft.add_layer(name, {**layer, **beside})

    def _look_at_ends(self, name: str, restrict: list[dict[str, Any]]) -> None:
        for end in sorted({rule["to"] for rule in restrict}):
            if happens_twice(time.fromisoformat(end), self._zone):
                said = "where that happens twice, GoAlert ends at the second and a team file at the first"
                self._draft.report("clock-change", f"target {quoted(name)}: a rule ends at {end}; {said}")

    def _alone(self, number: str, restrict: list[dict[str, Any]]) -> dict[str, Any]:
        """Give the layer of one user, whose turns hand over to themselves, in the middle of no rule where it can be."""
        person = self._draft.person(number)
        return {
            "time_zone": self._zone.key,
            "members": [person],
            "turn": "1d",
            "handoff": {"time": restrict[0]["from"] if restrict else "00:00"},
            "anchor": {"date": _MONDAY, "member": person},
        }

    def _rotation(self, name: str, rotation: object) -> dict[str, Any]:
        zone = zone_named(inside(rotation, "timeZone"))
        users = rows(inside(rotation, "userIDs")) or [inside(user, "id") for user in rows(inside(rotation, "users"))]
        members = [self._draft.person(user) for user in users]
        if not members:
            raise NoEquivalentError("its rotation has no users")
        # GoAlert passes over seconds.
        start = local_moment(inside(rotation, "start"), zone).replace(second=0, microsecond=0)
        kind, length = _length(rotation)
        if kind == "monthly" and start.day > _LAST_SURE_DAY:
            raise NoEquivalentError(
                f"its months begin on day {start.day}, which GoAlert moves into the next in short ones"
            )
        if kind == "hourly" and not length.endswith(("d", "w")) and len(members) > 1 and changes_clocks(zone):
            said = "what GoAlert makes of a handoff in an hour that is skipped depends on its version"
            self._draft.report("clock-change", f"rotation {quoted(name)} has turns of hours: {said}")
        anchor, first = self._turn_at(name, rotation, start, zone, len(members))
        if kind != "hourly":
            # Where that handoff's own time is skipped, it is later than the others.
            anchor = datetime.combine(anchor.date(), start.time())
        members = members[first:] + members[:first]
        return {
            "time_zone": zone.key,
            "members": members,
            "turn": length,
            "handoff": {"time": clock(anchor)},
            "anchor": {"date": str(anchor.date()), "member": members[0]},
        }

    def _turn_at(
        self, name: str, rotation: object, start: datetime, zone: ZoneInfo, people: int
    ) -> tuple[datetime, int]:
        """Give a local time at which a turn begins, and the number in the list of whose it is."""
        active, handoffs = inside(rotation, "activeUserIndex"), rows(inside(rotation, "nextHandoffTimes"))
        if people == 1:
            return start, 0
        if not handoffs or not isinstance(active, int) or isinstance(active, bool) or not 0 <= active < people:
            said = "it is taken that the first of the list had the one that began at `start`"
            message = f"without activeUserIndex and nextHandoffTimes it is not known whose turn it is: {said}"
            self._draft.report("whose-turn", f"rotation {quoted(name)}: {message}")
            return start, 0
        return local_moment(handoffs[0], zone), (active + 1) % people

    def _add_overrides(self, changes: list[object]) -> None:
        found = []
        for number, each in enumerate(changes):
            try:
                found.append(self._change(each))
            except NoEquivalentError as error:
                self._draft.report("no-equivalent", f"override {number + 1} is left out: {error}")
        # GoAlert relieves first, all at once, and adds to what is left.
        found.sort(key=lambda each: (each[2] is None, each[0]))
        for start, end, old, new in found:
            clash = [each for each in found if each[0] < end and start < each[1] and each[2] is not None]
            if old is not None and any(each[2] == new or (each[2] == old and each[3] != new) for each in clash):
                message = (
                    f"overrides from {written(start)} relieve whom others put on call, which GoAlert does all at once"
                )
                self._draft.report("order", f"{message} and a team file in turn; look at who is on call then")
            what = (
                {"add": new, "remove": old} if old and new else {"remove": old} if old else {"add": new, "beside": True}
            )
            self._draft.add_override(_PRODUCT, new or old or "", start, end, what)

    def _change(self, each: object) -> tuple[datetime, datetime, str | None, str | None]:
        start, end = moment(inside(each, "start")), moment(inside(each, "end"))
        if start >= end:
            raise NoEquivalentError("it ends before it starts")
        old = text(inside(each, "removeUserID")) or text(inside(each, "removeUser", "id"))
        new = text(inside(each, "addUserID")) or text(inside(each, "addUser", "id"))
        if not old and not new:
            raise NoEquivalentError("it neither adds nor removes anybody")
        return start, end, self._draft.person(old) if old else None, self._draft.person(new) if new else None

    def _add_temporary(self, each: object) -> None:
        start, end = moment(inside(each, "start")), moment(inside(each, "end"))
        stints = []
        for shift in rows(inside(each, "shifts")):
            person = self._draft.person(text(inside(shift, "userID")) or text(inside(shift, "user", "id")))
            begin, stop = moment(inside(shift, "start")), moment(inside(shift, "end"))
            if begin >= stop:
                raise NoEquivalentError("a shift of it ends before it starts")
            stints.append({"person": person, "from": written(begin), "to": written(stop)})
        people = [stint["person"] for stint in stints] + [layer["members"][0] for layer in self._draft.layers]
        if not people:
            raise NoEquivalentError("nobody is in it, and nobody could have arranged it")
        self._draft.add_override(_PRODUCT, people[0], start, end, {"instead": stints})


def _length(rotation: object) -> tuple[str, str]:
    """Give the kind of a rotation, and the length of its turns."""
    kind = text(inside(rotation, "type"))
    count = inside(rotation, "shiftLength") or inside(rotation, "shift_length")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 9000:  # noqa: PLR2004 - GoAlert's own limit
        raise NoEquivalentError(f"{quoted(count)} is no number of hours, days, weeks or months")
    if kind == "monthly" and count <= 999:  # noqa: PLR2004 - as in LayerPart
        return kind, f"{count}mo"
    if kind not in _LENGTHS:
        raise NoEquivalentError(f"a rotation of {count} times {quoted(kind)} is not known")
    return kind, turn(_LENGTHS[kind] * count)


def _rule(rule: object) -> dict[str, Any]:
    """Give the weekly hours of a rule; of no days where it is never active."""
    days = rows(inside(rule, "weekdayFilter"))
    if len(days) != len(DAYS) or not all(isinstance(day, bool) for day in days):
        raise NoEquivalentError(f"{quoted(inside(rule, 'weekdayFilter'))} is no weekdayFilter of seven days")
    # Sunday comes first there.
    found = [day for day, is_on in zip(DAYS, [*days[1:], days[0]], strict=True) if is_on]
    start, end = (_clock(inside(rule, key)) for key in ("start", "end"))
    return {"days": "all" if len(found) == len(DAYS) else found, "from": start, "to": end}


def _clock(value: object) -> str:
    try:
        return clock(time.fromisoformat(text(value)))
    except ValueError as error:
        raise NoEquivalentError(f"{quoted(value)} is no time of day such as 09:00") from error
