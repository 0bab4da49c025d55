"""`oncall fetch` against a server on this machine: what a person sees, and what a lead does."""

from hashlib import sha256

import pytest
from tests.serving import Serving, reply

from watchbill.intervals import parse_instant
from watchbill.store.database import open_store


MONDAY = "2026-01-12T00:00:00Z"
TOKEN = "private-3f9c77aa51"
NAME = "platform/nights"

ROTA = """
    layers:
      - name: nights
        time_zone: Europe/London
        members: [james, ada]
        feed: {form: csv, secret: NIGHTS}
"""


def table(*rows):
    """Make a document of spans in January 2026."""
    lines = (f"2026-01-{start:02}T00:00:00Z,2026-01-{end:02}T00:00:00Z,{who}" for who, start, end in rows)
    return "\n".join(["start,end,person", *lines]).encode()


WEEKS = table(("james", 12, 20), ("ada", 20, 28))


class Calendar:
    """Answers with whatever stands in `data`, or with the status there."""

    def __init__(self):
        self.data: bytes | int = WEEKS

    def __call__(self, request):
        """Answer one request."""
        found = (b"", self.data) if isinstance(self.data, int) else (self.data, 200)
        reply(*found, ETag=f'"{hash(found)}"')(request)


@pytest.fixture
def calendar():
    """Give what the server answers with."""
    return Calendar()


@pytest.fixture
def run(watchbill, sample, calendar, monkeypatch):
    """Give a way to run `oncall fetch` in a folder whose team has one feed."""
    before, _, _ = sample.read_text("utf-8").partition("\n    layers:\n")
    sample.write_text(before + ROTA, "utf-8")
    with Serving(calendar) as server:
        monkeypatch.setenv("NIGHTS", server.url(f"/{TOKEN}/nights.csv"))

        def run(*arguments, actor="james", at=MONDAY, command=("oncall", "fetch")):
            return watchbill(*command, *arguments, watchbill_actor=actor, watchbill_at=at)

        yield run


def test_a_feed_goes_its_way(run, calendar):
    """The first copy waits, a lead accepts it, a small change passes, a great one waits, and each is said in words."""
    first = run()
    assert first.code == 1
    assert first.out.splitlines() == [
        "platform/nights: no copy is in force, so nobody is on call by it",
        "  the copy of 2026-01-12T00:00:00Z waits for sofia, ada; by it:",
        "  james gains Mon 2026-01-12 00:00 to Tue 2026-01-20 00:00 UTC",
        "  ada gains Tue 2026-01-20 00:00 to Wed 2026-01-28 00:00 UTC",
        "  to put it in force: watchbill oncall fetch --accept platform/nights",
    ]
    refused = run("--accept", NAME)
    assert (refused.code, "`james` is no lead" in refused.err) == (1, True)
    accepted = run("--accept", NAME, actor="sofia")
    assert accepted.code == 0
    assert accepted.out.startswith("platform/nights: the copy of 2026-01-12T00:00:00Z is in force\n  james gains Mon")
    assert run().out == "platform/nights: the copy of 2026-01-12T00:00:00Z is in force\n"
    calendar.data = table(("james", 12, 19), ("ada", 19, 28))
    changed = run(at="2026-01-12T06:00:00Z")
    assert (changed.code, changed.out.splitlines()) == (
        0,
        [
            "platform/nights: the copy of 2026-01-12T06:00:00Z is in force",
            "  ada gains Mon 2026-01-19 00:00 to Tue 2026-01-20 00:00 UTC",
            "  james loses Mon 2026-01-19 00:00 to Tue 2026-01-20 00:00 UTC",
        ],
    )
    calendar.data = table(*(("ada", day, day + 1) for day in range(13, 19)))
    held_back = run(at="2026-01-12T07:00:00Z")
    assert held_back.code == 1
    assert "the copy of 2026-01-12T06:00:00Z is in force" in held_back.out
    assert "the copy of 2026-01-12T07:00:00Z waits for sofia, ada" in held_back.out


def test_a_lead_by_a_file_that_waits_accepts_nothing(run, sample):
    """Nobody names themselves into those who put a schedule in force."""
    run()
    in_force = sample.read_text("utf-8")
    with open_store(sample.parent / ".watchbill") as store:
        store.revisions.add(sha256(in_force.encode()).hexdigest(), parse_instant(MONDAY), in_force, "sofia")
    assert "leads: [sofia, ada]" in in_force
    sample.write_text(in_force.replace("leads: [sofia, ada]", "leads: [sofia, ada, james]"), "utf-8")
    refused = run("--accept", NAME, actor="james")
    assert (refused.code, "`james` is no lead" in refused.err) == (1, True)
    assert run("--accept", NAME, actor="sofia").code == 0


def test_failures_are_said_with_their_beginning(run, calendar):
    """What fails, since when and why, without the address; the copy in force stays."""
    run()
    run("--accept", NAME, actor="ada")
    calendar.data = 500
    run(at="2026-01-12T01:00:00Z")
    calendar.data = f"<html>{TOKEN}".encode()
    failed = run(at="2026-01-12T02:00:00Z")
    assert failed.code == 1
    assert failed.out.splitlines()[:1] == ["platform/nights: the copy of 2026-01-12T00:00:00Z is in force"]
    assert "  failing since 2026-01-12T01:00:00Z: platform/nights is no table of shifts" in failed.out
    assert TOKEN not in failed.out + failed.err


def test_only_the_first_changes_are_shown(run, calendar):
    """The rest are counted; programs get them all."""
    calendar.data = table(*(("james", day, day + 1) for day in range(12, 28, 2)))
    shown = run().out
    assert shown.count("james gains") == 5
    assert "  ... and 3 more; --json has them all" in shown
    (feed,) = run("--json").json["result"]
    assert len(feed["changes"]) == 8
    assert feed["changes"][0] == {
        "person": "james",
        "gains": True,
        "interval": {"start": "2026-01-12T00:00:00Z", "end": "2026-01-13T00:00:00Z"},
    }
    assert (feed["copy_at"], feed["waiting_at"], feed["waiting_for"]) == (None, MONDAY, ["sofia", "ada"])


def test_unknown_people_are_problems(run, calendar):
    """Beside the rest, which is kept."""
    calendar.data = table(("james", 12, 20), ("eve", 20, 28))
    assert "`eve` is nobody of the team file" in run().err
    (problem,) = run("--json").json["problems"]
    assert (problem["code"], problem["file"]) == ("unknown-member", NAME)


def test_an_accepted_copy_is_seen_by_the_other_commands(run):
    """Before it nobody is on call by the feed, after it its people are."""
    run()
    assert "james" not in run(command=("oncall",)).out
    run("--accept", NAME, actor="sofia")
    assert "james" in run(command=("oncall",)).out


def test_a_team_without_feeds_has_nothing_to_fetch(watchbill, sample):
    """Said, and fine."""
    ran = watchbill("oncall", "fetch")
    assert (ran.code, ran.out) == (0, "no layer of the team takes its shifts from outside\n")
    assert watchbill("oncall", "fetch", "--accept", NAME).code == 1
