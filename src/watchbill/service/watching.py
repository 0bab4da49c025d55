"""Who is on watch, what that gives, and what a swap would change: for commands and for pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchbill.access.entitlements import windows
from watchbill.access.model import Holding
from watchbill.errors import NotFoundError
from watchbill.intervals import Interval
from watchbill.respond.requests import Swap, override_of, swap_wanted
from watchbill.schedule.model import Gap, Shift
from watchbill.schedule.oncall import gaps, shifts
from watchbill.schedule.swaps import overridden, with_people
from watchbill.service.casework import Casework
from watchbill.team.model import Kind, Rota, Team


_AROUND = timedelta(days=35)
"""How far a shift may reach out of the span that is asked about, and still be given whole."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """One person hands a watch to another."""

    at: datetime
    rota: str
    kind: Kind
    before: tuple[str, ...]
    """Those who leave it; none where nobody held it."""
    after: tuple[str, ...]
    """Those who take it; none where a gap begins."""


@dataclass(frozen=True, slots=True)
class SwapPlan:
    """What a swap would change."""

    wanted: Swap
    before: tuple[Shift, ...]
    after: tuple[Shift, ...]
    gains: tuple[str, ...]
    losses: tuple[str, ...]


def on_call(team: Team, within: Interval, rota: str | None) -> tuple[list[Shift], list[Gap]]:
    """Give shifts, cut to a span, and gaps, of one rota or of all; NotFoundError where there is no such rota."""
    rotas = _rotas(team, rota)
    return _shifts(rotas, within), sorted(gap for each in rotas for gap in gaps(each, within))


def _rotas(team: Team, rota: str | None) -> list[Rota]:
    if rota is not None and rota not in team.rotas:
        raise NotFoundError(f"no rota `{rota}`", f"rotas: {', '.join(team.rotas)}")
    return [found for name, found in team.rotas.items() if rota in (None, name)]


def _shifts(rotas: Iterable[Rota], within: Interval) -> list[Shift]:
    return sorted(shift for each in rotas for shift in shifts(each, within))


def whole_shifts(team: Team, within: Interval, rota: str | None) -> list[Shift]:
    """Give the shifts that touch a span, as they are and not cut to it."""
    found = _shifts(_rotas(team, rota), Interval(within.start - _AROUND, within.end + _AROUND))
    return [shift for shift in found if shift.interval.intersection(within) is not None]


def given_by(rota: Rota, kind: Kind) -> str:
    """Say what a watch gives: which permission set, in which accounts."""
    permission_set = rota.entitlement.get(kind)
    if permission_set is None or not rota.accounts:
        return "gives nothing"
    return f"gives {permission_set} in {', '.join(rota.accounts)}"


def handoffs(found: Sequence[Shift], within: Interval) -> list[Handoff]:
    """Give when a watch goes from one to another inside a span, by its shifts, in order of time.

    Somebody who hands over to themselves, from one turn to the next, hands over nothing.
    """
    told: list[Handoff] = []
    for rota, kind in sorted({(shift.rota, shift.kind) for shift in found}):
        mine = [shift for shift in found if (shift.rota, shift.kind) == (rota, kind)]
        for at in sorted({edge for shift in mine for edge in (shift.interval.start, shift.interval.end)}):
            left = {shift.person for shift in mine if shift.interval.end == at}
            came = {shift.person for shift in mine if shift.interval.start == at}
            if within.start < at < within.end and left != came:
                told.append(Handoff(at, rota, kind, tuple(sorted(left - came)), tuple(sorted(came - left))))
    return sorted(told, key=lambda each: (each.at, each.rota, each.kind))


def windows_that_change(before: Team, after: Team, span: Interval) -> tuple[list[str], list[str]]:
    """Say what access is gained and lost in a span, grace around it included."""
    rotas = (*before.rotas.values(), *after.rotas.values())
    grace = max((max(rota.grace_before, rota.grace_after) for rota in rotas), default=timedelta(0))
    wide = Interval(span.start - grace, span.end + grace)
    changed = [name for name in {*before.rotas, *after.rotas} if before.rotas.get(name) != after.rotas.get(name)]
    people = {
        who for each in (before, after) for name in changed if name in each.rotas for who in each.rotas[name].people
    }
    near = (with_people(each, people) for each in (before, after))
    had, has = (dict.fromkeys(_said(each, wide) for each in windows(team, wide)) for team in near)
    return [text for text in has if text not in had], [text for text in had if text not in has]


def _said(holding: Holding, within: Interval) -> str:
    span = holding.interval or within
    return f"{holding.person}: {holding.permission_set} in {holding.account} from {span}"


def held(team: Team, rota: str, kind: Kind, span: Interval) -> list[Shift]:
    """Give who holds a watch in a span."""
    return [shift for shift in shifts(team.rotas[rota], span) if shift.kind is kind]


def swap_plan(work: Casework, other: str, span: tuple[datetime, datetime], reason: str, rota: str | None) -> SwapPlan:
    """Give what a swap with somebody would change, were it agreed to now; nothing is written.

    What would not be sound is refused. Whether they may ask at all is told when they do (`requests.ask_swap`).
    """
    team = work.laid_over()
    wanted = swap_wanted(team, (work.actor, other), span, reason, rota, work.at)
    made = override_of("swap", wanted, work.at, wanted.end, other, team)
    assert made is not None, "what is wanted was found to fit"
    changed = overridden(team, wanted.rota, made)
    within = made.interval
    before, after = (held(each, wanted.rota, wanted.kind, within) for each in (team, changed))
    gains, losses = windows_that_change(team, changed, within)
    return SwapPlan(wanted, tuple(before), tuple(after), tuple(gains), tuple(losses))
