"""Publish the sealed files as an Iceberg table, for engines besides ours.

Format 2, one partition a month, the sealed files and no other. The table is made of the manifest and never the other
way round: what differs is mended by the next run, and a table that is damaged or was moved is made anew. PyIceberg does
not remove old metadata files, so that is done here.
"""

import shutil
from collections.abc import Iterable
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

from watchbill.lake.manifest import SEALED
from watchbill.lake.parts import FOLDER, MEASURED
from watchbill.lake.place import Lake
from watchbill.trail.table import SCHEMA


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
