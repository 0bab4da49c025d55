"""Take objects into the table: each event once, whatever comes in what order, how often, and whoever is killed.

An object is chosen when its name and version were never read; there is no cursor, so a late object is like any other.
Batches are read side by side. What one process alone may decide, whether an event is there already and who it was, is
decided here. Files are written first, then one transaction says that they are part of the table and that the objects
were read: killed before it, the objects are read again; killed after it, nothing is left to do.

One process at a time changes a lake, and a long run lets others in between two batches, when nothing of it is under
way. What they did may be anything: so all that was known of the table, of openings and of what is unread is found out
anew.

Who had a key may come later than what was done with it. Such rows wait: when the key's opening comes, their files are
written anew with the right person, and put in the place of the old ones in one transaction.
"""

import gc
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.errors import Problem, WatchbillError
from watchbill.garbage import uncollected
from watchbill.lake.batch import Answer, Claim, Settled
from watchbill.lake.delivery import Delivery
from watchbill.lake.hosts import Tie, tell_hosts
from watchbill.lake.keys import Keys, Known, keys_of
from watchbill.lake.manifest import ObjectRow
from watchbill.lake.parts import day_of, read_part, sweep
from watchbill.lake.people import Namer, People, tell
from watchbill.lake.place import Hold, Lake
from watchbill.lake.raw import keeps_raw
from watchbill.lake.workers import Workers
from watchbill.trail.columns import Source
from watchbill.trail.forms import Hosts


BATCH_BYTES = 4 * 1024 * 1024
"""Bytes of a batch as they lie there, mostly gzip, which is about a sixth of what they inflate to."""

_SWELLS = 32
"""To how many times its size a log may inflate before it counts for more: the most that is usual of CloudTrail."""

BATCH_OBJECTS = 2_000

_NEW = 1
"""Up to which generation of objects circles are looked for after a batch."""

_DELIVERED = re.compile(r"_(\d{8}T\d{4})Z_[^_/]+\Z", re.ASCII)
"""When a log of CloudTrail was delivered, in its name (CloudTrail User Guide, "CloudTrail log file names")."""

LOOKED_AT = 500
"""Objects of which it is asked at once whether others have read them."""

BESIDE_FROM = 100 * 1024 * 1024
"""Bytes from which on it is worth to start processes beside this one: some fifteen seconds of work.

Two of them take a second of CPU to start and twice the memory, and what goes to and from them is a tenth of the work.
"""


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
    providers. `beside` processes share the work; by default two where there is much of it, else none. Whoever waits for
    the lake is let in between two batches. Raises RefusedError where another process is changing the lake for too long.
    """
    with lake.held() as hold, uncollected():
        sweep(lake.folder, {part.name for part in lake.manifest.parts()})
        offered = {(each.name, each.version): each for each in deliveries}
        unread = lake.manifest.unread(offered)
        wanted = sorted((offered[key] for key in unread), key=_when)
        if beside is None:
            beside = 2 if sum(each.size for each in wanted) >= BESIDE_FROM else 0
        run = _Run(lake, hold, namer, at, wanted, progress)
        while not run.ended:
            with Workers(lake.folder, beside, hosts, raw=run.raw) as workers:
                run.some(workers)
        run.tell()
        run.done.renamed += tell_hosts(lake, tie)
        return run.done


def _when(delivery: Delivery) -> tuple[str, str, str]:
    """Order objects by when they were delivered, as far as their names tell.

    Not by name: that goes region by region, so that every AssumeRole of one would come after what was done in another.
    """
    found = _DELIVERED.search(delivery.name)
    return "" if found is None else found[1], delivery.name, delivery.version


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
    heard: int
    """How many changes of trust policies had come when it was said who everyone in it was."""

    def meets(self, doubles: dict[int, Keys]) -> bool:
        """Tell whether another batch may have doubles of the same events; half a key is enough to be careful."""
        shared = self.doubles.keys() & doubles.keys()
        return any(np.isin(self.doubles[day][:, 0], doubles[day][:, 0]).any() for day in shared)


class _Run:
    """One run of ingest."""

    def __init__(
        self,
        lake: Lake,
        hold: Hold,
        namer: Namer,
        at: datetime,
        wanted: Sequence[Delivery],
        progress: Callable[[int, int], None],
    ) -> None:
        self.done = Ingested()
        self.ended = False
        """Whether all objects are taken in."""
        self._lake, self._manifest, self._at = lake, lake.manifest, at
        self._hold, self._turns = hold, 0
        self._progress, self._wanted, self._seen = progress, wanted, 0
        self._namer = namer
        self._batches = self._batched()
        self._look()

    def _look(self) -> None:
        """Know of the table what is there now, and nothing of before."""
        self._people = People(self._manifest, self._namer)
        self._known = Known(self._load)
        self._files: list[Sequence[str] | None] = []
        """The files of the table for each number that `_known` gives; None while they are not written yet."""
        self.raw = keeps_raw(self._manifest)
        """Whether the bytes of records are kept."""

    def _let_others(self) -> bool:
        """Let in who waits for the lake; nothing may be under way. Tell whether workers are to do as before."""
        raw = self.raw
        if self._hold.let_others():
            self._turns += 1
            self._look()
        return self.raw == raw

    def some(self, workers: Workers) -> None:
        """Take objects in: all, unless somebody who was let in said that records are to be kept otherwise."""
        running: dict[int, list[Delivery]] = {}
        claims: dict[int, _Claimed] = {}
        blocked: dict[int, Claim] = {}
        idle = list(range(len(workers)))
        while True:
            if not running and not self._let_others():
                return
            # Who waits comes in when what is under way is done, and no more is begun before.
            while idle and not (running and self._hold.wanted()) and (batch := next(self._batches, None)) is not None:
                worker = idle.pop()
                running[worker] = [delivery for delivery, _ in batch]
                workers.begin(worker, [source for _, source in batch])
            if not running:
                self.ended = True
                return
            worker, found = workers.next()
            if isinstance(found, Claim):
                self._people.learn(found)
                blocked[worker] = found
            else:
                done = claims.pop(worker)
                self._commit(running.pop(worker), done, found)
                idle.append(worker)
            for waiting in list(blocked):
                found_out = self._answer(blocked[waiting], claims.values())
                if found_out is not None:
                    answer, claims[waiting] = found_out
                    del blocked[waiting]
                    workers.settle(waiting, answer)

    def _unread(self) -> Iterator[Delivery]:
        """Give what is to be read, a look at a time, without what others have read since they were let in."""
        for start in range(0, len(self._wanted), LOOKED_AT):
            rest, turns = deque(self._wanted[start : start + LOOKED_AT]), 0
            while rest:
                if turns != self._turns:
                    turns = self._turns
                    unread = self._manifest.unread([(each.name, each.version) for each in rest])
                    self._seen += len(rest) - len(unread)
                    rest = deque(each for each in rest if (each.name, each.version) in unread)
                    continue
                yield rest.popleft()

    def _batched(self) -> Iterator[list[tuple[Delivery, Source]]]:
        batch: list[tuple[Delivery, Source]] = []
        size = 0
        for delivery in self._unread():
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
            # Fetching many objects may take long: nobody is to wait for that.
            if size >= BATCH_BYTES or len(batch) >= BATCH_OBJECTS or self._hold.wanted():
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
            if (found >= 0).any():
                there[day] = [None if number < 0 else self._files[number] for number in found.tolist()]
                files[day] = [part.name for part in self._manifest.parts(day_of(day), day_of(day))]
            numbers[day] = len(self._files)
            self._files.append(None)
            self._known.add(day, claim.keys[day][found < 0], numbers[day])
        actors = [self._people.actor(caller) for caller in claim.callers]
        missing = [self._people.missing(caller) for caller in claim.callers]
        return Answer(there, actors, missing, files), _Claimed(claim, numbers, doubles, self._people.heard)

    def _commit(self, batch: Sequence[Delivery], claimed: _Claimed, settled: Settled) -> None:
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
            self._manifest.add_openings(connection, claimed.claim.openings)
            self._manifest.add_trusts(connection, claimed.claim.trusts)
            self._manifest.untie(connection, settled.touched)
        self._people.told((part.name for part in settled.parts), claimed.heard)
        for day, number in claimed.numbers.items():
            files = tuple(part.name for part in settled.parts if part.day <= day_of(day) <= part.last_day)
            self._files[number] = files or None
            self._known.listed(day)
        # A day of which every event contradicts one that is there has no new keys, so that nobody asks for its file.
        self._count(rows, settled)
        # What is left of a batch is little: only now and here circles are looked for, among what is new.
        gc.collect(_NEW)

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
