"""Who the people of the team file are in Identity Center, as it was let be."""

from datetime import datetime

from sqlalchemy import select

from watchbill.intervals import iso
from watchbill.store import tables
from watchbill.store.part import Part


class CenterUsers(Part):
    """The user id of each person, by identity store."""

    def all(self, store: str) -> dict[str, str]:
        """Give the ids in an identity store, by person."""
        column = tables.center_users.c
        with self._read() as connection:
            rows = connection.execute(select(column.person, column.user).where(column.store == store)).all()
        return {row.person: row.user for row in rows}

    def keep(self, store: str, person: str, user: str, at: datetime) -> None:
        """Write who somebody is there, in place of who they were."""
        column = tables.center_users.c
        with self._connect() as connection:
            connection.execute(tables.center_users.delete().where(column.store == store, column.person == person))
            values = {"store": store, "person": person, "user": user, "seen_at": iso(at)}
            connection.execute(tables.center_users.insert().values(**values))
