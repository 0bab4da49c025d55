"""A plan that waits for leads, on its page: shown, approved by a step-up as exactly that, refused, and applied beside it."""

from dataclasses import replace
from html import unescape

import msgspec
import pytest
from tests.hostile import HOSTILE
from tests.pages import BASE, pages
from tests.unit.access.test_logins import AUTHORITY, certified
from tests.unit.access.test_sudo import NOON

from watchbill.access.approval import Finding, Weighed
from watchbill.access.host_plan import HostSeen, plan_hosts, plan_of
from watchbill.ledger.model import Kind
from watchbill.service import proposals
from watchbill.service.reconcile import Reconciled, bring_in_step
from watchbill.store.rows import Proposed
from watchbill.team.model import ChangeKind


@pytest.fixture
def site(tmp_path):
    """Serve the pages, with a plan that waits: nothing was let be yet, and accounts are in the mode that proposes."""
    with pages(tmp_path) as served:
        passed(served)
        yield served


def passed(site):
    """Make a pass, as the instance that leads does."""
    done = Reconciled()
    bring_in_step(site.office.as_("watchbill"), done)
    return done


def row_of(site):
    """Give the one that waits."""
    (found,) = proposals.waiting(site.office.store)
    return found


def afresh(site, name, row, browser=None):
    """Have somebody sign in for the approval of a plan; give their browser and what it shows."""
    browser = browser or site.sign_in(name)
    site.peer.keyboard = name
    return browser, browser.press(browser.open(f"{BASE}/plan/{row.id}/approve"), "/sign-in")


def test_a_plan_is_approved_as_it_is_shown_and_applied_by_a_pass(site):
    """What it gives first, its documents second; the press answers at once, and the ledger has how they signed in."""
    row, site_of = row_of(site), site.office
    auditor = site.sign_in("lee")
    for path in ("/plan", "/"):
        assert f"/plan/{row.id}" in auditor.open(f"{BASE}{path}").parsed().links
    browser, shown = afresh(site, "sofia", row)
    assert (
        shown.text.index('id="effects"')
        < shown.text.index('id="calls"')
        < shown.text.index(f"Approve {row.id}</button>")
    )
    assert "sofia" in shown.text.partition('id="effects"')[2].partition('id="calls"')[0]
    assert row_of(site).state is Proposed.WAITING
    before = dict(site_of.app.observe(site_of.team))
    after = browser.press(shown, f"/plan/{row.id}/approve")
    assert (after.path, "approved by sofia" in after.text) == (f"/plan/{row.id}", True)
    assert dict(site_of.app.observe(site_of.team)) == before
    (entry,) = [each for each in site_of.store.ledger.entries() if each.kind == Kind.PLAN_APPROVED]
    assert (entry.actor, entry.subject, bool(entry.facts["how"])) == ("sofia", row.id, True)
    done = passed(site)
    assert done.outcomes
    assert "applied</strong>" in browser.open(f"{BASE}/plan/{row.id}").text


def test_what_is_shown_is_what_is_approved(site):
    """It is written beside it; of one from before that was kept it is made of what is approved, and is the same."""
    row = row_of(site)
    assert row.shown is not None
    assert proposals.shown_of(row) == proposals.shown_of(replace(row, shown=None))
    content, browser = proposals.content_of(row), site.sign_in("lee")
    page = browser.open(f"{BASE}/plan/{row.id}").text
    assert page.count("<details>") == len(content.plan.changes)
    assert all(str(each) in unescape(page) for each in content.plan.warnings)
    site.office.store.proposals.turn(row, replace(row, shown=None))
    assert browser.open(f"{BASE}/plan/{row.id}").text == page


def test_how_much_more_there_is_is_said(site):
    """Of a large one the first sentences and the first calls are shown."""
    row = row_of(site)
    content = proposals.content_of(row)
    effects = tuple(replace(content.plan.effects[0], why=f"reason {number}") for number in range(1_003))
    large = replace(content.plan, effects=effects, changes=content.plan.changes[:1] * 302)
    made = proposals.propose(site.office.as_("watchbill"), large, Weighed((), (), 0, frozenset()))
    page = site.sign_in("lee").open(f"{BASE}/plan/{made.id}").text
    assert (page.count("<details>"), page.count("because reason ")) == (300, 1_000)
    assert "3 more lines are not shown" in page
    assert "2 more calls are not shown" in page


def test_it_takes_a_step_up_and_a_lead_who_may(site):
    """Without one, by an auditor, by an admin who is no lead, by whoever is barred: nothing is approved."""
    row = row_of(site)
    sofia = site.sign_in("sofia")
    assert "fresh sign-in" in sofia.post(f"{BASE}/plan/{row.id}/approve", {}).text
    assert site.sign_in("rick").post(f"{BASE}/plan/{row.id}/approve", {}).status == 403
    browser, shown = afresh(site, "priya", row)
    assert "It is not for you to approve" in shown.text
    assert browser.post(f"{BASE}/plan/{row.id}/approve", {}).status == 403
    content = replace(proposals.content_of(row), barred=("sofia",))
    site.office.store.proposals.turn(row, replace(row, payload=msgspec.json.encode(content).decode(), shown=None))
    browser, shown = afresh(site, "sofia", row)
    assert "Not for sofia, who wrote it" in shown.text
    assert f"Approve {row.id}</button>" not in shown.text
    assert "wrote what is in" in browser.post(f"{BASE}/plan/{row.id}/approve", {}).text
    assert row_of(site).state is Proposed.WAITING


def test_where_it_takes_two_the_second_is_another(site):
    """The first approval waits; the same again is none."""
    row = replace(row_of(site), id="P-" + "a" * 16, people=2)
    site.office.store.proposals.add(row)
    browser, shown = afresh(site, "sofia", row)
    once = browser.press(shown, f"/plan/{row.id}/approve")
    assert "waits for 1 of" in once.text
    assert "It is not for you to approve, or you have" in once.text
    again = browser.press(browser.open(f"{BASE}/plan/{row.id}/approve"), "/sign-in")
    assert f"Approve {row.id}</button>" not in again.text
    site.peer.add("lee", ["leads"])
    other, shown = afresh(site, "lee", row)
    both = other.press(shown, f"/plan/{row.id}/approve").text
    assert "approved by lee and sofia" in both or "approved by sofia and lee" in both


def test_one_that_would_do_something_else_is_not_applied(site):
    """Approved, and then the world moved: the pass makes it void, and its page says why."""
    row = row_of(site)
    browser, shown = afresh(site, "sofia", row)
    browser.press(shown, f"/plan/{row.id}/approve")
    team = site.office.team
    site.office.team = replace(team, digest="another", grants=())
    assert passed(site).outcomes == ()
    page = browser.open(f"{BASE}/plan/{row.id}")
    assert "void</strong>" in page.text
    assert "has changed" in page.text
    refused = browser.press(browser.open(f"{BASE}/plan/{row.id}/approve"), "/sign-in")
    assert f"Approve {row.id}</button>" not in refused.text
    assert browser.post(f"{BASE}/plan/{row.id}/approve", {}).status == 403


def test_a_lead_refuses_it_with_a_reason(site):
    """Nobody else; and it stays refused in the next pass."""
    row = row_of(site)
    assert site.sign_in("priya").post(f"{BASE}/plan/{row.id}/refuse", {"reason": "r"}).status == 403
    sofia = site.sign_in("sofia")
    assert sofia.post(f"{BASE}/plan/{row.id}/refuse", {"reason": ""}).status == 400
    shown = sofia.post(f"{BASE}/plan/{row.id}/refuse", {"reason": "not without the auditor"})
    assert "refused</strong>" in shown.text
    assert "not without the auditor" in shown.text
    passed(site)
    assert proposals.find(site.office.store, row.id).state is Proposed.REFUSED


def test_what_strangers_chose_is_inert_in_a_plan_that_waits(site):
    """In what waits, who is barred and what is warned of."""
    row, content = row_of(site), proposals.content_of(row_of(site))
    text = " ".join(each for each in HOSTILE.values() if each.isprintable())
    mean = replace(content, waits=(Finding(ChangeKind.WARNED, text, text),), barred=(text,))
    site.office.store.proposals.turn(row, replace(row, payload=msgspec.json.encode(mean).decode(), shown=None))
    shown = site.sign_in("sofia").open(f"{BASE}/plan/{row.id}")
    assert "ZQ" in shown.text
    assert not {tag for tag, _ in shown.parsed().tags} & {"script", "style", "img", "iframe", "b", "textarea"}


def test_what_hosts_are_to_have_waits_beside_it_and_is_shown_whole(site):
    """Neither makes the other void; who gains what where, the lines of the file, and what a lead should know of."""
    of = certified()
    seen = {"bastion": HostSeen("bastion", users=frozenset({"james"}))}
    made = plan_hosts(of, seen, (), NOON, NOON, (), AUTHORITY)
    plan = plan_of(made, of, NOON, site.office.team.digest)
    other = row_of(site)
    row = proposals.propose(site.office.as_("watchbill"), plan, Weighed((), (), 0, frozenset()))
    assert {each.id for each in proposals.waiting(site.office.store)} == {other.id, row.id}
    shown = site.sign_in("lee").open(f"{BASE}/plan/{row.id}")
    assert shown.status == 200
    assert (
        "james gains ssh as james in bastion Mon 12 Jan 18:00 - Tue 13 Jan 02:00 UTC, because rota platform"
        in shown.text
    )
    assert "+ :james@20260112180000Z-20260113020000Z/" in shown.text
    assert "AuthorizedPrincipalsCommandUser nobody" in shown.text.partition('id="warnings"')[2]
    passed(site)
    assert proposals.find(site.office.store, row.id).state is Proposed.WAITING
    assert proposals.approve(site.office.as_("sofia"), row.id).startswith(f"{row.id}, approved by sofia")
