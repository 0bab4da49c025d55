"""The ledger: the hash chain, append-only."""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from watchbill.intervals import iso, parse_instant
from watchbill.ledger.chain import append
from watchbill.ledger.model import Entry, Sought
from watchbill.store import tables
from watchbill.store.part import Part


_AT_ONCE = 200


class Ledger(Part):
    """The hash chain, append-only."""

    def record(self, *, at: datetime, kind: str, actor: str, subject: str, facts: Mapping[str, Any]) -> Entry:
        """Append one entry."""
        with self._connect() as connection:
            row = connection.execute(select(tables.ledger).order_by(tables.ledger.c.number.desc()).limit(1)).first()
            last = None if row is None else _entry(row)
            entry = append(last, at=at, kind=kind, actor=actor, subject=subject, facts=facts)
            connection.execute(tables.ledger.insert().values(**_ledger_values(entry)))
            return entry

    def length(self) -> int:
        """Give how many entries there are."""
        with self._read() as connection:
            return connection.execute(select(func.max(tables.ledger.c.number))).scalar() or 0

    def last(self, kind: str) -> Entry | None:
        """Give the last entry of a kind; None where there is none."""
        of_kind = select(tables.ledger).where(tables.ledger.c.kind == kind)
        with self._read() as connection:
            row = connection.execute(of_kind.order_by(tables.ledger.c.number.desc()).limit(1)).first()
        return None if row is None else _entry(row)

    def about(self, subjects: Collection[str]) -> list[Entry]:
        """Give the entries about some subjects, first to last."""
        column = tables.ledger.c
        with self._read() as connection:
            found = select(tables.ledger).where(column.subject.in_(list(subjects))).order_by(column.number)
            rows = connection.execute(found).all()
        return [_entry(row) for row in rows]

    def since(self, at: datetime) -> Iterator[Entry]:
        """Give the entries from an instant on, the last first, up to the first one that is older."""
        for entry in self.found(Sought()):
            if entry.at < at:
                return
            yield entry

    def found(self, sought: Sought) -> Iterator[Entry]:
        """Give the entries that are asked for, the last first, read some at a time."""
        last, column = sought.before, tables.ledger.c
        wanted = select(tables.ledger).where(*_wanted(sought)).order_by(column.number.desc()).limit(_AT_ONCE)
        while True:
            asked = wanted if last is None else wanted.where(column.number < last)
            with self._read() as connection:
                rows = connection.execute(asked).all()
            yield from map(_entry, rows)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1].number

    def entries(self) -> Iterator[Entry]:
        """Give every entry, first to last."""
        with self._read() as connection:
            rows = connection.execute(select(tables.ledger).order_by(tables.ledger.c.number)).all()
        for row in rows:
            yield _entry(row)


def _wanted(sought: Sought) -> Iterator[ColumnElement[bool]]:
    column = tables.ledger.c
    if sought.kind:
        yield column.kind == sought.kind
    if sought.actor:
        yield column.actor == sought.actor
    # Without what may follow whole seconds a text is less than all that begin with it.
    if sought.start is not None:
        yield column.at >= iso(sought.start).removesuffix("Z")
    if sought.end is not None:
        yield column.at < iso(sought.end).removesuffix("Z")


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
