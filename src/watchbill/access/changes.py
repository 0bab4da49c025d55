"""The calls that turn what an account has into what it should have, in phases that are safe to be cut short.

The order holds two things after every single call. Nobody may do what neither the state before nor the one after lets
them do. And what both let somebody on watch do, they may do all the way.

* Denies come first and go last. A family of denying policies is first given what is new beside what is old, and last of
  all left with what is new alone. Where nothing else of its role changes and one policy alone loses something, one call
  does both at once.
* Joining an on-call group gives nothing but denies, and comes before the role trusts its new members; leaving it comes
  after the role has ceased to.
* What an on-call role may do is given before what it may do no more is taken, since somebody is on watch; elsewhere
  access is taken first. So an on-call role that goes is let go of first where its rota goes too; where the rota keeps
  another, only once that one lets in whom it will, and before any deny goes that the old one stood behind.
* A policy that comes to give more is first taken from whoever is to have it no more, since others keep it.
* A policy of a permission set that denies is put on before the others, and taken off after them: a set may be spread
  over several, and what one gives another may deny.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from watchbill.access.center.state import is_of_ours
from watchbill.access.compile import Compiled, tag_of
from watchbill.access.documents import brakes_of_freeze, freeze_document, frozen_by, in_words, nobody
from watchbill.access.drift import Foreign, has_effect, is_brake
from watchbill.access.limits import ON_CALL, Limits, denies
from watchbill.access.model import (
    FREEZE_POLICY,
    PATH,
    QUARANTINE,
    TAG,
    AccountState,
    Call,
    Change,
    Document,
    GroupState,
    Phase,
    PolicyState,
    RoleState,
    UserState,
    is_ours,
    last_of,
)
from watchbill.access.packing import both, gone_from, place_of, statements_of
from watchbill.team.model import Kind


def changes_of(
    team: str, compiled: Compiled, observed: AccountState, foreign: Iterable[Foreign] = ()
) -> Iterator[Change]:
    """Give the changes of one account; in the order of their phases, and of this list within one, they are safe.

    `foreign` is what others put onto watchbill's objects (`drift`): what is to be undone of it is.
    """
    yield from _Account(team, compiled, observed, foreign).changes()


@dataclass(slots=True)
class _Writes:
    """What becomes of a policy that is there: the contents it is given, in which phase."""

    first: Document | None = None
    last: Document | None = None


class _Account:
    """Works out the changes of one account."""

    def __init__(self, team: str, compiled: Compiled, observed: AccountState, foreign: Iterable[Foreign]) -> None:
        self._desired = compiled.state
        self._compiled = compiled
        self._observed = observed
        self._tags = [{"Key": TAG, "Value": tag_of(team)}]
        self._versions = Limits(observed.quotas).of("VersionsPerPolicyQuota")
        self._foreign = {(f.kind, f.name, f.what): f for f in foreign}
        self._ceiling = frozenset() if compiled.ceiling is None else frozenset([compiled.ceiling])

    def changes(self) -> Iterator[Change]:
        """Give the changes in such an order that within a phase a policy that denies comes first and goes last.

        Of the denies taken off last of all, those of roles that stay go before a role is let go of, and others after.
        """
        ranked = [(self._rank(change), change) for change in self._changes()]
        yield from (change for _, change in sorted(ranked, key=lambda pair: pair[0]))

    def _rank(self, change: Change) -> int:
        """Tell whether a change is among the first of its phase (below 0), among the last (above), or in its place."""
        operation, arn = change.call.operation, str(change.call.parameters.get("PolicyArn", ""))
        if change.phase is Phase.UNFENCE and (denies(arn) or operation in _OF_USERS):
            return -1 if _role_of(arn) in self._desired.roles else _AFTER_ROLES
        if operation in ("DetachGroupPolicy", "DetachRolePolicy") and not denies(arn):
            return int(self._has(arn, "Deny"))
        if operation in ("AttachGroupPolicy", "AttachRolePolicy") and not denies(arn) and self._has(arn, "Deny"):
            # What is still to be rewritten is not given as it is.
            return -int(arn not in self._observed.policies or self._document(arn) == self._there(arn))
        return 0

    def _has(self, arn: str, effect: str) -> bool:
        return has_effect(arn, effect, self._observed, self._desired)

    def _changes(self) -> Iterator[Change]:
        for found in self._foreign.values():
            if found.healed:
                yield self._undone(found)
        yield from self._policies()
        for group in self._desired.groups.values():
            yield from self._group(group, self._observed.groups.get(group.name))
        for role in self._desired.roles.values():
            yield from self._role(role, self._observed.roles.get(role.name))
        for user in self._desired.users.values():
            yield from self._user(user, self._observed.users.get(user.name))
        for user in self._observed.users.values():
            if user.name not in self._desired.users:
                yield from self._leaver(user)
        yield from self._unwanted()

    def _undone(self, found: Foreign) -> Change:
        if found.kind == "role" and found.name in self._observed.roles:
            # Somebody may be on watch by this very policy, where the file gives another in its place.
            phase = self._losing(self._observed.roles[found.name])
        else:
            # A group is cleaned before anybody joins it.
            phase = Phase.FENCE if found.kind == "group" else Phase.REVOKE
        return self._make(phase, found.operation, f"{found.name} {found.why}", **found.parameters)

    def _make(self, phase: Phase, operation: str, why: str, **parameters: Any) -> Change:
        return Change(self._desired.account, phase, Call(operation, parameters), why)

    def _policies(self) -> Iterator[Change]:
        for arn, policy in self._desired.policies.items():
            if arn not in self._observed.policies:
                why = f"{policy.name} is in the team file"
                given = {"PolicyName": policy.name, "Path": policy.path, "PolicyDocument": _text(policy.document)}
                made = self._make(Phase.PREPARE, "CreatePolicy", why, **given, Tags=self._tags)
                yield replace(made, diff=_difference({}, policy.document))
        places = {arn: place for arn, each in self._observed.policies.items() if (place := place_of(each)) is not None}
        for arn, policy in self._desired.policies.items():
            found = self._observed.policies.get(arn)
            if found is None or found.document == policy.document or arn in places:
                continue
            if policy.name == FREEZE_POLICY:
                yield from self._versioned(found, list(_frozen_first(found.document, policy.document)))
            else:
                phase = Phase.REVOKE if _narrows(policy.document, found.document) else Phase.GRANT
                yield from self._versioned(found, [(phase, policy.document)])
        families: dict[str, dict[int, PolicyState]] = {}
        for arn, (family, number) in places.items():
            families.setdefault(family, {})[number] = self._observed.policies[arn]
        for family, there in sorted(families.items()):
            for arn, writes in self._writes(family, there).items():
                steps = [(Phase.FENCE, writes.first), (Phase.UNFENCE, writes.last)]
                planned = [(phase, written) for phase, written in steps if written is not None]
                yield from self._versioned(self._observed.policies[arn], planned)

    def _writes(self, family: str, numbered: Mapping[int, PolicyState]) -> Mapping[str, _Writes]:
        """Give what the policies of a family that are there are given, by ARN; one that goes whole is given nothing."""
        wanted = self._compiled.families.get(family, {})
        writes: dict[str, _Writes] = {}
        losing: list[str] = []
        for number, policy in sorted(numbered.items()):
            arn = policy.arn
            new, there = wanted.get(number, ()), statements_of(policy.document)
            gone = gone_from(there, new, self._compiled.since)
            if gone:
                losing.append(arn)
            if number not in wanted or policy.document == self._desired.policies[arn].document:
                continue
            last = self._desired.policies[arn].document
            if not gone:
                writes[arn] = _Writes(first=last)
            elif all(each in there for each in new):
                writes[arn] = _Writes(last=last)
            else:
                writes[arn] = _Writes(first=both(new, gone), last=last)
        if len(losing) == 1 and losing[0] in writes and not self._is_restless(family):
            writes[losing[0]].first = None
        return writes

    def _is_restless(self, family: str) -> bool:
        """Tell whether a role's permissions change too, or who may take it: then no deny of it may lag behind."""
        name = family.partition("-")[2]
        desired, there = self._desired.roles.get(name), self._observed.roles.get(name)
        if desired is None or there is None or desired.trust != there.trust:
            return True
        allowed = {arn for arn in desired.attached | there.attached if not denies(arn)}
        return not allowed <= (desired.attached & there.attached) or any(
            self._document(arn) != self._there(arn) for arn in allowed
        )

    def _document(self, arn: str) -> Document | None:
        found = self._desired.policies.get(arn)
        return None if found is None else found.document

    def _there(self, arn: str) -> Document | None:
        found = self._observed.policies.get(arn)
        return None if found is None or arn not in self._desired.policies else found.document

    def _versioned(self, found: PolicyState, writes: list[tuple[Phase, Document]]) -> Iterator[Change]:
        """Write new versions, each made room for by the oldest that is not in force."""
        why = f"{found.name} has changed"
        old = list(found.versions)
        count = len(old) + 1
        there = found.document
        for phase, written in writes:
            while count >= self._versions and old:
                yield self._make(phase, "DeletePolicyVersion", why, PolicyArn=found.arn, VersionId=old.pop(0))
                count -= 1
            given = {"PolicyArn": found.arn, "PolicyDocument": _text(written), "SetAsDefault": True}
            made = self._make(phase, "CreatePolicyVersion", why, **given)
            yield replace(made, diff=_difference(there, written))
            there, count = written, count + 1

    def _group(self, group: GroupState, found: GroupState | None) -> Iterator[Change]:
        if found is None:
            why = f"group {group.name} is in the team file"
            yield self._make(Phase.PREPARE, "CreateGroup", why, GroupName=group.name, Path=PATH)
        have = found.attached if found else frozenset[str]()
        denying = frozenset(arn for arn in group.attached | have if denies(arn))
        yield from self._attachments("Group", group.name, group.attached & denying, have & denying, _LAST)
        yield from self._attachments("Group", group.name, group.attached - denying, have - denying, _TAKEN_FIRST)

    def _role(self, role: RoleState, found: RoleState | None) -> Iterator[Change]:
        bounded = {} if role.boundary is None else {"PermissionsBoundary": role.boundary}
        if found is None:
            why = f"role {role.name} is in the team file"
            given = {"RoleName": role.name, "Path": PATH, "AssumeRolePolicyDocument": _text(role.trust)}
            yield self._make(Phase.ROLE, "CreateRole", why, **given, **bounded, Tags=self._tags)
        else:
            if bounded and found.boundary != role.boundary and not is_brake(found.boundary, self._observed):
                why = f"role {role.name} is bounded by {last_of(role.boundary or '')}"
                yield self._make(Phase.FENCE, "PutRolePermissionsBoundary", why, RoleName=role.name, **bounded)
            if found.trust != role.trust:
                why = f"who may assume {role.name} has changed"
                given = {"RoleName": role.name, "PolicyDocument": _text(role.trust)}
                yield self._make(Phase.ROLE, "UpdateAssumeRolePolicy", why, **given)
        have = found.attached if found else frozenset[str]()
        denying = frozenset(arn for arn in role.attached | have if denies(arn))
        first = (Phase.UNFENCE, Phase.FENCE if found else Phase.ROLE)
        yield from self._attachments("Role", role.name, role.attached & denying, have & denying, first)
        phases = (self._losing(found or role), Phase.GRANT)
        yield from self._attachments("Role", role.name, role.attached - denying, have - denying, phases)

    def _user(self, user: UserState, found: UserState | None) -> Iterator[Change]:
        denied = user.inline or user.attached or user.boundary
        if found is not None and found.groups == user.groups and not found.inline and not denied:
            return  # as nearly all are
        if found is None:
            why = f"{user.name} is in the team file"
            yield self._make(Phase.PREPARE, "CreateUser", why, UserName=user.name, Path=PATH, Tags=self._tags)
        groups = found.groups if found else frozenset[str]()
        inline = found.inline if found else {}
        yield from self._frozen(user, found)
        yield from self._leaves(user.name, self._owned(groups) - user.groups)
        for group in sorted(user.groups - groups):
            why = f"{user.name} is in {group} by the team file"
            phase = Phase.FENCE if group.startswith(ON_CALL) else Phase.GRANT
            yield self._make(phase, "AddUserToGroup", why, GroupName=group, UserName=user.name)
        undone = (foreign := self._foreign.get(("user", user.name, QUARANTINE))) is not None and foreign.healed
        released = user.name in self._compiled.released
        if QUARANTINE in inline and QUARANTINE not in user.inline and released and not undone:
            why = f"the freeze of {user.name} has ended"
            yield self._make(Phase.UNFENCE, "DeleteUserPolicy", why, UserName=user.name, PolicyName=QUARANTINE)

    def _frozen(self, user: UserState, found: UserState | None) -> Iterator[Change]:
        """Deny a frozen user everything, where that is not so yet."""
        why = f"{user.name} is frozen"
        if QUARANTINE in user.inline and (found is None or found.inline.get(QUARANTINE) != user.inline[QUARANTINE]):
            given = {"PolicyName": QUARANTINE, "PolicyDocument": _text(user.inline[QUARANTINE])}
            yield self._make(Phase.FENCE, "PutUserPolicy", why, UserName=user.name, **given)
        for arn in sorted(user.attached - (found.attached if found is not None else frozenset())):
            yield self._make(Phase.FENCE, "AttachUserPolicy", why, UserName=user.name, PolicyArn=arn)
        if user.boundary is not None and (found is None or found.boundary != user.boundary):
            given = {"PermissionsBoundary": user.boundary}
            yield self._make(Phase.FENCE, "PutUserPermissionsBoundary", why, UserName=user.name, **given)

    def _leaver(self, user: UserState) -> Iterator[Change]:
        """Take what watchbill gave from a user the file no longer names; the user itself a person removes."""
        yield from self._leaves(user.name, self._owned(user.groups))

    def _leaves(self, user: str, groups: Collection[str]) -> Iterator[Change]:
        for group in sorted(groups):
            why = f"{user} is not in {group} by the team file"
            phase = Phase.UNFENCE if group.startswith(ON_CALL) else Phase.REVOKE
            yield self._make(phase, "RemoveUserFromGroup", why, GroupName=group, UserName=user)

    def _owned(self, groups: Iterable[str]) -> set[str]:
        there = self._observed.groups
        return {name for name in groups if name in there and there[name].path == PATH}

    def _unwanted(self) -> Iterator[Change]:
        """Remove what is watchbill's and in the file no more; what others put onto it keeps it there."""
        for group in self._observed.groups.values():
            if group.path == PATH and group.name not in self._desired.groups:
                yield from self._group_removal(group)
        for role in self._observed.roles.values():
            if role.path == PATH and role.name not in self._desired.roles:
                yield from self._role_removal(role)
        used = self._used_by_others()
        for arn, policy in self._observed.policies.items():
            if policy.path == PATH and arn not in self._desired.policies and arn not in used:
                why = f"{policy.name} is no longer in the team file"
                # Versions that this very plan makes are not there yet: such a policy is given none (`_writes`).
                for version in policy.versions:
                    yield self._make(Phase.TIDY, "DeletePolicyVersion", why, PolicyArn=arn, VersionId=version)
                yield self._make(Phase.TIDY, "DeletePolicy", why, PolicyArn=arn)

    def _group_removal(self, group: GroupState) -> Iterator[Change]:
        why = f"group {group.name} is no longer in the team file"
        denying = frozenset(arn for arn in group.attached if denies(arn))
        yield from self._attachments("Group", group.name, frozenset(), group.attached - denying, _TAKEN_FIRST)
        yield from self._attachments("Group", group.name, frozenset(), denying, _LAST)
        if self._is_bare("group", group):
            yield self._make(Phase.TIDY, "DeleteGroup", why, GroupName=group.name)

    def _role_removal(self, role: RoleState) -> Iterator[Change]:
        why = f"role {role.name} is no longer in the team file"
        phase = self._losing(role)
        if role.trust != nobody():
            # Its gates are about to go, and a session of it would outlive them.
            given = {"RoleName": role.name, "PolicyDocument": _text(nobody())}
            last = max(Phase.ROLE, phase)
            yield self._make(last, "UpdateAssumeRolePolicy", why, **given)
        denying = frozenset(arn for arn in role.attached if denies(arn))
        yield from self._attachments("Role", role.name, frozenset(), role.attached - denying, (phase, Phase.GRANT))
        # Sessions taken before live on with what others put there; while that keeps the role, its fence stays too.
        if self._is_bare("role", role):
            yield from self._attachments("Role", role.name, frozenset(), denying, _LAST)
            yield self._make(Phase.TIDY, "DeleteRole", why, RoleName=role.name)

    def _losing(self, role: RoleState) -> Phase:
        """Give when a role loses what it has no more: as late as its people stay on watch, if nothing of it grows."""
        stays = self._desired.roles.get(role.name)
        if self._grows(role.attached - (frozenset() if stays is None else stays.attached)):
            return Phase.REVOKE
        if stays is not None:
            return Phase.RETIRE
        return Phase.UNFENCE if self._is_replaced(role) else Phase.REVOKE

    def _is_replaced(self, role: RoleState) -> bool:
        """Tell whether the rota of an on-call role that goes keeps another, by which its people may stay on watch."""
        groups = (role.name, *(role.name.removesuffix(f"-{kind}") for kind in Kind))
        return any(name in self._desired.groups and self._desired.groups[name].attached for name in groups)

    def _grows(self, policies: Iterable[str]) -> bool:
        """Tell whether one of some policies comes to give more by this plan: who loses it must have lost it before."""
        changed = ((self._document(arn), self._there(arn)) for arn in policies if not denies(arn))
        return any(new is not None and there is not None and not _narrows(new, there) for new, there in changed)

    def _is_bare(self, kind: str, found: GroupState | RoleState) -> bool:
        """Tell whether AWS lets it be removed once the plan is done: nothing of others' is left on it."""
        others = [*(arn for arn in found.attached if not is_ours(arn)), *found.inline]
        healed = {f.what for (k, name, _), f in self._foreign.items() if (k, name) == (kind, found.name) and f.healed}
        return healed.issuperset(others)

    def _used_by_others(self) -> set[str]:
        """Give watchbill's policies that stay in use: attached by others, and not to be taken off, or as a boundary."""
        there = self._observed
        principals: Iterable[UserState | GroupState | RoleState]
        principals = (*there.users.values(), *there.groups.values(), *there.roles.values())
        bounded: Iterable[UserState | RoleState]
        bounded = (*there.users.values(), *there.roles.values(), *self._desired.roles.values())
        # Roles of watchbill's permission sets let go of theirs when these are provisioned, or nobody has them any more.
        others = (each for each in principals if each.path != PATH and not is_of_ours(each.name, each.path))
        used = {arn for each in others for arn in each.attached}
        used |= {each.what for each in self._foreign.values() if not each.healed}
        gone = (each for each in there.roles.values() if each.path == PATH and each.name not in self._desired.roles)
        used |= {arn for each in gone if not self._is_bare("role", each) for arn in each.attached if denies(arn)}
        return used | {each.boundary for each in bounded if each.boundary is not None} | self._ceiling

    def _attachments(
        self, kind: str, name: str, wanted: frozenset[str], have: frozenset[str], phases: tuple[Phase, Phase]
    ) -> Iterator[Change]:
        detach, attach = phases
        healed = {f.what for (k, n, _), f in self._foreign.items() if (k, n) == (kind.lower(), name) and f.healed}
        left = {arn for arn in have if arn in wanted or not (is_ours(arn) or arn in healed)}
        # What it denies stands before what else is given here, until that has gone or has a deny of its own.
        guards = detach is Phase.REVOKE and any(self._has(arn, "Allow") for arn in left)
        for arn in sorted(have - wanted):
            # What others attached is `drift`'s to decide.
            if is_ours(arn):
                why = f"{kind.lower()} {name} no longer has {last_of(arn)}"
                phase = Phase.RETIRE if guards and self._has(arn, "Deny") else detach
                yield self._make(phase, f"Detach{kind}Policy", why, **{f"{kind}Name": name, "PolicyArn": arn})
        for arn in sorted(wanted - have):
            why = f"{kind.lower()} {name} has {last_of(arn)}"
            yield self._make(attach, f"Attach{kind}Policy", why, **{f"{kind}Name": name, "PolicyArn": arn})


_TAKEN_FIRST = (Phase.REVOKE, Phase.GRANT)
"""Phases in which policies are detached and attached."""
_LAST = (Phase.UNFENCE, Phase.FENCE)
_OF_USERS = ("RemoveUserFromGroup", "DeleteUserPolicy")
"""Calls that take denies off a user."""
_AFTER_ROLES = 2
"""The place in its phase of what waits until roles have been let go of."""


def _role_of(arn: str) -> str:
    """Give the name of the role whose gate, fence or guard a policy is part of; any other name where it is none."""
    return last_of(arn).partition("-")[2].rpartition("-")[0]


def _narrows(new: Document, old: Document) -> bool:
    """Tell whether a document gives nothing that another does not give, as far as its statements show."""
    there, wanted = statements_of(old), statements_of(new)
    return all(each in there for each in wanted if each.get("Effect") == "Allow") and all(
        each in wanted for each in there if each.get("Effect") == "Deny"
    )


def _frozen_first(there: Document, written: Document) -> Iterator[tuple[Phase, Document]]:
    """Give what the freeze policy is given in which phase: who comes into it at once, who leaves it last of all."""
    before, after = frozen_by(there), frozen_by(written)
    if not after >= before:
        if not before >= after:
            yield Phase.FENCE, freeze_document(before | after, brakes_of_freeze(written))
        yield Phase.UNFENCE, written
    else:
        yield Phase.FENCE, written


def _difference(old: Document, new: Document) -> tuple[str, ...]:
    """Give the statements that go and that come, in words."""
    there, wanted = statements_of(old), statements_of(new)
    gone = [f"- {in_words(each)}" for each in there if each not in wanted]
    return (*gone, *(f"+ {in_words(each)}" for each in wanted if each not in there))


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"))
