"""Whether the `Principal` of a resource's policy speaks of who asks, and how directly.

How directly decides what a same-account Allow overrides (IAM User Guide, "Policy evaluation logic", "Determining
whether a request is allowed or denied within an account", and "AWS JSON policy elements: Principal").
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from watchbill.policy.model import Kind, Principal


class Naming(IntEnum):
    """How a `Principal` element names who asks, from least to most direct."""

    NOT = 0
    ACCOUNT = 1
    """Their account, which may give the right on by policies of its own."""
    ROLE = 2
    """The role whose session they are, or the user whose federated session."""
    ANYONE = 3
    """`*`, or all but some."""
    DIRECT = 4
    """Their own ARN: a user's, a session's, a service's name."""


def naming(principals: Mapping[str, Sequence[str]], who: Principal) -> Naming:
    """Tell how a `Principal` element, by kind, names somebody: the most direct of its entries."""
    return max((_one(kind, name, who) for kind, names in principals.items() for name in names), default=Naming.NOT)


def naming_of_the_rest(principals: Mapping[str, Sequence[str]], who: Principal) -> Naming:
    """Tell how a `NotPrincipal` element names somebody: everyone whom its entries do not name in any way."""
    if naming(principals, who) is not Naming.NOT:
        return Naming.NOT
    return Naming.ROLE if who.entity[0] == "role" else Naming.ANYONE


def _one(kind: str, name: str, who: Principal) -> Naming:
    if name == "*" and kind in ("*", "AWS"):
        return Naming.ANYONE
    if kind != who.kind:
        return Naming.NOT
    if name == who.name:
        return Naming.DIRECT if who.entity[0] != "role" else Naming.ROLE
    if kind != Kind.AWS or who.account is None:
        return Naming.NOT
    partition = who.name.split(":", 2)[1]
    if name in (who.account, f"arn:{partition}:iam::{who.account}:root"):
        return Naming.ACCOUNT
    named, (entity, own) = Principal.of(name), who.entity
    if named.account != who.account or not name.startswith(f"arn:{partition}:"):
        return Naming.NOT
    # Names of roles are unique in an account without regard to case; a session's ARN has no path.
    of_role = entity == "assumed-role" and (named.entity[0], named.entity[1].lower()) == ("role", own.lower())
    of_user = entity == "federated-user" and named.entity == ("user", own)
    return Naming.ROLE if of_role or of_user else Naming.NOT
