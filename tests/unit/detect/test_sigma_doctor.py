"""What is wrong with rules is told; what is right is left alone."""

from itertools import count

import pytest
from tests.unit.detect.test_sigma_bulk import batch_of, trail_batch

from watchbill.detect.sigma import load, load_all
from watchbill.detect.sigma.count import RuleCount
from watchbill.detect.sigma.doctor import Doctor
from watchbill.files.rules_folder import read_rules


def rule(detection, title="T", condition="s"):
    """Write a rule."""
    lines = "\n".join(f"  {line}" for line in detection.splitlines())
    return (
        f"title: {title}\nlogsource: {{product: aws, service: cloudtrail}}\n"
        f"detection:\n{lines}\n  condition: {condition}\n"
    )


def flaws(*texts, batch=None):
    """Give the codes of what is wrong with some rules."""
    doctor = Doctor(load_all([(text, f"{place}.yml") for place, text in enumerate(texts)]))
    if batch is not None:
        doctor.add(batch)
    return [(flaw.code, flaw.title) for flaw in doctor.flaws()]


@pytest.mark.parametrize(
    ("detection", "condition", "expected"),
    [
        ("s: {eventName: CreateUser}", "s", []),
        ("s: {eventName: CreateUser}\nt: {eventName: DeleteUser}", "s and t", ["contradiction"]),
        ("s: {eventName: CreateUser}\nt: {eventName: [createuser, DeleteUser]}", "s and t", []),
        ("s: {eventName: CreateUser}\nt: {eventName: DeleteUser}", "s or t", []),
        ("s: {eventName: CreateUser}\nt: {eventName: [CREATEUSER, x]}", "s and not t", ["contradiction"]),
        ("s: {a: x}\nt: {a: y}", "s and t", []),
        ("s: {a: x}", "s and not s", ["contradiction"]),
        ("s: {eventName: A}\nt: {eventName: B}\nu: {a: b}", "(s and t) or u", []),
        ("s: {userIdentity.type: Root}\nt: {userIdentity.type: IAMUser}", "s and t", ["contradiction"]),
        ("s: {eventSource: iam.amazonaws.com, eventName: CreateUser}", "s", []),
        ("s: {eventSource: iam.amazonaws.com, eventName: CreateUsre}", "s", ["unknown-name"]),
        ("s: {eventSource: signin.amazonaws.com, eventName: ConsoleLogin}", "s", []),
        ("s: {eventSource: lambda.amazonaws.com, eventName: CreateFunction20150331}", "s", []),
        ("s: {eventSource: iamm.amazonaws.com}", "s", ["unknown-source"]),
        ("s: {eventSource: iam}", "s", ["unknown-source"]),
        ("s: {userIdentity.arn|contains: responseElements.accessKey.userName}", "s", ["field-as-text"]),
        ("s: {userIdentity.arn: userIdentity.userName}", "s", ["field-as-text"]),
        ("s: {userIdentity.arn|fieldref: userIdentity.userName}", "s", []),
        ("s: {userIdentity.type|cased: root}", "s", ["case"]),
        ("s: {userIdentity.type|cased: Root}", "s", []),
        ("s: {wb.entitled: no}", "s", ["derived"]),
    ],
)
def test_a_rule_by_itself(detection, condition, expected):
    """One flaw each, beside the rule that is like it and right."""
    assert [code for code, _ in flaws(rule(detection, condition=condition))] == expected


def test_rules_beside_each_other():
    """The same logic in another order and spelling is the same."""
    one = rule("s: {eventName: [CreateUser, DeleteUser], a|contains: X}", "One")
    other = rule("s:\n  a|contains: x\n  eventName: [deleteuser, createuser]", "Other")
    third = rule("s: {eventName: [CreateUser], a|contains: X}", "Third")
    assert flaws(one, other, third) == [("same-logic", "Other")]


def test_what_records_show():
    """A field that none has, and a rule whose hits another has too."""
    batch = batch_of([{"eventName": "A", "requestParameters": {"b": 1}}, {"eventName": "B"}])
    texts = [
        rule("s: {eventName: A}", "Narrow"),
        rule("s: {eventName: [A, B]}", "Wide"),
        rule("s: {requestParameters.c: 1, eventName: A}", "Unseen"),
        rule("s: {requestParameters.b: 2}", "Seen"),
    ]
    assert flaws(*texts, batch=batch) == [("overlap", "Narrow"), ("unseen-field", "Unseen")]
    # Of two that match the same the later one is told, and each rule once whatever it shares.
    twins = [rule(f"s: {{eventName: A}}\nt: {{x: {name}}}", name) for name in "CDE"]
    found = Doctor(
        load_all([(text.replace("condition: s", "condition: s or t"), f"{n}.yml") for n, text in enumerate(twins)])
    )
    found.add(batch)
    said = {flaw.title: flaw.message for flaw in found.flaws()}
    assert list(said) == ["D", "E"]
    assert said["E"] == "all its 1 hits are hits of `C`, `D` too"


def test_what_rules_cost():
    """By the given clock; the shares are of all that was spent."""
    ticks = count()
    doctor = Doctor(
        load_all([(rule("s: {eventName: A, a: b}", name), f"{name}.yml") for name in "AB"]), lambda: next(ticks)
    )
    doctor.add(batch_of([{"eventName": "A", "a": "b"}]))
    assert [(cost.title, cost.hits, cost.share) for cost in doctor.costs()] == [("A", 1, 0.5), ("B", 1, 0.5)]
    assert Doctor(load(rule("s: {a: b}"), "r.yml")).costs() == []


def test_published_rules_have_the_flaws_that_are_known(data_dir):
    """One compares with a field's name as text, which its authors mended since; none is impossible."""
    doctor = Doctor(read_rules(data_dir / "sigma/sigmahq_cloudtrail"))
    found = {(flaw.code, flaw.file) for flaw in doctor.flaws()}
    assert ("field-as-text", "aws_iam_backdoor_users_keys.yml") in found
    assert {code for code, _ in found} <= {"field-as-text", "unknown-name", "unknown-source"}


def test_a_real_trail_is_looked_at(data_dir):
    """Hits and costs are told of every rule; fields that are there are not said to be unseen."""
    doctor = Doctor(read_rules(data_dir / "sigma/sigmahq_cloudtrail"), count().__next__)
    doctor.add(trail_batch(data_dir, "invictus"))
    costs = doctor.costs()
    assert sum(cost.hits for cost in costs) == 109
    assert abs(sum(cost.share for cost in costs) - 1) < 1e-9
    unseen = [flaw.message for flaw in doctor.flaws() if flaw.code == "unseen-field"]
    assert unseen
    assert not any("`userIdentity.type`" in message for message in unseen)


def test_every_rule_is_counted():
    """Those that match nothing, those for other records and those that could not be loaded too."""
    windows = rule("s: {a: b}", "Windows").replace("product: aws, service: cloudtrail", "product: windows")
    counts = "title: C\ncorrelation: {type: event_count, rules: [Hit], timespan: 5m, condition: {gte: 2}}\n"
    loaded = load_all(
        [
            (rule("s: {eventName: A}", "Hit"), "1.yml"),
            (rule("s: {eventName: Z}", "None"), "2.yml"),
            (windows, "3.yml"),
            (rule("s: {a|nonsense: b}", "Broken"), "4.yml"),
            (counts, "5.yml"),
        ]
    )
    counted = RuleCount(loaded)
    batch = batch_of([{"eventName": "A"}, {"eventName": "B"}, {"eventName": "A"}])
    counted.add(batch)
    counted.add(batch)
    counted.add_record({"eventName": "A"}, "f#3")
    told = {each.title: each for each in counted.counted()}
    assert list(told) == ["Hit", "None", "Windows", "C", "Broken"]
    hit = told["Hit"]
    assert (hit.hits, hit.event_ids, hit.duplicates) == (5, ("e0", "e2", "e0", "e2", "f#3"), 2)
    assert (told["None"].hits, told["None"].error) == (0, None)
    assert (told["C"].hits, told["C"].event_ids) == (1, ("e0", "e2"))
    assert (told["Windows"].hits, told["Windows"].error) == (0, None)
    assert "nonsense" in str(told["Broken"].error)

    once = RuleCount(loaded, once=True)
    once.add(batch)
    once.add(batch)
    told = {each.title: each for each in once.counted()}
    assert (told["Hit"].hits, told["Hit"].event_ids, told["Hit"].duplicates) == (2, ("e0", "e2"), 0)
