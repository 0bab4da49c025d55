"""Who held what from when to when: at every instant, the lines that cover it are the cells of the matrix."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.access.history import History, InForce, declared
from watchbill.access.matrix import Moment, Standing, cells_at
from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.service.held import held_over
from watchbill.team.files import parse


START = datetime(2026, 1, 12, 7, 30, tzinfo=UTC)
SPAN = Interval(START, START + timedelta(days=4))
CHANGED = START + timedelta(days=2, hours=1)
"""When another team file came into force: Lee left support of production to nobody, and James is no developer."""
MOMENT = timedelta(microseconds=1)

TEAM = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "/home/x/watchbill.yaml")
FREEZES = (
    Freeze("F-1", "priya", START + timedelta(hours=20), START + timedelta(hours=30), "C-1"),
    Freeze("F-2", "rick", START + timedelta(days=3), None, "C-2"),
)


def history(freezes=FREEZES):
    """Give a history with two team files in it."""
    developers = replace(TEAM.groups["developers"], members=("rick", "ada", "lee"))
    after = replace(TEAM, groups={**TEAM.groups, "developers": developers})
    files = (InForce(None, TEAM, "a" * 64), InForce(CHANGED, after, "b" * 64))
    return History(after, files, freezes)


def cells(found, at):
    """Give what the matrix has at an instant."""
    moment = Moment(at, found.at(at), tuple(found.freezes))
    return {
        (*place, str(reason.by), reason.why, cell.standing is Standing.FROZEN)
        for place, cell in cells_at(moment).items()
        for reason in cell.reasons
    }


def covering(found, at):
    """Give what the lines have at an instant."""
    lines = (each for each in found.lines if each.span.start <= at < each.span.end)
    return [(*each.place, str(each.by), each.why, each.frozen) for each in lines]


@given(st.integers(0, int(SPAN.length / MOMENT) - 1))
def test_the_lines_of_an_instant_are_its_cells(offset):
    """At any instant, and none comes twice."""
    at = START + offset * MOMENT
    found = covering(HELD, at)
    assert len(found) == len(set(found))
    assert set(found) == cells(HISTORY, at)


HISTORY = history()
HELD = held_over(HISTORY, SPAN)


@pytest.mark.parametrize("edge", sorted({e for each in HELD.lines for e in (each.span.start, each.span.end)}))
def test_nothing_is_off_at_an_edge(edge):
    """Just before it, and at it."""
    for at in (edge - MOMENT, edge):
        if at in SPAN:
            assert set(covering(HELD, at)) == cells(HISTORY, at)


def test_a_while_is_one_line():
    """What goes on is not cut, neither where somebody else's watch begins, nor where the file is another."""
    jobs = [each.span for each in HELD.lines if each.place[:2] == ("lee", "staging")]
    assert jobs == [SPAN]
    james = [each.span.end for each in HELD.lines if each.place == ("james", "staging", "developer")]
    assert james == [CHANGED]
    assert {each.where.rpartition("/")[0] for each in HELD.lines} == {""}


def test_a_freeze_is_a_line_of_its_own():
    """What it took away is said for as long as it did."""
    priya = [(each.span, each.frozen) for each in HELD.lines if each.place[:2] == ("priya", "production")]
    assert (Interval(START + timedelta(hours=20), START + timedelta(hours=30)), True) in priya
    assert [frozen for span, frozen in priya if span.end <= START + timedelta(hours=20)].count(True) == 0
    rick = {each.frozen for each in HELD.lines if each.place.person == "rick" and each.span.end == SPAN.end}
    assert rick == {True}


def test_too_many_changes_are_said():
    """What was not looked at is not told of."""
    found = held_over(HISTORY, SPAN, most=5)
    assert found.known.start == SPAN.start
    assert found.known.end < SPAN.end
    assert max(each.span.end for each in found.lines) == found.known.end


def test_a_file_that_cannot_be_read_is_said():
    """Nothing is said of its time."""
    files = (InForce(None, TEAM, "a" * 64), InForce(CHANGED, None, "b" * 64, "revision b can be read no more"))
    found = held_over(History(TEAM, files), SPAN)
    assert found.unread == ("revision b can be read no more",)
    assert max(each.span.end for each in found.lines) == CHANGED
    assert held_over(declared([], TEAM, SPAN), SPAN).unread == ()
