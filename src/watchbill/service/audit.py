"""Audit a lake: all of it, or what nobody has audited yet.

What was not audited yet is audited together with what it may change: half an hour to both sides, what rules put
together with it, and the whole of every case that was found there before, so that a case grows and never comes twice.
That is its *focus*. More is looked at around it, so that in the focus everything is found as an audit of the whole lake
finds it; what is found outside of it may be a part of something, and changes nothing that is kept. Where much is new,
as after a backfill of months, it is audited in pieces of days, the latest first, and a pass takes only so many: what
comes meanwhile goes before the rest in the next.

Everyone in a lake was named by one team file. Where another one was in force, and said otherwise who is who, it is
asked; what it tells is not kept.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.access.history import History
from watchbill.alerts.audit import Asked, audit_events
from watchbill.alerts.interfaces import Mask
from watchbill.alerts.model import Audit, Case
from watchbill.alerts.sittings import SITTING
from watchbill.bootstrap import App
from watchbill.detect.aws_findings import FindingsReading
from watchbill.detect.baseline import WINDOW, Baseline
from watchbill.detect.sigma import LoadedRules
from watchbill.garbage import uncollected
from watchbill.intervals import Interval
from watchbill.lake.people import People, renamed
from watchbill.lake.place import Lake
from watchbill.lake.stream import batches, dated, days_of, picked, reach
from watchbill.service.findings import findings_at
from watchbill.service.lake import Library, Progress, take_in
from watchbill.team.model import Team
from watchbill.trail.codes import holds
from watchbill.trail.model import Opening, Outcome, Tally
from watchbill.trail.openings import Openings
from watchbill.trail.people import says_who
from watchbill.trail.table import instant, milliseconds


@dataclass(frozen=True, slots=True)
class LakeEvents:
    """The events of a span of a lake, each named by the team file of its time."""

    lake: Lake
    span: Interval
    others: Sequence[tuple[Interval, People]] = ()
    """Who was who in parts of the span, where that is not as the lake has it."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give all of them."""
        return map(self._named, batches(self.lake, self.span))

    def dated(self) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Give all of them, each batch with the time before which no event of a later one lies, in milliseconds."""
        return ((self._named(batch), until) for batch, until in dated(self.lake, self.span))

    def picked(self, look_at: Sequence[str], wanted: Mask) -> Iterator[pa.RecordBatch]:
        """Give whole the rows that are wanted."""
        if not self.others:
            yield from picked(self.lake, self.span, look_at, wanted)
            return
        for batch in self.batches():
            yield batch.filter(pa.array(wanted(batch.select([*look_at]))))

    def earlier(self, names: Collection[str], reach: timedelta) -> Iterator[pa.RecordBatch]:
        """Give whole the events of some names that AWS allowed before the span, as far back as `reach`."""
        before = Interval(self.span.start - reach, self.span.start)

        def wanted(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
            allowed = holds(batch, "outcome", lambda outcome: outcome == Outcome.ALLOWED)
            return holds(batch, "name", lambda name: name in names) & allowed

        return map(self._named, picked(self.lake, before, ["name", "outcome"], wanted))

    def teach(self, baseline: Baseline) -> None:
        """Teach a baseline what was seen of whom, in the span and as far before it as counts."""
        known = Interval(self.span.start - timedelta(days=WINDOW), self.span.end)
        for batch in map(self._named, batches(self.lake, known, None if self.others else _TAUGHT)):
            baseline.learn_batch(batch)

    def opening(self, key: str) -> Opening | None:
        """Give what handed out a temporary key."""
        return Openings(self.lake.manifest.openings([key])).find(key)

    def _named(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        for piece, people in self.others:
            times = batch.column("time_ms").to_numpy()
            inside = (times >= milliseconds(piece.start)) & (times < milliseconds(piece.end))
            if inside.any():
                told = renamed(pa.table(batch.filter(pa.array(inside))), people)
                rest = pa.table(batch.filter(pa.array(~inside)))
                (batch,) = pa.concat_tables([rest, told]).unify_dictionaries().combine_chunks().to_batches()
        return batch


@contextmanager
def scratch() -> Iterator[Lake]:
    """Give a lake that is gone afterwards."""
    with TemporaryDirectory(prefix="watchbill-", ignore_cleanup_errors=True) as folder:
        lake = Lake(Path(folder))
        try:
            yield lake
        finally:
            lake.close()


def audit_lake(
    lake: Lake,
    library: Library,
    team: Team | None,
    history_of: Callable[[Interval], History | None],
    asked: Asked,
    findings: Path | None = None,
) -> Audit:
    """Audit everything in a lake, with what AWS's own detectors found. `history_of` gives the team files of a span."""
    span = reach(lake)
    read = FindingsReading((), ()) if findings is None else findings_at(lake, findings)
    asked = replace(asked, findings=(*asked.findings, *read.findings))
    found = _audited(lake, library, team, history_of, span, asked)
    totals = lake.manifest.totals()
    unreadable = totals["records"] - totals["events"]
    distinct = sum(part.rows for part in lake.manifest.parts())
    flawed = [row for row in lake.manifest.objects(flawed=True) if not row.readable]
    tally = Tally(
        totals["objects"] - len(flawed), totals["records"], distinct, totals["duplicates"], unreadable, len(flawed), 0
    )
    return replace(found, tally=tally, problems=(*found.problems, *read.problems))


def audit_source(
    app: App,
    source: str,
    library: Library,
    team: Team | None,
    history_of: Callable[[Interval], History | None],
    asked: Asked,
    findings: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> Audit:
    """Audit the logs at a source: a folder, a file, or s3://bucket/prefix. Nothing of them is kept."""
    offered = app.deliveries(source)
    with scratch() as lake:
        done = take_in(lake, offered.deliveries, library, app.clock.now(), progress=progress)
        found = audit_lake(lake, library, team, history_of, asked, findings)
        tally = replace(found.tally, ignored_files=offered.passed_over)
        return replace(found, tally=tally, problems=(*done.problems, *found.problems))


def _audited(
    lake: Lake,
    library: Library,
    team: Team | None,
    history_of: Callable[[Interval], History | None],
    span: Interval | None,
    asked: Asked,
) -> Audit:
    if span is None:
        return audit_events(LakeEvents(lake, _NEVER), None, team, None, asked)
    history = None if team is None else history_of(span)
    with uncollected():
        return audit_events(LakeEvents(lake, span, _others(lake, library, history, span)), history, team, span, asked)


_TAUGHT = (
    "day",
    "time_ms",
    "person",
    "outcome",
    "ip",
    "user_agent",
    "source",
    "name",
    "account",
    "request_parameters",
)
"""Columns that a baseline learns from."""

_DAY_MS = 86_400_000

_NEVER = Interval(instant(0), instant(1))


def _others(lake: Lake, library: Library, history: History | None, span: Interval) -> list[tuple[Interval, People]]:
    """Give who was who where the team file of the time said otherwise than the one that the lake was named by."""
    if history is None or library.team is None:
        return []
    given, found = says_who(library.team), []
    for piece, in_force in history.spans(span):
        if in_force.team is not None and says_who(in_force.team) != given:
            found.append((piece, People(lake.manifest, Library(in_force.team, library.history).namer())))
    return found


FIRST = 25_000
"""Events of the first piece of what is new, unless its last day has more: what is happening now is not to wait."""

PIECE = 100_000
"""Events that are audited at once, unless a day has more."""

A_PASS = 100_000
"""Events after which a pass leaves the rest to the next, so that what came meanwhile is taken in and goes first."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of what nobody has audited yet."""

    span: Interval
    events: int
    """How many there are in it, new or not: about, where a file has events of several days."""


@dataclass(frozen=True, slots=True)
class News:
    """What nobody has audited yet, as much of it as is for one pass."""

    pieces: tuple[Piece, ...]
    """The latest first: who is at work now is worth more than what was."""
    numbers: tuple[int, ...]
    """What the manifest calls it: see `Manifest.arrived`."""
    by: "Reach"
    """How much around a piece is looked at with it."""
    cases: tuple[Interval, ...]
    """When each case was, with what lies around it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far around something is looked, so that it is found as an audit of the whole lake finds it."""

    span: timedelta
    """The longest time in which correlations put events together."""
    within: tuple[timedelta, ...] = ()
    """Lengths of the windows in which rules put together what is alike; those of one length follow each other."""

    @property
    def near(self) -> timedelta:
        """Give how far from an event an alert may change for it, or a case that has that alert."""
        return self.span + SITTING

    @property
    def before(self) -> timedelta:
        """Give what is looked at before an alert: that it is one with the last is known where two spans are seen."""
        return max(SITTING, 2 * self.span)

    @property
    def longest(self) -> timedelta:
        """Give what is near enough to share what is looked at."""
        return max([self.before, *self.within])

    def begun(self, at: datetime) -> datetime:
        """Give when the first of the windows began that are under way at an instant."""
        return min([at, *(at - (at - instant(0)) % each for each in self.within)])

    def over(self, at: datetime) -> datetime:
        """Give when the last of the windows is over that are under way just before an instant."""
        return max([at, *(at + (instant(0) - at) % each for each in self.within)])


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a window of a lake."""

    audit: Audit
    window: Interval
    focus: Interval
    """Where everything is found as an audit of the whole lake finds it: all that what is new may have changed."""

    def is_sure(self, case: Case) -> bool:
        """Tell whether a case is what an audit of everything makes of it."""
        return has_part(self.focus, case.first, case.last)


def has_part(focus: Interval, first: datetime, last: datetime) -> bool:
    """Tell whether anything of a case lies in a focus: then all of it does that may change."""
    return first < focus.end and last >= focus.start


def reach_of(rules: LoadedRules) -> Reach:
    """Give how far around what is new is looked by some rules."""
    spans = [timedelta(milliseconds=each.span_ms) for each in rules.correlations]
    live = [each.block for each in rules.rules if each.alerts and each.block.live]
    return Reach(max(spans, default=timedelta(0)), tuple({b.dedupe.within for b in live if b.dedupe}))


def news(lake: Lake, cases: Sequence[Interval], by: Reach) -> News:
    """Give what nobody has audited yet, in pieces of whole days, as far as one pass takes it.

    While somebody else changes the lake that is only what lies in its last day. Older days are just coming in: they
    would be audited again and again, and what happens now would wait for that.
    """
    since = _last_day(lake) if lake.busy() else instant(0)
    arrived = lake.manifest.arrived()
    numbers = tuple(each.number for each in arrived)
    pieces: list[Piece] = []
    for piece in _pieces(
        lake, [Interval(instant(each.first_ms), instant(each.last_ms + 1)) for each in arrived], by.longest
    ):
        full = bool(pieces) and sum(each.events for each in pieces) + piece.events > A_PASS
        if full or piece.span.end <= since:
            return News(tuple(pieces), numbers, by, tuple(cases))
        pieces.append(piece)
    return News(tuple(pieces), numbers, by, tuple(cases))


def audit_news(
    lake: Lake,
    library: Library,
    team: Team,
    history_of: Callable[[Interval], History | None],
    new: News,
    asked: Callable[[Interval], Asked],
) -> Iterator[Looked]:
    """Audit what is new, a piece at a time, the latest first; `asked` gives what a window is asked.

    Each is new until the next is asked for: so whoever keeps what was found in one, and is killed, loses nothing, and
    goes on with the next.
    """
    spans = [piece.span for piece in new.pieces]
    found = audit_spans(lake, library, team, history_of, spans, (new.by, new.cases), asked)
    for span, looked in zip(spans, found, strict=True):
        yield looked
        lake.manifest.mark_audited_since(new.numbers, milliseconds(span.start))


def audit_spans(
    lake: Lake,
    library: Library,
    team: Team,
    history_of: Callable[[Interval], History | None],
    spans: Sequence[Interval],
    around: tuple[Reach, Sequence[Interval]],
    asked: Callable[[Interval], Asked],
) -> Iterator[Looked]:
    """Audit some spans of a lake, one after another, with all that each may change.

    `around` is how far is looked, and when each case was that is known, with what lies around it.
    """
    by, cases = around[0], [*around[1]]
    for span in spans:
        focus = _focus(span, by, cases)
        window = _window(focus, by)
        looked = Looked(_audited(lake, library, team, history_of, window, asked(window)), window, focus)
        yield looked
        # A case that goes back beyond this span is looked at whole with the one before it.
        cases += [
            Interval(case.first - SITTING, case.last + SITTING) for case in looked.audit.cases if looked.is_sure(case)
        ]


def pieces_of(lake: Lake, spans: Sequence[Interval], by: Reach) -> list[Interval]:
    """Cut some spans into pieces that are audited at once, the latest first; those near each other are one."""
    return [piece.span for piece in _pieces(lake, spans, by.longest)]


def _last_day(lake: Lake) -> datetime:
    """Give when the last day begins of which the lake has events."""
    known = reach(lake)
    return instant(0 if known is None else (milliseconds(known.end) - 1) // _DAY_MS * _DAY_MS)


def _focus(span: Interval, by: Reach, cases: Collection[Interval]) -> Interval:
    """Give all that may have changed where a span is new, and nothing in part: that alone is found anew.

    1. What is near it is one case with it, or one alert of a correlation, which has come about or is another now.
    2. What is alike and in one window with it, before or after it, is counted with it where the first of it is.
    3. A case with anything of that changes as a whole, and is whole in it, under whatever id it is kept.
    """
    focus = Interval(min(span.start - by.near, by.begun(span.start)), max(span.end + by.near, by.over(span.end)))
    while True:
        met = [case for case in cases if case.meets(focus)]
        wide = Interval(min([focus.start, *(c.start for c in met)]), max([focus.end, *(c.end for c in met)]))
        if wide == focus:
            return focus
        focus = wide


def _window(focus: Interval, by: Reach) -> Interval:
    """Give what is looked at, so that all in a focus is found as in an audit of the whole lake.

    Which of what is alike comes first is told by what lies before it, and how many there are by what lies after it.
    """
    return Interval(min(focus.start - by.before, by.begun(focus.start)), by.over(focus.end))


def _pieces(lake: Lake, arrived: Sequence[Interval], before: timedelta) -> Iterator[Piece]:
    """Cut what arrived into pieces, the latest first: days together while they have few events."""
    for span in reversed(_together(arrived, before + SITTING)):
        rest: Piece | None = None
        most = FIRST
        for day in _days(lake, span):
            if rest is None:
                rest = day
            elif rest.events + day.events <= most:
                rest = Piece(Interval(day.span.start, rest.span.end), rest.events + day.events)
            else:
                yield rest
                rest, most = day, PIECE
        if rest is not None:
            yield rest


def _together(spans: Sequence[Interval], near: timedelta) -> list[Interval]:
    """Give spans as the fewest, in order; those nearer to each other than that are one: they share what is around."""
    found: list[Interval] = []
    for span in sorted(spans):
        if found and span.start - found[-1].end <= near:
            found[-1] = Interval(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def _days(lake: Lake, span: Interval) -> Iterator[Piece]:
    """Cut a span at midnight of UTC, the last day first, and count the events of each."""
    events: Counter[int] = Counter()
    for part in lake.manifest.parts(*days_of(span)):
        first, last = part.first_ms // _DAY_MS, part.last_ms // _DAY_MS
        for day in range(first, last + 1):
            events[day] += math.ceil(part.rows / (last + 1 - first))
    start, end = milliseconds(span.start), milliseconds(span.end)
    for day in range((end - 1) // _DAY_MS, start // _DAY_MS - 1, -1):
        within = Interval(instant(max(start, day * _DAY_MS)), instant(min(end, (day + 1) * _DAY_MS)))
        yield Piece(within, events[day])
