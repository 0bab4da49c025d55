"""Who is signed in to the pages."""

import json
from datetime import datetime, timedelta

from sqlalchemy import select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import WebSessionRow


class WebSessions(Part):
    """Sessions by the digest of what the browser holds; those whose time is over are swept away."""

    def begin(self, session: WebSessionRow) -> None:
        """Write that somebody is signed in."""
        column = tables.web_sessions.c
        with self._connect() as connection:
            connection.execute(tables.web_sessions.delete().where(column.ends_at <= iso(session.begun_at)))
            connection.execute(
                tables.web_sessions.insert().values(
                    digest=session.digest,
                    person=session.person,
                    issuer=session.issuer,
                    groups=json.dumps(session.groups),
                    begun_at=iso(session.begun_at),
                    seen_at=iso(session.seen_at),
                    ends_at=iso(session.ends_at),
                    proof=session.proof,
                )
            )

    def get(self, digest: str) -> WebSessionRow | None:
        """Give a session."""
        with self._read() as connection:
            found = select(tables.web_sessions).where(tables.web_sessions.c.digest == digest)
            row = connection.execute(found).first()
        if row is None:
            return None
        begun, seen, ends = (parse_instant(text) for text in (row.begun_at, row.seen_at, row.ends_at))
        groups = tuple(json.loads(row.groups))
        return WebSessionRow(row.digest, row.person, row.issuer, groups, begun, seen, ends, row.proof)

    def see(self, digest: str, at: datetime) -> None:
        """Write when somebody was last here."""
        with self._connect() as connection:
            change = tables.web_sessions.update().where(tables.web_sessions.c.digest == digest)
            connection.execute(change.values(seen_at=iso(at)))

    def carry(self, by: timedelta) -> None:
        """Move every session by a span, as if nobody had been away for it: for a clock that is moved by hand."""
        column = tables.web_sessions.c
        with self._connect() as connection:
            for row in connection.execute(select(column.digest, column.seen_at, column.ends_at)).all():
                later = {name: iso(parse_instant(at) + by) for name, at in (("seen_at", row[1]), ("ends_at", row[2]))}
                connection.execute(tables.web_sessions.update().where(column.digest == row[0]).values(**later))

    def use_proof(self, digest: str, proof: str) -> bool:
        """Use up what a sign-in proves. Tells whether it was still there."""
        column = tables.web_sessions.c
        with self._connect() as connection:
            change = tables.web_sessions.update().where(column.digest == digest, column.proof == proof)
            return connection.execute(change.values(proof=None)).rowcount == 1

    def end(self, digest: str) -> None:
        """End a session."""
        with self._connect() as connection:
            connection.execute(tables.web_sessions.delete().where(tables.web_sessions.c.digest == digest))
