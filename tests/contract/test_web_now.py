"""The first page over HTTP: to each what is theirs to see, and that nothing that goes on is missing for those who may."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from tests.hostile import HOSTILE
from tests.lakes import delivery, log, taken_in
from tests.pages import BASE, pages
from tests.teams import DAY, HERE, MONDAY, grant, layer, rota, team, with_rota
from tests.trails import after, record, user
from tests.unit.service.desk import CASES, NOW

from watchbill.access.compile import horizon_of
from watchbill.access.entitlements import windows
from watchbill.alerts.gaps import gap_cases
from watchbill.alerts.plain import view
from watchbill.intervals import Interval, iso
from watchbill.ledger.model import Kind
from watchbill.schedule.oncall import Schedule, shifts
from watchbill.service import requests
from watchbill.service.board import Standing
from watchbill.service.now import live, on_watch
from watchbill.service.seen import Trail
from watchbill.store.rows import CaseRow, FreezeRow, TryRow
from watchbill.team.model import Kind as Duty
from watchbill.team.model import Override, Rotation, Turn
from watchbill.trail.coverage import Gap, GapKind
from watchbill.web.pages.now import said_length


HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Serve the pages, with something of everything going on."""
    folder = tmp_path_factory.mktemp("pages")
    found = [record("ec2:DescribeInstances", user("james"), after(n), event_id=str(n)) for n in range(20)]
    taken_in(folder / "lake", [delivery("a.json.gz", log(found))], team())
    jobs = {"pass": Standing(NOW, None, ("aws",)), "outbox": Standing(NOW), "due": Standing()}
    with pages(folder, trail=Trail(folder / "lake"), jobs=lambda: jobs) as served:
        store = served.office.store
        served.link()
        store.freezes.add(FreezeRow("F-1", "rick", NOW - HOUR, None, "C-late", "{}"))
        gap = Gap(GapKind.ACCOUNT, "222222222222", None, None, Interval(MONDAY, MONDAY + DAY), "no file at all")
        (missing,) = map(view, gap_cases([gap]))
        payload = msgspec.json.encode(missing).decode()
        store.cases.put(CaseRow(missing.id, NOW, NOW, "open", missing.severity, None, "", payload))
        requests.ask_access(served.office.as_("ada"), "prod-oncall", HOUR, (), "a look", "k")
        facts = {"team": "d", "changes": 3, "failed": 1}
        served.office.as_("sofia").record(Kind.PLAN_APPLIED, "P-1", facts)
        yield served


def part(shown, name):
    """Give a part of the page."""
    return shown.text.partition(f'id="{name}"')[2].partition("<h2")[0]


def test_nobody_is_told_anything(site):
    """Whoever is not signed in sees where to."""
    shown = site.browser().open(f"{BASE}/")
    assert shown.parsed().links == ["#main", "/", "/sign-in"] or "/sign-in" in shown.parsed().links
    assert "platform" not in shown.text


def test_whoever_has_no_role_sees_what_is_asked_of_them_alone(site):
    """James was asked, and has no group that gives a role."""
    shown = site.sign_in("james").open(f"{BASE}/")
    assert "/confirm/C-late" in part(shown, "asked")
    for name in ("watch", "cases", "frozen", "live", "sources", "horizon"):
        assert f'id="{name}"' not in shown.text


def test_a_viewer_sees_who_is_on_call_besides(site):
    """And nothing of cases, of access, of anybody who is frozen."""
    shown = site.sign_in("ada").open(f"{BASE}/")
    assert "Nothing is asked of you." in part(shown, "asked")
    assert part(shown, "watch")
    assert 'href="/people/ada"' in shown.text
    for name in ("cases", "frozen", "live", "sources", "horizon"):
        assert f'id="{name}"' not in shown.text
    assert "C-late" not in shown.text
    assert "F-1" not in shown.text


def test_an_auditor_sees_all_that_goes_on(site):
    """Cases by how grave and how old, who is frozen, what is held, sources and gaps, and how far AWS is written."""
    shown = site.sign_in("lee").open(f"{BASE}/")
    assert shown.status == 200
    cases = part(shown, "cases")
    order = sorted(CASES.values(), key=lambda c: (("critical", "high", "medium", "low").index(c.severity), c.id))
    told = [cases.index(f"/open/{each.id}") for each in order]
    assert told == sorted(told)
    assert "rick</strong> since" in part(shown, "frozen")
    assert "R-" in part(shown, "live")
    sources = part(shown, "sources")
    assert "complete to then, and nothing is recorded since" in sources
    assert "no: could not read: aws" in sources
    assert "job outbox" in sources
    assert "job due" not in sources
    assert "nothing recorded of account 222222222222" in sources
    horizon = part(shown, "horizon")
    assert "1 of its changes failed" in horizon
    assert "platform" in horizon
    ends = horizon_of(site.office.team.rotas["platform"], NOW).end
    assert f"{said_length(ends - site.office.clock.now())} left" in horizon


def test_nobody_sees_a_case_about_themselves_in_the_list(site):
    """Its subject is told what they are asked, whatever their role."""
    subject = next(each for each in CASES.values() if each.person is not None)
    row = site.office.store.cases.get(subject.id)
    site.office.store.cases.put(replace(row, person="lee"))
    try:
        shown = site.sign_in("lee").open(f"{BASE}/")
    finally:
        site.office.store.cases.put(row)
    assert f"/open/{subject.id}" not in part(shown, "cases")
    assert f"/open/{subject.id}" in part(site.sign_in("lee").open(f"{BASE}/"), "cases")


def test_what_is_held_now_is_what_the_windows_say(site):
    """By entitlement: on call and granted, those who are frozen left out, each with when it ends."""
    given = (grant("g1", "ada", (20, 40)), grant("g2", "ada", (40, 60)), grant("g3", "rick", (20, 40)))
    base = replace(team(), grants=given)
    work = replace(site.office.as_("lee"), team=base)
    found = {(each.person, each.permission_set, each.until) for each in live(work, base)}
    wide = Interval(NOW - 5 * DAY, NOW + 5 * DAY)
    expected = {
        (each.person, each.permission_set, each.interval.end)
        for each in windows(base, wide)
        if each.interval is not None and NOW in each.interval and each.person != "rick"
    }
    assert found == expected
    assert len(found) == 2


def test_the_next_handoff_is_the_first_instant_at_which_somebody_else_is_on_call():
    """Every quarter of an hour of a week: who is on, until when, and who then, by asking the schedule step by step."""
    short = with_rota(team(), rota(layer("day", "Europe/London", 9, 17, ("rick", "ada"))))
    for base in (team(), short):
        schedule = Schedule(base.rotas["platform"])

        def on(at, schedule=schedule):
            return tuple(sorted(duty.person for duty in schedule.on_call(at)))

        for step in range(0, 7 * 24, 5):
            at = MONDAY + step * HOUR
            (told,) = on_watch(base, at)
            assert tuple(sorted(told.people)) == on(at)
            assert told.until is not None
            assert told.following == on(told.until) != on(at)
            quarters = (told.until - at) // timedelta(minutes=15)
            assert {on(at + n * timedelta(minutes=15)) for n in range(quarters)} == {on(at)}


def test_who_takes_over_from_themselves_hands_over_later():
    """A shift that ends where another of the same person begins is no handoff, however near it is."""
    days = layer("all", "UTC", 0, 0, ("rick", "ada"))
    assert isinstance(days.pattern, Rotation)
    turns = replace(days.pattern, turn=Turn(1, "d"))
    (first, *_) = shifts(rota(replace(days, pattern=turns)), Interval(MONDAY, MONDAY + 9 * DAY))
    again = Override(
        "sw", Duty.PRIMARY, Interval(MONDAY + DAY, MONDAY + 2 * DAY), "rick", None, "a favour", "ada", HERE
    )
    base = with_rota(team(), rota(replace(days, pattern=turns), overrides=(again,)))
    (told,) = on_watch(base, MONDAY + HOUR)
    assert (first.person, told.people) == ("rick", ("rick",))
    held = [s for s in shifts(base.rotas["platform"], Interval(MONDAY, MONDAY + 9 * DAY)) if s.person != "rick"]
    assert told.until == min(shift.interval.start for shift in held) > MONDAY + 2 * DAY
    assert told.following == ("ada",)


def test_a_watch_that_nobody_hands_over_has_no_next():
    """One member, around the clock: they hand over to themselves."""
    alone = with_rota(team(), rota(layer("all", "UTC", 0, 0, ("rick",))))
    (told,) = on_watch(alone, MONDAY)
    assert (told.people, told.until, told.following) == (("rick",), None, ("rick",))


def test_empty_states_teach_the_commands(tmp_path):
    """A fresh state: what fills each part is said."""
    with pages(tmp_path) as served:
        for each in CASES.values():
            served.office.store.cases.put(replace(served.office.store.cases.get(each.id), status="closed"))
        served.office.team = replace(served.office.team, rotas={})
        shown = served.sign_in("lee").open(f"{BASE}/")
    for words in (
        "watchbill run",
        "watchbill trail ingest SOURCE",
        "watchbill plan",
        "Nobody is frozen",
        "no rota yet",
    ):
        assert words in shown.text


def test_strings_are_inert(tmp_path):
    """What a case says, what a request says, what a schedule could not be fetched for."""
    with pages(tmp_path) as served:
        store = served.office.store
        for number, words in enumerate(each for name, each in HOSTILE.items() if "half" not in name):
            odd = replace(CASES["late"], id=f"C-{number}", sentence=words)
            payload = msgspec.json.encode(odd).decode()
            store.cases.put(CaseRow(odd.id, NOW, NOW, "open", odd.severity, None, words[:50], payload))
        store.feeds.tried(TryRow("platform/nights", NOW, HOSTILE["elements"], NOW))
        shown = served.sign_in("lee").open(f"{BASE}/")
    assert shown.status == 200
    tags = shown.parsed().tags
    assert not {tag for tag, _ in tags} & {"script", "style", "img", "iframe", "b"}
    assert not set(shown.text) & set("\x00\x01\x07\x08\x1b\x7f\x9b\u202e\u2066\u200b\u2028\ufeff\u3164")
    assert len(shown.text) < 400_000


def test_times_are_by_the_zone_that_is_asked_for(site):
    """With the instant beside each."""
    shown = site.sign_in("ada").open(f"{BASE}/?zone=Asia/Tokyo")
    assert f'<time datetime="{iso(site.office.clock.now())}">' in shown.text
    assert "JST" in shown.text


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(0), "0 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(days=3, hours=4, minutes=59), "3 d 4 h"),
        (timedelta(seconds=-1), "over"),
    ],
)
def test_lengths_are_said_by_their_largest_parts(length, said):
    """Nobody counts minutes of a day."""
    assert said_length(length) == said
