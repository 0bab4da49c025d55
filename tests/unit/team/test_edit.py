"""An override put into the text of a team file: the file then says it, and nothing else in it has changed."""

from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.errors import RefusedError
from watchbill.intervals import Interval, parse_instant
from watchbill.team.edit import with_override, with_values
from watchbill.team.files import parse


SAMPLE = resources.files("watchbill.demo").joinpath("watchbill.yaml").read_text("utf-8")
OVERRIDE: dict[str, Any] = {
    "name": "swap-1",
    "from": "2026-01-13T09:00:00Z",
    "to": "2026-01-14T09:00:00Z",
    "swap": ["james", "rick"],
    "reason": "wedding",
    "by": "ada",
}
LISTED = '      - {name: a, add: ada, from: 2026-01-12T09:00:00Z, to: 2026-01-13T09:00:00Z, reason: "why", by: ada}'
FORMS = {
    "none": SAMPLE,
    "none, and no line feed at the end": SAMPLE.rstrip("\n"),
    "none, and comments after": SAMPLE + "\n# the end\n\n",
    "an empty list": SAMPLE.replace("    layers:\n", "    overrides: []  # none yet\n    layers:\n"),
    "a list in one line": SAMPLE.replace("    layers:\n", f"    overrides: [{LISTED.strip(' -')}]\n    layers:\n"),
    "a block": SAMPLE.replace("    layers:\n", f"    overrides:\n{LISTED}\n    # a comment\n\n    layers:\n"),
    "a block without indentation": SAMPLE.replace("    layers:\n", f"    overrides:\n{LISTED[2:]}\n    layers:\n"),
    "a block over lines": SAMPLE.replace(
        "    layers:\n",
        "    overrides:\n    - name: a\n      add: ada\n      from: 2026-01-12T09:00:00Z\n      to: 2026-01-13T09:00:00Z\n"
        "      by: ada\n      reason: >\n        why\n\n    layers:\n",
    ),
    "another rota after it": SAMPLE + "  other: {accounts: [staging], entitlement: {}, required: []}\n",
    "other line ends": SAMPLE.replace("\n", "\r\n"),
}


def without_override(team):
    """Give a team as it was before the last override of the rota, as far as text and places go."""
    rota = team.rotas["platform"]
    return replace(team, rotas={**team.rotas, "platform": replace(rota, overrides=rota.overrides[:-1])}, text="", digest="")  # fmt: skip


def same(one, other):
    """Compare what two teams say, wherever in the file it stands."""
    lines = repr(one).split("Location("), repr(other).split("Location(")
    return [each.partition(")")[2] for each in lines[0]] == [each.partition(")")[2] for each in lines[1]]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_file_says_one_override_more(text):
    """At the end of the rota's list, whatever form that has; a second one goes after it."""
    before = parse(text, "t.yaml")
    after = parse(with_override(text, "platform", OVERRIDE), "t.yaml")
    found = after.rotas["platform"].overrides[-1]
    span = Interval(parse_instant(OVERRIDE["from"]), parse_instant(OVERRIDE["to"]))
    assert (found.name, found.swap, found.interval, found.reason) == ("swap-1", ("james", "rick"), span, "wedding")
    assert same(without_override(after), replace(before, text="", digest=""))
    twice = with_override(after.text, "platform", {**OVERRIDE, "name": "swap-2"})
    names = [each.name for each in parse(twice, "t.yaml").rotas["platform"].overrides]
    assert names[-2:] == ["swap-1", "swap-2"]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_other_line_stays_as_it_is(text):
    """Comments, order and quotes are the team's own."""
    after = with_override(text, "platform", OVERRIDE)
    kept = after.splitlines()
    for line in text.splitlines():
        if line not in kept:
            assert "overrides: [" in line
        else:
            kept.remove(line)
    assert len(kept) <= 2
    assert ("\r\n" in after) is ("\r\n" in text)
    assert after.count("\r\n") in (0, after.count("\n"))


@given(st.text(max_size=60).filter(lambda text: text.strip()))
def test_any_reason_is_kept_to_the_letter(reason):
    """Whatever somebody types, it is a text in the file and nothing else."""
    try:
        reason.encode()
    except UnicodeEncodeError:
        return
    after = parse(with_override(SAMPLE, "platform", {**OVERRIDE, "reason": reason}), "t.yaml")
    assert [each.reason for each in after.rotas["platform"].overrides] == [reason]


def test_a_rota_that_is_written_elsewhere_is_left_alone():
    """What an anchor names may stand in several places."""
    text = SAMPLE.replace("  platform:\n", "  platform: &p\n") + "  other: *p\n"
    parse(text, "t.yaml")
    for rota in ("platform", "other", "missing"):
        with pytest.raises(RefusedError):
            with_override(text, rota, OVERRIDE)


VALUES: dict[tuple[str | int, ...], Any] = {
    ("permission_sets", "support", "allow"): ["ec2:DescribeInstances"],
    ("permission_sets", "prod-oncall", "allow"): [f"ec2:Describe{n}" for n in range(40)],
}


def test_values_are_put_in_their_places_and_nothing_else_changes():
    """Long lists are folded; every other line stays byte for byte."""
    edited = with_values(SAMPLE, VALUES)
    found = parse(edited, "watchbill.yaml").permission_sets
    assert found["support"].allow == ("ec2:DescribeInstances",)
    assert found["prod-oncall"].allow == tuple(f"ec2:Describe{n}" for n in range(40))
    assert max(len(line) for line in edited.splitlines() if line not in SAMPLE) <= 120
    kept = [line for line in SAMPLE.splitlines() if "ssm:*" not in line and 'allow: ["ec2:Describe*"]' not in line]
    assert [line for line in edited.splitlines() if line in kept] == kept


def test_a_block_of_lines_becomes_a_list_in_its_place():
    """What follows it, comments too, stays where it is."""
    before = SAMPLE.replace(
        '    allow: ["ec2:Describe*"]\n', '    allow:\n      - "ec2:Describe*"\n      - "rds:*"\n    # after\n'
    )
    after = with_values(before, {("permission_sets", "support", "allow"): ["rds:DescribeEvents"]})
    assert '    allow:\n      ["rds:DescribeEvents"]\n    # after\n' in after
    assert parse(after, "watchbill.yaml").permission_sets["support"].allow == ("rds:DescribeEvents",)


@pytest.mark.parametrize("way", [("permission_sets", "nobody", "allow"), ("permission_sets", "support", "allow", 3)])
def test_a_place_that_is_not_there_is_refused(way):
    """So is one that is an alias: an edit of it would change others too."""
    with pytest.raises(RefusedError, match="not written out in one place"):
        with_values(SAMPLE, {way: []})
    shared = SAMPLE.replace('allow: ["ec2:Describe*"]', 'allow: &x ["ec2:Describe*"]')
    with pytest.raises(RefusedError, match="not written out in one place"):
        with_values(shared, {("permission_sets", "support", "allow"): []})
