"""Put the files of days that are over together, publish them as an Iceberg table, and drop what need not be kept.

A day is over when two days have passed since; what comes later is put in by the next run. Files of one month are put
together up to a size that fits into memory, in order of person and time, each on the disk before one transaction puts
it in the place of those it was made of.

The Iceberg table (format 2, one partition a month) holds the sealed files and no other, for engines besides ours. It is
made of the manifest and never the other way round: what differs is mended by the next run, and a table that is damaged
or was moved is made anew. PyIceberg does not remove old metadata files, so that is done here.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.table import Table, TableProperties
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import BooleanType, DateType, IcebergType, IntegerType, LongType, NestedField, StringType

from watchbill.lake.manifest import HOT, SEALED, PartRow
from watchbill.lake.parts import FOLDER, MEASURED, read_part, write_part
from watchbill.lake.place import Lake
from watchbill.trail.table import SCHEMA


SETTLED = timedelta(days=2)
"""How long after its end a day is sealed: CloudTrail delivers within minutes, but a trail may retry for long."""

TARGET_ROWS = 400_000
"""Rows that a sealed file has at most, unless one file had more already: some 300 MB in memory."""

MANIFESTS = 100
"""Manifests from which on the Iceberg table is made anew: each run that replaces files adds one that stays."""

_CATALOG = "iceberg"
_NAME = "watchbill.events"
_KEPT = timedelta(hours=1)
"""How long metadata that is no longer current is left to those who read by it."""

_TYPES: dict[pa.DataType, IcebergType] = {
    pa.bool_(): BooleanType(),
    pa.date32(): DateType(),
    pa.int32(): IntegerType(),
    pa.int64(): LongType(),
}


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run of `seal` did."""

    made: int
    """Files that were put together out of others."""
    out_of: int
    """Files that those were made of."""
    dropped: int
    """Files of which every event is older than what is kept."""


def seal(
    lake: Lake,
    at: datetime,
    *,
    keep: timedelta | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sealed:
    """Seal the days that are over at an instant; drop files whose last day is longer past than `keep`.

    Raises RefusedError where another process is changing the lake.
    """
    with lake.held():
        dropped = _drop(lake, at - keep) if keep is not None else 0
        groups = list(_groups(lake.manifest.parts(), (at - SETTLED).date().isoformat()))
        for done, group in enumerate(groups, start=1):
            _merge(lake, group)
            progress(done, len(groups))
        publish(lake, at)
        return Sealed(len(groups), sum(map(len, groups)), dropped)


def _drop(lake: Lake, before: datetime) -> int:
    """Take files out of the table whose events all lie before the day of an instant."""
    gone = [part.name for part in lake.manifest.parts() if part.last_day < before.date().isoformat()]
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, gone, [])
    return len(gone)


def _groups(parts: Sequence[PartRow], until: str) -> Iterator[list[PartRow]]:
    """Group files that belong together: of one month, over before a day, small enough; sealed ones alone stay."""
    months: dict[str, list[PartRow]] = {}
    for part in parts:
        if part.last_day < until and (part.state == HOT or part.rows < TARGET_ROWS // 2):
            months.setdefault(part.day[:7], []).append(part)
    for month in months.values():
        group: list[PartRow] = []
        for part in month:
            if group and sum(each.rows for each in group) + part.rows > TARGET_ROWS:
                yield from _worth(group)
                group = []
            group.append(part)
        yield from _worth(group)


def _worth(group: list[PartRow]) -> Iterator[list[PartRow]]:
    if len(group) > 1 or any(part.state == HOT for part in group):
        yield group


def _merge(lake: Lake, group: Sequence[PartRow]) -> None:
    tables = [read_part(lake.folder, part.name) for part in group]
    made = write_part(lake.folder, pa.concat_tables(tables).unify_dictionaries(), SEALED)
    names = [part.name for part in group]
    waiting = lake.manifest.waits_of(names)
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, names, [made])
        lake.manifest.wait(connection, made.name, waiting)


def publish(lake: Lake, at: datetime) -> None:
    """Make the Iceberg table hold the sealed files and no other."""
    wanted = {str(lake.folder.resolve() / FOLDER / part.name) for part in lake.manifest.parts() if part.state == SEALED}
    table = _lean(lake.folder)
    there = {task.file.file_path: task.file for task in table.scan().plan_files()}
    gone, new = [there[path] for path in sorted(set(there) - wanted)], sorted(wanted - set(there))
    if gone or new:
        with table.transaction() as transaction, transaction.update_snapshot().overwrite() as snapshot:
            for file in gone:
                snapshot.delete_data_file(file)
            for path in new:
                snapshot.append_data_file(parquet_file_to_data_file(table.io, transaction.table_metadata, path))
        _forget(table, at)


def iceberg(folder: Path) -> Table:
    """Give the Iceberg table of a lake, made anew where it is not there or cannot be read from where it lies."""
    place = folder.resolve() / _CATALOG
    try:
        table = _open(place)
        if table.location() == _location(place):
            return table
    except (NoSuchTableError, OSError):
        pass
    shutil.rmtree(place, ignore_errors=True)
    return _open(place, anew=True)


def _lean(folder: Path) -> Table:
    """Give the Iceberg table, made anew where it has gathered manifests: PyIceberg keeps those of removed files."""
    table = iceberg(folder)
    current = table.current_snapshot()
    if current is None or len(current.manifests(table.io)) <= MANIFESTS:
        return table
    shutil.rmtree(folder.resolve() / _CATALOG)
    return iceberg(folder)


def _location(place: Path) -> str:
    return f"file://{place}/events"


def _open(place: Path, *, anew: bool = False) -> Table:
    place.mkdir(exist_ok=True)
    catalog = SqlCatalog("watchbill", uri=f"sqlite:///{place / 'catalog.db'}", warehouse=f"file://{place}")
    if not anew:
        return catalog.load_table(_NAME)
    catalog.create_namespace_if_not_exists("watchbill")
    schema = iceberg_schema()
    month = PartitionField(schema.find_field("day").field_id, 1000, MonthTransform(), "month")
    # Files are written without the field ids of Iceberg: columns are told by their names.
    properties = {
        "format-version": "2",
        TableProperties.DEFAULT_NAME_MAPPING: schema.name_mapping.model_dump_json(),
        TableProperties.DEFAULT_WRITE_METRICS_MODE: "none",
        **{f"{TableProperties.METRICS_MODE_COLUMN_CONF_PREFIX}.{name}": "truncate(64)" for name in MEASURED},
    }
    return catalog.create_table(
        _NAME, schema, location=_location(place), partition_spec=PartitionSpec(month), properties=properties
    )


def iceberg_schema() -> Schema:
    """Give the columns of the table as Iceberg has them."""
    fields = [NestedField(n, each.name, _TYPES.get(each.type, StringType())) for n, each in enumerate(SCHEMA, start=1)]
    return assign_fresh_schema_ids(Schema(*fields))


def _forget(table: Table, at: datetime) -> None:
    """Forget every snapshot but the current one, and remove the metadata files that nobody needs any more."""
    table.refresh()
    current = table.current_snapshot()
    assert current is not None, "a table that was written to has a snapshot"
    old = [each.snapshot_id for each in table.snapshots() if each.snapshot_id != current.snapshot_id]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
    needed = {
        table.metadata_location,
        current.manifest_list,
        *(each.manifest_path for each in current.manifests(table.io)),
    }
    _remove(Path(table.metadata_location.removeprefix("file://")).parent, needed, at - _KEPT)


def _remove(folder: Path, needed: Iterable[str], before: datetime) -> None:
    names = {path.rsplit("/", 1)[-1] for path in needed}
    for path in folder.iterdir():
        if path.name not in names and path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)
