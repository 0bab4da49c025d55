"""Evictions, help, and restores of what was evicted: what one person asks for and another confirms."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import ContainmentRow


class Containments(Part):
    """What takes two people, and where it stands."""

    def add(self, row: ContainmentRow) -> bool:
        """Write one that was asked for; one that is there already stays. Tells whether it was written."""
        with self._connect() as connection:
            if connection.execute(select(tables.containments.c.id).where(tables.containments.c.id == row.id)).first():
                return False
            fields = ("id", "kind", "person", "case_id", "by", "state", "payload")
            values = {field: getattr(row, field) for field in fields}
            connection.execute(tables.containments.insert().values(at=iso(row.at), **values))
        return True

    def turn(self, row_id: str, before: Collection[str], state: str) -> bool:
        """Move one from any of some states to another; tells whether it was in one of them."""
        column = tables.containments.c
        change = tables.containments.update().where(column.id == row_id, column.state.in_(before))
        with self._connect() as connection:
            return connection.execute(change.values(state=state)).rowcount == 1

    def confirm(self, row_id: str, at: datetime, by: str) -> bool:
        """Write who confirmed what was asked for; the first one stands. Tells whether this was it."""
        column = tables.containments.c
        change = tables.containments.update().where(column.id == row_id, column.state == "asked")
        with self._connect() as connection:
            done = connection.execute(change.values(state="confirmed", confirmed_at=iso(at), confirmed_by=by))
            return done.rowcount == 1

    def all(self) -> list[ContainmentRow]:
        """Give every one, in order of time."""
        column = tables.containments.c
        with self._read() as connection:
            rows = connection.execute(select(tables.containments).order_by(column.at, column.id)).all()
        return [
            ContainmentRow(
                row.id,
                row.kind,
                row.person,
                row.case_id,
                parse_instant(row.at),
                row.by,
                row.state,
                row.payload,
                parse_instant(row.confirmed_at) if row.confirmed_at else None,
                row.confirmed_by,
            )
            for row in rows
        ]
