"""The last plan that an instance has made, kept in memory for whoever looks: making one asks all of AWS."""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final

from watchbill.access.model import Outcome, Plan, State


PASSES: Final = "pass"
"""The job that makes a plan again and again."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPlan:
    """A plan, and what became of it. Each is another than any else: what is made of one may be kept by it."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    """Of its changes, where it was applied at once; none where it was not."""

    @property
    def at(self) -> datetime:
        """When it was made."""
        return self.plan.made_at

    @property
    def failed(self) -> int:
        """How many of its changes are not made, of those that were to be."""
        return sum(1 for outcome in self.outcomes if outcome.state is not State.DONE)


class Plans:
    """Keeps the last one. Its threads write it, pages read it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: KeptPlan | None = None

    def keep(self, plan: Plan | None, outcomes: tuple[Outcome, ...]) -> None:
        """Keep a plan in place of an older one; None, where AWS could not be read, leaves what there is."""
        with self._lock:
            if plan is not None and (self._last is None or plan.made_at >= self._last.at):
                self._last = KeptPlan(plan, outcomes)

    def last(self) -> KeptPlan | None:
        """Give the last one; None where this instance has made none."""
        with self._lock:
            return self._last
