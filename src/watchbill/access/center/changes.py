"""The calls that turn the permission sets that are there into those that should be, in phases that may be cut short.

A permission set is named in them by its name, and a group by its display name: no id is known before they are made, and
a plan is reviewed whole before that. What makes the calls puts the ids in their place (`aws.identity_center`).

The order, among the changes of accounts (`access.changes`):

* Policies are made in every account before a set refers to them, and removed after none does: AWS fails an assignment
  where one is missing. What denies is on a set before what allows, and a set is whole before anybody has it.
* A change of a set is in force when it is provisioned, in each account at once. So what is taken and given by one
  provisioning is an exchange, and each phase that changes a set that somebody has ends with one.
* Assignments come last and go first.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchbill.access.center.drift import CenterForeign
from watchbill.access.center.state import (
    PLACE,
    Assigned,
    CenterGroup,
    CenterState,
    Holder,
    Reference,
    SetState,
    mark_of,
    owner_of,
)
from watchbill.access.limits import DENYING
from watchbill.access.model import PATH, TAG, Call, Change, Phase


@dataclass(frozen=True, slots=True)
class _Step:
    """What is attached to a set, or taken off it, by one call."""

    attach: bool
    policy: Reference | str

    @property
    def said(self) -> str:
        """Give the name of the policy."""
        return self.policy.name if isinstance(self.policy, Reference) else self.policy.rpartition("/")[2]


def center_changes(
    team: str,
    region: str,
    desired: CenterState,
    observed: CenterState,
    foreign: Iterable[CenterForeign] = (),
    apart: Collection[str] = (),
) -> Iterator[Change]:
    """Give the changes of Identity Center for a team, by its name; within a phase they are in a safe order.

    `foreign` is what others put onto watchbill's sets (`drift`): what is to be undone of it is. Sets that are `apart`
    somebody has in accounts that are left alone: they are not removed, nor provisioned but where they are looked at.
    """
    found = list(_Center(team, region, desired, observed, foreign, apart).changes())
    yield from sorted(found, key=lambda change: change.phase)


class _Center:
    """Works out the changes of one instance."""

    def __init__(
        self,
        team: str,
        region: str,
        desired: CenterState,
        observed: CenterState,
        foreign: Iterable[CenterForeign],
        apart: Collection[str],
    ) -> None:
        self._apart = apart
        self._mark = mark_of(team)
        self._owner = owner_of(team)
        self._region = region
        self._desired = desired
        self._observed = observed
        self._foreign: dict[str, list[CenterForeign]] = {}
        for each in foreign:
            self._foreign.setdefault(each.permission_set, []).append(each)

    def changes(self) -> Iterator[Change]:
        """Give all changes; those of one phase are in the order in which they are to be made."""
        for each in self._desired.sets.values():
            if self._there(each.name) is None:
                yield self._made(each)
        for group in self._desired.groups.values():
            if not group.id:
                given = {"IdentityStoreId": self._desired.store, "DisplayName": group.name, "Description": self._mark}
                why = f"group {group.name} is in the team file"
                yield self._make(Phase.PREPARE, "identitystore", "CreateGroup", why, given)
        yield from self._taken()
        for each in self._desired.sets.values():
            there = self._there(each.name)
            yield from self._new(each) if there is None else self._changed(each, there)
        for group in self._desired.groups.values():
            yield from self._joined(group)
        for assigned in sorted(self._desired.assignments - self._observed.assignments):
            yield self._assign(assigned, Phase.GRANT, "CreateAccountAssignment", "has")
        yield from self._removed()

    def _there(self, name: str) -> SetState | None:
        found = self._observed.sets.get(name)
        return found if found is not None and found.team == self._owner else None

    def _ours(self) -> Iterator[SetState]:
        return (each for each in self._observed.sets.values() if each.team == self._owner)

    def _made(self, each: SetState) -> Change:
        given = {
            "InstanceArn": self._desired.instance,
            "Name": each.name,
            "Description": self._mark,
            "SessionDuration": each.session,
            "Tags": [{"Key": TAG, "Value": self._owner}],
        }
        why = f"permission set {each.name} is in the team file"
        return self._make(Phase.PREPARE, "sso-admin", "CreatePermissionSet", why, given)

    def _new(self, each: SetState) -> Iterator[Change]:
        """Make a set whole, which nobody has yet: what denies first."""
        if each.boundary is not None:
            yield self._bound(Phase.ROLE, each)
        for step in _differences(each, SetState(each.name)):
            yield self._attached(Phase.ROLE, each.name, step)

    def _changed(self, each: SetState, there: SetState) -> Iterator[Change]:
        """Change a set in three steps, each in force at once where somebody has it: denies on, the rest, denies off."""
        steps = _differences(each, there)
        first = [self._attached(Phase.FENCE, each.name, s) for s in steps if s.attach and _denies(s.policy)]
        rest = [self._attached(Phase.GRANT, each.name, s) for s in steps if not _denies(s.policy)]
        last = [self._attached(Phase.UNFENCE, each.name, s) for s in steps if not s.attach and _denies(s.policy)]
        if each.boundary is not None and each.boundary != there.boundary:
            first.append(self._bound(Phase.FENCE, each))
        if each.session != there.session:
            given = {**self._of(each.name), "SessionDuration": each.session, "Description": self._mark}
            why = f"a session of {each.name} lasts {each.session}"
            rest.append(self._make(Phase.GRANT, "sso-admin", "UpdatePermissionSet", why, given))
        kept = self._kept(each.name)
        for phase, made in ((Phase.FENCE, first), (Phase.GRANT, rest), (Phase.UNFENCE, last)):
            yield from made
            # What was changed and not provisioned, when a plan was cut short, is made up for.
            if kept and (made or (phase is Phase.GRANT and there.stale & kept)):
                yield from self._provisioned(phase, each.name)

    def _taken(self) -> Iterator[Change]:
        """Take away what nobody is to have: assignments, memberships, and what others put onto sets."""
        for each in self._ours():
            for assigned in sorted(a for a in self._observed.assignments if a.permission_set == each.name):
                if assigned not in self._desired.assignments:
                    yield self._assign(assigned, Phase.REVOKE, "DeleteAccountAssignment", "has not")
            healed = [f for f in self._foreign.get(each.name, ()) if f.healed and each.name in self._desired.sets]
            for found in healed:
                given = {**self._of(each.name), **found.parameters}
                yield self._make(Phase.REVOKE, "sso-admin", found.operation, f"{each.name} {found.why}", given)
            if healed and self._kept(each.name):
                yield from self._provisioned(Phase.REVOKE, each.name)
        for group in self._observed.groups.values():
            wanted = self._desired.groups.get(group.name)
            if group.team == self._owner and wanted is not None:
                for user in sorted(set(group.members) - set(wanted.members)):
                    given = {"IdentityStoreId": self._desired.store, "MembershipId": group.members[user]}
                    why = f"{self._name_of(user)} is not in {group.name} by the team file"
                    yield self._make(Phase.REVOKE, "identitystore", "DeleteGroupMembership", why, given)

    def _joined(self, group: CenterGroup) -> Iterator[Change]:
        for user, membership in sorted(group.members.items()):
            if not membership:
                given = {
                    "IdentityStoreId": self._desired.store,
                    "GroupId": group.name,
                    "MemberId": {"UserId": user},
                }
                why = f"{self._name_of(user)} is in {group.name} by the team file"
                yield self._make(Phase.GRANT, "identitystore", "CreateGroupMembership", why, given)

    def _removed(self) -> Iterator[Change]:
        """Remove what is watchbill's and in the file no more; nobody has it by then."""
        for each in self._ours():
            if each.name not in self._desired.sets and each.name not in self._apart:
                why = f"permission set {each.name} is no longer in the team file"
                yield self._make(Phase.TIDY, "sso-admin", "DeletePermissionSet", why, self._of(each.name))
        for group in self._observed.groups.values():
            if group.team == self._owner and group.name not in self._desired.groups and not self._apart:
                given = {"IdentityStoreId": self._desired.store, "GroupId": group.name}
                why = f"group {group.name} is no longer in the team file"
                yield self._make(Phase.TIDY, "identitystore", "DeleteGroup", why, given)

    def _kept(self, name: str) -> frozenset[str]:
        """Give the numbers of the accounts in which somebody has a set before, and has it still after what is taken."""
        kept = self._desired.assignments & self._observed.assignments
        return frozenset(each.account for each in kept if each.permission_set == name)

    def _assign(self, each: Assigned, phase: Phase, operation: str, why: str) -> Change:
        given = {
            "InstanceArn": self._desired.instance,
            "TargetId": each.account,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": each.permission_set,
            "PrincipalType": str(each.holder),
            "PrincipalId": each.principal,
        }
        who = self._name_of(each.principal) if each.holder is Holder.USER else each.principal
        why = f"{who} {why} {each.permission_set} in {each.account} by the team file"
        return self._make(phase, "sso-admin", operation, why, given)

    def _attached(self, phase: Phase, name: str, step: _Step) -> Change:
        given = self._of(name)
        if isinstance(step.policy, Reference):
            given["CustomerManagedPolicyReference"] = {"Name": step.policy.name, "Path": step.policy.path}
            on, off = "AttachCustomerManagedPolicyReferenceTo", "DetachCustomerManagedPolicyReferenceFrom"
        else:
            given["ManagedPolicyArn"] = step.policy
            on, off = "AttachManagedPolicyTo", "DetachManagedPolicyFrom"
        why = f"permission set {name} {'has' if step.attach else 'no longer has'} {step.said}"
        return self._make(phase, "sso-admin", f"{on if step.attach else off}PermissionSet", why, given)

    def _bound(self, phase: Phase, each: SetState) -> Change:
        named: dict[str, Any]
        if isinstance(each.boundary, Reference):
            named = {"CustomerManagedPolicyReference": {"Name": each.boundary.name, "Path": each.boundary.path}}
            said = each.boundary.name
        else:
            assert each.boundary is not None, "whoever asks for it has one"
            named, said = {"ManagedPolicyArn": each.boundary}, each.boundary
        given = {**self._of(each.name), "PermissionsBoundary": named}
        why = f"permission set {each.name} is bounded by {said}"
        return self._make(phase, "sso-admin", "PutPermissionsBoundaryToPermissionSet", why, given)

    def _provisioned(self, phase: Phase, name: str) -> Iterator[Change]:
        """Bring a set up to what it says where it stays: policies are not written any more where it is about to go."""
        why, kept = f"so that {name} is there what it says", self._kept(name)
        goes = {each.account for each in self._observed.assignments if each.permission_set == name} - kept
        if name in self._apart or (goes and phase is Phase.FENCE):
            targets = [{"TargetType": "AWS_ACCOUNT", "TargetId": number} for number in sorted(kept)]
        else:
            targets = [{"TargetType": "ALL_PROVISIONED_ACCOUNTS"}]
        for target in targets:
            yield self._make(phase, "sso-admin", "ProvisionPermissionSet", why, {**self._of(name), **target})

    def _of(self, name: str) -> dict[str, Any]:
        return {"InstanceArn": self._desired.instance, "PermissionSetArn": name}

    def _name_of(self, user: str) -> str:
        return next((name for name, id_ in self._observed.people.items() if id_ == user), f"user {user}")

    def _make(self, phase: Phase, service: str, operation: str, why: str, given: Mapping[str, Any]) -> Change:
        return Change(PLACE, phase, Call(operation, given, service, self._region), why)


def _differences(wanted: SetState, there: SetState) -> list[_Step]:
    """Give what comes and what goes, what denies first; what others attached is not among what goes."""
    ours = {each for each in there.references if each.path == PATH}
    come: list[Reference | str] = [
        *sorted(wanted.references - there.references),
        *sorted(wanted.managed - there.managed),
    ]
    steps = [_Step(attach=True, policy=each) for each in come]
    steps += [_Step(attach=False, policy=each) for each in sorted(ours - wanted.references)]
    return sorted(steps, key=lambda step: not _denies(step.policy))


def _denies(policy: Reference | str) -> bool:
    """Tell whether a policy is one of watchbill's that are there for what they deny."""
    return isinstance(policy, Reference) and policy.path == PATH and policy.name.startswith(DENYING)
