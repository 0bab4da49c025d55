"""The public cases of other projects and of AWS itself: every one of them agrees."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from watchbill.policy.cases import layers_of, request_of, run_case
from watchbill.policy.context import FOLLOWING
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Effect
from watchbill.policy.prove import Counterexample, Proof, any_allowed


TABLE = Path(__file__).parents[3] / "docs/conformance.md"


@pytest.fixture(scope="module")
def found(data_dir):
    """Give the public cases."""
    files = sorted((data_dir / "iam_conformance").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines() if line]


def decisions(found):
    """Give the evaluator and the request of every case that asks for a decision."""
    for case in found:
        if case["layer"] == "decision":
            yield case, Evaluator(layers_of(case)), request_of(case)


def test_every_public_case_agrees(found):
    """What other evaluators and AWS answer is what we answer, in every layer."""
    results = [run_case(case) for case in found]
    assert [f"{result.id}: {result.got}" for result in results if not result.agrees] == []
    assert Counter(result.layer for result in results) == {"decision": 200, "grammar": 132, "pattern-overlap": 46}


def test_nothing_is_allowed_that_its_source_denies(found):
    """The one error that must never be made, also when the keys that a case leaves out are not known."""
    asked = 0
    for case, evaluator, request in decisions(found):
        if case["expected"]["decision"] != "Allowed":
            for complete in (True, False):
                assert evaluator.decide(replace(request, complete=complete)).effect is not Effect.ALLOWED, case["id"]
            asked += 1
    assert asked > 90


def test_knowing_less_never_turns_a_public_case(found):
    """With the keys that a case leaves out unknown, the answer is the same or depends."""
    for case, evaluator, request in decisions(found):
        sure, unsure = (evaluator.decide(replace(request, complete=complete)).effect for complete in (True, False))
        assert unsure in (sure, Effect.DEPENDS) or (sure, unsure) == (
            Effect.EXPLICITLY_DENIED,
            Effect.IMPLICITLY_DENIED,
        ), case["id"]


def test_no_public_case_is_allowed_against_a_proof(found):
    """What is proven never to be allowed is not allowed in any case, and what is found to be is."""
    proofs = 0
    for case, evaluator, request in decisions(found):
        mine = {key: value for key, value in request.context.items() if key.lower() in FOLLOWING}
        answer = any_allowed(evaluator, replace(request, context=mine, complete=False), [request.action])
        if isinstance(answer, Proof):
            assert evaluator.decide(request).effect is not Effect.ALLOWED, case["id"]
            proofs += 1
        elif isinstance(answer, Counterexample):
            assert answer.decision.effect is Effect.ALLOWED
    assert proofs > 50


def test_every_dispute_is_decided_in_the_table(data_dir):
    """Cases on which evaluators differ are each named in the documentation, with what we answer and why."""
    text = (data_dir / "iam_conformance" / "disputes.ndjson").read_text("utf-8")
    disputed = {json.loads(line)["id"] for line in text.splitlines()}
    rows = set(re.findall(r"^\| ([\w/-]+) \|", TABLE.read_text("utf-8"), re.MULTILINE))
    assert disputed <= rows
