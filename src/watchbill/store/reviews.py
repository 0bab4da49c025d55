"""Reviews of access, what was decided in them, and who signed."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import ReviewDecisionRow, ReviewHead, ReviewRow, ReviewSignatureRow


class Reviews(Part):
    """Reviews; what one has frozen is never changed, and what was signed is decided by whoever asks first."""

    def add(self, row: ReviewRow) -> None:
        """Write one that was opened."""
        values = {"id": row.id, "at": iso(row.at), "opened_by": row.opened_by, "payload": row.payload}
        with self._connect() as connection:
            connection.execute(tables.reviews.insert().values(**values, due_at=iso(row.due_at)))

    def all(self) -> list[ReviewRow]:
        """Give every one, the latest first."""
        column = tables.reviews.c
        with self._read() as connection:
            found = select(tables.reviews).order_by(column.at.desc(), column.id)
            return [_review(row) for row in connection.execute(found).all()]

    def heads(self) -> list[ReviewHead]:
        """Give every one without what it has frozen, the latest first."""
        column = tables.reviews.c
        wanted = select(column.id, column.at, column.opened_by, column.due_at).order_by(column.at.desc(), column.id)
        with self._read() as connection:
            rows = connection.execute(wanted).all()
        return [ReviewHead(row.id, parse_instant(row.at), row.opened_by, parse_instant(row.due_at)) for row in rows]

    def get(self, review_id: str) -> ReviewRow | None:
        """Give one by its id."""
        with self._read() as connection:
            row = connection.execute(select(tables.reviews).where(tables.reviews.c.id == review_id)).first()
        return None if row is None else _review(row)

    def decide(self, rows: Iterable[ReviewDecisionRow]) -> None:
        """Write what was decided of some rows, over what was before."""
        table = tables.review_decisions
        with self._connect() as connection:
            for row in rows:
                values = {name: getattr(row, name) for name in ("review_id", "row", "reason", "by")}
                connection.execute(table.delete().where(table.c.review_id == row.review_id, table.c.row == row.row))
                connection.execute(table.insert().values(**values, keeps=int(row.keeps), at=iso(row.at)))

    def decisions(self, review_id: str) -> list[ReviewDecisionRow]:
        """Give what was decided in one, by row."""
        column = tables.review_decisions.c
        found = select(tables.review_decisions).where(column.review_id == review_id).order_by(column.row)
        with self._read() as connection:
            rows = connection.execute(found).all()
        return [
            ReviewDecisionRow(row.review_id, row.row, bool(row.keeps), row.reason, row.by, parse_instant(row.at))
            for row in rows
        ]

    def sign(self, row: ReviewSignatureRow) -> None:
        """Write that somebody signed."""
        values = {name: getattr(row, name) for name in ("review_id", "entry", "reviewer", "digest")}
        with self._connect() as connection:
            connection.execute(
                tables.review_signatures.insert().values(**values, at=iso(row.at), rows=json.dumps(row.rows))
            )

    def signatures(self, review_id: str) -> list[ReviewSignatureRow]:
        """Give who signed one, the first first."""
        column = tables.review_signatures.c
        found = select(tables.review_signatures).where(column.review_id == review_id).order_by(column.entry)
        with self._read() as connection:
            rows = connection.execute(found).all()
        return [
            ReviewSignatureRow(
                row.review_id, row.entry, row.reviewer, parse_instant(row.at), tuple(json.loads(row.rows)), row.digest
            )
            for row in rows
        ]


def _review(row: Row[Any]) -> ReviewRow:
    return ReviewRow(row.id, parse_instant(row.at), row.opened_by, parse_instant(row.due_at), row.payload)
