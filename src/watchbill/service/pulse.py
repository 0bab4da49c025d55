"""Whether anything has changed that pages show: told by reads that cost next to nothing, and never by what they give.

Pages ask themselves anew once the *mark* is another. It names an instance and counts its changes, so that it tells
nobody how many cases or entries there are, and another instance's is always another.
"""

import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from threading import Lock
from typing import Final

from watchbill.service.board import Standing
from watchbill.service.plans import PASSES
from watchbill.store.database import Store


TURN: Final = timedelta(seconds=1)
"""How often the state is looked at, however many ask."""


class Pulse:
    """Looks at what there is, for all who want to know whether it has changed. Threads may share one."""

    def __init__(self, name: str, read: Callable[[], Hashable]) -> None:
        self._name, self._read, self._lock = name, read, Lock()
        self._seen: Hashable = None
        self._changes, self._looked = 0, float("-inf")

    def mark(self) -> str:
        """Give the mark as it was at most a turn ago."""
        with self._lock:
            if time.monotonic() - self._looked >= TURN.total_seconds():
                # Taken before the look: what changes amid it shows in the next one.
                looked, found = time.monotonic(), self._read()
                if self._seen != found:
                    self._seen, self._changes = found, self._changes + 1
                self._looked = looked
            return f"{self._name}-{self._changes}"


def stand_of(store: Store) -> Hashable:
    """Give what is another once anything was written that pages show: entries, cases, presses, notices."""
    return store.ledger.length(), store.cases.mark(), store.clicks.mark(), store.outbox.mark()


def stand_of_job(name: str, standing: Standing) -> Hashable:
    """Give what is another once a job stands otherwise; that it was done again is news of a pass alone."""
    return name, standing.done_at if name == PASSES else None, standing.error, tuple(standing.stale)
