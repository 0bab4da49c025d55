"""The manifest: which objects were read, which files make up the table, and which keys were handed out.

One SQLite database in the lake's folder, write-ahead log, full synchronisation. A file is part of the table when it is
listed here, and an object was read when it stands here: both are said in one transaction, so that a process killed at
any point leaves a table that is whole. What lies in the folder and is not listed is nobody's, and is swept away.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    exists,
    func,
    insert,
    inspect,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DatabaseError

from watchbill.errors import ProviderError
from watchbill.intervals import iso, parse_instant
from watchbill.trail.model import Event, Opening


T = TypeVar("T")

VERSION = "2"
"""Of the tables below and of the columns of the files."""

FILE = "manifest.db"
"""Where it lies in the folder of the lake."""

HOT, SEALED = "hot", "sealed"

_BUSY_SECONDS = 30
_MANY = 500
"""Values that one statement asks for at once."""

_METADATA = MetaData()

_objects = Table(
    "objects",
    _METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("read_at", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("readable", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("reason", Text, nullable=True),
    Index("objects_by_reason", "reason"),
)
_parts = Table(
    "parts",
    _METADATA,
    Column("name", String(80), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("last_day", String(10), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_ms", Integer, nullable=False),
    Column("last_ms", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Index("parts_by_day", "day"),
)
_waiting = Table(
    "waiting",
    _METADATA,
    Column("access_key", Text, primary_key=True),
    Column("part", String(80), primary_key=True),
    Index("waiting_by_part", "part"),
)
_openings = Table(
    "openings",
    _METADATA,
    Column("key", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("shared_event_id", Text, nullable=True),
    Column("payload", Text, nullable=False),
    Column("told", Integer, nullable=False),
    Index("openings_by_shared", "shared_event_id"),
    Index("openings_by_told", "told"),
)
_trusts = Table(
    "trusts",
    _METADATA,
    Column("event_id", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("payload", Text, nullable=False),
    Column("told", Integer, nullable=False),
)
_arrived = Table(
    "arrived",
    _METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("first_ms", Integer, nullable=False),
    Column("last_ms", Integer, nullable=False),
)
_untied = Table("untied", _METADATA, Column("day", Integer, primary_key=True))
_meta = Table("meta", _METADATA, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An object that was read."""

    name: str
    version: str
    """What tells that an object of that name is another one: its ETag, or size and time of a file."""
    read_at: datetime
    digest: str
    readable: bool
    records: int
    events: int
    duplicates: int
    """Events of it that were there already."""
    reason: str | None
    """What is wrong with it, None where it is whole."""


@dataclass(frozen=True, slots=True)
class PartRow:
    """A file of the table."""

    name: str
    day: str
    """The first UTC day that it has events of, ISO-8601."""
    last_day: str
    rows: int
    first_ms: int
    last_ms: int
    bytes: int
    state: str
    """`hot` where it came from ingest, `sealed` where it was put together from such."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Events that came in, or of which more is known than was, and that nobody has audited yet."""

    number: int
    """Later ones have higher numbers."""
    first_ms: int
    last_ms: int
    """Of the last of them."""


class Manifest:
    """The manifest of one lake."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        where = URL.create("sqlite", database=str(self._path))
        self._engine: Engine = create_engine(where, connect_args={"timeout": _BUSY_SECONDS})
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        try:
            self._make()
            found = self.noted("version")
        except DatabaseError as error:
            self._engine.dispose()
            raise _could_not("open", self._path, error) from error
        except ProviderError:
            self._engine.dispose()
            raise
        if found != VERSION:
            self._engine.dispose()
            raise ProviderError(f"{self._path} is of version {found}, this watchbill reads {VERSION}", "ingest anew")

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _make(self) -> None:
        """Make the tables and note their version, where that is not done yet: what is whole is not written to."""
        if inspect(self._engine).has_table(_meta.name) and self.noted("version") is not None:
            return
        with self.transaction() as connection:
            # Under the lock of whoever writes: others may find it new, too.
            _METADATA.create_all(connection)
            connection.execute(upsert(_meta).values(name="version", value=VERSION).on_conflict_do_nothing())

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write all of what is said inside, or nothing. Raises ProviderError where it cannot be written."""
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection
        except DatabaseError as error:
            raise _could_not("write to", self._path, error) from error

    def unread(self, objects: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Give those of some objects, name and version, that were not read yet."""
        wanted = list(objects)
        found: set[tuple[str, str]] = set()
        with self._engine.connect() as connection:
            for piece in _pieces([name for name, _ in wanted]):
                rows = connection.execute(select(_objects.c.name, _objects.c.version).where(_objects.c.name.in_(piece)))
                found.update((row.name, row.version) for row in rows)
        return set(wanted) - found

    def objects(self, *, flawed: bool = False) -> list[ObjectRow]:
        """Give the objects that were read, in order of name.

        Where `flawed`, only those with something wrong, and of which no version was whole since: a whole one that was
        there before says nothing of one that was put in its place.
        """
        asked = select(_objects).order_by(_objects.c.name, _objects.c.version)
        if flawed:
            other = _objects.alias()
            mended = exists().where(
                other.c.name == _objects.c.name, other.c.reason.is_(None), other.c.read_at >= _objects.c.read_at
            )
            asked = asked.where(_objects.c.reason.is_not(None), ~mended)
        with self._engine.connect() as connection:
            return [_object(row) for row in connection.execute(asked)]

    def last_read(self) -> datetime | None:
        """Give when the object was read that came last; None where none was."""
        asked = select(_objects.c.read_at).order_by(literal_column("rowid").desc()).limit(1)
        with self._engine.connect() as connection:
            found = connection.scalar(asked)
        return None if found is None else parse_instant(found)

    def totals(self) -> Mapping[str, int]:
        """Count objects, records, events and duplicates over everything that was read."""
        sums = [func.coalesce(func.sum(column), 0) for column in (_objects.c.records, _objects.c.events)]
        doubles = func.coalesce(func.sum(_objects.c.duplicates), 0)
        with self._engine.connect() as connection:
            row = connection.execute(select(func.count(), *sums, doubles).select_from(_objects)).one()
        return dict(zip(("objects", "records", "events", "duplicates"), map(int, row), strict=True))

    def parts(self, first_day: str = "", last_day: str = "9999-12-31") -> list[PartRow]:
        """Give the files that may have events of some days, both included, in order of day and name."""
        asked = select(_parts).where(_parts.c.day <= last_day, _parts.c.last_day >= first_day)
        with self._engine.connect() as connection:
            rows = connection.execute(asked.order_by(_parts.c.day, _parts.c.name))
            return [PartRow(*(getattr(row, each.name) for each in fields(PartRow))) for row in rows]

    def add(self, connection: Connection, objects: Sequence[ObjectRow], parts: Sequence[PartRow]) -> None:
        """Say that objects were read, and that files are part of the table."""
        rows = [
            (
                *(each.name, each.version, iso(each.read_at), each.digest, int(each.readable)),
                *(each.records, each.events, each.duplicates, each.reason),
            )
            for each in objects
        ]
        _insert(connection, _objects, rows)
        if parts:
            connection.execute(upsert(_parts).on_conflict_do_nothing(), [_fields(part) for part in parts])

    def replace(self, connection: Connection, old: Iterable[str], new: Sequence[PartRow]) -> None:
        """Put files in the place of others."""
        for name in old:
            connection.execute(delete(_parts).where(_parts.c.name == name))
            connection.execute(delete(_waiting).where(_waiting.c.part == name))
        self.add(connection, (), new)

    def arrive(self, connection: Connection, parts: Iterable[PartRow]) -> None:
        """Say that some files have events that nobody has audited yet, or of which more is known than was."""
        rows = [{"first_ms": part.first_ms, "last_ms": part.last_ms} for part in parts]
        if rows:
            connection.execute(insert(_arrived), rows)

    def arrived(self) -> list[Arrived]:
        """Give what nobody has audited yet, in the order in which it came."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_arrived).order_by(_arrived.c.number))
            return [Arrived(row.number, row.first_ms, row.last_ms) for row in rows]

    def mark_audited_since(self, numbers: Iterable[int], since_ms: int) -> None:
        """Say that of some of what arrived everything from a millisecond on was audited: what is before it stays."""
        with self.transaction() as connection:
            for piece in _pieces(sorted(numbers)):
                some = _arrived.c.number.in_(piece)
                connection.execute(delete(_arrived).where(some, _arrived.c.first_ms >= since_ms))
                later = update(_arrived).where(some, _arrived.c.last_ms >= since_ms)
                connection.execute(later.values(last_ms=since_ms - 1))

    def wait(self, connection: Connection, part: str, keys: Iterable[str]) -> None:
        """Say for which temporary keys a file waits: who had them is not known yet."""
        rows = [{"access_key": key, "part": part} for key in keys]
        if rows:
            connection.execute(upsert(_waiting).on_conflict_do_nothing(), rows)

    def add_openings(self, connection: Connection, openings: Iterable[Opening]) -> None:
        """Keep what handed out temporary keys; each is to be told to what acted by its key."""
        rows = [
            (each.key, each.account, each.event_id, each.shared_event_id, msgspec.json.encode(each).decode(), 0)
            for each in openings
        ]
        _insert(connection, _openings, rows)

    def openings(self, keys: Iterable[str]) -> list[Opening]:
        """Give what handed out some keys, and the copies of it that another account got and that lack the key."""
        found: list[Opening] = []
        with self._engine.connect() as connection:
            for piece in _pieces(sorted(keys)):
                rows = list(connection.execute(select(_openings).where(_openings.c.key.in_(piece))))
                shared = sorted({row.shared_event_id for row in rows if row.shared_event_id is not None})
                for names in _pieces(shared):
                    asked = select(_openings).where(_openings.c.shared_event_id.in_(names), _openings.c.key == "")
                    rows += connection.execute(asked)
                found.extend(msgspec.json.decode(row.payload, type=Opening) for row in rows)
        return found

    def to_tell(self) -> set[str]:
        """Give the files that wait for a key that was handed out since the table was last told who had them."""
        news, copies = _news()
        asked = select(_waiting.c.part).where(_waiting.c.access_key.in_(news) | _waiting.c.access_key.in_(copies))
        with self._engine.connect() as connection:
            return set(connection.scalars(asked))

    def news(self) -> set[str]:
        """Give the keys that were handed out since the table was last told who had them."""
        with self._engine.connect() as connection:
            found = {str(key) for asked in _news() for key in connection.scalars(asked)}
        return found - {""}

    def waits_of(self, parts: Iterable[str]) -> set[str]:
        """Give the keys that some files wait for."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for piece in _pieces(sorted(parts)):
                found.update(connection.scalars(select(_waiting.c.access_key).where(_waiting.c.part.in_(piece))))
        return found

    def mark_told(self, connection: Connection) -> None:
        """Say that the table was told who had every key that was handed out."""
        connection.execute(update(_openings).where(_openings.c.told == 0).values(told=1))

    def add_trusts(self, connection: Connection, events: Iterable[Event]) -> None:
        """Keep changes of roles' trust policies."""
        rows = [
            {"event_id": e.id, "account": e.account, "payload": msgspec.json.encode(e).decode(), "told": 0}
            for e in events
        ]
        if rows:
            connection.execute(upsert(_trusts).on_conflict_do_nothing(), rows)

    def trusts(self) -> list[Event]:
        """Give every change of a role's trust policy."""
        with self._engine.connect() as connection:
            return [msgspec.json.decode(text, type=Event) for text in connection.scalars(select(_trusts.c.payload))]

    def untold_trusts(self) -> list[Event]:
        """Give the changes of trust policies that the table was not told of yet."""
        with self._engine.connect() as connection:
            found = connection.scalars(select(_trusts.c.payload).where(_trusts.c.told == 0))
            return [msgspec.json.decode(text, type=Event) for text in found]

    def mark_trusts_told(self, connection: Connection, events: Iterable[str]) -> None:
        """Say that the table was told of some changes of trust policies."""
        for piece in _pieces(sorted(events)):
            connection.execute(update(_trusts).where(_trusts.c.event_id.in_(piece)).values(told=1))

    def untied(self) -> set[int]:
        """Give the days, counted from 1970-01-01, whose hosts are to be named anew."""
        with self._engine.connect() as connection:
            return set(connection.scalars(select(_untied.c.day)))

    def untie(self, connection: Connection, days: Iterable[int]) -> None:
        """Say that the hosts of some days are to be named anew."""
        if rows := [{"day": day} for day in sorted(days)]:
            connection.execute(upsert(_untied).on_conflict_do_nothing(), rows)

    def mark_tied(self, connection: Connection, day: int) -> None:
        """Say that the hosts of a day were named anew."""
        connection.execute(delete(_untied).where(_untied.c.day == day))

    def noted(self, name: str) -> str | None:
        """Give a note, None where there is none."""
        with self._engine.connect() as connection:
            found: str | None = connection.scalar(select(_meta.c.value).where(_meta.c.name == name))
            return found

    def note(self, connection: Connection, name: str, value: str) -> None:
        """Keep a note under a name."""
        connection.execute(delete(_meta).where(_meta.c.name == name))
        connection.execute(insert(_meta).values(name=name, value=value))


def _news() -> tuple[Select[tuple[str]], Select[tuple[str]]]:
    """Ask for the keys that the table was not told of, and for those of which a copy without the key tells."""
    shared = select(_openings.c.shared_event_id).where(_openings.c.told == 0, _openings.c.key == "")
    copies = select(_openings.c.key).where(_openings.c.shared_event_id.in_(shared))
    return select(_openings.c.key).where(_openings.c.told == 0), copies


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows that are not there yet, each with a value for every column, in their order.

    Without SQLAlchemy's look at each of them, which takes several times as long as SQLite does.
    """
    if rows:
        statement = upsert(table).on_conflict_do_nothing().compile(dialect=connection.dialect)
        connection.exec_driver_sql(str(statement), list(rows))


def _fields(row: PartRow) -> dict[str, Any]:
    return {each.name: getattr(row, each.name) for each in fields(row)}


def _could_not(what: str, path: Path, error: DatabaseError) -> ProviderError:
    if getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return ProviderError(f"{path} is no manifest of a lake: {error.orig}", "name another --lake, or ingest anew")
    return ProviderError(f"could not {what} {path}: {error.orig}", "see that its folder may be written and has room")


def _object(row: Row[Any]) -> ObjectRow:
    counts = row.records, row.events, row.duplicates
    return ObjectRow(
        row.name, row.version, parse_instant(row.read_at), row.digest, bool(row.readable), *counts, row.reason
    )


def _configure(connection: Any, _: Any) -> None:
    # SQLAlchemy begins transactions itself (see `_begin`), so the driver must not.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # Whoever will write takes the lock at once; those who read need none.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _MANY):
        yield values[start : start + _MANY]
