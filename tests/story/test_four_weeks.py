"""Access is exactly the schedule: over four weeks of plans, by what AWS gives back, to the second.

Our evaluator reads the documents, an oracle of its own reads the team file (`four_weeks`). `windows.py` of
`tools/second_opinion` puts the same questions to an evaluator that others wrote.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud import MemoryCloud
from tests.story.four_weeks import (
    AFTER,
    BY_JOB,
    BY_NOTHING,
    BY_PRIMARY,
    BY_SECONDARY,
    NAMES,
    POWER,
    RESOURCES,
    ROLES,
    SECOND,
    TAKE,
    Reading,
    effect_of,
    weeks,
)
from tests.teams import PRODUCTION

from watchbill.aws.accounts import Accounts
from watchbill.aws.iam import AwsCloud
from watchbill.intervals import iso
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Effect
from watchbill.policy.statements import parse_policy
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import Kind


WEEK = range(5, 12)
"""The week in which most happens: a clock change, three swaps, a leave, a grant, a freeze and its end."""
ASKED = [(name, kind) for name in NAMES for kind in ROLES]


@pytest.fixture(scope="module")
def week():
    """Give the days of one week, applied to IAM in memory, each with what its documents say."""
    return [(each, Reading(each.state)) for each in weeks(MemoryCloud(), WEEK)]


def said(pairs):
    """Give what two answers differ in, by question: nothing, where access is as it should be."""
    return [(str(asked), f"should be {wanted}, is {got}") for asked, wanted, got in pairs if wanted is not got][:5]


def check_next_day(each, reading):
    """Hold every answer until the next plan to the schedule: of each person, each way apart and all together."""
    oracle = each.oracle
    found: list[tuple[tuple[object, ...], bool, bool]] = []
    for at in oracle.next_day():
        for name, kind in ASKED:
            asked = (each.day, name, kind, iso(at))
            may_take = reading.may_take(name, kind, at)
            found.append(((*asked, "take"), oracle.may_take(name, kind, at), may_take))
            if may_take:
                other = next(other for other in NAMES if other != name)
                assert not reading.may_take(name, kind, at, sts_RoleSessionName=other), asked
                assert not reading.may_take(name, kind, at, sts_SourceIdentity=other), asked
                assert not reading.may_take(name, kind, at, aws_MultiFactorAuthPresent="false"), asked
            for action in RESOURCES:
                wanted = oracle.may_act_in(name, kind, action, at)
                found.append(((*asked, "session", action), wanted, reading.may_act_in(name, kind, action, at)))
        for name in NAMES:
            for action in RESOURCES:
                answers = oracle.may(name, action, at), reading.may(name, action, at)
                found.append(((each.day, name, action, iso(at)), *answers))
    assert said(found) == []
    return found


def check_no_further_plan(each, reading):
    """Leave the state as it is until some days past the horizon: each window ends by itself, and no other begins."""
    oracle = each.oracle
    found: list[tuple[tuple[object, ...], bool, bool]] = []
    for at in oracle.to_the_end():
        for name, kind in ASKED:
            asked = (each.day, name, kind, iso(at))
            action = BY_PRIMARY if kind is Kind.PRIMARY else BY_SECONDARY
            got = reading.may_take(name, kind, at), reading.may_act_in(name, kind, action, at)
            found.append(((*asked, "take"), oracle.may_take(name, kind, at), got[0]))
            found.append(((*asked, "session"), oracle.may_act_in(name, kind, action, at), got[1]))
            assert at < oracle.horizon or not any(got), asked
    assert said(found) == []
    assert oracle.horizon + AFTER in oracle.to_the_end()
    for end, (name, kind) in oracle.ends():
        # A session that was taken a second before is worth nothing at the end, however long it lasts.
        action = BY_PRIMARY if kind is Kind.PRIMARY else BY_SECONDARY
        if not oracle.on_watch(name, kind, end) and oracle.may_take(name, kind, end - SECOND):
            assert reading.may_take(name, kind, end - SECOND)
            assert reading.may_act_in(name, kind, action, end - SECOND)
            for later in (timedelta(0), SECOND, timedelta(minutes=1)):
                if not oracle.on_watch(name, kind, end + later):
                    assert not reading.may_act_in(name, kind, action, end + later), (each.day, name, kind, iso(end))
                    assert not reading.may_take(name, kind, end + later), (each.day, name, kind, iso(end))
    return found


def test_access_is_exactly_the_schedule_until_the_next_plan(week):
    """Of each person and action, a second before, at and after every edge of the next day."""
    found = [each for day in week for each in check_next_day(*day)]
    allowed = [asked for asked, wanted, _ in found if wanted]
    assert (len(found) > 20_000, len(allowed) > 2_000) == (True, True)


def test_access_ends_by_itself_when_no_plan_is_made_any_more(week):
    """From each day on, at every edge up to three days past the horizon, by the role and by a session taken before."""
    found = [each for day in week for each in check_no_further_plan(*day)]
    assert sum(wanted for _, wanted, _ in found) > 2_000


def test_a_power_user_takes_no_role_off_shift(week):
    """Their job role lets them take a role that knows nothing of schedules; of ours none but in their own windows."""
    for each, reading in week:
        for name in sorted(POWER):
            takes = reading.taking[name, Kind.PRIMARY]
            trust = {"Statement": {"Effect": "Allow", "Action": TAKE, "Principal": {"AWS": takes.principal}}}
            layers = replace(takes.evaluator.layers, resource=parse_policy(trust, "trust"))
            other = replace(takes, evaluator=Evaluator(layers), resource=f"arn:aws:iam::{PRODUCTION}:role/deploy")
            for at in each.oracle.next_day():
                assert effect_of(other, TAKE, other.resource, at) is Effect.ALLOWED
                for kind in ROLES:
                    step = reading.taking[name, kind]
                    on_watch = name == "rick" and kind is Kind.PRIMARY and each.oracle.on_watch(name, kind, at)
                    wanted = Effect.ALLOWED if on_watch else Effect.EXPLICITLY_DENIED
                    assert effect_of(step, TAKE, step.resource, at) is wanted, (name, kind, iso(at))


def test_who_may_take_a_role_may_set_their_source_identity(week):
    """AWS asks for it apart where one is given, and refuses the role where it is not allowed."""
    for each, reading in week:
        for name, kind in ASKED:
            if reading.may_take(name, kind, each.at):
                assert reading.may_name_source(name, kind, each.at)


def test_who_joins_late_has_no_access_before(week):
    """Omar is nobody until day 8, and has his job role from then on; his first turn is in the week after."""
    for each, reading in week:
        assert ("omar" in reading.own) is (each.day >= 8)
        assert reading.may("omar", BY_JOB, each.at) is (each.day >= 8)
        turns = [start for start, _ in each.oracle.windows.get(("omar", Kind.PRIMARY), ())]
        assert all(iso(start) >= "2026-03-16T17:50:00Z" for start in turns)
        assert bool(turns) is (each.day >= 8)


def test_the_week_has_in_it_what_it_is_for(week):
    """People on watch together in grace, nobody on watch, somebody frozen, and one with both kinds at once."""
    counts, frozen, both = set(), 0, 0
    for each, _ in week:
        oracle = each.oracle
        frozen += sum(oracle.is_out(name) for name in NAMES)
        for at in oracle.next_day():
            on = {name for name in NAMES if oracle.on_watch(name, Kind.PRIMARY, at)}
            counts.add(len(on))
            both += any(oracle.on_watch(name, Kind.SECONDARY, at) for name in on)
    assert counts >= {0, 1, 2}
    assert (frozen, both > 0) == (1, True)
    assert all(
        not oracle.may(name, BY_NOTHING, oracle.at) for name in NAMES for oracle in [each.oracle for each, _ in week]
    )


@pytest.mark.slow
def test_access_is_exactly_the_schedule_for_four_weeks():
    """All of the above on every day of four weeks, applied over HTTP and read back."""
    allowed = asked = 0
    with StandIn() as stand_in:
        for each in weeks(AwsCloud(Accounts(stand_in.endpoint, ("any", "any")))):
            reading = Reading(each.state)
            for found in (check_next_day(each, reading), check_no_further_plan(each, reading)):
                asked += len(found)
                allowed += sum(wanted for _, wanted, _ in found)
    assert (asked > 200_000, allowed > 20_000) == (True, True)
