"""The IAM of some accounts in memory, for plans that are tried by the hundred: it does what each call says.

Held equal to the real stand-in by `tests/contract/test_cloud.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from watchbill.access.model import AccessKey, AccountState, Call, GroupState, PolicyState, RoleState, UserState
from watchbill.errors import ProviderError
from watchbill.team.model import Account


class MemoryCloud:
    """Implements `Cloud`; can be told to fail from the n-th call on, as a process that is killed does."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.states: dict[str, AccountState] = {}
        self.keys: dict[tuple[str, str], list[AccessKey]] = {}
        self.calls: list[Call] = []
        self.dies_at = dies_at

    def observe(self, account: Account) -> AccountState:
        """Give the account's state."""
        return self.states.setdefault(account.name, AccountState(account.name, account.number, {}, {}, {}, {}))

    def access_keys(self, account: Account, user: str) -> Sequence[AccessKey]:
        """Give a user's keys."""
        return list(self.keys.get((account.name, user), ()))

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

    def _CreateUser(self, state, UserName, Path):  # noqa: N802, N803 - the names of AWS
        arn = f"arn:aws:iam::{state.number}:user{Path}{UserName}"
        return replace(state, users={**state.users, UserName: UserState(UserName, arn, Path)})

    def _CreateGroup(self, state, GroupName, Path):  # noqa: N802, N803
        return replace(state, groups={**state.groups, GroupName: GroupState(GroupName, Path)})

    def _DeleteGroup(self, state, GroupName):  # noqa: N802, N803
        if state.groups[GroupName].attached or any(GroupName in user.groups for user in state.users.values()):
            raise ProviderError("DeleteConflict: must detach policies and remove users first")
        return replace(state, groups={k: v for k, v in state.groups.items() if k != GroupName})

    def _CreateRole(self, state, RoleName, Path, AssumeRolePolicyDocument):  # noqa: N802, N803
        arn = f"arn:aws:iam::{state.number}:role{Path}{RoleName}"
        role = RoleState(RoleName, arn, Path, json.loads(AssumeRolePolicyDocument))
        return replace(state, roles={**state.roles, RoleName: role})

    def _UpdateAssumeRolePolicy(self, state, RoleName, PolicyDocument):  # noqa: N802, N803
        return self._role(state, RoleName, trust=json.loads(PolicyDocument))

    def _DeleteRole(self, state, RoleName):  # noqa: N802, N803
        if state.roles[RoleName].attached or state.roles[RoleName].inline:
            raise ProviderError("DeleteConflict: must detach all policies first")
        return replace(state, roles={k: v for k, v in state.roles.items() if k != RoleName})

    def _CreatePolicy(self, state, PolicyName, Path, PolicyDocument):  # noqa: N802, N803
        arn = f"arn:aws:iam::{state.number}:policy{Path}{PolicyName}"
        policy = PolicyState(arn, PolicyName, Path, json.loads(PolicyDocument))
        return replace(state, policies={**state.policies, arn: policy})

    def _CreatePolicyVersion(self, state, PolicyArn, PolicyDocument, SetAsDefault):  # noqa: N802, N803
        assert SetAsDefault
        old = state.policies[PolicyArn]
        if len(old.versions) >= 4:
            raise ProviderError("LimitExceeded: a policy has five versions")
        made = replace(old, document=json.loads(PolicyDocument), versions=(*old.versions, f"v{len(old.versions) + 1}"))
        return replace(state, policies={**state.policies, PolicyArn: made})

    def _DeletePolicyVersion(self, state, PolicyArn, VersionId):  # noqa: N802, N803
        old = state.policies[PolicyArn]
        made = replace(old, versions=tuple(v for v in old.versions if v != VersionId))
        return replace(state, policies={**state.policies, PolicyArn: made})

    def _DeletePolicy(self, state, PolicyArn):  # noqa: N802, N803
        attached = [*state.users.values(), *state.groups.values(), *state.roles.values()]
        if any(PolicyArn in each.attached for each in attached):
            raise ProviderError("DeleteConflict: cannot delete an attached policy")
        return replace(state, policies={k: v for k, v in state.policies.items() if k != PolicyArn})

    def _AddUserToGroup(self, state, GroupName, UserName):  # noqa: N802, N803
        return self._user(state, UserName, groups=state.users[UserName].groups | {GroupName})

    def _RemoveUserFromGroup(self, state, GroupName, UserName):  # noqa: N802, N803
        return self._user(state, UserName, groups=state.users[UserName].groups - {GroupName})

    def _AttachUserPolicy(self, state, UserName, PolicyArn):  # noqa: N802, N803
        return self._user(state, UserName, attached=state.users[UserName].attached | {PolicyArn})

    def _DetachUserPolicy(self, state, UserName, PolicyArn):  # noqa: N802, N803
        return self._user(state, UserName, attached=state.users[UserName].attached - {PolicyArn})

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

    def _user(self, state, name, **changes):
        return replace(state, users={**state.users, name: replace(state.users[name], **changes)})

    def _role(self, state, name, **changes):
        return replace(state, roles={**state.roles, name: replace(state.roles[name], **changes)})
