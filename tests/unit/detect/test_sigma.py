"""Sigma's semantics, one line of the specification at a time."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sigma.types import SigmaString

from watchbill.detect.sigma import load
from watchbill.detect.sigma.values import wild


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
        # Numbers and texts
        ("s: {a: 12}", {"a": "012"}, True),
        ("s: {a: 12}", {"a": " 12"}, False),
        ("s: {a: 10}", {"a": "1_0"}, False),
        ("s: {a: 1}", {"a": True}, False),
        ("s: {a: 1.5}", {"a": "1.50"}, True),
        ("s: {a: '12'}", {"a": 12}, True),
        ("s: {a: 12345678901234567890}", {"a": "12345678901234567891"}, False),
        ("s: {a|gte: 3}", {"a": "3"}, True),
        ("s: {a|lt: 3}", {"a": 2.5}, True),
        ("s: {a|lte: 3}", {"a": "x"}, False),
        ("s: {a|neq: x}", {"a": "y"}, True),
        ("s: {a|neq: x}", {"a": "X"}, False),
        ("s: {a|neq: x}", {}, True),
        # Empty, null, missing
        ("s: {a: ''}", {"a": ""}, True),
        ("s: {a: ''}", {}, False),
        ("s: {a: null}", {"a": ""}, False),
        ("s: {a: null}", {"a": []}, True),
        ("s: {a: null}", {"a": [None]}, True),
        ("s: {a|exists: true}", {"a": ""}, True),
        ("s: {a|exists: true}", {"a": None}, False),
        ("s: {a|exists: false}", {"b": 1}, True),
        ("s: {a: '*'}", {"a": ""}, True),
        ("s: {a: '*'}", {}, False),
        # Lists and paths
        ("s: {a: [x, y]}", {"a": ["z", "Y"]}, True),
        ("s: {a|contains|all: [x, y]}", {"a": "_y_x_"}, True),
        ("s: {a|contains|all: [x, y]}", {"a": ["ax", "ay"]}, True),
        ("s: {a|contains|all: [x, y]}", {"a": "x"}, False),
        ("s: {a.b.c: 1}", {"a": [{"b": [{"c": 2}, {"c": 1}]}]}, True),
        ("s: {'a[].b': 1}", {"a": [{"b": 1}]}, True),
        ("s: {a.b: 1}", {"a.b": 1}, True),
        ("s: {a.b: 1}", {"a": {"b": {"c": 1}}}, False),
        ('s: {a|contains: \'"status":"suspended"\'}', {"a": {"x": {"Status": "Suspended"}}}, True),
        # Texts
        ("s: {a|startswith: ab}", {"a": "ABC"}, True),
        ("s: {a|endswith|cased: bC}", {"a": "ABC"}, False),
        ("s: {a|contains|cased: bc}", {"a": "abcd"}, True),
        ("s: {a: '*b?d*'}", {"a": "aBcDe"}, True),
        (r"s: {a: 'C:\Win*'}", {"a": "c:\\windows"}, True),
        ("s: {a: 'x*y'}", {"a": "x\n\ny"}, True),
        ("s: {a|windash: '-f x'}", {"a": "/F X"}, True),
        ("s: {a|base64offset|contains: foobar}", {"a": "xxZvb2Jhcg=="}, True),
        ("s: {a|base64: foobar}", {"a": "Zm9vYmFy"}, True),
        ("s: {a|wide|base64offset|contains: ping}", {"a": "cABpAG4AZwA="}, True),
        ("s: {a|re: '^ab+$'}", {"a": "abbb"}, True),
        ("s: {a|re: 'AB'}", {"a": "ab"}, False),
        ("s: {a|re|i: 'AB'}", {"a": "ab"}, True),
        ("s: {a|re|m: '^b$'}", {"a": "a\nb"}, True),
        ("s: {a|re: 'a.b'}", {"a": "a\nb"}, False),
        ("s: {a|re|s: 'a.b'}", {"a": "a\nb"}, True),
        ("s: {a|re: 'true'}", {"a": True}, True),
        # Other fields
        ("s: {a|fieldref: b.c}", {"a": ["x", "y"], "b": {"c": "Y"}}, True),
        ("s: {a|fieldref|startswith: b}", {"a": "xyz", "b": "XY"}, True),
        ("s: {a|fieldref|endswith: b}", {"a": "xyz", "b": "XY"}, False),
        ("s: {a|fieldref|contains: b}", {"a": "xyz", "b": "Y"}, True),
        ("s: {a|fieldref: b}", {}, False),
        # Addresses and times
        ("s: {a|cidr: '2001:db8::/32'}", {"a": "2001:db8::1"}, True),
        ("s: {a|cidr: [10.0.0.0/8, 192.0.2.0/24]}", {"a": "192.0.2.9"}, True),
        ("s: {a|hour: 3}", {"a": "2026-01-12T05:10:00+02:00"}, True),
        ("s: {a|hour|gte: 22}", {"a": "2026-01-12T22:10:00Z"}, True),
        ("s: {a|minute: 10}", {"a": "2026-01-12T22:10:00Z"}, True),
        ("s: {a|day: 12}", {"a": 1768255800}, True),
        ("s: {a|week: 3}", {"a": 1768255800000}, True),
        ("s: {a|month: 2}", {"a": "2026-01-12T22:10:00Z"}, False),
        ("s: {a|year: 2026}", {"a": "some day"}, False),
        # Keywords
        ("s: [mimikatz]", {"x": {"y": ["run Mimikatz now"]}}, True),
        ("s: [mimikatz]", {"mimikatz": "x"}, False),
        ("s: ['a*b']", {"x": "a", "y": "b"}, False),
        ("s: ['a*b']", {"x": "1 A2B 3"}, True),
        ("s: {'|all': [one, two]}", {"x": "one", "y": "two"}, True),
        ("s: {'|all': [one, two]}", {"x": "one"}, False),
        ("s: {'|re': ['o.e']}", {"x": "one"}, True),
        ("s: [4625]", {"x": 4625}, True),
        ("s: [staged]", {"wb": {"outcome": "staged"}}, False),
        # Derived fields: YAML reads `on`, `no` as truth values
        ("s: {wb.shift.state: on}", {"wb": {"shift": {"state": "on"}}}, True),
        ("s: {wb.entitled: no}", {"wb": {"entitled": "no"}}, True),
        ("s: {wb.entitled: no}", {"wb": {"entitled": "unknown"}}, False),
        ("s: {wb.ours: false}", {"wb": {"ours": False}}, True),
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
        ("1 of a* and not all of them", True),
        ("not (a and b)", True),
        ("not a or not b", True),
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
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: s | count() by a > 5}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a|cidr: 10.0.0.0/33}, condition: s}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {wb.persn: b}, condition: s}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: s}\nwatchbill: {stag: live}",
        "title: T\nlogsource: {product: aws}\ndetection: {s: {a: b}, condition: "
        + "not (" * 300
        + "s"
        + ")" * 300
        + "}",
        "title: T\nlogsource: 1\ndetection: 2",
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


@given(
    st.lists(st.sampled_from(["a", "b", "\n", "*", "?"]), max_size=7).map("".join),
    st.lists(st.sampled_from("ab\n"), max_size=9).map("".join),
)
@example("a*a", "a")
@example("a*ba*ba", "aba")
@example("?*?", "a")
def test_wildcards_match_as_patterns_do(wanted, text):
    """The same as a regular expression that may try every way."""
    pattern = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in wanted)
    matches = wild(SigmaString(wanted).s)
    assert matches(text) is (re.fullmatch(pattern, text, re.DOTALL) is not None)


def test_no_text_takes_long_to_match():
    """Many wildcards and a text made to fit all but the end."""
    (found,) = rule("s: {a: '*a*a*a*a*a*a*a*ab'}\nt: ['a*a*a*a*a*ab']", "s or t").rules
    began = time.process_time()
    assert not found.matches({"a": "a" * 200_000})
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x", "(?i)(a{1,30}){1,30}c"]
)
@pytest.mark.parametrize("where", ["a|re", "|re"])
def test_no_expression_takes_long(pattern, where):
    """The time of each grows with the text and no faster, whoever wrote it; an engine that tries every way never ends."""
    (found,) = rule(f"s: {{'{where}': '{pattern}'}}").rules
    began = time.process_time()
    assert not found.matches({"a": "a" * 30_000 + "!"})
    assert time.process_time() - began < 5


@pytest.mark.parametrize("pattern", ["(?!a)b", "(?<=a)b", "a(?=b)", "(?P<x>a)(?P=x)", "(", "a{1,5000}"])
def test_an_expression_that_cannot_run_says_so(pattern, capfd):
    """To whoever asked, and not to standard error."""
    loaded = rule(f"s: {{a|re: '{pattern}'}}")
    assert not loaded.rules
    assert pattern in loaded.failed[0].error
    assert ("no look-around" in loaded.failed[0].error) is (pattern[:2] == "(?" or "(?=" in pattern)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("test", "text", "expected"),
    [
        ("a|re: '^ab$'", "ab", True),
        ("a|re: '^ab$'", "xab", False),
        ("a|re: 'b.d'", "b\nd", False),
        ("a|re|s: 'b.d'", "b\nd", True),
        ("a|re: '^d'", "b\nd", False),
        ("a|re|m: '^d'", "b\nd", True),
        ("a|re: AB", "ab", False),
        ("a|re|i: AB", "xabx", True),
        ("a|re|i|m|s: '^D.E$'", "b\nd\ne\nf", True),
        ("a|re: 'é{2}'", "éé", True),
        ("a|re: '^.x$'", "\ud800x", True),
        ("a|re: '\\d+'", 17, True),
        ("a|re: ''", "", True),
        ("'|re': '^b$'", "b", True),
        ("'|re': '^b.*c$'", ["b", "c"], False),
        ("'|re': 'b.{0,3}c'", ["b", "c"], False),
    ],
)
def test_expressions(test, text, expected):
    """With flags, in texts that are no UTF-8, and as a keyword in each text by itself."""
    assert rule(f"s: {{{test}}}").rules[0].matches({"a": text}) is expected
