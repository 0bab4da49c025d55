"""What is asked of a lake by an engine: any question, where the trail says nothing, and records as they were delivered.

Engines are large: what never asks one, such as an audit, does not load them.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from watchbill.bootstrap import App
from watchbill.errors import NotFoundError, ProviderError
from watchbill.intervals import Interval, iso
from watchbill.lake.engines import DuckEngine
from watchbill.lake.hours import Hours, hours_in
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake
from watchbill.lake.queries import places
from watchbill.lake.raw import kept_raw
from watchbill.team.model import Team
from watchbill.trail.coverage import HISTORY, Coverage, Known, Unsure, coverage
from watchbill.trail.forms import raw_record
from watchbill.trail.table import instant


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of an event, as it was delivered."""

    account: str | None
    object: str
    record: int
    raw: bytes
    """Its bytes: of a host's log, the line that the event begins with. Empty where the object has it no more."""
    unchanged: bool
    """Whether the object still has the bytes that were taken in, by its SHA-256."""
    kept: bool = False
    """Whether the object is gone, and these are the bytes that the lake keeps."""


def files_of(lake: Lake, span: Interval | None = None) -> list[str]:
    """Give the files of the table that may have events of a span."""
    days = ("", "9") if span is None else (span.start.date().isoformat(), span.end.date().isoformat())
    return [str(lake.folder.resolve() / FOLDER / part.name) for part in lake.manifest.parts(*days)]


def ask(lake: Lake, query: Any, span: Interval | None = None, windows: Any = None) -> list[Mapping[str, Any]]:
    """Ask one query of the files that may have events of a span."""
    with DuckEngine(files_of(lake, span), windows=windows) as engine:
        return list(engine.ask(query).to_pylist())


def raw_records(app: App, lake: Lake, event_id: str) -> list[RawRecord]:
    """Fetch the records of an event again, byte for byte, from the objects they were read from."""
    found = ask(lake, places([event_id]))
    if not found:
        raise NotFoundError(f"no event `{event_id}` in the lake")
    records = []
    for row in found:
        try:
            data = app.raw_bytes(row["object"])
        except ProviderError:
            kept = kept_raw(lake, event_id, row["account"])
            if kept is None:
                raise
            records.append(RawRecord(row["account"], row["object"], row["record"], kept, unchanged=False, kept=True))
            continue
        same = hashlib.sha256(data).hexdigest() == row["object_digest"]
        try:
            raw = raw_record(data, row["record"])
        except IndexError:
            # The object was changed since: it has fewer records.
            raw = b""
        records.append(RawRecord(row["account"], row["object"], row["record"], raw, same))
    return records


def coverage_of(
    lake: Lake,
    within: Interval,
    at: datetime,
    team: Team | None,
    regions: Collection[str] = (),
    hours: Hours | None = None,
) -> Coverage:
    """Tell what the lake has nothing of though it should, within a span.

    Accounts of the team are expected to be there, as are the regions that are named. `hours` are of this lake, where
    they are kept for the next time.
    """
    known = Interval(within.start - HISTORY, within.end)
    every = (hours or Hours()).of(lake, known)
    there = hours_in(every, known)
    # Each hour is one value, of however many accounts and regions.
    at_ms = {each: instant(each) for each in there["hour_ms"].unique().to_pylist()}
    events = {
        (account, region or "", at_ms[hour_ms]): count
        for account, region, hour_ms, count in _summed(there, ["account", "region", "hour_ms"], ("events", "sum"))
        if account is not None
    }
    hosts: dict[str, list[datetime]] = {}
    for host, hour_ms, _ in _summed(there, ["host", "hour_ms"], ("events", "sum")):
        if host is not None:
            hosts.setdefault(host, []).append(at_ms[hour_ms])
    files = [row.name for row in lake.manifest.objects()]
    accounts = () if team is None else [account.number for account in team.accounts.values()]
    found = coverage(Known(files, events, hosts), within, at, accounts=accounts, regions=regions)
    return replace(found, unsure=(*found.unsure, *_long_silent(every, known)))


def _summed(hours: pa.Table, by: Sequence[str], what: tuple[str, str]) -> Iterator[tuple[Any, ...]]:
    """Give what is said of each of what rows are told apart by, after what tells them apart."""
    found = hours.group_by(list(by)).aggregate([what])
    return zip(*(found[name].to_pylist() for name in (*by, "_".join(what))), strict=True)


def _long_silent(every: pa.Table, known: Interval) -> Iterator[Unsure]:
    """Name the hosts that logged nothing for so long that nothing is known of what is usual for them."""
    heard = _summed(every, ["host"], ("last_ms", "max"))
    for last, host in sorted((instant(last_ms), host) for host, last_ms in heard if host is not None):
        if last < known.start:
            yield Unsure(None, None, host, f"it has logged nothing since {iso(last)}: gone, or silent?")
