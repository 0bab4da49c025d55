"""A freeze from its plan to its restore, by the responder's own rights, as AWS would hold it to them."""

from dataclasses import replace

import pytest
from tests.judged import Judged
from tests.unit.service.world import World, hijack

from watchbill.access.limits import DEFAULTS
from watchbill.access.own_rights import FREEZE, RESPONDER, RESTORE, OwnRole, boundary, own_policies, where_of
from watchbill.access.quarantine import DENY_ALL
from watchbill.aws.calls import CALLS
from watchbill.service import containment
from watchbill.service.reconcile import reconcile
from watchbill.store.database import open_store


@pytest.fixture
def world(tmp_path):
    """Give a world in which James's hijack is to become a case."""
    with open_store(tmp_path) as store:
        yield World(store)


def responding(world, *parts):
    """Have the world's steps judged by some policies of the responder, within its boundary; give the judged cloud."""
    accounts = world.team.accounts.values()
    policies = {
        account.name: [p.document for p in own_policies(CALLS, where_of(world.team, account)) if p.part in parts]
        for account in accounts
    }
    bound = {account.name: boundary(CALLS, OwnRole.RESPONDER, account.number) for account in accounts}
    world.cloud = Judged(world.cloud, policies, bound.__getitem__)
    world.app = replace(world.app, cloud=world.cloud, shells=world.cloud)
    return world.cloud


def frozen(world):
    """Raise the case, and freeze its person until it has settled."""
    (case_id,) = reconcile(world.as_("watchbill"), world.watched(*hijack())).raised
    made = containment.freeze(world.as_("sofia"), containment.plan(world.as_("sofia"), case_id))
    return case_id, containment.settle(world.as_("sofia"), made.containment.id)


def test_a_freeze_by_the_responder_and_the_freeze_policy_holds(world):
    """Verified over what was read back; nothing was refused, and the restore's own policy gives it back."""
    cloud = responding(world, RESPONDER, FREEZE, RESTORE)
    case_id, last = frozen(world)
    assert last.holds, [check for check in last.checks if not check.holds]
    assert cloud.refused == []
    assert containment.restore(world.as_("sofia"), case_id).differences == ()
    assert cloud.refused == []


def test_a_freeze_by_the_responder_alone_shuts_the_user_and_says_what_is_open(world):
    """James can do nothing, has no key and no group; that his sessions of the on-call role live on is said."""
    cloud = responding(world, RESPONDER)
    _, last = frozen(world)
    assert not last.holds
    assert set(cloud.refused) == {"CreatePolicyVersion"}
    user = cloud.observe(world.team.accounts["production"]).users["james"]
    assert DENY_ALL in user.attached
    assert not user.groups
    assert not any(key.active for key in cloud.keys["production", "james"])
    open_ = [check.what for check in last.checks if not check.holds]
    assert open_
    assert all("role" in what or "session" in what for what in open_), open_


def test_with_no_slot_left_the_responder_bounds_the_user(world):
    """What it may not write into the user is refused, and the next form is taken: AWS's own deny as the boundary."""
    state = world.cloud.observe(world.team.accounts["production"])
    slots = frozenset(f"arn:aws:iam::aws:policy/Own{n}" for n in range(DEFAULTS["AttachedPoliciesPerUserQuota"]))
    full = replace(state.users["james"], attached=slots, path="/", arn=f"arn:aws:iam::{state.number}:user/james")
    world.cloud.states["production"] = replace(state, users={**state.users, "james": full})
    cloud = responding(world, RESPONDER, FREEZE)
    _, last = frozen(world)
    assert last.holds, [check for check in last.checks if not check.holds]
    assert set(cloud.refused) == {"PutUserPolicy"}
    assert cloud.observe(world.team.accounts["production"]).users["james"].boundary == DENY_ALL
