"""Measure the full pass: gzipped files of CloudTrail to cases, with the share of each stage, beside what others need.

The trail is simulated: eight months of a team of 40 without misuse, an hour of an account in a file. The pass is the
lake's ingest (inflate, decode, each event once, named, sorted), then `audit` of that lake: baselines, judging, rules,
detectors, cases. It is run by SigmaHQ's 57 rules for CloudTrail, by watchbill's own pack, by both, and by none.
Stages are told apart within one process, whose whole CPU time is the measure.

Peers in the same run: trailscraper's `select` (`--trailscraper BIN`), which reads and prints and detects nothing, and
the 57 rules as pySigma's backend for SQLite writes them, over a table in memory that has just the columns they ask for
and compares without regard to case, as Sigma does. Filling that table is left out.

What is held to the goals is CPU time, children's too; the start of a process is left out. Memory is the most that a
process and its children held at one time, what they share counted once.
"""

import argparse
import gzip
import json
import re
import sqlite3  # noqa: TID251 - the peer, not the product
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import yaml
from bench_trail import Machine, Spent, files_of, run, sample
from trail_generator import kept


sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.unit.sim.staffs import START, staff

from watchbill.access.history import declared
from watchbill.alerts import audit as pass_
from watchbill.alerts.audit import Asked
from watchbill.alerts.scan import Scan
from watchbill.detect import rules as rules_
from watchbill.detect.sigma import Correlator, LoadedRules, Matcher, load_all, together
from watchbill.files.rules_folder import read_rules
from watchbill.intervals import Interval
from watchbill.lake import stream
from watchbill.lake.delivery import Delivery
from watchbill.lake.place import Lake
from watchbill.lake.stream import batches
from watchbill.service import audit as service
from watchbill.service.lake import Library, take_in
from watchbill.settings import prefer_plain_memory
from watchbill.sim.month import LENGTH, make_month
from watchbill.team.files import parse
from watchbill.team.model import Team
from watchbill.trail.table import attributed_of, table_of


SIZE = 40
AT = datetime(2026, 11, 1, tzinfo=UTC)
RATE = 50_000
"""Events for a second of CPU from gzipped files to cases: the goal."""
MEMORY = 250e6
TIMES = {"trailscraper": 3.0, "SQLite": 2.0}
MANY_RULES, MANY_COST = 800, 2.0
WINDOW_SECONDS, MATCHES = 0.2, 14_000


# --- the trail ----------------------------------------------------------------------------------------------------


def kept_months(months: int, *, small: bool = False) -> Path:
    """Give the folder of so many months, in the cache; `small`: in files of five minutes, as they are delivered."""
    name = f"months-{months}" + ("-small" if small else "")
    return kept(name, lambda folder: _write_months(folder, months, small=small))


def _write_months(folder: Path, months: int, *, small: bool) -> None:
    team = staff(SIZE, 0, changes=False, length=months * LENGTH)
    (folder / "watchbill.yaml").write_text(team.texts[-1], "utf-8")
    for month in range(months):
        span = Interval(START + month * LENGTH, START + (month + 1) * LENGTH)
        files: dict[str, list[Any]] = {}
        for file in make_month(team.chapters, team.shifts, span, month, ()).files:
            # The name of a file ends in `20260923T0330Z_` and what it was given by chance; a second trail's is apart.
            key = file.key if small else file.key.rpartition("_")[0][:-3]
            files.setdefault(key, []).extend(json.loads(gzip.decompress(file.body)).get("Records", []))
        for number, (key, records) in enumerate(files.items()):
            # Taken in by when it was delivered, as its name tells.
            name = Path(key).name if small else f"{Path(key).name}00Z_{month:04}{number:012}.json.gz"
            path = folder / "trail" / Path(key).parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            body = json.dumps({"Records": records}, separators=(",", ":")).encode()
            path.write_bytes(gzip.compress(body, 6, mtime=0))


# --- rules --------------------------------------------------------------------------------------------------------


def own_pack() -> LoadedRules:
    """Load the rules that come with watchbill."""
    return read_rules(Path(str(resources.files("watchbill.rules"))))


def many(folder: Path, count: int) -> LoadedRules:
    """Give so many rules: those of a folder, and the same again with other ids, titles and values of their own."""
    texts = [path.read_text("utf-8") for path in sorted(folder.rglob("*.yml"))]
    return load_all((_varied(texts[n % len(texts)], n // len(texts)), f"{n}.yml") for n in range(count))


def _varied(text: str, number: int) -> str:
    if number == 0:
        return text
    rule = yaml.safe_load(text)
    rule["title"] = f"{rule['title']} {number}"
    rule["id"] = str(uuid5(NAMESPACE_OID, f"{rule.get('id')} {number}"))
    rule["detection"] = {
        name: part if name == "condition" else _other(part, number) for name, part in rule["detection"].items()
    }
    return yaml.safe_dump(rule, sort_keys=False)


def _other(part: Any, number: int) -> Any:
    """Change the values of a detection, but for the source: a rule of another service would be asked of nothing.

    Of every third the names stay, so that what is asked beside them is asked too.
    """
    stays = {"eventSource"} if number % 3 else {"eventSource", "eventName"}
    if isinstance(part, dict):
        return {key: value if key in stays else _other(value, number) for key, value in part.items()}
    if isinstance(part, list):
        return [_other(each, number) for each in part]
    return f"{part}{number}" if isinstance(part, str) else part


# --- the pass, in a process of its own ----------------------------------------------------------------------------


class Stages:
    """CPU seconds of calls, by name. A call within another is counted as its own alone, so that stages add up."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._within = [0.0]

    def time(self, owner: Any, name: str, stage: str) -> None:
        """Have all calls of a function counted."""
        function: Callable[..., Any] = getattr(owner, name)

        def counted(*args: Any, **named: Any) -> Any:
            with self._counting(stage):
                return function(*args, **named)

        setattr(owner, name, counted)

    def time_each(self, owner: Any, name: str, stage: str) -> None:
        """Have counted what a function gives one after the other."""
        function: Callable[..., Iterator[Any]] = getattr(owner, name)

        def counted(*args: Any, **named: Any) -> Iterator[Any]:
            given = function(*args, **named)
            while True:
                with self._counting(stage):
                    each = next(given, None)
                if each is None:
                    return
                yield each

        setattr(owner, name, counted)

    @contextmanager
    def _counting(self, stage: str) -> Iterator[None]:
        began = time.process_time()
        self._within.append(0.0)
        try:
            yield
        finally:
            took = time.process_time() - began
            self.spent[stage] = self.spent.get(stage, 0.0) + took - self._within.pop()
            self._within[-1] += took


def team_of(folder: Path) -> Team:
    """Read the team file beside a trail."""
    return parse((folder / "watchbill.yaml").read_text("utf-8"), "watchbill.yaml")


def do_ingest(folder: Path, out: Path) -> Mapping[str, Any]:
    """Take a trail into a lake."""
    lake = Lake(out)
    trail = folder / "trail"
    deliveries = [
        Delivery(str(path.relative_to(trail)), "1", path.stat().st_size, path.read_bytes) for path in files_of(trail)
    ]
    done = take_in(lake, deliveries, Library(team_of(folder), None), AT)
    lake.close()
    assert not done.problems
    return {"events": done.events, "files": len(deliveries)}


def do_audit(folder: Path, out: Path, loaded: LoadedRules) -> Mapping[str, Any]:
    """Audit a lake."""
    stages = Stages()
    stages.time_each(stream, "_read", "the table read")
    stages.time(stream, "_one", "batches put together")
    stages.time(service.LakeEvents, "teach", "baselines")
    stages.time(Scan, "_judge", "judge")
    stages.time(rules_.RuleRun, "take", "rules")
    stages.time(Scan, "take", "the rest of the scan")
    stages.time(pass_, "_opened", "break-glass keys")
    stages.time(pass_, "break_glass_findings", "detectors")
    stages.time(pass_, "sign_in_findings", "detectors")
    stages.time(rules_.RuleRun, "findings", "detectors")
    stages.time(pass_.Gatherer, "made_of", "cases")
    stages.time(pass_.Gatherer, "know", "cases")
    stages.time(pass_.Wanted, "__call__", "around")
    stages.time(pass_, "_judged", "judge whole events")
    team = team_of(folder)
    lake = Lake(out)
    began = time.process_time()
    found = service.audit_lake(
        lake, Library(team, None), team, lambda span: declared((), team, span), Asked(loaded, at=AT)
    )
    whole = time.process_time() - began
    lake.close()
    events = sum(each.events for each in found.people) + sum(found.others.values())
    spent = stages.spent
    spent["all else"] = whole - sum(spent.values())
    return {
        "events": events,
        "cases": len(found.cases),
        "spent": whole,
        "stages": spent,
        "hits": sum(found.sigma.values()),
    }


def do_match(out: Path, loaded: LoadedRules) -> Mapping[str, Any]:
    """Ask rules of every event of a lake, and nothing else."""
    lake = Lake(out)
    held = list(islice(batches(lake), 12))
    lake.close()
    spent = float("inf")
    for _ in range(3):
        matcher = Matcher(loaded.rules)
        began = time.process_time()
        hits = sum(len(matcher.match(batch).rows) for batch in held)
        spent = min(spent, time.process_time() - began)
    return {"events": sum(each.num_rows for each in held), "spent": spent, "hits": hits, "rules": len(loaded.rules)}


# --- peers --------------------------------------------------------------------------------------------------------


def do_sqlite(out: Path, folder: Path) -> Mapping[str, Any]:
    """Ask the rules of a folder by SQLite, of as many events as `do_match` is asked of at most."""
    from sigma.backends.sqlite import sqliteBackend  # noqa: PLC0415 - of the peer
    from sigma.collection import SigmaCollection  # noqa: PLC0415

    backend = sqliteBackend()
    queries = [
        query
        for path in sorted(folder.rglob("*.yml"))
        for query in backend.convert(SigmaCollection.from_yaml(path.read_text("utf-8")))
    ]
    fields = sorted({field.lower(): field for query in queries for field in _fields_in(query)}.values())
    base = sqlite3.connect(":memory:")
    base.create_function("REGEXP", 2, lambda pattern, text: text is not None and bool(re.search(pattern, str(text))))
    columns = ", ".join(f'"{field}" COLLATE NOCASE' for field in fields)
    base.execute(f"CREATE TABLE logs ({columns})")
    marks, events = ", ".join("?" * len(fields)), 0
    lake = Lake(out)
    for batch in islice(batches(lake), 5):
        for each in attributed_of(batch):
            told = dict(_flat(each.event.record))
            base.execute(f"INSERT INTO logs VALUES ({marks})", [told.get(field) for field in fields])  # noqa: S608
            events += 1
    lake.close()
    spent = float("inf")
    for _ in range(2):
        began = time.process_time()
        hits = sum(len(base.execute(query.replace("SELECT *", "SELECT rowid", 1)).fetchall()) for query in queries)
        spent = min(spent, time.process_time() - began)
    return {"events": events, "spent": spent, "hits": hits}


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if path and isinstance(value, (dict, list)):
        yield ".".join(path), json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, (*path, key))
    elif not isinstance(value, list) and value is not None:
        yield ".".join(path), str(value).lower() if isinstance(value, bool) else value


def _fields_in(text: str) -> set[str]:
    quoted = re.findall(r"`([^`]+)`", text)
    return {*quoted, *re.findall(r"\b([a-z][A-Za-z]+)(?=\s*(?:=|LIKE|REGEXP|IS|,|\)))", text)} - {"timestamp", "rowid"}


# --- windows ------------------------------------------------------------------------------------------------------

_WINDOW = """
title: Refused
name: refused
logsource: {product: aws, service: cloudtrail}
detection: {s: {errorCode: AccessDenied}, condition: s}
---
title: Refused often
correlation: {type: event_count, rules: [refused], group-by: [sourceIPAddress], timespan: 10m, condition: {gte: 50}}
"""


def do_window() -> Mapping[str, Any]:
    """Slide a window of ten minutes over the matches of a day, from seven addresses."""
    loaded = load_all([(_WINDOW, "window.yml")])
    rows = [
        {
            "day": AT.date(),
            "time_ms": int(AT.timestamp() * 1000) + n * 86_400_000 // MATCHES,
            "id": str(n),
            "source": "s3.amazonaws.com",
            "name": "GetObject",
            "error_code": "AccessDenied",
            "ip": f"198.51.100.{n // 100 % 7}",
        }
        for n in range(MATCHES)
    ]
    hits = Matcher(loaded.rules).match(table_of(rows).combine_chunks().to_batches()[0])
    spent = float("inf")
    for _ in range(3):
        correlator = Correlator(loaded.rules, loaded.correlations)
        began = time.process_time()
        correlator.add(hits)
        alerts = len(correlator.alerts())
        spent = min(spent, time.process_time() - began)
    assert alerts
    return {"events": len(hits.rows), "spent": spent, "alerts": alerts}


# --- measuring ----------------------------------------------------------------------------------------------------


def step(name: str, scratch: Path, *given: Path | str) -> tuple[dict[str, Any], Spent]:
    """Run a step in a process of its own."""
    said = scratch / f"{name}.out"
    spent = run([sys.executable, __file__, "--step", name, *map(str, given)], said)
    return json.loads(said.read_text()), spent


def do_step(name: str, given: Sequence[str]) -> Mapping[str, Any]:
    """Do what a process was started for."""
    folders = [Path(each) for each in given]
    match name:
        case "nothing":
            return {}
        case "ingest":
            return do_ingest(folders[0], folders[1])
        case "window":
            return do_window()
        case "sqlite":
            return do_sqlite(folders[0], folders[1])
        case _:
            which, _, kind = name.partition("-")
            loaded = _loaded(kind, folders[2])
            return do_audit(folders[0], folders[1], loaded) if which == "audit" else do_match(folders[1], loaded)


def _loaded(kind: str, folder: Path) -> LoadedRules:
    match kind:
        case "none":
            return LoadedRules((), ())
        case "own":
            return own_pack()
        case "sigmahq":
            return read_rules(folder)
        case "both":
            return together([own_pack(), read_rules(folder)])
        case _:
            return many(folder, int(kind))


def _met(met: object) -> str:
    return "met" if met else "NOT MET"


def print_pass(folder: Path, scratch: Path, rules: Path) -> tuple[Path, float]:
    """Print the whole pass and its stages; give the lake and the rate."""
    lake = scratch / "lake"
    _, start = step("nothing", scratch)
    done, spent = step("ingest", scratch, folder, lake)
    events, ingested = done["events"], spent.cpu - start.cpu
    print(f"{events:,} events in {done['files']:,} files")
    print(f"{'stage':<42}{'CPU s':>8}{'us an event':>13}{'share':>8}")
    found, of_audit = step("audit-sigmahq", scratch, folder, lake, rules)
    # The first use of a module costs as well: what the process took beside the audit itself is its start.
    whole = ingested + found["spent"]
    for stage, cpu in {"ingest": ingested, **found["stages"]}.items():
        print(f"{stage:<42}{cpu:>8.2f}{cpu / events * 1e6:>13.2f}{cpu / whole:>8.0%}")
    rate = events / whole
    print(f"{'all':<42}{whole:>8.2f}{whole / events * 1e6:>13.2f}")
    print(f"{rate:,.0f} events for a second of CPU, goal {RATE:,} {_met(rate >= RATE)}")
    print(
        f"{found['cases']} cases, {found['hits']:,} hits; ingest held {spent.memory / 1e6:,.0f} MB at most, the audit"
    )
    print(f"{of_audit.memory / 1e6:,.0f} MB, goal {MEMORY / 1e6:,.0f} {_met(of_audit.memory < MEMORY)}")
    for kind in ("both", "own", "none"):
        other, took = step(f"audit-{kind}", scratch, folder, lake, rules)
        told = f"{other['spent'] / events * 1e6:.2f} us an event, {took.memory / 1e6:,.0f} MB, {other['cases']} cases"
        print(f"  the audit by rules: {kind:<10}{told}")
    return lake, rate


def print_memory(months: int, scratch: Path, rules: Path) -> None:
    """Print what the audit holds of half as many events, and of files as small as they are delivered."""
    for name, folder in (
        ("half as many events", kept_months(max(1, months // 2))),
        ("a quarter, in files of five minutes", kept_months(max(1, months // 4), small=True)),
    ):
        lake = scratch / f"lake of {name}"
        done, _ = step("ingest", scratch, folder, lake)
        found, spent = step("audit-both", scratch, folder, lake, rules)
        told = f"{found['spent'] / found['events'] * 1e6:.2f} us an event"
        print(f"  {name}: {done['events']:,} events, {done['files']:,} files: {spent.memory / 1e6:,.0f} MB, {told}")


def print_rules(folder: Path, lake: Path, scratch: Path, rules: Path) -> None:
    """Print what rules cost, beside SQLite and beside more of them."""
    cost = {}
    for kind in ("57", str(MANY_RULES)):
        found, _ = step(f"match-{kind}", scratch, folder, lake, rules)
        cost[kind] = found["spent"] / found["events"]
        print(f"  {found['rules']} rules alone: {cost[kind] * 1e6:.2f} us an event, {found['hits']:,} hits")
    times = cost[str(MANY_RULES)] / cost["57"]
    print(f"  {times:.1f} times as much for {MANY_RULES}, goal {MANY_COST} {_met(times <= MANY_COST)}")
    found, _ = step("sqlite", scratch, lake, rules)
    each = found["spent"] / found["events"]
    print(f"  SQLite with 57: {each * 1e6:.2f} us an event, {found['hits']:,} hits of {found['events']:,} events")
    print(
        f"  {each / cost['57']:.1f} times SQLite, goal {TIMES['SQLite']} {_met(each / cost['57'] >= TIMES['SQLite'])}"
    )
    window, _ = step("window", scratch)
    met = _met(window["spent"] <= WINDOW_SECONDS)
    print(
        f"  a window of 10 min over {window['events']:,} matches: {window['spent']:.3f} s, goal {WINDOW_SECONDS} {met}"
    )


def print_trailscraper(command: str, folder: Path, scratch: Path, rate: float) -> None:
    """Print how fast trailscraper prints every tenth file."""
    some, out = sample(folder / "trail", 10, scratch / "some"), scratch / "trailscraper.json"
    spent = run([command, "select", "--log-dir", str(some), "--from", "2026-01-01", "--to", "2027-01-01"], out)
    records = len(json.loads(out.read_bytes())["Records"])
    theirs = records / spent.cpu
    met = _met(rate / theirs >= TIMES["trailscraper"])
    print(
        f"  trailscraper select: {theirs:,.0f} records for a second of CPU; the pass is {rate / theirs:.1f} times that,"
    )
    print(f"  goal {TIMES['trailscraper']} {met}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=8, help="months of 80,000 events [default: 8]")
    parser.add_argument("--rules", type=Path, required="--step" not in sys.argv, help="folder of SigmaHQ's 57 rules")
    parser.add_argument("--trailscraper", help="the command `trailscraper` of an environment of its own")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(do_step(given.step[0], given.step[1:])))
        return
    # As the command does.
    prefer_plain_memory()
    folder, machine = kept_months(given.months), Machine()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        lake, rate = print_pass(folder, scratch, given.rules)
        print_rules(folder, lake, scratch, given.rules)
        if given.trailscraper:
            print_trailscraper(given.trailscraper, folder, scratch, rate)
        else:
            print("  trailscraper is not named: it was not asked")
        print_memory(given.months, scratch, given.rules)
    print(machine.others())


if __name__ == "__main__":
    main()
