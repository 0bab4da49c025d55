"""Derived fields: what no record says, as columns; the same however batches are cut, and only where asked for."""

import pyarrow as pa
import pytest
from tests.teams import PRODUCTION, STAGING, team
from tests.trails import FOREIGN, after, reading, record, root, service, session, user

from watchbill.access.history import declared
from watchbill.alerts.audit import Held, span_of
from watchbill.detect.baseline import Baseline
from watchbill.detect.derived import Deriver, is_ours
from watchbill.judge.bulk import judge_batches
from watchbill.trail.attribute import attribute


ALL = (
    *("wb.person", "wb.actor", "wb.method", "wb.confidence", "wb.right", "wb.entitled", "wb.outcome", "wb.ours"),
    *("wb.shift.state", "wb.shift.minutes_after_end", "wb.session.started_on_shift", "wb.environment"),
    *("wb.first_seen.network", "wb.first_seen.role.hour", "wb.first_seen.company.action"),
)

MADE = [
    record("ec2:DescribeInstances", user("james"), after(12), event_id="mine"),
    record("rds:RebootDBInstance", user("james"), after(27), event_id="after the shift"),
    record("ec2:RunInstances", user("rick"), after(13), error="AccessDenied", account=STAGING, event_id="refused"),
    record("s3:PutObject", user("deploy-bot"), after(1), event_id="machine"),
    record("s3:PutObject", service("ec2"), after(2), event_id="service"),
    record("s3:PutObject", root(), after(3), event_id="root"),
    record("s3:PutObject", session("oncall", "x", "ASIALOST"), after(4), event_id="unknown"),
    record("iam:CreateUser", user("watchbill"), after(5), event_id="ours"),
    record("iam:CreateUser", user("watchbill", account=FOREIGN), after(5), account=FOREIGN, event_id="foreign"),
]


def derived(wanted=ALL, size=1000, of=None):
    """Derive the fields of all records, in batches of a size; give the rows by id."""
    of = team() if of is None else of
    found = reading(*MADE)
    (whole,) = Held(attribute(found.events, of)).batches()
    batches = [whole.slice(start, size) for start in range(0, whole.num_rows, size)]
    span = span_of(found)
    assert span is not None
    judged = judge_batches(batches, declared((), of, span, ()), span)
    derive = Deriver(of, Baseline(of), wanted)
    made = [derive(batch, each) for batch, each in zip(batches, judged, strict=True)]
    return {row["id"]: row for batch in made for row in batch.to_pylist()}, made


def column(name, **more):
    """Give one field by id."""
    return {event_id: row[name] for event_id, row in derived(**more)[0].items()}


def test_who_it_was_is_said_in_a_word():
    """Who is nobody's and nothing's is unknown."""
    assert column("wb.actor") == {
        "mine": "person",
        "after the shift": "person",
        "refused": "person",
        "machine": "workload",
        "service": "service",
        "root": "root",
        "unknown": "unknown",
        "ours": "unknown",
        "foreign": "unknown",
    }


def test_what_the_judge_said_stands_beside():
    """Whether it was theirs, how it ended, and where it lay against the shift."""
    rows, _ = derived()
    assert {key: rows["mine"][f"wb.{key}"] for key in ("person", "right", "entitled", "outcome")} == {
        "person": "james",
        "right": "entitled",
        "entitled": "yes",
        "outcome": "allowed",
    }
    late = rows["after the shift"]
    assert (late["wb.right"], late["wb.entitled"], late["wb.shift.state"]) == ("off shift", "no", "ended")
    assert late["wb.shift.minutes_after_end"] > 0
    assert rows["refused"]["wb.outcome"] == "denied"


def test_minutes_are_said_of_what_ended_only():
    """A shift that is still to come has minutes too, which are others."""
    for row in derived()[0].values():
        assert (row["wb.shift.minutes_after_end"] is not None) == (row["wb.shift.state"] == "ended")


def test_the_environment_is_that_of_the_team_file():
    """Of an account that is in no team file nothing is known."""
    found = column("wb.environment")
    assert found["foreign"] is None
    assert found["mine"] == "production"
    assert found["refused"] == team().accounts["staging"].environment


def test_ours_is_what_watchbill_did():
    """By the user it has in the team's accounts; one of the same name elsewhere is somebody's else."""
    assert {event_id for event_id, ours in column("wb.ours").items() if ours} == {"ours"}


@pytest.mark.parametrize(
    ("arn", "account", "ours"),
    [
        (f"arn:aws:iam::{PRODUCTION}:user/watchbill", PRODUCTION, True),
        (f"arn:aws:iam::{PRODUCTION}:user/path/watchbill", PRODUCTION, True),
        (f"arn:aws:sts::{PRODUCTION}:assumed-role/watchbill/session", PRODUCTION, True),
        (f"arn:aws:sts::{PRODUCTION}:assumed-role/other/watchbill", PRODUCTION, False),
        (f"arn:aws:iam::{FOREIGN}:user/watchbill", FOREIGN, False),
        ("", PRODUCTION, False),
        ("", "", False),
    ],
)
def test_what_a_session_is_called_makes_it_nobodys(arn, account, ours):
    """Whoever takes a role chooses the name of the session."""
    assert is_ours(team(), arn, account) is ours


def test_without_a_team_nothing_is_ours():
    """Nobody said which identity that is."""
    assert not is_ours(None, f"arn:aws:iam::{PRODUCTION}:user/watchbill", PRODUCTION)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_however_batches_are_cut_the_fields_are_the_same(size):
    """A row says of itself what it says among others."""
    assert derived(size=size)[0] == derived()[0]


@pytest.mark.parametrize("wanted", [(), ("wb.actor",), ("wb.ours", "wb.first_seen.role.hour")])
def test_only_what_is_asked_for_is_made(wanted):
    """Of a kind of news all three levels come at once."""
    _, (batch,) = derived(wanted)
    made = {name for name in batch.schema.names if name.startswith("wb.")}
    levels = {f"wb.first_seen.{level}hour" for level in ("", "role.", "company.")}
    assert made == (set(wanted) | levels if "wb.first_seen.role.hour" in wanted else set(wanted))


def test_news_without_history_is_not_known():
    """Nothing is new where nothing was seen before, but for networks, which the team file declares."""
    rows, _ = derived()
    assert {row["wb.first_seen.company.action"] for row in rows.values()} == {None}


def test_an_empty_batch_has_all_fields():
    """With no rows."""
    of, found = team(), reading(*MADE)
    (whole,) = Held(attribute(found.events, of)).batches()
    span, empty = span_of(found), whole.slice(0, 0)
    assert span is not None
    (judged,) = judge_batches([empty], declared((), of, span, ()), span)
    made = Deriver(of, Baseline(of), ALL)(empty, judged)
    assert isinstance(made, pa.RecordBatch)
    assert made.num_rows == 0
    assert set(ALL) <= set(made.schema.names)
