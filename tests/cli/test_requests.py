"""`request` and `requests`: asked for, approved by a lead, brought to AWS by a pass, and shown."""

import msgspec
import pytest

from watchbill.intervals import parse_instant
from watchbill.respond.requests import Swap
from watchbill.store.database import open_store
from watchbill.store.rows import Asked, RequestRow
from watchbill.team.files import parse
from watchbill.team.model import Kind


MONDAY = {"watchbill_at": "2026-01-12T12:00:00Z"}
ASKED = ("request", "support", "--for", "2h", "--reason", "ticket 42")


@pytest.fixture
def asked(watchbill, sample, aws):
    """Let Lee, a developer, ask for what support may do."""
    ran = watchbill(*ASKED, "--json", watchbill_actor="lee", **MONDAY)
    assert ran.code == 0, ran.err
    return ran.json["result"]["id"]


def test_a_request_goes_all_the_way(watchbill, asked):
    """Shown while it waits, approved, applied by one pass, read back, in the ledger, and gone when it is over."""
    assert f"{asked} [waiting] lee asks for support in production for 2 h: ticket 42" in watchbill("requests").out
    assert watchbill("apply", "--yes").code == 0
    own = watchbill("requests", "approve", asked)
    assert (own.code, "no lead of team" in own.err) == (1, True)
    approved = watchbill("requests", "approve", asked, watchbill_actor="ada")
    assert "was approved by ada at 2026-01-12T12:00:00Z; it holds until 2026-01-12T14:00:00Z" in approved.out
    assert watchbill("drift", "--json").json["result"] == []
    later = {"watchbill_at": "2026-01-12T12:01:00Z"}
    assert watchbill("run", **later).code == 0
    assert f"{asked} [in effect]" in watchbill("requests").out
    plan = watchbill("plan", "--detailed-exitcode")
    assert plan.code == 0, plan.out
    assert watchbill("drift", "--json").json["result"] == []
    kinds = [each["kind"] for each in watchbill("ledger", "show", "--json").json["result"]]
    assert [each for each in kinds if "request" in each] == [
        f"respond:request:{each}" for each in ("asked", "approved", "effective")
    ]
    over = {"watchbill_at": "2026-01-12T14:00:00Z"}
    assert "no request waits" in watchbill("requests", **over).out
    assert len(watchbill("requests", "--all", "--json").json["result"]) == 1
    assert watchbill("plan", "--detailed-exitcode").code == 2


def test_while_the_first_plan_waits_nothing_comes_of_it_and_people_hear(watchbill, asked):
    """A pass that only reads tells no success."""
    watchbill("requests", "approve", asked, watchbill_actor="ada")
    watchbill("run", watchbill_at="2026-01-12T12:03:00Z")
    (row,) = watchbill("requests", "--json").json["result"]
    assert row["effective_at"] is None
    kinds = [each["kind"] for each in watchbill("ledger", "show", "--json").json["result"]]
    assert "respond:request:late" in kinds


def test_what_is_wrong_is_said(watchbill, sample, aws):
    """Usage as usage, refusals as errors with what to try."""
    assert watchbill(*ASKED[:2], "--for", "2 hours", "--reason", "r", watchbill_actor="lee", **MONDAY).code == 64
    ran = watchbill("request", "root", "--for", "2h", "--reason", "r")
    assert (ran.code, "those that may be asked for: developer" in ran.err) == (1, True)
    ran = watchbill("requests", "refuse", "R-1")
    assert (ran.code, "no request `R-1`" in ran.err) == (1, True)


def test_a_swap_is_asked_for_without_slack(watchbill, sample, aws):
    """By one of the two, for days where they live; the other one agrees, and has the watch from then on."""
    days = ("--from", "2026-01-15", "--to", "2026-01-16", "--reason", "a dentist")
    ran = watchbill("requests", "swap", "james", "ada", *days, watchbill_actor="sofia", **MONDAY)
    assert (ran.code, "you can swap a watch of your own alone" in ran.err) == (1, True)
    ran = watchbill("requests", "swap", "james", "ada", "--from", "soon", *days[2:], watchbill_actor="james")
    assert (ran.code, "write an instant with its zone, or a date" in ran.err) == (1, True)
    at = ("oncall", "--at", "2026-01-15T19:00:00Z", "--json")
    before = {each["person"] for each in watchbill(*at).json["result"]["shifts"]}
    ran = watchbill("requests", "swap", "james", "ada", *days, "--json", watchbill_actor="james")
    assert ran.code == 0, ran.err
    name = ran.json["result"]["id"]
    again = watchbill("requests", "swap", "james", "ada", *days, "--json", watchbill_actor="james")
    assert again.json["result"]["id"] == name
    waits = watchbill("requests")
    assert f"{name} [waiting] james asks ada to swap their watches of platform: a dentist" in waits.out
    own = watchbill("requests", "approve", name, watchbill_actor="james")
    assert own.code == 1
    agreed = watchbill("requests", "approve", name, watchbill_actor="ada")
    assert agreed.code == 0, agreed.err
    after = {each["person"] for each in watchbill(*at).json["result"]["shifts"]}
    assert (before & {"james", "ada"}, after & {"james", "ada"}) in (({"james"}, {"ada"}), ({"ada"}, {"james"}))


def test_an_agreed_swap_is_shown_by_oncall(watchbill, sample, tmp_path):
    """It is in the state and not in the file, and is who is on watch all the same; looking makes no state."""
    at = ("oncall", "--at", "2026-01-13T19:00:00Z", "--json")
    (before,) = [each["person"] for each in watchbill(*at, **MONDAY).json["result"]["shifts"]]
    assert not (tmp_path / ".watchbill").exists()
    team = parse(sample.read_text("utf-8"), "watchbill.yaml")
    other = next(person for person in team.rotas["platform"].people if person != before)
    start, end = parse_instant("2026-01-13T19:00:00Z"), parse_instant("2026-01-13T20:00:00Z")
    wanted = Swap("platform", Kind.PRIMARY, (before, other), start, end, "a dentist")
    payload, now = msgspec.json.encode(wanted).decode(), parse_instant(MONDAY["watchbill_at"])
    row = RequestRow("R-1", "swap", before, now, now, payload, Asked.APPROVED, now, other)
    with open_store(tmp_path / ".watchbill") as store:
        store.requests.add(row)
    assert [each["person"] for each in watchbill(*at).json["result"]["shifts"]] == [other]
    assert f"{before} asks {other} to swap their watches of platform" in watchbill("requests").out
