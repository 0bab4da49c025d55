"""The demo in a real browser: in by a link of the terminal, its pages for everybody, and a story clicked through."""

import logging
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from tests.browser.chromium import said
from tests.browser.hands import is_worked_by_keys

from watchbill.cli.commands.trail import load_rules
from watchbill.clock import SystemClock
from watchbill.demo.serving import served
from watchbill.service.logs import lines_of_json
from watchbill.web.play import Leap


expect.set_options(timeout=60_000)

PAGES = ("/demo", "/demo/inbox", "/demo/be", "/", "/cases")


@pytest.fixture(scope="module")
def world(browser, tmp_path_factory):
    """Serve the demo, with fewer passes than a visitor would see; it ends while somebody looks, and says nothing of it."""
    said_last = Kept()
    logging.getLogger("uvicorn.error").addHandler(said_last)
    folder = tmp_path_factory.mktemp("served")
    with (folder / "log.jsonl").open("w", encoding="utf-8") as log:
        say = lines_of_json(log, "demo", SystemClock())
        with served(0, 0, folder, load_rules([])[0], say, every=timedelta(days=1)) as found:
            yield found
            left = browser.visitor(found.base)
            come_in(left, found.invitations[2])
            expect(left.page.locator("#contact")).to_have_text("live")
    logging.getLogger("uvicorn.error").removeHandler(said_last)
    left.page.context.close()
    assert [record.getMessage() for record in said_last.records if record.levelno >= logging.WARNING] == []


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        """Keep it."""
        self.records.append(record)


@pytest.fixture(scope="module")
def visitor(browser, world):
    """Open a window of somebody who has the links of the terminal."""
    found = browser.visitor(world.base)
    come_in(found, world.invitations[0])
    yield found
    found.page.context.close()


def come_in(window, invitation):
    """Press what a link of the terminal shows."""
    window.page.goto(invitation.url)
    window.page.get_by_role("button", name=f"Come in as {invitation.person}").click()
    expect(window.page.locator("h1")).to_have_text("The demo")


def be(window, full_name):
    """Be somebody else, with the mouse."""
    window.page.get_by_role("link", name="Be somebody else").first.click()
    window.page.get_by_role("button", name=full_name, exact=True).click()
    expect(window.page.locator("h1")).to_have_text("The demo")


def leap(window, words):
    """Move the clock on, and wait until it stands still."""
    window.open("/demo")
    window.page.get_by_role("button", name=words).click()
    expect(window.page.locator(".demo-clock")).not_to_contain_text("moving to")


def faults(window, *addresses):
    """Give what is wrong with some pages, by their addresses."""
    found = {}
    for address in addresses:
        window.open(address)
        found[address] = {name: each for name, each in window.faults().items() if each}
    return {address: each for address, each in found.items() if each}


def asked_about(window, person):
    """Go on to the case of somebody, and ask them."""
    rows = window.page.get_by_role("row").filter(has=window.page.get_by_role("cell", name=person, exact=True))
    while not rows.count():
        leap(window, "Next case")
    rows.first.get_by_role("link").click()
    window.page.get_by_role("button", name=f"Ask {person} whether it was them").click()
    expect(window.page.locator("main")).to_contain_text(f"Asked of {person}")


def test_the_way_in_is_for_everybody(browser, world):
    """The page of a link, which opening does not use up; what one that was used up says; who one may be."""
    visitor, link = browser.visitor(world.base), world.invitations[1]
    assert faults(visitor, link.url.removeprefix(world.base)) == {}
    come_in(visitor, link)
    assert visitor.page.goto(link.url).status == 403
    assert not any(visitor.barriers().values())
    visitor.wrong.clear()
    visitor.open("/demo")
    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.open("/sign-in")
    visitor.page.get_by_role("main").get_by_role("button").click()
    expect(visitor.page.locator("main")).to_contain_text("where your identity provider would be")
    assert not any(visitor.faults().values())
    visitor.page.get_by_role("button", name="Ada Brandt").click()
    expect(visitor.page.locator(".bar")).to_contain_text("ada (lead)")
    visitor.page.context.close()


def test_its_pages_are_for_everybody(browser, world, visitor):
    """At the beginning, when nothing has happened; and the same without scripts."""
    found = faults(visitor, *PAGES)
    assert found == {}, said(found)
    kept = visitor.page.context.storage_state()
    plain = browser.visitor(world.base, java_script_enabled=False, timezone_id="Asia/Tokyo", storage_state=kept)
    for address in PAGES:
        visitor.open(address)
        plain.open(address)
        assert plain.page.inner_text("main") == visitor.page.inner_text("main")
    plain.page.context.close()


@pytest.mark.parametrize("address", PAGES[:3])
def test_its_pages_are_worked_by_keys(visitor, address):
    """The clock, who to be, and what is said."""
    visitor.open(address)
    is_worked_by_keys(visitor)


def test_the_clock_moves_before_whoever_looks(world, visitor):
    """The open page shows it by itself, is for everybody meanwhile, and what has the focus keeps it until it stands."""
    visitor.open("/demo")
    expect(visitor.page.locator("#contact")).to_have_text("live")
    link = visitor.page.get_by_role("link", name="Be somebody else").last
    link.focus()
    visitor.page.evaluate("window.held = document.activeElement")
    clock = visitor.page.locator(".demo-clock")
    world.world.leap(Leap.CASE)
    expect(clock).to_contain_text("moving to")
    assert not any(visitor.barriers().values())
    expect(clock).not_to_contain_text("moving to")
    expect(visitor.page.locator("#cases + .scroll")).to_be_visible()
    assert visitor.page.evaluate("document.activeElement === window.held && window.held.isConnected")
    assert visitor.wrong == []


def test_who_forgot_a_password_is_clicked_through(visitor):
    """A lead asks about the first case, its person answers in the inbox, and it is closed."""
    visitor.open("/demo")
    asked_about(visitor, "rick")
    be(visitor, "Rick Olsen")
    expect(visitor.page.locator("main")).to_contain_text("Answer in your inbox")
    found = faults(visitor, "/demo", "/demo/inbox")
    assert found == {}, said(found)
    visitor.page.get_by_role("button", name="Yes, that was me").click()
    expect(visitor.page.locator("main")).to_contain_text("Thank you, that is all.")
    be(visitor, "Ada Brandt")
    assert visitor.wrong == []


@pytest.mark.slow
def test_a_change_after_a_shift_is_clicked_through(visitor):
    """Asked, its person says yes; the lead reads so in their inbox, and closes it in a dialogue; each page for everybody."""
    visitor.open("/demo")
    asked_about(visitor, "james")
    be(visitor, "James Porter")
    visitor.open("/demo/inbox")
    visitor.page.get_by_role("button", name="Yes, that was me").click()
    be(visitor, "Ada Brandt")
    visitor.open("/demo/inbox")
    expect(visitor.page.locator("main")).to_contain_text("james says it was them")
    found = faults(visitor, "/demo", "/demo/inbox", "/cases", "/ledger")
    visitor.open("/demo/inbox")
    visitor.page.get_by_role("button", name="Close as mistake").first.click()
    dialogue = visitor.page.locator(".demo-dialogue")
    expect(dialogue).to_be_visible()
    found |= faults(visitor, "/demo/inbox")
    assert found == {}, said(found)
    dialogue.get_by_role("textbox").fill("finished a change too late")
    dialogue.get_by_role("button").click()
    expect(visitor.page.locator("main")).to_contain_text("is closed")
    assert visitor.wrong == []
