"""`trail timeline`, `sql`, `export`, `record` and `raw`: what is asked of the lake's events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from rich.cells import cell_len

from watchbill.cli.commands.lake import lake_option, opened, span_of, span_options
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.inert import inert
from watchbill.intervals import Interval, iso
from watchbill.lake.export import FORMS
from watchbill.lake.export import export as export_events
from watchbill.lake.queries import (
    LAST,
    strangers,
    timeline_of_address,
    timeline_of_host_user,
    timeline_of_key,
    timeline_of_person,
    timeline_of_principal,
)
from watchbill.lake.raw import keep_raw
from watchbill.lake.sql import Limits, run
from watchbill.service.lake import unread
from watchbill.service.questions import ask, files_of, raw_records
from watchbill.trail.table import instant


_TIMELINE = ("when", "who", "known by", "what", "where", "outcome", "from")


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


@command("trail timeline", state=True)
@click.argument("who")
@lake_option
@span_options
@click.option("--last", type=click.IntRange(min=1), default=LAST, help=f"How many events at most [default: {LAST}].")
@click.option("--on", "host", metavar="HOST", help="WHO is a user of this host; * is every host.")
def timeline(
    session: Session, who: str, folder: Path | None, start: str | None, end: str | None, last: int, host: str | None
) -> int:
    """Show the last events of WHO: a person, an address, an access key, an ARN, or with --on a user of a host."""
    if not who.strip():
        raise click.UsageError("WHO is empty: name a person, an address, an access key or an ARN")
    span = span_of(start, end, session.at)
    query = _timeline_of(who, host, span, last)
    with opened(session, folder) as lake:
        found = [_event(row) for row in ask(lake, query, span)]
        alike = [] if found or host is not None else ask(lake, strangers(who, span), span)
        problems = unread(lake)
    out = session.out
    lines = [_line(each) for each in reversed(found)]
    if not lines:
        out.line(f"no event of {who} in the lake")
        for each in alike:
            arn = each["principal"]
            out.line(f"but of {arn}, who is nobody of the team file: watchbill trail timeline {arn}")
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


def _timeline_of(who: str, host: str | None, span: Interval | None, last: int) -> Any:
    if host is not None:
        return timeline_of_host_user(who, None if host == "*" else host, span, last)
    if _is_address(who):
        return timeline_of_address(who, span, last)
    if who.startswith("arn:"):
        return timeline_of_principal(who, span, last)
    if who.startswith(("AKIA", "ASIA")):
        return timeline_of_key(who, span, last)
    return timeline_of_person(who, span, last)


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


COMMANDS = (timeline, sql, export, record, raw)
