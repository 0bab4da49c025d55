"""`trail hosts`: what the logs of hosts hold, who acts in them, and what could not be read."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rich_click as click

from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.errors import NotFoundError, Problem
from watchbill.intervals import iso
from watchbill.trail.attribute import attribute
from watchbill.trail.hosts.logins import attribute_hosts
from watchbill.trail.hosts.model import HostReading
from watchbill.trail.hosts.read import read_host_file
from watchbill.trail.model import Attributed
from watchbill.trail.read import combine


_UNREAD = ("unreadable-file", "damaged-gzip")
_OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""A file that claims to be older was given its time by some tool that packs files."""

_REASONS = 10
"""Reasons that people are shown; programs get them all."""


@dataclass(frozen=True, slots=True)
class HostPerson:
    """One person on hosts, and by which methods their events are known."""

    person: str
    events: int
    methods: dict[str, int]


@dataclass(frozen=True, slots=True)
class UnreadableHostFile:
    """A file that could not be read, or only in part."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class HostActions:
    """How often a program said one thing."""

    source: str
    name: str
    events: int


@dataclass(frozen=True, slots=True)
class HostSpan:
    """One host, and from when to when there are events of it."""

    host: str
    events: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class NobodyView:
    """Events that are nobody's, and why."""

    why: str
    events: int


@dataclass(frozen=True, slots=True)
class ProgramLines:
    """Lines of a program that says nothing of log-ins or commands."""

    program: str
    lines: int


@dataclass(frozen=True, slots=True)
class HostsView:
    """The account of the logs of hosts.

    `lines` are those of events, of `not_audited` and of `unreadable_lines`. A line that says that a message was
    repeated is several events, and the records of one auditd event are one: lines are no count of events.
    """

    files: int
    lines: int
    events: int
    duplicates: int
    unreadable_lines: int
    unreadable: list[UnreadableHostFile]
    not_audited: list[ProgramLines]
    hosts: list[HostSpan]
    actions: list[HostActions]
    people: list[HostPerson]
    nobody: list[NobodyView]
    assumed: list[str]


@command("trail hosts", team=True, state=True)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--zone", default="UTC", help="Time zone of lines that name none, such as Europe/London [default: UTC].")
@click.option("--host", help="The host whose files they are, where their lines name none.")
@click.option("--trail", "aws", help="CloudTrail of the same time, by which log-ins are tied to AWS.")
def hosts(session: Session, source: Path, zone: str, host: str | None, aws: str | None) -> int:
    """Give the account of the logs of hosts at SOURCE: a file, or a folder of them.

    Forms are found out: syslog (auth.log, secure), journald's JSON, auditd's records, laurel's JSON; gzip too. Every
    line is accounted for: of an event, of a program that is not audited, or unreadable and named. What lines do not
    say, the year or the zone, is assumed, and the answer says so.
    """
    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(f"no time zone `{zone}`", param_hint="--zone") from error
    readings, unopened = _read(session, source, host, where)
    together = combine(readings)
    team = session.team_if_any()
    cloud: tuple[Attributed, ...] = ()
    if aws is not None:
        cloud = attribute(session.app().read_trail(aws).events, team)
    found = attribute_hosts(together.events, team, cloud)
    problems = [*unopened, *together.problems]
    result = _account(readings, found, problems, together.tally.duplicates)
    _show(session.out, result)
    session.out.answer(result, [*(problem for each in readings for problem in each.assumed), *problems])
    return 0


def _read(session: Session, source: Path, host: str | None, zone: ZoneInfo) -> tuple[list[HostReading], list[Problem]]:
    """Read every file, in order of name; what cannot be opened is a problem of its own."""
    if not source.exists():
        raise NotFoundError(f"no host log at {source}", "name a file such as auth.log, or a folder of them")
    closed: list[OSError] = []
    own = session.settings.state.resolve()
    files = [source] if source.is_file() else sorted(_files(source, own, closed))
    if not files and not closed:
        raise NotFoundError(f"no file in {source}", "name a file such as auth.log, or a folder of them")
    readings = []
    unopened = [_unopened(Path(str(error.filename)), source, error) for error in closed]
    with session.out.progress() as progress:
        for file in progress.track(files, description="reading host logs"):
            try:
                if not file.is_file():
                    unopened.append(Problem("unreadable-file", "it is no plain file", _name(file, source)))
                    continue
                at = _written(file, session.at)
                readings.append(read_host_file(_name(file, source), file.read_bytes(), host=host, zone=zone, at=at))
            except OSError as error:
                unopened.append(_unopened(file, source, error))
    return readings, unopened


def _files(folder: Path, own: Path, closed: list[OSError]) -> Iterator[Path]:
    """Give every file under a folder, but none of watchbill's own state, which may lie there."""
    for parent, below, names in os.walk(folder, onerror=closed.append):
        below[:] = [name for name in below if (Path(parent) / name).resolve() != own]
        yield from (Path(parent) / name for name in names)


def _written(file: Path, now: datetime) -> datetime:
    """Tell when a file was last written, as far as that can be true."""
    written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return written if _OLDEST <= written <= now else now


def _name(file: Path, root: Path) -> str:
    """Name a file as people may read it, whatever bytes are in its name."""
    shown = (file.name or file) if file == root else file.relative_to(root)
    return os.fsencode(shown).decode("utf-8", "replace")


def _unopened(file: Path, root: Path, error: OSError) -> Problem:
    return Problem("unreadable-file", f"could not be opened: {error.strerror}", _name(file, root))


def _account(
    readings: Sequence[HostReading], found: Sequence[Attributed], problems: Sequence[Problem], duplicates: int
) -> HostsView:
    actions = Counter((each.event.source, each.event.name) for each in found)
    methods: dict[str, Counter[str]] = {}
    nobody: Counter[str] = Counter()
    spans: dict[str, list[datetime]] = {}
    for each in found:
        spans.setdefault(each.event.host or "", []).append(each.event.at)
        if each.actor.person is None:
            nobody[each.actor.why] += 1
        else:
            methods.setdefault(each.actor.person, Counter())[str(each.actor.method)] += 1
    programs: Counter[str] = Counter()
    for reading in readings:
        programs.update(reading.not_audited)
    return HostsView(
        sum(reading.readable for reading in readings),
        sum(reading.lines for reading in readings),
        len(found),
        duplicates,
        sum(reading.unreadable for reading in readings),
        [UnreadableHostFile(p.file or "", p.message) for p in problems if p.code in _UNREAD],
        [ProgramLines(program, lines) for program, lines in programs.most_common()],
        [HostSpan(host, len(times), iso(min(times)), iso(max(times))) for host, times in sorted(spans.items())],
        [HostActions(source, str(name), events) for (source, name), events in sorted(actions.items())],
        [HostPerson(person, sum(of.values()), dict(of)) for person, of in sorted(methods.items())],
        [NobodyView(why, events) for why, events in nobody.most_common()],
        [str(problem) for reading in readings for problem in reading.assumed],
    )


def _show(out: Output, result: HostsView) -> None:
    others = sum(each.lines for each in result.not_audited)
    out.line(
        f"{result.lines} lines in {result.files} files: {result.events} events + {result.duplicates} duplicates,"
        f" {others} lines not audited, {result.unreadable_lines} unreadable; {len(result.unreadable)} files unreadable"
    )
    for host in result.hosts:
        out.line(f"  {host.host or '(no host)'}: {host.events} events, {host.first} - {host.last}")
    rows = [(action.source, action.name, str(action.events)) for action in result.actions]
    if rows:
        out.table(("said by", "what", "events"), rows)
    for person in result.people:
        known = ", ".join(f"{events} by {method}" for method, events in person.methods.items())
        out.line(f"{person.person}: {person.events} events, {known}")
    for why in result.nobody[:_REASONS]:
        out.line(f"nobody known: {why.events} events, {why.why}")
    if len(result.nobody) > _REASONS:
        rest = sum(why.events for why in result.nobody[_REASONS:])
        out.line(f"nobody known: {rest} events for {len(result.nobody) - _REASONS} more reasons; --json has them all")


COMMANDS = (hosts,)
