"""Freezes, with what undoes them."""

from datetime import datetime

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import FreezeRow


class Freezes(Part):
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
        with self._read() as connection:
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
