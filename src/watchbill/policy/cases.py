"""Run neutral cases of policy evaluation: what a case asks, what we answer, and whether the two agree.

A case is one JSON object with an `id`, a `layer` that says what it asks about, and what is `expected`. What we got has
the same shape as what is expected. A case that cannot be expressed here disagrees, and says why.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from watchbill.errors import WatchbillError
from watchbill.policy.cells import BudgetError, arn_overlap, overlap
from watchbill.policy.conditions import predicate_of
from watchbill.policy.context import FOLLOWING, Context
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.grammar import grammar_error
from watchbill.policy.model import ConditionEntry, Decision, Effect, Kind, Principal, Request
from watchbill.policy.patterns import any_of
from watchbill.policy.principals import Named, Naming
from watchbill.policy.resources import resource_predicate
from watchbill.policy.rules import Policy
from watchbill.policy.sets import decide_set
from watchbill.policy.statements import parse_policy


Case = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case."""

    id: str
    layer: str
    expected: Mapping[str, Any]
    got: Mapping[str, Any] | None
    """In the shape of `expected`; None where the case cannot be expressed."""
    agrees: bool
    reasons: list[str] = field(default_factory=list)
    """Statements that decided, keys the answer hangs on, or why the case cannot be expressed."""


class CaseError(WatchbillError):
    """A case that cannot be expressed here."""

    code = "bad-case"


def run_case(case: object) -> Result:
    """Run a case as decoded JSON; never raises for what a case says."""
    if not isinstance(case, Mapping):
        return Result("", "", {}, None, agrees=False, reasons=["a case is an object"])
    name, layer = str(case.get("id", "")), str(case.get("layer", ""))
    expected = case.get("expected")
    expected = expected if isinstance(expected, Mapping) else {}
    try:
        got, reasons = _ASK.get(layer, _no_layer)(case)
    except WatchbillError as error:
        return Result(name, layer, expected, None, agrees=False, reasons=[str(error)])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, re.error, BudgetError) as error:
        reason = f"the case does not read: {type(error).__name__} {error}"
        return Result(name, layer, expected, None, agrees=False, reasons=[reason])
    return Result(name, layer, expected, got, _agrees(expected, got), reasons)


def _no_layer(case: Case) -> tuple[dict[str, Any], list[str]]:
    raise CaseError(f"no layer `{case.get('layer')}`")


def _agrees(expected: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    compared = [key for key in ("decision", "results", "matches", "valid", "error") if key in expected]
    return bool(compared) and all(_same(expected[key], got.get(key)) for key in compared)


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return set(expected) == set(got) and all(_same(expected[key], got[key]) for key in expected)
    if expected == "Denied":
        return got in ("ImplicitlyDenied", "ExplicitlyDenied")
    return bool(expected == got)


Answer = tuple[dict[str, Any], list[str]]


def _decision(case: Case) -> Answer:
    decision = Evaluator(layers_of(case)).decide(request_of(case))
    existential = case.get("mode") == "discovery" or "existential-context" in case.get("tags", ())
    effect = decision.effect
    if effect is Effect.DEPENDS and existential:
        effect = Effect.ALLOWED
    return {"decision": str(effect)}, _reasons(decision)


def layers_of(case: Case) -> Layers:
    """Take the policies of a decision case."""
    found = case["policies"]

    def policies(name: str) -> tuple[Policy, ...] | None:
        documents = found.get(name)
        return _policies(name, documents) if documents else None

    def levels(name: str) -> tuple[tuple[Policy, ...], ...] | None:
        listed = found.get(name)
        if not listed:
            return None
        return tuple(_policies(f"{name}/{level}", documents) for level, documents in enumerate(listed))

    resource = found.get("resource")
    return Layers(
        policies("identity") or (),
        policies("boundary"),
        policies("session"),
        levels("scps"),
        levels("rcps"),
        None if resource is None else _policy(resource, "resource"),
        endpoint=policies("endpoint"),
        in_management_account=bool(case.get("account_is_management")) or "management-account" in case.get("tags", ()),
        service_linked="service-linked-role" in case.get("tags", ()),
    )


def _policies(name: str, documents: Any) -> tuple[Policy, ...]:
    listed = documents if isinstance(documents, list) else [documents]
    return tuple(_policy(document, f"{name}/{index}") for index, document in enumerate(listed))


def _policy(document: Any, name: str) -> Policy:
    if isinstance(document, Mapping) and "policy" in document and "Statement" not in document:
        name, document = str(document.get("name", name)), document["policy"]
    return parse_policy(document, name)


def request_of(case: Case) -> Request:
    """Take the request of a decision case."""
    asked = case["request"]
    resource = asked.get("resource")
    context = context_of(asked.get("context", {}))
    request = Request(
        asked["action"],
        resource,
        context,
        # A case gives the context whole: nothing follows from who asks.
        absent=frozenset(FOLLOWING) - {key.lower() for key in context},
        complete="existential-context" not in case.get("tags", ()),
        principal=principal_of(asked.get("principal")),
        resource_account=asked.get("resource_account"),
        some=resource is not None and "*" in resource,
    )
    return _discovering(request, case) if case.get("mode") == "discovery" else request


def _discovering(request: Request, case: Case) -> Request:
    """Take away what a case says is not known; of a key that it says nothing of, nothing is known.

    A key is named literally or, between slashes, by a regular expression.
    """
    said = {str(each["keyName"]): each for each in case.get("unknown_context") or ()}
    given = {key.lower(): value for key, value in request.context.items()}
    known: dict[str, str | tuple[str, ...]] = {}
    present, absent = set[str](), set[str]()
    for key in given.keys() | _keys_of(case["policies"]) | {name.lower() for name in said if name[:1] != "/"}:
        found: Mapping[str, Any] = next((each for name, each in said.items() if _named(name, key)), {})
        if not found.get("presenceIsKnown"):
            continue
        if key not in given:
            absent.add(key)
        elif found.get("valueIsKnown"):
            known[key] = given[key]
        else:
            present.add(key)
    open_keys = frozenset(FOLLOWING) - known.keys() - present - absent
    return replace(
        request,
        context=known,
        present=frozenset(present),
        absent=frozenset(absent),
        unknown=open_keys,
        complete=False,
    )


_REPEATED_GROUP = re.compile(r"\)[*+{]")
_REPEATS = re.compile(r"[*+?{]")
_MOST_REPEATS = 4
"""Repeats in an expression: the work grows with the length of a key to the power of their number."""


def _named(name: str, key: str) -> bool:
    if name[:1] == "/" and name[-1:] == "/" and len(name) > 1:
        if _REPEATED_GROUP.search(name) or len(_REPEATS.findall(name)) > _MOST_REPEATS:
            raise ValueError(f"the expression {name} may take for ever to match")
        return re.search(name[1:-1], key, re.IGNORECASE) is not None
    return name.lower() == key


def _keys_of(found: Any) -> set[str]:
    """Collect the condition keys of policies, in lower case."""
    keys: set[str] = set()
    if isinstance(found, Mapping):
        conditions = found.get("Condition")
        for entries in conditions.values() if isinstance(conditions, Mapping) else ():
            keys |= {str(key).lower() for key in entries} if isinstance(entries, Mapping) else set()
        found = list(found.values())
    if isinstance(found, list):
        keys = keys.union(*map(_keys_of, found))
    return keys


def principal_of(found: Any) -> Principal | None:
    """Read the principal of a case: an ARN, or an object with a `type`."""
    if found is None:
        return None
    if isinstance(found, str):
        return Principal.of(found)
    kind = next((each for each in Kind if each.lower() == str(found.get("type", "")).lower()), None)
    if kind is None:
        raise CaseError(f"no principal of type `{found.get('type')}`")
    names = [value for key, value in found.items() if key != "type" and isinstance(value, str)]
    return Principal(kind, names[0] if names else "*")


def context_of(found: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """Give the keys of a case as a request has them."""
    return {
        key: tuple(map(_text, value)) if isinstance(value, list) else _text(value)
        for key, value in found.items()
        if value is not None
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reasons(decision: Decision) -> list[str]:
    reasons = [f"blocked by {decision.layer}"] if decision.layer else []
    reasons += [f"by {origin}" for origin in decision.deciding]
    reasons += [f"hangs on {key}" for key in decision.unknown_keys]
    return reasons + [f"{origin}: {reason}" for origin, reason in decision.not_evaluable]


def _decision_set(case: Case) -> Answer:
    overall, found = decide_set(Evaluator(layers_of(case)), request_of(case))
    results = {pattern: str(decision.effect) for pattern, decision in found.items()}
    expected = case["expected"].get("results")
    listed = [{"pattern": pattern, "decision": effect} for pattern, effect in results.items()]
    return {"decision": str(overall), "results": listed if isinstance(expected, list) else results}, []


def _operator(case: Case) -> Answer:
    context = dict(case.get("context") or {})
    if case.get("context_value") is not None:
        context["the:key"] = case["context_value"]
    return _entries([(case["operator"], "the:key", case["policy_values"])], context)


def _condition(case: Case) -> Answer:
    return _entries([tuple(each) for each in case["conditions"]], case.get("context") or {})


def _entries(entries: list[tuple[Any, ...]], context: Mapping[str, Any]) -> Answer:
    request = Request("s3:GetObject", "*", context_of(context), complete=True)
    known = Context(request)
    held, reasons = [], []
    for operator, key, values in entries:
        listed = values if isinstance(values, list) else [values]
        predicate = predicate_of(ConditionEntry(operator, key, tuple(map(_text, listed))))
        held.append(predicate.test(known))
        if predicate.why_not:
            reasons.append(predicate.why_not)
    return {"matches": all(each is True for each in held)}, reasons


def _part(case: Case) -> Answer:
    part, values = case["part"], case["values"]
    return {"matches": _speaks(part, values, case["request"])}, []


def _statement(case: Case) -> Answer:
    statement, asked = case["statement"], case["part"]
    part = next((each for each in (asked, f"Not{asked}", asked.removeprefix("Not")) if each in statement), None)
    if asked == "Condition" or part is None:
        conditions = statement.get("Condition", {})
        entries = [(operator, key, values) for operator, keys in conditions.items() for key, values in keys.items()]
        return _entries(entries, case["request"].get("context", {}))
    return {"matches": _speaks(part, statement[part], case["request"])}, []


def _speaks(part: str, values: Any, asked: Mapping[str, Any]) -> bool:
    negated, element = part.startswith("Not"), part.removeprefix("Not")
    listed = values if isinstance(values, list) else [values]
    if element == "Action":
        return any_of(each.lower() for each in listed)(asked["action"].lower()) is not negated
    if element == "Resource":
        request = Request("", asked["resource"], context_of(asked.get("context", {})), complete=True)
        request = replace(request, principal=principal_of(asked.get("principal")), some="*" in asked["resource"])
        statement = {"Effect": "Allow", "Action": "*", part: values}
        parsed = parse_policy({"Version": "2012-10-17", "Statement": statement}, "")
        predicate = resource_predicate(parsed.statements[0].resources, negated=negated, allows=True)
        return predicate is None or bool(predicate.test(Context(request)))
    if element == "Principal":
        who = principal_of(asked["principal"])
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*", part: values}
        principals = parse_policy({"Version": "2012-10-17", "Statement": statement}, "").statements[0].principals
        return who is not None and Named(principals or {}, negated=negated).naming(who) is not Naming.NOT
    raise CaseError(f"no part `{part}`")


def _grammar(case: Case) -> Answer:
    error = grammar_error(case["document"])
    return ({"valid": True} if error is None else {"valid": False, "error": error}), []


def _overlap(case: Case) -> Answer:
    *_, one, other = case["args"]
    function = case.get("fn", "is_glob_match")
    if function == "is_glob_match":
        return {"matches": overlap(one, other)}, []
    return {"matches": arn_overlap(one, other, strictly=function == "is_arn_strictly_valid")}, []


_ASK: Mapping[str, Callable[[Case], Answer]] = {
    "decision": _decision,
    "decision-set": _decision_set,
    "operator": _operator,
    "condition": _condition,
    "statement-part": _part,
    "statement": _statement,
    "grammar": _grammar,
    "pattern-overlap": _overlap,
}
