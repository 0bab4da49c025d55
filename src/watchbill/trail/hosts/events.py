"""Make events of what hosts say, with ids by which one delivered again is known."""

import hashlib
from datetime import datetime
from typing import Any

from watchbill.trail.hosts.model import CATEGORY, IDENTITY, Said
from watchbill.trail.model import Event, Identity, Place


_ID = 40
"""Characters of an id: 160 bits."""


class EventMaker:
    """Makes the events of one file.

    The id is a digest of the host, the time, the text and how many equal ones came before in the file: a file that is
    delivered again under another name, or longer than before, gives the ids it gave. Two equal lines of one second that
    a rotation put into two files are one event.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._seen: dict[str, int] = {}
        """How often the host, time and text came, by the id of the first."""
        self._users: dict[tuple[str | None, str | None], Identity] = {}

    def make(
        self, host: str, at: datetime, stamp: str, text: str, said: Said, record: dict[str, Any], index: int
    ) -> Event:
        """Make an event; `stamp` is its time in the id, `index` the position of its first line in the file, from 0."""
        base = f"{host}\0{stamp}\0{text}\0"
        event_id = hashlib.sha256(base.encode()).hexdigest()[:_ID]
        count = self._seen.get(event_id, 0)
        self._seen[event_id] = count + 1
        if count:
            event_id = hashlib.sha256(f"{base}{count}".encode()).hexdigest()[:_ID]
        user = (said.user, record.get("auid"))
        identity = self._users.get(user)
        if identity is None:
            identity = self._users[user] = _identity(*user)
        return Event(
            event_id,
            at,
            said.source,
            said.action,
            "",
            "",
            identity,
            said.ip,
            None,
            said.outcome,
            None,
            said.error,
            None,
            CATEGORY,
            record,
            Place(self._file, index),
            host,
        )


def _identity(user: str | None, login: str | None) -> Identity:
    """Give a user of a host; `login` is the number of who logged in, as the audit system has it."""
    return Identity(IDENTITY, None, login, None, user or None, None, None, None, None, None, None, None, None)
