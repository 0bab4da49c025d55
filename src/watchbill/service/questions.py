"""What is asked of a lake by an engine: any question, where the trail says nothing, and records as they were delivered.

Engines are large: what never asks one, such as an audit, does not load them.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from watchbill.bootstrap import App
from watchbill.errors import NotFoundError, ProviderError
from watchbill.intervals import Interval, iso
from watchbill.lake.engines import DuckEngine
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake
from watchbill.lake.queries import coverage as coverage_query
from watchbill.lake.queries import host_hours, hosts_heard, places
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
    lake: Lake, within: Interval, at: datetime, team: Team | None, regions: Collection[str] = ()
) -> Coverage:
    """Tell what the lake has nothing of though it should, within a span.

    Accounts of the team are expected to be there, as are the regions that are named.
    """
    known = Interval(within.start - HISTORY, within.end)
    areas = ask(lake, coverage_query(known), known)
    hosts: dict[str, list[datetime]] = {}
    for row in ask(lake, host_hours(known), known):
        hosts.setdefault(row["host"], []).append(instant(row["hour_ms"]))
    events = {(row["account"], row["region"] or "", instant(row["hour_ms"])): row["events"] for row in areas}
    files = [row.name for row in lake.manifest.objects()]
    accounts = () if team is None else [account.number for account in team.accounts.values()]
    found = coverage(Known(files, events, hosts), within, at, accounts=accounts, regions=regions)
    return replace(found, unsure=(*found.unsure, *_long_silent(lake, known)))


def _long_silent(lake: Lake, known: Interval) -> Iterator[Unsure]:
    """Name the hosts that logged nothing for so long that nothing is known of what is usual for them."""
    for row in ask(lake, hosts_heard()):
        last = instant(row["last_ms"])
        if last < known.start:
            yield Unsure(None, None, row["host"], f"it has logged nothing since {iso(last)}: gone, or silent?")
