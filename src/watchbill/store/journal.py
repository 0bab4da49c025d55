"""The journal of the steps of plans."""

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import StepRow


class Journal(Part):
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
        with self._read() as connection:
            found = select(tables.steps).where(tables.steps.c.plan == plan).order_by(tables.steps.c.number)
            rows = connection.execute(found).all()
        return [StepRow(r.plan, r.number, parse_instant(r.at), r.call, r.state, r.error) for r in rows]

    def all(self) -> list[StepRow]:
        """Give the steps of every plan, in the order they were taken in."""
        column = tables.steps.c
        with self._read() as connection:
            rows = connection.execute(select(tables.steps).order_by(column.at, column.plan, column.number)).all()
        return [StepRow(r.plan, r.number, parse_instant(r.at), r.call, r.state, r.error) for r in rows]
