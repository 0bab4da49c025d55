"""Windows over events: nothing is lost in them, and they end where they say."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.teams import MONDAY
from tests.trails import record, user
from tests.unit.alerts.records import seen

from watchbill.detect.windows import bursts, grouped


GAP = timedelta(minutes=10)


def at_minutes(*minutes):
    """Give events some minutes after Monday began."""
    return seen([record(at=MONDAY + timedelta(minutes=m), event_id=f"e{n}") for n, m in enumerate(minutes)])


def test_a_burst_ends_when_more_than_the_gap_passes():
    """Ten minutes to the second are still together, a second more is not."""
    events = at_minutes(0, 10, 20, 20 + 601 / 60, 31)
    assert [[each.event.id for each in burst] for burst in bursts(events, GAP)] == [["e0", "e1", "e2"], ["e3", "e4"]]
    assert list(bursts([], GAP)) == []


@given(st.lists(st.integers(0, 200), max_size=12))
def test_bursts_are_the_events_split(minutes):
    """Every event is in one burst, in order; inside there is no long pause, between there always is."""
    events = list(at_minutes(*sorted(minutes)))
    found = list(bursts(events, GAP))
    assert [each for burst in found for each in burst] == events
    assert all(b.event.at - a.event.at <= GAP for burst in found for a, b in pairwise(burst))
    assert all(after[0].event.at - before[-1].event.at > GAP for before, after in pairwise(found))


def test_groups_come_in_order_and_keep_theirs():
    """The same trail gives the same findings in the same order; what has no key is in no group."""
    names = ("rick", "ada", "stranger", "james")
    events = seen([record(who=user(name), at=MONDAY + n * timedelta(minutes=1)) for n, name in enumerate(names)])
    events += seen([record(who=user("ada"), at=MONDAY + GAP)])
    found = [(key, len(group)) for key, group in grouped(events, lambda each: each.actor.person)]
    assert found == [("ada", 2), ("james", 1), ("rick", 1)]
