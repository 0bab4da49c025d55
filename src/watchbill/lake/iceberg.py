"""Publish the sealed files as an Iceberg table, for engines besides ours.

Format 2, one partition a month, the sealed files and no other. The table is made of the manifest and never the other
way round: what differs is mended by the next run, and a table that is damaged or was moved is made anew. PyIceberg does
not remove old metadata files, so that is done here.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema, assign_fresh_schema_ids
from pyiceberg.table import Table, TableProperties
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
)
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from watchbill.errors import ProviderError
from watchbill.lake.manifest import SEALED
from watchbill.lake.parts import FOLDER, LEFT, MEASURED
from watchbill.lake.place import Lake
from watchbill.lake.raw import RAW
from watchbill.trail.table import SCHEMA


MANIFESTS = 100
"""Manifests from which on the Iceberg table is made anew: each run that replaces files adds one that stays."""

_CATALOG = "iceberg"
_NAME = "watchbill.events"
_MARK = ".now"

_TYPES: dict[pa.DataType, IcebergType] = {
    pa.binary(): BinaryType(),
    pa.bool_(): BooleanType(),
    pa.date32(): DateType(),
    pa.int32(): IntegerType(),
    pa.int64(): LongType(),
}


def publish(lake: Lake) -> None:
    """Make the Iceberg table hold the sealed files and no other. Raises ProviderError where it cannot be written."""
    try:
        _publish(lake)
    except (OSError, SQLAlchemyError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]
        place = lake.folder / _CATALOG
        raise ProviderError(f"could not publish {place}: {why}", "make room, or see that it may be written") from error


def _publish(lake: Lake) -> None:
    wanted = {str(lake.folder.resolve() / FOLDER / part.name) for part in lake.manifest.parts() if part.state == SEALED}
    table, there = _lean(lake.folder)
    gone, new = [there[path] for path in sorted(set(there) - wanted)], sorted(wanted - set(there))
    if gone or new:
        # What is current now is not when this is done: those who read by it still have `LEFT`.
        for path in _needed(table):
            with suppress(OSError):
                os.utime(_metadata(table) / path)
        with table.transaction() as transaction, transaction.update_snapshot().overwrite() as snapshot:
            for file in gone:
                snapshot.delete_data_file(file)
            for path in new:
                snapshot.append_data_file(parquet_file_to_data_file(table.io, transaction.table_metadata, path))
        _forget(table)


def iceberg(folder: Path) -> Table:
    """Give the Iceberg table of a lake, made anew where it is not there or cannot be read from where it lies."""
    return _sound(folder)[0]


def _sound(folder: Path) -> tuple[Table, dict[str, DataFile]]:
    """Give the Iceberg table and the files it has, by their paths; made anew where anything of it cannot be read."""
    place = folder.resolve() / _CATALOG
    try:
        table = _open(place)
        there = {task.file.file_path: task.file for task in table.scan().plan_files()}
        if table.location() == _location(place):
            return table, there
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 - a damaged file fails in as many ways as there are readers of its form
        pass
    shutil.rmtree(place, ignore_errors=True)
    return _open(place, anew=True), {}


def _lean(folder: Path) -> tuple[Table, dict[str, DataFile]]:
    """Give the Iceberg table, made anew where it has gathered manifests: PyIceberg keeps those of removed files."""
    table, there = _sound(folder)
    current = table.current_snapshot()
    if current is None or len(current.manifests(table.io)) <= MANIFESTS:
        return table, there
    shutil.rmtree(folder.resolve() / _CATALOG)
    return _sound(folder)


def _location(place: Path) -> str:
    return f"file://{place}/events"


def _open(place: Path, *, anew: bool = False) -> Table:
    place.mkdir(exist_ok=True)
    uri = URL.create("sqlite", database=str(place / "catalog.db")).render_as_string()
    catalog = SqlCatalog("watchbill", uri=uri, warehouse=f"file://{place}")
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
    columns = [*SCHEMA, pa.field(RAW, pa.binary())]
    fields = [NestedField(n, each.name, _TYPES.get(each.type, StringType())) for n, each in enumerate(columns, start=1)]
    return assign_fresh_schema_ids(Schema(*fields))


def _metadata(table: Table) -> Path:
    return Path(table.metadata_location.removeprefix("file://")).parent


def _needed(table: Table) -> set[str]:
    """Name the metadata files that the table needs as it is."""
    current = table.current_snapshot()
    needed = [table.metadata_location]
    if current is not None:
        needed += [current.manifest_list, *(each.manifest_path for each in current.manifests(table.io))]
    return {path.rsplit("/", 1)[-1] for path in needed}


def _forget(table: Table) -> None:
    """Forget every snapshot but the current one, and remove the metadata files that nobody needs any more."""
    table.refresh()
    current = table.current_snapshot()
    assert current is not None, "a table that was written to has a snapshot"
    old = [each.snapshot_id for each in table.snapshots() if each.snapshot_id != current.snapshot_id]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
    _remove(_metadata(table), _needed(table))


def _remove(folder: Path, needed: set[str]) -> None:
    """Remove files that are not needed and that nothing touched for `LEFT`, by the clock of the file system."""
    mark = folder / _MARK
    mark.touch()
    before = mark.stat().st_mtime - LEFT.total_seconds()
    for path in folder.iterdir():
        if path.name not in needed and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
    mark.unlink()
