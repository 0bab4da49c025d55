"""What the people of the team may do, so that ordinary ones never do more.

Deliberately narrow: a statement that allows only some resources or under conditions counts as allowing nothing, and a
deny of any kind as denying everything it names. So what is permitted here is permitted in earnest, whoever judges it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from watchbill.team.model import PermissionSet, Team


@dataclass(frozen=True, slots=True)
class Rights:
    """Patterns of actions."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    def permit(self, action: str | None) -> bool:
        """Tell whether an action is permitted; None is a call that needs no permission."""
        if action is None:
            return True
        return _hits(self.allow, action) and not _hits(self.deny, action)

    def __bool__(self) -> bool:
        return bool(self.allow)


def standing_rights(team: Team, person: str, account: str, at: datetime) -> Rights:
    """Give what a person may do in an account as their IAM user at an instant: by their groups and by grants."""
    held = [
        access.permission_set
        for group in team.groups.values()
        if person in team.members(group.name)
        for access in group.access
        if account in access.accounts
    ]
    held.extend(
        grant.permission_set
        for grant in team.grants
        if grant.person == person and account in grant.accounts and at in grant.interval
    )
    return rights_of(team.permission_sets[name] for name in dict.fromkeys(held))


OUTLIVES: Mapping[str, tuple[str, ...]] = {
    "access-keys": ("iam:CreateAccessKey",),
    "function-code": ("lambda:UpdateFunctionCode",),
    "policies": ("iam:AttachUserPolicy", "iam:CreatePolicy"),
    "registry-tokens": ("ecr:GetAuthorizationToken",),
    "role-chaining": ("sts:AssumeRole",),
    "stacks": ("cloudformation:UpdateStack",),
    "users-and-groups": ("iam:CreateUser",),
}
"""Of the calls that are made here, those that nobody makes on call unless the permission set names what outlives."""


def on_call_rights(permissions: PermissionSet) -> Rights:
    """Give what a permission set permits on call, where what can outlive the shift is denied."""
    given = rights_of([permissions])
    closed = [action for name, each in OUTLIVES.items() if name not in permissions.may_outlive for action in each]
    return Rights(given.allow, (*given.deny, *closed))


def rights_of(sets: Iterable[PermissionSet]) -> Rights:
    """Give what permission sets that are held together permit."""
    allow: list[str] = []
    deny: list[str] = []
    for permissions in sets:
        allow.extend(permissions.allow)
        deny.extend(permissions.deny)
        for statement in _listed((permissions.policy or {}).get("Statement", ())):
            if statement.get("Effect") == "Deny":
                # What a deny spares is not worth reading: a simulated person then simply does less.
                deny.extend(_listed(statement.get("Action", "*")))
            elif "*" in _listed(statement.get("Resource", ())) and not statement.get("Condition"):
                allow.extend(_listed(statement.get("Action", ())))
    return Rights(tuple(allow), tuple(deny))


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str | Mapping) else list(value)


def _hits(patterns: Iterable[str], action: str) -> bool:
    return any(_matcher(pattern).fullmatch(action.lower()) for pattern in patterns)


@cache
def _matcher(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(letter) or re.escape(letter) for letter in pattern.lower()))
