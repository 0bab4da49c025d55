"""The IAM of the team's accounts, through boto3: one paginated walk to read, one list of calls to write."""

import csv
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.model import (
    TAG,
    AccessKey,
    AccountState,
    Call,
    Credentials,
    Device,
    Document,
    Door,
    DoorKind,
    GroupState,
    KeyUse,
    PolicyState,
    RoleState,
    UserState,
)
from watchbill.aws.accounts import Accounts
from watchbill.errors import ProviderError
from watchbill.team.model import Account


T = TypeVar("T")

ALLOWED_CALLS = {
    "AddUserToGroup": "add_user_to_group",
    "AttachGroupPolicy": "attach_group_policy",
    "AttachRolePolicy": "attach_role_policy",
    "AttachUserPolicy": "attach_user_policy",
    "CreateGroup": "create_group",
    "CreateLoginProfile": "create_login_profile",
    "CreatePolicy": "create_policy",
    "CreatePolicyVersion": "create_policy_version",
    "CreateRole": "create_role",
    "CreateUser": "create_user",
    "DeactivateMFADevice": "deactivate_mfa_device",
    "DeleteAccessKey": "delete_access_key",
    "DeleteGroup": "delete_group",
    "DeleteGroupPolicy": "delete_group_policy",
    "DeleteLoginProfile": "delete_login_profile",
    "DeletePolicy": "delete_policy",
    "DeletePolicyVersion": "delete_policy_version",
    "DeleteRole": "delete_role",
    "DeleteRolePermissionsBoundary": "delete_role_permissions_boundary",
    "DeleteRolePolicy": "delete_role_policy",
    "DeleteSSHPublicKey": "delete_ssh_public_key",
    "DeleteServiceSpecificCredential": "delete_service_specific_credential",
    "DeleteSigningCertificate": "delete_signing_certificate",
    "DeleteUser": "delete_user",
    "DeleteUserPermissionsBoundary": "delete_user_permissions_boundary",
    "DeleteUserPolicy": "delete_user_policy",
    "DeleteVirtualMFADevice": "delete_virtual_mfa_device",
    "DetachGroupPolicy": "detach_group_policy",
    "DetachRolePolicy": "detach_role_policy",
    "DetachUserPolicy": "detach_user_policy",
    "PutRolePermissionsBoundary": "put_role_permissions_boundary",
    "PutRolePolicy": "put_role_policy",
    "PutUserPermissionsBoundary": "put_user_permissions_boundary",
    "PutUserPolicy": "put_user_policy",
    "RemoveUserFromGroup": "remove_user_from_group",
    "UpdateAccessKey": "update_access_key",
    "UpdateAssumeRolePolicy": "update_assume_role_policy",
    "UpdateLoginProfile": "update_login_profile",
    "UpdateSSHPublicKey": "update_ssh_public_key",
    "UpdateServiceSpecificCredential": "update_service_specific_credential",
    "UpdateSigningCertificate": "update_signing_certificate",
}
"""Every call that watchbill can make to change IAM, by the name of its method in boto3; nothing else is ever sent."""

_TAKES_AWAY = ("Deactivate", "Delete", "Detach", "Remove")
"""Operations that are already so where what they take away is not there. What adds, attaches, puts or updates needs no
such rule: IAM answers it with success when it is already so. CreatePolicyVersion is the one that is not the same twice:
sent again after a lost answer it makes another version of the same document, which changes no access; where there is no
room for another, it is asked whether the version in force says it already."""

_CREATES = {
    "CreateGroup": ("group", "GroupName", "get_group", "Group"),
    "CreatePolicy": ("policy", "PolicyName", "get_policy", "Policy"),
    "CreateRole": ("role", "RoleName", "get_role", "Role"),
    "CreateUser": ("user", "UserName", "get_user", "User"),
}
"""By operation: the kind as ARNs have it, the parameter with its name, what reads it, and the part of that answer."""

_PASSING = frozenset({"ConcurrentModification", "EntityTemporarilyUnmodifiable"})
"""Errors of IAM that pass by themselves, and that botocore does not try again (IAM API Reference, "Common errors" of
each action: wait and submit the request again)."""

_BEING_MADE = frozenset({"ReportExpired", "ReportInProgress", "ReportNotPresent"})
"""What GetCredentialReport answers until the report that was asked for is there."""

_WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try; the last is made after them."""


class AwsCloud:
    """Implements `watchbill.access.interfaces.Cloud`."""

    def __init__(self, accounts: Accounts, sleep: Callable[[float], object] = time.sleep) -> None:
        """Work in some accounts; `sleep` waits for so many seconds before something is tried again."""
        self._accounts = accounts
        self._sleep = sleep

    def observe(self, account: Account) -> AccountState:
        """Read the whole IAM of an account.

        GetAccountAuthorizationDetails page by page, then GetAccountSummary, GenerateCredentialReport and
        GetCredentialReport once each: pages + 3 calls, however much the account holds. While AWS makes a report, the
        last is asked up to four times more, within 15 seconds.

        What the summary and the report tell is left out where they cannot be had, and `unread` says why. AWS makes a
        report anew after four hours (IAM User Guide, "Getting credential reports"), so `mfa` may be that old; a user
        who was made since, of a name that was there before or not, is not in it.
        AWS tells no tags of policies here, so their `team` is not known.
        """
        return self._read(account, report=True)

    def look(self, account: Account) -> AccountState:
        """Read the IAM of an account as `observe` does, without the credential report: pages + 1 calls."""
        return self._read(account, report=False)

    def _read(self, account: Account, *, report: bool) -> AccountState:
        client = self._accounts.client(account, "iam")
        details: dict[str, list[Mapping[str, Any]]] = {}
        unread: list[str] = []
        told: Mapping[str, _Told] = {}
        try:
            # AWS gives a hundred at a time unless it is asked for more; a thousand is the most.
            pages = client.get_paginator("get_account_authorization_details")
            for page in pages.paginate(PaginationConfig={"PageSize": 1000}):
                for part in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
                    details.setdefault(part, []).extend(page.get(part, ()))
            if report:
                made = details["UserDetailList"]
                told = _unless_refused("credential report", lambda: _told(self._report(client), made), unread)
            state = AccountState(
                account.name,
                account.number,
                {user["UserName"]: _user(user) for user in details["UserDetailList"]},
                {group["GroupName"]: _group(group) for group in details["GroupDetailList"]},
                {role["RoleName"]: _role(role) for role in details["RoleDetailList"]},
                {policy["Arn"]: _policy(policy) for policy in details["Policies"]},
                mfa={user: each.mfa for user, each in told.items()},
                keys={user: each.keys for user, each in told.items()},
                quotas=_unless_refused("account summary", lambda: _quotas(client.get_account_summary()), unread),
            )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise ProviderError(f"could not read the IAM of account `{account.name}`: {error}") from error
        return replace(state, unread=tuple(unread))

    def credentials(self, account: Account, user: str) -> Credentials:
        """Read all credentials of a user, in six calls; none when there is no such user.

        Keys must be read. Of the rest, what AWS refuses to tell is left out, and `unread` says so.
        """
        keys = tuple(self.access_keys(account, user))
        client = self._accounts.client(account, "iam")
        unread: list[str] = []
        doors = [
            door
            for kind, read in _DOORS.items()
            for door in _listed(str(kind), lambda read=read: list(read(client, user)), unread)  # type: ignore[misc]
        ]
        devices = _listed("MFA device", lambda: list(_devices(client, user)), unread)
        password = _listed("password", lambda: [True] if _has_password(client, user) else [], unread)
        in_order = tuple(sorted(doors, key=lambda door: (door.kind, door.id)))
        return Credentials(keys, in_order, tuple(devices), bool(password), tuple(unread))

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
        """Make one change; one that is not on the list above is a bug and raises KeyError.

        What AWS refuses for now is tried again, for 15 seconds at most. A name that is taken is already so only where
        what has it lies under the path that was asked for: IAM keeps names apart whatever their path, and what lies
        elsewhere is not watchbill's to change.
        """
        method = ALLOWED_CALLS[call.operation]
        client = self._accounts.client(account, "iam")
        try:
            try:
                self._patiently(lambda: getattr(client, method)(**call.parameters))
            except ClientError as error:
                code = _code(error)
                if code == "EntityAlreadyExists" and call.operation in _CREATES:
                    _must_be_ours(client, account, call)
                elif not (code == "NoSuchEntity" and call.operation.startswith(_TAKES_AWAY)) and not (
                    code == "LimitExceeded" and _is_written(client, call)
                ):
                    raise
        except (BotoCoreError, ClientError) as error:
            raise ProviderError(f"{call} in account `{account.name}`: {error}") from error

    def _patiently(self, make: Callable[[], object]) -> None:
        for wait in _WAITS:
            try:
                make()
            except ClientError as error:
                if not _passes(error):
                    raise
            else:
                return
            self._sleep(wait)
        make()

    def _report(self, client: Any) -> bytes:
        """Have the credential report made, unless there is a recent one, and get it."""
        client.generate_credential_report()
        for wait in _WAITS:
            try:
                return bytes(client.get_credential_report()["Content"])
            except ClientError as error:
                if _code(error) not in _BEING_MADE:
                    raise
            self._sleep(wait)
        return bytes(client.get_credential_report()["Content"])


def _code(error: ClientError) -> str:
    """Give the code of an error; some come with the name of their class instead."""
    return str(error.response["Error"]["Code"]).removesuffix("Exception")


def _passes(error: ClientError) -> bool:
    """Tell whether an error passes by itself: IAM takes a moment to know a user that a trust policy names."""
    unknown_yet = _code(error) == "MalformedPolicyDocument" and "Invalid principal" in str(error)
    return unknown_yet or _code(error) in _PASSING


def _service_credentials(client: Any, user: str) -> Iterator[Door]:
    for each in client.list_service_specific_credentials(UserName=user)["ServiceSpecificCredentials"]:
        name, active = each["ServiceSpecificCredentialId"], each["Status"] == "Active"
        yield Door(DoorKind.SERVICE, name, active, each["ServiceName"])


def _ssh_keys(client: Any, user: str) -> Iterator[Door]:
    for page in client.get_paginator("list_ssh_public_keys").paginate(UserName=user):
        for each in page["SSHPublicKeys"]:
            yield Door(DoorKind.SSH, each["SSHPublicKeyId"], each["Status"] == "Active")


def _certificates(client: Any, user: str) -> Iterator[Door]:
    for page in client.get_paginator("list_signing_certificates").paginate(UserName=user):
        for each in page["Certificates"]:
            yield Door(DoorKind.CERTIFICATE, each["CertificateId"], each["Status"] == "Active")


_DOORS = {DoorKind.SERVICE: _service_credentials, DoorKind.SSH: _ssh_keys, DoorKind.CERTIFICATE: _certificates}
"""By the kind of a credential what reads those of a user."""


def _devices(client: Any, user: str) -> Iterator[Device]:
    for page in client.get_paginator("list_mfa_devices").paginate(UserName=user):
        for each in page["MFADevices"]:
            yield Device(each["SerialNumber"], each["EnableDate"].astimezone(UTC))


def _listed(what: str, read: Callable[[], list[T]], unread: list[str]) -> list[T]:
    """Read credentials of a kind; where AWS refuses, add why to `unread`, and give none. Who is not there has none."""
    try:
        return read()
    except ClientError as error:
        if _code(error) != "NoSuchEntity":
            unread.append(f"{what}: {_code(error)}: {error.response['Error'].get('Message', '')}")
    except BotoCoreError as error:
        unread.append(f"{what}: {error}")
    return []


def _has_password(client: Any, user: str) -> bool:
    try:
        client.get_login_profile(UserName=user)
    except ClientError as error:
        if _code(error) != "NoSuchEntity":
            raise
        return False
    return True


def _must_be_ours(client: Any, account: Account, call: Call) -> None:
    """Check that what has the name of something to be made is that very thing; raises ProviderError."""
    kind, key, _, _ = _CREATES[call.operation]
    path, name = call.parameters.get("Path", "/"), call.parameters[key]
    wanted = f"arn:{client.meta.partition}:iam::{account.number}:{kind}{path}{name}"
    found = _holder(client, call, wanted)
    if found != wanted:
        raise ProviderError(
            f"{call} in account `{account.name}`: the name is taken by {found}, which is not {wanted} and was left "
            f"alone; rename or delete that {kind}, or give ours another name in the team file, and plan again"
        )


def _is_written(client: Any, call: Call) -> bool:
    """Tell whether the version in force of a policy says what a call would write."""
    if call.operation != "CreatePolicyVersion":
        return False
    arn = call.parameters["PolicyArn"]
    version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return bool(_document(found, arn) == json.loads(call.parameters["PolicyDocument"]))


def _holder(client: Any, call: Call, wanted: str) -> str:
    """Give the ARN of what has the name of something to be made."""
    kind, key, read, part = _CREATES[call.operation]
    if kind != "policy":
        return str(getattr(client, read)(**{key: call.parameters[key]})[part]["Arn"])
    try:
        return str(client.get_policy(PolicyArn=wanted)["Policy"]["Arn"])
    except ClientError as error:
        if _code(error) != "NoSuchEntity":
            raise
    # Policies are read by ARN, and the path is what is not known. IAM compares names without their case.
    name = call.parameters[key].lower()
    pages = client.get_paginator("list_policies").paginate(Scope="Local")
    every = (policy for page in pages for policy in page["Policies"])
    return next((str(each["Arn"]) for each in every if each["PolicyName"].lower() == name), "another policy")


def _unless_refused(what: str, read: Callable[[], Mapping[str, T]], unread: list[str]) -> Mapping[str, T]:
    """Read what a state can be without; where it cannot be had, add why to `unread`, and give nothing."""
    try:
        return read()
    except ClientError as error:
        unread.append(f"{what}: {_code(error)}: {error.response['Error'].get('Message', '')}")
    except (BotoCoreError, ValueError) as error:
        unread.append(f"{what}: {error}")
    return {}


def _quotas(answer: Mapping[str, Any]) -> dict[str, int]:
    """Give the limits of a summary; its other entries are counts of what there is."""
    return {name: int(number) for name, number in answer["SummaryMap"].items() if name.endswith("Quota")}


@dataclass(frozen=True, slots=True)
class _Told:
    """What a credential report tells of a user."""

    mfa: bool
    keys: tuple[KeyUse, ...]


def _told(report: bytes, users: Iterable[Mapping[str, Any]]) -> dict[str, _Told]:
    """Read a credential report; one without a column that is needed is a ValueError."""
    made = {user["UserName"]: user["CreateDate"].replace(microsecond=0) for user in users}
    rows = csv.DictReader(report.decode().splitlines())
    columns = {"user", "user_creation_time", "mfa_active", "access_key_1_active", "access_key_2_active"}
    if not columns <= set(rows.fieldnames or ()):
        raise ValueError(f"not in the form that AWS documents: {rows.fieldnames}")
    return {
        row["user"]: _Told(row["mfa_active"] == "true", tuple(_keys_told(row)))
        for row in rows
        # The row of the root user, `<root_account>`, is of no IAM user; one of another user of that name, before, too.
        if row["user"] in made and datetime.fromisoformat(row["user_creation_time"]) == made[row["user"]]
    }


def _keys_told(row: Mapping[str, str]) -> Iterator[KeyUse]:
    """Read the active keys of a user; `N/A` stands for what there is not (IAM User Guide, "report format")."""
    for number in ("1", "2"):
        if row[f"access_key_{number}_active"] == "true":
            used = row[f"access_key_{number}_last_used_date"]
            since = datetime.fromisoformat(row[f"access_key_{number}_last_rotated"]).astimezone(UTC)
            yield KeyUse(since, datetime.fromisoformat(used).astimezone(UTC) if used[:1].isdigit() else None)


def _user(found: Mapping[str, Any]) -> UserState:
    return UserState(
        found["UserName"],
        found["Arn"],
        found["Path"],
        frozenset(found.get("GroupList", ())),
        _attached(found),
        _inline(found.get("UserPolicyList", ())),
        _boundary(found),
        found["UserId"],
        _team(found),
    )


def _group(found: Mapping[str, Any]) -> GroupState:
    inline = _inline(found.get("GroupPolicyList", ()))
    return GroupState(found["GroupName"], found["Path"], _attached(found), inline)


def _role(found: Mapping[str, Any]) -> RoleState:
    return RoleState(
        found["RoleName"],
        found["Arn"],
        found["Path"],
        _trust(_document(found["AssumeRolePolicyDocument"], found["Arn"])),
        _attached(found),
        _inline(found.get("RolePolicyList", ())),
        _boundary(found),
        found["RoleId"],
        _team(found),
    )


def _policy(found: Mapping[str, Any]) -> PolicyState:
    versions = sorted(found["PolicyVersionList"], key=lambda version: int(version["VersionId"].removeprefix("v")))
    default = next((version for version in versions if version["IsDefaultVersion"]), None)
    if default is None:
        raise ValueError(f"{found['Arn']} has no default version")
    others = tuple(version["VersionId"] for version in versions if not version["IsDefaultVersion"])
    # The name is the last part of the ARN; stand-ins are known to leave it out of this answer.
    document = _document(default["Document"], found["Arn"])
    return PolicyState(found["Arn"], found["Arn"].rsplit("/", 1)[-1], found["Path"], document, others)


def _attached(found: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(policy["PolicyArn"] for policy in found.get("AttachedManagedPolicies", ()))


def _inline(found: Iterable[Mapping[str, Any]]) -> dict[str, Document]:
    return {each["PolicyName"]: _document(each["PolicyDocument"], each["PolicyName"]) for each in found}


def _document(found: object, of: str) -> Document:
    """Give a document as decoded JSON; botocore decodes what AWS sends URL-encoded, but leaves what it cannot read."""
    document = json.loads(unquote(found)) if isinstance(found, str) else found
    if not isinstance(document, Mapping):
        raise ValueError(f"the document of {of} is no JSON object")  # noqa: TRY004 - caught with those of the decoder
    return document


def _trust(document: Document) -> Document:
    """Give a trust policy with the principals of each kind in order, and one alone without a list.

    AWS keeps them by unique id, and gives several back in an order of its own.
    """
    statements = document.get("Statement")
    listed = [statements] if isinstance(statements, Mapping) else statements
    if not isinstance(listed, list):
        return document
    return {**document, "Statement": [_in_order(s) if isinstance(s, Mapping) else s for s in listed]}


def _in_order(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return statement
    ordered = {kind: _named(names) if isinstance(names, list) else names for kind, names in principal.items()}
    return {**statement, "Principal": ordered}


def _named(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else sorted(names)


def _boundary(found: Mapping[str, Any]) -> str | None:
    return (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")


def _team(found: Mapping[str, Any]) -> str | None:
    return next((tag["Value"] for tag in found.get("Tags", ()) if tag["Key"] == TAG), None)
