"""What was last applied, by which drift is told from edits of the file and from what watchbill did itself."""

from datetime import timedelta
from importlib import resources

import pytest
from tests.cloud import by
from tests.unit.service.world import NOON, World

from watchbill.access.apply import apply
from watchbill.access.model import Call
from watchbill.ledger.model import Kind
from watchbill.respond.freeze import Asked, plan_freeze
from watchbill.respond.model import Seen
from watchbill.service.reconcile import apply_plan
from watchbill.store.database import open_store
from watchbill.store.rows import FreezeRow
from watchbill.team.files import parse


SAMPLE = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")


@pytest.fixture
def world(tmp_path):
    """Give the sample team, applied and kept; an hour later."""
    with open_store(tmp_path) as store:
        found = World(store)
        found.team = parse(SAMPLE, "watchbill.yaml")
        found.cloud.states.clear()
        found.cloud.keys.clear()
        apply_plan(found.as_("sofia"), found.as_("sofia").plan())
        found.clock.advance(timedelta(hours=1))
        yield found


def told(world):
    """Give what is said to have been done by others."""
    return [drift.what for drift in world.as_("sofia").plan().drift]


def test_an_edit_of_the_file_is_no_drift_and_a_hand_is(world):
    """Omar leaves the file's group and Marta is taken out of AWS's: one is an edit, the other is told."""
    applied = world.as_("sofia").applied()
    assert applied is not None
    assert (applied.team.digest, applied.at) == (world.team.digest, NOON)
    world.team = parse(SAMPLE.replace("members: [omar, priya, marta]", "members: [priya, marta]"), "watchbill.yaml")
    left = "user omar holds nothing here by the team file; a person removes it"
    assert told(world) == [left]
    given = {"GroupName": "job-support", "UserName": "marta"}
    world.cloud.perform(world.team.accounts["production"], Call("RemoveUserFromGroup", given))
    assert told(world) == [left, "user marta is no longer in job-support"]


def test_a_freeze_since_is_no_drift(world):
    """It took James out of his groups by watchbill's own hand."""
    work = world.as_("sofia")
    observed = world.app.observe(world.team)
    frozen = plan_freeze(world.team, "james", Seen(observed), work.at, Asked(None, "drill", "sofia"))
    list(apply(frozen.changes, by(world.team, world.cloud)))
    assert any("james is no longer in" in what for what in told(world))
    world.store.freezes.add(FreezeRow("F-1", "james", work.at, None, None, "{}"))
    assert not any("james" in what for what in told(world))


def test_what_was_applied_in_part_is_not_held_against_anybody(world):
    """After a plan that failed somewhere nobody knows what should be there."""
    work = world.as_("sofia")
    work.record(Kind.PLAN_APPLIED, "p2", {"team": world.team.digest, "changes": 9, "failed": 1})
    assert work.applied() is None


def test_a_revision_that_can_be_read_no_more_is_not_guessed(world):
    """Only what is foreign is drift then."""
    work = world.as_("sofia")
    world.store.revisions.add("0" * 64, work.at, "team: [", "sofia")
    work.record(Kind.PLAN_APPLIED, "p2", {"team": "0" * 64, "changes": 9, "failed": 0})
    assert work.applied() is None
    assert told(world) == []
