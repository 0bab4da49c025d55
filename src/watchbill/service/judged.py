"""What was judged of the sealed files of the lake, kept beside them: pages read that, and judge the rest themselves.

1. Only sealed files: of the days that are not over more comes every minute, and little of it is anybody's.
2. What is kept of a file holds while what was in force then is what it was (`grounds`). Where that has a name anew, the
   file is judged anew, in the time of a job; until then pages judge it for whoever is looked at.
3. What holds for few people changes often: a file is judged anew for it once it is another for one in twenty. Until
   then those few are judged when they are looked at.

A judgement is the same by whatever span it is made and whoever else is judged, so that it makes no difference to a page
what was kept.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from watchbill.access.history import History
from watchbill.garbage import uncollected
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED, Bulk
from watchbill.judge.hanging import READ
from watchbill.lake.judged import FOLDER, SHOWN, Judged, kept, people_of, sweep_judged, write_judged
from watchbill.lake.manifest import SEALED, PartRow
from watchbill.lake.place import Lake, is_there
from watchbill.lake.stream import days_of, of_part
from watchbill.service.casework import Casework
from watchbill.service.grounds import Grounds, stamp_of
from watchbill.service.history import history_of
from watchbill.service.jobs import Works
from watchbill.service.person import filled
from watchbill.service.serve import Did, Job, Turn
from watchbill.trail.table import instant


JUDGING: Final = "judging beforehand"
_EVERY: Final = timedelta(minutes=5)
KEPT_FOR: Final = timedelta(days=92)
"""How far back files are judged beforehand: a page looks at ninety days at most."""
_FEW: Final = 20
"""A file is judged anew where what is beside it is another for more than one in so many people."""


def hull(parts: Sequence[PartRow]) -> Interval:
    """Give the time from the first event of some files, of which there is one at least, to the last."""
    return Interval(instant(min(each.first_ms for each in parts)), instant(max(each.last_ms for each in parts) + 1))


_MANY: Final = 1_000
"""Files of which it is remembered for whom something held besides."""


class Kept:
    """What is kept in the folder of a lake, as whoever reads it finds it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._people: dict[str, Mapping[str, str]] = {}

    def of_person(self, person: str, parts: Sequence[PartRow], grounds: Grounds) -> dict[str, Path]:
        """Give the files that hold what is judged of a person, by the names of the parts that they are of."""
        found: dict[str, Path] = {}
        there = _by_part(kept(self._folder))
        for part in parts:
            for each in there.get(part.name, ()):
                people = self._of(each) if each.ground == _ground(part, grounds) else None
                if people is not None and _agree(person, people, grounds.of_people(hull([part]))):
                    found[part.name] = self._folder / FOLDER / each.name
        return found

    def _of(self, each: Judged) -> Mapping[str, str] | None:
        if len(self._people) > _MANY:
            self._people = {}
        if each.name in self._people:
            return self._people[each.name]
        # One that cannot be read may be again: it may be written anew, under the same name.
        if (found := people_of(self._folder, each)) is not None:
            self._people[each.name] = found
        return found


def keep_one(work: Casework, lake: Lake, goes_on: Callable[[], bool] = lambda: True) -> PartRow | None:
    """Judge one file of which nothing is kept that holds, the latest first, and give it.

    None where there is none, and where `goes_on` tells meanwhile that it is to be left for another time.
    """
    parts = _sealed(lake, work.at)
    there, wanted = _by_part(kept(lake.folder)), set[str]()
    if parts:
        history, grounds = _in_force(work, hull(parts))
        for part in sorted(parts, key=lambda each: each.last_ms, reverse=True):
            if (ground := _ground(part, grounds)) is None:
                continue
            people = grounds.of_people(hull([part]))
            mine = [each for each in there.get(part.name, ()) if each.ground == ground]
            held = next((each for each in mine if _holds(lake, each, people, work)), None)
            if held is None:
                table = _judged(lake, part, history, goes_on)
                if table is not None:
                    write_judged(lake.folder, part, ground, table, people)
                return None if table is None else part
            wanted.add(held.name)
    sweep_judged(lake.folder, wanted)
    return None


def judging(works: Works, folder: Path) -> Job:
    """Judge the sealed files of a lake beforehand, one after the other, where there is a lake."""

    def work(turn: Turn) -> Did:
        if not is_there(folder):
            return Did()
        with closing(Lake(folder)) as lake:
            part = keep_one(works(turn), lake, turn.goes_on)
        return Did() if part is None else Did({"judged": part.name, "events": part.rows}, more=True)

    # Pages judge themselves where it does not: an instance is no less well for want of it.
    return Job(JUDGING, _EVERY, work, timedelta.max)


def _sealed(lake: Lake, at: datetime) -> list[PartRow]:
    parts = lake.manifest.parts(*days_of(Interval(at - KEPT_FOR, at)))
    return [part for part in parts if part.state == SEALED]


def _in_force(work: Casework, within: Interval) -> tuple[History, Grounds]:
    """Give what was in force in a span, and its names, of one state: what comes in while it is read is in both."""
    while True:
        stamp = stamp_of(work)
        history = history_of(work, within)
        grounds = Grounds(work, history)
        if stamp_of(work) == stamp:
            return history, grounds


def _by_part(files: Iterable[Judged]) -> Mapping[str, list[Judged]]:
    found: dict[str, list[Judged]] = {}
    for each in files:
        found.setdefault(each.part, []).append(each)
    return found


def _ground(part: PartRow, grounds: Grounds) -> str | None:
    """Give what a part is judged by; None where nothing of it is kept."""
    return grounds.of_time(hull([part])) if part.state == SEALED else None


def _agree(person: str, one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one.get(person) == other.get(person)


def _holds(lake: Lake, each: Judged, people: Mapping[str, str], work: Casework) -> bool:
    """Tell whether a file holds for all but a few."""
    made = people_of(lake.folder, each)
    if made is None:
        return False
    others = sum(not _agree(person, made, people) for person in {*made, *people})
    return others * _FEW <= len(work.team.people)


@uncollected()
def _judged(lake: Lake, part: PartRow, history: History, goes_on: Callable[[], bool]) -> pa.Table | None:
    """Judge what people did of a part, in its order; None where it is to be left."""
    bulk, pieces = Bulk(history, hull([part])), [_KEPT.empty_table()]
    for batch in of_part(lake, part, READ):
        if not goes_on():
            return None
        events = pa.Table.from_batches([batch])
        told = pa.Table.from_batches(
            [bulk.judge(each) for each in filled(events).combine_chunks().to_batches()], JUDGED
        )
        shown = events.select([*SHOWN, "person"]).append_column("right", told["right"])
        theirs = shown.append_column("why", told["why"]).filter(pc.is_valid(events["person"]))
        pieces.append(theirs.cast(_KEPT))
    return pa.concat_tables(pieces)


_KEPT = pa.schema(
    [(name, pa.int64() if name == "time_ms" else pa.string()) for name in (*SHOWN, "person", "right", "why")]
)
