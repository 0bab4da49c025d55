"""What moto lacks of a freeze is served by ours, on the loopback, to the real boto3, and held to botocore's model.

Not run against AWS: `tools/acceptance.py` is for that.
"""

from dataclasses import replace
from datetime import timedelta

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from tests.teams import MONDAY, team

from watchbill.access.apply import apply
from watchbill.access.model import AccessKey, Call, DoorKind, State
from watchbill.access.plan import make_plan
from watchbill.access.quarantine import Form
from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.aws.shells import ALLOWED_CALLS, Shells
from watchbill.bootstrap import make_app
from watchbill.errors import ProviderError
from watchbill.respond.freeze import Asked, plan_freeze
from watchbill.respond.model import Seen
from watchbill.respond.restore import Before, plan_restore
from watchbill.respond.verify import verify_frozen
from watchbill.sim import gaps
from watchbill.sim.stand_in import StandIn


NOON = MONDAY + timedelta(hours=12)
TEAM = team()
PRODUCTION = TEAM.accounts["production"]
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


@pytest.fixture
def app():
    """Give an app on a fresh stand-in."""
    with StandIn() as stand_in:
        yield make_app(None, stand_in.endpoint, ("any", "any"))


def seen(app, person="james"):
    """Read what a freeze goes by."""
    observed = app.look(TEAM)
    shells = Shells(app.accounts, ("eu-west-1", "us-east-1"))
    open_ = {name: shells.open_in(account) for name, account in TEAM.accounts.items()}
    return Seen(observed, app.credentials_of(TEAM, person, observed), open_)


def without_versions(states):
    """Leave out what policies said before, and which of AWS's own the stand-in tells of."""
    return {
        name: replace(
            state,
            policies={a: replace(p, versions=()) for a, p in state.policies.items() if ":iam::aws:" not in a},
        )
        for name, state in states.items()
    }


def carry_out(app, changes):
    """Make every change, over HTTP."""
    outcomes = apply(changes, lambda change: app.perform(TEAM, change))
    assert [outcome.error for outcome in outcomes if outcome.state is not State.DONE] == []


@pytest.mark.parametrize("form", list(Form))
def test_every_form_of_a_freeze_over_http(app, form):
    """Frozen, verified over what boto3 reads back, and restored, with side doors and shells, boundary put back."""
    iam = app.accounts.client(PRODUCTION, "iam")
    carry_out(app, make_plan(TEAM, app.observe(TEAM), NOON).changes)
    iam.create_access_key(UserName="james")
    for service in ("codecommit.amazonaws.com", "cassandra.amazonaws.com"):
        iam.create_service_specific_credential(UserName="james", ServiceName=service)
    iam.upload_ssh_public_key(UserName="james", SSHPublicKeyBody="ssh-rsa AAAA")
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="james", PermissionsBoundary=bound)
    if form is not Form.ATTACHED:
        for number in range(10):
            arn = iam.create_policy(PolicyName=f"own{number}", PolicyDocument=POLICY)["Policy"]["Arn"]
            iam.attach_user_policy(UserName="james", PolicyArn=arn)
    if form is Form.BOUNDARY:
        long = POLICY.replace('"*"}', '"arn:aws:s3:::' + "x" * 1900 + '"}')
        iam.put_user_policy(UserName="james", PolicyName="long", PolicyDocument=long)
    app.accounts.client(PRODUCTION, "ssm", "eu-west-1").start_session(
        Target="i-1", Reason=iam.get_user(UserName="james")["User"]["Arn"]
    )
    was = seen(app)
    frozen = plan_freeze(TEAM, "james", was, NOON, Asked("C-1", "r", "sofia"))
    assert frozen.forms == {"production": form, "staging": Form.ATTACHED}
    carry_out(app, frozen.changes)
    now = seen(app)
    checks = verify_frozen(frozen, now, was.observed, NOON)
    assert [check for check in checks if not check.holds] == []
    assert now.shells == {"production": (), "staging": ()}
    assert {door.active for door in now.credentials["production"].doors} == {False}
    back = plan_restore(frozen, was.observed, now, Before(was.observed, was.credentials), ())
    carry_out(app, back.changes)
    after = seen(app)
    assert without_versions(after.observed) == without_versions(was.observed)
    assert after.credentials == was.credentials
    assert after.observed["production"].users["james"].boundary == bound


def test_every_credential_is_read(app):
    """Keys, credentials for one service, SSH keys, certificates, MFA devices and whether there is a password."""
    iam = app.accounts.client(PRODUCTION, "iam")
    cloud = AwsCloud(app.accounts)
    assert cloud.credentials(PRODUCTION, "nobody").keys == ()
    iam.create_user(UserName="james")
    key = iam.create_access_key(UserName="james")["AccessKey"]["AccessKeyId"]
    service = "codecommit.amazonaws.com"
    iam.create_service_specific_credential(UserName="james", ServiceName=service)
    iam.upload_ssh_public_key(UserName="james", SSHPublicKeyBody="ssh-rsa AAAA")
    iam.create_login_profile(UserName="james", Password="a password")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]["SerialNumber"]
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "234567"}
    iam.enable_mfa_device(UserName="james", SerialNumber=serial, **codes)
    found = cloud.credentials(PRODUCTION, "james")
    assert found.keys == (AccessKey(key, active=True),)
    assert [(door.kind, door.active, door.service) for door in found.doors] == [
        (DoorKind.SSH, True, ""),
        (DoorKind.SERVICE, True, service),
    ]
    assert ([device.serial for device in found.devices], found.password) == ([serial], True)
    for operation, more in (
        ("DeleteLoginProfile", {}),
        ("DeactivateMFADevice", {"SerialNumber": serial}),
        ("DeleteAccessKey", {"AccessKeyId": key}),
    ):
        for _ in range(2):
            cloud.perform(PRODUCTION, Call(operation, {"UserName": "james", **more}))
    for _ in range(2):
        cloud.perform(PRODUCTION, Call("DeleteVirtualMFADevice", {"SerialNumber": serial}))
    left = cloud.credentials(PRODUCTION, "james")
    assert (left.keys, left.devices, left.password) == ((), (), False)


def test_what_may_not_be_listed_is_said_and_the_rest_given(app, monkeypatch):
    """Watchbill's role may lack the permission for one kind of credentials; keys it must read."""
    iam = app.accounts.client(PRODUCTION, "iam")
    iam.create_user(UserName="james")
    iam.upload_ssh_public_key(UserName="james", SSHPublicKeyBody="ssh-rsa AAAA")
    denied = {"Error": {"Code": "AccessDenied", "Message": "no"}}

    def refuse(**_):
        raise ClientError(denied, "ListServiceSpecificCredentials")

    monkeypatch.setattr(iam, "list_service_specific_credentials", refuse)
    found = AwsCloud(app.accounts).credentials(PRODUCTION, "james")
    assert [door.kind for door in found.doors] == [DoorKind.SSH]
    assert found.unread == ("service credential: AccessDenied: no",)


def test_a_version_that_is_there_is_not_made_twice(app):
    """The answer was lost, and there is no room for another version: it says already what was asked for."""
    cloud, iam = AwsCloud(app.accounts), app.accounts.client(PRODUCTION, "iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=POLICY)["Policy"]["Arn"]
    for number in range(4):
        written = POLICY.replace('"Action":"*"', f'"Action":"s3:Get{number}"')
        cloud.perform(PRODUCTION, Call("CreatePolicyVersion", _version(arn, written)))
    cloud.perform(PRODUCTION, Call("CreatePolicyVersion", _version(arn, written)))
    with pytest.raises(ProviderError, match="LimitExceeded"):
        cloud.perform(PRODUCTION, Call("CreatePolicyVersion", _version(arn, POLICY)))


def _version(arn, document):
    return {"PolicyArn": arn, "PolicyDocument": document, "SetAsDefault": True}


def test_shells_are_found_in_every_region_and_ended(app):
    """Of AWS's regions when none is named; ending one that is over is no error; nothing else can be called."""
    for region in ("eu-west-1", "ap-southeast-2"):
        app.accounts.client(PRODUCTION, "ssm", region).start_session(Target="i-1", Reason="arn:x:user/james")
    shells = Shells(app.accounts)
    found = shells.open_in(PRODUCTION)
    assert [(shell.region, shell.owner) for shell in found] == [
        ("ap-southeast-2", "arn:x:user/james"),
        ("eu-west-1", "arn:x:user/james"),
    ]
    for shell in found:
        for _ in range(2):
            shells.perform(PRODUCTION, Call("TerminateSession", {"SessionId": shell.id}, "ssm", shell.region))
    assert shells.open_in(PRODUCTION) == ()
    with pytest.raises(KeyError):
        shells.perform(PRODUCTION, Call("SendCommand", {}, "ssm", "eu-west-1"))
    with pytest.raises(ProviderError, match=r"could not list the open shells|Could not connect"):
        Shells(Accounts("http://127.0.0.1:9", ("any", "any")), ("eu-west-1",)).open_in(PRODUCTION)


def test_what_is_filled_in_is_botocores_model():
    """Each operation is there, under the name that moto looks for, and takes what a freeze gives it."""
    session = botocore.session.get_session()
    iam, ssm = session.get_service_model("iam"), session.get_service_model("ssm")
    for model, names in (
        (iam, ("PutUserPermissionsBoundary", "DeleteUserPermissionsBoundary", "CreateServiceSpecificCredential")),
        (iam, ("ListServiceSpecificCredentials", "UpdateServiceSpecificCredential")),
        (ssm, ("DescribeSessions", "TerminateSession", "StartSession")),
    ):
        for name in names:
            assert model.operation_model(name)
            assert callable(getattr(gaps, xform_name(name)))
    assert {name: xform_name(name) for name in ALLOWED_CALLS} == ALLOWED_CALLS
    members = ssm.operation_model("TerminateSession").input_shape
    assert set(members.required_members) == {"SessionId"}
