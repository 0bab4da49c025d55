"""Watchbill's own state: one SQLite file, brought up to date when it is opened.

Write-ahead log, full synchronisation: what was said to be written survives a kill. The ledger's table refuses change
and removal in the database itself. Several processes may write; each write takes the lock first and waits its turn.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, Row, create_engine, event, select
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from watchbill.errors import ProviderError
from watchbill.intervals import iso, parse_instant
from watchbill.ledger.chain import append
from watchbill.ledger.model import Entry
from watchbill.store import tables
from watchbill.store.migrate import upgrade
from watchbill.store.rows import (
    CaseRow,
    CopyRow,
    CopyState,
    FreezeRow,
    QuestionRow,
    RevisionRow,
    StepRow,
    TryRow,
)


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


Connect = Callable[[], AbstractContextManager[Connection]]


class _Part:
    """One part of the state."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect


class Ledger(_Part):
    """The hash chain, append-only."""

    def record(self, *, at: datetime, kind: str, actor: str, subject: str, facts: Mapping[str, Any]) -> Entry:
        """Append one entry."""
        with self._connect() as connection:
            row = connection.execute(select(tables.ledger).order_by(tables.ledger.c.number.desc()).limit(1)).first()
            last = None if row is None else _entry(row)
            entry = append(last, at=at, kind=kind, actor=actor, subject=subject, facts=facts)
            connection.execute(tables.ledger.insert().values(**_ledger_values(entry)))
            return entry

    def last(self, kind: str) -> Entry | None:
        """Give the last entry of a kind; None where there is none."""
        of_kind = select(tables.ledger).where(tables.ledger.c.kind == kind)
        with self._connect() as connection:
            row = connection.execute(of_kind.order_by(tables.ledger.c.number.desc()).limit(1)).first()
        return None if row is None else _entry(row)

    def entries(self) -> Iterator[Entry]:
        """Give every entry, first to last."""
        with self._connect() as connection:
            rows = connection.execute(select(tables.ledger).order_by(tables.ledger.c.number)).all()
        for row in rows:
            yield _entry(row)


class Revisions(_Part):
    """Applied revisions of the team file."""

    def add(self, digest: str, at: datetime, text: str, by: str) -> bool:
        """Keep a revision; one that equals the latest is not kept again. Tells whether it was kept."""
        latest = self.latest()
        if latest is not None and latest.digest == digest:
            return False
        with self._connect() as connection:
            values = {"digest": digest, "at": iso(at), "by": by, "text": text}
            connection.execute(tables.revisions.insert().values(**values))
        return True

    def latest(self) -> RevisionRow | None:
        """Give the revision in force."""
        found = self.all()
        return found[-1] if found else None

    def at(self, instant: datetime) -> RevisionRow | None:
        """Give the revision that was in force at an instant, None before the first."""
        return next((row for row in reversed(self.all()) if row.at <= instant), None)

    def all(self) -> list[RevisionRow]:
        """Give every revision, in order of time."""
        with self._connect() as connection:
            rows = connection.execute(select(tables.revisions).order_by(tables.revisions.c.number)).all()
        return [RevisionRow(row.digest, parse_instant(row.at), row.by, row.text) for row in rows]


class Cases(_Part):
    """Cases and where they stand."""

    def put(self, case: CaseRow) -> None:
        """Write a case, over the one of the same id if there is one."""
        with self._connect() as connection:
            connection.execute(tables.cases.delete().where(tables.cases.c.id == case.id))
            values = {
                field: getattr(case, field) for field in ("id", "status", "severity", "person", "note", "payload")
            }
            times = {"opened_at": iso(case.opened_at), "updated_at": iso(case.updated_at)}
            connection.execute(tables.cases.insert().values(**values, **times))

    def get(self, case_id: str) -> CaseRow | None:
        """Give one case."""
        return next((case for case in self.all() if case.id == case_id), None)

    def all(self) -> list[CaseRow]:
        """Give every case, in the order they were opened."""
        with self._connect() as connection:
            rows = connection.execute(select(tables.cases).order_by(tables.cases.c.opened_at, tables.cases.c.id)).all()
        return [
            CaseRow(
                row.id,
                parse_instant(row.opened_at),
                parse_instant(row.updated_at),
                row.status,
                row.severity,
                row.person,
                row.note,
                row.payload,
            )
            for row in rows
        ]


class Questions(_Part):
    """Questions to people, one per case, and their answers."""

    def ask(self, question: QuestionRow) -> bool:
        """Write a question; a case is asked about once. Tells whether it was written."""
        if self.of(question.case_id) is not None:
            return False
        with self._connect() as connection:
            values = {
                "case_id": question.case_id,
                "person": question.person,
                "text": question.text,
                "asked_at": iso(question.asked_at),
                "deadline_at": iso(question.deadline_at),
            }
            connection.execute(tables.questions.insert().values(**values))
        return True

    def answer(self, case_id: str, answer: str, at: datetime, by: str) -> bool:
        """Write an answer; the first one stands. Tells whether this was it."""
        column = tables.questions.c
        with self._connect() as connection:
            change = tables.questions.update().where(column.case_id == case_id, column.answer.is_(None))
            done = connection.execute(change.values(answer=answer, answered_at=iso(at), answered_by=by))
            return done.rowcount == 1

    def of(self, case_id: str) -> QuestionRow | None:
        """Give the question of a case."""
        return next((question for question in self.all() if question.case_id == case_id), None)

    def all(self) -> list[QuestionRow]:
        """Give every question, in the order they were asked."""
        with self._connect() as connection:
            order = (tables.questions.c.asked_at, tables.questions.c.case_id)
            rows = connection.execute(select(tables.questions).order_by(*order)).all()
        return [
            QuestionRow(
                row.case_id,
                row.person,
                row.text,
                parse_instant(row.asked_at),
                parse_instant(row.deadline_at),
                row.answer,
                parse_instant(row.answered_at) if row.answered_at else None,
                row.answered_by,
            )
            for row in rows
        ]


class Freezes(_Part):
    """Freezes, with what undoes them."""

    def add(self, freeze: FreezeRow) -> None:
        """Write a freeze before it is carried out; one that is there already stays as it is."""
        with self._connect() as connection:
            if connection.execute(select(tables.freezes.c.id).where(tables.freezes.c.id == freeze.id)).first() is None:
                values = {
                    "id": freeze.id,
                    "person": freeze.person,
                    "start": iso(freeze.start),
                    "end": iso(freeze.end) if freeze.end else None,
                    "case_id": freeze.case_id,
                    "payload": freeze.payload,
                }
                connection.execute(tables.freezes.insert().values(**values))

    def end(self, freeze_id: str, at: datetime) -> None:
        """End a freeze."""
        with self._connect() as connection:
            change = tables.freezes.update().where(tables.freezes.c.id == freeze_id)
            connection.execute(change.values(end=iso(at)))

    def active(self, at: datetime) -> list[FreezeRow]:
        """Give the freezes in force at an instant."""
        return [freeze for freeze in self.all() if freeze.start <= at and (freeze.end is None or at < freeze.end)]

    def all(self) -> list[FreezeRow]:
        """Give every freeze, in order of time."""
        with self._connect() as connection:
            rows = connection.execute(select(tables.freezes).order_by(tables.freezes.c.start)).all()
        return [
            FreezeRow(
                row.id,
                row.person,
                parse_instant(row.start),
                parse_instant(row.end) if row.end else None,
                row.case_id,
                row.payload,
            )
            for row in rows
        ]


class Journal(_Part):
    """What became of each step of each plan, written as it happens."""

    def write(self, step: StepRow) -> None:
        """Write a step, over an earlier try of it."""
        column = tables.steps.c
        with self._connect() as connection:
            connection.execute(tables.steps.delete().where(column.plan == step.plan, column.number == step.number))
            values = {field: getattr(step, field) for field in ("plan", "number", "call", "state", "error")}
            connection.execute(tables.steps.insert().values(at=iso(step.at), **values))

    def of(self, plan: str) -> list[StepRow]:
        """Give the steps of a plan, in order."""
        with self._connect() as connection:
            found = select(tables.steps).where(tables.steps.c.plan == plan).order_by(tables.steps.c.number)
            rows = connection.execute(found).all()
        return [StepRow(r.plan, r.number, parse_instant(r.at), r.call, r.state, r.error) for r in rows]

    def all(self) -> list[StepRow]:
        """Give the steps of every plan, in the order they were taken in."""
        column = tables.steps.c
        with self._connect() as connection:
            rows = connection.execute(select(tables.steps).order_by(column.at, column.plan, column.number)).all()
        return [StepRow(r.plan, r.number, parse_instant(r.at), r.call, r.state, r.error) for r in rows]


class Feeds(_Part):
    """Copies of outside schedules, those that were in force for good, and the last try to fetch each."""

    def add(self, copy: CopyRow) -> CopyRow:
        """Keep a copy that waits, instead of the one that waited; give it with its number."""
        with self._connect() as connection:
            self.withdraw(copy.feed)
            values = {
                field: getattr(copy, field)
                for field in ("feed", "source", "form", "etag", "modified", "digest", "content")
            }
            state = {"fetched_at": iso(copy.fetched_at), "state": str(CopyState.WAITING)}
            connection.execute(tables.feed_copies.insert().values(**values, **state))
        found = self.standing(copy.feed, CopyState.WAITING)
        assert found is not None
        return found

    def withdraw(self, feed: str) -> None:
        """Let no copy of a feed wait; the bytes of what never was in force are not kept."""
        column = tables.feed_copies.c
        change = tables.feed_copies.update().where(column.feed == feed, column.state == str(CopyState.WAITING))
        with self._connect() as connection:
            connection.execute(change.values(state=str(CopyState.SUPERSEDED), content=b""))

    def take(self, copy: CopyRow, at: datetime) -> None:
        """Put a copy in force instead of the one that was."""
        column = tables.feed_copies.c
        was = tables.feed_copies.update().where(column.feed == copy.feed, column.state == str(CopyState.IN_FORCE))
        now = tables.feed_copies.update().where(column.number == copy.number)
        with self._connect() as connection:
            connection.execute(was.values(state=str(CopyState.SUPERSEDED)))
            connection.execute(now.values(state=str(CopyState.IN_FORCE), since=iso(at)))

    def confirm(self, copy: CopyRow, source: str, etag: str | None, modified: str | None) -> None:
        """Write the validators under which a copy was found unchanged."""
        change = tables.feed_copies.update().where(tables.feed_copies.c.number == copy.number)
        with self._connect() as connection:
            connection.execute(change.values(source=source, etag=etag, modified=modified))

    def standing(self, feed: str, state: CopyState) -> CopyRow | None:
        """Give the copy of a feed that is in force, or that waits."""
        column = tables.feed_copies.c
        with self._connect() as connection:
            found = select(tables.feed_copies).where(column.feed == feed, column.state == str(state))
            row = connection.execute(found).first()
        return None if row is None else _copy(row)

    def in_force(self, feed: str, since: datetime, at: datetime) -> list[CopyRow]:
        """Give the copies that were in force at some instant from `since` to `at`, in order of time."""
        column = tables.feed_copies.c
        with self._connect() as connection:
            dates = select(column.number, column.since).where(column.feed == feed, column.since.is_not(None))
            known = [
                (row.number, parse_instant(row.since)) for row in connection.execute(dates.order_by(column.number))
            ]
            begun = [(number, start) for number, start in known if start <= at]
            first = max((place for place, (_, start) in enumerate(begun) if start <= since), default=0)
            wanted = [number for number, _ in begun[first:]]
            found = select(tables.feed_copies).where(column.number.in_(wanted)).order_by(column.number)
            rows = connection.execute(found).all()
        return [_copy(row) for row in rows]

    def tried(self, found: TryRow) -> None:
        """Write the last try, over the one before."""
        with self._connect() as connection:
            connection.execute(tables.feed_tries.delete().where(tables.feed_tries.c.feed == found.feed))
            since = iso(found.failing_since) if found.failing_since else None
            values = {"feed": found.feed, "at": iso(found.at), "error": found.error, "failing_since": since}
            connection.execute(tables.feed_tries.insert().values(**values))

    def last_try(self, feed: str) -> TryRow | None:
        """Give the last try to fetch a feed."""
        with self._connect() as connection:
            row = connection.execute(select(tables.feed_tries).where(tables.feed_tries.c.feed == feed)).first()
        if row is None:
            return None
        since = parse_instant(row.failing_since) if row.failing_since else None
        return TryRow(row.feed, parse_instant(row.at), row.error, since)


def _copy(row: Row[Any]) -> CopyRow:
    return CopyRow(
        row.feed,
        parse_instant(row.fetched_at),
        row.source,
        row.form,
        row.etag,
        row.modified,
        row.digest,
        row.content,
        CopyState(row.state),
        parse_instant(row.since) if row.since else None,
        row.number,
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.number,
        parse_instant(row.at),
        row.kind,
        row.actor,
        row.subject,
        json.loads(row.facts),
        row.previous,
        row.digest,
    )


def _ledger_values(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": iso(entry.at),
        "kind": str(entry.kind),
        "actor": entry.actor,
        "subject": entry.subject,
        "facts": json.dumps(entry.facts),
        "previous": entry.previous,
        "digest": entry.digest,
    }
