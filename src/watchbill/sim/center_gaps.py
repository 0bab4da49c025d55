"""What moto lacks of IAM Identity Center, added to it: it takes every assignment for done, and makes nothing of it.

Here a permission set that is assigned in an account becomes a role there, with its policies attached, as AWS makes it;
a policy that is missing there fails the assignment. What is changed on a set comes to its roles when it is provisioned.
With `Rates` calls are throttled, and what takes time at AWS takes some answers more. It judges nothing, as moto.

Sources: IAM Identity Center API Reference, by operation; User Guide, "IAM roles created by IAM Identity Center", "Use
IAM policies in permission sets", "Quotas and limits in IAM Identity Center".
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any


_RESERVED = "/aws-reserved/sso.amazonaws.com/"
"""How the path of the roles begins that Identity Center makes."""


@dataclass(slots=True)
class Rates:
    """How much at once is answered; more is refused."""

    each_second: int
    """Calls of each second that are answered; the rest is throttled."""
    answers: int = 1
    """How often what takes time is said to go on yet."""
    outstanding: int = 10
    """How many such calls there may be at once."""
    conflicts: int = 0
    """How many of the next changes that take time are refused, as if another of the same set went on."""
    throttled: int = 0
    """How many calls were throttled."""
    _taken: list[float] = field(default_factory=list)

    def take(self) -> bool:
        """Tell whether one more call is answered now."""
        now = time.monotonic()
        self._taken = [each for each in self._taken if now - each < 1.0]
        if len(self._taken) >= self.each_second:
            self.throttled += 1
            return False
        self._taken.append(now)
        return True


def fill(rates: Rates | None = None) -> None:
    """Add what is missing to moto, with rates or without; doing so again changes the rates alone."""
    # Imported here, since only the demo needs what `watchbill[demo]` installs.
    from moto.identitystore.models import IdentityStoreBackend  # noqa: PLC0415 - see above
    from moto.ssoadmin.models import SSOAdminBackend  # noqa: PLC0415 - see above
    from moto.ssoadmin.responses import SSOAdminResponse  # noqa: PLC0415 - see above

    _World.rates = rates
    for method in (
        create_account_assignment,
        delete_account_assignment,
        describe_account_assignment_creation_status,
        describe_account_assignment_deletion_status,
        describe_permission_set_provisioning_status,
        get_permissions_boundary_for_permission_set,
        list_account_assignments_for_principal,
        list_accounts_for_provisioned_permission_set,
        provision_permission_set,
        put_permissions_boundary_to_permission_set,
    ):
        setattr(SSOAdminResponse, method.__name__, method)
    for backend, name, check in (
        (SSOAdminBackend, "create_permission_set", _no_second_set),
        (SSOAdminBackend, "delete_permission_set", _not_assigned),
        (IdentityStoreBackend, "create_group_membership", _no_second_membership),
    ):
        _check_before(backend, name, check)
    _throttle(SSOAdminResponse)


class _World:
    rates: Rates | None = None
    lock = Lock()


def _check_before(backend: Any, name: str, check: Callable[..., None]) -> None:
    """Have a check made before a method of moto's, once."""
    method = getattr(backend, name)
    if getattr(method, "checked", False):
        return

    def checked(self: Any, *args: Any, **given: Any) -> Any:
        check(self, *args, **given)
        return method(self, *args, **given)

    checked.checked = True  # type: ignore[attr-defined]
    setattr(backend, name, checked)


def _throttle(response: Any) -> None:
    """Have calls refused that are more than a second takes."""
    method = response.call_action
    if getattr(method, "checked", False):
        return

    def throttled(self: Any) -> Any:
        # The server answers several at once, and moto keeps its state in lists.
        with _World.lock:
            if _World.rates is not None and not _World.rates.take():
                said = {"__type": "ThrottlingException", "message": "Rate exceeded"}
                return 400, {"x-amzn-errortype": "ThrottlingException"}, json.dumps(said)
            return method(self)

    throttled.checked = True  # type: ignore[attr-defined]
    response.call_action = throttled


# --- permission sets ------------------------------------------------------------------------------


def _no_second_set(backend: Any, *args: Any, **given: Any) -> None:
    name = given.get("name", args[0] if args else None)
    if any(each.name == name for each in backend.permission_sets):
        raise _refused("ConflictException", f"PermissionSet with name {name} already exists.")


def _not_assigned(backend: Any, *args: Any, **given: Any) -> None:
    arn = given.get("permission_set_arn", args[1] if len(args) > 1 else None)
    if any(each.permission_set_arn == arn for each in backend.account_assignments):
        raise _refused("ConflictException", "PermissionSet is in use: it has account assignments.")


def put_permissions_boundary_to_permission_set(response: Any) -> str:
    """Bound a permission set."""
    given = json.loads(response.body)
    _set(response, given["PermissionSetArn"]).boundary = given["PermissionsBoundary"]
    return "{}"


def get_permissions_boundary_for_permission_set(response: Any) -> str:
    """Give the bound of a permission set; one that has none is ResourceNotFoundException."""
    found = getattr(_set(response, json.loads(response.body)["PermissionSetArn"]), "boundary", None)
    if found is None:
        raise _refused("ResourceNotFoundException", "PermissionsBoundary does not exist.")
    return json.dumps({"PermissionsBoundary": found})


def provision_permission_set(response: Any) -> str:
    """Bring the roles of a permission set up to what it says now, in one account or in all that have it."""
    _not_busy()
    given = json.loads(response.body)
    arn = given["PermissionSetArn"]
    accounts = _accounts(response, arn) if given["TargetType"] == "ALL_PROVISIONED_ACCOUNTS" else [given["TargetId"]]
    why = next(filter(None, [_provisioned(response, arn, number) for number in accounts]), None)
    status = _begun(response, {"PermissionSetArn": arn, "CreatedDate": _now()}, why)
    return json.dumps({"PermissionSetProvisioningStatus": status})


def describe_permission_set_provisioning_status(response: Any) -> str:
    """Say how far a provisioning is."""
    name = json.loads(response.body)["ProvisionPermissionSetRequestId"]
    return json.dumps({"PermissionSetProvisioningStatus": _asked(response, name)})


def list_accounts_for_provisioned_permission_set(response: Any) -> str:
    """List the accounts that have a permission set: all, those that have it as it is, or those that do not."""
    given = json.loads(response.body)
    arn, status = given["PermissionSetArn"], given.get("ProvisioningStatus")
    current = _form(_set(response, arn))
    made = _made(response)
    found = [
        number
        for number in _accounts(response, arn)
        if status is None or (made.get((arn, number)) == current) is (status == "LATEST_PERMISSION_SET_PROVISIONED")
    ]
    return json.dumps({"AccountIds": found})


# --- assignments ----------------------------------------------------------------------------------


def create_account_assignment(response: Any) -> str:
    """Assign a permission set in an account, and make a role of it there; one that is there already stays."""
    _not_busy()
    given = json.loads(response.body)
    backend, arn, number = response.ssoadmin_backend, given["PermissionSetArn"], given["TargetId"]
    _set(response, arn)
    why = _provisioned(response, arn, number)
    said = {key: given[key] for key in _ASSIGNMENT}
    if why is None and not any(_is(each, said) for each in backend.account_assignments):
        backend.create_account_assignment(
            given["InstanceArn"], number, given["TargetType"], arn, given["PrincipalType"], given["PrincipalId"]
        )
    status = _begun(response, {**said, "CreatedDate": _now()}, why)
    return json.dumps({"AccountAssignmentCreationStatus": status})


def delete_account_assignment(response: Any) -> str:
    """Take an assignment away; with the last one of a set in an account its role there goes."""
    _not_busy()
    given = json.loads(response.body)
    backend, arn, number = response.ssoadmin_backend, given["PermissionSetArn"], given["TargetId"]
    backend.delete_account_assignment(
        given["InstanceArn"], number, given["TargetType"], arn, given["PrincipalType"], given["PrincipalId"]
    )
    if number not in _accounts(response, arn):
        _unmade(response, arn, number)
    status = _begun(response, {**{key: given[key] for key in _ASSIGNMENT}, "CreatedDate": _now()}, None)
    return json.dumps({"AccountAssignmentDeletionStatus": status})


def describe_account_assignment_creation_status(response: Any) -> str:
    """Say how far the making of an assignment is."""
    name = json.loads(response.body)["AccountAssignmentCreationRequestId"]
    return json.dumps({"AccountAssignmentCreationStatus": _asked(response, name)})


def describe_account_assignment_deletion_status(response: Any) -> str:
    """Say how far the deletion of an assignment is."""
    name = json.loads(response.body)["AccountAssignmentDeletionRequestId"]
    return json.dumps({"AccountAssignmentDeletionStatus": _asked(response, name)})


def list_account_assignments_for_principal(response: Any) -> str:
    """List what a user has, by their groups too, or what a group has."""
    given = json.loads(response.body)
    principals = {given["PrincipalId"]}
    if given["PrincipalType"] == "USER":
        principals |= set(_groups_of(response, given["PrincipalId"]))
    found = [
        {
            "AccountId": each.target_id,
            "PermissionSetArn": each.permission_set_arn,
            "PrincipalId": each.principal_id,
            "PrincipalType": each.principal_type,
        }
        for each in response.ssoadmin_backend.account_assignments
        if each.principal_id in principals
    ]
    return json.dumps({"AccountAssignments": found})


_ASSIGNMENT = ("TargetId", "TargetType", "PermissionSetArn", "PrincipalType", "PrincipalId")


def _is(found: Any, said: dict[str, str]) -> bool:
    return (found.target_id, found.permission_set_arn, found.principal_id) == (
        said["TargetId"],
        said["PermissionSetArn"],
        said["PrincipalId"],
    )


def _groups_of(response: Any, user: str) -> Iterator[str]:
    from moto.identitystore.models import identitystore_backends  # noqa: PLC0415 - see `fill`

    backend = identitystore_backends[response.current_account][response.region]
    for store in backend.identity_stores.values():
        yield from (m["GroupId"] for m in store.group_memberships.values() if m["MemberId"]["UserId"] == user)


def _no_second_membership(backend: Any, identity_store_id: str, group_id: str, member_id: dict[str, str]) -> None:
    from moto.identitystore.exceptions import ConflictException  # noqa: PLC0415 - see `fill`

    store = backend.identity_stores.get(identity_store_id)
    there = [] if store is None else store.group_memberships.values()
    if any(each["GroupId"] == group_id and each["MemberId"] == member_id for each in there):
        raise ConflictException(message="Member and Group relationship already exists.", reason="UNIQUENESS_CONSTRAINT")


# --- what takes time ------------------------------------------------------------------------------


def _not_busy() -> None:
    if (rates := _World.rates) is not None and rates.conflicts:
        rates.conflicts -= 1
        raise _refused("ConflictException", "There is a conflicting operation in process.")


def _now() -> float:
    from moto.core.utils import unix_time  # noqa: PLC0415 - see `fill`

    return float(unix_time())


def _begun(response: Any, said: dict[str, Any], why: str | None) -> dict[str, Any]:
    """Give the status of what was begun; without rates it is done at once."""
    held = response.ssoadmin_backend.__dict__.setdefault("begun", {})
    rates = _World.rates
    if rates is not None and sum(1 for each in held.values() if each["left"]) >= rates.outstanding:
        raise _refused("ThrottlingException", "Too many outstanding requests.")
    end = {"Status": "SUCCEEDED"} if why is None else {"Status": "FAILED", "FailureReason": why}
    name = f"{len(held):08x}-0000-4000-8000-{len(held):012x}"
    held[name] = {"left": 0 if rates is None else rates.answers, "said": {**said, "RequestId": name}, "end": end}
    return _status(held[name])


def _asked(response: Any, name: str) -> dict[str, Any]:
    held = response.ssoadmin_backend.__dict__.setdefault("begun", {})
    if name not in held:
        raise _refused("ResourceNotFoundException", f"no request {name}")
    held[name]["left"] = max(held[name]["left"] - 1, 0)
    return _status(held[name])


def _status(one: dict[str, Any]) -> dict[str, Any]:
    return {**one["said"], **({"Status": "IN_PROGRESS"} if one["left"] else one["end"])}


# --- roles in accounts ----------------------------------------------------------------------------


def _provisioned(response: Any, arn: str, number: str) -> str | None:
    """Make or bring up the role of a permission set in an account; give why it cannot be."""
    found = _set(response, arn)
    iam = _iam(number)
    boundary = getattr(found, "boundary", None) or {}
    bound = boundary.get("CustomerManagedPolicyReference")
    wanted = [_policy_arn(number, each.path, each.name) for each in found.customer_managed_policies]
    needed = [*wanted, *([] if bound is None else [_policy_arn(number, bound.get("Path", "/"), bound["Name"])])]
    for policy in needed:
        if policy not in iam.managed_policies:
            return f"Received a 404 status error: Policy {policy} not found in account {number}."
    name = _role_name(found, arn)
    role = next((each for each in iam.get_roles() if each.name == name), None)
    if role is None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": f"arn:aws:iam::{number}:saml-provider/AWSSSO_1_DO_NOT_DELETE"},
                    "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
                    "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
                }
            ],
        }
        role = iam.create_role(name, json.dumps(trust), f"{_RESERVED}{response.region}/", None, "", [], "43200")
    attached = [*wanted, *(each.arn for each in found.managed_policies if each.arn in iam.managed_policies)]
    for policy in [*role.managed_policies]:
        if policy not in attached:
            iam.detach_role_policy(policy, name)
    for policy in attached:
        if policy not in role.managed_policies:
            iam.attach_role_policy(policy, name)
    role.policies = {"AwsSSOInlinePolicy": found.inline_policy} if found.inline_policy else {}
    role.permissions_boundary_arn = needed[-1] if bound is not None else boundary.get("ManagedPolicyArn")
    _made(response)[arn, number] = _form(found)
    return None


def _unmade(response: Any, arn: str, number: str) -> None:
    iam, name = _iam(number), _role_name(_set(response, arn), arn)
    role = next((each for each in iam.get_roles() if each.name == name), None)
    if role is not None:
        for policy in [*role.managed_policies]:
            iam.detach_role_policy(policy, name)
        role.policies = {}
        iam.delete_role(name)
    _made(response).pop((arn, number), None)


def _role_name(found: Any, arn: str) -> str:
    return f"AWSReservedSSO_{found.name}_{sha256(arn.encode()).hexdigest()[:16]}"


def _policy_arn(number: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{number}:policy{path}{name}"


def _form(found: Any) -> str:
    """Give what a permission set says, to be told from what it said."""
    referred = sorted(f"{each.path}{each.name}" for each in found.customer_managed_policies)
    managed = sorted(each.arn for each in found.managed_policies)
    said = [referred, managed, found.inline_policy, getattr(found, "boundary", None), found.session_duration]
    return json.dumps(said, sort_keys=True)


def _made(response: Any) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = response.ssoadmin_backend.__dict__.setdefault("made", {})
    return found


def _accounts(response: Any, arn: str) -> list[str]:
    assigned = response.ssoadmin_backend.account_assignments
    return sorted({each.target_id for each in assigned if each.permission_set_arn == arn})


def _set(response: Any, arn: str) -> Any:
    found = next((e for e in response.ssoadmin_backend.permission_sets if e.permission_set_arn == arn), None)
    if found is None:
        raise _refused("ResourceNotFoundException", f"Could not find PermissionSet with id {arn.rpartition('/')[2]}")
    return found


def _iam(number: str) -> Any:
    from moto.iam.models import iam_backends  # noqa: PLC0415 - see `fill`

    return iam_backends[number]["aws"]


def _refused(kind: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError  # noqa: PLC0415 - see `fill`

    return JsonRESTError(kind, message)
