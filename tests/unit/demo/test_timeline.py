"""Time that is moved on by hand: what is done hangs on what is due, and not on where somebody stopped in between."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.demo.timeline import Timeline
from watchbill.sim.clock import SimClock


START = datetime(2026, 1, 12, tzinfo=UTC)
MOST = 500


def minutes(count):
    """Give an instant so many minutes on."""
    return START + timedelta(minutes=count)


class World:
    """Does what is due; some of it makes something else due later, as a question does that nobody answers."""

    def __init__(self, due, follows):
        self.clock, self.done, self.moved = SimClock(START), [], []
        self.due, self.follows = {minutes(each) for each in due}, follows
        self.timeline = Timeline(self.clock, self.next, self.move, self.work)

    def next(self, now):
        """Give what is due next."""
        return min((each for each in self.due if each > now), default=None)

    def move(self, at):
        """Move on: past nothing that is due."""
        assert not any(self.clock.now() < each < at for each in self.due)
        self.clock.set(at)

    def work(self, at):
        """Do what is due."""
        assert self.clock.now() == at
        self.done.append(at)
        if follows := self.follows.get((at - START) // timedelta(minutes=1)):
            self.due.add(at + timedelta(minutes=follows))


times = st.integers(1, MOST)


@given(
    st.sets(times, max_size=20), st.dictionaries(times, st.integers(1, 60), max_size=10), st.lists(times, max_size=15)
)
def test_any_cut_of_the_leaps_does_the_same_at_the_same_times(due, follows, cuts):
    """In one leap, and in any number of them that end anywhere."""
    once, cut = World(due, follows), World(due, follows)
    once.timeline.go_to(minutes(MOST))
    for each in [*sorted(cuts), MOST]:
        cut.timeline.go_to(minutes(each))
        assert cut.clock.now() == minutes(each)
    assert cut.done == once.done
    assert once.done == sorted(once.done)
    assert {minutes(each) for each in due} <= set(once.done)


def test_a_step_goes_as_far_as_what_is_due_and_no_further():
    """So that whoever looks may stop it in between."""
    world = World({10, 20}, {})
    world.timeline.step(minutes(30))
    assert (world.clock.now(), world.done) == (minutes(10), [minutes(10)])
    world.timeline.step(minutes(15))
    assert (world.clock.now(), world.done) == (minutes(15), [minutes(10)])
    world.timeline.step(minutes(15))
    assert world.clock.now() == minutes(15)
    with pytest.raises(AssertionError, match="what is due now was done"):
        Timeline(world.clock, lambda now: now, world.move, world.work).step(minutes(30))
