"""CloudTrail records made by hand, in the shape AWS writes them, for tests of what reads, names and judges them.

After the CloudTrail User Guide, "CloudTrail record contents", "userIdentity element" and "AWS Management Console
sign-in events". Two records made from the same words have the same `eventID`; `event_id` tells them apart.
"""

import gzip
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.teams import MONDAY, PRODUCTION

from watchbill.trail.attribute import attribute
from watchbill.trail.model import Attributed, Event, Reading
from watchbill.trail.read import combine, read_file


Record = dict[str, Any]

FOREIGN = "999999999999"
"""An account of nobody's team."""


def user(name: str, *, account: str = PRODUCTION, path: str = "/", key: str = "", mfa: bool | None = None) -> Record:
    """Make the `userIdentity` of an IAM user; `mfa` given, one who acts by a session of their own."""
    identity = {
        "type": "IAMUser",
        "principalId": f"AIDA{name.upper():X<16.16}",
        "arn": f"arn:aws:iam::{account}:user{path}{name}",
        "accountId": account,
        "accessKeyId": key or f"AKIA{name.upper():X<16.16}",
        "userName": name,
    }
    if mfa is None:
        return identity
    attributes = {"creationDate": stamp(MONDAY), "mfaAuthenticated": str(mfa).lower()}
    return {**identity, "sessionContext": {"attributes": attributes}}


def session(
    role: str,
    name: str,
    key: str,
    *,
    account: str = PRODUCTION,
    path: str = "/",
    began: datetime = MONDAY,
    source_identity: str | None = None,
) -> Record:
    """Make the `userIdentity` of a session of a role, called `name`, that acts with a temporary key."""
    role_id = f"AROA{role.upper():X<16.16}"
    context: Record = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": role_id,
            "arn": f"arn:aws:iam::{account}:role{path}{role}",
            "accountId": account,
            "userName": role,
        },
        "attributes": {"creationDate": stamp(began), "mfaAuthenticated": "false"},
    }
    if source_identity is not None:
        context["sourceIdentity"] = source_identity
    return {
        "type": "AssumedRole",
        "principalId": f"{role_id}:{name}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": context,
    }


def federated(issuer: str, name: str, key: str, *, account: str = PRODUCTION) -> Record:
    """Make the `userIdentity` of a federated session, which an IAM user made for `name` by GetFederationToken."""
    return {
        "type": "FederatedUser",
        "principalId": f"{account}:{name}",
        "arn": f"arn:aws:sts::{account}:federated-user/{name}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "IAMUser",
                "principalId": f"AIDA{issuer.upper():X<16.16}",
                "arn": f"arn:aws:iam::{account}:user/{issuer}",
                "accountId": account,
                "userName": issuer,
            },
            "attributes": {"creationDate": stamp(MONDAY), "mfaAuthenticated": "false"},
        },
    }


def root(*, account: str = PRODUCTION) -> Record:
    """Make the `userIdentity` of the root user."""
    return {
        "type": "Root",
        "principalId": account,
        "arn": f"arn:aws:iam::{account}:root",
        "accountId": account,
        "accessKeyId": "ASIAROOTXXXXXXXXXXXX",
    }


def service(name: str) -> Record:
    """Make the `userIdentity` of an AWS service, such as `ec2`."""
    return {"type": "AWSService", "invokedBy": f"{name}.amazonaws.com"}


def saml_user(name: str) -> Record:
    """Make the `userIdentity` of whoever signs in by SAML: what Identity Center and other providers vouch for."""
    issuer = "Rgf7zUlbL+cPqVZzDyRzkNqkrIg="
    return {"type": "SAMLUser", "principalId": f"{issuer}:{name}", "userName": name, "identityProvider": issuer}


def web_identity(subject: str, host: str = "token.actions.githubusercontent.com", **fields: Any) -> Record:
    """Make the `userIdentity` of whoever has a token of an OIDC provider, such as a run of CI."""
    provider = f"arn:aws:iam::{PRODUCTION}:oidc-provider/{host}"
    who = {"principalId": f"{provider}:sts.amazonaws.com:{subject}", "userName": subject, "identityProvider": provider}
    return {"type": "WebIdentityUser", **who, **fields}


def by_token(who: Record, role: str, key: str, at: datetime = MONDAY, **fields: Any) -> Record:
    """Make the record of an AssumeRoleWithWebIdentity that handed out a temporary key."""
    made = assume_role(who, role, key, at, **fields)
    answer = made["responseElements"] | {"subjectFromWebIdentityToken": who.get("userName")}
    return made | {"eventName": "AssumeRoleWithWebIdentity", "responseElements": answer}


def other_account(account: str = FOREIGN) -> Record:
    """Make the `userIdentity` that a caller from another account has in the record of the account it called."""
    return {"type": "AWSAccount", "principalId": "AIDAXXXXXXXXXXXXXXXX", "accountId": account}


def record(
    action: str = "ec2:DescribeInstances",
    who: Record | None = None,
    at: datetime = MONDAY,
    *,
    account: str = PRODUCTION,
    event_id: str | None = None,
    error: str | None = None,
    **fields: Any,
) -> Record:
    """Make the record of a call, `ec2:DescribeInstances`; `fields` are more of its fields, by CloudTrail's names."""
    service_name, name = action.split(":")
    identity = user("james") if who is None else who
    seed = json.dumps([action, identity, stamp(at), account, error, fields], default=str)
    made = {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": stamp(at),
        "eventSource": f"{service_name}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.17.5 md/command#" + service_name,
        "requestParameters": None,
        "responseElements": None,
        "requestID": str(uuid5(NAMESPACE_URL, "request" + seed)),
        "eventID": event_id or str(uuid5(NAMESPACE_URL, seed)),
        "readOnly": name.startswith(("Describe", "Get", "List")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if error is not None:
        made |= {"errorCode": error, "errorMessage": f"{error}: refused"}
    return made | fields


def assume_role(
    who: Record, role: str, key: str, at: datetime = MONDAY, *, account: str = PRODUCTION, **fields: Any
) -> Record:
    """Make the record of an AssumeRole that handed out a temporary key; `role` may have a path before its name."""
    name = role.rsplit("/", 1)[-1]
    arn, called = f"arn:aws:iam::{account}:role/{role}", who.get("userName", "session")
    given: Record = {
        "requestParameters": {"roleArn": arn, "roleSessionName": called, "durationSeconds": 3600},
        "responseElements": {
            "credentials": {"accessKeyId": key, "sessionToken": "IQoJb3JpZ2luX2VjE", "expiration": "Jan 12, 2026"},
            "assumedRoleUser": {"arn": f"arn:aws:sts::{account}:assumed-role/{name}/{called}"},
        },
        "resources": [{"accountId": account, "type": "AWS::IAM::Role", "ARN": arn}],
    }
    return record("sts:AssumeRole", who, at, **{"account": account} | given | fields)


def sign_in(who: Record, at: datetime = MONDAY, *, mfa: str = "Yes", success: bool = True, **fields: Any) -> Record:
    """Make the record of a sign-in to the console."""
    said: Record = {
        "eventType": "AwsConsoleSignIn",
        "responseElements": {"ConsoleLogin": "Success" if success else "Failure"},
        "additionalEventData": {"MobileVersion": "No", "MFAUsed": mfa},
    }
    if not success:
        said["errorMessage"] = "Failed authentication"
    return record("signin:ConsoleLogin", who, at, **said | fields)


def document(*records: object) -> bytes:
    """Write records as a file that AWS delivers, not compressed."""
    return json.dumps({"Records": records}).encode()


def zipped(*records: object) -> bytes:
    """Write records as AWS delivers them."""
    return gzip.compress(document(*records), mtime=0)


def reading(*records: object) -> Reading:
    """Read records as one file."""
    return combine([read_file("trail.json", document(*records))])


def event(of: Record) -> Event:
    """Read one record."""
    (found,) = reading(of).events
    return found


def named(records: list[Record], team: Any) -> dict[str, Attributed]:
    """Read records and name their actors, by `eventID`."""
    return {each.event.id: each for each in attribute(reading(*records).events, team)}


def stamp(at: datetime) -> str:
    """Write an instant as CloudTrail does."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def after(hours: float) -> datetime:
    """Give the instant some hours after `MONDAY`."""
    return MONDAY + timedelta(hours=hours)
