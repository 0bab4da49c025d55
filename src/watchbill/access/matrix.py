"""Who holds what where at one instant, and by what: a cell for each person, account and permission set.

The rules, in order:

1. What somebody holds is what `entitlements` says for the instant; a cell adds by what, until when, and the line.
2. A freeze outranks all of it: the cell keeps what it takes away.
3. Whoever has turns in a rota but is not on watch holds nothing by it, which is told apart from having no part in it.

A place without a cell is a plain no.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from watchbill.access.entitlements import Watch, granted, watches
from watchbill.access.model import Drift, Freeze
from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule.model import Shift
from watchbill.team.model import Group, Rota, Team


AHEAD = timedelta(days=14)
"""How far ahead the end of a watch is looked for."""

_DAY = timedelta(days=1)
_LOOKS = (_DAY, timedelta(days=8), timedelta(days=32))
"""How far from an instant the next change is looked for, in this order."""
_MOMENT = timedelta(microseconds=1)
_OVERRIDE = "override "


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, with what says who holds what at it."""

    at: datetime
    team: Team
    """The team file that is in force then, with what holds beside it."""
    freezes: tuple[Freeze, ...] = ()

    def freeze_of(self, person: str) -> Freeze | None:
        """Give the freeze of somebody that is in force, if one is."""
        return next((each for each in self.freezes if each.person == person and each.covers(self.at)), None)


class By(StrEnum):
    """By what somebody holds something."""

    JOB = "job"
    ON_CALL = "on call"
    OVERRIDE = "override"
    """On call, and not because the layers of the rota say so."""
    GRANT = "grant"


class Standing(StrEnum):
    """What a cell comes to."""

    HELD = "held"
    FROZEN = "frozen"
    """Held, but for a freeze."""
    OFF_WATCH = "off watch"
    DRIFT = "drift"
    """Not held by the team file: others gave it in AWS."""


class Place(NamedTuple):
    """Where a cell is. There are many, and a tuple is sorted and found sooner than anything else."""

    person: str
    account: str
    permission_set: str


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One thing by which somebody holds something."""

    by: By
    name: str
    """Of the group, the rota or the grant."""
    why: str
    """In words the person would accept, as a `Holding` says it."""
    until: datetime | None
    """When it ends; None where no end is known: a job, or a watch that goes on for longer than `AHEAD`."""
    where: Location
    """The line of the team file that gives it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one person has of one permission set in one account."""

    reasons: tuple[Reason, ...]
    """All of them, frozen or not, in the order of `By`."""
    freeze: Freeze | None
    """The one in force, if there is one: whatever the reasons, nothing is held."""
    rotas: tuple[str, ...] = ()
    """Rotas that give it to whoever is on watch, in which they have turns; those of `reasons` too."""
    drift: tuple[Drift, ...] = ()
    """What others did in AWS that gives it besides (`drifted`); nothing of it is in what the team file gives."""

    @property
    def standing(self) -> Standing:
        """Give what it comes to."""
        if not self.reasons and not self.drift:
            return Standing.OFF_WATCH
        if self.freeze is not None:
            return Standing.FROZEN
        return Standing.HELD if self.reasons else Standing.DRIFT


_NOTHING = Cell((), None)


@dataclass(frozen=True, slots=True)
class Only:
    """Of whom, where and what; None is all."""

    people: Collection[str] | None = None
    accounts: Collection[str] | None = None
    permission_sets: Collection[str] | None = None

    def has(self, person: str) -> bool:
        """Tell whether a person is asked about."""
        return self.people is None or person in self.people

    def has_place(self, place: Place) -> bool:
        """Tell whether a place is asked about."""
        return self.has(place.person) and self.has_set(place.permission_set) and bool(self.accounts_of([place.account]))

    def of_rota(self, rota: Rota) -> bool:
        """Tell whether anything that a rota gives is asked about."""
        return bool(self.accounts_of(rota.accounts)) and any(map(self.has_set, rota.entitlement.values()))

    def has_set(self, permission_set: str) -> bool:
        """Tell whether a permission set is asked about."""
        return self.permission_sets is None or permission_set in self.permission_sets

    def of_person(self, cells: Mapping[Place, Cell]) -> Mapping[Place, Cell]:
        """Give which of the cells of one person, who is asked about, are asked about."""
        if self.accounts is None and self.permission_sets is None:
            return cells
        return {place: cell for place, cell in cells.items() if self.has_place(place)}

    def accounts_of(self, accounts: Iterable[str]) -> list[str]:
        """Give which of some accounts are asked about."""
        return [name for name in accounts if self.accounts is None or name in self.accounts]


EVERYTHING = Only()


def cells_at(moment: Moment, only: Only = EVERYTHING) -> Mapping[Place, Cell]:
    """Give the cells of an instant, in order of their places.

    What jobs give, and who has turns, is worked out once for all instants. Cells in which nothing else is, and which
    say the same, are the very same one, at every place and each time.
    """
    team, at = moment.team, moment.at
    timed: dict[str, dict[Place, list[Reason]]] = {}
    for place, reason in (*_on_watch(team, at, only), *_by_grant(team, at, only)):
        timed.setdefault(place.person, {}).setdefault(place, []).append(reason)
    frozen = {freeze.person: freeze for freeze in moment.freezes if freeze.covers(at)}
    always = _always(_Standing.of(team))
    found: dict[Place, Cell] = {}
    for person in sorted(filter(only.has, always.keys() | timed.keys())):
        cells = only.of_person(always.get(person, {}))
        if person in timed or person in frozen:
            cells = _then(cells, timed.get(person, {}), frozen.get(person))
        found.update(cells)
    return found


def _then(
    always: Mapping[Place, Cell], timed: Mapping[Place, Sequence[Reason]], freeze: Freeze | None
) -> Mapping[Place, Cell]:
    """Give the cells of one person at an instant, in order."""
    found = dict(always)
    for place in timed if freeze is None else always.keys() | timed.keys():
        cell = always.get(place, _NOTHING)
        found[place] = Cell((*cell.reasons, *timed.get(place, ())), freeze, cell.rotas)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class _Standing:
    """What of a team file says who has what by jobs, and who has turns: all that is the same at every instant."""

    groups: tuple[tuple[str, Group], ...]
    turns: tuple[object, ...]
    team: Team = field(compare=False)

    @classmethod
    def of(cls, team: Team) -> "_Standing":
        """Give that of a team."""
        turns = tuple((each.name, each.accounts, tuple(_turns_of(each))) for each in team.rotas.values())
        return cls(tuple(team.groups.items()), turns, team)


@lru_cache(maxsize=4)
def _always(standing: _Standing) -> Mapping[str, Mapping[Place, Cell]]:
    """Give by person the cells of all instants, in order."""
    reasons: dict[Place, list[Reason]] = {}
    rotas: dict[Place, dict[str, None]] = {}
    for place, reason in _by_job(standing.team):
        reasons.setdefault(place, []).append(reason)
    for place, rota in _in_turn(standing.team):
        rotas.setdefault(place, {})[rota] = None
    made: dict[tuple[object, ...], Cell] = {}
    found: dict[str, dict[Place, Cell]] = {}
    for place in sorted(reasons.keys() | rotas.keys()):
        by, turns = reasons.get(place, ()), tuple(rotas.get(place, ()))
        alike = (*map(id, by), *turns)
        if alike not in made:
            made[alike] = Cell(tuple(by), None, turns)
        found.setdefault(place.person, {})[place] = made[alike]
    return found


def _by_job(team: Team) -> Iterator[tuple[Place, Reason]]:
    for group in team.groups.values():
        named, members = f"group {group.name}", team.members(group.name)
        for access in group.access:
            reason = Reason(By.JOB, group.name, named, None, access.where)
            for person in members:
                for account in access.accounts:
                    yield Place(person, account, access.permission_set), reason


def _on_watch(team: Team, at: datetime, only: Only) -> Iterator[tuple[Place, Reason]]:
    moment = Interval(at, at + _MOMENT)
    for rota in filter(only.of_rota, team.rotas.values()):
        if not any(map(only.has, rota.people)):
            continue
        held = [watch for watch in watches(rota, moment, only.permission_sets) if only.has(watch.person)]
        ends = _ends(rota, at, {watch.permission_set for watch in held})
        for watch in held:
            inside = watch.during(moment, rota)
            # The words of `entitlements.on_call`.
            why = f"rota {rota.name}, {' then '.join(dict.fromkeys(shift.source for shift in inside))}"
            until = ends.get((watch.person, watch.permission_set))
            reason = Reason(_kind(inside), rota.name, why, until, inside[0].where)
            for account in only.accounts_of(rota.accounts):
                yield Place(watch.person, account, watch.permission_set), reason


def _kind(inside: Sequence[Shift]) -> By:
    return By.OVERRIDE if all(shift.source.startswith(_OVERRIDE) for shift in inside) else By.ON_CALL


def _ends(rota: Rota, at: datetime, sets: Collection[str]) -> Mapping[tuple[str, str], datetime]:
    """Give when the watches of an instant that give some sets end, those that do within `AHEAD`.

    Most do within a day. Further ahead only the sets of the others are looked for, since that takes longer.
    """
    found: dict[tuple[str, str], datetime] = {}
    for ahead in (_DAY, AHEAD):
        far, going_on = at + ahead, set[str]()
        for watch in watches(rota, Interval(at, far), sets):
            if at in watch.interval and watch.interval.end < far:
                found[watch.person, watch.permission_set] = watch.interval.end
            elif at in watch.interval:
                going_on.add(watch.permission_set)
        if not (sets := going_on):
            break
    return found


def _by_grant(team: Team, at: datetime, only: Only) -> Iterator[tuple[Place, Reason]]:
    until = {f"grant {grant.name}": grant.interval.end for grant in team.grants}
    for held in granted(team, Interval(at, at + _MOMENT)):
        if only.has(held.person) and only.has_set(held.permission_set) and only.accounts_of([held.account]):
            name = held.through.removeprefix("grant ")
            reason = Reason(By.GRANT, name, held.why, until[held.through], held.where)
            yield Place(held.person, held.account, held.permission_set), reason


def _in_turn(team: Team) -> Iterator[tuple[Place, str]]:
    """Give what people may come to hold by the turns that they have in a rota."""
    for rota in team.rotas.values():
        for person, permission_set in _turns_of(rota):
            for account in rota.accounts:
                yield Place(person, account, permission_set), rota.name


def _turns_of(rota: Rota) -> Iterator[tuple[str, str]]:
    for layer in rota.layers:
        if layer.kind in rota.entitlement:
            for member in layer.members:
                yield member, rota.entitlement[layer.kind]


@dataclass(frozen=True, slots=True, order=True)
class Turning:
    """An instant at which what somebody holds may change, and by what."""

    at: datetime
    what: str
    """`rota platform`, `grant g1` or `freeze of james`."""


def turnings(moment: Moment, within: Interval, only: Only = EVERYTHING) -> tuple[Turning, ...]:
    """Give the instants after the start of a span and before its end at which cells change, in order.

    What is asked about may be the same before and after one: somebody may hold a thing in two ways.
    """
    team = moment.team
    found = {*_of_watches(team, within, only), *_of_grants(team, only), *_of_freezes(moment.freezes, only)}
    return tuple(sorted(turning for turning in found if within.start < turning.at < within.end))


def _of_watches(team: Team, within: Interval, only: Only) -> Iterator[Turning]:
    for rota in filter(only.of_rota, team.rotas.values()):
        if any(map(only.has, rota.people)):
            for watch in watches(rota, within, only.permission_sets):
                if only.has(watch.person):
                    for at in (watch.interval.start, watch.interval.end, *_turns_inside(watch, rota)):
                        yield Turning(at, f"rota {rota.name}")


def _turns_inside(watch: Watch, rota: Rota) -> Iterator[datetime]:
    """Give the instants inside a watch at which it goes on, but is an override no more, or becomes one."""
    if len({shift.source.startswith(_OVERRIDE) for shift in watch.shifts}) == 1:
        return
    starts = {shift.interval.start - rota.grace_before for shift in watch.shifts}
    ends = {shift.interval.end + rota.grace_after for shift in watch.shifts}
    for at in sorted(starts | ends):
        before, since = watch.during(Interval(at - _MOMENT, at), rota), watch.during(Interval(at, at + _MOMENT), rota)
        if before and since and _kind(before) is not _kind(since):
            yield at


def _of_grants(team: Team, only: Only) -> Iterator[Turning]:
    for grant in team.grants:
        if only.has(grant.person) and only.has_set(grant.permission_set) and only.accounts_of(grant.accounts):
            yield Turning(grant.interval.start, f"grant {grant.name}")
            yield Turning(grant.interval.end, f"grant {grant.name}")


def _of_freezes(freezes: Iterable[Freeze], only: Only) -> Iterator[Turning]:
    for freeze in freezes:
        if only.has(freeze.person):
            for at in (freeze.start, freeze.end):
                if at is not None:
                    yield Turning(at, f"freeze of {freeze.person}")


def last_turning(moment: Moment, only: Only = EVERYTHING) -> Turning | None:
    """Give the last change before an instant; None where there is none for a month back."""
    for look in _LOOKS:
        if found := turnings(moment, Interval(moment.at - look, moment.at), only):
            return found[-1]
    return None


def next_turning(moment: Moment, only: Only = EVERYTHING) -> Turning | None:
    """Give the next change after an instant; None where there is none for a month ahead."""
    for look in _LOOKS:
        if found := turnings(moment, Interval(moment.at, moment.at + look), only):
            return found[0]
    return None


@dataclass(frozen=True, slots=True)
class Difference:
    """A place that is not the same at two times; None is a plain no."""

    place: Place
    before: Cell | None
    after: Cell | None


def differences(before: Moment, after: Moment, only: Only = EVERYTHING) -> tuple[Difference, ...]:
    """Give the places in which what is held, or by what, is not the same at two times, in order."""
    old, new = cells_at(before, only), cells_at(after, only)
    # Where nothing but jobs gives anything it is the very same cell.
    places = {place for place, cell in old.items() if new.get(place) is not cell} | (new.keys() - old.keys())
    pairs = ((place, old.get(place), new.get(place)) for place in sorted(places))
    return tuple(Difference(*pair) for pair in pairs if gist(pair[1]) != gist(pair[2]))


def gist(cell: Cell | None) -> object:
    """Give what of a cell makes a difference: not how often it is said, nor until when."""
    if cell is None or cell.standing is Standing.OFF_WATCH:
        return None
    return cell.standing, frozenset((reason.by, reason.name) for reason in cell.reasons), frozenset(cell.drift)


def in_account(team: Team, account: str) -> Team:
    """Give the team as far as it matters in one account: compiled there, it comes to the same."""
    groups = {name: _only_there(group, account) for name, group in team.groups.items()}
    rotas = {name: replace(each, accounts=(account,)) for name, each in team.rotas.items() if account in each.accounts}
    grants = tuple(grant for grant in team.grants if account in grant.accounts)
    used = {access.permission_set for group in groups.values() for access in group.access}
    used |= {name for rota in rotas.values() for name in rota.entitlement.values()}
    used |= {grant.permission_set for grant in grants}
    sets = {name: found for name, found in team.permission_sets.items() if name in used}
    accounts = {account: team.accounts[account]}
    return replace(team, accounts=accounts, groups=groups, permission_sets=sets, rotas=rotas, grants=grants)


def _only_there(group: Group, account: str) -> Group:
    access = tuple(replace(each, accounts=(account,)) for each in group.access if account in each.accounts)
    return replace(group, access=access)
