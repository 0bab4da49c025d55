"""What the page says of how well the rules see, on data that nobody of this project wrote."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("measure_pack", ROOT / "tools" / "measure_pack.py")
assert spec is not None
assert spec.loader is not None
pack = importlib.util.module_from_spec(spec)
sys.modules["measure_pack"] = pack
spec.loader.exec_module(pack)

LOADED, RULES = pack.load_pack()
PAGE = " ".join((ROOT / "docs" / "rule-pack.md").read_text("utf-8").split())


@pytest.fixture(scope="module")
def events(data_dir):
    """Read the labelled events."""
    return pack.read_labelled(data_dir / "panther" / "cloudtrail_rule_tests.jsonl")


def test_every_behaviour_reaches_the_goal(events):
    """Nine in ten hits are right, and nine in ten events are hit, of every behaviour that is claimed."""
    assert len(events) == 305
    assert sum(not each.of_cloudtrail for each in events) == 57
    figures = pack.measure(events, RULES)
    assert len(figures) == 59
    poor = [each for each in figures if min(each.precision or 0, each.recall or 0) < 0.9]
    assert poor == []
    whole = pack.total(figures)
    assert (whole.right, whole.wrong, whole.missed) == (103, 0, 0)


def test_labels_of_the_same_call_both_ways_are_told_apart(events):
    """The figures would be worth nothing if all labels were alike."""
    claimed = {each for theirs, _ in pack.CLAIMED.values() for each in theirs}
    unwanted = [each for each in events if each.rule in claimed and each.of_cloudtrail and not each.expected]
    assert len(unwanted) > 100


def test_nothing_of_the_data_is_left_out_in_silence(events):
    """Each of Panther's rules is claimed, or it is said why not."""
    assert pack.unclassified(events) == []
    assert set(pack.NOT_CLAIMED).isdisjoint(each for theirs, _ in pack.CLAIMED.values() for each in theirs)


def test_a_third_was_held_out(events):
    """The page names the figure of the first look at them, so the choice must not move."""
    assert sum(each.held_out for each in events) == 105


def test_a_rule_that_hits_all_is_found_out(events):
    """The measure itself can fail: refusals in general are no root sign-in."""
    everything = dict.fromkeys(RULES, RULES["denied-call"])
    assert pack.total(pack.measure(events, everything)).recall < 0.2


def test_every_technique_of_stratus_is_hit(data_dir):
    """By a rule about what was done; the tool's name would be no evidence."""
    found = dict(pack.techniques(data_dir / "cloudtrail" / "stratus", LOADED))
    assert len(found) == 35
    assert [name for name, hit in found.items() if not hit] == []
    assert "logging-trail-stopped" in found["aws.defense-evasion.cloudtrail-stop"]
    assert "secrets-many-read" in found["aws.credential-access.secretsmanager-retrieve-secrets"]


def test_the_page_says_how_much_of_the_catalogue_is_asked_for(data_dir):
    """Figures on a page go stale unless something holds them."""
    calls = json.loads((data_dir / "cloudtrail" / "traildiscover" / "events.json").read_bytes())
    is_known = pack.named_calls()
    known = sum(is_known(call["eventName"]) for call in calls)
    said = re.search(r"of the (\d+) calls of its catalogue, rules ask for (\d+) by name", PAGE)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (len(calls), known)


def test_the_page_has_the_figures_of_today(events):
    """`python tools/measure_pack.py --write docs/rule-pack.md` writes them."""
    table = " ".join(pack.table_of_behaviours(events, RULES).split())
    assert table.strip() in PAGE
    alone = sum(each.right + each.missed == 1 for each in pack.measure(events, RULES))
    assert f"Of {alone} of the 59 behaviours" in PAGE
