"""A freeze is verified by what AWS gives back: every step that is missing, undone or undermined is seen."""

from dataclasses import replace

import pytest
from tests.teams import STAGING
from tests.unit.respond.frozen import NOON, ON_SHIFT, TEAM, by_hand, carry_out, frozen, read, seen, world

from watchbill.access.model import QUARANTINE, Call
from watchbill.access.quarantine import DENY_ALL, Form
from watchbill.respond.model import Seen
from watchbill.respond.verify import PROBES, verify_frozen


STEPS = range(9)
FREEZE = "arn:aws:iam::111111111111:policy/watchbill/watchbill-freeze"
BEFORE = read(world())


def verified(cloud, found, at=NOON, actions=()):
    """Read AWS back and check."""
    return verify_frozen(found, seen(cloud), BEFORE, at, actions)


def broken(cloud, found, at=NOON):
    """Give what does not hold, in words."""
    return [check.what for check in verified(cloud, found, at) if not check.holds]


def held():
    """Give a cloud with James frozen in it, and the freeze."""
    cloud = world()
    found = frozen(cloud)
    carry_out(found.changes, cloud)
    return cloud, found


def test_a_whole_freeze_holds():
    """On shift and off: each account, each key, each group and each role is checked, and the probes and the case's calls."""
    cloud, found = held()
    for at in (NOON, ON_SHIFT):
        checks = verified(cloud, found, at, ("rds:RebootDBInstance", "sts:AssumeRole"))
        assert all(check.holds for check in checks)
        assert len(checks) == 2 * (len(PROBES) + 1) + 4 + 3 + 1 + 1
    assert [check.detail for check in verified(cloud, found)][:1] == [
        "ExplicitlyDenied by arn:aws:iam::aws:policy/AWSDenyAll#DenyAll"
    ]


@pytest.mark.parametrize("at", [NOON, ON_SHIFT])
@pytest.mark.parametrize("missing", STEPS)
def test_a_step_that_was_not_made_is_seen(missing, at):
    """Leave any one change out, and a check fails, whatever the hour: that a shift is over is no freeze."""
    cloud = world()
    found = frozen(cloud)
    assert len(found.changes) == len(STEPS)
    carry_out([change for n, change in enumerate(found.changes) if n != missing], cloud)
    assert broken(cloud, found, at)


@pytest.mark.parametrize(
    ("undo", "what"),
    [
        (("DetachUserPolicy", {"UserName": "james", "PolicyArn": DENY_ALL}), "may not"),
        (("UpdateAccessKey", {"UserName": "james", "AccessKeyId": "AKIAFIRST", "Status": "Active"}), "key AKIAFIRST"),
        (("UpdateAccessKey", {"UserName": "james", "AccessKeyId": "AKIAOLD", "Status": "Active"}), "key AKIAOLD"),
        (("DetachRolePolicy", {"RoleName": "oncall-platform", "PolicyArn": FREEZE}), "sessions of james"),
        (("AddUserToGroup", {"UserName": "james", "GroupName": "job-developers"}), "out of group job-developers"),
    ],
)
def test_a_step_that_was_undone_is_named(undo, what):
    """What somebody gave back by hand is said by name."""
    cloud, found = held()
    by_hand(cloud, undo[0], **undo[1])
    said = broken(cloud, found)
    assert said
    assert all(what in each or "take no role" in each for each in said)


WEAK = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"%s","Resource":"*"%s}]}'


@pytest.mark.parametrize(
    ("action", "condition"),
    [
        ("s3:*", ""),
        ("*", ',"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-01-12T11:00:00Z"}}'),
        ("*", ',"Condition":{"StringEquals":{"aws:username":"rick"}}'),
        ("*", ',"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}'),
    ],
)
def test_a_weaker_deny_is_no_freeze(action, condition):
    """A deny of the freeze's that says less is seen, on the user and on the role."""
    cloud, found = held()
    weak = WEAK % (action, condition)
    for account in TEAM.accounts:
        by_hand(cloud, "DetachUserPolicy", account, UserName="james", PolicyArn=DENY_ALL)
        by_hand(cloud, "PutUserPolicy", account, UserName="james", PolicyName=QUARANTINE, PolicyDocument=weak)
    inline = replace(found, forms=dict.fromkeys(TEAM.accounts, Form.INLINE))
    assert broken(cloud, inline)
    assert all("may not" in each or "take no role" in each for each in broken(cloud, inline))
    cloud, found = held()
    by_hand(cloud, "CreatePolicyVersion", PolicyArn=FREEZE, PolicyDocument=weak, SetAsDefault=True)
    assert "sessions of james on role oncall-platform in production may do nothing" in broken(cloud, found)


@pytest.mark.parametrize(
    "condition",
    [
        '{"StringEquals":{"aws:SourceIdentity":"james"}}',
        '{"StringLike":{"aws:userid":"*:james"}}',
    ],
)
def test_sessions_are_denied_by_either_name(condition):
    """A session without a source identity, and one that was chained under another name, must both be hit."""
    cloud, found = held()
    half = WEAK % ("*", f',"Condition":{condition}')
    by_hand(cloud, "CreatePolicyVersion", PolicyArn=FREEZE, PolicyDocument=half, SetAsDefault=True)
    assert broken(cloud, found)


@pytest.mark.parametrize(
    "condition",
    [
        '{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}',
        '{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}',
        '{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/25"}}',
        '{"DateGreaterThan":{"aws:CurrentTime":"2026-01-12T00:00:00Z"}}',
    ],
)
def test_a_deny_that_may_lift_is_no_freeze(condition):
    """A guard of the account's own that denies everything but with MFA, or in a region, hides no missing step."""
    cloud = world()
    found = frozen(cloud)
    guard = WEAK % ("*", f',"Condition":{condition}')
    by_hand(cloud, "PutUserPolicy", UserName="james", PolicyName="guard", PolicyDocument=guard)
    by_hand(cloud, "PutRolePolicy", RoleName="oncall-platform", PolicyName="guard", PolicyDocument=guard)
    carry_out([c for c in found.changes if "Policy" not in c.call.operation], cloud)
    said = broken(cloud, found)
    assert {"may not" in each for each in said} == {True, False}
    assert "sessions of james on role oncall-platform in production may do nothing" in said


def test_a_key_made_since_is_seen():
    """A way back in that was made while the freeze was carried out is a key that is on."""
    cloud, found = held()
    fresh = cloud.keys["production", "james"][0]
    cloud.keys["production", "james"].append(type(fresh)("AKIAFRESH", active=True))
    assert broken(cloud, found) == ["key AKIAFRESH in production is off"]


def test_what_is_gone_can_do_nothing():
    """A user, a group or a role that was deleted since is no hole, and says so."""
    cloud, found = held()
    for name in TEAM.accounts:
        state = cloud.states[name]
        users = {user: made for user, made in state.users.items() if user != "james"}
        cloud.states[name] = type(state)(name, state.number, users, {}, {}, {})
    cloud.keys.clear()
    checks = verified(cloud, found)
    assert all(check.holds for check in checks)
    assert {check.detail for check in checks} == {"the user is gone", "the role is gone", "out", "none"}


def test_a_freeze_of_nothing_does_not_hold():
    """Where there is nothing to check, nothing was shown to be safe."""
    _, found = held()
    empty = type(found)("F-0", "james", "james", None, NOON, "r", "sofia", (), (), (), (), ())
    (check,) = verify_frozen(empty, Seen({}), {}, NOON)
    assert not check.holds
    assert check.detail == "there was nothing to check"


def test_the_other_account_is_checked_too():
    """That production is shut says nothing of staging."""
    cloud, found = held()
    cloud.perform(TEAM.accounts["staging"], Call("DetachUserPolicy", {"UserName": "james", "PolicyArn": DENY_ALL}))
    assert len(broken(cloud, found)) == len(PROBES)
    assert all(" in staging may not " in each for each in broken(cloud, found))
    assert TEAM.accounts["staging"].number == STAGING
