"""What an answer hangs on, as conditions a person can read: "if aws:MultiFactorAuthPresent is true"."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from watchbill.policy.context import RESOURCE, Context
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import ConditionEntry, Decision, Effect, Origin, Request
from watchbill.policy.operators import Operator, operator_of
from watchbill.policy.rules import Rule


_WORDS = {
    "stringequals": ("is", "is not"),
    "stringequalsignorecase": ("is, in any case,", "is not, in any case,"),
    "stringlike": ("is like", "is not like"),
    "arnequals": ("is like", "is not like"),
    "arnlike": ("is like", "is not like"),
    "bool": ("is", "is not"),
    "ipaddress": ("is in", "is not in"),
    "binaryequals": ("is", "is not"),
    "numericequals": ("is", "is not"),
    "numericlessthan": ("is below", ""),
    "numericlessthanequals": ("is at most", ""),
    "numericgreaterthan": ("is above", ""),
    "numericgreaterthanequals": ("is at least", ""),
    "dateequals": ("is", "is not"),
    "datelessthan": ("is before", ""),
    "datelessthanequals": ("is at the latest", ""),
    "dategreaterthan": ("is after", ""),
    "dategreaterthanequals": ("is at the earliest", ""),
}


def conditions(rules: Mapping[Origin, Rule], request: Request, decision: Decision) -> tuple[str, ...]:
    """Say what a decision that depends hangs on: each of these must be so for the request to be allowed.

    `rules` are those of the evaluator that speak of the action (`rules_of`). Empty for a decision that does not depend.
    Where any of several statements of one policy would do, they are one condition.
    """
    if decision.effect is not Effect.DEPENDS:
        return ()
    context = Context(request)
    found: dict[str, None] = {}
    ways: dict[str, list[str]] = {}
    for origin in decision.deciding:
        said = " and ".join(_open(rules[origin], context, decision.unknown_keys))
        if rules[origin].allows:
            ways.setdefault(origin.document, []).append(said)
        else:
            found[f"unless {said}"] = None
    found |= {f"if {' or '.join(dict.fromkeys(each))}": None for each in ways.values()}
    by_resource = any(rules[origin].principals is not None for origin in decision.deciding)
    if not found or (decision.layer == "resource" and not by_resource):
        found[f"if the {decision.layer} policy, which is not known, allows it"] = None
    return tuple(found)


def rules_of(evaluator: Evaluator, action: str) -> dict[Origin, Rule]:
    """Give the rules that speak of an action, by where they come from."""
    levels = evaluator.speaking_of(action.lower())
    return {rule.origin: rule for level in levels for rule in (*level.denies, *level.allows)}


def _open(rule: Rule, context: Context, unknown: Collection[str]) -> list[str]:
    return list(dict.fromkeys(_said(rule, context, unknown)))


def _said(rule: Rule, context: Context, unknown: Collection[str]) -> Iterator[str]:
    for predicate in rule.predicates:
        # What the decision does not hang on need not be asked again.
        hangs = predicate.why_not or predicate.entry is None or any(key in unknown for key in predicate.keys)
        if not hangs or predicate.test(context) is not None:
            continue
        if predicate.entry is not None:
            yield words(predicate.entry)
        else:
            verb = "is not" if predicate.negated else "is"
            yield f"the {RESOURCE} {verb} {_listed(predicate.patterns)}"


def words(entry: ConditionEntry) -> str:
    """Say a condition: `aws:SourceIp is in 10.0.0.0/8`; an operator that is not known as it is written."""
    operator = operator_of(entry.operator)
    if operator is None:
        return f"{entry.operator} {entry.key} {_listed(entry.values)}"
    if operator.name == "null":
        return f"{entry.key} is {'absent' if any(each.lower() == 'true' for each in entry.values) else 'there'}"
    verb = _WORDS[operator.name][operator.negated]
    said = f"{_subject(operator, entry.key)} {verb} {_listed(entry.values)}"
    return f"{said}, if it is there" if operator.if_exists else said


def _subject(operator: Operator, key: str) -> str:
    return {"forallvalues": f"every value of {key}", "foranyvalue": f"some value of {key}"}.get(
        operator.quantifier, key
    )


def _listed(values: Iterable[str]) -> str:
    listed = [value or '""' for value in values]
    return " or ".join(listed) if listed else "nothing"
