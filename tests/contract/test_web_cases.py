"""Cases over HTTP: the list, and what a lead does about one, carried out for real on a cloud in memory."""

import html
import json
import re
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from urllib.parse import quote

import msgspec
import pytest
from tests.cloud import by
from tests.hostile import HOSTILE, hidden
from tests.pages import BASE, pages
from tests.unit.service.desk import heard

from watchbill.access.apply import apply
from watchbill.access.plan import make_plan
from watchbill.alerts.export.reader import readable
from watchbill.cli import main
from watchbill.ledger.model import Kind
from watchbill.service import containment
from watchbill.service.clicks import work_clicks
from watchbill.service.jobs import freeze, restore
from watchbill.service.sessions import add_link


CASES = f"{BASE}/cases"


@pytest.fixture
def site(tmp_path):
    """Serve the pages."""
    with pages(tmp_path) as served:
        yield served


def listed(shown):
    """Give the ids of the cases in the list, in its order."""
    return re.findall(r'<tr><td><a href="/open/([^"]+)"', shown.text)


def on_aws(site):
    """Write the access of the team to the cloud in memory, so that there is something to freeze."""
    office = site.office
    plan = make_plan(office.team, office.app.observe(office.team), office.clock.now())
    assert list(apply(plan.changes, by(office.team, office.app.cloud)))


def worked(site):
    """Work on what was pressed as an instance does; give how many presses there were."""
    return heard(site.office, site.office.desk(freeze=freeze, restore=restore))


def of_presses(site):
    """Give what the ledger has of presses and what they did, with who did it."""
    kinds = ("respond:click", "respond:case:", "respond:freeze:applied", "respond:restore:applied", "respond:question")
    entries = site.office.store.ledger.entries()
    return [(str(each.kind), each.actor) for each in entries if str(each.kind).startswith(kinds)]


def afresh(site, name, what, case="C-away"):
    """Let somebody come to a page that takes a fresh sign-in; give their browser and what is shown."""
    site.office.later(timedelta(minutes=1))
    browser = site.sign_in(name)
    return browser, browser.press(browser.open(f"{BASE}/open/{case}/{what}"), "/sign-in")


# --- the list ------------------------------------------------------------------------------------


def test_the_list_is_what_the_command_says(site, capsys, monkeypatch):
    """The same cases in the same order with the same words, closed ones where they are asked for."""
    cases = site.office.store.cases
    cases.put(replace(cases.get("C-forgot"), status="closed", note="mistake: his own"))
    cases.put(replace(cases.get("C-late"), severity="low", opened_at=cases.get("C-late").opened_at - timedelta(days=1)))
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
    order = ["critical", "high", "medium", "low"]
    ranks = [(order.index(each["severity"]), cases.get(each["id"]).opened_at) for each in said]
    assert ranks == sorted(ranks)


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
    assert "No case is open. <code>watchbill run</code> finds them" in site.sign_in("james").open(CASES).text
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


# --- what a lead does ----------------------------------------------------------------------------


def test_a_lead_asks_once(site):
    """As `watchbill ask`: the question is put, and there is nothing to press any more."""
    browser = site.sign_in("sofia")
    page = browser.open(f"{BASE}/open/C-late")
    shown = browser.press(page, "/open/C-late/ask")
    assert (shown.status, shown.path) == (200, "/open/C-late")
    assert "Asked of james" in shown.text
    assert "/open/C-late/ask" not in [form.action for form in shown.parsed().forms]
    assert site.office.store.cases.get("C-late").status == "asked"
    again = browser.press(page, "/open/C-late/ask")
    assert again.status == 403
    assert "C-late is asked: nothing is to be asked now" in again.text
    assert of_presses(site) == [("respond:question:asked", "sofia")]


def test_a_verdict_is_a_press_with_a_reason(site):
    """Sent twice it is one; it is worked on as the buttons of Slack are, with both entries, and shown."""
    browser = site.sign_in("sofia")
    page = browser.open(f"{BASE}/open/C-late")
    fields = page.form("/open/C-late/verdict").fields | {"verdict": "mistake", "reason": "he <b>says</b> so"}
    address = f"{BASE}/open/C-late/verdict"
    for _ in range(2):
        shown = browser.post(address, fields)
        assert (shown.status, shown.path) == (200, "/open/C-late")
    assert "under way" in shown.text
    assert worked(site) == 1
    assert worked(site) == 0
    row = site.office.store.cases.get("C-late")
    assert (row.status, row.note) == ("closed", "mistake: he <b>says</b> so")
    assert of_presses(site) == [("respond:case:decided", "sofia"), ("respond:click:worked", "sofia")]
    shown = browser.open(f"{BASE}/open/C-late")
    assert "C-late is closed." in shown.text
    assert "It is closed." in shown.text
    assert_inert(shown)
    browser.post(address, fields | {"reason": "another", "key": "k" * 16})
    worked(site)
    assert "C-late is closed already" in browser.open(f"{BASE}/open/C-late").text
    assert of_presses(site)[-1][0] == "respond:click:refused"


def test_what_is_no_verdict_is_refused(site):
    """Without a conclusion, a reason or the key of a page, and from another site."""
    browser = site.sign_in("sofia")
    whole = {"verdict": "mistake", "reason": "he says so", "key": "k" * 32}
    address = f"{BASE}/open/C-late/verdict"
    for odd in ({"verdict": "odd"}, {"reason": ""}, {"key": ""}, {"key": "short"}, {"key": "|" * 32}):
        assert browser.post(address, whole | odd).status == 400
    assert browser.post(address, whole, site="cross-site").status == 403
    assert browser.post(f"{BASE}/open/C-none/verdict", whole).status == 404
    assert worked(site) == 0
    browser.post(address, whole | {"reason": "  "})
    assert worked(site) == 1
    assert "a verdict needs a reason" in browser.open(f"{BASE}/open/C-late").text
    assert site.office.store.cases.get("C-late").status == "open"


def test_the_subject_and_who_is_no_lead_decide_nothing(site):
    """A lead whom the case is about is shown none of it; an admin who is no lead is refused, with an entry."""
    office = site.office
    office.team = replace(office.team, leads=("james", "sofia"))
    site.peer.users["james"].groups = ["leads"]
    whole = {"verdict": "false-alarm", "reason": "it was me", "key": "k" * 32}
    for name, case, why in (("james", "C-away", "this case is about you"), ("priya", "C-late", "is no lead of team")):
        browser = site.sign_in(name)
        assert "/open/C-away/verdict" not in browser.open(f"{BASE}/open/{case}").text
        shown = browser.post(f"{BASE}/open/{case}/verdict", whole)
        assert worked(site) == 1
        assert office.store.cases.get(case).status == "open"
        assert of_presses(site)[-1][0] == "respond:click:refused"
        assert why in browser.open(f"{BASE}/open/{case}").text
        assert shown.status == (403 if name == "james" else 200)
        assert browser.post(f"{BASE}/open/{case}/ask", {}).status == 403
        assert office.store.questions.of(case) is None
        for what in ("freeze", "restore"):
            _, shown = afresh(site, name, what)
            assert shown.status in (403, 404)
            assert "iam:" not in shown.text
    auditor = site.sign_in("rick").open(f"{BASE}/open/C-away")
    assert 'id="decide"' not in auditor.text


def test_a_freeze_shows_its_calls_and_is_made_beside_the_page(site):
    """Exactly what the plan has; pressed, it is taken on and carried out, once, by who signed in afresh for it."""
    on_aws(site)
    office = site.office
    browser, page = afresh(site, "sofia", "freeze")
    planned = containment.plan(office.as_("sofia"), "C-away").containment
    assert planned.changes
    calls = re.findall(r"<td><code>([^<]+)</code></td>", page.text)
    assert [html.unescape(each) for each in calls] == [str(change.call) for change in planned.changes]
    assert office.store.freezes.all() == []
    shown = browser.press(page, "/open/C-away/freeze")
    assert (shown.status, shown.path) == (200, "/open/C-away")
    assert "under way" in shown.text
    again = browser.press(page, "/open/C-away/freeze")
    assert (again.status, "this takes a fresh sign-in, made for it" in again.text) == (403, True)
    assert office.store.freezes.all() == []
    worked(site)
    (row,) = office.store.freezes.all()
    assert (row.case_id, office.store.cases.get("C-away").status) == ("C-away", "frozen")
    assert ("respond:freeze:applied", "sofia") in of_presses(site)
    entry = [each for each in office.store.ledger.entries() if str(each.kind) == "respond:click:worked"][-1]
    assert entry.facts["message"]["amr"] == "otp pwd"
    shown = browser.open(f"{BASE}/open/C-away")
    assert "is frozen: " in shown.text
    assert "/open/C-away/restore" in shown.parsed().links


def test_a_restore_shows_what_it_gives_back(site):
    """After a freeze: the calls, then the press, and everything is as it was; the case is the leads' again."""
    on_aws(site)
    office = site.office
    containment.freeze(office.as_("lee"), containment.plan(office.as_("lee"), "C-away"))
    browser, page = afresh(site, "sofia", "restore")
    made = containment.plan_back(office.as_("sofia"), "C-away")[1]
    calls = re.findall(r"<td><code>([^<]+)</code></td>", page.text)
    assert [html.unescape(each) for each in calls] == [str(change.call) for change in made.changes]
    browser.press(page, "/open/C-away/restore")
    worked(site)
    assert office.store.cases.get("C-away").status == "escalated"
    assert list(office.store.freezes.active(office.clock.now())) == []
    assert ("respond:restore:applied", "sofia") in of_presses(site)
    assert "is restored." in browser.open(f"{BASE}/open/C-away").text


def test_a_freeze_takes_a_second_factor(site):
    """A password alone shows no calls, and freezes nobody."""
    on_aws(site)
    site.peer.users["sofia"].amr = ["pwd"]
    browser, shown = afresh(site, "sofia", "freeze")
    assert (shown.status, "this takes a sign-in with a second factor" in shown.text) == (403, True)
    assert browser.post(f"{BASE}/open/C-away/freeze", {"key": "k" * 32}).status == 403
    assert worked(site) == 0
    assert site.office.store.freezes.all() == []


def test_every_bar_is_an_addend(site):
    """As long as its decibans by one scale, on the side it speaks for, with its words; the table has the same."""
    shown = site.sign_in("lee").open(f"{BASE}/open/C-away")
    view = site.office.as_("lee").case("C-away")[1]
    read = readable(view)
    stories = [each for each in read.hypotheses if each.probability >= 0.01 or each.story == read.leading]
    stories.sort(key=lambda each: (-each.probability, each.story))
    addends = [addend for each in stories for addend in each.addends]
    assert {addend.decibans > 0 for addend in addends} == {True, False}
    bars = re.findall(r'<rect class="(for|against)" x="[^"]+" y="[^"]+" width="([^"]+)"', shown.text)
    most = max(abs(addend.decibans) for addend in addends)
    assert len(bars) == len(addends)
    for (side, width), addend in zip(bars, addends, strict=True):
        assert side == ("for" if addend.decibans >= 0 else "against")
        assert float(width) == pytest.approx(200 * abs(addend.decibans) / most, abs=0.06)
        assert f"{addend.family}: {addend.fact}" in html.unescape(shown.text)
    table = shown.text.partition("The same as a table")[2].partition("</table>")[0]
    assert table.count("</td></tr>") >= len(addends)
    assert 'aria-labelledby="weights-title weights-desc"' in shown.text


def test_what_strangers_chose_is_inert_where_a_case_is_decided(site):
    """In the picture, on the page of a freeze, and in the reason that comes back."""
    on_aws(site)
    row = site.office.store.cases.get("C-away")
    text = "".join(each[:60] for each in HOSTILE.values()).encode("utf-8", "replace").decode()
    view = msgspec.json.decode(row.payload)
    view["sentence"] = text
    for each in view["hypotheses"]:
        for addend in each["addends"]:
            addend["fact"] = addend["family"] = text
    site.office.team = replace(site.office.team, security_leads=("sofia",))
    site.office.store.cases.put(replace(row, payload=msgspec.json.encode(view).decode()))
    browser, page = afresh(site, "sofia", "freeze")
    assert "Freeze james?" in page.text
    assert_inert(page)
    case = browser.open(f"{BASE}/open/C-away")
    assert "ZQ" in case.text
    assert_inert(case)


def test_nobody_decides_while_a_freeze_is_under_way(site):
    """It is refused in words, which the case shows, and others see that something is under way."""
    on_aws(site)
    browser, page = afresh(site, "sofia", "freeze")
    browser.press(page, "/open/C-away/freeze")
    work_clicks(site.office.as_("watchbill"), site.office.desk())
    assert "james is being frozen" in browser.open(f"{BASE}/open/C-away").text
    site.peer.users["lee"].groups = ["leads"]
    other = site.sign_in("lee")
    shown = other.open(f"{BASE}/open/C-away")
    assert "Under way:" in shown.text
    fields = shown.form("/open/C-away/verdict").fields | {"verdict": "mistake", "reason": "no harm"}
    other.post(f"{BASE}/open/C-away/verdict", fields)
    work_clicks(site.office.as_("watchbill"), site.office.desk())
    assert "a freeze is under way in C-away" in other.open(f"{BASE}/open/C-away").text
    assert site.office.store.cases.get("C-away").status == "open"


def test_where_nothing_can_be_proven_the_command_is_named(tmp_path):
    """On the machine itself there is no identity provider: no link leads to what nobody could press."""
    base = "http://127.0.0.1:8470"
    with pages(tmp_path, base, provider=None) as site:
        site.office.team = replace(site.office.team, web=replace(site.office.team.web, sign_in=None))
        add_link(site.office.as_("sofia"), "s" * 43)
        browser = site.browser()
        browser.press(browser.open(f"{base}/sign-in/once/{'s' * 43}"), "/sign-in/once/")
        shown = browser.open(f"{base}/open/C-away")
        assert "<code>watchbill freeze C-away</code> freezes" in shown.text
        assert "/open/C-away/freeze" not in shown.parsed().links
        assert shown.form("/open/C-away/verdict")


def test_the_verdict_of_an_insider_is_for_security_leads(site):
    """Whoever else sends it is refused, with an entry, and the case stays as it was."""
    browser = site.sign_in("sofia")
    fields = {"verdict": "insider", "reason": "he said so", "key": "k" * 20}
    refused = browser.post(f"{BASE}/open/C-away/verdict", fields)
    assert (refused.status, "none of the security leads" in refused.text) == (403, True)
    entry = list(site.office.store.ledger.entries())[-1]
    assert (entry.kind, entry.subject, entry.actor) == (Kind.CLICK_REFUSED, "C-away", "sofia")
    assert site.office.store.clicks.of_case("C-away") == []
    site.office.team = replace(site.office.team, security_leads=("sofia",))
    assert browser.post(f"{BASE}/open/C-away/verdict", fields).status == 200
    assert [row.action for row in site.office.store.clicks.of_case("C-away")] == ["verdict:insider"]
