"""The demo served: its three stories played to their end by pages alone, over HTTP, as somebody with a browser does."""

import html
import re
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from tests.visitor import Browser

from watchbill.cli.commands.trail import load_rules
from watchbill.clock import SystemClock
from watchbill.demo.serving import served
from watchbill.service.logs import lines_of_json


pytestmark = pytest.mark.slow

MOST = 240.0
"""Seconds in which the clock has come to where it was to go."""


class Visitor:
    """Somebody with a browser, who presses what is on the pages."""

    def __init__(self, found, link=0):
        self.base = found.base
        self.browser = Browser({self.base: int(self.base.rpartition(":")[2])})
        self.come_in(found.invitations[link].url)

    def come_in(self, url):
        """Press what a link of the terminal shows."""
        return self.browser.press(self.browser.open(url), "/demo/in/")

    def look(self, path="/demo"):
        """Open a page."""
        shown = self.browser.open(self.base + path)
        assert shown.status == 200, (path, shown.status, words(shown))
        return shown

    def be(self, person):
        """Be somebody else; gives the page of the demo as they see it."""
        shown = self.browser.press(self.look("/demo/be"), "/demo/be", person)
        assert f"{person} (" in shown.text
        return shown

    def leap(self, leap):
        """Press a button of the clock, and look again until it stands still."""
        self.browser.press(self.look(), "/demo/clock", leap)
        end = time.monotonic() + MOST
        while "Stop here" in (shown := self.look()).text:
            assert time.monotonic() < end
            time.sleep(0.2)
        return shown

    def case_of(self, person):
        """Give the id of the case about somebody, by moving on from case to case until there is one."""
        while True:
            shown = self.look()
            found = re.findall(r'href="/open/(C-\w+)">.*?</td><td>(.*?)</td>', shown.text.replace("\n", ""))
            for case, row in re.findall(r'<tr><td><a href="/open/(C-\w+)">(.*?)</tr>', shown.text, re.DOTALL):
                if f"<td>{person}</td>" in row:
                    return case
            assert "the week is over" not in shown.text, found
            self.leap("case")

    def ask(self, case):
        """Ask the person of a case."""
        shown = self.browser.press(self.look(f"/open/{case}"), f"/open/{case}/ask")
        assert "asked" in shown.text

    def push(self, label):
        """Press a button of the inbox, the newest with such words, once it is there."""
        self.until("/demo/inbox", label)
        return self.browser.post(f"{self.base}/demo/press", self.find(label))

    def find(self, label):
        """Give what a button of the inbox sends."""
        shown = self.look("/demo/inbox")
        for form in re.findall(r'<form method="post" action="/demo/press">.*?</form>', shown.text):
            if f">{label}</button>" in form:
                return dict(re.findall(r'name="(\w+)" value="([^"]*)"', html.unescape(form)))
        raise AssertionError((label, words(shown)))

    def until(self, path, said):
        """Look at a page again and again until something is said on it."""
        end = time.monotonic() + MOST
        while said not in (shown := words(self.look(path))):
            assert time.monotonic() < end, (said, shown)
            time.sleep(0.2)


def words(shown):
    """Give what is read on a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown.text)))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Serve the demo, with fewer passes than a visitor would see."""
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as held:
        log = held.enter_context((folder / "log.jsonl").open("w", encoding="utf-8"))
        say = lines_of_json(log, "demo", SystemClock())
        yield held.enter_context(served(0, 0, folder, load_rules([])[0], say, every=timedelta(days=1)))
    lines = (folder / "log.jsonl").read_text()
    assert '"level": "error"' not in lines
    assert "bug" not in lines


def test_who_did_not_come_in_by_a_link_is_nobody(world):
    """Neither by saying who they are, nor by a link that was used or made up; and no page of elsewhere presses a link."""
    browser = Browser({world.base: int(world.base.rpartition(":")[2])})
    assert "sign-in" in browser.open(f"{world.base}/demo").path
    for path, fields in (("/demo/be", {"person": "ada"}), (f"/demo/in/{'x' * 43}", {})):
        assert browser.open(world.base + path).status == 403
        refused = browser.post(world.base + path, fields)
        assert (refused.status, browser.jar) == (403, {})
    begun = browser.press(browser.open(f"{world.base}/sign-in"), "/sign-in")
    assert (begun.status, "did not come in by a link" in begun.text) == (403, True)
    link = world.invitations[1].url
    assert browser.post(link, {}, site="cross-site").status == 403
    assert browser.press(browser.open(link), "/demo/in/").path == "/demo"
    assert Browser(browser.ports).post(link, {}).status == 403


def test_nobody_presses_what_others_are_shown(world):
    """A request is approved in the inbox of a lead, and not by whoever asked, who is not shown the button."""
    visitor = Visitor(world, 2)
    visitor.be("rick")
    visitor.browser.post(
        f"{visitor.base}/demo/type", {"command": '/watch request prod-oncall --for 2h --reason "<b>why</b>"'}
    )
    visitor.until("/demo/inbox", "It waits for a lead until")
    assert "Cases are for leads and auditors" in visitor.look().text
    visitor.be("ada")
    visitor.until("/demo/inbox", "<b>why</b>")
    assert "<b>" not in visitor.look("/demo/inbox").text
    button = visitor.find("Approve")
    visitor.be("rick")
    assert visitor.browser.post(f"{visitor.base}/demo/press", button).status == 404
    visitor.be("ada")
    visitor.browser.post(f"{visitor.base}/demo/press", button)
    visitor.be("rick")
    visitor.until("/demo/inbox", "in effect in AWS until")


def test_three_stories_are_played_to_their_end_by_pages_alone(world):
    """A password that was forgotten, a change after a shift, and a sign-in that was stolen."""
    visitor = Visitor(world)
    assert "it stands still" in visitor.look().text
    _play_forgotten_password(visitor)
    _play_change_after_shift(visitor)
    _play_stolen_sign_in(visitor)
    visitor.be("omar")
    assert "intact" in visitor.look("/ledger/verify").text


def _play_forgotten_password(visitor):
    case = visitor.case_of("rick")
    visitor.ask(case)
    visitor.be("rick")
    assert "Answer in your inbox" in visitor.look().text
    visitor.push("Yes, that was me")
    visitor.until("/demo/inbox", "Thank you, that is all.")
    visitor.be("ada")
    assert "a forgotten password" in words(visitor.look(f"/open/{case}"))


def _play_change_after_shift(visitor):
    case = visitor.case_of("james")
    visitor.ask(case)
    visitor.be("james")
    assert visitor.browser.open(f"{visitor.base}/open/{case}").status == 403
    visitor.push("Yes, that was me")
    visitor.be("ada")
    visitor.until("/demo/inbox", "james says it was them")
    visitor.push("Close as mistake")
    shown = visitor.look("/demo/inbox")
    visitor.browser.post(
        f"{visitor.base}/demo/write", shown.form("/demo/write").fields | {"text": "finished a change too late"}
    )
    visitor.until("/demo/inbox", f"{case} is closed")


def _play_stolen_sign_in(visitor):
    case = visitor.case_of("sofia")
    visitor.ask(case)
    visitor.be("sofia")
    visitor.push("No, not me")
    visitor.be("ada")
    visitor.until("/demo/inbox", "sofia says it was not them")
    assert "and their key works" in words(visitor.look())
    _step_up(visitor, f"/open/{case}/freeze")
    visitor.until("/demo", "ExplicitlyDenied by")
    assert "AWSDenyAll" in words(visitor.look())
    refused = visitor.browser.post(f"{visitor.base}/demo/be", {"person": "sofia"})
    assert (refused.status, "frozen" in refused.text) == (403, True)
    visitor.leap("hour")
    _step_up(visitor, f"/open/{case}/restore")
    shown = visitor.look(f"/open/{case}")
    visitor.browser.post(
        f"{visitor.base}/open/{case}/verdict",
        shown.form(f"/open/{case}/verdict").fields | {"verdict": "hijack", "reason": "the key stays off"},
    )
    visitor.until(f"/open/{case}", "hijack: the key stays off")


def _step_up(visitor, path):
    """Open a page that takes a fresh sign-in, sign in where the identity provider would be, and press its button."""
    asked = visitor.browser.open(visitor.base + path)
    assert "Sign in afresh" in asked.text
    there = visitor.browser.press(asked, "/sign-in")
    fields = {"state": there.form("/demo/be").fields["state"], "how": "key", "person": "ada"}
    back = visitor.browser.post(f"{visitor.base}/demo/be", fields)
    assert back.path == path, words(back)
    visitor.browser.press(back, path)
    end = time.monotonic() + MOST
    while "under way" in (shown := visitor.look(path.rpartition("/")[0])).text:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert "refused" not in shown.text, words(shown)
