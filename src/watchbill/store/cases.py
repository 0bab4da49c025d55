"""Cases and where they stand."""

from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import CaseRow


class Cases(Part):
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
        with self._read() as connection:
            row = connection.execute(select(tables.cases).where(tables.cases.c.id == case_id)).first()
        return None if row is None else _case(row)

    def of_person(self, person: str) -> list[CaseRow]:
        """Give every case about a person, in the order they were opened."""
        return self._those(tables.cases.c.person == person)

    def not_in(self, status: str) -> list[CaseRow]:
        """Give every case that does not stand so, in the order they were opened."""
        return self._those(tables.cases.c.status != status)

    def _those(self, which: ColumnElement[bool]) -> list[CaseRow]:
        order = (tables.cases.c.opened_at, tables.cases.c.id)
        with self._read() as connection:
            return [_case(row) for row in connection.execute(select(tables.cases).where(which).order_by(*order)).all()]

    def all(self) -> list[CaseRow]:
        """Give every case, in the order they were opened."""
        with self._read() as connection:
            rows = connection.execute(select(tables.cases).order_by(tables.cases.c.opened_at, tables.cases.c.id)).all()
        return [_case(row) for row in rows]

    def mark(self) -> tuple[object, ...]:
        """Give what is another once a case was opened or moved."""
        column = tables.cases.c
        with self._read() as connection:
            return tuple(connection.execute(select(func.count(), func.max(column.updated_at))).one())


def _case(row: Row[Any]) -> CaseRow:
    return CaseRow(
        row.id,
        parse_instant(row.opened_at),
        parse_instant(row.updated_at),
        row.status,
        row.severity,
        row.person,
        row.note,
        row.payload,
    )
