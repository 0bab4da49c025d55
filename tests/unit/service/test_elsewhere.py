"""A freeze that goes beyond IAM: hosts, an identity provider and Identity Center, cut at every step, and ticked by hand."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.unit.service.world import World, hijack

from watchbill.errors import Location, NotFoundError, ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.center import Assignment, Membership, Seat
from watchbill.respond.directory import DirectoryUser
from watchbill.respond.elsewhere import Elsewhere
from watchbill.respond.hosts import HostFile, HostUser, Password
from watchbill.service import by_hand, containment
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store
from watchbill.team.model import IdentityCenter


CENTER = IdentityCenter("production", "eu-west-1", "d-1", "arn:i", "p-1", None, Location("w.yaml", 1))
POLICY = {"Version": "2012-10-17", "Statement": [{"Sid": "X", "Effect": "Deny", "Action": "a:B", "Resource": "*"}]}


class Elsewhen:
    """Hosts, Okta and Identity Center in memory; dies before or after a step, or is out of reach in part."""

    def __init__(self):
        keys = HostFile("/home/james/.ssh/authorized_keys", "0" * 64, "600", "james:james")
        self.host = HostUser("bastion", "james", keys=(keys,), groups=("sudo",), processes=1)
        self.okta = DirectoryUser("corp", "okta", "00u1", "james@example.com", "ACTIVE", enabled=True)
        own = Assignment("222222222222", "arn:set/ps-1")
        self.seat = Seat(
            "james", "u-1", (own,), (Membership("g-1", "m-1"),), {own.permission_set: None}, POLICY, 1, "9" * 12
        )
        self.kept, self.steps, self.down, self.refused = {}, [], set(), set()
        self.before = self.after = None

    def read(self, team, person, before=None):
        """Read James."""
        assert (person, team.identity_center) == ("james", CENTER)
        host = () if "bastion" in self.down else (self.host,)
        return Elsewhere(host, (self.okta,), self.seat, dict.fromkeys(self.down, "no route to host"))

    def names_in_center(self, team, groups, sets):
        """Say that all of it is there, and none of it watchbill's."""
        return dict.fromkeys([*groups, *sets])

    def by_shift_on(self, team, users):
        """Read nothing: no rota of the team names a host."""
        assert users == {}
        return {}

    def perform(self, team, change):
        """Make one step, unless it is the last."""
        if self.before == len(self.steps):
            raise KeyboardInterrupt
        self.steps.append(change.call.operation)
        call = change.call
        if call.operation in self.refused or (call.service == "host" and "bastion" in self.down):
            raise ProviderError("no route to host")
        getattr(self, f"_{call.service.replace('-', '_')}")(call.operation, call.parameters)
        if self.after == len(self.steps) - 1:
            raise KeyboardInterrupt

    def _host(self, operation, given):
        host = self.host
        changed = {
            "ExpireUser": lambda: {"expiry": "1"},
            "LockPassword": lambda: {"password": Password.LOCKED},
            "EndSessions": lambda: {"processes": 0},
            "LeaveGroup": lambda: {"groups": ()},
            "SetAside": lambda: self._set_aside(given),
            "PutBack": lambda: {"keys": (self.kept[given["Kept"]],)},
            "PutBackWithout": lambda: {"keys": (replace(self.kept[given["Kept"]], digest="1" * 64),)},
            "JoinGroup": lambda: {"groups": (given["GroupName"],)},
            "UnlockPassword": lambda: {"password": Password.SET},
            "SetExpiry": lambda: {"expiry": given["Days"]},
        }[operation]()
        self.host = replace(host, **changed)

    def _set_aside(self, given):
        for file in self.host.keys:
            self.kept[given["Kept"]] = file
        return {"keys": ()}

    def _okta(self, operation, _):
        if operation != "ClearSessions":
            on = operation == "ResumeUser"
            self.okta = replace(self.okta, enabled=on, stands="ACTIVE" if on else "SUSPENDED")

    def _organizations(self, _, given):
        self.seat = replace(self.seat, policy=json.loads(given["Content"]))

    def _sso_admin(self, operation, given):
        own = Assignment(given["TargetId"], given["PermissionSetArn"])
        self.seat = replace(self.seat, assignments=(own,) if operation.startswith("Create") else ())

    def _identitystore(self, operation, given):
        joined = (Membership(given["GroupId"], f"m-{len(self.steps)}"),) if operation.startswith("Create") else ()
        self.seat = replace(self.seat, memberships=joined)

    def stands(self):
        """Give all there is, but for what is another each time."""
        groups = [member.group for member in self.seat.memberships]
        listed = "james" in json.dumps(self.seat.policy) or "u-1" in json.dumps(self.seat.policy)
        return deepcopy((replace(self.host, processes=0), self.okta, self.seat.assignments, groups, listed))


class Beyond(World):
    """The team at work, with hosts and directories."""

    def __init__(self, store):
        super().__init__(store)
        self.outside = Elsewhen()
        made = dict.fromkeys(("host", "okta", "organizations", "sso-admin", "identitystore"), self.outside.perform)
        outside: Any = self.outside
        self.app = replace(self.app, outside=outside, performers=made)


@pytest.fixture
def world(tmp_path):
    """Give a world in which James is on a host, at Okta and in Identity Center."""
    with open_store(tmp_path) as store:
        made = Beyond(store)
        made.team = replace(made.team, leads=("sofia", "ada"), identity_center=CENTER)
        yield made


@pytest.fixture
def case_id(world):
    """Give the id of the case."""
    (found,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    return found


def freeze(world, case_id, actor="sofia"):
    """Freeze the person of a case."""
    return containment.freeze(world.as_(actor), containment.plan(world.as_(actor), case_id))


def restore(world, case_id):
    """Restore them."""
    return containment.restore(world.as_("sofia"), case_id)


def broken(frozen):
    """Give what does not hold."""
    return [check.what for check in frozen.checks if not check.holds]


def test_a_stolen_key_of_ssh_stays_off(world, case_id):
    """What the case marks is left out of the file, and the plan says so."""
    mine, stolen = "SHA256:mine", "SHA256:stolen"
    row, view = world.as_("sofia").case(case_id)
    payload = msgspec.json.encode(replace(view, stolen_keys=[*view.stolen_keys, stolen])).decode()
    world.store.cases.put(replace(row, payload=payload))
    world.outside.host = replace(world.outside.host, fingerprints=(mine, stolen))
    freeze(world, case_id)
    restored = restore(world, case_id)
    assert "PutBackWithout" in world.outside.steps
    assert f"key {stolen} of james on bastion: marked stolen, it stays off" in restored.restoration.left_out
    assert "user james on bastion" in restored.differences


def tick_all(world, case_id):
    """Tick what is a person's."""
    for item in by_hand.checklist(world.as_("sofia"), case_id):
        if item.ticked_at is None:
            by_hand.tick(world.as_("sofia"), case_id, item.number)


def test_a_freeze_covers_all_and_holds_once_what_is_a_persons_is_ticked(world, case_id):
    """And a restore gives all of it back, the deny of the organization last."""
    before = world.outside.stands()
    first = freeze(world, case_id)
    waiting = [outcome.change.call.operation for outcome in first.outcomes if outcome.state == "waiting"]
    assert waiting == ["DeletePortalSessions", "DisableUser"]
    assert len(broken(first)) == 2
    assert all("console.aws" in what for what in broken(first))
    assert world.outside.host.processes == 0
    assert not world.outside.okta.enabled
    assert (world.outside.seat.assignments, world.outside.seat.memberships) == ((), ())
    tick_all(world, case_id)
    assert broken(containment.recheck(world.as_("sofia"), first.containment.id)) == []
    world.outside.steps.clear()
    restored = containment.restore(world.as_("sofia"), case_id)
    assert world.outside.stands() == before
    assert world.outside.steps[-1] == "UpdatePolicy"
    assert restored.differences == ()
    (enable,) = [item for item in by_hand.checklist(world.as_("sofia"), case_id) if item.ticked_at is None]
    assert (enable.number, enable.words) == (3, enable.step.error)
    assert "enable user u-1" in enable.words


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_any_step_there_is_one_freeze_and_one_restore(world, case_id, moment):
    """Elsewhere too: what was done is not done again, and what was begun is."""
    before, cut, cut_short = world.outside.stands(), 0, True
    while cut_short:
        cut_short = False
        for act in (freeze, restore):
            world.outside.steps = []
            setattr(world.outside, moment, cut)
            try:
                act(world, case_id)
            except KeyboardInterrupt:
                cut_short = True
                assert len(world.store.freezes.active(world.clock.now())) == 1
                setattr(world.outside, moment, None)
                act(world, case_id)
            setattr(world.outside, moment, None)
            world.wait(60)
            assert len(world.store.freezes.active(world.clock.now())) == (act is freeze)
            assert (world.outside.stands() == before) is (act is restore)
        cut += 1
    assert cut > 8


def test_what_was_undone_is_mended(world, case_id):
    """Whoever has an administrator's session at Okta lets themselves in again: not for long."""
    made = freeze(world, case_id).containment
    tick_all(world, case_id)
    world.outside.okta = replace(world.outside.okta, enabled=True, stands="ACTIVE")
    world.outside.host = replace(world.outside.host, processes=3)
    looked = containment.recheck(world.as_("sofia"), made.id)
    assert (looked.holds, looked.mended) == (True, 3)
    assert (world.outside.okta.enabled, world.outside.host.processes) == (False, 0)


def test_a_host_that_is_down_keeps_nobody_from_being_frozen(world, case_id):
    """It does not hold until it is up again, and then it is frozen, and given back as it was."""
    before = world.outside.stands()
    world.outside.down = {"bastion"}
    first = freeze(world, case_id)
    assert "bastion can be read" in broken(first)
    assert not world.outside.okta.enabled
    assert any("bastion could not be read" in warning for warning in first.containment.warnings)
    tick_all(world, case_id)
    world.outside.down = set()
    assert containment.recheck(world.as_("sofia"), first.containment.id).holds
    assert world.outside.host.expiry == "1"
    assert containment.recheck(world.as_("sofia"), first.containment.id).mended == 0
    containment.restore(world.as_("sofia"), case_id)
    assert world.outside.stands() == before


def test_what_others_did_elsewhere_holds_a_restore_up(world, case_id):
    """Until a person has looked."""
    freeze(world, case_id)
    late = (Membership("g-late", "m-9"),)
    world.outside.seat = replace(world.outside.seat, memberships=late)
    with pytest.raises(RefusedError, match="group g-late was joined since the freeze"):
        containment.restore(world.as_("sofia"), case_id)
    containment.restore(world.as_("sofia"), case_id, acknowledge_drift=True)


def test_the_deny_of_the_organization_stays_until_the_rest_is_back(world, case_id):
    """Where a step of a restore fails, and where a place cannot be read; the next restore carries on."""
    freeze(world, case_id)
    world.outside.refused = {"PutBack"}
    with pytest.raises(ProviderError, match="steps failed"):
        restore(world, case_id)
    assert "u-1" in json.dumps(world.outside.seat.policy)
    world.outside.refused, world.outside.down = set(), {"bastion"}
    with pytest.raises(ProviderError, match="bastion cannot be read: no route to host"):
        restore(world, case_id)
    assert len(world.store.freezes.active(world.clock.now())) == 1
    world.outside.down = set()
    assert restore(world, case_id).differences == ()
    assert "u-1" not in json.dumps(world.outside.seat.policy)


def test_only_a_lead_ticks_and_only_once(world, case_id):
    """It is in the ledger; what is not on the list cannot be ticked."""
    freeze(world, case_id)
    with pytest.raises(RefusedError, match="is no lead"):
        by_hand.tick(world.as_("rick"), case_id, 1)
    done = by_hand.tick(world.as_("ada"), case_id, 1)
    assert done.ticked_at == world.clock.now()
    with pytest.raises(RefusedError, match="is ticked already"):
        by_hand.tick(world.as_("sofia"), case_id, 1)
    with pytest.raises(NotFoundError, match="has no step 9"):
        by_hand.tick(world.as_("sofia"), case_id, 9)
    *_, entry = world.store.ledger.entries()
    assert (entry.kind, entry.actor) == (Kind.STEP_TICKED, "ada")
    assert [item.ticked_at is None for item in by_hand.checklist(world.as_("ada"), case_id)] == [False, True]


def test_the_last_tick_makes_it_hold(world, case_id):
    """It is looked at again with each; after the restore a tick looks at nothing, and freezes nobody anew."""
    freeze(world, case_id)
    looked = [containment.ticked(world.as_("sofia"), case_id, number) for number in (1, 2)]
    assert [found is not None and found.holds for found in looked] == [False, True]
    before = world.outside.stands()
    containment.restore(world.as_("sofia"), case_id)
    world.wait(60)
    assert world.outside.stands() != before
    assert containment.ticked(world.as_("sofia"), case_id, 3) is None
    assert world.outside.okta.enabled


def test_whoever_has_no_iam_user_is_frozen_elsewhere(world, case_id):
    """A person of Identity Center alone, or of hosts."""
    for state in world.cloud.states.values():
        state.users.pop("james", None)
    made = freeze(world, case_id)
    tick_all(world, case_id)
    assert made.containment.accounts == ()
    assert containment.recheck(world.as_("sofia"), made.containment.id).holds
    assert not world.outside.okta.enabled
