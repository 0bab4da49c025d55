"""`trail read`, `audit`: what was done, by whom, and whether it was theirs to do."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib import resources
from pathlib import Path

import rich_click as click

from watchbill.access.history import History, declared
from watchbill.access.trusts import Trusts
from watchbill.alerts.audit import Asked
from watchbill.alerts.export.reader import readable
from watchbill.alerts.model import Audit, Suppressed
from watchbill.alerts.noise import describe, staged_as, stale
from watchbill.alerts.plain import audit_view
from watchbill.alerts.view import AuditView, CaseView
from watchbill.cli.commands.lake import opened
from watchbill.cli.parts import PartedGroup
from watchbill.cli.session import CHANGES, Session, command
from watchbill.detect.sigma import LoadedRules, together
from watchbill.errors import Problem
from watchbill.files.report import write_text
from watchbill.files.rules_folder import read_rules
from watchbill.inert import inert
from watchbill.intervals import Interval, iso
from watchbill.judge.model import Step
from watchbill.service.as_read import judged_by
from watchbill.service.audit import audit_lake, audit_source
from watchbill.service.casework import Casework
from watchbill.service.history import history_of
from watchbill.service.lake import KNOWN_FOR, Library
from watchbill.service.reconcile import library_of, steps_of
from watchbill.team.model import Team
from watchbill.trail.attribute import attribute
from watchbill.trail.model import Reading
from watchbill.web.report import render


_DAY, _MOMENT = timedelta(days=1), timedelta(microseconds=1)

WORTH_A_LOOK = ("medium", "high", "critical")
"""Severities for which `--detailed-exitcode` says that there are findings."""


@dataclass(frozen=True, slots=True)
class TrailPerson:
    """One person in a trail."""

    person: str
    events: int
    methods: dict[str, int]


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file that could not be read as a trail."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoleSessions:
    """How many events of role sessions there are, and for how many of them it is known who took the role."""

    total: int
    attributed: int


@dataclass(frozen=True, slots=True)
class TrailView:
    """The account of a trail."""

    files: int
    records: int
    distinct: int
    duplicates: int
    unreadable: list[UnreadableFile]
    unreadable_records: int
    ignored_files: int
    first: str | None
    last: str | None
    people: list[TrailPerson]
    role_sessions: RoleSessions


def read_trail(session: Session, source: str) -> Reading:
    """Read a trail with progress on the terminal."""
    with session.out.progress() as progress:
        task = progress.add_task("reading the trail", total=None)
        return session.app().read_trail(
            source, lambda done, total: progress.update(task, completed=done, total=total or None)
        )


def load_rules(folders: Sequence[Path]) -> tuple[LoadedRules, tuple[Problem, ...]]:
    """Load watchbill's own rules and those of some folders, with everything that is wrong with them."""
    own = Path(str(resources.files("watchbill.rules")))
    loaded = together([read_rules(folder) for folder in (own, *folders)])
    return loaded, loaded.problems


trail_option = click.option(
    "--trail",
    "source",
    metavar="SOURCE",
    help="A folder, a file, or s3://bucket/prefix of logs [default: the lake in --state].",
)


findings_option = click.option(
    "--findings",
    type=click.Path(path_type=Path),
    help="A folder or file with findings of GuardDuty, Security Hub or Access Analyzer: evidence on a person's case.",
)


_PARTS = {
    "lake": ["ingest", "follow", "rename"],
    "events": ["timeline", "sql", "export", "record", "raw"],
    "coverage": ["coverage"],
    "lookup": ["lookup"],
    "verify": ["verify"],
    "hosts": ["hosts"],
}


@click.group("trail", cls=PartedGroup, parts=_PARTS)
def trail() -> None:
    """Look at a trail by itself: what is in it, what could not be read, who acts in it."""


@command("trail read", team=True)
@click.argument("source")
def read(session: Session, source: str) -> int:
    """Give the account of the trail at SOURCE: a folder, a file, or s3://bucket/prefix.

    Every record is accounted for: read, a duplicate of another, or unreadable and named.
    """
    reading = read_trail(session, source)
    team = session.team_if_any()
    attributed = attribute(reading.events, team, Trusts(reading.events))
    methods: dict[str, Counter[str]] = {}
    for each in attributed:
        if each.actor.person is not None:
            methods.setdefault(each.actor.person, Counter())[str(each.actor.method)] += 1
    sessions = [each for each in attributed if each.event.identity.type == "AssumedRole"]
    known = sum(1 for each in sessions if each.actor.traced)
    tally = reading.tally
    result = TrailView(
        tally.files,
        tally.records,
        tally.distinct,
        tally.duplicates,
        [UnreadableFile(p.file or "", p.message) for p in reading.problems if p.code == "unreadable-file"],
        tally.unreadable_records,
        tally.ignored_files,
        iso(reading.events[0].at) if reading.events else None,
        iso(reading.events[-1].at) if reading.events else None,
        [TrailPerson(person, sum(found.values()), dict(found)) for person, found in sorted(methods.items())],
        RoleSessions(len(sessions), known),
    )
    out = session.out
    out.line(_counts(result))
    for person in result.people:
        out.line(f"  {person.person}: {person.events} events, known by {', '.join(person.methods)}")
    out.line(f"role sessions: {known} of {len(sessions)} events traced to whoever took the role")
    out.answer(result, reading.problems)
    return 0


trail.add_command(read)


@command("audit", team=True, state=True)
@trail_option
@click.option(
    "--rules", type=click.Path(path_type=Path), multiple=True, help="A folder of Sigma rules; may be given again."
)
@findings_option
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write a report to this file.")
@click.option("--no-team", is_flag=True, help="Read no team file: nobody is judged, IAM users are taken for people.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is a case of medium severity or more.")
def audit(
    session: Session,
    source: str | None,
    rules: tuple[Path, ...],
    findings: Path | None,
    html: Path | None,
    *,
    no_team: bool,
    detailed_exitcode: bool,
) -> int:
    """Read real CloudTrail files, tie every event to a person or say why not, and judge each against the team file.

    Each event is judged by the file that was in force at its time, as watchbill's own state has it. Where nothing is
    recorded the file given now is assumed, and the audit says so. Without a team file nobody can be judged; the audit
    says so too, and still shows who acted and what is worth a look. Draft one with `watchbill init --from-trail`.
    """
    team = None if no_team else session.team_if_any()
    loaded = staged_as(load_rules(rules)[0], team.alerts.stages if team else ())
    problems = loaded.problems
    found = audited(session, source, team, loaded, findings)
    result = audit_view(found, team.name if team else None)
    sees = session.sees_insider()
    result = replace(result, cases=[readable(case, may_see_insider=sees(case)) for case in result.cases])
    old = stale(found.suppressed, session.at, found.start)
    said = [*(Problem("assumed", words) for words in found.assumed), *found.problems, *problems, *old]
    show_audit(session, result, found)
    if html is not None:
        write_text(html, render(result, session.at, said))
        session.out.line(f"report written to {html}")
    session.out.answer(result, said)
    worth = any(case.severity in WORTH_A_LOOK for case in result.cases)
    return CHANGES if detailed_exitcode and worth else 0


def audited(
    session: Session, source: str | None, team: Team | None, loaded: LoadedRules, findings: Path | None = None
) -> Audit:
    """Audit a source, or the lake of the state, by what the state has kept, where there is one; an audit makes none."""
    with session.out.progress() as progress, ExitStack() as stack:
        task = progress.add_task("reading the trail", total=None)
        known = kept(session, team, stack)
        asked = Asked(loaded, networks=session.networks(), steps=known.steps)
        if source is None:
            lake = stack.enter_context(opened(session, None))
            found = audit_lake(lake, known.library, team, known.history_of, asked, findings)
        else:
            found = audit_source(
                session.app(),
                source,
                known.library,
                team,
                known.history_of,
                asked,
                findings,
                lambda done, total: progress.update(task, completed=done, total=total or None),
            )
        if found.start is None or found.end is None:
            return found
        return replace(found, assumed=(*found.assumed, *known.judged_by(Interval(found.start, found.end + _MOMENT))))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the time of a trail."""

    library: Library
    history_of: Callable[[Interval], History | None]
    steps: Sequence[Step]
    judged_by: Callable[[Interval], Sequence[str]] = lambda _: ()
    """Says as of when what a span is judged by was read."""


def kept(session: Session, team: Team | None, stack: ExitStack) -> Kept:
    """Give what the state has kept; where there is none, what the team file given now says."""
    if team is None:
        return Kept(Library(None, None), lambda _: None, ())
    if not (session.settings.state / "state.db").exists():
        within = Interval(session.at - KNOWN_FOR, session.at + _DAY)
        return Kept(Library(team, declared((), team, within)), lambda span: declared((), team, span), ())
    store = stack.enter_context(session.store())
    work = Casework(session.app(), store, team, session.at, session.settings.actor)
    return Kept(library_of(work), partial(history_of, work), steps_of(work), partial(judged_by, store, team))


def show_audit(session: Session, result: AuditView, found: Audit) -> None:
    """Print an audit: the account, the people, who is nobody, the cases."""
    out, tally = session.out, result.tally
    out.line(
        f"{tally.records} records in {tally.files} files = {tally.distinct} events + {tally.duplicates} duplicates"
        f" + {tally.unreadable_records} unreadable; {tally.unreadable_files} files unreadable,"
        f" {tally.ignored_files} not a trail"
    )
    if result.team is None:
        out.line("no team file: nobody is judged (draft one with `watchbill init --from-trail`)", style="yellow")
    rows = [
        (
            person.person,
            str(person.events),
            ", ".join(f"{count} {right}" for right, count in person.by_right.items()),
            str(person.denied),
            ", ".join(person.methods),
        )
        for person in result.people
    ]
    out.table(("person", "events", "judged", "denied", "known by"), rows)
    others = sum(other.events for other in result.others)
    out.line(f"{sum(p.events for p in result.people)} events of people + {others} of nobody known = {tally.distinct}")
    kinds: Counter[str] = Counter()
    for other in result.others:
        kinds[other.why.split(":", 1)[0]] += other.events
    for kind, events in kinds.most_common():
        out.line(f"  {events} {kind}")
    if result.sigma:
        hits = sum(rule.hits for rule in result.sigma)
        out.line(
            f"{hits} hits of {len(result.sigma)} rules; those of staged ones are only shown on the events of a case"
        )
    show_suppressed(session, found.suppressed)
    show_cases(session, result.cases)


def show_suppressed(session: Session, suppressed: Sequence[Suppressed]) -> None:
    """Print what suppressions kept from making cases, a line each."""
    for each in suppressed:
        if each.events:
            of = each.suppression
            events = f"{each.events} events by {describe(of)}, until {of.until}"
            session.out.line(f"suppressed: {events}: {inert(of.reason)}", style="yellow")


def show_cases(session: Session, cases: Sequence[CaseView]) -> None:
    """Print cases, a line each."""
    if not cases:
        session.out.line("no cases", style="green")
    for case in cases:
        style = {"critical": "bold red", "high": "red", "medium": "yellow"}.get(case.severity, "")
        session.out.line(f"{case.id} [{case.severity}] {case.sentence}", style=style)
        session.out.line(f"    {case.why}; next: {case.question}")


def _counts(result: TrailView) -> str:
    return (
        f"{result.records} records in {result.files} files = {result.distinct} events + {result.duplicates} duplicates"
        f" + {result.unreadable_records} unreadable; {len(result.unreadable)} files unreadable,"
        f" {result.ignored_files} not a trail"
    )


COMMANDS = (trail, audit)
