"""A request, the decision on it, and everything the decision rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
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
class ConditionEntry:
    """One operator on one key with its values; values are OR-ed, entries AND-ed."""

    operator: str
    key: str
    """As written; keys are compared without regard to case."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. Where `not_actions` is true, `actions` are those it does not speak of; `resources` likewise."""

    origin: Origin
    allows: bool
    actions: tuple[str, ...]
    """Patterns in lower case."""
    not_actions: bool
    resources: tuple[str, ...]
    """Patterns of ARNs of six parts, or `*`; empty in a trust policy."""
    not_resources: bool
    principals: Mapping[str, tuple[str, ...]] | None
    """By kind (`AWS`, `Service`, `Federated`, `*`); None where the policy is no resource's."""
    not_principals: bool
    conditions: tuple[ConditionEntry, ...]


class Kind(StrEnum):
    """What a principal is: the keys of a `Principal` element, and a caller without credentials."""

    AWS = "AWS"
    SERVICE = "Service"
    FEDERATED = "Federated"
    CANONICAL = "CanonicalUser"
    ANONYMOUS = "Anonymous"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: by kind, and an ARN, a service's name, or a provider's."""

    kind: Kind
    name: str

    @classmethod
    @lru_cache(maxsize=65536)
    def of(cls, name: str) -> "Principal":
        """Take a name: an ARN of IAM or STS, a provider's too, `ec2.amazonaws.com`, or `*` for the anonymous."""
        if name == "*":
            return cls(Kind.ANONYMOUS, name)
        if _arn_parts(name)[1][0] in ("saml-provider", "oidc-provider"):
            return cls(Kind.FEDERATED, name)
        return cls(Kind.SERVICE if name.endswith((".amazonaws.com", ".amazonaws.com.cn")) else Kind.AWS, name)

    @property
    def account(self) -> str | None:
        """Give the account of an ARN; None for services, providers and the anonymous."""
        return _arn_parts(self.name)[0] if self.kind is Kind.AWS else None

    @property
    def entity(self) -> tuple[str, str]:
        """Give what an ARN is and its name: `("user", "james")`; a session is `assumed-role` and its role's name."""
        return _arn_parts(self.name)[1]


@lru_cache(maxsize=65536)
def _arn_parts(arn: str) -> tuple[str | None, tuple[str, str]]:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":  # noqa: PLR2004 - an ARN has six parts
        return None, ("", arn)
    kind, slash, rest = parts[5].partition("/")
    if kind == "root" and slash:
        return parts[4] or None, ("", parts[5])  # the root user has no name
    name = rest.split("/")[0] if kind == "assumed-role" else rest.rsplit("/", 1)[-1]
    return parts[4] or None, (kind, name)


@dataclass(frozen=True, slots=True)
class Request:
    """One question to AWS: whether a principal may do this to that in this context."""

    action: str
    """`ec2:TerminateInstances`; the prefix in lower case."""
    resource: str | None
    """An ARN; `*` where the action takes none; None where it is not known which."""
    context: Mapping[str, str | tuple[str, ...]]
    """Condition keys that are known to be present, by name in any case; several values as a tuple.

    Instants are ISO-8601 with `Z`.
    """
    absent: frozenset[str] = frozenset()
    """Condition keys that are known to be absent. A key in neither is unknown, and may make the answer depend."""
    complete: bool = False
    """Whether every key that is not named elsewhere is known to be absent."""
    principal: Principal | None = None
    """Who asks; None is some IAM identity of the resource's account, whose own policies are given."""
    resource_account: str | None = None
    """The account of the resource; None where it is that of the ARN, or else the principal's."""
    present: frozenset[str] = frozenset()
    """Condition keys that are known to be present, with a value that is not known."""
    unknown: frozenset[str] = frozenset()
    """Condition keys that are not known, though the others are complete."""
    some: bool = False
    """Whether `resource` is a pattern, and the question is about some resource that it matches."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What AWS would decide and why."""

    effect: Effect
    layer: str | None
    """The layer that blocked, one of `LAYERS`; None when allowed."""
    deciding: tuple[Origin, ...]
    """Statements that decided: the denies that hit, else the allows that did."""
    unknown_keys: tuple[str, ...]
    """Condition keys that the answer hangs on and that are not known."""
    not_evaluable: tuple[tuple[Origin, str], ...]
    """Statements that could not be evaluated, each with the reason; never skipped in silence."""


LAYERS = ("service", "scp", "rcp", "endpoint", "resource", "identity", "boundary", "session")
"""What may block, in the order in which the first that does is named: AWS itself, then each kind of policies."""

Document = Mapping[str, Any]
"""An IAM policy document as decoded JSON."""
