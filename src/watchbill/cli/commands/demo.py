"""`demo`: the main job from end to end on a pretend AWS, told step by step."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from tempfile import mkdtemp

import rich_click as click

from watchbill.alerts.audit import Asked
from watchbill.alerts.stories import Story
from watchbill.alerts.view import CaseView
from watchbill.cli.commands.access import apply_shown, show_plan
from watchbill.cli.commands.cases import STYLES, show_case
from watchbill.cli.commands.containment import (
    FreezeView,
    RestoreView,
    frozen_view,
    restored_view,
    show_frozen,
    show_restored,
)
from watchbill.cli.commands.lake import LAKE
from watchbill.cli.commands.oncall import ShiftLine, shift_line, show_shifts
from watchbill.cli.commands.passes import Stop
from watchbill.cli.commands.report import with_standings
from watchbill.cli.commands.run import RunView, run_view
from watchbill.cli.commands.trail import load_rules
from watchbill.cli.session import Session, command
from watchbill.clock import SystemClock
from watchbill.demo.stage import START, NextCall, Stage
from watchbill.errors import WatchbillError
from watchbill.files.report import write_text
from watchbill.intervals import Interval, iso
from watchbill.lake.ingest import Ingested
from watchbill.lake.place import Lake
from watchbill.ledger.chain import verify
from watchbill.respond.model import Verdict
from watchbill.schedule.oncall import shifts
from watchbill.service import asking, containment
from watchbill.service.audit import audit_lake
from watchbill.service.casework import Casework
from watchbill.service.history import history_of
from watchbill.service.lake import Library, take_in
from watchbill.service.ledger_view import VerifyView
from watchbill.service.logs import libraries_heard, lines_of_json
from watchbill.service.plan_view import PlanView, plan_view, words_of
from watchbill.service.reconcile import Reconciled, Watched, library_of, reconcile, steps_of
from watchbill.service.standing import StandingCase, standing_case
from watchbill.sim.model import Story as Told
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import Store, open_store
from watchbill.team.files import parse
from watchbill.team.model import Team
from watchbill.web.report import render


_SHOWN_EFFECTS = 14
_MINUTE = timedelta(minutes=1)
_WORTH_ASKING = ("medium", "high", "critical")

_VERDICTS = {
    Story.FORGOTTEN_PASSWORD: Verdict.FORGOTTEN_PASSWORD,
    Story.BRUTE_FORCE: Verdict.BRUTE_FORCE,
    Story.MISTAKE: Verdict.MISTAKE,
    Story.APPROVED: Verdict.APPROVED,
    Story.HIJACK: Verdict.HIJACK,
    Story.INSIDER: Verdict.INSIDER,
}


@dataclass(frozen=True, slots=True)
class Pass:
    """One `run` of the demo, when its clock stood at `at`."""

    at: str
    run: RunView


@dataclass(frozen=True, slots=True)
class WeekView:
    """What the simulated week consists of."""

    start: str
    end: str
    files: int
    events: int


@dataclass(slots=True)
class DemoView:
    """Everything the demo did and found; `freeze` and `restore` are null where a week has no hijack."""

    team: str
    seed: int
    oncall: list[ShiftLine]
    plan: PlanView
    second_plan: PlanView
    week: WeekView
    ledger: VerifyView
    report: str
    passes: list[Pass] = field(default_factory=list)
    next_calls: list[NextCall] = field(default_factory=list)
    """The stranger's next call before the freeze, under it, and after the restore."""
    cases: list[StandingCase] = field(default_factory=list)
    freeze: FreezeView | None = None
    restore: RestoreView | None = None


@command("demo")
@click.option("--seed", type=int, default=0, help="Another week: other people, times, places [default: 0].")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("watchbill-report.html"),
    help="Where to write the report [default: watchbill-report.html].",
)
@click.option("--serve", is_flag=True, help="Serve pages to play the week on, in place of telling it.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8470, show_default=True, help="With --serve; 0 takes a free one."
)
def demo(session: Session, seed: int, output: Path, *, serve: bool, port: int) -> int:
    """Show the main job from end to end, on a pretend AWS on this machine. No account and no credentials are needed.

    A team of eight is put on a stand-in for AWS. Then a simulated week of CloudTrail passes, in which James changes
    production after his shift, Rick forgets his password, somebody sprays passwords, and a sign-in is stolen.

    With --serve the week is yours to play in a browser, to this machine alone: move its clock on, be a lead, or who is
    asked, or an auditor; ask, answer in their inbox, decide, freeze and restore. Ctrl-C ends it.
    """
    if serve:
        if session.out.as_json:
            raise click.UsageError("--serve is for people with a browser: it has no answer for programs")
        _serve(session, seed, port)
        return 0
    text = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
    team = parse(text, "watchbill.yaml")
    folder = Path(mkdtemp(prefix="watchbill-demo-"))
    with StandIn(seed) as stand_in, open_store(folder) as store, closing(Lake(folder / LAKE)) as lake:
        stage = Stage(stand_in.endpoint, team, seed)
        stage.begin()
        told = _Telling(session, stage, store, lake, team)
        result = told.tell(seed, output)
        session.out.at = stage.clock.now()
    session.out.err.print(f"look closer: watchbill cases --all --state {folder}")
    session.out.answer(result)
    return 0


def _serve(session: Session, seed: int, port: int) -> None:
    """Serve the demo until somebody says to stop."""
    try:
        # Imported here, since only who serves pages needs what `watchbill[web,slack]` installs.
        from watchbill.demo.serving import free_port, served  # noqa: PLC0415 - see above
    except ImportError as error:
        message = f"what serves the demo is not installed: {error.name or error} is missing"
        raise WatchbillError(message, "run `pip install 'watchbill[demo,slack,web]'`") from error
    out, port = session.out, free_port(port)
    folder = Path(mkdtemp(prefix="watchbill-demo-"))
    out.line("putting the team of eight on a pretend AWS ...")
    with ExitStack() as held:
        # Entered first: who stops it while it begins stops it, too.
        stop = held.enter_context(Stop())
        log = held.enter_context((folder / "log.jsonl").open("w", encoding="utf-8"))
        say = lines_of_json(log, "demo", SystemClock())
        held.enter_context(libraries_heard(say))
        found = held.enter_context(served(seed, port, folder, load_rules([])[0], say))
        out.line(f"the demo is at {found.base}, for this machine alone. Each link lets you in once:")
        for each in found.invitations:
            out.line(f"  {each.person}, {each.part}: {each.url}")
        out.line(f"its state, and a log, are in {folder}")
        out.line("Ctrl-C ends it")
        while not stop.asked:
            stop.rest(time.monotonic() + 60)
    out.line(f"ended; {folder} stays until you delete it")


def _whole(case: CaseView) -> bool:
    """Show a case as a security lead sees it: whoever watches the demo is one."""
    return True


class _Telling:
    """Tells the demo: every step goes through the functions that the commands of the same name call."""

    def __init__(self, session: Session, stage: Stage, store: Store, lake: Lake, team: Team) -> None:
        self._session, self._stage, self._store, self._lake, self._team = session, stage, store, lake, team
        self._out = session.out
        self._rules = load_rules([])[0]
        self._passes: list[Pass] = []
        self._next_calls: list[NextCall] = []
        self._freeze: FreezeView | None = None
        self._restore: RestoreView | None = None

    def tell(self, seed: int, output: Path) -> DemoView:
        """Tell it all, and give the same facts for programs."""
        on_call = self._show_team()
        first, effects, second = self._bring_in_step()
        week = self._show_week()
        for moment in self._stage.moments():
            if moment > self._stage.clock.now():
                self._stage.go_to(moment)
            for case_id in self._run().raised:
                self._work_on(case_id)
        return DemoView(
            self._team.name,
            seed,
            on_call,
            first,
            second,
            week,
            self._ledger(),
            self._report(output, effects),
            self._passes,
            self._next_calls,
            [self._standing(row.id) for row in self._store.cases.all()],
            self._freeze,
            self._restore,
        )

    def _as(self, actor: str) -> Casework:
        return Casework(self._stage.app, self._store, self._team, self._stage.clock.now(), actor)

    def _standing(self, case_id: str) -> StandingCase:
        return standing_case(self._store, case_id, _whole)

    def _heading(self, text: str) -> None:
        self._out.line()
        self._out.line(text, style="bold")

    def _show_team(self) -> list[ShiftLine]:
        team = self._team
        self._heading("The team file")
        self._out.line(f"{len(team.people)} people, groups {', '.join(team.groups)}; on call in the next two days:")
        within = Interval(START, START + timedelta(days=2))
        found = sorted(shift for rota in team.rotas.values() for shift in shifts(rota, within))
        show_shifts(self._out, found)
        return [shift_line(shift) for shift in found]

    def _bring_in_step(self) -> tuple[PlanView, list[str], PlanView]:
        self._heading("watchbill plan")
        work = self._as("watchbill")
        plan = work.plan()
        show_plan(self._session, plan, _SHOWN_EFFECTS)
        self._heading("watchbill apply, and plan again")
        apply_shown(self._session, work, plan)
        again = work.plan()
        show_plan(self._session, again)
        return plan_view(plan), [words_of(effect) for effect in plan.effects], plan_view(again)

    def _show_week(self) -> WeekView:
        self._stage.give_keys()
        week = self._stage.week
        events = sum(len(file.event_ids) for file in week.files)
        self._heading(f"A week of CloudTrail passes: {events} events, {len(week.files)} files in {self._stage.source}")
        last = max(file.delivered for file in week.files)
        return WeekView(iso(START), iso(last), len(week.files), events)

    def _run(self) -> Reconciled:
        at = self._stage.clock.now()
        self._heading(f"{at:%a %d %b %H:%M} UTC: watchbill run --trail {self._stage.source}")
        with self._out.progress() as progress:
            task = progress.add_task("reading the trail", total=None)

            def take_all(library: Library) -> Ingested:
                offered = self._stage.app.deliveries(self._stage.source)
                return take_in(
                    self._lake,
                    offered.deliveries,
                    library,
                    at,
                    progress=lambda count, total: progress.update(task, completed=count, total=total or None),
                )

            done = reconcile(self._as("watchbill"), Watched(self._lake, take_all, self._rules))
        self._passes.append(Pass(iso(at), run_view(done)))
        if done.plan is not None:
            text = f"{len(done.outcomes)} changes applied" if done.outcomes else "access is in step"
            self._out.line(f"{text}; {len(done.plan.drift)} drift")
            for drift in done.plan.drift:
                self._out.line(f"drift in {drift.account}: {drift.what}", style="yellow")
        self._out.line(f"raised {', '.join(done.raised)}" if done.raised else "nothing new")
        self._out.problems(done.problems)
        return done

    def _work_on(self, case_id: str) -> None:
        """Do what a team would do with a case: ask, wait for the answer, let a lead decide."""
        case = self._standing(case_id).case
        self._out.line()
        show_case(self._out, case)
        if case.person is None:
            self._decide_without_asking(case_id, case.leading)
        elif case.severity in _WORTH_ASKING or any(action.kind == "help" for action in case.actions):
            self._ask(case_id, case.person)

    def _decide_without_asking(self, case_id: str, leading: str | None) -> None:
        if leading is None:
            self._out.line("it stays open until a lead looks at it")
            return
        verdict = _VERDICTS[Story(leading)]
        asking.decide(self._as(self._lead(None)), case_id, verdict, "nobody got in; the network is blocked")
        self._out.line(f"{self._lead(None)} decides: {verdict}; nobody's account is touched", style="green")

    def _ask(self, case_id: str, person: str) -> None:
        asked = asking.ask(self._as("watchbill"), case_id)
        self._out.line(f"to {person}: {asked.text}")
        self._stage.go_to(self._stage.clock.now() + 3 * _MINUTE)
        answer = self._stage.answer(person)
        answered = asking.answer(self._as(person), case_id, answer)
        self._out.line(f"{person} answers {answer}: {answered.status}, {answered.why}")
        if answered.status != "closed":
            self._decide(case_id, person, answer)

    def _decide(self, case_id: str, person: str, answer: str) -> None:
        lead = self._lead(person)
        self._stage.go_to(self._stage.clock.now() + 2 * _MINUTE)
        if answer == "yes":
            reason = f"{person} finished a change after the shift; the standing policy goes"
            asking.decide(self._as(lead), case_id, Verdict.MISTAKE, reason)
            self._out.line(f"{lead} decides: {Verdict.MISTAKE}, {reason}", style="green")
            return
        hijack = self._stage.truth(Told.HIJACK)
        assert hijack is not None, "only who was hijacked says no"
        self._show_next_call("before", self._stage.next_call(hijack))
        self._freeze_and_restore(case_id, lead)

    def _freeze_and_restore(self, case_id: str, lead: str) -> None:
        hijack = self._stage.truth(Told.HIJACK)
        assert hijack is not None, "only who was hijacked says no"
        self._out.line(f"{lead}: watchbill freeze {case_id}", style="bold")
        work = self._as(lead)
        frozen = containment.freeze(work, containment.plan(work, case_id))
        show_frozen(self._out, frozen)
        self._freeze = frozen_view(frozen)
        self._show_next_call("frozen", self._stage.next_call(hijack))
        self._stage.go_to(self._stage.clock.now() + 40 * _MINUTE)
        self._out.line(f"{lead}, 40 minutes later: watchbill restore {case_id}", style="bold")
        restored = containment.restore(self._as(lead), case_id)
        show_restored(self._out, restored)
        self._restore = restored_view(restored)
        self._show_next_call("restored", self._stage.next_call(hijack))
        asking.decide(self._as(lead), case_id, Verdict.HIJACK, "the stolen key stays off; the password was changed")
        self._out.line(f"{lead} decides: {Verdict.HIJACK}", style="green")

    def _show_next_call(self, when: str, call: NextCall) -> None:
        self._next_calls.append(call)
        text = f"the stranger's next call ({when}): {call.call} is {call.decision}"
        text += f" by {', '.join(call.because)}" if call.because else ""
        self._out.line(f"{text}; their key is {'active' if call.key_active else 'off'}")

    def _lead(self, subject: str | None) -> str:
        return next(lead for lead in self._team.leads if lead != subject)

    def _ledger(self) -> VerifyView:
        found = verify(self._store.ledger.entries())
        self._heading("watchbill ledger verify")
        self._out.line(f"the ledger is {found.state}: {found.entries} entries")
        head = f"{found.head.number}:{found.head.digest}" if found.head else None
        return VerifyView(str(found.state), found.entries, head, found.why)

    def _report(self, output: Path, effects: Sequence[str]) -> str:
        work = self._as("watchbill")
        asked = Asked(self._rules, steps=steps_of(work))
        audited = audit_lake(self._lake, library_of(work), self._team, partial(history_of, work), asked)
        result, standings = with_standings(work, audited, _whole)
        drift = [found.what for found in work.plan().drift]
        write_text(output, render(result, self._stage.clock.now(), (), effects, standings, drift, work.team))
        self._heading("The cases")
        for case in result.cases:
            standing = standings[case.id]
            style = STYLES.get(case.severity, "")
            self._out.line(f"{case.id} [{case.severity}] {standing.status}: {case.sentence}", style=style)
        self._out.line(f"report written to {output}")
        return str(output)


COMMANDS = (demo,)
