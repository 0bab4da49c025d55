"""`trail ingest`, `timeline`, `sql`, `export`, `record`, `seal`: the trail kept for good, and asked again and again."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import rich_click as click
from rich.cells import cell_len

from watchbill.access.history import declared
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.files.trail_folder import TRAIL_SUFFIXES
from watchbill.inert import inert
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.lake.delivery import Delivery
from watchbill.lake.export import FORMS
from watchbill.lake.export import export as export_events
from watchbill.lake.ingest import Ingested
from watchbill.lake.place import Lake
from watchbill.lake.queries import (
    LAST,
    timeline_of_address,
    timeline_of_host_user,
    timeline_of_key,
    timeline_of_person,
)
from watchbill.lake.raw import keep_raw
from watchbill.lake.seal import seal as seal_days
from watchbill.lake.sql import Limits, run
from watchbill.service.history import history_of
from watchbill.service.lake import KNOWN_FOR, Library, rename_all, take_in, take_in_told, unread
from watchbill.service.questions import ask, files_of, raw_records
from watchbill.trail.forms import Hosts
from watchbill.trail.table import instant


LAKE = "lake"
"""Where the lake lies in the state folder."""

WAIT = 60
"""Seconds for which whoever would change a lake waits for their turn."""

_LONGEST = 36_500
"""Days: a hundred years."""

_TIMELINE = ("when", "who", "known by", "what", "where", "outcome", "from")

_QUEUE = re.compile(r"https?://[^/\s]+(/[^/\s]+)+", re.ASCII)
_NO_QUEUE = ("NonExistentQueue", "QueueDoesNotExist")
"""How SQS says that there is none: by its query protocol, and by JSON."""

_DAYS = "Only from this day or instant on (UTC unless it has a zone)."
_UNTIL = "Only up to this day or instant, which is not included."


@dataclass(frozen=True, slots=True)
class IngestView:
    """What was taken in. `records == events + duplicates + unreadable_records`."""

    objects: int
    """Objects that were read in this run."""
    records: int
    events: int
    """New events."""
    duplicates: int
    unreadable_objects: int
    unreadable_records: int
    renamed_files: int
    """Files of the table that were written anew because it came out who somebody was."""
    sealed_files: int
    dropped_files: int
    passed_over: int
    """Objects that are no log by their name."""
    in_the_lake: int
    """Events that the lake has in all."""


@dataclass(frozen=True, slots=True)
class LakeEvent:
    """One event of the lake."""

    at: str
    account: str | None
    region: str | None
    host: str | None
    source: str | None
    name: str | None
    outcome: str | None
    error_code: str | None
    ip: str | None
    person: str | None
    method: str | None
    confidence: str | None
    principal: str | None
    access_key: str | None
    id: str
    object: str | None
    record: int | None


@dataclass(frozen=True, slots=True)
class SqlView:
    """What a query gave."""

    columns: list[str]
    rows: list[list[Any]]
    cut: bool
    """Whether there were more rows."""


@dataclass(frozen=True, slots=True)
class ExportView:
    """What was written."""

    file: str
    form: str
    events: int


@dataclass(frozen=True, slots=True)
class RawView:
    """A record as it was delivered."""

    id: str
    account: str | None
    object: str
    record: int
    raw: str
    """Its bytes, those that are no UTF-8 written as escapes."""
    unchanged: bool
    """Whether the object is the one that was taken in, to the byte."""
    kept: bool
    """Whether the object is gone, and these are the bytes that the lake keeps."""


@dataclass(frozen=True, slots=True)
class KeptView:
    """Whether the lake keeps the bytes of records."""

    kept: bool


def lake_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--lake`."""
    where = click.Path(path_type=Path, file_okay=False)
    return click.option("--lake", "folder", type=where, help="Folder of the lake [default: `lake` in --state].")(
        function
    )


def keep_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--keep`."""
    text = "Drop events older than this from the lake; what they were delivered in stays."
    return click.option("--keep", type=click.IntRange(1, _LONGEST), metavar="DAYS", help=text)(function)


def span_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--from` and `--to`."""
    function = click.option("--to", "end", metavar="WHEN", help=_UNTIL)(function)
    return click.option("--from", "start", metavar="WHEN", help=_DAYS)(function)


@contextmanager
def opened(session: Session, folder: Path | None, *, made: bool = False) -> Iterator[Lake]:
    """Open the lake of a session; one that is not there is an error unless it is `made`."""
    place = folder or session.settings.state / LAKE
    if not made and not (place / "manifest.db").exists():
        raise NotFoundError(f"there is no lake in {place}", "make one with `watchbill trail ingest SOURCE`")
    lake = Lake(place, wait=WAIT)
    try:
        yield lake
    finally:
        lake.close()


def checked_source(source: str) -> None:
    """Refuse `s3://` that names no bucket: what AWS says of that tells nobody where to look."""
    if source.startswith("s3://") and not source.removeprefix("s3://").partition("/")[0]:
        raise click.UsageError(f"`{source}` names no bucket: write s3://bucket/prefix")


def checked_queue(url: str) -> None:
    """Refuse what is no address of a queue of SQS."""
    if _QUEUE.fullmatch(url) is None:
        raise click.UsageError(
            f"`{url}` is no address of a queue: write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, "
            "as `aws sqs get-queue-url --queue-name NAME` gives it"
        )


def no_queue(url: str, error: ProviderError) -> ProviderError | NotFoundError:
    """Give the error for a person where a queue is not there; any other one stays what it is."""
    if not any(code in str(error) for code in _NO_QUEUE):
        return error
    hint = "see its address with `aws sqs get-queue-url --queue-name NAME`, its region, and whose credentials these are"
    return NotFoundError(f"there is no queue {url}", hint)


def outside(session: Session, source: str, offered: Sequence[Delivery]) -> Sequence[Delivery]:
    """Give what a folder has besides watchbill's own state, which may lie in it; all, where it lies in the state."""
    own = session.settings.state.resolve()
    if source.startswith("s3://") or Path(source).resolve().is_relative_to(own):
        return offered
    return [each for each in offered if not each.name.startswith(f"{own}/")]


def span_of(start: str | None, end: str | None, at: datetime) -> Interval | None:
    """Read a span; None where neither end is given. A span that is open ends now, or begins with CloudTrail itself."""
    if start is None and end is None:
        return None
    first = datetime(2013, 1, 1, tzinfo=UTC) if start is None else _instant(start, "--from")
    last = at if end is None else _instant(end, "--to")
    if last <= first:
        raise click.UsageError("--to must be after --from")
    return Interval(first, last)


def _instant(text: str, option: str) -> datetime:
    try:
        # A day alone is its beginning in UTC.
        return parse_instant(f"{text}T00:00:00Z" if len(text) == len("2026-01-12") else text)
    except ValueError as error:
        message = f"`{text}` is no day and no instant; write 2026-01-12, or 2026-01-12T18:00:00Z"
        raise click.BadParameter(message, param_hint=option) from error


@command("trail ingest", team=True, state=True)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@lake_option
@span_options
@keep_option
@click.option(
    "--hosts",
    "zone",
    metavar="ZONE",
    help="These are logs of hosts; lines without a zone are of this one, such as UTC.",
)
@click.option("--host", metavar="NAME", help="Whose logs they are, where their lines do not say.")
def ingest(
    session: Session,
    sources: tuple[str, ...],
    folder: Path | None,
    start: str | None,
    end: str | None,
    keep: int | None,
    zone: str | None,
    host: str | None,
) -> int:
    """Take logs into the lake from folders, files or s3://bucket/prefix. Each event once.

    CloudTrail's files and exports of Okta, Entra and Google are told apart by themselves; logs of hosts are syslog,
    journald, auditd or laurel. What was read is not read again, so that the same command may run every few minutes,
    stop at any point, and go on. What cannot be read is named and left out; it is read when it is mended. Days that are
    over are put together and published as an Iceberg table.
    """
    span = span_of(start, end, session.at)
    if host is not None and zone is None:
        raise click.UsageError("--host is for logs of hosts: say --hosts ZONE too, such as --hosts UTC")
    hosts = None if zone is None else Hosts(session.at, host, _zone(zone))
    app = session.app()
    # Listed before the lake is opened: a source that is not there makes no lake.
    offered: list[Delivery] = []
    passed_over = 0
    for source in sources:
        checked_source(source)
        listed = app.deliveries(source, span, hosts=hosts is not None)
        if not listed.deliveries:
            hint = (
                f"name files that end in {', '.join(TRAIL_SUFFIXES)}; for logs of hosts say --hosts ZONE, such as UTC"
            )
            raise NotFoundError(f"{source} is no log of a trail by its name", hint)
        offered += outside(session, source, listed.deliveries)
        passed_over += listed.passed_over
    with opened(session, folder, made=True) as lake:
        with _progress(session, "taking in") as tick:
            done = take_in(lake, offered, _library(session), session.at, hosts=hosts, progress=tick)
        return _said(session, lake, done, keep, passed_over)


@command("trail follow", team=True, state=True)
@click.argument("url")
@lake_option
@keep_option
@click.option("--wait", type=click.IntRange(0, 20), default=5, help="Seconds to wait for a message [default: 5].")
def follow(session: Session, url: str, folder: Path | None, keep: int | None, wait: int) -> int:
    """Take in what the queue of SQS at URL tells of, until it tells of nothing more.

    It may tell of new objects in S3, or bring events itself by EventBridge. A message is deleted when what it told of
    is in the lake. A queue may forget: run `watchbill trail ingest` over the last days now and then as the proof.
    """
    checked_queue(url)
    app = session.app()
    with opened(session, folder, made=True) as lake:
        with _progress(session, "taking in") as tick:
            queue = app.queue(url)
            try:
                done = take_in_told(app, lake, queue, _library(session), session.at, wait=wait, progress=tick)
            except ProviderError as error:
                raise no_queue(url, error) from error
        return _said(session, lake, done, keep)


@command("trail rename", team=True, state=True)
@lake_option
def rename(session: Session, folder: Path | None) -> int:
    """Name everyone in the lake anew, by the team file as it is now: whoever it did not name before may be named.

    Who was named stays named, also after they left the team.
    """
    with opened(session, folder) as lake:
        with _progress(session, "naming anew") as tick:
            done = rename_all(lake, _library(session), tick)
        session.out.line(f"{done.renamed} files of the lake written anew")
        return _said(session, lake, done, None)


def _said(session: Session, lake: Lake, done: Ingested, keep: int | None, passed_over: int = 0) -> int:
    """Seal the days that are over, and say what was done."""
    with _progress(session, "sealing") as tick:
        sealed = seal_days(lake, session.at, keep=None if keep is None else timedelta(days=keep), progress=tick)
    rows = sum(part.rows for part in lake.manifest.parts())
    found = IngestView(
        done.objects,
        done.records,
        done.events,
        done.duplicates,
        done.unreadable_objects,
        done.unreadable_records,
        done.renamed,
        sealed.out_of,
        sealed.dropped,
        passed_over,
        rows,
    )
    out = session.out
    out.line(
        f"{found.objects} objects: {found.records} records, {found.events} new events, {found.duplicates} duplicates, "
        f"{found.unreadable_records} unreadable records, {found.unreadable_objects} unreadable objects"
        + (f"; {found.passed_over} passed over, which are no logs by their name" if found.passed_over else "")
    )
    out.line(f"the lake has {found.in_the_lake} events")
    out.answer(found, done.problems)
    return 0


@contextmanager
def _progress(session: Session, what: str) -> Iterator[Callable[[int, int], None]]:
    with session.out.progress() as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


@command("trail timeline", state=True)
@click.argument("who")
@lake_option
@span_options
@click.option("--last", type=click.IntRange(min=1), default=LAST, help=f"How many events at most [default: {LAST}].")
@click.option("--on", "host", metavar="HOST", help="WHO is a user of this host; * is every host.")
def timeline(
    session: Session, who: str, folder: Path | None, start: str | None, end: str | None, last: int, host: str | None
) -> int:
    """Show the last events of WHO: a person, an address, an access key, or with --on a user of a host."""
    if not who.strip():
        raise click.UsageError("WHO is empty: name a person, an address or an access key")
    span = span_of(start, end, session.at)
    if host is not None:
        query = timeline_of_host_user(who, None if host == "*" else host, span, last)
    elif _is_address(who):
        query = timeline_of_address(who, span, last)
    elif who.startswith(("AKIA", "ASIA")):
        query = timeline_of_key(who, span, last)
    else:
        query = timeline_of_person(who, span, last)
    with opened(session, folder) as lake:
        found = [_event(row) for row in ask(lake, query, span)]
        problems = unread(lake)
    out = session.out
    lines = [_line(each) for each in reversed(found)]
    if not lines:
        out.line(f"no event of {who} in the lake")
    elif _fits(out, _TIMELINE, lines):
        out.table(_TIMELINE, lines)
    else:
        for when, by, known, what, where, outcome, address in lines:
            out.line(f"{when}  {by}  {what}  {outcome}")
            out.line("    " + ", ".join(filter(None, (known, where, f"from {address}" if address else ""))))
    if len(lines) == last:
        out.line(f"these are the last {last}, and there may be earlier ones; --last shows more")
    out.answer(found, problems)
    return 0


@command("trail sql", state=True)
@click.argument("query")
@lake_option
@click.option("--rows", type=click.IntRange(min=1), default=1000, help="How many rows at most [default: 1000].")
@click.option("--seconds", type=click.IntRange(min=1), default=60, help="How long it may take [default: 60].")
def sql(session: Session, query: str, folder: Path | None, rows: int, seconds: int) -> int:
    """Ask one SELECT of your own over the table `events`. It can read the lake, and nothing else.

    Columns are described in docs/lake.md; `SELECT * FROM events LIMIT 1` shows them.
    """
    with opened(session, folder) as lake:
        answer = run(files_of(lake), query, Limits(rows=rows, time=timedelta(seconds=seconds)))
        problems = unread(lake)
    names = answer.table.column_names
    found = [[_plain(row[place]) for place in range(len(names))] for row in _rows(answer.table)]
    out = session.out
    laid_out(out, names, [["" if cell is None else str(cell) for cell in row] for row in found])
    if answer.cut:
        out.line(f"... and more: only {rows} rows are shown; --rows shows more")
    out.answer(SqlView(list(names), found, answer.cut), problems)
    return 0


@command("trail export", state=True)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@lake_option
@span_options
@click.option("--person", help="Only events of this person.")
@click.option("--form", type=click.Choice(FORMS), help="How it is written [default: by the ending of FILE].")
def export(
    session: Session,
    file: Path,
    folder: Path | None,
    start: str | None,
    end: str | None,
    person: str | None,
    form: str | None,
) -> int:
    """Write events of the lake to FILE: columns as Parquet or CSV, or records as lines of JSON with who it was."""
    span = span_of(start, end, session.at)
    chosen = form or next((each for each in FORMS if file.name.endswith(f".{each}")), None)
    if chosen is None:
        raise click.UsageError(f"say --form: {', '.join(FORMS)}; or give FILE such an ending")
    with opened(session, folder) as lake:
        count = export_events(files_of(lake, span), file, chosen, span, person)
        problems = unread(lake)
    session.out.line(f"{count} events in {file}")
    session.out.answer(ExportView(str(file), chosen, count), problems)
    return 0


@command("trail record", state=True)
@click.argument("event_id")
@lake_option
def record(session: Session, event_id: str, folder: Path | None) -> int:
    """Show the record of an event byte for byte, fetched again from the object it was delivered in.

    Exits with 1 where an object is no longer what was taken in.
    """
    with opened(session, folder) as lake:
        found = [
            RawView(
                event_id,
                each.account,
                each.object,
                each.record,
                each.raw.decode("utf-8", "backslashreplace"),
                each.unchanged,
                each.kept,
            )
            for each in raw_records(session.app(), lake, event_id)
        ]
    for each in found:
        state = "as it was taken in" if each.unchanged else "NOT as it was taken in: the object has changed"
        state = "gone: these are the bytes that the lake keeps" if each.kept else state
        session.out.line(f"{each.object}, record {each.record}, {state}")
        session.out.line(each.raw)
    session.out.answer(found)
    return 0 if all(each.unchanged for each in found) else 1


@command("trail raw", state=True)
@click.argument("kept", type=click.Choice(["on", "off"]))
@lake_option
def raw(session: Session, kept: str, folder: Path | None) -> int:
    """Keep the bytes of each record in the lake from now on, or no more; for when the objects will not stay.

    Without it the record of an event is fetched again from its object. With it the lake is about twice as large.
    """
    with opened(session, folder, made=True) as lake:
        keep_raw(lake, kept=kept == "on")
    session.out.line(f"from now on the lake {'keeps' if kept == 'on' else 'does not keep'} the bytes of records")
    session.out.answer(KeptView(kept == "on"))
    return 0


def _library(session: Session) -> Library:
    team = session.team_if_any()
    if team is None:
        return Library(None, None)
    within = Interval(session.at - KNOWN_FOR, session.at + timedelta(days=1))
    if not (session.settings.state / "state.db").exists():
        return Library(team, declared((), team, within, ()))
    with session.casework() as work:
        return Library(team, history_of(work, within))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise RefusedError(f"there is no time zone `{name}`", "name one such as Europe/London") from error


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _event(row: Any) -> LakeEvent:
    return msgspec.convert({**row, "at": iso(instant(row["time_ms"]))}, LakeEvent)


def _line(event: LakeEvent) -> Sequence[str]:
    where = event.host or " ".join(filter(None, (event.account, event.region)))
    known = f"{event.method} ({event.confidence})" if event.person else ""
    outcome = " ".join(filter(None, (event.outcome, event.error_code)))
    who = event.person or event.principal or "unknown"
    return event.at, who, known, f"{event.source or ''} {event.name or ''}", where, outcome, event.ip or ""


def laid_out(out: Output, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table where it fits; else each row by itself, a line for each column, so that nothing is cut."""
    if _fits(out, columns, rows):
        out.table(columns, rows)
        return
    wide = max(map(len, columns))
    for number, row in enumerate(rows):
        if number:
            out.line()
        for column, cell in zip(columns, row, strict=True):
            out.line(f"{column:<{wide}}  {cell}".rstrip())


def _fits(out: Output, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a table is no wider than where it is shown, with two blanks between columns."""
    widths = (max(cell_len(inert(cell)) for cell in column) for column in zip(columns, *rows, strict=True))
    return sum(widths) + 2 * (len(columns) - 1) <= out.out.width


def _rows(table: Any) -> Iterator[list[Any]]:
    columns = [column.to_pylist() for column in table.columns]
    return (list(row) for row in zip(*columns, strict=True))


def _plain(value: Any) -> Any:
    """Give a value that JSON has a word for."""
    return value if isinstance(value, str | int | float | bool | None) else str(value)


COMMANDS = (ingest, follow, rename, timeline, sql, export, record, raw)
