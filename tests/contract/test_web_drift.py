"""What others gave in AWS: kept as passes see it, shown on the access page as of any instant, acknowledged by a lead."""

import csv
import html
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from tests.hostile import HOSTILE
from tests.pages import BASE, pages

from watchbill.access.model import Drift, DriftKind
from watchbill.errors import RefusedError
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.service import drift_seen
from watchbill.service.drift_seen import acknowledge, drift_at, id_of, keep_drift
from watchbill.store.rows import FreezeRow


HOUR = timedelta(hours=1)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"


def on(person, what="others attached a policy", other=ADMIN, kind=DriftKind.ATTACHED):
    """Give something that others did to somebody's user."""
    return Drift("production", f"arn:aws:iam::111111111111:user/watchbill/{person}", what, other, kind)


@pytest.fixture
def site(tmp_path):
    """Serve the pages."""
    with pages(tmp_path) as served:
        yield served


def saw(site, *drift):
    """Have a pass see it, an hour after whatever was before."""
    site.office.later(HOUR)
    keep_drift(site.office.as_("watchbill"), drift)
    return site.office.clock.now()


def seen(site):
    """Give what the ledger has of passes that saw something new."""
    return [entry for entry in site.office.store.ledger.entries() if entry.kind == Kind.DRIFT_SEEN]


def known(site, at=None):
    """Give whose drift is known at an instant, and since when."""
    work = site.office.as_("sofia")
    return {each.person: each.since for each in drift_at(work, work.team, at or work.at)}


def test_what_passes_saw_is_written_when_it_changes(site):
    """The same again is no entry, in whatever order; nothing, at first, neither; what only takes is none of it."""
    saw(site)
    saw(site, on("james", kind=DriftKind.DETACHED))
    assert seen(site) == []
    first = saw(site, on("james"), on("rick"))
    saw(site, on("rick"), on("james"))
    second = saw(site, on("james"))
    third = saw(site)
    assert [len(entry.facts["drift"]) for entry in seen(site)] == [2, 1, 0]
    assert known(site, first - timedelta(seconds=1)) == {}
    assert known(site, first) == {"james": first, "rick": first}
    assert known(site, second) == {"james": first}
    assert known(site, third) == {}
    many = [on("james", other=f"arn:{number:04}") for number in range(501)]
    saw(site, *many)
    saw(site, *many, on("james", other="arn:of one more"))
    assert [(len(each.facts["drift"]), each.facts["count"]) for each in seen(site)[3:]] == [(500, 501), (500, 502)]


def test_what_stands_long_is_not_read_whole_each_time(site, monkeypatch):
    """Since when it is there is known of the entry before: however many passes saw something new, a few are read."""
    first = saw(site, on("james"))
    for number in range(150):
        saw(site, on("james"), on("rick", other=f"arn:{number}"))
    assert known(site)["james"] == first
    read = []
    found = type(site.office.store.ledger).found

    def counted(self, sought):
        for entry in found(self, sought):
            read.append(entry.number)
            yield entry

    monkeypatch.setattr(type(site.office.store.ledger), "found", counted)
    assert known(site)["james"] == first
    again = saw(site, on("james"), on("rick"))
    assert known(site) == {"james": first, "rick": again}
    assert len(read) <= 4


def test_what_others_let_go_of_meanwhile_is_found_again(site, monkeypatch):
    """Requests are answered side by side: another may let go of all that is remembered between a look and the next."""

    class Forgets(dict[str, Any]):
        def __contains__(self, key):
            found = super().__contains__(key)
            self.clear()
            return found

    monkeypatch.setattr(drift_seen, "_SINCE", Forgets())
    at = saw(site, on("james"))
    for _ in range(2):
        assert known(site) == {"james": at}


@pytest.mark.parametrize(
    ("kind", "other", "gives"),
    [
        (DriftKind.TRUST, None, True),
        (DriftKind.DOCUMENT, "arn:aws:iam::111111111111:policy/watchbill/set-prod-1", True),
        (DriftKind.BOUNDARY, None, True),
        (DriftKind.DETACHED, "arn:aws:iam::111111111111:policy/watchbill/fence-oncall-platform-1", True),
        (DriftKind.MISSING, "arn:aws:iam::111111111111:policy/watchbill/gate-oncall-platform-1", True),
        (DriftKind.DETACHED, "arn:aws:iam::111111111111:policy/watchbill/set-prod-1", False),
        (DriftKind.MISSING, None, False),
        (DriftKind.LEFT, "developers", False),
    ],
)
def test_what_may_give_is_seen_however_it_does(site, kind, other, gives):
    """A role that trusts others, a document that says something else, a fence that is gone: not an attachment alone."""
    role = "arn:aws:iam::111111111111:role/watchbill/oncall-platform"
    at = saw(site, Drift("production", role, "others were at it", other, kind))
    assert (known(site) == {role: at}) is gives


def test_the_page_tells_of_it_as_of_the_instant(site):
    """By word, beside the person and in a list; whoever may see themselves alone sees their own."""
    first = saw(site, on("james"), on("ada", "another policy"))
    saw(site, on("ada", "another policy"))
    lee = site.sign_in("lee")
    then = lee.open(f"{BASE}/access?at={iso(first)}").text.partition('id="drift"')[2]
    assert "james" in then
    assert "another policy" in then
    now = lee.open(f"{BASE}/access")
    assert "james" not in now.text.partition('id="drift"')[2]
    assert '<a href="#drift"><strong class="warn">drift</strong></a>' in now.text
    saw(site, on("james"), on("ada", "another policy"))
    ada = site.sign_in("ada").open(f"{BASE}/access").text.partition('id="drift"')[2]
    assert "another policy" in ada
    assert "james" not in ada


def joined(person, group="job-security"):
    """Give that others put somebody into a group, which gives what it gives."""
    return on(person, f"user {person} was put into {group}", group, DriftKind.JOINED)


def cell_of(page, person, place="audit"):
    """Give the words and the class of a cell of the matrix."""
    row = next(each for each in page.text.split("<tr>") if f'href="/people/{person}"' in each)
    cell = next(each for each in row.split("<td")[1:] if f"set={place}&#34;" in each or f'set={place}"' in each)
    (kind,) = re.findall(r'class="cell ([^"]*)"', cell)
    return html.unescape(re.sub(r"<[^>]+>", " ", f"<td{cell}")).split(), kind


def test_a_cell_says_drift_by_a_word_where_others_gave_it(site):
    """As of the instant; beside what the file gives; in what programs read; and a viewer sees their own alone."""
    first = saw(site, joined("james"), joined("sofia", "job-support"))
    saw(site)
    lee, was = site.sign_in("lee"), f"at={iso(first)}"
    page = lee.open(f"{BASE}/access?{was}")
    assert cell_of(page, "james") == (["!", "drift"], "drift")
    assert cell_of(page, "sofia") == (["\u25a0", "job"], "held")
    assert cell_of(page, "sofia", "support") == (["!", "drift"], "drift")
    assert "!&#160;</span>drift" not in lee.open(f"{BASE}/access?at={iso(first - HOUR)}").text
    assert "set=audit" in page.text.partition("</thead>")[0]
    told = json.loads(lee.open(f"{BASE}/access.json?{was}&person=james&set=audit").text)["cells"]
    arn = "arn:aws:iam::111111111111:user/watchbill/james"
    assert told == [
        {
            "person": "james",
            "account": "production",
            "permission_set": "audit",
            "standing": "drift",
            "by": ["drift"],
            "why": ["user james was put into job-security"],
            "until": [None],
            "where": [arn],
            "organization": "",
        }
    ]
    (line,) = csv.DictReader(io.StringIO(lee.open(f"{BASE}/access.csv?{was}&person=james&set=audit").text))
    assert (line["standing"], line["by"], line["where"]) == ("drift", "drift", arn)
    why = lee.open(f"{BASE}/access/explain?{was}&person=james&account=production&set=audit").text
    assert "Yes, by drift alone." in why
    assert "user james was put into job-security" in why
    compared = lee.open(f"{BASE}/access/compare?from={iso(first - HOUR)}&to={iso(first)}&set=audit").text
    assert re.search(r"james</th><td>production</td><td>audit</td>\s*<td><strong class=\"good\">\+ gains", compared)
    ada = site.sign_in("ada")
    assert json.loads(ada.open(f"{BASE}/access.json?{was}&set=audit").text)["cells"] == []


def test_who_is_frozen_has_nothing_by_drift(site):
    """The cell says frozen first, and what it would be else."""
    at = saw(site, joined("james"))
    site.office.store.freezes.add(FreezeRow("F-1", "james", at, None, None, "{}"))
    page = site.sign_in("lee").open(f"{BASE}/access")
    assert cell_of(page, "james") == (["\u2715", "frozen", "else", "drift"], "frozen")


def test_a_lead_acknowledges_it_with_a_reason(site):
    """Once, in the ledger; not whoever gains by it, not who is no lead, and not for what comes back later."""
    saw(site, on("james"), on("sofia"))
    james, own = id_of(on("james")), id_of(on("sofia"))
    sofia = site.sign_in("sofia")
    assert sofia.post(f"{BASE}/access/drift", {"drift": own, "reason": "mine"}).status == 403
    assert sofia.post(f"{BASE}/access/drift", {"drift": james, "reason": " "}).status in (400, 403)
    assert sofia.post(f"{BASE}/access/drift", {"drift": "D-" + "0" * 16, "reason": "r"}).status == 404
    assert site.sign_in("priya").post(f"{BASE}/access/drift", {"drift": james, "reason": "r"}).status == 403
    form = sofia.open(f"{BASE}/access").parsed().forms
    offered = {each.fields.get("drift") for each in form if each.action == "/access/drift"}
    assert offered == {james}
    shown = sofia.post(f"{BASE}/access/drift", {"drift": james, "reason": "a migration"})
    assert "a migration" in shown.text
    sofia.post(f"{BASE}/access/drift", {"drift": james, "reason": "again"})
    entries = [each for each in site.office.store.ledger.entries() if each.kind == Kind.DRIFT_ACKNOWLEDGED]
    assert [(each.actor, each.subject, each.facts["reason"]) for each in entries] == [("sofia", james, "a migration")]
    saw(site)
    saw(site, on("james"))
    (back,) = drift_at(site.office.as_("lee"), site.office.team, site.office.clock.now())
    assert back.acknowledged is None
    with pytest.raises(RefusedError, match="is no lead"):
        acknowledge(site.office.as_("rick"), james, "r")


def test_who_has_a_part_in_it_does_not_acknowledge_it(site):
    """A policy that others attached to a group is about all who are in it: a lead among them is offered nothing."""
    arn = "arn:aws:iam::111111111111:group/watchbill/job-developers"
    found = Drift("production", arn, "others attached a policy", ADMIN, people=("james", "sofia"))
    saw(site, found)
    sofia = site.sign_in("sofia")
    page = sofia.open(f"{BASE}/access")
    assert "others attached a policy" in page.text
    assert not [each for each in page.parsed().forms if each.action == "/access/drift"]
    assert sofia.post(f"{BASE}/access/drift", {"drift": id_of(found), "reason": "mine"}).status == 403
    with pytest.raises(RefusedError, match="`sofia` gains by it"):
        acknowledge(site.office.as_("sofia"), id_of(found), "mine")


def test_names_that_strangers_chose_are_inert_in_drift(site):
    """A policy and a user may be called whatever AWS lets them be, and more."""
    texts = [each for each in HOSTILE.values() if each.isprintable() and "ZQ" in each]
    saw(site, *(Drift("production", text, text, text, DriftKind.INLINE) for text in texts))
    shown = site.sign_in("lee").open(f"{BASE}/access")
    assert "ZQ" in shown.text
    tags = shown.parsed().tags
    assert not {tag for tag, _ in tags} & {"script", "style", "img", "iframe", "b", "textarea"}
    assert not any(key.startswith("on") for _, given in tags for key in given)
