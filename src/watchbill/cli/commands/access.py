"""`plan`, `apply`, `drift`: what AWS should be, and is."""

from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from watchbill.access.model import Change, Drift, Effect, Outcome, Plan, State
from watchbill.access.plan_file import read_plan, write_plan
from watchbill.cli.session import CHANGES, Session, command
from watchbill.errors import PlanError, RefusedError
from watchbill.files.report import write_text
from watchbill.intervals import Interval, iso
from watchbill.service.casework import Casework
from watchbill.service.reconcile import apply_plan


@dataclass(frozen=True, slots=True)
class IntervalView:
    """A half-open span, `[start, end)`."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class EffectView:
    """Who gains or loses what, when and why; no interval means from now on."""

    person: str
    verb: str
    permission_set: str
    account: str
    interval: IntervalView | None
    why: str


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One call that the plan makes."""

    account: str
    operation: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class DriftView:
    """What others put onto watchbill's objects."""

    account: str
    principal: str
    what: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan."""

    id: str
    effects: list[EffectView]
    changes: list[ChangeView]
    drift: list[DriftView]


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """What became of one change."""

    change: ChangeView
    state: str
    error: str | None


@dataclass(frozen=True, slots=True)
class ApplyView:
    """What became of a plan."""

    plan: str
    outcomes: list[OutcomeView]


def outcome_view(outcome: Outcome) -> OutcomeView:
    """Turn what became of a change into plain facts."""
    return OutcomeView(change_view(outcome.change), str(outcome.state), outcome.error)


def words_of(effect: Effect) -> str:
    """Say an effect: `james gains prod-oncall in production Mon 18:00 - Tue 02:00 UTC, because rota ...`."""
    when = "" if effect.interval is None else f" {span(effect.interval)} UTC"
    return f"{effect.person} {effect.verb} {effect.permission_set} in {effect.account}{when}, because {effect.why}"


def span(interval: Interval) -> str:
    """Write a span as a person reads it, with the day of the week."""
    same_day = interval.start.date() == interval.end.date()
    return f"{interval.start:%a %d %b %H:%M} - {interval.end:{'%H:%M' if same_day else '%a %d %b %H:%M'}}"


def plan_view(plan: Plan) -> PlanView:
    """Turn a plan into plain facts."""
    return PlanView(
        plan.id,
        [
            EffectView(e.person, str(e.verb), e.permission_set, e.account, _interval(e.interval), e.why)
            for e in plan.effects
        ],
        [change_view(change) for change in plan.changes],
        [_drift(drift) for drift in plan.drift],
    )


def show_plan(session: Session, plan: Plan, most: int = 30) -> None:
    """Print a plan: who gains and loses first, then the calls, then drift."""
    out = session.out
    if not plan.changes:
        out.line("no changes: AWS is as the team file says", style="green")
    for effect in plan.effects[:most]:
        out.line(("+ " if effect.verb == "gains" else "- ") + words_of(effect))
    if len(plan.effects) > most:
        out.line(f"... and {len(plan.effects) - most} more; --json has them all")
    if plan.changes:
        counts: dict[str, int] = {}
        for change in plan.changes:
            counts[change.call.operation] = counts.get(change.call.operation, 0) + 1
        listed = ", ".join(f"{count} {operation}" for operation, count in sorted(counts.items()))
        out.line(f"plan {plan.id}: {len(plan.changes)} calls ({listed})")
    for drift in plan.drift:
        out.line(f"drift in {drift.account}: {drift.what}", style="yellow")


@command("plan", team=True, state=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan for `apply`.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
def plan(session: Session, output: Path | None, *, detailed_exitcode: bool) -> int:
    """Show what would change in AWS, without changing it.

    First who gains and loses what, when and why; then the calls. What others put onto watchbill's own users, groups
    and roles is shown as drift, and left alone. A plan that leaves a required watch uncovered, or that would exceed a
    limit of AWS, is shown with its problems and cannot be applied.
    """
    with session.casework() as work:
        made = work.plan()
    if output is not None:
        write_text(output, write_plan(made).decode())
    show_plan(session, made)
    session.out.answer(plan_view(made), made.problems)
    return CHANGES if detailed_exitcode and made.changes else 0


@command("apply", team=True, state=True)
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
@click.option("--yes", is_flag=True, help="Apply without asking.")
def apply(session: Session, plan_file: Path | None, *, yes: bool) -> int:
    """Apply a saved plan, or make one, show it, and apply it when you say yes.

    A saved plan is refused when the team file or AWS has changed since it was made: then it is not what was reviewed.
    """
    with session.casework() as work:
        made = work.plan()
        if plan_file is not None:
            made = _reviewed(read_plan(plan_file.read_bytes(), str(plan_file)), made)
        else:
            show_plan(session, made)
        if made.problems:
            raise PlanError(made.problems)
        if made.changes and plan_file is None and not yes:
            click.confirm("apply this plan?", abort=True, err=True)
        outcomes = apply_shown(session, work, made)
    session.out.answer(ApplyView(made.id, [outcome_view(outcome) for outcome in outcomes]))
    return 0 if all(outcome.state is State.DONE for outcome in outcomes) else 1


def apply_shown(session: Session, work: Casework, made: Plan) -> tuple[Outcome, ...]:
    """Apply a plan with progress on the terminal, and say what became of it."""
    with session.out.progress() as progress:
        task = progress.add_task("applying", total=len(made.changes))
        outcomes = apply_plan(work, made, lambda outcome: progress.update(task, advance=1))
    failed = [outcome for outcome in outcomes if outcome.state is not State.DONE]
    for outcome in failed:
        session.out.line(f"{outcome.state}: {outcome.change.call}: {outcome.error}", style="red")
    session.out.line(f"applied {len(outcomes) - len(failed)} of {len(outcomes)} changes")
    return outcomes


def _reviewed(saved: Plan, now: Plan) -> Plan:
    if saved.team_digest != now.team_digest:
        raise RefusedError("the team file has changed since the plan was made", "make the plan anew and review it")
    if saved.observed_digest != now.observed_digest:
        raise RefusedError("AWS has changed since the plan was made", "make the plan anew and review it")
    if saved.changes != now.changes:
        raise RefusedError("the plan is from another day: access has rolled forward since", "make the plan anew")
    return saved


@command("drift", team=True, state=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is drift.")
def drift(session: Session, *, detailed_exitcode: bool) -> int:
    """Show what others put onto watchbill's users, groups and roles.

    `audit` names who did it and when, where the trail has it. A plan never removes it: that is a person's decision.
    """
    with session.casework() as work:
        made = work.plan()
    if not made.drift:
        session.out.line("no drift", style="green")
    for found in made.drift:
        session.out.line(f"{found.account}: {found.what}", style="yellow")
    session.out.answer([_drift(found) for found in made.drift])
    return CHANGES if detailed_exitcode and made.drift else 0


def _interval(interval: Interval | None) -> IntervalView | None:
    return None if interval is None else IntervalView(iso(interval.start), iso(interval.end))


def change_view(change: Change) -> ChangeView:
    """Turn a change into plain facts."""
    return ChangeView(change.account, change.call.operation, str(change.call), change.why)


def _drift(found: Drift) -> DriftView:
    return DriftView(found.account, found.principal, found.what)


COMMANDS = (plan, apply, drift)
