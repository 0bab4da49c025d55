"""Which of several instances acts: the one that holds the lease of the state, renewed again and again.

Two things keep an instance from acting that was paused, or cut off, for longer than its lease: by its own monotonic
clock it stops to count itself the leader, and the state refuses whatever it still tries to write (`Store.under`).
Calls to others, such as AWS's, cannot be fenced: each is written down before it is made, by a fenced write, so that
one call at most comes from an instance that leads no more, and each step of a plan may be made twice.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Lock, Thread

from watchbill.clock import Clock
from watchbill.errors import RefusedError, WatchbillError
from watchbill.ledger.model import Kind
from watchbill.store.database import Store
from watchbill.store.leases import Lease


LASTS = timedelta(seconds=15)
"""How long a lease lasts that nobody renews: so long nobody acts when the leader is killed."""

RENEWALS = 5
"""How often a lease is renewed while it lasts: some may fail."""

NAME = "leader"

_PATIENCE = timedelta(seconds=2)
"""How much longer than a lease lasts somebody waits for it: that of one that was killed runs out in that."""


class Lead:
    """Whether this instance leads. Threads may share one."""

    def __init__(
        self, store: Store, holder: str, clock: Clock, lasts: timedelta = LASTS, *, recorded: bool = True
    ) -> None:
        """`holder` names this instance, and no other ever: one that is started anew is another.

        Where it is `recorded`, the ledger has an entry of each lead that was taken.
        """
        self._store, self.holder, self._clock = store, holder, clock
        self.lasts, self._recorded = lasts, recorded
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
            if self._recorded and lease is not None and (before is None or before.token != lease.token):
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


@contextmanager
def led(store: Store, holder: str, clock: Clock, lasts: timedelta = LASTS) -> Iterator[Lead]:
    """Lead inside the block, for one that comes and goes; RefusedError where another leads and goes on to."""
    lead = Lead(store, holder, clock, lasts, recorded=False)
    until = time.monotonic() + (lasts + _PATIENCE).total_seconds()
    while lead.turn() is None:
        if time.monotonic() >= until:
            who = lead.leader() or "another instance"
            raise RefusedError(f"{who} leads, and does what this would", "stop it first, or leave it to it")
        time.sleep(_PATIENCE.total_seconds() / 20)
    over = Event()
    heart = Thread(target=_beat, args=(lead, over), name="lead", daemon=True)
    heart.start()
    try:
        yield lead
    finally:
        over.set()
        heart.join()
        with suppress(WatchbillError):
            # One that cannot be given up runs out.
            lead.give_up()


def _beat(lead: Lead, over: Event) -> None:
    while not over.wait(lead.lasts.total_seconds() / RENEWALS):
        # Where it cannot be renewed, `Lead.lease` tells when it is over.
        with suppress(WatchbillError):
            lead.turn()
