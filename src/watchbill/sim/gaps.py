"""What moto lacks of what watchbill calls, added to it: served by the same server, to the same real boto3 client.

Boundaries of users, service-specific credentials, sessions of Session Manager, and what DeleteUser refuses. What is
answered goes through moto's serialiser, which takes its members from botocore's model of the service. It keeps state
and judges nothing, as moto.
"""

import json
from typing import Any


BOUNDARY = "PermissionsBoundaryPolicy"
DENY_ALL = "AWSDenyAll"


def fill() -> None:
    """Add what is missing to moto; doing so again changes nothing."""
    # Imported here, since only the demo needs what `watchbill[demo]` installs.
    from moto.iam.models import IAMBackend  # noqa: PLC0415 - see above
    from moto.iam.responses import IamResponse  # noqa: PLC0415 - see above
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - see above

    setattr(IAMBackend, "_init_aws_policies", _aws_policies)  # noqa: B010 - a method is not assigned to
    for method in (
        put_user_permissions_boundary,
        delete_user_permissions_boundary,
        create_service_specific_credential,
        list_service_specific_credentials,
        update_service_specific_credential,
        delete_service_specific_credential,
        delete_user,
    ):
        setattr(IamResponse, method.__name__, method)
    for method in (describe_sessions, terminate_session, start_session):
        setattr(SimpleSystemManagerResponse, method.__name__, method)


def _aws_policies(backend: Any) -> list[Any]:
    """Give the one policy of AWS's own that a freeze attaches: moto's whole list takes a second to read."""
    from moto.iam.models import AWSManagedPolicy  # noqa: PLC0415 - see `fill`

    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ["*"], "Resource": "*"}]}
    said = {
        "Arn": f"arn:aws:iam::aws:policy/{DENY_ALL}",
        "CreateDate": "2019-05-01T22:36:14+00:00",
        "DefaultVersionId": "v2",
        "Document": document,
        "Path": "/",
        "UpdateDate": "2023-12-18T16:42:05+00:00",
    }
    return [AWSManagedPolicy.from_data(DENY_ALL, backend.account_id, backend.region_name, said)]


# --- IAM ------------------------------------------------------------------------------------------


def put_user_permissions_boundary(response: Any) -> Any:
    """Bound a user."""
    arn = _given(response, "PermissionsBoundary")
    user = _user(response)
    user.permissions_boundary = {"PermissionsBoundaryType": BOUNDARY, "PermissionsBoundaryArn": arn}
    return _empty()


def delete_user_permissions_boundary(response: Any) -> Any:
    """Take a user's bound away; one that is not there is NoSuchEntity."""
    user = _user(response)
    if getattr(user, "permissions_boundary", None) is None:
        raise _missing(f"User {user.name} does not have a permissions boundary")
    user.permissions_boundary = None
    return _empty()


def create_service_specific_credential(response: Any) -> Any:
    """Make a credential for one service."""
    user, service = _user(response), _given(response, "ServiceName")
    held = _credentials(user)
    made = {
        "CreateDate": user.create_date,
        "ServiceName": service,
        "ServiceUserName": f"{user.name}-at-{response.backend.account_id}",
        "ServicePassword": "not a password",
        "ServiceSpecificCredentialId": f"ACCA{user.id[4:]}{len(held)}",
        "UserName": user.name,
        "Status": "Active",
    }
    held.append(made)
    return _result({"ServiceSpecificCredential": made})


def list_service_specific_credentials(response: Any) -> Any:
    """List a user's, without their passwords."""
    shown = [{k: v for k, v in each.items() if k != "ServicePassword"} for each in _credentials(_user(response))]
    return _result({"ServiceSpecificCredentials": shown})


def update_service_specific_credential(response: Any) -> Any:
    """Switch one on or off."""
    name = _given(response, "ServiceSpecificCredentialId")
    found = next((e for e in _credentials(_user(response)) if e["ServiceSpecificCredentialId"] == name), None)
    if found is None:
        raise _missing(f"No such credential {name} exists")
    found["Status"] = _given(response, "Status")
    return _empty()


def delete_service_specific_credential(response: Any) -> Any:
    """Delete one; one that is not there is NoSuchEntity."""
    name, held = _given(response, "ServiceSpecificCredentialId"), _credentials(_user(response))
    if all(each["ServiceSpecificCredentialId"] != name for each in held):
        raise _missing(f"No such credential {name} exists")
    held[:] = [each for each in held if each["ServiceSpecificCredentialId"] != name]
    return _empty()


def delete_user(response: Any) -> Any:
    """Delete a user, but none who still has anything of what IAM's documentation of DeleteUser lists."""
    from moto.iam.exceptions import DeleteConflictException  # noqa: PLC0415 - see `fill`

    user, backend = _user(response), response.backend
    held = {
        "login profile": user.password,
        "access keys": user.access_keys,
        "signing certificates": user.signing_certificates,
        "SSH public keys": user.ssh_public_keys,
        "service-specific credentials": _credentials(user),
        "MFA devices": user.mfa_devices,
        "inline policies": user.policies,
        "attached policies": user.managed_policies,
        "groups": [group for group in backend.groups.values() if user in group.users],
    }
    if there := [what for what, found in held.items() if found]:
        raise DeleteConflictException(f"Cannot delete entity, must remove {there[0]} first.")
    backend.delete_user(user.name)
    return _empty()


def _credentials(user: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.__dict__.setdefault("service_specific_credentials", [])
    return found


def _given(response: Any, name: str) -> Any:
    return response._get_param(name)  # noqa: SLF001 - so moto's own methods ask


def _user(response: Any) -> Any:
    return response.backend.get_user(_given(response, "UserName"))


def _missing(message: str) -> Exception:
    from moto.iam.exceptions import NotFoundException  # noqa: PLC0415 - see `fill`

    return NotFoundException(message)


def _result(said: dict[str, Any]) -> Any:
    from moto.core.responses import ActionResult  # noqa: PLC0415 - see `fill`

    return ActionResult(said)


def _empty() -> Any:
    from moto.core.responses import EmptyResult  # noqa: PLC0415 - see `fill`

    return EmptyResult()


# --- Systems Manager ------------------------------------------------------------------------------


def start_session(response: Any) -> str:
    """Open a session of whoever `Reason` says: moto does not know who asks."""
    given = json.loads(response.body)
    held = _sessions(response)
    name = f"{given['Reason'].rpartition('/')[2]}-{len(held):017x}"
    held.append({"SessionId": name, "Target": given["Target"], "Status": "Connected", "Owner": given["Reason"]})
    return json.dumps({"SessionId": name, "TokenValue": "", "StreamUrl": ""})


def describe_sessions(response: Any) -> str:
    """List sessions, those that are open or those that are over."""
    wanted = {"Active": ("Connected",), "History": ("Terminated",)}[json.loads(response.body)["State"]]
    return json.dumps({"Sessions": [each for each in _sessions(response) if each["Status"] in wanted]})


def terminate_session(response: Any) -> str:
    """End one."""
    name = json.loads(response.body)["SessionId"]
    for each in _sessions(response):
        if each["SessionId"] == name:
            each["Status"] = "Terminated"
    return json.dumps({"SessionId": name})


def _sessions(response: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = response.ssm_backend.__dict__.setdefault("shells", [])
    return found
