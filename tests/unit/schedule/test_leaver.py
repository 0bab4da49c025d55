"""The team file without somebody: everything they get goes, and nobody else's turn moves."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.intervals import Interval
from watchbill.schedule.leaver import given_to, without
from watchbill.schedule.oncall import shifts
from watchbill.schedule.rotation import Turns
from watchbill.schedule.wall import reached
from watchbill.team.edit import without_items
from watchbill.team.files import parse
from watchbill.team.model import Roster, Rotation, Turn


NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
FILE = """\
# The team.
team: orders
accounts: {production: {number: "111111111111", environment: production}}
people:
  ada: {name: Ada, email: ada@example.com}
  james: {name: James, email: james@example.com}
  rick: {name: Rick, email: rick@example.com}
  sofia: {name: Sofia, email: sofia@example.com}
groups:
  developers:
    members: [james, rick]  # who builds
    access: [{permission_set: ops, accounts: [production]}]
permission_sets:
  ops: {allow: ["ec2:*"]}
rotas:
  platform:
    accounts: [production]
    entitlement: {primary: ops}
    layers:
      - name: week
        time_zone: Europe/London
        members: [ada, james, rick]
        turn: 1w
        handoff: {day: mon, time: "09:00"}
        anchor: {date: 2026-01-05, member: ada}
        rosters:
          - {from: 2026-03-02, members: [james, ada, rick], first: james}
      - name: everyone
        kind: secondary
        time_zone: Europe/London
        members: [james, rick]
        recurs: {start: 2026-01-10T09:00, length: 12h, rule: "FREQ=WEEKLY;BYDAY=SA", each: everyone}
    overrides:
      # a wedding
      - {name: cover, from: 2026-02-01T09:00:00Z, to: 2026-02-02T09:00:00Z, add: james, reason: r, by: rick}
      - {name: other, from: 2026-02-03T09:00:00Z, to: 2026-02-04T09:00:00Z, add: rick, reason: r, by: ada}
grants:
  - name: g1
    person: james
    permission_set: ops
    accounts: [production]
    from: 2026-01-14T00:00:00Z
    to: 2026-01-20T00:00:00Z
    reason: r
    approver: ada
  - {name: g2, person: rick, permission_set: ops, accounts: [production], from: 2026-01-14T00:00:00Z,
     to: 2026-01-20T00:00:00Z, reason: r, approver: ada}
leads: [sofia, james]
"""


def of(text=FILE):
    """Read a team file."""
    return parse(text.encode(), "watchbill.yaml")


def test_everything_they_get_goes_and_the_rest_of_the_text_stays():
    """Groups, layers with their coming rosters, overrides, grants and leads; comments of others stay."""
    assert [each.what for each in given_to(of(), "james", NOW)] == [
        "group developers",
        "layer week of rota platform",
        "layer everyone of rota platform",
        "override cover of rota platform",
        "grant g1",
        "their place among leads",
    ]
    proposal = without(of(), "james", NOW)
    assert proposal.by_hand == ()
    after = of(proposal.text)
    assert list(given_to(after, "james", NOW)) == []
    assert "members: [rick]  # who builds" in proposal.text
    assert [override.name for override in after.rotas["platform"].overrides] == ["other"]
    assert [grant.name for grant in after.grants] == ["g2"]
    assert "james" in after.people
    assert after.leads == ("sofia",)


def test_the_turn_that_is_running_stays_and_the_order_goes_on():
    """It is James's week: it goes to Rick, who is next; after that the others in their order, and by the coming roster."""
    span = Interval(NOW, NOW + timedelta(days=70))
    before = [shift.person for shift in shifts(of().rotas["platform"], span) if shift.kind == "primary"]
    assert before[0] == "james"
    after = of(without(of(), "james", NOW).text).rotas["platform"]
    held = [(shift.interval.start.date(), shift.person) for shift in shifts(after, span) if "week" in str(shift.why)]
    assert [who for _, who in held[:4]] == ["rick", "ada", "rick", "ada"]
    assert {who for _, who in held} == {"rick", "ada"}


def test_what_cannot_be_written_is_for_a_person():
    """Nobody else in the layer, turns by a rule, text that is an alias, what they answer for: said, and the rest done."""
    text = FILE.replace("members: [ada, james, rick]", "members: [james]").replace("member: ada}", "member: james}")
    text = text.replace("each: everyone", "each: 1").replace(
        "team: orders", "team: orders\nworkloads: {bot: {owner: james}}"
    )
    proposal = without(of(text), "james", NOW)
    assert [each.partition(":")[0] for each in proposal.by_hand] == [
        "workload bot is theirs to answer for",
        "layer week of rota platform",
        "layer everyone of rota platform",
    ]
    after = of(proposal.text)
    assert {each.what for each in given_to(after, "james", NOW)} == {
        "layer week of rota platform",
        "layer everyone of rota platform",
    }
    assert after.groups["developers"].members == ("rick",)
    aliased = FILE.replace("members: [james, rick]  # who builds", "members: &them [james, rick]")
    assert any("group developers" in each for each in without(of(aliased), "james", NOW).by_hand)


def test_what_is_over_is_not_given():
    """A grant whose end has come gives nothing; one that is to come does."""
    late = NOW + timedelta(days=30)
    assert "grant g1" not in [each.what for each in given_to(of(), "james", late)]
    assert "grant g1" in [each.what for each in given_to(of(), "james", NOW - timedelta(days=30))]


@given(
    members=st.permutations(["ada", "james", "rick", "lee", "zoe"]),
    first=st.integers(0, 4),
    turn=st.sampled_from([Turn(1, "w"), Turn(1, "d"), Turn(2, "d"), Turn(12, "h"), Turn(1, "mo"), Turn(3, "h")]),
    hours=st.integers(-4000, 4000),
    day=st.integers(1, 31),
)
def test_nobody_elses_running_turn_moves(members, first, turn, hours, day):
    """Whatever the turns are, whoever has one keeps it; a leaver's goes to the next; and the order goes on."""
    zone = "America/New_York"
    anchor = date(2026, 1, day)
    before = Rotation(turn, time(9), anchor, (Roster(anchor, tuple(members), members[first]),))
    at = NOW + timedelta(hours=hours)
    found = Turns(before, zone).without("james", reached(at, zone))
    if found is None:
        # A month without the day on which turns begin.
        assert turn.unit == "mo"
        return
    since, place, left = found
    after = Rotation(turn, time(9), since, (Roster(since, left, left[place]),))
    old, new = ([next(Turns(each, zone).within(Interval(at, at + timedelta(days=400))))[1]] for each in (before, after))
    order = [each for each in members if each != "james"]
    expected = old[0] if old[0] != "james" else members[(members.index("james") + 1) % 5]
    assert new[0] == expected
    following = [who for _, who in Turns(after, zone).within(Interval(at, at + timedelta(days=200)))][:5]
    start = order.index(expected)
    assert following == [order[(start + n) % 4] for n in range(len(following))]


@pytest.mark.parametrize("style", ["flow", "block", "last", "all"])
def test_items_go_and_the_rest_stays(style):
    """Lists of either style, the last item, and all of them."""
    block = "a:\n  - {x: 1}\n  - x: 2\n    y: 3\n  # kept with the one before\n  - {x: 4}\nb: 1\n"
    texts = {
        "flow": ("a: [1, {x: 2}, 3]\nb: 1\n", [1], "a: [1, 3]\nb: 1\n"),
        "block": (block, [0, 1], "a:\n  - {x: 4}\nb: 1\n"),
        "last": (block[:-5], [2], "a:\n  - {x: 1}\n  - x: 2\n    y: 3\n  # kept with the one before\n"),
        "all": (block, [0, 1, 2], "a:\n  []\nb: 1\n"),
    }
    text, numbers, expected = texts[style]
    assert without_items(text, ("a",), numbers) == expected
