"""How long each step of a case took, by the ledger."""

from datetime import timedelta

import pytest
from tests.teams import MONDAY

from watchbill.ledger.chain import append
from watchbill.ledger.model import Entry, Kind
from watchbill.respond.times import Times, steps_of, times_of


MINUTE = timedelta(minutes=1)


def ledger(*entries):
    """Make entries, each some minutes after Monday began."""
    made: list[Entry] = []
    for minutes, kind, facts in entries:
        at, last = MONDAY + minutes * MINUTE, made[-1] if made else None
        made.append(append(last, at=at, kind=kind, actor="sofia", subject="C-1", facts=facts))
    return made


WHOLE = ledger(
    (15, Kind.CASE_RAISED, {"severity": "high"}),
    (16, Kind.QUESTION_ASKED, {"person": "james", "deadline": "soon"}),
    (20, Kind.QUESTION_ANSWERED, {"answer": "no", "status": "escalated"}),
    (21, Kind.QUESTION_HEARD, {"by": "james", "words": "help"}),
    (23, Kind.FREEZE_APPLIED, {"person": "james"}),
    (24, Kind.FREEZE_VERIFIED, {"checks": 9, "hold": 8}),
    (25, Kind.FREEZE_VERIFIED, {"checks": 9, "hold": 9}),
    (60, Kind.RESTORE_APPLIED, {"person": "james"}),
    (70, Kind.CASE_DECIDED, {"verdict": "insider", "reason": "sold the plans"}),
)


def test_each_step_is_measured():
    """From its beginning to its end; a check that does not hold contains nothing."""
    assert times_of(MONDAY, WHOLE) == Times(*(n * MINUTE for n in (15, 1, 4, 8, 2, 37)))


def test_what_did_not_come_is_not_measured():
    """Nor what began before the ledger."""
    assert times_of(MONDAY, []) == Times(None, None, None, None, None, None)
    assert times_of(MONDAY + 90 * MINUTE, WHOLE).notice is None
    assert times_of(MONDAY, WHOLE[:1]) == Times(15 * MINUTE, None, None, None, None, None)


@pytest.mark.parametrize(
    ("entry", "minutes"),
    [
        ((20, Kind.QUESTION_ANSWERED, {"status": "closed"}), 5),
        ((20, Kind.QUESTION_CONFIRMED, {"status": "closed"}), 5),
        ((20, Kind.QUESTION_ANSWERED, {"status": "escalated"}), None),
        ((22, Kind.CASE_DECIDED, {"verdict": "mistake"}), 7),
    ],
)
def test_whatever_ended_it_first_decided_it(entry, minutes):
    """A verdict, or an answer that was enough."""
    found = times_of(MONDAY, ledger((15, Kind.CASE_RAISED, {}), entry)).decide
    assert found == (None if minutes is None else minutes * MINUTE)


def test_the_steps_are_told_in_words():
    """What was concluded only to those who may see it; what somebody wrote is left to the ledger."""
    words = [step.words for step in steps_of(WHOLE, may_see_insider=False)]
    assert words[:3] == ["raised the case: high", "asked james, until soon", "answered no"]
    assert words[-1] == "closed the case"
    assert "insider" not in " ".join(words)
    assert list(steps_of(WHOLE, may_see_insider=True))[-1].words == "closed the case as insider: sold the plans"
    pressed = ledger((1, Kind.CLICK_WORKED, {"action": "verdict:hijack", "source": "slack"}))
    assert [step.words for step in steps_of(pressed, may_see_insider=False)] == ["pressed a verdict on slack"]
    assert [step.words for step in steps_of(pressed, may_see_insider=True)] == ["pressed verdict:hijack on slack"]
    older = ledger((1, Kind.CLICK_REFUSED, {}))
    assert [step.words for step in steps_of(older, may_see_insider=True)] == ["refused ? of ? on ?: ?"]
