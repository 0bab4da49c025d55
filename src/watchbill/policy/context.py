"""What is known of a request: its condition keys, and those that follow from who asks and for what.

Keys that follow, where the request does not give them (IAM User Guide, "AWS global condition context keys"):
`aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType`, `aws:username` of a user, and `aws:ResourceAccount`.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from watchbill.policy.model import Kind, Principal, Request
from watchbill.policy.patterns import UnknownKeyError


class Unknown(Enum):
    """The value of a key that is not known."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
RESOURCE: Final = "resource"
"""Stands for the resource among the keys that a statement reads."""


class _Folded:
    """What a request says of keys whose values it does not give."""

    __slots__ = ("_absent", "_present", "_request", "_unknown")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._present = frozenset(each.lower() for each in request.present)
        self._absent = frozenset(each.lower() for each in request.absent)
        self._unknown = frozenset(each.lower() for each in request.unknown)

    def presence(self, key: str) -> bool | None:
        if key in self._absent:
            return False
        if key in self._unknown:
            return None
        if key in self._present or (key in _FOLLOWING and _FOLLOWING[key](self._request) is not None):
            return True
        return False if self._request.complete else None


class Context:
    """The keys of a request, looked up without regard to case."""

    __slots__ = ("_folded", "_known", "request", "resource")

    def __init__(self, request: Request) -> None:
        self.request = request
        self._known = {key.lower(): value for key, value in request.context.items()}
        self._folded: _Folded | None = None
        self.resource = request.resource

    def put(self, key: str, value: tuple[str, ...] | str | None) -> None:
        """Put other values in, of a key in lower case or of the resource; None takes them out.

        For asking one thing of many requests in turn. Keys that follow from others do not follow what is put in.
        """
        if key == RESOURCE:
            self.resource = value if isinstance(value, str) else None
        elif value is None:
            self._known.pop(key, None)
        else:
            self._known[key] = value

    def lookup(self, key: str) -> str | tuple[str, ...] | Unknown | None:
        """Give the value, or the values, of a key in lower case; None where it is known to be absent."""
        found = self._known.get(key)
        if found is not None:
            return found
        presence = self._told(key)
        if presence is None:
            return UNKNOWN
        if presence is False:
            return None
        derived = _FOLLOWING[key](self.request) if key in _FOLLOWING else None
        return UNKNOWN if derived is None else derived

    def presence(self, key: str) -> bool | None:
        """Tell whether a key in lower case is there; None where that is not known. An empty list is there."""
        return True if self._known.get(key) is not None else self._told(key)

    def _told(self, key: str) -> bool | None:
        """Tell whether a key without a value of its own is there."""
        if self._folded is None:
            self._folded = _Folded(self.request)
        return self._folded.presence(key)

    def unknown(self, key: str) -> bool:
        """Tell whether the value of a key, or the resource, is not known."""
        return self.resource is None if key == RESOURCE else self.lookup(key.lower()) is UNKNOWN

    def single(self, key: str) -> str | None:
        """Give the one value of a key for a variable; several values cannot be put into a text.

        None where it is known to be absent; raises UnknownKeyError where it is not known.
        """
        values = self.lookup(key.lower())
        if values is UNKNOWN:
            raise UnknownKeyError(key)
        return values if isinstance(values, str) else None


def resource_account(request: Request) -> str | None:
    """Give the account of the resource: as given, or that of its ARN; None where neither says."""
    return request.resource_account if request.resource_account is not None else account_of(request.resource)


def account_of(arn: str | None) -> str | None:
    """Give the account that an ARN names; None where it names none, as those of S3 do, or any of a pattern."""
    parts = arn.split(":", 5) if arn else ()
    account = parts[4] if len(parts) == 6 and parts[0] == "arn" else ""  # noqa: PLR2004 - parts of an ARN
    return account if account and set(account).isdisjoint("*?") else None


_TYPES: Mapping[str, str] = {
    "user": "User",
    "federated-user": "FederatedUser",
    "root": "Account",
    "role": "AssumedRole",
    "assumed-role": "AssumedRole",
}


def _arn(principal: Principal) -> str:
    """Give what `aws:PrincipalArn` is: of a session, the role's ARN (its path cannot be told from the session's)."""
    kind, name = principal.entity
    if kind != "assumed-role":
        return principal.name
    _, partition, _, _, account, _ = principal.name.split(":", 5)
    return f"arn:{partition}:iam::{account}:role/{name}"


def _of_aws(request: Request) -> Principal | None:
    principal = request.principal
    return principal if principal is not None and principal.kind is Kind.AWS else None


def _principal_arn(request: Request) -> str | None:
    principal = _of_aws(request)
    return _arn(principal) if principal else None


def _principal_account(request: Request) -> str | None:
    principal = _of_aws(request)
    return principal.account if principal else None


def _principal_type(request: Request) -> str | None:
    if request.principal is not None and request.principal.kind is Kind.ANONYMOUS:
        return "Anonymous"
    principal = _of_aws(request)
    return _TYPES.get(principal.entity[0]) if principal else None


def _username(request: Request) -> str | None:
    principal = _of_aws(request)
    return principal.entity[1] if principal and principal.entity[0] == "user" else None


_FOLLOWING = {
    "aws:principalarn": _principal_arn,
    "aws:principalaccount": _principal_account,
    "aws:principaltype": _principal_type,
    "aws:username": _username,
    "aws:resourceaccount": resource_account,
}

FOLLOWING: Mapping[str, tuple[str, ...]] = {
    key: ("resource", "resource_account", "principal") if key == "aws:resourceaccount" else ("principal",)
    for key in _FOLLOWING
}
"""Keys that follow from other parts of a request, and from which; in lower case."""
