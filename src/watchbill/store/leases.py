"""Leases: which instance may act, and the token that keeps one which lost its lease from writing.

By the clock of the database where it is Postgres, since the clocks of several machines differ; else by the instant
that is passed in, since all instances then are on one machine.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Row, func, select

from watchbill.errors import ProviderError
from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act, until an instant."""

    name: str
    holder: str
    token: int
    """Grows with each holder, and never goes back: the fence."""
    until: datetime
    """By the clock that leases go by."""


class LostLeaseError(ProviderError):
    """Another instance leads now: nothing may be written by the one that did."""

    code = "lost-lease"


class Leases(Part):
    """Leases by name; each has one holder at most."""

    def take(self, name: str, holder: str, lasts: timedelta, at: datetime) -> Lease | None:
        """Take a lease that nobody holds, or renew one's own; None while another holds it."""
        with self._connect() as connection:
            now = _now(connection, at)
            found = _lease(connection, name)
            if found is None:
                made = Lease(name, holder, 1, now + lasts)
                connection.execute(tables.leases.insert().values(**_values(made)))
                return made
            held = now < found.until
            if held and found.holder != holder:
                return None
            token = found.token if held else found.token + 1
            made = Lease(name, holder, token, now + lasts)
            connection.execute(tables.leases.update().where(tables.leases.c.name == name).values(**_values(made)))
            return made

    def give_up(self, lease: Lease, at: datetime) -> None:
        """Let another take a lease at once; one that was lost already stays as it is."""
        with self._connect() as connection:
            if is_held(connection, lease):
                ended = replace(lease, until=_now(connection, at))
                change = tables.leases.update().where(tables.leases.c.name == lease.name)
                connection.execute(change.values(**_values(ended)))

    def holder(self, name: str, at: datetime) -> str | None:
        """Tell who holds a lease; None where nobody does."""
        with self._read() as connection:
            found = _lease(connection, name)
            return found.holder if found is not None and _now(connection, at) < found.until else None


def is_held(connection: Connection, lease: Lease) -> bool:
    """Tell whether nobody took a lease since it was taken or renewed; one that ran out is held until somebody does."""
    found = _lease(connection, lease.name)
    return found is not None and (found.holder, found.token) == (lease.holder, lease.token)


def _now(connection: Connection, at: datetime) -> datetime:
    if connection.dialect.name != "postgresql":
        return at
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def _lease(connection: Connection, name: str) -> Lease | None:
    row: Row[tuple[str, str, int, str]] | None = connection.execute(
        select(tables.leases).where(tables.leases.c.name == name)
    ).first()
    return None if row is None else Lease(row.name, row.holder, row.token, parse_instant(row.until))


def _values(lease: Lease) -> dict[str, str | int]:
    return {"name": lease.name, "holder": lease.holder, "token": lease.token, "until": iso(lease.until)}
