"""How it was possible: what had opened the way to what was not the person's to do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, named, record, session, user

from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.judge.judge import Judge
from watchbill.judge.model import Right, Step
from watchbill.judge.possible import GIVES, iam_changes, openings


SECOND = timedelta(seconds=1)
WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
END = after(26)
"""James's shift on Monday evening ends."""

SOFIA = user("sofia")


def attach(who=SOFIA, at=MONDAY, target="james", name="AttachUserPolicy", **fields):
    """Make the record of a change of IAM by hand."""
    kind = GIVES.get(name, "userName")
    given = {"requestParameters": {kind: target, "policyArn": ADMIN}, "event_id": "opened"}
    return record(f"iam:{name}", who, at, **given | fields)


def opened(*records, act=None, freezes=(), of=None):
    """Judge an act by James off shift, among other records, and give what opened the way to it."""
    of = of or team()
    act = act or record("rds:DeleteDBInstance", user("james"), after(84), event_id="act")
    found = named([*records, act], of)
    return openings(Judge(of, WEEK, freezes).judge(found["act"]), iam_changes(found.values(), of))


def test_a_policy_attached_by_hand_days_before_is_named():
    """Sofia made James an administrator on Monday; on Thursday he used it."""
    (found,) = opened(attach())
    assert found.what == "sofia did AttachUserPolicy AdministratorAccess on james at 2026-01-12T00:00:00Z"
    assert (found.event_id, found.by, found.at) == ("opened", "sofia", MONDAY)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("PutUserPolicy", {"userName": "james", "policyName": "all"}, "PutUserPolicy all on james"),
        ("AddUserToGroup", {"userName": "james", "groupName": "admins"}, "AddUserToGroup admins on james"),
        ("DeleteUserPermissionsBoundary", {"userName": "james"}, "DeleteUserPermissionsBoundary on james"),
        ("DeleteUserPolicy", {"userName": "james", "policyName": "deny"}, "DeleteUserPolicy deny on james"),
        ("RemoveUserFromGroup", {"userName": "JAMES", "groupName": "g"}, "RemoveUserFromGroup g on JAMES"),
    ],
)
def test_each_way_to_give_a_user_more_is_known(name, given, words):
    """A policy, a group, a boundary that goes, a deny that goes; names of IAM are the same in any case."""
    (found,) = opened(attach(name=name, requestParameters=given))
    assert words in found.what


def test_the_latest_opening_comes_first():
    """What was opened last is the likeliest."""
    found = opened(attach(event_id="a"), attach(at=after(40), event_id="b"), attach(at=after(20), event_id="c"))
    assert [each.event_id for each in found] == ["b", "c", "a"]


@pytest.mark.parametrize(
    "change",
    [
        attach(at=after(84)),
        attach(at=after(90)),
        attach(target="rick"),
        attach(error="AccessDenied"),
        attach(name="DetachRolePolicy", target="james"),
        attach(name="CreateUser"),
        attach(account=STAGING),
        attach(requestParameters=None),
        attach(requestParameters={"userName": None}),
        attach(requestParameters={"userName": ["james"]}),
        attach(eventSource="ec2.amazonaws.com"),
    ],
    ids=[
        "at the same time",
        "later",
        "somebody else",
        "refused",
        "a role of the name",
        "gives nothing",
        "other account",
        "no parameters",
        "no name",
        "odd name",
        "not IAM",
    ],
)
def test_what_did_not_open_the_way_is_not_named(change):
    """Only a change before it, allowed, to the same principal in the same account."""
    assert opened(change) == ()


@pytest.mark.parametrize(
    "who",
    [user("watchbill"), session("watchbill", "run", "ASIAW"), session("watchbill", "run", "ASIAW", path="/ops/")],
)
def test_what_watchbill_did_is_no_drift(who):
    """What `managed_by` names acts for watchbill itself."""
    assert opened(attach(who)) == ()


@pytest.mark.parametrize(
    "who",
    [
        session("admin", "watchbill", "ASIAW"),
        {k: v for k, v in session("admin", "watchbill", "ASIAW").items() if k != "sessionContext"},
        user("watchbill", account=FOREIGN),
        session("watchbill", "run", "ASIAW", account=FOREIGN),
    ],
    ids=["name of a session", "session without its issuer", "user elsewhere", "role elsewhere"],
)
def test_who_only_has_the_name_of_watchbill_is_not_it(who):
    """A session may be called anything, and so may a role of another account."""
    (found,) = opened(attach(who))
    assert found.event_id == "opened"
    assert found.by == who["arn"]


def test_a_role_that_was_given_more_opens_the_way_of_its_sessions():
    """By the role's name, whatever its path and whatever the session is called."""
    acts = session("ops", "james", "ASIA1", path="/team/", source_identity="james")
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    assert [each.event_id for each in opened(attach(name="AttachRolePolicy", target="ops"), act=act)] == ["opened"]
    assert opened(attach(target="james"), act=act) == ()
    assert opened(attach(target="ops"), act=act) == ()
    bare = {**act, "userIdentity": {k: v for k, v in acts.items() if k != "sessionContext"}}
    of = replace(team(), session_names="iam_user")
    assert [e.event_id for e in opened(attach(name="PutRolePolicy", target="ops"), act=bare, of=of)] == ["opened"]


@pytest.mark.parametrize(
    ("began", "at", "expected"),
    [
        (END - SECOND, END + 600 * SECOND, True),
        (after(18), END, True),
        (after(18) - SECOND, END + 600 * SECOND, False),
        (END, END + 600 * SECOND, False),
        (END + 300 * SECOND, END + 600 * SECOND, False),
    ],
    ids=["last second", "first instant", "before the shift", "at its end", "after it"],
)
def test_a_session_begun_on_shift_may_outlive_it(began, at, expected):
    """It was his to take, and it was not ended: only a session that truly began on shift is such a one."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=began, source_identity="james")
    found = opened(act=record("rds:RebootDBInstance", acts, at, event_id="act"))
    assert [each.what.split(",")[0] for each in found] == (["the session began on shift"] if expected else [])
    assert [each.at for each in found] == ([began] if expected else [])


def test_a_change_by_hand_outranks_the_session():
    """Where the role was given more, that is how."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(20), source_identity="james")
    act = record("rds:RebootDBInstance", acts, END + SECOND, event_id="act")
    found = opened(attach(name="PutRolePolicy", target="oncall-platform"), act=act)
    assert [each.event_id for each in found] == ["opened"]


@pytest.mark.parametrize(
    "act",
    [
        record("rds:RebootDBInstance", user("james"), after(20), event_id="act"),
        record("ec2:DescribeInstances", user("james"), after(84), event_id="act"),
        record("sts:GetCallerIdentity", user("james"), after(84), event_id="act"),
        record("rds:RebootDBInstance", user("stranger"), after(84), event_id="act"),
        record("rds:RebootDBInstance", user("james"), after(84), event_id="act", error="AccessDenied"),
        record("rds:RebootDBInstance", user("james"), after(84), event_id="act", error="Throttling"),
    ],
    ids=["on shift", "theirs", "needs none", "unknown", "refused", "failed"],
)
def test_only_what_was_wrong_and_done_asks_how(act):
    """What was theirs needs no opening, and what AWS refused had none."""
    assert opened(attach(target="james"), attach(target="stranger", event_id="other"), act=act) == ()


def test_a_frozen_person_whose_quarantine_was_taken_away():
    """What AWS still allowed somebody who was frozen was opened by whoever took the deny away."""
    quarantine = {"userName": "james", "policyName": "watchbill-quarantine"}
    freed = attach(at=after(83), name="DeleteUserPolicy", requestParameters=quarantine)
    freezes = (Freeze("f1", "james", after(80), None, None),)
    act = record("ec2:DescribeInstances", user("james"), after(84), event_id="act")
    (found,) = opened(freed, act=act, freezes=freezes)
    assert "DeleteUserPolicy watchbill-quarantine on james" in found.what


def test_nothing_found_is_nothing_said():
    """Not every way is in the trail: then none is guessed."""
    assert opened() == ()


@pytest.mark.parametrize("right", [Right.OFF_SHIFT, Right.BEYOND_ROLE])
def test_both_kinds_of_wrong_are_asked(right):
    """Off shift and beyond the role alike."""
    action = {Right.OFF_SHIFT: "rds:RebootDBInstance", Right.BEYOND_ROLE: "iam:CreateUser"}[right]
    act = record(action, user("james"), after(84), event_id="act")
    assert len(opened(attach(), act=act)) == 1


# --- what watchbill left undone ------------------------------------------------------------------


def step(call="RemoveUserFromGroup(oncall-platform, james)", at=MONDAY, plan="p1", *, failed=True, account=PRODUCTION):
    """Make a step of a plan."""
    return Step(plan, 0, at, account, f"iam:{call}", failed, "Throttling" if failed else None)


def left(*steps, records=(), act=None):
    """Judge an act by James off shift after some steps, and give what opened the way to it."""
    act = act or record("rds:DeleteDBInstance", user("james"), after(84), event_id="act")
    found = named([*records, act], team())
    return openings(Judge(team(), WEEK).judge(found["act"]), iam_changes(found.values(), team()), steps)


def test_a_step_that_failed_is_named():
    """AWS refused to take James out of the group: he could still do what was no longer his."""
    (found,) = left(step())
    call = "iam:RemoveUserFromGroup(oncall-platform, james)"
    assert found.what.startswith(f"step 0 of watchbill's plan p1 failed at 2026-01-12T00:00:00Z: {call}: Throttling;")
    assert (found.event_id, found.by, found.at) == (None, "watchbill", MONDAY)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("DetachUserPolicy(JAMES, arn:aws:iam::aws:policy/ReadOnlyAccess)", True),
        ("DetachUserPolicy(rick, arn:aws:iam::aws:policy/ReadOnlyAccess)", False),
        ("PutRolePolicy(oncall-platform, watchbill-fence)", False),
        ("CreatePolicyVersion(arn:aws:iam::111111111111:policy/watchbill/gate)", True),
        ("DetachGroupPolicy(oncall-platform, arn)", True),
        ("CreateUser(james)", False),
        ("TagUser(james)", False),
        ("a form of its own", True),
    ],
)
def test_only_what_may_have_kept_the_way_open_is_named(call, named):
    """Who acted, or what several have in common; what was only to be made leaves nothing open when it is not."""
    assert bool(left(step(call))) is named


def test_a_role_that_was_not_fenced_in_is_named_for_its_sessions():
    """A session acts by the role; the group of whoever took it counts too."""
    acts = session("oncall-platform", "james", "ASIA1", path="/watchbill/", source_identity="james")
    act = record("rds:DeleteDBInstance", acts, after(84), event_id="act")
    fence = step("PutRolePolicy(oncall-platform, watchbill-fence)")
    assert len(left(fence, step(), step("PutRolePolicy(other, watchbill-fence)"), act=act)) == 2


@pytest.mark.parametrize(
    "steps",
    [
        [step(failed=False)],
        [step(at=after(84))],
        [step(at=after(90))],
        [step(account=STAGING)],
        [step(), step(at=after(1), plan="p2", failed=False)],
        [step(), step("AddUserToGroup(g, rick)", after(1), "p2", failed=False)],
    ],
    ids=["done", "at the same time", "later", "other account", "made good", "a plan since did without"],
)
def test_what_was_done_or_made_good_is_not_named(steps):
    """A plan that was carried out later was made of what was there then."""
    assert left(*steps) == ()


def test_a_plan_in_another_account_makes_nothing_good():
    """Each account has its own last plan."""
    assert len(left(step(), step(at=after(1), plan="p2", failed=False, account=STAGING))) == 1


def test_what_was_opened_last_comes_first_whoever_opened_it():
    """A change by hand and a step that failed, in order of time."""
    assert [each.by for each in left(step(at=after(5)), records=[attach(at=after(3))])] == ["watchbill", "sofia"]
    assert [each.by for each in left(step(at=after(2)), records=[attach(at=after(3))])] == ["sofia", "watchbill"]
