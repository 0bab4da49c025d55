"""A user with everything is shut out and deleted over HTTP, by the real boto3, where AWS's order is demanded.

Not run against AWS.
"""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.test_containment import NOON, POLICY, PRODUCTION, TEAM, app, carry_out, seen

from watchbill.access.plan import make_plan
from watchbill.respond.freeze import Asked, plan_freeze
from watchbill.respond.offboard import delete_users, remains


__all__ = ("app",)

CODES = {"AuthenticationCode1": "123456", "AuthenticationCode2": "234567"}


def certificate():
    """Make a certificate that signs itself."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "james")])
    now = NOON
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def iam(app):
    """Give James everything that a user can have."""
    carry_out(app, make_plan(TEAM, app.observe(TEAM), NOON).changes)
    iam = app.accounts.client(PRODUCTION, "iam")
    iam.create_access_key(UserName="james")
    off = iam.create_access_key(UserName="james")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="james", AccessKeyId=off, Status="Inactive")
    iam.create_login_profile(UserName="james", Password="a password of his")
    iam.create_service_specific_credential(UserName="james", ServiceName="codecommit.amazonaws.com")
    iam.upload_ssh_public_key(UserName="james", SSHPublicKeyBody="ssh-rsa AAAA")
    iam.upload_signing_certificate(UserName="james", CertificateBody=certificate())
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(UserName="james", SerialNumber=serial, **CODES)
    iam.enable_mfa_device(UserName="james", SerialNumber="GAHT12345678", **CODES)
    iam.create_group(GroupName="admins")
    iam.add_user_to_group(GroupName="admins", UserName="james")
    arn = iam.create_policy(PolicyName="own", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="james", PolicyArn=arn)
    iam.put_user_policy(UserName="james", PolicyName="inline", PolicyDocument=POLICY)
    return iam


def test_a_user_with_everything_is_deleted(app, iam):
    """Frozen, deleted in the order that AWS demands, twice without an error, and read back as gone."""
    carry_out(app, plan_freeze(TEAM, "james", seen(app), NOON, Asked(None, "left", "sofia")).changes)
    changes = tuple(delete_users("james", seen(app)))
    assert {change.call.operation for change in changes} == {
        *("PutUserPermissionsBoundary", "DeleteAccessKey", "DeleteLoginProfile", "DeleteServiceSpecificCredential"),
        *("DeleteSSHPublicKey", "DeleteSigningCertificate", "DeactivateMFADevice", "DeleteVirtualMFADevice"),
        *("RemoveUserFromGroup", "DetachUserPolicy", "DeleteUserPolicy", "DeleteUser"),
    }
    carry_out(app, changes)
    assert list(remains("james", seen(app))) == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    carry_out(app, [change for change in changes if change.call.operation.startswith("Delete")])


def test_the_stand_in_refuses_as_aws_says_it_does(iam):
    """Each thing that a user still has is in the way, in the words of the documentation of DeleteUser."""
    with pytest.raises(ClientError, match="DeleteConflict"):
        iam.delete_user(UserName="james")
    iam.create_user(UserName="bare")
    for method, given in (
        ("create_login_profile", {"Password": "a password of theirs"}),
        ("create_service_specific_credential", {"ServiceName": "codecommit.amazonaws.com"}),
        ("add_user_to_group", {"GroupName": "admins"}),
    ):
        getattr(iam, method)(UserName="bare", **given)
        with pytest.raises(ClientError, match="DeleteConflict"):
            iam.delete_user(UserName="bare")
        back = {
            "create_login_profile": lambda: iam.delete_login_profile(UserName="bare"),
            "create_service_specific_credential": lambda: iam.delete_service_specific_credential(
                UserName="bare",
                ServiceSpecificCredentialId=iam.list_service_specific_credentials(UserName="bare")[
                    "ServiceSpecificCredentials"
                ][0]["ServiceSpecificCredentialId"],
            ),
            "add_user_to_group": lambda: iam.remove_user_from_group(UserName="bare", GroupName="admins"),
        }[method]
        back()
    iam.delete_user(UserName="bare")
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_user(UserName="bare")
