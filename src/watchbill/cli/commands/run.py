"""`run`: everything that happens without a person, in one pass, or in pass after pass."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
import rich_click as click

from watchbill.access.model import State
from watchbill.cli.commands.access import show_plan
from watchbill.cli.commands.cases import STYLES
from watchbill.cli.commands.passes import Passed, Standing, Stop, Told, one_pass, pass_options, seconds_of, told_by
from watchbill.cli.commands.trail import show_suppressed
from watchbill.cli.output import Envelope, Output, ProblemView, schema_of
from watchbill.cli.people import FRESH
from watchbill.cli.session import CHANGES, Session, clock_of, command, instance_name
from watchbill.clock import SystemClock
from watchbill.errors import Problem, WatchbillError
from watchbill.inert import inert_json
from watchbill.intervals import iso
from watchbill.lake.ingest import Ingested
from watchbill.service.lead import Lead, led
from watchbill.service.plan_view import OutcomeView, PlanView, outcome_view, plan_view
from watchbill.service.reconcile import Reconciled


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
    proposal: str | None
    """The plan that waits for a lead, or was applied as one approved it."""
    host_proposal: str | None
    """That of what is written on hosts."""


@command("run", team=True, state=True)
@pass_options
@click.option(
    "--every", metavar="TIME", help="Pass after pass until stopped, one begun every TIME, such as 10s, 5m or 1h."
)
@click.option("--once", is_flag=True, help="One pass, which is what it makes without --every.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when the plan has changes or a case was raised.")
def run(session: Session, every: str | None, *, once: bool, detailed_exitcode: bool, **given: Any) -> int:
    """Make one pass: fetch outside schedules, bring AWS in step, read the trail, raise cases, tell people.

    What of AWS it changes by itself is for the modes and the approval of the team file to say: what waits for a lead is
    under `watchbill plans`.

    Level-triggered, so that cron, a timer or a pipeline may call it as often as you like: a pass that finds nothing
    new changes nothing, and a missed one heals in the next. What fails is said, and the rest is still done. Where the
    state has a lake, what is missing of it becomes a case too. With --findings, what AWS's own detectors found is read
    as well: each finding is evidence on a person's case, once, and again where it was updated.

    With --every it goes on until SIGTERM or SIGINT, which let the pass that is under way end. Each pass says what is
    new; under --json it is one object on a line. A bucket is listed by its last days, and whole once an hour; with
    --queue beside --trail it is listed once an hour alone.

    One alone acts on a state: while another `run` or `serve` does, this one waits for some seconds, and is refused.
    """
    if every is not None and detailed_exitcode:
        raise click.UsageError("--detailed-exitcode is of one pass: it says nothing with --every")
    if every is not None and once:
        raise click.UsageError("--once is one pass, and --every is pass after pass")
    pause = None if every is None else seconds_of(every)
    told = told_by(given, again=pause is not None, tells=True)
    standing = Standing()
    with session.store() as store, led(store, instance_name(), SystemClock()) as lead:
        if pause is not None:
            _again(session, told, standing, pause, lead)
            return 0
        passed = one_pass(replace(session, lease=lead.lease), told, standing)
    _say(session, passed, standing)
    done = passed.done
    failed = [outcome for outcome in done.outcomes if outcome.state is not State.DONE]
    if failed or done.plan is None or done.plan.problems or (told.reads and done.ingested is None):
        return 1
    return CHANGES if detailed_exitcode and (done.plan.changes or done.raised) else 0


def _again(first: Session, told: Told, standing: Standing, pause: int, lead: Lead) -> None:
    """Make pass after pass until somebody says to stop; each that fails is said, and the next is tried."""
    app, made = first.app(), first.at
    last: str | None = None
    with Stop() as stop:
        while not stop.asked:
            begun, lease = time.monotonic(), lead.lease
            if lease is None:
                # The state could not be reached for longer than a lease lasts, or another leads by now.
                stop.rest(begun + 1)
                continue
            at = clock_of(first.settings).now()
            if at - made >= FRESH:
                app, made = replace(first, _app=None).app(), at
            out = _Lines("run", at, as_json=first.out.as_json, colour=first.settings.colour)
            session = Session.current = Session(first.settings, out, at, app, lease)
            more = False
            try:
                passed = one_pass(session, told, standing)
            except WatchbillError as error:
                if standing.team is None:
                    # There was never a team file to go by: whoever started it is to see that at once.
                    raise
                if out.as_json or str(error) != last:
                    Session.report(error)
                last = str(error)
            else:
                last, more = None, passed.more
                _say(session, passed, standing)
            if not more:
                stop.rest(begun + pause)


class _Lines(Output):
    """Prints the answer of each pass as one line, at once."""

    def answer(self, result: Any, problems: Sequence[Problem] = ()) -> None:
        """Print the object for programs on one line; for people what `Output` prints."""
        if not self.as_json:
            super().answer(result, problems)
            return
        views = [ProblemView(p.code, p.message, p.file, p.line, p.col, p.event_id) for p in problems]
        envelope = Envelope(schema_of(self._command), iso(self.at), result, views)
        sys.stdout.write(inert_json(msgspec.json.encode(envelope).decode()) + "\n")
        sys.stdout.flush()


def _say(session: Session, passed: Passed, standing: Standing) -> None:
    """Say what a pass did; what the last one said already, and is still so, only to programs."""
    out, done, said = session.out, passed.done, standing.said
    plan = None if done.plan is None else replace(plan_view(done.plan), id="")
    new: list[Callable[[], None]] = []
    if done.plan is not None and plan not in said:
        made = done.plan
        new.append(lambda: show_plan(session, made))
    failed = [outcome for outcome in done.outcomes if outcome.state is not State.DONE]
    if done.outcomes:
        new.append(lambda: out.line(f"applied {len(done.outcomes) - len(failed)} of {len(done.outcomes)} changes"))
    for name, ids in (("raised", done.raised), ("amended", done.amended), ("escalated", done.escalated)):
        for case_id in ids:
            severity, sentence = passed.sentences[case_id]
            line, style = f"{name} {case_id} [{severity}] {sentence}", STYLES.get(severity, "")
            new.append(partial(out.line, line, style))
    new += [partial(show_suppressed, session, found.suppressed) for found in done.audits if found.suppressed]
    proposals = (each for each in (done.proposal, done.host_proposal) if each is not None)
    waits = [f"plan {each.id} is {each.state}: watchbill plans" for each in proposals]
    new += [partial(out.line, words) for words in waits if words not in said]
    assumed = [words for words in done.assumed if words not in said]
    new += [partial(out.line, words) for words in assumed]
    problems = [*done.problems, *passed.problems]
    fresh = problems if out.as_json else [problem for problem in problems if problem not in said]
    if isinstance(out, _Lines) and (new or fresh):
        out.line(iso(out.at))
    for show in new:
        show()
    out.answer(run_view(done), fresh)
    standing.said = [plan, *waits, *done.assumed, *problems]


def run_view(done: Reconciled) -> RunView:
    """Turn what a pass did into plain facts."""
    return RunView(
        plan_view(done.plan) if done.plan else None,
        [outcome_view(outcome) for outcome in done.outcomes],
        _taken(done.ingested) if done.ingested else None,
        list(done.raised),
        list(done.amended),
        list(done.escalated),
        None if done.proposal is None else done.proposal.id,
        None if done.host_proposal is None else done.host_proposal.id,
    )


def _taken(done: Ingested) -> TakenView:
    return TakenView(
        done.objects, done.records, done.events, done.duplicates, done.unreadable_records, done.unreadable_objects
    )


COMMANDS = (run,)
