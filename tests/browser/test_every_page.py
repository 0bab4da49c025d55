"""Every page there is, in a real browser: readable for everybody, in both schemes, on every screen, and without scripts."""

from datetime import timedelta

import pytest
from tests.browser.chromium import WIDTHS, said
from tests.browser.scenes import ADDRESSES, FILES, REFUSED, there

from watchbill.web.app import PAGES
from watchbill.web.scripts import SCRIPTS


SHOWN = {page.path for page in PAGES if page.method == "GET"} - set(FILES)
EACH = [(path, who, address) for path in sorted(SHOWN) for who, address in ADDRESSES.get(path, ())]


@pytest.fixture(scope="module")
def windows(browser, site):
    """Give a window of each reader, which is opened when it is first looked through."""
    found = {}

    def window(who, **more):
        key = (who, *more.items())
        if key not in found:
            found[key] = browser.window(site, who, **more)
        return found[key]

    yield window
    for each in found.values():
        each.page.context.close()


def opened(window, site, address):
    """Open a page, by way of a fresh sign-in where it takes one; give the answer."""
    window.wrong.clear()
    address = there(site, address)
    shown = window.open(address)
    if window.path.startswith("/sign-in?to=") and not address.startswith("/sign-in"):
        with window.page.expect_navigation(url=f"**{address}"):
            window.page.click("main button")
    return shown


def test_every_page_has_an_address_here():
    """A page that is added is looked at, too."""
    assert set(ADDRESSES) == SHOWN


@pytest.mark.parametrize(("path", "who", "address"), EACH, ids=[f"{who}-{address}" for _, who, address in EACH])
def test_a_page_is_for_everybody(windows, site, path, who, address):
    """No barrier in light or in dark, nothing refused or missing, no wider than any screen.

    Without scripts, and by a clock that differs from UTC, it says the same.
    """
    site.peer.keyboard = who or ""
    window = windows(who)
    shown = opened(window, site, address)
    assert shown.ok is (address not in REFUSED)
    words = window.page.inner_text("main")
    found = window.faults()
    refused = f"Failed to load resource: the server responded with a status of {shown.status} (Forbidden)"
    found["wrong"] = [each for each in window.wrong if shown.ok or each != refused]
    plain = windows(who, java_script_enabled=False, timezone_id="Asia/Tokyo")
    opened(plain, site, address)
    said_plainly = plain.page.inner_text("main")
    if said_plainly != words:
        found |= {"without scripts": said_plainly, "with scripts": words}
    assert not any(found.values()), said(found)


@pytest.mark.slow
@pytest.mark.parametrize(("path", "who", "address"), EACH, ids=[f"{who}-{address}" for _, who, address in EACH])
def test_a_page_is_for_everybody_on_a_telephone(windows, site, path, who, address):
    """No barrier on the narrowest screen either, where what is beside something else is below it."""
    site.peer.keyboard = who or ""
    window = windows(who)
    opened(window, site, address)
    window.page.set_viewport_size({"width": WIDTHS[0], "height": 740})
    found = window.barriers()
    window.page.set_viewport_size({"width": 1280, "height": 900})
    assert not any(found.values()), said(found)


@pytest.mark.slow
def test_every_link_leads_somewhere(windows, site):
    """Whatever can be followed with a mouse, on each page: to a page there is, and to a place in it."""
    seen, lost = set(), []
    readers = {who: site.sign_in(who) if who else site.browser() for _, who, _ in EACH}
    for who, address in ((who, address) for _, who, address in EACH if address not in REFUSED):
        site.peer.keyboard = who or ""
        window = windows(who)
        opened(window, site, address)
        links = window.page.locator("a[href]").evaluate_all(
            "all => all.map(each => new URL(each.getAttribute('href'), location).href)"
        )
        for link in sorted(set(links)):
            plain, _, place = link.partition("#")
            key = who, plain.partition("?")[0], place
            if plain.startswith(site.base) and key not in seen:
                seen.add(key)
                found = readers[who].open(plain)
                if found.status != 200 or (place and f'id="{place}"' not in found.text):
                    lost.append((who, address, link, found.status))
    assert lost == [], said(lost)
    assert len(seen) > 100


def test_what_is_no_page_is_a_file(site):
    """Nothing passes for a file that is looked at as a page."""
    browser = site.sign_in("lee")
    for row, kind in FILES.items():
        path = row.replace("{review}", site.review).replace("{person}", "james").replace("{serial}", "77")
        address = {"/watch.ics": "/watch.ics?person=james", "/scripts/{file}": SCRIPTS[0].address}.get(path, path)
        shown = browser.once("GET", site.base + address)
        assert (shown.status, shown.headers["content-type"].partition(";")[0]) == (200, kind), path


@pytest.mark.parametrize("zoom", [200, 400])
@pytest.mark.slow
def test_a_page_may_be_zoomed(windows, site, zoom):
    """At four times the size it reads without moving it sideways, as on a screen of a quarter (WCAG 2.2, 1.4.10)."""
    site.office.later(timedelta(minutes=1))
    wide = {}
    for _, who, address in EACH:
        site.peer.keyboard = who or ""
        opened(windows(who), site, address)
        if by := windows(who).is_wide_at(1280 * 100 // zoom):
            wide[address] = by
    assert wide == {}
