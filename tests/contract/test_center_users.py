"""A user of Identity Center that is made anew under the same address is another: nothing goes to them by itself."""

import json
from dataclasses import replace

import pytest
from tests.center_office import HOUR, Office
from tests.centers import Bench, may, sessions_of
from tests.teams import HERE

from watchbill.access.center.compile import FREEZE
from watchbill.access.guards import users_in
from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.center import Due, Membership, Seat, deny_in_center, restore_in_center, verify_in_center
from watchbill.service import proposals
from watchbill.service.stepping import step_of
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import open_store
from watchbill.store.rows import FreezeRow, Proposed
from watchbill.team.model import IdentityCenter


REBOOT = "rds:RebootDBInstance"


@pytest.fixture
def office(tmp_path):
    """Give one in which a pass has seen who everybody is."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        made = Office(stand_in, store)
        made.run()
        yield made


def anew(office, person="james"):
    """Delete somebody's user, and make another under the same address; give both ids."""
    old = office.org.users[person]
    office.org.store.delete_user(IdentityStoreId=office.org.id, UserId=old)
    who = office.team.people[person]
    office.org.users[person] = office.org.store.create_user(
        IdentityStoreId=office.org.id,
        UserName=who.email,
        DisplayName=who.full_name,
        Name={"GivenName": person, "FamilyName": "X"},
        Emails=[{"Value": who.email, "Type": "work", "Primary": True}],
    )["UserId"]
    return old, office.org.users[person]


def frozen(office):
    """Freeze James, and give whom the policy on every set denies after a pass."""
    office.store.freezes.add(FreezeRow("F-1", "james", office.clock.now(), None, None, "{}"))
    office.run()
    state = office.org.app.cloud.observe(office.org.accounts["a01"])
    (policy,) = (each for each in state.policies.values() if each.name.startswith(FREEZE))
    return {id_ for each in policy.document["Statement"] for id_ in users_in(each)}


def fence(office):
    """Give the documents of the role that on-call access has."""
    return sessions_of(office.org.app.cloud.observe(office.org.accounts["a01"]), "watchbill-oncall-platform")


def test_who_is_made_anew_holds_nothing_until_a_lead_lets_it_be(office):
    """Each pass says so; all others roll forward meanwhile; never the person themselves lets it be."""
    evening = office.clock.now() + 31 * HOUR
    old, new = anew(office)
    office.clock.advance(24 * HOUR)
    done, _ = office.run()
    (problem,) = done.problems
    assert f"james is found in Identity Center as user {new} rather than {old}" in problem.message
    assert {change.change.account for change in done.outcomes} >= {"a01", "a02"}
    assert not any(may(fence(office), user, REBOOT, evening) for user in (old, new))
    assert may(fence(office), office.org.users["priya"], REBOOT, evening + 8 * HOUR)
    center = Bench(office.org).observe(office.team)[1]
    assert center.groups_of(new) == frozenset()
    waits = done.proposal
    assert [each.kind for each in proposals.content_of(waits).waits] == ["new-person"]
    with pytest.raises(RefusedError, match="gains by it"):
        proposals.approve(office.as_("james"), waits.id)
    assert "center-user-moved" in {each.code for each in office.as_("sofia").plan().warnings}
    with pytest.raises(RefusedError, match="and nobody let that be"):
        office.ask()
    assert office.run()[0].proposal.id == waits.id
    proposals.approve(office.as_("sofia"), waits.id)
    done, _ = office.run()
    assert (done.proposal.state, may(fence(office), new, REBOOT, evening)) == (Proposed.APPLIED, True)
    center = Bench(office.org).observe(office.team)[1]
    assert center.groups_of(new) == {"watchbill-job-developers", "watchbill-oncall-platform"}
    (entry,) = (each for each in office.store.ledger.entries() if each.kind == Kind.CENTER_USER_MOVED)
    assert (entry.subject, entry.facts) == ("james", {"was": old, "now": new})
    done, _ = office.run()
    assert (done.problems, done.outcomes, done.proposal) == ([], (), None)


def test_one_that_is_refused_stays_so(office):
    """The other id holds nothing, and it is said again each time."""
    _, new = anew(office)
    waits = office.run()[0].proposal
    proposals.refuse(office.as_("sofia"), waits.id, "who is that")
    done, _ = office.run()
    assert (done.proposal.state, len(done.problems)) == (Proposed.REFUSED, 1)
    assert Bench(office.org).observe(office.team)[1].groups_of(new) == frozenset()


def test_a_freeze_is_on_both_ids(office):
    """By the policy on every set, and by whoever freezes: what the new one has, and sessions of the old one."""
    old, new = anew(office)
    assert frozen(office) == {old, new}


def test_a_freeze_is_on_the_id_of_a_user_that_is_gone(office):
    """Whoever deletes a user ends no session of it, and so none of the freeze either."""
    old = office.org.users["james"]
    office.org.store.delete_user(IdentityStoreId=office.org.id, UserId=old)
    assert frozen(office) == {old}


def test_who_freezes_lists_both_ids_and_a_restore_takes_both_off():
    """Whether they were another before the freeze, or came to be one since, whom a restore gives nothing back."""
    center = IdentityCenter("identity", "eu-west-1", "d-1", "arn", "p-1", None, HERE)
    bare = {"Version": "2012-10-17", "Statement": []}

    def listed(changes):
        (change,) = changes
        return json.loads(change.call.parameters["Content"])

    both = listed(deny_in_center(center, Seat("james", "new", policy=bare, targets=1, former=("old",))))
    assert '["new", "old"]' in json.dumps(both)
    was = Seat("james", "old", memberships=(Membership("g-1", "m-1"),), policy=bare, targets=1)
    now = Seat("james", "new", policy=listed(list(deny_in_center(center, was))[:1]), targets=1)
    assert not next(verify_in_center(center, was, now)).holds
    frozen = replace(now, policy=listed(deny_in_center(center, now, was)))
    assert frozen.policy == both
    assert next(verify_in_center(center, was, frozen)).holds
    first, last, left_out = restore_in_center(center, was, frozen, Due({"g-1": None}))
    assert (first, left_out) == ((), ("what user old had in Identity Center: they are user new there now",))
    assert not any(name in json.dumps(listed(last)) for name in ("old", "new"))


def test_the_first_id_that_is_seen_is_known_from_then_on(office):
    """Of everybody in the file; whom the file names by their id is known by that."""
    known = office.store.center_users.all(office.org.id)
    assert known == office.org.users
    assert step_of(office.as_("watchbill")).moved == ()
