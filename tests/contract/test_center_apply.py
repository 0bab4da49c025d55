"""Access by way of Identity Center: planned, applied and read back over HTTP, in organizations on the stand-in.

The stand-in is moto's with what it lacks added (`sim.center_gaps`), each operation by botocore's model; not run against
AWS. What documents decide is judged by our evaluator, over the roles that the stand-in makes of permission sets.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.centers import HOME, Bench, Org, by_center, may, sessions_of
from tests.teams import DAY, HERE, MONDAY, with_rota

from watchbill.access.center.declared import declared_state
from watchbill.access.center.state import PLACE, Holder, mark_of
from watchbill.access.drifted import given_by
from watchbill.access.entitlements import windows
from watchbill.access.matrix import Moment, Place
from watchbill.access.model import Freeze, Phase, Verb
from watchbill.access.modes import Held
from watchbill.access.plan import Applied, make_plan
from watchbill.access.ways import Ways
from watchbill.aws.accounts import Accounts
from watchbill.aws.identity_center import Center
from watchbill.aws.pace import Pace
from watchbill.bootstrap import make_app
from watchbill.intervals import Interval, iso
from watchbill.policy.model import Effect, Request
from watchbill.sim.center_gaps import Rates
from watchbill.sim.stand_in import StandIn
from watchbill.team.model import Claim, Kind, Override


NOON = MONDAY + timedelta(hours=12)
SECOND = timedelta(seconds=1)
KEYS = ("any", "any")
SET, JOB = "watchbill-oncall-platform", "watchbill-job-read-only"
REBOOT, READ = "rds:RebootDBInstance", "ec2:DescribeInstances"


def bench(stand_in, accounts):
    """Give an organization with the team's people, and what plans and applies there."""
    org = Org(make_app(None, stand_in.endpoint, KEYS), accounts)
    org.people(org.team())
    return org, Bench(org)


@pytest.fixture
def two():
    """Give an organization of two accounts."""
    with StandIn() as stand_in:
        yield bench(stand_in, 2)


def platform(of, **changes):
    """Give a team whose rota says something else."""
    return with_rota(of, replace(of.rotas["platform"], **changes))


def held(org, of, instants):
    """Give who may do what where and when: who has the role, and whom its documents let."""
    _, center = Bench(org).observe(of)
    found = set()
    for name, account in org.accounts.items():
        state = org.app.cloud.observe(account)
        for permission_set in (SET, JOB):
            documents = sessions_of(state, permission_set)
            for person, user in org.users.items():
                mine = {(a.account, a.permission_set) for a in center.assigned_to(user)}
                if documents is None or (account.number, permission_set) not in mine:
                    continue
                for action in (REBOOT, READ, "s3:GetObject", "iam:CreateUser"):
                    found |= {(person, name, action, at) for at in instants if may(documents, user, action, at)}
    return found


# --- twenty accounts ---------------------------------------------------------------------------------


def test_twenty_accounts_are_planned_applied_and_planned_again_and_one_more_joins():
    """Policies are in every account before a set refers to them; sets are whole before anybody has them."""
    with StandIn() as stand_in:
        org, works = bench(stand_in, 20)
        of = by_center(org.team(), org.accounts)
        plan = works.settle(of, NOON)
        gained = {(e.person, e.account) for e in plan.effects if e.permission_set == "prod-oncall"}
        assert gained == {(p, a) for p in ("ada", "james", "lee", "priya", "rick") for a in org.accounts}
        first = {operation: works.made.index((PLACE, operation)) for place, operation in works.made if place == PLACE}
        last_policy = max(n for n, (_, operation) in enumerate(works.made) if operation == "CreatePolicy")
        last_attached = max(n for n, (_, operation) in enumerate(works.made) if operation.startswith("Attach"))
        assert last_policy < first["CreatePermissionSet"] < last_attached < first["CreateAccountAssignment"]
        assert works.made.count((PLACE, "CreateAccountAssignment")) == 40
        assert "ProvisionPermissionSet" not in first
        states, _ = works.observe(of)
        names = [{p.name for p in states[a].policies.values() if p.path == "/watchbill/"} for a in org.accounts]
        assert all(each == names[0] for each in names)
        works.made.clear()
        org.join("a21")
        of = by_center(org.team(), org.accounts)
        plan = works.settle(of, NOON)
        assert {effect.account for effect in plan.effects} == {"a21"}
        assert {place for place, _ in works.made} == {"a21", PLACE}
        assert works.made.count((PLACE, "CreateAccountAssignment")) == 2


# --- boundary instants ---------------------------------------------------------------------------------


def test_access_by_identity_center_holds_exactly_in_the_window(two):
    """One second before, at, and one second after each edge of a week of shifts, by the documents of the role."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    span = Interval(MONDAY + DAY, MONDAY + 8 * DAY)
    known = windows(of, Interval(MONDAY, MONDAY + 10 * DAY))
    whole = [w for w in known if w.interval is not None and w.interval.start in span and w.account == "a01"]
    assert len(whole) >= 18
    for account in org.accounts.values():
        documents = sessions_of(org.app.cloud.observe(account), SET)
        assert documents is not None
        for window in whole:
            assert window.interval is not None
            start, end = window.interval.start, window.interval.end
            mine = org.users[window.person]
            for at, expected in ((start - SECOND, False), (start, True), (end - SECOND, True), (end, False)):
                assert may(documents, mine, REBOOT, at) is expected, (window, at)
            middle = start + (end - start) / 2
            others = [user for person, user in org.users.items() if person != window.person]
            assert not any(may(documents, user, REBOOT, middle) for user in (*others, "somebody-else"))
            assert not may(documents, mine, "iam:CreateUser", middle)
        past = [MONDAY + 14 * DAY + timedelta(hours=hour) for hour in range(0, 48, 5)]
        assert not any(may(documents, user, REBOOT, at) for user in org.users.values() for at in past)


def test_a_gap_lets_nobody_in(two):
    """Where nobody is on watch, the role does nothing for anybody."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    of = platform(of, layers=of.rotas["platform"].layers[1:2])
    works.settle(of, NOON)
    documents = sessions_of(org.app.cloud.observe(org.accounts["a01"]), SET)
    assert not any(may(documents, user, REBOOT, NOON) for user in org.users.values())
    assert may(documents, org.users["james"], REBOOT, MONDAY + timedelta(hours=20))


# --- cut anywhere --------------------------------------------------------------------------------------


def swapped(of):
    """Give a team with a swap in the running shift, other rights on call, and one developer fewer."""
    span = Interval(MONDAY + timedelta(hours=13), MONDAY + timedelta(hours=16))
    override = Override("sw-1", Kind.PRIMARY, span, "ada", "rick", "wedding", "sofia", HERE)
    support = replace(of.permission_sets["support"], managed=())
    of = replace(of, permission_sets={**of.permission_sets, "support": support})
    developers = replace(of.groups["developers"], members=("ada", "james"))
    of = replace(of, groups={"developers": developers})
    return platform(of, overrides=(override,), entitlement={Kind.PRIMARY: "support"}, accounts=("a02",))


def gone(of):
    """Give a team with nothing delivered by Identity Center."""
    return replace(of, rotas={}, groups={})


@pytest.mark.slow
@pytest.mark.parametrize("to", [swapped, gone])
def test_cut_after_any_call_nobody_has_more_than_either_end(to, two):
    """And who is on watch before and after keeps what both give, after every single call."""
    org, works = two
    instants = [NOON, *(MONDAY + timedelta(hours=hour) for hour in (14, 20, 26, 40))]
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    before = held(org, of, instants)
    assert {person for person, _, action, _ in before if action == REBOOT} == {"ada", "rick", "james", "priya"} - {
        "ada"
    }
    then = to(of)
    plan = works.plan(then, NOON)
    between = []
    perform = works.perform(then)
    for change in plan.changes:
        perform(change)
        between.append((change, held(org, then, instants)))
    after = between[-1][1]
    for change, found in between:
        assert found <= before | after, (change.call, found - before - after)
        assert found >= before & after, (change.call, before & after - found)
    assert not works.plan(then, NOON).changes
    if to is gone:
        assert after == set()
        states, center = works.observe(then)
        assert not center.sets
        assert not center.groups
        assert not [p for name in org.accounts for p in states[name].policies.values() if p.path == "/watchbill/"]


@pytest.mark.parametrize("cut", [pytest.param(3, marks=pytest.mark.slow), 24, pytest.param(33, marks=pytest.mark.slow)])
def test_a_plan_that_was_cut_short_is_made_up_for(cut, two):
    """The next plan does the rest and no more."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    plan = works.plan(of, NOON)
    assert works.apply(of, replace(plan, changes=plan.changes[:cut])) == []
    works.settle(of, NOON)
    then = platform(of, entitlement={Kind.PRIMARY: "support"})
    plan = works.plan(then, NOON)
    steps = [(change.phase, change.call.operation) for change in plan.changes]
    provisioned = steps.index((Phase.GRANT, "ProvisionPermissionSet"))
    assert works.apply(then, replace(plan, changes=plan.changes[:provisioned])) == []
    left = [(change.phase, change.call.operation) for change in works.plan(then, NOON).changes]
    assert left[0] == (Phase.GRANT, "ProvisionPermissionSet")
    works.settle(then, NOON)


def test_what_fails_in_one_account_keeps_a_set_from_being_given(two):
    """What AWS refuses to write in one account: nobody gets the set, in no account, until it is written."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    # The last to be assigned: the others would have it by then.
    works.refused = (max(org.accounts, key=lambda name: org.accounts[name].number), "CreatePolicy")
    failed = works.apply(of, works.plan(of, NOON))
    assert "AccessDenied" in failed[0]
    assert held(org, of, [NOON]) == set()
    works.refused = ()
    works.settle(of, NOON)
    assert held(org, of, [NOON])


# --- what others did -----------------------------------------------------------------------------------


def test_what_others_gave_is_shown_and_undone_and_what_denies_is_left(two):
    """An assignment, a membership, a policy; AWS's own deny stays. Sets and groups of others are never touched."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    _, center = works.observe(of)
    arn, group = center.sets[SET].arn, center.groups["watchbill-job-developers"].id
    where = {"InstanceArn": org.instance, "PermissionSetArn": arn}
    foreign = org.set("theirs")
    org.assign(foreign, "USER", org.users["sofia"], org.accounts["a01"])
    org.group("their-group", "sofia")
    org.assign(arn, "USER", org.users["sofia"], org.accounts["a01"])
    org.store.create_group_membership(IdentityStoreId=org.id, GroupId=group, MemberId={"UserId": org.users["sofia"]})
    for policy in ("AdministratorAccess", "AWSDenyAll"):
        org.admin.attach_managed_policy_to_permission_set(**where, ManagedPolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    gone_reference = {"Name": "guard-center-oncall-platform-1", "Path": "/watchbill/"}
    org.admin.detach_customer_managed_policy_reference_from_permission_set(
        **where, CustomerManagedPolicyReference=gone_reference
    )
    org.admin.update_permission_set(**where, SessionDuration="PT12H", Description=mark_of("orders"))
    plan = works.plan(of, NOON, applied=Applied(of, NOON))
    told = {drift.what: drift.healed for drift in plan.drift}
    assert told == {
        f"permission set {SET} has policy arn:aws:iam::aws:policy/AdministratorAccess attached, not from the team file": True,
        f"permission set {SET} has policy arn:aws:iam::aws:policy/AWSDenyAll attached, not from the team file; it denies something, so a person must decide": False,
        f"permission set {SET} no longer has guard-center-oncall-platform-1": True,
        f"a session of permission set {SET} lasts PT12H": True,
        f"permission set {SET} was given to {org.users['sofia']} in {org.accounts['a01'].number}": True,
        "sofia was put into group watchbill-job-developers": True,
    }
    about = {drift.other or drift.what: drift.people for drift in plan.drift}
    on_call = ("ada", "james", "lee", "priya", "rick", "sofia")
    assert about.pop(org.users["sofia"]) == about.pop("watchbill-job-developers") == ("sofia",)
    assert set(about.values()) == {on_call}
    # Of both the group alone gives it: the set of a rota lets nobody in who is not on watch.
    assert {drift.given for drift in plan.drift if drift.given} == {
        (("sofia", org.accounts["a01"].number, SET),),
        tuple(("sofia", number, JOB) for number in sorted(account.number for account in org.accounts.values())),
    }
    places = {(place, drift.what) for place, drift in given_by(Moment(NOON, of), plan.drift)}
    joined = "sofia was put into group watchbill-job-developers"
    assert places == {(Place("sofia", name, "read-only"), joined) for name in org.accounts}
    assert works.apply(of, plan) == []
    assert not works.plan(of, NOON).changes
    _, center = works.observe(of)
    assert center.sets[SET].managed == {"arn:aws:iam::aws:policy/AWSDenyAll"}
    assert {a.permission_set for a in center.assigned_to(org.users["sofia"])} == {"theirs"}
    assert "their-group" in center.groups


def test_a_group_that_was_deleted_is_made_anew(two):
    """Its assignments, which nobody can have any more, are taken away."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    _, center = works.observe(of)
    org.store.delete_group(IdentityStoreId=org.id, GroupId=center.groups["watchbill-oncall-platform"].id)
    plan = works.plan(of, NOON, applied=Applied(of, NOON))
    assert "group watchbill-oncall-platform is gone" in {drift.what for drift in plan.drift}
    assert {effect.verb for effect in plan.effects} == {Verb.GAINS}
    works.settle(of, NOON)
    _, center = works.observe(of)
    assert {a.principal for a in center.assignments} == {"watchbill-oncall-platform", "watchbill-job-developers"}


def test_somebody_whose_user_was_deleted_holds_nothing_and_it_is_said(two):
    """Their slices are nobody's: the fence lets in whoever else is on watch, and a user made anew is another."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    old = org.users["james"]
    org.store.delete_user(IdentityStoreId=org.id, UserId=old)
    plan = works.plan(of, NOON)
    assert [p.message.split()[0] for p in plan.warnings if p.code == "no-center-user"] == ["`james`"]
    works.settle(of, NOON)
    documents = sessions_of(org.app.cloud.observe(org.accounts["a01"]), SET)
    assert not may(documents, old, REBOOT, MONDAY + timedelta(hours=20))


def test_a_set_of_that_name_of_others_stops_the_plan(two):
    """It is not taken over."""
    org, works = two
    org.set(SET, "by hand")
    of = by_center(org.team(), org.accounts)
    plan = works.plan(of, NOON)
    assert [p.code for p in plan.problems] == ["name-taken"]


# --- who, and by what ----------------------------------------------------------------------------------


def test_nobody_is_on_call_in_the_management_account(two):
    """No policy of the organization acts there: the plan has a problem with its place, and leaves it out."""
    org, works = two
    of = by_center(org.team(), [*org.accounts, HOME])
    plan = works.plan(of, NOON)
    (problem,) = (p for p in plan.problems if p.code == "management-account")
    assert "rota `platform` would give on-call access to the management account `identity`" in str(problem)
    assert str(problem).startswith("watchbill.yaml:1:1 ")
    oncall = [c for c in plan.changes if c.call.parameters.get("PermissionSetArn") == SET]
    assert org.management not in {c.call.parameters.get("TargetId") for c in oncall}


def test_where_a_directory_feeds_it_people_are_assigned_themselves(two):
    """A group made beside the directory would be one that it does not know, and may delete."""
    org, works = two
    of = by_center(org.team("okta"), org.accounts)
    works.settle(of, NOON)
    _, center = works.observe(of)
    assert not center.groups
    assert {a.holder for a in center.assignments} == {Holder.USER}
    assert {a.principal for a in center.assignments if a.permission_set == SET} == {
        org.users[p] for p in ("ada", "james", "lee", "priya", "rick")
    }
    then = platform(of, layers=of.rotas["platform"].layers[:2])
    plan = works.settle(then, NOON)
    taken = [c for c in plan.changes if c.call.operation == "DeleteAccountAssignment"]
    assert {c.call.parameters["PrincipalId"] for c in taken} == {org.users["lee"], org.users["priya"]}


def test_whoever_is_frozen_is_denied_at_once_in_live_sessions_too(two):
    """By a policy that lies on every set beforehand: before anything is changed, or provisioned, in Identity Center."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    frozen = [Freeze("F-1", "rick", NOON - timedelta(hours=1), None, None)]
    plan = works.plan(of, NOON, frozen)
    first = next(n for n, change in enumerate(plan.changes) if change.account == PLACE)
    assert works.apply(of, replace(plan, changes=plan.changes[:first])) == []
    state = org.app.cloud.observe(org.accounts["a01"])
    for name, action in ((SET, REBOOT), (JOB, READ)):
        assert not may(sessions_of(state, name), org.users["rick"], action, NOON)
    assert may(sessions_of(state, JOB), org.users["ada"], READ, NOON)
    works.settle(of, NOON, frozen)
    works.settle(of, NOON, [Freeze("F-1", "rick", NOON - timedelta(hours=1), NOON, None)])
    assert ("rick", "a01", READ, NOON) in held(org, of, [NOON])


def test_whose_user_is_made_anew_while_frozen_stays_denied_by_both(two):
    """A session of the old one lives on; once nobody is frozen it is listed no more."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    frozen = [Freeze("F-1", "rick", NOON - timedelta(hours=1), None, None)]
    works.settle(of, NOON, frozen)
    old = org.users["rick"]
    org.store.delete_user(IdentityStoreId=org.id, UserId=old)
    works.settle(of, NOON, frozen)
    org.people(replace(of, people={"rick": of.people["rick"]}))
    works.settle(of, NOON, frozen)
    documents = sessions_of(org.app.cloud.observe(org.accounts["a01"]), JOB)
    assert [user for user in (old, org.users["rick"]) if may(documents, user, READ, NOON)] == []
    works.settle(of, NOON, [Freeze("F-1", "rick", NOON - timedelta(hours=1), NOON, None)])
    assert may(sessions_of(org.app.cloud.observe(org.accounts["a01"]), JOB), org.users["rick"], READ, NOON)


def test_whoever_comes_by_identity_center_instead_of_iam_gains_and_loses_nothing(two):
    """The same access by another way: nothing is said to change for anybody; the old way goes."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    names = tuple(org.accounts)
    old = platform(replace(org.team(), groups={}), accounts=names)
    of = replace(of, groups={})
    works.settle(old, NOON)
    plan = works.settle(of, NOON)
    assert plan.effects == ()
    state = org.app.cloud.observe(org.accounts["a01"])
    assert not [role for role in state.roles.values() if role.path == "/watchbill/"]


def test_a_plan_without_what_identity_center_has_cannot_be_applied(two):
    """Not read is not empty."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    accounts, _ = works.observe(of)
    for each in (of, gone(of)):
        assert "center-not-read" in [problem.code for problem in make_plan(each, accounts, NOON).problems]


def test_an_invariant_is_held_against_who_comes_by_identity_center(two):
    """What the file gives by it stops the plan; what others have there is told, and stops nothing."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    broken = replace(of, invariants=(Claim("developers never ec2:DescribeInstances", HERE),))
    assert [p.code for p in works.plan(broken, NOON).problems] == ["invariant-broken"]
    assert "permission set watchbill-job-read-only" in works.plan(broken, NOON).problems[0].message
    theirs = org.set(
        "theirs",
        inline={"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]},
    )
    org.assign(theirs, "USER", org.users["sofia"], org.accounts["a01"])
    plan = works.plan(replace(of, invariants=(Claim("everyone never iam:CreateUser", HERE),)), NOON)
    assert [p.code for p in plan.problems] == []
    assert "permission set theirs" in " ".join(p.message for p in plan.warnings if p.code == "invariant-broken")


def test_the_file_alone_answers_what_it_gives_by_identity_center(two):
    """As `can` asks it, without AWS: in the window, not after it."""
    org, _ = two
    of = by_center(org.team(), org.accounts)
    ways = Ways(declared_state(of, org.accounts["a01"], NOON))
    (way,) = (way for way in ways.of("priya") if way.name == f"permission set {SET}")
    window = next(
        w for w in windows(of, Interval(MONDAY, MONDAY + 10 * DAY)) if w.person == "priya" and w.account == "a01"
    )
    assert window.interval is not None
    for at, expected in ((window.interval.start, True), (window.interval.end, False)):
        asked = Request(REBOOT, "*", {"aws:CurrentTime": iso(at)})
        assert (way.steps[0].evaluator.decide(way.steps[0].request(asked)).effect is Effect.ALLOWED) is expected


# --- modes -----------------------------------------------------------------------------------------------


def test_an_account_that_is_only_observed_is_left_as_it_is(two):
    """Nothing is written, assigned, taken or provisioned there, whatever becomes of the sets that it shares."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    then = platform(of, entitlement={Kind.PRIMARY: "support"})
    held_there = Held(frozenset(["a01"]))
    state = org.app.cloud.observe(org.accounts["a01"])
    for changed in (then, gone(of)):
        plan = works.plan(changed, NOON, held=held_there)
        assert plan.changes
        assert {effect.account for effect in plan.effects} == {"a02"}
        assert works.apply(changed, plan) == []
        assert not works.plan(changed, NOON, held=held_there).changes
        now = org.app.cloud.observe(org.accounts["a01"])
        assert (now.roles, now.policies) == (state.roles, state.policies)


def test_a_rota_that_is_only_observed_is_left_as_it_is(two):
    """Its set, its group, and the policies that the set refers to; the rest of the plan goes on."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    works.settle(of, NOON)
    before = held(org, of, [NOON, MONDAY + timedelta(hours=20)])
    then = platform(of, entitlement={Kind.PRIMARY: "support"}, layers=of.rotas["platform"].layers[:1])
    then = replace(then, groups={"developers": replace(of.groups["developers"], members=("ada",))})
    plan = works.plan(then, NOON, held=Held(rotas=frozenset(["platform"])))
    assert {change.call.operation for change in plan.changes} == {"DeleteGroupMembership"}
    assert {(effect.person, effect.verb) for effect in plan.effects} == {("james", Verb.LOSES), ("rick", Verb.LOSES)}
    assert works.apply(then, plan) == []
    after = held(org, then, [NOON, MONDAY + timedelta(hours=20)])
    assert {each for each in after if each[2] == REBOOT} == {each for each in before if each[2] == REBOOT}


@pytest.mark.parametrize("rota", [True, False])
def test_a_group_that_reaches_an_account_that_is_held_lets_nobody_in(rota, two):
    """Nobody comes into one account by what lets them into another; whoever leaves has left both; the plan says so."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    layers = of.rotas["platform"].layers
    few, many = (layers[0], layers[1]), layers
    works.settle(platform(of, layers=few) if rota else of, NOON)
    developers = replace(of.groups["developers"], members=("ada", "james", "lee"))
    then = platform(of, layers=many) if rota else replace(of, groups={"developers": developers})
    held_there, instants = Held(frozenset(["a01"])), [MONDAY + timedelta(hours=h) for h in range(12, 60, 3)]
    before = held(org, of, instants)
    plan = works.plan(then, NOON, held=held_there)
    assert "lee" in {problem.message.split("`")[1] for problem in plan.warnings if problem.code == "held-back"}
    assert {effect.verb for effect in plan.effects if effect.person == "lee"} <= {Verb.LOSES}
    assert works.apply(then, plan) == []
    assert not works.plan(then, NOON, held=held_there).changes
    after = held(org, of, instants)
    assert {each for each in after if each[1] == "a01"} <= {each for each in before if each[1] == "a01"}
    group = "watchbill-oncall-platform" if rota else "watchbill-job-developers"

    def members():
        there = works.observe(of)[1].groups[group].members
        return {name for name, user in org.users.items() if user in there}

    assert members() == ({"ada", "james", "rick"} if rota else {"ada", "james"})
    works.settle(then, NOON)
    assert members() == ({"ada", "james", "lee", "priya", "rick"} if rota else {"ada", "james", "lee"})


def test_a_group_that_is_not_in_the_account_that_is_held_lets_people_in(two):
    """What nothing is assigned to there gives nothing there, and holds up nobody elsewhere."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    plan = works.plan(of, NOON, held=Held(frozenset(["a01"])))
    assert works.apply(of, plan) == []
    assert {each[1] for each in held(org, of, [NOON])} == {"a02"}
    assert {each[0] for each in held(org, of, [NOON]) if each[2] == READ} >= {"ada", "james", "rick"}


def test_what_reaches_only_accounts_that_are_held_is_left_as_it_is(two):
    """Neither a rota's set and group nor a job role's group is made, changed or filled, whatever the file says."""
    org, works = two
    of = by_center(org.team(), ("a01",))
    held_there = Held(frozenset(["a01"]))
    assert works.plan(of, NOON, held=held_there).changes == ()
    works.settle(of, NOON)
    then = platform(of, entitlement={Kind.PRIMARY: "support"}, layers=of.rotas["platform"].layers[:1])
    then = replace(then, groups={"developers": replace(of.groups["developers"], members=("ada", "lee"))})
    plan = works.plan(then, NOON, held=held_there)
    assert (plan.changes, plan.effects) == ((), ())


def test_a_set_of_a_job_role_that_nobody_has_is_left_where_it_reaches_only_accounts_that_are_held(two):
    """Somebody took it off the group there; in accounts that are not held it goes, and so does what the file has no more."""
    org, works = two
    of = by_center(org.team(), ("a01",))
    held_there = Held(frozenset(["a01"]))
    works.settle(of, NOON)
    center = works.observe(of)[1]
    given = next(each for each in center.assignments if each.permission_set == JOB)
    org.admin.delete_account_assignment(
        InstanceArn=org.instance,
        TargetId=given.account,
        TargetType="AWS_ACCOUNT",
        PermissionSetArn=center.sets[JOB].arn,
        PrincipalType="GROUP",
        PrincipalId=center.groups[given.principal].id,
    )
    assert not [each for each in works.observe(of)[1].assignments if each.permission_set == JOB]
    assert works.plan(of, NOON, held=held_there).changes == ()
    nobody = replace(of, groups={})
    deleted = [str(each.call) for each in works.plan(nobody, NOON, held=held_there).changes]
    assert any("DeletePermissionSet" in each for each in deleted)


# --- AWS's own pace ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("paced", [True, False])
def test_nothing_is_lost_where_aws_throttles_and_takes_its_time(paced):
    """Twenty calls a second, ten outstanding, each change done later, some refused for another that goes on.

    With a pace of our own none is throttled; without, boto3 tries again.
    """
    rates = Rates(20, answers=2, outstanding=10, conflicts=3)
    with StandIn(center=rates) as stand_in:
        made = make_app(None, stand_in.endpoint, KEYS)
        org = Org(made, 2)
        org.people(org.team())
        accounts = Accounts(stand_in.endpoint, KEYS, pace=Pace(15) if paced else None)
        works = Bench(org, Center(accounts, lambda _: None))
        rates.throttled = 0
        of = by_center(org.team(), org.accounts)
        works.settle(of, NOON)
        works.settle(platform(of, entitlement={Kind.PRIMARY: "support"}), NOON)
        assert rates.conflicts == 0
        assert (rates.throttled == 0) is paced
        documents = sessions_of(org.app.cloud.observe(org.accounts["a01"]), SET)
        assert may(documents, org.users["james"], READ, MONDAY + timedelta(hours=20))
        assert not may(documents, org.users["james"], REBOOT, MONDAY + timedelta(hours=20))


def test_assignments_go_on_side_by_side_as_many_as_aws_lets():
    """None is throttled for too many at once, one that is refused for another is made again, and all are there after."""
    rates = Rates(20, answers=2, outstanding=10, conflicts=3)
    with StandIn(center=rates) as stand_in:
        org = Org(make_app(None, stand_in.endpoint, KEYS), 12)
        org.people(org.team())
        center = Center(Accounts(stand_in.endpoint, KEYS, pace=Pace(15)), lambda _: None)
        works = Bench(org, center, lanes=16)
        rates.throttled = 0
        of = by_center(org.team(), org.accounts)
        works.settle(of, NOON)
        assert (rates.throttled, rates.conflicts) == (0, 0)
        assert works.made.count((PLACE, "CreateAccountAssignment")) == 24
        assert {person for person, *_ in held(org, of, [NOON])} == {"ada", "james", "rick"}


def test_changes_of_identity_center_come_after_those_of_accounts_and_go_before(two):
    """In each phase but the last, in which policies that nothing refers to any more are removed."""
    org, works = two
    of = by_center(org.team(), org.accounts)
    plan = works.plan(of, NOON)
    places = [(change.phase, change.account == PLACE) for change in plan.changes]
    assert places == sorted(places)
    works.settle(of, NOON)
    tidy = [change.account == PLACE for change in works.plan(gone(of), NOON).changes if change.phase is Phase.TIDY]
    assert tidy == sorted(tidy, reverse=True)
    assert set(tidy) == {True, False}
