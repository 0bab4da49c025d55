"""Make events of what hosts say, with ids by which one delivered again is known."""

from dataclasses import fields, make_dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from watchbill.trail.hosts.model import CATEGORY, IDENTITY, Said
from watchbill.trail.model import Event, Identity, Place


_ID: Final = 40
"""Characters of an id: 160 bits."""

_OpenEvent: Final = make_dataclass("_OpenEvent", [field.name for field in fields(Event)], slots=True)
_OpenPlace: Final = make_dataclass("_OpenPlace", [field.name for field in fields(Place)], slots=True)
"""Twins of what they are named after, but for being frozen. What is frozen sets each field by a call, which takes
longer than all else that a line needs; so a twin is filled and becomes the frozen one, whose slots it has."""


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
        digest = sha256(f"{host}\0{stamp}\0{text}\0".encode())
        event_id = digest.hexdigest()[:_ID]
        if event_id in self._seen:
            count = self._seen[event_id]
            self._seen[event_id] = count + 1
            digest.update(b"%d" % count)
            event_id = digest.hexdigest()[:_ID]
        else:
            self._seen[event_id] = 1
        return self._event(event_id, host, at, said, record, index)

    def repeat(
        self, times: int, host: str, at: datetime, stamp: str, text: str, said: Said, record: dict[str, Any], index: int
    ) -> list[Event]:
        """Make equal events, with the ids that so many calls of `make` give. The text is digested but once."""
        digest = sha256(f"{host}\0{stamp}\0{text}\0".encode())
        first = digest.hexdigest()[:_ID]
        before = self._seen.get(first, 0)
        self._seen[first] = before + times
        made = []
        for count in range(before, before + times):
            event_id = first
            if count:
                counted = digest.copy()
                counted.update(b"%d" % count)
                event_id = counted.hexdigest()[:_ID]
            made.append(self._event(event_id, host, at, said, dict(record), index))
        return made

    def _event(self, event_id: str, host: str, at: datetime, said: Said, record: dict[str, Any], index: int) -> Event:
        source, action, name, _, ip, outcome, error = said
        user = (name, record.get("auid"))
        identity = self._users.get(user)
        if identity is None:
            identity = self._users[user] = _identity(*user)
        place: Place = _OpenPlace(self._file, index, "")
        place.__class__ = Place
        event: Event = _OpenEvent(
            event_id,
            at,
            source,
            action,
            "",
            "",
            identity,
            ip,
            None,
            outcome,
            None,
            error,
            None,
            CATEGORY,
            record,
            place,
            host,
        )
        event.__class__ = Event
        return event


def _identity(user: str | None, login: str | None) -> Identity:
    """Give a user of a host; `login` is the number of who logged in, as the audit system has it."""
    return Identity(IDENTITY, None, login, None, user or None, None, None, None, None, None, None, None, None)
