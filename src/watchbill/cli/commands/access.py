"""`plan`, `apply`, `drift`: what AWS should be, and is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import rich_click as click

from watchbill.access.authors import Changes, words_of_author
from watchbill.access.limits import DENYING
from watchbill.access.model import Change, Drift, Outcome, Plan, State
from watchbill.access.plan_file import read_plan, write_plan
from watchbill.access.review import too_large
from watchbill.cli.commands.trail import read_trail
from watchbill.cli.session import CHANGES, Session, command
from watchbill.errors import PlanError, RefusedError
from watchbill.files.report import write_text
from watchbill.service.casework import Casework
from watchbill.service.plan_view import OutcomeView, drift_view, effect_lines, outcome_view, plan_view
from watchbill.service.reconcile import apply_plan
from watchbill.service.stepping import keep_users, must_be_anothers, step_of
from watchbill.team.model import Team
from watchbill.trail.attribute import attribute


@dataclass(frozen=True, slots=True)
class ApplyView:
    """What became of a plan."""

    plan: str
    outcomes: list[OutcomeView]


def show_plan(session: Session, plan: Plan, most: int = 30) -> None:
    """Print a plan: who gains and loses first, then what policies say, then the calls, then what to think about."""
    out = session.out
    if not plan.changes:
        out.line("no changes: AWS is as the team file says", style="green")
    lines = list(effect_lines(plan.effects))
    for line in lines[:most]:
        out.line(line)
    if len(lines) > most:
        out.line(f"... and {len(lines) - most} more lines; --json has them all")
    for line in _policies(plan.changes, most):
        out.line(line)
    if plan.changes:
        counts: dict[str, int] = {}
        for change in plan.changes:
            counts[change.call.operation] = counts.get(change.call.operation, 0) + 1
        listed = ", ".join(f"{count} {operation}" for operation, count in sorted(counts.items()))
        out.line(f"plan {plan.id}: {len(plan.changes)} calls ({listed})")
        fullest = (f"{c.what} {c.used} of {c.limit}" for c in plan.capacity[:3])
        out.line(f"nearest to AWS's limits: {'; '.join(fullest)}")
    for warning in plan.warnings:
        out.line(f"warning: {warning}", style="yellow")
    for drift in plan.drift:
        out.line(
            f"drift in {drift.account}: {drift.what}{'; undone by this plan' if drift.healed else ''}", style="yellow"
        )


def _policies(changes: Sequence[Change], most: int) -> Iterator[str]:
    """Say how policies change: statement by statement, or in numbers where they are slices of time."""
    written = [change for change in changes if change.diff]
    for change in [each for each in written if not _slices(each)][:most]:
        yield f"~ {_policy(change)} in {change.account}"
        yield from (f"    {line}" for line in change.diff)
    slices: dict[str, list[str]] = {}
    for change in written:
        if _slices(change):
            slices.setdefault(change.account, []).extend(change.diff)
    for account, lines in slices.items():
        come = sum(line.startswith("+") for line in lines)
        gone = len(lines) - come
        yield f"~ gates, fences and guards in {account}: {come} statements come, {gone} go; --json has them"


def _slices(change: Change) -> bool:
    return _policy(change).startswith(DENYING)


def _policy(change: Change) -> str:
    given = change.call.parameters
    return str(given.get("PolicyName") or given.get("PolicyArn") or given.get("FileName", "")).rpartition("/")[2]


@command("plan", team=True, state=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan for `apply`.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
def plan(session: Session, output: Path | None, *, detailed_exitcode: bool) -> int:
    """Show what would change in AWS, without changing it.

    First who gains and loses what, when, why and by which line of the file; then what policies say, the calls, and what
    to think about. What others did to watchbill's own users, groups and roles is shown as drift, and undone where it
    only gives. A plan that leaves a required watch uncovered, that breaks an invariant of the file, or that would
    exceed a limit of AWS, is shown with its problems and cannot be applied.
    """
    with session.casework() as work:
        made = work.plan()
    show_plan(session, made)
    if output is not None:
        write_text(output, write_plan(made).decode())
        session.out.line(f"saved to {output}, which `watchbill apply {output}` applies without asking again")
    session.out.answer(plan_view(made), made.problems)
    return CHANGES if detailed_exitcode and made.changes else 0


@command("apply", team=True, state=True)
@click.argument("plan_file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False)
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--allow-large", is_flag=True, help="Apply even if it changes what many people may do.")
def apply(session: Session, plan_file: Path | None, *, yes: bool, allow_large: bool) -> int:
    """Apply a saved plan, or make one, show it, and apply it when you say yes.

    A saved plan is refused when the team file or AWS has changed since it was made: then it is not what was reviewed.
    One that changes what more than ten people, and a quarter of the team, may do is refused unless you say it is meant.
    So is one by which you gain, where the file in force has that wait for somebody else. What is in mode `observe` is
    left as it is; in mode `propose` you are the person that a plan waits for.
    """
    with session.casework() as work:
        step = step_of(work)
        made = step.plan
        must_be_anothers(work, step)
        if plan_file is not None:
            made = _reviewed(read_plan(plan_file.read_bytes(), str(plan_file)), made)
        else:
            show_plan(session, made)
        large = None if allow_large else too_large(made, work.team)
        if made.problems or large is not None:
            raise PlanError([*made.problems, *([] if large is None else [large])])
        if made.changes and plan_file is None and not yes:
            click.confirm("apply this plan?", abort=True, err=True)
        outcomes = apply_shown(session, work, made)
        if all(outcome.state is State.DONE for outcome in outcomes):
            work.store.revisions.settle(work.team.digest)
            keep_users(work, step, whole=True)
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
    # What stops a plan, and whom it reaches, is as it is now: a file can be written by anybody.
    return replace(saved, effects=now.effects, problems=now.problems, warnings=now.warnings)


@command("drift", team=True, state=True)
@click.option("--trail", "source", help="A folder, a file, or s3://bucket/prefix of CloudTrail files: who did it.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is drift.")
def drift(session: Session, source: str | None, *, detailed_exitcode: bool) -> int:
    """Show what others did to watchbill's users, groups, roles and policies, and who.

    The next plan undoes what gives somebody more than the team file does, or takes away what it gives. What denies, and
    what cannot be read, may be somebody's emergency brake: it is left for a person to decide.
    """
    with session.casework() as work:
        made, team = work.plan(), work.team
    authors = None if source is None else _authors(session, source, team)
    views = [drift_view(found, authors(found) if authors is not None else None) for found in made.drift]
    if not views:
        session.out.line("no drift", style="green")
    for view in views:
        by = f"; {view.author}" if view.author is not None else ""
        healed = "; the next plan undoes it" if view.healed else ""
        session.out.line(f"{view.account}: {view.what}{by}{healed}", style="yellow")
    session.out.answer(views)
    return CHANGES if detailed_exitcode and made.drift else 0


def _authors(session: Session, source: str, team: Team) -> Callable[[Drift], str]:
    """Give what tells who did a drift, by a trail."""
    reading = read_trail(session, source)
    people = {each.event.id: each.actor.person for each in attribute(reading.events, team)}
    changes = Changes(reading.events, team)

    def author(found: Drift) -> str:
        if found.account not in team.accounts:
            return "who did it is not looked for there"
        number = team.accounts[found.account].number
        event = changes.author_of(found.kind, number, found.principal, found.other)
        return "who did it is not in the trail" if event is None else words_of_author(event, people.get(event.id))

    return author


COMMANDS = (plan, apply, drift)
