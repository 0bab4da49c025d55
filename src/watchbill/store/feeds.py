"""Copies of outside schedules, and the last try to fetch each."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import CopyRow, CopyState, TryRow


class Feeds(Part):
    """Copies of outside schedules, those that were in force for good, and the last try to fetch each."""

    def add(self, copy: CopyRow) -> CopyRow:
        """Keep a copy that waits, instead of the one that waited; give it with its number."""
        with self._connect() as connection:
            self.withdraw(copy.feed)
            values = {
                field: getattr(copy, field)
                for field in ("feed", "source", "form", "etag", "modified", "digest", "content")
            }
            state = {"fetched_at": iso(copy.fetched_at), "state": str(CopyState.WAITING)}
            connection.execute(tables.feed_copies.insert().values(**values, **state))
            found = self.standing(copy.feed, CopyState.WAITING)
        assert found is not None
        return found

    def withdraw(self, feed: str) -> None:
        """Let no copy of a feed wait; the bytes of what never was in force are not kept."""
        column = tables.feed_copies.c
        change = tables.feed_copies.update().where(column.feed == feed, column.state == str(CopyState.WAITING))
        with self._connect() as connection:
            connection.execute(change.values(state=str(CopyState.SUPERSEDED), content=b""))

    def take(self, copy: CopyRow, at: datetime) -> None:
        """Put a copy in force instead of the one that was."""
        column = tables.feed_copies.c
        was = tables.feed_copies.update().where(column.feed == copy.feed, column.state == str(CopyState.IN_FORCE))
        now = tables.feed_copies.update().where(column.number == copy.number)
        with self._connect() as connection:
            connection.execute(was.values(state=str(CopyState.SUPERSEDED)))
            connection.execute(now.values(state=str(CopyState.IN_FORCE), since=iso(at)))

    def confirm(self, copy: CopyRow, source: str, etag: str | None, modified: str | None) -> None:
        """Write the validators under which a copy was found unchanged."""
        change = tables.feed_copies.update().where(tables.feed_copies.c.number == copy.number)
        with self._connect() as connection:
            connection.execute(change.values(source=source, etag=etag, modified=modified))

    def standing(self, feed: str, state: CopyState) -> CopyRow | None:
        """Give the copy of a feed that is in force, or that waits."""
        column = tables.feed_copies.c
        with self._read() as connection:
            found = select(tables.feed_copies).where(column.feed == feed, column.state == str(state))
            row = connection.execute(found).first()
        return None if row is None else _copy(row)

    def in_force(self, feed: str, since: datetime, at: datetime) -> list[CopyRow]:
        """Give the copies that were in force at some instant from `since` to `at`, in order of time."""
        column = tables.feed_copies.c
        with self._read() as connection:
            dates = select(column.number, column.since).where(column.feed == feed, column.since.is_not(None))
            known = [
                (row.number, parse_instant(row.since)) for row in connection.execute(dates.order_by(column.number))
            ]
            begun = [(number, start) for number, start in known if start <= at]
            first = max((place for place, (_, start) in enumerate(begun) if start <= since), default=0)
            wanted = [number for number, _ in begun[first:]]
            found = select(tables.feed_copies).where(column.number.in_(wanted)).order_by(column.number)
            rows = connection.execute(found).all()
        return [_copy(row) for row in rows]

    def numbers(self) -> list[tuple[int, str, str]]:
        """Give the number of every copy that ever was in force, of which feed it is, and since when, in order."""
        column = tables.feed_copies.c
        asked = select(column.number, column.feed, column.since).where(column.since.is_not(None))
        with self._read() as connection:
            rows = connection.execute(asked.order_by(column.number)).all()
        return [(row.number, row.feed, row.since) for row in rows]

    def tried(self, found: TryRow) -> None:
        """Write the last try, over the one before."""
        with self._connect() as connection:
            connection.execute(tables.feed_tries.delete().where(tables.feed_tries.c.feed == found.feed))
            since = iso(found.failing_since) if found.failing_since else None
            values = {"feed": found.feed, "at": iso(found.at), "error": found.error, "failing_since": since}
            connection.execute(tables.feed_tries.insert().values(**values))

    def last_try(self, feed: str) -> TryRow | None:
        """Give the last try to fetch a feed."""
        with self._read() as connection:
            row = connection.execute(select(tables.feed_tries).where(tables.feed_tries.c.feed == feed)).first()
        if row is None:
            return None
        since = parse_instant(row.failing_since) if row.failing_since else None
        return TryRow(row.feed, parse_instant(row.at), row.error, since)


def _copy(row: Row[Any]) -> CopyRow:
    return CopyRow(
        row.feed,
        parse_instant(row.fetched_at),
        row.source,
        row.form,
        row.etag,
        row.modified,
        row.digest,
        row.content,
        CopyState(row.state),
        parse_instant(row.since) if row.since else None,
        row.number,
    )
