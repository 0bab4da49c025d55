"""Who may see what, and what holds for every answer: over HTTP, with a real browser's words, on every page there is."""

import re
import time
from datetime import timedelta
from http.client import HTTPConnection
from typing import cast
from urllib.parse import quote

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route
from tests.pages import BASE, pages

from watchbill.web.app import PAGES, app_of, framework_of, routes_of
from watchbill.web.guard import Visiting
from watchbill.web.pace import MOST
from watchbill.web.page import Need, Page
from watchbill.web.scripts import SCRIPTS


MINUTE = timedelta(minutes=1)
SECRET = "s" * 32
PEOPLE = {"nobody": None, "of no role": "james", "viewer": "ada", "auditor": "lee", "lead": "sofia", "admin": "priya"}
"""By what they are, who they are; James is the subject of the question as well."""

ANYBODY = set(PEOPLE)
TABLE = {
    ("GET", "/"): ANYBODY,
    ("GET", "/style.css"): ANYBODY,
    ("GET", "/scripts/{file}"): ANYBODY,
    ("GET", "/live"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/icon.svg"): ANYBODY,
    ("GET", "/sign-in"): ANYBODY,
    ("POST", "/sign-in"): ANYBODY,
    ("GET", "/sign-in/back"): ANYBODY,
    ("GET", "/sign-in/once/{secret}"): ANYBODY,
    ("POST", "/sign-in/once/{secret}"): ANYBODY,
    ("POST", "/sign-out"): ANYBODY,
    ("GET", "/answer/{secret}"): ANYBODY,
    ("POST", "/answer/{secret}"): ANYBODY,
    ("GET", "/confirm/{case}"): {"of no role"},
    ("POST", "/confirm/{case}"): {"of no role"},
    ("GET", "/cases"): {"auditor", "lead", "admin"},
    ("GET", "/open/{case}"): {"auditor", "lead", "admin"},
    ("POST", "/open/{case}/ask"): {"lead", "admin"},
    ("POST", "/open/{case}/verdict"): {"lead", "admin"},
    ("GET", "/open/{case}/freeze"): {"lead", "admin"},
    ("POST", "/open/{case}/freeze"): {"lead", "admin"},
    ("GET", "/open/{case}/evict"): {"lead", "admin"},
    ("POST", "/open/{case}/evict"): {"lead", "admin"},
    ("GET", "/open/{case}/restore"): {"lead", "admin"},
    ("POST", "/open/{case}/restore"): {"lead", "admin"},
    ("POST", "/access/drift"): {"lead", "admin"},
    ("GET", "/access"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/access.csv"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/access.json"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/access/compare"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/access/explain"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/watch"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/watch.ics"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/watch/swap"): {"viewer", "auditor", "lead", "admin"},
    ("POST", "/watch/swap"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/people"): {"auditor", "lead", "admin"},
    ("GET", "/people/{person}"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/people/{person}/certificates/{serial}"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/reviews"): {"viewer", "auditor", "lead", "admin"},
    ("POST", "/reviews"): {"lead", "admin"},
    ("GET", "/reviews/{review}"): {"viewer", "auditor", "lead", "admin"},
    ("POST", "/reviews/{review}"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/reviews/{review}/sign"): {"viewer", "auditor", "lead", "admin"},
    ("POST", "/reviews/{review}/sign"): {"viewer", "auditor", "lead", "admin"},
    ("GET", "/reviews/{review}/export.json"): {"auditor", "lead", "admin"},
    ("GET", "/reviews/{review}/export.csv"): {"auditor", "lead", "admin"},
    ("GET", "/coverage"): {"auditor", "lead", "admin"},
    ("GET", "/coverage.json"): {"auditor", "lead", "admin"},
    ("GET", "/rules"): {"auditor", "lead", "admin"},
    ("GET", "/plan"): {"auditor", "lead", "admin"},
    ("POST", "/plan"): {"auditor", "lead", "admin"},
    ("GET", "/plan/{plan}"): {"auditor", "lead", "admin"},
    ("GET", "/plan/{plan}/approve"): {"lead", "admin"},
    ("POST", "/plan/{plan}/approve"): {"lead", "admin"},
    ("POST", "/plan/{plan}/refuse"): {"lead", "admin"},
    ("GET", "/plan.json"): {"auditor", "lead", "admin"},
    ("GET", "/ledger"): {"auditor", "lead", "admin"},
    ("GET", "/ledger/verify"): {"auditor", "lead", "admin"},
    ("GET", "/ledger.json"): {"auditor", "lead", "admin"},
}
"""Every page there is, and who gets past its guard: written down a second time, so that a change is seen."""


SCRIPTED = ["script-src 'self'", "connect-src 'self'"]
LIVE = {page.path for page in PAGES if page.live}


def is_live(shown):
    """Tell whether it is a page that is kept up to date."""
    path = re.sub("/C-late$", "/{case}", shown.path.partition("?")[0])
    return path in LIVE and shown.status == 200


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages, with James asked about a case."""
    with pages(tmp_path_factory.mktemp("pages")) as served:
        served.link()
        yield served


def filled(path):
    """Give an address of a page."""
    return BASE + path.replace("{case}", "C-late").replace("{secret}", SECRET).replace("{person}", "ada").replace(
        "{file}", "live.js"
    ).replace("{serial}", "1")


def is_turned_away(shown):
    """Tell whether the guard did it."""
    led = shown.status == 303 and shown.headers["location"].startswith("/sign-in?to=")
    said = "this page is not for" in shown.text or "you are signed in no more" in shown.text
    return led or (shown.status == 403 and said)


def test_every_page_is_in_the_table():
    """A page that is added is added here, too; nothing else is served."""
    assert {(page.method, page.path) for page in PAGES} == set(TABLE)
    assert len(PAGES) == len(TABLE)


def test_nothing_but_the_table_is_served(site):
    """No documentation, no schema of the framework's own."""
    routes = [route for route in framework_of(site.site).routes if isinstance(route, Route)]
    assert len(routes) == len(framework_of(site.site).routes)
    served = {(method, route.path) for route in routes for method in route.methods or ()}
    assert served == set(TABLE)
    for path in ("/docs", "/openapi.json", "/redoc", "/nothing", "/open/../style.css", "/.git/config"):
        assert site.browser().once("GET", BASE + path).status == 404
    assert site.browser().once("DELETE", BASE + "/").status == 403
    assert site.browser().once("DELETE", BASE + "/", headers={"Sec-Fetch-Site": "same-origin"}).status == 405


def test_every_page_for_everybody(site):
    """Each page is asked for by each kind of person, and shown to those whom the table names alone."""
    wrong = []
    for kind, name in PEOPLE.items():
        browser = site.browser() if name is None else site.sign_in(name)
        held = dict(browser.jar)
        for page in PAGES:
            site.office.later(MINUTE)
            browser.jar = {host: dict(cookies) for host, cookies in held.items()}
            if page.path == "/sign-out":
                continue
            headers = {"Sec-Fetch-Site": "same-origin"}
            shown = browser.once(page.method, filled(page.path), "" if page.method == "POST" else None, headers)
            # A page that takes a fresh sign-in sends there whomever its guard lets by.
            led = shown.status == 303 and page.fresh is not None and kind != "nobody"
            if (is_turned_away(shown) and not led) == (kind in TABLE[page.method, page.path]):
                wrong.append((kind, page.method, page.path, shown.status))
    assert wrong == []


def test_everybody_sees_their_own_page(site):
    """Whoever is signed in, without a role too; another's is for auditors and above, and the refusal leads to one's own."""
    for kind, name in PEOPLE.items():
        if name is None:
            continue
        site.office.later(MINUTE)
        browser = site.sign_in(name)
        shown = browser.once("GET", f"{BASE}/people/{name}")
        assert (shown.status, "(you)" in shown.text) == (200, True), kind
        refused = browser.once("GET", f"{BASE}/people/rick")
        assert is_turned_away(refused) is (kind in ("of no role", "viewer"))
        if is_turned_away(refused):
            assert f"/people/{name}" in refused.parsed().links


def test_a_need_that_has_no_rule_is_nobodys(tmp_path):
    """Deny by default: the admin is turned away as well."""

    def answer(visit: Visiting):
        return PlainTextResponse("seen")

    odd = Page("GET", "/odd", cast("Need", "something new"), answer)
    with pages(tmp_path, table=(*PAGES, odd)) as served:
        assert is_turned_away(served.browser().once("GET", BASE + "/odd"))
        assert is_turned_away(served.sign_in("priya").once("GET", BASE + "/odd"))


def test_every_answer_is_held_to_the_rules(site):
    """Whatever is answered, an error too: no frame, no sniffing, no referrer, kept by nobody, and no script but ours."""
    browser = site.sign_in("sofia")
    shown = [browser.once("GET", filled(path)) for method, path in TABLE if method == "GET"]
    shown += [browser.once("GET", BASE + "/nothing"), browser.once("POST", BASE + "/sign-out")]
    shown += [browser.once("GET", BASE + "/", headers={"Host": "evil.example"})]
    assert {each.status for each in shown} >= {200, 303, 403, 404, 421}
    for each in shown:
        policy = each.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert re.findall(r"script-src[^;]*|connect-src[^;]*", policy) == (SCRIPTED if is_live(each) else [])
        assert "unsafe" not in policy
        assert each.headers["x-frame-options"] == "DENY"
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cross-origin-opener-policy"] == "same-origin"
        assert each.headers["strict-transport-security"].startswith("max-age=")
        kept = each.headers["cache-control"]
        for_good = each.url.endswith(("/style.css", "/icon.svg", "/live.js"))
        assert kept == ("public, max-age=31536000, immutable" if for_good else "no-store")
        assert "server" not in each.headers


def test_pages_obey_their_own_policy(site):
    """No script that stands in it, no style in an element, nothing from elsewhere."""
    browser = site.sign_in("sofia")
    known = {script.address: script.integrity for script in SCRIPTS}
    for path in ("/", "/open/C-late", "/sign-in?to=/confirm/C-late", "/nothing"):
        shown = browser.once("GET", BASE + path)
        loaded = shown.parsed().scripts
        assert loaded == (known if is_live(shown) else {})
        assert len(re.findall(r"<script[^>]*>\s*</script>", shown.text)) == len(loaded)
        for tag, attributes in shown.parsed().tags:
            assert tag not in ("script", "style", "iframe", "object", "base")
            assert not any(name == "style" or name.startswith("on") for name in attributes)
            for address in filter(None, (attributes.get("src"), attributes.get("href"), attributes.get("action"))):
                assert re.match(r"/[^/]|/$|#", address), address


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": BASE}, True),
        ({"Origin": BASE}, True),
        ({}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": BASE + ".evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": BASE}, False),
    ],
)
def test_only_our_own_pages_change_anything(site, headers, passes):
    """What another site sends with the cookies of a visitor is refused, and does nothing."""
    browser = site.sign_in("lee")
    shown = browser.once("POST", BASE + "/sign-out", "", headers)
    assert shown.status == (303 if passes else 403)
    assert ("(auditor)" in browser.open(BASE + "/").text) is not passes
    site.office.later(MINUTE)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "watchbill.example.com.evil.example", "", "watchbill.example.com:8"]
)
def test_another_name_is_not_served(site, host):
    """A name that somebody else points here shows nothing of ours."""
    shown = site.browser().once("GET", BASE + "/", headers={"Host": host})
    assert (shown.status, shown.text) == (421, "this is not served here\n")


def test_the_name_may_be_written_otherwise(site):
    """Names have no case, and the port of https goes without saying."""
    for host in ("Watchbill.Example.COM", "watchbill.example.com:443"):
        assert site.browser().once("GET", BASE + "/", headers={"Host": host}).status == 200


def test_what_is_sent_is_small(site):
    """A body of more than a form's size is refused, whether it says how long it is or not."""
    browser = site.browser()
    long = "to=" + "x" * 70_000
    assert browser.once("POST", BASE + "/sign-in", long, {"Sec-Fetch-Site": "same-origin"}).status == 413
    connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
    headers = {"Host": "watchbill.example.com", "Sec-Fetch-Site": "same-origin"}
    connection.request("POST", "/sign-in", (b"x" * 10_000 for _ in range(7)), headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_who_guesses_is_slowed_down(site):
    """One address may try links and sign-ins only so often; the next minute it may again."""
    site.office.later(MINUTE)
    browser = site.browser()
    statuses = [browser.once("GET", filled("/answer/{secret}")).status for _ in range(MOST + 1)]
    assert statuses == [403] * MOST + [429]
    assert browser.once("GET", BASE + "/").status == 200
    site.office.later(MINUTE)
    assert browser.once("GET", filled("/answer/{secret}")).status == 403


def test_nobody_is_led_elsewhere(site):
    """After a sign-in people come to a page of ours alone."""
    odd = [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%0d%0aSet-Cookie:x",
        "javascript:alert(1)",
        "/nothing",
    ]
    for to in odd:
        site.office.later(MINUTE)
        browser = site.sign_in("lee", to=quote(to, safe=""))
        assert browser.trail[-1] == ("GET", BASE + "/", 200)
    browser = site.sign_in("lee", to=quote("/open/C-late?x=1", safe=""))
    assert browser.trail[-1] == ("GET", BASE + "/open/C-late?x=1", 200)


def test_who_is_not_signed_in_comes_back_to_where_they_were(site):
    """The page is asked for, the sign-in comes between, and then it is shown."""
    site.office.later(MINUTE)
    browser = site.browser()
    shown = browser.open(BASE + "/open/C-late?x=1")
    assert shown.path == "/sign-in?to=%2Fopen%2FC-late%3Fx%3D1"
    site.peer.keyboard = "sofia"
    assert browser.press(shown, "/sign-in").path == "/open/C-late?x=1"


def test_a_bug_is_told_to_whoever_runs_it(tmp_path):
    """Visitors see one sentence, with the headers of all answers; the log has the page and no address."""

    def answer(visit: Visiting):
        raise ZeroDivisionError("a secret")

    with pages(tmp_path, table=(*PAGES, Page("GET", "/bug/{secret}", Need.ANYBODY, answer))) as served:
        shown = served.browser().once("GET", BASE + "/bug/hunter2")
        assert shown.status == 500
        assert "something is broken here" in shown.text
        assert "ZeroDivisionError" not in shown.text
        assert shown.headers["x-frame-options"] == "DENY"
        end = time.monotonic() + 10
        while not served.site.say.lines and time.monotonic() < end:
            # Visitors are answered before it is written down.
            time.sleep(0.01)
        assert served.site.say.lines == [("bug", {"page": "/bug/{secret}"})]


def test_pages_stand_behind_what_else_is_served(site):
    """One route takes what is left, whatever is in its address."""
    (rest,) = routes_of(site.site)
    assert rest.matches({"type": "http", "path": "/a\nb"})[0] is Match.FULL
    assert callable(app_of(site.site))
