"""The trail as pages ask for it: what a person did in a span, read and judged once for all who look.

What was read and judged is kept by all that it follows from: the files of the lake, the person, the span, and all of
the state that says what was in force (`grounds.stamp_of`). Where any of it is another, it is made anew; of files that
were judged beforehand (`judged`) that is read, and the rest is judged.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

import pyarrow as pa

from watchbill.access.history import History
from watchbill.errors import Problem, ProviderError
from watchbill.garbage import uncollected
from watchbill.intervals import Interval
from watchbill.judge.hanging import READ
from watchbill.lake.engines import StandingEngine
from watchbill.lake.hours import Hours
from watchbill.lake.judged import FOLDER as JUDGED
from watchbill.lake.judged import ORDER, judged_of_person
from watchbill.lake.manifest import PartRow
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake, is_there
from watchbill.lake.queries import events_of_person, unattributed
from watchbill.lake.stream import days_of
from watchbill.service.casework import Casework
from watchbill.service.grounds import Grounds, stamp_of
from watchbill.service.history import history_of
from watchbill.service.judged import Kept, hull
from watchbill.service.lake import unread
from watchbill.service.person import Seen, judged, narrowed, nothing_seen, with_lanes
from watchbill.service.questions import coverage_of
from watchbill.team.model import Team
from watchbill.trail.coverage import WATERMARK, Coverage
from watchbill.trail.model import Method
from watchbill.trail.table import instant


K = TypeVar("K")
V = TypeVar("V")

MOST: Final = 50_000
"""Events of one person that are looked at."""
_KEPT_ROWS: Final = 400_000
"""Rows that are kept for whoever looks again, some 200 bytes each."""
_HISTORIES: Final = 8
_ANSWERS: Final = 8
_MACHINES: Final = frozenset({Method.SERVICE, Method.WORKLOAD})
"""Whose calls are nobody's, and should be."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Who acted, and is nobody we know."""

    principal: str | None
    why: str | None
    events: int
    first: datetime
    last: datetime


class Trail:
    """The lake of an instance as pages ask it: often, by many at once, and mostly the same."""

    def __init__(self, folder: Path, hours: Hours | None = None) -> None:
        self._folder, self._lock = folder, Lock()
        self._hours = hours or Hours()
        self._opened: tuple[Lake, StandingEngine, StandingEngine] | None = None
        self._kept = Kept(folder)
        self._seen: OrderedDict[tuple[object, ...], Seen] = OrderedDict()
        self._histories: OrderedDict[tuple[object, ...], History] = OrderedDict()
        self._grounds: OrderedDict[tuple[object, ...], Grounds] = OrderedDict()
        self._covered: OrderedDict[tuple[object, ...], Coverage] = OrderedDict()
        self._unmapped: OrderedDict[tuple[object, ...], list[Unmapped]] = OrderedDict()

    def parts(self, span: Interval | None = None) -> list[PartRow]:
        """Give the files that may have events of a span; none where there is no lake yet."""
        opened = self._open()
        if opened is None:
            return []
        return opened[0].manifest.parts(*days_of(span))

    def last_read(self) -> datetime | None:
        """Tell when something of the trail came last; None where nothing did."""
        opened = self._open()
        return None if opened is None else opened[0].manifest.last_read()

    def lake(self, span: Interval, most: int) -> Lake | None:
        """Give the lake; None where there is none, or where it has more events of a span than are asked for."""
        opened, events = self._open(), sum(part.rows for part in self.parts(span))
        return None if opened is None or events > most else opened[0]

    def complete_to(self) -> datetime | None:
        """Tell up to when the trail has whatever it will have, nearly always; None where there is none.

        That is a quarter of an hour before the last delivery, within which CloudTrail delivers nearly always, and never
        later than the last event: of what came after it nothing was recorded.
        """
        read = self.last_read()
        times = [part.last_ms for part in self.parts()]
        last = instant(max(times)) if times else None
        if read is None or last is None:
            return last
        return min(last, read - WATERMARK)

    def history(self, work: Casework, span: Interval, stamp: str) -> History:
        """Give the team files that were in force in a span, by the state that a stamp names."""
        return _kept(
            self._histories, self._lock, (stamp, span), lambda: history_of(work, span), lambda held: held > _HISTORIES
        )

    def seen(self, work: Casework, person: str, span: Interval) -> Seen:
        """Give what a person did in a span, judged."""
        parts, stamp = self.parts(span), stamp_of(work)
        key = (person, span, stamp, tuple(part.name for part in parts))

        def make() -> Seen:
            return self._made(work, person, span, parts, stamp)

        return _kept(self._seen, self._lock, key, make, lambda _: self._rows() > _KEPT_ROWS)

    def coverage(self, team: Team, within: Interval, at: datetime) -> Coverage | None:
        """Tell what there is nothing of though there should be; None where there is no trail."""
        opened = self._open()
        if opened is None:
            return None
        lake, names = opened[0], tuple(sorted(account.number for account in team.accounts.values()))
        return _kept(
            self._covered,
            self._lock,
            (within, at, names),
            lambda: coverage_of(lake, within, at, team, hours=self._hours),
            lambda held: held > _ANSWERS,
        )

    def unmapped(self, span: Interval) -> list[Unmapped]:
        """Give who acted in a span and is nobody we know, those with the most events first; machines are left out."""
        files = self.parts(span)
        key = (span, tuple(part.name for part in files))

        def make() -> list[Unmapped]:
            rows = self._asked(unattributed(span), span, files).to_pylist()
            return [_unmapped(row) for row in rows if row["method"] not in _MACHINES]

        return _kept(self._unmapped, self._lock, key, make, lambda held: held > _ANSWERS)

    def unread(self) -> list[Problem]:
        """Name the objects of which not everything could be read."""
        opened = self._open()
        return [] if opened is None else unread(opened[0])

    def close(self) -> None:
        """Let go of the lake."""
        with self._lock:
            if self._opened is not None:
                for each in self._opened:
                    each.close()
            self._opened = None

    def _rows(self) -> int:
        return sum(each.table.num_rows for each in self._seen.values())

    def _open(self) -> tuple[Lake, StandingEngine, StandingEngine] | None:
        with self._lock:
            if self._opened is None and is_there(self._folder):
                events, judgements = (StandingEngine(self._folder / each) for each in (FOLDER, JUDGED))
                self._opened = Lake(self._folder), events, judgements
            return self._opened

    @uncollected()
    def _made(self, work: Casework, person: str, span: Interval, parts: Sequence[PartRow], stamp: str) -> Seen:
        history = self.history(work, span, stamp)
        if not parts:
            return nothing_seen(span, history)
        query = events_of_person(person, span, MOST, READ)
        try:
            known, rest = self._beforehand(work, person, span, parts, stamp)
            events = self._asked_of(rest, query)
        except ProviderError:
            # Files that were put together, or judged anew, meanwhile are gone after a while.
            known, events = None, self._asked(query, span, parts)
        found = [] if known is None else [known]
        if events is not None:
            found.append(judged(events, narrowed(history, person), span))
        table = _together(found)
        return Seen(span, with_lanes(table), whole=table.num_rows < MOST, assumed=history.assumed)

    def _beforehand(
        self, work: Casework, person: str, span: Interval, parts: Sequence[PartRow], stamp: str
    ) -> tuple[pa.Table | None, Sequence[PartRow]]:
        """Give what was judged beforehand of a person, None where nothing was, and the files that are to be judged."""
        opened, wide = self._open(), hull(parts)
        grounds = _kept(
            self._grounds,
            self._lock,
            (stamp, wide),
            lambda: Grounds(work, self.history(work, wide, stamp)),
            lambda held: held > _HISTORIES,
        )
        files = self._kept.of_person(person, parts, grounds)
        if opened is None or not files:
            return None, parts
        found = opened[2].ask(judged_of_person(person, span, MOST), list(files.values()))
        return found, [part for part in parts if part.name not in files]

    def _asked(self, query: Any, span: Interval, parts: Sequence[PartRow]) -> pa.Table:
        """Ask something of the files that were there for a span."""
        try:
            found = self._asked_of(parts, query)
        except ProviderError:
            # Files that were put together meanwhile are gone after a while: by the list of now they are there.
            now = self.parts(span)
            if [part.name for part in now] == [part.name for part in parts]:
                raise
            found = self._asked_of(now, query)
        return pa.table({}) if found is None else found

    def _asked_of(self, parts: Sequence[PartRow], query: Any) -> pa.Table | None:
        """Ask something of some files; None where there are none."""
        opened = self._open()
        if opened is None or not parts:
            return None
        return opened[1].ask(query, [self._folder.resolve() / FOLDER / part.name for part in parts])


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    """Put judged events together, the latest first, and no more than are looked at."""
    if len(tables) == 1:
        return tables[0]
    order = [(name, "descending" if name == "time_ms" else "ascending") for name in ORDER]
    return pa.concat_tables(tables).sort_by(order)[:MOST]


def _unmapped(row: Mapping[str, Any]) -> Unmapped:
    first, last = instant(row["first_ms"]), instant(row["last_ms"])
    return Unmapped(row["principal"], row["why"], row["events"], first, last)


def _kept(cache: OrderedDict[K, V], lock: Lock, key: K, make: Callable[[], V], full: Callable[[int], bool]) -> V:
    """Give what is kept, or make it and keep it; what was not asked for longest goes first."""
    with lock:
        if key in cache:
            cache.move_to_end(key)
            return cache[key]
    made = make()
    with lock:
        cache[key] = made
        while len(cache) > 1 and full(len(cache)):
            cache.popitem(last=False)
    return made
