"""Copies of outside schedules: what comes into force, what waits, what fails, and who is on call by all that."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud
from tests.teams import DAY, MONDAY, layer, rota, team, with_rota

from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.errors import NotFoundError, ProviderError, RefusedError, WatchbillError
from watchbill.feeds.fetch import Fetched
from watchbill.intervals import Interval, iso
from watchbill.ledger.chain import verify
from watchbill.ledger.model import State
from watchbill.schedule.copies import Change, sources
from watchbill.schedule.oncall import shifts
from watchbill.service.casework import Casework
from watchbill.service.feeds import accept, refresh, with_feeds
from watchbill.sim.clock import SimClock
from watchbill.store.database import open_store
from watchbill.store.rows import CopyState, FreezeRow
from watchbill.team.model import Feed


ADDRESS = "https://calendars.example.com/private-3f9c77aa51/nights.csv?key=5up3rs3cr3t"
NAME = "platform/nights"
HOUR = timedelta(hours=1)


def feed_team(most_change=0.25, members=("james", "ada"), feed=None):
    """Make a team whose rota is one feed of nights."""
    made = feed or Feed("csv", "NIGHTS", "", most_change)
    nights = replace(layer("nights", "Europe/London", 0, 0, members), pattern=made, restrictions=())
    return with_rota(team(), rota(nights))


def table(*rows):
    """Make a document: who, from which day after `MONDAY`, for how many days."""
    lines = [f"{iso(MONDAY + start * DAY)},{iso(MONDAY + (start + days) * DAY)},{who}" for who, start, days in rows]
    return "\n".join(["start,end,person", *lines]).encode()


WHOLE = table(("james", 0, 20), ("ada", 20, 20))
"""Thirty days and more, without a gap."""


class World:
    """A team, its state, and a peer that answers what it is told."""

    def __init__(self, store, made=None):
        self.store, self.team = store, made or feed_team()
        self.answer: Fetched | Exception = Fetched(WHOLE)
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.secrets = {"NIGHTS": ADDRESS}

    def fetch(self, address, etag, modified):
        """Answer as a server would."""
        self.asked.append((address, etag, modified))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def refresh(self, at=MONDAY, answer: bytes | Fetched | Exception | None = None):
        """Refresh the one feed and give its report."""
        if answer is not None:
            self.answer = Fetched(answer) if isinstance(answer, bytes) else answer
        (report,) = refresh(self.team, self.store, self.fetch, at, self.secrets, "watchbill")
        return report

    def accept(self, at=MONDAY, actor="sofia"):
        """Accept what waits."""
        return accept(self.as_(actor, at), NAME)

    def as_(self, actor, at=MONDAY):
        """Work as somebody."""
        app = App(SimClock(at), Accounts("http://127.0.0.1:9", ("any", "any")), MemoryCloud())
        return Casework(app, self.store, self.team, at, actor)

    def held(self, at=MONDAY):
        """Give who holds what at an instant, in days after `MONDAY`."""
        (source,) = sources(with_feeds(self.team, self.store, at))
        if source.feed.held is None:
            return None
        return [
            (each.person, (each.interval.start - MONDAY) / DAY, (each.interval.end - MONDAY) / DAY)
            for each in source.feed.held
        ]

    def kinds(self):
        """Give what the ledger says of feeds."""
        return [entry.kind.removeprefix("schedule:feed:") for entry in self.store.ledger.entries()]


@pytest.fixture
def world(tmp_path):
    """Give a world in which nothing was fetched yet."""
    with open_store(tmp_path) as store:
        yield World(store)


@pytest.fixture
def going(world):
    """Give a world in which a lead has accepted the first copy."""
    world.refresh()
    world.accept()
    return world


def test_the_first_copy_gives_nothing_before_a_lead_has_accepted_it(world):
    """Nobody has said before that this is the right schedule; its whole content is what it changes."""
    report = world.refresh()
    assert (report.copy_at, report.waiting_at, report.is_well) == (None, MONDAY, False)
    assert report.changes == (
        Change(Interval(MONDAY, MONDAY + 20 * DAY), "james", gains=True),
        Change(Interval(MONDAY + 20 * DAY, MONDAY + 40 * DAY), "ada", gains=True),
    )
    assert world.held() is None
    accepted = world.accept(MONDAY + HOUR)
    assert (accepted.copy_at, accepted.since, accepted.is_well) == (MONDAY, MONDAY + HOUR, True)
    assert accepted.changes[0].person == "james"
    assert world.held(MONDAY + HOUR) == [("james", 0, 20), ("ada", 20, 40)]
    assert world.kinds() == ["held-back", "accepted"]
    (entry,) = list(world.store.ledger.entries())[1:]
    assert (entry.actor, entry.subject, entry.facts["people"]) == ("sofia", NAME, ["ada", "james"])
    assert verify(world.store.ledger.entries()).state is State.INTACT


def test_a_first_copy_of_the_past_waits_too(world):
    """It would say who was on call when something was done."""
    assert world.refresh(answer=table(("james", -5, 4))).waiting_at == MONDAY


def test_plans_and_questions_see_what_a_copy_gives(going):
    """The team with its feeds has shifts like any other."""
    found = shifts(with_feeds(going.team, going.store, MONDAY).rotas["platform"], Interval(MONDAY, MONDAY + 30 * DAY))
    assert [(shift.person, shift.interval.length / DAY) for shift in found] == [("james", 20), ("ada", 10)]
    assert shifts(going.team.rotas["platform"], Interval(MONDAY, MONDAY + DAY)) == ()


def test_only_a_lead_accepts(world):
    """Whoever else is refused, and what is not there is said to be not there."""
    with pytest.raises(NotFoundError, match="no copy of platform/nights waits"):
        world.accept()
    world.refresh()
    with pytest.raises(RefusedError, match="`james` is no lead"):
        world.accept(actor="james")
    with pytest.raises(NotFoundError, match="no feed `platform/days`"):
        accept(world.as_("sofia"), "platform/days")
    world.store.freezes.add(FreezeRow("F-1", "sofia", MONDAY - HOUR, None, None, "{}"))
    with pytest.raises(RefusedError, match="`sofia` is frozen"):
        world.accept()
    world.store.freezes.end("F-1", MONDAY - HOUR / 2)
    assert world.held() is None
    assert world.kinds() == ["held-back"]
    world.accept()
    with pytest.raises(NotFoundError, match="waits"):
        world.accept()


def test_a_copy_that_changes_little_comes_into_force(going):
    """What it changes is told; who was on call before it came stays on call for that time."""
    report = going.refresh(MONDAY + DAY, table(("james", 0, 15), ("ada", 15, 25)))
    assert report.is_well
    assert report.changes == (
        Change(Interval(MONDAY + 15 * DAY, MONDAY + 20 * DAY), "ada", gains=True),
        Change(Interval(MONDAY + 15 * DAY, MONDAY + 20 * DAY), "james", gains=False),
    )
    assert going.held(MONDAY + DAY) == [("james", 0, 15), ("ada", 15, 40)]
    assert going.kinds()[2:] == ["taken"]


@pytest.mark.parametrize(
    ("most_change", "rows", "passes"),
    [
        # 30 days are held: 7.5 of them are a quarter.
        (0.25, [("james", 0, 12.5), ("ada", 12.5, 27.5)], True),
        (0.25, [("james", 0, 12.499), ("ada", 12.499, 27.501)], False),
        # Gained without being lost counts as much, and so does lost without being gained.
        (0.25, [("james", 0, 20), ("ada", 20, 20), ("ada", 0, 7.5)], True),
        (0.25, [("james", 0, 20), ("ada", 20, 20), ("ada", 0, 7.501)], False),
        (0.25, [("james", 7.5, 12.5), ("ada", 20, 20)], True),
        (0.25, [("james", 7.501, 12.499), ("ada", 20, 20)], False),
        # What comes after the 30 days, or is over, is not counted.
        (0.25, [("james", -9, 29), ("ada", 20, 10), ("james", 30, 100)], True),
        (0.0, [("james", 0, 19.999), ("ada", 19.999, 20.001)], False),
        (0.0, [("james", 0, 20), ("ada", 20, 15)], True),
        (0.1, [("james", 0, 17), ("ada", 17, 23)], True),
        (0.1, [("james", 0, 16.999), ("ada", 16.999, 23.001)], False),
        (0.99, [], False),
        (1.0, [], True),
        (1.0, [("ada", 0, 40), ("james", 0, 40)], True),
    ],
)
def test_most_change_is_a_share_of_the_coming_month(tmp_path, most_change, rows, passes):
    """To the very share it passes; past it by a minute it waits, and what was in force stays so."""
    with open_store(tmp_path) as store:
        world = World(store, feed_team(1.0))
        assert world.refresh().is_well
        world.team = feed_team(most_change)
        report = world.refresh(MONDAY, table(*rows))
        assert (report.waiting_at is None) is passes
        assert passes or world.held() == [("james", 0, 20), ("ada", 20, 40)]


def test_more_than_nothing_is_too_much(going):
    """Where nothing is held in the coming month, whatever is gained in it waits."""
    later = MONDAY + 50 * DAY
    assert going.refresh(later, table(("ada", 60, 1))).waiting_at == later


def test_what_waits_is_replaced_by_what_comes(going):
    """One copy waits at most; one like the copy in force, or near it, takes the question away."""
    other, third = table(("ada", 0, 40)), table(("ada", 0, 39))
    assert going.refresh(answer=other).waiting_at == MONDAY
    assert going.refresh(MONDAY + HOUR, other + b"\n").waiting_at == MONDAY
    assert going.refresh(MONDAY + 2 * HOUR, third).waiting_at == MONDAY + 2 * HOUR
    assert going.held(MONDAY + 2 * HOUR) == [("james", 0, 20), ("ada", 20, 40)]
    assert going.refresh(MONDAY + 3 * HOUR, WHOLE + b"\n").is_well
    assert going.refresh(MONDAY + 4 * HOUR, other).waiting_at == MONDAY + 4 * HOUR
    assert going.refresh(MONDAY + 5 * HOUR, table(("james", 0, 20), ("ada", 20, 19))).is_well
    assert going.kinds()[2:] == [
        *("held-back", "withdrawn", "held-back", "withdrawn", "held-back", "withdrawn", "taken"),
    ]


def test_what_is_unchanged_changes_nothing_but_the_time(going):
    """By its status, its bytes, or its meaning: no copy is kept, nothing is in the ledger."""
    before = going.kinds()
    for hours, answer in enumerate([Fetched(None), Fetched(WHOLE, '"2"'), Fetched(WHOLE + b"\n", '"3"')], 1):
        report = going.refresh(MONDAY + hours * HOUR, answer)
        assert (report.is_well, report.copy_at, report.changes) == (True, MONDAY, ())
        assert going.store.feeds.last_try(NAME).at == MONDAY + hours * HOUR
    assert going.kinds() == before
    assert len(going.store.feeds.in_force(NAME, MONDAY, MONDAY + DAY)) == 1


def test_validators_are_those_of_the_newest_copy_and_for_its_address_alone(world):
    """What is sent back is of the bytes that are kept, and nothing is sent to another address."""
    world.refresh(answer=Fetched(WHOLE, '"1"', "then"))
    world.refresh(answer=Fetched(None, '"1"'))
    assert world.asked == [(ADDRESS, None, None), (ADDRESS, '"1"', "then")]
    world.accept()
    world.refresh(answer=Fetched(WHOLE, '"2"'))
    world.refresh(answer=Fetched(WHOLE + b"\n", '"3"'))
    world.refresh(answer=Fetched(None))
    assert world.asked[2:] == [(ADDRESS, '"1"', "then"), (ADDRESS, '"2"', None), (ADDRESS, '"2"', None)]
    world.secrets["NIGHTS"] = ADDRESS + "0"
    world.refresh(answer=Fetched(WHOLE, '"9"'))
    assert world.asked[5:] == [(ADDRESS + "0", None, None)]
    world.refresh()
    assert world.asked[6:] == [(ADDRESS + "0", '"9"', None)]


def test_the_last_good_copy_stays_in_force_while_a_feed_fails(going):
    """The error, and since when, are kept; the first failure and the recovery are in the ledger."""
    for hours, answer, said in (
        (1, ProviderError("answered 500 Internal Server Error"), "platform/nights answered 500"),
        (2, b"<html>log in</html>", "platform/nights is no table of shifts: it is a web page"),
        (3, b"", "platform/nights"),
        (4, b"\0\1\2", "platform/nights"),
        (5, b'{"error": "x"}', "platform/nights"),
        (6, ProviderError("said nothing for 10 s"), "platform/nights said nothing for 10 s"),
    ):
        report = going.refresh(MONDAY + hours * HOUR, answer)
        assert report.error.startswith(said)
        assert (report.failing_since, report.copy_at, report.is_well) == (MONDAY + HOUR, MONDAY, False)
    assert going.held(MONDAY + 7 * HOUR) == [("james", 0, 20), ("ada", 20, 40)]
    report = going.refresh(MONDAY + 8 * HOUR, WHOLE)
    assert (report.error, report.failing_since, report.is_well) == (None, None, True)
    assert going.kinds()[2:] == ["failed", "recovered"]


def test_a_failure_leaves_what_waits_waiting(world):
    """A lead may still accept it."""
    world.refresh()
    report = world.refresh(MONDAY + HOUR, ProviderError("answered 500"))
    assert (report.waiting_at, report.error) == (MONDAY, "platform/nights answered 500")
    world.accept(MONDAY + 2 * HOUR)
    assert world.held(MONDAY + 2 * HOUR) is not None


def test_an_address_that_is_not_set_is_said_by_its_variable(world):
    """Nothing is fetched."""
    world.secrets = {}
    assert world.refresh().error == "platform/nights has no address: the environment variable NIGHTS is not set"
    assert world.asked == []


def test_people_who_are_not_members_get_nothing(world):
    """Unknown names and people of other layers are told of, and hold nothing."""
    report = world.refresh(answer=table(("james", 0, 20), ("eve", 20, 5), ("rick", 25, 5), ("ada", 30, 10)))
    assert [problem.code for problem in report.problems] == ["unknown-member", "unknown-member"]
    assert {change.person for change in report.changes} == {"james", "ada"}
    world.accept()
    assert world.held() == [("james", 0, 20), ("ada", 30, 40)]


def test_a_member_who_is_removed_holds_nothing_at_once(going):
    """Whatever the copy says: the team file says who may be on call by it. Removal is no change of the feed's."""
    going.team = feed_team(members=("ada",))
    assert going.held() == [("ada", 20, 40)]
    assert going.refresh(MONDAY + HOUR, WHOLE + b"\n").is_well


def test_another_capacity_is_of_no_account(world):
    """An entry that says it is of the secondary gives nothing to a layer of primaries, and is no problem of it."""
    row = f"{iso(MONDAY)},{iso(MONDAY + DAY)}"
    report = world.refresh(answer=f"start,end,person,kind\n{row},james,primary\n{row},eve,secondary\n".encode())
    assert [change.person for change in report.changes] == ["james"]
    assert report.problems == ()


def test_what_was_on_call_is_what_the_copy_said_that_was_in_force(going):
    """A schedule that is changed afterwards changes nothing of what was; joined where both say the same."""
    going.team = feed_team(1.0)
    going.refresh(MONDAY + 2 * DAY, table(("ada", 0, 10), ("james", 10, 10), ("ada", 20, 20)))
    going.refresh(MONDAY + 4 * DAY, table(("james", 0, 20), ("ada", 20, 20)))
    assert going.held(MONDAY + 5 * DAY) == [("james", 0, 2), ("ada", 2, 4), ("james", 4, 20), ("ada", 20, 40)]
    assert going.held(MONDAY + 3 * DAY) == [("james", 0, 2), ("ada", 2, 10), ("james", 10, 20), ("ada", 20, 40)]
    assert going.held(MONDAY - DAY) is None


def test_a_file_is_a_feed_too(tmp_path):
    """Read from beside the team file, without an address; what is wrong with it is said by its name."""
    (tmp_path / "nights.csv").write_bytes(WHOLE)
    made = replace(feed_team(feed=Feed("csv", "", "nights.csv", 0.25)), path=str(tmp_path / "watchbill.yaml"))
    with open_store(tmp_path / "state") as store:
        world = World(store, made)
        assert world.refresh().waiting_at == MONDAY
        world.accept()
        (tmp_path / "nights.csv").unlink()
        assert world.refresh().error.startswith("platform/nights names `nights.csv`, and there is no such file")
        assert world.held() == [("james", 0, 20), ("ada", 20, 40)]
        assert world.asked == []


def test_several_feeds_fail_each_by_itself(tmp_path):
    """One that fails keeps none of the others from being fetched."""
    (one,) = feed_team().rotas["platform"].layers
    days = replace(one, name="days", pattern=Feed("csv", "DAYS", "", 0.25))
    with open_store(tmp_path) as store:
        world = World(store, with_rota(team(), rota(days, one)))
        failing, fine = refresh(world.team, store, world.fetch, MONDAY, world.secrets, "watchbill")
    assert (failing.feed, failing.error) == (
        "platform/days",
        "platform/days has no address: the environment variable DAYS is not set",
    )
    assert (fine.feed, fine.error, fine.waiting_at) == (NAME, None, MONDAY)


def test_the_address_is_in_nothing_that_is_shown(world):
    """Neither in a report nor in the ledger, not even where the document says it."""
    parts = ("calendars.example.com", "private-3f9c77aa51", "5up3rs3cr3t")
    reports = [
        world.refresh(answer=f"start,end,person\n{ADDRESS},,{ADDRESS}".encode()),
        world.refresh(answer=ADDRESS.encode()),
        world.refresh(answer=b"private-3f9c77aa51"),
        world.refresh(answer=ProviderError("answered 500")),
        world.refresh(answer=table((ADDRESS, 0, 20), ("ada", 20, 20))),
    ]
    shown = repr(reports) + repr(list(world.store.ledger.entries()))
    assert "unknown-member" in shown
    assert not [part for part in parts if part in shown]


def test_the_address_is_in_no_byte_of_the_state(world, tmp_path):
    """Neither the database nor its log, after whatever happened."""
    for answer in (WHOLE, Fetched(WHOLE, '"1"', "then"), ProviderError("answered 500"), ADDRESS[:9].encode(), WHOLE):
        world.refresh(answer=answer)
    world.accept()
    found = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert NAME.encode() in found
    parts = (b"calendars.example.com", b"private-3f9c77aa51", b"nights.csv", b"5up3rs3cr3t")
    assert not [part for part in parts if part in found]


def test_a_copy_that_can_be_read_no_more_holds_nobody(going):
    """A team file whose feed is of another form changes nothing of what is in force; bytes gone wrong hold nobody."""
    going.team = feed_team(feed=Feed("ics", "NIGHTS", "", 0.25))
    assert going.held() == [("james", 0, 20), ("ada", 20, 40)]
    copy = going.store.feeds.standing(NAME, CopyState.IN_FORCE)
    waiting = going.store.feeds.add(replace(copy, form="ics"))
    with pytest.raises(WatchbillError, match="is no calendar"):
        going.accept()
    going.store.feeds.take(waiting, MONDAY + HOUR)
    assert going.held(MONDAY + HOUR) == [("james", 0, 1 / 24)]
    report = going.refresh(MONDAY + HOUR, Fetched(None))
    assert report.error == "platform/nights holds nobody: its copy in force can be read no more"
    going.team = feed_team()
    assert going.refresh(MONDAY + HOUR, WHOLE).waiting_at == MONDAY + HOUR
