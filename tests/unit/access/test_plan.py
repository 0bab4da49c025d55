"""Plans over a cloud in memory: exact, stable, safe when cut short, and right to the second."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import DAY, HERE, MONDAY, grant, rota, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.compile import compile_account
from watchbill.access.documents import deny_all, fence_statements, gate_statements, size, slices_of
from watchbill.access.effective import answers
from watchbill.access.entitlements import windows
from watchbill.access.limits import DEFAULTS
from watchbill.access.model import Call, Freeze, Phase, PolicyState, State, UserState, Verb
from watchbill.access.plan import make_plan
from watchbill.access.plan_file import read_plan, write_plan
from watchbill.access.ways import Ways
from watchbill.errors import FileError
from watchbill.intervals import Interval, iso
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Request
from watchbill.team.model import Access, Kind, Leave, Override


MFA = {"aws:MultiFactorAuthPresent": "true"}
NOON = MONDAY + timedelta(hours=12)


def observe(cloud, of):
    """Read every account."""
    return {name: cloud.observe(account) for name, account in of.accounts.items()}


def settle(cloud, of, at, freezes=()):
    """Plan and apply, and give the plan."""
    plan = make_plan(of, observe(cloud, of), at, freezes)
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, by(of, cloud)))
    return plan


def may(cloud, of, who, action, at, context=None):
    """Tell whether somebody may do something in production, by any path, over the documents read back."""
    state = cloud.observe(of.accounts["production"])
    found = answers(state, who, action, "*", at, MFA if context is None else context)
    return any(path.effect is Effect.ALLOWED for path in found)


def test_a_second_plan_is_empty():
    """What was applied is what is there: planning again finds nothing to do."""
    cloud, of = MemoryCloud(), team()
    assert settle(cloud, of, NOON).changes
    again = make_plan(of, observe(cloud, of), NOON + timedelta(minutes=5))
    assert not again.changes
    assert not again.effects
    assert not again.drift


def test_a_part_that_a_group_holds_elsewhere_is_not_said_to_be_lost():
    """What a managed policy says here is of the set that the group holds here."""
    cloud, of = MemoryCloud(), team()
    held = of.permission_sets["support"]
    whole = replace(held, name="whole", managed=("ReadOnlyAccess",))
    part = replace(held, name="part", allow=(), deny=(), managed=("ReadOnlyAccess",))
    access = (Access("whole", ("production",), HERE), Access("part", ("staging",), HERE))
    groups = {**of.groups, "support": replace(of.groups["support"], access=access)}
    sets = {**of.permission_sets, "whole": whole, "part": part}
    of = replace(of, permission_sets=sets, groups=groups)
    settle(cloud, of, NOON)
    assert not make_plan(of, observe(cloud, of), NOON).effects


def test_a_plan_says_who_gains_what_when_and_why():
    """A reader sees James's Monday evening with the layer that puts him there."""
    plan = make_plan(team(), observe(MemoryCloud(), team()), NOON)
    evening = Interval(MONDAY + timedelta(hours=18), MONDAY + timedelta(hours=26))
    found = [e for e in plan.effects if e.person == "james" and e.interval == evening]
    assert [(e.verb, e.permission_set, e.why) for e in found] == [
        (Verb.GAINS, "prod-oncall", "rota platform, layer emea")
    ]


def test_access_holds_exactly_in_the_window():
    """One second before, at, and one second after each edge of a week of shifts, over documents read back."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    second = timedelta(seconds=1)
    span = Interval(MONDAY + DAY, MONDAY + 8 * DAY)
    whole = [w for w in windows(of, Interval(MONDAY, MONDAY + 10 * DAY)) if w.interval and w.interval.start in span]
    assert len(whole) >= 18
    for window in whole:
        assert window.interval is not None
        start, end = window.interval.start, window.interval.end
        others = [p for p in ("james", "rick", "priya", "ada", "lee") if p != window.person]
        for at, expected in ((start - second, False), (start, True), (end - second, True), (end, False)):
            assert may(cloud, of, window.person, "rds:RebootDBInstance", at) is expected, (window, at)
        middle = start + (end - start) / 2
        assert not any(may(cloud, of, other, "rds:RebootDBInstance", middle) for other in others)
        assert not may(cloud, of, window.person, "iam:CreateUser", middle)


def test_a_live_session_ends_with_the_shift():
    """A role session taken on shift can do nothing one second after: the fence denies it, whatever allows it."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    state = cloud.observe(of.accounts["production"])
    end = MONDAY + timedelta(hours=26)
    for at, effect in ((end - timedelta(seconds=1), Effect.ALLOWED), (end, Effect.EXPLICITLY_DENIED)):
        paths = answers(state, "james", "rds:RebootDBInstance", "*", at, MFA)
        assert next(p for p in paths if p.path == "role oncall-platform").decision.effect is effect


def test_no_mfa_no_role():
    """The gate and the trust both want MFA."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    on_shift = MONDAY + timedelta(hours=20)
    assert may(cloud, of, "james", "rds:RebootDBInstance", on_shift)
    assert not may(cloud, of, "james", "rds:RebootDBInstance", on_shift, {})


def test_nothing_is_granted_past_the_horizon():
    """With watchbill dead from now on, nobody on call holds anything after the horizon."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    past = [MONDAY + 14 * DAY + timedelta(hours=hour) for hour in range(0, 48, 5)]
    assert not any(may(cloud, of, who, "rds:RebootDBInstance", at) for who in of.people for at in past)


def test_job_roles_hold_at_all_times():
    """A support person reads EC2 day and night, and may terminate nothing off shift."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    assert may(cloud, of, "priya", "ec2:DescribeInstances", NOON)
    assert not may(cloud, of, "priya", "ec2:TerminateInstances", NOON)


def test_a_swap_moves_the_window():
    """Ada covers for James on Monday evening: she holds it, he does not."""
    swap = Override(
        "sw-1",
        Kind.PRIMARY,
        Interval(MONDAY + timedelta(hours=18), MONDAY + timedelta(hours=26)),
        "ada",
        "james",
        "wedding",
        "sofia",
        HERE,
    )
    cloud, of = MemoryCloud(), with_rota(team(), rota(overrides=(swap,)))
    settle(cloud, of, NOON)
    at = MONDAY + timedelta(hours=20)
    assert may(cloud, of, "ada", "rds:RebootDBInstance", at)
    assert not may(cloud, of, "james", "rds:RebootDBInstance", at)


def test_a_gap_is_a_problem_of_the_plan():
    """Leave that nobody covers stops the plan."""
    away = Leave("james", Interval(MONDAY + 2 * DAY, MONDAY + 3 * DAY), HERE)
    plan = make_plan(with_rota(team(), rota(leave=(away,))), observe(MemoryCloud(), team()), NOON)
    assert {problem.code for problem in plan.problems} == {"coverage-gap"}


def test_a_grant_ends_by_the_clock_of_aws():
    """Ada holds the grant inside its hours and not a second more."""
    cloud, of = MemoryCloud(), replace(team(), grants=(grant("g1", "ada", (13, 15)),))
    settle(cloud, of, NOON)
    hours = {
        minutes: may(cloud, of, "ada", "ec2:RunInstances", NOON + timedelta(minutes=minutes))
        for minutes in (59, 60, 179, 180)
    }
    assert hours == {59: False, 60: True, 179: True, 180: False}


def test_a_frozen_person_holds_nothing():
    """The freeze outranks groups, windows and grants, and leaves with its end."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    freeze = Freeze("F-1", "james", NOON, None, None)
    settle(cloud, of, NOON, [freeze])
    assert not may(cloud, of, "james", "rds:RebootDBInstance", MONDAY + timedelta(hours=20))
    assert not may(cloud, of, "james", "rds:DescribeDBInstances", NOON)
    assert not make_plan(of, observe(cloud, of), NOON, [freeze]).changes
    settle(cloud, of, NOON + timedelta(hours=1), [replace(freeze, end=NOON + timedelta(minutes=30))])
    assert may(cloud, of, "james", "rds:RebootDBInstance", MONDAY + timedelta(hours=20))


ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
NOTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}'


def attached_by_hand(document, path="/"):
    """Give a settled cloud in which somebody attached a policy of their own to James, and the policy's ARN."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    account, arn = of.accounts["production"], f"arn:aws:iam::111111111111:policy{path}legacy"
    cloud.perform(account, Call("CreatePolicy", {"PolicyName": "legacy", "Path": path, "PolicyDocument": document}))
    cloud.perform(account, Call("AttachUserPolicy", {"UserName": "james", "PolicyArn": arn}))
    return cloud, of, arn


def test_what_others_give_is_shown_and_undone():
    """A policy that somebody attached by hand gives what the file does not: it is named, detached, and left itself."""
    cloud, of, arn = attached_by_hand(ANYTHING)
    plan = settle(cloud, of, NOON)
    assert [(d.other, d.principal, d.healed) for d in plan.drift] == [
        (arn, "arn:aws:iam::111111111111:user/watchbill/james", True)
    ]
    assert [str(change.call) for change in plan.changes] == [f"iam:DetachUserPolicy(james, {arn})"]
    assert arn in cloud.observe(of.accounts["production"]).policies
    assert not make_plan(of, observe(cloud, of), NOON).drift


@pytest.mark.parametrize("document", [NOTHING, ANYTHING[:-2] + "," + NOTHING.split("[")[1]])
def test_what_others_deny_is_shown_and_left_alone(document):
    """A deny may be somebody's emergency brake: a person decides."""
    cloud, of, arn = attached_by_hand(document)
    plan = make_plan(of, observe(cloud, of), NOON)
    assert not plan.changes
    assert [(d.other, d.healed) for d in plan.drift] == [(arn, False)]
    assert "denies something" in plan.drift[0].what


def test_what_cannot_be_read_is_left_alone():
    """A policy that is attached and whose document is not known may be a brake too."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    arn = "arn:aws:iam::aws:policy/NewerThanWeKnow"
    cloud.perform(of.accounts["production"], Call("AttachUserPolicy", {"UserName": "james", "PolicyArn": arn}))
    plan = make_plan(of, observe(cloud, of), NOON)
    assert not plan.changes
    assert [d.healed for d in plan.drift] == [False]


@pytest.mark.parametrize("rotas", [True, False])
def test_a_ceiling_under_our_path_is_left_there(rotas):
    """Guards keep what lies under our path, so that it is a good place for it; a plan never writes nor removes it."""
    cloud, arn = MemoryCloud(), "arn:aws:iam::111111111111:policy/watchbill/ceiling"
    of = replace(team(), ceiling=arn) if rotas else replace(team(), ceiling=arn, rotas={})
    of = replace(of, accounts={"production": of.accounts["production"]})
    made = {"PolicyName": "ceiling", "Path": "/watchbill/", "PolicyDocument": ANYTHING}
    cloud.perform(of.accounts["production"], Call("CreatePolicy", made))
    settle(cloud, of, NOON)
    assert arn in cloud.observe(of.accounts["production"]).policies
    assert not make_plan(of, observe(cloud, of), NOON).changes


def test_a_boundary_of_somebody_else_under_our_path_is_left_there():
    """AWS would refuse to remove a policy that bounds somebody, with every plan."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    arn = "arn:aws:iam::111111111111:policy/watchbill/theirs"
    state = cloud.observe(of.accounts["production"])
    bound = UserState("guest", "arn:aws:iam::111111111111:user/guest", "/", boundary=arn)
    policy = PolicyState(arn, "theirs", "/watchbill/", json.loads(ANYTHING))
    cloud.states["production"] = replace(
        state, users={**state.users, "guest": bound}, policies={**state.policies, arn: policy}
    )
    assert not make_plan(of, observe(cloud, of), NOON).changes


def test_a_brake_under_our_path_on_a_user_is_left_on():
    """It is shown, and what it says is not removed from under it: AWS would refuse that, with every plan."""
    cloud, of, arn = attached_by_hand(NOTHING, path="/watchbill/")
    plan = make_plan(of, observe(cloud, of), NOON)
    assert not plan.changes
    assert [(d.other, d.healed) for d in plan.drift] == [(arn, False)]


@pytest.mark.parametrize(
    ("kind", "name", "policy"),
    [
        ("role", "oncall-platform", "watchbill-revoke-x"),
        ("group", "job-support", "watchbill-quarantine"),
        ("group", "job-support", "watchbill-revoke-x"),
        ("user", "james", "watchbill-revoke-x"),
        ("user", "james", "watchbill-quarantine"),
    ],
)
def test_what_is_given_under_the_name_of_a_brake_is_undone(kind, name, policy):
    """The names of a freeze's policies hide nothing: by what they say it is told what they are."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    state = cloud.observe(of.accounts["production"])
    there = getattr(state, f"{kind}s")
    written = {policy: json.loads(ANYTHING)}
    changed: dict[str, Any] = {f"{kind}s": {**there, name: replace(there[name], inline=written)}}
    cloud.states["production"] = replace(state, **changed)
    plan = settle(cloud, of, NOON)
    assert {(d.other, d.healed) for d in plan.drift} == {(policy, True)}
    assert not make_plan(of, observe(cloud, of), NOON).changes
    left = cloud.observe(of.accounts["production"])
    assert not getattr(left, f"{kind}s")[name].inline


def test_a_freeze_that_somebody_rewrote_is_written_again():
    """It is put right, and not taken off with what the other wrote."""
    cloud, of = MemoryCloud(), team()
    freeze = Freeze("F-1", "james", NOON, None, None)
    settle(cloud, of, NOON, [freeze])
    given = {"UserName": "james", "PolicyName": "watchbill-quarantine", "PolicyDocument": ANYTHING}
    cloud.perform(of.accounts["production"], Call("PutUserPolicy", given))
    settle(cloud, of, NOON, [freeze])
    assert cloud.observe(of.accounts["production"]).users["james"].inline["watchbill-quarantine"] == deny_all()


def rota_with_anothers_role(of):
    """Give a team in which a rota is called as another's second kind."""
    both = {Kind.PRIMARY: "prod-oncall", Kind.SECONDARY: "support"}
    second = replace(of.rotas["platform"].layers[0], name="second", kind=Kind.SECONDARY)
    first = replace(of.rotas["platform"], layers=(*of.rotas["platform"].layers, second), entitlement=both)
    return replace(of, rotas={"platform": first, "platform-secondary": replace(rota(), name="platform-secondary")})


def set_with_anothers_policy(of):
    """Give a team in which a set is called as the second policy of another, which is too large for one."""
    large = tuple(f"ec2:Describe{'A' * 60}{number}" for number in range(100))
    held = of.permission_sets["support"]
    sets = {"x": replace(held, name="x", allow=large), "x-2": replace(held, name="x-2", allow=("s3:ListBucket",))}
    names = {"developers": "x", "support": "x-2"}
    groups = {n: replace(of.groups[n], access=(Access(s, ("production",), HERE),)) for n, s in names.items()}
    return replace(of, permission_sets={**of.permission_sets, **sets}, groups=groups)


@pytest.mark.parametrize("made", [rota_with_anothers_role, set_with_anothers_policy])
def test_two_of_one_name_stop_the_plan(made):
    """Names in IAM are made of names and numbers: what is called as a part of another would be that other's."""
    of = made(team())
    problems = make_plan(of, observe(MemoryCloud(), of), NOON).problems
    assert {p.code for p in problems} == {"name-taken"}
    assert not make_plan(team(), observe(MemoryCloud(), team()), NOON).problems


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:AttachUserPolicy", "user/watchbill/sofia"),
        ("iam:CreatePolicyVersion", "policy/watchbill/fence-oncall-platform-1"),
        ("iam:UpdateAssumeRolePolicy", "role/watchbill/oncall-platform"),
        ("iam:AddUserToGroup", "group/watchbill/oncall-platform"),
    ],
)
def test_a_grant_of_iam_cannot_be_made_to_last(action, resource):
    """Whoever has no job role in an account has its guards all the same, by the grant."""
    of = replace(team(), groups={}, grants=(grant("g1", "sofia", (11, 13), "audit"),))
    every = replace(of.permission_sets["audit"], allow=("iam:*",))
    of, cloud = replace(of, permission_sets={**of.permission_sets, "audit": every}), MemoryCloud()
    settle(cloud, of, NOON)
    state = cloud.observe(of.accounts["production"])
    found = answers(state, "sofia", action, f"arn:aws:iam::111111111111:{resource}", NOON, MFA)
    assert found
    assert not any(each.effect is Effect.ALLOWED for each in found)
    assert may(cloud, of, "sofia", "iam:ListUsers", NOON)


@pytest.mark.parametrize("path", ["/", "/watchbill/brakes/", "/others/policy/watchbill/"])
def test_a_brake_on_a_role_is_left_wherever_it_lies(path):
    """Watchbill's own lies under its path itself: what lies deeper was put there by somebody else."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    account, arn = of.accounts["production"], f"arn:aws:iam::111111111111:policy{path}stop"
    cloud.perform(account, Call("CreatePolicy", {"PolicyName": "stop", "Path": path, "PolicyDocument": NOTHING}))
    cloud.perform(account, Call("AttachRolePolicy", {"RoleName": "oncall-platform", "PolicyArn": arn}))
    cloud.perform(account, Call("AttachGroupPolicy", {"GroupName": "job-support", "PolicyArn": arn}))
    plan = make_plan(of, observe(cloud, of), NOON)
    assert not plan.changes
    assert [(d.other, d.healed) for d in plan.drift] == [(arn, False), (arn, False)]


STOP = {"Sid": "Stop", "Effect": "Deny", "Action": "*", "Resource": "*"}


def stopped_in_trust(cloud, of):
    """Have somebody deny in the trust of the on-call role."""
    role = cloud.observe(of.accounts["production"]).roles["oncall-platform"]
    stop = {"Sid": "Stop", "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
    written = json.dumps({**role.trust, "Statement": [stop, *role.trust["Statement"]]})
    return Call("UpdateAssumeRolePolicy", {"RoleName": role.name, "PolicyDocument": written})


def stopped_in_fence(cloud, of):
    """Have somebody deny in a fence."""
    policies = cloud.observe(of.accounts["production"]).policies
    (policy,) = [each for each in policies.values() if each.name == "fence-oncall-platform-1"]
    written = json.dumps({**policy.document, "Statement": [*policy.document["Statement"], STOP]})
    return Call("CreatePolicyVersion", {"PolicyArn": policy.arn, "PolicyDocument": written, "SetAsDefault": True})


@pytest.mark.parametrize("stop", [stopped_in_trust, stopped_in_fence])
def test_a_brake_in_a_document_of_ours_is_shown_and_left_there(stop):
    """A deny that somebody wrote into a trust or a fence holds also when the plan writes what is new."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    cloud.perform(of.accounts["production"], stop(cloud, of))
    for day in range(3):
        plan = settle(cloud, of, NOON + day * DAY)
        assert [(d.healed, "a person must decide" in d.what) for d in plan.drift] == [(False, True)]
        assert not make_plan(of, observe(cloud, of), NOON + day * DAY).changes
        evening = MONDAY + timedelta(hours=20) + day * DAY
        assert not may(cloud, of, "james", "rds:RebootDBInstance", evening)
    other = replace(of, rotas={})
    settle(cloud, other, NOON)
    settle(cloud, of, NOON)
    assert may(cloud, of, "james", "rds:RebootDBInstance", MONDAY + timedelta(hours=20))


def test_a_role_that_others_keep_there_keeps_its_fence():
    """A session that was taken before the rota went ends with its shift, and the role goes once it is bare."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    account, statements = (
        of.accounts["production"],
        json.loads(ANYTHING)["Statement"] + json.loads(NOTHING)["Statement"],
    )
    mixed = json.dumps({"Version": "2012-10-17", "Statement": [statements[0], {**statements[1], "Action": "iam:*"}]})
    given = {"RoleName": "oncall-platform", "PolicyName": "mine"}
    cloud.perform(account, Call("PutRolePolicy", {**given, "PolicyDocument": mixed}))
    without = replace(of, rotas={})
    settle(cloud, without, NOON)
    assert not make_plan(without, observe(cloud, without), NOON).changes
    state = cloud.observe(account)
    (policies, _) = Ways(state).policies_of("oncall-platform")
    asked = Request("ec2:RunInstances", "*", {"aws:CurrentTime": iso(NOON), "aws:userid": "AROA:james"}, complete=True)
    assert Evaluator(Layers(policies)).decide(asked).effect is not Effect.ALLOWED
    cloud.perform(account, Call("DeleteRolePolicy", given))
    settle(cloud, without, NOON)
    state = cloud.observe(account)
    assert not state.roles
    assert not [each for each in state.policies.values() if each.name.startswith("fence-")]


def test_somebody_added_by_hand_is_taken_out():
    """The membership of an owned group is watchbill's to heal."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    added = Call("AddUserToGroup", {"GroupName": "job-security", "UserName": "rick"})
    cloud.perform(of.accounts["production"], added)
    plan = make_plan(of, observe(cloud, of), NOON)
    assert [str(change.call) for change in plan.changes] == ["iam:RemoveUserFromGroup(job-security, rick)"]
    assert plan.changes[0].phase is Phase.REVOKE


def test_a_person_who_left_the_file_loses_what_it_gave():
    """Their memberships go; the user itself stays, as drift, for a person to remove."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    left = {name: replace(g, members=tuple(m for m in g.members if m != "sofia")) for name, g in of.groups.items()}
    plan = settle(cloud, replace(of, groups=left), NOON)
    assert [d.what for d in make_plan(replace(of, groups=left), observe(cloud, of), NOON).drift] == [
        "user sofia holds nothing here by the team file; a person removes it",
        "user sofia holds nothing here by the team file; a person removes it",
    ]
    assert {effect.person for effect in plan.effects} == {"sofia"}
    assert not may(cloud, of, "sofia", "iam:ListUsers", NOON)


def test_a_failed_change_stops_grants_but_not_revocations():
    """When AWS refuses one call, nothing more is given in that account, and what takes away goes on."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    account = of.accounts["production"]
    cloud.perform(account, Call("AddUserToGroup", {"GroupName": "job-security", "UserName": "rick"}))
    plan = make_plan(of, observe(cloud, of), NOON)
    wrong = replace(plan.changes[0], phase=Phase.PREPARE, call=Call("NoSuchCall", {}))
    later = replace(
        plan.changes[0], phase=Phase.GRANT, call=Call("AddUserToGroup", {"GroupName": "x", "UserName": "y"})
    )
    outcomes = list(apply([wrong, plan.changes[0], later], by(of, cloud)))
    assert [outcome.state for outcome in outcomes] == [State.FAILED, State.DONE, State.SKIPPED]


def test_a_plan_survives_being_written_down():
    """What was reviewed is what is read back, and a damaged file says so."""
    plan = make_plan(team(), observe(MemoryCloud(), team()), NOON)
    assert read_plan(write_plan(plan), "plan.json") == plan
    with pytest.raises(FileError, match=r"plan\.json not a plan"):
        read_plan(write_plan(plan)[:-20], "plan.json")


def test_documents_fit_the_limits_of_aws():
    """Fourteen days of three shifts a day are packed into policies that AWS takes."""
    found = compile_account(team(), team().accounts["production"], NOON)
    assert not found.problems
    assert max(size(policy.document) for policy in found.state.policies.values()) <= DEFAULTS["PolicySizeQuota"]
    assert len(found.state.roles["oncall-platform"].attached) <= 10
    assert len(found.state.groups["oncall-platform"].attached) <= 10


def test_too_much_for_aws_is_said_before_it_is_called():
    """A horizon that does not fit is a problem of the plan that names the limit."""
    long = with_rota(team(), replace(rota(), horizon=timedelta(days=120)))
    codes = {problem.code for problem in compile_account(long, long.accounts["production"], NOON).problems}
    assert "quota" in codes


def test_gate_and_fence_never_list_two_dates_under_one_key():
    """AWS reads a list of dates as "any of them", which would leave the gap open."""
    horizon = Interval(MONDAY, MONDAY + 7 * DAY)
    slices = slices_of([("james", w) for w in windows(team(), horizon) if w.person == "james"], horizon)
    statements = [
        *gate_statements(slices, horizon, "arn:aws:iam::111111111111:role/watchbill/oncall-platform"),
        *fence_statements(slices, horizon),
    ]
    assert len(statements) > 20
    for statement in statements:
        for operator, keys in statement["Condition"].items():
            if operator.startswith("Date"):
                assert all(isinstance(value, str) for value in keys.values())
