"""Old and unused keys are said to whom they are, by the team's limits alone, and nothing is done about them."""

from dataclasses import replace
from datetime import timedelta

from tests.teams import HERE, MONDAY, PRODUCTION, team, workload

from watchbill.access.keys import key_warnings
from watchbill.access.model import AccountState, KeyUse
from watchbill.access.plan import make_plan, state_digest
from watchbill.team.files import parse
from watchbill.team.model import KeyLimits


def days(number):
    """Give the instant so many days before."""
    return MONDAY - timedelta(days=number)


KEYS = {
    "james": (KeyUse(days(91), days(1)), KeyUse(days(10), None)),
    "rick": (KeyUse(days(90), days(60)),),
    "deploy-bot": (KeyUse(days(400), None),),
    "somebody": (KeyUse(days(61), days(61)),),
    "sofia": (KeyUse(days(10), days(100)),),
}
STATE = AccountState("production", PRODUCTION, {}, {}, {}, {}, keys=KEYS)
TEAM = replace(team(), workloads={"deploy-bot": workload("deploy-bot", owner="sofia")})


def said(max_age=None, unused=None):
    """Give what is said of the keys, by limits in days."""
    age, use = (None if each is None else timedelta(days=each) for each in (max_age, unused))
    limited = replace(TEAM, keys=KeyLimits(age, use, HERE))
    return [
        (each.code, each.message.partition(" has an access key ")[0]) for each in key_warnings(limited, STATE, MONDAY)
    ]


def test_each_limit_is_one_of_its_own():
    """Age is since a key was made; unused is since its last use, or since it was made or switched on, if that was later.

    Exactly at a limit is within it.
    """
    james, rick = "`james` in account `production`", "`rick` in account `production`"
    bot = "workload `deploy-bot`, which `sofia` answers for, in account `production`"
    other = "user `somebody` in account `production`"
    assert said(max_age=90) == [("old-key", bot), ("old-key", james)]
    assert said(unused=60) == [("unused-key", bot), ("unused-key", other)]
    assert said(unused=59) == [("unused-key", bot), ("unused-key", rick), ("unused-key", other)]
    assert said() == []


def test_nothing_is_said_unless_the_team_asks():
    """By default no limit holds; the file's own words set it."""
    assert list(key_warnings(TEAM, STATE, MONDAY)) == []
    found = parse(b"team: t\nkeys: {max_age: 90d}\n", "watchbill.yaml").keys
    assert found is not None
    assert (found.max_age, found.unused, found.where.line) == (timedelta(days=90), None, 2)
    assert parse(b"team: t\n", "watchbill.yaml").keys is None


def test_a_plan_says_it_and_changes_no_key():
    """A warning stops nothing; and a use of a key since is no change of AWS by which a plan is refused."""
    limited = replace(TEAM, keys=KeyLimits(timedelta(days=90), None, HERE))
    observed = {"production": STATE, "staging": AccountState("staging", "222222222222", {}, {}, {}, {})}
    plan = make_plan(limited, observed, MONDAY)
    assert [each.code for each in plan.warnings if each.code.endswith("-key")] == ["old-key", "old-key"]
    assert not [change for change in plan.changes if "Key" in change.call.operation]
    used = {**observed, "production": replace(STATE, keys={})}
    assert state_digest(used) == state_digest(observed)
