"""The events of the table as batches, in bounded memory, in no order of time.

Files come in order of their day; within a file rows are in order of person and time. A pass that wants only a few rows
whole looks at a few columns first: where none is wanted, the rest of a group is never read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake
from watchbill.trail.table import SCHEMA, WORDS, instant, milliseconds


BATCH = 20_000
"""Rows of a batch."""

_WORDS = [field.name for field in SCHEMA if field.type == WORDS]

Mask = Callable[[pa.RecordBatch], npt.NDArray[np.bool_]]
"""Tells which rows of a batch are wanted."""


def batches(lake: Lake, span: Interval | None = None, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Give the events of a span, or all; with `columns`, only those of `SCHEMA`'s columns."""
    for file in _files(lake, span):
        yield from _within(_read(file, columns), span)


def picked(lake: Lake, span: Interval | None, look_at: Sequence[str], wanted: Mask) -> Iterator[pa.RecordBatch]:
    """Give whole the events of a span that `wanted` wants, by the columns `look_at`; it is shown each batch once."""
    for file in _files(lake, span):
        held: list[npt.NDArray[np.bool_]] = [wanted(batch) for batch in _read(file, [*look_at])]
        if any(mask.any() for mask in held):
            for batch, mask in zip(_read(file, None), held, strict=True):
                if mask.any():
                    yield from _within([batch.filter(pa.array(mask))], span)


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


def _files(lake: Lake, span: Interval | None) -> Iterator[Path]:
    for part in lake.manifest.parts(*days_of(span)):
        if span is None or not (part.last_ms < milliseconds(span.start) or part.first_ms >= milliseconds(span.end)):
            yield lake.folder / FOLDER / part.name


def _read(file: Path, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    shared = _WORDS if columns is None else [name for name in columns if name in _WORDS]
    try:
        with pq.ParquetFile(file, read_dictionary=shared) as opened:
            names = [field.name for field in SCHEMA if columns is None or field.name in columns]
            yield from opened.iter_batches(BATCH, columns=names)
    except (OSError, pa.ArrowException) as error:
        raise ProviderError(f"could not read {file}: {error}", "restore it, or ingest anew") from error


def _within(found: Iterable[pa.RecordBatch], span: Interval | None) -> Iterator[pa.RecordBatch]:
    for batch in found:
        if span is None:
            yield batch
            continue
        times = batch.column("time_ms").to_numpy()
        inside = (times >= milliseconds(span.start)) & (times < milliseconds(span.end))
        if inside.all():
            yield batch
        elif inside.any():
            yield batch.filter(pa.array(inside))
