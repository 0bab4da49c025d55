"""What a person did in a span, held against their right: read from the lake, judged, kept, and made anew when it must be."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.lakes import AT, delivery, log, taken_in
from tests.teams import DAY, HERE, MONDAY, layer, permission_set, person, rota, team, with_rota
from tests.trails import after, assume_role, reading, record, user
from tests.unit.judge.judged import WEEK, WHO, histories, one_by_one, records
from tests.unit.judge.test_bulk import table
from tests.unit.service.desk import NOW, Office

from watchbill.access.history import History, InForce
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED, judge_batches
from watchbill.judge.hanging import READ
from watchbill.lake.engines import DuckEngine
from watchbill.lake.place import Lake
from watchbill.lake.queries import sessions
from watchbill.lake.seal import seal
from watchbill.schedule.oncall import shifts
from watchbill.service import requests
from watchbill.service.about import about
from watchbill.service.grounds import stamp_of
from watchbill.service.person import LANES, Lane, judged, narrowed, shifts_of, sittings, with_lanes
from watchbill.service.questions import files_of
from watchbill.service.seen import Trail
from watchbill.store.rows import Asked, FreezeRow
from watchbill.team.model import Access, Group
from watchbill.trail.attribute import attribute
from watchbill.trail.coverage import WATERMARK


SPAN = Interval(MONDAY, MONDAY + 7 * DAY)
HISTORY = History(team(), (InForce(None, team(), None),))
ACTIONS = ("ec2:DescribeInstances", "rds:RebootDBInstance", "iam:CreateUser", "sts:GetCallerIdentity")


def made(first=0, count=60, **more):
    """Make records of James and Rick around the clock."""
    who = [user("james"), user("rick")]
    return [
        record(ACTIONS[n % 4], who[n % 3 % 2], after(n * 1.1), event_id=str(UUID(int=n)), **more)
        for n in range(first, first + count)
    ]


def read(found):
    """Read records as events with who it was."""
    return attribute(reading(*found).events, team())


@pytest.fixture
def place(tmp_path):
    """Give a trail with some events in it, and somebody's work."""
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(made()))], team())
    office = Office(tmp_path)
    office.team = replace(office.team, digest="of-now")
    trail = Trail(tmp_path / "lake")
    yield trail, office, tmp_path / "lake"
    trail.close()


@settings(max_examples=12, suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
@given(histories(), st.lists(records(), min_size=20, max_size=30), st.sampled_from(WHO))
def test_a_history_that_is_cut_to_a_person_judges_them_as_the_whole_one(history, found, person):
    """Around every edge, on call or not, with overrides and freezes: nothing of anybody else counts for them."""
    numbered = [each | {"eventID": str(UUID(int=number))} for number, each in enumerate(found)]
    events = [each for each in attribute(reading(*numbered).events, history.given) if each.actor.person == person]
    told = pa.Table.from_batches(judge_batches(table(events).to_batches(), narrowed(history, person), WEEK), JUDGED)
    assert told.to_pylist() == one_by_one(events, history, WEEK)


@settings(max_examples=12, suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
@given(histories(), st.lists(records(), min_size=20, max_size=30))
def test_what_is_not_read_makes_no_difference(history, found):
    """Events of which no more is read than judging reads are judged as whole ones are."""
    numbered = [each | {"eventID": str(UUID(int=number))} for number, each in enumerate(found)]
    whole = table(attribute(reading(*numbered).events, history.given))
    assert len(READ) < len(whole.schema)
    assert judged(whole.select(READ), history, WEEK).equals(judged(whole, history, WEEK))


def test_who_is_on_no_rota_may_still_not_take_its_role():
    """The guard that denies a role names those who may take it: it stands in a history that is cut to somebody else."""
    base = team()
    named = Group("takers", ("omar", "james"), (), (Access("any", ("production",), HERE),), HERE)
    more = permission_set("any", allow=("sts:*", "ec2:*"))
    wide = replace(
        base,
        people={**base.people, "omar": person("omar")},
        groups={**base.groups, "takers": named},
        permission_sets={**base.permission_sets, "any": more},
    )
    history = History(wide, (InForce(None, wide, None),))
    for who in ("omar", "james"):
        found = [
            assume_role(user(who), "watchbill/oncall-platform", f"ASIA{n}", after(n * 3.5), event_id=str(UUID(int=n)))
            for n in range(20)
        ]
        events = attribute(reading(*found).events, wide)
        told = pa.Table.from_batches(judge_batches(table(events).to_batches(), narrowed(history, who), SPAN), JUDGED)
        assert told.to_pylist() == one_by_one(events, history, SPAN)
        rights = {row["right"] for row in told.to_pylist()}
        assert rights == ({"beyond role"} if who == "omar" else {"entitled"})


def test_the_events_of_a_person_are_theirs_alone_and_judged_as_one_by_one(place):
    """Every event of the person in the span, once, latest first, with the right that the judge gives each."""
    trail, office, _ = place
    seen = trail.seen(office.as_("lee"), "james", SPAN)
    events = [each for each in read(made()) if each.actor.person == "james"]
    expected = {row["id"]: (row["right"], row["why"]) for row in one_by_one(events, HISTORY, SPAN)}
    found = [(row["id"], (row["right"], row["why"])) for row in seen.table.to_pylist()]
    assert dict(found) == expected
    assert len(found) == len(expected) > 30
    assert seen.times.tolist() == sorted(seen.times.tolist(), reverse=True)
    assert {right for _, (right, _) in found} == {"entitled", "off shift", "beyond role", "needs none"}


@pytest.mark.parametrize(
    ("outcome", "right", "lane"),
    [
        ("allowed", "entitled", Lane.WITHIN),
        ("allowed", "needs none", Lane.WITHIN),
        ("allowed", "off shift", Lane.OUTSIDE),
        ("allowed", "beyond role", Lane.OUTSIDE),
        ("allowed", "frozen", Lane.OUTSIDE),
        ("allowed", "not judgeable", Lane.UNJUDGED),
        ("denied", "beyond role", Lane.FAILED),
        ("denied", "entitled", Lane.FAILED),
        ("failed", "not judgeable", Lane.FAILED),
    ],
)
def test_every_event_lies_in_one_lane(monkeypatch, outcome, right, lane):
    """What AWS refused is no act outside of one's right; what cannot be judged is said, and is neither."""
    (event, *_) = read(made(count=1))
    rows = table([event])
    position = rows.schema.get_field_index("outcome")
    rows = rows.set_column(position, "outcome", pa.array([outcome]))

    def says(batches, *_):
        for batch in batches:
            row = dict.fromkeys(JUDGED.names) | {"id": batch["id"][0].as_py(), "right": right, "why": ""}
            row |= {"entitled": "", "past_role": False, "unexpected": False}
            yield pa.RecordBatch.from_pylist([row], JUDGED)

    monkeypatch.setattr("watchbill.service.person.judge_batches", says)
    assert [LANES[n] for n in with_lanes(judged(rows, HISTORY, SPAN))["lane"].to_pylist()] == [lane]


def test_what_was_outside_is_listed_first_and_the_latest_of_it_first(place):
    """Pages of the list are cut from one order, whatever their size."""
    trail, office, _ = place
    seen = trail.seen(office.as_("lee"), "james", SPAN)
    whole = seen.listed(0, 1000)
    assert [each for n in range(0, len(whole), 7) for each in seen.listed(n, 7)] == whole
    assert [LANES.index(each.lane) for each in whole] == sorted(LANES.index(each.lane) for each in whole)
    for lane in Lane:
        times = [each.at for each in whole if each.lane is lane]
        assert times == sorted(times, reverse=True)
        assert len(times) == seen.counts()[lane]


def test_sittings_are_those_that_the_lake_tells(place):
    """The same runs of events as `lake.queries.sessions` gives."""
    trail, office, folder = place
    near = [
        record(
            "ec2:DescribeInstances", user("james"), after(200 + minutes / 60), event_id=str(UUID(int=9000 + minutes))
        )
        for minutes in (0, 1, 31, 62, 63)
    ]
    taken_in(folder, [delivery("b.json.gz", log(near))], team())
    wide = Interval(MONDAY, MONDAY + 12 * DAY)
    found = sittings(trail.seen(office.as_("lee"), "james", wide))
    lake = Lake(folder)
    with DuckEngine(files_of(lake)) as engine:
        told = engine.ask(sessions("james", wide)).to_pylist()
    lake.close()
    assert [(each.events, each.addresses) for each in reversed(found)] == [
        (row["events"], row["addresses"]) for row in told
    ]
    assert Counter(each.events for each in found)[3] == 1


def test_what_was_judged_is_kept_while_nothing_of_it_has_changed(place):
    """The same question is answered by the same value; a new file of the lake, or a freeze, makes another."""
    trail, office, folder = place
    first = trail.seen(office.as_("lee"), "james", SPAN)
    assert trail.seen(office.as_("sofia"), "james", SPAN) is first
    assert trail.seen(office.as_("lee"), "rick", SPAN) is not first
    taken_in(folder, [delivery("b.json.gz", log(made(100, 9)))], team())
    second = trail.seen(office.as_("lee"), "james", SPAN)
    assert len(second.table) > len(first.table)
    office.store.freezes.add(FreezeRow("F-1", "james", MONDAY, None, None, "{}"))
    third = trail.seen(office.as_("lee"), "james", SPAN)
    assert third.counts()[Lane.OUTSIDE] > second.counts()[Lane.OUTSIDE]
    assert {each.right for each in third.listed(0, 999)} == {"frozen"}


def test_sealing_changes_nothing_of_what_is_seen(place):
    """Files that were put together are others, with the same events."""
    trail, office, folder = place
    taken_in(folder, [delivery("b.json.gz", log(made(100, 9)))], team())
    before = trail.seen(office.as_("lee"), "james", SPAN)
    lake = Lake(folder)
    seal(lake, MONDAY + 60 * DAY)
    lake.close()
    after_it = trail.seen(office.as_("lee"), "james", SPAN)
    assert after_it is not before
    assert after_it.table.equals(before.table)


def test_the_stamp_is_another_where_anything_that_says_what_was_in_force_is(place):
    """A stamp that stays where the answer changes would show what is no more so."""
    _, office, _ = place
    work = office.as_("sofia")
    stamps = [stamp_of(work)]
    assert stamp_of(office.as_("lee")) == stamps[0]

    def changed():
        stamps.append(stamp_of(office.as_("sofia")))
        assert len(set(stamps)) == len(stamps)

    office.store.revisions.add("d1", NOW, "team: orders", "sofia")
    changed()
    office.store.freezes.add(FreezeRow("F-1", "james", NOW, None, None, "{}"))
    changed()
    office.store.freezes.end("F-1", NOW + DAY)
    changed()
    office.team = replace(office.team, digest="other")
    changed()
    ask = requests.ask_access(office.as_("rick"), "prod-oncall", timedelta(hours=1), (), "a fix", "k")
    assert stamp_of(office.as_("sofia")) == stamps[-1]
    row = office.store.requests.get(ask.id)
    office.store.requests.turn(row, replace(row, state=Asked.APPROVED, decided_at=NOW, decided_by="sofia"))
    changed()


def test_nobody_is_given_the_cases_about_themselves(place):
    """Whatever a page does with them: what the state has about a person is given without, where they ask."""
    _, office, _ = place
    told = about(office.as_("lee"), "james", SPAN, lambda _: False)
    assert {each.id for each in told.cases} >= {"C-late"}
    assert about(office.as_("james"), "james", SPAN, lambda _: False).cases == ()
    assert about(office.as_("lee"), "james", Interval(MONDAY - DAY, MONDAY), lambda _: False).cases == ()


def test_complete_to_is_never_later_than_what_was_delivered_or_recorded(place, tmp_path):
    """A folder of old logs that was read today says nothing of today."""
    trail, _, folder = place
    last = max(each.event.at for each in read(made()))
    assert trail.complete_to() == last
    fresh = [record(at=AT - timedelta(minutes=1), event_id="fresh")]
    taken_in(folder, [delivery("c.json.gz", log(fresh))], team())
    assert trail.complete_to() == AT - WATERMARK
    assert Trail(tmp_path / "nothing").complete_to() is None


def test_without_a_lake_nothing_is_seen(tmp_path):
    """It may come later: an instance is started before anything is taken in."""
    office, trail = Office(tmp_path), Trail(tmp_path / "lake")
    assert len(trail.seen(office.as_("lee"), "james", SPAN).table) == 0
    taken_in(tmp_path / "lake", [delivery("a.json.gz", log(made()))], team())
    assert len(trail.seen(office.as_("lee"), "james", SPAN).table) > 30
    trail.close()


def test_shifts_are_those_of_the_files_that_were_in_force():
    """A file that gave the watch to somebody else counts from when it was applied."""
    wednesday = MONDAY + 2 * DAY
    other = with_rota(team(), rota(layer("emea", "Europe/London", 9, 12, ("james", "ada"))))
    history = History(other, (InForce(None, team(), None), InForce(wednesday, other, "d1")))
    found = shifts_of(history, "james", SPAN)
    mine = [s.interval for s in shifts(team().rotas["platform"], Interval(MONDAY, wednesday)) if s.person == "james"]
    mine += [s.interval for s in shifts(other.rotas["platform"], Interval(wednesday, SPAN.end)) if s.person == "james"]
    assert [shift.interval for shift in found] == sorted(mine)
    assert len({each.start.hour for each in mine}) > 1
