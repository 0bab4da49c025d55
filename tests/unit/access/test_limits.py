"""Limits: what is compiled is within what the account takes, or the plan has a problem that names the limit."""

import json
import re
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cloud import MemoryCloud, by
from tests.teams import DAY, HERE, MONDAY, grant, group, permission_set, person, rota, team

from watchbill.access.apply import apply
from watchbill.access.compile import compile_account, nothing
from watchbill.access.entitlements import role_name
from watchbill.access.limits import DEFAULTS
from watchbill.access.model import State
from watchbill.access.plan import make_plan
from watchbill.errors import ProviderError
from watchbill.team.model import Kind, Layer, Restriction, Roster, Rotation, Turn


NOON = MONDAY + timedelta(hours=12)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
ONE = (Kind.PRIMARY,)
TWO = (Kind.PRIMARY, Kind.SECONDARY)


class StrictCloud(MemoryCloud):
    """A cloud that refuses what is over the limits of an account, as AWS does."""

    def __init__(self, quotas=None):
        super().__init__()
        self.quotas = dict(quotas or {})

    def observe(self, account):
        """Give the account's state, its limits with it."""
        return replace(super().observe(account), quotas=self.quotas)

    def perform(self, account, call):
        """Do one call, unless a limit would be exceeded by it."""
        before = self.states[account.name]
        super().perform(account, call)
        after = self.states[account.name]
        # Documents are not counted again where they are as they were.
        new = {arn: each for arn, each in after.policies.items() if before.policies.get(arn) != each}
        if found := over(after, self.quotas, new):
            self.states[account.name] = before
            raise ProviderError(f"LimitExceeded: {call}: {found}")


def length(document):
    """Count a document's characters without white space, from its spaced form."""
    return len(re.sub(r"\s", "", json.dumps(document, indent=2)))


def over(state, quotas, written=None):
    """Give what in a state is over the account's limits: what, how much and the limit's name; counted apart."""
    documents = state.policies if written is None else written
    counts = [
        *(("size of", p.name, length(p.document), "PolicySizeQuota") for p in documents.values()),
        *(("versions of", p.name, len(p.versions) + 1, "VersionsPerPolicyQuota") for p in state.policies.values()),
        *(("attached to", g.name, len(g.attached), "AttachedPoliciesPerGroupQuota") for g in state.groups.values()),
        *(("attached to", r.name, len(r.attached), "AttachedPoliciesPerRoleQuota") for r in state.roles.values()),
        *(("trust of", r.name, length(r.trust), "AssumeRolePolicySizeQuota") for r in state.roles.values()),
        *(("attached to", u.name, len(u.attached), "AttachedPoliciesPerUserQuota") for u in state.users.values()),
        *(("inline of", u.name, sum(map(length, u.inline.values())), "UserPolicySizeQuota") for u in state.users.values()),
        *(("groups of", u.name, len(u.groups), "GroupsPerUserQuota") for u in state.users.values()),
        ("users", "", len(state.users), "UsersQuota"),
        ("groups", "", len(state.groups), "GroupsQuota"),
        ("roles", "", len(state.roles), "RolesQuota"),
        ("policies", "", len(state.policies), "PoliciesQuota"),
    ]  # fmt: skip
    limits = {**DEFAULTS, **quotas}
    return [(what, name, count, limit) for what, name, count, limit in counts if count > limits[limit]]


def perform_all(cloud, account, plan):
    """Do the calls of a plan."""
    for change in plan.changes:
        cloud.perform(account, change.call)


def quota_problems(found):
    """Give what stops a plan, or what was compiled, because of a limit."""
    return [problem.message for problem in found.problems if problem.code == "quota"]


def layer(name, hours, members, *, kind=Kind.PRIMARY, unit="w", zone="UTC"):
    """Make a layer of some hours of each day, or around the clock where both are the same."""
    within = () if hours[0] == hours[1] else (Restriction(frozenset(range(7)), time(hours[0]), time(hours[1])),)
    first = date(2026, 1, 12)
    turns = Rotation(Turn(1, unit), time(hours[0]), first, (Roster(first, members, members[0]),))
    return Layer(name, kind, zone, members, turns, within, HERE)


def with_rotas(*rotas, groups=None):
    """Give a team of these rotas, with all their members; nothing has to be covered."""
    base = team()
    people = {name: person(name) for each in rotas for name in each.people}
    return replace(
        base,
        people={**base.people, **people},
        rotas={each.name: replace(each, required=()) for each in rotas},
        groups=base.groups if groups is None else groups,
    )


def on_call(layers, horizon=14 * DAY, name="platform", grace=timedelta(0)):
    """Make a rota that gives each kind of its layers something."""
    gives = {each: "prod-oncall" if each is Kind.PRIMARY else "support" for each in {each.kind for each in layers}}
    made = replace(rota(*layers), name=name, horizon=horizon, entitlement=gives)
    return replace(made, grace_before=grace, grace_after=grace)


def names(count, size=8, of="u"):
    """Give names of so many characters."""
    return tuple(f"{of}{number:03}".ljust(size, "x") for number in range(count))


def sun(kinds=ONE, *, members=4, later=0, unit="w"):
    """Make three regions that follow the sun, each some people on for eight hours a day."""
    return [
        layer(f"{kind}-{start}", ((start + later) % 24, (start + 8 + later) % 24), names(members, of=f"{kind[0]}{start:02}-"), kind=kind, unit=unit)
        for kind in kinds
        for start in (0, 8, 16)
    ]  # fmt: skip


def weekly(kinds=ONE):
    """Make a rota of eight, each on for a week."""
    return [layer(kind, (9, 9), names(8, of=kind[0]), kind=kind) for kind in kinds]


def stops(of, days=16):
    """Compile a team daily, upon what it was the day before; give the problem that stops it, None where none does."""
    account = of.accounts["production"]
    state = nothing(account)
    for day in range(days):
        compiled = compile_account(of, account, NOON + day * DAY, (), state)
        if found := quota_problems(compiled):
            return found[0]
        state = compiled.state
    assert not over(state, {})
    return None


def planned(of, cloud, at):
    """Plan, and apply what has no problem of a limit: every call of it is within the limits."""
    account = of.accounts["production"]
    plan = make_plan(of, {"production": cloud.observe(account)}, at)
    if not quota_problems(plan):
        for outcome in apply(plan.changes, by(of, cloud)):
            assert outcome.state is State.DONE, outcome.error
    return plan


def edited(before, after):
    """Apply one team, then plan the other; give the problem that stops it, None where none does."""
    cloud = StrictCloud()
    assert not quota_problems(planned(before, cloud, NOON))
    return next(iter(quota_problems(planned(after, cloud, NOON + HOUR))), None)


def rotas_of(count, size=8):
    """Give a team of so many rotas, each with five members of its own."""
    return with_rotas(
        *(on_call([layer("all", (9, 9), names(5, size, f"r{n:03}-"))], name=f"r{n:03}") for n in range(count))
    )


def james_in(rotas, job_roles):
    """Give a team in which James is in so many rotas and job roles."""
    made = {f"j{n}": group(f"j{n}", ("james",), ("developer", "production")) for n in range(job_roles)}
    return with_rotas(
        *(on_call([layer("all", (9, 9), ("james", "rick"))], name=f"r{n:03}") for n in range(rotas)), groups=made
    )


def managed_beside(count):
    """Give a team whose on-call role also has so many policies of AWS's own."""
    arns = tuple(f"arn:aws:iam::aws:policy/Managed{number}" for number in range(count))
    of = with_rotas(on_call(sun()))
    gives = replace(of.permission_sets["prod-oncall"], managed=arns)
    return replace(of, permission_sets={**of.permission_sets, "prod-oncall": gives})


FIGURES = {
    "follow the sun": (lambda n: with_rotas(on_call(sun(), n * DAY)), 52),
    "follow the sun, two kinds": (lambda n: with_rotas(on_call(sun(TWO), n * DAY)), 28),
    "follow the sun, grace": (lambda n: with_rotas(on_call(sun(), n * DAY, grace=QUARTER)), 24),
    "follow the sun, two kinds, grace": (lambda n: with_rotas(on_call(sun(TWO), n * DAY, grace=QUARTER)), 12),
    "turns of an hour": (lambda n: with_rotas(on_call([layer("all", (0, 0), names(8), unit="h")], n * DAY)), 5),
    "weeks": (lambda n: with_rotas(on_call(weekly(), n * 7 * DAY)), 156),
    "weeks, two kinds": (lambda n: with_rotas(on_call(weekly(TWO), n * 7 * DAY)), 83),
    "members with a shift": (lambda n: with_rotas(on_call([layer("all", (0, 0), names(n), unit="h")], 3 * DAY)), 31),
    "members with a shift, long names": (
        lambda n: with_rotas(on_call([layer("all", (0, 0), names(n, 32), unit="h")], 3 * DAY)),
        21,
    ),
    "members": (lambda n: with_rotas(on_call([layer("all", (9, 9), names(n))])), 533),
    "members, long names": (lambda n: with_rotas(on_call([layer("all", (9, 9), names(n, 32))])), 167),
    "rotas of one person": (lambda n: james_in(n, 0), 10),
    "rotas of one person with a job role": (lambda n: james_in(n, 1), 9),
    "job roles of one person": (lambda n: james_in(0, n), 10),
    "rotas of an account with job roles": (rotas_of, 183),
    "rotas of an account": (lambda n: replace(rotas_of(n), groups={}), 300),
    "policies of AWS's on a role": (managed_beside, 4),
}
"""What fits in the limits of a new account, planned daily."""


@pytest.mark.parametrize("figure", FIGURES)
def test_so_much_fits_and_no_more(figure):
    """The figures of `docs/traps.md`: planned daily for two weeks, with a problem for one more."""
    make, most = FIGURES[figure]
    days = 2 if "rotas of an account" in figure else 16
    assert stops(make(most), days) is None
    found = stops(make(most + 1), days)
    assert found is not None
    assert re.search(r"AWS allows \d+", found), found


@pytest.mark.parametrize(
    ("kinds", "grace", "most"),
    [(ONE, timedelta(0), 25), (ONE, QUARTER, 11), (TWO, timedelta(0), 13), (TWO, QUARTER, 5)],
)
def test_so_much_fits_where_every_shift_moves_at_once(kinds, grace, most):
    """What is new must fit beside what is old: an hour later for all takes twice the room."""

    def found(horizon):
        old, new = (on_call(sun(kinds, later=hours), horizon * DAY, grace=grace) for hours in (0, 1))
        return edited(with_rotas(old), with_rotas(new))

    assert found(most) is None
    assert "AWS allows 10" in found(most + 1)


def test_a_shorter_horizon_makes_room_for_a_move():
    """The way out that the problem names: fewer days first, then other hours, then the days again."""
    cloud = StrictCloud()
    for later, horizon in ((0, 14), (0, 7), (1, 7), (1, 14)):
        assert not quota_problems(planned(with_rotas(on_call(sun(TWO, later=later), horizon * DAY)), cloud, NOON))


def test_rotas_with_other_names_are_told_of_beforehand():
    """Old groups are left last: six rotas of one person that are called otherwise are twelve groups for a moment."""

    def called(count, prefix):
        rotas = [on_call([layer("all", (9, 9), ("james", "rick"))], name=f"{prefix}{n}") for n in range(count)]
        return with_rotas(*rotas, groups={})

    assert edited(called(5, "a"), called(5, "b")) is None
    assert "groups of user james" in edited(called(6, "a"), called(6, "b"))


def test_what_others_attached_counts():
    """An account's own groups of a user, and policies of others on a role, take room too."""
    of, cloud = james_in(9, 1), StrictCloud()
    account = of.accounts["production"]
    assert not quota_problems(planned(of, cloud, NOON))
    state = cloud.states["production"]
    james = state.users["james"]
    cloud.states["production"] = replace(
        state, users={**state.users, "james": replace(james, path="/", groups=james.groups | {"theirs"})}
    )
    plan = make_plan(of, {"production": cloud.observe(account)}, NOON)
    assert any("groups of user james" in message and "would be 11" in message for message in quota_problems(plan))


def test_limits_that_aws_has_raised_are_used():
    """What `GetAccountSummary` says stands before what a new account has."""
    of = with_rotas(on_call(sun(TWO), 50 * DAY))
    account = of.accounts["production"]
    assert quota_problems(compile_account(of, account, NOON))
    more = {"AttachedPoliciesPerGroupQuota": 20, "AttachedPoliciesPerRoleQuota": 20}
    raised = replace(nothing(account), quotas=more)
    assert not quota_problems(compile_account(of, account, NOON, (), raised))


def allowing(count):
    """Give a list of actions, a policy of which is as long as the count says."""
    return tuple(f"service{number // 40}:VeryLongNameOfAnAction{number}" for number in range(count))


@st.composite
def rotas(draw, name):
    """Draw a rota: few people or many, short names or the longest, shifts of an hour or a week, one kind or four."""
    size = draw(st.sampled_from((5, 8, 32)))
    kinds = draw(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=4, unique=True))
    layers = []
    for kind in kinds:
        hours = draw(st.sampled_from((((9, 9),), ((0, 8), (8, 16), (16, 0)), ((9, 17),), ((1, 13), (13, 1)))))
        unit = draw(st.sampled_from(("h", "d", "w", "w")))
        members = names(draw(st.sampled_from((1, 2, 5, 30, 60))), size, draw(st.sampled_from("uv")))
        layers += [
            layer(
                f"{kind}-{number}", each, members, kind=kind, unit="d" if each[0] != each[1] and unit == "h" else unit
            )
            for number, each in enumerate(hours)
        ]
    horizon = timedelta(days=draw(st.sampled_from((1, 7, 14, 14, 30))))
    if any(each.pattern.turn.unit == "h" for each in layers):
        horizon = min(horizon, 7 * DAY)
    return on_call(layers, horizon, name, draw(st.sampled_from((timedelta(0), QUARTER, HOUR))))


@st.composite
def teams(draw):
    """Draw a team: rotas of all sizes, a job role, permission sets of up to five policies, and perhaps a grant."""
    called = draw(st.lists(st.sampled_from(("a", "platform", "r" * 32)), min_size=1, max_size=2, unique=True))
    base = with_rotas(*(draw(rotas(name)) for name in called))
    big = permission_set("support", allow=allowing(draw(st.sampled_from((1, 20, 300, 700)))))
    made = replace(base, permission_sets={**base.permission_sets, "support": big})
    if draw(st.booleans()):
        made = replace(made, grants=(grant("g" * 32, "lee", (13, 40), "support"),))
    return made


def account_quotas():
    """Draw the limits of an account: those of a new one, some raised, some smaller than any there are."""
    return st.one_of(
        st.just({}),
        st.fixed_dictionaries(
            {},
            optional={
                "PolicySizeQuota": st.sampled_from((700, 1500, 3000, 6144, 10_240)),
                "AttachedPoliciesPerGroupQuota": st.sampled_from((3, 10, 20)),
                "AttachedPoliciesPerRoleQuota": st.sampled_from((4, 10, 20)),
                "GroupsPerUserQuota": st.sampled_from((1, 2, 10)),
                "AssumeRolePolicySizeQuota": st.sampled_from((600, 2048, 4096)),
                "PoliciesQuota": st.sampled_from((12, 40, 1500)),
                "VersionsPerPolicyQuota": st.sampled_from((3, 5)),  # a plan may write a policy twice
                "RolesQuota": st.sampled_from((1, 1000)),
                "UsersQuota": st.sampled_from((40, 5000)),
            },
        ),
    )


def check_compiled(of, quotas):
    """Compile from nothing: within all limits and whole, or a problem for each limit that is not."""
    account = of.accounts["production"]
    compiled = compile_account(of, account, NOON, (), replace(nothing(account), quotas=quotas))
    found = quota_problems(compiled)
    exceeded = over(compiled.state, quotas)
    for what, name, count, limit in exceeded:
        allowed = {**DEFAULTS, **quotas}[limit]
        assert any(name in each and f"{count}, AWS allows {allowed}" in each for each in found), (what, name, count)
    refused = [each for each in found if "does not fit" in each]
    if not exceeded and not refused:
        assert not found
    if not refused:
        for made in of.rotas.values():
            for kind in made.entitlement:
                role = role_name(made, kind)
                assert role not in compiled.state.roles or {f"gate-{role}", f"fence-{role}"} <= set(compiled.families)
    return found


@settings(max_examples=40, deadline=None)
@given(teams(), account_quotas())
def test_what_is_compiled_fits_or_the_limit_is_named(of, quotas):
    """Never neither, and never a problem where all is within the limits."""
    check_compiled(of, quotas)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(teams(), account_quotas())
def test_what_is_compiled_fits_or_the_limit_is_named_at_length(of, quotas):
    """The same, of a thousand teams."""
    check_compiled(of, quotas)


def check_history(history, quotas):
    """Plan one team after another, each upon what the last has left: no call of a plan without a problem is refused."""
    cloud, at = StrictCloud(quotas), NOON
    for of, days in history:
        at += days * DAY
        planned(of, cloud, at)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(teams(), st.integers(0, 9)), min_size=2, max_size=3), account_quotas())
def test_a_plan_without_a_problem_is_within_the_limits_at_every_call(history, quotas):
    """Edit after edit, unions of old and new, and what is attached for a moment only, included."""
    check_history(history, quotas)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(teams(), st.integers(0, 20)), min_size=2, max_size=4), account_quotas())
def test_a_plan_without_a_problem_is_within_the_limits_at_every_call_at_length(history, quotas):
    """The same, of longer histories."""
    check_history(history, quotas)


def test_a_strict_cloud_refuses():
    """So that the tests above can fail: a policy too long, one attached too many, and a version too many."""
    of = with_rotas(on_call(sun()))
    for name, small in (
        ("PolicySizeQuota", 300),
        ("AttachedPoliciesPerRoleQuota", 2),
        ("AttachedPoliciesPerGroupQuota", 1),
        ("GroupsPerUserQuota", 0),
        ("AssumeRolePolicySizeQuota", 100),
        ("PoliciesQuota", 3),
    ):
        cloud = StrictCloud()
        plan = make_plan(of, {"production": cloud.observe(of.accounts["production"])}, NOON)
        cloud.quotas = {name: small}
        with pytest.raises(ProviderError, match=f"LimitExceeded.*{name}"):
            perform_all(cloud, of.accounts["production"], plan)
