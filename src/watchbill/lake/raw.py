"""The bytes of every record in a column of their own, for a lake that is to outlive the objects it was read from.

It is a choice of the lake, kept in its manifest, and counts for what is taken in from then on. Without it the record is
fetched again from its object, which is what an auditor trusts; with it the table is about twice as large.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from watchbill.lake.manifest import Manifest
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.trail.columns import Columns, Source
from watchbill.trail.forms import records_of


RAW = "raw"
"""The column; null in rows that came without it."""

_KEPT = "raw"


def keeps_raw(manifest: Manifest) -> bool:
    """Tell whether a lake keeps the bytes of records."""
    return manifest.noted(_KEPT) == "yes"


def keep_raw(lake: Lake, *, kept: bool) -> None:
    """Have a lake keep the bytes of records, or keep them no more; what it has stays as it is."""
    with lake.held(), lake.manifest.transaction() as connection:
        lake.manifest.note(connection, _KEPT, "yes" if kept else "no")


def with_raw(columns: Columns, sources: Sequence[Source]) -> Columns:
    """Put the bytes of each record into a column."""
    if not len(columns.table):
        return columns
    records = {source.name: records_of(source.data) for source in sources}
    objects = columns.table["object"].combine_chunks()
    names = objects.dictionary.to_pylist()
    begins = np.cumsum([0, *(len(records[name]) for name in names)])[:-1]
    places = begins[objects.indices.to_numpy()] + columns.table["record"].to_numpy()
    every = pa.array([each for name in names for each in records[name]], pa.binary())
    return replace(columns, table=columns.table.append_column(RAW, every.take(pa.array(places))))


def kept_raw(lake: Lake, event_id: str, account: str | None) -> bytes | None:
    """Give the bytes that a lake keeps of an event; None where it does not."""
    for part in lake.manifest.parts():
        table = read_part(lake.folder, part.name, ["id"])
        at = np.flatnonzero(np.array(table["id"].to_pylist(), object) == event_id)
        if len(at):
            rows = read_part(lake.folder, part.name).take(pa.array(at))
            found = (
                dict(zip(rows["account"].to_pylist(), rows[RAW].to_pylist(), strict=True))
                if RAW in rows.column_names
                else {}
            )
            if found.get(account) is not None:
                return bytes(found[account])
    return None
