"""The clock of the demo: wherever somebody stops on the way, the week comes to the same cases and the same messages."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from watchbill.cli.commands.trail import load_rules
from watchbill.clock import SystemClock
from watchbill.demo.serving import served
from watchbill.demo.stage import START
from watchbill.ledger.model import Kind
from watchbill.service.asking import ask
from watchbill.service.logs import lines_of_json
from watchbill.web.play import Leap


pytestmark = pytest.mark.slow

ASKED = datetime(2026, 1, 13, 11, 41, 7, tzinfo=UTC)
"""When Rick is asked, who does not answer."""
END = datetime(2026, 1, 13, 17, tzinfo=UTC)
"""By then his silence has been told to the leads."""
MOST = 400.0


def played(folder, cuts):
    """Play until the end, stopping at some instants; give the cases, what was said to whom, and the ledger."""
    folder.mkdir()
    with (folder / "log.jsonl").open("w", encoding="utf-8") as log:
        say = lines_of_json(log, "demo", SystemClock())
        with served(0, 0, folder, load_rules([])[0], say, every=timedelta(days=1)) as found:
            world = found.world
            for at in sorted({*cuts, ASKED, END}):
                world.go_to(at)
                assert world.settle(MOST)
                assert world.now() == at
                if at == ASKED:
                    (case,) = [row.id for row in world.cases() if row.person == "rick"]
                    ask(world.as_("watchbill"), case)
            assert world.settle(MOST)
            said = {
                name: [
                    (talk.title, each.at, each.text, str(each.blocks).replace(found.base, ""))
                    for talk in world.inbox(name).conversations
                    for each in talk.messages
                ]
                for name in world.as_("watchbill").team.people
            }
            ledger = [(e.at, e.kind, e.actor) for e in world.as_("watchbill").store.ledger.entries()]
            return world.cases(), said, ledger


def test_one_leap_comes_to_the_same_as_many(tmp_path):
    """In two leaps, and in a dozen that end anywhere: at a second, in a minute, beside what is due."""
    seconds = Random(7).sample(range(1, int((END - START).total_seconds())), 12)
    once = played(tmp_path / "once", [])
    many = played(tmp_path / "many", [START + timedelta(seconds=each) for each in seconds])
    assert once == many
    cases, said, ledger = once
    assert {row.status for row in cases} >= {"open", "escalated"}
    assert any("did not answer within" in blocks for _, _, _, blocks in said["ada"])
    assert any(kind == Kind.QUESTION_ESCALATED for _, kind, _ in ledger)


def test_a_leap_to_the_next_case_ends_there(tmp_path):
    """And one to what is due next does that and no more; stopped, time goes no further."""
    (tmp_path / "state").mkdir()
    with (tmp_path / "log.jsonl").open("w", encoding="utf-8") as log:
        say = lines_of_json(log, "demo", SystemClock())
        with served(0, 0, tmp_path / "state", load_rules([])[0], say, every=timedelta(days=1)) as found:
            world = found.world
            due = world.dial().next
            world.leap(Leap.DUE)
            assert world.settle(MOST)
            assert due.endswith(f"{world.now():%a %d %b %H:%M}")
            world.leap(Leap.CASE)
            assert world.settle(MOST)
            assert world.now() == max(row.opened_at for row in world.cases())
            world.go_to(END)
            world.leap(Leap.STOP)
            assert world.settle(MOST)
            assert world.dial().target is None
            assert world.now() < END
