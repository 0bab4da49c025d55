"""Time that somebody moves on: whatever is due on the way is done at its time, in its order, and none is left out.

What is done hangs on the instants at which something is due, and never on where somebody stopped in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from watchbill.sim.clock import SimClock


@dataclass(frozen=True, slots=True)
class Timeline:
    """A clock, and what hangs on it."""

    clock: SimClock
    due: Callable[[datetime], datetime | None]
    """Gives the next instant after one at which something is due; None where nothing ever is."""
    move: Callable[[datetime], object]
    """Moves the world, and the clock, on to an instant: past nothing that is due."""
    work: Callable[[datetime], object]
    """Does what is due at an instant; the clock stands at it."""

    def step(self, target: datetime) -> None:
        """Go on to whatever is due next and do it, or as far as a target where nothing is due before."""
        now = self.clock.now()
        if now >= target:
            return
        due = self.due(now)
        assert due is None or due > now, "what is due now was done"
        if due is None or due > target:
            self.move(target)
            return
        self.move(due)
        self.work(due)

    def go_to(self, target: datetime) -> None:
        """Go on to an instant."""
        while self.clock.now() < target:
            self.step(target)
