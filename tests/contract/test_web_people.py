"""One person's page over HTTP: whose it is, what it says, who looked, and that nothing of a stranger's is obeyed in it."""

import gzip
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.hostile import HOSTILE
from tests.lakes import delivery, log, taken_in
from tests.pages import BASE, certified, pages
from tests.teams import DAY, MONDAY, team
from tests.trails import after, record, user

from watchbill.access.organization import Organization
from watchbill.intervals import Interval, iso
from watchbill.ledger.chain import verify
from watchbill.ledger.model import Kind, State
from watchbill.service.as_read import keep_organization
from watchbill.service.person import Lane
from watchbill.service.seen import Trail
from watchbill.store.rows import FreezeRow


SPAN = "from=2026-01-12&to=2026-01-19"
JAMES, ADA = f"{BASE}/people/james?{SPAN}", f"{BASE}/people/ada?{SPAN}"
ACTIONS = ("ec2:DescribeInstances", "rds:RebootDBInstance", "iam:CreateUser", "sts:GetCallerIdentity")


def made(count, name="james", every=1.1, **more):
    """Make records around the clock."""
    return [
        record(ACTIONS[n % 4], user(name), after(n * every), event_id=str(UUID(int=n)), **more) for n in range(count)
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages beside a lake."""
    folder = tmp_path_factory.mktemp("pages")
    taken_in(folder / "lake", [delivery("a.json.gz", log(made(120)))], team())
    with pages(folder, trail=Trail(folder / "lake")) as served:
        yield served


@pytest.fixture(scope="module")
def lee(site):
    """Give the browser of an auditor: one address may sign in only so often."""
    return site.sign_in("lee")


def texts(shown, part):
    """Give the rows of the table of a part of the page."""
    table = shown.text.partition(f'id="{part}"')[2].partition("</table>")[0]
    return [row.partition("</tr>")[0] for row in table.split("<tr>")[1:] if "<td" in row]


def entries(site, person):
    """Give who looked at somebody."""
    found = site.office.store.ledger.entries()
    return [(each.actor, each.subject) for each in found if (each.kind, each.subject) == (Kind.PERSON_SEEN, person)]


def test_the_page_says_what_the_read_model_says(site, lee):
    """The counts, and what was outside first, with the right and why."""
    shown = lee.open(JAMES)
    assert shown.status == 200
    seen = site.site.trail.seen(site.office.as_("lee"), "james", Interval(MONDAY, MONDAY + 7 * DAY))
    counts = seen.counts()
    assert counts[Lane.OUTSIDE] >= 50
    assert f"{counts[Lane.OUTSIDE]} of {sum(counts.values())} events were outside" in shown.text
    rows = texts(shown, "events")
    assert len(rows) == 50
    for row, done in zip(rows, seen.listed(0, 50), strict=True):
        assert f'datetime="{iso(done.at)}"' in row
        assert done.what in row
        assert f"{done.right}: " in row
        assert f">{done.lane}<" in row
    assert len(texts(shown, "sittings")) > 5
    assert texts(shown, "shifts")
    for lane in (Lane.WITHIN, Lane.OUTSIDE, Lane.FAILED):
        assert f">{lane}</text>" in shown.text


def test_pages_of_the_list_hold_every_event_once(lee):
    """By the links that the page gives."""
    shown, found = lee.open(JAMES), []
    while True:
        found += texts(shown, "events")
        following = [link for link in shown.parsed().links if link.endswith("#events") and "Next page" in shown.text]
        if "Next page" not in shown.text:
            break
        shown = lee.open(BASE + following[-1].replace("&amp;", "&").removesuffix("#events"))
    assert len(found) == len(set(found)) == 120


def test_a_viewer_sees_their_own_page_alone(site):
    """Somebody else's is for auditors, whose look is written down; one's own is not."""
    browser = site.sign_in("ada")
    assert browser.open(ADA).status == 200
    assert "(you)" in browser.open(ADA).text
    refused = browser.open(JAMES)
    assert refused.status == 403
    assert "that is about somebody else" in refused.text
    assert "rds:" not in refused.text
    assert browser.open(f"{BASE}/people").status == 403
    assert ("ada", "james") not in entries(site, "james")
    assert entries(site, "ada") == []


def test_who_looked_is_in_the_ledger_once_an_hour(tmp_path):
    """Once for each reader, person and hour, whatever they click on; the chain holds."""
    with pages(tmp_path) as served:
        lee, priya = served.sign_in("lee"), served.sign_in("priya")
        for _ in range(3):
            assert lee.open(JAMES).status == 200
        assert lee.open(f"{BASE}/people/james?from=2026-01-13").status == 200
        priya.open(JAMES)
        lee.open(f"{BASE}/people/rick")
        assert entries(served, "james") == [("lee", "james"), ("priya", "james")]
        assert entries(served, "rick") == [("lee", "rick")]
        served.office.later(timedelta(minutes=20))
        lee.open(JAMES)
        assert len(entries(served, "james")) == 2
        # Of the next hour, by the clock.
        for _ in range(3):
            served.office.later(timedelta(minutes=20))
            lee.open(JAMES)
        assert [who for who, _ in entries(served, "james")] == ["lee", "priya", "lee"]
        assert verify(served.office.store.ledger.entries()).state is State.INTACT


def test_their_own_page_tells_nobody_of_a_case_about_them(tmp_path):
    """They are told what they are asked, and see the answer; that there is a case is for others."""
    with pages(tmp_path) as served:
        served.peer.users["james"].groups.append("viewers")
        served.link()
        own, other = served.sign_in("james").open(JAMES), served.sign_in("lee").open(JAMES)
        assert "/open/C-late" in other.text
        assert "/open/" not in own.text
        assert 'id="cases"' not in own.text
        for shown in (own, other):
            assert "<strong>asked</strong>" in shown.text


def test_it_is_said_as_of_when_the_organization_was_read(tmp_path):
    """By which their events are judged; nothing where the team file names none."""
    made = Organization("o-1", "999999999999", {}, {}, {}, frozenset())
    with pages(tmp_path) as served:
        office = served.office
        browser = served.sign_in("lee")
        assert "organization" not in browser.open(JAMES).text
        office.team = replace(office.team, organization="production")
        keep_organization(office.store, office.team, made, MONDAY, "sofia")
        said = browser.open(JAMES).text
    assert (
        "Taken to be so: organization policies are taken as read, first so at 2026-01-12T00:00:00Z, "
        "last at 2026-01-12T00:00:00Z by sofia."
    ) in said


def test_a_freeze_is_said_and_what_was_done_in_it_is_outside(tmp_path):
    """In words and in the picture."""
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(made(20)))], team())
    with pages(tmp_path, trail=Trail(tmp_path / "lake")) as served:
        served.office.store.freezes.add(FreezeRow("F-1", "james", MONDAY, MONDAY + DAY, "C-late", "{}"))
        shown = served.sign_in("lee").open(JAMES)
        assert "frozen: james was frozen" in shown.text
        assert 'class="frozen"' in shown.text
        assert "F-1: frozen" in shown.text


def test_without_a_trail_the_page_teaches_the_command(tmp_path):
    """Nothing is known, which is not the same as nothing was done."""
    with pages(tmp_path) as served:
        shown = served.sign_in("lee").open(JAMES)
        assert shown.status == 200
        assert "watchbill trail ingest SOURCE" in shown.text
        assert "Nothing is recorded" not in shown.text


def test_how_far_the_trail_is_complete_is_said(tmp_path):
    """And hatched in the picture, from there up to now: what came after it may still come."""
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(made(20)))], team())
    with pages(tmp_path, trail=Trail(tmp_path / "lake")) as served:
        shown = served.sign_in("lee").open(JAMES)
    assert 'Data complete to <time datetime="2026-01-12T20:54:00Z">' in shown.text
    assert 'class="late"' in shown.text


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("from=2026-01-12&to=2026-01-12T00:30", 400),
        ("from=2026-01-12&to=2026-05-12", 400),
        ("from=tomorrow", 400),
        ("from=2026-01-12&page=0", 400),
        ("zone=Mars/Olympus", 400),
        ("from=2026-01-12T00:00&to=2026-01-12T01:00", 200),
        ("from=2026-01-12&to=2026-04-12&zone=Europe/London", 200),
        ("page=999", 200),
        ("to=0001-01-02", 400),
    ],
)
def test_spans_are_of_an_hour_to_ninety_days(lee, asked, status):
    """What an address asks wrong is said, with what to write; the clocks may change in ninety days."""
    assert lee.open(f"{BASE}/people/james?{asked}").status == status


@pytest.mark.parametrize("hours", [1, 6, 24, 7 * 24, 30 * 24, 90 * 24])
def test_every_tick_of_the_picture_leads_to_a_page(lee, hours):
    """Whatever the span: days lead to days, hours to hours, and what is too short for a page leads nowhere."""
    end = MONDAY + 7 * DAY
    shown = lee.open(f"{BASE}/people/james?from={iso(end - timedelta(hours=hours))}&to={iso(end)}&zone=Asia/Kolkata")
    assert shown.status == 200
    picture = shown.text.partition("<svg xmlns=")[2].partition("</svg>")[0]
    assert 'class="tick"' in picture
    links = [part.partition('"')[0].replace("&amp;", "&") for part in picture.split('href="')[1:]]
    assert bool(links) is (hours > 3)
    assert {lee.open(BASE + link).status for link in (*links[:1], *links[-1:])} <= {200}


def test_whom_nobody_knows_has_no_page(site, lee):
    """A name that was typed wrong is no empty page; who has left and is held to something has one."""
    assert lee.open(f"{BASE}/people/nobody").status == 404
    before = site.office.team
    site.office.team = replace(before, people={n: p for n, p in before.people.items() if n != "james"})
    try:
        shown = lee.open(JAMES)
    finally:
        site.office.team = before
    assert "In the team file no more." in shown.text


def test_people_are_found_by_name(lee):
    """Whoever may see everybody has a list of them."""
    shown = lee.open(f"{BASE}/people?q=JAM")
    assert [link for link in shown.parsed().links if link.startswith("/people/")] == ["/people/james"]
    assert "Nobody of that name" in lee.open(f"{BASE}/people?q=%3Cscript%3E").text


def test_strings_of_a_trail_are_inert(tmp_path):
    """Whatever a record says, as its name, its source, its region, or what went wrong."""
    odd = []
    for number, words in enumerate(each for name, each in HOSTILE.items() if "megabyte" not in name):
        made_up = record("ec2:DescribeInstances", user("james"), after(3 + number), event_id=f"odd-{number}")
        odd.append(made_up | {"eventName": words, "eventSource": words, "awsRegion": words, "errorCode": words})
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(odd))], team())
    with pages(tmp_path, trail=Trail(tmp_path / "lake")) as served:
        shown = served.sign_in("lee").open(JAMES)
    assert shown.status == 200
    assert len(texts(shown, "events")) == len(odd) > 20
    tags = shown.parsed().tags
    assert not {tag for tag, _ in tags} & {"script", "style", "img", "iframe", "b"}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    assert not set(shown.text) & set("\x00\x01\x07\x08\x1b\x7f\x9b\u202e\u2066\u200b\u2028\ufeff\u3164")


def test_five_thousand_events_are_less_than_sixty_kilobytes(tmp_path):
    """Compressed, as a proxy sends it; what lies closer together than a picture shows is one mark."""
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(made(5000, every=0.03)))], team())
    with pages(tmp_path, trail=Trail(tmp_path / "lake")) as served:
        shown = served.sign_in("lee").open(JAMES)
    assert "of 5000 events" in shown.text
    assert len(gzip.compress(shown.text.encode())) < 60_000


def test_certificates_are_fetched_where_they_are_listed(site, lee):
    """By whom they are for, and auditors; what no host takes any more is neither listed nor given."""
    office, before = site.office, site.office.team
    try:
        facts = certified(office, "james")
        gone = {**facts, "serial": "78", "principals": [":james@20260101000000Z-20270101000000Z/0"]}
        office.store.ledger.record(
            at=office.clock.now(), kind=Kind.CERTIFICATE_SIGNED, actor="watchbill", subject="james", facts=gone
        )
        (row,) = texts(lee.open(JAMES), "certificates")
        assert "bastion" in row
        got = lee.once("GET", f"{BASE}/people/james/certificates/77")
        assert (got.status, got.text) == (200, "ssh-ed25519-cert-v01@openssh.com AAAA\n")
        assert got.headers["content-disposition"].endswith('-77-cert.pub"')
        assert lee.once("GET", f"{BASE}/people/james/certificates/78").status == 404
        assert lee.once("GET", f"{BASE}/people/ada/certificates/77").status == 404
        assert 'id="certificates"' not in lee.open(ADA).text
    finally:
        office.team = before
