"""Plans over a cloud in memory: exact, stable, safe when cut short, and right to the second."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud
from tests.teams import DAY, HERE, MONDAY, grant, rota, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.compile import compile_account
from watchbill.access.documents import fence_statements, gate_statements, size, slices_of
from watchbill.access.effective import answers
from watchbill.access.entitlements import windows
from watchbill.access.limits import DEFAULTS
from watchbill.access.model import Call, Freeze, Phase, State, Verb
from watchbill.access.plan import make_plan
from watchbill.access.plan_file import read_plan, write_plan
from watchbill.errors import FileError
from watchbill.intervals import Interval
from watchbill.policy.model import Effect
from watchbill.team.model import Kind, Leave, Override


MFA = {"aws:MultiFactorAuthPresent": "true"}
NOON = MONDAY + timedelta(hours=12)


def observe(cloud, of):
    """Read every account."""
    return {name: cloud.observe(account) for name, account in of.accounts.items()}


def settle(cloud, of, at, freezes=()):
    """Plan and apply, and give the plan."""
    plan = make_plan(of, observe(cloud, of), at, freezes)
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, of, cloud))
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


def attached_by_hand(document):
    """Give a settled cloud in which somebody attached a policy of their own to James, and the policy's ARN."""
    cloud, of = MemoryCloud(), team()
    settle(cloud, of, NOON)
    account, arn = of.accounts["production"], "arn:aws:iam::111111111111:policy/legacy"
    cloud.perform(account, Call("CreatePolicy", {"PolicyName": "legacy", "Path": "/", "PolicyDocument": document}))
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
        "user sofia is in no team file",
        "user sofia is in no team file",
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
    outcomes = list(apply([wrong, plan.changes[0], later], of, cloud))
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
