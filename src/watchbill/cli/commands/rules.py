"""`rules`: which Sigma rules load, what they match, whether their tests pass, and what is wrong with them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import rich_click as click

from watchbill.cli.session import Session, command
from watchbill.detect.sigma import LoadedRules, together
from watchbill.detect.sigma.count import Counted, RuleCount
from watchbill.detect.sigma.doctor import Doctor
from watchbill.detect.sigma.trial import try_tests, untested
from watchbill.errors import Problem
from watchbill.files.rules_folder import read_rules
from watchbill.files.trail_folder import TRAIL_SUFFIXES
from watchbill.lake.delivery import Delivery
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.trail.columns import Columns, Source, read_columns
from watchbill.trail.forms import Hosts, read_any, records_of
from watchbill.trail.read import FileReading, decoded, unwrapped


_AT_ONCE = 24 << 20
"""Bytes of files that are read together, as far as can be told before they are unpacked."""

_UNPACKED = 12
"""How many times as long a file of CloudTrail that was packed with gzip is about to be."""

_GZIP = b"\x1f\x8b"

_FILES_AT_ONCE = 2_000
_ROWS = 30_000
"""Rows that rules are asked of together."""

_MANIFEST = "manifest.db"
_SHOWN = 15
"""Lines of one kind that people are shown; programs get them all."""


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule that was loaded."""

    title: str
    id: str | None
    author: str | None
    level: str | None
    file: str
    runs: bool
    """Whether it is for CloudTrail, and so runs in an audit."""


@dataclass(frozen=True, slots=True)
class RuleHits:
    """What one rule matches."""

    title: str
    id: str | None
    hits: int
    """Records as delivered, or events of a lake; of a correlation, alerts."""
    event_ids: list[str]
    """The event of each hit; of a correlation, the evidence. A record without an id is named by its place."""
    duplicates: int
    """Hits on records that were delivered again."""
    error: str | msgspec.UnsetType = msgspec.UNSET
    """Why it could not be loaded; left out where it was. A rule for other records is loaded, and matches nothing."""


@dataclass(frozen=True, slots=True)
class RuleTestView:
    """What came of one test of a rule."""

    title: str
    id: str | None
    file: str
    test: str
    passed: bool
    expected: int
    found: int
    why: str | None
    """Why it could not be tried."""


@dataclass(frozen=True, slots=True)
class RuleTestsView:
    """What came of the tests of some rules."""

    tests: list[RuleTestView]
    untested: list[str]
    """Titles of the rules that have none."""


@dataclass(frozen=True, slots=True)
class RuleFlaw:
    """Something about a rule that its author should know."""

    code: str
    title: str
    file: str
    message: str


@dataclass(frozen=True, slots=True)
class RuleCost:
    """How much of the time one rule takes."""

    title: str
    hits: int
    share: float
    """Of the time that all rules took together, from 0 to 1; how long that was depends on the machine."""


@dataclass(frozen=True, slots=True)
class DoctorView:
    """How rules are."""

    rules: int
    correlations: int
    failed: int
    records: int
    """Records of the trails that were given."""
    flaws: list[RuleFlaw]
    costs: list[RuleCost]


def load_rules(folders: Sequence[Path]) -> tuple[LoadedRules, tuple[Problem, ...]]:
    """Load the rules of some folders, with everything that is wrong with them."""
    loaded = together([read_rules(folder) for folder in folders])
    return loaded, loaded.problems


@click.group("rules", cls=click.RichGroup)
def rules() -> None:
    """Look at Sigma rules: which load, what they match, whether their tests pass, what is wrong with them."""


@command("rules list")
@click.argument("folder", type=click.Path(path_type=Path))
def list_rules(session: Session, folder: Path) -> int:
    """List every rule of FOLDER, and every file that could not be loaded with the reason."""
    loaded, problems = load_rules([folder])
    views = [RuleView(r.title, r.id, r.author, r.level, r.file, r.for_cloudtrail) for r in loaded.rules]
    views += [
        RuleView(c.title, c.id, c.author, c.level, c.file, _on_cloudtrail(loaded, c)) for c in loaded.correlations
    ]
    for rule in views:
        session.out.line(f"{rule.title} [{rule.level}]" + ("" if rule.runs else " (not for CloudTrail)"))
    session.out.line(f"{sum(rule.runs for rule in views)} of {len(views)} rules run on CloudTrail")
    session.out.answer(views, problems)
    return 1 if problems and not views else 0


@command("rules run")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("trails", nargs=-1, required=True, metavar="TRAIL...")
def run_rules(session: Session, folder: Path, trails: tuple[str, ...]) -> int:
    """Run every rule of FOLDER over each TRAIL, and count what it matches.

    A TRAIL is a folder or file of CloudTrail or of logs of hosts, s3://bucket/prefix, or the folder of a lake. Every
    record counts as it was delivered, duplicates too; in a lake each event counts once. Every rule is listed, those
    that match nothing and those that could not be run as well. --json prints
    the list itself.
    """
    loaded, problems = load_rules([folder])
    files, lakes = _sorted(trails)
    said = list(problems)
    counts: list[RuleCount] = []
    if files:
        counts.append(RuleCount(loaded))
        said += _feed_files(session, counts[-1], files)
    if lakes:
        counts.append(RuleCount(loaded, once=True))
        _feed_lakes(session, counts[-1], lakes)
    parts = [count.counted() for count in counts]
    records = sum(count.records for count in counts)
    found = [_hits(each) for each in zip(*parts, strict=True)]
    levels = {(each.title, each.file): each.level or "" for each in parts[0]}
    rows = [
        (each.title, levels[each.title, counted.file], str(each.hits), str(each.duplicates))
        for each, counted in zip(found, parts[0], strict=True)
        if each.hits
    ]
    rows.sort(key=lambda row: (-int(row[2]), row[0]))
    session.out.table(("rule", "level", "hits", "of them duplicates"), rows)
    not_run = sum(each.error is not msgspec.UNSET for each in found)
    session.out.line(f"{len(rows)} of {len(found)} rules match, {not_run} could not be run, over {records} records")
    session.out.plain(found, said)
    return 0


@command("rules test")
@click.argument("folder", type=click.Path(path_type=Path))
def test_rules(session: Session, folder: Path) -> int:
    """Try the tests that stand beside the rules of FOLDER, under `watchbill: tests:`.

    The exit code is 1 where a test fails, a rule cannot be loaded, or there is nothing to try.
    """
    loaded, problems = load_rules([folder])
    tried = try_tests(loaded)
    views = [RuleTestView(t.title, t.id, t.file, t.name, t.passed, t.expected, t.found, t.why) for t in tried]
    bare = [each.title for each in untested(loaded)]
    for view in views:
        if not view.passed:
            why = view.why or f"{view.found} hits, not {view.expected}"
            session.out.line(f"{view.file}: `{view.title}`, {view.test}: {why}", style="red")
    passed = sum(view.passed for view in views)
    session.out.line(f"{passed} of {len(views)} tests passed; {len(bare)} rules have none")
    session.out.answer(RuleTestsView(views, bare), problems)
    return 0 if views and passed == len(views) and not loaded.failed else 1


@command("rules doctor")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("trails", nargs=-1, metavar="[TRAIL...]")
def doctor(session: Session, folder: Path, trails: tuple[str, ...]) -> int:
    """Tell what is wrong with the rules of FOLDER: what can never match, is there twice, or was never seen.

    With a TRAIL, as for `rules run`, it also tells which fields of a rule no record has, which rules match nothing but
    what another matches, and how much of the time each rule takes.
    """
    loaded, problems = load_rules([folder])
    found = Doctor(loaded, timer=time.process_time)
    said = list(problems)
    files, lakes = _sorted(trails)
    if files:
        said += _feed_files(session, found, files)
    _feed_lakes(session, found, lakes)
    flaws = [RuleFlaw(flaw.code, flaw.title, flaw.file, flaw.message) for flaw in found.flaws()]
    costs = [RuleCost(cost.title, cost.hits, round(cost.share, 4)) for cost in found.costs()]
    for flaw in flaws:
        session.out.line(f"{flaw.file}: `{flaw.title}`: {flaw.message}", style="yellow")
    if costs:
        rows = [(cost.title, f"{cost.share:.1%}", str(cost.hits)) for cost in costs[:_SHOWN]]
        session.out.table(("rule", "share of the time", "hits"), rows)
    counts = (len(loaded.rules), len(loaded.correlations), len(loaded.failed))
    session.out.line(
        f"{counts[0]} rules and {counts[1]} correlations, {counts[2]} could not be loaded; {len(flaws)} flaws"
    )
    session.out.answer(DoctorView(*counts, found.records, flaws, costs), said)
    return 0


for each in (list_rules, run_rules, test_rules, doctor):
    rules.add_command(each)


def _on_cloudtrail(loaded: LoadedRules, correlation: object) -> bool:
    """Tell whether all that a correlation counts is of CloudTrail."""
    members = getattr(correlation, "members", None)
    if members is None:
        return bool(getattr(correlation, "for_cloudtrail", False))
    return all(_on_cloudtrail(loaded, member) for member in members)


def _hits(parts: Sequence[Counted]) -> RuleHits:
    """Put together what one rule matches in files and in lakes."""
    first = parts[0]
    ids = [event_id for part in parts for event_id in part.event_ids]
    hits, duplicates = sum(part.hits for part in parts), sum(part.duplicates for part in parts)
    return RuleHits(first.title, first.id, hits, ids, duplicates, msgspec.UNSET if first.error is None else first.error)


def _sorted(trails: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Part trails into those that are read, and the folders of lakes."""
    files = [trail for trail in trails if _lake(trail) is None]
    return files, [place for trail in trails if (place := _lake(trail)) is not None]


def _lake(trail: str) -> Path | None:
    """Give the folder of a lake, where it is one or a state folder that has one."""
    if trail.startswith("s3://"):
        return None
    return next((place for place in (Path(trail), Path(trail) / "lake") if (place / _MANIFEST).is_file()), None)


def _feed_lakes(session: Session, count: RuleCount | Doctor, lakes: Sequence[Path]) -> None:
    for folder in lakes:
        lake = Lake(folder)
        try:
            parts = lake.manifest.parts()
            with session.out.progress() as progress:
                task = progress.add_task("looking at the lake", total=len(parts))
                for part in parts:
                    for batch in _batches(read_part(folder, part.name)):
                        count.add(batch)
                    progress.advance(task)
        finally:
            lake.close()


def _feed_files(session: Session, count: RuleCount | Doctor, trails: Sequence[str]) -> list[Problem]:
    """Read files some at a time, and count every record of them; what could not be read is given."""
    offered = [each for trail in trails for each in session.app().deliveries(trail, hosts=True).deliveries]
    said: list[Problem] = []
    read = _Reader(session.at)
    with session.out.progress() as progress:
        task = progress.add_task("reading", total=len(offered))
        for sources in _together(offered, said):
            columns = read_columns(sources, reader=read)
            for batch in _batches(columns.table):
                count.add(batch)
            said += _beside(columns, [source for source in sources if source.name not in read.hosts], count)
            progress.advance(task, len(sources))
    return said


def _together(offered: Sequence[Delivery], said: list[Problem]) -> Iterator[list[Source]]:
    """Fetch what is offered, in pieces that fit in memory."""
    sources: list[Source] = []
    size = 0
    for each in offered:
        try:
            data = each.fetch()
        except OSError as error:
            said.append(Problem("unreadable-file", f"could not be opened: {error.strerror}", each.name))
            continue
        sources.append(Source(each.name, data, each.modified))
        size += len(data) * (_UNPACKED if data.startswith(_GZIP) else 1)
        if size >= _AT_ONCE or len(sources) >= _FILES_AT_ONCE:
            yield sources
            sources, size = [], 0
    if sources:
        yield sources


class _Reader:
    """Reads files as CloudTrail's or a provider's, else as logs of hosts."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self.hosts: set[str] = set()
        """Names of those that are logs of hosts."""

    def __call__(self, source: Source) -> FileReading:
        """Read one."""
        trail = read_any(source.name, source.data, source.modified)
        if trail.readable or trail.digest:
            return trail
        host = read_any(source.name, source.data, source.modified, Hosts(self._at))
        if not (host.readable and host.events):
            return trail
        self.hosts.add(source.name)
        return host


def _beside(columns: Columns, sources: Sequence[Source], count: RuleCount | Doctor) -> list[Problem]:
    """Count the records that are no events, for want of an id or a time; say what could not be read."""
    by_name = {source.name: source for source in sources}
    said: list[Problem] = []
    for tally in columns.files:
        named = tally.name.lower().endswith(TRAIL_SUFFIXES)
        said += [problem for problem in tally.problems if named or tally.readable]
        if tally.name in by_name and tally.readable and tally.records > tally.events:
            for place, record in _no_events(columns, tally.name, by_name[tally.name].data):
                own = record.get("eventID")
                count.add_record(record, own if isinstance(own, str) and own else f"{tally.name}#{place}")
    return said


def _no_events(columns: Columns, name: str, data: bytes) -> Iterator[tuple[int, dict[str, object]]]:
    """Give the records of a file that were not made events, with their places."""
    mine = columns.table.filter(pa.compute.equal(columns.table["object"].cast(pa.string()), name))
    known = set(mine["record"].to_pylist())
    for place, raw in enumerate(records_of(data)):
        if place not in known and isinstance(record := unwrapped(decoded(raw)), dict):
            yield place, record


def _batches(table: pa.Table) -> list[pa.RecordBatch]:
    return list(table.combine_chunks().to_batches(max_chunksize=_ROWS))


COMMANDS = (rules,)
