"""What AWS takes, enforced before it is called: the account's real limits where they were read, else AWS's defaults.

Source: IAM User Guide, "IAM and STS quotas"; the names are those of GetAccountSummary.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from watchbill.access.documents import size
from watchbill.access.model import PATH, AccountState, Capacity
from watchbill.errors import Problem


DEFAULTS: Mapping[str, int] = {
    "PolicySizeQuota": 6144,
    "VersionsPerPolicyQuota": 5,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GroupsPerUserQuota": 10,
    "AssumeRolePolicySizeQuota": 2048,
    "UserPolicySizeQuota": 2048,
    "UsersQuota": 5000,
    "GroupsQuota": 300,
    "RolesQuota": 1000,
    "PoliciesQuota": 1500,
}
"""Limits of a new account. Those of managed policies and inline ones count characters without white space."""

_SHOWN = 5
"""Limits of an account that are shown, the fullest first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one account."""

    quotas: Mapping[str, int]

    def of(self, name: str) -> int:
        """Give a limit by the name that GetAccountSummary has for it."""
        return self.quotas.get(name, DEFAULTS[name])

    @property
    def policy(self) -> int:
        """Characters of a managed policy, white space not counted."""
        return self.of("PolicySizeQuota")


def usage(desired: AccountState, observed: AccountState) -> Iterator[Capacity]:
    """Give how much of each limit an account comes to use, what others have there included."""
    limits = Limits(observed.quotas)

    def used(what: str, count: int, name: str) -> Capacity:
        return Capacity(desired.account, what, count, limits.of(name))

    for group in desired.groups.values():
        count = len(group.attached | _others(observed.groups.get(group.name)))
        yield used(f"policies attached to group {group.name}", count, "AttachedPoliciesPerGroupQuota")
    for role in desired.roles.values():
        count = len(role.attached | _others(observed.roles.get(role.name)))
        yield used(f"policies attached to role {role.name}", count, "AttachedPoliciesPerRoleQuota")
        length = size(role.trust)
        yield used(f"characters of the trust policy of role {role.name}", length, "AssumeRolePolicySizeQuota")
    for user in desired.users.values():
        there = observed.users.get(user.name)
        kept = {name for name in there.groups if _is_foreign(observed, name)} if there is not None else set()
        yield used(f"groups of user {user.name}", len(user.groups | kept), "GroupsPerUserQuota")
    for policy in desired.policies.values():
        yield used(f"characters of policy {policy.name}", size(policy.document), "PolicySizeQuota")
    users = {*observed.users, *desired.users}
    yield used("users", len(users), "UsersQuota")
    yield used("groups", len(_foreign(observed.groups) | set(desired.groups)), "GroupsQuota")
    yield used("roles", len(_foreign(observed.roles) | set(desired.roles)), "RolesQuota")
    # AWS's own policies are no customer's.
    theirs = {arn for arn, p in observed.policies.items() if p.path != PATH and ":iam::aws:" not in arn}
    yield used("policies", len(theirs | set(desired.policies)), "PoliciesQuota")


def exceeded(found: Capacity) -> Problem | None:
    """Give the problem of a limit that a plan would exceed."""
    if found.used <= found.limit:
        return None
    where = f"{found.what} in account `{found.account}`"
    hint = "shorten the horizon, split the rota or the permission set, or ask AWS to raise the limit"
    return Problem("quota", f"{where} would be {found.used}, AWS allows {found.limit}; {hint}")


def fullest(found: list[Capacity]) -> tuple[Capacity, ...]:
    """Give the limits that are nearest to being reached, one of each kind, the fullest first."""
    best: dict[str, Capacity] = {}
    for each in sorted(found, key=lambda c: (-c.used / c.limit, c.what)):
        # One group stands for all groups; policies that are packed are as full as they can be on purpose.
        kind = each.what.rsplit(" ", 1)[0] if " " in each.what else each.what
        if not each.what.startswith("characters of policy"):
            best.setdefault(kind, each)
    return tuple(list(best.values())[:_SHOWN])


def _others(found: object) -> frozenset[str]:
    attached: frozenset[str] = getattr(found, "attached", frozenset())
    return frozenset(arn for arn in attached if f":policy{PATH}" not in arn)


def _foreign(found: Mapping[str, object]) -> set[str]:
    return {name for name, each in found.items() if getattr(each, "path", PATH) != PATH}


def _is_foreign(observed: AccountState, group: str) -> bool:
    found = observed.groups.get(group)
    return found is None or found.path != PATH
