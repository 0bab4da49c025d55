"""Reviews of access on pages: opened, decided, signed by a step-up, taken along, by whom each may be."""

import csv
import json
from dataclasses import replace
from io import StringIO
from uuid import UUID

import msgspec
import pytest
from tests.hostile import HOSTILE
from tests.lakes import delivery, log, taken_in
from tests.pages import BASE, pages
from tests.teams import team
from tests.trails import after, record, user

from watchbill.access.recertification import rows_of
from watchbill.ledger.model import Kind
from watchbill.service import proposals
from watchbill.service import recertification as reviewing
from watchbill.service.history import history_of
from watchbill.service.last_uses import last_uses, span_of
from watchbill.service.recertification import ReviewView, check
from watchbill.service.reconcile import Reconciled, bring_in_step
from watchbill.service.seen import Trail
from watchbill.team.files import parse


REVIEWS = f"{BASE}/reviews"
FILE = """\
team: orders
accounts:
  production: {number: "111111111111", environment: production, role: watchbill}
people:
  ada: {name: Ada, email: ada@example.com}
  james: {name: James, email: james@example.com}
  lee: {name: Lee, email: lee@example.com}
  sofia: {name: Sofia, email: sofia@example.com}
leads: [sofia, lee]
permission_sets:
  developer: {allow: ["ec2:*"]}
groups:
  developers:
    reviewer: ada
    members: [ada, james]
    access:
      - {permission_set: developer, accounts: [production]}
"""


@pytest.fixture
def site(tmp_path):
    """Serve the pages of a team in which Ada reviews the developers."""
    with pages(tmp_path) as served:
        team = served.office.team
        groups = {name: replace(group, reviewer="ada") for name, group in team.groups.items()}
        served.office.team = replace(team, groups=groups)
        yield served


def opened(site, browser=None):
    """Have Sofia open a review; give where it is."""
    browser = browser or site.sign_in("sofia")
    return browser.post(REVIEWS, {"days": "14"})


def review_of(site):
    """Give the one review there is."""
    (found,) = reviewing.reviews(site.office.store)
    return found


def send(browser, shown, decision, reason=""):
    """Send the form of a page with one decision for each row."""
    tags = shown.parsed().tags
    rows = [given["value"] for tag, given in tags if tag == "input" and given.get("name") == "row"]
    fields = [("page", "1")] + [each for n in rows for each in (("row", n), ("decision", decision), ("reason", reason))]
    return rows, browser.post(shown.url.partition("?")[0], fields)


def sign(site, browser, name, review):
    """Sign in afresh and sign what is shown; give both pages."""
    site.peer.keyboard = name
    shown = browser.open(f"{REVIEWS}/{review}/sign")
    if shown.path.startswith("/sign-in"):
        shown = browser.press(shown, "/sign-in")
    if "digest" not in shown.text or "Not yet</strong>" in shown.text:
        return shown, None
    return shown, browser.press(shown, f"/reviews/{review}/sign")


def test_a_lead_opens_one_and_nobody_else(site):
    """An auditor is turned away, and a second one is refused."""
    auditor = site.sign_in("lee")
    assert auditor.post(REVIEWS, {"days": "14"}).status == 403
    sofia = site.sign_in("sofia")
    shown = opened(site, sofia)
    review = review_of(site)
    assert (shown.path, shown.status) == (f"/reviews/{review.id}", 200)
    assert "AWS was not read for it" in shown.text
    again = opened(site, sofia)
    assert (again.status, f"{review.id} is open" in again.text) == (403, True)
    listed = auditor.open(REVIEWS)
    assert f"/reviews/{review.id}" in listed.parsed().links
    assert "Open it now" not in listed.text


def test_a_reviewer_decides_and_signs_their_rows_by_a_step_up(site):
    """Drafts stay, what is undecided cannot be signed, and the ledger has the digest that was shown."""
    opened(site)
    review, ada = review_of(site), site.sign_in("ada")
    shown = ada.open(f"{REVIEWS}/{review.id}")
    own = review.to_sign("ada", site.office.team)
    assert own
    assert {row.person for row in own}.isdisjoint({"ada"})
    waits, _ = sign(site, ada, "ada", review.id)
    assert f"{len(own)} of {len(own)} rows are not decided" in waits.text
    rows, _ = send(ada, shown, "keep")
    assert rows == [str(row.number) for row in own]
    assert review_of(site).decided.keys() == {row.number for row in own}
    before, after = sign(site, ada, "ada", review.id)
    digest = reviewing.digest_for(review_of(site), "ada", site.office.team)
    assert digest not in before.text
    assert "You have signed yours" in after.text
    (entry,) = [each for each in site.office.store.ledger.entries() if each.kind == Kind.REVIEW_SIGNED]
    assert entry.facts["digest"] in before.text
    assert (entry.actor, entry.subject, bool(entry.facts["how"])) == ("ada", review.id, True)
    assert send(ada, ada.open(f"{REVIEWS}/{review.id}"), "remove")[0] == []


def test_nobody_decides_for_others(site):
    """Rows of another are refused, whoever sends them; a viewer without rows does not see that there is one."""
    opened(site)
    review = review_of(site)
    theirs = next(row for row in review.frozen.rows if row.reviewer == "sofia")
    ada, fields = site.sign_in("ada"), [("row", str(theirs.number)), ("decision", "keep"), ("reason", "")]
    assert ada.post(f"{REVIEWS}/{review.id}", fields).status == 403
    assert review_of(site).decided == {}
    site.office.team = replace(site.office.team, groups={})
    frozen = replace(review.frozen, rows=tuple(replace(row, reviewer="sofia") for row in review.frozen.rows))
    row = site.office.store.reviews.get(review.id)
    made = replace(row, id="AR-0000000a", payload=msgspec.json.encode(frozen).decode())
    site.office.store.reviews.add(made)
    assert ada.once("GET", f"{REVIEWS}/AR-0000000a").status == 404
    assert "AR-0000000a" not in ada.open(REVIEWS).text
    assert ada.once("GET", f"{REVIEWS}/{review.id}/export.json").status == 403


def test_what_was_shown_is_what_is_signed(site):
    """A digest of something else is refused, and nothing is signed."""
    opened(site)
    review, ada = review_of(site), site.sign_in("ada")
    send(ada, ada.open(f"{REVIEWS}/{review.id}"), "keep")
    site.peer.keyboard = "ada"
    ada.press(ada.open(f"{REVIEWS}/{review.id}/sign"), "/sign-in")
    refused = ada.post(f"{REVIEWS}/{review.id}/sign", {"digest": "0" * 64})
    assert (refused.status, "has changed since it was shown" in refused.text) == (403, True)
    assert review_of(site).signatures == ()
    unproven = site.sign_in("ada").post(f"{REVIEWS}/{review.id}/sign", {"digest": "0" * 64})
    assert (unproven.status, "fresh sign-in" in unproven.text) == (403, True)


def test_an_auditor_takes_it_along_and_it_holds(site):
    """The JSON is what `review verify` takes; the table has each row, with its signature and entry."""
    opened(site)
    review, ada, lee = review_of(site), site.sign_in("ada"), site.sign_in("lee")
    send(ada, ada.open(f"{REVIEWS}/{review.id}"), "remove", "left")
    sign(site, ada, "ada", review.id)
    shown = lee.open(f"{REVIEWS}/{review.id}/export.json")
    view = msgspec.json.decode(shown.text, type=ReviewView)
    assert json.loads(shown.text)["id"] == review.id
    assert check(view, list(site.office.store.ledger.entries())).wrong == []
    table = list(csv.DictReader(StringIO(lee.open(f"{REVIEWS}/{review.id}/export.csv").text)))
    signed = [each for each in table if each["signed by"] == "ada"]
    assert len(table) == len(review.frozen.rows)
    assert {each["decision"] for each in signed} == {"remove"}
    assert {each["ledger entry"] for each in signed} == {str(view.signatures[0].entry)}
    page = lee.open(f"{REVIEWS}/{review.id}")
    assert "What the removals that are signed come to" in page.text


def test_what_is_removed_is_a_plan_that_a_lead_approves_on_its_page(site):
    """The review leads to it and it to the review; approved by a step-up, the next pass applies exactly that."""
    office = site.office
    office.team = replace(parse(FILE.encode(), "watchbill.yaml"), web=office.team.web)
    pass_made(office)
    first = proposals.waiting(office.store)[0]
    proposals.approve(office.as_("sofia"), first.id)
    pass_made(office)
    opened(site)
    review = review_of(site)
    for name in {row.reviewer for row in review.frozen.rows}:
        browser = site.sign_in(name)
        send(browser, browser.open(f"{REVIEWS}/{review.id}"), "remove" if name == "ada" else "keep", "left")
        sign(site, browser, name, review.id)
    assert review_of(site).is_done
    pass_made(office)
    (row,) = office.store.proposals.of_review(review.id)
    lee, sofia = site.sign_in("lee"), site.sign_in("sofia")
    shown = lee.open(f"{REVIEWS}/{review.id}")
    assert f"/plan/{row.id}" in shown.parsed().links
    page = lee.open(f"{BASE}/plan/{row.id}")
    assert f"/reviews/{review.id}" in page.parsed().links
    assert all(each.digest in page.text for each in review_of(site).signatures)
    site.peer.keyboard = "sofia"
    asked = sofia.press(sofia.open(f"{BASE}/plan/{row.id}/approve"), "/sign-in")
    sofia.press(asked, f"/plan/{row.id}/approve")
    assert pass_made(office).outcomes
    assert "applied</strong>" in lee.open(f"{BASE}/plan/{row.id}").text


def pass_made(office):
    """Make a pass, as the instance that leads does."""
    done = Reconciled()
    bring_in_step(office.as_("watchbill"), done)
    return done


@pytest.mark.parametrize(("most", "looks"), [(100, True), (3, False)])
def test_one_that_is_opened_on_the_page_has_last_uses_where_the_trail_is_short(tmp_path, monkeypatch, most, looks):
    """The same as `review open` finds; of a trail that nobody can wait for it is said that nobody has looked."""
    monkeypatch.setattr("watchbill.web.pages.reviews._EVENTS", most)
    found = [record("ec2:RunInstances", user("james"), after(n), event_id=str(UUID(int=n))) for n in range(6)]
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(found))], team())
    trail = Trail(tmp_path / "lake")
    with pages(tmp_path, trail=trail) as site:
        opened(site)
        rows, work = review_of(site).frozen.rows, site.office.as_("sofia")
        span = span_of(work.at, 90)
        lake = trail.lake(span, 100)
        assert lake is not None
        uses, _ = last_uses(lake, work.team, history_of(work, span), work.at, 90)
        expected = rows_of(work.laid_over(), work.at, (), uses)
    trail.close()
    assert (rows == expected) is looks
    assert [row.person for row in expected if row.last_used] == ["james"]
    if not looks:
        assert {row.use for row in rows} == {"not looked up"}


def test_it_waits_on_the_first_page_and_is_overdue_there(site):
    """For its reviewer that it waits; for auditors that it is overdue, and how much of it."""
    opened(site)
    review = review_of(site)
    assert "Access for you to review" in site.sign_in("ada").open(f"{BASE}/").text
    assert "Overdue:" not in site.sign_in("lee").open(f"{BASE}/").text
    site.office.later(15 * (review.due_at - review.at) / 14)
    assert "rows not signed" in site.sign_in("lee").open(f"{BASE}/").text
    assert "Overdue:" not in site.sign_in("ada").open(f"{BASE}/").text


def test_what_strangers_chose_is_inert_in_a_review(site):
    """In a row, in a reason, on the page that is signed and in a spreadsheet."""
    opened(site)
    review = review_of(site)
    row = site.office.store.reviews.get(review.id)
    for number, text in enumerate(HOSTILE.values()):
        mean = [
            replace(each, permission_set=text, use=text, where=text)
            for each in review.frozen.rows
            if each.person != "ada"
        ]
        payload = msgspec.json.encode(replace(review.frozen, rows=tuple(mean[:2]))) if text.isprintable() else None
        if payload is None:
            continue
        name = f"AR-{number:08x}"
        site.office.store.reviews.add(replace(row, id=name, payload=payload.decode()))
        ada = site.sign_in("ada")
        shown = ada.open(f"{REVIEWS}/{name}")
        send(ada, shown, "remove", text[:400])
        for page in (ada.open(f"{REVIEWS}/{name}"), sign(site, ada, "ada", name)[0]):
            assert "ZQ" in page.text
            tags = page.parsed().tags
            assert not {tag for tag, _ in tags} & {"script", "style", "img", "iframe", "b", "textarea"}
            assert not any(key.startswith("on") for _, given in tags for key in given)
        site.office.later((review.due_at - review.at) / 100)
