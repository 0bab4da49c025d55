"""Bring AWS in step: what may be done by itself is, what takes a person is kept for one, what one approved is applied.

1. The file in force is the last one that people let be; the one at hand is weighed against it (`access.approval`).
2. Where nothing of the new one waits, the plan by it is applied in accounts and rotas that enforce. Where something
   does, the file in force goes on to be, less what the new one takes away (`access.interim`).
3. What is left between AWS and the new file is a proposal. Approved, it is applied if it would still do the same.
4. Cut anywhere, the next one goes on: what was begun is carried on with while all that is left is part of it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from watchbill.access.approval import Weighed, weigh, weighed_with
from watchbill.access.center.moved import Moved, moved, told_of, without
from watchbill.access.center.state import CenterState
from watchbill.access.interim import interim, read
from watchbill.access.model import AccountState, Outcome, Plan, State
from watchbill.access.modes import Held, held_by
from watchbill.access.plan import make_plan
from watchbill.access.review import too_large
from watchbill.errors import FileError, Problem, RefusedError
from watchbill.ledger.model import Kind
from watchbill.service.authorship import authors_of
from watchbill.service.casework import Casework
from watchbill.service.feeds import with_feeds
from watchbill.service.proposals import content_of, counted, is_part_of, propose, void, waiting_of
from watchbill.store.rows import ProposalRow, Proposed
from watchbill.team.model import ChangeKind, Mode, Team


Apply = Callable[[Casework, Plan], tuple[Outcome, ...]]
"""Carries a plan out as the plan of whoever's team file it is."""

_OVER = "it is done, or is not to be done any more"


@dataclass(frozen=True, slots=True)
class Step:
    """What there is to be done, before anything is."""

    plan: Plan
    """By the file at hand, all that may be done in AWS at all: what is only observed is not in it."""
    weighed: Weighed
    unattended: Plan | None
    """What may be done by itself; None where there is no file that was let be."""
    base: Team | None
    """The file that it is by, bare."""
    held: Held
    """What nothing is ever written for."""
    attended: bool
    """Whether anything is in a mode in which plans wait."""
    users: Mapping[str, str] = field(default_factory=dict)
    """By person of the file at hand their user of Identity Center, where that was read."""
    moved: tuple[Moved, ...] = ()
    """Who of them is another one than was let be, and waits for it."""

    @property
    def problems(self) -> Iterator[Problem]:
        """Say who has nothing until a lead lets it be."""
        for each in self.moved:
            hint = "a lead lets it be, or not: watchbill plans"
            yield Problem("center-user-moved", f"{each.finding.what}: they hold nothing there until then; {hint}")


@dataclass(frozen=True, slots=True)
class Stepped:
    """What became of it."""

    outcomes: tuple[Outcome, ...] = ()
    proposal: ProposalRow | None = None
    """What waits for a person, or was applied since one approved it."""
    problems: tuple[Problem, ...] = ()


def step_of(work: Casework) -> Step:
    """Work out what there is to be done, by AWS as it is."""
    team, before = work.laid_over(), work.in_force()
    known = None if before is None else laid_out(work, before)
    sides = [each for each in (team, known) if each is not None]
    seen, held = held_by(sides, Mode.PROPOSE), held_by(sides, Mode.ENFORCE)
    observed = work.observe(team)
    center, found = looked_at(work, team, observed)
    plan = planned(work, team, observed, center and told_of(center, found), seen)
    weighed = weigh(known, team, work.at, authors_of(before, work.team), plan)
    weighed = replace(weighed, barred=weighed.barred | authors_of_the_rest(work, before))
    base = work.team if not weighed.waits else before and _interim(work, before)
    if before is not None and found:
        weighed = weighed_with(weighed, (each.finding for each in found), before)
        found = () if ChangeKind.NEW_PERSON in before.approval.unattended else found
    unattended: Plan | None = None
    if base is work.team:
        alike = held == seen and not found
        unattended = plan if alike else planned(work, team, observed, center and without(center, found), held)
    elif base is not None:
        goes_on = laid_out(work, base)
        unattended = made(work, goes_on, _of(goes_on, observed), held)
    return Step(plan, weighed, unattended, base, seen, held != seen, {} if center is None else center.people, found)


def looked_at(
    work: Casework, team: Team, observed: Mapping[str, AccountState]
) -> tuple[CenterState | None, tuple[Moved, ...]]:
    """Read what Identity Center has, where a plan needs it, and tell who is another user there than was let be."""
    center = work.observe_center(team, observed)
    if center is None:
        return None, ()
    return center, tuple(moved(team, center, work.store.center_users.all(center.store)))


def keep_users(work: Casework, step: Step, *, whole: bool) -> None:
    """Remember who people are in Identity Center; with `whole` also who is another one now, since that was let be."""
    center = work.team.identity_center
    if center is None or not (whole or step.base is work.team):
        return
    known, waits = work.store.center_users.all(center.store), {each.person for each in step.moved}
    for name, user in step.users.items():
        if known.get(name) == user or (name in waits and not whole):
            continue
        with work.store.transaction():
            work.store.center_users.keep(center.store, name, user, work.at)
            if name in known:
                work.record(Kind.CENTER_USER_MOVED, name, {"was": known[name], "now": user})


def authors_of_the_rest(work: Casework, by: Team | None, *, hosts: bool = False) -> frozenset[str]:
    """Give who wrote what things are done by and is not all done: a part waits where plans do, and is still theirs."""
    settled = work.store.revisions.settled(hosts=hosts)
    if by is None or settled is None or settled.digest == by.digest:
        return frozenset()
    try:
        return authors_of(read(settled.text, work.team.path), work.team).people
    except FileError:
        return frozenset()


def made(work: Casework, team: Team, observed: Mapping[str, AccountState], held: Held) -> Plan:
    """Plan a team file that is laid over, and what goes on by itself of what the Identity Center that it names has."""
    center, found = looked_at(work, team, observed)
    return planned(work, team, observed, center and without(center, found), held)


def planned(
    work: Casework, team: Team, observed: Mapping[str, AccountState], center: CenterState | None, held: Held
) -> Plan:
    """Plan a team file that is laid over, by what was read."""
    return make_plan(team, observed, work.at, work.freezes(), work.applied(), held, center)


def laid_out(work: Casework, team: Team) -> Team:
    """Give the file in force with the outside schedules of now, and with what holds beside it."""
    return work.laid_over(work.team if team is work.team else with_feeds(team, work.store, work.at))


def goes_by(work: Casework, step: Step) -> Team | None:
    """Give the file by which things are done by themselves, with what holds beside it; None where nothing is."""
    return None if step.base is None else laid_out(work, step.base)


def _interim(work: Casework, before: Team) -> Team:
    if ChangeKind.REMOVAL not in before.approval.unattended:
        return before
    return interim(before, work.team, work.at) or before


def _of(team: Team, observed: Mapping[str, AccountState]) -> Mapping[str, AccountState]:
    """Give those accounts that a file knows as the same ones: the others wait with the rest."""
    known = {name: account.number for name, account in team.accounts.items()}
    return {name: state for name, state in observed.items() if known.get(name) == state.number}


def must_be_anothers(work: Casework, step: Step) -> None:
    """Refuse whoever would apply by hand what waits for a second person, and wrote it or gains by it."""
    if work.in_force() is not None and step.weighed.waits and work.actor in step.weighed.barred:
        first = step.weighed.waits[0]
        message = f"`{work.actor}` wrote what waits here, or gains by it: {first.what}"
        raise RefusedError(message, "another lead applies it, or approves it: watchbill plans")


def take(work: Casework, step: Step, apply: Apply) -> Stepped:
    """Apply what may be by itself, and what was approved; keep what waits for a person."""
    outcomes, problems = _unattended(work, step, apply)
    if any(outcome.state is not State.DONE for outcome in outcomes):
        return Stepped(outcomes, None, problems)
    if not step.weighed.waits and not step.attended:
        void(work, waiting_of(work.store, hosts=False), _OVER)
        if not problems and step.unattended is not None and not step.unattended.problems:
            work.store.revisions.settle(work.team.digest)
            keep_users(work, step, whole=False)
        return Stepped(outcomes, None, problems)
    if step.plan.problems:
        return Stepped(outcomes, None, problems)
    left = _left(work, step) if outcomes else step.plan
    done, proposal = attend(work, left, step.weighed, apply)
    is_done = proposal is None or proposal.state is Proposed.APPLIED
    if is_done:
        work.store.revisions.settle(work.team.digest)
    if not problems:
        keep_users(work, step, whole=is_done)
    return Stepped((*outcomes, *done), proposal, problems)


def _unattended(work: Casework, step: Step, apply: Apply) -> tuple[tuple[Outcome, ...], tuple[Problem, ...]]:
    plan, base = step.unattended, step.base
    if plan is None or base is None or plan.problems:
        return (), () if plan is None or plan is step.plan else tuple(plan.problems)
    if (large := too_large(plan, base)) is not None:
        return (), (large,)
    if step.attended and not plan.changes and step.plan.changes:
        # The file is let be with what waits of it.
        return (), ()
    return apply(replace(work, team=base), plan), ()


def _left(work: Casework, step: Step) -> Plan:
    team = work.laid_over()
    observed = work.observe(team)
    center, found = looked_at(work, team, observed)
    return planned(work, team, observed, center and told_of(center, found), step.held)


def attend(
    work: Casework, left: Plan, weighed: Weighed, apply: Apply, *, hosts: bool = False
) -> tuple[tuple[Outcome, ...], ProposalRow | None]:
    """Go on with what was begun, or apply what was approved, or keep what is left for a person."""
    begun = next((row for row in waiting_of(work.store, hosts=hosts) if row.state is Proposed.BEGUN), None)
    of_this = begun is not None and begun.revision == work.team.digest
    if begun is not None and of_this and is_part_of(left.changes, content_of(begun).plan.changes):
        return carried_out(work, begun, left, apply)
    if not left.changes and not weighed.waits:
        void(work, waiting_of(work.store, hosts=hosts), _OVER)
        return (), None
    proposal = propose(work, left, weighed)
    if proposal.state is Proposed.APPROVED and len(counted(work, proposal)) < proposal.people:
        void(work, [proposal], "who approved it is no lead any more, or is frozen")
        proposal = propose(work, left, weighed)
    if proposal.state is Proposed.APPROVED:
        return carried_out(work, proposal, left, apply)
    return (), proposal


def carried_out(work: Casework, row: ProposalRow, left: Plan, apply: Apply) -> tuple[tuple[Outcome, ...], ProposalRow]:
    """Apply what was approved, or what is left of it; killed in between, the next pass goes on."""
    begun = replace(row, state=Proposed.BEGUN, turned_at=work.at)
    if row.state is not Proposed.BEGUN and not work.store.proposals.turn(row, begun):
        return (), row
    outcomes = apply(work, left)
    if any(outcome.state is not State.DONE for outcome in outcomes):
        return outcomes, begun
    done = replace(begun, state=Proposed.APPLIED, turned_at=work.at)
    with work.store.transaction():
        if work.store.proposals.turn(begun, done) and not outcomes:
            # A plan without calls has no entry of its own: the file is in force with it.
            facts = {"team": work.team.digest, "changes": 0, "failed": 0}
            work.record(Kind.PLAN_APPLIED, left.id, facts)
    return outcomes, done
