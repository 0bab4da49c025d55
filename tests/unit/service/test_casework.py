"""Working on cases: who may do what, in which order, and what survives a kill."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.unit.service.world import NOON, OWN, STOLEN, World, hijack

from watchbill.access.effective import answers
from watchbill.access.model import AccessKey, Call
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.policy.model import Effect
from watchbill.respond.model import Verdict
from watchbill.service import asking, containment
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store


@pytest.fixture
def world(tmp_path):
    """Give a world in which James's hijack has become a case."""
    with open_store(tmp_path) as store:
        yield World(store)


@pytest.fixture
def case_id(world):
    """Give the id of the case."""
    (found,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    return found


def kinds(world):
    """Give what the ledger says was done."""
    return [entry.kind for entry in world.store.ledger.entries()]


def observe(world):
    """Read every account, but not what policies said before."""
    return {
        name: replace(state, policies={arn: replace(p, versions=()) for arn, p in state.policies.items()})
        for name, state in world.app.observe(world.team).items()
    }


def frozen_in(world, case_id):
    """Freeze the person of a case."""
    return containment.freeze(world.as_("sofia"), containment.plan(world.as_("sofia"), case_id))


def may_anything(world):
    """Tell whether James may do anything in production, over what the cloud has."""
    state = world.cloud.observe(world.team.accounts["production"])
    paths = answers(state, "james", "ec2:DescribeInstances", "*", NOON, {"aws:MultiFactorAuthPresent": "true"})
    return any(path.effect is Effect.ALLOWED for path in paths)


def test_a_case_goes_its_way(world, case_id):
    """Asked, denied, frozen, restored, decided: each step stands, and is in the ledger."""
    asking.ask(world.as_("watchbill"), case_id)
    assert asking.answer(world.as_("james"), case_id, "no").status == "escalated"
    before = observe(world)
    frozen = frozen_in(world, case_id)
    assert frozen.holds
    assert not may_anything(world)
    assert {key.active for key in world.cloud.keys["production", "james"]} == {False}
    restored = containment.restore(world.as_("sofia"), case_id)
    assert restored.differences == ()
    assert observe(world) == before
    assert world.cloud.keys["production", "james"] == [AccessKey(OWN, active=True), AccessKey(STOLEN, active=False)]
    asking.decide(world.as_("sofia"), case_id, Verdict.HIJACK, "password changed")
    row, view = world.as_("sofia").case(case_id)
    assert (row.status, row.note, view.facts["answer"]) == ("closed", "hijack: password changed", "no")
    assert kinds(world) == [
        Kind.CASE_RAISED,
        Kind.QUESTION_ASKED,
        Kind.QUESTION_ANSWERED,
        Kind.FREEZE_APPLIED,
        Kind.FREEZE_VERIFIED,
        Kind.RESTORE_APPLIED,
        Kind.CASE_DECIDED,
    ]
    assert verify(world.store.ledger.entries()).state is State.INTACT


def test_who_may_do_what(world, case_id):
    """A lead decides, never the subject; nobody answers for somebody else; each is refused before anything changes."""
    calls = len(world.cloud.calls)
    with pytest.raises(RefusedError, match="nobody was asked"):
        asking.answer(world.as_("james"), case_id, "yes")
    asking.ask(world.as_("watchbill"), case_id)
    for refused, match in (
        (lambda: asking.answer(world.as_("rick"), case_id, "yes"), "nobody answers for somebody else"),
        (lambda: containment.plan(world.as_("rick"), case_id), "`rick` is no lead"),
        (lambda: containment.plan(world.as_("james"), case_id), "`james` is no lead"),
        (lambda: asking.decide(world.as_("rick"), case_id, Verdict.MISTAKE, "r"), "`rick` is no lead"),
        (lambda: containment.restore(world.as_("rick"), case_id), "nobody is frozen"),
        (lambda: asking.ask(world.as_("watchbill"), case_id), "was asked about already"),
    ):
        with pytest.raises((RefusedError, NotFoundError), match=match):
            refused()
    assert len(world.cloud.calls) == calls
    assert Kind.FREEZE_APPLIED not in kinds(world)


def test_a_lead_never_decides_about_themselves(world):
    """Sofia is the lead and the subject: another lead has to do it."""
    records = [{**record, "userIdentity": {**record["userIdentity"], "userName": "sofia"}} for record in hijack()]
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*records)).raised
    for refused in (
        lambda: containment.plan(world.as_("sofia"), case_id),
        lambda: asking.decide(world.as_("sofia"), case_id, Verdict.FALSE_ALARM, "it was me"),
    ):
        with pytest.raises(RefusedError, match="is the subject of this case"):
            refused()


def test_the_first_answer_stands(world, case_id):
    """Who has taken the account over cannot take the "no" back: they are told, and it is kept."""
    asking.ask(world.as_("watchbill"), case_id)
    asking.answer(world.as_("james"), case_id, "no")
    late = asking.answer(world.as_("james"), case_id, "yes")
    assert not late.moved
    assert "answered already, no by james" in late.words
    assert world.as_("sofia").case(case_id)[1].facts["answer"] == "no"
    assert kinds(world)[-2:] == [Kind.QUESTION_ANSWERED, Kind.QUESTION_HEARD]


def test_a_killed_freeze_can_be_undone(world, case_id):
    """Killed at each single call: it can be carried on to the end, and then undone to what was there before."""
    before = observe(world)
    states, keys = dict(world.cloud.states), {who: list(held) for who, held in world.cloud.keys.items()}
    steps = len(containment.plan(world.as_("sofia"), case_id).containment.changes)
    for cut in range(steps):
        world.cloud.dies_at = len(world.cloud.calls) + cut
        with pytest.raises(KeyboardInterrupt):
            frozen_in(world, case_id)
        world.cloud.dies_at = None
        (row,) = world.store.freezes.active(world.clock.now())
        again = containment.plan(world.as_("sofia"), case_id)
        assert again.containment.id == row.id
        assert containment.freeze(world.as_("sofia"), again).holds
        containment.restore(world.as_("sofia"), case_id)
        assert observe(world) == before
        world.clock.advance(timedelta(minutes=1))
        world.cloud.states, world.cloud.keys = dict(states), {who: list(held) for who, held in keys.items()}


def test_a_killed_restore_is_run_again(world, case_id):
    """The freeze stays in force until every step of its undoing was made."""
    before = observe(world)
    frozen_in(world, case_id)
    world.cloud.dies_at = len(world.cloud.calls) + 2
    with pytest.raises(KeyboardInterrupt):
        containment.restore(world.as_("sofia"), case_id)
    world.cloud.dies_at = None
    assert len(world.store.freezes.active(NOON)) == 1
    containment.restore(world.as_("sofia"), case_id)
    assert observe(world) == before
    assert world.store.freezes.active(NOON) == []


DENIES = ("AttachUserPolicy", "PutUserPolicy", "PutUserPermissionsBoundary")


def test_a_freeze_that_could_not_be_made_says_so(world, case_id):
    """AWS refuses one call: the rest is done, the checks that fail are named, and nothing is called verified."""
    perform = world.cloud.perform

    def refuse(account, call):
        if call.operation in DENIES and account.name == "production":
            raise ProviderError("LimitExceeded")
        perform(account, call)

    world.cloud.perform = refuse
    frozen = frozen_in(world, case_id)
    assert not frozen.holds
    assert any("may not" in check.what for check in frozen.checks if not check.holds)
    assert {key.active for key in world.cloud.keys["production", "james"]} == {False}


def test_what_others_changed_meanwhile_waits_for_a_person(world, case_id):
    """A policy attached under the freeze is named, and a restore goes on only once it was acknowledged."""
    frozen_in(world, case_id)
    attach = Call("AttachUserPolicy", {"UserName": "james", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
    world.cloud.perform(world.team.accounts["production"], attach)
    with pytest.raises(RefusedError, match="AdministratorAccess was attached since the freeze"):
        containment.restore(world.as_("sofia"), case_id)
    assert not may_anything(world)
    restored = containment.restore(world.as_("sofia"), case_id, acknowledge_drift=True)
    assert restored.differences == ("user james in production",)


def test_a_frozen_person_is_not_frozen_twice_and_not_decided_about(world, case_id):
    """Two freezes of one person would each remember the other's denies as what was there before."""
    frozen_in(world, case_id)
    (other,) = reconcile(world.as_("watchbill"), world.watched(*hijack(), *hijack(200, "again"))).raised
    with pytest.raises(RefusedError, match=f"frozen already, in case {case_id}"):
        containment.plan(world.as_("sofia"), other)
    with pytest.raises(RefusedError, match="is frozen in case"):
        asking.decide(world.as_("sofia"), case_id, Verdict.MISTAKE, "r")


def test_a_case_that_is_not_there_names_those_that_are(world, case_id):
    """A slip of the fingers costs nothing."""
    with pytest.raises(NotFoundError) as caught:
        asking.ask(world.as_("sofia"), "C-000000")
    assert case_id in (caught.value.hint or "")
