"""What was asked for in a trail, counted in bulk, is what a look at each event by itself finds."""

from collections import Counter
from datetime import timedelta
from importlib import resources

import pytest
from tests.teams import team
from tests.trails import after, reading, record, session, user
from tests.unit.judge.test_bulk import table

from watchbill.demo.stage import START
from watchbill.intervals import Interval
from watchbill.judge.used import MACHINE, ROLE, Used
from watchbill.policy.requests import requests_of_record
from watchbill.schedule.oncall import shifts
from watchbill.sim.week import LENGTH, make_week
from watchbill.team.files import parse
from watchbill.trail.attribute import attribute
from watchbill.trail.model import Method
from watchbill.trail.read import combine, read_file


DEMO = parse(resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8"), "watchbill.yaml")


def used(found, size=1000):
    """Count events in batches."""
    made = Used()
    for batch in table(found).combine_chunks().to_batches(max_chunksize=size):
        made.learn(batch)
    return made


def plainly(found):
    """Count requests one event after the other."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in found:
        machine = f"{MACHINE}{each.actor.why}" if each.actor.method is Method.WORKLOAD else None
        holder = each.actor.person or machine
        if holder is not None:
            for action in Counter(r.action for r in requests_of_record(each.event.record).requests):
                counts[holder, each.event.account, action] += 1
    return counts


@pytest.fixture(scope="module")
def week():
    """Give each third event of the sample team's week."""
    span = Interval(START, START + LENGTH)
    on_watch = [shift for rota in DEMO.rotas.values() for shift in shifts(rota, span)]
    files = make_week(DEMO, on_watch, START, 3).files
    return attribute(combine([read_file(file.key, file.body) for file in files]).events, DEMO)[::3]


@pytest.mark.parametrize("size", [199, 100_000])
def test_in_bulk_is_as_one_by_one(week, size):
    """However the events are cut into batches."""
    found = used(week, size)
    got = {
        (holder, account, action): count.events
        for (holder, account), actions in found.actions.items()
        for action, count in actions.items()
        if not holder.startswith(ROLE)
    }
    assert set(got) == set(plainly(week))
    # An event that asks for one action twice, on two resources, is counted as often.
    assert all(got[key] >= count for key, count in plainly(week).items())


def test_what_parameters_make_of_a_call_is_seen():
    """A version of an object, a role that is passed, a tag that is given: each is an action of its own."""
    versioned = record(
        "s3:DeleteObject", user("james"), requestParameters={"bucketName": "b", "key": "k", "versionId": "v"}
    )
    launched = record(
        "ec2:RunInstances",
        user("james"),
        after(1),
        requestParameters={
            "iamInstanceProfile": {"arn": "arn:aws:iam::111111111111:instance-profile/x"},
            "imageId": "ami-1",
        },
    )
    plain = record("s3:DeleteObject", user("james"), after(2), requestParameters={"bucketName": "b", "key": "k"})
    actions = used(attribute(reading(versioned, launched, plain).events, team())).actions["james", "111111111111"]
    assert {"s3:DeleteObjectVersion", "s3:DeleteObject", "ec2:RunInstances", "iam:PassRole"} <= set(actions)
    assert (actions["s3:DeleteObject"].events, actions["s3:DeleteObject"].last) == (1, after(2))


def test_sessions_of_our_roles_count_though_nobody_knows_whose():
    """Of other roles they do not."""
    ours = record("rds:RebootDBInstance", session("oncall-platform", "x", "ASIA1", path="/watchbill/"))
    theirs = record("rds:DeleteDBInstance", session("admin", "x", "ASIA2"))
    found = used(attribute(reading(ours, theirs).events, team())).actions
    assert found.keys() == {(f"{ROLE}oncall-platform", "111111111111")}
    assert set(found[f"{ROLE}oncall-platform", "111111111111"]) == {"rds:RebootDBInstance"}


def test_a_trail_shows_whether_it_has_what_reads():
    """By a management event: a data event that reads says nothing of it."""
    data = record("s3:GetObject", user("james"), readOnly=True, eventCategory="Data", managementEvent=False)
    assert not used(attribute(reading(data).events, team())).shown("111111111111").reads
    both = used(attribute(reading(data, record("ec2:DescribeInstances", user("james"))).events, team()))
    assert both.shown("111111111111").reads
    assert both.shown("111111111111").services == {"ec2", "s3"}
    assert both.shown("222222222222").services == frozenset()
    assert both.counted("222222222222") is None


def test_the_last_use_is_the_last():
    """And the first the first, whatever the order."""
    times = [after(5), after(1), after(9)]
    made = used(attribute(reading(*(record(who=user("james"), at=at) for at in times)).events, team()), size=1)
    count = made.actions["james", "111111111111"]["ec2:DescribeInstances"]
    assert (count.events, count.first, count.last) == (3, after(1), after(9))
    assert count.last - count.first == timedelta(hours=8)
