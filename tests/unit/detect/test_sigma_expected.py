"""The published Sigma rules on real trails: every rule loads, runs, and hits exactly what two other engines found."""

import json
from collections import Counter

import pytest

from watchbill.files.rules_folder import read_rules


def records(folder):
    """Give every record as delivered, duplicates too."""
    for file in sorted(folder.rglob("*")):
        if file.suffix not in (".json", ".cloudtrail") or file.name == "events.json":
            continue
        document = json.loads(file.read_text("utf-8"))
        found = document.get("Records", [document]) if isinstance(document, dict) else document
        yield from (record for record in found if record)


def test_every_published_rule_loads(data_dir):
    """57 rules for CloudTrail and 75 for Linux: none is lost, in silence or otherwise."""
    cloudtrail = read_rules(data_dir / "sigma/sigmahq_cloudtrail")
    linux = read_rules(data_dir / "sigma/sigmahq_linux")
    assert (len(cloudtrail.rules), cloudtrail.problems) == (57, ())
    assert all(rule.for_cloudtrail for rule in cloudtrail.rules)
    assert (len(linux.rules), linux.problems) == (75, ())
    assert not any(rule.for_cloudtrail for rule in linux.rules)


@pytest.mark.parametrize("name", ["invictus", "stratus", "traildiscover"])
def test_hits_are_those_two_other_engines_found(data_dir, name):
    """Counted on records as delivered; and the index by event name loses none of them."""
    expected = json.loads((data_dir / f"sigma/expected/hits57_{name}.json").read_text("utf-8"))
    rules = read_rules(data_dir / "sigma/sigmahq_cloudtrail").rules
    hits: Counter[str] = Counter()
    for record in records(data_dir / "cloudtrail" / name):
        for rule in rules:
            if rule.matches(record):
                hits[rule.title] += 1
                assert rule.names is None or str(record.get("eventName", "")).lower() in rule.names
    assert dict(hits) == expected
