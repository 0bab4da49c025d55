"""Judging one event: to the second, path by path, by the documents that access writes."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cloud import MemoryCloud, by
from tests.teams import (
    DAY,
    HERE,
    MONDAY,
    PRODUCTION,
    STAGING,
    grant,
    group,
    layer,
    permission_set,
    rota,
    team,
    with_rota,
    workload,
)
from tests.trails import (
    FOREIGN,
    after,
    assume_role,
    event,
    named,
    reading,
    record,
    root,
    service,
    session,
    sign_in,
    user,
)

from watchbill.access.apply import apply
from watchbill.access.effective import answers
from watchbill.access.history import History, InForce, Organized
from watchbill.access.model import ControlPolicy, Freeze, State
from watchbill.access.organization import SCP, Organization, Target
from watchbill.access.plan import make_plan
from watchbill.intervals import Interval
from watchbill.judge.judge import Judge, Judges
from watchbill.judge.model import Right, Watch
from watchbill.policy.model import Effect
from watchbill.team.model import Kind, Override, PermissionSet
from watchbill.trail.attribute import attribute


SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
START, END = after(18), after(26)
"""James's shift on Monday evening."""

WATCH = "watchbill/oncall-platform"
REBOOT = "rds:RebootDBInstance"
"""Allowed by the set of the rota alone."""


def judged(made, of=None, freezes=()):
    """Judge one record."""
    of = of or team()
    (found,) = attribute(reading(made).events, of)
    return Judge(of, WEEK, freezes).judge(found)


def right(action, who, at, of=None, **fields):
    """Tell whether an action by an IAM user was theirs."""
    return judged(record(action, user(who), at, **fields), of).right


def holding(base, *permissions, **more):
    """Give the team with permission sets added or changed, and parts of it replaced."""
    return replace(base, permission_sets={**base.permission_sets, **{each.name: each for each in permissions}}, **more)


def only_if(name, actions, condition, effect="Allow", **more):
    """Make a permission set of one statement with a condition."""
    statement = {"Effect": effect, "Action": actions, "Resource": "*", "Condition": condition}
    return PermissionSet(name, "", (), (), {"Version": "2012-10-17", "Statement": [statement, *more.values()]}, HERE)


# --- shifts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected", "watch"),
    [
        (START - SECOND, Right.OFF_SHIFT, Watch.NOT_YET),
        (START, Right.ENTITLED, Watch.ON),
        (END - SECOND, Right.ENTITLED, Watch.ON),
        (END, Right.OFF_SHIFT, Watch.ENDED),
        (END + SECOND, Right.OFF_SHIFT, Watch.ENDED),
    ],
)
def test_the_edges_of_a_shift(at, expected, watch):
    """The instant it ends is off shift, the second before is not; the instant it begins is on shift."""
    found = judged(record(REBOOT, user("james"), at))
    assert found.right is expected
    assert found.state is not None
    assert found.state.watch is watch
    assert found.holding is not None
    assert (found.holding.permission_set, found.holding.interval) == ("prod-oncall", Interval(START, END))


def test_handoff_is_to_the_second():
    """At the instant James's shift ends it is Priya's, and hers alone."""
    assert [right(REBOOT, who, END - SECOND) for who in ("james", "priya")] == [Right.ENTITLED, Right.OFF_SHIFT]
    assert [right(REBOOT, who, END) for who in ("james", "priya")] == [Right.OFF_SHIFT, Right.ENTITLED]


def test_the_window_named_is_the_nearest():
    """Who acted off shift sees the shift it would have been in, before or after."""
    for at, start in ((after(17), START), (after(27), START), (after(41), START + DAY)):
        found = judged(record(REBOOT, user("james"), at)).holding
        assert found is not None
        assert found.interval is not None
        assert found.interval.start == start


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - 15 * MINUTE - SECOND, Right.OFF_SHIFT),
        (START - 15 * MINUTE, Right.ENTITLED),
        (END + 30 * MINUTE - SECOND, Right.ENTITLED),
        (END + 30 * MINUTE, Right.OFF_SHIFT),
    ],
)
def test_grace_is_a_right_and_not_a_shift(at, expected):
    """Grace widens what is theirs to both sides; whether they were on shift is told by the shift itself."""
    graced = replace(rota(), grace_before=15 * MINUTE, grace_after=30 * MINUTE)
    found = judged(record(REBOOT, user("james"), at), with_rota(team(), graced))
    assert found.right is expected
    assert found.state is not None
    assert found.state.watch is not Watch.ON


@pytest.mark.parametrize(
    ("action", "at", "expected"),
    [
        ("ec2:DescribeInstances", after(12), Right.ENTITLED),
        ("s3:ListBuckets", after(12), Right.BEYOND_ROLE),
        ("s3:GetObject", after(12), Right.ENTITLED),
        (REBOOT, after(12), Right.OFF_SHIFT),
        (REBOOT, after(20), Right.ENTITLED),
        ("iam:CreateUser", after(12), Right.BEYOND_ROLE),
        ("iam:CreateUser", after(20), Right.BEYOND_ROLE),
        ("cloudtrail:StopLogging", after(20), Right.BEYOND_ROLE),
        ("lambda:Invoke", after(20), Right.BEYOND_ROLE),
    ],
)
def test_off_shift_is_not_beyond_the_role(action, at, expected):
    """What only a shift would allow is off shift; what no shift allows is beyond the role, on shift too."""
    of = holding(team(), permission_set("read-only", allow=("ec2:Describe*", "s3:Get*")))
    of = holding(of, permission_set("prod-oncall", allow=("ec2:*", "rds:*"), deny=("iam:*", "cloudtrail:*")))
    assert right(action, "james", at, of) is expected


def test_a_group_holds_in_its_accounts_only():
    """What is James's in staging day and night is not his in production."""
    assert judged(record("lambda:Invoke", user("james", account=STAGING), account=STAGING)).right is Right.ENTITLED
    assert right("lambda:Invoke", "james", MONDAY) is Right.BEYOND_ROLE
    assert judged(record(REBOOT, user("james", account=STAGING), after(20), account=STAGING)).right is Right.BEYOND_ROLE


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (timedelta(hours=13) - SECOND, Right.OFF_SHIFT),
        (timedelta(hours=13), Right.ENTITLED),
        (timedelta(hours=15) - SECOND, Right.ENTITLED),
        (timedelta(hours=15), Right.OFF_SHIFT),
    ],
)
def test_a_grant_holds_for_its_span(hours, expected):
    """To the second, and the reason and the approver are in the answer."""
    of = replace(team(), grants=(grant("g1", "ada", (13, 15)),))
    found = judged(record("lambda:Invoke", user("ada"), MONDAY + hours), of)
    assert found.right is expected
    if expected is Right.ENTITLED:
        assert "grant g1: migration, approved by sofia" in found.why


# --- paths ---------------------------------------------------------------------------------------


def test_a_deny_in_a_job_role_does_not_reach_the_on_call_role():
    """Support may terminate nothing by its own user; the role it takes on call has no such deny."""
    assert right("ec2:TerminateInstances", "priya", END + DAY) is Right.ENTITLED
    assert right("ec2:TerminateInstances", "priya", after(12)) is Right.OFF_SHIFT


def test_a_deny_in_the_on_call_role_does_not_reach_the_user():
    """The user may at all times what the role denies."""
    of = holding(team(), permission_set("support", allow=("cloudtrail:LookupEvents",)))
    assert right("cloudtrail:LookupEvents", "priya", END, of) is Right.ENTITLED
    assert right("cloudtrail:StopLogging", "priya", END, of) is Right.BEYOND_ROLE


def test_a_deny_in_a_job_role_holds_against_a_grant():
    """A grant is given to the user, where a deny of a group outranks it: it was never theirs, also in the span."""
    sets = (permission_set("support", allow=("ec2:Describe*",), deny=("lambda:*",)),)
    of = holding(team(), *sets, grants=(grant("g1", "priya", (13, 15)),))
    assert right("lambda:Invoke", "priya", after(14), of) is Right.BEYOND_ROLE
    assert right("lambda:Invoke", "priya", after(16), of) is Right.BEYOND_ROLE
    assert right("s3:GetObject", "priya", after(14), of) is Right.ENTITLED


def test_grants_of_other_times_do_not_meet():
    """A deny in Tuesday's grant does not hide what Monday's gave."""
    barred = permission_set("barred", allow=("s3:Get*",), deny=("lambda:*",))
    of = holding(team(), barred, grants=(grant("g1", "ada", (13, 15)), grant("g2", "ada", (37, 39), "barred")))
    assert right("lambda:Invoke", "ada", after(14), of) is Right.ENTITLED
    assert right("lambda:Invoke", "ada", after(16), of) is Right.OFF_SHIFT
    assert right("lambda:Invoke", "ada", after(36), of) is Right.OFF_SHIFT


def two_kinds(second):
    """Make a team whose James is primary in the evening and secondary around the clock, with another set."""
    other = replace(layer("second", "Europe/London", 0, 0, ("james",)), kind=Kind.SECONDARY)
    base = rota()
    entitled = {Kind.PRIMARY: "prod-oncall", Kind.SECONDARY: "second"}
    return holding(
        with_rota(team(), replace(base, layers=(*base.layers, other), entitlement=entitled)),
        second,
    )


def test_each_role_of_a_rota_is_a_path_by_itself():
    """Primary and secondary take two roles: what one denies the other may give, on shift and off."""
    of = two_kinds(permission_set("second", allow=("lambda:*",), deny=("rds:*",)))
    assert right(REBOOT, "james", after(20), of) is Right.ENTITLED
    assert right("lambda:Invoke", "james", after(20), of) is Right.ENTITLED
    assert right(REBOOT, "james", after(12), of) is Right.OFF_SHIFT
    barred = two_kinds(permission_set("second", deny=("rds:*",)))
    assert right(REBOOT, "james", after(12), barred) is Right.OFF_SHIFT


def test_a_right_of_the_role_used_past_it_is_marked():
    """The file gives it to the role; by the user itself it went round the role, and its MFA and its end."""
    direct = judged(record(REBOOT, user("james"), after(20)))
    assert (direct.right, direct.past_role) == (Right.ENTITLED, True)
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", source_identity="james")
    through = judged(record(REBOOT, acts, after(20)))
    assert (through.right, through.past_role) == (Right.ENTITLED, False)
    own = judged(record("ec2:DescribeInstances", user("james"), after(20)))
    assert (own.right, own.past_role) == (Right.ENTITLED, False)


@pytest.mark.parametrize(
    ("role", "at", "expected"),
    [
        (WATCH, START - SECOND, Right.OFF_SHIFT),
        (WATCH, START, Right.ENTITLED),
        (WATCH, END, Right.OFF_SHIFT),
        ("oncall-platform", START, Right.BEYOND_ROLE),
        ("admin", START, Right.BEYOND_ROLE),
        ("watchbill/oncall-other", START, Right.BEYOND_ROLE),
    ],
)
def test_taking_the_role_is_the_right_of_who_is_on_call(role, at, expected):
    """The gate is open in the window, for the rota's own role alone; taking it is not going round it."""
    found = judged(assume_role(user("james"), role, "ASIA1", at))
    assert (found.right, found.past_role) == (expected, False)


def test_each_kind_takes_its_own_role():
    """A secondary may take the secondary's role."""
    of = two_kinds(permission_set("second", allow=("lambda:*",)))
    taken = assume_role(user("james"), "watchbill/oncall-platform-secondary", "ASIA1", after(12))
    assert judged(taken, of).right is Right.ENTITLED
    assert judged(assume_role(user("james"), WATCH, "ASIA1", after(12)), of).right is Right.OFF_SHIFT


def test_a_session_that_outlives_the_shift_is_off_shift():
    """Whose session it is is known by its key; when it was taken does not matter."""
    taken = assume_role(user("james"), WATCH, "ASIA1", END - 10 * MINUTE, event_id="take")
    acts = [
        record(REBOOT, session("oncall-platform", "james", "ASIA1", path="/watchbill/"), at, event_id=name)
        for name, at in (("on", END - MINUTE), ("off", END + MINUTE))
    ]
    judge = Judge(team(), WEEK)
    found = {name: judge.judge(each).right for name, each in named([taken, *acts], team()).items()}
    assert found == {"take": Right.ENTITLED, "on": Right.ENTITLED, "off": Right.OFF_SHIFT}


# --- what is not judged --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "expected", "word"),
    [
        (user("stranger"), Right.UNKNOWN_ACTOR, "in no team file"),
        (user("james", account=FOREIGN), Right.UNKNOWN_ACTOR, FOREIGN),
        (root(), Right.UNKNOWN_ACTOR, "root"),
        (session("admin", "james", "ASIALOST"), Right.UNKNOWN_ACTOR, "not in the trail"),
        ({}, Right.UNKNOWN_ACTOR, "names nobody"),
        (service("ec2"), Right.NOT_A_PERSON, "AWS itself"),
        (user("deploy-bot"), Right.NOT_A_PERSON, "workload"),
        (session("deploy-bot", "s", "ASIALOST"), Right.NOT_A_PERSON, "workload"),
    ],
)
def test_nobody_is_judged_who_is_not_known_to_be_a_person(who, expected, word):
    """A machine is not a person, an unknown actor is said to be unknown, each with the reason."""
    found = judged(record(REBOOT, who, after(20)))
    assert (found.right, found.state, found.request, found.holding) == (expected, None, None, None)
    assert word in found.why


def test_who_left_the_file_is_unknown():
    """A trail named without a team has names that the file has not."""
    (found,) = attribute(reading(record(who=user("gone"))).events, None)
    assert Judge(team(), WEEK).judge(found).right is Right.UNKNOWN_ACTOR


@pytest.mark.parametrize(
    "made",
    [
        sign_in(user("james"), after(12)),
        record("sts:GetCallerIdentity", user("james"), after(12)),
        record("sts:GetSessionToken", user("james"), after(12)),
    ],
)
def test_what_needs_no_permission_is_nobodys_fault(made):
    """No IAM permission stands behind it; the shift is told all the same."""
    found = judged(made)
    assert (found.right, found.request) == (Right.NEEDS_NONE, None)
    assert found.state is not None


@pytest.mark.parametrize(
    ("at", "frozen"),
    [(after(19) - SECOND, False), (after(19), True), (after(21) - SECOND, True), (after(21), False)],
)
@pytest.mark.parametrize("action", [REBOOT, "ec2:DescribeInstances", "sts:GetCallerIdentity", "iam:CreateUser"])
def test_a_frozen_person_has_no_right_to_anything(action, at, frozen):
    """From its first instant to its last, to what is theirs always, to what needs no permission, on shift too."""
    freezes = (Freeze("f1", "james", after(19), after(21), None), Freeze("f2", "ada", MONDAY, None, None))
    found = judged(record(action, user("james"), at), freezes=freezes)
    assert (found.right is Right.FROZEN) is frozen


def test_that_a_session_of_somebody_frozen_ends_is_no_way_around_the_freeze():
    """Which ends them; with a team file that can be read and without."""
    freezes = (Freeze("f1", "james", after(19), None, None),)
    ended = judged(record("sso:Logout", user("james"), after(20)), freezes=freezes)
    assert (ended.right, ended.why) == (Right.NEEDS_NONE, "it is how a session ends, and nothing was done")


def test_a_freeze_without_an_end_holds_on():
    """Until somebody ends it."""
    freezes = (Freeze("f1", "james", after(19), None, None),)
    assert judged(record(who=user("james"), at=after(150)), freezes=freezes).right is Right.FROZEN


def test_an_account_not_in_the_file_is_not_judged():
    """James may act on a bucket of another account; the file says nothing of what is his there."""
    found = judged(record("s3:GetObject", user("james"), after(20), account=FOREIGN))
    assert found.right is Right.NOT_JUDGEABLE
    assert FOREIGN in found.why


TAGGED = {"StringEquals": {"aws:PrincipalTag/team": "platform"}}


def test_what_hangs_on_an_unknown_key_is_not_judgeable():
    """The record does not tell the tag: neither yes nor no is said, and the key is named."""
    of = holding(team(), only_if("read-only", "ec2:Describe*", TAGGED))
    found = judged(record("ec2:DescribeInstances", user("james"), after(12)), of)
    assert found.right is Right.NOT_JUDGEABLE
    assert "aws:PrincipalTag/team" in found.why
    assert right(REBOOT, "james", after(12), of) is Right.OFF_SHIFT


def test_an_unknown_key_on_the_on_call_role_is_said_too():
    """On shift it may have been theirs by the role: that is not beyond it."""
    of = holding(team(), only_if("prod-oncall", "rds:*", TAGGED))
    found = judged(record(REBOOT, user("james"), after(20)), of)
    assert found.right is Right.NOT_JUDGEABLE
    assert "aws:PrincipalTag/team" in found.why


def test_one_path_that_allows_is_enough_beside_an_unknown_one():
    """That a group hangs on an unknown key does not matter where the role allows."""
    of = holding(team(), only_if("read-only", "rds:*", TAGGED))
    assert right(REBOOT, "james", after(20), of) is Right.ENTITLED
    assert right(REBOOT, "james", after(12), of) is Right.NOT_JUDGEABLE


def test_what_cannot_be_evaluated_is_not_judgeable():
    """An operator that is not evaluated is named, not taken for no."""
    of = holding(team(), only_if("read-only", "ec2:Describe*", {"StringSounds": {"aws:x": "QQ=="}}))
    found = judged(record("ec2:DescribeInstances", user("james"), after(12)), of)
    assert found.right is Right.NOT_JUDGEABLE
    assert "StringSounds" in found.why


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.7", Right.ENTITLED),
        ("203.0.113.9", Right.BEYOND_ROLE),
        ("AWS Internal", Right.NOT_JUDGEABLE),
        ("cloudformation.amazonaws.com", Right.NOT_JUDGEABLE),
        (None, Right.NOT_JUDGEABLE),
    ],
)
def test_an_address_is_judged_by_where_there_is_one(address, expected):
    """What stands for the address where AWS called for somebody is no address outside the office."""
    outside = {"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    allow = {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}
    of = holding(team(), only_if("read-only", "*", outside, "Deny", allow=allow))
    of = holding(of, permission_set("prod-oncall", allow=("rds:*",)))
    found = judged(record("ec2:DescribeInstances", user("james"), after(12), sourceIPAddress=address), of)
    assert found.right is expected


# --- several requests ----------------------------------------------------------------------------


def test_a_call_that_is_several_requests_is_judged_by_the_worst():
    """A copy reads and writes: James may read always, write on call."""
    found = judged(record("s3:CopyObject", user("james"), after(12)))
    assert found.right is Right.OFF_SHIFT
    assert found.request is not None
    assert found.request.action == "s3:PutObject"
    assert right("s3:CopyObject", "james", after(20)) is Right.ENTITLED


def test_each_resource_is_asked():
    """Of two instances one may be stopped: the call as a whole was not theirs."""
    mine = "arn:aws:ec2:eu-west-1:111111111111:instance/i-1"
    statement = {"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": mine}
    policy = {"Version": "2012-10-17", "Statement": statement}
    of = holding(team(), PermissionSet("read-only", "", (), (), policy, HERE))
    of = holding(of, permission_set("prod-oncall", allow=("rds:*",)))

    def stop(*instances):
        items = [{"instanceId": each} for each in instances]
        return right("ec2:StopInstances", "james", after(12), of, requestParameters={"instancesSet": {"items": items}})

    assert stop("i-1") is Right.ENTITLED
    assert stop("i-2") is Right.BEYOND_ROLE
    assert stop("i-1", "i-2") is Right.BEYOND_ROLE
    assert stop() is Right.NOT_JUDGEABLE, "which instances the event does not say"


@pytest.mark.parametrize("field", ["requestParameters", "resources", "userAgent", "awsRegion", "sourceIPAddress"])
@pytest.mark.parametrize("value", [None, [], {}, "x", 7, [None, 7, "x", {}], {"instancesSet": {"items": [None]}}])
def test_an_odd_record_is_judged_all_the_same(field, value):
    """Fields of another form than AWS writes are no reason to stop."""
    made = {**record("ec2:StopInstances", user("james"), after(20)), field: value}
    assert judged(made).right is Right.ENTITLED


# --- the words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "at", "words", "on_call"),
    [
        ("james", after(20), "on shift (platform)", ("james",)),
        ("james", START - 10 * MINUTE, "off shift: began 10 min after", ("rick",)),
        ("james", END, "off shift: ended 0 min before", ("priya",)),
        ("james", END + 90 * MINUTE, "off shift: ended 90 min before", ("priya",)),
        ("sofia", after(20), "no shift near", ("james",)),
    ],
)
def test_the_shift_is_told_in_words(who, at, words, on_call):
    """How far from the nearest shift, and who was on call instead."""
    state = Judge(team(), WEEK).watch_state(who, event(record(at=at)))
    assert str(state) == words
    assert state.on_call == on_call


@pytest.mark.parametrize(
    ("at", "watch"),
    [
        (MONDAY - 7 * DAY - SECOND, Watch.NEVER),
        (MONDAY - 7 * DAY, Watch.NOT_YET),
        (MONDAY, Watch.ON),
        (after(2) + 7 * DAY, Watch.ENDED),
        (after(2) + 7 * DAY + SECOND, Watch.NEVER),
    ],
)
def test_a_shift_a_week_away_is_near_and_one_further_is_not(at, watch):
    """Sofia stands in once: up to seven days to either side that shift is named, a second further none is."""
    once = Override("o1", Kind.PRIMARY, Interval(MONDAY, after(2)), "sofia", None, "flu", "sofia", HERE)
    judge = Judge(with_rota(team(), rota(overrides=(once,))), Interval(MONDAY - 14 * DAY, MONDAY + 14 * DAY))
    state = judge.watch_state("sofia", event(record(at=at)))
    assert state.watch is watch
    assert state.start == (None if watch is Watch.NEVER else MONDAY)
    assert state.away == (7 * DAY if watch in (Watch.NOT_YET, Watch.ENDED) else timedelta(0))


def test_the_watch_is_that_of_the_account():
    """Nobody is on call for staging; an account that is not in the file is anybody's."""
    judge = Judge(team(), WEEK)
    assert judge.watch_state("james", event(record(at=after(20), account=STAGING))).on_call == ()
    assert judge.watch_state("james", event(record(at=after(20), account=FOREIGN))).on_call == ("james",)


def test_how_far_into_the_shift_is_told():
    """A deed in the first minutes reads otherwise than one in the last."""
    judge = Judge(team(), WEEK)
    assert judge.watch_state("james", event(record(at=START + 5 * MINUTE))).since_start == 5 * MINUTE
    assert judge.watch_state("james", event(record(at=END))).since_start is None


@pytest.mark.parametrize(
    ("action", "at", "why"),
    [
        ("ec2:DescribeInstances", after(12), "group developers"),
        (REBOOT, after(20), "rota platform, layer emea"),
        (REBOOT, after(12), "prod-oncall is james's only in the window from 2026-01-12T18:00:00Z on"),
        (REBOOT, after(27), "prod-oncall is james's only in the window that ended at 2026-01-13T02:00:00Z"),
        ("iam:CreateUser", after(20), "no permission set of james in production allows iam:CreateUser"),
    ],
)
def test_the_reason_is_one_the_person_would_accept(action, at, why):
    """What gave the right, or what would have, by the names of the team file."""
    assert judged(record(action, user("james"), at)).why == why


# --- the plan and the judgement ------------------------------------------------------------------


def test_the_judgement_agrees_with_the_documents_in_aws():
    """What the documents that were applied allow, by any path, is what is judged entitled, around every handoff."""
    of = replace(team(), grants=(grant("g1", "ada", (13, 15)),))
    cloud = MemoryCloud()
    plan = make_plan(of, {name: cloud.observe(account) for name, account in of.accounts.items()}, MONDAY, ())
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, by(of, cloud)))
    state = cloud.observe(of.accounts["production"])
    edges = [after(hours) for hours in (2, 11, 13, 15, 18, 26, 35, 42, 168, 170, 179)]
    times = [edge + step for edge in edges for step in (-SECOND, timedelta(0), SECOND)]
    actions = ("ec2:DescribeInstances", "ec2:TerminateInstances", REBOOT, "lambda:CreateAlias", "iam:ListUsers")
    judge = Judge(of, Interval(MONDAY, MONDAY + 8 * DAY))
    for who, action, at in itertools.product(of.people, actions, times):
        (found,) = attribute(reading(record(action, user(who, mfa=True), at)).events, of)
        paths = answers(state, who, action, "*", at, {"aws:MultiFactorAuthPresent": "true"})
        allowed = any(path.effect is Effect.ALLOWED for path in paths)
        assert (judge.judge(found).right is Right.ENTITLED) is allowed, (who, action, at)


def test_a_judgement_hangs_on_nothing_before_it():
    """Events judged in any order, one or many times, have the same answer."""
    made = [
        record(action, user(who), after(hours), event_id=f"{who}{action}{hours}")
        for who in ("james", "priya", "ada")
        for action in (REBOOT, "ec2:DescribeInstances", "iam:CreateUser")
        for hours in (12, 20, 28)
    ]
    found = attribute(reading(*made).events, team())
    judge = Judge(team(), WEEK)
    first = {each.event.id: judge.judge(each) for each in found}
    assert {each.event.id: judge.judge(each) for each in reversed(found)} == first
    assert {each.event.id: Judge(team(), WEEK).judge(each) for each in found} == first


def test_a_group_of_nobody_gives_nothing():
    """A permission set that nobody holds is beyond everybody's role."""
    of = holding(team(), permission_set("unused", allow=("iam:*",)))
    of = replace(of, groups={**of.groups, "empty": group("empty", (), ("unused", "production"))})
    assert right("iam:CreateUser", "james", after(20), of) is Right.BEYOND_ROLE


# --- the file of the time ------------------------------------------------------------------------

TUESDAY, WEDNESDAY, THURSDAY = MONDAY + DAY, MONDAY + 2 * DAY, MONDAY + 3 * DAY


def moved():
    """Make the team with James out of the developers."""
    rest = group("developers", ("ada", "rick"), ("developer", "staging"), ("read-only", "production"))
    return replace(team(), groups={**team().groups, "developers": rest})


def stands_in(who, start):
    """Make the team with an override for an evening of James's."""
    once = Override("o1", Kind.PRIMARY, Interval(after(start), after(start + 8)), who, "james", "flu", "sofia", HERE)
    return with_rota(team(), rota(overrides=(once,)))


def history(*files, freezes=()):
    """Make a history of files, each with the instant from which it was in force; None is one that cannot be read."""
    made = (InForce(since, of, f"r{number}", "" if of else "unread") for number, (since, of) in enumerate(files))
    return History(team(), tuple(made), freezes)


def over_time(of, *records):
    """Judge records by a history, by `eventID`."""
    judges = Judges(of, WEEK)
    return {name: judges.judge(each) for name, each in named(list(records), team()).items()}


def test_a_right_that_was_taken_away_was_a_right_before():
    """James was moved out of his group on Wednesday: what he did on Tuesday was his, what on Thursday was not."""
    of = history(
        *((since, holding(of, permission_set("prod-oncall"))) for since, of in ((None, team()), (WEDNESDAY, moved())))
    )
    acts = [
        record("rds:DescribeDBInstances", user("james"), at, event_id=name)
        for name, at in (
            ("tuesday", TUESDAY + 12 * timedelta(hours=1)),
            ("last", WEDNESDAY - SECOND),
            ("edge", WEDNESDAY),
            ("thursday", THURSDAY),
        )
    ]
    rights = {name: each.right for name, each in over_time(of, *acts).items()}
    assert rights == {
        "tuesday": Right.ENTITLED,
        "last": Right.ENTITLED,
        "edge": Right.BEYOND_ROLE,
        "thursday": Right.BEYOND_ROLE,
    }


def test_a_swap_gives_nothing_before_it_is_applied():
    """Ada took James's Tuesday evening, from 18:00; it was applied at 20:00. Until then it was his, and hers after."""
    of = history((None, team()), (after(44), stands_in("ada", 42)))
    acts = [
        record(REBOOT, user(who), at, event_id=f"{who} {name}")
        for who in ("james", "ada")
        for name, at in (("before", after(44) - SECOND), ("after", after(44)))
    ]
    found = over_time(of, *acts)
    assert {name: each.right for name, each in found.items()} == {
        "james before": Right.ENTITLED,
        "james after": Right.OFF_SHIFT,
        "ada before": Right.OFF_SHIFT,
        "ada after": Right.ENTITLED,
    }
    told = {name: str(each.state) for name, each in found.items()}
    assert told["james before"] == told["ada after"] == "on shift (platform)"
    assert told["james after"] == "off shift: ended 1080 min before"
    assert told["ada before"] == "off shift: ended 2520 min before", "her own last turn, of the week before"
    assert {each.state.on_call for name, each in found.items() if "before" in name and each.state} == {("james",)}


def test_near_an_edge_each_file_looks_to_both_sides_by_itself():
    """The window named lies beyond the change, as the file of the time had it, not as it came to be."""
    of = history((None, team()), (TUESDAY, stands_in("ada", 42)), (WEDNESDAY, team()))
    asked = {"old": MONDAY + 11 * timedelta(hours=1), "new": after(47)}
    found = over_time(of, *(record(REBOOT, user("james"), at, event_id=name) for name, at in asked.items()))
    assert {each.right for each in found.values()} == {Right.OFF_SHIFT}
    starts = {
        name: each.holding.interval.start for name, each in found.items() if each.holding and each.holding.interval
    }
    assert starts == {"old": START, "new": after(66)}, "his Tuesday evening was ada's then, Wednesday's was near"


def test_the_freezes_are_a_timeline_of_their_own():
    """A freeze outranks whichever file is in force, to the second, also one that can be read no more."""
    freeze = Freeze("f1", "james", TUESDAY, THURSDAY, None)
    of = history((None, team()), (WEDNESDAY, None), freezes=(freeze,))
    times = (TUESDAY - SECOND, TUESDAY, WEDNESDAY, THURSDAY - SECOND, THURSDAY)
    found = over_time(of, *(record(who=user("james"), at=at, event_id=str(n)) for n, at in enumerate(times)))
    assert [found[str(n)].right for n in range(5)] == [
        Right.ENTITLED,
        Right.FROZEN,
        Right.FROZEN,
        Right.FROZEN,
        Right.NOT_JUDGEABLE,
    ]


def test_under_a_file_that_can_be_read_no_more_what_hangs_on_it_is_open():
    """The reason is said; a sign-in needs no file, and who is nobody known stays so."""
    of = history((None, team()), (TUESDAY, None), (WEDNESDAY, team()))
    at = TUESDAY
    found = over_time(
        of,
        record(REBOOT, user("james"), TUESDAY - SECOND, event_id="before"),
        record(REBOOT, user("james"), at, event_id="act"),
        record("ec2:DescribeInstances", user("james"), at, event_id="read"),
        sign_in(user("james"), at, eventID="in"),
        record(REBOOT, user("stranger"), at, event_id="stranger"),
        record(REBOOT, user("deploy-bot"), at, event_id="bot"),
        record("ec2:DescribeInstances", user("james"), WEDNESDAY, event_id="after"),
    )
    assert {name: each.right for name, each in found.items()} == {
        "before": Right.ENTITLED,
        "act": Right.NOT_JUDGEABLE,
        "read": Right.NOT_JUDGEABLE,
        "in": Right.NEEDS_NONE,
        "stranger": Right.UNKNOWN_ACTOR,
        "bot": Right.NOT_A_PERSON,
        "after": Right.ENTITLED,
    }
    assert (found["act"].why, found["act"].state) == ("unread", None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 6 * 24 * 60), max_size=4, unique=True),
    st.lists(
        st.tuples(
            st.sampled_from(["james", "ada", "priya", "stranger"]),
            st.sampled_from([REBOOT, "ec2:DescribeInstances", "iam:CreateUser", "lambda:Invoke"]),
            st.integers(0, 7 * 24 * 60 - 1),
        ),
        max_size=8,
    ),
)
def test_however_often_the_same_file_is_applied_the_rights_are_the_same(cuts, acts):
    """Pieces of one file judge as the file does for the whole span: no edge of a piece is seen in an answer."""
    whole = Judge(team(), WEEK)
    starts = [None, *(MONDAY + cut * MINUTE for cut in sorted(cuts))]
    pieces = Judges(history(*((since, team()) for since in starts)), WEEK)
    records = [record(action, user(who), MONDAY + minute * MINUTE) for who, action, minute in acts]
    for each in attribute(reading(*records).events, team()):
        assert pieces.judge(each) == whole.judge(each)


# --- keys ----------------------------------------------------------------------------------------

KEY = f"arn:aws:kms:eu-west-1:{PRODUCTION}:key/k-1"


def of_key(statement, *, who="james", key=KEY, **fields):
    """Judge the use of a key by somebody who holds one statement always."""
    held = PermissionSet("keys", "", (), (), {"Version": "2012-10-17", "Statement": [statement]}, HERE)
    joined = group("keys", (who,), ("keys", "production"))
    of = holding(team(), held, groups={**team().groups, "keys": joined})
    listed = {"resources": [{"ARN": key}]} if key else {"requestParameters": {"keyId": "alias/orders"}}
    return judged(record("kms:Decrypt", fields.pop("identity", user(who)), after(3), **listed, **fields), of)


def kms(resource="*", **more):
    """Make a statement on keys."""
    return {"Effect": "Allow", "Action": "kms:*", "Resource": resource, **more}


@pytest.mark.parametrize("key", [KEY, None, KEY.replace(PRODUCTION, STAGING)])
def test_a_key_leaves_its_account_to_iam(key):
    """The key's own policy is no part of the team file: what that gives counts, whichever key it was."""
    assert of_key(kms(), key=key).right == "entitled"
    assert of_key({**kms(), "Action": "kms:Encrypt"}, key=key).right == "beyond role"


def test_a_statement_on_one_key_is_of_that_key():
    """What is bound to a resource stays so."""
    assert of_key(kms(KEY)).right == "entitled"
    assert of_key(kms(KEY + "0")).right == "beyond role"
    assert of_key(kms(KEY), key=None).why == "it hangs on resource"


def test_of_a_key_is_known_who_asks_only_as_the_record_tells():
    """That somebody asks in the account says nothing of who."""
    named = kms(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/james"}})
    assert of_key(named).right == "entitled"
    assert of_key(kms(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/rick"}})).right == "beyond role"
    who = session("oncall-platform", "james", "ASIA1", path="/watchbill/", source_identity="james")
    bare = {name: value for name, value in who.items() if name not in ("arn", "sessionContext")}
    context = {"sessionContext": {"sourceIdentity": "james"}}
    of_any = kms(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:*"}})
    assert of_key(of_any, identity={**bare, **context}).why == "it hangs on aws:PrincipalArn"


# --- workloads -----------------------------------------------------------------------------------


def by_machine(action, actions, **fields):
    """Judge a call of a workload that is expected to call some actions."""
    of = replace(team(), workloads={"deploy-bot": workload("deploy-bot", actions=actions)})
    return judged(record(action, user("deploy-bot"), after(3), **fields), of)


def test_what_a_workload_calls_beyond_what_is_declared_is_said():
    """It stays no person; the reason names the action."""
    found = by_machine("iam:CreateUser", ("ecs:*", "S3:get*"))
    assert (found.right, found.unexpected) == (Right.NOT_A_PERSON, True)
    assert found.why == ("workload deploy-bot; iam:CreateUser is outside what the team file declares for deploy-bot")


@pytest.mark.parametrize(
    ("action", "actions"),
    [
        ("s3:GetObject", ("ecs:*", "S3:get*")),
        ("iam:CreateUser", ()),
        ("sts:GetCallerIdentity", ("ecs:*",)),
        ("lambda:CreateFunction20150331", ("lambda:*",)),
    ],
    ids=["declared in another case", "nothing declared", "needs none", "passes a role besides"],
)
def test_what_is_declared_is_expected(action, actions):
    """And so is all of a workload of which nothing is said."""
    role = f"arn:aws:iam::{PRODUCTION}:role/deploy"
    found = by_machine(action, actions, requestParameters={"functionName": "f", "role": role})
    assert (found.right, found.unexpected, found.why) == (Right.NOT_A_PERSON, False, "workload deploy-bot")


# --- what the organization denies -----------------------------------------------------------------

GUARD = "SCP guard (p-guard) attached to OU Work#NoReboots"


def within_an_organization(*statements, since=MONDAY):
    """Make a history in which a policy of the organization is on what production is in, from an instant on."""
    full = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    documents = {"p-full": [full], "p-guard": list(statements)}
    policies = {
        name: ControlPolicy(name, name.removeprefix("p-"), SCP, {"Version": "2012-10-17", "Statement": said})
        for name, said in documents.items()
    }
    targets = [
        Target("r-1", "Root", "root", None),
        Target("ou-1", "Work", "OU", "r-1"),
        Target(PRODUCTION, "production", "account", "ou-1"),
    ]
    attached = {"p-full": ("r-1", "ou-1", PRODUCTION), "p-guard": ("ou-1",)}
    made = Organization("o-1", "999999999999", {t.id: t for t in targets}, policies, attached, frozenset({SCP}))
    bound = replace(team(), organization="production")
    read = {PRODUCTION: (Organized(since, made),)}
    return replace(history((None, bound)), organizations=read)


NO_REBOOTS = {"Sid": "NoReboots", "Effect": "Deny", "Action": REBOOT, "Resource": "*"}


def test_what_the_organization_denies_was_nobodys():
    """On shift too, by whatever role; it is said by which policy, and attached to what."""
    of = within_an_organization(NO_REBOOTS)
    found = over_time(
        of,
        record(REBOOT, user("james"), START, event_id="denied", errorCode="AccessDenied"),
        record(REBOOT, user("james"), START, event_id="allowed"),
        record("rds:StopDBInstance", user("james"), START, event_id="other"),
        record(REBOOT, user("lee"), START, event_id="not theirs"),
    )
    assert {name: each.right for name, each in found.items()} == {
        "denied": Right.BEYOND_ROLE,
        "allowed": Right.BEYOND_ROLE,
        "other": Right.ENTITLED,
        "not theirs": Right.BEYOND_ROLE,
    }
    said = f"prod-oncall allows james {REBOOT}, and the organization denies it: {GUARD}"
    assert (found["denied"].why, found["allowed"].why) == (said, said)
    assert "no permission set of lee" in found["not theirs"].why


def test_what_no_level_of_the_organization_allows_was_nobodys():
    """A list in place of full access: the level that does not allow is named."""
    of = within_an_organization({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"})
    (read,) = of.organizations[PRODUCTION]
    bare = replace(read.organization, attached={"p-full": ("r-1", PRODUCTION), "p-guard": ("ou-1",)})
    of = replace(of, organizations={PRODUCTION: (replace(read, organization=bare),)})
    found = over_time(of, record(REBOOT, user("james"), START, event_id="e"))["e"]
    assert found.right is Right.BEYOND_ROLE
    assert found.why.endswith("no statement of SCP guard (p-guard) attached to OU Work allows it")


def test_before_the_organization_was_read_it_is_not_guessed():
    """What AWS allowed was denied by none of its policies; what it did not may have been, where the file gives it."""
    of = within_an_organization(NO_REBOOTS, since=START + timedelta(hours=1))
    found = over_time(
        of,
        record(REBOOT, user("james"), START, event_id="allowed"),
        record(REBOOT, user("james"), START, event_id="denied", errorCode="AccessDenied"),
        record(REBOOT, user("james"), START, event_id="failed", errorCode="ThrottlingException"),
        record(REBOOT, user("james"), START - SECOND, event_id="early", errorCode="AccessDenied"),
        record(REBOOT, user("james"), START + timedelta(hours=1), event_id="read"),
    )
    rights = {name: each.right for name, each in found.items()}
    assert rights == {
        "allowed": Right.ENTITLED,
        "denied": Right.NOT_JUDGEABLE,
        "failed": Right.NOT_JUDGEABLE,
        "early": Right.OFF_SHIFT,
        "read": Right.BEYOND_ROLE,
    }
    assert "policies of the organization: they were not read before 2026-01-12T19:00:00Z" in found["denied"].why


def test_without_an_organization_in_the_file_none_is_asked():
    """What another file of the same state was bound by is not this one's."""
    of = within_an_organization(NO_REBOOTS)
    free = replace(of, files=(InForce(None, team(), None),))
    assert over_time(free, record(REBOOT, user("james"), START, event_id="e"))["e"].right is Right.ENTITLED
