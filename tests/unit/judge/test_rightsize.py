"""What nobody used of a permission set, and of what nothing is said."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import DAY, MONDAY, PRODUCTION, STAGING, team, workload
from tests.trails import after, reading, record, session, user
from tests.unit.judge.test_bulk import table
from tests.unit.judge.test_used import DEMO, used, week  # noqa: F401 - a fixture

from watchbill.access.history import History, InForce
from watchbill.access.permissions import known_documents
from watchbill.aws.operations import called_actions
from watchbill.demo.stage import START
from watchbill.intervals import Interval
from watchbill.judge.rightsize import Trail, rightsize, workloads
from watchbill.judge.used import Used
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.requests import requests_of_record
from watchbill.policy.statements import parse_policy
from watchbill.sim.week import LENGTH
from watchbill.team.model import Access
from watchbill.trail.attribute import attribute
from watchbill.trail.coverage import Coverage, Gap, GapKind


SPAN = Interval(MONDAY, MONDAY + 7 * DAY)
WHOLE = Coverage((), (), ())
TEAM = team()


def around(*records):
    """Add to records what shows that the trail reaches from end to end in both accounts, and has what reads."""
    ends = [
        record("ec2:DescribeVpcs", session("app", "x", "ASIAAPP", account=account), at, account=account)
        for account in (PRODUCTION, STAGING)
        for at in (SPAN.start + timedelta(hours=1), SPAN.end - timedelta(hours=1))
    ]
    return attribute(reading(*ends, *records).events, TEAM)


def asked(events, *, of=TEAM, coverage=WHOLE, unread=0, history=None, span=SPAN):
    """Rightsize by events; give what became of each set by name."""
    found = rightsize(of, Trail(span, used(events), coverage, unread), history, called_actions)
    return {each.permissions.name: each for each in found}


BY_SOFIA = [
    record(action, user("sofia"), after(9), account=account)
    for action in ("iam:ListUsers", "iam:GetUser", "cloudtrail:LookupEvents")
    for account in (PRODUCTION, STAGING)
]


def test_what_was_not_used_is_left_out():
    """Of all who hold it, in all accounts; what a trail would not show stays."""
    found = asked(around(*BY_SOFIA))["audit"]
    assert set(found.used) == {"iam:ListUsers", "iam:GetUser", "cloudtrail:LookupEvents"}
    assert found.used["iam:ListUsers"].events == 2
    assert "iam:ListRoles" in found.unused
    assert found.nothing_said == ()
    assert found.narrowed is not None
    allowed = found.narrowed.permissions.allow
    assert {"iam:ListUsers", "iam:GetUser", "cloudtrail:LookupEvents"} <= set(allowed)
    assert "iam:ListRoles" not in allowed
    assert found.used.keys().isdisjoint(found.unused)
    # There is no call of this name: it is shown in the console, and recorded otherwise.
    assert "iam:GetAccountName" in [a for actions in found.unsure.values() for a in actions]
    assert "iam:GetAccountName" in allowed


def test_whoever_used_it_used_it():
    """One of two who hold a set is enough, in one of two accounts."""
    for who in ("lee", "priya"):
        found = asked(around(record("ec2:DescribeInstances", user(who), after(9))))["support"]
        assert set(found.used) == {"ec2:DescribeInstances"}
        assert [(each.person, each.events) for each in found.holders if each.used] == [(who, 1)]
        assert {each.person for each in found.holders if found.of_others(each)} == {"lee", "priya"} - {who}


def test_a_session_that_nobody_is_known_to_have_counts_for_the_roles_set():
    """Whoever it was, they were on call."""
    unknown = record("rds:RebootDBInstance", session("oncall-platform", "x", "ASIA1", path="/watchbill/"), after(20))
    found = asked(around(unknown))["prod-oncall"]
    assert set(found.used) == {"rds:RebootDBInstance"}
    assert "rds:DeleteDBInstance" in found.unused


def test_a_set_of_which_nothing_was_used_is_for_a_person_to_take_away():
    """Where all that it allows would have been seen; it is not emptied."""
    sets = {**TEAM.permission_sets, "support": replace(TEAM.permission_sets["support"], allow=("rds:Describe*",))}
    of = replace(TEAM, permission_sets=sets)
    sure = replace(TEAM.permission_sets["support"], allow=("ec2:StartInstances", "ec2:StopInstances"))
    found = asked(around(), of=replace(of, permission_sets={**sets, "support": sure}))["support"]
    assert found.never
    assert found.narrowed is None
    assert found.services_unused == ("ec2",)
    assert not asked(around(), of=of)["support"].never, "rds:DescribeRecommendations would not be seen"


GAP = Gap(GapKind.HOURS, PRODUCTION, "eu-west-1", None, Interval(after(30), after(33)), "nothing in three hours")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"coverage": Coverage((GAP,), (), ())}, "has a gap"),
        ({"unread": 1}, "not everything could be read"),
        ({"span": Interval(MONDAY - 30 * DAY, SPAN.end)}, "begins at"),
        ({"span": Interval(MONDAY, SPAN.end + 30 * DAY)}, "ends at"),
    ],
    ids=["gap", "unread", "late", "early"],
)
def test_nothing_is_said_where_the_trail_does_not_reach(given, why):
    """Of sets that are held in the account: nothing is unused, and nothing is proposed."""
    found = asked(around(*BY_SOFIA), **given)["audit"]
    assert any(why in each for each in found.nothing_said)
    assert (found.unused, found.narrowed, found.never) == ((), None, False)


def test_a_gap_elsewhere_says_nothing_of_other_accounts():
    """The developers' set is held in staging alone; what is missing of hosts is no gap of AWS's trail."""
    host = Gap(GapKind.HOST, None, None, "web-1", Interval(after(30), after(33)), "silent")
    found = asked(around(), coverage=Coverage((GAP, host), (), ()))
    assert found["developer"].nothing_said == ()
    assert found["support"].nothing_said != ()


def test_a_trail_of_an_hour_says_nothing_of_a_day():
    """However short the span is."""
    hour = [record("ec2:DescribeVpcs", user("lee"), after(23 + minutes / 60)) for minutes in (0, 59)]
    found = asked(attribute(reading(*hour).events, TEAM), span=Interval(MONDAY, MONDAY + DAY))
    assert found["support"].nothing_said == (f"the trail of account {PRODUCTION} begins at 2026-01-12T23:00:00Z",)


def test_an_account_of_which_there_is_nothing_says_nothing():
    """Empty is not unused."""
    found = asked(attribute(reading(*BY_SOFIA[:1]).events, TEAM), span=Interval(MONDAY, MONDAY + DAY))
    assert f"the trail has nothing of account {STAGING}" in found["audit"].nothing_said


def test_nothing_is_said_of_what_nobody_held_all_the_time():
    """By the team files that were in force: a set that came yesterday was not unused for a week."""
    without = replace(TEAM, groups={name: each for name, each in TEAM.groups.items() if name != "support"})
    late = SPAN.start + 5 * DAY
    history = History(TEAM, (InForce(None, without, "1"), InForce(late, TEAM, "2")), (), None)
    found = asked(around(), history=history)
    assert {each.since for each in found["support"].holders} == {late}
    assert found["support"].nothing_said == (f"nobody has held it before {late:%Y-%m-%dT%H:%M:%SZ}",)
    assert found["audit"].nothing_said == ()


def test_nothing_is_said_of_what_nobody_holds_or_was_on_watch_by():
    """Somebody else may be next month."""
    of = replace(TEAM, groups={**TEAM.groups, "support": replace(TEAM.groups["support"], access=())})
    assert asked(around(), of=of)["support"].nothing_said == ("nobody holds it",)
    (rota,) = TEAM.rotas.values()
    quiet = replace(rota, layers=(replace(rota.layers[0], since=SPAN.end + DAY),))
    found = asked(around(), of=replace(TEAM, rotas={"platform": quiet}))["prod-oncall"]
    assert "nobody who holds it was ever on watch" in found.nothing_said


def test_how_long_somebody_was_on_watch_is_said():
    """James has the evenings of the week; Ada the end of the one before."""
    watch = {each.person: each.on_watch for each in asked(around())["prod-oncall"].holders}
    assert (watch["james"], watch["ada"]) == (timedelta(hours=6 * 8 + 6), timedelta(hours=2))


def test_one_who_holds_a_set_in_two_ways_is_counted_once():
    """Events are not doubled by what gives the set."""
    support = TEAM.groups["support"]
    groups = {**TEAM.groups, "more": replace(support, name="more"), "support": support}
    found = asked(around(record("ec2:DescribeInstances", user("lee"), after(9))), of=replace(TEAM, groups=groups))
    assert len([each for each in found["support"].holders if each.person == "lee"]) == 2
    assert found["support"].used["ec2:DescribeInstances"].events == 1


def evaluators(permissions):
    """Give what decides by a set."""
    documents, _ = known_documents(permissions, None)
    return Evaluator(Layers(identity=tuple(parse_policy(each, permissions.name) for each in documents)))


def test_whatever_was_seen_is_still_allowed(week):  # noqa: F811 - the fixture
    """Of the simulated week: every request of everybody who holds a set, with all that its record tells."""
    whole = Coverage((), (), ())
    span = Interval(START, START + LENGTH)
    found = rightsize(DEMO, Trail(span, used(week), whole, 0), None, called_actions)
    narrower = {each.permissions.name: each for each in found if each.narrowed is not None}
    assert set(narrower) == {"developer", "read-only", "support", "security-audit", "prod-oncall"}
    asked_of = 0
    for each in narrower.values():
        assert each.narrowed is not None
        assert len(each.unused) > 100
        before, later = evaluators(each.permissions), evaluators(each.narrowed.permissions)
        holders = {(holder.person, DEMO.accounts[holder.account].number) for holder in each.holders}
        for event in week:
            if (event.actor.person, event.event.account) in holders:
                for request in requests_of_record(event.event.record).requests:
                    assert before.decide(request).effect is later.decide(request).effect, request
                    asked_of += 1
    assert asked_of > 1000


def test_what_a_workload_is_expected_to_do_and_did_not_is_told():
    """With how much of it a trail would have shown; where the trail does not reach nothing is said."""
    of = replace(TEAM, workloads={"deploy-bot": workload("deploy-bot", actions=("ec2:*", "ecr:*", "s3:GetObject"))})
    by_bot = record("ec2:RunInstances", user("deploy-bot"), after(9))
    events = attribute([each.event for each in around(by_bot)], of)
    (found,) = workloads(of, Trail(SPAN, used(events), WHOLE, 0), called_actions)
    assert found.used["ec2:RunInstances"].events == 1
    assert found.unseen["s3:GetObject"] == 0
    assert found.unseen["ecr:*"] > 50
    assert "ec2:*" not in found.unseen
    (found,) = workloads(of, Trail(SPAN, used(events), Coverage((GAP,), (), ()), 0), called_actions)
    assert (found.unseen, len(found.nothing_said)) == ({}, 1)


def test_no_events_at_all_say_nothing():
    """A lake with nothing in it is no proof of idleness."""
    empty = Used()
    for batch in table([]).to_batches():
        empty.learn(batch)
    found = rightsize(TEAM, Trail(SPAN, empty, WHOLE, 0), None, called_actions)
    assert all(each.nothing_said and each.narrowed is None for each in found)


def test_a_managed_policy_that_nobody_used_goes():
    """Where all that it allows would have been seen."""
    queues = replace(
        TEAM.permission_sets["support"], allow=("ec2:Describe*",), managed=("AWSDenyAll", "AmazonSQSReadOnlyAccess")
    )
    of = replace(TEAM, permission_sets={**TEAM.permission_sets, "support": queues})
    seen = record("ec2:DescribeInstances", user("lee"), after(9))
    found = asked(around(seen), of=of)["support"]
    assert found.narrowed is not None
    assert "AWSDenyAll" in found.narrowed.permissions.managed
    assert isinstance(of.groups["support"].access[0], Access)
