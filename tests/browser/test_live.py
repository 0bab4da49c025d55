"""Pages that keep themselves up to date, in Chromium: what is new comes by itself, and never over somebody's work."""

from dataclasses import replace

import msgspec
import pytest
from playwright.sync_api import expect

from watchbill.ledger.model import Kind
from watchbill.service.casework import view_of
from watchbill.service.links import digest_of
from watchbill.web.scripts import FOLDER


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
    main.evaluate("each => getSelection().selectAllChildren(each.querySelector('h1'))")
    written(site, "wombat")
    expect(word).to_have_text("paused: there is something new")
    page.locator("h1").click()
    expect(main).to_contain_text("wombat")
    assert window.wrong == []


HEARD = """() => {
    window.heard = [];
    for (const name of ['focusin', 'focusout', 'scroll']) {
        document.addEventListener(name, event => window.heard.push([name, event.target.nodeName]), true);
    }
    new MutationObserver(all => window.heard.push(...all.map(each => ['said', each.target.nodeName])))
        .observe(document.getElementById('contact'), {childList: true, characterData: true, subtree: true});
    window.held = document.activeElement;
}"""


@pytest.mark.parametrize("what", ["a link", "a button", "what unfolds", "a table that moves"])
def test_who_reads_by_keys_stays_where_they_are(browser, site, what):
    """What has the focus is the very same afterwards: nothing is left, entered, moved or said, and rows came above it."""
    window = browser.window(site, "sofia")
    page = window.page
    for number in range(12):
        written(site, f"before-{number}")
    page.set_viewport_size({"width": 420, "height": 500})
    window.open("/ledger")
    expect(page.locator("#contact")).to_have_text("live")
    table = page.get_by_role("region", name="Entries")
    unfolds = page.locator("summary").nth(2)
    unfolds.click()
    at = {
        "a link": page.get_by_role("link", name="These as JSON, one on a line"),
        "a button": page.get_by_role("button", name="Verify the chain"),
        "what unfolds": unfolds,
        "a table that moves": table,
    }[what]
    table.evaluate("each => { each.scrollLeft = 60 }")
    at.focus()
    page.keyboard.press("Shift")
    top = at.bounding_box()["y"]
    page.wait_for_timeout(100)
    page.evaluate(HEARD)
    written(site, f"okapi-{what}")
    expect(page.locator("tbody tr").first).to_contain_text(f"okapi-{what}")
    assert page.evaluate("document.activeElement === window.held && window.held.isConnected")
    assert [each for each in page.evaluate("window.heard") if each[0] != "scroll"] == []
    assert table.evaluate("each => each.scrollLeft") == 60
    assert page.locator("details[open]").count() == 1
    assert abs(at.bounding_box()["y"] - top) < 2
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


@pytest.mark.parametrize("answer", ["a page of a proxy", "nothing"])
def test_what_did_not_come_is_asked_for_again(browser, site, answer):
    """While the server is away what is there stays, and is not said to be live; when it is back the page is, unasked."""
    window = browser.window(site, "sofia")
    page = window.page
    window.open("/ledger")
    word, main = page.locator("#contact"), page.locator("#main")
    expect(word).to_have_text("live")
    if answer == "nothing":
        page.route("**/ledger*", lambda route: route.abort())
    else:
        page.route("**/ledger*", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    written(site, "zebra")
    expect(word).to_have_text("lost contact: what is here may be old")
    expect(main.locator("h1")).to_have_text("Ledger")
    page.unroute("**/ledger*")
    expect(main).to_contain_text("zebra")
    expect(word).to_have_text("live")


def test_what_has_focus_never_becomes_something_else(browser, site):
    """A case that is worse comes above the one whose link has the focus, and that row changes too: Enter opens the same."""
    window = browser.window(site, "lee")
    page = window.page
    window.open("/cases")
    expect(page.locator("#contact")).to_have_text("live")
    link = page.get_by_role("link", name="C-late", exact=True)
    link.focus()
    page.evaluate("window.held = document.activeElement")
    row = site.office.store.cases.get("C-late")
    worse = replace(view_of(row), id="C-worse", severity="critical")
    payload = msgspec.json.encode(worse).decode()
    site.office.store.cases.put(replace(row, id="C-worse", severity="critical", payload=payload))
    changed = msgspec.json.encode(replace(view_of(row), sentence="it is otherwise now")).decode()
    site.office.store.cases.put(replace(row, payload=changed))
    expect(page.locator("#main")).to_contain_text("C-worse")
    expect(page.locator("#main")).to_contain_text("it is otherwise now")
    assert page.evaluate("document.activeElement === window.held")
    page.keyboard.press("Enter")
    page.wait_for_url("**/open/C-late")


CHANGED = """runs => {
    let seed = 7;
    const drawn = most => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
    const names = ['p', 'ul', 'li', 'a', 'button', 'details', 'summary', 'tr', 'span', 'div'];
    const made = deep => {
        const each = document.createElement(names[drawn(names.length)]);
        if (drawn(3) === 0) each.setAttribute('href', '/' + drawn(4));
        if (drawn(4) === 0) each.className = 'c' + drawn(3);
        for (let n = drawn(deep > 0 ? 6 : 1); n > 0; n -= 1) {
            each.append(drawn(3) === 0 ? document.createTextNode('t' + drawn(4)) : made(deep - 1));
        }
        return each;
    };
    const main = document.getElementById('main'), wrong = [];
    for (let run = 0; run < runs; run += 1) {
        main.replaceChildren(made(3), made(3), made(3));
        const fresh = main.cloneNode(true), all = [...fresh.querySelectorAll('*')];
        for (let n = drawn(5); n >= 0; n -= 1) {
            const each = all[drawn(all.length)], what = drawn(4);
            if (what === 0) each.remove();
            else if (what === 1 && each.parentNode) each.before(made(2));
            else if (what === 2) each.append('z');
            else each.className = 'd' + drawn(3);
        }
        const links = [...main.querySelectorAll('a[href]')], link = links[drawn(links.length || 1)];
        link?.focus();
        const told = link?.getAttribute('href'), wanted = fresh.innerHTML, given = document.createDocumentFragment();
        given.append(...fresh.childNodes);
        window.keep.handleSwap('keep', main, given);
        if (main.innerHTML !== wanted) wrong.push([run, wanted, main.innerHTML]);
        if (link?.isConnected && link.getAttribute('href') !== told) wrong.push([run, told]);
    }
    return wrong;
}"""


def test_it_is_the_new_page_whatever_was_there(browser):
    """Over pages drawn at random, each changed at random: to the letter, and no link is taken for another one."""
    page = browser.context().new_page()
    page.set_content("<p id='contact'></p><main id='main'></main>")
    page.evaluate("window.htmx = {defineExtension: (name, made) => { window[name] = made; }}")
    page.evaluate((FOLDER / "live.js").read_text("utf-8"))
    assert page.evaluate(CHANGED, 500) == []
    page.context.close()
