"""What may have given somebody more, found by whom or what it was done to.

Three kinds of calls: those on a principal of IAM (`GIVES`), those on what several principals have (a group, a managed
policy, a permission set of IAM Identity Center), and those on a resource that names who may use it (`shared`). An index
finds them by target, so that each wrong event looks at the few that concern it.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from watchbill.access.compile import GRANT, JOB
from watchbill.access.limits import ON_CALL
from watchbill.access.model import is_ours
from watchbill.judge.shared import SHARES, shared_by
from watchbill.team.model import Team
from watchbill.trail.model import Attributed, Event, Outcome


GIVES = {
    "AttachUserPolicy": "userName",
    "PutUserPolicy": "userName",
    "AddUserToGroup": "userName",
    "DeleteUserPermissionsBoundary": "userName",
    "AttachRolePolicy": "roleName",
    "PutRolePolicy": "roleName",
    "UpdateAssumeRolePolicy": "roleName",
    "DeleteRolePermissionsBoundary": "roleName",
    "DetachUserPolicy": "userName",
    "DeleteUserPolicy": "userName",
    "RemoveUserFromGroup": "userName",
    "DetachRolePolicy": "roleName",
    "DeleteRolePolicy": "roleName",
}
"""IAM calls that can give a principal more, with the parameter that names it; what is taken away may have denied."""

TO_GROUPS = frozenset({"AttachGroupPolicy", "PutGroupPolicy", "DetachGroupPolicy", "DeleteGroupPolicy"})
"""IAM calls that can give all members of a group more."""

TO_POLICIES = frozenset({"CreatePolicyVersion", "SetDefaultPolicyVersion"})
"""IAM calls that put other words into a policy, wherever it is attached."""

CREDENTIALS = frozenset({"CreateAccessKey", "UpdateAccessKey", "CreateLoginProfile", "UpdateLoginProfile"})
"""IAM calls that make a way to act as a user."""

TO_SETS = frozenset(
    {
        "AttachManagedPolicyToPermissionSet",
        "AttachCustomerManagedPolicyReferenceToPermissionSet",
        "PutInlinePolicyToPermissionSet",
        "DetachManagedPolicyFromPermissionSet",
        "DetachCustomerManagedPolicyReferenceFromPermissionSet",
        "DeleteInlinePolicyFromPermissionSet",
        "DeletePermissionsBoundaryFromPermissionSet",
    }
)
"""Calls of IAM Identity Center that can give all who have a permission set more."""

ASSIGNS = "CreateAccountAssignment"
"""The call of IAM Identity Center that gives a user or a group a permission set in an account."""

_IAM = "iam.amazonaws.com"
_CENTER = "sso.amazonaws.com"

_BY_SOURCE: Mapping[str, frozenset[str]] = {
    _IAM: frozenset({*GIVES, *TO_GROUPS, *TO_POLICIES, *CREDENTIALS}),
    _CENTER: TO_SETS | {ASSIGNS, "CreatePermissionSet"},
    **SHARES,
}

OPENERS = frozenset().union(*_BY_SOURCE.values())
"""Names of all calls that are looked at: what to read whole of the time before an event."""


class Changes(tuple[Attributed, ...]):  # noqa: SLOT001 - what it knows besides is made when first asked for
    """The changes by others than watchbill that may have given somebody more, and what is known of who has what.

    `every` is all that was read, watchbill's own changes too: groups that it put people into are groups they have.
    """

    every: tuple[Attributed, ...]
    team: Team | None

    @classmethod
    def of(cls, changes: Iterable[Attributed], every: Iterable[Attributed] = (), team: Team | None = None) -> "Changes":
        """Take changes, with what else tells who has what."""
        made = cls(changes)
        made.every = tuple(every) or tuple(made)
        made.team = team
        return made

    def before(self, at: datetime, *target: Hashable, reach: timedelta | None = None) -> list[Attributed]:
        """Give what was done to a target before an instant, as far back as `reach`, the latest first."""
        found = self._index.get(target, [])
        first = 0 if reach is None else bisect_left(found, at - reach, key=_at)
        return found[first : bisect_left(found, at, key=_at)][::-1]

    def groups_of(self, person: str | None, account: str, user: str, at: datetime) -> list[str]:
        """Name the groups that an IAM user was in, in lower case: as calls said before, else as the team file says."""
        last: dict[str, bool] = dict.fromkeys(self._declared(person), True)
        for each in self._known.get(("member", account, user), ()):
            if each.event.at < at and (group := text(parameters(each.event), "groupName")):
                last[group.lower()] = each.event.name == "AddUserToGroup"
        return [group for group, inside in last.items() if inside]

    def policies_of(self, account: str, holders: Iterable[tuple[str, str]], at: datetime) -> list[str]:
        """Give the ARNs of managed policies that were attached to users, roles or groups, by kind and name."""
        return list(
            dict.fromkeys(
                arn
                for kind, name in holders
                for each in self._known.get(("attached", account, kind, name), ())
                if each.event.at < at and (arn := text(parameters(each.event), "policyArn"))
            )
        )

    def names_of_sets(self) -> Mapping[str, str]:
        """Give the names of permission sets of Identity Center whose making was read, by ARN."""
        return self._names

    def _declared(self, person: str | None) -> Iterator[str]:
        if self.team is None or person is None:
            return
        team = self.team
        yield from (f"{JOB}{name}".lower() for name in team.groups if person in team.members(name))
        yield from (f"{ON_CALL}{rota.name}".lower() for rota in team.rotas.values() if person in rota.people)
        yield from (f"{GRANT}{grant.name}".lower() for grant in team.grants if grant.person == person)

    @cached_property
    def _index(self) -> Mapping[tuple[Hashable, ...], list[Attributed]]:
        found: dict[tuple[Hashable, ...], list[Attributed]] = {}
        for each in sorted(self, key=lambda each: each.event.at):
            for target in _targets(each.event):
                found.setdefault(target, []).append(each)
        return found

    @cached_property
    def _known(self) -> Mapping[tuple[str, ...], list[Attributed]]:
        found: dict[tuple[str, ...], list[Attributed]] = {}
        for each in sorted(self.every, key=lambda each: each.event.at):
            event = each.event
            if event.source != _IAM or event.outcome is not Outcome.ALLOWED:
                continue
            if event.name in ("AddUserToGroup", "RemoveUserFromGroup"):
                user = text(parameters(event), "userName") or ""
                found.setdefault(("member", event.account, user.lower()), []).append(each)
            elif event.name in _ATTACHES:
                kind = _ATTACHES[event.name]
                name = text(parameters(event), kind) or ""
                found.setdefault(("attached", event.account, kind, name.lower()), []).append(each)
        return found

    @cached_property
    def _names(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for each in self.every:
            if each.event.name == "CreatePermissionSet" and each.event.source == _CENTER:
                answer = each.event.record.get("responseElements")
                made = answer.get("permissionSet") if isinstance(answer, dict) else None
                arn, name = text(made, "permissionSetArn"), text(parameters(each.event), "name")
                if arn and name:
                    found[arn] = name
        return found


def _at(each: Attributed) -> datetime:
    return each.event.at


_ATTACHES = {"AttachUserPolicy": "userName", "AttachRolePolicy": "roleName", "AttachGroupPolicy": "groupName"}


def iam_changes(events: Iterable[Attributed], team: Team) -> Changes:
    """Give the changes that may have given somebody more and that watchbill did not make, in the order given.

    Beside calls of IAM they are those of Identity Center and of resources that name who may use them.
    """
    every = [each for each in events if _looked_at(each.event)]
    return Changes.of((each for each in every if not _by_watchbill(each.event, team)), every, team)


def parameters(event: Event) -> Mapping[str, Any]:
    """Give the parameters of a call; empty where it has none, or they are no object."""
    found = event.record.get("requestParameters")
    return found if isinstance(found, dict) else {}


def text(within: object, name: str) -> str | None:
    """Give a text of an object; None where there is none."""
    found = within.get(name) if isinstance(within, dict) else None
    return found if isinstance(found, str) and found else None


def principal_of(event: Event) -> tuple[str, str]:
    """Give which parameter of an IAM call names the principal that acted, and its name."""
    identity = event.identity
    arn = identity.issuer_arn or identity.arn or ""
    if ":assumed-role/" in arn:
        return "roleName", arn.split("/")[1]
    kind = "roleName" if ":role/" in arn else "userName"
    return kind, arn.rsplit("/", 1)[-1] or identity.user_name or ""


def credential_user(event: Event) -> str | None:
    """Name the user of whom a call made a credential: of its caller, where it names none (API: AWS IAM)."""
    named = text(parameters(event), "userName")
    kind, acted = principal_of(event)
    return named or (acted if kind == "userName" else None)


def _looked_at(event: Event) -> bool:
    return event.name in _BY_SOURCE.get(event.source, ()) and event.outcome is Outcome.ALLOWED


def _by_watchbill(event: Event, team: Team) -> bool:
    number = event.identity.account or event.account
    return principal_of(event)[1] in team.managed_by and team.account_of(number) is not None


def _targets(event: Event) -> Iterator[tuple[Hashable, ...]]:
    """Give what a change was done to."""
    if event.source == _IAM:
        yield from _targets_of_iam(event)
    elif event.source == _CENTER:
        given = parameters(event)
        if event.name == ASSIGNS and (account := text(given, "targetId")):
            yield "assignment", account
        elif event.name in TO_SETS and (arn := text(given, "permissionSetArn")):
            yield "permission set", arn
    else:
        for each in shared_by(event):
            yield "shared", each.service, each.name


def _targets_of_iam(event: Event) -> Iterator[tuple[Hashable, ...]]:
    """Give what a change of IAM was done to; it does not tell names apart by case."""
    given, name = parameters(event), event.name
    if name in GIVES and (principal := text(given, GIVES[name])):
        yield GIVES[name], event.account, principal.lower()
    elif name in TO_GROUPS and (group := text(given, "groupName")):
        yield "groupName", event.account, group.lower()
    elif name in CREDENTIALS and (user := credential_user(event)):
        yield "credential", event.account, user.lower()
    elif name in TO_POLICIES and (arn := text(given, "policyArn")) and _takes_effect(event):
        yield "policy", arn
        if is_ours(arn):
            yield "our policies", event.account


def _takes_effect(event: Event) -> bool:
    """Tell whether another version of a policy is in force after a call (API: AWS IAM, CreatePolicyVersion)."""
    return event.name == "SetDefaultPolicyVersion" or parameters(event).get("setAsDefault") is True
