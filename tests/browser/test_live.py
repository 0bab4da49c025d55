"""Pages that keep themselves up to date, in Chromium: what is new comes by itself, and never over somebody's work."""

from playwright.sync_api import expect

from watchbill.ledger.model import Kind
from watchbill.service.links import digest_of


expect.set_options(timeout=30_000)


def written(site, subject):
    """Have something written that the ledger's page shows."""
    site.office.as_("sofia").record(Kind.PERSON_SEEN, subject, {})


def test_what_is_new_comes_by_itself_and_waits_for_whoever_is_at_work(browser, site):
    """Live, then paused by an edited field and by something unfolded, each without losing what was done."""
    window = browser.window(site, "sofia")
    page = window.page
    window.open("/ledger")
    word, main = page.locator("#contact"), page.locator("#main")
    expect(word).to_have_text("live")
    link = page.get_by_role("link", name="These as JSON, one on a line")
    link.focus()
    written(site, "zebra")
    expect(main).to_contain_text("zebra")
    expect(link).to_be_focused()
    field = page.locator("input[name=actor]")
    field.fill("so")
    written(site, "xerus")
    expect(word).to_have_text("paused: there is something new")
    expect(field).to_have_value("so")
    expect(main).not_to_contain_text("xerus")
    field.fill("")
    page.locator("h1").click()
    expect(main).to_contain_text("xerus")
    expect(word).to_have_text("live")
    page.locator("summary").first.click()
    written(site, "wombat")
    expect(word).to_have_text("paused: there is something new")
    page.locator("summary").first.click()
    expect(main).to_contain_text("wombat")
    assert window.wrong == []


def test_lost_contact_is_said_and_found_again(browser, site):
    """The instance stops, and comes back; then the sign-in ends, and the page shows nothing any more."""
    window = browser.window(site, "lee")
    page = window.page
    window.open("/cases")
    word = page.locator("#contact")
    expect(word).to_have_text("live")
    site.stopping.set()
    expect(word).to_contain_text("lost contact")
    site.stopping.clear()
    expect(word).to_have_text("live")
    for each in page.context.cookies():
        site.office.store.web_sessions.end(digest_of(each["value"]))
    written(site, "the end")
    expect(page.locator("#main")).to_contain_text("Sign in")
    expect(word).to_contain_text("you are signed in no more")
