"""Applied revisions of the team file."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import RevisionRow


_NOT, _IN_AWS, _EVERYWHERE = range(3)
"""How far a revision is done."""


class Revisions(Part):
    """Applied revisions of the team file."""

    def add(self, digest: str, at: datetime, text: str, by: str) -> bool:
        """Keep a revision; one that equals the latest is not kept again. Tells whether it was kept."""
        values = {"digest": digest, "at": iso(at), "by": by, "text": text}
        with self._connect() as connection:
            latest = self.latest()
            if latest is not None and latest.digest == digest:
                return False
            connection.execute(tables.revisions.insert().values(**values, settled=_NOT))
        return True

    def settle(self, digest: str, *, hosts: bool = False) -> None:
        """Write that all of the latest revision is done, if it is this one; until then a part of it may wait.

        With `hosts` it is done on hosts too, if it was in AWS before.
        """
        column = tables.revisions.c
        newest = select(column.number).order_by(column.number.desc()).limit(1).scalar_subquery()
        before, after = (_IN_AWS, _EVERYWHERE) if hosts else (_NOT, _IN_AWS)
        unsettled = (column.number == newest) & (column.digest == digest) & (column.settled == before)
        with self._read() as connection:
            if connection.execute(select(column.number).where(unsettled)).first() is None:
                return
        with self._connect() as connection:
            connection.execute(tables.revisions.update().where(unsettled).values(settled=after))

    def settled(self, *, hosts: bool = False) -> RevisionRow | None:
        """Give the last revision of which all is done; with `hosts` there too, or where none ever was, the first."""
        column = tables.revisions.c
        done = column.settled >= (_EVERYWHERE if hosts else _IN_AWS)
        found = select(tables.revisions).where(done).order_by(column.number.desc()).limit(1)
        first = select(tables.revisions).order_by(column.number).limit(1)
        with self._read() as connection:
            row = connection.execute(found).first()
            if row is None and hosts:
                row = connection.execute(first).first()
        return None if row is None else _revision(row)

    def latest(self) -> RevisionRow | None:
        """Give the revision in force."""
        found = select(tables.revisions).order_by(tables.revisions.c.number.desc()).limit(1)
        with self._read() as connection:
            row = connection.execute(found).first()
        return None if row is None else _revision(row)

    def at(self, instant: datetime) -> RevisionRow | None:
        """Give the revision that was in force at an instant, None before the first."""
        return next((row for row in reversed(self.all()) if row.at <= instant), None)

    def dates(self) -> list[tuple[str, str]]:
        """Give the digest of every revision and when it was applied, in order of time, without its text."""
        column = tables.revisions.c
        with self._read() as connection:
            rows = connection.execute(select(column.digest, column.at).order_by(column.number)).all()
        return [(row.digest, row.at) for row in rows]

    def applied(self) -> list[tuple[str, datetime]]:
        """Give the digest of every revision and when it was applied, in the order in which they were."""
        columns = tables.revisions.c
        with self._read() as connection:
            rows = connection.execute(select(columns.digest, columns.at).order_by(columns.number)).all()
        return [(digest, parse_instant(at)) for digest, at in rows]

    def texts(self, digests: Iterable[str]) -> dict[str, str]:
        """Give the texts of revisions by their digests."""
        columns = tables.revisions.c
        found: dict[str, str] = {}
        with self._read() as connection:
            for digest in dict.fromkeys(digests):
                row = connection.execute(select(columns.text).where(columns.digest == digest).limit(1)).first()
                if row is not None:
                    found[digest] = row.text
        return found

    def all(self) -> list[RevisionRow]:
        """Give every revision, in order of time."""
        with self._read() as connection:
            rows = connection.execute(select(tables.revisions).order_by(tables.revisions.c.number)).all()
        return [_revision(row) for row in rows]


def _revision(row: Row[Any]) -> RevisionRow:
    return RevisionRow(row.digest, parse_instant(row.at), row.by, row.text)
