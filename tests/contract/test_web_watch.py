"""Who is on watch, for whoever signed in; for other calendars; and a swap, planned before it is asked for: over HTTP."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from tests.hostile import HOSTILE
from tests.pages import BASE, pages
from tests.teams import MONDAY, person, rota

from watchbill.intervals import Interval, iso
from watchbill.respond.requests import Swap
from watchbill.schedule.calendars.read import read_calendar
from watchbill.service.approved import wanted_of
from watchbill.service.watching import handoffs, on_call, whole_shifts
from watchbill.store.rows import Asked


DAY = timedelta(days=1)
TUESDAY = MONDAY + DAY
WEEK = f"{BASE}/watch?from=2026-01-12&days=7"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages."""
    with pages(tmp_path_factory.mktemp("pages")) as served:
        yield served


@pytest.fixture(scope="module")
def ada(site):
    """Give the browser of a viewer, who is on the rota."""
    return site.sign_in("ada")


def cells(shown):
    """Give the rows of the table of shifts, as texts."""
    table = shown.text.partition('id="shifts"')[2].partition("</table>")[0]
    rows = [part.partition("</tr>")[0] for part in table.split("<tr>")[1:]]
    return [row for row in rows if "<td" in row]


def test_the_page_says_what_the_command_says(site, ada):
    """Every shift of the span with what it gives, and nothing else."""
    within = Interval(MONDAY, MONDAY + 7 * DAY)
    found, missing = on_call(site.office.team, within, None)
    shown = ada.open(WEEK)
    assert shown.status == 200
    rows = cells(shown)
    assert len(rows) == len(found) + len(missing) > 20
    for shift in found:
        begins = f'<td><time datetime="{iso(shift.interval.start)}"'
        mine = [row for row in rows if row.startswith(begins) and f">{shift.source}<" in row]
        assert len(mine) == 1, shift
        assert shift.person in mine[0]
        assert ">prod-oncall in production<" in mine[0]
        assert "gives prod-oncall in production</title>" in shown.text
    assert shown.text.count('class="primary"') >= len(found)
    said = [f'"{iso(each.at)}"' for each in handoffs(found, within)]
    listed = shown.text.partition('id="handoffs"')[2].partition("</table>")[0]
    assert said
    assert all(each in listed for each in said)


def test_a_gap_is_named_in_words(site, ada):
    """Where somebody is away and nobody stands in, the table and the summary say so."""
    before = site.office.team
    gone = replace(rota(), layers=rota().layers[:2])
    site.office.team = replace(before, rotas={"platform": gone})
    try:
        shown = ada.open(WEEK)
    finally:
        site.office.team = before
    assert "gap: too few" in shown.text
    assert "Too few people are on call in" in shown.text
    assert "There is no gap." in ada.open(WEEK).text


def test_days_go_by_the_clock_of_the_zone_that_is_asked_for(ada):
    """Midnight in Los Angeles is eight in UTC; every time keeps its instant beside it."""
    shown = ada.open(f"{WEEK}&zone=America/Los_Angeles")
    assert '<time datetime="2026-01-12T08:00:00Z">Mon 2026-01-12 00:00 PST</time>' in shown.text
    assert "no time zone" in ada.open(f"{WEEK}&zone=Europe/Atlantis").text


@pytest.mark.parametrize(
    "asked", ["from=yesterday", "from=9999-12-31", "days=0", "days=93", "from=0001-01-01&zone=Asia/Tokyo", "rota=nope"]
)
def test_what_is_asked_wrong_is_said_and_breaks_nothing(ada, asked):
    """An address is typed by hand: 400 or 404, and what to write instead."""
    shown = ada.open(f"{BASE}/watch?{asked}")
    assert shown.status in (400, 404)
    assert "<h1>This is not shown</h1>" in shown.text


def test_another_calendar_reads_the_shifts_of_a_person(site, ada):
    """Each whole, with its person alone, as `oncall export` writes them."""
    shown = ada.open(f"{BASE}/watch.ics?person=james")
    assert shown.headers["content-type"].startswith("text/calendar")
    now = site.office.clock.now()
    within = Interval(now.replace(hour=0, minute=0, second=0), now + timedelta(weeks=13))
    mine = [shift for shift in whole_shifts(site.office.team, within, None) if shift.person == "james"]
    assert shown.text.count("BEGIN:VEVENT") == len(mine) > 3
    read = read_calendar(shown.text.encode(), within, "watch.ics")
    assert len(read.entries) == len(mine)
    assert ada.open(f"{BASE}/watch.ics?person=nobody").status == 404
    assert ada.open(f"{BASE}/watch.ics?rota=nothing").status == 404


def planned(other="rick", **more):
    """Give the address of a swap."""
    asked = {"other": other, "from": "2026-01-19T11:00:00Z", "to": "2026-01-20T11:00:00Z", "reason": "dentist"}
    return f"{BASE}/watch/swap?{urlencode(asked | more)}"


def test_a_swap_shows_its_plan_and_writes_nothing_until_it_is_asked_for(tmp_path):
    """Who gains and loses what, by looking; then a request, as Slack makes it, that the other one decides."""
    with pages(tmp_path) as served:
        browser, store = served.sign_in("ada"), served.office.store
        entries = len(list(store.ledger.entries()))
        shown = browser.open(planned(rota="platform"))
        assert shown.status == 200
        assert "gains: rick: prod-oncall in production" in shown.text
        assert "loses: ada: prod-oncall in production" in shown.text
        assert not store.requests.all()
        assert len(list(store.ledger.entries())) == entries
        done = browser.press(shown, "/watch/swap")
        (row,) = store.requests.all(Asked.WAITING)
        assert row.id in done.text
        assert "It waits for rick" in done.text
        wanted = wanted_of(row)
        assert isinstance(wanted, Swap)
        assert (row.person, wanted.people, wanted.reason) == ("ada", ("ada", "rick"), "dentist")
        assert {notice.to for notice in store.outbox.of_case(row.id)} >= {"rick"}
        # The same form again, as by a browser that is told to load anew, is the same request.
        browser.press(shown, "/watch/swap")
        assert [each.id for each in store.requests.all()] == [row.id]


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"other": "nobody"}, 404, "no person"),
        ({"other": "ada"}, 403, "two people"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, 403, "over"),
        ({"to": "2026-03-20T11:00:00Z"}, 400, "span"),
        ({"reason": ""}, 403, "why"),
    ],
)
def test_a_swap_that_cannot_be_is_said_with_its_plan(ada, more, status, said):
    """What `/watch swap` refuses, the page refuses in the same words."""
    shown = ada.open(planned(**more))
    assert shown.status == status
    assert said in shown.text


def test_strangers_names_are_shown_inert(site, ada):
    """A name of the file is text, wherever it stands: in the picture, the table, the form."""
    before = site.office.team
    for name in HOSTILE.values():
        made = replace(person("ada"), full_name=name)
        odd = replace(rota().layers[0], name=name)
        site.office.team = replace(
            before,
            people={**before.people, "rick": replace(before.people["rick"], full_name=name), "ada": made},
            rotas={"platform": replace(rota(), layers=(odd, *rota().layers[1:]))},
        )
        try:
            shown = ada.open(WEEK)
        finally:
            site.office.team = before
        assert shown.status == 200
        tags = {tag for tag, _ in shown.parsed().tags}
        assert not tags & {"script", "style", "img", "iframe"}
        assert "\x1b" not in shown.text
        assert "\u202e" not in shown.text
