"""Which of several instances acts: the one that holds the lease of the state, renewed again and again.

Two things keep an instance from acting that was paused, or cut off, for longer than its lease: by its own monotonic
clock it stops to count itself the leader, and the state refuses whatever it still tries to write (`Store.under`).
Calls to others, such as AWS's, cannot be fenced: each is written down before it is made, by a fenced write, so that
one call at most comes from an instance that leads no more, and each step of a plan may be made twice.
"""

import time
from datetime import timedelta
from threading import Lock

from watchbill.clock import Clock
from watchbill.ledger.model import Kind
from watchbill.store.database import Store
from watchbill.store.leases import Lease


LASTS = timedelta(seconds=15)
"""How long a lease lasts that nobody renews: so long nobody acts when the leader is killed."""

NAME = "leader"


class Lead:
    """Whether this instance leads. Threads may share one."""

    def __init__(self, store: Store, holder: str, clock: Clock, lasts: timedelta = LASTS) -> None:
        """`holder` names this instance, and no other ever: one that is started anew is another."""
        self._store, self.holder, self._clock = store, holder, clock
        self.lasts = lasts
        self._lock = Lock()
        self._lease: Lease | None = None
        self._until = 0.0

    def turn(self) -> Lease | None:
        """Take the lease where nobody holds it, or renew it; None while another leads."""
        # From before it is asked for: by the state's clock it lasts longer, never shorter.
        until = time.monotonic() + self.lasts.total_seconds()
        with self._store.transaction():
            at = self._clock.now()
            lease = self._store.leases.take(NAME, self.holder, self.lasts, at)
            before = self._lease
            if lease is not None and (before is None or before.token != lease.token):
                facts = {"token": lease.token}
                self._store.ledger.record(
                    at=at, kind=Kind.LEAD_TAKEN, actor=self.holder, subject="watchbill", facts=facts
                )
        with self._lock:
            self._lease, self._until = lease, until
        return lease

    @property
    def lease(self) -> Lease | None:
        """The lease by which this instance may act now; None where it does not lead, or may not any more."""
        with self._lock:
            return self._lease if time.monotonic() < self._until else None

    def leader(self) -> str | None:
        """Tell who leads; None where nobody does."""
        return self._store.leases.holder(NAME, self._clock.now())

    def give_up(self) -> None:
        """Let another lead at once."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            self._store.leases.give_up(lease, self._clock.now())
