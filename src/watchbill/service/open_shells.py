"""End what is still open of Session Manager after a watch, where a permission set says so (`shells: {end_after}`).

By the file that a pass goes by, or where something stops its plan the one in force, and only where it enforces. Who is
frozen has none open: the freeze ended them.
"""

import hashlib
from dataclasses import dataclass, replace

import msgspec

from watchbill.access.model import Change, Outcome, State
from watchbill.access.modes import held_by
from watchbill.access.open_shells import left_open
from watchbill.errors import Problem
from watchbill.ledger.model import Kind
from watchbill.service.casework import Casework
from watchbill.service.containment import carry_out
from watchbill.service.stepping import Step, goes_by, laid_out
from watchbill.team.model import Mode, Team


@dataclass(frozen=True, slots=True)
class Ended:
    """What a pass ended."""

    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()


def end_left_open(work: Casework, step: Step | None) -> Ended:
    """End every shell that is left open; what could not be listed or ended is said, and the next pass tries again.

    Without a `step`, since something stopped it, it is by the file in force: no watch lasts longer for it.
    """
    team = _in_force(work) if step is None else goes_by(work, step)
    asked = None if team is None else _asked(work, team)
    if asked is None or not asked.accounts:
        return Ended()
    shells, unread = work.app.shells_in(asked)
    problems = [Problem("unread-shells", each) for each in unread]
    changes = tuple(left_open(asked, shells, work.at))
    if not changes:
        return Ended((), tuple(problems))
    outcomes = carry_out(replace(work, team=asked), _id(changes), changes, lambda _: None, work.perform)
    for outcome in outcomes:
        call = outcome.change.call
        if outcome.state is State.DONE:
            facts = {"shell": call.parameters["SessionId"], "region": call.region, "why": outcome.change.why}
            work.record(Kind.SHELL_ENDED, outcome.change.account, facts)
        else:
            problems.append(Problem("open-shell", f"{outcome.change.why}: {outcome.error or outcome.state}"))
    return Ended(outcomes, tuple(problems))


def _in_force(work: Casework) -> Team | None:
    in_force = work.in_force()
    return None if in_force is None else laid_out(work, in_force)


def _asked(work: Casework, team: Team) -> Team:
    """Give a team with the rotas alone of which anything may be ended, and the accounts in which it may lie open."""
    held = held_by([work.laid_over(), team], Mode.ENFORCE)
    ends = {name for name, each in team.permission_sets.items() if each.shells and each.shells.end_after is not None}
    rotas = {n: r for n, r in team.rotas.items() if n not in held.rotas and ends & set(r.entitlement.values())}
    named = {account for rota in rotas.values() for account in rota.accounts} - held.accounts
    return replace(team, rotas=rotas, accounts={n: a for n, a in team.accounts.items() if n in named})


def _id(changes: tuple[Change, ...]) -> str:
    return f"S-{hashlib.sha256(msgspec.json.encode(changes, order='sorted')).hexdigest()[:16]}"
