"""What people pressed, and what came of it."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import ClickRow, Worked


class Clicks(Part):
    """Buttons that were pressed, each once."""

    def take(self, click: ClickRow) -> bool:
        """Write a click that waits; one that is known is not written again, unless it was refused. Tells whether."""
        with self._connect() as connection:
            known = self.get(click.id)
            if known is not None and known.state is not Worked.REFUSED:
                return False
            connection.execute(tables.clicks.delete().where(tables.clicks.c.id == click.id))
            connection.execute(tables.clicks.insert().values(**_values(click)))
        return True

    def worked(self, click: ClickRow, state: Worked, reply: str, at: datetime) -> None:
        """Write what came of a click."""
        done = replace(click, state=state, reply=reply, worked_at=at)
        with self._connect() as connection:
            connection.execute(tables.clicks.update().where(tables.clicks.c.id == click.id).values(**_values(done)))

    def get(self, click_id: str) -> ClickRow | None:
        """Give one click."""
        with self._read() as connection:
            row = connection.execute(select(tables.clicks).where(tables.clicks.c.id == click_id)).first()
        return None if row is None else _row(row)

    def of_case(self, case_id: str) -> list[ClickRow]:
        """Give the clicks that are about a case, the latest first."""
        column = tables.clicks.c
        with self._read() as connection:
            rows = connection.execute(select(tables.clicks).where(column.case_id == case_id)).all()
        return sorted((_row(row) for row in rows), key=lambda row: (row.at, row.id), reverse=True)

    def waiting(self, state: Worked = Worked.WAITING) -> list[ClickRow]:
        """Give the clicks that nothing has come of yet, or what was taken on, in the order in which they came."""
        column = tables.clicks.c
        with self._read() as connection:
            found = select(tables.clicks).where(column.state == str(state)).order_by(column.at, column.id)
            rows = connection.execute(found).all()
        return sorted((_row(row) for row in rows), key=lambda row: (row.at, row.id))

    def mark(self) -> tuple[object, ...]:
        """Give what is another once a click came or something came of one."""
        column = tables.clicks.c
        found = select(column.state, func.count(), func.max(column.at), func.max(column.worked_at))
        with self._read() as connection:
            rows = connection.execute(found.group_by(column.state).order_by(column.state)).all()
        return tuple(tuple(row) for row in rows)


def _values(row: ClickRow) -> dict[str, Any]:
    plain = ("id", "source", "actor", "standing", "action", "case_id", "reference", "text", "reply")
    return {
        **{field: getattr(row, field) for field in plain},
        "state": str(row.state),
        "at": iso(row.at),
        "worked_at": None if row.worked_at is None else iso(row.worked_at),
    }


def _row(row: Row[Any]) -> ClickRow:
    return ClickRow(
        row.id,
        row.source,
        row.actor,
        row.standing,
        row.action,
        row.case_id,
        parse_instant(row.at),
        row.reference,
        row.text,
        Worked(row.state),
        row.reply,
        parse_instant(row.worked_at) if row.worked_at else None,
    )
