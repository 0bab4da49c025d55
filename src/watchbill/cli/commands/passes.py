"""What `run` and `serve` have in common: what a command line asks for, a pass, and how it is ended."""

import re
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Self

import rich_click as click

from watchbill.alerts.noise import staged_as
from watchbill.aws.queue import LONG_POLL, MOST, VISIBILITY, Batch, Queue
from watchbill.cli.commands.lake import LAKE, checked_queue, checked_source, no_queue, opened, outside
from watchbill.cli.commands.trail import findings_option, load_rules
from watchbill.cli.pages import links_of
from watchbill.cli.people import Channels, Workers, secrets_given
from watchbill.cli.session import Session
from watchbill.clock import SystemClock
from watchbill.detect.sigma import LoadedRules
from watchbill.errors import NotFoundError, Problem, ProviderError, WatchbillError
from watchbill.feeds.fetch import fetch
from watchbill.files.findings import read_findings_folder, written
from watchbill.files.team_file import read_team
from watchbill.intervals import Interval
from watchbill.lake.delivery import Delivery
from watchbill.lake.hours import Hours
from watchbill.lake.ingest import Ingested
from watchbill.lake.place import Lake
from watchbill.respond.interfaces import Sender
from watchbill.schedule.copies import sources
from watchbill.service.casework import Casework
from watchbill.service.clicks import Desk
from watchbill.service.coverage_view import LATELY
from watchbill.service.feeds import refresh
from watchbill.service.findings import keep_findings
from watchbill.service.lake import Library, Progress, take_in, take_in_told
from watchbill.service.links import Links
from watchbill.service.logs import lines_of_json
from watchbill.service.questions import coverage_of
from watchbill.service.reconcile import People, Reconciled, Watched, reconcile
from watchbill.settings import read_variables
from watchbill.store.database import Store
from watchbill.team.model import Team
from watchbill.trail.coverage import Coverage
from watchbill.trail.sources import RELIST


WHOLE = timedelta(hours=1)
"""How often a bucket is listed whole, as the proof that nothing is missing; else only its last days are."""

FEEDS = timedelta(minutes=1)
"""How often outside schedules are fetched, however often there is a pass."""

BRIEF = 10.0
"""Seconds for which a pass reads from a queue: what it told of is to be audited, also where it never ends."""

_LOOK = 0.1
"""Seconds between two looks at whether to stop."""

_EVERY = re.compile(r"([1-9]\d{0,5})([smh])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Told:
    """What a command line asked for."""

    source: str | None
    queue: str | None
    findings: Path | None
    rules: LoadedRules
    flaws: tuple[Problem, ...]
    """What is wrong with the rules."""
    again: bool
    """Whether there is pass after pass."""
    tells: bool = False
    """Whether passes themselves tell people, and work on what they pressed."""

    @property
    def reads(self) -> bool:
        """Tell whether there is anything to take in."""
        return self.source is not None or self.queue is not None


@dataclass(slots=True)
class Standing:
    """What is kept from one pass to the next."""

    team: Team | None = None
    """The last team file that could be read."""
    listed: datetime | None = None
    """When the source was last listed whole."""
    fetched: datetime | None = None
    """When outside schedules were last fetched."""
    needs: list[Problem] = field(default_factory=list)
    """What was wrong with those then."""
    told: Collection[object] = ()
    """The files of findings that the last pass read, with size and time; it does so again when they are others."""
    wrong: Sequence[Problem] = ()
    """What was wrong with those."""
    until: int = 0
    """Up to which number what arrived was there when a pass had taken in: what comes later is of the next."""
    said: Collection[object] = ()
    """What the last pass said that stays so: it is not said again while it does."""
    hours: Hours = field(default_factory=Hours)
    """Those of the lake, as far as they were counted."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass, and what it takes to say what it did."""

    done: Reconciled
    problems: list[Problem]
    sentences: dict[str, tuple[str, str]]
    """By case its severity and sentence."""
    more: bool
    """Whether something of the trail is left to audit, and a pass gets on with it."""


def pass_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command be told what its passes read and do; `told_by` takes the answers."""
    options = [
        click.option("--trail", "source", help="A folder, a file, or s3://bucket/prefix of CloudTrail files."),
        click.option(
            "--queue", metavar="URL", help="A queue of SQS that tells of new objects, or brings events itself."
        ),
        findings_option,
        click.option(
            "--rules",
            type=click.Path(path_type=Path),
            multiple=True,
            help="A folder of Sigma rules; may be given again.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def told_by(given: Mapping[str, Any], *, again: bool, tells: bool) -> Told:
    """Take what `pass_options` were given; what is wrong with it is said at once."""
    if given["source"] is not None:
        checked_source(given["source"])
    if given["queue"] is not None:
        checked_queue(given["queue"])
    if given["findings"] is not None:
        written(given["findings"])
    rules, flaws = load_rules(given["rules"])
    return Told(given["source"], given["queue"], given["findings"], rules, flaws, again, tells)


def one_pass(session: Session, told: Told, standing: Standing) -> Passed:
    """Make a pass. What is new of the trail is audited to its end, or as far as is good where another pass follows."""
    team, problems = _team(session, standing)
    problems += [*told.flaws, *_refreshed(session, team, standing)]
    filled = session.filled(team)
    staged = staged_as(told.rules, filled.alerts.stages)
    problems += [problem for problem in staged.problems if problem not in told.flaws]
    told = replace(told, rules=staged)
    with session.store() as store, _watched(session, store, filled, told, standing) as watched:
        work = Casework(session.app(), store, filled, session.at, session.settings.actor)
        with _beside(session, store, filled, told) as people:
            done = reconcile(work, watched, people=people)
        left = _left(watched, standing)
        more = bool(left) and bool(done.audits)
        while watched is not None and more and not told.again:
            rest = reconcile(work, replace(watched, take_in=_nothing, cover=None, tell=None))
            done = _together(done, rest)
            still = _left(watched, standing)
            # Where nothing was audited for an error, that would have no end.
            more, left = bool(still) and still != left, still
        sentences = {row.id: (row.severity, work.case(row.id)[1].sentence) for row in _rows(work, done)}
    return Passed(done, problems, sentences, more)


class _Beside:
    """What reaches people in a pass by itself, made when needed: a channel that fails is a problem of the pass."""

    def __init__(self, session: Session, store: Store) -> None:
        self._session, self._store = session, store
        self._made: Channels | None = None

    def senders(self, team: Team) -> Mapping[str, Sender]:
        """Give each channel of a team file by its name."""
        return self._channels().senders(team)

    def desk(self, work: Casework) -> Desk:
        """Give what presses may set in motion."""
        return self._channels().desk(work)

    def links(self, team: Team) -> Links | None:
        """Give what makes addresses in notices."""
        return links_of(team)

    def close(self) -> None:
        """Let go of what was made."""
        if self._made is not None:
            self._made.close()

    def _channels(self) -> Channels:
        if self._made is None:
            workers = Workers(self._session)
            say = lines_of_json(sys.stderr, "run", SystemClock(), secrets_given(self._session, workers.team))
            self._made = Channels(workers, self._store, say)
        return self._made


@contextmanager
def _beside(session: Session, store: Store, team: Team, told: Told) -> Iterator[People | None]:
    """Give what reaches people; nothing where passes are not to, or the team file names no channel."""
    if not told.tells or (team.slack is None and not team.notify):
        yield None
        return
    with closing(_Beside(session, store)) as people:
        yield people


def _left(watched: Watched | None, standing: Standing) -> list[tuple[int, int]]:
    """Give what a pass left to audit, by number and last millisecond: it changes wherever something was audited."""
    arrived = [] if watched is None else watched.lake.manifest.arrived()
    return [(each.number, each.last_ms) for each in arrived if each.number <= standing.until]


def _rows(work: Casework, done: Reconciled) -> Iterator[Any]:
    for each in dict.fromkeys((*done.raised, *done.amended, *done.escalated)):
        yield work.case(each)[0]


def _nothing(_: Library) -> Ingested:
    return Ingested()


def _together(first: Reconciled, rest: Reconciled) -> Reconciled:
    """Give what two passes did as what one did; what was taken in was by the first."""
    raised = (*first.raised, *rest.raised)
    amended = (each for each in dict.fromkeys((*first.amended, *rest.amended)) if each not in raised)
    return Reconciled(
        (*first.escalated, *rest.escalated),
        first.plan if rest.plan is None or not rest.plan.changes else rest.plan,
        (*first.outcomes, *rest.outcomes),
        first.ingested,
        (*first.audits, *rest.audits),
        raised,
        tuple(amended),
        [*first.problems, *(each for each in rest.problems if each not in first.problems)],
        rest.proposal,
        rest.host_proposal,
    )


def _team(session: Session, standing: Standing) -> tuple[Team, list[Problem]]:
    """Read the team file anew; where it cannot be used, say why, and go by the last one that could."""
    try:
        standing.team = read_team(session.settings.team)
    except WatchbillError as error:
        if standing.team is None:
            raise
        kept = "cannot be used as it is now: the one that was read before stays in force until it is mended"
        return standing.team, [*error.problems, Problem("kept-team-file", kept, str(session.settings.team))]
    return standing.team, []


@contextmanager
def _watched(session: Session, store: Store, team: Team, told: Told, standing: Standing) -> Iterator[Watched | None]:
    """Give the trail of a pass: the lake of the state, with what is new at the source; None where there is neither."""
    if not told.reads and told.findings is None and not (session.settings.state / LAKE / "manifest.db").exists():
        yield None
        return
    with opened(session, None, made=True) as lake, session.out.progress() as progress:
        task = progress.add_task("taking in", total=None)

        def tick(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        def cover() -> Coverage:
            return coverage_of(lake, _lately(session.at), session.at, team, hours=standing.hours)

        def take_in_new(library: Library) -> Ingested:
            return _taken_in(session, lake, library, told, standing, tick)

        tell = None if told.findings is None else partial(_told_of, told.findings, store, standing)
        yield Watched(lake, take_in_new, told.rules, cover, tell)


def _told_of(findings: Path, store: Store, standing: Standing) -> Sequence[Problem]:
    """Keep what stands in files of findings, where they are others than in the last pass; say what is wrong."""
    files = written(findings)
    if not files or files != standing.told:
        found = read_findings_folder(findings)
        keep_findings(store, found)
        standing.told, standing.wrong = files, found.problems
    return standing.wrong


def _lately(at: datetime) -> Interval:
    """Give where gaps are looked for: it begins at one instant for a week, so that a gap from before is one case."""
    first = at - LATELY
    monday = (first - timedelta(days=first.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return Interval(monday, at)


def _taken_in(
    session: Session, lake: Lake, library: Library, told: Told, standing: Standing, tick: Progress
) -> Ingested:
    """Take in what is new at the queue, then at the source."""
    found = Ingested()
    if told.queue is not None:
        queue = session.app().queue(told.queue)
        if told.again:
            queue = _Brief(queue, time.monotonic() + BRIEF)
        try:
            found.add(take_in_told(session.app(), lake, queue, library, session.at, wait=1, progress=tick))
        except ProviderError as error:
            raise no_queue(told.queue, error) from error
    if told.source is not None and (offered := _offered(session, told.source, told, standing)):
        found.add(take_in(lake, outside(session, told.source, offered), library, session.at, progress=tick))
    standing.until = max((each.number for each in lake.manifest.arrived()), default=0)
    return found


def _offered(session: Session, source: str, told: Told, standing: Standing) -> Sequence[Delivery]:
    """List what there is at the source: of a bucket that was listed whole lately only what its last days have."""
    app, at = session.app(), session.at
    if not source.startswith("s3://"):
        return app.deliveries(source).deliveries
    if standing.listed is None or at - standing.listed >= WHOLE:
        found = app.deliveries(source).deliveries
        standing.listed = at
        return found
    if told.queue is not None:
        return ()
    try:
        # What `trail.sources.days_to_list` makes of it are the days of the last 48 hours.
        return app.deliveries(source, Interval(at - RELIST, at - RELIST + timedelta(milliseconds=1))).deliveries
    except NotFoundError:
        # Nothing was delivered in those days.
        return ()


class _Brief(Queue):
    """A queue that tells of nothing more from some time on."""

    def __init__(self, queue: Queue, until: float) -> None:
        """`until` is of `time.monotonic`."""
        self._queue, self._until = queue, until

    def receive(self, most: int = MOST, wait: int = LONG_POLL, visibility: int = VISIBILITY) -> Batch:
        """Give what the queue gives while there is time."""
        if time.monotonic() >= self._until:
            return Batch((), ())
        return self._queue.receive(most, wait, visibility)

    def done(self, messages: Any) -> tuple[Problem, ...]:
        """Delete messages whose contents are committed."""
        return self._queue.done(messages)


def _refreshed(session: Session, team: Team, standing: Standing) -> list[Problem]:
    """Fetch the outside schedules of the team; what fails or waits is said, and the last good copies stay in force."""
    if not sources(team):
        return []
    if standing.fetched is not None and session.at - standing.fetched < FEEDS:
        return standing.needs
    with session.store() as store:
        secrets = read_variables(source.feed.secret for source in sources(team))
        reports = refresh(team, store, fetch, session.at, secrets, session.settings.actor)
    standing.fetched = session.at
    standing.needs = [problem for report in reports for problem in (*report.needs(), *report.problems)]
    return standing.needs


def seconds_of(every: str) -> int:
    """Read what `--every` says."""
    found = _EVERY.fullmatch(every)
    if found is None:
        raise click.BadParameter(f"`{every}` is no time; write 10s, 5m or 1h", param_hint="--every")
    return int(found[1]) * _UNITS[found[2]]


class Stop:
    """Whether somebody said to stop: by SIGTERM, as systemd and containers do, or by SIGINT, as a terminal does.

    What is under way goes on to its end; whoever says so twice stops it at once, and loses nothing by that.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for each in (signal.SIGTERM, signal.SIGINT):
            self._before[each] = signal.signal(each, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def _ask(self, _: int, __: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def rest(self, until: float) -> None:
        """Wait until a time of `time.monotonic`, or until somebody says to stop."""
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK))
