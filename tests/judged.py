"""A cloud in memory that refuses what given policies do not allow, as AWS does and moto does not.

Two evaluators are asked of every step and must agree: watchbill's own, and one that is written down here a second time,
by the plain rules, for the operators that watchbill's own rights use.
"""

from copy import deepcopy
from fnmatch import fnmatchcase

from tests.cloud import MemoryCloud

from watchbill.access.model import Call as Step
from watchbill.errors import ProviderError
from watchbill.policy.acted_on import Call
from watchbill.policy.circumstances import Known
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.model import Effect, Request
from watchbill.policy.requests import requests_of_call
from watchbill.policy.statements import parse_policy


def may(documents, action, resource, context, boundary=None):
    """Ask both evaluators whether documents, within a boundary, allow something of which everything is known."""
    ours = _ours(tuple(map(id, documents)), documents, boundary).decide(
        Request(action, resource, context, complete=True)
    )
    plain = _plainly(documents, action, resource, context) and (
        boundary is None or _plainly([boundary], action, resource, context)
    )
    assert plain is (ours.effect is Effect.ALLOWED), (action, resource, context, ours)
    return plain


_KNOWN: dict[tuple[int, ...], tuple[Evaluator, object, object]] = {}


def _ours(key, documents, boundary):
    key = (*key, id(boundary))
    if key not in _KNOWN:
        policies = tuple(parse_policy(document, str(n)) for n, document in enumerate(documents))
        bound = None if boundary is None else (parse_policy(boundary, "boundary"),)
        # The documents are kept, so that no other comes to have their identity.
        _KNOWN[key] = Evaluator(Layers(identity=policies, boundary=bound)), documents, boundary
    return _KNOWN[key][0]


def _plainly(documents, action, resource, context):
    """Decide the plain way: whatever a Deny hits is denied, and what no Allow hits is too."""
    hits = [
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if any(_like(action.lower(), each.lower()) for each in _listed(statement["Action"]))
        and any(_like(resource, each) for each in _listed(statement["Resource"]))
        and all(
            _holds(operator, key, _listed(values), context)
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    ]
    return "Allow" in hits and "Deny" not in hits


def _holds(operator, key, values, context):
    there = {name.lower(): value for name, value in context.items()}.get(key.lower())
    if operator == "ForAllValues:StringEquals":
        return all(each in values for each in _listed(there or ()))
    assert operator in ("ArnEquals", "ArnLike", "StringLike"), operator
    return there is not None and any(_like(there, each) for each in values)


def _like(text, pattern):
    assert "[" not in pattern
    return fnmatchcase(text, pattern)


def _listed(found):
    return [found] if isinstance(found, str) else list(found)


class Judged(MemoryCloud):
    """Makes a step only where policies allow it; the policies are those of an account by its name."""

    def __init__(self, of, policies, boundary=lambda number: None):
        super().__init__()
        for name in ("states", "keys", "doors", "devices", "passwords", "shells", "_versions"):
            setattr(self, name, deepcopy(getattr(of, name)))
        self._policies = policies
        self._bound = {name: boundary(name) for name in policies}
        self.refused = []

    def perform(self, account, call):
        """Make a step, or refuse it by the name of the right that is missing."""
        for action, resource, context in requests(self.observe(account), call):
            if not may(self._policies[account.name], action, resource, context, self._bound[account.name]):
                self.refused.append(call.operation)
                raise ProviderError(f"AccessDenied: {action} on {resource}")
        super().perform(account, call)


def requests(state, call: Step):
    """Give what AWS asks of a step: actions, resources as they lie in the account, and the keys it has of them."""
    caller = f"arn:aws:sts::{state.number}:assumed-role/watchbill/watchbill"
    made = Call(
        f"{call.service}.amazonaws.com",
        call.operation,
        state.number,
        call.region or "us-east-1",
        call.parameters,
        None,
        caller,
    )
    mapped = requests_of_call(made, Known({}))
    assert mapped.requests, call
    for each in mapped.requests:
        resource, context = each.resource, dict(each.context)
        there = _there(state, resource)
        if there is not None:
            resource = getattr(there, "arn", f"arn:aws:iam::{state.number}:group{there.path}{there.name}")
            bound = getattr(there, "boundary", None)
            if bound is not None:
                context.setdefault("iam:PermissionsBoundary", bound)
        yield each.action, resource, context


def _there(state, resource):
    """Find what a resource is in an account: a call names it without its path."""
    kind, _, name = resource.rpartition(":")[2].partition("/")
    held = {"user": state.users, "group": state.groups, "role": state.roles}.get(kind, {})
    return held.get(name.rpartition("/")[2])
