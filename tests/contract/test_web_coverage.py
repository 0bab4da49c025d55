"""What could not be seen, over HTTP: the same gaps that the command gives, who nobody knows, and what is stale."""

import json
from datetime import timedelta

import msgspec
import pytest
from tests.hostile import HOSTILE
from tests.lakes import delivery, log, taken_in
from tests.pages import BASE, pages
from tests.teams import PRODUCTION, team
from tests.trails import record, user
from tests.unit.service.desk import NOW

from watchbill.intervals import Interval, iso
from watchbill.lake.place import Lake
from watchbill.service.board import Standing
from watchbill.service.coverage_view import LATELY, coverage_view
from watchbill.service.questions import coverage_of
from watchbill.service.seen import Trail


def hourly(folder, hours):
    """Take in an event of production for each of some hours before now, made by turns by James and a stranger."""
    found = []
    for hour in hours:
        at = NOW - timedelta(hours=hour + 1)
        who = user("james") if hour % 2 else user("stranger")
        found.append(record(event_id=f"e{hour}", at=at, account=PRODUCTION, awsRegion="eu-west-1", userIdentity=who))
    taken_in(folder, [delivery("a.json.gz", log(found)), delivery("b.json.gz", b"\x1f\x8bno")], team(), at=NOW)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages, with a lake that misses some hours and an account."""
    folder = tmp_path_factory.mktemp("pages")
    hourly(folder / "lake", [hour for hour in range(24 * 10) if hour not in range(60, 70)])
    jobs = {"pass": Standing(NOW, None, ("aws",))}
    with pages(folder, trail=Trail(folder / "lake"), jobs=lambda: jobs) as served:
        yield served


def test_it_gives_what_the_command_gives(site):
    """The view of the last seven days, whole, as JSON; each gap on the page."""
    browser, at = site.sign_in("lee"), NOW
    lake = Lake(site.folder / "lake")
    within = Interval(at - LATELY, at)
    found = coverage_view(coverage_of(lake, within, at, site.office.team), within)
    lake.close()
    assert {gap.kind for gap in found.gaps} >= {"account", "hours"}
    shown = browser.open(BASE + "/coverage.json")
    assert json.loads(shown.text) == msgspec.to_builtins(found)
    page = browser.open(BASE + "/coverage").text
    gaps = page.partition('id="gaps"')[2].partition("<h2")[0]
    assert gaps.count("<tr><td>") == len(found.gaps)
    for gap in found.gaps:
        assert gap.why in gaps
        assert f'datetime="{gap.start}"' in gaps
    assert "production (222222222222)" in page or f"({PRODUCTION})" in page


def test_another_span_is_asked_for(site):
    """A span in which all is there but the account that never sends anything; what is no span is refused."""
    browser, start = site.sign_in("lee"), NOW - timedelta(hours=50)
    shown = browser.open(f"{BASE}/coverage.json?from={iso(start)}&to={iso(NOW)}")
    assert {gap["kind"] for gap in json.loads(shown.text)["gaps"]} == {"account"}
    assert browser.once("GET", f"{BASE}/coverage?from={iso(NOW)}&to={iso(NOW)}").status == 400
    assert browser.once("GET", f"{BASE}/coverage?from={iso(NOW - timedelta(days=100))}&to={iso(NOW)}").status == 400


def test_who_nobody_knows_is_named(site):
    """With how often; those who are known are not there; so is what could not be read, and what is stale."""
    page = site.sign_in("lee").open(BASE + "/coverage").text
    unmapped = page.partition('id="unmapped"')[2].partition("<h2")[0]
    assert "stranger" in unmapped
    assert "james" not in unmapped
    events = sum(1 for hour in range(24 * 7) if hour not in range(60, 70) and hour % 2 == 0)
    assert f"<td>{events}</td>" in unmapped
    assert "b.json.gz" in page.partition('id="unread"')[2]
    assert "could not read: aws" in page.partition('id="sources"')[2]


def test_a_viewer_is_turned_away(site):
    """It tells where one could act unseen."""
    assert site.sign_in("ada").once("GET", BASE + "/coverage").status == 403


def test_without_a_trail_it_says_how_to_have_one(tmp_path):
    """Before the first ingest, and where an instance has none."""
    with pages(tmp_path, trail=Trail(tmp_path / "lake")) as served:
        browser = served.sign_in("lee")
        shown = browser.open(BASE + "/coverage")
        assert "There is no trail." in shown.text
        assert "watchbill trail ingest SOURCE" in shown.text
        assert browser.once("GET", BASE + "/coverage.json").status == 404


def test_strings_are_inert(tmp_path):
    """Names of strangers, hosts and objects."""
    found = [
        record(event_id=f"e{n}", at=NOW - timedelta(hours=2), userIdentity=user(words[:60]))
        for n, (name, words) in enumerate(HOSTILE.items())
        if "half" not in name
    ]
    taken_in(
        tmp_path / "lake", [delivery("<b>a.json.gz", log(found)), delivery("<img>", b"\x1f\x8bno")], team(), at=NOW
    )
    with pages(tmp_path, trail=Trail(tmp_path / "lake")) as served:
        shown = served.sign_in("lee").open(BASE + "/coverage")
    assert shown.status == 200
    assert not {tag for tag, _ in shown.parsed().tags} & {"script", "style", "img", "iframe", "b"}
    assert not set(shown.text) & set("\x00\x01\x07\x08\x1b\x7f\x9b\u202e\u2066\u200b\u2028\ufeff\u3164")
