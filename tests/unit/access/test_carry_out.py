"""Carrying a plan out: what the journal is told and when, what is carried on with, and what waits for a person."""

from dataclasses import replace

import pytest
from tests.cloud import MemoryCloud, by
from tests.teams import MONDAY, team

from watchbill.access.apply import apply
from watchbill.access.model import Call, Change, Phase, State
from watchbill.access.plan import make_plan
from watchbill.aws.accounts import Accounts
from watchbill.bootstrap import App
from watchbill.clock import SystemClock
from watchbill.errors import ProviderError


TEAM = team()
MAKE = Change("production", Phase.PREPARE, Call("CreateGroup", {"GroupName": "g", "Path": "/watchbill/"}), "why")
ELSEWHERE = replace(MAKE, account="staging")
WRONG = replace(MAKE, call=Call("NoSuchCall", {}))
BY_HAND = replace(MAKE, call=Call("EndSession", {}, "console"))


def told(changes, cloud, **more):
    """Carry changes out; give what the journal was told."""
    found = []
    list(apply(changes, by(TEAM, cloud), lambda outcome: found.append((outcome.number, str(outcome.state))), **more))
    return found


def test_the_journal_is_told_before_each_call_and_after():
    """So that whoever finds the journal of a killed process knows which call may have been made."""
    cloud = MemoryCloud(dies_at=1)
    found = []
    with pytest.raises(KeyboardInterrupt):
        list(apply([MAKE, ELSEWHERE], by(TEAM, cloud), lambda o: found.append((o.number, str(o.state)))))
    assert found == [(0, "begun"), (0, "done"), (1, "begun")]


def test_what_was_done_is_not_done_again():
    """What was begun is: nobody knows whether AWS got it."""
    cloud = MemoryCloud()
    assert told([MAKE, ELSEWHERE], cloud, done={0}) == [(1, "begun"), (1, "done")]
    assert len(cloud.calls) == 1
    assert [o.state for o in apply([MAKE], by(TEAM, cloud), done={0})] == [State.DONE]


def test_what_only_a_person_can_do_waits():
    """It is no failure, and nothing after it waits with it; once it was ticked off it is done."""
    cloud = MemoryCloud()
    assert told([BY_HAND, MAKE], cloud) == [(0, "waiting"), (1, "begun"), (1, "done")]
    assert [o.state for o in apply([BY_HAND], by(TEAM, cloud), done={0})] == [State.DONE]


def test_one_place_by_itself():
    """Places are worked on side by side: each keeps the numbers of the whole plan, and its failures to itself."""
    changes = [WRONG, ELSEWHERE, replace(MAKE, phase=Phase.GRANT)]
    assert told(changes, MemoryCloud(), place="production") == [(0, "begun"), (0, "failed"), (2, "skipped")]
    assert told(changes, MemoryCloud(), place="staging") == [(1, "begun"), (1, "done")]


def test_each_step_goes_to_whoever_makes_those_of_its_service():
    """Where nobody does, it fails and says what there is: a step is never passed over in silence."""
    made = []
    cloud = MemoryCloud()
    accounts = Accounts("http://127.0.0.1:9", ("any", "any"))
    app = App(
        SystemClock(),
        accounts,
        cloud,
        performers={"host": lambda team, change: made.append((team.name, change.account))},
    )
    app.perform(TEAM, MAKE)
    app.perform(TEAM, replace(MAKE, account="web-1", call=Call("LockUser", {}, "host")))
    assert (len(cloud.calls), made) == (1, [(TEAM.name, "web-1")])
    with pytest.raises(ProviderError, match=r"nothing here makes okta:SuspendUser\(\)"):
        app.perform(TEAM, replace(MAKE, call=Call("SuspendUser", {}, "okta")))
    with pytest.raises(ProviderError, match="no account `gone` any more"):
        app.perform(TEAM, replace(MAKE, account="gone"))


def test_a_plan_tells_its_service_and_region():
    """What is shown is what is called, and where."""
    assert str(Call("TerminateSession", {"SessionId": "james-1"}, "ssm", "eu-west-1")) == (
        "ssm:TerminateSession(james-1, eu-west-1)"
    )
    plan = make_plan(TEAM, {n: MemoryCloud().observe(a) for n, a in TEAM.accounts.items()}, MONDAY)
    assert {change.call.service for change in plan.changes} == {"iam"}
