"""By whatever span an event is judged, it is judged alike: what is kept of a part of a trail holds for all of it."""

from dataclasses import replace

import pytest
from tests.teams import DAY, HERE, MONDAY, grant, layer, permission_set, rota, team, with_rota
from tests.trails import after, reading, record, user
from tests.unit.judge.judged import one_by_one

from watchbill.access.history import History, InForce
from watchbill.intervals import Interval
from watchbill.judge.judge import REACH
from watchbill.team.model import Kind, Override
from watchbill.trail.attribute import attribute


NARROW = Interval(MONDAY + 6 * DAY, MONDAY + 8 * DAY)
WIDE = Interval(MONDAY - 100 * DAY, MONDAY + 100 * DAY)
REBOOT = "rds:RebootDBInstance"


def days(first, last):
    """Give hours after `MONDAY`, of days."""
    return first * 24, last * 24


def with_grants(*grants):
    """Give the team with a set that denies, and some grants."""
    made = team()
    sets = {
        **made.permission_sets,
        "aaa": permission_set("aaa", allow=("rds:*",)),
        "zzz": permission_set("zzz", allow=("rds:*",)),
        "none": permission_set("none", deny=("rds:*",)),
    }
    return replace(made, permission_sets=sets, grants=grants)


def always_on(*overrides):
    """Give the team with one who is on call all the time."""
    alone = replace(layer("all", "UTC", 0, 0, ("james",)), restrictions=())
    return with_rota(team(), rota(alone, overrides=overrides))


def override(name, first, last):
    """Make an override by which james takes over from himself, in days after `MONDAY`."""
    span = Interval(MONDAY + first * DAY, MONDAY + last * DAY)
    return Override(name, Kind.PRIMARY, span, "james", None, "a fix", "sofia", HERE)


CASES = {
    "of two grants that hold": with_grants(
        grant("one", "sofia", days(-90, 90), "zzz"), grant("two", "sofia", days(-60, 90), "aaa")
    ),
    "of two that ended together": with_grants(
        grant("one", "sofia", days(-90, 5), "zzz"), grant("two", "sofia", days(-60, 5), "aaa")
    ),
    "what held besides when a grant began": with_grants(
        grant("one", "sofia", days(-90, 5), "zzz"), grant("two", "sofia", days(-60, 4), "none")
    ),
    "one that ended as long ago as is looked": with_grants(grant("one", "sofia", days(-90, 6 - REACH // DAY), "zzz")),
    "an override long ago": always_on(override("old", -50, -49)),
    "an override to come": always_on(override("new", 50, 51)),
}


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
def test_what_lies_beyond_what_is_looked_at_makes_no_difference(given):
    """Windows that reach beyond what is looked at, and what they are made of there, make no difference."""
    events = [
        record(REBOOT, user(who), after(day * 24), event_id=f"{who}-{day}")
        for who in ("james", "sofia")
        for day in (6, 7)
    ]
    found = attribute(reading(*events).events, given)
    history = History(given, (InForce(None, given, None),), ())
    one, other = (one_by_one(found, history, span) for span in (NARROW, WIDE))
    assert one == other
