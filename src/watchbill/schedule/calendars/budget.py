"""How much work the recurrence of a calendar may cost: a rule may never match, or match without end."""

from collections.abc import Callable

from watchbill.schedule.calendars.errors import BadEventError


MAX_STEPS = 1_000_000
"""Days (or hours) that the recurrence rules of a calendar may look at, all together."""
MAX_STEPS_EACH = 100_000
"""The same for one series: 270 years of days."""


class Budget:
    """The work that recurrence may still cost."""

    def __init__(self) -> None:
        self._all = MAX_STEPS
        self._each = 0

    def next_series(self) -> None:
        """Let another series have its share."""
        self._each = MAX_STEPS_EACH

    def spend(self, steps: int = 1) -> None:
        """Take some of it; raises where none is left."""
        self._all -= steps
        self._each -= steps
        if self._each < 0 or self._all < 0:
            raise BadEventError("too-much-work", "its recurrence never matches, or takes too much work")

    def counting(self, month: int) -> int:
        """Give a month that spends a step for each day dateutil looks at, since it compares the day's month first.

        A rule that never matches is otherwise tried on each day until the year 9999.
        """
        made = _Month(month)
        made.spend = self.spend
        return made


class _Month(int):
    spend: Callable[[], None]

    def __eq__(self, other: object) -> bool:
        self.spend()
        return int(self) == other

    __hash__ = int.__hash__
