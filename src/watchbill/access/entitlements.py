"""Who holds what, when: the team file turned into holdings. The plan and the judgement both start here.

Rules, in order:

1. A member of a group holds the group's permission sets in their accounts, always.
2. Whoever is on call holds what the rota gives their kind in the rota's accounts, for the shift and its grace. Shifts
   of one person that touch or overlap become one window.
3. A grant holds for its span.
4. A freeze outranks all of these: nobody holds anything while frozen.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from watchbill.access.model import Freeze, Holding
from watchbill.intervals import Interval, subtract
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import shifts
from watchbill.team.model import By, Grant, Rota, Team


def delivered(team: Team, by: By) -> Team:
    """Give a team with the access alone that is delivered by one thing: of its groups, by its rotas and its grants."""
    groups = {
        name: replace(group, access=tuple(each for each in group.access if each.by is by))
        for name, group in team.groups.items()
    }
    rotas = {name: rota for name, rota in team.rotas.items() if rota.by is by}
    return replace(team, groups=groups, rotas=rotas, grants=tuple(each for each in team.grants if each.by is by))


def uses_center(team: Team) -> bool:
    """Tell whether anything is delivered by Identity Center."""
    accesses = (access for group in team.groups.values() for access in group.access)
    given = [*(rota.by for rota in team.rotas.values()), *(access.by for access in accesses)]
    return By.CENTER in (*given, *(grant.by for grant in team.grants))


def comes_by(team: Team, person: str, permission_set: str, accounts: Collection[str]) -> By:
    """Tell by what somebody gets a permission set for a while: by what they come, where that is one thing alone.

    Else it is as the set is given there: by Identity Center where it is given by nothing else in any of the accounts.
    """
    theirs = {
        access.by for name, group in team.groups.items() if person in team.members(name) for access in group.access
    }
    theirs |= {rota.by for rota in team.rotas.values() if person in rota.people}
    if len(theirs) == 1:
        return theirs.pop()
    ways = {
        access.by
        for group in team.groups.values()
        for access in group.access
        if access.permission_set == permission_set and set(accounts) & set(access.accounts)
    }
    ways |= {
        rota.by
        for rota in team.rotas.values()
        if permission_set in rota.entitlement.values() and set(accounts) & set(rota.accounts)
    }
    return By.CENTER if ways == {By.CENTER} else By.IAM


def standing(team: Team) -> tuple[Holding, ...]:
    """Give what people hold at all times through their groups."""
    named = ((group, f"group {group.name}") for group in team.groups.values())
    return tuple(
        Holding(person, account, access.permission_set, None, through, through, access.where)
        for group, through in named
        for person in team.members(group.name)
        for access in group.access
        for account in access.accounts
    )


def windows(team: Team, within: Interval) -> tuple[Holding, ...]:
    """Give what people hold for a time: on call and by grant, cut to `within`, in order of person and time."""
    found = [holding for rota in team.rotas.values() for holding in on_call(rota, within)]
    return in_order([*found, *granted(team, within)], within)


def apart(team: Team, within: Interval) -> tuple[Holding, ...]:
    """Give the same windows so that what one says of an instant is the same by whatever span they are asked.

    Grants are whole, and a watch is taken apart where something else puts its person on call: else its reasons would
    hang on how much of it lies in the span.
    """
    found = [
        holding
        for rota in team.rotas.values()
        for watch in watches(rota, within)
        for part in _parts(watch, rota)
        for holding in _held_by(part, rota, within)
    ]
    met = (grant for grant in team.grants if grant.interval.intersection(within) is not None)
    return in_order([*found, *(holding for grant in met for holding in _given_by(grant, grant.interval))], within)


def in_order(holdings: Iterable[Holding], within: Interval) -> tuple[Holding, ...]:
    """Sort windows by person, account, permission set and time."""
    return tuple(
        sorted(holdings, key=lambda h: (h.person, h.account, h.permission_set, h.interval or within, h.through))
    )


@dataclass(frozen=True, slots=True)
class Watch:
    """Shifts of one person that touch or overlap, and give the same."""

    person: str
    permission_set: str
    interval: Interval
    """From the first to the last, grace included."""
    shifts: tuple[Shift, ...]
    """In order of time."""

    def during(self, span: Interval, rota: Rota) -> tuple[Shift, ...]:
        """Give the shifts that, with their grace, have an instant in a span."""
        return tuple(shift for shift in self.shifts if _with_grace(shift, rota).intersection(span))


def watches(rota: Rota, within: Interval, sets: Collection[str] | None = None) -> Iterator[Watch]:
    """Give the watches that give something and have an instant in a span; shifts are cut to the span and its grace.

    Where permission sets are named, those watches alone that give one of them.
    """
    given = {kind: name for kind, name in rota.entitlement.items() if sets is None or name in sets}
    by_holder: dict[tuple[str, str], list[Shift]] = {}
    for shift in shifts(rota, Interval(within.start - rota.grace_after, within.end + rota.grace_before), given):
        by_holder.setdefault((shift.person, given[shift.kind]), []).append(shift)
    for (person, permission_set), held in by_holder.items():
        for window, run in _runs(held, rota):
            if window.intersection(within) is not None:
                yield Watch(person, permission_set, window, tuple(run))


def on_call(rota: Rota, within: Interval) -> Iterator[Holding]:
    """Give what a rota gives to whoever is on call, cut to `within`."""
    for watch in watches(rota, within):
        yield from _held_by(watch, rota, within)


def granted(team: Team, within: Interval) -> Iterator[Holding]:
    """Give what grants give, cut to `within`."""
    for grant in team.grants:
        if (cut := grant.interval.intersection(within)) is not None:
            yield from _given_by(grant, cut)


def without_frozen(holdings: Iterable[Holding], freezes: Collection[Freeze], within: Interval) -> tuple[Holding, ...]:
    """Take out of windows the time in which their person is frozen."""
    kept: list[Holding] = []
    for holding in holdings:
        taken = [span for freeze in freezes if freeze.person == holding.person and (span := _span(freeze, within))]
        kept.extend(replace(holding, interval=rest) for rest in subtract(holding.interval or within, taken))
    return tuple(kept)


def is_frozen(person: str, freezes: Iterable[Freeze], at: datetime) -> bool:
    """Tell whether somebody is frozen at an instant."""
    return any(freeze.person == person and freeze.covers(at) for freeze in freezes)


def role_name(rota: Rota, kind: str) -> str:
    """Name the role that a rota's kind assumes: `oncall-platform`, and `oncall-platform-secondary` for the rest."""
    return f"oncall-{rota.name}" if kind == "primary" else f"oncall-{rota.name}-{kind}"


def _held_by(watch: Watch, rota: Rota, within: Interval) -> Iterator[Holding]:
    if (cut := watch.interval.intersection(within)) is None:
        return
    inside = watch.during(cut, rota)
    why = f"rota {rota.name}, {' then '.join(dict.fromkeys(shift.source for shift in inside))}"
    for account in rota.accounts:
        place = (watch.person, account, watch.permission_set)
        yield Holding(*place, cut, f"rota {rota.name}", why, inside[0].where)


def _parts(watch: Watch, rota: Rota) -> Iterator[Watch]:
    """Take a watch apart where it comes of something else; grace goes with either part."""
    for _, run in groupby(watch.shifts, key=lambda shift: shift.source):
        held = tuple(run)
        spans = [_with_grace(shift, rota) for shift in held]
        yield replace(watch, interval=Interval(spans[0].start, max(span.end for span in spans)), shifts=held)


def _given_by(grant: Grant, span: Interval) -> Iterator[Holding]:
    why = f"grant {grant.name}: {grant.reason}, approved by {grant.approver}"
    for account in grant.accounts:
        yield Holding(grant.person, account, grant.permission_set, span, f"grant {grant.name}", why, grant.where)


def _runs(held: Iterable[Shift], rota: Rota) -> Iterator[tuple[Interval, list[Shift]]]:
    """Gather one person's shifts that touch or overlap, grace included, each run with its whole span."""
    run: list[Shift] = []
    span: Interval | None = None
    for shift in sorted(held):
        wide = _with_grace(shift, rota)
        if span is not None and wide.start > span.end:
            yield span, run
            run, span = [], None
        run.append(shift)
        span = wide if span is None else Interval(span.start, max(span.end, wide.end))
    if span is not None:
        yield span, run


def _with_grace(shift: Shift, rota: Rota) -> Interval:
    return Interval(shift.interval.start - rota.grace_before, shift.interval.end + rota.grace_after)


def _span(freeze: Freeze, within: Interval) -> Interval | None:
    end = freeze.end or within.end
    return Interval(freeze.start, end).intersection(within) if freeze.start < end else None
