"""Judging in bulk: the same judgements as one at a time, however events are cut into batches."""

import pickle
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import DAY, MONDAY, team
from tests.trails import after, assume_role, reading, record, service, session, sign_in, user

from watchbill.access.history import History, InForce
from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED, BulkJudge, judge_batches
from watchbill.judge.judge import Judges
from watchbill.trail.attribute import attribute
from watchbill.trail.table import actor_row, row_of, table_of


WEEK = Interval(MONDAY, MONDAY + 7 * DAY)
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


EVENTS = events()
TABLE = table_of([{**row_of(each.event, "00"), **actor_row(each.actor)} for each in EVENTS])


def rows(batches):
    """Give the rows of batches that were judged."""
    return pa.Table.from_batches(batches, JUDGED).to_pylist()


def one_by_one(found):
    """Judge events without batches."""
    judges = Judges(HISTORY, WEEK)
    judged = [judges.judge(each) for each in found]
    return [
        {
            "account": each.attributed.event.account or None,
            "id": each.attributed.event.id,
            "person": each.attributed.actor.person,
            "right": str(each.right),
            "why": each.why,
            "through": each.holding.through if each.holding else None,
        }
        for each in judged
    ]


def test_rows_are_judged_as_their_events_are():
    """An event that went through a table is the same event, and its judgement the same judgement."""
    found = rows(judge_batches(TABLE.to_batches(), HISTORY, WEEK))
    assert found == one_by_one(EVENTS)
    assert {each["right"] for each in found} >= {"entitled", "off shift", "beyond role", "frozen", "needs none"}


@settings(max_examples=15)
@given(st.permutations(range(TABLE.num_rows)), st.integers(1, 9))
def test_neither_order_nor_cut_makes_a_difference(order, size):
    """An engine cuts and orders as it pleases."""
    batches = TABLE.take(order).combine_chunks().to_batches(max_chunksize=size)
    expected = one_by_one(EVENTS)
    assert rows(judge_batches(batches, HISTORY, WEEK)) == [expected[number] for number in order]


def test_plain_columns_are_judged_as_those_with_dictionaries():
    """Spark gives no dictionaries."""
    fields = [
        pa.field(each.name, pa.string() if pa.types.is_dictionary(each.type) else each.type) for each in TABLE.schema
    ]
    batches = TABLE.cast(pa.schema(fields)).to_batches()
    assert rows(judge_batches(batches, HISTORY, WEEK)) == one_by_one(EVENTS)


def test_a_judge_that_was_sent_elsewhere_is_the_same_judge():
    """It is pickled on its way to the workers of an engine."""
    sent = pickle.loads(pickle.dumps(BulkJudge(HISTORY, WEEK)))
    assert rows(sent(TABLE.to_batches())) == one_by_one(EVENTS)


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
