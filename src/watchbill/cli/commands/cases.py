"""`cases`, `case`, `ask`, `answer`, `confirm`, `verdict`: what happened, and who says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import rich_click as click

from watchbill.alerts.view import CaseView
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.files.report import write_text
from watchbill.intervals import iso
from watchbill.respond.model import Verdict
from watchbill.service import asking
from watchbill.service.casework import Casework
from watchbill.service.standing import (
    QuestionView,
    StandingCase,
    lengths,
    listed,
    question_of,
    standing_case,
    worst_first,
)
from watchbill.web.report import Standing, render_case


STYLES = {"critical": "bold red", "high": "red", "medium": "yellow"}

_PLACES = 5
_QUESTIONS = 4
_LEAST = 0.01
"""Stories that are less likely are left to --json and the report."""
_BAR = 20
"""Characters of a whole bar."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case in the list."""

    id: str
    status: str
    severity: str
    subject: str
    first: str
    sentence: str
    note: str


@dataclass(frozen=True, slots=True)
class AskView:
    """What was asked, and where the case stands after it."""

    question: QuestionView
    status: str
    note: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """A lead's conclusion."""

    case: str
    verdict: str
    reason: str


@command("cases", team=True, state=True)
@click.option("--all", "every", is_flag=True, help="Show the closed ones too.")
def cases(session: Session, *, every: bool) -> int:
    """List the cases, worst first. `watchbill run` finds them in the trail."""
    with session.store() as store:
        rows = worst_first(store.cases.all())
    shown = [row for row in rows if every or row.status != "closed"]
    sees = session.sees_insider()
    found = [listed(row, sees) for row in shown]
    lines = [CaseLine(e.id, e.status, e.severity, e.subject, e.first, e.sentence, e.note) for e in found]
    if shown:
        cells = [(line.id, line.status, line.severity, line.sentence) for line in lines]
        styles = [STYLES.get(line.severity, "") for line in lines]
        session.out.table(("case", "status", "severity", "what"), cells, styles)
    else:
        session.out.line("no open cases" if rows else "no cases", style="green")
    session.out.answer(lines)
    return 0


@command("case", team=True, state=True)
@click.argument("case_id")
@click.option("--all", "every", is_flag=True, help="Show the events that merely lie around it too.")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write it as one HTML file.")
def case(session: Session, case_id: str, *, every: bool, page: Path | None) -> int:
    """Show CASE_ID whole: what happened, how it was possible, the likely stories, the evidence, what was done and when.

    The story of an insider, and how a case was decided, are shown to `security_leads` of the team file alone. The HTML
    file works offline, loads nothing, and shows what whoever writes it may see.
    """
    with session.store() as store:
        found = standing_case(store, case_id, session.sees_insider())
    session.out.line(f"{found.status}" + (f": {found.note}" if found.note else ""))
    show_case(session.out, found.case, every=every)
    _show_steps(session.out, found)
    if page is not None:
        done = [(step.at, step.by, step.what) for step in found.steps]
        took = list(lengths(found.times))
        write_text(page, render_case(found.case, Standing(found.status, found.note), session.at, done, took))
        session.out.line(f"written to {page}")
    session.out.answer(found)
    return 0


@command("ask", team=True, state=True)
@click.argument("case_id")
def ask(session: Session, case_id: str) -> int:
    """Ask the person of CASE_ID whether it was them.

    `watchbill run` sends the question, by Slack or mail where the team file has set them up. Silence past the deadline
    tells a lead, and whoever can keep the watch where it was not theirs to do.
    """
    with session.casework() as work:
        asked = asking.ask(work, case_id)
        session.out.line(asked.text)
        session.out.line(f"asked {asked.person}; a lead is told if there is no answer by {iso(asked.deadline_at)}")
        _answer_asked(session, work, case_id)
    return 0


@command("answer", team=True, state=True)
@click.argument("case_id")
@click.argument("said", type=click.Choice(["yes", "no"]))
def answer(session: Session, case_id: str, said: str) -> int:
    """Answer the question about CASE_ID, as the person who was asked: WATCHBILL_ACTOR, else the login name.

    The first outcome stands; what is said later is kept and told to the leads. A "yes" takes a fresh sign-in, but for
    what is harmless in every way.
    """
    with session.casework() as work:
        answered = asking.answer(work, case_id, said)
        session.out.line(answered.words)
        session.out.line(f"{answered.status}: {answered.why}")
        _answer_asked(session, work, case_id)
    return 0


@command("confirm", team=True, state=True)
@click.argument("case_id")
@click.argument("said", type=click.Choice(["yes", "no"]))
def confirm(session: Session, case_id: str, said: str) -> int:
    """Say as the named peer what the person of CASE_ID told you, in person or by a voice that you know.

    Where a "yes" could as well be of whoever has taken the account over, the person who was asked signs in afresh with
    a security key, or a peer confirms; `watchbill case` names them.
    """
    with session.casework() as work:
        confirmed = asking.vouch(work, case_id, them=said == "yes")
        session.out.line(f"{confirmed.status}: {confirmed.why}")
        _answer_asked(session, work, case_id)
    return 0


def _answer_asked(session: Session, work: Casework, case_id: str) -> None:
    row, _ = work.case(case_id)
    found = work.store.questions.of(case_id)
    assert found is not None, "it was just asked or answered"
    session.out.answer(AskView(question_of(found), row.status, row.note))


@command("verdict", team=True, state=True)
@click.argument("case_id")
@click.argument("verdict", type=click.Choice([str(each) for each in Verdict]))
@click.option("--reason", required=True, help="Why, for whoever reads the ledger.")
def decide(session: Session, case_id: str, verdict: str, reason: str) -> int:
    """Close CASE_ID with a lead's conclusion and reason. Nobody decides a case about themselves."""
    with session.casework() as work:
        asking.decide(work, case_id, Verdict(verdict), reason)
    session.out.line(f"{case_id} is closed: {verdict}", style="green")
    session.out.answer(VerdictView(case_id, verdict, reason))
    return 0


def question_line(asked: QuestionView) -> str:
    """Say where a question stands, and who may still say something to it."""
    said = f"question to {asked.person}: {asked.stand}"
    if asked.stand in ("asked", "answered"):
        said += f", until {asked.deadline_at}"
    if asked.confirmed_by is not None:
        said += f"; confirmed by {asked.confirmed_by} at {asked.confirmed_at}"
    elif asked.peer is not None:
        said += f"; {asked.peer} may confirm it: watchbill confirm {asked.case} yes"
    return said


def _show_steps(out: Output, found: StandingCase) -> None:
    if found.question is not None:
        out.line(f"  {question_line(found.question)}")
    for step in found.steps:
        out.line(f"  {step.at} {step.by}: {step.what}")
    took = ", ".join(f"{name} {length}" for name, length in lengths(found.times))
    if took:
        out.line(f"  times: {took}")


def show_case(out: Output, case: CaseView, *, every: bool = False) -> None:
    """Print a case whole."""
    out.line(f"{case.id} [{case.severity}] {case.sentence}", style=STYLES.get(case.severity, ""))
    out.line(f"  how we know who: {case.how_known}")
    if case.shift is not None:
        span = f" ({case.shift.rota}, {case.shift.start} to {case.shift.end})" if case.shift.start else ""
        on_call = ", ".join(case.shift.on_call) or "nobody"
        out.line(f"  shift: {case.shift.watch}{span}; on call then: {on_call}")
    for opening in case.openings:
        event = f" (event {opening.event_id})" if opening.event_id else ""
        out.line(f"  how it was possible: {opening.what}{event}")
    for line in _surroundings(case):
        out.line(f"  {line}")
    _show_stories(out, case)
    for action in case.actions:
        out.line(f"  may be done: {action.kind} {action.target}: {action.why}")
    if case.account:
        out.line(f"  account: {case.account}" + (f"; undone by `{case.undo}`" if case.undo else ""))
    for effect in case.side_effects:
        out.line(f"  side effect of disabling it: {effect}")
    _show_evidence(out, case, every=every)


def _surroundings(case: CaseView) -> Iterator[str]:
    """Say where it came from, by which session, and whether the trail is whole there."""
    for whence in case.whence[:_PLACES]:
        whose = ", ".join(filter(None, (whence.operator or whence.network, whence.country)))
        device = f"; {whence.device}: {whence.device_was}" if whence.device else ""
        yield f"from {whence.ip} ({whose}): {whence.place} for them{device} ({_events(whence.events)})"
    for hop in case.session:
        yield f"session: {hop.at} {hop.what} (event {hop.event_id})"
    if case.telemetry:
        yield f"the trail around it: {case.telemetry}"


def _show_stories(out: Output, case: CaseView) -> None:
    out.line(f"  {case.why}; next: {case.question}")
    for story in case.hypotheses:
        if story.probability < _LEAST and story.story != case.leading:
            continue
        bar = "#" * round(story.probability * _BAR)
        addends = ", ".join(f"{a.family} {a.fact} {a.decibans:+d}" for a in story.addends)
        out.line(f"    {story.probability:4.2f} {bar:<{_BAR}} {story.story} ({addends or 'nothing speaks'})")
    for each in case.questions[1:_QUESTIONS]:
        out.line(f"  or look: {each.text} ({each.gain:.2f} bits)")


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"


def _show_evidence(out: Output, case: CaseView, *, every: bool) -> None:
    """Print the events, like ones that follow each other on one line, and why they matter once."""
    shown = [event for event in case.evidence if every or event.note]
    said = ""
    for (what, outcome, note), group in groupby(shown, key=lambda event: (event.what, event.outcome, event.note)):
        events = list(group)
        text = f"{events[0].at} {what}" + (f" {len(events)} times, until {events[-1].at}" if len(events) > 1 else "")
        rights = ", ".join(dict.fromkeys(event.right for event in events))
        places = ", ".join(dict.fromkeys(event.ip or "nowhere" for event in events))
        out.line(f"  {text}: {rights}; {outcome} by AWS; from {places} (event {events[0].event_id})")
        if note and note != said:
            out.line(f"      {note}")
            said = note
    if case.more:
        out.line(f"  and {case.more} more that count and are like these")
    if len(shown) < len(case.evidence):
        out.line(f"  and {len(case.evidence) - len(shown)} events around it; --all shows them")


COMMANDS = (cases, case, ask, answer, confirm, decide)
