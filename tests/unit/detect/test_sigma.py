"""Sigma's semantics, one line of the specification at a time."""

import pytest

from watchbill.detect.sigma import load


RULE = """\
title: T
logsource: {{product: aws, service: cloudtrail}}
detection:
{detection}
  condition: {condition}
"""


def rule(detection, condition="s"):
    """Load one rule and give it with its problems."""
    text = RULE.format(detection="\n".join("  " + line for line in detection.splitlines()), condition=condition)
    return load(text, "t.yml")


@pytest.mark.parametrize(
    ("detection", "record", "expected"),
    [
        ("s: {eventName: StopLogging}", {"eventName": "stoplogging"}, True),
        ("s: {eventName|cased: StopLogging}", {"eventName": "stoplogging"}, False),
        ("s: {eventName: 'Stop*'}", {"eventName": "StopLogging"}, True),
        ("s: {eventName: 'Stop?ogging'}", {"eventName": "StopLogging"}, True),
        ("s: {eventName: 'Stop'}", {"eventName": "StopLogging"}, False),
        ("s: {eventName|startswith: stop}", {"eventName": "StopLogging"}, True),
        ("s: {eventName|endswith: GING}", {"eventName": "StopLogging"}, True),
        ("s: {eventName|contains: 'plog'}", {"eventName": "StopLogging"}, True),
        ("s: {eventName|contains|all: [stop, log]}", {"eventName": "StopLogging"}, True),
        ("s: {eventName|contains|all: [stop, x]}", {"eventName": "StopLogging"}, False),
        ("s: {eventName|re: '^Stop.*g$'}", {"eventName": "StopLogging"}, True),
        ("s: {eventName|re: '^stop'}", {"eventName": "StopLogging"}, False),
        ("s: {eventName|re|i: '^stop'}", {"eventName": "StopLogging"}, True),
        ("s: {eventName: [A, B]}", {"eventName": "B"}, True),
        ("s: {errorCode: null}", {"eventName": "B"}, True),
        ("s: {errorCode: null}", {"errorCode": None}, True),
        ("s: {errorCode: null}", {"errorCode": "x"}, False),
        ("s: {errorCode|exists: true}", {"errorCode": "x"}, True),
        ("s: {errorCode|exists: false}", {}, True),
        ("s: {userIdentity.type: Root}", {"userIdentity": {"type": "Root"}}, True),
        ("s: {a.b.c: 'x'}", {"a": [{"b": {"c": "y"}}, {"b": [{"c": "X"}]}]}, True),
        ("s: {a.b: 'x'}", {"a": "x"}, False),
        ("s: {port: 22}", {"port": "22"}, True),
        ("s: {port: 22}", {"port": 22}, True),
        ("s: {port: '22'}", {"port": 22}, True),
        ("s: {port|gte: 22}", {"port": 21}, False),
        ("s: {readOnly: true}", {"readOnly": True}, True),
        ("s: {readOnly: 'true'}", {"readOnly": True}, True),
        ("s: {ip|cidr: 10.0.0.0/8}", {"ip": "10.1.2.3"}, True),
        ("s: {ip|cidr: 10.0.0.0/8}", {"ip": "iam.amazonaws.com"}, False),
        ("s: {a|fieldref: b}", {"a": "x", "b": "X"}, True),
        ("s: {a|fieldref: b}", {"a": "x", "b": "y"}, False),
        ("s: ['*mimikatz*']", {"x": {"y": ["run Mimikatz now"]}}, True),
        (r"s: {path: 'a\*b'}", {"path": "a*b"}, True),
        (r"s: {path: 'a\*b'}", {"path": "axb"}, False),
        ("s: [{a: x}, {b: y}]", {"b": "y"}, True),
        ("s: {a: x, b: y}", {"b": "y"}, False),
    ],
)
def test_a_rule_matches_as_sigma_says(detection, record, expected):
    """Each modifier and each kind of value, on a record that decides it."""
    loaded = rule(detection)
    assert not loaded.problems
    assert loaded.rules[0].matches(record) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a and b", False),
        ("a or b", True),
        ("a and not b", True),
        ("1 of them", True),
        ("all of them", False),
        ("not 1 of b*", True),
    ],
)
def test_conditions_combine(condition, expected):
    """`a` holds and `b` does not."""
    loaded = rule("a: {x: 1}\nb: {x: 2}", condition)
    assert loaded.rules[0].matches({"x": 1}) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "- 1",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a: b}}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: nothing}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a|nonsense: b}, condition: s}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a|re: '('}, condition: s}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a|expand: '%x%'}, condition: s}",
        "title: T\ncorrelation: {type: event_count, rules: [x], group-by: [a], timespan: 10m, condition: {gte: 5}}",
        "title: [",
        "\x00",
    ],
)
def test_what_cannot_run_says_so(text):
    """A file that gives no rule gives a problem that names it."""
    loaded = load(text, "t.yml")
    assert not loaded.rules
    assert loaded.problems
    assert all(problem.file == "t.yml" for problem in loaded.problems)


def test_the_index_keeps_rules_that_may_match_any_name():
    """Only what demands a plain event name is indexed by it."""
    assert rule("s: {eventName: [A, B], x: 1}").rules[0].names == {"a", "b"}
    assert rule("s: {eventName: 'A*'}").rules[0].names is None
    assert rule("a: {eventName: A}\nb: {x: 1}", "a or b").rules[0].names is None
    assert rule("a: {eventName: A}\nb: {x: 1}", "not a").rules[0].names is None
