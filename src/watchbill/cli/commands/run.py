"""`run`: one pass of everything that happens without a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from watchbill.access.model import State
from watchbill.cli.commands.access import OutcomeView, PlanView, outcome_view, plan_view, show_plan
from watchbill.cli.commands.cases import STYLES
from watchbill.cli.commands.coverage import LATELY
from watchbill.cli.commands.lake import LAKE, opened
from watchbill.cli.commands.trail import load_rules
from watchbill.cli.session import CHANGES, Session, command
from watchbill.detect.sigma import LoadedRules
from watchbill.errors import Problem
from watchbill.feeds.fetch import fetch
from watchbill.files.team_file import read_team
from watchbill.intervals import Interval
from watchbill.lake.ingest import Ingested
from watchbill.schedule.copies import sources
from watchbill.service.casework import Casework
from watchbill.service.feeds import refresh
from watchbill.service.lake import Library, coverage_of, take_in
from watchbill.service.reconcile import Reconciled, Watched, reconcile
from watchbill.settings import read_variables
from watchbill.trail.coverage import Coverage


@dataclass(frozen=True, slots=True)
class TakenView:
    """What of the trail was new. `records == events + duplicates + unreadable_records`."""

    objects: int
    records: int
    events: int
    duplicates: int
    unreadable_records: int
    unreadable_objects: int


@dataclass(frozen=True, slots=True)
class RunView:
    """What a pass did. `plan` and `taken` are null where AWS or the trail could not be read, or there was none."""

    plan: PlanView | None
    outcomes: list[OutcomeView]
    taken: TakenView | None
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
    with session.casework() as work, _watched(session, work, source, loaded) as watched:
        done = reconcile(work, watched, enforce=enforce)
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
    for words in done.assumed:
        session.out.line(words)
    session.out.answer(run_view(done), [*done.problems, *problems])
    if failed or done.plan is None or done.plan.problems or (source is not None and done.ingested is None):
        return 1
    return CHANGES if detailed_exitcode and (done.plan.changes or done.raised) else 0


@contextmanager
def _watched(session: Session, work: Casework, source: str | None, rules: LoadedRules) -> Iterator[Watched | None]:
    """Give the trail of a pass: the lake of the state, with what is new at the source; None where there is neither."""
    if source is None and not (session.settings.state / LAKE / "manifest.db").exists():
        yield None
        return
    with opened(session, None, made=True) as lake, session.out.progress() as progress:
        task = progress.add_task("taking in", total=None)

        def take_all(library: Library) -> Ingested:
            if source is None:
                return Ingested()
            offered = session.app().deliveries(source)
            return take_in(
                lake,
                offered.deliveries,
                library,
                work.at,
                progress=lambda done, total: progress.update(task, completed=done, total=total or None),
            )

        def cover() -> Coverage:
            return coverage_of(lake, Interval(work.at - LATELY, work.at), work.at, work.team)

        yield Watched(lake, take_all, rules, cover)


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
        _taken(done.ingested) if done.ingested else None,
        list(done.raised),
        list(done.amended),
        list(done.escalated),
    )


def _taken(done: Ingested) -> TakenView:
    return TakenView(
        done.objects, done.records, done.events, done.duplicates, done.unreadable_records, done.unreadable_objects
    )


COMMANDS = (run,)
