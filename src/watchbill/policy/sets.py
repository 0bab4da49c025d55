"""Decide a request about the resources of a pattern: for some of them, and pattern by pattern of the policies.

The question is split where policies split it: each pattern that an Allow names, and that meets the one asked for, is
asked by itself. Overall it is allowed when some part is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from watchbill.policy.cells import BudgetError, arn_shared, covers
from watchbill.policy.context import Context
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Decision, Effect, Request
from watchbill.policy.operators import PARTS
from watchbill.policy.patterns import ANY, AbsentKeyError, UnknownKeyError, expand, glob, widest
from watchbill.policy.rules import Policy


def decide_set(evaluator: Evaluator, request: Request) -> tuple[Effect, Mapping[str, Decision]]:
    """Decide a request whose resource is a pattern: the overall effect, and the decision of each part.

    A resource without a wildcard is one part. What is denied as a whole has no parts to allow.
    """
    asked = request.resource or "*"
    whole = evaluator.decide(replace(request, some="*" in asked))
    if "*" not in asked or whole.effect is Effect.EXPLICITLY_DENIED:
        return whole.effect, {asked: whole}
    if whole.effect is Effect.IMPLICITLY_DENIED:
        return whole.effect, {}
    parts = dict.fromkeys(_named(evaluator, request.action, asked))
    context = Context(request)
    found = {each: _part(evaluator, request, _both(asked, _filled(each, context))) for each in parts}
    return _overall([each.effect for each in found.values()]), found


def _part(evaluator: Evaluator, request: Request, resource: str) -> Decision:
    return evaluator.decide(replace(request, resource=resource, some="*" in resource))


def _both(asked: str, part: str) -> str:
    """Give a pattern of resources that both match: the narrower of each part, or one resource where neither is.

    A part asked by itself would be about resources that nobody asked about.
    """
    one, other = glob(asked), glob(part)
    ours, theirs = asked.split(":", PARTS - 1), part.split(":", PARTS - 1)
    if "*" in (asked, part):
        return part if asked == "*" else asked
    narrower = [_narrower(*pair) for pair in zip(ours, theirs, strict=False)]
    if len(ours) == len(theirs) and None not in narrower:
        return ":".join(map(str, narrower))
    return arn_shared(one, other) or part


def _narrower(one: str, other: str) -> str | None:
    try:
        if covers(glob(one), glob(other)):
            return other
        return one if covers(glob(other), glob(one)) else None
    except BudgetError:
        return None


def _filled(pattern: str, context: Context) -> str:
    """Put the values of variables into a pattern; it stays as it is where one is not known or not there."""
    try:
        tokens = expand(pattern, context.single, wild=True)
    except (UnknownKeyError, AbsentKeyError):
        return pattern
    return "".join(token if isinstance(token, str) else "*" if token == ANY else "?" for token in tokens)


def _overall(effects: list[Effect]) -> Effect:
    for effect in (Effect.ALLOWED, Effect.DEPENDS):
        if effect in effects:
            return effect
    denied = bool(effects) and set(effects) == {Effect.EXPLICITLY_DENIED}
    return Effect.EXPLICITLY_DENIED if denied else Effect.IMPLICITLY_DENIED


def _named(evaluator: Evaluator, action: str, asked: str) -> Iterator[str]:
    """Give the patterns that an Allow of an identity's or the resource's policy names and that meet the one asked."""
    layers = evaluator.layers
    policies: tuple[Policy, ...] = (*layers.identity, *((layers.resource,) if layers.resource else ()))
    for policy in policies:
        for rule in policy.speaking_of(action.lower()).allows:
            statement = policy.statements[rule.origin.index]
            if statement.not_resources:
                yield "*"
            for pattern in () if statement.not_resources else statement.resources:
                if pattern == "*" or arn_shared(glob(widest(pattern)), glob(asked)) is not None:
                    yield pattern
