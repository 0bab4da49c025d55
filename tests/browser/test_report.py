"""The report for auditors, opened as the file that it is: readable for everybody, on a screen, by keys, and on paper."""

from zoneinfo import ZoneInfo

import pytest
from tests.browser.chromium import said
from tests.browser.hands import is_worked_by_keys
from tests.browser.scenes import ARABIC, LONG
from tests.teams import MONDAY
from tests.unit.service.desk import NOW

from watchbill.intervals import Interval
from watchbill.service.dossier import dossier
from watchbill.web.dossier import render_dossier


@pytest.fixture(scope="module")
def report(site, tmp_path_factory):
    """Write the report of the busy site; give its address."""
    found = dossier(site.office.as_("sofia"), site.folder / "lake", Interval(MONDAY, NOW), lambda _: True)
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render_dossier(found, ZoneInfo("Asia/Kolkata")), "utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def window(browser, report):
    """Open it."""
    found = browser.visitor("")
    found.page.goto(report)
    yield found
    found.page.context.close()


def test_it_is_for_everybody(browser, report, window):
    """No barrier in light or in dark, nothing loaded, refused or missing, no wider than any screen, the same anywhere."""
    asked = []
    window.page.on("request", lambda request: asked.append(request.url))
    window.page.goto(report)
    words = window.page.inner_text("main")
    found = window.faults()
    plain = browser.visitor("", java_script_enabled=False, timezone_id="America/Los_Angeles")
    plain.page.goto(report)
    found["told"] = [] if plain.page.inner_text("main") == words else [words]
    plain.page.context.close()
    assert not any(found.values()), said(found)
    assert asked == [report]
    assert ARABIC in words
    assert LONG in words


def test_it_is_worked_by_keys(window):
    """From the list of what is in it to the last table."""
    is_worked_by_keys(window, menu=False)


def test_it_leads_to_its_own_parts(window):
    """Each link of it, with the keys."""
    for link in window.page.locator("nav a").all():
        place = link.get_attribute("href")
        link.focus()
        window.page.keyboard.press("Enter")
        assert window.page.evaluate("location.hash") == place
        assert window.page.locator(place).evaluate("each => each.getBoundingClientRect().top < innerHeight")


def test_nothing_of_it_is_cut_off_on_paper(window):
    """As wide as a page of A4 within its margins, every table is whole."""
    with window.on_paper() as cut_off:
        assert cut_off == []
        assert window.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert window.page.locator("details:not([open])").count() == 0
