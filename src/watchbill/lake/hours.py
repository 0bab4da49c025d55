"""In which hours the lake has anything of whom: counted once for each file, as none is written anew under its name."""

from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from watchbill.intervals import Interval
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.lake.queries import bound
from watchbill.lake.stream import days_of


_HOUR_MS = 3_600_000
_WHOM = ["account", "region", "host"]
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _WHOM),
        *(pa.field(name, pa.int64()) for name in ("hour_ms", "first_ms", "last_ms", "events")),
    ]
)


class Hours:
    """The hours of one lake, kept for whoever asks again. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, bool], pa.Table] = {}

    def of(self, lake: Lake, span: Interval) -> pa.Table:
        """Give a row for each account, region and host and each hour in which a file has events of them, and how many.

        `first_ms` and `last_ms` say when within the hour. An hour may be there of several files. Of files that can have
        nothing of the span only those with hosts are counted, since a host may be silent for years.
        """
        with self._lock:
            known = self._known
        within = {part.name for part in lake.manifest.parts(*days_of(span))}
        asked = [(part.name, part.name in within) for part in lake.manifest.parts()]
        found = {each: known[each] if each in known else _hours_of(lake, *each) for each in asked}
        listed = {name for name, _ in asked}
        with self._lock:
            self._known = {each: rows for each, rows in self._known.items() if each[0] in listed} | found
        return pa.concat_tables([_SCHEMA.empty_table(), *found.values()])


def hours_in(rows: pa.Table, span: Interval) -> pa.Table:
    """Give those of some rows of `Hours` that have anything in a span, which may begin and end within an hour."""
    return rows.filter((pc.field("last_ms") >= bound(span.start)) & (pc.field("first_ms") < bound(span.end)))


def _hours_of(lake: Lake, name: str, within: bool) -> pa.Table:  # noqa: FBT001 - what a file is known by
    if not within:
        hosts = read_part(lake.folder, name, ["host"])["host"]
        if hosts.null_count == len(hosts):
            return _SCHEMA.empty_table()
    events = read_part(lake.folder, name, [*_WHOM, "time_ms"])
    hours = pc.multiply(pc.divide(events["time_ms"], _HOUR_MS), _HOUR_MS)
    counted = [("time_ms", "min"), ("time_ms", "max"), ("time_ms", "count")]
    made = events.append_column("hour_ms", hours).group_by([*_WHOM, "hour_ms"]).aggregate(counted)
    return made.rename_columns(_SCHEMA.names).cast(_SCHEMA).combine_chunks()
