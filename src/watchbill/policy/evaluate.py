"""Decide a request as AWS would, from identity policies, a boundary and a session policy; and role trust.

The rules, in order (IAM User Guide, "Policy evaluation logic"):

1. An explicit Deny that applies, in any layer, decides.
2. Every layer that is there must have an Allow that applies; the first that has none blocks.
3. Otherwise it is allowed.

Three-valued throughout: a statement whose condition hangs on a key that is not known may apply. A Deny that may apply
makes an answer depend, unless it is denied anyway; an Allow that may apply never allows by itself. Resource policies,
organization policies and endpoint policies are not asked in this release.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from watchbill.policy.conditions import Context, NotEvaluableError, holds, unknown_key
from watchbill.policy.model import Decision, Effect, Origin, Request
from watchbill.policy.patterns import (
    AbsentKeyError,
    UnknownKeyError,
    expand,
    glob_matches,
    has_variables,
    matches,
    widest,
)
from watchbill.policy.statements import Policy, Statement


@dataclass(slots=True)
class _Layer:
    """What the statements of one layer say."""

    name: str
    denies: list[Origin] = field(default_factory=list)
    allows: list[Origin] = field(default_factory=list)
    may_deny: list[Origin] = field(default_factory=list)
    may_allow: list[Origin] = field(default_factory=list)
    unknown: dict[Origin, list[str]] = field(default_factory=dict)
    not_evaluable: dict[Origin, str] = field(default_factory=dict)


def evaluate(
    request: Request,
    *,
    identity: Sequence[Policy],
    boundary: Sequence[Policy] | None = None,
    session: Sequence[Policy] | None = None,
) -> Decision:
    """Decide a request. A layer that is None is not there; a layer that is empty allows nothing."""
    context = Context.of(request)
    layers = [_read("identity", identity, request, context)]
    layers += [_read("boundary", boundary, request, context)] if boundary is not None else []
    layers += [_read("session", session, request, context)] if session is not None else []
    return _decide(layers)


def trusts(request: Request, trust: Policy, principal_arn: str) -> Decision:
    """Decide whether a role's trust policy lets a principal of its own account take the role.

    A principal that is the whole account counts as naming the principal; the identity's own policies are asked apart.
    """
    named = {"*", principal_arn}
    if principal_arn.count(":") >= 5:  # noqa: PLR2004 - an ARN has six parts
        _, partition, _, _, account, _ = principal_arn.split(":", 5)
        named |= {account, f"arn:{partition}:iam::{account}:root"}
    layer = _Layer("trust")
    context = Context.of(request)
    for statement in trust.statements:
        if statement.not_principals:
            layer.not_evaluable[statement.origin] = "NotPrincipal is not evaluated"
            (layer.may_allow if statement.allows else layer.may_deny).append(statement.origin)
            continue
        principals = statement.principals or {}
        if named & {*principals.get("AWS", ()), *principals.get("*", ())}:
            _add(layer, statement, request, context)
    return _decide([layer])


def _read(name: str, policies: Iterable[Policy], request: Request, context: Context) -> _Layer:
    layer = _Layer(name)
    for policy in policies:
        for statement in policy.statements:
            _add(layer, statement, request, context)
    return layer


def _add(layer: _Layer, statement: Statement, request: Request, context: Context) -> None:
    """Sort a statement into its layer by whether it applies."""
    if not _action(statement, request.action):
        return
    unknown: list[str] = []
    try:
        on_resource = _resource(statement, request.resource, context)
    except UnknownKeyError as error:
        unknown.append(error.key)
        on_resource = True
    if not on_resource:
        return
    try:
        for entry in statement.conditions:
            held = holds(entry, context)
            if held is False:
                return
            if held is None:
                unknown.append(unknown_key(entry, context))
    except NotEvaluableError as error:
        if not _surely_fails(statement, context):
            layer.not_evaluable[statement.origin] = str(error)
            (layer.may_allow if statement.allows else layer.may_deny).append(statement.origin)
        return
    if unknown:
        layer.unknown[statement.origin] = unknown
        (layer.may_allow if statement.allows else layer.may_deny).append(statement.origin)
    else:
        (layer.allows if statement.allows else layer.denies).append(statement.origin)


def _surely_fails(statement: Statement, context: Context) -> bool:
    """Tell whether an entry that can be evaluated fails, so that the others do not matter."""
    for entry in statement.conditions:
        try:
            if holds(entry, context) is False:
                return True
        except NotEvaluableError:
            continue
    return False


def _action(statement: Statement, action: str) -> bool:
    folded = action.lower()
    return any(glob_matches(pattern, folded) for pattern in statement.actions) != statement.not_actions


def _resource(statement: Statement, resource: str, context: Context) -> bool:
    """Tell whether a statement speaks of a resource; raises UnknownKeyError where that hangs on a variable."""
    if not statement.resources:
        return True  # a trust policy
    hanging: UnknownKeyError | None = None
    for pattern in statement.resources:
        try:
            if _covers(pattern, resource, context):
                return not statement.not_resources
        except UnknownKeyError as error:
            hanging = hanging or error
    if hanging is not None:
        raise hanging
    return statement.not_resources


def _covers(pattern: str, resource: str, context: Context) -> bool:
    if not has_variables(pattern):
        return glob_matches(pattern, resource)
    try:
        return glob_matches(widest(pattern), resource) and matches(expand(pattern, context.single, wild=True), resource)
    except AbsentKeyError:
        return False


def _decide(layers: Sequence[_Layer]) -> Decision:
    surfaced = tuple(pair for layer in layers for pair in layer.not_evaluable.items())
    for layer in layers:
        if layer.denies:
            return Decision(Effect.EXPLICITLY_DENIED, layer.name, tuple(layer.denies), (), surfaced)
    for layer in layers:
        if not layer.allows and not layer.may_allow:
            return Decision(Effect.IMPLICITLY_DENIED, layer.name, (), (), surfaced)
    open_layers = [layer for layer in layers if layer.may_deny or not layer.allows]
    if open_layers:
        hanging = [
            origin
            for layer in open_layers
            for origin in (*layer.may_deny, *(layer.may_allow if not layer.allows else ()))
        ]
        keys = [key for layer in open_layers for origin in hanging for key in layer.unknown.get(origin, ())]
        return Decision(Effect.DEPENDS, open_layers[0].name, tuple(hanging), tuple(dict.fromkeys(keys)), surfaced)
    deciding = tuple(origin for layer in layers for origin in layer.allows)
    return Decision(Effect.ALLOWED, None, deciding, (), surfaced)
