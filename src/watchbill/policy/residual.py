"""What an answer hangs on, as conditions a person can read: "if aws:MultiFactorAuthPresent is true"."""

from collections.abc import Iterable, Iterator

from watchbill.policy.context import RESOURCE, Context
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import ConditionEntry, Effect, Request
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


def conditions(evaluator: Evaluator, request: Request) -> tuple[str, ...]:
    """Say what a decision that depends hangs on: each of these must be so for the request to be allowed.

    Empty for one that does not depend. Where any of several statements would do, they are one condition.
    """
    decision = evaluator.decide(request)
    if decision.effect is not Effect.DEPENDS:
        return ()
    context, hanging = Context(request), set(decision.deciding)
    found: dict[str, None] = {}
    for level in evaluator.asked(request):
        for rule in level.denies:
            if rule.origin in hanging and rule.applies(context) is None:
                found[f"unless {' and '.join(_open(rule, context))}"] = None
        ways = [
            _open(rule, context) for rule in level.allows if rule.origin in hanging and rule.applies(context) is None
        ]
        if ways:
            found[f"if {' or '.join(' and '.join(each) for each in dict.fromkeys(map(tuple, ways)))}"] = None
    if not found and decision.layer is not None:
        found[f"if the {decision.layer} policy, which is not known, allows it"] = None
    return tuple(found)


def _open(rule: Rule, context: Context) -> list[str]:
    return list(dict.fromkeys(_said(rule, context)))


def _said(rule: Rule, context: Context) -> Iterator[str]:
    for predicate in rule.predicates:
        if predicate.test(context) is not None:
            continue
        if predicate.entry is not None:
            yield words(predicate.entry)
        else:
            verb = "is" if not rule.allows or len(predicate.patterns) == 1 else "is one of"
            yield f"the {RESOURCE} {verb} {_listed(predicate.patterns)}"


def words(entry: ConditionEntry) -> str:
    """Say a condition: `aws:SourceIp is in 10.0.0.0/8`; an operator that is not known as it is written."""
    operator = operator_of(entry.operator)
    if operator is None:
        return f"{entry.operator} {entry.key} {_listed(entry.values)}"
    if operator.name == "null":
        return f"{entry.key} is {'absent' if 'true' in entry.values else 'there'}"
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
