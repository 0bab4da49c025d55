"""`run`: one pass of everything that happens without a person."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import rich_click as click

from watchbill.access.model import State
from watchbill.alerts.view import TallyView, tally_view
from watchbill.cli.commands.access import OutcomeView, PlanView, outcome_view, plan_view, show_plan
from watchbill.cli.commands.cases import STYLES
from watchbill.cli.commands.coverage import LATELY
from watchbill.cli.commands.lake import LAKE, opened
from watchbill.cli.commands.trail import load_rules, read_trail
from watchbill.cli.session import CHANGES, Session, command
from watchbill.errors import Problem
from watchbill.feeds.fetch import fetch
from watchbill.files.team_file import read_team
from watchbill.intervals import Interval
from watchbill.schedule.copies import sources
from watchbill.service.feeds import refresh
from watchbill.service.lake import coverage_of
from watchbill.service.reconcile import Reconciled, reconcile
from watchbill.settings import read_variables
from watchbill.team.model import Team
from watchbill.trail.coverage import Coverage


@dataclass(frozen=True, slots=True)
class RunView:
    """What a pass did. `plan` and `tally` are null where AWS or the trail could not be read, or there was none."""

    plan: PlanView | None
    outcomes: list[OutcomeView]
    tally: TallyView | None
    raised: list[str]
    amended: list[str]
    escalated: list[str]


@command("run", team=True, state=True)
@click.option("--trail", "source", help="A folder, a file, or s3://bucket/prefix of CloudTrail files.")
@click.option(
    "--rules", type=click.Path(path_type=Path), multiple=True, help="A folder of Sigma rules; may be given again."
)
@click.option("--enforce", is_flag=True, help="Apply the plan; without it AWS is only read.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when the plan has changes or a case was raised.")
def run(
    session: Session, source: str | None, rules: tuple[Path, ...], *, enforce: bool, detailed_exitcode: bool
) -> int:
    """Make one pass: fetch outside schedules, bring AWS in step, read the trail, raise cases, tell leads of silence.

    Level-triggered, so that cron, a timer or a pipeline may call it as often as you like: a pass that finds nothing
    new changes nothing, and a missed one heals in the next. What fails is said, and the rest is still done. Where the
    state has a lake, what is missing of it becomes a case too.
    """
    loaded, problems = load_rules(rules)
    problems = (*problems, *_refreshed(session))
    with session.casework() as work:
        read = None if source is None else lambda: read_trail(session, source)
        cover = (
            partial(_coverage, session, work.team) if (session.settings.state / LAKE / "manifest.db").exists() else None
        )
        done = reconcile(work, read, loaded.rules, cover, enforce=enforce)
        sentences = {row.id: (row.severity, work.case(row.id)[1].sentence) for row in work.store.cases.all()}
    if done.plan is not None:
        show_plan(session, done.plan)
    failed = [outcome for outcome in done.outcomes if outcome.state is not State.DONE]
    if done.outcomes:
        session.out.line(f"applied {len(done.outcomes) - len(failed)} of {len(done.outcomes)} changes")
    for name, ids in (("raised", done.raised), ("amended", done.amended), ("escalated", done.escalated)):
        for case_id in ids:
            severity, sentence = sentences[case_id]
            session.out.line(f"{name} {case_id} [{severity}] {sentence}", style=STYLES.get(severity, ""))
    for words in done.audit.assumed if done.audit is not None else ():
        session.out.line(words)
    session.out.answer(run_view(done), [*done.problems, *problems])
    if failed or done.plan is None or done.plan.problems or (source is not None and done.audit is None):
        return 1
    return CHANGES if detailed_exitcode and (done.plan.changes or done.raised) else 0


def _coverage(session: Session, team: Team) -> Coverage:
    """Tell what the lake of the state has nothing of lately though it should."""
    with opened(session, None) as lake:
        return coverage_of(lake, Interval(session.at - LATELY, session.at), session.at, team)


def _refreshed(session: Session) -> list[Problem]:
    """Fetch the outside schedules of the team; what fails or waits is said, and the last good copies stay in force."""
    team = read_team(session.settings.team)
    if not sources(team):
        return []
    with session.store() as store:
        secrets = read_variables(source.feed.secret for source in sources(team))
        reports = refresh(team, store, fetch, session.at, secrets, session.settings.actor)
    return [problem for report in reports for problem in (*report.needs(), *report.problems)]


def run_view(done: Reconciled) -> RunView:
    """Turn what a pass did into plain facts."""
    return RunView(
        plan_view(done.plan) if done.plan else None,
        [outcome_view(outcome) for outcome in done.outcomes],
        tally_view(done.audit.tally) if done.audit else None,
        list(done.raised),
        list(done.amended),
        list(done.escalated),
    )


COMMANDS = (run,)
