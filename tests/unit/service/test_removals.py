"""What a signed review takes away: a plan that waits, is approved as it is, and applied as it was approved."""

from datetime import timedelta

import pytest
from tests.unit.service.test_stepping import Site

from watchbill.access.recertification import Decided
from watchbill.errors import ProviderError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.service import proposals
from watchbill.service import recertification as reviewing
from watchbill.store.rows import Proposed


DAY = timedelta(days=1)
KEEP, REMOVE = Decided(keeps=True, reason=""), Decided(keeps=False, reason="left the team")


@pytest.fixture
def site(tmp_path):
    """Give a team whose file is in force."""
    made = Site(tmp_path)
    made.begin()
    return made


def signed(site, removed=("james", "group developers")):
    """Open a review, decide that one way of one person goes, and have all of it signed."""
    review = reviewing.open_review(site.as_("sofia"), site.clock.now() + DAY, ())
    for name in ("ada", "sofia", "rick"):
        work = site.as_(name)
        rows = reviewing.find(site.store, review.id).to_sign(name, work.team)
        if rows:
            chosen = {row.number: REMOVE if (row.person, row.through) == removed else KEEP for row in rows}
            reviewing.draft(work, review.id, chosen)
            digest = reviewing.digest_for(reviewing.find(site.store, review.id), name, work.team)
            reviewing.sign(work, review.id, digest, {})
    found = reviewing.find(site.store, review.id)
    assert found.is_done
    return found


def of(site, review):
    """Give the one plan of a review."""
    (head,) = site.store.proposals.of_review(review.id)
    return proposals.find(site.store, head.id)


def text_of(row):
    """Give the file that a plan is by."""
    removals = proposals.content_of(row).removals
    assert removals is not None
    return removals.text


def test_what_is_removed_waits_as_a_plan_that_is_bound_to_what_was_signed(site):
    """The calls and who loses what are those of the file in force without it; nothing is done by a signature."""
    review = signed(site)
    done = site.run()
    row = of(site, review)
    assert (done.proposal.id, row.state) == (row.id, Proposed.WAITING)
    content = proposals.content_of(row)
    assert text_of(row) == site.text.replace("members: [james, rick]", "members: [rick]", 1)
    assert {(each.person, str(each.verb)) for each in content.plan.effects} == {("james", "loses")}
    assert content.plan.changes
    (entry,) = [each for each in site.store.ledger.about([row.id]) if each.kind == Kind.PLAN_PROPOSED]
    assert entry.facts["review"] == review.id
    assert entry.facts["signatures"] == [each.digest for each in review.signatures]
    assert site.may("james", "ec2:RunInstances")
    assert site.run().proposal.id == row.id
    assert of(site, review).state is Proposed.WAITING


def test_it_is_applied_as_it_was_approved(site):
    """And the file at hand, which still gives it, gives it back to nobody by itself; patched, nothing waits."""
    review = signed(site)
    site.run()
    row = of(site, review)
    proposals.approve(site.as_("ada"), row.id)
    assert site.run().outcomes
    assert of(site, review).state is Proposed.APPLIED
    assert not site.may("james", "ec2:RunInstances")
    assert site.may("rick", "ec2:RunInstances")
    waits = site.run().proposal
    assert waits.review is None
    assert [each.what for each in proposals.content_of(waits).waits] == [
        "james comes to hold developer in production, by group developers"
    ]
    assert not site.may("james", "ec2:RunInstances")
    site.write(text_of(row), "sofia")
    assert site.run().proposal is None
    assert site.row(waits.id).state is Proposed.VOID
    assert not site.may("james", "ec2:RunInstances")
    assert of(site, review).state is Proposed.APPLIED


def test_it_is_void_where_the_file_in_force_is_another(site):
    """Whatever was approved of the one before; it is planned anew by the new one."""
    review = signed(site)
    site.run()
    before = of(site, review)
    proposals.approve(site.as_("ada"), before.id)
    site.edit("developer, accounts: [production]}", "developer, accounts: [production]}  # as ever", "ada")
    site.run()
    site.run()
    states = {each.id: each.state for each in site.store.proposals.of_review(review.id)}
    assert states.pop(before.id) is Proposed.VOID
    assert list(states.values()) == [Proposed.WAITING]
    assert site.may("james", "ec2:RunInstances")


def test_one_that_was_refused_is_not_kept_again(site):
    """A lead has the last word; the review stays as it was signed."""
    review = signed(site)
    site.run()
    proposals.refuse(site.as_("ada"), of(site, review).id, "he stays until May")
    site.run()
    assert of(site, review).state is Proposed.REFUSED
    assert site.may("james", "ec2:RunInstances")


def test_nobody_refuses_what_a_review_takes_from_them(site):
    """A lead would have the last word on their own access; another lead has it."""
    review = signed(site, ("ada", "group admins"))
    site.run()
    with pytest.raises(RefusedError, match="another lead refuses"):
        proposals.refuse(site.as_("ada"), of(site, review).id, "I need it")
    assert of(site, review).state is Proposed.WAITING
    proposals.refuse(site.as_("sofia"), of(site, review).id, "she needs it")
    assert of(site, review).state is Proposed.REFUSED


@pytest.mark.parametrize("approved", [True, False])
def test_another_review_leaves_no_plan_of_the_one_before_that_nobody_applies(site, approved):
    """One that was approved by then is applied; one that waits is void, and the new review decides."""
    before = signed(site)
    site.run()
    if approved:
        proposals.approve(site.as_("ada"), of(site, before).id)
    site.clock.advance(timedelta(minutes=5))
    signed(site, None)
    site.run()
    assert of(site, before).state is (Proposed.APPLIED if approved else Proposed.VOID)
    assert site.may("james", "ec2:RunInstances") is not approved
    if not approved:
        with pytest.raises(RefusedError, match="another review was opened since"):
            proposals.approve(site.as_("ada"), of(site, before).id)


def test_one_that_was_begun_takes_back_no_file_that_was_let_be_since(tmp_path, monkeypatch):
    """Cut short by AWS, it is void once leads let another file be, and planned anew by that one."""
    site = Site(tmp_path, "propose")
    site.begin()
    review = signed(site)
    site.run()
    before = of(site, review)
    proposals.approve(site.as_("ada"), before.id)
    perform = site.cloud.perform

    def refuses(account, call):
        if call.operation == "RemoveUserFromGroup":
            raise ProviderError("throttled")
        perform(account, call)

    monkeypatch.setattr(site.cloud, "perform", refuses)
    site.run()
    assert of(site, review).state is Proposed.BEGUN
    site.edit("leads: [ada, sofia, rick]", "leads: [ada, sofia]", "james")
    proposals.approve(site.as_("ada"), site.run().proposal.id)
    for _ in range(2):
        site.run()
        latest = site.store.revisions.latest()
        assert latest is not None
        assert latest.text == site.text
    states = {each.id: each.state for each in site.store.proposals.of_review(review.id)}
    assert states.pop(before.id) is Proposed.VOID
    assert list(states.values()) == [Proposed.WAITING]


def test_a_review_that_takes_nothing_away_or_is_open_is_no_plan(site):
    """What is for a person to do is none either: somebody on a rota."""
    reviewing.open_review(site.as_("sofia"), site.clock.now() + DAY, ())
    assert site.run().proposal is None


@pytest.mark.parametrize("removed", [None, ("james", "rota platform")])
def test_what_cannot_be_written_is_for_a_person(site, removed):
    """No plan is kept of it."""
    review = signed(site, removed)
    assert site.run().proposal is None
    assert site.store.proposals.of_review(review.id) == []


def test_who_is_no_lead_does_not_approve_it(site):
    """As with any other plan."""
    review = signed(site)
    site.run()
    with pytest.raises(RefusedError, match="no lead"):
        proposals.approve(site.as_("james"), of(site, review).id)


def test_killed_in_between_the_next_pass_goes_on(site, monkeypatch):
    """What was begun is carried on with, by the file that was approved."""
    review = signed(site)
    site.run()
    proposals.approve(site.as_("ada"), of(site, review).id)
    perform = site.cloud.perform

    def dies(*given):
        perform(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(site.cloud, "perform", dies)
    with pytest.raises(KeyboardInterrupt):
        site.run()
    monkeypatch.undo()
    assert of(site, review).state is Proposed.BEGUN
    site.run()
    assert of(site, review).state is Proposed.APPLIED
    assert not site.may("james", "ec2:RunInstances")
