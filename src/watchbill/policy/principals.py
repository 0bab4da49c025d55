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


class Named:
    """Whom a `Principal` element names, by kind."""

    __slots__ = ("_anyone", "_by_kind", "_roles", "_users", "negated")

    def __init__(self, principals: Mapping[str, Sequence[str]], *, negated: bool) -> None:
        self.negated = negated
        """Whether it is a `NotPrincipal` element, which names everyone else."""
        self._by_kind = {kind: frozenset(names) for kind, names in principals.items()}
        self._anyone = "*" in self._by_kind.get("*", ()) or "*" in self._by_kind.get(Kind.AWS, ())
        named = [Principal.of(name) for name in self._by_kind.get(Kind.AWS, ())]
        # Names of roles are unique in an account without regard to case; a session's ARN has no path.
        self._roles = {(p.account, p.entity[1].lower()) for p in named if p.entity[0] == "role"}
        self._users = {(p.account, p.entity[1]) for p in named if p.entity[0] == "user"}

    def naming(self, who: Principal | None, *, denies: bool = False) -> Naming:
        """Tell how directly it names somebody, in a statement that allows or that `denies`.

        Of a caller that is not known the careful is taken: an Allow names them only as anyone, a Deny in any case. A
        Deny of all principals but some spares nobody for their account's or their role's sake: these are listed beside
        a user or a session, and the others of them are denied (IAM User Guide, "NotPrincipal").
        """
        if who is None:
            return Naming.ANYONE if denies or (self._anyone and not self.negated) else Naming.NOT
        listed = self._listed(who)
        if not self.negated:
            return listed
        itself = listed >= Naming.ANYONE or (listed is Naming.ROLE and who.entity[0] == "role")
        if itself if denies else listed is not Naming.NOT:
            return Naming.NOT
        return Naming.ROLE if who.entity[0] == "role" else Naming.ANYONE

    def _listed(self, who: Principal) -> Naming:
        names, (entity, own) = self._by_kind.get(who.kind, frozenset()), who.entity
        by_role = entity == "role"
        if who.name in names and not by_role:
            return Naming.DIRECT
        if self._anyone:
            return Naming.ANYONE
        if who.name in names:
            return Naming.ROLE
        if who.kind is not Kind.AWS or who.account is None:
            return Naming.NOT
        if entity == "assumed-role" and (who.account, own.lower()) in self._roles:
            return Naming.ROLE
        if entity == "federated-user" and (who.account, own) in self._users:
            return Naming.ROLE
        partition = who.name.split(":", 2)[1]
        account = who.account in names or f"arn:{partition}:iam::{who.account}:root" in names
        return Naming.ACCOUNT if account else Naming.NOT
