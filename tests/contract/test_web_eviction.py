"""An eviction on its page: exactly the calls that are shown, asked for by one lead and carried out by another."""

import html
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import by
from tests.pages import BASE, pages
from tests.unit.service.desk import heard

from watchbill.access.apply import apply
from watchbill.access.plan import make_plan
from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.model import Verdict
from watchbill.service import asking, clicks, containment, eviction
from watchbill.service.clicks import Click
from watchbill.service.jobs import freeze, restore


PAGE = f"{BASE}/open/C-away/evict"


@pytest.fixture
def site(tmp_path):
    """Serve the pages, with James frozen, found to be hijacked, and with a password; Lee is a lead there, too."""
    with pages(tmp_path) as served:
        office = served.office
        plan = make_plan(office.team, office.app.observe(office.team), office.clock.now())
        assert list(apply(plan.changes, by(office.team, office.app.cloud)))
        office.app.cloud.passwords.add(("production", "james"))
        lee = office.as_("lee")
        containment.freeze(lee, containment.plan(lee, "C-away"))
        asking.decide(lee, "C-away", Verdict.HIJACK, "it was not him")
        served.peer.users["lee"].groups = ["leads"]
        yield served


def afresh(site, name):
    """Let somebody come to the page by a sign-in that is made for it."""
    site.office.later(timedelta(minutes=1))
    browser = site.sign_in(name)
    return browser, browser.press(browser.open(PAGE), "/sign-in")


def worked(site):
    """Work on what was pressed as an instance does."""
    return heard(site.office, site.office.desk(freeze=freeze, restore=restore, others={"evict": eviction.press}))


def asked_for(site, name="sofia"):
    """Have somebody press."""
    browser, page = afresh(site, name)
    browser.press(page, "/open/C-away/evict")
    worked(site)
    return browser


def applied(site):
    """Give who carried an eviction out, by the ledger."""
    return [each.actor for each in site.office.store.ledger.entries() if each.kind == Kind.EVICTION_APPLIED]


def test_one_asks_and_another_carries_it_out(site):
    """The page has the calls of the plan; the first press does nothing in AWS, the second all of them."""
    assert "/open/C-away/evict" in site.sign_in("sofia").open(f"{BASE}/open/C-away").parsed().links
    browser, page = afresh(site, "sofia")
    planned = eviction.plan(site.office.as_("sofia"), "C-away")
    calls = re.findall(r"<td><code>([^<]+)</code></td>", page.text)
    assert [html.unescape(each) for each in calls] == [str(change.call) for change in planned.changes]
    assert "This cannot be undone" in page.text
    browser.press(page, "/open/C-away/evict")
    assert worked(site) == 1
    assert ("production", "james") in site.office.app.cloud.passwords
    assert "is asked for: another lead confirms it" in browser.open(f"{BASE}/open/C-away").text
    again = browser.press(browser.open(PAGE), "/sign-in")
    assert "You asked for it: another lead confirms it" in again.text
    assert "<button class" not in again.text
    other, page = afresh(site, "lee")
    assert "sofia asked for it; with your word it is made" in page.text
    other.press(page, "/open/C-away/evict")
    assert applied(site) == []
    worked(site)
    assert applied(site) == ["lee"]
    assert ("production", "james") not in site.office.app.cloud.passwords
    assert "is evicted: " in other.open(f"{BASE}/open/C-away").text


def test_what_was_shown_is_what_is_carried_out(site):
    """A page that was shown before somebody asked, or before AWS changed, evicts nobody."""
    browser, page = afresh(site, "lee")
    asked_for(site)
    browser.press(page, "/open/C-away/evict")
    worked(site)
    assert applied(site) == []
    assert "has changed since it was shown" in browser.open(f"{BASE}/open/C-away").text


def test_it_takes_a_step_up_a_hijack_and_a_lead(site):
    """Without a sign-in made for it, in a case of which it is not known, by an admin who is no lead: refused."""
    sofia = site.sign_in("sofia")
    assert "fresh sign-in" in sofia.post(PAGE, {"key": "k" * 32, "shown": "0" * 64}).text
    site.peer.keyboard = "sofia"
    other = sofia.press(sofia.open(f"{BASE}/open/C-late/evict"), "/sign-in")
    assert (other.status, "not found to be a hijack" in other.text) == (403, True)
    _, shown = afresh(site, "priya")
    assert (shown.status, "iam:" in shown.text) == (403, False)
    assert worked(site) == 0


def test_a_press_that_was_cut_off_does_nothing_twice(site):
    """Asked for and carried out before the press was: the same press again says so, and asks for nothing more."""
    browser, page = afresh(site, "sofia")
    browser.press(page, "/open/C-away/evict")
    (row,) = [each for each in site.office.store.clicks.of_case("C-away") if each.action == "evict"]
    work = site.office.as_("sofia")
    assert "is asked for" in eviction.press(work, row)
    count = len(site.office.store.containments.all())
    assert "is asked for" in eviction.press(work, row)
    other, page = afresh(site, "lee")
    other.press(page, "/open/C-away/evict")
    row = next(each for each in site.office.store.clicks.of_case("C-away") if each.actor == "lee")
    lee = site.office.as_("lee")
    assert "is evicted" in eviction.press(lee, row)
    assert "is evicted" in eviction.press(lee, row)
    assert (applied(site), len(site.office.store.containments.all())) == (["lee"], count)


def test_what_was_confirmed_under_another_freeze_lets_nothing_by(site):
    """Cut off after it was confirmed, restored by two, frozen anew: a press counts for what was shown, and no more."""
    asked_for(site)
    store, sofia, lee = site.office.store, site.office.as_("sofia"), site.office.as_("lee")
    (row,) = store.containments.all()
    assert store.containments.confirm(row.id, lee.at, "lee")
    with pytest.raises(RefusedError, match="another lead"):
        containment.restore(sofia, "C-away")
    containment.restore(lee, "C-away")
    site.office.later(timedelta(minutes=1))
    lee = site.office.as_("lee")
    containment.freeze(lee, containment.plan(lee, "C-away"))
    before = len(store.containments.all())
    assert clicks.take(store, Click("x", "web", "lee", "evict", "C-away", lee.at, {"shown": "0" * 64}))
    worked(site)
    assert "has changed since it was shown" in site.office.said[-1][1]
    assert len(store.containments.all()) == before


def test_nobody_is_evicted_in_slack(site):
    """There is no button for it; one that was made up does nothing."""
    browser, page = afresh(site, "sofia")
    browser.press(page, "/open/C-away/evict")
    (row,) = [each for each in site.office.store.clicks.of_case("C-away") if each.action == "evict"]
    with pytest.raises(RefusedError, match="nobody is evicted there"):
        eviction.press(site.office.as_("sofia"), replace(row, source="slack"))
