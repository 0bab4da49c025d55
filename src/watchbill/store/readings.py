"""What was read of AWS beside the accounts' own IAM: each that differs, with when it was first and last read so."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import ReadingRow


class Readings(Part):
    """What was read of an organization, and of Identity Center, by what it was read of: `about`."""

    def keep(self, about: str, digest: str, content: str, at: datetime, by: str, *, alone: bool = False) -> bool:
        """Keep what was read; one of the same digest as the last takes its place. Tells whether it is another.

        What was read before the last was is not kept: of two that read at once the later one counts. What is kept
        `alone` takes the place of all that was read before.
        """
        column = tables.readings.c
        with self._connect() as connection:
            last = connection.execute(_bare(about).order_by(column.number.desc()).limit(1)).first()
            if last is not None and at < parse_instant(last.seen_at):
                return False
            if last is not None and last.digest == digest:
                seen = tables.readings.update().where(column.number == last.number)
                connection.execute(seen.values(seen_at=iso(at), by=by, content=content))
                return False
            if alone:
                connection.execute(tables.readings.delete().where(column.about == about))
            values = {"about": about, "digest": digest, "since": iso(at), "seen_at": iso(at), "by": by}
            connection.execute(tables.readings.insert().values(**values, content=content))
        return True

    def all(self, about: str) -> list[ReadingRow]:
        """Give all that was read, in order of time, without what it says."""
        with self._read() as connection:
            rows = connection.execute(_bare(about).order_by(tables.readings.c.number)).all()
        return [_reading(row) for row in rows]

    def numbers(self, about: str) -> list[int]:
        """Give the number of all that was read of what begins so: it is another list where any of it is."""
        column = tables.readings.c
        with self._read() as connection:
            found = select(column.number).where(column.about.startswith(about, autoescape=True)).order_by(column.number)
            return list(connection.execute(found).scalars())

    def contents(self, numbers: Iterable[int]) -> dict[int, str]:
        """Give what some of it says."""
        column = tables.readings.c
        with self._read() as connection:
            rows = connection.execute(select(column.number, column.content).where(column.number.in_([*numbers]))).all()
        return {row.number: row.content for row in rows}


def _bare(about: str) -> Select[Any]:
    column = tables.readings.c
    return select(column.number, column.digest, column.since, column.seen_at, column.by).where(column.about == about)


def _reading(row: Row[Any]) -> ReadingRow:
    return ReadingRow(row.number, row.digest, parse_instant(row.since), parse_instant(row.seen_at), row.by)
