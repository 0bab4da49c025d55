"""The stories of the seed and their variations as data: facts in, the story that must lead out, or that none may."""

import tomllib
from collections import Counter
from itertools import groupby
from pathlib import Path

import pytest

from watchbill.alerts.assess import assess
from watchbill.alerts.stories import Story
from watchbill.alerts.weights import KINDS, facts_of


FOLDER = Path(__file__).parents[2] / "data" / "scenarios"
KEYS = {"name", "kind", "facts", "expect", "why"}
MAY = {"pair", "held_out", "person"}


def read(name):
    """Read the scenarios of one file, each with the file it is of."""
    found = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))["scenario"]
    return [{**each, "file": name} for each in found]


HELD_OUT = read("held_out")
SEEN = [each for name in ("james", "rick", "others") for each in read(name)]
EVERY = [*SEEN, *HELD_OUT]

OTHERWISE = {
    "the same night work was announced": "hijack",
    "James says yes with his key, and all of it is his": "undecided",
    "somebody passed the second factor, and Rick says no": "undecided",
    "was refused, and did it all the same": "undecided",
}
"""What is said of the held-out scenarios that fail, and failed when they were first run; docs/stories.md tells of them."""


def said(each):
    """Give the story that leads, or that it is undecided."""
    return str(assess(each["kind"], each["facts"], each.get("person", "james") or None).leading or "undecided")


def name_of(each):
    """Give what a scenario is called in the list of tests."""
    return each["name"]


@pytest.mark.parametrize("each", SEEN, ids=name_of)
def test_a_scenario_ends_as_a_lead_would_say(each):
    """What a careful person would say on this evidence and no other."""
    assert said(each) == each["expect"], each["why"]


@pytest.mark.parametrize("each", HELD_OUT, ids=name_of)
def test_a_held_out_scenario_ends_as_is_told(each):
    """No weight was set by these: those that fail are named, and fail in the way that is told."""
    assert said(each) == OTHERWISE.get(each["name"], each["expect"]), each["why"]


def test_most_of_what_is_held_out_is_met_and_no_failure_clears_or_accuses():
    """A failure may hold back, or see a hijack where a lead would ask; it calls nothing harmless, and nobody an insider."""
    assert len(HELD_OUT) >= 20
    assert set(OTHERWISE) <= {each["name"] for each in HELD_OUT}
    assert len(OTHERWISE) <= len(HELD_OUT) / 5
    assert set(OTHERWISE.values()) <= {"undecided", "hijack"}
    told = (Path(__file__).parents[3] / "docs" / "stories.md").read_text("utf-8")
    assert all(name in told for name in OTHERWISE)


def test_scenarios_are_written_as_they_should_be():
    """Every fact is one that is weighed, or plainly unknown: a slip of the pen would be a fact that says nothing."""
    assert len(EVERY) >= 60
    assert len({each["name"] for each in EVERY}) == len(EVERY)
    for each in EVERY:
        assert set(each) - MAY - {"file"} == KEYS, each["name"]
        assert each["kind"] in KINDS
        assert each["expect"] in {*map(str, Story), "undecided"} - {"unknown"}
        assert each.get("held_out", False) is (each["file"] == "held_out")
        for family, fact in each["facts"].items():
            assert fact in (*facts_of(family, each["kind"]), "unknown"), (each["name"], family, fact)
    facts = [(each["kind"], tuple(sorted(each["facts"].items()))) for each in EVERY]
    assert [twice for twice, times in Counter(facts).items() if times > 1] == []


def test_pairs_differ_in_one_fact_and_end_differently():
    """The fact is what tips it."""
    paired = sorted((each for each in EVERY if "pair" in each), key=lambda each: each["pair"])
    pairs = [list(of) for _, of in groupby(paired, key=lambda each: each["pair"])]
    assert len(pairs) >= 15
    for one, other in pairs:
        differ = set(one["facts"].items()) ^ set(other["facts"].items())
        assert len({family for family, _ in differ}) == 1, one["pair"]
        assert one["expect"] != other["expect"]


def test_every_story_leads_somewhere_and_so_does_doubt():
    """A story that nothing can make lead would be none, and a table without doubt would be boasting."""
    seen = Counter(each["expect"] for each in EVERY)
    assert set(seen) == {*map(str, Story), "undecided"} - {"unknown"}
    assert min(seen.values()) >= 3
    assert seen["undecided"] >= len(EVERY) / 4


def test_a_freeze_of_failures_alone_is_in_no_scenario():
    """Whoever knows a name could lock its owner out."""
    for each in EVERY:
        if each["facts"].get("outcome") == "failures only" and "action" not in each["facts"]:
            assert each["expect"] not in ("hijack", "insider"), each["name"]
