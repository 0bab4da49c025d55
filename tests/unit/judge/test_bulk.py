"""Judging in bulk: the same judgements as one at a time, however events are cut into batches."""

import json
import pickle
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from itertools import product
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import DAY, HERE, MONDAY, grant, team, workload
from tests.trails import after, assume_role, reading, record, service, session, sign_in, stamp, user
from tests.unit.judge.judged import CALLS, MORE, MS, NAMES, SETS, WEEK, histories, one_by_one, records, teams

from watchbill.access.history import History, InForce
from watchbill.access.model import Freeze
from watchbill.demo.stage import START
from watchbill.files.trail_folder import read_folder
from watchbill.intervals import Interval
from watchbill.judge import bulk
from watchbill.judge.bulk import JUDGED, BulkJudge, judge_batches
from watchbill.judge.judge import REACH
from watchbill.schedule.oncall import shifts
from watchbill.sim.week import LENGTH, make_week
from watchbill.team.files import parse
from watchbill.team.model import Access, Group
from watchbill.trail.attribute import attribute
from watchbill.trail.read import combine, read_file
from watchbill.trail.table import actor_row, attributed_of, row_of, table_of


HISTORY = History(team(), (InForce(None, team(), None),), (Freeze("f1", "lee", MONDAY, MONDAY + DAY, None),))


def events():
    """Make events of every right but one, among them two that share an id in two accounts."""
    actions = ["ec2:DescribeInstances", "rds:RebootDBInstance", "iam:CreateUser", "sts:GetCallerIdentity"]
    made = [
        record(action, user(name), after(hour))
        for action in actions
        for name in ("james", "lee", "stranger")
        for hour in (1, 19, 26)
    ]
    made += [
        assume_role(user("james"), "watchbill/oncall-platform", "ASIA1", after(18)),
        record("rds:RebootDBInstance", session("oncall-platform", "james", "ASIA1", path="/watchbill/"), after(19)),
        record("ec2:DescribeInstances", service("ec2"), after(3)),
        record(at=after(4), event_id="shared"),
        record(at=after(4), event_id="shared", account="222222222222"),
        sign_in(user("rick"), after(5), success=False),
    ]
    return attribute(reading(*made).events, team())


def table(found):
    """Write events as the lake keeps them."""
    return table_of([{**row_of(each.event, "00"), **actor_row(each.actor)} for each in found])


EVENTS = events()
TABLE = table(EVENTS)
EXPECTED = one_by_one(EVENTS, HISTORY, WEEK)


def rows(batches):
    """Give the rows of batches that were judged."""
    return pa.Table.from_batches(batches, JUDGED).to_pylist()


def told(found, history, span=WEEK):
    """Judge events in bulk, in batches of a few."""
    return rows(judge_batches(table(found).to_batches(max_chunksize=17), history, span))


def test_rows_are_judged_as_their_events_are():
    """An event that went through a table is the same event, and its judgement the same judgement."""
    found = rows(judge_batches(TABLE.to_batches(), HISTORY, WEEK))
    assert found == EXPECTED
    assert {each["right"] for each in found} >= {"entitled", "off shift", "beyond role", "frozen", "needs none"}


@settings(examples(10, 60), suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
@given(histories(), st.lists(records(), min_size=40, max_size=80))
def test_events_close_together_are_judged_alike_in_bulk_and_alone(history, made):
    """Around every edge, and by every key that a statement may hang on."""
    numbered = [each | {"eventID": str(UUID(int=number))} for number, each in enumerate(made)]
    found = attribute(reading(*numbered).events, history.given)
    assert told(found, history) == one_by_one(found, history, WEEK)


def variants():
    """Make every call by every kind of caller, before and after an instant, and with whatever else may be in it."""
    made = []
    for (action, fields), hour in product(CALLS, (18.4, 18.6)):
        with_mfa = user("james", mfa=True)
        with_mfa["sessionContext"]["attributes"]["creationDate"] = stamp(after(16.5))
        by_role = session(
            "oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(-3), source_identity="james"
        )
        callers = (user("james"), user("ada"), user("james", mfa=False), with_mfa, by_role)
        made += [record(action, who, after(hour), **fields) for who in callers]
    made += [record(a, user("james"), after(18.4), **{**fields, **more}) for (a, fields), more in product(CALLS, MORE)]
    numbered = [each | {"eventID": str(UUID(int=number))} for number, each in enumerate(made)]
    return attribute(reading(*numbered).events, team())


VARIANTS = variants()
VARIANTS_TABLE = table(VARIANTS)


SPANS = [Interval(after(16), after(34)), Interval(after(18.3), after(18.7))]


@settings(examples(12, 60), suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
@given(histories(), st.lists(st.sampled_from(VARIANTS), min_size=60, max_size=90), st.sampled_from(SPANS))
def test_by_whatever_span_an_event_is_judged_it_is_judged_alike(history, found, span):
    """Windows that reach beyond what is looked at too: what is kept of a part of a trail holds for all of it."""
    long = (grant("long", "james", (-24 * 60, 17), "everything"), grant("later", "ada", (30, 24 * 60), "everything"))
    files = (
        each if each.team is None else replace(each, team=replace(each.team, grants=(*each.team.grants, *long)))
        for each in history.files
    )
    wide = replace(history, files=tuple(files))
    by_it, by_more = (told(found, wide, each) for each in (span, Interval(MONDAY - 40 * DAY, MONDAY + 50 * DAY)))
    # Whether a session began on shift is known as far back as is looked.
    assert [row | {"started_on_shift": None} for row in by_it] == [row | {"started_on_shift": None} for row in by_more]


@pytest.mark.parametrize("held", SETS, ids=NAMES)
def test_whatever_a_permission_set_hangs_on_tells_events_apart(held):
    """Each set alone, held always: nothing but what it asks can make a difference."""
    listed = (Access(held.name, ("production",), HERE),)
    of = replace(
        team(),
        permission_sets={held.name: held},
        groups={"all": Group("all", ("james", "ada"), (), listed, HERE)},
        rotas={},
    )
    history = History(of, (InForce(None, of, None),))
    judged = rows(judge_batches(VARIANTS_TABLE.to_batches(max_chunksize=500), history, WEEK))
    assert judged == one_by_one(VARIANTS, history, WEEK)


@examples(6, 30)
@given(st.permutations(range(TABLE.num_rows)), st.integers(1, 9))
def test_neither_order_nor_cut_makes_a_difference(order, size):
    """An engine cuts and orders as it pleases."""
    batches = TABLE.take(order).combine_chunks().to_batches(max_chunksize=size)
    assert rows(judge_batches(batches, HISTORY, WEEK)) == [EXPECTED[number] for number in order]


def test_plain_columns_are_judged_as_those_with_dictionaries():
    """Spark gives no dictionaries."""
    fields = [
        pa.field(each.name, pa.string() if pa.types.is_dictionary(each.type) else each.type) for each in TABLE.schema
    ]
    batches = TABLE.cast(pa.schema(fields)).to_batches()
    assert rows(judge_batches(batches, HISTORY, WEEK)) == EXPECTED


def test_a_judge_that_was_sent_elsewhere_is_the_same_judge():
    """It is pickled on its way to the workers of an engine."""
    sent = pickle.loads(pickle.dumps(BulkJudge(HISTORY, WEEK)))
    assert rows(sent(TABLE.to_batches())) == EXPECTED


def test_every_batch_gives_one_of_its_length():
    """Batches go through one at a time: memory is that of the largest."""
    batches = TABLE.combine_chunks().to_batches(max_chunksize=7)
    given_back = judge_batches(iter(batches), HISTORY, WEEK)
    assert [each.num_rows for each in given_back] == [each.num_rows for each in batches]


@pytest.mark.parametrize("span", [Interval(MONDAY - DAY, MONDAY), Interval(after(30), after(40))])
def test_an_event_outside_the_span_is_not_judgeable(span):
    """What was in force then was not asked for: the piece before or after would judge it by another file."""
    found = rows(judge_batches(TABLE.to_batches(), HISTORY, span))
    assert len(found) == TABLE.num_rows
    assert {each["right"] for each in found} == {"not judgeable"}
    assert all("outside the span" in each["why"] for each in found)


def test_the_start_of_a_span_is_in_it_and_its_end_is_not():
    """An instant at the edge of two spans is judged once."""
    at = EVENTS[0].event.at
    for span, judged in ((Interval(at, at + DAY), True), (Interval(at - timedelta(days=1), at), False)):
        found = rows(judge_batches(TABLE.slice(0, 1).to_batches(), HISTORY, span))
        assert (found[0]["right"] != "not judgeable") is judged


def test_no_events_give_no_rows():
    """An empty lake is judged too."""
    assert rows(judge_batches(TABLE.slice(0, 0).to_batches(), HISTORY, WEEK)) == []


@pytest.mark.parametrize(
    "rest",
    [
        {"eventName": "CreateUser"},
        {"eventSource": "iam.amazonaws.com"},
        {"eventType": "AwsServiceEvent"},
        {"errorMessage": "User: x is not authorized to perform: iam:CreateUser on resource: y"},
        {"requestParameters": {"instanceType": "t3.micro", "iamInstanceProfile": {"name": "p"}}},
    ],
)
@pytest.mark.parametrize("action", ["ec2:DescribeInstances", "ec2:RunInstances"])
def test_what_a_record_says_beyond_its_columns_counts(rest, action):
    """The record is what was read; where a column says less or otherwise, it is looked at whole."""
    made = [record(action, user(name), after(20)) for name in ("james", "ada", "deploy-bot")]
    of = replace(team(), workloads={"deploy-bot": workload("deploy-bot", actions=("ec2:Describe*",))})
    history = History(of, (InForce(None, of, None),))
    found = attribute(reading(*made).events, of)
    changed = table_of([{**row, "rest": json.dumps(rest)} for row in table(found).to_pylist()])
    events = [each for batch in changed.to_batches() for each in attributed_of(batch)]
    assert rows(judge_batches(changed.to_batches(), history, WEEK)) == one_by_one(events, history, WEEK)


@pytest.mark.parametrize("bound", ["REMEMBERED", "REQUESTS"])
def test_what_is_forgotten_is_found_again(monkeypatch, bound):
    """Memory is bounded: what is remembered is cleared between batches, and nothing hangs on it."""
    monkeypatch.setattr(bulk, bound, 3)
    batches = TABLE.combine_chunks().to_batches(max_chunksize=4)
    assert rows(judge_batches(batches, HISTORY, WEEK)) == EXPECTED


def test_which_window_lay_nearer_turns_just_after_the_middle():
    """James is on from 18:00 to 02:00 every day of the week: at 10:00 the window before is still the nearer one."""
    ticks = [timedelta(minutes=-1), -MS, timedelta(0), MS, timedelta(minutes=1)]
    made = []
    for number, tick in enumerate(ticks):
        at = after(34) + tick
        stamped = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
        made.append(record("rds:RebootDBInstance", user("james"), event_id=f"e{number}") | {"eventTime": stamped})
    found = attribute(reading(*made).events, team())
    judged = told(found, HISTORY)
    assert judged == one_by_one(found, HISTORY, WEEK)
    assert [each["right"] for each in judged] == ["off shift"] * 5
    before, later = judged[0]["why"], judged[-1]["why"]
    assert [each["why"] for each in judged] == [before, before, before, later, later]
    assert before != later
    assert [each["watch"] for each in judged] == ["ended", "ended", "ended", "not yet", "not yet"]


def test_a_window_of_long_ago_makes_nothing_off_shift():
    """James had a grant until 04:00 on Monday: 35 days later to the instant it still counts."""
    given_once = grant("g1", "james", (0, 4), "prod-oncall")
    of = replace(team(), rotas={}, grants=(given_once,))
    ticks = [timedelta(minutes=-1), timedelta(0), MS, timedelta(minutes=1)]
    made = []
    for number, tick in enumerate(ticks):
        at = after(4) + REACH + tick
        stamped = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
        made.append(record("rds:RebootDBInstance", user("james"), event_id=f"e{number}") | {"eventTime": stamped})
    found = attribute(reading(*made).events, of)
    history, span = History(of, (InForce(None, of, None),)), Interval(MONDAY, MONDAY + 60 * DAY)
    judged = told(found, history, span)
    assert judged == one_by_one(found, history, span)
    assert [each["right"] for each in judged] == ["off shift", "off shift", "beyond role", "beyond role"]


def test_minutes_are_counted_from_the_end_of_the_shift_or_to_its_start():
    """James is on from 18:00 to 02:00."""
    hours = {17.5: ("not yet", 30), 18: ("on", None), 26: ("ended", 0), 26.99: ("ended", 59), 27: ("ended", 60)}
    made = [record(who=user("james"), at=after(hour)) for hour in hours]
    found = told(attribute(reading(*made).events, team()), HISTORY)
    assert [(each["watch"], each["minutes"]) for each in found] == list(hours.values())


@pytest.mark.parametrize(("began", "expected"), [(17.9, False), (18, True), (25.9, True), (26, False)])
def test_whether_a_session_began_on_shift(began, expected):
    """It outlived the shift, or was made after it."""
    who = session("oncall-platform", "james", "ASIA1", path="/watchbill/", began=after(began), source_identity="james")
    found = attribute(reading(record("rds:RebootDBInstance", who, after(27))).events, team())
    (row,) = told(found, HISTORY)
    assert (row["person"], row["watch"], row["started_on_shift"]) == ("james", "ended", expected)


@pytest.mark.parametrize(
    ("action", "unexpected"),
    [
        ("s3:GetObject", False),
        ("ec2:DescribeInstances", False),
        ("ec2:RunInstances", True),
        ("sts:GetCallerIdentity", False),
    ],
)
def test_what_a_workload_calls_beyond_its_declaration_is_unexpected(action, unexpected):
    """The right stays that of no person."""
    bot = workload("deploy-bot", actions=("s3:*", "ec2:Describe*"))
    of = replace(team(), workloads={"deploy-bot": bot, "other": workload("other")})
    history = History(of, (InForce(None, of, None),))
    made = [record(action, user(name), after(1)) for name in ("deploy-bot", "other")]
    found = attribute(reading(*made).events, of)
    judged = {each["why"].split(";")[0]: each for each in told(found, history)}
    assert told(found, history) == one_by_one(found, history, WEEK)
    assert judged["workload deploy-bot"]["unexpected"] is unexpected
    assert judged["workload other"]["unexpected"] is False
    assert {each["right"] for each in judged.values()} == {"not a person"}
    assert (f"{action} is outside what the team file declares" in judged["workload deploy-bot"]["why"]) is unexpected


def test_what_a_workload_carried_may_make_it_another_call():
    """A version of an object is another action than the object."""
    of = replace(team(), workloads={"deploy-bot": workload("deploy-bot", actions=("s3:GetObject",))})
    history = History(of, (InForce(None, of, None),))
    given_each = [{"bucketName": "b", "key": "k"}, {"bucketName": "b", "key": "k", "versionId": "v1"}]
    made = [record("s3:GetObject", user("deploy-bot"), after(1), requestParameters=each) for each in given_each]
    found = attribute(reading(*made).events, of)
    judged = told(found, history)
    assert judged == one_by_one(found, history, WEEK)
    assert sorted(each["unexpected"] for each in judged) == [False, True]


@settings(max_examples=3)
@given(teams())
@pytest.mark.parametrize("name", ["invictus", "stratus"])
def test_real_trails_are_judged_alike_in_bulk_and_alone(data_dir, name, of):
    """Every call of two public trails, as if its users were people of a team."""
    found = _real(data_dir, name)
    users = sorted({each.identity.user_name for each in found if each.identity.type == "IAMUser"} - {None})
    people = dict(zip(of.people, users, strict=False))
    accounts = [number for number, _ in Counter(each.account for each in found).most_common(2)]
    named = {key: replace(each, iam_user=people.get(key, each.iam_user)) for key, each in of.people.items()}
    numbered = {
        key: replace(each, number=accounts[number % len(accounts)] if number < len(accounts) else each.number)
        for number, (key, each) in enumerate(of.accounts.items())
    }
    changed = replace(of, people=named, accounts=numbered)
    history = History(changed, (InForce(None, changed, None),))
    span = Interval(min(each.at for each in found), max(each.at for each in found) + DAY)
    judged = attribute(found, changed)[::3]
    assert told(judged, history, span) == one_by_one(judged, history, span)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_demo_week_is_judged_alike_in_bulk_and_alone(seed):
    """With all its stories, by the sample team."""
    of = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")
    wide = Interval(START - DAY, START + LENGTH + DAY)
    found = [shift for each in of.rotas.values() for shift in shifts(each, wide)]
    files = [read_file(file.key, file.body) for file in make_week(of, found, START, seed).files]
    week = attribute(combine(files).events, of)
    history = History(of, (InForce(None, of, None),))
    judged = rows(judge_batches(table(week).to_batches(max_chunksize=1000), history, wide))
    assert judged == one_by_one(week, history, wide)
    people = Counter(each["right"] for each in judged if each["person"])
    assert people["not judgeable"] <= 0.05 * people.total()
    assert {"entitled", "off shift", "beyond role", "needs none"} <= people.keys()


def _real(data_dir, name):
    key = (str(data_dir), name)
    if key not in _READ:
        _READ[key] = read_folder(data_dir / "cloudtrail" / name).events
    return _READ[key]


_READ: dict[tuple[str, str], Any] = {}
