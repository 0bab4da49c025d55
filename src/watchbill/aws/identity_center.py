"""IAM Identity Center: what a person holds there, taken away and given back.

Assignments and permission sets change some time after the call that asks for it; each step waits until it is so.
"""

import time
from collections.abc import Callable, Collection, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.center.state import CenterState
from watchbill.access.model import Call
from watchbill.aws import organizations
from watchbill.aws.accounts import Accounts, translated
from watchbill.aws.center_reading import CenterReading, inline_of, memberships_of, pages_of, user_of
from watchbill.errors import ProviderError
from watchbill.respond.center import Assignment, Membership, Seat
from watchbill.team.model import Account, IdentityCenter, Person


ALLOWED_CALLS = {
    "identitystore": {
        "CreateGroup": "create_group",
        "CreateGroupMembership": "create_group_membership",
        "DeleteGroup": "delete_group",
        "DeleteGroupMembership": "delete_group_membership",
    },
    "organizations": organizations.ALLOWED_CALLS,
    "sso-admin": {
        "AttachCustomerManagedPolicyReferenceToPermissionSet": (
            "attach_customer_managed_policy_reference_to_permission_set"
        ),
        "AttachManagedPolicyToPermissionSet": "attach_managed_policy_to_permission_set",
        "CreateAccountAssignment": "create_account_assignment",
        "CreatePermissionSet": "create_permission_set",
        "DeleteAccountAssignment": "delete_account_assignment",
        "DeleteInlinePolicyFromPermissionSet": "delete_inline_policy_from_permission_set",
        "DeletePermissionSet": "delete_permission_set",
        "DetachCustomerManagedPolicyReferenceFromPermissionSet": (
            "detach_customer_managed_policy_reference_from_permission_set"
        ),
        "DetachManagedPolicyFromPermissionSet": "detach_managed_policy_from_permission_set",
        "ProvisionPermissionSet": "provision_permission_set",
        "PutInlinePolicyToPermissionSet": "put_inline_policy_to_permission_set",
        "PutPermissionsBoundaryToPermissionSet": "put_permissions_boundary_to_permission_set",
        "UpdatePermissionSet": "update_permission_set",
    },
}
"""Every call that watchbill can make there to change something, by service; nothing else is ever sent."""

SERVICES = tuple(ALLOWED_CALLS)

_AWAITED = {
    "CreateAccountAssignment": (
        "AccountAssignmentCreationStatus",
        "describe_account_assignment_creation_status",
        "AccountAssignmentCreationRequestId",
    ),
    "DeleteAccountAssignment": (
        "AccountAssignmentDeletionStatus",
        "describe_account_assignment_deletion_status",
        "AccountAssignmentDeletionRequestId",
    ),
    "ProvisionPermissionSet": (
        "PermissionSetProvisioningStatus",
        "describe_permission_set_provisioning_status",
        "ProvisionPermissionSetRequestId",
    ),
}
"""By operation: the part of its answer that says how far it is, what asks again, and the parameter with its id."""

_SO_ALREADY = {"Create": "ConflictException", "Delete": "ResourceNotFoundException"}
_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds between two questions how far it is."""


class Center:
    """Reads and changes Identity Center. Every failure is a ProviderError."""

    def __init__(self, accounts: Accounts, sleep: Callable[[float], object] = time.sleep) -> None:
        """Work by some accounts; `sleep` waits for so many seconds before something is asked again."""
        self._accounts = accounts
        self._sleep = sleep

    def read(self, center: IdentityCenter, account: Account, person: Person, sets: Collection[str] = ()) -> Seat:
        """Read what a person holds, by themselves and by groups, and the policy that lists the frozen.

        The inline policies of these permission sets are read besides: they may be theirs no more.
        """
        policy, targets, management = None, 0, ""
        if center.policy is not None:
            policy, targets = organizations.read_policy(self._accounts, account, center.policy)
            management = organizations.management_of(self._accounts, account)
        store = self._accounts.client(account, "identitystore", center.region)
        user = person.identity_center_user or user_of(store, center, (person.email, *person.also_known_as))
        if user is None:
            return Seat(person.iam_user, None, policy=policy, targets=targets, management=management)
        listed = memberships_of(store, center, user)
        memberships = tuple(
            sorted(
                Membership(each["GroupId"], each["MembershipId"])
                for page in listed
                for each in page["GroupMemberships"]
            )
        )
        admin = self._accounts.client(account, "sso-admin", center.region)
        found = set(_assignments(admin, center, "USER", user))
        for each in memberships:
            found.update(_assignments(admin, center, "GROUP", each.group))
        names = sorted({each.permission_set for each in found} | set(sets))
        inline = {name: inline_of(admin, center, name) for name in names}
        return Seat(person.iam_user, user, tuple(sorted(found)), memberships, inline, policy, targets, management)

    def observe(self, center: IdentityCenter, account: Account, people: Iterable[Person]) -> CenterState:
        """Read what there is in an instance for a plan, of some people; see `center_reading` for the calls."""
        admin = self._accounts.client(account, "sso-admin", center.region)
        store = self._accounts.client(account, "identitystore", center.region)
        management = organizations.management_of(self._accounts, account)
        return CenterReading(center, admin, store).state(management, people)

    def perform(self, center: IdentityCenter, account: Account, call: Call) -> None:
        """Make one step, and wait until it is so. What is not on the list above raises KeyError."""
        method = ALLOWED_CALLS[call.service][call.operation]
        client = self._accounts.client(account, call.service, call.region or "us-east-1")
        if call.operation.startswith("Create") and self._has(client, center, call):
            return
        try:
            answer = getattr(client, method)(**call.parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if any(call.operation.startswith(verb) and code == so for verb, so in _SO_ALREADY.items()):
                return
            raise ProviderError(f"{call} by account `{account.name}`: {error}") from error
        except BotoCoreError as error:
            raise ProviderError(f"{call} by account `{account.name}`: {error}") from error
        if call.operation in _AWAITED:
            self._await(client, center, call, answer)

    def _has(self, client: Any, center: IdentityCenter, call: Call) -> bool:
        """Tell whether it is there already: a second one is not made, whatever would be answered to it."""
        given = call.parameters
        if call.operation == "CreateGroupMembership":
            listed = memberships_of(client, center, given["MemberId"]["UserId"])
            return any(each["GroupId"] == given["GroupId"] for page in listed for each in page["GroupMemberships"])
        wanted = Assignment(given["TargetId"], given["PermissionSetArn"])
        return wanted in _assignments(client, center, "USER", given["PrincipalId"])

    def _await(self, client: Any, center: IdentityCenter, call: Call, answer: Any) -> None:
        part, method, parameter = _AWAITED[call.operation]
        for wait in _WAITS:
            state = answer[part]
            if state["Status"] != "IN_PROGRESS":
                break
            self._sleep(wait)
            asked = {"InstanceArn": center.instance, parameter: state["RequestId"]}
            answer = translated(getattr(client, method), **asked)
        if answer[part]["Status"] != "SUCCEEDED":
            why = answer[part].get("FailureReason") or "it is not done yet"
            raise ProviderError(f"{call}: {answer[part]['Status'].lower()}: {why}")


def _assignments(client: Any, center: IdentityCenter, kind: str, principal: str) -> list[Assignment]:
    """Give the assignments of a user or a group. Those of a user's groups come with the user's, and are left out."""
    pages = pages_of(
        client,
        "list_account_assignments_for_principal",
        InstanceArn=center.instance,
        PrincipalId=principal,
        PrincipalType=kind,
    )
    group = principal if kind == "GROUP" else ""
    return [
        Assignment(each["AccountId"], each["PermissionSetArn"], group)
        for page in pages
        for each in page["AccountAssignments"]
        if each.get("PrincipalId", principal) == principal
    ]
