"""Who else is there: to keep the watch instead of somebody, or to say that it was them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from watchbill.intervals import Interval
from watchbill.schedule.oncall import Schedule
from watchbill.team.model import Kind, Rota, Team


AHEAD: Final = timedelta(days=14)
"""How far ahead is looked for whoever has the next shift."""


@dataclass(frozen=True, slots=True)
class Relief:
    """Somebody who can keep a watch instead of another."""

    rota: str
    person: str


def reliefs(team: Team, person: str, at: datetime) -> tuple[Relief, ...]:
    """Give for each watch that a person holds who can keep it: the secondary, else whoever has the next shift.

    A rota in which nobody else has a shift within `AHEAD` is left out: there is nobody but the leads.
    """
    found = ((rota.name, _relief(rota, person, at)) for rota in team.rotas.values())
    return tuple(Relief(name, who) for name, who in found if who is not None)


def _relief(rota: Rota, person: str, at: datetime) -> str | None:
    coming = Schedule(rota).shifts(Interval(at, at + AHEAD))
    if not any(shift.person == person and shift.kind is Kind.PRIMARY and at in shift.interval for shift in coming):
        return None
    others = [shift for shift in coming if shift.person != person and shift.kind is not Kind.SHADOW]
    now = [shift for shift in others if at in shift.interval]
    ranked = [*sorted(now, key=lambda shift: shift.kind is not Kind.SECONDARY), *others]
    return next((shift.person for shift in ranked), None)


def peer_of(team: Team, person: str, at: datetime) -> str | None:
    """Name who can tell that it was them: whoever is on watch with them, else one of their rotas, else of their groups.

    None where they share neither with anybody.
    """
    return next((peer for peer in _peers(team, person, at) if peer != person), None)


def _peers(team: Team, person: str, at: datetime) -> Iterator[str]:
    theirs = [rota for rota in team.rotas.values() if person in rota.people]
    for rota in theirs:
        yield from sorted(duty.person for duty in Schedule(rota).on_call(at))
    for rota in theirs:
        yield from rota.people
    for group in sorted(team.groups):
        members = team.members(group)
        if person in members:
            yield from members
