"""A cloud in memory to freeze people in, and plans carried out in it."""

from datetime import timedelta

from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY, team

from watchbill.access.apply import apply
from watchbill.access.model import AccessKey, Call, State
from watchbill.access.plan import make_plan
from watchbill.respond.freeze import plan_freeze


TEAM = team()
NOON = MONDAY + timedelta(hours=12)
ON_SHIFT = MONDAY + timedelta(hours=20)
"""James is on call."""
KEYS = [AccessKey("AKIAFIRST", active=True), AccessKey("AKIASECOND", active=True), AccessKey("AKIAOLD", active=False)]


def observe(cloud):
    """Read every account."""
    return {name: cloud.observe(account) for name, account in TEAM.accounts.items()}


def keys_of(cloud, person="james"):
    """Read a person's keys in every account."""
    return {name: cloud.access_keys(account, person) for name, account in TEAM.accounts.items()}


def carry_out(changes, cloud):
    """Make every change, all of them done."""
    assert all(outcome.state is State.DONE for outcome in apply(changes, by(TEAM, cloud)))


def world():
    """Give a cloud in which the team file was applied, and James has keys."""
    cloud = MemoryCloud()
    carry_out(make_plan(TEAM, observe(cloud), NOON).changes, cloud)
    cloud.keys["production", "james"] = list(KEYS)
    cloud.keys["staging", "james"] = [AccessKey("AKIASTAGING", active=True)]
    return cloud


def by_hand(cloud, operation, account="production", **parameters):
    """Make a change that is nobody's plan."""
    cloud.perform(TEAM.accounts[account], Call(operation, parameters))


def frozen(cloud, person="james", at=NOON, **more):
    """Work out the freeze of somebody."""
    asked = {"case": "C-1", "reason": "seen elsewhere", "by": "sofia"} | more
    return plan_freeze(TEAM, person, observe(cloud), keys_of(cloud, person), at, **asked)
