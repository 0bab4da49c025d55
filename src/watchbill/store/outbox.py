"""What is to be told to people, until it was."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select, tuple_

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import OutboxRow, Sending


_UNSENT = (str(Sending.WAITING), str(Sending.SENDING))


class Outbox(Part):
    """Notices on their way, each once a channel."""

    def put(self, row: OutboxRow) -> bool:
        """Write one, behind all others unless it has a place; one that is there stays. Tells whether it was written."""
        column = tables.outbox.c
        with self._connect() as connection:
            if self.get(row.key, row.channel) is not None:
                return False
            last = connection.execute(select(func.max(column.number))).scalar()
            values = _values(row) | {"number": row.number or (last or 0) + 1}
            connection.execute(tables.outbox.insert().values(**values))
        return True

    def turn(self, before: OutboxRow, after: OutboxRow) -> bool:
        """Write what became of one, if it still is as it was when it was read. Tells whether it was written."""
        column = tables.outbox.c
        still = and_(column.state == str(before.state), column.next_at == iso(before.next_at))
        with self._connect() as connection:
            done = connection.execute(
                tables.outbox.update().where(_is(before.key, before.channel), still).values(**_values(after))
            )
        return done.rowcount == 1

    def replace(self, key: str, by: Collection[str] | None = None) -> None:
        """Let a notice go unsent that something takes the place of, by some channels or all; what was tried stays."""
        column = tables.outbox.c
        never = and_(column.key == key, column.state == str(Sending.WAITING), column.tries == 0)
        if by is not None:
            never = and_(never, column.channel.in_(list(by)))
        with self._connect() as connection:
            connection.execute(tables.outbox.update().where(never).values(state=str(Sending.REPLACED)))

    def get(self, key: str, channel: str) -> OutboxRow | None:
        """Give one notice on one channel."""
        with self._read() as connection:
            row = connection.execute(select(tables.outbox).where(_is(key, channel))).first()
        return None if row is None else _row(row)

    def of(self, key: str) -> list[OutboxRow]:
        """Give one notice on all channels, in the order in which they were tried."""
        with self._read() as connection:
            rows = connection.execute(select(tables.outbox).where(tables.outbox.c.key == key)).all()
        return sorted((_row(row) for row in rows), key=lambda row: (row.made_at, row.channel))

    def of_case(self, case_id: str | None) -> list[OutboxRow]:
        """Give all that was told of a case, or of none, in its order."""
        column = tables.outbox.c
        with self._read() as connection:
            found = select(tables.outbox).where(column.case_id == case_id)
            rows = connection.execute(found.order_by(column.number, column.key, column.channel)).all()
        return [_row(row) for row in rows]

    def unsent(self, most: int | None = None, past: OutboxRow | None = None) -> list[OutboxRow]:
        """Give all that wait or are being sent, in their order; or so many of them, those past one."""
        column = tables.outbox.c
        place = (column.number, column.key, column.channel)
        found = select(tables.outbox).where(column.state.in_(_UNSENT))
        if past is not None:
            found = found.where(tuple_(*place) > tuple_(past.number, past.key, past.channel))
        with self._read() as connection:
            rows = connection.execute(found.order_by(*place).limit(most)).all()
        return [_row(row) for row in rows]

    def waiting_since(self) -> datetime | None:
        """Give when the oldest was written that has not been sent; None where all were."""
        with self._read() as connection:
            found = select(func.min(tables.outbox.c.made_at)).where(tables.outbox.c.state.in_(_UNSENT))
            oldest = connection.execute(found).scalar()
        return None if oldest is None else parse_instant(oldest)

    def mark(self) -> tuple[object, ...]:
        """Give what is another once a notice was written or sent."""
        column = tables.outbox.c
        unsent = select(func.count()).where(column.state.in_(_UNSENT)).scalar_subquery()
        with self._read() as connection:
            return tuple(connection.execute(select(func.max(column.number), unsent)).one())


def _is(key: str, channel: str) -> ColumnElement[bool]:
    return and_(tables.outbox.c.key == key, tables.outbox.c.channel == channel)


def _values(row: OutboxRow) -> dict[str, Any]:
    plain = ("key", "channel", "number", "to", "payload", "tries", "reference", "error", "case_id")
    return {
        **{field: getattr(row, field) for field in plain},
        "state": str(row.state),
        "next_at": iso(row.next_at),
        "made_at": iso(row.made_at),
        "sent_at": None if row.sent_at is None else iso(row.sent_at),
    }


def _row(row: Row[Any]) -> OutboxRow:
    return OutboxRow(
        row.key,
        row.channel,
        row.number,
        row.to,
        row.payload,
        Sending(row.state),
        row.tries,
        parse_instant(row.next_at),
        parse_instant(row.made_at),
        parse_instant(row.sent_at) if row.sent_at else None,
        row.reference,
        row.error,
        row.case_id,
    )
