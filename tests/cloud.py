"""The IAM of some accounts in memory, for plans that are tried by the hundred: it does what each call says.

Held equal to the real stand-in by `tests/contract/test_cloud.py`. As AWS does, it tells no tags of policies when all is
read at once. It knows no quotas and no credential report.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from watchbill.access.model import (
    AccessKey,
    AccountState,
    Call,
    Credentials,
    Device,
    Door,
    GroupState,
    PolicyState,
    RoleState,
    Shell,
    UserState,
)
from watchbill.errors import ProviderError
from watchbill.team.model import Account


class MemoryCloud:
    """Implements `Cloud`; can be told to fail from the n-th call on, as a process that is killed does."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.states: dict[str, AccountState] = {}
        self.keys: dict[tuple[str, str], list[AccessKey]] = {}
        self.doors: dict[tuple[str, str], list[Door]] = {}
        self.devices: dict[tuple[str, str], list[Device]] = {}
        self.passwords: set[tuple[str, str]] = set()
        self.shells: dict[str, list[Shell]] = {}
        self.calls: list[Call] = []
        self._versions: dict[tuple[str, str], int] = {}
        self.dies_at = dies_at
        self._numbers = count(1)

    def observe(self, account: Account) -> AccountState:
        """Give the account's state."""
        return self.states.setdefault(account.name, AccountState(account.name, account.number, {}, {}, {}, {}))

    def access_keys(self, account: Account, user: str) -> Sequence[AccessKey]:
        """Give a user's keys."""
        return list(self.keys.get((account.name, user), ()))

    def look(self, account: Account) -> AccountState:
        """Give the account's state: there is no report to leave out."""
        return self.observe(account)

    def credentials(self, account: Account, user: str) -> Credentials:
        """Give all credentials of a user."""
        of = (account.name, user)
        return Credentials(
            tuple(self.keys.get(of, ())),
            tuple(sorted(self.doors.get(of, ()), key=lambda door: (door.kind, door.id))),
            tuple(self.devices.get(of, ())),
            of in self.passwords,
        )

    def open_in(self, account: Account) -> Sequence[Shell]:
        """Give the open shells of an account."""
        return list(self.shells.get(account.name, ()))

    def perform(self, account: Account, call: Call) -> None:
        """Do one call, or die."""
        if self.dies_at is not None and len(self.calls) >= self.dies_at:
            raise KeyboardInterrupt
        self.calls.append(call)
        method = getattr(self, f"_{call.operation}", None)
        if method is None:
            raise ProviderError(f"no such call: {call.operation}")
        state = self.observe(account)
        self.states[account.name] = method(state, **call.parameters)

    def recreate(self, account: Account, user: str) -> None:
        """Delete a user and make another of the same name and path, by hand."""
        state = self.observe(account)
        old = state.users[user]
        made = UserState(user, old.arn, old.path, id=self._id("AIDA"))
        self.states[account.name] = replace(state, users={**state.users, user: made})

    def _id(self, kind):
        return f"{kind}{next(self._numbers):017d}"

    def _CreateUser(self, state, UserName, Path, Tags=()):  # noqa: N802, N803 - the names of AWS
        if _is_there(state.users.get(UserName), Path):
            return state
        arn = f"arn:aws:iam::{state.number}:user{Path}{UserName}"
        made = UserState(UserName, arn, Path, id=self._id("AIDA"), team=_team(Tags))
        return replace(state, users={**state.users, UserName: made})

    def _CreateGroup(self, state, GroupName, Path):  # noqa: N802, N803
        if _is_there(state.groups.get(GroupName), Path):
            return state
        return replace(state, groups={**state.groups, GroupName: GroupState(GroupName, Path)})

    def _DeleteGroup(self, state, GroupName):  # noqa: N802, N803
        if state.groups[GroupName].attached or any(GroupName in user.groups for user in state.users.values()):
            raise ProviderError("DeleteConflict: must detach policies and remove users first")
        return replace(state, groups={k: v for k, v in state.groups.items() if k != GroupName})

    def _CreateRole(  # noqa: N802
        self,
        state,
        RoleName,  # noqa: N803
        Path,  # noqa: N803
        AssumeRolePolicyDocument,  # noqa: N803
        Tags=(),  # noqa: N803
        PermissionsBoundary=None,  # noqa: N803
        Description="",  # noqa: N803
        MaxSessionDuration=3600,  # noqa: N803
    ):
        if _is_there(state.roles.get(RoleName), Path):
            return state
        arn = f"arn:aws:iam::{state.number}:role{Path}{RoleName}"
        trust = json.loads(AssumeRolePolicyDocument)
        role = RoleState(
            RoleName, arn, Path, trust, boundary=PermissionsBoundary, id=self._id("AROA"), team=_team(Tags)
        )
        return replace(state, roles={**state.roles, RoleName: role})

    def _PutRolePermissionsBoundary(self, state, RoleName, PermissionsBoundary):  # noqa: N802, N803
        return self._role(state, RoleName, boundary=PermissionsBoundary)

    def _DeleteRolePermissionsBoundary(self, state, RoleName):  # noqa: N802, N803
        return self._role(state, RoleName, boundary=None)

    def _UpdateAssumeRolePolicy(self, state, RoleName, PolicyDocument):  # noqa: N802, N803
        return self._role(state, RoleName, trust=json.loads(PolicyDocument))

    def _DeleteRole(self, state, RoleName):  # noqa: N802, N803
        if state.roles[RoleName].attached or state.roles[RoleName].inline:
            raise ProviderError("DeleteConflict: must detach all policies first")
        return replace(state, roles={k: v for k, v in state.roles.items() if k != RoleName})

    def _CreatePolicy(self, state, PolicyName, Path, PolicyDocument, Tags=()):  # noqa: N802, N803
        if _is_there(next((p for p in state.policies.values() if p.name == PolicyName), None), Path):
            return state
        arn = f"arn:aws:iam::{state.number}:policy{Path}{PolicyName}"
        policy = PolicyState(arn, PolicyName, Path, json.loads(PolicyDocument))
        return replace(state, policies={**state.policies, arn: policy})

    def _CreatePolicyVersion(self, state, PolicyArn, PolicyDocument, SetAsDefault):  # noqa: N802, N803
        assert SetAsDefault
        old = state.policies[PolicyArn]
        if len(old.versions) >= 4 and old.document != json.loads(PolicyDocument):
            raise ProviderError("LimitExceeded: a policy has five versions")
        # AWS counts all versions there ever were; the one in force until now is the last of them.
        key = (state.account, PolicyArn)
        number = max(self._versions.get(key, 1), *(int(each[1:]) + 1 for each in old.versions), 1)
        self._versions[key] = number + 1
        made = replace(old, document=json.loads(PolicyDocument), versions=(*old.versions, f"v{number}"))
        return replace(state, policies={**state.policies, PolicyArn: made})

    def _DeletePolicyVersion(self, state, PolicyArn, VersionId):  # noqa: N802, N803
        old = state.policies[PolicyArn]
        made = replace(old, versions=tuple(v for v in old.versions if v != VersionId))
        return replace(state, policies={**state.policies, PolicyArn: made})

    def _DeletePolicy(self, state, PolicyArn):  # noqa: N802, N803
        attached = [*state.users.values(), *state.groups.values(), *state.roles.values()]
        bounded = [*state.users.values(), *state.roles.values()]
        if any(PolicyArn in e.attached for e in attached) or any(PolicyArn == e.boundary for e in bounded):
            raise ProviderError("DeleteConflict: cannot delete an attached policy")
        self._versions.pop((state.account, PolicyArn), None)
        return replace(state, policies={k: v for k, v in state.policies.items() if k != PolicyArn})

    def _AddUserToGroup(self, state, GroupName, UserName):  # noqa: N802, N803
        return self._user(state, UserName, groups=state.users[UserName].groups | {GroupName})

    def _RemoveUserFromGroup(self, state, GroupName, UserName):  # noqa: N802, N803
        return self._user(state, UserName, groups=state.users[UserName].groups - {GroupName})

    def _AttachUserPolicy(self, state, UserName, PolicyArn):  # noqa: N802, N803
        return self._user(state, UserName, attached=state.users[UserName].attached | {PolicyArn})

    def _DetachUserPolicy(self, state, UserName, PolicyArn):  # noqa: N802, N803
        return self._user(state, UserName, attached=state.users[UserName].attached - {PolicyArn})

    def _PutUserPermissionsBoundary(self, state, UserName, PermissionsBoundary):  # noqa: N802, N803
        return self._user(state, UserName, boundary=PermissionsBoundary)

    def _DeleteUserPermissionsBoundary(self, state, UserName):  # noqa: N802, N803
        return self._user(state, UserName, boundary=None)

    def _AttachGroupPolicy(self, state, GroupName, PolicyArn):  # noqa: N802, N803
        group = state.groups[GroupName]
        made = replace(group, attached=group.attached | {PolicyArn})
        return replace(state, groups={**state.groups, GroupName: made})

    def _DetachGroupPolicy(self, state, GroupName, PolicyArn):  # noqa: N802, N803
        group = state.groups[GroupName]
        made = replace(group, attached=group.attached - {PolicyArn})
        return replace(state, groups={**state.groups, GroupName: made})

    def _AttachRolePolicy(self, state, RoleName, PolicyArn):  # noqa: N802, N803
        return self._role(state, RoleName, attached=state.roles[RoleName].attached | {PolicyArn})

    def _DetachRolePolicy(self, state, RoleName, PolicyArn):  # noqa: N802, N803
        return self._role(state, RoleName, attached=state.roles[RoleName].attached - {PolicyArn})

    def _DeleteGroupPolicy(self, state, GroupName, PolicyName):  # noqa: N802, N803
        group = state.groups[GroupName]
        made = replace(group, inline={k: v for k, v in group.inline.items() if k != PolicyName})
        return replace(state, groups={**state.groups, GroupName: made})

    def _PutUserPolicy(self, state, UserName, PolicyName, PolicyDocument):  # noqa: N802, N803
        inline = {**state.users[UserName].inline, PolicyName: json.loads(PolicyDocument)}
        return self._user(state, UserName, inline=inline)

    def _DeleteUserPolicy(self, state, UserName, PolicyName):  # noqa: N802, N803
        inline = {k: v for k, v in state.users[UserName].inline.items() if k != PolicyName}
        return self._user(state, UserName, inline=inline)

    def _PutRolePolicy(self, state, RoleName, PolicyName, PolicyDocument):  # noqa: N802, N803
        inline = {**state.roles[RoleName].inline, PolicyName: json.loads(PolicyDocument)}
        return self._role(state, RoleName, inline=inline)

    def _DeleteRolePolicy(self, state, RoleName, PolicyName):  # noqa: N802, N803
        inline = {k: v for k, v in state.roles[RoleName].inline.items() if k != PolicyName}
        return self._role(state, RoleName, inline=inline)

    def _UpdateAccessKey(self, state, UserName, AccessKeyId, Status):  # noqa: N802, N803
        keys = self.keys[(state.account, UserName)]
        self.keys[(state.account, UserName)] = [
            AccessKey(k.id, Status == "Active") if k.id == AccessKeyId else k for k in keys
        ]
        return state

    def _UpdateServiceSpecificCredential(self, state, UserName, ServiceSpecificCredentialId, Status):  # noqa: N802, N803
        return self._door(state, UserName, ServiceSpecificCredentialId, Status)

    def _UpdateSSHPublicKey(self, state, UserName, SSHPublicKeyId, Status):  # noqa: N802, N803
        return self._door(state, UserName, SSHPublicKeyId, Status)

    def _UpdateSigningCertificate(self, state, UserName, CertificateId, Status):  # noqa: N802, N803
        return self._door(state, UserName, CertificateId, Status)

    def _TerminateSession(self, state, SessionId):  # noqa: N802, N803
        left = [shell for shell in self.shells.get(state.account, ()) if shell.id != SessionId]
        self.shells[state.account] = left
        return state

    def _DeleteAccessKey(self, state, UserName, AccessKeyId):  # noqa: N802, N803
        of = (state.account, UserName)
        self.keys[of] = [key for key in self.keys.get(of, ()) if key.id != AccessKeyId]
        return state

    def _DeactivateMFADevice(self, state, UserName, SerialNumber):  # noqa: N802, N803
        of = (state.account, UserName)
        self.devices[of] = [device for device in self.devices.get(of, ()) if device.serial != SerialNumber]
        return state

    def _DeleteVirtualMFADevice(self, state, SerialNumber):  # noqa: N802, N803
        return state

    def _DeleteServiceSpecificCredential(self, state, UserName, ServiceSpecificCredentialId):  # noqa: N802, N803
        return self._no_door(state, UserName, ServiceSpecificCredentialId)

    def _DeleteSSHPublicKey(self, state, UserName, SSHPublicKeyId):  # noqa: N802, N803
        return self._no_door(state, UserName, SSHPublicKeyId)

    def _DeleteSigningCertificate(self, state, UserName, CertificateId):  # noqa: N802, N803
        return self._no_door(state, UserName, CertificateId)

    def _DeleteUser(self, state, UserName):  # noqa: N802, N803
        of, user = (state.account, UserName), state.users.get(UserName)
        if user is None:
            return state
        held = (self.keys.get(of), self.doors.get(of), self.devices.get(of), of in self.passwords)
        if any(held) or user.groups or user.attached or user.inline:
            raise ProviderError("DeleteConflict: must remove all that the user has first")
        return replace(state, users={k: v for k, v in state.users.items() if k != UserName})

    def _DeleteLoginProfile(self, state, UserName):  # noqa: N802, N803
        self.passwords.discard((state.account, UserName))
        return state

    def _CreateLoginProfile(self, state, UserName, Password, PasswordResetRequired):  # noqa: N802, N803
        assert Password
        assert PasswordResetRequired
        self.passwords.add((state.account, UserName))
        return state

    def _UpdateLoginProfile(self, state, UserName, Password, PasswordResetRequired):  # noqa: N802, N803
        return self._CreateLoginProfile(state, UserName, Password, PasswordResetRequired)

    def _door(self, state, user, name, status):
        held = self.doors[(state.account, user)]
        self.doors[(state.account, user)] = [
            replace(door, active=status == "Active") if door.id == name else door for door in held
        ]
        return state

    def _no_door(self, state, user, name):
        held = self.doors[(state.account, user)]
        self.doors[(state.account, user)] = [door for door in held if door.id != name]
        return state

    def _user(self, state, name, **changes):
        return replace(state, users={**state.users, name: replace(state.users[name], **changes)})

    def _role(self, state, name, **changes):
        return replace(state, roles={**state.roles, name: replace(state.roles[name], **changes)})


def by(team, cloud):
    """Give what makes each change of a plan in a cloud."""
    return lambda change: cloud.perform(team.accounts[change.account], change.call)


def _is_there(found, path):
    """Tell whether something is made already; a name that is taken under another path is refused."""
    if found is not None and found.path != path:
        raise ProviderError(f"EntityAlreadyExists: the name is taken by {found.path}{found.name}")
    return found is not None


def _team(tags):
    return next((tag["Value"] for tag in tags if tag["Key"] == "watchbill:team"), None)
