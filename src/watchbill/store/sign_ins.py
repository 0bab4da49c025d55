"""How people sign in: who they are at the identity provider, who is on the way there, and links to sign in once."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, select

from watchbill.intervals import iso, parse_instant
from watchbill.store import tables
from watchbill.store.part import Part
from watchbill.store.rows import SignInLinkRow, SignInPinRow, SignInTryRow


class SignIns(Part):
    """Pins, tries and links: a person is one subject of an issuer, and that subject is one person.

    Tries and links are taken once, and those of the past are swept away.
    """

    def pin(self, pin: SignInPinRow) -> bool:
        """Write who somebody is, unless they or that subject are pinned already. Tells whether it was written."""
        values = {"person": pin.person, "issuer": pin.issuer, "subject": pin.subject}
        with self._connect() as connection:
            if self.of(pin.person, pin.issuer) is not None or self.person(pin.issuer, pin.subject) is not None:
                return False
            connection.execute(tables.sign_in_pins.insert().values(pinned_at=iso(pin.pinned_at), **values))
        return True

    def of(self, person: str, issuer: str) -> SignInPinRow | None:
        """Give who somebody is at an identity provider."""
        return self._pinned((tables.sign_in_pins.c.person == person) & (tables.sign_in_pins.c.issuer == issuer))

    def person(self, issuer: str, subject: str) -> SignInPinRow | None:
        """Give whom a subject is pinned to."""
        return self._pinned((tables.sign_in_pins.c.issuer == issuer) & (tables.sign_in_pins.c.subject == subject))

    def begin(self, tried: SignInTryRow) -> None:
        """Write that somebody went to the identity provider."""
        values = {"digest": tried.digest, "browser": tried.browser, "nonce": tried.nonce, "verifier": tried.verifier}
        with self._connect() as connection:
            _sweep(connection, tables.sign_in_tries, tried.begun_at)
            connection.execute(
                tables.sign_in_tries.insert().values(
                    goes_to=tried.goes_to,
                    fresh=int(tried.fresh),
                    begun_at=iso(tried.begun_at),
                    expires_at=iso(tried.expires_at),
                    **values,
                )
            )

    def take(self, digest: str) -> SignInTryRow | None:
        """Take a try away, and give it: who comes back comes once."""
        with self._connect() as connection:
            row = _taken(connection, tables.sign_in_tries, digest)
        if row is None:
            return None
        begun, expires = parse_instant(row.begun_at), parse_instant(row.expires_at)
        return SignInTryRow(
            row.digest, row.browser, row.nonce, row.verifier, row.goes_to, bool(row.fresh), begun, expires
        )

    def add_link(self, link: SignInLinkRow, at: datetime) -> None:
        """Write a link that nobody has used."""
        with self._connect() as connection:
            _sweep(connection, tables.sign_in_links, at)
            values = {"digest": link.digest, "person": link.person, "expires_at": iso(link.expires_at)}
            connection.execute(tables.sign_in_links.insert().values(**values))

    def take_link(self, digest: str) -> SignInLinkRow | None:
        """Take a link away, and give it."""
        with self._connect() as connection:
            row = _taken(connection, tables.sign_in_links, digest)
        return None if row is None else SignInLinkRow(row.digest, row.person, parse_instant(row.expires_at))

    def _pinned(self, condition: ColumnElement[bool]) -> SignInPinRow | None:
        with self._read() as connection:
            row = connection.execute(select(tables.sign_in_pins).where(condition)).first()
        return None if row is None else SignInPinRow(row.person, row.issuer, row.subject, parse_instant(row.pinned_at))


def _taken(connection: Any, table: Table, digest: str) -> Row[Any] | None:
    row: Row[Any] | None = connection.execute(select(table).where(table.c.digest == digest)).first()
    if row is not None:
        connection.execute(table.delete().where(table.c.digest == digest))
    return row


def _sweep(connection: Any, table: Table, at: datetime) -> None:
    connection.execute(table.delete().where(table.c.expires_at <= iso(at)))
