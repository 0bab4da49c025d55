"""A freeze in Identity Center and by a policy of the organization, over HTTP to moto; what moto lacks, by ours.

Moto answers that every change of an assignment is done at once, and AWS does not: a server of ours takes its time, held
to botocore's model. Not run against AWS.
"""

import json
from dataclasses import replace

import botocore.session
import pytest
from botocore import xform_name
from tests.teams import team

from watchbill.access.apply import apply
from watchbill.access.center.state import mark_of
from watchbill.access.model import Call, State
from watchbill.aws.accounts import Accounts
from watchbill.aws.identity_center import _AWAITED, ALLOWED_CALLS, Center
from watchbill.bootstrap import make_app
from watchbill.errors import Location, ProviderError
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.statements import parse_policy
from watchbill.respond.center import (
    SIZE,
    Due,
    Seat,
    back_by_hand,
    by_hand_in_center,
    deny_in_center,
    drift_in_center,
    restore_in_center,
    revoke_in_center,
    verify_in_center,
    warnings_in_center,
)
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import IdentityCenter


TEAM = team()
PRODUCTION = TEAM.accounts["production"]
JAMES = TEAM.people["james"]
ADMIN = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
OURS = {"Sid": "Leave", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"}


def freeze_in_center(center, seat, before=None):
    """Give what a freeze does where no identity provider comes between."""
    return [*deny_in_center(center, seat, before), *revoke_in_center(center, seat)]


class World:
    """An organization with Identity Center: James has a permission set himself, and another by a group."""

    def __init__(self, app, *, scp=True, attached=True):
        self.app, client = app, app.accounts.client
        organizations = client(PRODUCTION, "organizations")
        self.root = organizations.create_organization(FeatureSet="ALL")["Organization"]["MasterAccountId"]
        self.policy = None
        if scp:
            root = organizations.list_roots()["Roots"][0]["Id"]
            document = json.dumps({"Version": "2012-10-17", "Statement": [OURS]})
            asked = {"Content": document, "Name": "frozen", "Description": "-", "Type": "SERVICE_CONTROL_POLICY"}
            self.policy = organizations.create_policy(**asked)["Policy"]["PolicySummary"]["Id"]
            if attached:
                organizations.attach_policy(PolicyId=self.policy, TargetId=root)
        self.admin = client(PRODUCTION, "sso-admin", "eu-west-1")
        self.store = client(PRODUCTION, "identitystore", "eu-west-1")
        found = self.admin.list_instances()["Instances"][0]
        self.instance, self.id = found["InstanceArn"], found["IdentityStoreId"]
        self.user = self.store.create_user(
            IdentityStoreId=self.id,
            UserName=JAMES.email,
            DisplayName="James",
            Name={"GivenName": "James", "FamilyName": "B"},
            Emails=[{"Value": JAMES.email, "Type": "work", "Primary": True}],
        )["UserId"]
        self.group = self.store.create_group(IdentityStoreId=self.id, DisplayName="devs")["GroupId"]
        member = {"UserId": self.user}
        self.store.create_group_membership(IdentityStoreId=self.id, GroupId=self.group, MemberId=member)
        self.own, self.shared = (self.set(name) for name in ("own", "shared"))
        self.admin.put_inline_policy_to_permission_set(
            InstanceArn=self.instance, PermissionSetArn=self.own, InlinePolicy=json.dumps(ADMIN)
        )
        self.assign(self.own, "USER", self.user)
        self.assign(self.shared, "GROUP", self.group)
        where = Location("w.yaml", 1)
        self.center = IdentityCenter("production", "eu-west-1", self.id, self.instance, self.policy, None, where)

    def set(self, name):
        """Make a permission set."""
        made = self.admin.create_permission_set(InstanceArn=self.instance, Name=name)
        return made["PermissionSet"]["PermissionSetArn"]

    def assign(self, name, kind, principal, account="222222222222"):
        """Give a permission set."""
        self.admin.create_account_assignment(
            InstanceArn=self.instance,
            TargetId=account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=name,
            PrincipalType=kind,
            PrincipalId=principal,
        )

    def read(self, sets=()):
        """Read James."""
        return Center(self.app.accounts).read(self.center, PRODUCTION, JAMES, sets)

    def carry_out(self, changes, done=()):
        """Make every change that is not a person's to make."""
        center = Center(self.app.accounts, lambda _: None)
        outcomes = list(apply(changes, lambda c: center.perform(self.center, PRODUCTION, c.call), done=done))
        assert [outcome.error for outcome in outcomes if outcome.state is State.FAILED] == []

    def broken(self, was, now):
        """Give what does not hold."""
        return [check.what for check in verify_in_center(self.center, was, now) if not check.holds]

    def due(self, was, **given):
        """Give what may come back to James."""
        ids = [m.group for m in was.memberships], [a.permission_set for a in was.assignments]
        return Due(Center(self.app.accounts).names(self.center, PRODUCTION, *ids), **given)

    def back(self, was):
        """Restore James."""
        first, last, left_out = restore_in_center(self.center, was, self.read(), self.due(was))
        assert left_out == ()
        return (*first, *last)


@pytest.fixture
def app():
    """Give an app on a fresh stand-in."""
    with StandIn() as stand_in:
        yield make_app(None, stand_in.endpoint, ("any", "any"))


def bare(seat):
    """Leave out what has another id each time it is made, and how the list is written down."""
    return replace(seat, memberships=tuple(m.group for m in seat.memberships), policy=None)


def test_frozen_and_restored(app):
    """The list first, then what the person holds; a restore gives it back, and takes them off the list last."""
    world = World(app)
    was = world.read()
    assert (was.user, was.targets, was.management) == (world.user, 1, world.root)
    assert [(each.permission_set, each.group) for each in was.assignments] == sorted(
        [(world.own, ""), (world.shared, world.group)]
    )
    frozen = list(freeze_in_center(world.center, was))
    assert [change.call.operation for change in frozen] == [
        "UpdatePolicy",
        "DeleteAccountAssignment",
        "DeleteGroupMembership",
    ]
    assert len(world.broken(was, was)) == 3
    world.carry_out(frozen * 2)
    now = world.read()
    assert world.broken(was, now) == []
    assert list(freeze_in_center(world.center, now, was)) == []
    statements = {each["Sid"]: each for each in now.policy["Statement"]}
    assert statements.pop("Leave") == OURS
    assert {sid: each["Condition"] for sid, each in statements.items()} == {
        "WatchbillFrozenCenter": {"StringEquals": {"identitystore:UserId": [world.user]}},
        "WatchbillFrozenSource": {"StringEquals": {"aws:SourceIdentity": ["james"]}},
        "WatchbillFrozenUser": {
            "ArnLike": {"aws:PrincipalArn": ["arn:*:iam::*:user/*/james", "arn:*:iam::*:user/james"]}
        },
    }
    assert list(drift_in_center(was, now)) == []
    back = world.back(was)
    assert [change.call.operation for change in back] == [
        "CreateGroupMembership",
        "CreateAccountAssignment",
        "UpdatePolicy",
    ]
    world.carry_out(back * 2)
    after = world.read()
    assert bare(after) == bare(was)
    assert world.back(was) == ()
    assert "james" not in json.dumps(after.policy)
    assert world.user not in json.dumps(after.policy)
    assert len(after.policy["Statement"]) == 4


def test_the_list_denies_the_person_by_each_of_their_names_and_nobody_else(app):
    """By the evaluator, over the policy read back: a session of Identity Center, one of a role, and the IAM user."""
    world = World(app)
    world.carry_out(freeze_in_center(world.center, world.read()))
    both = parse_policy(world.read().policy, "frozen"), parse_policy(ADMIN, "admin")
    arn = "arn:aws:iam::222222222222:user"
    theirs = [
        {"identitystore:UserId": world.user},
        {"aws:SourceIdentity": "james"},
        {"aws:PrincipalArn": f"{arn}/james"},
        {"aws:PrincipalArn": f"{arn}/watchbill/james"},
    ]
    others = [
        {"identitystore:UserId": "another"},
        {"aws:SourceIdentity": "jame"},
        {"aws:PrincipalArn": f"{arn}/xjames"},
    ]
    decided = [
        [evaluate(Request("s3:GetObject", "*", known, complete=True), identity=both).effect for known in each]
        for each in (theirs, others)
    ]
    assert [set(each) for each in decided] == [{Effect.EXPLICITLY_DENIED}, {Effect.ALLOWED}]


def test_one_list_holds_several(app):
    """A second person is added beside the first, and taking one off leaves the other."""
    world = World(app)
    was = world.read()
    world.carry_out(freeze_in_center(world.center, was))
    sofia = replace(was, iam_user="sofia", user="other", policy=world.read().policy, assignments=(), memberships=())
    (listed,) = freeze_in_center(world.center, sofia)
    world.carry_out([listed])
    assert world.broken(was, world.read()) == []
    world.carry_out(world.back(was))
    left = json.dumps(world.read().policy)
    assert ("sofia" in left, "other" in left, "james" in left) == (True, True, False)


def test_of_watchbills_own_what_the_team_file_gives_now_comes_back(app):
    """What is of others does, whatever the file says; what is gone is said to be."""
    world = World(app)
    mark = mark_of("orders")
    ours, kept, gone = (
        world.store.create_group(IdentityStoreId=world.id, DisplayName=name, Description=mark)["GroupId"]
        for name in ("watchbill-job-developers", "watchbill-oncall-platform", "watchbill-gone")
    )
    for group in (ours, kept, gone):
        member = {"UserId": world.user}
        world.store.create_group_membership(IdentityStoreId=world.id, GroupId=group, MemberId=member)
    made = {
        name: world.admin.create_permission_set(InstanceArn=world.instance, Name=name, Description=mark)
        for name in ("watchbill-job-a", "watchbill-job-b")
    }
    for each in made.values():
        world.assign(each["PermissionSet"]["PermissionSetArn"], "USER", world.user)
    was = world.read()
    world.carry_out(freeze_in_center(world.center, was))
    world.store.delete_group(IdentityStoreId=world.id, GroupId=gone)
    given = {
        "groups": frozenset({"watchbill-oncall-platform"}),
        "assignments": frozenset({("222222222222", "watchbill-job-b")}),
    }
    first, _, left_out = restore_in_center(world.center, was, world.read(), world.due(was, **given))
    assert set(left_out) == {
        "group watchbill-job-developers in Identity Center: the team file no longer gives it to them",
        f"group {gone} in Identity Center: it is gone",
        "permission set watchbill-job-a in 222222222222: the team file no longer gives it to them",
    }
    world.carry_out(first)
    now = world.read()
    assert {member.group for member in now.memberships} == {world.group, kept}
    own = {each.permission_set for each in now.assignments if not each.group}
    assert own == {world.own, made["watchbill-job-b"]["PermissionSet"]["PermissionSetArn"]}


@pytest.mark.parametrize("kind", ["none", "not attached", "management"])
def test_permission_sets_deny_where_no_policy_of_the_organization_does(app, kind):
    """With none, with one that is attached to nothing, and in the management account, where none acts."""
    world = World(app, scp=kind != "none", attached=kind != "not attached")
    if kind == "management":
        world.assign(world.own, "USER", world.user, world.root)
    was = world.read()
    warned = " ".join(warnings_in_center(world.center, was))
    said = {"none": "", "not attached": "is attached to nothing", "management": "in management account"}[kind]
    assert said in warned
    frozen = list(freeze_in_center(world.center, was))
    denied = {change.call.parameters["PermissionSetArn"] for change in frozen if "Inline" in change.call.operation}
    assert denied == ({world.own} if kind == "management" else {world.own, world.shared})
    make = [change for change in frozen if change.call.operation != "ProvisionPermissionSet"]
    world.carry_out(make)
    # The permission set is not theirs any more: it is read because it was.
    now = world.read(was.inline)
    assert world.broken(was, now) == []
    back = [
        *restore_in_center(world.center, was, now, world.due(was))[0],
        *restore_in_center(world.center, was, now, world.due(was))[1],
    ]
    world.carry_out([change for change in back if change.call.operation != "ProvisionPermissionSet"])
    assert bare(world.read()) == bare(was)


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_step_it_is_carried_on_with(app, after):
    """What was begun is made again, and nothing is made twice."""
    world = World(app)
    was = world.read()
    for cut in range(3):
        frozen = list(freeze_in_center(world.center, was))
        world.carry_out(frozen[: cut + after])
        world.carry_out(frozen, range(cut))
        assert world.broken(was, world.read()) == []
        back = world.back(was)
        world.carry_out(back[: cut + after])
        world.carry_out(back, range(cut))
        assert bare(world.read()) == bare(was)
        was = world.read()


def test_a_deny_that_somebody_bent_is_written_anew(app):
    """A statement of ours that denies less than everything lists nobody."""
    world = World(app)
    was = world.read()
    world.carry_out(freeze_in_center(world.center, was))
    text = json.dumps(world.read().policy).replace('"Action": "*"', '"Action": "s3:*"')
    app.accounts.client(PRODUCTION, "organizations").update_policy(PolicyId=world.policy, Content=text)
    assert world.broken(was, world.read()) == [f"james is listed by policy {world.policy}"]
    world.carry_out(freeze_in_center(world.center, world.read(), was))
    assert world.broken(was, world.read()) == []


def test_what_others_gave_since_is_drift(app):
    """Groups and permission sets that were not there before."""
    world = World(app)
    was = world.read()
    world.carry_out(freeze_in_center(world.center, was))
    world.assign(world.set("new"), "USER", world.user)
    group = world.store.create_group(IdentityStoreId=world.id, DisplayName="late")["GroupId"]
    world.store.create_group_membership(IdentityStoreId=world.id, GroupId=group, MemberId={"UserId": world.user})
    found = [each.what for each in drift_in_center(was, world.read())]
    assert (found[0], len(found)) == (f"group {group} was joined since the freeze", 2)
    assert len(world.broken(was, world.read())) == 2


def test_what_only_the_console_can_do_is_left_to_a_person():
    """Sessions of the portal, and users of its own directory, the user last; what is fed is disabled where it is fed."""
    center = IdentityCenter("production", "eu-west-1", "d-1", "arn", None, None, Location("w.yaml", 1))
    seat = Seat("james", "u-1")
    steps = list(by_hand_in_center(center, seat))
    assert [step.call.operation for step in steps] == ["DeletePortalSessions", "DisableUser"]
    assert {step.call.service for step in steps} == {"console"}
    assert "https://eu-west-1.console.aws.amazon.com/singlesignon/" in steps[0].why
    assert [step.call.operation for step in back_by_hand(center, seat)] == ["EnableUser"]
    fed = replace(center, fed_by="corp")
    assert [step.call.operation for step in by_hand_in_center(fed, seat)] == ["DeletePortalSessions"]
    assert list(back_by_hand(fed, seat)) == []
    assert list(by_hand_in_center(center, replace(seat, user=None))) == []


def test_no_room_in_the_list_is_told_before():
    """A policy of an organization has 5,120 characters at most."""
    center = IdentityCenter("production", "eu-west-1", "d-1", "arn", "p-1", None, Location("w.yaml", 1))
    full = {"Version": "2012-10-17", "Statement": [{**OURS, "Sid": "x" * SIZE}]}
    seat = Seat("james", None, policy=full, targets=1)
    assert list(warnings_in_center(center, seat)) == [
        "policy p-1 has no room for another: 5120 characters are the most"
    ]


def test_what_was_not_read_does_not_hold():
    """It is never taken for done."""
    center = IdentityCenter("production", "eu-west-1", "d-1", "arn", "p-1", None, Location("w.yaml", 1))
    assert [check.holds for check in verify_in_center(center, Seat("james", None), None)] == [False]


class Slow:
    """Answers as AWS does, later: each is in progress twice before it is done; held to botocore's model."""

    def __init__(self, status):
        self.states = iter(["IN_PROGRESS", "IN_PROGRESS", status])
        self.model = botocore.session.get_session().get_service_model("sso-admin")
        self.asked = []

    def __getattr__(self, method):
        names = {xform_name(name): name for name in self.model.operation_names}
        operation = self.model.operation_model(names[method])

        def call(**given):
            assert set(operation.input_shape.required_members) <= set(given)
            assert set(given) <= set(operation.input_shape.members)
            self.asked.append(operation.name)
            part, _, parameter = next(each for each in _AWAITED.values() if each[0] in operation.output_shape.members)
            members = operation.output_shape.members[part].members
            assert {"Status", "RequestId", "FailureReason"} <= set(members)
            state = next(self.states)
            if operation.name.startswith("Describe"):
                assert given[parameter] == "r-1"
            return {part: {"Status": state, "RequestId": "r-1", "FailureReason": "no such account"}}

        return call


@pytest.mark.parametrize("operation", ["DeleteAccountAssignment", "ProvisionPermissionSet"])
def test_a_step_waits_until_it_is_so(operation):
    """And what comes to fail is told in AWS's words."""
    center = IdentityCenter("production", "eu-west-1", "d-1", "arn", None, None, Location("w.yaml", 1))
    given = {"InstanceArn": "arn", "PermissionSetArn": "set", "TargetType": "ALL_PROVISIONED_ACCOUNTS"}
    if operation == "DeleteAccountAssignment":
        given |= {"TargetId": "222222222222", "TargetType": "AWS_ACCOUNT", "PrincipalType": "USER", "PrincipalId": "u"}
    for status in ("SUCCEEDED", "FAILED"):
        slow, waited = Slow(status), list[float]()

        class One(Accounts):
            def client(self, *_, slow=slow):
                return slow

        edge = Center(One(), waited.append)
        call = Call(operation, given, "sso-admin", "eu-west-1")
        if status == "FAILED":
            with pytest.raises(ProviderError, match="failed: no such account"):
                edge.perform(center, PRODUCTION, call)
        else:
            edge.perform(center, PRODUCTION, call)
        assert waited == [0.5, 1.0]
        assert len(slow.asked) == 3


def test_every_call_is_in_botocores_model():
    """Nothing is sent that AWS does not know."""
    for service, calls in ALLOWED_CALLS.items():
        model = botocore.session.get_session().get_service_model(service)
        assert {operation: xform_name(operation) for operation in calls} == calls
        assert set(calls) <= set(model.operation_names)
