"""Freezes, with what undoes them."""

from datetime import datetime

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import FreezeRow


class Freezes(Part):
    """Freezes, with what undoes them."""

    def add(self, freeze: FreezeRow) -> bool:
        """Write a freeze before it is carried out; one that is there already stays. Tells whether it was written."""
        with self._connect() as connection:
            if connection.execute(select(tables.freezes.c.id).where(tables.freezes.c.id == freeze.id)).first():
                return False
            values = {
                "id": freeze.id,
                "person": freeze.person,
                "start": iso(freeze.start),
                "end": iso(freeze.end) if freeze.end else None,
                "case_id": freeze.case_id,
                "payload": freeze.payload,
            }
            connection.execute(tables.freezes.insert().values(**values))
        return True

    def keep(self, freeze_id: str, payload: str) -> None:
        """Write what a freeze comes to do besides, and count that."""
        column = tables.freezes.c
        change = tables.freezes.update().where(column.id == freeze_id)
        with self._connect() as connection:
            connection.execute(change.values(payload=payload, mended=column.mended + 1))

    def mended(self, freeze_id: str) -> int:
        """Tell how often a freeze had to be mended."""
        column = tables.freezes.c
        with self._read() as connection:
            row = connection.execute(select(column.mended).where(column.id == freeze_id)).first()
        return 0 if row is None else int(row.mended)

    def carried_out(self, freeze_id: str, at: datetime) -> None:
        """Write when the last step of a freeze was made; the first time stands."""
        column = tables.freezes.c
        change = tables.freezes.update().where(column.id == freeze_id, column.applied_at.is_(None))
        with self._connect() as connection:
            connection.execute(change.values(applied_at=iso(at)))

    def rechecked(self, freeze_id: str, times: int) -> None:
        """Write how often a freeze was looked at again."""
        change = tables.freezes.update().where(tables.freezes.c.id == freeze_id)
        with self._connect() as connection:
            connection.execute(change.values(rechecks=times))

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
                parse_instant(row.applied_at) if row.applied_at else None,
                row.rechecks,
            )
            for row in rows
        ]
