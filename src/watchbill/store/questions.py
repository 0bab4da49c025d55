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
        with self._connect() as connection:
            if self.of(question.case_id) is not None:
                return False
            connection.execute(tables.questions.insert().values(**_values(question)))
        return True

    def turn(self, before: QuestionRow, after: QuestionRow) -> bool:
        """Write where a question stands now, if it still stands as it was read. Tells whether it was written."""
        column = tables.questions.c
        same = column.answer.is_(None) if before.answer is None else column.answer == before.answer
        still = (column.case_id == before.case_id) & (column.stand == before.stand) & same
        with self._connect() as connection:
            done = connection.execute(tables.questions.update().where(still).values(**_values(after)))
        return done.rowcount == 1

    def due(self, at: datetime) -> list[QuestionRow]:
        """Give the questions that nothing has come of though they should have been answered by an instant."""
        column = tables.questions.c
        with self._read() as connection:
            found = select(tables.questions).where(column.stand.in_(("asked", "answered")))
            rows = connection.execute(found.order_by(column.deadline_at, column.case_id)).all()
        return [question for row in rows if (question := _question(row)).deadline_at <= at]

    def of(self, case_id: str) -> QuestionRow | None:
        """Give the question of a case."""
        with self._read() as connection:
            row = connection.execute(select(tables.questions).where(tables.questions.c.case_id == case_id)).first()
        return None if row is None else _question(row)

    def of_person(self, person: str) -> list[QuestionRow]:
        """Give every question to a person, in the order they were asked."""
        column = tables.questions.c
        found = select(tables.questions).where(column.person == person).order_by(column.asked_at, column.case_id)
        with self._read() as connection:
            return [_question(row) for row in connection.execute(found).all()]

    def all(self) -> list[QuestionRow]:
        """Give every question, in the order they were asked."""
        with self._read() as connection:
            order = (tables.questions.c.asked_at, tables.questions.c.case_id)
            rows = connection.execute(select(tables.questions).order_by(*order)).all()
        return [_question(row) for row in rows]


def _values(question: QuestionRow) -> dict[str, Any]:
    times = ("asked_at", "deadline_at", "answered_at", "confirmed_at")
    plain = ("case_id", "person", "text", "answer", "answered_by", "stand", "peer", "confirmed_by")
    made = {field: None if (at := getattr(question, field)) is None else iso(at) for field in times}
    return made | {field: getattr(question, field) for field in plain}


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
        row.stand,
        row.peer,
        parse_instant(row.confirmed_at) if row.confirmed_at else None,
        row.confirmed_by,
    )
