"""Watchbill's own state: one SQLite file, brought up to date when it is opened.

Write-ahead log, full synchronisation: what was said to be written survives a kill. The ledger's table refuses change
and removal in the database itself. Several processes may write; each write takes the lock first and waits its turn.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from watchbill.errors import ProviderError
from watchbill.store.cases import Cases
from watchbill.store.feeds import Feeds
from watchbill.store.freezes import Freezes
from watchbill.store.journal import Journal
from watchbill.store.ledger import Ledger
from watchbill.store.migrate import upgrade
from watchbill.store.questions import Questions
from watchbill.store.revisions import Revisions


_BUSY_MILLISECONDS = 30_000


def open_store(folder: Path) -> "Store":
    """Open the state in a folder, made if it is not there; a database from a newer watchbill is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ProviderError(f"could not make the folder {folder}: {error.strerror}") from error
    path = folder / "state.db"
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        upgrade(engine, str(path))
    except DatabaseError as error:
        engine.dispose()
        raise ProviderError(f"{path} is no database of watchbill: {error.orig}", "name another --state") from error
    except ProviderError:
        engine.dispose()
        raise
    return Store(engine)


def _configure(connection: Any, _: Any) -> None:
    # SQLAlchemy begins transactions itself (see `_begin`), so the driver must not.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Taking the write lock at once makes read-then-append of the ledger safe among processes.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class Store:
    """The state. Use it as a context manager; `transaction` makes several writes one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self.ledger = Ledger(self.connect)
        self.revisions = Revisions(self.connect)
        self.cases = Cases(self.connect)
        self.questions = Questions(self.connect)
        self.freezes = Freezes(self.connect)
        self.journal = Journal(self.connect)
        self.feeds = Feeds(self.connect)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; nothing may be asked of it after."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything written inside one step: all of it, or nothing when an error leaves the block."""
        with self.connect():
            yield

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give the connection of the transaction that is open, or of one made for this step."""
        if self._connection is not None:
            yield self._connection
            return
        try:
            with self._engine.begin() as connection:
                self._connection = connection
                try:
                    yield connection
                finally:
                    self._connection = None
        except SQLAlchemyError as error:
            raise ProviderError(f"the state could not be read or written: {error}") from error
