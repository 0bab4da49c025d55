"""Conditions compiled, three-valued: true, false, or None where it hangs on a key that is not known.

The rules, in order:

1. A key known to be absent makes a positive operator false and a negated one true; `...IfExists` makes any true;
   `Null` asks for it. `ForAllValues` is true of an absent key; `ForAnyValue` false, with `...IfExists` too.
2. A key that has several values needs a quantifier: without one, no operator holds of it.
3. Values under one key are OR-ed; a negated operator wants none of them to match. A value that surely matches decides,
   whatever the others hang on.
4. What does not read as what is compared, and a policy's value that brings in a key that is absent, is never as wanted,
   by a negated operator neither.
5. An operator that IAM does not have is not evaluated: it is None, with the reason.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys", and "IAM policy
elements: Variables and tags".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from watchbill.policy.context import UNKNOWN, Context
from watchbill.policy.model import ConditionEntry
from watchbill.policy.operators import COMPARISONS, WILD, Negated, Operator, Texts, Tokens, operator_of, text_of
from watchbill.policy.patterns import AbsentKeyError, Match, UnknownKeyError, expand, variables


Test = Callable[[Context], bool | None]


@dataclass(frozen=True, slots=True, eq=False)
class Predicate:
    """One thing a statement asks of a request. Equal entries give the same object, so that it is asked once."""

    test: Test
    keys: tuple[str, ...]
    """Keys it reads, as written: its own first, then those its values bring in; `RESOURCE` for the resource."""
    why_not: str = ""
    """Why it cannot be evaluated; empty when it can."""
    entry: ConditionEntry | None = None
    """The condition it asks; None for one of resources."""
    patterns: tuple[str, ...] = ()
    """The patterns of resources it asks for."""
    negated: bool = False
    """Whether it asks for resources of none of the patterns."""
    match: Match | None = None
    """What it asks of one value of its key, where that hangs on nothing else."""


@lru_cache(maxsize=65536)
def predicate_of(entry: ConditionEntry) -> Predicate:
    """Compile a condition entry."""
    operator, key = operator_of(entry.operator), entry.key.lower()
    if operator is None:
        reason = f"condition operator `{entry.operator}` is not evaluated"
        return Predicate(lambda context: None, (entry.key,), reason, entry)
    if operator.name == "null":
        return Predicate(_null(key, entry.values), (entry.key,), "", entry)
    wild = operator.name in WILD
    constant = _fixed(operator, [expand(each, _no_key, wild=wild) for each in entry.values if not variables(each)])
    brought = dict.fromkeys(each for value in entry.values for each in variables(value))
    if not brought:
        if operator.quantifier:
            test = _entry(operator, key, lambda value, context: constant(value))
        else:
            test = _single(operator, key, constant)
        return Predicate(test, (entry.key,), "", entry, match=constant)
    templates = [each for each in entry.values if variables(each)]
    return Predicate(_entry(operator, key, _hit(operator, constant, templates)), (entry.key, *brought), "", entry)


def holds(entry: ConditionEntry, context: Context) -> bool | None:
    """Tell whether one condition entry holds; None where that hangs on a key that is not known."""
    return predicate_of(entry).test(context)


Hit = Callable[[str, Context], bool | None]
"""Tells whether one value of the request is as an operator wants it by a policy's values."""


def _entry(operator: Operator, key: str, hit: Hit) -> Test:
    quantifier = operator.quantifier
    every = quantifier == "forallvalues"
    missing = every if quantifier else operator.if_exists or operator.negated

    def test(context: Context) -> bool | None:
        found = context.lookup(key)
        if found is UNKNOWN:
            return None
        if found is None:
            return missing
        if isinstance(found, str):
            return hit(found, context)
        if not quantifier:
            return False
        hits = [hit(value, context) for value in found]
        return _all(hits) if every else _any(hits)

    return test


def _single(operator: Operator, key: str, match: Match) -> Test:
    """Compile what nearly all conditions are: no quantifier, no variables."""
    missing = operator.if_exists or operator.negated

    def test(context: Context) -> bool | None:
        found = context.lookup(key)
        if isinstance(found, str):
            return match(found)
        return None if found is UNKNOWN else found is None and missing

    return test


def _any(found: list[bool | None]) -> bool | None:
    return True if True in found else None if None in found else False


def _all(found: list[bool | None]) -> bool | None:
    return False if False in found else None if None in found else True


def _null(key: str, values: Sequence[str]) -> Test:
    when_absent = any(value.lower() == "true" for value in values)
    when_present = any(value.lower() != "true" for value in values)

    def test(context: Context) -> bool | None:
        presence = context.presence(key)
        return None if presence is None else when_present if presence else when_absent

    return test


def _hit(operator: Operator, constant: Match, templates: Sequence[str]) -> Hit:
    """Compile what asks for the values without variables, and for those with them."""
    negated, wild = operator.negated, operator.name in WILD

    @lru_cache(maxsize=1024)
    def match(tokens: Tokens) -> Match:
        return _fixed(operator, [tokens])

    def hit(value: str, context: Context) -> bool | None:
        settled, hanging = constant(value), False
        for template in templates:
            if settled is not negated:
                return settled
            try:
                tokens = expand(template, context.single, wild=wild)
            except UnknownKeyError:
                hanging = True
            except AbsentKeyError:
                settled = False
            else:
                settled = match(tokens)(value)
        return None if hanging and settled is negated else settled

    return hit


def _fixed(operator: Operator, values: Sequence[Tokens]) -> Match:
    """Compile values without variables."""
    comparison = COMPARISONS[operator.name]
    wanted = [each for each in values if comparison.wants(text_of(each) if operator.name not in WILD else _shape(each))]
    match, reads = comparison.any_of(wanted), comparison.reads
    if not operator.negated:
        return match
    if len(wanted) < len(values):
        return Texts()
    return Negated(match, reads)


def _shape(tokens: Tokens) -> str:
    return "".join(token if isinstance(token, str) else "*" for token in tokens)


def _no_key(key: str) -> str | None:
    raise AssertionError(key)  # only texts without variables are expanded so
