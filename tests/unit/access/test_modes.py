"""What is held stays as it is, whole; whatever is held, what is applied gives no more than either end."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cloud import by
from tests.teams import DAY, MONDAY, group, layer, rota, team, with_rota
from tests.unit.access.test_apply import (
    EDITS,
    cloud_of,
    held,
    instants_of,
    meaning,
    settle,
    state_of,
    with_members,
    with_set,
)

from watchbill.access.apply import apply
from watchbill.access.compile import nothing
from watchbill.access.modes import Held, held_by
from watchbill.access.plan import make_plan
from watchbill.team.model import Kind, Mode


NOON = MONDAY + timedelta(hours=12)
PLATFORM = Held(rotas=frozenset({"platform"}))
NIGHTS = Held(rotas=frozenset({"nights"}))


def nights(base, gives="audit"):
    """Give a team with a second rota, of its own set or of one that others have."""
    made = rota(layer("all", "UTC", 0, 0, ("sofia", "lee")))
    made = replace(made, name="nights", entitlement={Kind.PRIMARY: gives})
    return replace(base, rotas={**base.rotas, "nights": made})


def held_back(before, of, back, at=NOON):
    """Apply a plan that holds something back; give the plan and the state after."""
    plan = make_plan(of, {"production": before}, at, held=back)
    cloud = cloud_of(before, 6144)
    list(apply(plan.changes, by(of, cloud)))
    return plan, cloud.states["production"]


def test_the_stricter_mode_holds():
    """Of an account and its rota, and of two files."""
    enforced = replace(team().accounts["production"], mode=Mode.ENFORCE)
    of = replace(team(), accounts={**team().accounts, "production": enforced})
    assert held_by([of], Mode.ENFORCE) == Held(frozenset({"staging"}))
    assert held_by([of, team()], Mode.ENFORCE).accounts == {"production", "staging"}
    watched = with_rota(of, replace(rota(), mode=Mode.OBSERVE))
    assert held_by([watched], Mode.PROPOSE) == PLATFORM
    assert held_by([of], Mode.OBSERVE) == held_by([of], Mode.PROPOSE) == Held()


def test_of_an_account_that_is_held_there_is_no_change():
    """Nor an effect; the other one is planned whole."""
    observed = {name: nothing(account) for name, account in team().accounts.items()}
    plan = make_plan(team(), observed, NOON, held=Held(frozenset({"production"})))
    assert {change.account for change in plan.changes} == {"staging"} == {effect.account for effect in plan.effects}


def test_a_rota_that_is_nowhere_yet_is_not_written():
    """Not a policy, not a member, not a word of it in the guard of the others."""
    before = state_of(team(), NOON - DAY)
    plan, after = held_back(before, nights(team()), NIGHTS)
    assert "nights" not in str([change.call.parameters for change in plan.changes])
    assert meaning(after) == meaning(state_of_forward(before, team()))


def state_of_forward(state, of):
    """Give a state after the whole plan of a team."""
    cloud = cloud_of(state, 6144)
    settle(cloud, of, NOON)
    return cloud.states["production"]


def test_what_is_held_does_not_roll_forward_and_the_rest_does():
    """The fence of the held one ends where it ended."""
    before = state_of(nights(team()), NOON - 3 * DAY)
    plan, after = held_back(before, nights(team()), NIGHTS)
    written = {change.call.parameters.get("PolicyArn", "").rpartition("/")[2] for change in plan.changes}
    assert any(name.startswith("fence-oncall-platform") for name in written)
    assert not any("nights" in name for name in written)
    assert {a: p for a, p in after.policies.items() if "nights" in a} == {
        a: p for a, p in before.policies.items() if "nights" in a
    }
    assert {e.person for e in plan.effects if "nights" in e.why} == set()


def test_what_shares_a_policy_that_changes_is_held_with_it():
    """The job role that has the set of the held rota; not where the set stays as it is."""
    of = nights(team(), "read-only")
    before = state_of(of, NOON - DAY)
    changed = with_members(with_set(of, "read-only", allow=("s3:Get*",)), "developers", "ada", "james", "rick", "lee")
    plan, after = held_back(before, changed, NIGHTS)
    assert after.users["lee"].groups == before.users["lee"].groups
    assert not [change for change in plan.changes if "read-only" in str(change.call.parameters)]
    joined = with_members(of, "developers", "ada", "james", "rick", "lee")
    assert "job-developers" in held_back(before, joined, NIGHTS)[1].users["lee"].groups


def test_where_a_set_denies_the_groups_of_a_person_go_together():
    """Out of the group that denies and into another, while the deny's group shares a set with what is held."""
    of = nights(team(), "support")
    of = replace(of, groups={**of.groups, "all": group("all", ("priya",), ("prod-oncall", "production"))})
    before = state_of(of, NOON - DAY)
    after = with_set(with_members(of, "support", "lee"), "support", allow=("ec2:Describe*", "s3:List*"))
    left = held_back(before, after, NIGHTS)[1]
    assert left.users["priya"].groups == before.users["priya"].groups


HOLDS = [PLATFORM, NIGHTS, Held(rotas=frozenset({"platform", "nights"}))]
GIVES = ("audit", "read-only", "support", "prod-oncall")


@pytest.mark.parametrize("edit", [pytest.param(e, marks=[pytest.mark.slow] if e == "grace" else []) for e in EDITS])
@pytest.mark.parametrize("gives", [GIVES[1], *(pytest.param(e, marks=pytest.mark.slow) for e in (GIVES[0], GIVES[2], GIVES[3]))])  # fmt: skip
def test_whatever_is_held_nobody_has_more_than_at_either_end(edit, gives):
    """Each edit of a team of two rotas, one of which is held, whose set others may have."""
    before, after = nights(team(), gives), nights(EDITS[edit](team()), gives)
    check_held(before, after, NIGHTS)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
    st.sampled_from(GIVES),
    st.sampled_from(HOLDS),
    st.booleans(),
)
def test_whatever_is_held_between_any_two_teams(first, second, gives, back, there):
    """Any edits before, any after, any of the rotas held, the second one there before or not."""
    before, after = team(), team()
    for edit in first:
        before = EDITS[edit](before)
    for edit in second:
        after = EDITS[edit](after)
    check_held(nights(before, gives) if there else before, nights(after, gives), back)


def check_held(before, after, back):
    """Hold each state on the way to what may be done against the two ends."""
    instants = instants_of(before, after, at=NOON)
    there = state_of(before, NOON - DAY)
    known: dict[tuple[str, str], frozenset[tuple[str, datetime]]] = {}
    ends = held(there, instants, known)[0] | held(state_of_forward(there, after), instants, known)[0]
    plan, now = held_back(there, after, back)
    mine = held(now, instants, known)[0]
    assert mine <= ends, sorted(mine - ends)[:3]
    again = make_plan(after, {"production": now}, NOON, held=back)
    assert not again.changes, [str(change.call) for change in again.changes]
    for name in back.rotas:
        assert not [c for c in plan.changes if f"oncall-{name}" in str(c.call) and "guard-jobs" not in str(c.call)]
