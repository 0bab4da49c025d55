"""`trail ingest`, `follow` and `rename`: the trail, kept for good."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rich_click as click

from watchbill.access.history import declared
from watchbill.cli.session import Session, command
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.files.trail_folder import TRAIL_SUFFIXES
from watchbill.intervals import Interval, parse_instant
from watchbill.lake.delivery import Delivery
from watchbill.lake.ingest import Ingested
from watchbill.lake.place import Lake
from watchbill.lake.seal import seal as seal_days
from watchbill.service.history import history_of
from watchbill.service.lake import KNOWN_FOR, Library, rename_all, take_in, take_in_told
from watchbill.trail.forms import Hosts


LAKE = "lake"
"""Where the lake lies in the state folder."""

WAIT = 60
"""Seconds for which whoever would change a lake waits for their turn."""

_LONGEST = 36_500
"""Days: a hundred years."""

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


COMMANDS = (ingest, follow, rename)
