"""One pass: level-triggered, in parts that stand alone, and amending rather than repeating."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.service.world import NOON, World, hijack, reading, record

from watchbill.access.model import Call
from watchbill.errors import NotFoundError, ProviderError
from watchbill.ledger.model import Kind
from watchbill.respond.model import Verdict
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store


@pytest.fixture
def world(tmp_path):
    """Give a world."""
    with open_store(tmp_path) as store:
        yield World(store)


def run(world, *records, enforce=True):
    """Make a pass over some records."""
    return reconcile(world.as_("watchbill"), lambda: reading(*records), enforce=enforce)


def kinds(world):
    """Give what the ledger says was done."""
    return [entry.kind for entry in world.store.ledger.entries()]


def test_a_second_pass_changes_nothing(world):
    """No call, no case, no entry: a timer may run it every minute."""
    run(world, *hijack())
    calls, entries = len(world.cloud.calls), kinds(world)
    again = run(world, *hijack())
    assert (again.raised, again.amended, again.outcomes) == ((), (), ())
    assert (len(world.cloud.calls), kinds(world)) == (calls, entries)


def test_without_enforce_aws_is_only_read(world):
    """A membership taken away by hand is planned back, not put back; with enforce it is."""
    world.cloud.perform(
        world.team.accounts["production"], Call("RemoveUserFromGroup", {"GroupName": "security", "UserName": "sofia"})
    )
    calls = len(world.cloud.calls)
    looked = run(world, *hijack(), enforce=False)
    assert looked.plan is not None
    assert [str(change.call) for change in looked.plan.changes] == ["iam:AddUserToGroup(security, sofia)"]
    assert len(world.cloud.calls) == calls
    assert [outcome.state for outcome in run(world, *hijack()).outcomes] == ["done"]
    assert world.store.revisions.latest() is not None


def test_a_part_that_fails_leaves_the_others(world):
    """With AWS away the trail is still read; with the trail away access is still kept."""

    def away(account):
        raise ProviderError("could not connect")

    observe, world.cloud.observe = world.cloud.observe, away
    done = run(world, *hijack())
    assert (done.plan, len(done.raised)) == (None, 1)
    assert [problem.message for problem in done.problems] == ["could not connect"]
    world.cloud.observe = observe

    def missing():
        raise NotFoundError("no trail at x")

    done = reconcile(world.as_("watchbill"), missing, enforce=True)
    assert done.plan is not None
    assert done.audit is None
    assert [problem.message for problem in done.problems] == ["no trail at x"]


def test_a_plan_with_a_problem_is_not_applied(world):
    """A gap in the watch stops the plan, and is said."""
    world.team = replace(world.team, rotas={"platform": replace(world.team.rotas["platform"], layers=())})
    calls = len(world.cloud.calls)
    done = run(world, *hijack())
    assert {problem.code for problem in done.problems} == {"coverage-gap"}
    assert len(world.cloud.calls) == calls


def test_more_of_the_same_amends_the_case(world):
    """The key is used a little later: one case, with more in it."""
    (case_id,) = run(world, *hijack()).raised
    more = record("h3", 10, "james", "CreateUser")
    done = run(world, *hijack(), more)
    assert (done.raised, done.amended) == ((), (case_id,))
    assert "h3" in world.as_("sofia").case(case_id)[1].counted
    assert kinds(world).count(Kind.CASE_UPDATED) == 1


def test_a_late_event_before_the_first_one_is_no_new_case(world):
    """CloudTrail delivers out of order; what was first may come last."""
    door, key = hijack()
    (case_id,) = run(world, key).raised
    done = run(world, door, key)
    assert (done.raised, done.amended) == ((), (case_id,))
    assert len(world.store.cases.all()) == 1


def test_what_comes_after_a_verdict_opens_the_case_again(world):
    """A closed case that grows was closed too early; one that does not stays closed."""
    (case_id,) = run(world, *hijack()).raised
    world.as_("sofia").decide(case_id, Verdict.MISTAKE, "a test")
    run(world, *hijack())
    assert world.as_("sofia").case(case_id)[0].status == "closed"
    run(world, *hijack(), record("h3", 10, "james", "CreateUser"))
    row, _ = world.as_("sofia").case(case_id)
    assert (row.status, row.note) == ("open", "1 more events since it was closed (mistake: a test)")


def test_an_answer_stays_in_a_case_that_grows(world):
    """What the person said is weighed again with what is new."""
    (case_id,) = run(world, *hijack()).raised
    world.as_("watchbill").ask(case_id)
    world.as_("james").answer(case_id, "no")
    run(world, *hijack(), record("h3", 10, "james", "CreateUser"))
    row, view = world.as_("sofia").case(case_id)
    assert (row.status, view.facts["answer"]) == ("escalated", "no")
    assert any(addend.family == "answer" for story in view.hypotheses for addend in story.addends)


def test_silence_tells_a_lead(world):
    """No answer within the patience of a critical case: five minutes, to the second."""
    (case_id,) = run(world, *hijack()).raised
    world.as_("watchbill").ask(case_id)
    world.clock.set(NOON + timedelta(minutes=5) - timedelta(seconds=1))
    assert run(world, *hijack()).escalated == ()
    world.clock.set(NOON + timedelta(minutes=5))
    assert run(world, *hijack()).escalated == (case_id,)
    assert world.as_("sofia").case(case_id)[0].note == "james did not answer within 5 min"
    assert run(world, *hijack()).escalated == ()
    assert kinds(world).count(Kind.QUESTION_ESCALATED) == 1
