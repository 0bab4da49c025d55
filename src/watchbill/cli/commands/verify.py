"""`trail verify`: whether the files of a trail are what CloudTrail delivered, by its digests."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import rich_click as click

from watchbill.aws.accounts import Accounts
from watchbill.aws.bucket import list_objects, read_object
from watchbill.aws.trail_keys import cloudtrail, list_keys, read_signed_object
from watchbill.cli.session import Session, command
from watchbill.errors import NotFoundError, Problem, WatchbillError
from watchbill.files.report import write_text
from watchbill.files.trail_folder import TRAIL_SUFFIXES
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.trail.digest import (
    DIGEST_DUE,
    KEYS_NAME,
    SIDECAR,
    Asked,
    Broken,
    Checked,
    Covered,
    Digest,
    Expected,
    Finding,
    Key,
    Kind,
    Report,
    Signed,
    Status,
    check,
    check_log,
    digest_end,
    read_digest,
    read_keys,
    read_sidecar,
    report,
    unread_log,
    write_keys,
)


T = TypeVar("T")
R = TypeVar("R")

_READERS = 8
"""Objects of S3 that are fetched side by side."""
_BATCH = 2000
"""Files that are handed to the readers at once."""
_WITNESSES = timedelta(hours=3)
"""How long after the end digests are read too: the next one repeats the signature of the last."""
_LARGEST = 1024**3
"""Bytes of the largest file that is read."""
_MOST = 20
"""Lines of a kind that people are shown."""
_YEARS = range(2013, 2100)

_STYLES = {Status.TAMPERED: "bold red", Status.MISSING: "red", Status.NOT_COVERED: "red"}


@dataclass(frozen=True, slots=True)
class SpanView:
    """A half-open span, `[start, end)`."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class IntegrityFindingView:
    """A file or a span that is not verified."""

    status: str
    kind: str
    file: str | None
    why: str
    account: str | None
    region: str | None
    trail: str | None
    interval: SpanView | None
    """The time that is without a digest for it."""


@dataclass(frozen=True, slots=True)
class ChainView:
    """What the digests of one trail say for one account and region."""

    account: str
    region: str
    trail: str
    digests: int
    covered: list[SpanView]
    """The time that verified digests cover."""


@dataclass(frozen=True, slots=True)
class IntegrityView:
    """Whether a trail is what was delivered."""

    sound: bool
    """Whether everything is verified, or so new that its digest is still to come."""
    digests: dict[str, int]
    """Digests by what is known of them."""
    logs: dict[str, int]
    """Log files by what is known of them."""
    outside: int
    """Log files of another time than was asked for."""
    keys: int
    """Public keys that there were."""
    chains: list[ChainView]
    findings: list[IntegrityFindingView]


class _Source(Protocol):
    """Where a trail lies."""

    @property
    def bucket(self) -> str | None:
        """The bucket that it is; None for a folder."""

    def names(self) -> Sequence[str]:
        """Give the name of every file."""

    def read(self, name: str) -> bytes:
        """Give the bytes of a file; one that cannot be read is a WatchbillError."""

    def read_signed(self, name: str) -> tuple[bytes, Signed | None]:
        """Give the bytes of a digest and what is kept of its metadata."""


class _Folder:
    """A trail in a folder on this machine."""

    bucket: str | None = None

    def __init__(self, root: Path) -> None:
        self._root = root
        self._paths: dict[str, Path] = {}

    def names(self) -> Sequence[str]:
        if not self._root.is_dir():
            raise NotFoundError(f"no folder {self._root}", "name a folder in the layout of the bucket")
        closed: list[OSError] = []
        for parent, _, names in os.walk(self._root, onerror=closed.append):
            for name in names:
                path = Path(parent) / name
                self._paths[os.fsencode(path.relative_to(self._root)).decode("utf-8", "replace")] = path
        if closed:
            raise WatchbillError(f"{closed[0].filename} could not be opened: {closed[0].strerror}")
        return sorted(self._paths)

    def read(self, name: str) -> bytes:
        path = self._paths[name]
        try:
            if not path.is_file():
                # Reading from a pipe or a device might never end.
                raise WatchbillError("it is no plain file")
            if path.stat().st_size > _LARGEST:
                raise WatchbillError("it is larger than any log file")
            return path.read_bytes()
        except OSError as error:
            raise WatchbillError(str(error.strerror)) from error

    def read_signed(self, name: str) -> tuple[bytes, Signed | None]:
        beside = f"{name}{SIDECAR}"
        return self.read(name), read_sidecar(self.read(beside)) if beside in self._paths else None


class _Bucket:
    """A trail in S3."""

    def __init__(self, accounts: Accounts, bucket: str, prefix: str) -> None:
        self._accounts = accounts
        self.bucket = bucket
        self._prefix = prefix

    def names(self) -> Sequence[str]:
        return [key for key, _ in list_objects(self._accounts, self.bucket, self._prefix)]

    def read(self, name: str) -> bytes:
        return read_object(self._accounts, self.bucket, name)

    def read_signed(self, name: str) -> tuple[bytes, Signed | None]:
        return read_signed_object(self._accounts, self.bucket, name)


@command("trail verify")
@click.argument("source")
@click.option(
    "--keys",
    "kept",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="File of public keys, of --save-keys or `aws cloudtrail list-public-keys`; may be given again"
    f" [default: S3: AWS is asked; folder: {KEYS_NAME} in it].",
)
@click.option(
    "--save-keys",
    "save",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Ask AWS for the public keys of the digests, and keep them in this file for later, offline.",
)
@click.option(
    "--from",
    "start",
    metavar="WHEN",
    help="Only from this day or instant on (UTC unless it has a zone) [default: the first digest of each chain].",
)
@click.option(
    "--to",
    "end",
    metavar="WHEN",
    help="Only up to this day or instant, which is not included [default: S3: now; folder: the last digest].",
)
def verify(
    session: Session, source: str, kept: tuple[Path, ...], save: Path | None, start: str | None, end: str | None
) -> int:
    """Verify the trail at SOURCE, a folder or s3://bucket/prefix: that no file was changed, moved or removed.

    The signature of each digest, the chain of digests, the hash of each log file. A copy in a folder keeps the layout
    of the bucket, and beside each digest what `aws s3api head-object` answered about it, in a file of its name and
    `.head-object`. Exits with 1 unless everything is verified; what cannot be told is not verified.
    """
    place, opened = _source(session, source), _instant(start)
    asked = Asked(session.at, opened, _instant(end) or (session.at if place.bucket else None), place.bucket)
    if asked.start is not None and asked.end is not None and asked.start >= asked.end:
        raise click.BadParameter(f"nothing lies between {iso(asked.start)} and {iso(asked.end)}")
    names = place.names()
    logs = [name for name in names if digest_end(name) is None and name.lower().endswith(TRAIL_SUFFIXES)]
    digests = _read_digests(session, place, [name for name in names if _is_wanted(name, asked)])
    if not digests and not logs:
        raise NotFoundError(f"neither digests nor log files in {source}", "name the folder that holds `AWSLogs`")
    keys, problems = _keys(place, names, digests, kept, save)
    checked = check(digests, logs, keys, asked)
    found = _read_logs(session, place, checked)
    done = report(checked, found, len(checked.expected) - len(found))
    result = _view(done, len(keys))
    _show(session, result, done)
    session.out.answer(result, problems)
    return 0 if done.sound else 1


def _source(session: Session, source: str) -> _Source:
    if not source.startswith("s3://"):
        return _Folder(Path(source))
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    return _Bucket(session.app().accounts, bucket, prefix)


def _is_wanted(name: str, asked: Asked) -> bool:
    end = digest_end(name)
    if end is None or (asked.start is not None and end < asked.start):
        return False
    return asked.end is None or end <= asked.end + _WITNESSES


def _read_digests(session: Session, place: _Source, names: Sequence[str]) -> list[Digest | Broken]:
    def read(name: str) -> Digest | Broken:
        try:
            return read_digest(name, *place.read_signed(name))
        except WatchbillError as error:
            raise WatchbillError(f"the digest {name} could not be read: {error}") from error

    return list(_side_by_side(session, "reading digests", read, names))


def _read_logs(session: Session, place: _Source, checked: Checked) -> list[Finding]:
    def read(item: tuple[str, tuple[Expected, ...]]) -> Finding | None:
        name, expected = item
        try:
            return check_log(name, place.read(name), expected)
        except WatchbillError as error:
            return unread_log(name, str(error))

    results = _side_by_side(session, "verifying log files", read, sorted(checked.expected.items()))
    return [each for each in results if each is not None]


def _side_by_side(session: Session, what: str, work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Do work in order, some of it at once, with progress; no more is begun than a batch."""
    with session.out.progress() as progress, ThreadPoolExecutor(max_workers=_READERS) as pool:
        task = progress.add_task(what, total=len(items))
        for first in range(0, len(items), _BATCH):
            for result in pool.map(work, items[first : first + _BATCH]):
                progress.advance(task)
                yield result


def _keys(
    place: _Source,
    names: Sequence[str],
    digests: Sequence[Digest | Broken],
    kept: Sequence[Path],
    save: Path | None,
) -> tuple[tuple[Key, ...], list[Problem]]:
    """Give the public keys: those of a file, else those that AWS gives, else those that lie in the folder."""
    if kept:
        return tuple(key for path in kept for key in _read_keys(path)), []
    if save is not None or (place.bucket is not None and digests):
        keys, problems = _ask_for_keys(digests)
        if save is not None:
            write_text(save, write_keys(keys).decode())
        return keys, list(problems)
    if place.bucket is None and KEYS_NAME in names:
        why = "the public keys lie in the folder itself: who can change the trail can change them; --keys names others"
        return read_keys(KEYS_NAME, place.read(KEYS_NAME)), [Problem("keys-beside-trail", why, KEYS_NAME)]
    why = "there are no public keys: name a file with --keys, or ask AWS with --save-keys"
    return (), [Problem("no-public-keys", why)] if digests else []


def _read_keys(path: Path) -> tuple[Key, ...]:
    try:
        return read_keys(str(path), path.read_bytes())
    except OSError as error:
        hint = "make it with --save-keys, or with `aws cloudtrail list-public-keys`"
        raise NotFoundError(f"{path} could not be opened: {error.strerror}", hint) from error


def _ask_for_keys(digests: Sequence[Digest | Broken]) -> tuple[tuple[Key, ...], tuple[Problem, ...]]:
    """Ask AWS for the keys of every region that has digests, for their time; backfill digests are made later."""
    times = [digest.end for digest in digests]
    signed = [digest.signed for digest in digests if isinstance(digest, Digest) and digest.signed is not None]
    times += [each.generated for each in signed if each.generated is not None]
    if not times:
        return (), ()
    span = Interval(min(times) - DIGEST_DUE, max(times) + DIGEST_DUE)
    return list_keys(cloudtrail(), {digest.chain.region for digest in digests}, span)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # A day alone is its beginning in UTC, as everywhere.
        at = parse_instant(f"{text}T00:00:00Z" if len(text) == len("2026-01-12") else text)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"`{text}` is no day and no instant; write 2026-01-14, or 2026-01-14T03:00:00Z"
        ) from error
    if at.year not in _YEARS:
        raise click.BadParameter(f"`{text}` is out of reach: years {_YEARS.start} to {_YEARS.stop - 1}")
    return at


def _view(done: Report, keys: int) -> IntegrityView:
    return IntegrityView(
        done.sound,
        _counts(done.digests),
        _counts(done.logs),
        done.outside,
        keys,
        [_chain(each) for each in done.chains],
        [_finding(each) for each in done.findings],
    )


def _counts(counts: Mapping[Status, int]) -> dict[str, int]:
    return {str(status): counts[status] for status in Status if counts.get(status)}


def _chain(each: Covered) -> ChainView:
    covered = [SpanView(iso(span.start), iso(span.end)) for span in each.spans]
    return ChainView(each.chain.account, each.chain.region, each.chain.trail, each.digests, covered)


def _finding(each: Finding) -> IntegrityFindingView:
    chain, span = each.chain, each.span
    return IntegrityFindingView(
        str(each.status),
        str(each.kind),
        each.name or None,
        each.why,
        chain.account if chain else None,
        chain.region if chain else None,
        chain.trail if chain else None,
        SpanView(iso(span.start), iso(span.end)) if span else None,
    )


def _show(session: Session, result: IntegrityView, done: Report) -> None:
    out = session.out
    for chain in done.chains[:_MOST]:
        told = ", ".join(str(span) for span in chain.spans) or "nothing"
        where = f"{chain.chain.trail} in account {chain.chain.account}, {chain.chain.region}"
        out.line(f"{where}: {chain.digests} digests, verified for {told}")
    if len(done.chains) > _MOST:
        out.line(f"... and {len(done.chains) - _MOST} more chains; --json has them all")
    for each in done.findings[:_MOST]:
        where = each.name or _where(each)
        out.line(f"{where} {each.status}: {each.why}", style=_STYLES.get(each.status, "yellow"))
    if len(done.findings) > _MOST:
        out.line(f"... and {len(done.findings) - _MOST} more findings; --json has them all", style="yellow")
    for what, counts in (("digests", result.digests), ("log files", result.logs)):
        out.line(f"{what}: {', '.join(f'{count} {status}' for status, count in counts.items()) or 'none'}")
    if done.outside:
        out.line(f"{done.outside} log files are of another time")
    if done.sound:
        out.line("every file is what was delivered", style="green")
    else:
        out.line("not everything is verified", style="bold red")


def _where(each: Finding) -> str:
    chain = f"{each.chain.trail} in account {each.chain.account}, {each.chain.region}" if each.chain else ""
    return f"{chain}, {each.span}" if each.kind is Kind.SPAN else chain


COMMANDS = (verify,)
