"""The three stories, from sign-in to the end, in a real browser: once with a mouse, and once with the keys alone."""

from datetime import timedelta

import pytest
from tests.browser.hands import Keys, Mouse
from tests.contract.test_web_cases import of_presses, on_aws, worked
from tests.pages import pages

from watchbill.service import containment


MINUTE = timedelta(minutes=1)


@pytest.fixture
def site(browser, tmp_path):
    """Serve the pages of an office with four cases, over an AWS in memory."""
    with pages(tmp_path) as served:
        browser.ending.to = served.port
        on_aws(served)
        yield served


@pytest.fixture(params=[Mouse, Keys])
def hand(request, browser, site):
    """Give somebody's hand, in a window of their own."""
    window = browser.window(site)
    yield request.param(window)
    assert window.wrong == []
    window.page.context.close()


def comes(site, hand, name):
    """Let somebody come to the first page and sign in, after whoever was there before."""
    site.office.later(MINUTE)
    site.peer.keyboard = name
    hand.window.open("/")
    if hand.page.get_by_role("button", name="Sign out").count():
        hand.press("Sign out")
    hand.follow("Sign in")
    hand.press("Sign in")
    assert hand.page.get_by_text(f"You are {name}").count() == 1


def says(hand, words):
    """Tell whether a page has words."""
    return words in hand.page.inner_text("main")


def comes_to_say(hand, words):
    """Wait until a page that is kept up to date has words."""
    hand.page.get_by_text(words).first.wait_for()


def asks(site, hand, case, person):
    """Let a lead come to a case by the first page, and ask its person; give the link in the mail to them."""
    comes(site, hand, "sofia")
    hand.follow(case)
    hand.press(f"Ask {person} whether it was them")
    assert says(hand, f"Asked of {person}")
    hand.press("Sign out")
    return site.link(case).removeprefix(site.base)


def answers(site, hand, link, words):
    """Let the person of a case open the mail's link, and press a button."""
    hand.window.open(link)
    assert says(hand, "Was that you?")
    hand.press(words)


def proves(site, hand, name):
    """Let them confirm a yes by a fresh sign-in."""
    site.peer.keyboard = name
    hand.follow("Confirm it with a fresh sign-in")
    if hand.window.path.startswith("/sign-in"):
        hand.press(hand.page.get_by_role("main").get_by_role("button").inner_text())
    if hand.page.get_by_role("button", name="Sign in afresh").count():
        hand.press("Sign in afresh")
    assert says(hand, f"You signed in afresh as {name}")
    hand.press("Yes, that was me")


def concludes(site, hand, case, verdict, reason):
    """Let a lead close a case, and see it on the page when that was worked on."""
    comes(site, hand, "sofia")
    hand.window.open(f"/open/{case}")
    hand.choose("Verdict", verdict)
    hand.write("Why, for whoever reads the ledger", reason)
    hand.press("Close the case")
    assert says(hand, "under way")
    assert worked(site) == 1
    comes_to_say(hand, f"{case} is closed.")
    assert site.office.store.cases.get(case).note == f"{verdict}: {reason}"


def test_james_after_his_shift(site, hand):
    """He is asked, says yes and proves it; a lead says that it was a mistake."""
    link = asks(site, hand, "C-late", "james")
    answers(site, hand, link, "Yes, that was me")
    proves(site, hand, "james")
    assert site.office.store.questions.of("C-late").answer == "yes"
    concludes(site, hand, "C-late", "mistake", "a deploy that ran late")
    assert [actor for kind, actor in of_presses(site) if "case:decided" in kind] == ["sofia"]


def test_rick_who_forgot_his_password(site, hand):
    """He says that it was him; a second factor ended it, so that this closes the case."""
    link = asks(site, hand, "C-forgot", "rick")
    answers(site, hand, link, "Yes, that was me")
    assert says(hand, "Thank you, that is all.")
    row = site.office.store.cases.get("C-forgot")
    assert (row.status, "forgotten password" in row.note) == ("closed", True)


def test_rick_whose_password_was_guessed(site, hand):
    """He says that it was not him, without signing in; a lead says that it was brute force."""
    link = asks(site, hand, "C-forgot", "rick")
    answers(site, hand, link, "No, not me")
    assert says(hand, "A lead looks at it now")
    concludes(site, hand, "C-forgot", "brute-force", "he was asleep")


def afresh(site, hand, words):
    """Let a lead follow a link to what takes a fresh sign-in, and sign in."""
    site.office.later(MINUTE)
    hand.follow(words)
    hand.press("Sign in afresh")
    assert says(hand, "You signed in afresh as sofia")


def calls(hand):
    """Give the calls that a page shows."""
    return hand.page.locator("td code").all_inner_texts()


def test_a_sign_in_that_was_taken_over(site, hand):
    """A lead sees the calls, freezes, sees that it holds, and restores: all on pages, each with a fresh sign-in."""
    office = site.office
    comes(site, hand, "sofia")
    hand.follow("C-away")
    afresh(site, hand, "Freeze james: see the calls first")
    planned = containment.plan(office.as_("sofia"), "C-away").containment
    assert calls(hand) == [str(each.call) for each in planned.changes]
    hand.press("Freeze james")
    assert says(hand, "under way")
    worked(site)
    comes_to_say(hand, "james is frozen: ")
    hand.follow("Ledger")
    assert says(hand, "verified the freeze: ")
    hand.follow("Now")
    assert says(hand, "james since")
    hand.window.open("/open/C-away")
    afresh(site, hand, "Restore james: see the calls first")
    assert calls(hand) == [str(each.call) for each in containment.plan_back(office.as_("sofia"), "C-away")[1].changes]
    hand.press("Restore james")
    worked(site)
    comes_to_say(hand, "james is restored.")
    assert list(office.store.freezes.active(office.clock.now())) == []
    assert office.store.cases.get("C-away").status == "escalated"
