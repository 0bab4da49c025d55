"""A cloud in memory to freeze people in, and plans carried out in it."""

from dataclasses import replace
from datetime import timedelta

from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY, team

from watchbill.access.apply import apply
from watchbill.access.model import AccessKey, Call, State
from watchbill.access.plan import make_plan
from watchbill.respond.freeze import Asked, plan_freeze
from watchbill.respond.model import Seen
from watchbill.respond.restore import Before


TEAM = team()
NOON = MONDAY + timedelta(hours=12)
ON_SHIFT = MONDAY + timedelta(hours=20)
"""James is on call."""
KEYS = [AccessKey("AKIAFIRST", active=True), AccessKey("AKIASECOND", active=True), AccessKey("AKIAOLD", active=False)]


def read(cloud):
    """Read every account, with the versions of policies that are not in force."""
    return {name: cloud.observe(account) for name, account in TEAM.accounts.items()}


def observe(cloud):
    """Read every account, but not what policies said before: a freeze and a restore each leave a version behind."""
    return {
        name: replace(state, policies={arn: replace(p, versions=()) for arn, p in state.policies.items()})
        for name, state in read(cloud).items()
    }


def keys_of(cloud, person="james"):
    """Read a person's keys in every account."""
    return {name: cloud.access_keys(account, person) for name, account in TEAM.accounts.items()}


def carry_out(changes, cloud):
    """Make every change, all of them done."""
    assert all(outcome.state is State.DONE for outcome in apply(changes, by(TEAM, cloud)))


def world():
    """Give a cloud in which the team file was applied, and James has keys."""
    cloud = MemoryCloud()
    carry_out(make_plan(TEAM, read(cloud), NOON).changes, cloud)
    cloud.keys["production", "james"] = list(KEYS)
    cloud.keys["staging", "james"] = [AccessKey("AKIASTAGING", active=True)]
    return cloud


def by_hand(cloud, operation, account="production", **parameters):
    """Make a change that is nobody's plan."""
    cloud.perform(TEAM.accounts[account], Call(operation, parameters))


def seen(cloud, person="james"):
    """Read what a freeze goes by."""
    accounts = TEAM.accounts.items()
    credentials = {name: cloud.credentials(account, person) for name, account in accounts}
    there = {name: found for name, found in credentials.items() if person in cloud.observe(TEAM.accounts[name]).users}
    return Seen(read(cloud), there, {name: cloud.open_in(account) for name, account in accounts})


def before(cloud, person="james"):
    """Read what a restore needs of the time before a freeze."""
    return Before(observe(cloud), seen(cloud, person).credentials)


def frozen(cloud, person="james", at=NOON, team=TEAM, **more):
    """Work out the freeze of somebody."""
    asked = {"case": "C-1", "reason": "seen elsewhere", "by": "sofia"} | more
    return plan_freeze(team, person, seen(cloud, person), at, Asked(**asked))
