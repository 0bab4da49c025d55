"""Restoring: what the freeze took comes back, but for what is named; what others changed meanwhile is listed."""

from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud import MemoryCloud
from tests.teams import DAY
from tests.unit.respond.frozen import NOON, TEAM, by_hand, carry_out, frozen, keys_of, observe, seen, world

from watchbill.access.model import PATH, AccessKey, Freeze, GroupState
from watchbill.access.plan import make_plan
from watchbill.access.quarantine import DENY_ALL
from watchbill.respond.restore import Before, differences, plan_restore


ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
ALLOW_TEXT = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
POWER = "arn:aws:iam::aws:policy/PowerUserAccess"
OURS = sorted({name for state in world().states.values() for name in state.groups})
BASE = world()


def copied(cloud):
    """Give another cloud in the same state."""
    made = MemoryCloud()
    made.states, made.keys = dict(cloud.states), deepcopy(cloud.keys)
    return made


def restored(cloud, found, before, desired=None, stolen=()):
    """Work out the restore of a freeze over what is there now."""
    return plan_restore(found, desired or before, seen(cloud), Before(before, {}), stolen)


# --- what comes back -----------------------------------------------------------------------------

_KEYS = st.lists(st.booleans(), max_size=2)


@st.composite
def clouds(draw):
    """Draw a cloud in which James has any groups, policies and keys, and the keys marked stolen."""
    cloud, stolen = copied(BASE), set()
    for account in TEAM.accounts:
        state = cloud.states[account]
        if not draw(st.booleans()) and account == "staging":
            cloud.states[account] = replace(state, users={u: s for u, s in state.users.items() if u != "james"})
            cloud.keys[account, "james"] = []
            continue
        foreign = GroupState("legacy", "/")
        groups = draw(st.frozensets(st.sampled_from([*(g for g in OURS if g in state.groups), "legacy"])))
        inline = dict.fromkeys(draw(st.frozensets(st.sampled_from(["own", "other"]))), ALLOW)
        attached = draw(st.frozensets(st.sampled_from([POWER, "arn:aws:iam::aws:policy/IAMFullAccess"])))
        james = replace(state.users["james"], groups=groups, inline=inline, attached=attached)
        users = {**state.users, "james": james}
        cloud.states[account] = replace(state, users=users, groups={**state.groups, "legacy": foreign})
        keys = [AccessKey(f"AKIA{account.upper()}{n}", active) for n, active in enumerate(draw(_KEYS))]
        cloud.keys[account, "james"] = keys
        stolen |= {key.id for key in keys if draw(st.booleans())}
    return cloud, stolen


@given(clouds())
def test_restore_gives_back_what_freeze_took(drawn):
    """Over any state: all is as it was, users, groups, policies, roles and keys, but for the stolen keys it names."""
    cloud, stolen = drawn
    before, keys = observe(cloud), keys_of(cloud)
    found = frozen(cloud)
    carry_out(found.changes, cloud)
    back = restored(cloud, found, before, stolen=stolen)
    carry_out(back.changes, cloud)
    assert observe(cloud) == before
    assert differences(found, before, observe(cloud)) == ()
    assert keys_of(cloud) == {
        name: [replace(key, active=key.active and key.id not in stolen) for key in held] for name, held in keys.items()
    }
    off = {key.id for held in keys.values() for key in held if key.active and key.id in stolen}
    assert {word.split()[1] for word in back.left_out} == off
    assert back.drift == ()


def test_the_deny_is_lifted_last():
    """Groups, sessions, keys, and then the deny: until all is back, nothing works."""
    cloud = world()
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    assert [str(change.call) for change in restored(cloud, found, before).changes] == [
        "iam:AddUserToGroup(job-developers, james)",
        "iam:AddUserToGroup(oncall-platform, james)",
        "iam:AddUserToGroup(job-developers, james)",
        "iam:CreatePolicyVersion(arn:aws:iam::111111111111:policy/watchbill/watchbill-freeze)",
        "iam:UpdateAccessKey(james, AKIAFIRST, Active)",
        "iam:UpdateAccessKey(james, AKIASECOND, Active)",
        "iam:UpdateAccessKey(james, AKIASTAGING, Active)",
        "iam:DetachUserPolicy(james, arn:aws:iam::aws:policy/AWSDenyAll)",
        "iam:DetachUserPolicy(james, arn:aws:iam::aws:policy/AWSDenyAll)",
    ]


def test_what_was_off_stays_off():
    """A key that was switched off before the freeze was switched off for a reason."""
    cloud = world()
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    back = restored(cloud, found, before, stolen=("AKIAOLD", "AKIAFIRST"))
    carry_out(back.changes, cloud)
    assert {key.id: key.active for key in keys_of(cloud)["production"]} == {
        "AKIAFIRST": False,
        "AKIASECOND": True,
        "AKIAOLD": False,
    }
    assert back.left_out == ("key AKIAFIRST in production: marked stolen, it stays off",)


def test_groups_come_back_by_the_schedule_of_now():
    """James left the on-call rota while he was frozen: what the file no longer gives is left out, and named."""
    cloud = world()
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    now = before["production"].users["james"]
    user = replace(now, groups=now.groups - {"oncall-platform"})
    desired = {**before, "production": replace(before["production"], users={"james": user})}
    back = restored(cloud, found, before, desired)
    carry_out(back.changes, cloud)
    assert observe(cloud)["production"].users["james"].groups == {"job-developers"}
    assert back.left_out == ("group oncall-platform in production: the team file no longer gives it to james",)
    assert differences(found, before, observe(cloud)) == ("user james in production",)


def test_who_left_the_file_gets_no_group_back():
    """The user is freed and its keys with it; what it may do is the file's to say."""
    cloud = world()
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    desired = {name: replace(state, users={}) for name, state in before.items()}
    assert len(restored(cloud, found, before, desired).left_out) == 3


@pytest.mark.parametrize("cut", range(9))
def test_a_restore_cut_short_is_finished_by_another(cut):
    """Whatever was done of it is no drift, and the second one ends where the first would have."""
    cloud = world()
    before, keys, found = observe(cloud), keys_of(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    carry_out(restored(cloud, found, before).changes[:cut], cloud)
    again = restored(cloud, found, before)
    assert again.drift == ()
    carry_out(again.changes, cloud)
    assert (observe(cloud), keys_of(cloud)) == (before, keys)


def test_a_user_that_is_gone_is_left_out():
    """There is nothing to give back to in that account; the other one is restored all the same."""
    cloud = world()
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    state = cloud.states["production"]
    cloud.states["production"] = replace(state, users={u: s for u, s in state.users.items() if u != "james"})
    back = restored(cloud, found, before)
    carry_out(back.changes, cloud)
    assert observe(cloud)["staging"] == before["staging"]
    assert back.left_out == ("user james in production: it is gone",)
    assert [drift.what for drift in back.drift] == ["user james is gone"]


# --- what others did meanwhile -------------------------------------------------------------------

ARN = f"arn:aws:iam::111111111111:user{PATH}james"


@pytest.mark.parametrize(
    ("operation", "parameters", "what"),
    [
        ("AttachUserPolicy", {"PolicyArn": POWER}, f"policy {POWER} was attached since the freeze"),
        ("DetachUserPolicy", {"PolicyArn": "arn:old"}, "policy arn:old was detached since the freeze"),
        (
            "PutUserPolicy",
            {"PolicyName": "new", "PolicyDocument": ALLOW_TEXT},
            "inline policy new was added since the freeze",
        ),
        (
            "PutUserPolicy",
            {"PolicyName": "own", "PolicyDocument": ALLOW_TEXT},
            "inline policy own was changed since the freeze",
        ),
        ("DeleteUserPolicy", {"PolicyName": "own"}, "inline policy own was removed since the freeze"),
        ("AddUserToGroup", {"GroupName": "legacy"}, "group legacy was joined since the freeze"),
        ("AddUserToGroup", {"GroupName": "job-security"}, "group job-security was joined since the freeze"),
        ("RemoveUserFromGroup", {"GroupName": "other"}, "group other was left since the freeze"),
    ],
)
def test_what_others_changed_since_is_listed(operation, parameters, what):
    """A lead sees what was done to a frozen user before anything is given back to it."""
    cloud = world()
    for group in ("legacy", "other"):
        by_hand(cloud, "CreateGroup", GroupName=group, Path="/")
    by_hand(cloud, "AddUserToGroup", GroupName="other", UserName="james")
    by_hand(cloud, "AttachUserPolicy", UserName="james", PolicyArn="arn:old")
    by_hand(cloud, "PutUserPolicy", UserName="james", PolicyName="own", PolicyDocument="{}")
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    assert restored(cloud, found, before).drift == ()
    by_hand(cloud, operation, UserName="james", **parameters)
    (drift,) = restored(cloud, found, before).drift
    assert (drift.account, drift.principal, drift.what) == ("production", ARN, what)


def test_what_watchbill_does_to_a_frozen_user_is_no_drift():
    """A run while the person is frozen takes their grant away; the next one after gives it back."""
    of = replace(TEAM, grants=())
    cloud = world()
    grant = f"arn:aws:iam::111111111111:policy{PATH}grant-g1"
    by_hand(cloud, "CreatePolicy", PolicyName="grant-g1", Path=PATH, PolicyDocument=ALLOW_TEXT)
    by_hand(cloud, "AttachUserPolicy", UserName="james", PolicyArn=grant)
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    carry_out(make_plan(of, observe(cloud), NOON + DAY, [Freeze(found.id, "james", NOON, None, None)]).changes, cloud)
    james = observe(cloud)["production"].users["james"]
    assert (james.attached, james.inline) == ({DENY_ALL}, {})
    assert restored(cloud, found, before).drift == ()
    by_hand(cloud, "AttachUserPolicy", UserName="james", PolicyArn=f"arn:aws:iam::111111111111:policy{PATH}developer")
    assert len(restored(cloud, found, before).drift) == 1


def test_what_became_different_is_said():
    """After a restore a reader sees which user and which role are not as they were."""
    cloud = world()
    before, found = observe(cloud), frozen(cloud)
    carry_out(found.changes, cloud)
    assert differences(found, before, observe(cloud)) == (
        "user james in production",
        "the freeze policy in production",
        "user james in staging",
    )
