"""IAM Identity Center: what a person holds there, taken away and given back.

Assignments and permission sets change some time after the call that asks for it; each step waits until it is so.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from watchbill.access.center.state import PREFIX, CenterState
from watchbill.access.model import Call
from watchbill.aws import organizations
from watchbill.aws.accounts import Accounts, translated
from watchbill.aws.center_reading import (
    CenterReading,
    assigned_in,
    inline_of,
    is_there,
    memberships_of,
    pages_of,
    policies_in,
    user_of,
)
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

_TAKES_AWAY = ("Delete", "Detach")
"""Operations that are already so where what they take away is not there."""
_WAITS = (0.5, 1.0, 2.0, 4.0, *(8.0,) * 36)
"""Seconds between two questions how far it is: five minutes, since a set may be provisioned in hundreds of accounts."""
_PASSING = ("ConflictException", "ThrottlingException")
"""What passes by itself: another change of the same set goes on, or there are too many at once. boto3 tries the second
again some times, and the first never."""
_ASKED_FIRST = ("CreateAccountAssignment", "CreateGroupMembership")
"""What is asked for first whether it is so: AWS may take a second one for another."""
_NAMED = ("CreateGroup", "CreatePermissionSet")
_TRIES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds before each further try; the last is made after them."""


class Center:
    """Reads and changes Identity Center. Every failure is a ProviderError."""

    def __init__(self, accounts: Accounts, sleep: Callable[[float], object] = time.sleep) -> None:
        """Work by some accounts; `sleep` waits for so many seconds before something is asked again."""
        self._accounts = accounts
        self._sleep = sleep
        self._ids: dict[str, dict[tuple[str, str], str]] = {}
        """By instance, and there by kind and name, the ARN or id of what is watchbill's, as it was last seen."""

    def read(
        self,
        center: IdentityCenter,
        account: Account,
        person: Person,
        sets: Collection[str] = (),
        former: Collection[str] = (),
    ) -> Seat:
        """Read what a person holds, by themselves and by groups, and the policy that lists the frozen.

        The inline policies of these permission sets are read besides: they may be theirs no more. So is what the users
        have that they were, where these are still there.
        """
        policy, targets, management = None, 0, ""
        if center.policy is not None:
            policy, targets = organizations.read_policy(self._accounts, account, center.policy)
            management = organizations.management_of(self._accounts, account)
        store = self._accounts.client(account, "identitystore", center.region)
        admin = self._accounts.client(account, "sso-admin", center.region)
        user = person.identity_center_user or user_of(store, center, (person.email, *person.also_known_as))
        ids = [each for each in dict.fromkeys(former) if each != user and is_there(store, center, each)]
        others = tuple(Seat(person.iam_user, each, *_held(store, admin, center, each)) for each in ids)
        held, memberships = ((), ()) if user is None else _held(store, admin, center, user)
        found = {each.permission_set for each in held} | {a.permission_set for o in others for a in o.assignments}
        names = sorted(found | set(sets)) if user is not None or others else []
        inline = {name: inline_of(admin, center, name) for name in names}
        seat = Seat(person.iam_user, user, held, memberships, inline, policy, targets, management)
        return replace(seat, others=others)

    def observe(self, center: IdentityCenter, account: Account, people: Iterable[Person]) -> CenterState:
        """Read what there is in an instance for a plan, of some people; see `center_reading` for the calls."""
        admin = self._accounts.client(account, "sso-admin", center.region)
        store = self._accounts.client(account, "identitystore", center.region)
        management = organizations.management_of(self._accounts, account)
        found = CenterReading(center, admin, store).state(management, people)
        sets = {("set", each.name): each.arn for each in found.sets.values() if each.team is not None}
        groups = {("group", each.name): each.id for each in found.groups.values() if each.team is not None}
        self._ids[center.instance] = sets | groups
        return found

    def names(
        self, center: IdentityCenter, account: Account, groups: Collection[str], sets: Collection[str]
    ) -> dict[str, str | None]:
        """Tell which groups and permission sets are there, by id and ARN: by name watchbill's, None those of others."""
        admin = self._accounts.client(account, "sso-admin", center.region)
        store = self._accounts.client(account, "identitystore", center.region)
        return dict(CenterReading(center, admin, store).names(groups, sets))

    def perform(self, center: IdentityCenter, account: Account, call: Call) -> None:
        """Make one step, and wait until it is so. What is not on the list above raises KeyError.

        A permission set or group of watchbill's may be named by its name, in place of its id.
        """
        method = ALLOWED_CALLS[call.service][call.operation]
        client = self._accounts.client(account, call.service, call.region or "us-east-1")
        given = self._with_ids(center, account, call)
        if given is None:
            return
        named = replace(call, parameters=given)
        if call.operation in _ASKED_FIRST and self._is_so(client, center, named):
            return
        try:
            answer = self._patiently(client, center, named, getattr(client, method))
        except (BotoCoreError, ClientError) as error:
            raise ProviderError(f"{call} by account `{account.name}`: {error}") from error
        if answer is None:
            return
        if call.operation in _AWAITED:
            self._await(client, center, call, answer)
        elif call.operation == "CreatePermissionSet":
            self._known(center)["set", given["Name"]] = answer["PermissionSet"]["PermissionSetArn"]
        elif call.operation == "CreateGroup":
            self._known(center)["group", given["DisplayName"]] = answer["GroupId"]

    def _patiently(self, client: Any, center: IdentityCenter, call: Call, make: Callable[..., Any]) -> Any:
        """Make a call until AWS has time for it; None where it is so already, or has come to be so meanwhile."""
        waits = iter(_TRIES)
        while True:
            try:
                return make(**call.parameters)
            except ClientError as error:
                code = str(error.response["Error"]["Code"])
                if code == "ResourceNotFoundException" and call.operation.startswith(_TAKES_AWAY):
                    return None
                if code == "ConflictException" and self._is_so(client, center, call):
                    return None
                # A name that others have does not come free by waiting.
                taken = code == "ConflictException" and call.operation in _NAMED
                wait = None if code not in _PASSING or taken else next(waits, None)
                if wait is None:
                    raise
                self._sleep(wait)

    def _with_ids(self, center: IdentityCenter, account: Account, call: Call) -> dict[str, Any] | None:
        """Put ids in the place of names; None where what is to be taken away has none, so that it is gone already."""
        given = dict(call.parameters)
        for key, kind in (("PermissionSetArn", "set"), ("GroupId", "group"), ("PrincipalId", "group")):
            name = str(given.get(key, ""))
            if not name.startswith(PREFIX):
                continue
            if (kind, name) not in self._known(center):
                self._look_up(center, account)
            if (id_ := self._known(center).get((kind, name))) is not None:
                given[key] = id_
            elif call.operation.startswith(_TAKES_AWAY):
                return None
            else:
                raise ProviderError(f"{call}: Identity Center has no {kind} `{name}` of watchbill's", "plan again")
        return given

    def _known(self, center: IdentityCenter) -> dict[tuple[str, str], str]:
        return self._ids.setdefault(center.instance, {})

    def _look_up(self, center: IdentityCenter, account: Account) -> None:
        """Learn the ids of all that is watchbill's, which were not told by what was observed."""
        admin = self._accounts.client(account, "sso-admin", center.region)
        store = self._accounts.client(account, "identitystore", center.region)
        reading = CenterReading(center, admin, store)
        sets = {("set", name): arn for name, arn in reading.own_sets().items()}
        self._ids[center.instance] = sets | {("group", name): id_ for name, id_ in reading.own_groups().items()}

    def _is_so(self, client: Any, center: IdentityCenter, call: Call) -> bool:
        """Tell whether it is so already: nothing is made twice, whatever would be answered to it."""
        given = call.parameters
        match call.operation:
            case "CreateGroupMembership":
                listed = memberships_of(client, center, given["MemberId"]["UserId"])
                return any(each["GroupId"] == given["GroupId"] for page in listed for each in page["GroupMemberships"])
            case "CreateAccountAssignment":
                return given["PrincipalId"] in assigned_in(client, center, given["PermissionSetArn"], given["TargetId"])
            case "CreatePermissionSet":
                return given["Name"] in CenterReading(center, client, None).own_sets()
            case "CreateGroup":
                return given["DisplayName"] in CenterReading(center, None, client).own_groups()
            case "AttachCustomerManagedPolicyReferenceToPermissionSet" | "AttachManagedPolicyToPermissionSet":
                wanted = given.get("CustomerManagedPolicyReference") or given["ManagedPolicyArn"]
                return wanted in policies_in(client, center, given["PermissionSetArn"])
            case _:
                return False

    def _asked(self, ask: Callable[..., Any], given: dict[str, Any]) -> Any:
        """Ask how far something is, until AWS has time for that."""
        for wait in _TRIES:
            try:
                return ask(**given)
            except ClientError as error:
                if str(error.response["Error"]["Code"]) not in _PASSING:
                    break
                self._sleep(wait)
            except BotoCoreError:
                break
        return translated(ask, **given)

    def _await(self, client: Any, center: IdentityCenter, call: Call, answer: Any) -> None:
        part, method, parameter = _AWAITED[call.operation]
        for wait in _WAITS:
            state = answer[part]
            if state["Status"] != "IN_PROGRESS":
                break
            self._sleep(wait)
            asked = {"InstanceArn": center.instance, parameter: state["RequestId"]}
            answer = self._asked(getattr(client, method), asked)
        if answer[part]["Status"] != "SUCCEEDED":
            why = answer[part].get("FailureReason") or "it is not done yet"
            raise ProviderError(f"{call}: {answer[part]['Status'].lower()}: {why}")


def _held(
    store: Any, admin: Any, center: IdentityCenter, user: str
) -> tuple[tuple[Assignment, ...], tuple[Membership, ...]]:
    """Read what a user has, by themselves and by groups, and the groups."""
    pages = memberships_of(store, center, user)
    listed = [each for page in pages for each in page["GroupMemberships"]]
    memberships = tuple(sorted(Membership(each["GroupId"], each["MembershipId"]) for each in listed))
    found = set(_assignments(admin, center, "USER", user))
    for each in memberships:
        found.update(_assignments(admin, center, "GROUP", each.group))
    return tuple(sorted(found)), memberships


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
