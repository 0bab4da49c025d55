"""The errors a person can act on.

* WatchbillError
  + FileError            a file someone wrote is wrong; carries every problem found in it
  + NotFoundError        something was asked for by a name that nothing has
  + RefusedError         watchbill will not do this, and says why
    + PlanError          a plan must not be applied; carries everything that stands in its way
  + ProviderError        AWS or the store did not do what we asked

Anything else that escapes is a bug in watchbill and is shown with its traceback. A problem is also a value of
its own: bad input is reported beside the good input, which is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file that a person can open. Lines and columns count from 1."""

    path: str
    line: int
    col: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one piece of input, said so that the person can mend it."""

    code: str
    """Stable, kebab-case; programs match on it."""

    message: str
    """Lower-case, no full stop, what the person typed in backticks."""

    file: str | None = None
    line: int | None = None
    col: int | None = None
    event_id: str | None = None

    @classmethod
    def at(cls, code: str, message: str, where: Location) -> "Problem":
        """Make a problem of one place in a file."""
        return cls(code, message, where.path, where.line, where.col)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.col) if part is not None)
        event = f" (event {self.event_id})" if self.event_id else ""
        return f"{place} {self.message}{event}" if place else f"{self.message}{event}"


class WatchbillError(Exception):
    """Anything watchbill can explain to the person who ran it."""

    code = "error"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        """One sentence telling the reader what to try, shown under the message."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong, one entry per place."""
        return (Problem(self.code, str(self)),)


class FileError(WatchbillError):
    """A file someone wrote is wrong; every mistake in it is reported at once."""

    code = "bad-file"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> Sequence[Problem]:
        """Every mistake, in the order of the file."""
        return self._problems


class NotFoundError(WatchbillError):
    """Something was asked for by a name that nothing has."""

    code = "not-found"


class RefusedError(WatchbillError):
    """Watchbill will not do this, and says why."""

    code = "refused"


class PlanError(RefusedError):
    """A plan must not be applied."""

    code = "plan"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"the plan has {len(problems)} problems and cannot be applied")
        self._problems = tuple(problems)

    @property
    def problems(self) -> Sequence[Problem]:
        """Everything that stands in the plan's way."""
        return self._problems


class ProviderError(WatchbillError):
    """AWS or the store did not do what we asked."""

    code = "provider"
