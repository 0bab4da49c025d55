"""What a record tells of a request's context: keys that were there, that were not, and that nobody knows."""

import random
from typing import Any

import pytest

from watchbill.policy.circumstances import Known, circumstances_of


ACCOUNT = "111122223333"
SESSION_KEYS = {"aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:TokenIssueTime"}


def user(**attributes):
    """Make the identity of an IAM user, with long-term keys unless it has a session."""
    made: dict[str, Any] = {
        "type": "IAMUser",
        "principalId": "AIDAJAMES",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/team/james",
        "accountId": ACCOUNT,
        "accessKeyId": "AKIAJAMES",
        "userName": "james",
    }
    if attributes:
        made |= {"accessKeyId": "ASIAJAMES", "sessionContext": {"attributes": attributes}}
    return made


def role(mfa="false", **session):
    """Make the identity of a role's session."""
    return {
        "type": "AssumedRole",
        "principalId": "AROAAPP:james",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/app/james",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAAPP",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/team/app", "userName": "app"},
            "attributes": {"creationDate": "2026-01-12T11:00:00Z", "mfaAuthenticated": mfa},
            **session,
        },
    }


def known(identity=None, **fields):
    """Read one record."""
    return circumstances_of(
        {
            "eventTime": "2026-01-12T12:00:00Z",
            "eventSource": "ec2.amazonaws.com",
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "203.0.113.7",
            "userAgent": "aws-cli/2",
            "userIdentity": user() if identity is None else identity,
            **fields,
        }
    )


def state(found, key):
    """Give a key's value, `present`, `absent`, or None where it is not known."""
    if key in found.context:
        return found.context[key]
    return "present" if key in found.present else "absent" if key in found.absent else None


def test_a_user_with_long_term_keys():
    """Most keys are told; those of sessions are known not to be there, so a denial without MFA surely hits."""
    found = known()
    assert found.context == {
        "aws:CurrentTime": "2026-01-12T12:00:00Z",
        "aws:EpochTime": "1768219200",
        "aws:RequestedRegion": "eu-west-1",
        "aws:SourceIp": "203.0.113.7",
        "aws:UserAgent": "aws-cli/2",
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/team/james",
        "aws:PrincipalAccount": ACCOUNT,
        "aws:PrincipalType": "User",
        "aws:userid": "AIDAJAMES",
        "aws:username": "james",
        "aws:PrincipalIsAWSService": "false",
        "aws:ViaAWSService": "false",
    }
    assert found.present == frozenset()
    assert SESSION_KEYS | {"aws:SourceIdentity", "aws:SourceVpce", "aws:CalledVia", "aws:SourceArn"} <= found.absent


def test_a_users_session():
    """A console session, or one of GetSessionToken: MFA is told, and when it began."""
    found = known(user(creationDate="2026-01-12T11:00:00Z", mfaAuthenticated="true"))
    assert state(found, "aws:MultiFactorAuthPresent") == "true"
    assert state(found, "aws:MultiFactorAuthAge") == "3600"
    assert state(found, "aws:TokenIssueTime") == "2026-01-12T11:00:00Z"
    assert state(found, "aws:username") == "james"
    assert state(found, "aws:FederatedProvider") == "absent"
    unnamed = {key: value for key, value in user().items() if key != "userName"}
    assert state(known(unnamed), "aws:username") == "james"
    found = known(user(creationDate="2026-01-12T11:00:00Z", mfaAuthenticated="false"))
    assert state(found, "aws:MultiFactorAuthPresent") == "false"
    assert state(found, "aws:MultiFactorAuthAge") == "absent"


def test_a_roles_session():
    """Policies speak of the role by its ARN, path and all; a session has no user name."""
    found = known(role(sourceIdentity="james"))
    assert state(found, "aws:PrincipalArn") == f"arn:aws:iam::{ACCOUNT}:role/team/app"
    assert state(found, "aws:userid") == "AROAAPP:james"
    assert state(found, "aws:username") == "absent"
    assert state(found, "aws:SourceIdentity") == "james"
    assert state(found, "aws:MultiFactorAuthPresent") == "false"
    assert state(found, "aws:PrincipalType") == "AssumedRole"
    assert state(known(role()), "aws:SourceIdentity") == "absent"
    bare = {key: value for key, value in role().items() if key != "sessionContext"}
    assert state(known(bare), "aws:SourceIdentity") is None, "a record without the session does not tell"
    assert state(known(bare), "aws:TokenIssueTime") == "present"
    assert state(found, "ec2:RoleDelivery") == "absent"
    assert state(known(role(ec2RoleDelivery="2.0")), "ec2:RoleDelivery") == "2.0"
    assert state(known(role(ec2RoleDelivery="2.0")), "aws:Ec2InstanceSourceVpc") is None


def test_the_mfa_of_an_identity_provider_is_not_known():
    """What it asked for AWS does not see, nor whether the key is there at all."""
    web = known(role(webIdFederationData={"federatedProvider": "accounts.google.com"}))
    assert state(web, "aws:MultiFactorAuthPresent") is None
    assert state(web, "aws:FederatedProvider") == "accounts.google.com"
    center = role()
    center["sessionContext"]["sessionIssuer"]["arn"] = (
        f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"
    )
    assert state(known(center), "aws:MultiFactorAuthPresent") is None


def test_credentials_of_unknown_kind_tell_nothing_of_sessions():
    """Neither that the keys were there, nor that they were not."""
    identity = {key: value for key, value in user().items() if key != "accessKeyId"}
    assert all(state(known(identity), key) is None for key in SESSION_KEYS)


def test_root():
    """The account's root has no user name, and is of type Account."""
    found = known({"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT})
    assert state(found, "aws:PrincipalType") == "Account"
    assert state(found, "aws:username") == "absent"


def test_a_call_through_an_endpoint():
    """The address is a private one and goes by another key; the endpoint's account may be told."""
    found = known(vpcEndpointId="vpce-1", vpcEndpointAccountId="9" * 12, sourceIPAddress="10.0.0.1")
    assert state(found, "aws:SourceVpce") == "vpce-1"
    assert state(found, "aws:SourceVpc") == "present"
    assert state(found, "aws:VpcSourceIp") == "10.0.0.1"
    assert state(found, "aws:VpceAccount") == "9" * 12
    assert state(found, "aws:SourceIp") == "absent"


def test_a_service_that_calls_on_for_somebody():
    """Its address and agent are its own; which keys of the caller's stay is not known."""
    identity = {**role(), "invokedBy": "cloudformation.amazonaws.com"}
    found = known(identity, sourceIPAddress="cloudformation.amazonaws.com", userAgent="cloudformation.amazonaws.com")
    assert state(found, "aws:ViaAWSService") == "true"
    assert state(found, "aws:CalledViaLast") == "cloudformation.amazonaws.com"
    assert state(found, "aws:CalledVia") == "present"
    for key in ("aws:SourceIp", "aws:UserAgent", "aws:SourceVpce"):
        assert state(found, key) is None
    other = known({**role(), "invokedBy": "lambda.amazonaws.com"})
    assert state(other, "aws:ViaAWSService") == "true"
    assert state(other, "aws:CalledVia") is None
    assert state(known({**role(), "invokedBy": "AWS Internal"}), "aws:ViaAWSService") is None


def test_a_service_on_its_own_account():
    """It is no IAM identity: no user, no role, and nobody's account."""
    found = known({"type": "AWSService", "invokedBy": "config.amazonaws.com"})
    assert state(found, "aws:PrincipalIsAWSService") == "true"
    assert state(found, "aws:PrincipalServiceName") == "config.amazonaws.com"
    assert state(found, "aws:PrincipalArn") == "absent"
    assert state(found, "aws:SourceArn") is None
    assert state(found, "aws:ViaAWSService") == "false"


def test_an_address_that_is_a_services_name_is_none():
    """It stands where the address would be."""
    assert state(known(sourceIPAddress="AWS Internal"), "aws:SourceIp") is None


def test_transport_and_signature():
    """TLS where the record tells of it; what it does not tell may have been either."""
    assert state(known(), "aws:SecureTransport") is None
    assert state(known(tlsDetails={"tlsVersion": "TLSv1.3"}), "aws:SecureTransport") == "true"
    more = {"SignatureVersion": "SigV4", "AuthenticationMethod": "QueryString", "CipherSuite": "x"}
    found = known(eventSource="s3.amazonaws.com", additionalEventData=more, tlsDetails={"tlsVersion": "TLSv1.2"})
    assert state(found, "s3:signatureversion") == "AWS4-HMAC-SHA256"
    assert state(found, "s3:authType") == "REST-QUERY-STRING"
    assert state(found, "s3:TlsVersion") == "1.2"
    assert state(known(additionalEventData=more), "aws:SecureTransport") == "true"


def test_tags_and_organizations_are_never_known():
    """No record tells of them, so a condition on one makes an answer depend."""
    for identity in (user(), role()):
        for key in ("aws:PrincipalTag/team", "aws:PrincipalOrgID", "aws:ResourceTag/team", "aws:ResourceOrgID"):
            assert state(known(identity), key) is None


def test_no_key_is_two_things_and_no_record_raises():
    """A key is told, there, not there, or unknown; whatever is in a record."""
    chance = random.Random(3)
    odd = [
        None,
        7,
        "",
        "x",
        [],
        {},
        ["x"],
        {"arn": 5},
        True,
        {"attributes": {"creationDate": "x", "mfaAuthenticated": 1}},
    ]
    fields = ["eventTime", "eventSource", "awsRegion", "sourceIPAddress", "userAgent", "userIdentity", "tlsDetails"]
    inner = ["type", "arn", "principalId", "accountId", "accessKeyId", "userName", "sessionContext", "invokedBy"]
    assert circumstances_of({}) == Known({}, frozenset(), circumstances_of({}).absent)
    for _ in range(3000):
        identity = {**chance.choice([user(), role()]), chance.choice(inner): chance.choice(odd)}
        found = known(identity, **{chance.choice(fields): chance.choice([*odd, identity])})
        assert not {*found.context} & (found.present | found.absent)
        assert not found.present & found.absent
        assert all(isinstance(value, str) and value for value in found.context.values())


@pytest.mark.parametrize("at", ["", "yesterday", "2026-01-12T12:00:00", None, 5])
def test_a_time_that_is_no_instant_is_not_known(at):
    """A clock without a zone tells nothing."""
    assert state(known(eventTime=at), "aws:CurrentTime") is None
