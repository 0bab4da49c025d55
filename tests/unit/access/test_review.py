"""What a reviewer is told of a plan: what stops it, and what to think about."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import HERE, MONDAY, grant, group, person, rota, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.compile import compile_account
from watchbill.access.drift import foreign_of
from watchbill.access.model import Call, Freeze, State, UserState
from watchbill.access.plan import Applied, make_plan
from watchbill.access.plan_file import read_plan, write_plan
from watchbill.access.review import after, too_large
from watchbill.intervals import Interval
from watchbill.team.model import BreakGlass, Claim, Kind, Override


NOON = MONDAY + timedelta(hours=12)
ADMIN = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sso:*","Resource":"*"}]}'
ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


def observed(cloud, of):
    """Read every account."""
    return {name: cloud.observe(account) for name, account in of.accounts.items()}


def settled(of, at=NOON):
    """Give a cloud in which a team's plan was applied."""
    cloud = MemoryCloud()
    plan = make_plan(of, observed(cloud, of), at)
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, by(of, cloud)))
    return cloud


def codes(problems):
    """Give the codes of problems, each once."""
    return {problem.code for problem in problems}


def claims(*texts):
    """Make invariants."""
    return tuple(Claim(text, HERE) for text in texts)


def test_an_invariant_that_the_file_breaks_stops_the_plan():
    """Support may terminate instances when on call: the plan names who, how, and the line of the invariant."""
    of = replace(team(), invariants=claims("support never ec2:RunInstances", "everyone never kms:ScheduleKeyDeletion"))
    plan = make_plan(of, observed(MemoryCloud(), of), NOON)
    (broken,) = [problem for problem in plan.problems if problem.code == "invariant-broken"]
    assert "`support never ec2:RunInstances` does not hold: `lee` may ec2:RunInstances" in broken.message
    assert "by role oncall-platform" in broken.message
    assert broken.line == HERE.line


def test_an_invariant_that_others_break_is_told_and_stops_nothing():
    """A policy attached by hand breaks it: the watch must not run out for that."""
    of = replace(team(), invariants=claims("everyone never iam:CreateUser", "everyone never kms:ScheduleKeyDeletion"))
    cloud = settled(of)
    production = of.accounts["production"]
    cloud.perform(production, Call("PutUserPolicy", {"UserName": "ada", "PolicyName": "own", "PolicyDocument": ADMIN}))
    plan = make_plan(of, observed(cloud, of), NOON + timedelta(days=1))
    assert not plan.problems
    # What the policy of a key says is not known.
    assert codes(plan.warnings) >= {"invariant-broken", "invariant-not-known"}
    assert plan.changes


def test_a_wrong_invariant_stops_the_plan():
    """It is named with its line."""
    of = replace(team(), invariants=claims("nobody never ec2:*"))
    assert "bad-invariant" in codes(make_plan(of, observed(MemoryCloud(), of), NOON).problems)


def test_what_outlives_is_asked_of_the_instant_of_the_plan():
    """A set that says when it gives something is asked anew at each instant; what is known of one is not said of another."""
    of = team()
    until = {"DateLessThan": {"AWS:CurrentTime": "2026-01-14T00:00:00Z"}}
    shell = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*", "Condition": until}
    policy = {"Version": "2012-10-17", "Statement": [shell]}
    oncall = replace(of.permission_sets["prod-oncall"], allow=(), deny=(), policy=policy)
    of = replace(of, permission_sets={**of.permission_sets, "prod-oncall": oncall})
    for days, told in ((0, 1), (7, 0), (0, 1)):
        plan = make_plan(of, observed(MemoryCloud(), of), NOON + timedelta(days=days))
        assert len([each for each in plan.warnings if each.code == "outlives"]) == told


def test_what_can_outlive_the_shift_is_told():
    """What is opted in to, and what is ordinary; and a name that nobody knows stops the plan."""
    of = team()
    oncall = of.permission_sets["prod-oncall"]
    for names, expected in (
        ((), "new-machines"),
        (("instance-shells",), "new-machines"),
        (("key-pairs",), "key-pairs"),
    ):
        sets = {**of.permission_sets, "prod-oncall": replace(oncall, may_outlive=names)}
        plan = make_plan(replace(of, permission_sets=sets), observed(MemoryCloud(), of), NOON)
        (told,) = [warning.message for warning in plan.warnings if warning.code == "outlives"]
        assert told.startswith("what is done as oncall-platform can outlive the shift: ")
        assert f"{expected} (" in told
        assert ("key-pairs" in told) is ("key-pairs" in names)
    wrong = {**of.permission_sets, "prod-oncall": replace(oncall, may_outlive=("instance-shels",))}
    plan = make_plan(replace(of, permission_sets=wrong), observed(MemoryCloud(), of), NOON)
    assert "unknown-outliving" in codes(plan.problems)


def test_a_risky_set_is_told_when_it_is_written_and_not_each_day():
    """A set that nothing writes was looked at before."""
    of = team()
    plan = make_plan(of, observed(MemoryCloud(), of), NOON)
    assert {"wildcard", "escalation"} <= codes(plan.warnings)
    later = make_plan(of, observed(settled(of), of), NOON + timedelta(days=1))
    assert later.changes
    assert not {"wildcard", "escalation"} & codes(later.warnings)


def test_who_could_not_come_in_is_told():
    """Members on call without MFA, and a break-glass user who is not there or has none."""
    of = replace(team(), break_glass=(BreakGlass("emergency", ("production",), HERE),))
    cloud = settled(of)
    assert codes(make_plan(of, observed(cloud, of), NOON).warnings) >= {"no-break-glass"}
    state = cloud.states["production"]
    emergency = UserState("emergency", "arn:aws:iam::111111111111:user/emergency", "/")
    cloud.states["production"] = replace(
        state, users={**state.users, "emergency": emergency}, mfa={"james": False, "rick": True, "emergency": False}
    )
    told = [
        warning.message for warning in make_plan(of, observed(cloud, of), NOON).warnings if warning.code == "no-mfa"
    ]
    assert sorted(message.partition(" has")[0] for message in told) == ["`james`", "break-glass user `emergency`"]
    cloud.states["production"] = replace(cloud.states["production"], unread=("credential report: AccessDenied",))
    assert "not-read" in codes(make_plan(of, observed(cloud, of), NOON).warnings)


@pytest.mark.parametrize(
    ("operation", "given", "kind"),
    [
        ("CreateGroup", {"GroupName": "JOB-developers", "Path": "/"}, "group `job-developers`"),
        ("CreateRole", {"RoleName": "oncall-platform", "Path": "/ops/", "AssumeRolePolicyDocument": ADMIN}, "role `oncall-platform`"),
        ("CreatePolicy", {"PolicyName": "set-support", "Path": "/", "PolicyDocument": ADMIN}, "policy `set-support`"),
    ],
)  # fmt: skip
def test_a_name_that_is_taken_stops_the_plan(operation, given, kind):
    """IAM has each name once, in any case and under whatever path."""
    of, cloud = team(), MemoryCloud()
    cloud.perform(of.accounts["production"], Call(operation, given))
    (taken,) = [p for p in make_plan(of, observed(cloud, of), NOON).problems if p.code == "name-taken"]
    assert kind in taken.message


def test_another_teams_account_is_refused():
    """Two files in one account would undo each other."""
    of = team()
    cloud = settled(of)
    other = replace(of, name="payments")
    assert "another-team" in codes(make_plan(other, observed(cloud, other), NOON).problems)
    assert "another-team" not in codes(make_plan(of, observed(cloud, of), NOON).problems)


def test_a_plan_that_reaches_many_people_needs_a_word():
    """Eleven who gain a job role; not those who come to be on call each day."""
    base = team()
    many = {f"p{number}": person(f"p{number}") for number in range(11)}
    for count, large in ((10, False), (11, True)):
        names = tuple(list(many)[:count])
        fixers = group("fixers", names, ("support", "production"))
        of = replace(base, people={**base.people, **many}, groups={**base.groups, "fixers": fixers})
        cloud = settled(replace(base, people=of.people))
        assert (too_large(make_plan(of, observed(cloud, of), NOON), of) is not None) is large
        rolled = make_plan(base, observed(cloud, base), NOON + timedelta(days=3))
        assert rolled.effects
        assert too_large(rolled, base) is None


def test_what_others_moved_is_told_from_what_the_file_has_changed():
    """With what was last applied at hand, a membership taken away by hand is drift and an edit of the file is none."""
    of = team()
    cloud = settled(of)
    production = of.accounts["production"]
    cloud.perform(production, Call("RemoveUserFromGroup", {"GroupName": "job-support", "UserName": "priya"}))
    fence = "arn:aws:iam::111111111111:policy/watchbill/fence-oncall-platform-1"
    cloud.perform(
        production, Call("CreatePolicyVersion", {"PolicyArn": fence, "PolicyDocument": ADMIN, "SetAsDefault": True})
    )
    edited = with_rota(of, replace(rota(), entitlement={Kind.PRIMARY: "developer"}))
    plan = make_plan(edited, observed(cloud, edited), NOON, applied=Applied(of, NOON))
    assert {(each.what, each.healed) for each in plan.drift} == {
        ("user priya is no longer in job-support", True),
        ("policy fence-oncall-platform-1 says something else", True),
        ("policy fence-oncall-platform-1 denies what watchbill did not write, so a person must decide", False),
    }
    assert "iam:AddUserToGroup(job-support, priya)" in [str(change.call) for change in plan.changes]
    assert not make_plan(edited, observed(settled(of), edited), NOON, applied=Applied(of, NOON)).drift


def test_what_comes_after_a_plan_is_what_applying_it_leaves():
    """The state that invariants are proven over is the one that the calls make."""
    of = replace(team(), grants=(grant("g1", "lee", (13, 40)),))
    cloud = settled(team())
    production = of.accounts["production"]
    cloud.perform(production, Call("CreateUser", {"UserName": "guest", "Path": "/"}))
    cloud.perform(production, Call("AddUserToGroup", {"GroupName": "job-security", "UserName": "guest"}))
    cloud.perform(production, Call("PutUserPolicy", {"UserName": "ada", "PolicyName": "own", "PolicyDocument": ADMIN}))
    cloud.perform(
        production,
        Call(
            "PutRolePolicy",
            {
                "RoleName": "oncall-platform",
                "PolicyName": "own",
                "PolicyDocument": ADMIN.replace(',{"Effect":"Deny","Action":"sso:*","Resource":"*"}', ""),
            },
        ),
    )
    before = cloud.observe(production)
    desired = compile_account(of, production, NOON, (), before).state
    told = after(desired, before, list(foreign_of(desired, before)))
    apply_all = make_plan(of, observed(cloud, of), NOON)
    assert all(outcome.state is State.DONE for outcome in apply(apply_all.changes, by(of, cloud)))
    left = cloud.observe(production)

    def plain(state):
        users = {n: (u.arn, u.groups, u.attached, dict(u.inline)) for n, u in state.users.items()}
        groups = {n: (g.attached, dict(g.inline)) for n, g in state.groups.items()}
        roles = {n: (r.trust, r.attached, dict(r.inline), r.boundary) for n, r in state.roles.items()}
        return users, groups, roles, {arn: p.document for arn, p in state.policies.items()}

    assert plain(told) == plain(left)


def test_a_plan_with_all_of_it_survives_being_written_down():
    """Warnings, limits, drift and the lines of policies are part of what is reviewed."""
    of = replace(team(), break_glass=(BreakGlass("emergency", ("production",), HERE),))
    plan = make_plan(of, observed(MemoryCloud(), of), NOON)
    assert plan.warnings
    assert plan.capacity
    assert any(change.diff for change in plan.changes)
    assert read_plan(write_plan(plan), "plan.json") == plan


def test_a_quarantine_that_nothing_here_knows_of_is_left():
    """A state of its own, in CI say, must not lift a freeze that another one set; one that knows it does."""
    of = team()
    cloud = settled(of)
    frozen = make_plan(of, observed(cloud, of), NOON, [Freeze("F-1", "james", NOON, None, None)])
    assert all(outcome.state is State.DONE for outcome in apply(frozen.changes, by(of, cloud)))
    unknowing = make_plan(of, observed(cloud, of), NOON)
    assert not any(change.call.operation == "DeleteUserPolicy" for change in unknowing.changes)
    ended = Freeze("F-1", "james", NOON, NOON + timedelta(minutes=30), None)
    knowing = make_plan(of, observed(cloud, of), NOON + timedelta(hours=1), [ended])
    assert any(change.call.operation == "DeleteUserPolicy" for change in knowing.changes)


def test_a_boundary_that_lets_nothing_through_is_left_on_a_role():
    """Another ceiling takes the place of one; a brake stays, and is shown."""
    of = replace(team(), ceiling="ceiling")
    cloud = settled(of)
    production = of.accounts["production"]
    role = cloud.states["production"].roles["oncall-platform"]
    assert role.boundary == "arn:aws:iam::111111111111:policy/ceiling"
    for boundary, healed in (
        ("arn:aws:iam::aws:policy/AWSDenyAll", False),
        ("arn:aws:iam::aws:policy/PowerUserAccess", True),
    ):
        given = {"RoleName": "oncall-platform", "PermissionsBoundary": boundary}
        cloud.perform(production, Call("PutRolePermissionsBoundary", given))
        plan = make_plan(of, observed(cloud, of), NOON)
        assert [(each.other, each.healed) for each in plan.drift] == [(boundary, healed)]
        assert [change.call.operation for change in plan.changes] == ["PutRolePermissionsBoundary"] * healed


def test_a_group_is_cleaned_before_anybody_joins_it():
    """What others gave an on-call group is no newcomer's for a moment."""
    of = team()
    cloud = settled(of)
    production = of.accounts["production"]
    cloud.perform(production, Call("CreatePolicy", {"PolicyName": "own", "Path": "/", "PolicyDocument": ANYTHING}))
    given = {"GroupName": "oncall-platform", "PolicyArn": "arn:aws:iam::111111111111:policy/own"}
    cloud.perform(production, Call("AttachGroupPolicy", given))
    cover = replace(
        rota(),
        overrides=(
            *rota().overrides,
            Override("o", Kind.PRIMARY, Interval(NOON, NOON + timedelta(hours=1)), "sofia", None, "flu", "ada", HERE),
        ),
    )
    plan = make_plan(with_rota(of, cover), observed(cloud, of), NOON)
    calls = [str(change.call) for change in plan.changes]
    cleaned = calls.index("iam:DetachGroupPolicy(oncall-platform, arn:aws:iam::111111111111:policy/own)")
    assert cleaned < calls.index("iam:AddUserToGroup(oncall-platform, sofia)")


def test_a_policy_that_aws_lists_no_more_stops_a_plan_only_where_it_would_be_attached_anew():
    """What is attached goes on to hold, and the watch must not run out for it."""
    base = team()
    gone = replace(base.permission_sets["support"], allow=(), deny=(), managed=("AWSBackupAdminPolicy",))
    of = replace(base, permission_sets={**base.permission_sets, "support": gone})
    cloud = MemoryCloud()
    first = make_plan(of, observed(cloud, of), NOON)
    assert codes(first.problems) == {"managed-policy-gone"}
    assert all(outcome.state is State.DONE for outcome in apply(first.changes, by(of, cloud)))
    assert not make_plan(of, observed(cloud, of), NOON + timedelta(days=1)).problems
