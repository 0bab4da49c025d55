"""What people have proven that it was them."""

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import MuteRow


class Mutes(Part):
    """Mutes, for good: what was done in their span may become known much later."""

    def add(self, mute: MuteRow) -> None:
        """Write a mute; one of the same case, rule and key that is there stays."""
        column = tables.mutes.c
        same = (column.case_id == mute.case_id) & (column.rule == mute.rule) & (column.access_key == mute.access_key)
        plain = {field: getattr(mute, field) for field in ("case_id", "rule", "access_key", "person")}
        with self._connect() as connection:
            if connection.execute(select(column.case_id).where(same)).first() is None:
                times = {"start": iso(mute.start), "end": iso(mute.end)}
                connection.execute(tables.mutes.insert().values(**plain, **times))

    def all(self) -> list[MuteRow]:
        """Give every mute."""
        column = tables.mutes.c
        with self._read() as connection:
            rows = connection.execute(
                select(tables.mutes).order_by(column.start, column.case_id, column.rule, column.access_key)
            ).all()
        return [
            MuteRow(r.case_id, r.rule, r.access_key, r.person, parse_instant(r.start), parse_instant(r.end))
            for r in rows
        ]
