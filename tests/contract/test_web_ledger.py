"""The ledger over HTTP: the same entries that the command shows, but for what its reader may not see; and whether it holds."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text
from tests.hostile import HOSTILE
from tests.pages import BASE, pages
from tests.states import Place
from tests.unit.service.desk import NOW

from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind
from watchbill.respond.model import Verdict
from watchbill.service.asking import decide
from watchbill.service.ledger_view import entry_view
from watchbill.web.pages.ledger import LEDGER


HOUR = timedelta(hours=1)


@pytest.fixture
def site(tmp_path):
    """Serve the pages, with some entries."""
    with pages(tmp_path) as served:
        served.link()
        yield served


def exported(browser, rest=""):
    """Give the lines that are given to programs."""
    shown = browser.open(f"{BASE}/ledger.json{rest}")
    assert shown.status == 200
    assert shown.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in shown.text.splitlines()]


def entries(served):
    """Give what the state has, the last first."""
    return list(served.office.store.ledger.entries())[::-1]


def test_it_gives_what_the_command_shows(site):
    """To an auditor about whom no case is, line by line, the last first."""
    browser = site.sign_in("lee")
    assert exported(browser) == [msgspec.to_builtins(entry_view(each)) for each in entries(site)]
    shown = browser.open(BASE + LEDGER)
    for each in entries(site):
        assert each.digest in shown.text
        assert each.subject in shown.text
    assert re.search(r"asked james, until [0-9]{4}-[0-9-]{5}T[0-9:]{8}Z", shown.text)


def test_it_is_asked_by_kind_actor_and_time(site):
    """Each alone and all together come to what a filter over all of them does; times to the second."""
    office = site.office
    for minute in range(40):
        work = replace(office.as_("rick" if minute % 3 else "ada"), at=NOW + minute * timedelta(seconds=0.5))
        work.record(Kind.FEED_FAILED if minute % 2 else Kind.FEED_RECOVERED, f"f{minute}", {})
    browser = site.sign_in("lee")
    start, end = NOW + timedelta(seconds=3), NOW + timedelta(seconds=11)
    given = {"kind": "schedule:feed:failed", "actor": "rick"}
    given |= {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    for names in (["kind"], ["actor"], ["from"], ["to"], ["from", "to"], list(given)):
        found = exported(browser, "?" + "&".join(f"{name}={given[name]}" for name in names))
        expected = [
            each.number
            for each in entries(site)
            if ("kind" not in names or each.kind == given["kind"])
            and ("actor" not in names or each.actor == "rick")
            and ("from" not in names or each.at >= start)
            and ("to" not in names or each.at < end)
        ]
        assert [each["number"] for each in found] == expected != []


def test_all_of_it_can_be_turned_through(site):
    """Page after page has each entry once."""
    for number in range(230):
        site.office.as_("rick").record(Kind.FEED_FAILED, f"feed-{number}.", {})
    browser, seen, paths = site.sign_in("lee"), "", [LEDGER + "?kind=schedule:feed:failed"]
    while paths:
        shown = browser.open(BASE + paths[0])
        seen += shown.text
        paths = [link for link in shown.parsed().links if "before=" in link and "json" not in link]
    assert all(seen.count(f"feed-{number}.</td>") == 1 for number in range(230))


def test_nobody_sees_what_it_has_of_a_case_about_them(site):
    """Its number and its hash stand there; where a kind or an actor is asked for not even those."""
    store, office = site.office.store, site.office
    row = store.cases.get("C-late")
    store.cases.put(replace(row, person="lee"))
    office.as_("sofia").record(Kind.PERSON_SEEN, "lee", {})
    office.as_("sofia").record(Kind.NOTICE_SENT, "C-late:urgent:leads:0", {"kind": "x"})
    office.as_("sofia").record(Kind.RESTORE_ASKED, "X-1", {"person": "lee", "case": "C-late"})
    browser = site.sign_in("lee")
    found = exported(browser)
    hidden = [each for each in found if each["kind"] == "withheld"]
    assert {each["digest"] for each in found} == {each.digest for each in entries(site)}
    assert len(hidden) >= 4
    assert all((each["actor"], each["subject"], each["facts"]) == ("", "", {}) for each in hidden)
    shown = browser.open(BASE + LEDGER).text
    assert "C-late" not in shown
    assert "withheld: it is about you" in shown
    assert exported(browser, "?actor=sofia") == []
    assert exported(browser, "?kind=respond:question:asked") == []
    assert "C-late" in site.sign_in("priya").open(BASE + LEDGER).text


def test_what_was_concluded_is_for_those_who_may_see_an_insider(site):
    """By the verdict, and by the press that gave it; a security lead sees both."""
    work = site.office.as_("sofia")
    decide(work, "C-late", Verdict.INSIDER, "left with the keys")
    work.record(Kind.CLICK_WORKED, "C-late", {"action": "verdict:insider", "by": "sofia", "source": "web"})
    for path in (LEDGER, "/ledger.json"):
        shown = site.sign_in("lee").open(BASE + path).text
        assert "insider" not in shown
        assert "left with the keys" not in shown
        assert "what was concluded" in shown
    site.office.team = replace(site.office.team, security_leads=("lee",))
    assert "left with the keys" in site.sign_in("lee").open(BASE + "/ledger.json").text


def test_it_says_whether_the_chain_holds(site):
    """Up to which entry, and where it breaks, by the words of the command."""
    browser = site.sign_in("lee")
    shown = browser.open(f"{BASE}/ledger/verify")
    head = entries(site)[0]
    assert "The ledger is intact" in shown.text
    assert f"{head.number}:{head.digest}" in shown.text
    engine = Place(site.folder, None).past_the_store()
    with engine.begin() as database:
        database.execute(text("DROP TRIGGER ledger_no_update"))
        database.execute(text("UPDATE ledger SET actor = 'ada' WHERE number = 2"))
    engine.dispose()
    shown = browser.open(f"{BASE}/ledger/verify")
    assert verify(site.office.store.ledger.entries()).why in shown.text
    assert "entry 2: it was changed after it was written" in shown.text
    assert "intact" not in shown.text


def test_strings_are_inert(site):
    """Whatever stands in a subject, an actor or the facts."""
    for words in (each for name, each in HOSTILE.items() if "half" not in name):
        site.office.as_("rick").record(Kind.FEED_FAILED, words[:200], {"error": words})
    browser = site.sign_in("lee")
    for path in (LEDGER, "/ledger.json"):
        shown = browser.open(BASE + path)
        assert not {tag for tag, _ in shown.parsed().tags} & {"script", "style", "img", "iframe", "b"}
        assert not set(shown.text) & set("\x00\x01\x07\x08\x1b\x7f\x9b\u202e\u2066\u200b\u2028\ufeff\u3164")


def test_what_is_asked_for_and_not_there(site):
    """A filter that finds nothing says so; what is no time is refused."""
    browser = site.sign_in("lee")
    assert "No entry is of that kind" in browser.open(f"{BASE}{LEDGER}?kind=nothing").text
    assert browser.once("GET", f"{BASE}{LEDGER}?from=yesterday").status == 400
    assert browser.once("GET", f"{BASE}{LEDGER}?before=0").status in (400, 422)
