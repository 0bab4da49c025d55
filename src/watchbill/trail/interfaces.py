"""What naming an actor needs from outside: how far a role's trust policy decided what its sessions are called."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Pin(StrEnum):
    """Whether whoever took a role could choose a name that is not their own."""

    FORCED = "forced"
    """The trust policy denied every other name than the caller's own."""
    FREE = "free"
    """The caller could choose."""
    UNKNOWN = "unknown"
    """The trust policy of then is not known, or what it says hangs on what is not known."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What a role's trust policy left to whoever took the role at an instant."""

    source_identity: Pin
    session_name: Pin
    why: str
    """How that is known, or why it is not, in words."""


class Forced(Protocol):
    """Knows the trust policies of roles, as they were."""

    def pins(self, role_arn: str | None, at: datetime | None) -> Pins:
        """Tell what the trust policy of a role left open when it was taken; None is a role or time that is not known.

        It must be a pure function: the answer is remembered. What is not known is `UNKNOWN`; nothing is raised.
        """
        ...


class NothingKnown:
    """Knows no trust policy: no name is taken for forced, and none for free."""

    def pins(self, role_arn: str | None, at: datetime | None) -> Pins:
        """Say that it is not known."""
        return _NOTHING


_NOTHING = Pins(Pin.UNKNOWN, Pin.UNKNOWN, "whether the role's trust policy of then forced the name is not known")
