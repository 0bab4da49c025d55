"""Measure the trail: bytes of CloudTrail to the lake, and the lake's answers, beside what others need for the same.

Ingest, of a trail that `trail_generator.py` makes: `json.loads` of each file is the unit; DuckDB's own `read_json` and
trailscraper's `select` are the peers (`--trailscraper BIN` names the command of an environment of its own that has
trailscraper 0.10; without it it is not asked, which is said). The unit and the peers, which are slow, read every n-th
file of the same trail, which is said too. What is held to the goals is the rate on two cores by CPU time in the same
run, since machines differ and others may be busy on this one: trailscraper has a use for one core only. Wall time is
beside it.

Queries, of 20,000,000 rows that the same generator makes: the lake's own questions through its own engine, the least of
several runs in one process.

Each step runs in a process of its own, whose start is left out, as is that of its workers. Its memory is the most that
it and its children held at one time, what they share counted once.
"""

import argparse
import gc
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
from trail_generator import MONTHS, ROWS_BEGIN, SLOT, kept_rows, kept_trail

from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake import queries
from watchbill.lake.delivery import Delivery
from watchbill.lake.engines import DuckEngine
from watchbill.lake.ingest import ingest
from watchbill.lake.parts import MEASURED
from watchbill.lake.place import Lake
from watchbill.service.lake import Library
from watchbill.trail.columns import Source, read_columns
from watchbill.trail.table import WORDS


CORES = 2
SHIFTS = 10_000
BATCH = 4_000_000
"""Bytes of files that are read into columns at once."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a step took."""

    wall: float
    cpu: float
    """Seconds of the step and all its children."""
    memory: int
    """Bytes."""

    def without(self, other: "Spent") -> "Spent":
        """Leave out what the start of this program takes."""
        return Spent(self.wall - other.wall, self.cpu - other.cpu, self.memory)


def run(command: Sequence[str], into: Path) -> Spent:
    """Run a command and measure it with its children; what it prints goes to a file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began, most = time.perf_counter(), [0]
    with into.open("w") as output, into.with_suffix(".err").open("w") as complaints:
        running = subprocess.Popen(command, stdout=output, stderr=complaints)  # noqa: S603 - the bench's own
        watching = threading.Thread(target=_watch, args=(running.pid, most), daemon=True)
        watching.start()
        running.wait()
    wall = time.perf_counter() - began
    watching.join()
    if running.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{into.with_suffix('.err').read_text()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, most[0])


class Machine:
    """How much of the machine others used since this was made."""

    def __init__(self) -> None:
        self._before = _worked(), time.perf_counter(), sum(_own())

    def others(self) -> str:
        """Say it: wall time counts for little where it is much."""
        worked, at, own = self._before
        share = (_worked() - worked - (sum(_own()) - own)) / (time.perf_counter() - at) / (os.cpu_count() or 1)
        return f"others used {max(0.0, share):.0%} of this machine meanwhile"


def _worked() -> float:
    """Give the CPU seconds that the machine worked: user, nice and system of the first line of Linux's /proc/stat."""
    return sum(map(int, Path("/proc/stat").read_text().split()[1:4])) / os.sysconf("SC_CLK_TCK")


def _own() -> tuple[float, ...]:
    found = os.times()
    return found.user, found.system, found.children_user, found.children_system


def _watch(pid: int, most: list[int]) -> None:
    while Path(f"/proc/{pid}/smaps_rollup").exists():
        held = sum(_held(each) for each in _family(pid))
        if held == 0:
            return
        most[0] = max(most[0], held)
        time.sleep(0.25)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = thread.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))


def _held(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("Pss:")]
    return int(found[0]) * 1024 if found else 0


# --- steps of ingest: each gets the folder of a trail and one to write to, and says how many records it had ----


def files_of(trail: Path) -> list[Path]:
    """Give the files of a trail, in order."""
    return sorted(trail.rglob("*.json.gz"))


def loads(trail: Path, _: Path) -> int:
    """Decode each file with the standard library."""
    return sum(len(json.loads(gzip.decompress(path.read_bytes()))["Records"]) for path in files_of(trail))


def to_columns(trail: Path, out: Path) -> int:
    """Read files into columns and write them as Parquet, on two cores; nothing is deduplicated or sorted."""
    batches = list(_batches(files_of(trail)))
    # As the lake's own workers: see `lake.workers`.
    with ProcessPoolExecutor(CORES, get_context("spawn"), gc.disable) as pool:
        return sum(pool.map(partial(_to_columns, trail, out), enumerate(batches)))


def start_workers(_: Path, __: Path) -> int:
    """Start as many processes as `to_columns` does, and have them do nothing."""
    with ProcessPoolExecutor(CORES, get_context("spawn"), gc.disable) as pool:
        return sum(pool.map(_wait, range(CORES)))


def _wait(_: int) -> int:
    # Long enough for the other one to get its share.
    time.sleep(1)
    return 0


def _batches(files: Sequence[Path]) -> Iterator[list[Path]]:
    batch, size = [], 0
    for path in files:
        batch.append(path)
        size += path.stat().st_size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _to_columns(trail: Path, out: Path, given: tuple[int, list[Path]]) -> int:
    number, paths = given
    found = read_columns(Source(str(path.relative_to(trail)), path.read_bytes()) for path in paths)
    shared = [field.name for field in found.table.schema if field.type == WORDS]
    pq.write_table(
        found.table,
        out / f"{number}.parquet",
        compression="zstd",
        use_dictionary=shared,
        write_statistics=[name for name in MEASURED if name in found.table.column_names],
    )
    assert not any(tally.problems for tally in found.files)
    return len(found.table)


_RECORD = """{
    "eventVersion": "VARCHAR", "userIdentity": "JSON", "eventTime": "TIMESTAMP", "eventSource": "VARCHAR",
    "eventName": "VARCHAR", "awsRegion": "VARCHAR", "sourceIPAddress": "VARCHAR", "userAgent": "VARCHAR",
    "errorCode": "VARCHAR", "errorMessage": "VARCHAR", "requestParameters": "JSON", "responseElements": "JSON",
    "additionalEventData": "JSON", "requestID": "VARCHAR", "eventID": "VARCHAR", "readOnly": "BOOLEAN",
    "resources": "JSON", "eventType": "VARCHAR", "apiVersion": "VARCHAR", "managementEvent": "BOOLEAN",
    "recipientAccountId": "VARCHAR", "sharedEventID": "VARCHAR", "vpcEndpointId": "VARCHAR",
    "eventCategory": "VARCHAR", "tlsDetails": "JSON"
}"""


def read_json(trail: Path, out: Path) -> int:
    """Have DuckDB do it, as somebody would write it who knows the fields: `read_json` of all files, to Parquet."""
    fields = ", ".join(f'"{name}" {kind}' for name, kind in json.loads(_RECORD).items())
    found = duckdb.connect(config={"threads": CORES})
    target = out / "read_json.parquet"
    found.execute(f"""
        COPY (SELECT unnest(Records, max_depth := 2), filename FROM read_json('{trail}/**/*.json.gz', filename = true,
              columns = {{Records: 'STRUCT({fields})[]'}}, maximum_object_size = 268435456))
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)
    """)  # noqa: S608 - nothing in it comes from outside
    return int(pq.ParquetFile(target).metadata.num_rows)


def sample(trail: Path, every: int, folder: Path) -> Path:
    """Give every n-th file of a trail, in a folder of the same layout."""
    for path in islice(files_of(trail), 0, None, every):
        target = folder / path.relative_to(trail)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


# --- the lake ----------------------------------------------------------------------------------


def exactly_once(trail: Path, out: Path) -> int:
    """Take a trail into a lake: each event once, named, sorted, forced to the disk, on two cores."""
    lake = Lake(out / "lake")
    deliveries = [
        Delivery(str(path.relative_to(trail)), "1", path.stat().st_size, path.read_bytes) for path in files_of(trail)
    ]
    library = Library(None, None)
    done = ingest(lake, deliveries, library.namer(), library.tie, AT, beside=CORES)
    lake.close()
    assert not done.problems
    assert done.records == done.events + done.duplicates
    made = trail.parent / "made.json"
    assert not made.exists() or done.events == json.loads(made.read_text())["events"]
    return done.records


AT = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question took."""

    name: str
    goal: float | None
    wall: float
    cpu: float
    rows: int
    failed: str | None = None
    """Why there is no answer."""


def questions(folder: Path, spill: Path) -> Iterator[Asked]:
    """Ask the lake, and measure the answers."""
    files = sorted(folder.glob("*.parquet"))
    windows, people = shifts(files)
    with DuckEngine(files, windows, threads=CORES, spill=spill) as engine:
        spring = Interval(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
        counted = engine.ask(queries.attribution(spring)).to_pylist()
        usual = sorted(counted, key=lambda row: row["events"] if row["person"] else 0)[-len(people) // 4]["person"]
        key, ip = _in_use(engine, usual, spring)
        asked = [
            ("person timeline, 3 months, last 500", 0.1, queries.timeline_of_person(usual, spring)),
            ("first seen (person, ip), whole table", 1.0, queries.first_seen("person", "ip")),
            ("events outside 10,000 shifts, counted", 2.0, queries.counts_outside_windows()),
            ("events outside 10,000 shifts, last 500", 2.0, queries.outside_windows()),
            ("failed log-ins in 10 min, per user", 2.0, queries.failed_sign_ins_per_user()),
            ("failed log-ins in 10 min, per address", 2.0, queries.failed_sign_ins_per_address()),
            ("address, 20 months, last 500", None, queries.timeline_of_address(ip)),
            ("key, 20 months, last 500", None, queries.timeline_of_key(key)),
            ("counts per day and source", None, queries.counts_per_day()),
            ("sittings of all people, 3 months", None, queries.sessions(span=spring)),
            ("sittings of all people, 20 months", None, queries.sessions()),
        ]
        for name, goal, query in asked:
            try:
                yield _measured(engine, name, goal, query)
            except ProviderError as error:
                yield Asked(name, goal, 0, 0, 0, str(error))


def _in_use(engine: DuckEngine, person: str, span: Interval) -> tuple[str, str]:
    """Give a temporary key and an address of somebody."""
    rows = engine.ask(queries.timeline_of_person(person, span)).to_pylist()
    key = next(row["access_key"] for row in rows if (row["access_key"] or "").startswith("ASIA"))
    return key, rows[0]["ip"]


def _measured(engine: DuckEngine, name: str, goal: float | None, query: Any) -> Asked:
    least, cpu, rows = float("inf"), float("inf"), 0
    for _ in range(ROUNDS if goal else 1):
        began, spent = time.perf_counter(), time.process_time()
        rows = len(engine.ask(query))
        least = min(least, time.perf_counter() - began)
        cpu = min(cpu, time.process_time() - spent)
    assert rows, name
    return Asked(name, goal, least, cpu, rows)


ROUNDS = 3


def shifts(files: Sequence[Path]) -> tuple[Any, list[str]]:
    """Draw shifts of eight hours of the people there are, over all months."""
    people: set[str] = set()
    for path in files:
        people |= {name for name in pq.read_table(path, columns=["person"])["person"].unique().to_pylist() if name}
    named, draw = sorted(people), np.random.default_rng(3)
    held: dict[str, list[Interval]] = {}
    for person, turn in zip(draw.integers(0, len(named), SHIFTS), draw.integers(0, MONTHS * 91, SHIFTS), strict=True):
        start = ROWS_BEGIN + int(turn) * timedelta(hours=8)
        held.setdefault(named[person], []).append(Interval(start, start + timedelta(hours=8)))
    # Equal shifts would count an event twice.
    return queries.windows_table({person: sorted(set(each), key=str) for person, each in held.items()}), named


# --- what is printed ---------------------------------------------------------------------------

STEPS: Mapping[str, Callable[[Path, Path], int]] = {
    "nothing": lambda *_: 0,
    "workers": start_workers,
    "json.loads": loads,
    "read_json": read_json,
    "read_columns": to_columns,
    "exactly_once": exactly_once,
}


def print_ingest(events: int, slot: int, every: int, trailscraper: str | None) -> None:
    """Measure and print how fast a trail gets in."""
    trail, made = kept_trail(events, slot=slot)
    machine = Machine()
    sizes = f"{made.raw / 1e6:,.0f} MB of JSON in {made.packed / 1e6:,.0f} MB"
    print(
        f"{made.records:,} records in {made.files:,} files, {sizes}; the unit and the peers read every {every}th file"
    )
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        some = sample(trail, every, scratch / "sample")
        _, start = _step("nothing", some, scratch)
        found = {name: _step(name, some, scratch) for name in ("json.loads", "read_json")}
        found |= {name: _step(name, trail, scratch) for name in ("read_columns", "exactly_once")}
        _, workers = _step("workers", some, scratch)
        found = {
            name: (records, spent.without(workers if name in ("read_columns", "exactly_once") else start))
            for name, (records, spent) in found.items()
        }
        if trailscraper is not None:
            found["trailscraper"] = _select(trailscraper, some, scratch / "trailscraper.json")
    print(f"{'':<32}{'records':>11}{'wall s':>8}{'per wall s':>12}{'CPU s':>8}{'per CPU s':>11}{'memory MB':>11}")
    for name, (records, spent) in found.items():
        rates = f"{records / spent.wall:>12,.0f}{spent.cpu:>8.1f}{records / spent.cpu:>11,.0f}"
        print(f"{NAMES[name]:<32}{records:>11,}{spent.wall:>8.1f}{rates}{spent.memory / 1e6:>11,.0f}")
    print(machine.others())
    _print_goals(found)
    if trailscraper is None:
        print("trailscraper is not installed, or not named: it was not asked")


def _select(command: str, trail: Path, out: Path) -> tuple[int, Spent]:
    """Have trailscraper print all that it finds."""
    spent = run([command, "select", "--log-dir", str(trail), "--from", "2026-01-01", "--to", "2027-01-01"], out)
    return len(json.loads(out.read_bytes())["Records"]), spent


NAMES = {
    "json.loads": "json.loads, one core: the unit",
    "read_json": "DuckDB read_json to Parquet",
    "trailscraper": "trailscraper select, one core",
    "read_columns": "read_columns to Parquet",
    "exactly_once": "ingest, exactly once",
}

PEERS = {"read_json": CORES, "trailscraper": 1}
"""How many cores a peer has a use for."""

GOALS = {
    "read_columns": (100_000, {"read_json": 5.0, "trailscraper": 8.0}),
    "exactly_once": (60_000, {"read_json": 2.5}),
}
"""Records a second on two cores, and times the rate of a peer on those that it uses."""

MOST_MEMORY = 1.2e9


def _print_goals(found: Mapping[str, tuple[int, Spent]]) -> None:
    for name, (rate, peers) in GOALS.items():
        records, spent = found[name]
        ours = records / spent.cpu * CORES
        print(f"{NAMES[name]}, of {CORES} cores' CPU time:")
        print(f"  {ours:,.0f} records a second, goal {rate:,} {_met(ours >= rate)}")
        print(f"  {ours / _rate(found['json.loads'], 1):.1f} times {NAMES['json.loads']}")
        for peer, goal in peers.items():
            if peer in found:
                times = ours / _rate(found[peer], PEERS[peer])
                print(f"  {times:.1f} times {NAMES[peer]}, goal {goal} {_met(times >= goal)}")
        print(
            f"  {spent.memory / 1e6:,.0f} MB at most, goal {MOST_MEMORY / 1e6:,.0f} {_met(spent.memory <= MOST_MEMORY)}"
        )


def _rate(found: tuple[int, Spent], cores: int) -> float:
    records, spent = found
    return records / spent.cpu * cores


def _met(met: object) -> str:
    return "met" if met else "NOT MET"


def _step(name: str, trail: Path, scratch: Path) -> tuple[int, Spent]:
    """Run a step in a process of its own."""
    out, said = scratch / name, scratch / f"{name}.out"
    out.mkdir()
    spent = run([sys.executable, __file__, "--step", name, str(trail), str(out)], said)
    shutil.rmtree(out)
    return int(said.read_text()), spent


def print_queries(rows: int) -> None:
    """Measure and print how fast the lake answers."""
    folder = kept_rows(rows)
    files = list(folder.glob("*.parquet"))
    size = sum(path.stat().st_size for path in files)
    print(f"{rows:,} rows in {len(files)} files of {size / 1e9:.2f} GB, {CORES} threads")
    machine = Machine()
    with tempfile.TemporaryDirectory() as scratch:
        said = Path(scratch) / "answers"
        spent = run([sys.executable, __file__, "--step", "questions", str(folder), scratch], said)
        answers = json.loads(said.read_text())
    print(f"{'':<42}{'wall ms':>9}{'CPU ms':>9}{'rows':>9}{'goal ms':>9}")
    for each in answers:
        asked = Asked(**each)
        if asked.failed is not None:
            print(f"{asked.name:<42}{asked.failed}")
            continue
        goal = "" if asked.goal is None else f"{asked.goal * 1000:>9,.0f} {_met(asked.wall <= asked.goal)}"
        print(f"{asked.name:<42}{asked.wall * 1000:>9,.0f}{asked.cpu * 1000:>9,.0f}{asked.rows:>9,}{goal}")
    print(f"most memory: {spent.memory / 1e6:,.0f} MB; {machine.others()}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events to take in [default: 1000000]")
    parser.add_argument("--slot", type=int, default=SLOT, help=f"seconds between two deliveries [default: {SLOT}]")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows to ask [default: 20000000]")
    parser.add_argument("--every", type=int, default=10, help="the unit and peers read every n-th file [default: 10]")
    parser.add_argument("--trailscraper", help="the command `trailscraper` of an environment of its own")
    parser.add_argument("--only", choices=("ingest", "queries"), help="measure one of the two")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        name, where, out = given.step
        if name == "questions":
            print(json.dumps([asdict(each) for each in questions(Path(where), Path(out))]))
        else:
            print(STEPS[name](Path(where), Path(out)))
        return
    if given.only != "queries":
        print_ingest(given.events, given.slot, given.every, given.trailscraper)
    if given.only != "ingest":
        print_queries(given.rows)


if __name__ == "__main__":
    main()
