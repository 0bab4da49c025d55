"""Drift in the places of the matrix: what others did is where it gives a permission set, and nowhere else."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import MONDAY, PRODUCTION, grant, team

from watchbill.access.compile import compile_account, policies_of
from watchbill.access.drift import find_drift, foreign_of
from watchbill.access.drifted import given_by
from watchbill.access.matrix import Moment, Place
from watchbill.access.model import PATH, DriftKind
from watchbill.team.model import By


HOUR = timedelta(hours=1)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
T = replace(team(), grants=(grant("a-look", "lee", (0, 12)),))
OF_AWS = replace(T.permission_sets["audit"], name="look", allow=(), managed=("ReadOnlyAccess",))
BOTH = replace(OF_AWS, name="look-and-more", allow=("ec2:StartInstances",))
T = replace(T, permission_sets={**T.permission_sets, "look": OF_AWS, "look-and-more": BOTH})
ACCOUNT = T.accounts["production"]
NIGHT, DAY, LATER = MONDAY + 22 * HOUR, MONDAY + 11 * HOUR, MONDAY + 13 * HOUR


def at_first(at=DAY):
    """Give the account as watchbill left it."""
    return compile_account(T, ACCOUNT, at).state


def arns(name):
    """Give the ARNs of the policies of a set."""
    own = f"arn:aws:iam::{PRODUCTION}:policy{PATH}"
    return {each if each.startswith("arn:") else own + each for each in policies_of(T.permission_sets[name])}


def holds(state, user, name):
    """Tell whether a user has all the policies of a set in an account, themselves and by their groups."""
    found = state.users[user]
    return arns(name) <= found.attached.union(*(state.groups[each].attached for each in found.groups))


def places(was, now, at=DAY):
    """Give the places of what others did."""
    drift = list(find_drift(was, now, foreign_of(was, now, was), was))
    return {place for place, _ in given_by(Moment(at, T), drift)}


USERS = sorted(at_first().users)
DEEDS = st.one_of(
    st.tuples(st.just("join"), st.sampled_from(USERS), st.sampled_from(sorted(at_first().groups))),
    st.tuples(st.just("attach"), st.sampled_from(USERS), st.sampled_from([*T.permission_sets, "nothing"])),
    st.tuples(st.just("group"), st.sampled_from(sorted(at_first().groups)), st.just("look")),
)


def done(state, deed):
    """Do one of them."""
    what, name, other = deed
    if what == "join":
        there = state.users[name]
        return replace(state, users={**state.users, name: replace(there, groups=there.groups | {other})})
    given_ = arns(other) if other != "nothing" else {"arn:aws:iam::aws:policy/AWSSupportAccess"}
    if what == "attach":
        there = state.users[name]
        return replace(state, users={**state.users, name: replace(there, attached=there.attached | given_)})
    group = state.groups[name]
    return replace(state, groups={**state.groups, name: replace(group, attached=group.attached | given_)})


@settings(max_examples=60, deadline=None)
@given(DEEDS)
def test_drift_is_where_it_gives_a_set_and_nowhere_else(deed):
    """By the policies that a user has afterwards, and did not have before."""
    was = at_first()
    now = done(was, deed)
    wanted = {
        Place(user, "production", name)
        for user in was.users
        for name in T.permission_sets
        if holds(now, user, name) and not holds(was, user, name)
    }
    found = places(was, now)
    # What a grant has attached has the times of the grant, and is no policy of its set.
    if deed[:1] == ("join",) and deed[2] == "grant-a-look" and deed[1] != "lee":
        assert found == {Place(deed[1], "production", "developer")}
    else:
        assert {each for each in found if not holds(was, each.person, each.permission_set)} == wanted


def test_what_is_attached_to_an_on_call_role_is_had_on_watch_alone():
    """Who is on watch has it, and who was before has not."""
    was = at_first()
    role = was.roles["oncall-platform"]
    now = replace(was, roles={**was.roles, role.name: replace(role, attached=role.attached | {READ_ONLY})})
    assert places(was, now, DAY) == {Place("rick", "production", "look")}
    assert places(was, now, NIGHT) == {Place("james", "production", "look")}


def test_part_of_a_set_is_no_set_and_what_is_unknown_is_nowhere():
    """A set of two policies of which one was attached; an inline policy; a group that the file does not declare."""
    was = at_first()
    james = was.users["james"]
    own = next(each for each in arns("look-and-more") if each != READ_ONLY)
    written = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    for there in (replace(james, attached=frozenset({own})), replace(james, inline={"by-hand": written})):
        now = replace(was, users={**was.users, "james": there})
        assert list(find_drift(was, now, foreign_of(was, now, was), was))
        assert places(was, now) == set()
    both = replace(was, users={**was.users, "james": replace(james, attached=frozenset({own, READ_ONLY}))})
    assert {each.permission_set for each in places(was, both)} == {"look", "look-and-more"}


def test_a_grant_that_is_over_gives_nobody_anything():
    """Its policy ends by itself."""
    was = at_first()
    james = was.users["james"]
    now = replace(was, users={**was.users, "james": replace(james, groups=james.groups | {"grant-a-look"})})
    assert places(was, now, DAY) == {Place("james", "production", "developer")}
    assert places(was, now, LATER) == set()


@pytest.mark.parametrize(("name", "gives"), [("watchbill-job-developer", True), ("watchbill-oncall-platform", False)])
def test_what_was_given_by_identity_center_is_where_its_account_is(name, gives):
    """The set of a job; one of a rota lets nobody in who is not on watch."""
    was = at_first()
    seen = {**was.users, "sofia": replace(was.users["sofia"], attached=frozenset({READ_ONLY}))}
    (drift,) = find_drift(was, replace(was, users=seen), foreign_of(was, replace(was, users=seen), was), was)
    found = replace(drift, account="identity-center", given=(("sofia", PRODUCTION, name), ("nobody", PRODUCTION, name)))
    wanted = [Place("sofia", "production", "developer")] if gives else []
    assert [place for place, _ in given_by(Moment(DAY, T), [found])] == wanted


def test_a_job_that_is_delivered_by_identity_center_has_no_group_of_iam():
    """Whoever is in a group of that name has nothing by it."""
    was = at_first()
    there = replace(was.users["sofia"], groups=was.users["sofia"].groups | {"job-developers"})
    drift = list(
        find_drift(was, now := replace(was, users={**was.users, "sofia": there}), foreign_of(was, now, was), was)
    )
    assert {each.kind for each in drift} == {DriftKind.JOINED}
    group = T.groups["developers"]
    by_center = replace(group, access=tuple(replace(each, by=By.CENTER) for each in group.access))
    of = replace(T, groups={**T.groups, "developers": by_center})
    assert [place for place, _ in given_by(Moment(DAY, T), drift)] == [Place("sofia", "production", "read-only")]
    assert list(given_by(Moment(DAY, of), drift)) == []
