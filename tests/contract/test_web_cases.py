"""Cases over HTTP: the list, and what a lead does about one, carried out for real on a cloud in memory."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from urllib.parse import quote

import msgspec
import pytest
from tests.hostile import HOSTILE, hidden
from tests.pages import BASE, pages

from watchbill.cli import main


CASES = f"{BASE}/cases"


@pytest.fixture
def site(tmp_path):
    """Serve the pages."""
    with pages(tmp_path) as served:
        yield served


def listed(shown):
    """Give the ids of the cases in the list, in its order."""
    return re.findall(r'<tr><td><a href="/open/([^"]+)"', shown.text)


# --- the list ------------------------------------------------------------------------------------


def test_the_list_is_what_the_command_says(site, capsys, monkeypatch):
    """The same cases in the same order with the same words, closed ones where they are asked for."""
    cases = site.office.store.cases
    cases.put(replace(cases.get("C-forgot"), status="closed", note="mistake: his own"))
    cases.put(replace(cases.get("C-late"), severity="low"))
    cases.put(replace(cases.get("C-theirs"), opened_at=cases.get("C-theirs").opened_at - timedelta(hours=1)))
    monkeypatch.setenv("WATCHBILL_STATE", str(site.folder))
    monkeypatch.setenv("WATCHBILL_TEAM", str(resources.files("watchbill.demo").joinpath("watchbill.yaml")))
    browser = site.sign_in("lee")
    for more, asked in (((), ""), (("--all",), "?status=any")):
        with pytest.raises(SystemExit):
            main(["cases", "--json", *more])
        said = json.loads(capsys.readouterr().out)["result"]
        shown = browser.open(CASES + asked)
        assert [each["id"] for each in said] == listed(shown)
        for each, row in zip(said, shown.text.split("<tr><td>")[1:], strict=True):
            assert each["sentence"] in row
            assert f"<td>{each['status']}" in row
            assert each["note"] in row
    assert len(said) == 4


def test_the_list_has_what_is_asked_for(site):
    """By where it stands, how grave it is, and whom it is about; what is nowhere is said."""
    cases = site.office.store.cases
    cases.put(replace(cases.get("C-forgot"), status="closed"))
    cases.put(replace(cases.get("C-late"), person="rick", severity="low", status="asked"))
    browser = site.sign_in("lee")
    every = set(listed(browser.open(CASES + "?status=any")))
    assert every == {"C-late", "C-theirs", "C-forgot", "C-away"}
    assert set(listed(browser.open(CASES))) == every - {"C-forgot"}
    assert listed(browser.open(CASES + "?status=closed")) == ["C-forgot"]
    assert listed(browser.open(CASES + "?severity=low")) == ["C-late"]
    assert listed(browser.open(CASES + "?person=RIC&zone=Europe/London")) == ["C-late"]
    for asked in ("?person=nobody", "?page=2", "?status=odd", "?severity=odd"):
        shown = browser.open(CASES + asked)
        assert "No case is like that" in shown.text
    assert browser.open(CASES + "?zone=Mars").status == 400


def test_a_long_list_is_on_pages(site):
    """Each case is on one page, and the links keep what was asked for."""
    cases, row = site.office.store.cases, site.office.store.cases.get("C-late")
    for number in range(70):
        cases.put(replace(row, id=f"C-{number}", person="rick"))
    browser = site.sign_in("lee")
    first = browser.open(CASES + "?person=rick")
    (following,) = [each for each in first.parsed().links if "page=2" in each]
    second = browser.open(BASE + following)
    assert (len(listed(first)), len(listed(second))) == (50, 21)
    assert not set(listed(first)) & set(listed(second))


def test_an_empty_list_says_what_fills_it(site):
    """The one who is the subject of every case there is sees as much as where there is none."""
    cases = site.office.store.cases
    for row in cases.all():
        cases.put(replace(row, person="james"))
    site.peer.users["james"].groups = ["auditors"]
    shown = site.sign_in("james").open(CASES + "?status=any")
    assert "There are no cases. <code>watchbill run</code> finds them" in shown.text
    assert "C-late" not in shown.text


def test_the_list_tells_of_an_insider_to_security_leads_alone(site):
    """By the same rule as commands: neither the story nor how such a case was decided."""
    cases = site.office.store.cases
    row = cases.get("C-late")
    view = json.loads(row.payload)
    for each in view["hypotheses"]:
        each["probability"] = 0.9 if each["story"] == "insider" else 0.01
    cases.put(
        replace(row, status="closed", note="insider: he said so", payload=json.dumps(view | {"leading": "insider"}))
    )
    browser = site.sign_in("sofia")
    for leads, sees in (((), False), (("sofia",), True)):
        site.office.team = replace(site.office.team, security_leads=leads)
        shown = browser.open(CASES + "?status=closed")
        assert ("insider" in shown.text) is sees
        assert ("insider 0.90" in shown.text) is sees


def test_hostile_strings_are_inert_in_the_list(site):
    """The sentence of a case, its note, and what was asked for."""
    cases, row = site.office.store.cases, site.office.store.cases.get("C-late")
    view = msgspec.json.decode(row.payload)
    for number, each in enumerate(HOSTILE.values()):
        text = each.encode("utf-8", "replace").decode()
        payload = msgspec.json.encode(view | {"sentence": text}).decode()
        cases.put(replace(row, id=f"C-{number}", payload=payload, note=text))
    browser = site.sign_in("lee")
    shown = browser.open(CASES)
    assert len(listed(shown)) == len(HOSTILE) + 4
    assert_inert(shown)
    assert_inert(browser.open(CASES + "?person=" + quote(HOSTILE["elements"][:100])))


def assert_inert(shown):
    """Hold that nothing of a stranger's is obeyed in a page."""
    tags = shown.parsed().tags
    assert not {tag for tag, _ in tags} & {"script", "img", "b", "textarea"}
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert not hidden(shown.text)
    assert "1337" not in shown.text
    assert len(shown.text) < 150_000
