"""The chain of a cell: each link and its line, and what would change it, right to the second."""

from dataclasses import replace
from datetime import timedelta
from importlib import resources

from hypothesis import given, settings
from tests.teams import HERE, MONDAY, grant, rota, team, with_rota
from tests.unit.access.drawn import PEOPLE, instants
from tests.unit.access.test_matrix import drawn

from watchbill.access.chain import chain_of
from watchbill.access.matrix import Moment, Place, Standing, cells_at
from watchbill.access.model import Freeze
from watchbill.intervals import Interval
from watchbill.team.files import parse
from watchbill.team.model import Kind, Override


T = team()
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
TEXT = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
SAMPLE = parse(TEXT, "watchbill.yaml")


def line(where):
    """Give the text of the sample file at a place."""
    return TEXT.splitlines()[where.line - 1][where.col - 1 :]


def said(found):
    """Give what would change it, in words and times."""
    return [(each.says, each.at, each.until) for each in found.would_change]


def test_a_job_is_traced_to_its_lines():
    """The person, the group, what it gives, the set and its statements; and what would end it."""
    found = chain_of(Moment(MONDAY, SAMPLE), Place("rick", "staging", "developer"))
    assert line(found.person.where).startswith("rick: {name: Rick Olsen")
    ((member, gives),) = found.ways
    assert (member.says, gives.says) == ("member of group developers", "group developers gives developer in staging")
    assert member.where is not None
    assert TEXT.splitlines()[member.where.line - 1].strip().startswith(("developers:", "members: [james, rick"))
    assert line(gives.where).startswith("{permission_set: developer") or line(gives.where).startswith("developer")
    assert found.permission_set.says == "developer: Build and try things in staging; in IAM set-developer"
    (stated,) = found.statements
    assert stated.policy == "set-developer"
    assert stated.words.startswith("Allow ec2:*, rds:*, ecs:*")
    assert said(found) == [("rick leaves group developers, or the group gives it no more", None, None)]


def test_a_watch_is_traced_through_its_layer_and_role():
    """From when to when; a swap would change it, and its end does."""
    found = chain_of(Moment(MONDAY + 12 * HOUR, SAMPLE), Place("rick", "production", "prod-oncall"))
    ((watch, gives),) = found.ways
    assert watch.says == "on watch as primary, by layer emea-day"
    assert watch.span == (MONDAY + 11 * HOUR, MONDAY + 18 * HOUR)
    assert gives.says == "rota platform gives prod-oncall to its primary in production, by the role oncall-platform"
    assert said(found)[0] == ("the watch of rota platform ends", MONDAY + 18 * HOUR, None)
    assert "a swap" in said(found)[1][0]


def test_an_override_says_who_made_it_and_why():
    """And whoever is relieved is told whom to swap with."""
    swap = Override("sw-41", Kind.PRIMARY, Interval(MONDAY, MONDAY + 12 * HOUR), "james", None, "ill", "sofia", HERE)
    moment = Moment(MONDAY + HOUR, with_rota(T, rota(overrides=(swap,))))
    found = chain_of(moment, Place("james", "production", "prod-oncall"))
    assert found.ways[0][0].says == "on watch as primary, by override sw-41 by sofia: ill"
    off = chain_of(moment, Place("priya", "production", "prod-oncall"))
    assert ("a swap with who is on watch for rota platform: james", None, None) in said(off)
    ((says, start, _),) = [each for each in said(off) if each[0].startswith("the next watch")]
    assert says == "the next watch of rota platform"
    assert said(off)[-1][0] == "a grant, or a request that a lead approves: watchbill request prod-oncall"
    assert cells_at(replace(moment, at=start))[off.place].standing is Standing.HELD


def test_a_group_in_a_group_is_traced_whole():
    """Each group that includes the next one has its link."""
    groups = dict(T.groups)
    groups["leads"] = replace(groups["security"], name="leads", access=(), includes=(), members=("priya",))
    groups["all"] = replace(groups["leads"], name="all", members=(), includes=("leads",))
    groups["developers"] = replace(groups["developers"], includes=("all",))
    found = chain_of(Moment(MONDAY, replace(T, groups=groups)), Place("priya", "staging", "developer"))
    assert [each.says for each in found.ways[0]] == [
        "member of group leads",
        "group all includes group leads",
        "group developers includes group all",
        "group developers gives developer in staging",
    ]


def test_a_freeze_and_a_grant_end_by_themselves():
    """The freeze stands above the rest; a grant that is to come is told with its time."""
    of = replace(T, grants=(grant("g1", "sofia", (3, 5), "prod-oncall"),))
    freeze = Freeze("f1", "rick", MONDAY, MONDAY + HOUR, "C-1")
    found = chain_of(Moment(MONDAY, of, (freeze,)), Place("rick", "staging", "developer"))
    assert found.freeze is not None
    assert found.freeze.span == (MONDAY, MONDAY + HOUR)
    assert said(found)[0] == ("the freeze ends", MONDAY + HOUR, None)
    coming = chain_of(Moment(MONDAY, of), Place("sofia", "production", "prod-oncall"))
    assert said(coming)[0] == ("grant g1 begins", MONDAY + 3 * HOUR, MONDAY + 5 * HOUR)
    held = chain_of(Moment(MONDAY + 4 * HOUR, of), Place("sofia", "production", "prod-oncall"))
    assert said(held) == [("grant g1 ends", MONDAY + 5 * HOUR, None)]


def test_a_plain_no_says_what_else_gives_it():
    """The groups and rotas that do, or that nothing does."""
    found = chain_of(Moment(MONDAY, T), Place("sofia", "staging", "developer"))
    assert found.cell is None
    assert [each.says for each in found.would_change] == [
        "not in group developers, which gives it",
        "a grant, or a request that a lead approves: watchbill request developer",
    ]
    nothing = chain_of(Moment(MONDAY, T), Place("sofia", "staging", "support"))
    assert nothing.would_change[0].says == "nothing gives support in staging: a group, a rota or a grant would"


@settings(max_examples=15)
@given(drawn(), instants())
def test_every_cell_has_its_chain(given_, at):
    """A way for each reason; and what is said to come does come, not before."""
    of, freezes = given_
    moment = Moment(at, of, freezes)
    for person in PEOPLE:
        for account in of.accounts:
            for permission_set in of.permission_sets:
                place = Place(person, account, permission_set)
                found = chain_of(moment, place)
                assert found.cell == cells_at(moment).get(place)
                assert len(found.ways) == (len(found.cell.reasons) if found.cell else 0)
                assert found.would_change
                for change in found.would_change:
                    if change.says.startswith("the next watch") and change.at is not None:
                        then, before = (
                            cells_at(Moment(when, of)).get(place) for when in (change.at, change.at - MOMENT)
                        )
                        assert then is not None
                        assert "platform" in {reason.name for reason in then.reasons}
                        assert before is None or "platform" not in {reason.name for reason in before.reasons}
