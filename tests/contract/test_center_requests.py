"""Access for a while by way of Identity Center, end to end against the stand-in: asked, approved, applied, read back, over."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.center_office import HOUR, Office
from tests.centers import may, sessions_of
from tests.unit.service.world import NOON

from watchbill.access.entitlements import comes_by
from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.service import proposals, requests
from watchbill.sim.stand_in import StandIn
from watchbill.store.database import open_store
from watchbill.store.rows import Proposed
from watchbill.team.model import Access, By, Mode


SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
REBOOT, READ = "rds:RebootDBInstance", "ec2:DescribeInstances"


@pytest.fixture
def open_office(tmp_path):
    """Give what opens one."""
    with StandIn() as stand_in, open_store(tmp_path / "state") as store:
        yield lambda **given: Office(stand_in, store, **given)


@pytest.mark.parametrize("fed_by", [None, "corp"])
def test_asked_approved_applied_read_back_and_over_by_the_clock_of_aws(open_office, fed_by):
    """One second before, at and after each end, by the documents of the role; nobody else, nowhere else."""
    office = open_office(fed_by=fed_by)
    request = office.ask("ada")
    assert not office.has("ada", request)
    done, effective = office.run()
    assert effective == [request]
    assert {change.change.account for change in done.outcomes} == {"a01", "identity-center"}
    assert (office.has("ada", request), office.has("ada", request, "a02")) == (True, False)
    assert office.documents(request, "a02") is None
    documents, ends = office.documents(request), NOON + 2 * HOUR
    table = [(NOON - SECOND, False), (NOON, True), (NOON + SECOND, True), (ends - SECOND, True), (ends, False)]
    table += [(ends + SECOND, False), (ends + 365 * 24 * HOUR, False)]
    ada = office.org.users["ada"]
    assert [(at, may(documents, ada, REBOOT, at)) for at, _ in table] == table
    others = [user for person, user in office.org.users.items() if person != "ada"]
    assert not any(may(documents, user, REBOOT, at) for user in (*others, "somebody-else") for at, _ in table)
    assert not may(documents, ada, "iam:CreateUser", NOON)
    told = [entry.kind for entry in office.store.ledger.entries() if entry.subject == request]
    assert told == [Kind.REQUEST_ASKED, Kind.REQUEST_APPROVED, Kind.REQUEST_EFFECTIVE]
    # Nothing more is to be done while it holds, and what is left of it goes once it is over.
    assert office.run()[0].outcomes == ()
    office.clock.advance(2 * HOUR + MINUTE)
    office.run()
    assert (office.documents(request), office.has("ada", request)) == (None, False)
    assert office.run()[0].outcomes == ()


def test_what_is_ended_before_its_time_goes_with_the_next_plan(open_office):
    """And what a lead refuses never comes."""
    office = open_office()
    request = office.ask()
    office.run()
    office.clock.advance(10 * MINUTE)
    requests.end(office.as_("sofia"), request)
    office.run()
    assert (office.documents(request), office.has("james", request)) == (None, False)
    row = requests.ask_access(office.as_("james"), "read-only", HOUR, ("a02",), "why not", "k")
    requests.decide(office.as_("sofia"), row.id, approves=False)
    assert office.run()[0].outcomes == ()


def test_two_grants_of_one_set_let_nobody_in_where_the_others_is(open_office):
    """Each has a fence of its own: in another account, and by another's window, there is nothing."""
    office = open_office()
    first, second = office.ask("james", account="a01"), office.ask("rick", account="a02", length=4 * HOUR)
    assert office.run()[1] == [first, second]
    james, rick = (office.org.users[name] for name in ("james", "rick"))
    one, two = office.documents(first), office.documents(second, "a02")
    assert [may(each, user, REBOOT, NOON + HOUR) for each in (one, two) for user in (james, rick)] == [
        True,
        False,
        False,
        True,
    ]
    assert (may(one, james, REBOOT, NOON + 3 * HOUR), may(two, rick, REBOOT, NOON + 3 * HOUR)) == (False, True)


def test_whoever_has_no_user_there_or_is_frozen_gets_nothing(open_office):
    """It is refused when it would be approved."""
    office = open_office()
    row = requests.ask_access(office.as_("james"), "prod-oncall", HOUR, ("a01",), "the queue stands", "k")
    office.org.store.delete_user(IdentityStoreId=office.org.id, UserId=office.org.users["james"])
    with pytest.raises(RefusedError, match="`james` has no user in Identity Center"):
        requests.decide(office.as_("sofia"), row.id, approves=True)
    assert office.store.requests.get(row.id).state == "waiting"


def test_a_swap_of_who_comes_by_identity_center_is_seen_in_effect(open_office):
    """By the fence of the rota's set: each of the two is let in when the watch is theirs, and only then."""
    office = open_office()
    span = NOON + 78 * HOUR, NOON + 86 * HOUR
    asked = requests.ask_swap(office.as_("james"), ("james", "lee"), span, "a dentist", "platform", "k")
    requests.decide(office.as_("lee"), asked.id, approves=True)
    assert office.run()[1] == [asked.id]
    documents = sessions_of(office.org.app.cloud.observe(office.org.accounts["a01"]), "watchbill-oncall-platform")
    james, lee = office.org.users["james"], office.org.users["lee"]
    for at, expected in ((span[0], True), (span[1] - SECOND, True), (span[1], False), (span[0] - SECOND, False)):
        assert may(documents, lee, REBOOT, at) is expected
        assert not may(documents, james, REBOOT, at)


def test_by_what_somebody_gets_a_set_for_a_while(open_office):
    """By what they come, where that is one thing; else as the set is given in these accounts."""
    office = open_office()
    team, names = office.team, tuple(office.org.accounts)
    assert comes_by(team, "james", "support", names) is By.CENTER
    access = (Access("read-only", names, team.permission_sets["read-only"].where, By.IAM),)
    both = replace(team, groups={"developers": replace(team.groups["developers"], access=access)})
    assert comes_by(both, "james", "prod-oncall", names) is By.CENTER
    assert comes_by(both, "james", "read-only", names) is By.IAM
    assert comes_by(both, "sofia", "read-only", names) is By.IAM


def test_what_waits_for_a_lead_in_an_account_is_not_begun_by_itself(open_office):
    """Neither set nor group nor membership; approved it is all there, and stays while other plans are made beside it."""
    office = open_office()
    propose = replace(office.team.accounts["a01"], mode=Mode.PROPOSE)
    office.team = replace(office.team, accounts={**office.team.accounts, "a01": propose})
    request = office.ask()
    done, _ = office.run()
    assert done.outcomes == ()
    proposals.approve(office.as_("sofia"), done.proposal.id)
    done, _ = office.run()
    assert (done.proposal.state, office.has("james", request)) == (Proposed.APPLIED, True)
    other = office.ask("priya", account="a02")
    assert {outcome.change.account for outcome in office.run()[0].outcomes} == {"a02", "identity-center"}
    assert (office.has("james", request), office.has("priya", other, "a02")) == (True, True)
