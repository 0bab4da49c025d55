"""Ask the lake: the same queries of DuckDB in this process, or of Spark over Spark Connect.

DuckDB reads the lake's Parquet files in memory and is the default. Spark is for a history that outgrows one machine: it
reads the sealed Iceberg table itself (Sail), or the list of files that the table's snapshot names (PySpark, which has
no Iceberg of its own). Both give Arrow tables with plain types, so that equal answers are equal tables.

No engine here loads or installs an extension, and the session's time zone is UTC everywhere.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import duckdb
import pyarrow as pa
from sqlglot import exp

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.portable import EVENTS, WINDOWS, Dialect, render
from watchbill.lake.queries import WINDOW_SCHEMA
from watchbill.trail.table import SCHEMA


if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

MEMORY = "1GB"
"""What DuckDB may take in memory where nobody says."""

THREADS = 2

ThroughBatches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""A function of the events as Arrow batches, each as it comes; it must be picklable for Spark."""

_GLOB = frozenset("*?[]{}\\")
"""Characters that an engine reads as a pattern of file names, not as a name: it would read other files, or none."""


class Engine(Protocol):
    """Something that answers queries about the lake."""

    def ask(self, tree: exp.Expr) -> pa.Table:
        """Answer a query of the portable subset, in its own order.

        Raises RefusedError where the query is not portable, ProviderError where the engine fails.
        """

    def through(self, function: ThroughBatches, schema: pa.Schema) -> pa.Table:
        """Pass all events through a function, and gather what it gives, in no order.

        The function may be called several times, each with some of the events.
        """


class DuckEngine:
    """DuckDB in memory over Parquet files, in this process. To be used in `with`.

    It can read those files and nothing else, and writes only under `spill`, where it puts what does not fit in memory.
    Without `spill` a query that needs more than `memory` fails.
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        windows: pa.Table | None = None,
        *,
        memory: str = MEMORY,
        threads: int = THREADS,
        spill: Path | None = None,
    ) -> None:
        self._connection = open_duckdb(files, memory=memory, threads=threads, spill=spill, windows=windows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, tree: exp.Expr) -> pa.Table:
        """Answer a query: see `Engine`."""
        text = render(tree, Dialect.DUCKDB)
        try:
            return plain(self._connection.sql(text).to_arrow_table())
        except duckdb.Error as error:
            raise ProviderError(f"DuckDB cannot answer: {first_line(error)}") from error

    def through(self, function: ThroughBatches, schema: pa.Schema) -> pa.Table:
        """Pass all events through a function: see `Engine`."""
        batches = self._connection.sql(f"FROM {EVENTS}").to_arrow_reader(_BATCH)
        return plain(pa.Table.from_batches(function(batches), schema))


class StandingEngine:
    """DuckDB in memory over the files of one folder, kept open for whoever asks often: each question names its files.

    It can read that folder and nothing else, and writes nothing. What it knows of a file it keeps: one of a lake is
    never written anew under its name. Several threads may ask at once. Raises RefusedError for a folder whose name is a
    pattern.
    """

    def __init__(self, folder: Path, *, memory: str = MEMORY, threads: int = THREADS) -> None:
        place = _names([folder.resolve()])
        self._connection = duckdb.connect(config=_config(memory, threads, None))
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET parquet_metadata_cache = true")
        self._connection.execute(f"SET allowed_directories = {_list(place)}")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def ask(self, tree: exp.Expr, files: Sequence[str | Path]) -> pa.Table:
        """Answer a query about the events of some files of the folder: see `Engine`."""
        text, names = render(tree, Dialect.DUCKDB), _names(files)
        try:
            # A view of a cursor's own: another thread asks another list of files.
            with self._connection.cursor() as cursor:
                if names:
                    source = f"read_parquet({_list(names)}, union_by_name = true)"
                    cursor.execute(f"CREATE TEMP VIEW {EVENTS} AS FROM {source}")
                else:
                    cursor.register(EVENTS, SCHEMA.empty_table())
                return plain(cursor.sql(text).to_arrow_table())
        except duckdb.Error as error:
            raise ProviderError(f"DuckDB cannot answer: {first_line(error)}") from error

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


class SparkEngine:
    """Spark, or Sail, over Spark Connect. To be used in `with`, which ends a session that was made here.

    `remote` is where the server listens, such as `sc://127.0.0.1:15002`, or a session of the caller's own, in which the
    temporary views `events` and `windows` are made. The events are those of an Iceberg table, by the place where the
    table lies, or of Parquet files; the server reads them, so it must reach them by these very names. Files of this
    machine are seen to be there, those of a store such as S3 are not: Sail reads what is left of a list and says
    nothing, Spark refuses it.
    """

    def __init__(
        self,
        remote: "str | SparkSession",
        *,
        iceberg: str | None = None,
        files: Sequence[str | Path] = (),
        windows: pa.Table | None = None,
    ) -> None:
        if (iceberg is None) == (not files):
            raise RefusedError("Spark needs an Iceberg table or a list of files, one of the two")
        names = _names(files)
        self._own = isinstance(remote, str)
        self._session: Any = _session(remote) if isinstance(remote, str) else remote
        given = WINDOW_SCHEMA.empty_table() if windows is None else windows.cast(WINDOW_SCHEMA)
        try:
            with _said():
                self._set()
                self._session.createDataFrame(given, schema=_ddl(WINDOW_SCHEMA)).createOrReplaceTempView(WINDOWS)
                self._events = self._read(iceberg, names)
                self._events.createOrReplaceTempView(EVENTS)
        except ProviderError:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._session.stop()

    def ask(self, tree: exp.Expr) -> pa.Table:
        """Answer a query: see `Engine`."""
        text = render(tree, Dialect.SPARK)
        with _said():
            return plain(self._session.sql(text).toArrow())

    def through(self, function: ThroughBatches, schema: pa.Schema) -> pa.Table:
        """Pass all events through a function on the server's workers: see `Engine`.

        The workers need this package, of the same version, and its dependencies.
        """
        with _said():
            return plain(self._events.mapInArrow(function, _ddl(schema)).toArrow())

    def _set(self) -> None:
        """Pin what a session may have been told otherwise and what answers hang on."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            # SQLGlot writes texts with backslashes, as Spark reads them unless it is told otherwise: PySpark warns of
            # this setting whichever way it is set.
            self._session.conf.set("spark.sql.parser.escapedStringLiterals", "false")
        self._session.conf.set("spark.sql.session.timeZone", "UTC")
        # Else Spark puts the value of a setting or of the environment in place of `${...}`, in texts too.
        self._session.conf.set("spark.sql.variable.substitute", "false")

    def _read(self, iceberg: str | None, files: Sequence[str]) -> Any:
        if iceberg is not None:
            return self._session.read.format("iceberg").load(iceberg)
        # Sail passes over a file that is not there, and says nothing.
        if gone := [file for file in files if "://" not in file and not Path(file).is_file()]:
            raise ProviderError(f"there is no file `{gone[0]}` for Spark to read")
        # The schema is said, so that a column that older files do not have is null in them.
        return self._session.read.schema(_ddl(SCHEMA)).parquet(*files)


def open_duckdb(
    files: Sequence[str | Path],
    *,
    memory: str,
    threads: int,
    spill: Path | None = None,
    windows: pa.Table | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB in memory with the view `events` over some files and the table `windows`, locked to these files.

    Raises RefusedError for a name that is a pattern, ProviderError where a file cannot be read.
    """
    names = _names(files)
    connection = duckdb.connect(config=_config(memory, threads, spill))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _make_table(
            connection, WINDOWS, WINDOW_SCHEMA.empty_table() if windows is None else windows.cast(WINDOW_SCHEMA)
        )
        if names:
            connection.read_parquet(names, union_by_name=True).create_view(EVENTS)
        else:
            _make_table(connection, EVENTS, SCHEMA.empty_table())
        connection.execute(f"SET allowed_paths = {_list(names)}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise ProviderError(f"DuckDB cannot open the lake: {first_line(error)}") from error
    return connection


def _config(memory: str, threads: int, spill: Path | None) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": memory,
        "threads": threads,
        "temp_directory": "" if spill is None else str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
    }


def plain(table: pa.Table) -> pa.Table:
    """Give a table in plain types, every column nullable, without metadata: what engines have in common."""
    fields = [pa.field(field.name, _plain_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields)).combine_chunks()


def first_line(error: Exception) -> str:
    """Give the first line of what an engine says, without the query that it quotes below."""
    return str(error).strip().partition("\n")[0]


@contextmanager
def _said() -> Iterator[None]:
    """Say what Spark refuses as an error of ours."""
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an optional dependency

    try:
        yield
    except PySparkException as error:
        raise ProviderError(f"Spark cannot answer: {first_line(error)}") from error


def _names(files: Sequence[str | Path]) -> list[str]:
    names = [str(file) for file in files]
    if patterns := [name for name in names if not _GLOB.isdisjoint(name)]:
        hint = "keep the lake in a folder whose name has none of * ? [ ] { } \\"
        raise RefusedError(f"an engine would read `{patterns[0]}` as a pattern of names", hint)
    return names


_BATCH = 10_000
"""Rows of a batch that goes through a function."""


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def _make_table(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.from_arrow(table).create(name)


def _list(texts: Sequence[str]) -> str:
    return exp.Array(expressions=[exp.Literal.string(text) for text in texts]).sql(Dialect.DUCKDB.value)


_WORDS = {pa.string(): "STRING", pa.int64(): "BIGINT", pa.int32(): "INT", pa.bool_(): "BOOLEAN", pa.date32(): "DATE"}


def _ddl(schema: pa.Schema) -> str:
    """Write a schema as Spark does."""
    return ", ".join(f"`{field.name}` {_WORDS[_plain_type(field.type)]}" for field in schema)


def _session(remote: str) -> Any:
    try:
        with warnings.catch_warnings():
            # PySpark warns of the pandas that is installed, which is not used here.
            warnings.simplefilter("ignore", FutureWarning)
            from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        hint = "install it with `pip install watchbill[spark]`"
        raise RefusedError("the client of Spark Connect is not installed", hint) from error
    return SparkSession.builder.remote(remote).create()
