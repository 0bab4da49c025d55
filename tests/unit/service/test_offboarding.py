"""Offboarding from its beginning to the end: who may, what is refused, cut anywhere, and what is said of the rest."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.teams import MONDAY
from tests.unit.service.world import World, hijack

from watchbill.access.model import AccessKey, Change, Device, Door, DoorKind
from watchbill.access.plan import make_plan
from watchbill.access.quarantine import DENY_ALL
from watchbill.errors import NotFoundError, ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.schedule.leaver import without
from watchbill.service import by_hand, containment, offboarding
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store
from watchbill.store.rows import FreezeRow
from watchbill.team.files import parse
from watchbill.team.model import BreakGlass


FILE = """\
accounts:
  production: {number: "111111111111", environment: production}
  staging: {number: "222222222222", environment: staging}
people:
  ada: {name: Ada, email: ada@example.com}
  james: {name: James, email: james@example.com}
  lee: {name: Lee, email: lee@example.com}
  priya: {name: Priya, email: priya@example.com}
  rick: {name: Rick, email: rick@example.com}
  sofia: {name: Sofia, email: sofia@example.com}
groups:
  developers: {members: [james, rick], access: [{permission_set: developer, accounts: [production, staging]}]}
permission_sets:
  developer: {allow: ["ec2:*"]}
rotas:
  platform:
    accounts: [production]
    entitlement: {primary: developer}
    layers:
      - name: all
        time_zone: Europe/London
        members: [james, rick, ada]
        turn: 1w
        handoff: {time: "09:00"}
        anchor: {date: 2026-01-12, member: james}
leads: [sofia, ada]
team: orders
"""


@pytest.fixture
def world(tmp_path):
    """Give a world in which James has all kinds of credentials, and leaves; Sofia and Ada are leads."""
    with open_store(tmp_path) as store:
        made, of = World(store), ("production", "james")
        made.cloud.doors[of] = [Door(DoorKind.SSH, "APKA1", active=True)]
        made.cloud.devices[of] = [Device("arn:aws:iam::111111111111:mfa/phone", MONDAY)]
        made.cloud.passwords.add(of)
        text = FILE.replace("team: orders\n", "")
        made.team = parse(f"team: orders\n{text}".encode(), "watchbill.yaml")
        yield made


def begin(world, by="sofia", person="james"):
    """Shut somebody out."""
    work = world.as_(by)
    return offboarding.begin(work, offboarding.plan(work, person, "left on Friday"), "left on Friday")


def take_out(world, person="james"):
    """Apply what is proposed for the team file."""
    proposal = without(world.team, person, world.clock.now())
    assert proposal.by_hand == ()
    world.team = parse(proposal.text.encode(), "watchbill.yaml")


def kinds(world):
    """Give what is in the ledger."""
    return [entry.kind for entry in world.store.ledger.entries()]


def test_two_leads_offboard_somebody(world):
    """One begins, another finishes, once the team file gives nothing; then nothing of the user is left, nor comes back."""
    frozen = begin(world)
    assert frozen.holds
    assert [row.case_id for row in world.store.freezes.active(world.clock.now())] == [None]
    with pytest.raises(RefusedError, match="`sofia` began O-"):
        offboarding.finish(world.as_("sofia"), "james")
    with pytest.raises(RefusedError, match="still gives james group developers, layer all of rota platform"):
        offboarding.finish(world.as_("ada"), "james")
    take_out(world)
    calls = len(world.cloud.calls)
    with pytest.raises(RefusedError, match="is no lead"):
        offboarding.finish(world.as_("rick"), "james")
    assert len(world.cloud.calls) == calls
    done = offboarding.finish(world.as_("ada"), "james")
    assert done.remains == ()
    assert all("james" not in state.users for state in world.cloud.states.values())
    assert kinds(world)[-2:] == [Kind.OFFBOARDING_CONFIRMED, Kind.OFFBOARDING_APPLIED]
    plan = make_plan(world.team, world.app.observe(world.team), world.clock.now(), world.as_("ada").freezes())
    assert "CreateUser" not in {change.call.operation for change in plan.changes if "james" in str(change.call)}


@pytest.mark.parametrize("gone", ["no lead any more", "frozen"])
def test_what_who_is_gone_began_another_begins_again(world, gone):
    """They stay shut out meanwhile; nothing is deleted by one lead and somebody who counts no more."""
    world.team = replace(world.team, leads=("sofia", "ada", "rick"))
    begin(world, "rick")
    take_out(world)
    if gone == "frozen":
        world.store.freezes.add(FreezeRow("F-other", "rick", world.clock.now(), None, None, "{}"))
        world.team = replace(world.team, leads=("sofia", "ada", "rick"))
    else:
        world.team = replace(world.team, leads=("sofia", "ada"))
    with pytest.raises(RefusedError, match="`rick`, who began O-"):
        offboarding.finish(world.as_("ada"), "james")
    assert begin(world, "sofia").holds
    with pytest.raises(RefusedError, match="`sofia` began O-"):
        offboarding.finish(world.as_("sofia"), "james")
    assert [row.state for row in world.store.containments.all()] == ["refused", "asked"]
    assert offboarding.finish(world.as_("ada"), "james").remains == ()


def test_what_is_being_cancelled_is_not_confirmed(world, monkeypatch):
    """Whoever would confirm it just as it is given back is refused; nobody is let in while they are deleted."""
    begin(world)
    take_out(world)
    given_back = containment.thaw

    def meanwhile(*arguments, **more):
        with pytest.raises(RefusedError, match="is being cancelled"):
            offboarding.finish(world.as_("ada"), "james")
        return given_back(*arguments, **more)

    monkeypatch.setattr(containment, "thaw", meanwhile)
    assert offboarding.cancel(world.as_("sofia"), "james") is not None
    assert [row.state for row in world.store.containments.all()] == ["refused"]


def test_denies_on_sessions_outlast_the_user(world):
    """The freeze ends by itself, once no session can live any more."""
    begin(world)
    take_out(world)
    offboarding.finish(world.as_("ada"), "james")
    assert world.store.freezes.active(world.clock.now() + timedelta(hours=35))
    assert not world.store.freezes.active(world.clock.now() + timedelta(hours=37))


def test_what_was_begun_can_be_cancelled_until_it_is_confirmed(world):
    """All is as it was; and once confirmed it is only carried on with."""
    before = deepcopy((world.cloud.states["production"].users, world.cloud.keys, world.cloud.doors))
    begin(world)
    restored = offboarding.cancel(world.as_("ada"), "james")
    assert restored is not None
    assert restored.differences == ()
    assert (world.cloud.states["production"].users, world.cloud.keys, world.cloud.doors) == before
    with pytest.raises(RefusedError, match="nobody offboards james"):
        offboarding.cancel(world.as_("ada"), "james")
    world.clock.advance(timedelta(minutes=1))
    begin(world)
    take_out(world)
    world.cloud.dies_at = len(world.cloud.calls) + 3
    with pytest.raises(KeyboardInterrupt):
        offboarding.finish(world.as_("ada"), "james")
    world.cloud.dies_at = None
    with pytest.raises(RefusedError, match="was confirmed"):
        offboarding.cancel(world.as_("ada"), "james")


def test_cut_anywhere_it_comes_to_the_same(world, tmp_path):
    """Cut before each call and before each step is written down as made, and carried on with."""
    begin(world)
    take_out(world)
    whole: list[list[str]] = []
    cut, done = 0, False
    while not done:
        cloud = deepcopy(world.cloud)
        with open_store(tmp_path / str(cut)) as store:
            _copy(world.store, store)
            app = replace(world.app, cloud=cloud, shells=cloud)
            ada, sofia = (replace(world.as_(lead), app=app, store=store) for lead in ("ada", "sofia"))
            start = len(cloud.calls)
            cloud.dies_at = start + cut
            try:
                offboarding.finish(ada, "james")
                done = True
            except KeyboardInterrupt:
                cloud.dies_at = None
                # Whoever goes on may be either lead: it is confirmed.
                offboarding.finish(sofia, "james")
        assert all("james" not in state.users for state in cloud.states.values())
        assert cloud.devices["production", "james"] == []
        whole.append([str(call) for call in cloud.calls[start:]])
        cut += 1
    assert cut > 10
    assert all(calls == whole[-1] for calls in whole)


def _copy(store, other):
    for row in store.freezes.all():
        other.freezes.add(row)
    for row in store.containments.all():
        other.containments.add(row)


def test_two_who_finish_at_once_go_by_one_round(world, monkeypatch):
    """Both have read AWS, which moved in between, before either wrote: steps are by their numbers, and one plan's alone."""
    begin(world)
    take_out(world)
    see, other = containment.see, list[str]()

    def slowly(work, person):
        found = see(work, person)
        if not other:
            other.append("runs")
            world.cloud.keys["production", "james"].insert(0, AccessKey("AKIAMEANWHILE000", active=True))
            world.cloud.dies_at = len(world.cloud.calls) + 4
            with pytest.raises(KeyboardInterrupt):
                offboarding.finish(world.as_("ada"), "james")
            world.cloud.dies_at = None
        return found

    monkeypatch.setattr("watchbill.service.offboarding.see", slowly)
    # The first confirmed it, and was cut off; this is the second run of it.
    row = next(each for each in world.store.containments.all() if each.kind == "offboard")
    assert world.store.containments.confirm(row.id, world.clock.now(), "ada")
    assert offboarding.finish(world.as_("ada"), "james").remains == ()
    rounds = [each for each in world.store.containments.all() if each.kind == "offboard-round"]
    assert rounds
    for each in rounds:
        changes = msgspec.json.decode(each.payload, type=tuple[Change, ...])
        planned = [f"{change.account} {change.call}" for change in changes]
        steps = world.store.journal.of(each.id)
        assert [step.call for step in steps] == [planned[step.number] for step in steps]
    assert kinds(world).count(Kind.OFFBOARDING_APPLIED) == 1


def test_what_is_made_meanwhile_is_deleted_too(world):
    """A key that somebody makes for him stands in the way, and goes in the next round."""
    begin(world)
    take_out(world)
    perform = world.cloud.perform
    made: list[object] = []

    def meddled(account, call):
        if call.operation == "DeleteUser" and not made:
            made.append(call)
            world.cloud.keys["production", "james"] = [AccessKey("AKIANEW", active=True)]
        perform(account, call)

    world.cloud.perform = meddled
    done = offboarding.finish(world.as_("ada"), "james")
    assert made
    assert "AKIANEW" in " ".join(str(outcome.change.call) for outcome in done.outcomes)
    assert all("james" not in state.users for state in world.cloud.states.values())


def test_what_cannot_be_deleted_is_said_and_stays_denied(world):
    """The error says what is left and why; another run carries on."""
    begin(world)
    take_out(world)
    perform = world.cloud.perform

    def refuse(account, call):
        if call.operation == "DeleteSSHPublicKey":
            raise ProviderError("AccessDenied: no")
        perform(account, call)

    world.cloud.perform = refuse
    with pytest.raises(ProviderError, match="user james is left: AccessDenied: no"):
        offboarding.finish(world.as_("ada"), "james")
    user = world.cloud.states["production"].users["james"]
    assert user.boundary == DENY_ALL
    assert DENY_ALL in user.attached
    world.cloud.perform = perform
    assert offboarding.finish(world.as_("ada"), "james").remains == ()


def test_who_is_refused(world):
    """The protected, break-glass users, the only lead, themselves, and whoever nobody knows."""
    team = world.team
    for changed, match in (
        ({"protected": ("james",)}, "is protected"),
        ({"break_glass": (BreakGlass("james", ("production",), team.groups["developers"].where),)}, "break-glass user"),
    ):
        world.team = replace(team, **changed)
        with pytest.raises(RefusedError, match=match):
            begin(world)
    world.team = replace(team, leads=("sofia",))
    with pytest.raises(RefusedError, match="never decides it"):
        begin(world, person="sofia")
    world.team = team
    with pytest.raises(RefusedError, match="never decides it"):
        begin(world, person="sofia")
    with pytest.raises(NotFoundError, match="no person `zoe`"):
        begin(world, person="zoe")
    with pytest.raises(RefusedError, match="is no lead"):
        begin(world, by="rick")
    assert not world.store.freezes.all()


def test_begun_again_it_is_carried_on_with(world):
    """Cut short amid the freeze, the same command goes on; there is one freeze and one offboarding."""
    world.cloud.dies_at = len(world.cloud.calls) + 2
    with pytest.raises(KeyboardInterrupt):
        begin(world)
    world.cloud.dies_at = None
    world.clock.advance(timedelta(minutes=3))
    assert containment.recheck_due(world.as_("watchbill")) == [world.store.freezes.all()[0].id]
    assert begin(world).holds
    assert len(world.store.freezes.all()) == 1
    assert [row.kind for row in world.store.containments.all()] == ["offboard"]


def test_what_only_a_person_can_do_is_ticked_by_the_freeze(world):
    """A freeze of no case has its list by its own id, and no lead ticks for themselves."""
    begin(world)
    (row,) = world.store.freezes.all()
    assert by_hand.checklist(world.as_("sofia"), row.id) == []
    with pytest.raises(NotFoundError, match="has no step 1"):
        by_hand.tick(world.as_("sofia"), row.id, 1)
    with pytest.raises(RefusedError, match="is no lead"):
        by_hand.tick(world.as_("rick"), row.id, 1)


def test_a_look_names_what_is_left_and_changes_nothing(world):
    """Before, between and after: what is left, what the file gives, and which gaps come of it."""
    found = offboarding.look(world.as_("rick"), "james")
    assert found.standing is None
    assert ("production", "user james") in {(each.place, each.what) for each in found.remains}
    assert [given.what for given in found.given] == ["group developers", "layer all of rota platform"]
    assert found.gaps == ()
    assert {change.call.operation for change in found.deletes} >= {"DeleteUser", "DeleteLoginProfile"}
    assert not world.store.containments.all()
    begin(world)
    take_out(world)
    between = offboarding.look(world.as_("rick"), "james").standing
    assert between is not None
    assert between.state == "asked"
    offboarding.finish(world.as_("ada"), "james")
    after = offboarding.look(world.as_("rick"), "james")
    assert after.standing is not None
    assert (after.standing.state, after.remains, after.deletes, after.given) == ("done", (), (), ())


def test_whoever_is_frozen_in_a_case_stays_so_and_is_deleted_from_there(world):
    """That freeze is the one; to cancel leaves the case as it was, and to finish needs no other freeze."""
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    work = world.as_("sofia")
    frozen = containment.freeze(work, containment.plan(work, case_id))
    assert begin(world).holds
    (row,) = world.store.freezes.all()
    assert (row.id, row.case_id) == (frozen.containment.id, case_id)
    assert offboarding.cancel(world.as_("ada"), "james") is None
    assert world.store.freezes.active(world.clock.now())
    world.clock.advance(timedelta(minutes=1))
    begin(world)
    take_out(world)
    assert offboarding.finish(world.as_("ada"), "james").remains == ()
    assert [row.kind for row in world.store.containments.all()] == ["offboard", "offboard", "offboard-round"]
    assert len(world.store.freezes.all()) == 1
