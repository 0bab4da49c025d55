"""How it was possible: what had opened the way to what was not the person's to do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, STAGING, team
from tests.trails import FOREIGN, after, named, record, session, user

from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.judge.judge import Judge
from watchbill.judge.model import Right
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
