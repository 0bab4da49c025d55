"""Read by keys alone, in another time zone, with names that are hard to set, and on paper."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from tests.browser.hands import is_worked_by_keys
from tests.browser.scenes import ADDRESSES, ARABIC, LONG, REFUSED, there


EVERY = [(who, address) for looks in ADDRESSES.values() for who, address in looks if address not in REFUSED]
FEW = [("lee", "/?zone=Asia/Kolkata"), ("sofia", "/open/C-away"), ("lee", "/access")]

_LEAKS = """name => {
    const found = [], walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    for (let at; at = walk.nextNode();) {
        if (!at.data.includes(name) || at.parentElement.closest('svg')) continue;
        const own = at.parentElement.closest('[dir], bdi');
        found.push(Boolean(own) && getComputedStyle(own).direction === 'rtl');
    }
    return [found, getComputedStyle(document.querySelector('main')).direction];
}"""


@pytest.fixture(scope="module")
def reader(browser, site):
    """Give what opens a page as somebody, in a window with some settings."""
    found = {}

    def opened(who, address, **more):
        key = (who, *more.items())
        if key not in found:
            found[key] = browser.window(site, who, **more)
        window = found[key]
        window.page.emulate_media(media="screen")
        site.peer.keyboard = who or ""
        # Whoever comes by a link that says what they answer finds themselves on that button, past the beginning.
        window.open(there(site, address).partition("?say=")[0])
        if window.path.startswith("/sign-in?to=") and not address.startswith("/sign-in"):
            with window.page.expect_navigation():
                window.page.click("main button")
        return window

    yield opened
    for each in found.values():
        each.page.context.close()


@pytest.mark.parametrize(("who", "address"), FEW)
def test_a_page_is_worked_by_keys(reader, who, address):
    """From the link that skips the menu to the last button, without a trap."""
    is_worked_by_keys(reader(who, address))


@pytest.mark.slow
@pytest.mark.parametrize(("who", "address"), EVERY)
def test_every_page_is_worked_by_keys(reader, who, address):
    """Each of them."""
    is_worked_by_keys(reader(who, address))


def test_the_menu_is_skipped(reader):
    """Enter on the first link: the next thing that has the focus is of the page itself."""
    window = reader(*FEW[0])
    for key in ("Tab", "Enter", "Tab"):
        window.page.keyboard.press(key)
    assert window.page.evaluate("document.activeElement.closest('main') !== null")


def test_what_is_asked_for_is_sent_by_enter(reader):
    """From a field, without the button."""
    window = reader("lee", "/people")
    window.page.get_by_label("Name").focus()
    window.page.keyboard.type("jam")
    with window.page.expect_navigation():
        window.page.keyboard.press("Enter")
    assert window.path == "/people?q=jam"
    assert "1 of the team file" in window.page.inner_text("main")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "UTC"])
def test_times_are_by_the_zone_that_the_page_names(reader, zone):
    """Wherever the reader's own clock is: each is the instant that it stands for, and its zone is said."""
    for who, path in (
        ("lee", "/?"),
        ("lee", "/watch?from=2026-03-07&days=7&"),
        ("lee", "/people/james?from=2026-01-12&"),
    ):
        window = reader(who, f"{path}zone={zone}", timezone_id="Asia/Tokyo")
        times = window.page.locator("main time").evaluate_all("all => all.map(each => [each.dateTime, each.innerText])")
        told = [(stamp, words) for stamp, words in times if re.match(r"\w{3} \d{4}-", words)]
        assert told
        for stamp, words in told:
            local = datetime.fromisoformat(stamp).astimezone(ZoneInfo(zone))
            assert words == f"{local:%a %Y-%m-%d %H:%M}" + ("" if zone == "UTC" else f" {local:%Z}")
        assert zone in window.page.inner_text("main")


def test_a_name_from_right_to_left_keeps_to_itself(reader):
    """It runs its own way, and what is around it runs on as before."""
    seen = 0
    for who, address in (("lee", "/people"), ("lee", "/access"), ("lee", "/people/lee"), ("ada", "/watch")):
        own, around = reader(who, address).page.evaluate(_LEAKS, ARABIC)
        assert own, address
        assert all(own), address
        assert around == "ltr"
        seen += len(own)
    assert seen >= 4


def test_a_long_name_is_whole_and_breaks(reader):
    """No letter of it is lost on a telephone, and nothing is pushed aside."""
    for address in ("/people", "/access", "/people/ada"):
        window = reader("lee", address)
        assert LONG in window.page.inner_text("main")
        assert window.is_wide_at(360) == 0
        window.is_wide_at(1280)


@pytest.mark.parametrize(
    ("who", "address"),
    [*FEW, ("lee", "/people/james?from=2026-01-12&to=2026-01-15"), ("lee", "/ledger"), ("lee", "/watch?days=92")],
)
def test_nothing_is_cut_off_on_paper(reader, who, address):
    """As wide as a page of A4 within its margins, every table is whole; what cannot be pressed is not there."""
    window = reader(who, address)
    with window.on_paper() as cut_off:
        assert cut_off == []
        assert window.page.locator("form:visible, nav:visible").count() == 0
        assert window.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        paper = window.page.pdf(format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", paper)) >= 1
