"""Plans that are cut short at every single call, between any two states of a team: never more, never less than both.

Each state in between is judged by our evaluator over the documents that are there, at every edge of every window.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cloud import MemoryCloud, by
from tests.teams import DAY, HERE, MONDAY, grant, group, layer, rota, team, with_rota

from watchbill.access.apply import apply
from watchbill.access.compile import nothing
from watchbill.access.entitlements import windows
from watchbill.access.model import Call, Change, Freeze, Phase, State
from watchbill.access.plan import make_plan
from watchbill.access.ways import Ways
from watchbill.errors import ProviderError
from watchbill.intervals import Interval, iso
from watchbill.policy.model import Effect, Request
from watchbill.team.model import Kind, Leave, Override


NOON = MONDAY + timedelta(hours=12)
SECOND = timedelta(seconds=1)
ACTIONS = ("rds:RebootDBInstance", "ec2:DescribeInstances", "iam:ListUsers", "ec2:RunInstances", "sts:AssumeRole")
ROLE = "arn:aws:iam::111111111111:role/watchbill/oncall-platform"


def swap(first, last, add, remove, kind=Kind.PRIMARY):
    """Make an override of some hours after `MONDAY`."""
    span = Interval(MONDAY + timedelta(hours=first), MONDAY + timedelta(hours=last))
    return Override(f"sw-{first}", kind, span, add, remove, "wedding", "sofia", HERE)


def platform(of):
    """Give a team's rota, or the usual one where it has none."""
    return of.rotas.get("platform", rota())


def with_members(base, name, *members):
    """Give a team in which a group has other members."""
    return replace(base, groups={**base.groups, name: replace(base.groups[name], members=members)})


def with_set(base, name, **changes):
    """Give a team in which a permission set says something else."""
    found = replace(base.permission_sets[name], **changes)
    return replace(base, permission_sets={**base.permission_sets, name: found})


def on_call_holds(base, name):
    """Give a team whose rota gives another permission set."""
    return with_rota(base, replace(platform(base), entitlement={Kind.PRIMARY: name}))


def both_kinds(base):
    """Give a team in which a secondary is on call too."""
    second = replace(layer("second", "Europe/London", 0, 0, ("rick", "lee")), kind=Kind.SECONDARY)
    found = rota(*rota().layers, second)
    return with_rota(base, replace(found, entitlement={Kind.PRIMARY: "prod-oncall", Kind.SECONDARY: "support"}))


EDITS = {
    "nothing": lambda of: of,
    "a swap in the running shift": lambda of: with_rota(of, replace(platform(of), overrides=(swap(13, 16, "ada", "rick"),))),
    "a swap tomorrow": lambda of: with_rota(of, replace(platform(of), overrides=(swap(36, 52, "ada", None),))),
    "nobody for two days": lambda of: with_rota(of, replace(platform(of), leave=(Leave("james", Interval(MONDAY + DAY, MONDAY + 3 * DAY), HERE),))),
    "layers in another order": lambda of: with_rota(of, rota(*reversed(rota().layers))),
    "a longer horizon": lambda of: with_rota(of, replace(platform(of), horizon=20 * DAY)),
    "a shorter horizon": lambda of: with_rota(of, replace(platform(of), horizon=2 * DAY)),
    "grace": lambda of: with_rota(of, replace(platform(of), grace_before=timedelta(minutes=15), grace_after=timedelta(minutes=15))),
    "another set on call": lambda of: on_call_holds(of, "developer"),
    "less on call": lambda of: with_set(of, "prod-oncall", allow=("rds:*",)),
    "more on call": lambda of: with_set(of, "prod-oncall", allow=("ec2:*", "rds:*", "s3:*", "iam:List*"), deny=()),
    "primary and secondary": both_kinds,
    "no rota": lambda of: replace(of, rotas={}),
    "rick moves to support": lambda of: with_members(with_members(of, "developers", "ada", "james"), "support", "lee", "priya", "rick"),
    "ada leaves the job role": lambda of: with_members(of, "developers", "james", "rick"),
    "a new job role": lambda of: replace(of, groups={**of.groups, "fixers": group("fixers", ("rick",), ("developer", "production"))}),
    "a grant": lambda of: replace(of, grants=(grant("g1", "lee", (13, 40)),)),
}  # fmt: skip


def state_of(of, at, *, limit=6144, freezes=()):
    """Give production as it is after plans of a team, in an account whose policies may be so long."""
    cloud = cloud_of(nothing(of.accounts["production"]), limit)
    settle(cloud, of, at, freezes)
    return cloud.states["production"]


def cloud_of(state, limit, dies_at=None):
    """Give a cloud that holds one account."""
    cloud = MemoryCloud(dies_at=dies_at)
    cloud.states["production"] = replace(
        state,
        quotas={"PolicySizeQuota": limit, "AttachedPoliciesPerGroupQuota": 99, "AttachedPoliciesPerRoleQuota": 99},
    )
    return cloud


def settle(cloud, of, at, freezes=()):
    """Plan and apply production, and give the plan."""
    plan = make_plan(of, {"production": cloud.states["production"]}, at, freezes)
    assert all(outcome.state is State.DONE for outcome in apply(plan.changes, by(of, cloud)))
    return plan


def held(state, instants, known=None):
    """Give who may do what at which instants, by any way, and apart what they may do by a role.

    What `known` has of the same documents, asked at these instants before, is not decided again.
    """
    known = {} if known is None else known
    ways = Ways(state)
    anyhow, by_role = set(), set()
    for user in state.users:
        for way in ways.of(user):
            steps = [(s.evaluator.layers, s.principal, s.context, s.absent, s.action, s.resource) for s in way.steps]
            key = way.name, repr(steps)
            if key not in known:
                known[key] = frozenset(allowed(way, instants))
            anyhow |= {(user, *each) for each in known[key]}
            if len(way.steps) > 1:
                by_role |= {(user, *each) for each in known[key] if each[0] in ACTIONS}
    return anyhow, by_role


def allowed(way, instants):
    """Give what a way lets its user do, and whether they may take its role, at which instants."""
    for at in instants:
        context = {"aws:CurrentTime": iso(at), "aws:MultiFactorAuthPresent": "true"}
        for action in ACTIONS:
            asked = Request(action, ROLE if action == "sts:AssumeRole" else "*", context, complete=True)
            if all(allows(step, asked) for step in way.steps):
                yield action, at
        if len(way.steps) > 1 and allows(way.steps[0], Request("", "*", context, complete=True)):
            yield f"take {way.name}", at


def allows(step, asked):
    """Tell whether a step of a way is surely allowed."""
    return step.evaluator.decide(step.request(asked)).effect is Effect.ALLOWED


def instants_of(*teams, at):
    """Give the edges of all windows of two days from `at` on, each with the second before, and later instants."""
    span = Interval(at, at + 2 * DAY)
    edges = {
        edge for of in teams for w in windows(of, span) if w.interval for edge in (w.interval.start, w.interval.end)
    }
    late = {at + timedelta(days=days) for days in (13.4, 13.6, 19.9, 25)}
    return sorted({each for edge in edges for each in (edge - SECOND, edge) if each >= at} | late | {at})


def check_cuts(before, of, at, limit, freezes=()):
    """Cut a plan at each call: what is held lies between what both states share and what either gives."""
    plan = make_plan(of, {"production": before}, at, freezes)
    done = cloud_of(before, limit)
    settle(done, of, at, freezes)
    after = done.states["production"]
    assert not make_plan(of, {"production": after}, at, freezes).changes
    instants = instants_of(team(), of, at=at)
    known: dict[tuple[str, str], frozenset[tuple[str, datetime]]] = {}
    old, old_role = held(before, instants, known)
    new, new_role = held(after, instants, known)
    seen = [meaning(before), meaning(after)]
    for cut in range(len(plan.changes)):
        cloud = cloud_of(before, limit, dies_at=cut)
        with pytest.raises(KeyboardInterrupt):
            list(apply(plan.changes, by(of, cloud)))
        between = cloud.states["production"]
        if meaning(between) != seen[-1]:
            seen.append(meaning(between))
            now, now_role = held(between, instants, known)
            step = (cut, str(plan.changes[cut - 1].call))
            assert now <= old | new, (*step, sorted(now - (old | new))[:3])
            assert (old_role & new_role) <= now_role, (*step, sorted((old_role & new_role) - now_role)[:3])
        again = cloud_of(between, limit)
        settle(again, of, at, freezes)
        assert not make_plan(of, {"production": again.states["production"]}, at, freezes).changes
        if meaning(again.states["production"]) not in seen:
            seen.insert(0, meaning(again.states["production"]))
            assert held(again.states["production"], instants, known)[0] == new
    return plan


def meaning(state):
    """Give what decides in a state: who is where, what is attached there and what that says, in any order."""
    principals = (*state.users.values(), *state.groups.values(), *state.roles.values())
    attached = {arn for each in principals for arn in each.attached}
    said = {
        arn: sorted(map(str, state.policies[arn].document["Statement"])) for arn in attached if arn in state.policies
    }
    return state.users, state.groups, state.roles, said


@pytest.mark.parametrize("edit", EDITS)
def test_cut_anywhere_an_edit_gives_no_more_and_takes_no_more(edit):
    """Each kind of edit, applied a day after the state before, in an account of the usual size."""
    check_cuts(state_of(team(), NOON - DAY), EDITS[edit](team()), NOON, 6144)


@pytest.mark.parametrize("edit", [pytest.param(e, marks=[pytest.mark.slow] if e == "grace" else []) for e in EDITS])
def test_cut_anywhere_an_edit_taken_back(edit):
    """Each edit undone again; policies are so short that each fence has many, and slices have to find room."""
    check_cuts(state_of(EDITS[edit](team()), NOON - DAY, limit=1500), team(), NOON, 1500)


@pytest.mark.parametrize("support", [{}, {"allow": (), "deny": ("iam:*",), "managed": ("AdministratorAccess",)}])
def test_cut_anywhere_a_rota_that_loses_a_kind_gives_its_people_by_another(support):
    """Rick, secondary until now, is primary for some minutes more: he has what both roles give him all the way."""
    short = with_set(EDITS["a shorter horizon"](team()), "support", **support)
    check_cuts(state_of(both_kinds(short), NOON - DAY), EDITS["grace"](short), NOON, 6144)


@pytest.mark.parametrize("before", ["primary and secondary", "support on call"])
def test_cut_anywhere_a_set_that_a_role_lets_go_of_is_wider_from_now_on(before):
    """Whoever had it on call does not come to hold what it gives only from now on, to others."""
    short = EDITS["a shorter horizon"](team())
    had = both_kinds(short) if before == "primary and secondary" else on_call_holds(short, "support")
    wider = with_set(on_call_holds(short, "audit"), "support", allow=("ec2:Describe*", "rds:Reboot*"))
    check_cuts(state_of(had, NOON - DAY), wider, NOON, 6144)


def test_after_a_failure_a_role_whose_rota_is_gone_is_let_go_of_and_one_that_is_replaced_waits():
    """What takes access away goes on, but nobody on watch loses a role while the one in its place is not open."""
    before = both_kinds(EDITS["a shorter horizon"](team()))
    assert lets_go_after_a_failure(before, EDITS["no rota"](before)) == {"oncall-platform", "oncall-platform-secondary"}
    assert lets_go_after_a_failure(before, EDITS["grace"](EDITS["a shorter horizon"](team()))) == set()


def lets_go_after_a_failure(before, of):
    """Give the roles that permissions are taken off where a change before all others fails."""
    first = Change("production", Phase.PREPARE, Call("CreateUser", {"UserName": "zoe"}), "zoe is in the team file")
    plan = make_plan(of, {"production": state_of(before, NOON - DAY)}, NOON)

    def perform(change):
        if change is first:
            raise ProviderError("throttled")

    calls = [o.change.call for o in apply([first, *plan.changes], perform) if o.state is State.DONE]
    return {call.parameters["RoleName"] for call in calls if call.operation == "DetachRolePolicy"}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
    st.integers(0, 20),
    st.sampled_from([900, 1500, 6144]),
    st.booleans(),
)
def test_cut_anywhere_between_any_two_states(first, second, days, limit, frozen):
    """Any edits before, any after, some days between, any size of policies, somebody frozen or not."""
    before, after = team(), team()
    for edit in first:
        before = EDITS[edit](before)
    for edit in second:
        after = EDITS[edit](after)
    freezes = [Freeze("F-1", "james", NOON - timedelta(hours=1), None, None)] if frozen else []
    check_cuts(state_of(before, NOON - days * DAY, limit=limit), after, NOON, limit, freezes)


LONG = tuple(f"ec2:Describe{'A' * 60}{number}" for number in range(78))
"""Actions that fill a policy, so that what a set denies is in a second one."""
SPREAD = {
    "job: denied apart, another set": (
        lambda of: with_set(of, "read-only", allow=(), deny=("iam:*",), managed=("AdministratorAccess",)),
        lambda of: replace(
            of, groups={**of.groups, "developers": group("developers", ("ada", "james"), ("support", "production"))}
        ),
    ),
    "on call: denied apart, another set": (
        lambda of: with_set(of, "prod-oncall", allow=(), deny=("iam:*",), managed=("AdministratorAccess",)),
        lambda of: on_call_holds(of, "developer"),
    ),
    "on call: denied apart, no rota": (
        lambda of: with_set(of, "prod-oncall", allow=(), deny=("iam:*",), managed=("AdministratorAccess",)),
        lambda of: replace(of, rotas={}),
    ),
    "on call: one policy, then two": (
        lambda of: with_set(of, "prod-oncall", allow=("ec2:*", "iam:*"), deny=("iam:*",)),
        lambda of: with_set(of, "prod-oncall", allow=("ec2:*", "iam:*", *LONG), deny=("iam:*", "s3:*")),
    ),
    "job: one policy, then two": (
        lambda of: with_set(of, "read-only", allow=("ec2:*", "iam:*"), deny=("iam:*",)),
        lambda of: with_set(of, "read-only", allow=("ec2:*", "iam:*", *LONG), deny=("iam:*", "s3:*")),
    ),
}
"""Edits of permission sets that are spread over several policies, one of which denies what another gives."""


@pytest.mark.parametrize("edit", SPREAD)
def test_cut_anywhere_what_a_set_denies_stands_before_what_it_gives(edit):
    """Forth, back, and from an account with nothing in it; the horizon is short, so that there are fewer calls."""
    first, then = SPREAD[edit]
    before = first(EDITS["a shorter horizon"](team()))
    after = then(before)
    check_cuts(nothing(team().accounts["production"]), before, NOON, 6144)
    check_cuts(state_of(before, NOON - DAY), after, NOON, 6144)
    check_cuts(state_of(after, NOON - DAY), before, NOON, 6144)


def test_the_first_plan_cut_anywhere():
    """From an account with nothing in it."""
    check_cuts(nothing(team().accounts["production"]), team(), NOON, 1500)


def test_a_live_or_next_slice_never_moves():
    """Re-planned daily for three weeks with swaps, no slice that stays as it is changes its policy."""
    where: dict[tuple[str, str], str] = {}
    cloud = cloud_of(nothing(team().accounts["production"]), 2500)
    for day in range(21):
        at = NOON + day * DAY
        of = EDITS["a swap tomorrow"](team()) if 1 <= day < 4 else team()
        settle(cloud, of, at)
        for policy in cloud.states["production"].policies.values():
            if policy.name.startswith(("fence-", "gate-")):
                family = policy.name.rpartition("-")[0]
                for statement in policy.document["Statement"]:
                    assert where.setdefault((family, str(statement)), policy.name) == policy.name, (day, statement)
    assert len(set(where.values())) > 4


def test_others_change_things_while_it_is_applied():
    """Fifty changes by others between the calls: what remains is shown or undone by the next plan, and it settles."""
    of, cloud = team(), cloud_of(nothing(team().accounts["production"]), 6144)
    settle(cloud, of, NOON - DAY)
    of = EDITS["a swap in the running shift"](of)
    plan = make_plan(of, {"production": cloud.states["production"]}, NOON)
    account = of.accounts["production"]
    anything = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
    others = [
        *(Call("PutUserPolicy", {"UserName": user, "PolicyName": f"mine-{n}", "PolicyDocument": anything}) for n in range(7) for user in ("james", "rick")),
        *(Call("AddUserToGroup", {"GroupName": "job-security", "UserName": user}) for user in ("james", "rick", "ada")),
        *(Call("RemoveUserFromGroup", {"GroupName": "oncall-platform", "UserName": user}) for user in ("james", "rick", "ada")),
        *(Call("PutRolePolicy", {"RoleName": "oncall-platform", "PolicyName": f"mine-{n}", "PolicyDocument": anything}) for n in range(10)),
        *(Call("CreateUser", {"UserName": f"guest-{n}", "Path": "/"}) for n in range(10)),
        *(Call("AddUserToGroup", {"GroupName": "oncall-platform", "UserName": f"guest-{n}"}) for n in range(10)),
    ]  # fmt: skip
    assert len(others) == 50
    pending = list(others)
    for outcome in apply(plan.changes, by(of, cloud)):
        assert outcome.state is State.DONE
        for _ in range(1 + len(others) // max(1, len(plan.changes))):
            if pending:
                cloud.perform(account, pending.pop(0))
    for call in pending:
        cloud.perform(account, call)
    settle(cloud, of, NOON)
    assert not make_plan(of, {"production": cloud.states["production"]}, NOON).changes
    clean = state_of(of, NOON)
    instants = instants_of(of, at=NOON)
    mine = held(cloud.states["production"], instants)[0]
    assert {each for each in mine if not each[0].startswith("guest")} == held(clean, instants)[0]
    assert not any(who.startswith("guest") for who, *_ in mine)
