"""What every part of the state stands on."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection


class Sessions(Protocol):
    """Gives connections: those of the transaction that is open in this thread, or of one made for this step."""

    def connect(self) -> AbstractContextManager[Connection]:
        """Give one that may write. It waits its turn: one process writes at a time."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """Give one that only reads. It waits for nobody, and keeps nobody waiting."""
        ...


class Part:
    """One part of the state: its tables, and nothing of the others."""

    def __init__(self, sessions: Sessions) -> None:
        self._connect = sessions.connect
        self._read = sessions.read
