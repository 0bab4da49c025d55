"""The events of the table as batches, in bounded memory, in no order of time.

Files come in order of their day; within a file rows are in order of person and time. Small files share a batch: what a
batch costs by itself is paid once for many of them. A pass that wants only a few rows whole looks at a few columns
first: of a file where none is wanted, the rest is never read.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake.manifest import PartRow
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake
from watchbill.trail.codes import alone
from watchbill.trail.table import SCHEMA, WORDS, instant, milliseconds


BATCH = 10_000
"""Rows of a batch at most: twice as many take no less CPU for each, and tens of megabytes more at once."""

_WORDS = [field.name for field in SCHEMA if field.type == WORDS]

Mask = Callable[[pa.RecordBatch], npt.NDArray[np.bool_]]
"""Tells which rows of a batch are wanted."""


def batches(lake: Lake, span: Interval | None = None, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Give the events of a span, or all; with `columns`, only those of `SCHEMA`'s columns."""
    told = None if columns is None else {*columns, "time_ms"}
    for batch in joined(batch for part in _parts(lake, span) for batch in _within(_read(lake, part, told), span)):
        yield batch if columns is None else batch.select([name for name in SCHEMA.names if name in columns])


def dated(lake: Lake, span: Interval) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Give the events of a span, each batch with the time before which none of a later batch lies, in milliseconds."""
    parts = list(_parts(lake, span))
    least = [*accumulate((part.first_ms for part in reversed(parts)), min)][::-1]
    place = 0

    def pieces() -> Iterator[pa.RecordBatch]:
        nonlocal place
        for place, part in enumerate(parts):  # noqa: B007 - it is asked outside how far this has come
            yield from _within(_read(lake, part, None), span)

    for batch in joined(pieces()):
        yield batch, least[place]


def picked(lake: Lake, span: Interval | None, look_at: Sequence[str], wanted: Mask) -> Iterator[pa.RecordBatch]:
    """Give whole the events of a span that `wanted` wants, by the columns `look_at`; it is shown each row once."""
    return joined(
        batch for parts in _together(_parts(lake, span)) for batch in _picked(lake, parts, span, look_at, wanted)
    )


def of_part(lake: Lake, part: PartRow, columns: Collection[str]) -> Iterator[pa.RecordBatch]:
    """Give some columns of the events of one file, in its order."""
    yield from _read(lake, part, columns)


def joined(pieces: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Put small batches together, in their order, to at most `BATCH` rows; larger ones stay as they are."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for piece in pieces:
        if held and rows + piece.num_rows > BATCH:
            yield _one(held)
            rows = 0
        held.append(piece)
        rows += piece.num_rows
    if held:
        yield _one(held)


def _one(held: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Make one batch of some, and let go of them."""
    first = held[0]
    if len(held) > 1:
        table = pa.Table.from_batches(held).unify_dictionaries().combine_chunks()
        first = next(iter(table.to_batches()), first)
    held.clear()
    return first


def _together(parts: Iterable[PartRow]) -> Iterator[list[PartRow]]:
    """Give parts that have at most `BATCH` rows together; a larger one is alone."""
    held: list[PartRow] = []
    for part in parts:
        if held and sum(each.rows for each in held) + part.rows > BATCH:
            yield held
            held = []
        held.append(part)
    if held:
        yield held


def _picked(
    lake: Lake, parts: Sequence[PartRow], span: Interval | None, look_at: Sequence[str], wanted: Mask
) -> Iterator[pa.RecordBatch]:
    pieces = [(part, batch) for part in parts for batch in _read(lake, part, {*look_at, "time_ms"})]
    masks: dict[str, list[npt.NDArray[np.bool_]]] = {}
    # One batch of all that are small; of a large part one after the other.
    for group in [pieces] if len(parts) > 1 else [[piece] for piece in pieces]:
        asked = _one([batch for _, batch in group])
        mask = _inside(asked, span)
        mask[mask] = wanted(asked.filter(pa.array(mask)).select([*look_at]))
        start = 0
        for part, batch in group:
            masks.setdefault(part.name, []).append(mask[start : start + batch.num_rows])
            start += batch.num_rows
    for part in parts:
        held = masks.get(part.name, [])
        if any(mask.any() for mask in held):
            for batch, mask in zip(_read(lake, part, None), held, strict=True):
                if mask.any():
                    yield alone(batch.filter(pa.array(mask)))


def days_of(span: Interval | None) -> tuple[str, str]:
    """Give the first and the last day whose files may have events of a span."""
    return ("", "9") if span is None else (span.start.date().isoformat(), span.end.date().isoformat())


def reach(lake: Lake) -> Interval | None:
    """Give the time from the first event of the table to the last, both in it; None where there is none."""
    parts = lake.manifest.parts()
    if not parts:
        return None
    first, last = min(part.first_ms for part in parts), max(part.last_ms for part in parts)
    return Interval(instant(first), instant(last + 1))


def _parts(lake: Lake, span: Interval | None) -> Iterator[PartRow]:
    for part in lake.manifest.parts(*days_of(span)):
        if span is None or not (part.last_ms < milliseconds(span.start) or part.first_ms >= milliseconds(span.end)):
            yield part


def _read(lake: Lake, part: PartRow, columns: Collection[str] | None) -> Iterator[pa.RecordBatch]:
    file = lake.folder / FOLDER / part.name
    shared = _WORDS if columns is None else [name for name in _WORDS if name in columns]
    names = [name for name in SCHEMA.names if columns is None or name in columns]
    try:
        with pq.ParquetFile(file, read_dictionary=shared, pre_buffer=False) as opened:
            # Threads cost more CPU than they save time: there are fifty columns of a few kilobytes.
            yield from opened.iter_batches(BATCH, columns=names, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise ProviderError(f"could not read {file}: {error}", "restore it, or ingest anew") from error


def _within(found: Iterable[pa.RecordBatch], span: Interval | None) -> Iterator[pa.RecordBatch]:
    for batch in found:
        inside = _inside(batch, span)
        if inside.all():
            yield batch
        elif inside.any():
            yield batch.filter(pa.array(inside))


def _inside(batch: pa.RecordBatch, span: Interval | None) -> npt.NDArray[np.bool_]:
    """Tell which rows lie in a span."""
    if span is None:
        return np.ones(batch.num_rows, np.bool_)
    times: npt.NDArray[np.int64] = batch.column("time_ms").to_numpy()
    return (times >= milliseconds(span.start)) & (times < milliseconds(span.end))
