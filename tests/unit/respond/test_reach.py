"""Which roles somebody may come to act by, and whether their sessions of them carry their name."""

from dataclasses import replace

import pytest
from tests.unit.respond.frozen import TEAM, carry_out, frozen, read, world
from tests.unit.respond.states import ALL, USER

from watchbill.access.model import RoleState
from watchbill.respond.reach import Reached, lifted, reached


STAGING = TEAM.accounts["staging"].number
PRODUCTION = TEAM.accounts["production"].number
OURS = Reached("production", "oncall-platform", named=True)


def role(name, number, principal, condition=None, policy=ALL, effect="Allow"):
    """Make a role of others that trusts somebody."""
    statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}
    return RoleState(name, f"arn:aws:iam::{number}:role/{name}", "/", trust, inline={"own": policy})


def with_roles(*roles, may=True):
    """Give a cloud with roles by account, in which James may take any role that he is trusted by."""
    cloud = world()
    for account, state in cloud.states.items():
        there = {made.name: made for name, made in roles if name == account}
        james = replace(state.users["james"], inline={"own": ALL} if may else {})
        users = {**state.users, "james": james}
        cloud.states[account] = replace(state, roles={**state.roles, **there}, users=users)
    return cloud


def found(*roles, may=True):
    """Give what James reaches besides the on-call role."""
    return [each for each in reached("james", read(with_roles(*roles, may=may))) if each != OURS]


def test_the_role_on_call_is_reached_and_named():
    """Its trust demands his own name, whether he has the watch now or not."""
    assert reached("james", read(world())) == (OURS,)
    assert reached("sofia", read(world())) == ()


@pytest.mark.parametrize("principal", [USER, PRODUCTION, f"arn:aws:iam::{PRODUCTION}:root", "*"])
def test_a_role_that_trusts_him_his_account_or_anybody(principal):
    """His user by name in the same account needs no other Allow; the whole account needs one of his own."""
    assert found(("production", role("r", PRODUCTION, principal))) == [Reached("production", "r", named=False)]
    alone = found(("production", role("r", PRODUCTION, principal)), may=False)
    assert bool(alone) is (principal in (USER, "*"))


def test_roles_of_another_account_that_trust_him():
    """A freeze of the account he is in alone would leave them open."""
    assert found(("staging", role("r", STAGING, USER))) == [Reached("staging", "r", named=False)]
    assert found(("staging", role("r", STAGING, f"arn:aws:iam::{PRODUCTION}:user/other"))) == []


def test_roles_are_followed_from_one_to_the_next():
    """He takes one, that takes another in another account, and so on; each may be under any name."""
    first = role("r1", PRODUCTION, USER)
    second = role("r2", STAGING, f"arn:aws:iam::{PRODUCTION}:role/r1")
    third = role("r3", PRODUCTION, f"arn:aws:iam::{STAGING}:role/r2")
    assert found(("production", first), ("staging", second), ("production", third)) == [
        Reached("production", "r1", named=False),
        Reached("production", "r3", named=False),
        Reached("staging", "r2", named=False),
    ]
    nothing = {"Version": "2012-10-17", "Statement": []}
    shut = replace(second, inline={"own": nothing})
    assert [each.role for each in found(("production", first), ("staging", shut), ("production", third))] == [
        "r1",
        "r2",
    ]


ALWAYS = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
SOURCE = {"StringEquals": {"sts:SourceIdentity": "${aws:username}"}}
IF_THERE = {"StringEqualsIfExists": {"sts:SourceIdentity": "${aws:username}"}}


@pytest.mark.parametrize(("condition", "named"), [(ALWAYS, True), (SOURCE, True), (IF_THERE, False), (None, False)])
def test_a_name_counts_where_it_is_demanded(condition, named):
    """As session name, or as source identity where one must be set; one that may be left out tells nobody apart."""
    assert found(("production", role("r", PRODUCTION, USER, condition))) == [Reached("production", "r", named)]


def test_a_role_that_is_reached_in_two_ways_is_named_by_neither_alone():
    """By his user he has to say his name, from another role he has not."""
    first = role("r1", PRODUCTION, USER)
    trust = role("r2", PRODUCTION, USER, ALWAYS).trust
    passed = role("x", PRODUCTION, f"arn:aws:iam::{PRODUCTION}:role/r1").trust
    second = replace(
        role("r2", PRODUCTION, USER), trust={**trust, "Statement": [*trust["Statement"], *passed["Statement"]]}
    )
    assert Reached("production", "r2", named=False) in found(("production", first), ("production", second))


def test_what_is_denied_is_not_reached_and_what_nobody_can_read_is():
    """A deny of his own, or of the trust; a policy that is no policy may say anything."""
    cloud = with_roles(("production", role("r", PRODUCTION, PRODUCTION)))
    state = cloud.states["production"]
    deny = {"Statement": [{"Effect": "Deny", "Action": "sts:*", "Resource": "*"}]}
    for inline, there in (({"own": ALL, "no": deny}, False), ({"odd": {}}, True)):
        users = {**state.users, "james": replace(state.users["james"], inline=inline)}
        cloud.states["production"] = replace(state, users=users)
        assert (Reached("production", "r", named=False) in reached("james", read(cloud))) is there


def test_a_freeze_lifted_is_what_there_was():
    """So that what it stands before is seen, also while it stands."""
    cloud = with_roles(("production", role("r", PRODUCTION, USER)))
    was = read(cloud)
    carry_out(frozen(cloud).changes, cloud)
    now = read(cloud)
    assert reached("james", now) == ()
    open_ = {name: lifted("james", state, was[name].users["james"]) for name, state in now.items()}
    assert reached("james", open_) == reached("james", was)
