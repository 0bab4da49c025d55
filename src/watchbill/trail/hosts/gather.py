"""What is gathered while one file of a host is read."""

from collections import Counter
from dataclasses import dataclass, field

from watchbill.errors import Problem
from watchbill.trail.model import Event


LONGEST_LINE = 1 << 20
"""Characters that a line may have; rsyslog's and auditd's own limits are far below."""

_NAMED = 10_000
"""Unreadable lines of one file that are named one by one; more are counted together."""


@dataclass(slots=True)
class Gathered:
    """Events and whatever else came out of the lines so far."""

    file: str
    events: list[Event] = field(default_factory=list)
    not_audited: Counter[str] = field(default_factory=Counter)
    assumed: list[Problem] = field(default_factory=list)
    unreadable: int = 0
    _problems: list[Problem] = field(default_factory=list)
    _last: int = 0

    def cannot_read(self, line: int, why: str) -> None:
        """Name a line, counted from 1, that is lost, and why."""
        self.unreadable += 1
        self._last = line
        if self.unreadable <= _NAMED:
            self._problems.append(Problem("unreadable-line", why, self.file, line))

    def say(self, code: str, message: str, line: int | None = None) -> None:
        """Say something about a line that was read, or about the file."""
        self._problems.append(Problem(code, message, self.file, line))

    def assume(self, code: str, message: str) -> None:
        """Say what the file leaves open and what was taken for granted."""
        self.assumed.append(Problem(code, message, self.file))

    def problems(self) -> tuple[Problem, ...]:
        """Give all problems, in the order in which they were found."""
        more = self.unreadable - _NAMED
        if more <= 0:
            return tuple(self._problems)
        said = f"{more} more lines cannot be read, the last of them line {self._last}"
        return (*self._problems, Problem("unreadable-line", said, self.file, self._last))
