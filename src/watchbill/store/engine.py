"""The two databases that hold the state: how each is reached, and how writers take turns."""

import importlib.util
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from watchbill.errors import ProviderError
from watchbill.store.migrate import is_made, upgrade


READS = "watchbill_reads"
"""Execution option of connections that only read: they take no lock."""

_TURN = 30
"""Seconds that a write waits for its turn."""

_LOOK = 0.002
"""Seconds between two looks at whether a process may write to a SQLite file."""

_IDLE = 10
"""Seconds after which Postgres ends a transaction whose process says nothing more: one that was paused keeps nobody
waiting for its lock."""

_LOCK = 0x7761_7463
"""Of Postgres's advisory locks the one that writers take."""

_CALLED = "the database that WATCHBILL_DATABASE names"


class _Turns:
    """A lock that threads get in the order in which they ask for it.

    That of `threading` goes to whoever comes when it is free: one that writes without a rest takes it again and again.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._taken = False
        self._waiting: deque[Lock] = deque()

    def acquire(self, timeout: float) -> bool:
        """Wait for one's turn for so many seconds; tell whether it came."""
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout):
            return True
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        # It was handed over at the last moment.
        return True

    def release(self) -> None:
        """Hand it to whoever has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


_TURNS: dict[str, _Turns] = {}
"""By SQLite file, who of this process may write."""


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Let one thread of this process at a time write: those of SQLite would wait for each other by looking again."""
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _TURNS.setdefault(engine.url.database or "", _Turns())
    if not lock.acquire(timeout=_TURN):
        raise ProviderError(f"another thread has been writing to the state for {_TURN} seconds")
    try:
        yield
    finally:
        lock.release()


def sqlite_engine(path: Path) -> Engine:
    """Open a SQLite file: write-ahead log, full synchronisation."""
    engine = _sqlite(path)
    with _checked(engine, f"{path} is no database of watchbill", "name another --state"):
        upgrade(engine, str(path))
    return engine


def sqlite_reader(path: Path) -> Engine | None:
    """Open a SQLite file as one who changes nothing of it; None where there is no state in it."""
    engine = _sqlite(path)
    event.listen(engine, "connect", _only_read_sqlite)
    with _checked(engine, f"{path} is no database of watchbill", "name another --state"):
        if is_made(engine.execution_options(**{READS: True}), str(path)):
            return engine
    engine.dispose()
    return None


def _sqlite(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _TURN}, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def _checked(engine: Engine, what: str, hint: str | None = None) -> Iterator[None]:
    """Close what turns out not to be usable, and say so."""
    try:
        yield
    except DatabaseError as error:
        engine.dispose()
        raise ProviderError(f"{what}: {error.orig}", hint) from error
    except ProviderError:
        engine.dispose()
        raise


def postgres_engine(url: str) -> Engine:
    """Open a database of Postgres."""
    engine = _postgres(url)
    with _checked(engine, f"{_CALLED} could not be used"):
        upgrade(engine, _CALLED)
    return engine


def postgres_reader(url: str) -> Engine | None:
    """Open a database of Postgres as one who changes nothing of it; None where there is no state in it."""
    engine = _postgres(url)
    event.listen(engine, "connect", _only_read_postgres)
    with _checked(engine, f"{_CALLED} could not be used"):
        if is_made(engine.execution_options(**{READS: True}), _CALLED):
            return engine
    engine.dispose()
    return None


def _postgres(url: str) -> Engine:
    target = _postgres_url(url)
    if importlib.util.find_spec("psycopg") is None:
        raise ProviderError("the state is in Postgres, and psycopg is not there", "pip install 'watchbill[postgres]'")
    engine = create_engine(
        target,
        connect_args={"connect_timeout": _TURN, "application_name": "watchbill"},
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure_postgres)
    event.listen(engine, "begin", _begin_postgres)
    return engine


def secrets_of(url: str) -> tuple[str, ...]:
    """Give what of an address must never be shown: all of it, and its password, as it is written and as it is."""
    written = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return tuple(each for each in (url, written, unquote(written)) if each)


def _postgres_url(url: str) -> URL:
    if url.partition("://")[2].count("@") > 1:
        # What follows the first would be taken for the host, and shown by errors.
        raise ProviderError(f"the address of {_CALLED} has more than one @", "write %40 for one in a password")
    try:
        target = make_url(url)
    except (ArgumentError, ValueError):
        # Neither is shown: it holds what was written.
        target = None
    if target is None or target.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ProviderError("WATCHBILL_DATABASE is no address of Postgres", "write postgresql://user@host/name")
    return target.set(drivername="postgresql+psycopg")


def _configure_sqlite(connection: Any, _: Any) -> None:
    # SQLAlchemy begins transactions itself (see `_begin_sqlite`), so the driver must not.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_TURN * 1000}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _only_read_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA query_only=ON").close()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(READS):
        connection.exec_driver_sql("BEGIN")
        return
    # Taking the write lock at once makes read-then-append of the ledger safe among processes. SQLite's own way to wait
    # for it looks less and less often, up to ten times a second, and may find it taken each time for seconds.
    raw, until = connection.connection.cursor(), time.monotonic() + _TURN
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while not _began(connection, raw, until):
            time.sleep(_LOOK)
    finally:
        raw.execute(f"PRAGMA busy_timeout={_TURN * 1000}")
        raw.close()


def _began(connection: Connection, raw: Any, until: float) -> bool:
    try:
        raw.execute("BEGIN IMMEDIATE")
    except connection.dialect.loaded_dbapi.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
            raise
        return False
    return True


def _configure_postgres(connection: Any, _: Any) -> None:
    for name, seconds in (("lock_timeout", _TURN), ("idle_in_transaction_session_timeout", _IDLE)):
        connection.execute(f"SET {name} = '{seconds}s'")
    connection.commit()


def _only_read_postgres(connection: Any, _: Any) -> None:
    connection.execute("SET default_transaction_read_only = on")
    connection.commit()


def _begin_postgres(connection: Connection) -> None:
    # As on SQLite: whoever may write waits for its turn before it reads.
    if not connection.get_execution_options().get(READS):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
