"""Who the people of the team file are in Slack."""

from typing import Any

from sqlalchemy import ColumnElement, Row, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import IdentityRow


class Identities(Part):
    """Pins: a person is one user of Slack, and a user is one person."""

    def pin(self, identity: IdentityRow) -> bool:
        """Write who somebody is, unless they or that user are pinned already. Tells whether it was written."""
        values = {"person": identity.person, "team": identity.team, "user": identity.user}
        with self._connect() as connection:
            if self.of(identity.person) is not None or self.person(identity.team, identity.user) is not None:
                return False
            connection.execute(tables.identities.insert().values(pinned_at=iso(identity.pinned_at), **values))
        return True

    def of(self, person: str) -> IdentityRow | None:
        """Give who somebody is in Slack."""
        return self._first(tables.identities.c.person == person)

    def person(self, team: str, user: str) -> IdentityRow | None:
        """Give whom a user of Slack is pinned to."""
        return self._first((tables.identities.c.team == team) & (tables.identities.c.user == user))

    def _first(self, condition: ColumnElement[bool]) -> IdentityRow | None:
        with self._read() as connection:
            row = connection.execute(select(tables.identities).where(condition)).first()
        return None if row is None else _row(row)


def _row(row: Row[Any]) -> IdentityRow:
    return IdentityRow(row.person, row.team, row.user, parse_instant(row.pinned_at))
