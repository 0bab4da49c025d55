"""Passes end what is left open after a watch: where the file enforces and says so, in the ledger, again until it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.service.world import NOON, World

from watchbill.access.model import Shell
from watchbill.errors import ProviderError
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store
from watchbill.team.model import Mode, Shells


OVER = NOON + timedelta(hours=14, minutes=16)
"""When James's watch is over, and the quarter of an hour after it."""
HIS = Shell("james-1", "eu-west-1", "arn:aws:sts::111111111111:assumed-role/oncall-platform/james", "i-1")
HERS = Shell("priya-1", "eu-west-1", "arn:aws:sts::111111111111:assumed-role/oncall-platform/priya", "i-1")


@pytest.fixture
def world(tmp_path):
    """Give a world in which James and Priya have shells open, and Priya's watch goes on."""
    with open_store(tmp_path) as store:
        made = World(store)
        shells = Shells({"Environment": ("production",)}, (), timedelta(minutes=15))
        permissions = replace(made.team.permission_sets["prod-oncall"], shells=shells)
        made.team = replace(made.team, permission_sets={**made.team.permission_sets, "prod-oncall": permissions})
        made.cloud.shells = {"production": [HIS, HERS]}
        made.enforce()
        store.revisions.add(made.team.digest, NOON, made.team.text, "watchbill")
        yield made


def left(world):
    """Give what is open."""
    return [shell.id for shell in world.cloud.shells["production"]]


def ended(world):
    """Give what the ledger says of it."""
    entries = [each for each in world.store.ledger.entries() if each.kind == "access:shell:ended"]
    return [(each.actor, each.subject, each.facts["shell"]) for each in entries]


def test_a_pass_ends_what_is_left_open_once(world):
    """Not while the watch lasts; after it, whoever is on watch then goes on."""
    world.clock.set(OVER - timedelta(minutes=2))
    reconcile(world.as_("watchbill"), None)
    assert (left(world), ended(world)) == (["james-1", "priya-1"], [])
    world.clock.set(OVER)
    for _ in range(2):
        assert reconcile(world.as_("watchbill"), None).problems == []
    assert (left(world), ended(world)) == (["priya-1"], [("watchbill", "production", "james-1")])


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PROPOSE])
def test_only_where_the_file_enforces(world, mode):
    """A rota that is watched first, or an account that waits for leads, has nothing ended in it."""
    world.clock.set(OVER)
    rota = replace(world.team.rotas["platform"], mode=mode)
    world.team = replace(world.team, rotas={"platform": rota})
    reconcile(world.as_("watchbill"), None)
    assert (left(world), ended(world)) == (["james-1", "priya-1"], [])


def test_what_stops_the_plan_of_aws_leaves_no_shell_open(world, monkeypatch):
    """It is by the file in force, then: a call that is refused somewhere is no longer a watch for anybody."""
    world.clock.set(OVER)

    def unread(self, team):
        raise ProviderError("no iam:GetAccountAuthorizationDetails")

    monkeypatch.setattr(type(world.app), "observe", unread)
    assert [each.code for each in reconcile(world.as_("watchbill"), None).problems] == ["provider"]
    assert (left(world), ended(world)) == (["priya-1"], [("watchbill", "production", "james-1")])


def test_what_could_not_be_ended_or_listed_is_said_and_tried_again(world, monkeypatch):
    """A right that is missing is heard of in each pass, and nothing is written of what was not done."""
    world.clock.set(OVER)

    def refuse(self, state, SessionId):  # noqa: N803 - as the call has it
        raise ProviderError("AccessDenied")

    with monkeypatch.context() as patched:
        patched.setattr(type(world.cloud), "_TerminateSession", refuse)
        (problem,) = reconcile(world.as_("watchbill"), None).problems
    assert (problem.code, "AccessDenied" in problem.message, ended(world)) == ("open-shell", True, [])

    def unlisted(self, account):
        raise ProviderError("no ssm:DescribeSessions")

    with monkeypatch.context() as patched:
        patched.setattr(type(world.cloud), "open_in", unlisted)
        (problem,) = reconcile(world.as_("watchbill"), None).problems
    assert (problem.code, ended(world)) == ("unread-shells", [])
    reconcile(world.as_("watchbill"), None)
    assert left(world) == ["priya-1"]
