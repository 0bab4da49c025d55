"""A decision and everything it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What AWS would do with a request; `DEPENDS` when that hangs on something we do not know."""

    ALLOWED = "Allowed"
    IMPLICITLY_DENIED = "ImplicitlyDenied"
    EXPLICITLY_DENIED = "ExplicitlyDenied"
    DEPENDS = "Depends"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a statement comes from."""

    document: str
    """Name or ARN of the policy."""
    index: int
    """Position of the statement, from 0."""
    sid: str = ""
    why: str = ""
    """The reason in the team's words: group, shift, grant; empty when there is none."""

    def __str__(self) -> str:
        return f"{self.document}#{self.sid or self.index}"


@dataclass(frozen=True, slots=True)
class Request:
    """One question to AWS: whether a principal may do this to that in this context."""

    action: str
    """`ec2:TerminateInstances`; the prefix in lower case."""
    resource: str
    """An ARN, or `*` where the resource is not known or the action takes none."""
    context: Mapping[str, str | tuple[str, ...]]
    """Condition keys that are known to be present, by name in any case. Instants are ISO-8601 with `Z`."""
    absent: frozenset[str] = frozenset()
    """Condition keys that are known to be absent. A key in neither is unknown, and may make the answer depend."""
    complete: bool = False
    """Whether every key that is not in `context` is known to be absent."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What AWS would decide and why."""

    effect: Effect
    layer: str | None
    """The layer that blocked: `identity`, `boundary` or `session`; None when allowed."""
    deciding: tuple[Origin, ...]
    """Statements that decided: the denies that hit, else the allows that did."""
    unknown_keys: tuple[str, ...]
    """Condition keys that the answer hangs on and that are not known."""
    not_evaluable: tuple[tuple[Origin, str], ...]
    """Statements that could not be evaluated, each with the reason; never skipped in silence."""


Document = Mapping[str, Any]
"""An IAM policy document as decoded JSON."""
