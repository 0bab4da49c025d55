"""Who holds what, read back from documents that watchbill wrote."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.teams import MONDAY, group, layer, permission_set, rota, team, with_rota

from watchbill.access.compile import compile_account
from watchbill.access.plan import make_plan
from watchbill.access.readback import Readback
from watchbill.team.model import Kind


NOON = MONDAY + timedelta(hours=12)
PRODUCTION = team().accounts["production"]
READS = "arn:aws:iam::aws:policy/ReadOnlyAccess"


def both_kinds():
    """Make a team with a secondary too, whose turns are not those of the primary."""
    second = replace(layer("second", "Europe/London", 0, 0, ("rick", "lee")), kind=Kind.SECONDARY)
    given = {Kind.PRIMARY: "prod-oncall", Kind.SECONDARY: "support"}
    return with_rota(team(), replace(rota(*rota().layers, second), entitlement=given))


def with_sets(groups, *sets):
    """Make a team whose one job role in production holds some of these sets."""
    named = {each.name: each for each in (*team().permission_sets.values(), *sets)}
    given = group("readers", ("rick",), *((each, "production") for each in groups))
    return replace(team(), permission_sets=named, groups={"readers": given})


def reads(name, *managed, allow=()):
    """Make a set of managed policies, and of actions where there are any."""
    return replace(permission_set(name, allow=allow), managed=managed)


def test_each_kind_of_a_rota_is_read_by_its_own_gates():
    """The gates of `oncall-platform-secondary` are not those of `oncall-platform`, whose name they begin with."""
    of = both_kinds()
    made = compile_account(of, PRODUCTION, NOON)
    there = {(h.person, h.permission_set, h.interval) for h in Readback(of).holdings(made.state)}
    assert there == {(h.person, h.permission_set, h.interval) for h in made.holdings}


def test_what_is_there_as_it_should_be_is_no_effect():
    """A plan that changes nothing shows nobody gaining or losing anything."""
    of = both_kinds()
    plan = make_plan(of, {"production": compile_account(of, PRODUCTION, NOON).state}, NOON)
    assert (plan.changes, plan.effects) == ((), ())


A, B = reads("a", READS), reads("b", READS, allow=("s3:*",))
C, D = reads("c", READS), reads("d", READS, "arn:aws:iam::aws:policy/SecurityAudit")


@pytest.mark.parametrize("given", [("a",), ("b",), ("d",), ("a", "b"), ("a", "c"), ("c", "d"), ("a", "b", "c", "d")])
def test_sets_that_share_a_managed_policy_are_told_apart(given):
    """A set of managed policies that is part of another, or equal to it, is held where the file gives it alone."""
    of = with_sets(given, A, B, C, D)
    made = compile_account(of, PRODUCTION, NOON)
    held = [h.permission_set for h in Readback(of).holdings(made.state) if h.through == "group readers"]
    assert sorted(held) == sorted(given)


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        ("a", "b", {("gains", "b"), ("loses", "a")}),
        ("b", "a", {("loses", "b")}),
        ("a", "d", {("gains", "d"), ("loses", "a")}),
    ],
)
def test_a_set_given_instead_of_one_that_shares_its_policy(before, after, effects):
    """What the file gives now is read first, where all of it is there; what stays attached is no gain."""
    there = compile_account(with_sets([before], A, B, C, D), PRODUCTION, NOON).state
    plan = make_plan(with_sets([after], A, B, C, D), {"production": there}, NOON)
    assert {(str(e.verb), e.permission_set) for e in plan.effects if e.person == "rick"} == effects
