"""The time of a pretend world: it stands still until somebody moves it."""

from datetime import datetime, timedelta


class SimClock:
    """A `watchbill.clock.Clock` moved by hand, never backwards."""

    def __init__(self, at: datetime) -> None:
        self._at = _utc(at)

    def now(self) -> datetime:
        """Return this instant."""
        return self._at

    def advance(self, by: timedelta) -> datetime:
        """Move on by a span and return the new instant; a negative span raises ValueError."""
        return self.set(self._at + by)

    def set(self, at: datetime) -> datetime:
        """Move on to an instant and return it; an earlier one than now raises ValueError."""
        if _utc(at) < self._at:
            raise ValueError(f"the clock stands at {self._at} and does not go back to {at}")
        self._at = at
        return at


def _utc(at: datetime) -> datetime:
    if at.utcoffset() != timedelta(0):
        raise ValueError(f"the clock needs a UTC instant, not {at}")
    return at
