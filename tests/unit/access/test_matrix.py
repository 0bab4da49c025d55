"""The matrix: its cells are what entitlements say and what `can` answers, at every instant, cell by cell."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teams import HERE, MONDAY, grant, group, permission_set, rota, team, with_rota
from tests.unit.access.drawn import MFA, PEOPLE, WEEK, instants, teams
from tests.unit.schedule.drawn import rotas

from watchbill.access.compile import compile_account
from watchbill.access.effective import answers
from watchbill.access.entitlements import is_frozen, standing, watches, windows
from watchbill.access.matrix import (
    AHEAD,
    By,
    Moment,
    Only,
    Place,
    Standing,
    cells_at,
    differences,
    in_account,
    last_turning,
    next_turning,
    turnings,
)
from watchbill.access.model import Freeze
from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.policy.model import Effect
from watchbill.team.model import Account, Kind, Override


T = team()
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
ACTIONS = {"one": "s3:GetObject", "two": "rds:RebootDBInstance"}
"""An action that each of the two sets of a drawn team gives, and the other does not."""


def spans():
    """Draw a span of the week, in whole hours."""
    hours = st.tuples(st.integers(0, 160), st.integers(1, 30))
    return hours.map(lambda h: Interval(MONDAY + h[0] * HOUR, MONDAY + (h[0] + h[1]) * HOUR))


@st.composite
def drawn(draw):
    """Draw a team of two accounts, with a group in a group, overrides and freezes."""
    base = draw(teams())
    sets = {name: permission_set(name, allow=(action,)) for name, action in ACTIONS.items()}
    override = st.builds(
        lambda span, add, remove: Override("o", Kind.PRIMARY, span, add, remove, "why", "cy", Location("t.yaml", 7)),
        spans(),
        st.sampled_from(PEOPLE),
        st.sampled_from((*PEOPLE, None)),
    )
    of = base.rotas["platform"]
    grace = draw(st.sampled_from((timedelta(0), 2 * HOUR)))
    accounts = draw(st.sampled_from((("production",), ("production", "staging"))))
    watch = replace(
        of,
        accounts=accounts,
        overrides=tuple(draw(st.lists(override, max_size=2))),
        grace_before=grace,
        grace_after=grace,
    )
    inner = group("inner", tuple(draw(st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True))), ("two", "staging"))
    staff = replace(base.groups["staff"], includes=("inner",))
    freeze = st.builds(
        lambda who, span, ends: Freeze("f", who, span.start, span.end if ends else None, None),
        st.sampled_from(PEOPLE),
        spans(),
        st.booleans(),
    )
    made = replace(
        base,
        accounts={**base.accounts, "staging": Account("staging", "222222222222", "staging", None, HERE)},
        groups={"staff": staff, "inner": inner},
        permission_sets=sets,
        rotas={"platform": watch},
    )
    return made, tuple(draw(st.lists(freeze, max_size=2)))


def held(cells):
    """Give the places where something is held."""
    return {place for place, cell in cells.items() if cell.standing is Standing.HELD}


def gist(moment):
    """Give what is held, and by what."""
    return {
        place: (cell.standing, {(reason.by, reason.name) for reason in cell.reasons})
        for place, cell in cells_at(moment).items()
        if cell.reasons
    }


@settings(max_examples=100)
@given(drawn(), instants())
def test_cells_are_what_entitlements_say(given_, at):
    """The same places, words and lines; whoever is frozen holds none of them, and it is kept what that takes."""
    of, freezes = given_
    holdings = [*standing(of), *windows(of, Interval(at, at + MOMENT))]
    cells = cells_at(Moment(at, of, freezes))
    said = {(place, reason.why, reason.where) for place, cell in cells.items() for reason in cell.reasons}
    assert said == {(Place(h.person, h.account, h.permission_set), h.why, h.where) for h in holdings}
    free = {Place(h.person, h.account, h.permission_set) for h in holdings if not is_frozen(h.person, freezes, at)}
    assert held(cells) == free
    assert list(cells) == sorted(cells)
    turns = {
        Place(member, account, each.entitlement[layer.kind])
        for each in of.rotas.values()
        for layer in each.layers
        for member in layer.members
        for account in each.accounts
    }
    assert {place for place, cell in cells.items() if cell.rotas} == turns


@settings(max_examples=20)
@given(drawn(), instants())
def test_cells_are_what_can_answers(given_, at):
    """By the evaluator, over the documents of the instant: allowed where a cell says held, and nowhere else."""
    of, freezes = given_
    cells = cells_at(Moment(at, of, freezes))
    for account in of.accounts.values():
        state = compile_account(of, account, at, freezes).state
        for person in PEOPLE:
            for name, action in ACTIONS.items():
                paths = answers(state, person, action, "*", at, {MFA: "true"})
                can = any(path.effect is Effect.ALLOWED for path in paths)
                assert can == (Place(person, account.name, name) in held(cells))


@settings(max_examples=25)
@given(drawn(), instants())
def test_filters_leave_out_and_change_nothing(given_, at):
    """Cells of some people, accounts and sets are those cells of all."""
    of, freezes = given_
    moment = Moment(at, of, freezes)
    only = Only({"ana", "bo"}, {"production"}, {"one"})
    wanted = {
        place: cell
        for place, cell in cells_at(moment).items()
        if place.person in ("ana", "bo") and place[1:] == ("production", "one")
    }
    assert cells_at(moment, only) == wanted


@settings(max_examples=25)
@given(drawn(), st.lists(instants(), min_size=1, max_size=6))
def test_nothing_changes_between_two_changes(given_, instants_):
    """Between the change before an instant and the next one all is the same; the changes stand in one list."""
    of, freezes = given_
    every = [turning.at for turning in turnings(Moment(WEEK.start, of, freezes), WEEK)]
    near = [edge - SECOND for each in of.grants for edge in (each.interval.start, each.interval.end)]
    for at in (*instants_, *(each for each in near if each in WEEK)):
        moment = Moment(at, of, freezes)
        before, after = last_turning(moment), next_turning(moment)
        if before is not None and before.at > WEEK.start:
            assert before.at == max(each for each in every if each < at)
            between = before.at + (at - before.at) / 2
            now = at if at not in every else at - MOMENT
            assert gist(Moment(between, of, freezes)) == gist(Moment(now, of, freezes))
        if after is not None and after.at < WEEK.end:
            assert after.at == min(each for each in every if each > at)
            assert gist(Moment(after.at - MOMENT, of, freezes)) == gist(moment)


def test_a_watch_that_becomes_an_override_changes():
    """It goes on, with the same set, but a cell says otherwise by what."""
    swap = Override("sw-41", Kind.PRIMARY, Interval(MONDAY + 12 * HOUR, MONDAY + 14 * HOUR), "rick", None, "", "", HERE)
    of = with_rota(T, rota(overrides=(swap,)))
    noon = Moment(MONDAY + 11.5 * HOUR, of)
    first = next_turning(noon)
    assert first is not None
    second = next_turning(replace(noon, at=first.at))
    assert second is not None
    assert (first.at, second.at) == (MONDAY + 12 * HOUR, MONDAY + 14 * HOUR)
    place = Place("rick", "production", "prod-oncall")
    said = [cells_at(replace(noon, at=at))[place].reasons[0].by for at in (noon.at, first.at, second.at)]
    assert said == [By.ON_CALL, By.OVERRIDE, By.ON_CALL]


@settings(max_examples=25)
@given(drawn(), instants())
def test_a_watch_is_held_until_it_is_said_to_end(given_, at):
    """Up to the instant before; then no more."""
    of, freezes = given_
    for place, cell in cells_at(Moment(at, of)).items():
        for reason in cell.reasons:
            if reason.until is not None:
                last = cells_at(Moment(reason.until - MOMENT, of, freezes))[place]
                assert (reason.name) in {each.name for each in last.reasons}
                then = cells_at(Moment(reason.until, of, freezes)).get(place)
                assert then is None or reason.name not in {each.name for each in then.reasons}


@settings(max_examples=50)
@given(rotas(), st.integers(-40, 40), st.sampled_from((timedelta(0), 2 * HOUR)))
def test_ends_are_looked_for_two_weeks_ahead(drawn_, hours, grace):
    """Those of each watch are as one look says that reaches so far at once."""
    made, change = drawn_
    given_ = {Kind.PRIMARY: "one", Kind.SECONDARY: "two", Kind.SHADOW: "one"}
    of = replace(made, accounts=("production",), entitlement=given_, grace_before=grace, grace_after=grace)
    at, far = change + hours * HOUR, change + hours * HOUR + AHEAD
    running = [watch for watch in watches(of, Interval(at, far)) if at in watch.interval]
    ends = {(w.person, w.permission_set): w.interval.end if w.interval.end < far else None for w in running}
    cells = cells_at(Moment(at, replace(with_rota(T, of), groups={})))
    held_ = {place: cell for place, cell in cells.items() if cell.reasons}
    assert {(place.person, place.permission_set): cell.reasons[0].until for place, cell in held_.items()} == ends


@settings(max_examples=25)
@given(drawn(), drawn(), instants(), instants(), st.booleans())
def test_differences_are_all_there_are(one, other, first, then, same):
    """Those of two times of one file, found by a short cut, and of two files: as laid side by side."""
    before = Moment(first, *one)
    after = Moment(then, one[0] if same else other[0], other[1])
    old, new = gist(before), gist(after)
    wanted = {place for place in {*old, *new} if old.get(place) != new.get(place)}
    assert [each.place for each in differences(before, after)] == sorted(wanted)
    only = Only({"ana"})
    assert {each.place for each in differences(before, after, only)} == {p for p in wanted if p.person == "ana"}


@settings(max_examples=25)
@given(drawn(), instants())
def test_one_account_is_compiled_to_the_same(given_, at):
    """Nothing that matters there is left out of a team cut to one account."""
    of, freezes = given_
    for account in of.accounts.values():
        cut = compile_account(in_account(of, account.name), account, at, freezes)
        assert cut.state == compile_account(of, account, at, freezes).state


def test_each_kind_of_reason_is_told():
    """A job, a watch, an override, a grant; who has turns but no watch; and who has no part in it."""
    swap = Override("sw-41", Kind.PRIMARY, Interval(MONDAY, MONDAY + 12 * HOUR), "james", None, "ill", "sofia", HERE)
    of = with_rota(replace(T, grants=(grant("g1", "sofia", (0, 5), "prod-oncall"),)), rota(overrides=(swap,)))
    night = cells_at(Moment(MONDAY + HOUR, of))
    day = cells_at(Moment(MONDAY + 14 * HOUR, of))

    def reason(cells, person):
        (found,) = cells[Place(person, "production", "prod-oncall")].reasons
        return found.by, found.until, found.why

    assert reason(night, "james") == (By.OVERRIDE, MONDAY + 12 * HOUR, "rota platform, override sw-41")
    said = "grant g1: migration, approved by sofia"
    assert reason(night, "sofia") == (By.GRANT, MONDAY + 5 * HOUR, said)
    assert reason(day, "rick") == (By.ON_CALL, MONDAY + 18 * HOUR, "rota platform, layer emea-day")
    (job,) = day[Place("rick", "staging", "developer")].reasons
    assert (job.by, job.name, job.until) == (By.JOB, "developers", None)
    off = day[Place("priya", "production", "prod-oncall")]
    assert (off.standing, off.reasons, off.rotas) == (Standing.OFF_WATCH, (), ("platform",))
    assert Place("sofia", "production", "prod-oncall") not in day
    frozen = Moment(MONDAY + 14 * HOUR, of, (Freeze("f1", "rick", MONDAY, None, "C-1"),))
    cell = cells_at(frozen)[Place("rick", "production", "prod-oncall")]
    assert (cell.standing, [each.by for each in cell.reasons]) == (Standing.FROZEN, [By.ON_CALL])
