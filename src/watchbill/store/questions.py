"""Questions to people, and their answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import QuestionRow


class Questions(Part):
    """Questions to people, one per case, and their answers."""

    def ask(self, question: QuestionRow) -> bool:
        """Write a question; a case is asked about once. Tells whether it was written."""
        values = {
            "case_id": question.case_id,
            "person": question.person,
            "text": question.text,
            "asked_at": iso(question.asked_at),
            "deadline_at": iso(question.deadline_at),
        }
        with self._connect() as connection:
            if self.of(question.case_id) is not None:
                return False
            connection.execute(tables.questions.insert().values(**values))
        return True

    def answer(self, case_id: str, answer: str, at: datetime, by: str) -> bool:
        """Write an answer; the first one stands. Tells whether this was it."""
        column = tables.questions.c
        with self._connect() as connection:
            change = tables.questions.update().where(column.case_id == case_id, column.answer.is_(None))
            done = connection.execute(change.values(answer=answer, answered_at=iso(at), answered_by=by))
            return done.rowcount == 1

    def of(self, case_id: str) -> QuestionRow | None:
        """Give the question of a case."""
        with self._read() as connection:
            row = connection.execute(select(tables.questions).where(tables.questions.c.case_id == case_id)).first()
        return None if row is None else _question(row)

    def all(self) -> list[QuestionRow]:
        """Give every question, in the order they were asked."""
        with self._read() as connection:
            order = (tables.questions.c.asked_at, tables.questions.c.case_id)
            rows = connection.execute(select(tables.questions).order_by(*order)).all()
        return [_question(row) for row in rows]


def _question(row: Row[Any]) -> QuestionRow:
    return QuestionRow(
        row.case_id,
        row.person,
        row.text,
        parse_instant(row.asked_at),
        parse_instant(row.deadline_at),
        row.answer,
        parse_instant(row.answered_at) if row.answered_at else None,
        row.answered_by,
    )
