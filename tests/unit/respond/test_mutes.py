"""What a confirmed "yes" keeps quiet."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import MONDAY, team
from tests.unit.respond.test_ask import late
from tests.unit.respond.test_outcomes import entitled

from watchbill.alerts.noise import Mute
from watchbill.intervals import Interval
from watchbill.respond.mutes import mutes_of, shift_end


AT = MONDAY + timedelta(hours=20)
"""James is on shift, until two o'clock."""
END = MONDAY + timedelta(hours=26)


def confirmed(**more):
    """Give a case of James's that was all his to do."""
    return replace(entitled(late(), action="change"), rules=["R1", "no-mfa"], keys=["ASIA1"], **more)


def test_each_rule_on_each_key_until_the_shift_ends():
    """From now on, not before: what was found before is in the case."""
    span = Interval(AT, END)
    assert mutes_of(confirmed(), team(), AT) == (
        Mute("R1", "ASIA1", "james", span),
        Mute("no-mfa", "ASIA1", "james", span),
    )


@pytest.mark.parametrize("action", ["persistence", "escalation", "logging"])
def test_what_lasts_is_never_muted(action):
    """One way to stay that was theirs says nothing of the next."""
    assert mutes_of(confirmed(facts={"action": action, "place": "usual"}), team(), AT) == ()


def test_nothing_else_mutes():
    """What was not theirs, what no key stands behind, and who is on no shift."""
    case = confirmed()
    assert mutes_of(replace(case, facts={"control": "nothing found"}), team(), AT) == ()
    assert mutes_of(replace(case, keys=[]), team(), AT) == ()
    assert mutes_of(replace(case, rules=[]), team(), AT) == ()
    assert mutes_of(replace(case, person="sofia"), team(), AT) == ()
    assert mutes_of(replace(case, person=None), team(), AT) == ()
    assert mutes_of(case, team(), END) == ()


def test_the_end_is_that_of_the_shift_at_hand():
    """Half-open, as shifts are."""
    assert shift_end(team(), "james", MONDAY + timedelta(hours=18)) == END
    assert shift_end(team(), "james", END - timedelta(microseconds=1)) == END
    assert shift_end(team(), "james", MONDAY + timedelta(hours=18) - timedelta(microseconds=1)) is None
    assert shift_end(team(), "nobody", AT) is None
