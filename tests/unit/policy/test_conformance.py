"""The public cases of other projects and of AWS itself, each run, or counted with the reason why it is not.

Three results are right: the decision that the source gives; `Depends` where a construct is not evaluated, or where the
source lets a solver choose the keys that are missing; and, for one case by name, a denial that others give too.
"""

import json
from collections import Counter

import pytest

from watchbill.policy.conditions import Context, NotEvaluableError, holds
from watchbill.policy.evaluate import evaluate
from watchbill.policy.model import Effect, Request
from watchbill.policy.patterns import glob_matches
from watchbill.policy.statements import ConditionEntry, PolicyError, parse_policy


LATER = ("scps", "rcps", "resource", "endpoint")
"""Layers that a fuller engine asks."""

SOLVER = "existential-context"
"""Marks cases of a source that takes any value for the keys that a case leaves out."""

DIFFERS = {"arsenal/18": "a variable without a name, `${}`, which the source takes for text; we deny"}
"""Cases where we give another decision than their source."""

TAKEN = {
    "moto/invalid#1": "the old version",
    "moto/invalid#2": "the old version",
    "moto/invalid#26": "no statements, which is what a permission set without actions compiles to",
    "moto/invalid#35": "a path that IAM does not have",
    "moto/invalid#36": "fewer parts than S3 wants",
    "moto/invalid#52": "an operator that does not exist, which is said to be not evaluated",
    "moto/invalid#53": "an operator that does not exist, which is said to be not evaluated",
    "moto/invalid#55": "a region that IAM does not want",
    "moto/invalid#56": "a region that S3 does not want",
    "moto/invalid#64": "a date that does not read, which matches nothing",
    "moto/invalid#65": "the old version",
    "moto/invalid#71": "fewer parts than S3 wants",
    "moto/invalid#72": "a date that does not read, which matches nothing",
    "moto/invalid#73": "a date that does not read, which matches nothing",
    "moto/invalid#74": "a date that does not read, which matches nothing",
    "moto/invalid#75": "a date that does not read, which matches nothing",
}
"""Documents that AWS refuses and we take, each with what is wrong in it."""


def cases(folder):
    """Read every case under a folder."""
    files = sorted(folder.glob("*.jsonl"))
    assert files, f"no cases in {folder}"
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line]


def out_of_scope(case):
    """Say why a case is not for this engine; None where it is."""
    layer = case["layer"]
    if layer == "decision":
        asked = case["request"]
        if found := [name for name in LATER if case["policies"][name]]:
            return f"asks a later layer: {found[0]}"
        if "mode" in case:
            return "asks for which values it is allowed"
        if not isinstance(asked["principal"], str) or asked["principal"].count(":") < 5:
            return "its principal is no user or role"
        if asked["principal"].split(":")[4] != asked["resource_account"]:
            return "crosses accounts"
        return None
    if layer == "statement-part":
        return "asks a later layer: resource" if "Principal" in case["part"] else None
    if layer == "pattern-overlap":
        if case["fn"] != "is_glob_match":
            return "asks whether an ARN has a service's form"
        return None if any(set(arg).isdisjoint("*?") for arg in case["args"]) else "asks whether two patterns overlap"
    return None if layer in ("grammar", "operator", "condition") else f"is of another kind: {layer}"


def listed(value):
    """Give a value of a case as a list."""
    return value if isinstance(value, list) else [value]


def context_of(found):
    """Give the keys of a case as a request has them."""
    return {key: value if isinstance(value, str) else tuple(map(str, listed(value))) for key, value in found.items()}


def decided(case, *, complete):
    """Decide a case; incomplete leaves every key that it does not give unknown."""
    layers = {
        name: [parse_policy(document, f"{name}/{index}") for index, document in enumerate(found)]
        for name in ("identity", "boundary", "session")
        if (found := case["policies"][name]) is not None
    }
    asked = case["request"]
    request = Request(asked["action"], asked["resource"], context_of(asked["context"]), complete=complete)
    return evaluate(request, **layers)


def of_decision(case):
    """Compare a decision."""
    expected, solved = case["expected"]["decision"], SOLVER in case["tags"]
    decision = decided(case, complete=not solved)
    if decision.effect is Effect.DEPENDS:
        excused = bool(decision.not_evaluable) or (solved and expected == "Allowed")
        return "depends" if excused else "wrong"
    denied = decision.effect is not Effect.ALLOWED
    return "passed" if decision.effect == expected or (denied and expected == "Denied") else "wrong"


def of_entries(entries, context, expected):
    """Compare condition entries, all of which must hold."""
    try:
        held = [holds(entry, Context.of(Request("s3:GetObject", "*", context, complete=True))) for entry in entries]
    except NotEvaluableError:
        return "depends"
    return "passed" if all(held) is expected else "wrong"


def of_operator(case):
    """Compare an operator on one value."""
    entry = ConditionEntry(case["operator"], "the:key", tuple(map(str, listed(case["policy_values"]))))
    value = case["context_value"]
    known = {**case.get("context", {}), **({} if value is None else {"the:key": value})}
    return of_entries([entry], context_of(known), case["expected"]["matches"])


def of_condition(case):
    """Compare a whole condition."""
    entries = [
        ConditionEntry(operator, key, tuple(map(str, listed(values)))) for operator, key, values in case["conditions"]
    ]
    return of_entries(entries, context_of(case["context"]), case["expected"]["matches"])


def of_part(case):
    """Compare what one element of a statement speaks of: where it is all that matters, an Allow of it allows."""
    elements = {"Effect": "Allow", case["part"]: case["values"]}
    elements |= {"Resource": "*"} if "Action" in case["part"] else {"Action": "*"}
    found = parse_policy({"Version": "2012-10-17", "Statement": elements}, "part")
    asked = case["request"]
    request = Request(
        asked.get("action", "s3:GetObject"),
        asked.get("resource", "*"),
        context_of(asked.get("context", {})),
        complete=True,
    )
    matches = evaluate(request, identity=[found]).effect is Effect.ALLOWED
    return "passed" if matches is case["expected"]["matches"] else "wrong"


def of_pattern(case):
    """Compare a pattern with a text, whichever of the two is which."""
    one, other = case["args"]
    text, pattern = (one, other) if set(one).isdisjoint("*?") else (other, one)
    return "passed" if glob_matches(pattern, text) is case["expected"]["matches"] else "wrong"


def of_grammar(case):
    """Compare whether a document is taken."""
    try:
        parse_policy(case["document"], case["id"])
    except PolicyError:
        taken = False
    else:
        taken = True
    return "passed" if taken is case["expected"]["valid"] else "wrong"


COMPARE = {
    "decision": of_decision,
    "operator": of_operator,
    "condition": of_condition,
    "statement-part": of_part,
    "pattern-overlap": of_pattern,
    "grammar": of_grammar,
}


@pytest.fixture(scope="module")
def found(data_dir):
    """Give the public cases."""
    return cases(data_dir / "iam_conformance")


def test_every_case_in_scope_gives_the_decision_of_its_source(found):
    """What other evaluators and AWS answer is what we answer; a case that turns is named here."""
    results: Counter[tuple[str, str]] = Counter()
    wrong = set()
    for case in found:
        if out_of_scope(case) is None:
            result = COMPARE[case["layer"]](case)
            results[case["layer"], result] += 1
            wrong |= {case["id"]} if result == "wrong" else set()
    assert wrong == {*DIFFERS, *TAKEN}
    assert results == {
        ("decision", "passed"): 170,
        ("decision", "depends"): 6,
        ("decision", "wrong"): 1,
        ("grammar", "passed"): 116,
        ("grammar", "wrong"): 16,
        ("pattern-overlap", "passed"): 11,
    }


def test_every_case_out_of_scope_is_counted(found):
    """Nothing is left out unseen: a case that comes into scope or falls out of it changes a number here."""
    reasons = [reason for case in found if (reason := out_of_scope(case)) is not None]
    assert Counter(reasons) == {
        "asks a later layer: resource": 16,
        "asks a later layer: scps": 5,
        "crosses accounts": 2,
        "asks whether an ARN has a service's form": 29,
        "asks whether two patterns overlap": 6,
    }
    assert len(found) == 378


def test_nothing_is_allowed_that_its_source_denies(found):
    """The one error that must never be made, also when keys that the case leaves out are not known."""
    asked = 0
    for case in found:
        if case["layer"] == "decision" and out_of_scope(case) is None and case["expected"]["decision"] != "Allowed":
            for complete in (True, False):
                assert decided(case, complete=complete).effect is not Effect.ALLOWED, case["id"]
            asked += 1
    assert asked == 90


def test_knowing_less_never_turns_a_public_case(found):
    """With the keys that a case leaves out unknown, the answer is the same or depends."""
    for case in found:
        if case["layer"] == "decision" and out_of_scope(case) is None:
            sure, unsure = (decided(case, complete=complete).effect for complete in (True, False))
            assert unsure in (sure, Effect.DEPENDS), case["id"]


def test_what_differs_is_in_dispute(found, data_dir):
    """We keep to ourselves only where another evaluator does too, and then on the side of denial."""
    text = (data_dir / "iam_conformance" / "disputes.ndjson").read_text()
    disputes = {each["id"]: each for each in map(json.loads, text.splitlines())}
    by_id = {case["id"]: case for case in found}
    for name in DIFFERS:
        ours = decided(by_id[name], complete=True).effect
        assert ours is not Effect.ALLOWED
        assert disputes[name]["iam_simulate"] == ours


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            {
                "layer": "operator",
                "operator": "DateLessThan",
                "context_value": "2026-01-01T00:00:00Z",
                "policy_values": ["2026-02-01T00:00:00Z"],
                "context": {},
                "expected": {"matches": True},
            },
            "passed",
        ),
        (
            {
                "layer": "operator",
                "operator": "StringEquals",
                "context_value": None,
                "policy_values": ["${aws:username}"],
                "context": {"aws:username": "james"},
                "expected": {"matches": True},
            },
            "wrong",
        ),
        (
            {
                "layer": "operator",
                "operator": "BinaryEquals",
                "context_value": "eA==",
                "policy_values": ["eA=="],
                "expected": {"matches": True},
            },
            "depends",
        ),
        (
            {
                "layer": "condition",
                "conditions": [["Bool", "aws:MultiFactorAuthPresent", "true"], ["Null", "aws:userid", "true"]],
                "context": {"aws:MultiFactorAuthPresent": "true"},
                "expected": {"matches": True},
            },
            "passed",
        ),
        (
            {
                "layer": "condition",
                "conditions": [["Bool", "aws:MultiFactorAuthPresent", "true"]],
                "context": {"aws:MultiFactorAuthPresent": "false"},
                "expected": {"matches": True},
            },
            "wrong",
        ),
        (
            {
                "layer": "statement-part",
                "part": "NotAction",
                "values": ["s3:Get*"],
                "request": {"action": "s3:PutObject"},
                "expected": {"matches": True},
            },
            "passed",
        ),
        (
            {
                "layer": "statement-part",
                "part": "Resource",
                "values": ["arn:aws:s3:::a/*"],
                "request": {"resource": "arn:aws:s3:::b/c"},
                "expected": {"matches": True},
            },
            "wrong",
        ),
        ({"layer": "statement-part", "part": "NotPrincipal"}, "out"),
        ({"layer": "decision-set"}, "out"),
        ({"layer": "statement"}, "out"),
    ],
)
def test_cases_of_every_kind_are_compared(case, expected):
    """Kinds that the public sets lack are compared here, so that a set that has them is not passed by mistake."""
    result = "out" if out_of_scope(case) is not None else COMPARE[case["layer"]](case)
    assert result == expected
