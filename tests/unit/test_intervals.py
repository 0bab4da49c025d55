"""Half-open spans: the instant a span ends belongs to the next one, and no arithmetic loses or invents an instant."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.intervals import Interval, Timeline, iso, merge, parse_instant, subtract


START = datetime(2026, 9, 7, tzinfo=UTC)
HOURS = range(24)


def hour(number):
    """Give an instant that many hours after the start."""
    return START + timedelta(hours=number)


def span(first, last):
    """Give the interval between two hours."""
    return Interval(hour(first), hour(last))


def hours_in(intervals):
    """Give the hours that lie in any of the intervals, found the slow way."""
    return {number for number in HOURS if any(hour(number) in interval for interval in intervals)}


spans = st.tuples(st.integers(0, 22), st.integers(1, 6)).map(lambda pair: span(pair[0], min(pair[0] + pair[1], 23)))
several = st.lists(spans, max_size=6)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (hour(8) - timedelta(microseconds=1), False),
        (hour(8), True),
        (hour(16) - timedelta(microseconds=1), True),
        (hour(16), False),
        (hour(8).astimezone(timezone(timedelta(hours=2))), True),
        ("2026-09-07T08:00:00Z", False),
        (None, False),
    ],
)
def test_the_start_is_in_and_the_end_is_not(at, expected):
    """A handoff has one owner: the instant of the end is the next person's."""
    assert (at in span(8, 16)) is expected


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (hour(8), hour(8), "must end after it starts"),
        (hour(9), hour(8), "must end after it starts"),
        (hour(8).replace(tzinfo=None), hour(9), "needs UTC"),
        (hour(8), hour(9).replace(tzinfo=None), "needs UTC"),
        (hour(8).astimezone(timezone(timedelta(hours=2))), hour(9), "needs UTC"),
    ],
)
def test_an_interval_that_cannot_be_is_refused(start, end, said):
    """An empty span or one in local time would make every later comparison doubtful."""
    with pytest.raises(ValueError, match=said):
        Interval(start, end)


@pytest.mark.parametrize(
    ("one", "other", "meets", "shared"),
    [
        (span(1, 3), span(4, 6), False, None),
        (span(1, 3), span(3, 6), True, None),
        (span(1, 4), span(3, 6), True, span(3, 4)),
        (span(1, 9), span(3, 6), True, span(3, 6)),
        (span(1, 3), span(1, 3), True, span(1, 3)),
    ],
)
def test_touching_spans_meet_but_share_nothing(one, other, meets, shared):
    """Two shifts that follow each other can become one window, yet nobody is on both."""
    for a, b in ((one, other), (other, one)):
        assert a.meets(b) is meets
        assert a.intersection(b) == shared


@given(several)
def test_merging_keeps_every_instant_in_the_fewest_spans(intervals):
    """Windows that were merged give neither more nor less access, and no two of them could be one."""
    merged = merge(intervals)
    assert hours_in(merged) == hours_in(intervals)
    assert list(merged) == sorted(merged)
    assert not any(a.meets(b) for a, b in pairwise(merged))


@given(spans, several)
def test_subtracting_leaves_exactly_the_rest(whole, taken):
    """What is left of a shift after overrides is what none of them took, in order and without touching."""
    rest = subtract(whole, taken)
    assert hours_in(rest) == hours_in([whole]) - hours_in(taken)
    assert list(rest) == sorted(rest)
    assert not any(a.meets(b) for a, b in pairwise(rest))


@given(spans, several)
def test_what_is_left_and_what_was_taken_make_the_whole(whole, taken):
    """Every second is accounted for once, so that no shift is paid twice or lost."""
    shared = [part for each in merge(taken) if (part := whole.intersection(each)) is not None]
    parts = [*subtract(whole, taken), *shared]
    assert sum((part.length for part in parts), timedelta()) == whole.length
    assert merge(parts) == (whole,)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (START, "2026-09-07T00:00:00Z"),
        (START + timedelta(microseconds=5), "2026-09-07T00:00:00.000005Z"),
        (datetime(2026, 9, 7, 2, tzinfo=timezone(timedelta(hours=2))), "2026-09-07T00:00:00Z"),
    ],
)
def test_an_instant_is_written_in_utc_and_read_back(at, text):
    """Policy documents compare these texts, so one instant has one spelling."""
    assert iso(at) == text
    assert parse_instant(text) == at
    assert parse_instant(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["2026-09-07T08:00:00+02:00", "2026-09-07 06:00Z"])
def test_an_offset_is_read_as_the_instant_it_means(text):
    """People write local offsets; what is kept is the instant."""
    assert parse_instant(text) == hour(6)


@pytest.mark.parametrize("text", ["2026-09-07T08:00:00", "2026-09-07", "tomorrow", ""])
def test_a_bare_time_is_refused(text):
    """A time without a zone is a different instant on each machine."""
    with pytest.raises(ValueError, match=r"names no time zone|is no instant; write 2026-"):
        parse_instant(text)


def test_an_interval_reads_as_its_two_ends():
    """Messages show windows the way documents write them."""
    assert str(span(8, 16)) == "2026-09-07T08:00:00Z - 2026-09-07T16:00:00Z"


@given(several, spans, st.integers(0, 23))
def test_a_timeline_finds_what_a_look_at_all_finds(found, wanted, at):
    """Looking up by time is faster than looking at everything, and finds the same."""
    timeline = Timeline(found, lambda interval: interval)
    assert timeline.meeting(wanted) == sorted(interval for interval in found if interval.meets(wanted))
    assert timeline.at(hour(at)) == sorted(interval for interval in found if hour(at) in interval)


def test_a_timeline_of_nothing_finds_nothing():
    """Nobody on call is an answer."""
    assert Timeline((), lambda interval: interval).meeting(span(0, 23)) == []
