"""Undo a freeze: the reverse order, groups by the schedule as it is now, stolen keys left off.

What others changed on the user meanwhile is foreign drift: it is listed, and a restore waits until it is acknowledged.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from watchbill.access.documents import brakes_of_freeze, freeze_document, frozen_by
from watchbill.access.limits import Limits
from watchbill.access.model import PATH, QUARANTINE, REVOKE, AccountState, Call, Change, Credentials, Drift, Phase
from watchbill.access.quarantine import DENY_ALL, Form
from watchbill.respond.freeze import DOOR_CALLS, freeze_policy, versions
from watchbill.respond.model import Containment, Restoration, Seen


@dataclass(frozen=True, slots=True)
class Before:
    """What was there before a freeze, by account name."""

    observed: Mapping[str, AccountState]
    credentials: Mapping[str, Credentials]


def plan_restore(
    containment: Containment,
    desired: Mapping[str, AccountState],
    seen: Seen,
    before: Before,
    stolen: Collection[str],
) -> Restoration:
    """Work out a restore, by account name: what should be now without the freeze, what is, and what was before it."""
    undoing = _Undoing(containment, desired, seen.observed, before, stolen)
    changes = tuple(undoing.changes())
    drift = (*_since(containment, seen.observed, before.observed), *_made_since(containment, seen, before))
    return Restoration(containment.id, changes, tuple(undoing.left_out), drift)


class _Undoing:
    """Works out the changes of a restore, and what it leaves out."""

    def __init__(
        self,
        frozen: Containment,
        desired: Mapping[str, AccountState],
        observed: Mapping[str, AccountState],
        before: Before,
        stolen: Collection[str],
    ) -> None:
        self._frozen, self._user = frozen, frozen.user
        self._desired, self._observed, self._before, self._stolen = desired, observed, before, stolen
        self._accounts = [a for a in frozen.accounts if a in observed and self._user in observed[a].users]
        gone = (a for a in frozen.accounts if a not in self._accounts)
        self.left_out = [f"user {self._user} in {account}: it is gone" for account in gone]

    def changes(self) -> Iterator[Change]:
        """Give the changes: side doors, groups, sessions, keys, and the deny last."""
        yield from self._doors()
        yield from self._groups()
        yield from self._sessions()
        yield from self._keys()
        for account in reversed(self._accounts):
            why = f"lift the deny on {self._user}"
            if self._frozen.form(account) is not Form.INLINE and self._has_another(account):
                given = {"UserName": self._user, "PolicyName": QUARANTINE}
                yield self._make(account, Call("DeleteUserPolicy", given), why)
            yield self._make(account, self._lift(account), why)

    def _make(self, account: str, call: Call, why: str) -> Change:
        return Change(account, Phase.GRANT, call, why)

    def _doors(self) -> Iterator[Change]:
        for account, door in self._frozen.doors:
            if not self._may_be_on(account, str(door.kind), door.id, active=door.active):
                continue
            operation, key = DOOR_CALLS[door.kind]
            call = Call(operation, {"UserName": self._user, key: door.id, "Status": "Active"})
            yield self._make(account, call, f"switch {door.kind} {door.id} on again")

    def _keys(self) -> Iterator[Change]:
        for account, key in self._frozen.keys:
            if self._may_be_on(account, "key", key.id, active=key.active):
                given = {"UserName": self._user, "AccessKeyId": key.id, "Status": "Active"}
                yield self._make(account, Call("UpdateAccessKey", given), f"switch key {key.id} on again")

    def _may_be_on(self, account: str, what: str, name: str, *, active: bool) -> bool:
        if not active or account not in self._accounts:
            return False
        if name in self._stolen:
            self.left_out.append(f"{what} {name} in {account}: marked stolen, it stays off")
            return False
        return True

    def _groups(self) -> Iterator[Change]:
        for account, group in self._frozen.groups:
            if account not in self._accounts:
                continue
            wanted = self._desired[account].users.get(self._user)
            if wanted is not None and group in wanted.groups:
                call = Call("AddUserToGroup", {"GroupName": group, "UserName": self._user})
                yield self._make(account, call, f"put {self._user} back into {group}, as the team file says")
            else:
                person = self._frozen.person
                self.left_out.append(f"group {group} in {account}: the team file no longer gives it to {person}")

    def _sessions(self) -> Iterator[Change]:
        for account, role in reversed(self._frozen.roles):
            if account in self._observed and role in self._observed[account].roles:
                call = Call("DeleteRolePolicy", {"RoleName": role, "PolicyName": f"{REVOKE}-{self._user}"})
                yield self._make(account, call, f"let {self._user}'s sessions of {role} work again")
        for account in reversed(self._frozen.policies):
            state = self._observed.get(account)
            policy = None if state is None else freeze_policy(state)
            if state is None or policy is None or self._user not in (named := frozen_by(policy.document)):
                continue
            written = freeze_document(named - {self._user}, brakes_of_freeze(policy.document))
            most = Limits(state.quotas).of("VersionsPerPolicyQuota")
            why = f"let {self._user}'s sessions of watchbill's roles work again"
            for change in versions(account, policy, written, most, why):
                yield self._make(account, change.call, change.why)

    def _has_another(self, account: str) -> bool:
        """Tell whether a plan denied the user by watchbill's own name too, while the freeze's deny was away."""
        before = self._before.observed[account].users[self._user]
        return QUARANTINE in self._observed[account].users[self._user].inline and QUARANTINE not in before.inline

    def _lift(self, account: str) -> Call:
        given = {"UserName": self._user}
        match self._frozen.form(account):
            case Form.ATTACHED:
                return Call("DetachUserPolicy", {**given, "PolicyArn": DENY_ALL})
            case Form.INLINE:
                return Call("DeleteUserPolicy", {**given, "PolicyName": QUARANTINE})
            case Form.BOUNDARY:
                was = self._before.observed[account].users[self._user].boundary
                if was is None:
                    return Call("DeleteUserPermissionsBoundary", given)
                return Call("PutUserPermissionsBoundary", {**given, "PermissionsBoundary": was})


def _since(
    containment: Containment, observed: Mapping[str, AccountState], before: Mapping[str, AccountState]
) -> Iterator[Drift]:
    for account in containment.accounts:
        was = before[account].users.get(containment.user)
        now = observed[account].users.get(containment.user) if account in observed else None
        if was is None or now is None:
            yield Drift(account, containment.user, f"user {containment.user} is gone", None)
            continue
        form = containment.form(account)
        # A grant's policy, which is watchbill's own, goes by the next plan while the person is frozen.
        moved = {arn for arn in was.attached ^ now.attached if arn in now.attached or f":policy{PATH}" not in arn}
        for arn in sorted(moved - ({DENY_ALL} if form is Form.ATTACHED else set())):
            verb = "attached" if arn in now.attached else "detached"
            yield Drift(account, now.arn, f"policy {arn} was {verb} since the freeze", arn)
        names = {name for name in {*was.inline, *now.inline} if was.inline.get(name) != now.inline.get(name)}
        for name in sorted(names - {QUARANTINE}):
            verb = "removed" if name not in now.inline else "changed" if name in was.inline else "added"
            yield Drift(account, now.arn, f"inline policy {name} was {verb} since the freeze", name)
        expected = {was.boundary, DENY_ALL} if form is Form.BOUNDARY else {was.boundary}
        if now.boundary not in expected:
            yield Drift(account, now.arn, f"the boundary became {now.boundary} since the freeze", now.boundary)
        taken = {group for name, group in containment.groups if name == account}
        # What the freeze took may be back already where a restore was cut short.
        for group in sorted((was.groups ^ now.groups) - taken):
            verb = "joined" if group in now.groups else "left"
            yield Drift(account, now.arn, f"group {group} was {verb} since the freeze", None)


def _made_since(containment: Containment, seen: Seen, before: Before) -> Iterator[Drift]:
    """Say which credentials are new: ways back in that somebody made, which the freeze switched off for good."""
    for account in containment.accounts:
        was, now = before.credentials.get(account), seen.credentials.get(account)
        if was is None or now is None:
            continue
        known = {key.id for key in was.keys} | {door.id for door in was.doors} | {each.serial for each in was.devices}
        new = [("key", key.id) for key in now.keys] + [(str(door.kind), door.id) for door in now.doors]
        new += [("MFA device", device.serial) for device in now.devices]
        for what, name in new:
            if name not in known:
                yield Drift(account, containment.user, f"{what} {name} was made since the freeze", name)
        if now.password and not was.password:
            yield Drift(account, containment.user, "a password was made since the freeze", None)


def differences(
    containment: Containment, before: Mapping[str, AccountState], after: Mapping[str, AccountState]
) -> tuple[str, ...]:
    """Say in words how the person's users and the roles they could take differ from what they were before a freeze."""
    found: list[str] = []
    for account in sorted({*containment.accounts, *(a for a, _ in (*containment.covered, *containment.roles))}):
        was, now = before[account], after.get(account)
        if now is None:
            continue
        if was.users.get(containment.user) != now.users.get(containment.user):
            found.append(f"user {containment.user} in {account}")
        roles = dict.fromkeys(r for a, r in (*containment.covered, *containment.roles) if a == account)
        found.extend(f"role {r} in {account}" for r in roles if was.roles.get(r) != now.roles.get(r))
        if (policy := freeze_policy(now)) is not None and containment.user in frozen_by(policy.document):
            found.append(f"the freeze policy in {account}")
    return tuple(found)
