"""Write events to a file for others: columns as Parquet or CSV, or records as lines of JSON."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from watchbill.errors import ProviderError
from watchbill.inert import inert_cell
from watchbill.intervals import Interval
from watchbill.trail.table import SCHEMA, json_text, milliseconds, record_of, rows_of


FORMS = ("parquet", "csv", "jsonl")
"""How events may be written. `jsonl` is the record with who it was beside it."""

_BESIDE = (
    *("person", "method", "confidence", "principal", "why", "category", "host", "outcome"),
    *("object", "object_digest", "record"),
)
"""Columns that stand beside a record."""

_BATCH = 20_000


def export(files: Sequence[str], to: Path, form: str, span: Interval | None, person: str | None) -> int:
    """Write the events of some files, file by file in order of person and time; give how many.

    The file is there whole or not at all, its owner's alone; one that was there before keeps its mode. Raises
    ProviderError where it cannot be written, or a file of the table cannot be read.
    """
    try:
        with _whole(to) as made:
            if form == "parquet":
                return _parquet(files, made, span, person)
            with made.open("w", encoding="utf-8", newline="") as out:
                write = _csv(out) if form == "csv" else _lines(out)
                count = 0
                for row in _rows(files, span, person):
                    write(row)
                    count += 1
                return count
    except OSError as error:
        raise ProviderError(f"could not write {to}: {error.strerror or error}") from error


@contextmanager
def _whole(to: Path) -> Iterator[Path]:
    """Give where to write; what was written there is put in place when that went well."""
    if to.exists() and not to.is_file():
        # A pipe, such as /dev/stdout.
        yield to
        return
    made = to.with_name(f".{to.name}.{os.getpid()}.tmp")
    try:
        made.touch(mode=to.stat().st_mode & 0o777 if to.exists() else 0o600)
        yield made
        made.replace(to)
    finally:
        with suppress(OSError):
            made.unlink(missing_ok=True)


def _parquet(files: Sequence[str], to: Path, span: Interval | None, person: str | None) -> int:
    count = 0
    with pq.ParquetWriter(to, SCHEMA, compression="zstd", store_schema=False) as writer:
        for table in _tables(files, span, person):
            writer.write_table(table.select(SCHEMA.names).cast(SCHEMA))
            count += len(table)
    return count


def _tables(files: Sequence[str], span: Interval | None, person: str | None) -> Iterator[pa.Table]:
    for file in files:
        try:
            with pq.ParquetFile(file) as source:
                for batch in source.iter_batches(_BATCH):
                    yield _within(pa.Table.from_batches([batch]), span, person)
        except (OSError, pa.ArrowException) as error:
            raise ProviderError(f"could not read {file}: {error}", "restore it, or ingest anew") from error


def _within(table: pa.Table, span: Interval | None, person: str | None) -> pa.Table:
    if span is not None:
        times = table["time_ms"]
        start, end = milliseconds(span.start), milliseconds(span.end)
        table = table.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end)))
    return table if person is None else table.filter(pc.equal(table["person"], person).fill_null(fill_value=False))


def _rows(files: Sequence[str], span: Interval | None, person: str | None) -> Iterator[dict[str, Any]]:
    for table in _tables(files, span, person):
        yield from rows_of(table)


def _csv(out: TextIO) -> Callable[[Mapping[str, Any]], object]:
    writer = csv.writer(out)
    writer.writerow(SCHEMA.names)
    return lambda row: writer.writerow([_cell(row[name]) for name in SCHEMA.names])


def _cell(value: object) -> object:
    """Keep a spreadsheet from taking a text of a stranger for a formula."""
    return inert_cell(value) if isinstance(value, str) else value


def _lines(out: TextIO) -> Callable[[Mapping[str, Any]], object]:
    return lambda row: out.write(json_text(_line(row)) + "\n")


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"watchbill": {name: row[name] for name in _BESIDE}, "record": record_of(row)}
