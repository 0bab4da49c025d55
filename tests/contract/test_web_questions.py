"""Answer by a link, prove it with a fresh sign-in, look at a case: as people do, over HTTP on the loopback."""

import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.hostile import HOSTILE, hidden
from tests.pages import BASE, pages

from watchbill.respond.outcomes import FRESH, Proof
from watchbill.store.rows import FreezeRow
from watchbill.web.app import PAGES
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page


MINUTE = timedelta(minutes=1)


@pytest.fixture
def site(tmp_path):
    """Serve the pages."""
    with pages(tmp_path) as served:
        yield served


def said(site, case="C-late"):
    """Give where the question stands, and what was answered."""
    asked = site.office.store.questions.of(case)
    return asked.stand, asked.answer


def kinds(site):
    """Give what was done, without the sign-ins."""
    found = [entry.kind for entry in site.office.store.ledger.entries()]
    return [kind for kind in found if not kind.startswith(("web:", "respond:identity"))]


# --- by a link -----------------------------------------------------------------------------------


def test_to_open_a_link_does_nothing(site):
    """Whoever follows it, by whatever method that only looks; also with what would be said in it."""
    link = site.link()
    before = list(site.office.store.ledger.entries())
    for address in (link, link.partition("?")[0], link.replace("say=yes", "say=no")):
        shown = site.browser().open(address, sec_fetch_site="cross-site")
        assert shown.status == 200
        assert "Was that you?" in shown.text
        assert site.browser().once("HEAD", address).status in (200, 405)
    assert said(site) == ("asked", None)
    assert list(site.office.store.ledger.entries()) == before


def test_an_answer_is_given_once(site):
    """Pressed, it is the answer of whoever was asked; the link is used up, and says so in the words of any bad link."""
    link, browser = site.link(), site.browser()
    page = browser.open(link)
    shown = browser.press(page, "/answer/", "no")
    assert shown.status == 200
    assert "A lead looks at it now" in shown.text
    assert said(site) == ("escalated", "no")
    again = browser.press(page, "/answer/", "yes")
    assert again.status == 403
    assert "this link is good no more" in again.text
    assert "answer in the place where you were asked, or tell a lead" in again.text
    assert said(site) == ("escalated", "no")
    made_up = browser.open(f"{BASE}/answer/{'x' * 43}")
    assert re.sub(r"\s+", " ", browser.open(link).text) == re.sub(r"\s+", " ", made_up.text)


def test_a_link_of_the_past_is_refused(site):
    """Its time is that of the question."""
    link = site.link()
    site.office.later(timedelta(hours=3))
    assert "this link is good no more" in site.browser().open(link).text
    assert said(site) == ("asked", None)


def test_what_is_no_answer_is_refused(site):
    """And the link is not used up by it."""
    link, browser = site.link(), site.browser()
    address = link.partition("?")[0]
    for fields in ({}, {"say": "maybe"}, {"say": "peer-yes"}):
        shown = browser.post(address, fields)
        assert shown.status in (400, 403)
        assert said(site) == ("asked", None)
    assert browser.post(address, {"say": "no"}, site="cross-site").status == 403
    assert said(site) == ("asked", None)
    assert browser.post(address, {"say": "no"}).status == 200


def test_a_yes_that_takes_proof_leads_to_it(site):
    """The page says where to go on."""
    link, browser = site.link("C-theirs"), site.browser()
    shown = browser.press(browser.open(link), "/answer/", "yes")
    assert "sign in afresh" in shown.text
    assert "/confirm/C-theirs" in shown.parsed().links
    assert said(site, "C-theirs") == ("answered", "yes")


def test_a_peer_confirms_by_a_link(site):
    """They are shown whom to speak to, and nothing of what was seen."""
    ada = site.office.as_("watchbill")
    site.link("C-theirs")
    asked = site.office.store.questions.of("C-theirs")
    site.office.store.questions.turn(asked, replace(asked, stand="answered", answer="yes", peer="ada"))
    from watchbill.respond.telling import peer_notice  # noqa: PLC0415 - the one notice that this test sends by itself
    from watchbill.service.outbox import put  # noqa: PLC0415 - see above

    put(ada, peer_notice("C-theirs", "ada", "james", asked.deadline_at))
    link, browser = site.link("C-theirs", "ada"), site.browser()
    page = browser.open(link)
    assert "Please speak to them in person" in page.text
    assert asked.text[:40] not in page.text
    shown = browser.press(page, "/answer/", "peer-yes")
    assert shown.status == 200
    assert said(site, "C-theirs")[0] == "stepped up"


# --- with a fresh sign-in ------------------------------------------------------------------------


def to_confirm(site, name="james", case="C-theirs"):
    """Let somebody go to the page that proves, signed out; give the browser and what it shows after the sign-in."""
    browser, site.peer.keyboard = site.browser(), name
    shown = browser.open(f"{BASE}/confirm/{case}", sec_fetch_site="cross-site")
    assert shown.path == f"/sign-in?to=%2Fconfirm%2F{case}"
    assert "takes proof that it is you" in shown.text
    return browser, browser.press(shown, "/sign-in")


def test_a_fresh_sign_in_proves_a_yes(site):
    """The provider is told to ask anew; the question is shown; pressed, it is proven and closed."""
    site.link("C-theirs")
    site.office.later(MINUTE)
    browser, page = to_confirm(site)
    asked = next(url for _, url, _ in browser.trail if "/authorize" in url)
    assert "prompt=login" in asked
    assert "max_age=0" in asked
    assert page.path == "/confirm/C-theirs"
    assert "Was that you?" in page.text
    assert "with a second factor" in page.text
    assert said(site, "C-theirs") == ("asked", None)
    shown = browser.press(page, "/confirm/")
    assert "Thank you, that is all." in shown.text
    assert said(site, "C-theirs")[0] == "stepped up"
    assert site.office.store.cases.get("C-theirs").status == "closed"
    assert kinds(site)[-1] == "respond:question:confirmed"


def test_a_proof_is_good_once(site):
    """Pressed again, it takes another sign-in."""
    site.link("C-theirs")
    browser, page = to_confirm(site)
    browser.press(page, "/confirm/")
    shown = browser.press(page, "/confirm/")
    assert (shown.status, "this takes a fresh sign-in, made for it" in shown.text) == (403, True)
    assert "/sign-in?to=%2Fconfirm%2FC-theirs" in shown.parsed().links


def test_a_proof_is_for_the_page_it_was_made_for(site):
    """A sign-in for one question does not confirm another; nor does one that was made for nothing."""
    site.link("C-theirs")
    site.link("C-late")
    browser, _ = to_confirm(site)
    assert browser.post(f"{BASE}/confirm/C-late", {}).status == 403
    assert said(site) == ("asked", None)
    plain = site.sign_in("james")
    assert plain.post(f"{BASE}/confirm/C-theirs", {}).status == 403
    assert plain.open(f"{BASE}/confirm/C-theirs").path.startswith("/sign-in?to=")
    assert said(site, "C-theirs") == ("asked", None)


def test_a_proof_that_is_too_old_is_refused(site):
    """In words that say what to do."""
    site.link("C-theirs")
    browser, page = to_confirm(site)
    site.office.later(FRESH + timedelta(seconds=1))
    shown = browser.press(page, "/confirm/")
    assert shown.status == 403
    assert "sign in afresh, and press it within five minutes" in shown.text
    assert said(site, "C-theirs") == ("asked", None)


def test_a_provider_that_does_not_ask_anew_proves_nothing(site):
    """Its tokens say when somebody signed in: before they were sent there, or not at all."""
    site.link("C-theirs")
    site.sign_in("james")
    site.peer.passes_over_prompt = True
    site.office.later(2 * MINUTE)
    _, shown = to_confirm(site)
    assert (shown.status, "did not let you sign in anew" in shown.text) == (403, True)
    site.peer.claims = {"auth_time": None}
    browser, shown = to_confirm(site)
    assert (shown.status, "does not say when you signed in" in shown.text) == (403, True)
    assert browser.post(f"{BASE}/confirm/C-theirs", {}).status == 403
    assert said(site, "C-theirs") == ("asked", None)


@pytest.mark.parametrize("amr", [["pwd"], ["pwd", "sms"], []])
def test_a_password_proves_nothing(site, amr):
    """The page says so before it is pressed; pressed, it is refused and kept."""
    site.link("C-theirs")
    site.peer.users["james"].amr = amr
    browser, page = to_confirm(site)
    assert "with nothing but a password" in page.text
    shown = browser.press(page, "/confirm/")
    assert shown.status == 403
    assert "sign in with a second factor" in shown.text
    assert said(site, "C-theirs") == ("asked", None)
    assert kinds(site)[-1] == "respond:proof:refused"


def test_where_it_may_be_phished_it_takes_a_key(site):
    """A new network in the case: a code of six digits is not enough, a key is."""
    site.link("C-away")
    browser, page = to_confirm(site, case="C-away")
    shown = browser.press(page, "/confirm/")
    assert "with a security key or a passkey" in shown.text
    site.peer.users["james"].acr = "phr"
    browser, page = to_confirm(site, case="C-away")
    assert "with a security key or a passkey" in page.text
    assert browser.press(page, "/confirm/").status == 200
    assert kinds(site)[-1] == "respond:question:confirmed"


def test_a_sign_in_from_before_the_question_is_refused(site):
    """It may be the very one that is asked about."""
    browser, shown = to_confirm(site)
    assert shown.status == 403
    site.office.later(MINUTE)
    site.link("C-theirs")
    shown = browser.press(browser.open(f"{BASE}/confirm/C-theirs"), "/confirm/")
    assert "the sign-in is from before the question" in shown.text
    assert said(site, "C-theirs") == ("asked", None)


def test_nobody_confirms_for_somebody_else(site):
    """Whatever their role: the page is for who was asked, and shows nothing of it."""
    site.link("C-theirs")
    for name in ("sofia", "priya", "ada"):
        browser, shown = to_confirm(site, name)
        assert shown.status == 403
        assert "this page is not for" in shown.text
        assert "Was that you?" not in shown.text
        assert browser.post(f"{BASE}/confirm/C-theirs", {}).status == 403
        assert to_confirm(site, name, "C-none")[1].status == 403
    assert said(site, "C-theirs") == ("asked", None)


def test_a_page_may_take_a_strong_sign_in(tmp_path):
    """What freezes, evicts and restores: shown only after a sign-in for it, pressed only with one that is strong."""

    def show(visit: Visiting):
        return visit.show("answered.html", words="about to", case="C-1", confirm=False)

    def press(visit: Visiting):
        assert visit.proof is not None
        return visit.show("answered.html", words=f"done by {visit.proof.subject}", case="C-1", confirm=False)

    rows = (
        Page("GET", "/danger", Need.LEAD, show, fresh=Proof.SECOND_FACTOR),
        Page("POST", "/danger", Need.LEAD, press, fresh=Proof.SECOND_FACTOR),
    )
    with pages(tmp_path, table=(*PAGES, *rows)) as site:
        site.peer.users["sofia"].amr = ["pwd"]
        site.peer.keyboard = "sofia"
        browser = site.browser()
        shown = browser.press(browser.open(f"{BASE}/danger"), "/sign-in")
        assert (shown.status, "this takes a sign-in with a second factor" in shown.text) == (403, True)
        assert browser.post(f"{BASE}/danger", {}).status == 403
        site.peer.users["sofia"].amr = ["pwd", "swk"]
        shown = browser.press(browser.open(f"{BASE}/sign-in?to=/danger"), "/sign-in")
        assert "about to" in shown.text
        assert "done by sofia" in browser.post(f"{BASE}/danger", {}).text
        assert browser.post(f"{BASE}/danger", {}).status == 403


# --- a case --------------------------------------------------------------------------------------


def test_a_case_is_shown_to_who_may_see_it(site):
    """Sentence, where it stands, the question, stories and evidence."""
    site.link("C-theirs")
    shown = site.sign_in("sofia").open(f"{BASE}/open/C-theirs")
    view = site.office.as_("watchbill").case("C-theirs")[1]
    assert shown.status == 200
    assert view.sentence in shown.text
    assert "Likely stories" in shown.text
    assert all(event.event_id in shown.text for event in view.evidence)
    assert "Asked of james" in shown.text
    assert "What was done" in shown.text


def test_nobody_is_shown_their_own_case(site):
    """An auditor who is its subject is told no more than anybody else whom it is about."""
    site.link("C-away")
    site.peer.users["james"].groups = ["auditors"]
    shown = site.sign_in("james").open(f"{BASE}/open/C-away")
    assert shown.status == 403
    assert "this case is about you" in shown.text
    view = site.office.as_("watchbill").case("C-away")[1]
    assert view.sentence not in shown.text
    assert site.sign_in("lee").open(f"{BASE}/open/C-away").status == 200


def test_the_story_of_an_insider_is_for_security_leads(site):
    """By the same rule as commands."""
    for leads, sees in (((), False), (("sofia",), True)):
        site.office.team = replace(site.office.team, security_leads=leads)
        shown = site.sign_in("sofia").open(f"{BASE}/open/C-late")
        assert ("insider" in shown.text) is sees


def test_a_case_that_is_not_there(site):
    """It is said, and none that are there are named."""
    shown = site.sign_in("sofia").open(f"{BASE}/open/C-none")
    assert shown.status == 404
    assert "sofia (lead)" in shown.text
    assert "C-late" not in shown.text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_strings_are_inert_on_every_page(site, text):
    """What strangers chose is shown and not obeyed: on the case, the question, the answer and in errors."""
    row = site.office.store.cases.get("C-late")
    view = msgspec.json.decode(row.payload)
    view["sentence"] = view["how_known"] = view["telemetry"] = text.encode("utf-8", "replace").decode()
    for event in view["evidence"]:
        event["what"] = event["note"] = event["file"] = view["sentence"]
    site.office.store.cases.put(replace(row, payload=msgspec.json.encode(view).decode(), note=view["sentence"]))
    link, browser = site.link(), site.sign_in("sofia")
    site.peer.users["james"].email = view["sentence"][:200] + "@example.com"
    asked = site.browser()
    site.peer.keyboard = "james"
    shown = [
        browser.open(f"{BASE}/open/C-late"),
        asked.open(link),
        asked.press(asked.open(f"{BASE}/sign-in"), "/sign-in"),
    ]
    for each in shown:
        found = each.parsed()
        assert not {tag for tag, _ in found.tags} & {"script", "img", "b", "textarea"}
        assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
        assert not hidden(each.text)
        assert len(each.text) < 200_000
        assert "1337" not in each.text


def test_home_shows_what_is_asked_of_you(site):
    """And of nobody else."""
    site.link("C-theirs")
    shown = site.sign_in("james").open(BASE + "/")
    assert "Was that you?" in shown.text
    assert "/confirm/C-theirs" in shown.parsed().links
    assert "Was that you?" not in site.sign_in("sofia").open(BASE + "/").text


def test_a_freeze_is_not_undone_by_an_answer(site):
    """A link of somebody who was frozen meanwhile is heard and moves nothing."""
    link = site.link("C-theirs")
    site.office.store.freezes.add(FreezeRow("F-1", "james", site.office.clock.now(), None, "C-theirs", "{}"))
    row = site.office.store.cases.get("C-theirs")
    site.office.store.cases.put(replace(row, status="frozen"))
    browser = site.browser()
    assert browser.press(browser.open(link), "/answer/", "yes").status == 200
    assert site.office.store.cases.get("C-theirs").status == "frozen"
    site.peer.keyboard = "james"
    shown = browser.press(browser.open(f"{BASE}/confirm/C-theirs"), "/sign-in")
    assert "`james` is frozen" in shown.text


def test_a_yes_by_a_link_leads_to_its_proof(site):
    """Where it was theirs to do, and where it was not and leads hear of it as well; a "no" leads nowhere."""
    for case, words, leads in (("C-late", "yes", True), ("C-theirs", "yes", True), ("C-away", "no", False)):
        browser = site.browser()
        shown = browser.press(browser.open(site.link(case)), "/answer/", words)
        assert (f"/confirm/{case}" in shown.parsed().links) is leads, case
