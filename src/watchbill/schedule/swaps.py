"""Two people exchange what they hold of a rota in a span: which rota, in which capacity, and whether that may be."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from watchbill.errors import NotFoundError, RefusedError
from watchbill.intervals import Interval
from watchbill.schedule.check import Finding, check
from watchbill.schedule.oncall import shifts
from watchbill.team.model import Kind, Override, Rota, Team


_WRONG = frozenset(("gap", "leave-gap", "double-booked", "short-rest", "away"))
"""What a swap must not bring about (`check`)."""


def rota_of(team: Team, rota: str | None, people: tuple[str, str]) -> str:
    """Give the rota that is meant: the one that was named, or the one that both are on."""
    if rota is not None:
        if rota not in team.rotas:
            raise NotFoundError(f"no rota `{rota}`", f"rotas: {', '.join(team.rotas)}")
        return rota
    both = [name for name, found in team.rotas.items() if set(people) <= set(found.people)]
    if len(both) != 1:
        known = ", ".join(both) or "none"
        raise RefusedError(f"rotas that both {' and '.join(people)} are on: {known}", "name one with --rota")
    return both[0]


def kind_of(rota: Rota, people: tuple[str, str], span: Interval) -> Kind:
    """Give the kind of duty that two people would exchange."""
    kinds = sorted({shift.kind for shift in shifts(rota, span) if shift.person in people})
    if not kinds:
        raise RefusedError(f"neither {' nor '.join(people)} is on call for {rota.name} then: nothing would change")
    if len(kinds) > 1:
        held = " and ".join(kinds)
        raise RefusedError(f"they are on call as {held} then", "write one override for each kind into the file")
    return kinds[0]


def overridden(team: Team, rota: str, override: Override) -> Team:
    """Give a team one of whose rotas has one more override."""
    found = team.rotas[rota]
    changed = replace(found, overrides=(*found.overrides, override))
    return replace(team, rotas={**team.rotas, rota: changed})


def with_people(team: Team, people: Collection[str]) -> Team:
    """Give a team with those rotas alone that may put somebody of some people on call."""
    rotas = {name: each for name, each in team.rotas.items() if not set(people).isdisjoint(each.people)}
    return replace(team, rotas=rotas)


def brings_about(team: Team, rota: str, override: Override) -> tuple[Finding, ...]:
    """Give what is wrong with the schedule by an override, and is not without it: gaps, double shifts, short rests."""
    rest = max(each.rest for each in team.rotas.values())
    span = override.interval
    # What follows on a shift in the span may be its rest, and what lies before one is looked at by `check` itself.
    wide = Interval(span.start - timedelta(days=1), span.end + rest + timedelta(days=1))
    # With a rota that shares nobody with this one all is as it was.
    people = overridden(team, rota, override).rotas[rota].people
    near = with_people(team, people)
    before = {_known_by(each) for each in check(near, wide)}
    found = check(overridden(near, rota, override), wide)
    return tuple(each for each in found if each.code in _WRONG and _known_by(each) not in before)


def _known_by(found: Finding) -> tuple[str, str, Interval]:
    """Give what says that it is the same one: of whom, or where it is of nobody, the rota that its words name."""
    return found.code, found.person or found.message, found.interval
