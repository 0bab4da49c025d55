"""What AWS takes, enforced before it is called: the account's real limits where they were read, else AWS's defaults.

Source: IAM User Guide, "IAM and STS quotas"; the names are those of GetAccountSummary.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from watchbill.access.documents import size
from watchbill.access.drift import has_effect
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    AccountState,
    Capacity,
    GroupState,
    RoleState,
    UserState,
    is_ours,
    last_of,
)
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

ON_CALL = "oncall-"
DENYING = ("gate-", "fence-", "guard-", FREEZE_POLICY)
"""How the names of policies begin that are there for what they deny."""

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
        # What denies is attached first and detached last; the rest is taken before anything else is given.
        have = _attached(observed.groups.get(group.name))
        late = {arn for arn in have - group.attached if has_effect(arn, "Deny", observed, desired)}
        early = {arn for arn in group.attached | have if denies(arn)} | late
        count = _most(group.attached, have, early.__contains__)
        yield used(f"policies attached to group {group.name}", count, "AttachedPoliciesPerGroupQuota")
    for role in desired.roles.values():
        # All is attached before anything is detached.
        count = len(role.attached | _attached(observed.roles.get(role.name)))
        yield used(f"policies attached to role {role.name}", count, "AttachedPoliciesPerRoleQuota")
        length = size(role.trust)
        yield used(f"characters of the trust policy of role {role.name}", length, "AssumeRolePolicySizeQuota")
    joined = {user.name: _groups(user, observed) for user in desired.users.values()}
    # There are many: one stands for all that are within the limit.
    fullest_of_all = max(joined, key=lambda name: joined[name], default=None)
    for name, count in joined.items():
        if name == fullest_of_all or count > limits.of("GroupsPerUserQuota"):
            yield used(f"groups of user {name}", count, "GroupsPerUserQuota")
    for policy in desired.policies.values():
        yield used(f"characters of policy {policy.name}", size(policy.document), "PolicySizeQuota")
    users = {*observed.users, *desired.users}
    yield used("users", len(users), "UsersQuota")
    # What goes is removed last.
    yield used("groups", len({*observed.groups, *desired.groups}), "GroupsQuota")
    yield used("roles", len({*observed.roles, *desired.roles}), "RolesQuota")
    # AWS's own policies are no customer's.
    own = {arn for arn in observed.policies if ":iam::aws:" not in arn}
    yield used("policies", len({*own, *desired.policies}), "PoliciesQuota")


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


def _groups(user: UserState, observed: AccountState) -> int:
    """Count the most groups that a user is in at once."""
    there = observed.users.get(user.name)
    if there is None or there.groups == user.groups:
        return len(user.groups)
    kept = frozenset(name for name in there.groups if _is_foreign(observed, name))
    # On-call groups are joined first and left last.
    return _most(user.groups | kept, there.groups, lambda name: name.startswith(ON_CALL))


def _attached(found: GroupState | RoleState | None) -> frozenset[str]:
    return frozenset() if found is None else found.attached


def _most(wanted: frozenset[str], have: frozenset[str], is_early: Callable[[str], bool]) -> int:
    """Count the most that are there at once: some are given first and taken last, the others the other way."""
    early = frozenset(filter(is_early, wanted | have))
    others = frozenset(filter(_is_others, have - early))
    return max(len(have | (wanted & early)), len(wanted | (have & early) | others))


def _is_others(each: str) -> bool:
    return each.startswith("arn:") and not is_ours(each)


def denies(arn: str) -> bool:
    """Tell whether a policy is one of watchbill's that are there for what they deny."""
    return is_ours(arn) and last_of(arn).startswith(DENYING)


def _is_foreign(observed: AccountState, group: str) -> bool:
    found = observed.groups.get(group)
    return found is None or found.path != PATH
