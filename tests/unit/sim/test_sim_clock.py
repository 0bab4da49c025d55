"""The clock of a pretend world."""

from datetime import UTC, datetime, timedelta

import pytest

from watchbill.sim.clock import SimClock


AT = datetime(2026, 9, 10, 3, tzinfo=UTC)


def test_the_clock_stands_still_until_moved():
    """Two looks without a move are one instant, or a story could not be told twice alike."""
    clock = SimClock(AT)
    assert clock.now() == clock.now() == AT


def test_the_clock_moves_by_a_span_and_to_an_instant():
    """Both ways of moving say where the clock then stands."""
    clock = SimClock(AT)
    assert clock.advance(timedelta(minutes=5)) == clock.now() == AT + timedelta(minutes=5)
    assert clock.set(AT + timedelta(hours=1)) == clock.now() == AT + timedelta(hours=1)


def test_the_clock_never_goes_back():
    """Time that runs backwards would hide bugs of order; standing still is allowed."""
    clock = SimClock(AT)
    clock.set(AT)
    with pytest.raises(ValueError, match="does not go back"):
        clock.set(AT - timedelta(seconds=1))
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(timedelta(seconds=-1))
    assert clock.now() == AT


def test_the_clock_wants_utc():
    """A bare time would be read as local somewhere."""
    with pytest.raises(ValueError, match="UTC"):
        SimClock(AT.replace(tzinfo=None))
