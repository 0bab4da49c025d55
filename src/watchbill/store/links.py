"""Links by which a question may be answered."""

from datetime import datetime

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import LinkRow


class Links(Part):
    """Links by the digest of their secret."""

    def add(self, link: LinkRow) -> None:
        """Write a link that nobody has used."""
        values = {"digest": link.digest, "case_id": link.case_id, "person": link.person}
        with self._connect() as connection:
            connection.execute(tables.answer_links.insert().values(expires_at=iso(link.expires_at), **values))

    def use(self, digest: str, at: datetime) -> bool:
        """Use a link up. Tells whether it was still good for it."""
        column = tables.answer_links.c
        with self._connect() as connection:
            change = tables.answer_links.update().where(column.digest == digest, column.used_at.is_(None))
            return connection.execute(change.values(used_at=iso(at))).rowcount == 1

    def get(self, digest: str) -> LinkRow | None:
        """Give a link."""
        with self._read() as connection:
            found = select(tables.answer_links).where(tables.answer_links.c.digest == digest)
            row = connection.execute(found).first()
        if row is None:
            return None
        used = parse_instant(row.used_at) if row.used_at else None
        return LinkRow(row.digest, row.case_id, row.person, parse_instant(row.expires_at), used)
