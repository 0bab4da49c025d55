"""Sudo and SSH on hosts by shift: read hosts, plan what is to change, and write it, by the modes and the approval.

The rules, in order:

1. A host is in the strictest mode of the rotas that give anything on it, and of their accounts: `observe` is left alone
   whoever asks, `propose` waits for a lead, as a proposal of its own, or for `watchbill hosts apply`, and `enforce` is
   written by a pass.
2. A pass goes by the file in force, as it does in AWS: what waits for a lead waits on hosts too, and where a plan is
   stopped nothing is written.
3. A host that a rota named before is looked at until its file is gone.
4. Every write is in the ledger before it is made and after, and in the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from watchbill.access import logins, sudo
from watchbill.access.approval import Weighed
from watchbill.access.host_plan import HostPlan, HostSeen, id_of, plan_hosts, plan_of
from watchbill.access.model import Change, Outcome, Plan, State
from watchbill.access.modes import Held, held_by
from watchbill.access.sudo import rotas_on, users_on
from watchbill.errors import Problem
from watchbill.ledger.model import Kind, Sought
from watchbill.service.casework import Casework
from watchbill.service.certificates import authority_of, sign_due, without_stolen
from watchbill.service.containment import Progress, carry_out
from watchbill.service.stepping import Step, attend, authors_of_the_rest, goes_by
from watchbill.store.rows import ProposalRow, Proposed
from watchbill.team.model import Mode, Team


_BEGUN = {sudo.WRITE: Kind.SUDO_BEGUN, logins.WRITE: Kind.LOGINS_BEGUN}
_WRITTEN = {sudo.WRITE: Kind.SUDO_WRITTEN, logins.WRITE: Kind.LOGINS_WRITTEN}
_FAILED = {sudo.WRITE: Kind.SUDO_FAILED, logins.WRITE: Kind.LOGINS_FAILED}
"""By the step what of it is in the ledger."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a pass did on hosts."""

    outcomes: tuple[Outcome, ...] = ()
    problems: tuple[Problem, ...] = ()
    proposal: ProposalRow | None = None
    """What waits for a lead, or was written since one approved it."""


def plan(work: Casework) -> HostPlan:
    """Compare hosts with the team file at hand; what is in mode `observe`, by it or by the one in force, is left."""
    sides = [side for side in (work.laid_over(), work.in_force()) if side is not None]
    return _plan(work, without_stolen(work, sides[0]), held_by(sides, Mode.PROPOSE))


def in_step(work: Casework, step: Step) -> Written:
    """Write on hosts what may be by itself and what was approved, and keep what waits for a lead."""
    team = goes_by(work, step)
    if team is None:
        return Written()
    team = without_stolen(work, team)
    sides = [work.laid_over(), team]
    seen = _seen(work, team)
    attended = {name for name in seen if _is_held(team, name, held_by(sides, Mode.ENFORCE))}
    by_itself = _compared(work, team, {name: each for name, each in seen.items() if name not in attended})
    outcomes = write(replace(work, team=team), by_itself)
    waits = {name: seen[name] for name in seen if name in attended}
    made = _compared(work, team, waits, held_by(sides, Mode.PROPOSE))
    applies = partial(_approved, team, made)
    # Nothing of the file waits: what is written on hosts is by one that was let be. Who wrote it goes on to be barred.
    by = work.team if step.base is work.team else work.in_force()
    barred = authors_of_the_rest(work, by, hosts=True) if made.changes else frozenset[str]()
    weighed = Weighed((), (), 0, barred)
    done, proposal = attend(work, plan_of(made, team, work.at, work.team.digest), weighed, applies, hosts=True)
    _, unsigned = sign_due(work, team, by_itself, outcomes)
    _, waiting = sign_due(work, team, made, done)
    unwritten = (*by_itself.problems, *made.problems, *_gone(work, team))
    whole = not unwritten and all(outcome.state is State.DONE for outcome in (*outcomes, *done))
    if whole and step.base is work.team and (proposal is None or proposal.state is Proposed.APPLIED):
        work.store.revisions.settle(work.team.digest, hosts=True)
    return Written((*outcomes, *done), (*unwritten, *unsigned, *waiting), proposal)


def _approved(team: Team, made: HostPlan, work: Casework, plan: Plan) -> tuple[Outcome, ...]:
    """Write what was approved, or what is left of it."""
    left = replace(made, changes=tuple(change for change in made.changes if change in plan.changes))
    return write(replace(work, team=team), left)


def write(work: Casework, made: HostPlan, progress: Progress = lambda outcome: None) -> tuple[Outcome, ...]:
    """Make the changes of a plan, host by host side by side. Certificates are signed after it: `sign_due`."""
    if not made.changes:
        return ()
    plan_id = id_of(made.changes)
    known = [change for change in made.changes if _failed_alike(work, change, plan_id)]
    for change in made.changes:
        if change not in known:
            _record(work, _BEGUN, change, plan_id)
    # Each is made whatever the journal has of an equal plan: others may have changed the file back since.
    outcomes = carry_out(work, plan_id, made.changes, progress, work.perform)
    for outcome in outcomes:
        if outcome.state is State.DONE:
            _record(work, _WRITTEN, outcome.change, plan_id)
        elif outcome.change not in known:
            _record(work, _FAILED, outcome.change, plan_id)
    return outcomes


def _plan(work: Casework, team: Team, held: Held) -> HostPlan:
    made = _compared(work, team, _seen(work, team), held)
    return replace(made, problems=(*made.problems, *_gone(work, team)))


def _seen(work: Casework, team: Team) -> dict[str, HostSeen | str]:
    """Read every host that a rota names, or named."""
    named = {name for rota in team.rotas.values() for name in rota.hosts}
    looked_at = named | _begun(work)
    hosts = [name for name in team.reached if name in looked_at]
    return work.app.by_shift_on(team, {name: users_on(team, name) for name in hosts})


def _compared(work: Casework, team: Team, seen: Mapping[str, HostSeen | str], held: Held | None = None) -> HostPlan:
    """Compare hosts with what they are to have; those that are held are left as they are."""
    left = {name for name in seen if held is not None and _is_held(team, name, held)}
    authority, problems = authority_of(work, team)
    made = plan_hosts(team, seen, work.freezes(), work.at, work.app.clock.now(), left, authority)
    return replace(made, problems=(*made.problems, *problems)) if seen else made


def _is_held(team: Team, host: str, held: Held) -> bool:
    return any(rota.name in held.rotas or held.accounts & set(rota.accounts) for rota in rotas_on(team, host))


def _gone(work: Casework, team: Team) -> list[Problem]:
    """Say on which hosts there may be rules that nobody can reach any more; they end by the clock there."""
    hint = f"give it its address again, or remove {sudo.FILE} and {logins.FILE} there"
    return [
        Problem("unreached-host", f"watchbill wrote on `{name}`, and the team file has no address of it: {hint}")
        for name in sorted(_begun(work) - team.reached.keys())
    ]


def _begun(work: Casework) -> set[str]:
    """Name the hosts on which a file may be: the last that was done there is not that it was removed."""
    found: set[str] = set()
    for operation, kind in _BEGUN.items():
        begun, written = _last(work, kind), _last(work, _WRITTEN[operation])
        gone = {host: number for host, (number, rules) in written.items() if not rules}
        found |= {host for host, (number, _) in begun.items() if number > gone.get(host, 0)}
    return found


def _last(work: Casework, kind: Kind) -> dict[str, tuple[int, int]]:
    """Give of each host the number of the last entry of a kind, and how many rules it was about."""
    found: dict[str, tuple[int, int]] = {}
    for entry in work.store.ledger.found(Sought(str(kind))):
        found.setdefault(entry.subject, (entry.number, entry.facts["rules"]))
    return found


def _failed_alike(work: Casework, change: Change, plan_id: str) -> bool:
    """Tell whether the last that was done to a file is the same, and failed: a pass after pass says it once."""
    kinds = [kind[change.call.operation] for kind in (_BEGUN, _WRITTEN, _FAILED)]
    last = next((e for e in reversed(work.store.ledger.about([change.account])) if e.kind in kinds), None)
    return last is not None and last.kind == kinds[-1] and last.facts["plan"] == plan_id


def _record(work: Casework, kinds: Mapping[str, Kind], change: Change, plan_id: str) -> None:
    text, operation = change.call.parameters["Rules"], change.call.operation
    rules = len(sudo.read(text)[0] if operation == sudo.WRITE else logins.read(text)[0])
    work.record(kinds[operation], change.account, {"plan": plan_id, "rules": rules})
