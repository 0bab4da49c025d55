"""What a new team file changes, and which of it waits: each kind, both ways; and what may be done meanwhile."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import (
    DAY,
    HERE,
    MONDAY,
    PRODUCTION,
    grant,
    group,
    layer,
    permission_set,
    person,
    rota,
    team,
    with_rota,
)
from tests.unit.access.test_apply import (
    EDITS,
    cloud_of,
    held,
    instants_of,
    settle,
    state_of,
    swap,
    with_members,
    with_set,
)

from watchbill.access.approval import Authors, denies, kind_of, weigh
from watchbill.access.compile import nothing
from watchbill.access.interim import less
from watchbill.access.plan import make_plan
from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.team.model import (
    Account,
    Approval,
    BreakGlass,
    By,
    ChangeKind,
    Claim,
    Host,
    IdentityCenter,
    Kind,
    Leave,
    Mode,
    Override,
    Shells,
)


NOON = MONDAY + timedelta(hours=12)
SOFIA = Authors(frozenset({"sofia"}), known=True)
"""A lead who is on no rota and in no group that these edits are about."""
ELSEWHERE = Location("watchbill.yaml", 99)
CENTER = IdentityCenter(
    "production", "eu-west-1", "d-1234567890", "arn:aws:sso:::instance/ssoins-1234567890abcdef", None, None, HERE
)


def with_account(base, name, **changes):
    """Give a team in which an account is another."""
    return replace(base, accounts={**base.accounts, name: replace(base.accounts[name], **changes)})


def with_person(base, name):
    """Give a team with one person more."""
    return replace(base, people={**base.people, name: person(name)})


def as_user(base, **changes):
    """Give a team in which James is told from others by something else."""
    return replace(base, people={**base.people, "james": replace(base.people["james"], **changes)})


def on_watch(*members):
    """Give a rota whose evening layer has other members."""
    made = layer("emea", "Europe/London", 18, 2, members)
    return rota(*(made if each.name == "emea" else each for each in rota().layers))


def away(name, days):
    """Give a rota in which somebody is away."""
    return replace(rota(), leave=(Leave(name, Interval(MONDAY + DAY, MONDAY + days * DAY), HERE),))


def reaching(base, address="bastion.example.com", user="james"):
    """Give a team that reaches a host, on which James has a user."""
    people = {**base.people, "james": replace(base.people["james"], host_users=(user,))}
    return replace(base, people=people, reached={"bastion": Host("bastion", address, "watchbill", 22, HERE)})


def with_sudo(base, *commands):
    """Give a team whose rota gives sudo on the host."""
    return with_rota(base, replace(base.rotas["platform"], hosts=("bastion",), sudo=commands))


def test_what_a_new_file_takes_away_of_sudo_is_taken_at_once_and_nothing_is_given():
    """Less of it while the new file waits: a host that is gone, commands that are; never one more."""

    def left(old, new):
        before, after = with_sudo(reaching(team()), *SUDO[old]), with_sudo(reaching(team()), *SUDO[new])
        return less(before, after, NOON).rotas["platform"].sudo

    assert (left("all", "one"), left("one", "all"), left("two", "one")) == (("/bin/a",), ("/bin/a",), ("/bin/a",))
    assert (left("one", "none"), left("none", "all"), left("all", "all")) == ((), (), ("ALL",))
    nowhere = with_rota(reaching(team()), replace(rota(), hosts=(), sudo=("ALL",)))
    assert less(with_sudo(reaching(team()), "ALL"), nowhere, NOON).rotas["platform"].hosts == ()


def with_ssh(base, *keys):
    """Give a team whose rota lets James sign in to the host by certificates of some keys."""
    people = {**base.people, "james": replace(base.people["james"], public_keys=keys)}
    rotas = replace(base.rotas["platform"], hosts=("bastion",), ssh=True)
    return with_rota(replace(base, people=people), rotas)


def test_a_key_that_a_new_file_takes_out_is_out_at_once():
    """Whoever has it signs in by it: it waits for nobody, and no key comes in its place meanwhile."""
    both, one, other = (with_ssh(reaching(team()), *keys) for keys in (("a", "b"), ("a",), ("a", "c")))
    assert [less(both, each, NOON).people["james"].public_keys for each in (one, other)] == [("a",), ("a",)]
    none = with_rota(one, replace(one.rotas["platform"], ssh=False))
    assert [less(one, none, NOON).rotas["platform"].ssh, less(none, one, NOON).rotas["platform"].ssh] == [False, False]


def test_a_user_or_an_address_of_a_host_that_a_new_file_takes_out_is_out_at_once():
    """It is what may be had there no more; another user or another host waits, and comes with the rest."""
    old = with_sudo(with_ssh(reaching(team()), "a"), "ALL")
    other_user, elsewhere = reaching(old, user="jim"), reaching(old, address="other.example.com")
    moved = replace(old, reached={"bastion": replace(old.reached["bastion"], port=23)})
    assert [less(old, new, NOON).people["james"].host_users for new in (old, other_user)] == [("james",), ()]
    assert [less(old, new, NOON).rotas["platform"].hosts for new in (old, elsewhere, moved)] == [("bastion",), (), ()]


SUDO = {"all": ("ALL",), "one": ("/bin/a",), "two": ("/bin/a", "/bin/b"), "none": ()}

TABLE = {
    "nothing": (lambda of: of, lambda of: of, set(), set()),
    "lines that moved": (lambda of: of, lambda of: with_rota(of, replace(rota(), layers=tuple(replace(each, where=ELSEWHERE) for each in rota().layers))), set(), set()),
    "somebody joins": (lambda of: with_members(of, "developers", "ada", "james"), lambda of: of, {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "a new person joins": (lambda of: of, lambda of: with_members(with_person(of, "zoe"), "developers", "ada", "james", "rick", "zoe"), {ChangeKind.NEW_PERSON}, {ChangeKind.REMOVAL}),
    "a set allows more": (lambda of: of, lambda of: with_set(of, "developer", allow=("ec2:*", "s3:*", "lambda:*", "sqs:*")), {ChangeKind.NEW_CAPABILITY}, {ChangeKind.REMOVAL}),
    "a set denies more": (lambda of: of, lambda of: with_set(of, "developer", deny=("ec2:Delete*",)), {ChangeKind.REMOVAL}, {ChangeKind.NEW_CAPABILITY}),
    "a set may outlive": (lambda of: of, lambda of: with_set(of, "prod-oncall", may_outlive=("instances",)), {ChangeKind.NEW_CAPABILITY}, {ChangeKind.REMOVAL}),
    "a managed policy": (lambda of: of, lambda of: with_set(of, "developer", managed=("ReadOnlyAccess",)), {ChangeKind.NEW_CAPABILITY}, {ChangeKind.NEW_CAPABILITY}),
    "a set that nobody holds": (lambda of: of, lambda of: replace(of, permission_sets={**of.permission_sets, "admin": permission_set("admin", allow=("*",))}), set(), set()),
    "out of a group that denies": (lambda of: of, lambda of: with_members(of, "support", "lee"), {ChangeKind.NEW_CAPABILITY}, {ChangeKind.NEW_ACCESS}),
    "a swap": (lambda of: of, lambda of: with_rota(of, replace(rota(), overrides=(swap(36, 52, "ada", "james"),))), {ChangeKind.SCHEDULE}, {ChangeKind.SCHEDULE}),
    "a swap in two years": (lambda of: of, lambda of: with_rota(of, replace(rota(), overrides=(swap(20_000, 20_008, "ada", "james"),))), {ChangeKind.SCHEDULE}, {ChangeKind.REMOVAL}),
    "another order": (lambda of: of, lambda of: with_rota(of, on_watch("ada", "james")), {ChangeKind.SCHEDULE}, {ChangeKind.SCHEDULE}),
    "leave": (lambda of: of, lambda of: with_rota(of, away("james", 3)), {ChangeKind.REMOVAL}, {ChangeKind.SCHEDULE}),
    "a longer horizon": (lambda of: of, lambda of: with_rota(of, replace(rota(), horizon=20 * DAY)), {ChangeKind.SCHEDULE}, {ChangeKind.SCHEDULE}),
    "somebody new on the rota": (lambda of: of, lambda of: with_rota(of, on_watch("james", "ada", "sofia")), {ChangeKind.NEW_ACCESS, ChangeKind.SCHEDULE}, {ChangeKind.REMOVAL, ChangeKind.SCHEDULE}),
    "more on call": (lambda of: of, lambda of: with_rota(of, replace(rota(), entitlement={Kind.PRIMARY: "audit"})), {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}, {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}),
    "a rota": (lambda of: replace(of, rotas={}), lambda of: of, {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "a grant": (lambda of: of, lambda of: replace(of, grants=(grant("g1", "lee", (13, 40)),)), {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "a longer grant": (lambda of: replace(of, grants=(grant("g1", "lee", (13, 40)),)), lambda of: replace(of, grants=(grant("g1", "lee", (13, 41)),)), {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "leads": (lambda of: of, lambda of: replace(of, leads=("sofia", "james")), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "approval": (lambda of: of, lambda of: replace(of, approval=Approval((ChangeKind.NEW_ACCESS,))), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "an invariant": (lambda of: replace(of, invariants=(Claim("everyone never iam:CreateUser", HERE),)), lambda of: of, {ChangeKind.SAFEGUARD}, set()),
    "a mode": (lambda of: of, lambda of: with_account(of, "production", mode=Mode.ENFORCE), {ChangeKind.SAFEGUARD}, set()),
    "a mode of a rota": (lambda of: with_rota(of, replace(rota(), mode=Mode.OBSERVE)), lambda of: of, {ChangeKind.SAFEGUARD}, set()),
    "an account that is another": (lambda of: of, lambda of: with_account(of, "production", number="333333333333"), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "a new account that enforces": (lambda of: of, lambda of: replace(of, accounts={**of.accounts, "lab": Account("lab", "444444444444", "lab", None, HERE, Mode.ENFORCE)}), {ChangeKind.SAFEGUARD}, set()),
    "another IAM user": (lambda of: of, lambda of: replace(of, people={**of.people, "james": replace(of.people["james"], iam_user="root2")}), {ChangeKind.NEW_PERSON}, {ChangeKind.NEW_PERSON}),
    "another address": (lambda of: of, lambda of: as_user(of, email="other@example.com"), {ChangeKind.NEW_PERSON}, {ChangeKind.NEW_PERSON}),
    "one address more": (lambda of: of, lambda of: as_user(of, also_known_as=("other@example.com",)), {ChangeKind.NEW_PERSON}, {ChangeKind.NEW_PERSON}),
    "another user of Identity Center": (lambda of: of, lambda of: as_user(of, identity_center_user="90676d5c3a-8f4b1a52-0c1d-4e2f-9a3b-5c6d7e8f9a0b"), {ChangeKind.NEW_PERSON}, {ChangeKind.NEW_PERSON}),
    "another Identity Center": (lambda of: replace(of, identity_center=CENTER), lambda of: replace(of, identity_center=replace(CENTER, store="d-2234567890")), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "a break-glass user": (lambda of: of, lambda of: replace(of, break_glass=(BreakGlass("glass", ("production",), HERE),)), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "shells on more hosts": (lambda of: with_set(of, "developer", shells=Shells({"env": ("lab",)})), lambda of: with_set(of, "developer", shells=Shells({"env": ("lab", "production")})), {ChangeKind.NEW_CAPABILITY}, {ChangeKind.NEW_CAPABILITY}),
    "shells": (lambda of: of, lambda of: with_set(of, "developer", shells=Shells({"env": ("lab",)})), {ChangeKind.NEW_CAPABILITY}, {ChangeKind.REMOVAL}),
    "a rota by Identity Center": (lambda of: of, lambda of: with_rota(of, replace(rota(), by=By.CENTER)), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "a job role by Identity Center": (lambda of: of, lambda of: replace(of, groups={**of.groups, "support": replace(of.groups["support"], access=tuple(replace(each, by=By.CENTER) for each in of.groups["support"].access))}), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "a grant by Identity Center": (lambda of: replace(of, grants=(grant("g", "james", (0, 48)),)), lambda of: replace(of, grants=(replace(grant("g", "james", (0, 48)), by=By.CENTER),)), {ChangeKind.SAFEGUARD}, {ChangeKind.SAFEGUARD}),
    "a group by another name": (lambda of: of, lambda of: replace(of, groups={**{n: g for n, g in of.groups.items() if n != "developers"}, "devs": replace(of.groups["developers"], name="devs")}), set(), set()),
    "sudo on a host": (reaching, lambda of: with_sudo(reaching(of), "ALL"), {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "one command more": (lambda of: with_sudo(reaching(of), "/bin/a"), lambda of: with_sudo(reaching(of), "/bin/a", "/bin/b"), {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "another address of a host": (lambda of: with_sudo(reaching(of), "ALL"), lambda of: with_sudo(reaching(of, "db.example.com"), "ALL"), {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}, {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}),
    "another user of a host": (lambda of: with_sudo(reaching(of), "ALL"), lambda of: with_sudo(reaching(of, user="other"), "ALL"), {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}, {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}),
    "ssh on a host": (reaching, lambda of: with_ssh(reaching(of), "SHA256:a"), {ChangeKind.NEW_ACCESS}, {ChangeKind.REMOVAL}),
    "another key": (lambda of: with_ssh(reaching(of), "SHA256:a"), lambda of: with_ssh(reaching(of), "SHA256:b"), {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}, {ChangeKind.NEW_ACCESS, ChangeKind.REMOVAL}),
    "networks": (lambda of: of, lambda of: replace(of, networks=()), set(), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_each_change_is_of_its_kind_both_ways(name):
    """Forth and back, written by somebody who gains nothing."""
    first, second, forth, back = TABLE[name]
    before, after = first(team()), second(team())
    author = Authors(frozenset(), known=True)
    for old, new, kinds in ((before, after, forth), (after, before, back)):
        found = weigh(old, new, NOON, author)
        assert {each.kind for each in found.findings} == kinds, (name, found.findings)
        assert {each.kind for each in found.waits} == kinds - {ChangeKind.REMOVAL, ChangeKind.SCHEDULE}
        assert found.people == (1 if found.waits else 0)


def test_who_gains_by_what_they_wrote_has_added_it_themselves():
    """By the author of the file, and by what an override says of who made it; the policy lets neither go unattended."""
    lets = Approval((ChangeKind.REMOVAL, ChangeKind.SCHEDULE, ChangeKind.NEW_ACCESS))
    before = replace(with_members(team(), "developers", "ada", "james"), approval=lets)
    joined = replace(team(), approval=lets)
    assert weigh(before, joined, NOON, SOFIA).waits == ()
    (own,) = weigh(before, joined, NOON, Authors(frozenset({"rick"}), known=True)).waits[:1]
    assert (own.kind, own.basis, own.people) == (ChangeKind.SELF_ADDED, ChangeKind.NEW_ACCESS, ("rick",))
    cover = replace(swap(36, 52, "ada", "james"), by="ada")
    weighed = weigh(team(), with_rota(team(), replace(rota(), overrides=(cover,))), NOON, SOFIA)
    assert [(each.kind, each.people) for each in weighed.waits] == [(ChangeKind.SELF_ADDED, ("ada",))]
    assert "ada" in weighed.barred


def test_an_unknown_author_takes_two_people():
    """One of two at least did not write it; what only takes away needs nobody."""
    swapped = with_rota(team(), replace(rota(), overrides=(swap(36, 52, "ada", "james"),)))
    found = weigh(team(), swapped, NOON, Authors(frozenset({"sofia"}), known=False))
    assert ({each.kind for each in found.waits}, found.people) == ({ChangeKind.UNKNOWN_AUTHOR}, 2)
    assert found.barred == {"ada", "sofia"}
    assert weigh(team(), with_members(team(), "developers", "ada"), NOON, Authors()).waits == ()


def test_the_file_in_force_says_what_waits():
    """Nobody lets themselves in by a policy that has not been let in; two people where the file in force asks for two."""
    lets = Approval(tuple(ChangeKind))
    joined = replace(team(), approval=lets)
    before = with_members(team(), "developers", "ada", "james")
    assert {each.kind for each in weigh(before, joined, NOON, SOFIA).waits} == {
        ChangeKind.SAFEGUARD,
        ChangeKind.NEW_ACCESS,
    }
    two = replace(before, approval=Approval((), (ChangeKind.NEW_ACCESS,)))
    assert weigh(two, replace(team(), approval=two.approval), NOON, SOFIA).people == 2
    own = Authors(frozenset({"rick"}), known=True)
    assert weigh(two, replace(team(), approval=two.approval), NOON, own).people == 2


def test_the_first_file_waits_whole():
    """Also where the one in force can be read no more."""
    found = weigh(None, team(), NOON, Authors())
    assert ([each.kind for each in found.waits], found.people, found.barred) == ([ChangeKind.FIRST], 1, frozenset())


def test_a_warning_of_an_invariant_waits_with_what_the_file_changes():
    """What rolls forward by the file in force does not."""
    of = replace(team(), invariants=(Claim("ada never iam:CreateUser", HERE),))
    state = state_of(team(), NOON - DAY)
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:*", "Resource": "*"}]}
    mine = replace(state.users["ada"], path="/", arn=f"arn:aws:iam::{PRODUCTION}:user/ada", inline={"mine": anything})
    users = {**state.users, "ada": mine}
    observed = {"production": replace(state, users=users)}
    less_of = with_members(of, "developers", "ada")
    for after, kinds in ((of, set()), (less_of, {ChangeKind.WARNED})):
        plan = make_plan(after, observed, NOON)
        assert {each.code for each in plan.warnings} >= {"invariant-broken"}
        assert {each.kind for each in weigh(of, after, NOON, SOFIA, plan).waits} == kinds


def test_effects_of_a_plan_are_what_the_file_changes_or_upkeep():
    """What only rolls forward is upkeep."""
    before = with_members(team(), "developers", "ada", "james")
    weighed = weigh(before, team(), NOON, SOFIA)
    plan = make_plan(team(), {"production": state_of(before, NOON - 3 * DAY)}, NOON)
    kinds = {(each.person, each.interval is None): kind_of(each, weighed) for each in plan.effects}
    assert kinds.pop(("rick", True)) is ChangeKind.NEW_ACCESS
    assert {kind for (who, _), kind in kinds.items() if who != "rick"} == {ChangeKind.UPKEEP}


def test_a_set_denies_what_it_says_it_does():
    """Also by AWS's own policy, and by one that is not known."""
    sets = team().permission_sets
    assert [denies(sets[name], NOON) for name in ("support", "developer")] == [True, False]
    assert denies(replace(sets["developer"], managed=("AWSDenyAll",)), NOON)
    assert denies(replace(sets["developer"], managed=("NobodyKnowsThisOne",)), NOON)


PAIRS = [pytest.param(e, marks=[pytest.mark.slow] if e == "grace" else []) for e in EDITS]


@pytest.mark.parametrize("edit", PAIRS)
def test_what_is_done_meanwhile_gives_nothing_that_waits(edit):
    """Each edit of a team: the file in force less what the new one takes away, applied, is less than the one in force."""
    check_meanwhile(team(), EDITS[edit](team()))


@pytest.mark.parametrize("edit", PAIRS)
def test_what_is_done_meanwhile_gives_nothing_that_waits_taken_back(edit):
    """And each one undone again."""
    check_meanwhile(EDITS[edit](team()), team())


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3),
    st.integers(0, 20),
)
def test_what_is_done_meanwhile_between_any_two_teams(first, second, days):
    """Any edits before, any after, some days between."""
    before, after = team(), team()
    for edit in first:
        before = EDITS[edit](before)
    for edit in second:
        after = EDITS[edit](after)
    check_meanwhile(before, after, days)


def check_meanwhile(before, after, days=1):
    """Hold what is done meanwhile, by what our evaluator says of it, against the file in force rolled forward."""
    instants = instants_of(before, after, at=NOON)
    there = state_of(before, NOON - days * DAY)
    forward, meanwhile = (cloud_of(there, 6144) for _ in range(2))
    settle(forward, before, NOON)
    settle(meanwhile, less(before, after, NOON), NOON)
    known: dict[tuple[str, str], frozenset[tuple[str, datetime]]] = {}
    goes_on = held(forward.states["production"], instants, known)[0]
    now = held(meanwhile.states["production"], instants, known)[0]
    assert now <= goes_on, sorted(now - goes_on)[:3]


def test_whoever_is_gone_loses_all_at_once():
    """Out of the file altogether, they hold nothing meanwhile, though somebody new waits for a lead."""
    gone = with_members(with_rota(team(), on_watch("sofia", "ada")), "developers", "ada", "rick")
    gone = replace(gone, people={n: p for n, p in gone.people.items() if n != "james"})
    assert weigh(team(), gone, NOON, SOFIA).waits
    cloud = cloud_of(state_of(team(), NOON - DAY), 6144)
    settle(cloud, less(team(), gone, NOON), NOON)
    mine = held(cloud.states["production"], instants_of(team(), gone, at=NOON))[0]
    assert {who for who, *_ in mine} >= {"ada", "rick"}
    assert not [each for each in mine if each[0] in ("james", "sofia") and each[1] != "iam:ListUsers"]
    assert not [each for each in mine if each[0] == "james"]


def test_a_deny_stays_while_what_it_holds_back_does():
    """Somebody leaves the group that denies and stays in the one that allows: neither is done before a lead says so."""
    both = replace(team(), groups={**team().groups, "all": group("all", ("lee",), ("prod-oncall", "production"))})
    after = with_members(both, "support", "priya")
    cloud = cloud_of(nothing(both.accounts["production"]), 6144)
    settle(cloud, both, NOON)
    before = cloud.states["production"].users["lee"].groups
    settle(cloud, less(both, after, NOON), NOON)
    assert cloud.states["production"].users["lee"].groups == before
    assert {each.kind for each in weigh(both, after, NOON, SOFIA).waits} == {ChangeKind.NEW_CAPABILITY}
    assert PRODUCTION in str(cloud.states["production"].policies)


def test_stints_and_covers_gain_who_is_named():
    """Every form of override says who gains by it."""
    span = Interval(MONDAY + 400 * DAY, MONDAY + 401 * DAY)
    swapped = Override("o", Kind.PRIMARY, span, None, None, "r", "sofia", HERE, ("ada", "james"))
    covered = replace(swapped, swap=None, add="ada", remove="james")
    for each, gains in ((swapped, ("ada", "james")), (covered, ("ada",)), (replace(covered, add=None), ())):
        found = weigh(team(), with_rota(team(), replace(rota(), overrides=(each,))), NOON, SOFIA).findings
        assert [f.people for f in found if "override" in f.what] == [gains]
