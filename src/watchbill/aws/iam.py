"""The IAM of the team's accounts, through boto3: one paginated walk to read, one list of calls to write."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.model import (
    AccessKey,
    AccountState,
    Call,
    GroupState,
    PolicyState,
    RoleState,
    UserState,
)
from watchbill.aws.accounts import Accounts
from watchbill.errors import ProviderError
from watchbill.team.model import Account


ALLOWED_CALLS = {
    "AddUserToGroup": "add_user_to_group",
    "AttachGroupPolicy": "attach_group_policy",
    "AttachRolePolicy": "attach_role_policy",
    "AttachUserPolicy": "attach_user_policy",
    "CreateGroup": "create_group",
    "CreatePolicy": "create_policy",
    "CreatePolicyVersion": "create_policy_version",
    "CreateRole": "create_role",
    "CreateUser": "create_user",
    "DeleteGroup": "delete_group",
    "DeletePolicy": "delete_policy",
    "DeletePolicyVersion": "delete_policy_version",
    "DeleteRole": "delete_role",
    "DeleteRolePolicy": "delete_role_policy",
    "DeleteUserPolicy": "delete_user_policy",
    "DetachGroupPolicy": "detach_group_policy",
    "DetachRolePolicy": "detach_role_policy",
    "DetachUserPolicy": "detach_user_policy",
    "PutRolePolicy": "put_role_policy",
    "PutUserPolicy": "put_user_policy",
    "RemoveUserFromGroup": "remove_user_from_group",
    "UpdateAccessKey": "update_access_key",
    "UpdateAssumeRolePolicy": "update_assume_role_policy",
}
"""Every call that watchbill can make to change IAM, by the name of its method in boto3; nothing else is ever sent."""

_ALREADY_SO = {
    "EntityAlreadyExists": ("Create",),
    "EntityAlreadyExistsException": ("Create",),
    "NoSuchEntity": ("Delete", "Detach", "Remove"),
}
"""Errors that say a change is already so, with the operations for which that is true."""


class AwsCloud:
    """Implements `watchbill.access.interfaces.Cloud`."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def observe(self, account: Account) -> AccountState:
        """Read the whole IAM of an account by GetAccountAuthorizationDetails."""
        client = self._accounts.client(account, "iam")
        details: dict[str, list[Mapping[str, Any]]] = {}
        try:
            for page in client.get_paginator("get_account_authorization_details").paginate():
                for part in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
                    details.setdefault(part, []).extend(page.get(part, ()))
        except (BotoCoreError, ClientError) as error:
            raise ProviderError(f"could not read the IAM of account `{account.name}`: {error}") from error
        return AccountState(
            account.name,
            account.number,
            {user["UserName"]: _user(user) for user in details["UserDetailList"]},
            {group["GroupName"]: _group(group) for group in details["GroupDetailList"]},
            {role["RoleName"]: _role(role) for role in details["RoleDetailList"]},
            {policy["Arn"]: _policy(policy) for policy in details["Policies"]},
        )

    def access_keys(self, account: Account, user: str) -> Sequence[AccessKey]:
        """Read the long-term keys of a user; none when there is no such user."""
        client = self._accounts.client(account, "iam")
        found: list[AccessKey] = []
        try:
            for page in client.get_paginator("list_access_keys").paginate(UserName=user):
                found.extend(AccessKey(k["AccessKeyId"], k["Status"] == "Active") for k in page["AccessKeyMetadata"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                raise ProviderError(f"could not list the keys of `{user}` in `{account.name}`: {error}") from error
        except BotoCoreError as error:
            raise ProviderError(f"could not list the keys of `{user}` in `{account.name}`: {error}") from error
        return sorted(found, key=lambda key: key.id)

    def perform(self, account: Account, call: Call) -> None:
        """Make one change; one that is not on the list above is a bug and raises KeyError."""
        method = ALLOWED_CALLS[call.operation]
        client = self._accounts.client(account, "iam")
        try:
            getattr(client, method)(**call.parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if not call.operation.startswith(_ALREADY_SO.get(code, ("\0",))):
                raise ProviderError(f"{call} in account `{account.name}`: {error}") from error
        except BotoCoreError as error:
            raise ProviderError(f"{call} in account `{account.name}`: {error}") from error


def _user(found: Mapping[str, Any]) -> UserState:
    return UserState(
        found["UserName"],
        found["Arn"],
        found["Path"],
        frozenset(found.get("GroupList", ())),
        _attached(found),
        {policy["PolicyName"]: policy["PolicyDocument"] for policy in found.get("UserPolicyList", ())},
    )


def _group(found: Mapping[str, Any]) -> GroupState:
    inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in found.get("GroupPolicyList", ())}
    return GroupState(found["GroupName"], found["Path"], _attached(found), inline)


def _role(found: Mapping[str, Any]) -> RoleState:
    return RoleState(
        found["RoleName"],
        found["Arn"],
        found["Path"],
        found["AssumeRolePolicyDocument"],
        _attached(found),
        {policy["PolicyName"]: policy["PolicyDocument"] for policy in found.get("RolePolicyList", ())},
    )


def _policy(found: Mapping[str, Any]) -> PolicyState:
    versions = sorted(found["PolicyVersionList"], key=lambda version: int(version["VersionId"].removeprefix("v")))
    default = next(version for version in versions if version["IsDefaultVersion"])
    others = tuple(version["VersionId"] for version in versions if not version["IsDefaultVersion"])
    # The name is the last part of the ARN; stand-ins are known to leave it out of this answer.
    return PolicyState(found["Arn"], found["Arn"].rsplit("/", 1)[-1], found["Path"], default["Document"], others)


def _attached(found: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(policy["PolicyArn"] for policy in found.get("AttachedManagedPolicies", ()))
