"""Who keeps the watch of somebody who is frozen: the hole that a freeze leaves is filled in the same step."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from watchbill.access.entitlements import is_frozen
from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.respond.model import Containment, StandIn
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import Away, Schedule
from watchbill.team.model import Kind, Override, Rota, Team


AHEAD = timedelta(days=60)
"""How far ahead is looked for whoever has a shift of the rota."""


def stand_ins(team: Team, person: str, freezes: Collection[Freeze], at: datetime) -> tuple[StandIn, ...]:
    """Give for each watch that somebody holds at an instant who takes it over until its end.

    It is the next of the rota who is free: neither frozen nor away then, nor on another watch; where nobody is, whoever
    is on call in the same rota in another capacity takes both. A shadow's watch needs nobody.
    """
    found: list[StandIn] = []
    for rota in team.rotas.values():
        coming = Schedule(rota).shifts(Interval(at, at + AHEAD))
        for shift in coming:
            if shift.person == person and at in shift.interval and shift.kind is not Kind.SHADOW:
                who = next(_candidates(team, rota, coming, shift, freezes, at), None)
                found.append(StandIn(rota.name, shift.kind, who, at, shift.interval.end))
    return tuple(found)


def overrides_of(containment: Containment, rota: Rota) -> Iterator[Override]:
    """Give the overrides by which a rota's watch passes to whoever stands in."""
    for number, each in enumerate(containment.stand_ins):
        if each.rota == rota.name and each.person is not None:
            why = f"{containment.person} is frozen"
            span = Interval(each.start, each.end)
            name = f"{containment.id}-{number}"
            yield Override(name, each.kind, span, each.person, containment.person, why, containment.by, rota.where)


def _candidates(
    team: Team, rota: Rota, coming: Collection[Shift], shift: Shift, freezes: Collection[Freeze], at: datetime
) -> Iterator[str]:
    away = Away(rota)
    span = Interval(at, shift.interval.end)
    busy = {held.person for other in team.rotas.values() for held in Schedule(other).shifts(span)}
    others = dict.fromkeys(held.person for held in coming if held.kind is not Kind.SHADOW)
    for person in others:
        can = person != shift.person and not is_frozen(person, freezes, at) and not away.of(person, span)
        if can and person not in busy:
            yield person
    for held in coming:
        if at in held.interval and held.person != shift.person and not is_frozen(held.person, freezes, at):
            yield held.person
