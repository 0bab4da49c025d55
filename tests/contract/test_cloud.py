"""The clouds: the real one over HTTP against the stand-in, and the one in memory, held equal call by call."""

from dataclasses import replace
from datetime import datetime, timedelta

import botocore.session
import pytest
from tests.cloud import MemoryCloud
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
from watchbill.respond.freeze import plan_freeze
from watchbill.respond.restore import plan_restore
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
    """Read every account, versions of policies left out: their ids are the cloud's own."""
    found = {name: cloud.observe(account) for name, account in of.accounts.items()}
    return {
        name: replace(state, policies={arn: replace(p, versions=()) for arn, p in state.policies.items()})
        for name, state in found.items()
    }


def both(aws, memory, of, changes):
    """Do the same on both clouds, and hold what they then are against each other."""
    for cloud in (aws, memory):
        assert [o.error for o in apply(changes, of, cloud) if o.state is not State.DONE] == []
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
    plans += [(of, NOON + timedelta(days=7, hours=1), ())]
    plans += [(replace(of, grants=(), rotas={}, groups={}), NOON + timedelta(days=8), ())]
    for changed, at, freezes in plans:
        plan = make_plan(
            changed, {name: aws.observe(account) for name, account in changed.accounts.items()}, at, freezes
        )
        both(aws, memory, of, plan.changes)
    assert {call.operation for call in memory.calls} >= set(ALLOWED_CALLS) - {
        "DeleteRolePolicy",
        "PutRolePolicy",
        "UpdateAccessKey",
        "UpdateAssumeRolePolicy",
    }


def test_both_clouds_freeze_and_restore_alike(accounts):
    """Keys and the sessions' deny too."""
    aws, memory, of = AwsCloud(accounts), MemoryCloud(), team()
    both(aws, memory, of, make_plan(of, observe(aws, of), NOON).changes)
    made = translated(accounts.client(PRODUCTION, "iam").create_access_key, UserName="james")["AccessKey"][
        "AccessKeyId"
    ]
    memory.keys["production", "james"] = [AccessKey(made, active=True)]
    before = observe(aws, of)
    keys = {name: aws.access_keys(account, "james") for name, account in of.accounts.items()}
    assert keys == {name: memory.access_keys(account, "james") for name, account in of.accounts.items()}
    frozen = plan_freeze(of, "james", before, keys, NOON, case=None, reason="r", by="sofia")
    both(aws, memory, of, frozen.changes)
    assert (
        aws.access_keys(PRODUCTION, "james")
        == memory.access_keys(PRODUCTION, "james")
        == [AccessKey(made, active=False)]
    )
    restored = plan_restore(frozen, before, observe(aws, of), before, ())
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
    assert all(o.state is State.DONE for o in apply(make_plan(of, observe(aws, of), NOON).changes, of, aws))
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
        assert method == "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        assert operation.input_shape is not None
    plan = make_plan(of, {name: memory.observe(account) for name, account in of.accounts.items()}, NOON)
    for change in plan.changes:
        shape = model.operation_model(change.call.operation).input_shape
        assert set(shape.required_members) <= set(change.call.parameters) <= set(shape.members)


def test_what_is_not_on_the_list_is_never_sent(accounts):
    """A plan that was tampered with cannot make watchbill call anything else."""
    with pytest.raises(KeyError):
        AwsCloud(accounts).perform(PRODUCTION, Call("DeleteUser", {"UserName": "james"}))


def test_a_change_that_is_already_so_is_no_error(accounts):
    """A plan that was cut short is carried out again from its beginning."""
    aws, of = AwsCloud(accounts), team()
    plan = make_plan(of, observe(aws, of), NOON)
    for _ in range(2):
        assert [o.error for o in apply(plan.changes, of, aws) if o.state is not State.DONE] == []
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
