"""What a statement says of resources: patterns of ARNs, matched part by part.

The rules (IAM User Guide, "IAM JSON policy elements: Resource"):

1. A wildcard never reaches over one of the first five colons of an ARN.
2. The type of a resource (`user` in `user/james`) takes no part of a wildcard. Where it has one all the same, nothing
   rests on it that gives a right, and all that takes one away. S3 has no types.
3. A variable whose key is absent makes its pattern match nothing, and `NotResource` speak of nothing.
4. Of a request that is about some resource of a pattern, an Allow speaks where the two overlap; a Deny where it covers
   all of them. An action that takes no resource is asked of `*` itself.
"""

from collections.abc import Callable
from functools import lru_cache

from watchbill.policy.actions import resource_types
from watchbill.policy.cells import BudgetError, arn_covers, arn_shared
from watchbill.policy.conditions import Predicate
from watchbill.policy.context import RESOURCE, Context
from watchbill.policy.operators import PARTS, Tokens, arn_matcher, arn_parts
from watchbill.policy.patterns import (
    AbsentKeyError,
    Match,
    Token,
    UnknownKeyError,
    any_of,
    expand,
    glob,
    has_variables,
    matcher,
    variables,
    widest,
)


@lru_cache(maxsize=65536)
def resource_predicate(patterns: tuple[str, ...], *, negated: bool, allows: bool) -> Predicate | None:
    """Compile what a statement says of resources; None where it speaks of all of them."""
    if "*" in patterns and not negated:
        return None
    # Rule 2: of two readings, the one that gives less.
    narrow = allows is not negated
    one, some = _of_one(patterns, narrow=narrow), _of_some(patterns, negated=negated, allows=allows)

    def test(context: Context) -> bool | None:
        if context.resource is None:
            return None
        if context.request.some and not (context.resource == "*" and resource_types(context.request.action) == ()):
            return some(context.resource, context)
        found = one(context.resource, context)
        if not negated:
            return found
        return None if found is None else not found and not _brings_absent(patterns, context)

    brought = dict.fromkeys(each for pattern in patterns for each in variables(pattern))
    return Predicate(test, (RESOURCE, *brought), patterns=patterns, negated=negated)


Speaks = Callable[[str, Context], bool | None]


def _of_one(patterns: tuple[str, ...], *, narrow: bool) -> Speaks:
    def fits(tokens: Tokens) -> Match:
        return _nothing if narrow and _part_of_type(tokens) else _matcher(tokens)

    constant = any_of((each for each in patterns if not has_variables(each)), fits)
    templates = [(each, _matcher(glob(widest(each)))) for each in patterns if has_variables(each)]

    def test(resource: str, context: Context) -> bool | None:
        if constant(resource):
            return True
        hanging = False
        for template, at_most in templates:
            try:
                if fits(expand(template, context.single, wild=True))(resource):
                    return True
            except UnknownKeyError:
                hanging = hanging or at_most(resource)
            except AbsentKeyError:
                continue
        return None if hanging else False

    return test


def _brings_absent(patterns: tuple[str, ...], context: Context) -> bool:
    for pattern in patterns:
        try:
            expand(pattern, context.single, wild=True)
        except AbsentKeyError:
            return True
        except UnknownKeyError:
            continue
    return False


def _nothing(text: str) -> bool:
    return False


def _matcher(tokens: Tokens) -> Match:
    return arn_matcher(tokens) if in_parts(tokens) else matcher(tokens)


def in_parts(tokens: Tokens) -> bool:
    """Tell whether a pattern is matched part by part: a wildcard stands in one of the first five parts of an ARN."""
    parts = arn_parts(tokens)
    wild = any(not isinstance(token, str) for part in parts[: PARTS - 1] for token in part)
    return wild and len(parts) == PARTS


def _part_of_type(tokens: tuple[Token, ...]) -> bool:
    """Tell whether the type in a pattern of an ARN has a wildcard in it, and is not one whole."""
    parts = arn_parts(tokens)
    if len(parts) < PARTS or parts[2] == ("s", "3"):
        return False
    kind: list[Token] = []
    for token in parts[5]:
        if token in ("/", ":"):
            return len(kind) > 1 and any(not isinstance(each, str) for each in kind)
        kind.append(token)
    return False


def _of_some(patterns: tuple[str, ...], *, negated: bool, allows: bool) -> Speaks:
    def test(asked: str, context: Context) -> bool | None:
        found: list[Tokens] = []
        for pattern in patterns:
            try:
                found.append(expand(pattern, context.single, wild=True))
            except UnknownKeyError:
                return None
            except AbsentKeyError:
                continue
        wanted = glob(asked)
        try:
            holds_all = any(arn_covers(each, wanted) for each in found)
        except BudgetError:
            return None
        meets = any(arn_shared(each, wanted) is not None for each in found)
        if negated:
            return not holds_all if allows else not meets
        return meets if allows else holds_all

    return test
