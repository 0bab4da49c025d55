"""The files of the table: Parquet, each written whole or not at all, and named by what is in it."""

import hashlib
import os
import socket
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from watchbill.errors import ProviderError
from watchbill.lake.manifest import PartRow
from watchbill.trail.table import SCHEMA, WORDS


FOLDER = "events"
"""Where they lie in the folder of the lake."""

ROW_GROUP = 100_000
"""Rows of a group, whose people and times say whether a query has to look into it."""

PAGE = 2_000
"""Rows of a page, which is what a query reads or passes over as one: a person's rows of a file are few."""

LEFT = timedelta(hours=1)
"""How long a file that is no part of the table any more is left to those who still read it."""

_MARK = ".now"
_EPOCH = date(1970, 1, 1)
_SHARED = [field.name for field in SCHEMA if field.type == WORDS]
MEASURED = ["day", "time_ms", "person", "account", "region", "source", "name", "ip", "access_key", "user_name", "host"]
"""Columns whose least and greatest value is kept for each group, so that a query can pass it over."""


def write_part(folder: Path, table: pa.Table, state: str) -> PartRow:
    """Write rows as one file, in order of person and time, and make sure that it is on the disk."""
    table = table.take(_order(table))
    days, times = table["day"].cast(pa.int32()).to_numpy(), table["time_ms"].to_numpy()
    first, last = day_of(int(days.min())), day_of(int(days.max()))
    path = write_whole(folder / FOLDER, table, _SHARED, lambda digest: f"{first}-{digest[:24]}.parquet")
    size = path.stat().st_size
    return PartRow(path.name, first, last, len(table), int(times.min()), int(times.max()), size, state)


def write_whole(
    place: Path,
    table: pa.Table,
    shared: Sequence[str],
    name_of: Callable[[str], str],
    noted: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write rows as one file of a folder, whole or not at all, and make sure that it is on the disk; give its path.

    `shared` are columns of which many rows have the same; `name_of` names the file by the SHA-256 of its bytes; `noted`
    is written at its end.
    """
    # In two containers the numbers of processes are the same.
    passing = place / f".{socket.gethostname()}-{os.getpid()}.tmp"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(
            passing,
            table.schema,
            compression="zstd",
            compression_level=1,
            max_rows_per_page=PAGE,
            write_page_index=True,
            use_dictionary=list(shared),
            write_statistics=[name for name in MEASURED if name in table.column_names],
            store_schema=False,
        ) as writer:
            writer.write_table(table, ROW_GROUP)
            writer.add_key_value_metadata(dict(noted))
        path = place / name_of(_settle(passing))
        passing.replace(path)
        _sync(place)
    except OSError as error:
        # What is half written only takes up room.
        with suppress(OSError):
            passing.unlink(missing_ok=True)
        raise ProviderError(
            f"could not write to {place}: {error.strerror or error}", "make room, or see that it may be written"
        ) from error
    return path


def read_part(folder: Path, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a file of the table, texts that many rows share as such."""
    shared = _SHARED if columns is None else [column for column in columns if column in _SHARED]
    try:
        # Without partitioning: a folder called `a=b` is no column.
        return pq.read_table(folder / FOLDER / name, columns=columns, read_dictionary=shared, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise ProviderError(
            f"could not read {folder / FOLDER / name}: {error}", "restore it, or ingest anew"
        ) from error


def leave(folder: Path, names: Iterable[str]) -> None:
    """Touch files that are about to be no part of the table: those who read by an older list still have `LEFT`."""
    for name in names:
        with suppress(OSError):
            os.utime(folder / FOLDER / name)


def sweep(folder: Path, listed: Container[str]) -> int:
    """Remove files that nobody lists and that nothing touched for `LEFT`; give how many.

    That is told by the clock of the file system alone, which also gave them their times.
    """
    files = [path for path in _files(folder) if path.name not in listed]
    if not files:
        return 0
    swept, mark = 0, folder / FOLDER / _MARK
    try:
        mark.touch()
        now = mark.stat().st_mtime
        for path in files:
            if path.name != _MARK and path.stat().st_mtime < now - LEFT.total_seconds():
                path.unlink(missing_ok=True)
                swept += 1
        mark.unlink(missing_ok=True)
    except OSError as error:
        raise ProviderError(f"could not remove what is left over in {folder / FOLDER}: {error.strerror}") from error
    return swept


def day_of(number: int) -> str:
    """Name the day that is so many days after 1970-01-01."""
    return (_EPOCH + timedelta(days=number)).isoformat()


def _order(table: pa.Table) -> pa.Array:
    """Order rows by person, then time, then id; rows of nobody last."""
    people = table["person"].unify_dictionaries().combine_chunks()
    ranks = pc.rank(people.dictionary, sort_keys="ascending") if len(people.dictionary) else people.dictionary
    plain = pa.table({"person": ranks.take(people.indices), "time_ms": table["time_ms"], "id": table["id"]})
    return pc.sort_indices(plain, sort_keys=[(name, "ascending") for name in plain.column_names])


def _files(folder: Path) -> Iterator[Path]:
    place = folder / FOLDER
    yield from sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else ()


def _settle(path: Path) -> str:
    """Force a file to the disk, and give the SHA-256 of its bytes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest


def _sync(folder: Path) -> None:
    # The name of a file is on the disk when its folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
