"""Shells that are left open after a watch: whose they are, and which are ended when."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, permission_set, rota, team, with_rota

from watchbill.access.model import Shell
from watchbill.access.open_shells import left_open
from watchbill.access.own_rights import RECONCILER_SHELLS, RESPONDER, parts_of
from watchbill.policy.actions import actions_of
from watchbill.team.model import By, Kind, Shells


OVER = MONDAY + timedelta(hours=26)
"""When James's watch of this evening ends."""
AFTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)
OWN = "arn:aws:sts::111111111111:assumed-role/oncall-platform/james"
CENTER = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_watchbill-oncall-platform_0123456789abcdef/"


def of(after: timedelta | None = AFTER, **changes):
    """Give a team whose on-call set opens shells that are ended so long after a watch."""
    base = team()
    shells = Shells({"Environment": ("production",)}, (), after)
    made = replace(permission_set("prod-oncall", allow=("rds:*",)), shells=shells)
    base = replace(base, permission_sets={**base.permission_sets, "prod-oncall": made})
    return with_rota(base, replace(rota(), **changes))


def ended(owner, at, made=None, account="production"):
    """Tell how many changes end a shell of somebody."""
    return len(list(left_open(made or of(), {account: [Shell("s-1", "eu-west-1", owner, "i-1")]}, at)))


def test_it_is_ended_so_long_after_the_watch_and_no_earlier():
    """To the second; within the watch never, and not where the next one has begun."""
    assert [ended(OWN, OVER + each) for each in (-8 * 3600 * SECOND, -SECOND, AFTER - SECOND)] == [0, 0, 0]
    assert [ended(OWN, OVER + each) for each in (AFTER + SECOND, DAY - 9 * timedelta(hours=1))] == [1, 1]
    assert ended(OWN, OVER + timedelta(hours=16, seconds=1)) == 0
    graced = of(grace_after=timedelta(hours=1))
    assert [ended(OWN, OVER + timedelta(hours=1) + each, graced) for each in (AFTER - SECOND, AFTER + SECOND)] == [0, 1]
    (change,) = left_open(of(), {"production": [Shell("james-1", "eu-west-1", OWN, "i-1")]}, OVER + DAY / 4)
    assert str(change.call) == "ssm:TerminateSession(james-1, eu-west-1)"
    assert change.why == "end the shell of james on i-1: their watch of platform is over"


@pytest.mark.parametrize(
    "owner",
    [
        "arn:aws:iam::111111111111:user/james",
        "arn:aws:sts::111111111111:assumed-role/admin/james",
        "arn:aws:sts::111111111111:assumed-role/oncall-platform-secondary/james",
        "arn:aws:sts::111111111111:assumed-role/oncall-platform/ci-runner",
        "arn:aws:sts::111111111111:assumed-role/xoncall-platform/james",
        f"{CENTER}james@example.com",
        "james",
        "",
    ],
)
def test_what_is_of_no_watch_is_left_open(owner):
    """A user's own, another role's, a name of nobody: it is not this that ends it."""
    assert ended(owner, OVER + DAY / 4) == 0


def test_it_is_ended_only_where_a_set_says_so_and_in_its_accounts():
    """By Identity Center sessions are called by an address, and the role by another name."""
    late = OVER + DAY / 4
    assert ended(OWN, late, of(None)) == 0
    assert ended(OWN, late, account="staging") == 0
    by_center = of(by=By.CENTER)
    assert [ended(f"{CENTER}{name}", late, by_center) for name in ("James@Example.com", "james", "eve")] == [1, 1, 0]
    assert [ended(OWN, late, by_center), ended(f"{CENTER}ada@example.com", OVER - SECOND, by_center)] == [0, 1]
    second = of(entitlement={Kind.SECONDARY: "prod-oncall"})
    assert ended("arn:aws:sts::111111111111:assumed-role/oncall-platform-secondary/james", late, second) == 1


def test_the_right_to_end_shells_is_a_policy_of_its_own():
    """Nobody gets it with the reconciler unless it is wished."""
    for operation in ("DescribeSessions", "TerminateSession"):
        assert parts_of("ssm", operation) == (RESPONDER, RECONCILER_SHELLS)
        assert actions_of("ssm.amazonaws.com", operation).actions == (f"ssm:{operation}",)
    assert RECONCILER_SHELLS.optional
