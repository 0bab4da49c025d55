"""Requests for access and swaps, and what became of them."""

from typing import Any

from sqlalchemy import Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import Asked, RequestRow


_TIMES = ("at", "expires_at", "decided_at", "effective_at", "late_at", "ended_at")
_PLAIN = ("id", "kind", "person", "payload", "decided_by", "ended_by")


class Requests(Part):
    """What people asked for; none is ever taken out, for what was done under one is judged by it."""

    def add(self, row: RequestRow) -> bool:
        """Write one; one that is there already stays. Tells whether it was written."""
        with self._connect() as connection:
            if connection.execute(select(tables.requests.c.id).where(tables.requests.c.id == row.id)).first():
                return False
            connection.execute(tables.requests.insert().values(**_values(row)))
        return True

    def turn(self, before: RequestRow, after: RequestRow) -> bool:
        """Write where one stands now, if it still stands as it was read. Tells whether it was written."""
        column, was = tables.requests.c, _values(before)
        still = column.id == before.id
        for name in ("state", "effective_at", "late_at", "ended_at"):
            still &= column[name].is_(None) if was[name] is None else column[name] == was[name]
        with self._connect() as connection:
            done = connection.execute(tables.requests.update().where(still).values(**_values(after)))
        return done.rowcount == 1

    def get(self, request_id: str) -> RequestRow | None:
        """Give one by its id."""
        with self._read() as connection:
            row = connection.execute(select(tables.requests).where(tables.requests.c.id == request_id)).first()
        return None if row is None else _request(row)

    def all(self, state: Asked | None = None) -> list[RequestRow]:
        """Give every one, or those of one state, in order of time."""
        column = tables.requests.c
        found = select(tables.requests).order_by(column.at, column.id)
        if state is not None:
            found = found.where(column.state == str(state))
        with self._read() as connection:
            return [_request(row) for row in connection.execute(found).all()]


def _values(row: RequestRow) -> dict[str, Any]:
    times = {name: None if (at := getattr(row, name)) is None else iso(at) for name in _TIMES}
    return times | {name: getattr(row, name) for name in _PLAIN} | {"state": str(row.state)}


def _request(row: Row[Any]) -> RequestRow:
    known: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    known |= {name: None if (at := getattr(row, name)) is None else parse_instant(at) for name in _TIMES}
    return RequestRow(**known, state=Asked(row.state))
