"""Take objects into the table: each event once, whatever comes in what order, how often, and whoever is killed.

An object is chosen when its name and version were never read; there is no cursor, so a late object is like any other.
Batches are read side by side. What one process alone may decide, whether an event is there already and who it was, is
decided here. Files are written first, then one transaction says that they are part of the table and that the objects
were read: killed before it, the objects are read again; killed after it, nothing is left to do.

Who had a key may come later than what was done with it. Such rows wait: when the key's opening comes, their files are
written anew with the right person, and put in the place of the old ones in one transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.errors import Problem, WatchbillError
from watchbill.lake.batch import Answer, Claim, Settled
from watchbill.lake.delivery import Delivery
from watchbill.lake.hosts import Tie, tell_hosts
from watchbill.lake.keys import Keys, Known, keys_of
from watchbill.lake.manifest import ObjectRow
from watchbill.lake.parts import day_number, day_of, read_part, sweep
from watchbill.lake.people import Namer, People, tell
from watchbill.lake.place import Lake
from watchbill.lake.raw import keeps_raw
from watchbill.lake.workers import Workers
from watchbill.trail.columns import Source
from watchbill.trail.forms import Hosts
from watchbill.trail.sources import parse_key


BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of a batch as they lie there, mostly gzip, which is about a sixth of what they inflate to."""

_SWELLS = 32
"""To how many times its size a log may inflate before it counts for more: the most that is usual of CloudTrail."""

BATCH_OBJECTS = 2_000

BESIDE_FROM = 24 * 1024 * 1024
"""Bytes from which on it is worth to start processes beside this one."""


@dataclass(slots=True)
class Ingested:
    """What was done. `records == events + duplicates + unreadable_records`."""

    objects: int = 0
    records: int = 0
    events: int = 0
    duplicates: int = 0
    unreadable_objects: int = 0
    renamed: int = 0
    """Files of the table that were written anew because it came out who had a key."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def unreadable_records(self) -> int:
        """Count records that were found and are no event."""
        return self.records - self.events - self.duplicates

    def add(self, other: "Ingested") -> None:
        """Count what another run did too."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


def ingest(
    lake: Lake,
    deliveries: Iterable[Delivery],
    namer: Namer,
    tie: Tie,
    at: datetime,
    *,
    hosts: Hosts | None = None,
    beside: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ingested:
    """Take in what was never read of some objects. `progress` is told how many are done, and of how many.

    `tie` names who did what on hosts. Objects are logs of hosts where `hosts` is given, else of AWS or of identity
    providers. `beside` processes share the work; by default two where there is much of it, else none. Raises
    RefusedError where another process is changing the lake.
    """
    with lake.held():
        sweep(lake.folder, {part.name for part in lake.manifest.parts()})
        offered = {(each.name, each.version): each for each in deliveries}
        unread = lake.manifest.unread(offered)
        wanted = sorted((offered[key] for key in unread), key=_when)
        if beside is None:
            beside = 2 if sum(each.size for each in wanted) >= BESIDE_FROM else 0
        run = _Run(lake, namer, at, wanted, progress)
        with Workers(lake.folder, beside, hosts, raw=keeps_raw(lake.manifest)) as workers:
            run.all(workers)
        run.tell()
        run.done.renamed += tell_hosts(lake, tie)
        return run.done


def _when(delivery: Delivery) -> tuple[str, str, str]:
    """Order objects by when they were delivered, as far as their names tell.

    Not by name: that goes region by region, so that every AssumeRole of one would come after what was done in another.
    """
    placed = parse_key(delivery.name)
    return "" if placed is None else placed.at.isoformat(), delivery.name, delivery.version


def _weight(data: bytes) -> int:
    """Give how many bytes of a batch an object counts as: more than it has where its gzip says that it swells.

    So memory hangs on what objects inflate to, and not on how well they were packed. RFC 1952: the last four bytes.
    """
    claimed = int.from_bytes(data[-4:], "little") if data[:2] == b"\x1f\x8b" else 0
    return max(len(data), claimed // _SWELLS)


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A batch that was answered and is not in the table yet."""

    claim: Claim
    numbers: dict[int, int]
    """By day the number of the file that will have what is new of it."""
    doubles: dict[int, Keys]
    """By day the keys of it that are there already."""

    def meets(self, doubles: dict[int, Keys]) -> bool:
        """Tell whether another batch may have doubles of the same events; half a key is enough to be careful."""
        shared = self.doubles.keys() & doubles.keys()
        return any(np.isin(self.doubles[day][:, 0], doubles[day][:, 0]).any() for day in shared)


class _Run:
    """One run of ingest."""

    def __init__(
        self, lake: Lake, namer: Namer, at: datetime, wanted: Sequence[Delivery], progress: Callable[[int, int], None]
    ) -> None:
        self.done = Ingested()
        self._lake, self._manifest, self._at = lake, lake.manifest, at
        self._progress, self._wanted, self._seen = progress, wanted, 0
        self._people = People(lake.manifest, namer)
        self._known = Known(self._load)
        self._files: list[Sequence[str] | None] = []
        """The files of the table for each number that `_known` gives; None while they are not written yet."""

    def all(self, workers: Workers) -> None:
        """Take all objects in."""
        batches = self._batches()
        running: dict[int, list[Delivery]] = {}
        claims: dict[int, _Claimed] = {}
        blocked: dict[int, Claim] = {}
        idle = list(range(len(workers)))
        while True:
            while idle and (batch := next(batches, None)) is not None:
                worker = idle.pop()
                running[worker] = [delivery for delivery, _ in batch]
                workers.begin(worker, [source for _, source in batch])
            if not running:
                return
            worker, found = workers.next()
            if isinstance(found, Claim):
                self._people.learn(found)
                blocked[worker] = found
            else:
                done = claims.pop(worker)
                self._commit(running.pop(worker), done.claim, done.numbers, found)
                idle.append(worker)
            for waiting in list(blocked):
                found_out = self._answer(blocked[waiting], claims.values())
                if found_out is not None:
                    answer, claims[waiting] = found_out
                    del blocked[waiting]
                    workers.settle(waiting, answer)

    def _batches(self) -> Iterator[list[tuple[Delivery, Source]]]:
        batch: list[tuple[Delivery, Source]] = []
        size = 0
        for delivery in self._wanted:
            try:
                data = delivery.fetch()
            except (WatchbillError, OSError) as error:
                self._seen += 1
                self.done.unreadable_objects += 1
                why = (error.strerror if isinstance(error, OSError) else None) or str(error)
                self.done.problems.append(Problem("unread-object", f"could not be read: {why}", delivery.name))
                self._progress(self._seen, len(self._wanted))
                continue
            if batch and batch[-1][0].name == delivery.name:
                # Two versions of one object: what came of each is told by name, so they are not in one batch.
                yield batch
                batch, size = [], 0
            batch.append((delivery, Source(delivery.name, data, delivery.modified)))
            size += _weight(data)
            if size >= BATCH_BYTES or len(batch) >= BATCH_OBJECTS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _answer(self, claim: Claim, others: Iterable["_Claimed"]) -> tuple[Answer, "_Claimed"] | None:
        """Say what of a claim is there already; None while that hangs on a batch that is not written yet."""
        places = {day: self._known.find(day, keys) for day, keys in claim.keys.items()}
        if any(self._files[number] is None for found in places.values() for number in np.unique(found[found >= 0])):
            return None
        doubles = {day: claim.keys[day][found >= 0] for day, found in places.items()}
        # Another batch may be writing a record that contradicts what is there, and this one may have the same.
        if any(other.meets(doubles) for other in others):
            return None
        numbers: dict[int, int] = {}
        there: dict[int, list[Sequence[str] | None]] = {}
        files: dict[int, list[str]] = {}
        for day, found in places.items():
            there[day] = [None if number < 0 else self._files[number] for number in found.tolist()]
            if (found >= 0).any():
                files[day] = [part.name for part in self._manifest.parts(day_of(day), day_of(day))]
            numbers[day] = len(self._files)
            self._files.append(None)
            self._known.add(day, claim.keys[day][found < 0], numbers[day])
        actors = [self._people.actor(caller) for caller in claim.callers]
        missing = [self._people.missing(caller) for caller in claim.callers]
        return Answer(there, actors, missing, files), _Claimed(claim, numbers, doubles)

    def _commit(self, batch: Sequence[Delivery], claim: Claim, numbers: dict[int, int], settled: Settled) -> None:
        versions = {delivery.name: delivery.version for delivery in batch}
        rows = []
        for tally, kept in zip(settled.files, settled.kept, strict=True):
            wrong = [problem.message for problem in tally.problems if not problem.code.startswith("assumed-")]
            rows.append(
                ObjectRow(
                    tally.name,
                    versions[tally.name],
                    self._at,
                    tally.digest,
                    tally.readable,
                    tally.records,
                    tally.events,
                    tally.events - kept,
                    wrong[0] if wrong else None,
                )
            )
        with self._manifest.transaction() as connection:
            self._manifest.add(connection, rows, settled.parts)
            self._manifest.arrive(connection, settled.parts)
            for name, keys in settled.waiting.items():
                self._manifest.wait(connection, name, keys)
            self._manifest.add_openings(connection, claim.openings)
            self._manifest.add_trusts(connection, claim.trusts)
            self._manifest.untie(connection, settled.touched)
        for part in settled.parts:
            number = numbers[day_number(part.day)]
            self._files[number] = (*(self._files[number] or ()), part.name)
        for day in numbers:
            self._known.listed(day)
        # A day of which every event contradicts one that is there has no new keys, so that nobody asks for its file.
        self._count(rows, settled)

    def _count(self, rows: Sequence[ObjectRow], settled: Settled) -> None:
        done = self.done
        done.objects += len(rows)
        done.records += sum(row.records for row in rows)
        done.events += sum(row.events - row.duplicates for row in rows)
        done.duplicates += sum(row.duplicates for row in rows)
        done.unreadable_objects += sum(not row.readable for row in rows)
        done.problems.extend(problem for tally in settled.files for problem in tally.problems)
        done.problems.extend(settled.problems)
        self._seen += len(rows)
        self._progress(self._seen, len(self._wanted))

    def tell(self) -> None:
        """Name anew those whose key's opening came after what they did."""
        self.done.renamed += tell(self._lake, self._people)

    def _load(self, day: int) -> tuple[Keys, npt.NDArray[np.int32]]:
        keys, numbers = [np.empty((0, 2), np.uint64)], [np.array([], np.int32)]
        for part in self._manifest.parts(day_of(day), day_of(day)):
            table = read_part(self._lake.folder, part.name, ["id", "account", "day"])
            table = table.filter(pa.array(table["day"].cast(pa.int32()).to_numpy() == day))
            if len(table):
                keys.append(
                    keys_of(table["id"].combine_chunks(), table["account"].unify_dictionaries().combine_chunks())
                )
                numbers.append(np.full(len(table), len(self._files), np.int32))
                self._files.append((part.name,))
        return np.concatenate(keys), np.concatenate(numbers)
