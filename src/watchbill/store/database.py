"""Watchbill's own state: one SQLite file, or a database of Postgres, brought up to date when it is opened.

What was said to be written survives a kill. The ledger's table refuses change and removal in the database itself.
Several processes may write; each write takes the one lock first and waits its turn, on SQLite as on Postgres, so that
reading before writing is safe inside a transaction. Reads wait for nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import local
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from watchbill.errors import ProviderError
from watchbill.store.cases import Cases
from watchbill.store.center_users import CenterUsers
from watchbill.store.clicks import Clicks
from watchbill.store.containments import Containments
from watchbill.store.engine import READS, postgres_engine, postgres_reader, sqlite_engine, sqlite_reader, turn
from watchbill.store.feeds import Feeds
from watchbill.store.findings import Findings
from watchbill.store.freezes import Freezes
from watchbill.store.identities import Identities
from watchbill.store.journal import Journal
from watchbill.store.leases import Lease, Leases, LostLeaseError, is_held
from watchbill.store.ledger import Ledger
from watchbill.store.links import Links
from watchbill.store.mutes import Mutes
from watchbill.store.outbox import Outbox
from watchbill.store.proposals import Proposals
from watchbill.store.questions import Questions
from watchbill.store.readings import Readings
from watchbill.store.requests import Requests
from watchbill.store.reviews import Reviews
from watchbill.store.revisions import Revisions
from watchbill.store.sign_ins import SignIns
from watchbill.store.web_sessions import WebSessions


FILE: Final = "state.db"
"""The file of the state in its folder, where it is one of SQLite."""


def open_store(folder: Path, url: str | None = None) -> "Store":
    """Open the state in a folder, made if it is not there, or in the Postgres that `url` names.

    A database from a newer watchbill is refused. The address may hold a password: no error shows it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ProviderError(f"could not make the folder {folder}: {error.strerror}") from error
    return Store(sqlite_engine(folder / FILE) if url is None else postgres_engine(url))


def open_to_read(folder: Path, url: str | None = None) -> "Store | None":
    """Open the state as one who changes nothing of it, and cannot; None where there is none yet.

    One from an older watchbill is refused: to bring it up to date is to change it.
    """
    if url is None and not (folder / FILE).exists():
        return None
    engine = sqlite_reader(folder / FILE) if url is None else postgres_reader(url)
    return None if engine is None else Store(engine)


class Store:
    """The state. Use it as a context manager; `transaction` makes several writes one.

    Threads may share one: each has transactions of its own.
    """

    def __init__(self, engine: Engine, fence: Lease | None = None) -> None:
        self._engine = engine
        self._reading = engine.execution_options(**{READS: True})
        self._fence = fence
        self._open = local()
        self.ledger = Ledger(self)
        self.revisions = Revisions(self)
        self.cases = Cases(self)
        self.questions = Questions(self)
        self.findings = Findings(self)
        self.freezes = Freezes(self)
        self.containments = Containments(self)
        self.journal = Journal(self)
        self.feeds = Feeds(self)
        self.outbox = Outbox(self)
        self.clicks = Clicks(self)
        self.identities = Identities(self)
        self.center_users = CenterUsers(self)
        self.links = Links(self)
        self.mutes = Mutes(self)
        self.requests = Requests(self)
        self.readings = Readings(self)
        self.proposals = Proposals(self)
        self.reviews = Reviews(self)
        self.sign_ins = SignIns(self)
        self.web_sessions = WebSessions(self)
        self.leases = Leases(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; nothing may be asked of it after."""
        self._engine.dispose()

    def under(self, lease: Lease) -> "Store":
        """Give the same state to one who acts by a lease: once another took that, each write is a LostLeaseError."""
        return Store(self._engine, lease)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything written inside one step: all of it, or nothing when an error leaves the block."""
        with self.connect():
            yield

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give the connection of the transaction that is open in this thread, or of one made for this step."""
        if (open_one := self._open_one()) is not None:
            yield open_one
            return
        with turn(self._engine), _said(), self._engine.begin() as connection:
            if self._fence is not None and not is_held(connection, self._fence):
                raise LostLeaseError(f"{self._fence.holder} leads no more: another instance took over")
            self._open.connection = connection
            try:
                yield connection
            finally:
                self._open.connection = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give the connection of the transaction that is open in this thread, or of one that only reads."""
        if (open_one := self._open_one()) is not None:
            yield open_one
            return
        with _said(), self._reading.begin() as connection:
            yield connection

    def _open_one(self) -> Connection | None:
        return getattr(self._open, "connection", None)


@contextmanager
def _said() -> Iterator[None]:
    """Turn errors of the database into one for people: without the statement and what was to be written."""
    try:
        yield
    except SQLAlchemyError as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        raise ProviderError(f"the state could not be read or written: {why}") from error
