"""The team files of a span with the outside schedules of the time: who was on call is said by the copy of then."""

from dataclasses import replace

import pytest
from tests.teams import DAY, MONDAY
from tests.trails import named, record, user
from tests.unit.service.test_feeds import World as Feeds
from tests.unit.service.test_feeds import feed_team, table
from tests.unit.service.world import World

from watchbill.intervals import Interval
from watchbill.judge.judge import Judges
from watchbill.judge.model import Right
from watchbill.service.feeds import with_feeds
from watchbill.service.history import history_as_if, history_of
from watchbill.store.database import open_store


NAME = "platform/nights"


@pytest.fixture
def feeds(tmp_path):
    """Give a world of outside schedules in which a lead has accepted the first copy."""
    with open_store(tmp_path) as store:
        made = Feeds(store, replace(feed_team(1), digest="d1"))
        made.refresh()
        yield made


def work(feeds, at):
    """Give casework on the team at an instant, its schedules filled as of then, as a command would."""
    world = World(feeds.store, recorded=False)
    world.team = with_feeds(feeds.team, feeds.store, at)
    world.clock.set(at)
    return world.as_("sofia")


def on_call(history, within, *days):
    """Tell who was on call at noon of some days, by the file of that day: by whether a reboot was theirs."""
    judges = Judges(history, within)
    found = {}
    for day in days:
        at = MONDAY + day * DAY + DAY / 2
        made = [record("rds:RebootDBInstance", user(who), at, event_id=who) for who in ("james", "ada")]
        judged = {who: judges.judge(each).right for who, each in named(made, history.given).items()}
        found[day] = [who for who, right in judged.items() if right is Right.ENTITLED]
    return found


def test_without_outside_schedules_nothing_is_cut(tmp_path):
    """The files are as they were declared."""
    with open_store(tmp_path) as store:
        history = history_of(World(store, recorded=False).as_("sofia"), Interval(MONDAY, MONDAY + 90 * DAY))
    assert [each.since for each in history.files] == [None]


def test_a_long_trail_is_judged_by_the_copies_of_its_time(feeds):
    """One filling reaches a month back; James was on call three months ago all the same, and by the copy of then."""
    feeds.store.revisions.add("d1", MONDAY - DAY, "", "sofia")
    # From the thirtieth day on it is all Ada's, also what is past: that changes nothing of what was.
    feeds.refresh(MONDAY + 30 * DAY, table(("ada", -5, 100)))
    within = Interval(MONDAY, MONDAY + 90 * DAY)
    history = history_of(work(feeds, within.end), within)
    assert on_call(history, within, 0, 6, 7, 19, 20, 29, 30, 89) == {
        0: ["james"],
        6: ["james"],
        7: ["james"],
        19: ["james"],
        20: ["ada"],
        29: ["ada"],
        30: ["ada"],
        89: ["ada"],
    }
    assert history.assumed == ()
    assert {each.revision for _, each in history.spans(within)} == {"d1"}


def test_what_was_in_force_is_the_same_by_whatever_span_it_is_asked(feeds):
    """A week is one of the calendar: where a span begins and ends says nothing of which copies fill it."""
    feeds.store.revisions.add("d1", MONDAY - DAY, "", "sofia")
    for day in (9, 17, 30):
        feeds.refresh(MONDAY + day * DAY, table(("ada", day - 5, day + 60)))
    now = work(feeds, MONDAY + 45 * DAY)
    spans = [Interval(MONDAY + first * DAY, MONDAY + last * DAY) for first, last in ((0, 45), (3, 25), (11, 12))]
    histories = [history_of(now, span) for span in spans]
    at = MONDAY + 11.5 * DAY
    in_force = [each.at(at) for each in histories]
    assert len({repr(each.rotas) for each in in_force if each is not None}) == 1
    assert [each.since for each in histories[1].files[1:]] == [MONDAY + day * DAY for day in (7, 14, 21)]


def test_a_file_as_if_it_had_been_in_force_has_the_schedules_of_the_time(feeds):
    """Whatever was in force, and by the copies of then: what `observe` judges by."""
    feeds.store.revisions.add("d0", MONDAY - DAY, "no file at all", "sofia")
    feeds.refresh(MONDAY + 30 * DAY, table(("ada", -5, 100)))
    within = Interval(MONDAY, MONDAY + 90 * DAY)
    history = history_as_if(work(feeds, within.end).team, feeds.store, within.end, within)
    assert on_call(history, within, 0, 29, 30) == {0: ["james"], 29: ["ada"], 30: ["ada"]}
    assert history.assumed == ()


def test_before_the_first_copy_that_one_is_taken_and_this_is_said(tmp_path):
    """As far back as it is read; that shifts before that may be missing is said too."""
    with open_store(tmp_path) as store:
        feeds = Feeds(store, replace(feed_team(1), digest="d1"))
        feeds.refresh(answer=table(("james", -60, 25), ("james", -35, 100)))
        store.revisions.add("d1", MONDAY - 90 * DAY, "", "sofia")
        within = Interval(MONDAY - 50 * DAY, MONDAY + 10 * DAY)
        history = history_of(work(feeds, within.end), within)
    assert on_call(history, within, -40, -32, -30, -3, 3) == {
        -40: [],
        -32: ["james"],
        -30: ["james"],
        -3: ["james"],
        3: ["james"],
    }
    assert history.assumed == (
        f"before 2026-01-12T00:00:00Z the outside schedule {NAME} is taken from its first copy, of that time",
        f"before 2025-12-12T00:00:00Z shifts of the outside schedule {NAME} may be missing: no copy is read so far back",
    )


def test_a_schedule_without_a_copy_is_said(tmp_path):
    """Nobody is on call by it, which is no proof that nobody was."""
    with open_store(tmp_path) as store:
        bare = Feeds(store, replace(feed_team(), digest="d1"))
        store.revisions.add("d1", MONDAY, "", "sofia")
        within = Interval(MONDAY, MONDAY + 10 * DAY)
        history = history_of(work(bare, within.end), within)
    assert on_call(history, within, 1) == {1: []}
    assert history.assumed == (f"the outside schedule {NAME} has no copy: nobody is taken to be on call by it",)
