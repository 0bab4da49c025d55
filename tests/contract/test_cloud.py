"""The clouds: the real one over HTTP against the stand-in, and the one in memory, held equal call by call.

Where the stand-in (moto 5.2) is not as AWS, the one in memory is as AWS, or does not do it at all: moto has no
permissions boundaries of users (NotImplementedError), deletes a policy that is somebody's boundary, and takes two
policies of one name under two paths.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import botocore.session
import pytest
from botocore import xform_name
from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY, grant, rota, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.effective import answers
from watchbill.access.model import AccessKey, Call, Freeze, State
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts, translated
from watchbill.aws.bucket import list_objects, make_bucket, read_object, write_object
from watchbill.aws.iam import ALLOWED_CALLS, AwsCloud
from watchbill.bootstrap import make_app
from watchbill.errors import NotFoundError, ProviderError
from watchbill.policy.model import Effect
from watchbill.respond.freeze import Asked, plan_freeze
from watchbill.respond.model import Seen
from watchbill.respond.restore import Before, plan_restore
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import Team


NOON = MONDAY + timedelta(hours=12)
PRODUCTION = team().accounts["production"]


@pytest.fixture
def accounts():
    """Give the way to a fresh stand-in."""
    with StandIn() as stand_in:
        yield Accounts(stand_in.endpoint, ("any", "any"))


def observe(cloud, of):
    """Read every account, but for what is each cloud's own: ids, versions of policies, quotas, the report on MFA and keys."""
    return {name: without_its_own(cloud.observe(account)) for name, account in of.accounts.items()}


def without_its_own(state):
    """Leave out what is a cloud's own; of ids it stays whether there is one."""
    return replace(
        state,
        users={name: replace(user, id=str(bool(user.id))) for name, user in state.users.items()},
        roles={name: replace(role, id=str(bool(role.id))) for name, role in state.roles.items()},
        # AWS tells of its own policies those that are attached; the stand-in tells of the one it has.
        policies={
            arn: replace(policy, versions=()) for arn, policy in state.policies.items() if ":iam::aws:" not in arn
        },
        mfa={},
        keys={},
        quotas={},
    )


def both(aws, memory, of, changes):
    """Do the same on both clouds, and hold what they then are against each other."""
    for cloud in (aws, memory):
        assert [o.error for o in apply(changes, by(of, cloud)) if o.state is not State.DONE] == []
    assert observe(aws, of) == observe(memory, of)


def test_both_clouds_do_the_same(accounts):
    """Every change a plan, a freeze and a restore make, day after day, leaves both clouds alike."""
    aws, memory = AwsCloud(accounts), MemoryCloud()
    of = replace(team(), grants=(grant("g1", "ada", (13, 15)),))
    plans: list[tuple[Team, datetime, tuple[Freeze, ...]]] = [
        (of, NOON, ()),
        (with_rota(of, rota(*reversed(rota().layers))), NOON, ()),
        (of, NOON, ()),
    ]
    plans += [(of, NOON + timedelta(days=day), ()) for day in range(1, 7)]
    plans += [(of, NOON + timedelta(days=7), (Freeze("F-1", "james", NOON, None, None),))]
    ended = Freeze("F-1", "james", NOON, NOON + timedelta(days=7, minutes=30), None)
    plans += [(of, NOON + timedelta(days=7, hours=1), (ended,))]
    plans += [(replace(of, grants=(), rotas={}, groups={}), NOON + timedelta(days=8), ())]
    for changed, at, freezes in plans:
        plan = make_plan(
            changed, {name: aws.observe(account) for name, account in changed.accounts.items()}, at, freezes
        )
        both(aws, memory, of, plan.changes)
    of_offboarding = {"DeleteSSHPublicKey", "DeleteServiceSpecificCredential", "DeleteSigningCertificate", "DeleteUser"}
    of_containment = {
        "AttachUserPolicy",
        "CreateLoginProfile",
        "DeactivateMFADevice",
        "DeleteAccessKey",
        "DeleteGroupPolicy",
        "DeleteLoginProfile",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DeleteUserPermissionsBoundary",
        "DeleteVirtualMFADevice",
        "DetachUserPolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "PutUserPermissionsBoundary",
        "UpdateAccessKey",
        "UpdateAssumeRolePolicy",
        "UpdateLoginProfile",
        "UpdateSSHPublicKey",
        "UpdateServiceSpecificCredential",
        "UpdateSigningCertificate",
    }
    assert {call.operation for call in memory.calls} >= set(ALLOWED_CALLS) - of_containment - of_offboarding


TRUST = '{"Version":"2012-10-17","Statement":[]}'
DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
BOUNDS = [f"arn:aws:iam::{PRODUCTION.number}:policy/watchbill/{name}" for name in ("one", "two")]
TAGS = {"Tags": [{"Key": "owner", "Value": "x"}, {"Key": "watchbill:team", "Value": "payments"}]}
OURS = {"Path": "/watchbill/"}
ROLE = {"RoleName": "r", "AssumeRolePolicyDocument": TRUST, "Description": "d", "MaxSessionDuration": 7200}


@pytest.mark.parametrize("times", [1, 2])
def test_both_clouds_bound_and_tag_alike(accounts, times):
    """Tags and boundaries are given when something is made, and a boundary is changed; twice is as once."""
    aws, memory, of = AwsCloud(accounts), MemoryCloud(), team()
    calls = [
        *(Call("CreatePolicy", {"PolicyName": n, "PolicyDocument": DOCUMENT, **OURS, **TAGS}) for n in ("one", "two")),
        Call("CreateUser", {"UserName": "james", **OURS, **TAGS}),
        Call("CreateUser", {"UserName": "rick", **OURS}),
        Call("CreateGroup", {"GroupName": "g", **OURS}),
        Call("CreateRole", {**ROLE, "PermissionsBoundary": BOUNDS[0], **OURS, **TAGS}),
        Call("PutRolePermissionsBoundary", {"RoleName": "r", "PermissionsBoundary": BOUNDS[1]}),
        Call("AttachGroupPolicy", {"GroupName": "g", "PolicyArn": BOUNDS[1]}),
        Call("CreateGroup", {"GroupName": "g", **OURS}),
        Call("DeleteRolePermissionsBoundary", {"RoleName": "r"}),
        Call("DeletePolicy", {"PolicyArn": BOUNDS[0]}),
    ]
    for call in calls:
        for _ in range(times if call.operation != "DeletePolicy" else 1):
            for cloud in (aws, memory):
                cloud.perform(PRODUCTION, call)
        assert observe(aws, of) == observe(memory, of), call
    state = memory.observe(PRODUCTION)
    assert (state.users["james"].team, state.users["rick"].team, state.roles["r"].team) == (
        "payments",
        None,
        "payments",
    )


def test_a_policy_that_bounds_somebody_stays():
    """AWS refuses to delete it, and so does the cloud in memory."""
    memory = MemoryCloud()
    memory.perform(PRODUCTION, Call("CreatePolicy", {"PolicyName": "one", "PolicyDocument": DOCUMENT, **OURS}))
    memory.perform(PRODUCTION, Call("CreateRole", {**ROLE, "PermissionsBoundary": BOUNDS[0], **OURS}))
    with pytest.raises(ProviderError, match="DeleteConflict"):
        memory.perform(PRODUCTION, Call("DeletePolicy", {"PolicyArn": BOUNDS[0]}))


def test_both_clouds_take_a_groups_inline_policy_off(accounts):
    """Which somebody put there by hand."""
    aws, memory, of = AwsCloud(accounts), MemoryCloud(), team()
    for cloud in (aws, memory):
        cloud.perform(PRODUCTION, Call("CreateGroup", {"GroupName": "g", **OURS}))
    for name in ("a", "b"):
        put = {"GroupName": "g", "PolicyName": name, "PolicyDocument": DOCUMENT}
        translated(accounts.client(PRODUCTION, "iam").put_group_policy, **put)
    state = memory.observe(PRODUCTION)
    group = replace(state.groups["g"], inline={name: json.loads(DOCUMENT) for name in ("a", "b")})
    memory.states["production"] = replace(state, groups={"g": group})
    for cloud in (aws, memory):
        cloud.perform(PRODUCTION, Call("DeleteGroupPolicy", {"GroupName": "g", "PolicyName": "a"}))
    assert list(memory.observe(PRODUCTION).groups["g"].inline) == ["b"]
    assert observe(aws, of) == observe(memory, of)


@pytest.mark.parametrize(
    ("operation", "given"),
    [("CreateUser", {"UserName": "x"}), ("CreateGroup", {"GroupName": "x"}), ("CreateRole", {**ROLE, "RoleName": "x"})],
)
def test_both_clouds_keep_a_name_that_is_taken(accounts, operation, given):
    """Under whatever path: the call is refused, and what has the name is as it was."""
    aws, memory, of = AwsCloud(accounts), MemoryCloud(), team()
    for cloud in (aws, memory):
        cloud.perform(PRODUCTION, Call(operation, {**given, "Path": "/theirs/"}))
        with pytest.raises(ProviderError, match="name is taken by"):
            cloud.perform(PRODUCTION, Call(operation, {**given, **OURS}))
    assert observe(aws, of) == observe(memory, of)


def test_another_user_of_a_name_has_another_id(accounts):
    """Somebody deleted the user and made them anew: by hand, over HTTP and in memory."""
    aws, memory = AwsCloud(accounts), MemoryCloud()
    client = accounts.client(PRODUCTION, "iam")
    for cloud in (aws, memory):
        cloud.perform(PRODUCTION, Call("CreateUser", {"UserName": "james", **OURS, **TAGS}))
    before = [cloud.observe(PRODUCTION).users["james"] for cloud in (aws, memory)]
    translated(client.delete_user, UserName="james")
    translated(client.create_user, UserName="james", Path="/watchbill/")
    memory.recreate(PRODUCTION, "james")
    after = [cloud.observe(PRODUCTION).users["james"] for cloud in (aws, memory)]
    for old, new in zip(before, after, strict=True):
        assert (new.id != old.id, old.team, new.team) == (True, "payments", None)


def test_both_clouds_freeze_and_restore_alike(accounts):
    """Keys and the sessions' deny too."""
    aws, memory, of = AwsCloud(accounts), MemoryCloud(), team()
    both(aws, memory, of, make_plan(of, observe(aws, of), NOON).changes)
    made = translated(accounts.client(PRODUCTION, "iam").create_access_key, UserName="james")["AccessKey"][
        "AccessKeyId"
    ]
    memory.keys["production", "james"] = [AccessKey(made, active=True)]
    before = observe(aws, of)
    credentials = {name: aws.credentials(account, "james") for name, account in of.accounts.items()}
    assert credentials == {name: memory.credentials(account, "james") for name, account in of.accounts.items()}
    seen = Seen({name: aws.look(account) for name, account in of.accounts.items()}, credentials)
    frozen = plan_freeze(of, "james", seen, NOON, Asked(None, "r", "sofia"))
    both(aws, memory, of, frozen.changes)
    assert (
        aws.access_keys(PRODUCTION, "james")
        == memory.access_keys(PRODUCTION, "james")
        == [AccessKey(made, active=False)]
    )
    now = replace(seen, observed={name: aws.look(account) for name, account in of.accounts.items()})
    restored = plan_restore(frozen, before, now, Before(before, credentials), ())
    both(aws, memory, of, restored.changes)
    assert observe(aws, of) == before
    assert (
        aws.access_keys(PRODUCTION, "james")
        == memory.access_keys(PRODUCTION, "james")
        == [AccessKey(made, active=True)]
    )


def test_access_ends_with_the_shift_over_what_aws_gives_back(accounts):
    """Applied over HTTP and read back, James's right ends at 02:00 to the second."""
    aws, of = AwsCloud(accounts), team()
    assert all(o.state is State.DONE for o in apply(make_plan(of, observe(aws, of), NOON).changes, by(of, aws)))
    assert make_plan(of, observe(aws, of), NOON).changes == ()
    state, end = aws.observe(PRODUCTION), MONDAY + timedelta(hours=26)
    for at, allowed in ((end - timedelta(seconds=1), True), (end, False)):
        paths = answers(state, "james", "rds:RebootDBInstance", "*", at, {"aws:MultiFactorAuthPresent": "true"})
        assert any(path.effect is Effect.ALLOWED for path in paths) is allowed


def test_calls_exist_in_botocore():
    """Every allowed call is a writing call of IAM whose required parameters the plans give, by AWS's own model."""
    model = botocore.session.get_session().get_service_model("iam")
    memory, of = MemoryCloud(), team()
    for name, method in ALLOWED_CALLS.items():
        operation = model.operation_model(name)
        assert not name.startswith(("Get", "List", "Simulate"))
        assert method == xform_name(name)
        assert operation.input_shape is not None
    plan = make_plan(of, {name: memory.observe(account) for name, account in of.accounts.items()}, NOON)
    for change in plan.changes:
        shape = model.operation_model(change.call.operation).input_shape
        assert set(shape.required_members) <= set(change.call.parameters) <= set(shape.members)


def test_what_is_not_on_the_list_is_never_sent(accounts):
    """A plan that was tampered with cannot make watchbill call anything else."""
    with pytest.raises(KeyError):
        AwsCloud(accounts).perform(PRODUCTION, Call("CreateAccessKey", {"UserName": "james"}))


def test_a_change_that_is_already_so_is_no_error(accounts):
    """A plan that was cut short is carried out again from its beginning."""
    aws, of = AwsCloud(accounts), team()
    plan = make_plan(of, observe(aws, of), NOON)
    for _ in range(2):
        assert [o.error for o in apply(plan.changes, by(of, aws)) if o.state is not State.DONE] == []
    assert aws.access_keys(PRODUCTION, "nobody") == []


def test_errors_of_aws_are_said(accounts):
    """A refusal names the call, the account and AWS's own words; nothing of boto3 escapes."""
    call = Call("AddUserToGroup", {"GroupName": "nothing", "UserName": "nobody"})
    with pytest.raises(ProviderError, match=r"AddUserToGroup\(nothing, nobody\) in account `production`.*NoSuchEntity"):
        AwsCloud(accounts).perform(PRODUCTION, call)
    with pytest.raises(ProviderError, match=r"could not read the IAM of account `production`|Could not connect"):
        AwsCloud(Accounts("http://127.0.0.1:9", ("any", "any"))).observe(PRODUCTION)


def test_the_wrong_account_is_refused(accounts):
    """Credentials that reach another account than the declared one change nothing there."""
    wrong = replace(PRODUCTION, role=None)
    with pytest.raises(
        ProviderError, match="declared as 111111111111, but the credentials reach 123456789012"
    ) as caught:
        AwsCloud(accounts).observe(wrong)
    assert caught.value.hint


def test_a_trail_in_a_bucket_is_read_once(monkeypatch):
    """An object that was read is not fetched again, a changed one is; what is no trail file is counted."""
    with StandIn() as stand_in:
        app = make_app(None, stand_in.endpoint, ("any", "any"))
        make_bucket(app.accounts, "trail")
        with pytest.raises(NotFoundError, match="no CloudTrail file in s3://trail/AWSLogs"):
            app.read_trail("s3://trail/AWSLogs/")
        record = b'{"Records":[{"eventID":"%d","eventTime":"2026-01-12T00:00:00Z"}]}'
        for number in range(12):
            write_object(app.accounts, "trail", f"AWSLogs/{number}.json", record % number)
        write_object(app.accounts, "trail", "AWSLogs/README.txt", b"hello")
        steps = []
        first = app.read_trail("s3://trail/AWSLogs/", lambda done, total: steps.append((done, total)))
        assert (first.tally.distinct, first.tally.ignored_files, steps[-1]) == (12, 1, (12, 12))
        assert read_object(app.accounts, "trail", "AWSLogs/README.txt") == b"hello"
        write_object(app.accounts, "trail", "AWSLogs/3.json", record % 99)
        fetched = []

        def read(accounts, bucket, key):
            fetched.append(key)
            return read_object(accounts, bucket, key)

        monkeypatch.setattr("watchbill.bootstrap.read_object", read)
        assert [event.id for event in app.read_trail("s3://trail/AWSLogs/").events][-1] == "99"
        assert fetched == ["AWSLogs/3.json"]
        assert len(list(list_objects(app.accounts, "trail", "AWSLogs/"))) == 13
        with pytest.raises(ProviderError, match="could not list s3://nowhere"):
            app.read_trail("s3://nowhere/x")
