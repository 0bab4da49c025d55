"""Lakes for tests: objects to take in, and what is in the table afterwards."""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from watchbill.access.history import declared
from watchbill.access.trusts import Trusts
from watchbill.intervals import Interval
from watchbill.lake.delivery import Delivery
from watchbill.lake.ingest import Ingested, ingest
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.team.model import Team
from watchbill.trail.everyone import Everyone
from watchbill.trail.forms import Hosts
from watchbill.trail.hosts.logins import attribute_hosts
from watchbill.trail.interfaces import Forced, NothingKnown
from watchbill.trail.model import Attributed, Event
from watchbill.trail.table import PLACE, event_of, record_of


AT = datetime(2026, 1, 20, tzinfo=UTC)


def log(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Write records as CloudTrail delivers them."""
    return gzip.compress(json.dumps({"Records": list(records)}, separators=(",", ":")).encode(), mtime=0)


def delivery(name: str, data: bytes, version: str = "1") -> Delivery:
    """Make an object that may be read."""
    return Delivery(name, version, len(data), lambda: data)


def taken_in(
    folder: Path,
    deliveries: Iterable[Delivery],
    team: Team | None = None,
    *,
    beside: int = 0,
    at: datetime = AT,
    hosts: Hosts | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ingested:
    """Take objects into the lake in a folder."""
    lake = Lake(folder)
    try:
        namer, tie = lambda find, trusts: Everyone(team, find, forced(trusts, team)), partial(named_on_hosts, team)
        return ingest(lake, deliveries, namer, tie, at, hosts=hosts, beside=beside, progress=progress)
    finally:
        lake.close()


def forced(trusts: Sequence[Event], team: Team | None) -> Forced:
    """Give what the trust policies of roles forced."""
    if team is None:
        return NothingKnown()
    return Trusts(trusts, declared((), team, Interval(AT - timedelta(days=60), AT + timedelta(days=60)), ()))


def named_on_hosts(team: Team | None, events: Sequence[Event], aws: Sequence[Attributed]) -> Sequence[Attributed]:
    """Name who did what on hosts."""
    return attribute_hosts(events, team, aws)


def age(folder: Path, hours: float = 2) -> None:
    """Make every file of a lake as old as if nothing had touched it for some hours."""
    for path in folder.rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - hours * 3600
            os.utime(path, (then, then))


def rows(folder: Path) -> list[dict[str, Any]]:
    """Give the rows of a lake, in order of time, id and record, as its manifest lists them."""
    lake = Lake(folder)
    try:
        tables = [read_part(folder, part.name) for part in lake.manifest.parts()]
    finally:
        lake.close()
    found = pa.concat_tables(tables, promote_options="default").to_pylist() if tables else []
    return sorted(found, key=lambda row: (row["time_ms"], row["id"], row["account"] or "", str(record_of(row))))


def table(folder: Path) -> list[tuple[Any, ...]]:
    """Give what the rows of a lake say and who it was, but not where each was read, which hangs on what came first."""
    where = {field.name for field in PLACE}
    texts = {"request_parameters", "response_elements", "user_identity", "additional_event_data", "resources"}
    texts |= {"service_event_details", "tls_details", "rest"}
    return [
        (sorted((k, str(v)) for k, v in row.items() if k not in where | texts), record_of(row), event_of(row).identity)
        for row in rows(folder)
    ]
