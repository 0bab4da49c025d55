"""Which team file was in force when: to the instant, nothing assumed in silence, nothing unknown guessed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import DAY, MONDAY, team

from watchbill.access.history import Revision, declared, in_force_in
from watchbill.intervals import Interval
from watchbill.team.files import parse


SECOND = timedelta(seconds=1)
TUESDAY, WEDNESDAY, THURSDAY = MONDAY + DAY, MONDAY + 2 * DAY, MONDAY + 3 * DAY
WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
GIVEN = replace(team(), digest="given")

TEXT = """\
team: {name}
accounts:
  production: {{ number: "111111111111", environment: production }}
people:
  james: {{ name: James, email: {email}, time_zone: UTC }}
"""


def revision(digest, since, name="orders", text=None):
    """Make a revision of a small team file, which has its digest for an address."""
    made = TEXT.format(name=name, email=f"{digest}@example.com") if text is None else text
    return Revision(digest, since, made)


def told(history, within=WEEK):
    """Give which file was in force in each piece of a span: from when, until when, and by its address."""
    return [
        (span.start, span.end, None if each.team is None else each.team.people["james"].email)
        for span, each in history.spans(within)
    ]


ASSUMED = "james@example.com"


def test_the_instant_of_a_change_belongs_to_the_new_file():
    """Up to the last microsecond the old one, from the instant on the new one; a change far back reaches in."""
    history = declared([revision("a", MONDAY - 90 * DAY), revision("b", WEDNESDAY)], GIVEN, WEEK)
    edge = timedelta(microseconds=1)
    instants = (MONDAY, WEDNESDAY - edge, WEDNESDAY, WEEK.end)
    found = [history.at(instant) for instant in instants]
    assert [each.people["james"].email for each in found if each] == [f"{n}@example.com" for n in "aabb"]
    assert told(history) == [(MONDAY, WEDNESDAY, "a@example.com"), (WEDNESDAY, WEEK.end, "b@example.com")]
    assert [each.revision for _, each in history.spans(WEEK)] == ["a", "b"]
    assert history.assumed_before == MONDAY - 90 * DAY


def test_a_revision_is_read_as_the_file_it_was():
    """Its places name the revision, so that nobody looks for the line in the file of today."""
    text = TEXT.format(name="orders", email="a@example.com")
    history = declared([Revision("a" * 64, MONDAY, text)], GIVEN, WEEK)
    assert history.at(MONDAY) == parse(text, f"watchbill.yaml@{'a' * 12}")


def test_where_nothing_is_recorded_the_given_file_is_assumed_and_that_is_said():
    """For the whole span, once."""
    history = declared([], GIVEN, WEEK)
    assert told(history) == [(MONDAY, WEEK.end, ASSUMED)]
    assert history.assumed_before is None
    assert history.assumed == (
        "no revision of the team file is recorded: the given file is taken to have been in force all the time",
    )


def test_before_the_first_revision_the_given_file_is_assumed_until_then():
    """It is said up to which instant; a revision at the very beginning of the span leaves nothing to assume."""
    history = declared([revision("given", WEDNESDAY)], GIVEN, WEEK)
    assert told(history) == [(MONDAY, WEDNESDAY, ASSUMED), (WEDNESDAY, WEEK.end, ASSUMED)]
    assert [each.revision for _, each in history.spans(WEEK)] == [None, "given"]
    assert history.assumed_before == WEDNESDAY
    said = "no revision of the team file is recorded before 2026-01-14T00:00:00Z"
    assert history.assumed == (f"{said}: the given file is taken to have been in force until then",)
    assert declared([revision("given", MONDAY)], GIVEN, WEEK).assumed == ()
    later = declared([revision("given", WEEK.end)], GIVEN, WEEK)
    assert told(later) == [(MONDAY, WEEK.end, ASSUMED)]
    assert len(later.assumed) == 1


def test_the_given_file_is_nobodys_right_until_it_is_applied():
    """The last revision stays in force, and it is said that it is not the file at hand."""
    history = declared([revision("a", TUESDAY)], GIVEN, Interval(TUESDAY, WEEK.end))
    assert told(history, Interval(TUESDAY, WEEK.end)) == [(TUESDAY, WEEK.end, "a@example.com")]
    (said,) = history.assumed
    assert said.startswith("the given file is not applied yet: from 2026-01-13T00:00:00Z on, revision a is in force")


@pytest.mark.parametrize("since", [WEEK.end, WEEK.end + DAY])
def test_a_file_applied_after_the_span_is_not_said_to_be_unapplied(since):
    """What was in force in the span is then an older one, as it should be."""
    history = declared([revision("a", MONDAY), revision("given", since)], GIVEN, WEEK)
    assert told(history) == [(MONDAY, WEEK.end, "a@example.com")]
    assert history.assumed == ()


def test_a_revision_that_came_back_is_in_force_again():
    """An edit taken back: three pieces, of two files."""
    history = declared([revision("given", MONDAY), revision("a", TUESDAY), revision("given", THURSDAY)], GIVEN, WEEK)
    assert [found for *_, found in told(history)] == [ASSUMED, "a@example.com", ASSUMED]
    assert history.assumed == ()


@pytest.mark.parametrize("text", ["", "team: [", "team: orders\nshape: old\n", "\x00", "team: orders\n" * 2])
def test_a_revision_that_can_be_read_no_more_leaves_its_time_open(text):
    """No other file stands in for it, before or after; what is wrong is a problem, once, with the time it lasts."""
    revisions = [revision("a", MONDAY), revision("bad", TUESDAY, text=text), revision("c", THURSDAY)]
    history = declared(revisions, GIVEN, WEEK)
    assert [found for *_, found in told(history)] == ["a@example.com", None, "c@example.com"]
    assert history.at(THURSDAY - SECOND) is None
    (problem,) = history.problems
    assert (problem.code, problem.file) == ("unreadable-revision", "watchbill.yaml")
    assert "revision bad of the team file can be read no more" in problem.message
    assert "2026-01-13T00:00:00Z - 2026-01-15T00:00:00Z" in problem.message


def test_what_was_not_in_force_in_the_span_is_not_read():
    """A revision of years ago that can be read no more is no problem of today."""
    revisions = [
        revision("bad1", MONDAY - DAY, text="?"),
        revision("a", MONDAY),
        revision("bad2", WEEK.end, text="?"),
    ]
    history = declared(revisions, GIVEN, WEEK)
    assert history.problems == ()
    assert [each.revision for each in history.files] == [None, "a"]
    assert told(history) == [(MONDAY, WEEK.end, "a@example.com")]


def test_the_file_at_hand_is_not_read_again():
    """The same digest is the same file: it is taken as it was given, with its outside schedules."""
    history = declared([revision("given", MONDAY, text="?")], GIVEN, WEEK)
    assert history.at(MONDAY) is GIVEN
    assert history.problems == ()


def test_the_state_of_another_team_says_nothing_of_this_one():
    """The given file is assumed in its place, and the other team is named."""
    history = declared([revision("b", MONDAY, "billing"), revision("a", WEDNESDAY)], GIVEN, WEEK)
    assert [found for *_, found in told(history)] == [ASSUMED, "a@example.com"]
    assert history.assumed[0] == (
        "some revisions in the state are of team `billing`, not `orders`:"
        " the given file is taken to have been in force in their place"
    )


DIGESTS = ("given", "a", "b", "bad")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(DIGESTS), st.integers(-3, 9)), max_size=6), st.integers(-4, 10))
def test_no_other_text_is_needed(applied, day):
    """With the texts of those that were in force alone all is told as with those of all."""
    span = Interval(MONDAY + day * DAY, MONDAY + (day + 1) * DAY)
    every = [revision(digest, MONDAY + days * DAY) for digest, days in applied]
    needed = {each.digest for each in in_force_in(every, span)}
    bare = [each if each.digest in needed else replace(each, text="") for each in every]
    assert declared(bare, GIVEN, span) == declared(every, GIVEN, span)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(DIGESTS), st.integers(-3, 9)), max_size=6), st.integers(-4, 10))
def test_every_instant_is_told_as_the_state_tells_it(applied, day):
    """Also where a clock was set back: the last that was applied at or before an instant; the pieces are all of it."""
    revisions = [revision(d, MONDAY + n * DAY, text="?" if d == "bad" else None) for d, n in applied]
    history = declared(revisions, GIVEN, WEEK)
    at = MONDAY + day * DAY
    expected = next((each for each in reversed(revisions) if each.since <= at), None)
    starts = [each.since for each in history.files if each.since is not None]
    assert starts == sorted(set(starts))
    pieces = history.spans(WEEK)
    assert [piece.start for piece, _ in pieces[1:]] == [piece.end for piece, _ in pieces[:-1]]
    assert (pieces[0][0].start, pieces[-1][0].end) == (WEEK.start, WEEK.end)
    if at in WEEK:
        (found,) = (each for piece, each in pieces if at in piece)
        assert found == history.in_force(at)
        assert found.revision == (None if expected is None else expected.digest)
        assert (found.team is None) == (expected is not None and expected.digest == "bad")
