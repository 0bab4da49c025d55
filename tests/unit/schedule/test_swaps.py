"""What an override brings about: told by the rotas near it, and the same as by all of them."""

from dataclasses import fields, is_dataclass, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.teams import person
from tests.unit.schedule.drawn import CHANGES, HERE, layer, overridden, rota, rotas
from tests.unit.schedule.test_check import WEEK, team_of

from watchbill.errors import Location
from watchbill.intervals import Interval
from watchbill.schedule import swaps
from watchbill.schedule.check import check
from watchbill.team.model import Kind, Override


HOUR = timedelta(hours=1)
OTHERS = {"ana": "dee", "bo": "eve", "cy": "fay"}


def renamed(value, names):
    """Give a value with people of other names in it."""
    if isinstance(value, str):
        return names.get(value, value)
    if is_dataclass(value) and not isinstance(value, (Location, type)):
        return replace(value, **{each.name: renamed(getattr(value, each.name), names) for each in fields(value)})
    if isinstance(value, tuple):
        return tuple(renamed(each, names) for each in value)
    if isinstance(value, dict):
        return {renamed(key, names): renamed(each, names) for key, each in value.items()}
    return value


@st.composite
def overridden_teams(draw):
    """Draw a team of four rotas, some of which share people, and an override of the first."""
    place = draw(st.sampled_from(CHANGES))
    made = []
    for number in range(4):
        found, change = draw(rotas(place))
        others = draw(st.sampled_from([OTHERS, OTHERS, {"cy": "dee"}, {}])) if number else {}
        rest = draw(st.sampled_from([0, 5, 11, 24])) * HOUR
        made.append(replace(renamed(found, others), name=f"rota{number}", rest=rest))
    team = team_of(*made, zones={})
    people = {name: person(name) for name in ("ana", "bo", "cy", *OTHERS.values())}
    return replace(team, people=people), draw(overridden(change, 9))


def brought_about(team, rota, override):
    """Tell it by all rotas, as the oracle."""
    rest, span = max(each.rest for each in team.rotas.values()), override.interval
    wide = Interval(span.start - timedelta(days=1), span.end + rest + timedelta(days=1))

    def key(each):
        return each.code, each.person or each.message, each.interval

    before = {key(each) for each in check(team, wide)}
    found = check(swaps.overridden(team, rota, override), wide)
    wrong = ("gap", "leave-gap", "double-booked", "short-rest", "away")
    return tuple(each for each in found if each.code in wrong and key(each) not in before)


@given(overridden_teams())
@examples(20, 200)
def test_what_an_override_brings_about_is_told_by_the_rotas_near_it(drawn):
    """Those that share nobody with it are as they were."""
    team, override = drawn
    assert swaps.brings_about(team, "rota0", override) == brought_about(team, "rota0", override)


def test_a_gap_is_told_though_another_rota_has_one_at_the_same_time():
    """It is of that rota, and was not there before."""
    nobody = Override("o", Kind.PRIMARY, WEEK, None, None, "wedding", "ana", HERE, instead=())
    team = team_of(rota(layer()), rota(layer(), overrides=[nobody], name="data"))
    found = swaps.brings_about(team, "platform", nobody)
    assert [(each.code, each.interval) for each in found] == [("gap", WEEK)]
