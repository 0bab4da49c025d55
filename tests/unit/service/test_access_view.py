"""Who has access at any time, by the file of the time; and who can do something, as `who-can` says it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import MONDAY, permission_set, person, team, with_rota
from tests.unit.access.drawn import ACTIONS, RESOURCES, instants, teams
from tests.unit.access.test_matrix import drawn
from tests.unit.service.world import World

from watchbill.access.compile import compile_account
from watchbill.access.explain import explain_ways
from watchbill.access.matrix import By, Moment, Place, Standing
from watchbill.access.ways import Ways
from watchbill.access.who import who_can
from watchbill.errors import NotFoundError
from watchbill.intervals import Interval, iso
from watchbill.policy.model import Request
from watchbill.service.access_view import (
    COLUMNS,
    ROWS,
    Filters,
    Then,
    cell_view,
    cells_of,
    compared,
    explained,
    matrix,
    place_of,
    search,
    then,
)
from watchbill.service.rights import explain_view, holder_view
from watchbill.store.database import open_store
from watchbill.team.model import Account


T = team()
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


def at_once(of, at, freezes=()):
    """Give an instant of a team."""
    return Then(Moment(at, of, freezes), "the team file", ())


@settings(max_examples=25)
@given(teams(), instants(), st.sampled_from((*ACTIONS, "sts:AssumeRole")), st.sampled_from((*RESOURCES, "*")))
def test_search_finds_whom_who_can_finds(of, at, action, resource):
    """All of them, with the same words, though only those who may come out are asked about."""
    asked = Request(action, resource, {}, some="*" in resource)
    wanted = []
    for account in of.accounts.values():
        state = compile_account(of, account, at).state
        for holder in who_can(Ways(state), asked, Interval(at, at + MOMENT)):
            wanted += [holder_view(holder.user, account.name, holder, part) for part in holder.parts]
    assert search(at_once(of, at), Filters(), action, resource).holders == wanted


@settings(max_examples=10)
@given(drawn(), instants(), st.sampled_from(("s3:GetObject", "sts:AssumeRole")), st.sampled_from((None, "ceiling")))
def test_search_finds_them_past_overrides_freezes_and_ceilings(given_, at, action, ceiling):
    """In each account by itself."""
    of, freezes = replace(given_[0], ceiling=ceiling), given_[1]
    asked = Request(action, "*", {}, some=True)
    for account in of.accounts.values():
        state = compile_account(of, account, at, freezes).state
        found = who_can(Ways(state), asked, Interval(at, at + MOMENT))
        wanted = [holder_view(each.user, account.name, each, part) for each in found for part in each.parts]
        assert search(at_once(of, at, freezes), Filters(account=account.name), action, "*").holders == wanted


@settings(max_examples=10)
@given(drawn(), instants(), st.sampled_from(("s3:GetObject", "rds:RebootDBInstance")))
def test_explanations_are_those_of_explain(given_, at, action):
    """In an account of several, whatever there is in the others."""
    of, freezes = given_
    asked = Request(action, "*", {}, some=True)
    for account in of.accounts.values():
        state = compile_account(of, account, at, freezes).state
        for name in of.people:
            wanted = [explain_view(each) for each in explain_ways(of, name, state, name, asked, at)]
            assert explained(at_once(of, at, freezes), name, account.name, asked) == wanted


@pytest.fixture
def world(tmp_path):
    """Give a world on Monday noon, of which no revision is recorded."""
    with open_store(tmp_path) as store:
        made = World(store, recorded=False)
        made.team = replace(T, digest="d2", text="now")
        made.clock.set(MONDAY + 12 * HOUR)
        yield made


def test_what_was_is_said_by_the_file_of_the_time(world):
    """Before it is recorded the given file is taken, which is said; one that can be read no more is unknown."""
    work = world.as_("sofia")
    found = then(work, MONDAY)
    assert found.by == "the team file as it is now"
    assert found.assumed == (
        "no revision of the team file is recorded: the given file is taken to have been in force all the time",
    )
    work.store.revisions.add("d1" * 32, MONDAY + HOUR, "team: [", "sofia")
    with pytest.raises(NotFoundError, match="can be read no more"):
        then(work, MONDAY + 2 * HOUR)
    assert "before 2026-01-12T01:00:00Z" in then(work, MONDAY).assumed[0]


def test_what_will_be_is_said_by_the_file_as_it_is(world):
    """And whether it was applied."""
    work = world.as_("sofia")
    soon = work.at + HOUR
    assert then(work, soon).by == "the team file as it is now, and its schedule"
    assert then(work, soon).assumed == ()
    work.store.revisions.add("d1", MONDAY, "another", "sofia")
    assert then(work, soon).assumed == ("the team file as it is now is not applied yet",)
    work.store.revisions.add("d2", MONDAY + HOUR, "now", "sofia")
    assert then(work, soon).assumed == ()
    assert then(work, work.at).by == "revision d2 of the team file, applied at 2026-01-12T01:00:00Z"


def test_people_are_paged_and_so_are_sets():
    """Every cell is on one page; whoever has nothing of what is asked for is left out."""
    people = {f"p{n:03}": person(f"p{n:03}") for n in range(ROWS + 3)}
    accounts = {f"a{n}": Account(f"a{n}", f"{n:012}", "", None, T.people["ada"].where) for n in range(COLUMNS + 5)}
    access = replace(T.groups["developers"].access[0], accounts=tuple(accounts))
    every = replace(T.groups["developers"], name="all", members=tuple(people), access=(access,))
    few = replace(every, name="few", members=("p001",), access=(replace(access, permission_set="support"),))
    of = replace(T, people=people, accounts=accounts, groups={"all": every, "few": few}, rotas={}, leads=())
    found = at_once(of, MONDAY)
    seen = []
    for page in (1, 2):
        for across in (1, 2, 3):
            shown = matrix(found, Filters(), page, across)
            assert shown.people == len(people)
            assert len(shown.rows) <= ROWS
            assert len(shown.columns) <= COLUMNS
            assert sum(count for _, count in shown.accounts) == len(shown.columns)
            for row in shown.rows:
                pairs = zip(shown.columns, row.cells, strict=True)
                seen += [Place(row.person.name, *column) for column, cell in pairs if cell is not None]
    assert sorted(seen) == list(cells_of(found, Filters()))
    assert len(set(seen)) == len(seen)
    support = matrix(found, Filters(permission_set="support", account="a3"))
    assert [row.person.name for row in support.rows] == ["p001"]
    assert support.columns == (("a3", "support"),)


def test_filters_are_names_or_parts_of_them():
    """A name to the letter means that one alone; one's own row is all that somebody may see who may see no more."""
    found = at_once(T, MONDAY + 12 * HOUR)

    def people(**filters):
        return [row.person.name for row in matrix(found, Filters(**filters)).rows]

    assert people(person="ad") == ["ada"]
    assert people(person="Ri") == ["priya", "rick"]
    assert people(group="support") == ["lee", "priya"]
    assert people(group="nobody") == []
    assert people(own="rick") == ["rick"]
    assert people(own="rick", person="ada") == []
    assert people(account="nowhere") == []
    sets = matrix(found, Filters(own="rick", permission_set="prod"))
    assert sets.columns == (("production", "prod-oncall"),)
    assert sets.after is not None
    assert sets.after.at == MONDAY + 18 * HOUR


def test_cells_are_told_to_programs():
    """With the reason, its end and its line."""
    found = cells_of(at_once(T, MONDAY + 12 * HOUR), Filters(own="rick", permission_set="prod-oncall"))
    ((place, cell),) = found.items()
    view = cell_view(cell, None)
    assert (place.person, place.account, view.standing, view.by) == ("rick", "production", "held", ["on call"])
    assert (view.until, view.where) == ([iso(MONDAY + 18 * HOUR)], ["watchbill.yaml:1:1"])


def test_two_times_are_compared_by_person():
    """Who hands over to whom; of two files, people whom only one of them has as well."""
    noon, evening = at_once(T, MONDAY + 12 * HOUR), at_once(T, MONDAY + 19 * HOUR)
    found = {each.place.person: each for each in compared(noon, evening, Filters())}
    assert sorted(found) == ["james", "rick"]
    assert found["rick"].before is not None
    assert found["rick"].before.reasons[0].by is By.ON_CALL
    assert found["rick"].after is not None
    assert found["rick"].after.standing is Standing.OFF_WATCH
    assert [each.place.person for each in compared(noon, evening, Filters(own="james"))] == ["james"]
    gone = replace(T.groups["security"], members=())
    without = replace(
        T, people={n: p for n, p in T.people.items() if n != "sofia"}, groups={**T.groups, "security": gone}
    )
    lost = compared(noon, at_once(without, MONDAY + 12 * HOUR), Filters())
    assert {(each.place.person, each.after) for each in lost} == {("sofia", None)}


def test_what_the_team_does_not_have_is_said():
    """A person, an account or a set that the file of the time does not know."""
    found = at_once(T, MONDAY)
    assert place_of(found, "rick", "staging", "developer") == Place("rick", "staging", "developer")
    for names in (("eve", "staging", "developer"), ("rick", "nowhere", "developer"), ("rick", "staging", "nothing")):
        with pytest.raises(NotFoundError, match="in the team file"):
            place_of(found, *names)


def test_an_arn_is_asked_about_where_it_is():
    """In the account that it names; else in all while the team is small, and else in one."""
    found = at_once(T, MONDAY)
    arn = "arn:aws:rds:eu-west-1:222222222222:db:orders"
    assert search(found, Filters(), "rds:ModifyDBInstance", arn).accounts == ["staging"]
    assert search(found, Filters(), "rds:ModifyDBInstance", "*").accounts == ["production", "staging"]
    one = search(found, Filters(account="staging"), "lambda:InvokeFunction", "*")
    assert (one.accounts, one.others) == (["staging"], ["production"])
    assert {each.person for each in one.holders} == {"ada", "james", "rick"}
    many = replace(T, people={**T.people, **{f"p{n}": person(f"p{n}") for n in range(1_000)}})
    assert search(at_once(many, MONDAY), Filters(), "s3:GetObject", "*").accounts == ["production"]
    own = search(found, Filters(own="rick"), "lambda:InvokeFunction", "*")
    assert {each.person for each in own.holders} == {"rick"}


def test_whom_a_gate_lets_take_a_role_comes_out():
    """Gates are watchbill's own, and in no set."""
    found = search(at_once(T, MONDAY + 12 * HOUR), Filters(account="production"), "sts:AssumeRole", "*")
    state = compile_account(T, T.accounts["production"], MONDAY + 12 * HOUR).state
    asked = Request("sts:AssumeRole", "*", {}, some=True)
    wanted = who_can(Ways(state), asked, Interval(MONDAY + 12 * HOUR, MONDAY + 12 * HOUR + MOMENT))
    assert {(each.user, each.way) for each in found.holders} == {(each.user, each.way) for each in wanted}
    assert {each.user for each in found.holders} >= {"rick", "ada"}


def test_a_role_that_nobody_is_on_watch_for_within_a_day_is_there_to_be_taken():
    """Its gate is written all the same, and stays a part of the answer."""
    watch = T.rotas["platform"]
    later = replace(watch, layers=tuple(replace(each, since=MONDAY + 72 * HOUR) for each in watch.layers))
    of, asked = with_rota(T, later), Request("sts:AssumeRole", "*", {}, some=True)
    state = compile_account(of, of.accounts["production"], MONDAY).state
    wanted = {each.user for each in who_can(Ways(state), asked, Interval(MONDAY, MONDAY + MOMENT))}
    found = search(at_once(of, MONDAY), Filters(account="production"), "sts:AssumeRole", "*")
    assert {each.user for each in found.holders} == wanted
    assert "rick" in wanted


def test_what_another_set_denies_is_denied():
    """Support denies what a set of developers gives: whoever has both does not come out."""
    groups = {**T.groups, "support": replace(T.groups["support"], members=("rick", "priya"))}
    both = replace(T, groups={**groups, "developers": replace(T.groups["developers"], members=("rick", "ada"))})
    sets = {**both.permission_sets, "read-only": permission_set("read-only", allow=("ec2:TerminateInstances",))}
    found = search(at_once(replace(both, permission_sets=sets), MONDAY), Filters(), "ec2:TerminateInstances", "*")
    users = [each.person for each in found.holders if each.account == "production" and each.way.startswith("user")]
    assert users == ["ada"]
