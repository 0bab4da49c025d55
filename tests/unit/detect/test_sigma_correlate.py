"""Correlations over time, held against a plain program that looks at every window anew."""

import json
import time
from fractions import Fraction
from itertools import pairwise, product
from statistics import mean, median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.detect.sigma import Correlator, Matcher, correlate, load, load_all
from watchbill.detect.sigma.trial import try_tests


BASE = """\
title: Rule {name}
name: {name}
logsource: {{product: aws, service: cloudtrail}}
detection: {{s: {{names: {name}}}, condition: s}}
"""
SPAN = 10
HITS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sets(st.sampled_from("abc"), min_size=1, max_size=3).map(sorted),
        st.sampled_from(["x", "X", "y", None]),
        st.sampled_from([1, 2, "2", 5, "n", "N", None]),
    ),
    max_size=14,
)
"""Events, each with its time, the rules that it matches, what it is grouped by, and a value."""


def correlation(kind, rules="abc", condition=None, **more):
    """Load three rules and one correlation of them."""
    about = {"type": kind, "rules": list(rules), "timespan": f"{SPAN}s", "group-by": ["who"], **more}
    if condition is not None:
        about["condition"] = condition
    block = about.pop("watchbill", None)
    text = json.dumps({"title": "C", "correlation": about, **({"watchbill": block} if block else {})})
    loaded = load_all([*((BASE.format(name=name), f"{name}.yml") for name in "abc"), (text, "c.yml")])
    assert not loaded.failed, loaded.failed
    return loaded


def alerts_of(loaded, events, watermark=None):
    """Give time, group and evidence of each alert."""
    counter = Correlator(loaded.rules, loaded.correlations)
    for place, (at, names, who, value) in enumerate(events):
        record = {"names": names, "who": who, "value": value}
        for number, rule in enumerate(loaded.rules):
            if rule.matches(record):
                counter.add_record(number, record, at * 1000, f"e{place}")
    until = None if watermark is None else watermark * 1000
    return [(alert.at_ms // 1000, alert.key["who"][0].lower(), set(alert.event_ids)) for alert in counter.alerts(until)]


def plainly(events, satisfied, looked_at=lambda hit: True):
    """Look at each window by itself; `satisfied` takes its hits and gives the evidence, or None."""
    found = []
    for who in {who.lower() for _, _, who, _ in events if who}:
        hits = [
            (at, f"e{n}", names, value) for n, (at, names, of, value) in enumerate(events) if of and of.lower() == who
        ]
        before = None
        for at in sorted({hit[0] for hit in hits if looked_at(hit)}):
            evidence = satisfied([hit for hit in sorted(hits) if at - SPAN <= hit[0] <= at], at)
            lasts = before is not None and before[1] and at - before[0] <= SPAN
            if evidence is not None and not lasts:
                found.append((at, who, evidence))
            before = at, evidence is not None
    return sorted(found, key=str)


def ids(hits):
    """Give the ids of hits."""
    return {hit[1] for hit in hits}


def of(hits, names):
    """Give the hits of some rules."""
    return [hit for hit in hits if set(hit[2]) & set(names)]


def numbers(hits):
    """Give the values that are numbers."""
    return [Fraction(hit[3]) for hit in hits if hit[3] not in (None, "n", "N")]


COMPARE = {
    "gt": lambda one, other: one > other,
    "gte": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "lte": lambda one, other: one <= other,
    "eq": lambda one, other: one == other,
    "neq": lambda one, other: one != other,
}


@given(HITS, st.sampled_from(sorted(COMPARE)), st.integers(1, 4), st.sampled_from(["a", "ab"]))
def test_events_are_counted(events, operator, bound, rules):
    """Of one rule or of two, by each comparison; an event of both counts once."""

    def satisfied(window, _):
        own = of(window, rules)
        return ids(own) if COMPARE[operator](len(own), bound) else None

    loaded = correlation("event_count", rules, {operator: bound})
    expected = plainly(events, satisfied, lambda hit: of([hit], rules))
    assert sorted(alerts_of(loaded, events), key=str) == expected


@given(HITS)
def test_a_range_is_two_comparisons(events):
    """As in the specification: both must hold."""

    def satisfied(window, _):
        return ids(of(window, "a")) if 1 < len(of(window, "a")) <= 3 else None

    loaded = correlation("event_count", "a", {"gt": 1, "lte": 3})
    assert sorted(alerts_of(loaded, events), key=str) == plainly(events, satisfied, lambda hit: of([hit], "a"))


@given(HITS, st.integers(1, 3))
def test_different_values_are_counted(events, bound):
    """As text: 2 and `2` are one value, and null is none."""

    def satisfied(window, _):
        own = of(window, "ab")
        return ids(own) if len({str(hit[3]).lower() for hit in own if hit[3] is not None}) >= bound else None

    loaded = correlation("value_count", "ab", {"gte": bound, "field": "value"})
    assert sorted(alerts_of(loaded, events), key=str) == plainly(events, satisfied, lambda hit: of([hit], "ab"))


@given(HITS, st.sampled_from(["value_sum", "value_avg", "value_median", "value_percentile"]), st.integers(1, 9))
def test_values_are_summed(events, kind, bound):
    """Sum, mean, median and percentile of the values that are numbers; without one nothing is satisfied."""

    def percentile(found):
        return next(each for each in sorted(found) if sum(other <= each for other in found) * 100 >= 90 * len(found))

    made: dict[str, Any] = {"value_sum": sum, "value_avg": mean, "value_median": median}

    def satisfied(window, _):
        own = of(window, "a")
        found = numbers(own)
        return ids(own) if found and made.get(kind, percentile)(found) > bound else None

    more = {"percentile": 90} if kind == "value_percentile" else {}
    loaded = correlation(kind, "a", {"gt": bound, "field": "value", **more})
    assert sorted(alerts_of(loaded, events), key=str) == plainly(events, satisfied, lambda hit: of([hit], "a"))


@given(HITS, st.sampled_from([None, {"gte": 2}, "a and b", "a and not c and b", "(a or b) and c"]))
def test_rules_come_together(events, condition):
    """All of them, so many of them, or as a condition in words says."""
    rules = "abc" if condition in (None, "a and not c and b", "(a or b) and c") or isinstance(condition, dict) else "ab"

    def satisfied(window, _):
        own = of(window, rules)
        seen = {name for hit in own for name in hit[2] if name in rules}
        if condition is None or isinstance(condition, dict):
            holds = len(seen) >= (2 if condition else 3)
        else:
            holds = eval(condition, {}, {name: name in seen for name in "abc"})
        return ids(own) if holds else None

    loaded = correlation("temporal", rules, condition)
    assert sorted(alerts_of(loaded, events), key=str) == plainly(events, satisfied, lambda hit: of([hit], rules))


@given(HITS, st.sampled_from(["ab", "ba", "abc", "aba"]))
def test_rules_come_in_order(events, rules):
    """Every way to take one hit for each rule is tried; two neighbours are two events."""

    def chains(window):
        for chain in product(*(of(window, rule) for rule in rules)):
            pairs = pairwise(chain)
            if all(one[0] <= other[0] and one[1] != other[1] for one, other in pairs):
                yield chain

    def satisfied(window, _):
        return True if next(chains(window), None) is not None else None

    loaded = correlation("temporal_ordered", rules)
    found = alerts_of(loaded, events)
    expected = plainly(events, satisfied, lambda hit: of([hit], rules))
    assert sorted((at, who) for at, who, _ in found) == sorted((at, who) for at, who, _ in expected)
    for at, who, evidence in found:
        window = [
            (when, f"e{place}", names, value)
            for place, (when, names, whose, value) in enumerate(events)
            if at - SPAN <= when <= at and whose and whose.lower() == who
        ]
        assert any(ids(chain) == evidence for chain in chains(window))


@given(HITS, st.integers(0, 60))
def test_what_is_absent(events, watermark):
    """Before: at once. After: once the watermark has passed the wait."""

    def before(window, at):
        return ids(hit for hit in of(window, "b") if hit[0] == at) if not of(window, "a") else None

    loaded = correlation("temporal_ordered", "ab", watchbill={"absent": "a"})
    assert sorted(alerts_of(loaded, events), key=str) == plainly(events, before, lambda hit: of([hit], "b"))

    def after(window, at):
        who = next(events[int(hit[1][1:])][2] for hit in window if hit[0] == at)
        later = [
            hit
            for hit in events
            if hit[2] and hit[2].lower() == who.lower() and "b" in hit[1] and at <= hit[0] <= at + SPAN
        ]
        known = at + SPAN <= watermark
        return ids(hit for hit in of(window, "a") if hit[0] == at) if known and not later else None

    loaded = correlation("temporal_ordered", "ab", watchbill={"absent": "b"})
    expected = [(at + SPAN, who, found) for at, who, found in plainly(events, after, lambda hit: of([hit], "a"))]
    assert sorted(alerts_of(loaded, events, watermark), key=str) == sorted(expected, key=str)


@given(HITS, st.randoms(use_true_random=False))
def test_order_of_arrival_makes_no_difference(events, random):
    """Nor does delivery of the same event again."""
    loaded = correlation("event_count", "ab", {"gte": 2})
    numbered = list(enumerate(events))
    shuffled = numbered + numbered[:3]
    random.shuffle(shuffled)

    def told(order):
        counter = Correlator(loaded.rules, loaded.correlations)
        for place, (at, names, who, _) in order:
            for number, rule in enumerate(loaded.rules):
                if rule.matches({"names": names}):
                    counter.add_record(number, {"who": who}, at * 1000, f"e{place}")
        return counter.alerts()

    assert told(shuffled) == told(numbered)


KINDS: dict[str, dict[str, Any]] = {
    "event_count": {"condition": {"gte": 2}},
    "value_count": {"condition": {"lt": 2, "field": "value"}},
    "value_avg": {"condition": {"gte": 2, "field": "value"}},
    "temporal": {"rules": "ab"},
    "temporal_ordered": {"rules": "ab"},
    "absent_before": {"rules": "ab", "kind": "temporal_ordered", "watchbill": {"absent": "a"}},
    "absent_after": {"rules": "ab", "kind": "temporal_ordered", "watchbill": {"absent": "b"}},
}
"""Of each way of looking at hits one correlation."""


@given(HITS, st.sampled_from(sorted(KINDS)))
def test_what_is_over_makes_no_difference_when_it_is_dropped(events, kind):
    """Nor does how the first hit of a group spells what it is grouped by."""
    loaded = correlation(**{"kind": kind, **KINDS[kind]})
    whole = Correlator(loaded.rules, loaded.correlations)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(correlate, "_ENOUGH", 0)
        dropping = Correlator(loaded.rules, loaded.correlations)
        for place, (at, names, who, value) in enumerate(sorted(events, key=lambda event: event[0])):
            record = {"names": names, "who": who, "value": value}
            dropping.settle(at * 3000)
            for number in (number for number, rule in enumerate(loaded.rules) if rule.matches(record)):
                whole.add_record(number, record, at * 3000, f"e{place}")
                dropping.add_record(number, record, at * 3000, f"e{place}")
        assert dropping.alerts() == whole.alerts()


def test_only_what_may_still_count_is_held():
    """However many hits there were; of what is over that is the evidence of alerts."""
    loaded = correlation("event_count", "a", {"gte": 3})
    counter = Correlator(loaded.rules, loaded.correlations)
    for place in range(20_000):
        burst = place % 1_000 < 3
        counter.add_record(0, {"who": "burst" if burst else f"p{place % 7}"}, place * 5_000, f"e{place}")
        counter.settle(place * 5_000)
    assert len(counter.held()) < 6_000
    assert [len(alert.event_ids) for alert in counter.alerts()] == [3] * 20


def test_a_burst_is_one_alert_and_the_next_another():
    """It lasts as long as it suffices; what came meanwhile is counted."""
    loaded = correlation("event_count", "a", {"gte": 3})
    times = [0, 1, 2, 3, 4, 30, 31, 32]
    counter = Correlator(loaded.rules, loaded.correlations)
    for at in times:
        counter.add_record(0, {"who": "x"}, at * 1000, f"e{at}")
    first, second = counter.alerts()
    assert (first.at_ms, first.event_ids, first.more) == (2000, ("e0", "e1", "e2"), 2)
    assert (second.at_ms, second.event_ids, second.more) == (32000, ("e30", "e31", "e32"), 0)


def test_an_alias_says_which_field_is_meant():
    """The user of one rule is the target of the other."""
    aliases = {"user": {"a": "by", "b": "target.name"}}
    loaded = correlation("temporal", "ab", **{"aliases": aliases, "group-by": ["user"]})
    counter = Correlator(loaded.rules, loaded.correlations)
    counter.add_record(0, {"by": "rick"}, 0, "one")
    counter.add_record(1, {"target": {"name": "rick"}, "by": "ann"}, 1000, "two")
    counter.add_record(1, {"target": {"name": "ann"}, "by": "rick"}, 2000, "three")
    (alert,) = counter.alerts()
    assert (alert.key, alert.event_ids) == ({"user": ("rick",)}, ("one", "two"))


def test_a_correlation_counts_another():
    """Its alerts are hits at their time, grouped by what they were grouped by."""
    burst = {"type": "event_count", "rules": ["a"], "timespan": "10s", "group-by": ["who"], "condition": {"gte": 2}}
    then = {"type": "temporal_ordered", "rules": ["burst", "b"], "timespan": "60s", "group-by": ["who"]}
    loaded = load_all(
        [
            (json.dumps({"title": "Then", "correlation": then}), "0.yml"),
            (BASE.format(name="a"), "a.yml"),
            (BASE.format(name="b"), "b.yml"),
            (json.dumps({"title": "Burst", "name": "burst", "correlation": burst}), "c.yml"),
        ]
    )
    assert not loaded.problems
    assert [each.title for each in loaded.correlations] == ["Burst", "Then"]
    found = alerts_of(loaded, [(0, "a", "x", 1), (1, "a", "x", 1), (5, "b", "y", 1), (9, "b", "x", 1)])
    assert found == [(1, "x", {"e0", "e1"}), (9, "x", {"e0", "e1", "e3"})]
    assert [each.alerts for each in loaded.correlations] == [False, True]


def test_what_is_only_counted_does_not_alert():
    """But where the correlation says `generate`."""
    assert [rule.alerts for rule in correlation("event_count", "ab", {"gte": 2}).rules] == [False, False, True]
    assert all(rule.alerts for rule in correlation("event_count", "ab", {"gte": 2}, generate=True).rules)


def test_a_window_over_many_matches_is_quick():
    """14,000 matches in two weeks, by 40 people: well under a second on a busy machine, where SQL took minutes."""
    loaded = correlation("event_count", "a", {"gte": 10}, timespan="10m")
    counter = Correlator(loaded.rules, loaded.correlations)
    for place in range(14_000):
        counter.add_record(0, {"who": f"p{place % 40}"}, place * 86_000, f"e{place}")
    began = time.process_time()
    assert counter.alerts() == []
    assert time.process_time() - began < 2


def test_hits_of_a_batch_are_gathered():
    """Time, id and fields come from the columns, whichever they are in."""
    from tests.unit.detect.test_sigma_bulk import batch_of  # noqa: PLC0415 - only here

    loaded = load_all(
        [
            (BASE.format(name="a").replace("names: a", "eventName: A"), "a.yml"),
            (
                json.dumps(
                    {
                        "title": "C",
                        "correlation": {
                            "type": "value_count",
                            "rules": "a",
                            "timespan": "1m",
                            "group-by": ["userIdentity.arn", "requestParameters.b"],
                            "condition": {"gte": 2, "field": "sourceIPAddress"},
                        },
                    }
                ),
                "c.yml",
            ),
        ]
    )
    records = [
        {
            "eventName": "A",
            "eventTime": f"2026-01-12T10:00:0{place}Z",
            "userIdentity": {"arn": "me"},
            "requestParameters": {"b": bucket},
            "sourceIPAddress": ip,
        }
        for place, (bucket, ip) in enumerate([("x", "1"), ("y", "2"), ("x", "3")])
    ]
    counter = Correlator(loaded.rules, loaded.correlations)
    counter.add(Matcher(loaded.rules).match(batch_of(records)))
    (alert,) = counter.alerts()
    assert alert.key == {"userIdentity.arn": ("me",), "requestParameters.b": ("x",)}
    assert alert.event_ids == ("e0", "e2")
    assert alert.at_ms - alert.first_ms == 2000


def test_a_test_of_what_is_absent_after_waits():
    """After the last event of it nothing comes any more."""
    event = {"names": "a", "who": "x", "eventTime": "2026-01-12T10:00:00Z"}
    block = {"absent": "b", "tests": [{"name": "alone", "events": [event], "hits": 1}]}
    (trial,) = try_tests(correlation("temporal_ordered", "ab", watchbill=block))
    assert trial.passed


@pytest.mark.parametrize(("hits", "passed"), [(1, True), (2, False)])
def test_a_correlation_has_tests_beside_it(hits, passed):
    """The rules that it counts are asked of its events."""
    events = "".join(
        f"      - {{names: a, who: x, eventTime: 2026-01-12T10:00:0{n}Z, eventID: e{n}}}\n" for n in range(2)
    )
    text = f"""{BASE.format(name="a")}---
title: C
correlation: {{type: event_count, rules: a, timespan: 10s, group-by: who, condition: {{gte: 2}}}}
watchbill:
  tests:
    - name: two of them
      hits: {hits}
      events:
{events}"""
    (trial,) = try_tests(load(text, "c.yml"))
    assert (trial.passed, trial.found, trial.why) == (passed, 1, None)
