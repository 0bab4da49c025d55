"""The trail as pages ask for it: what a person did in a span, read and judged once for all who look.

What was read and judged is kept by all that it follows from: the files of the lake, the person, the span, and all of
the state that says what was in force (`stamp_of`). Where any of it is another, it is made anew.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

import msgspec

from watchbill.access.history import History
from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake.engines import StandingEngine
from watchbill.lake.manifest import PartRow
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake
from watchbill.lake.queries import events_of_person
from watchbill.lake.stream import days_of
from watchbill.schedule.copies import sources
from watchbill.service.casework import Casework
from watchbill.service.history import history_of
from watchbill.service.person import Seen, judged, narrowed, nothing_seen
from watchbill.store.rows import Asked
from watchbill.trail.coverage import WATERMARK
from watchbill.trail.table import instant


K = TypeVar("K")
V = TypeVar("V")

MOST: Final = 50_000
"""Events of one person that are looked at."""
_KEPT_ROWS: Final = 400_000
"""Rows that are kept for whoever looks again, some 200 bytes each."""
_HISTORIES: Final = 4


def stamp_of(work: Casework) -> str:
    """Name the state of everything that says what was in force when: it is another where any of that is."""
    store = work.store
    said: list[object] = [work.team.digest, store.revisions.dates(), store.feeds.numbers()]
    said += [*store.freezes.all(), *store.requests.all(Asked.APPROVED)]
    if sources(work.team):
        # How far copies of outside schedules are read hangs on now.
        said.append(f"{work.at:%Y-%m-%dT%H:%M}")
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


class Trail:
    """The lake of an instance as pages ask it: often, by many at once, and mostly the same."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()
        self._opened: tuple[Lake, StandingEngine] | None = None
        self._seen: OrderedDict[tuple[object, ...], Seen] = OrderedDict()
        self._histories: OrderedDict[tuple[object, ...], History] = OrderedDict()

    def parts(self, span: Interval | None = None) -> list[PartRow]:
        """Give the files that may have events of a span; none where there is no lake yet."""
        opened = self._open()
        if opened is None:
            return []
        return opened[0].manifest.parts(*days_of(span))

    def complete_to(self) -> datetime | None:
        """Tell up to when the trail has whatever it will have, nearly always; None where there is none.

        That is a quarter of an hour before the last delivery, within which CloudTrail delivers nearly always, and never
        later than the last event: of what came after it nothing was recorded.
        """
        opened = self._open()
        read = None if opened is None else opened[0].manifest.last_read()
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
            return self._made(person, span, self.history(work, span, stamp), parts)

        return _kept(self._seen, self._lock, key, make, lambda _: self._rows() > _KEPT_ROWS)

    def close(self) -> None:
        """Let go of the lake."""
        with self._lock:
            if self._opened is not None:
                for each in self._opened:
                    each.close()
            self._opened = None

    def _rows(self) -> int:
        return sum(each.table.num_rows for each in self._seen.values())

    def _open(self) -> tuple[Lake, StandingEngine] | None:
        with self._lock:
            if self._opened is None and (self._folder / "manifest.db").exists():
                self._opened = Lake(self._folder), StandingEngine(self._folder / FOLDER)
            return self._opened

    def _made(self, person: str, span: Interval, history: History, parts: Sequence[PartRow]) -> Seen:
        opened = self._open()
        files = [self._folder.resolve() / FOLDER / part.name for part in parts]
        if opened is None or not files:
            return nothing_seen(span, history)
        try:
            events = opened[1].ask(events_of_person(person, span, MOST), files)
        except ProviderError:
            # Files that were put together meanwhile are gone after a while: by the list of now they are there.
            now = [self._folder.resolve() / FOLDER / part.name for part in self.parts(span)]
            if now == files:
                raise
            events = opened[1].ask(events_of_person(person, span, MOST), now)
        table = judged(events, narrowed(history, person), span)
        return Seen(span, table, whole=table.num_rows < MOST, assumed=history.assumed)


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
