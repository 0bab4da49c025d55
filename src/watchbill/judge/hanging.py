"""What an answer hangs on besides the action: which events are surely judged alike, and which columns tell them apart.

A decision is a function of the action and of what the rules that speak of it ask. Where they ask nothing, it is the
same for every request of the action. Where they do, it is the same for requests that agree in what is asked: each
condition key is read from some columns of `trail.table.SCHEMA` and from no others, by `policy.circumstances`, which
tells of the circumstances, or by `policy.given`, which tells of the call itself.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from watchbill.access.model import Holding
from watchbill.judge.judge import Held, Judge, beside, decided
from watchbill.policy.context import FOLLOWING, RESOURCE
from watchbill.policy.evaluate import Evaluator
from watchbill.policy.model import Decision, Effect, Request
from watchbill.policy.services import BY_SERVICE, rules_of_services


Hangs = frozenset[str]
"""Condition keys in lower case, and `RESOURCE`."""

NOTHING: Hangs = frozenset()

REMEMBERED = 50_000
"""Actions, over all evaluators, of which it is remembered what they hang on: their number is not ours to say."""

OF_CALL = (
    *("request_parameters", "response_elements", "resources", "error_code", "error_message", "region"),
    *("issuer_arn", "arn", "identity_account", "rest"),
)
"""What a call is read from besides its names and its account: `policy.requests.call_of`. Of `userIdentity` it reads
whose role it was, else who, and the account."""

_WHO = ("user_identity", "rest")
_PRINCIPAL = ("identity_type", "arn", "issuer_arn", "identity_account", "principal_id", "user_name", "rest")
_WHENCE = ("ip", "user_agent", "vpc_endpoint_id", *_WHO)
_TRANSPORT = ("tls_details", "additional_event_data", "rest")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("aws:currenttime", "aws:epochtime"), ("time_ms", "rest")),
    "aws:multifactorauthage": ("time_ms", *_WHO),
    "aws:requestedregion": ("region", "rest"),
    **dict.fromkeys(
        (
            *("aws:sourceip", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce", "aws:vpcsourceip"),
            *("aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths", "aws:useragent"),
        ),
        _WHENCE,
    ),
    **dict.fromkeys(("aws:securetransport", "s3:tlsversion", "s3:signatureversion", "s3:authtype"), _TRANSPORT),
    **dict.fromkeys(
        (
            *("aws:assumedroot", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:federatedprovider"),
            *("aws:multifactorauthpresent", "aws:principalservicename", "aws:principalservicenameslist"),
            *("aws:tokenissuetime", "aws:viaawsservice", "identitystore:userid"),
        ),
        _WHO,
    ),
    **dict.fromkeys(
        (
            *("aws:principalaccount", "aws:principalarn", "aws:principalisawsservice", "aws:principaltype"),
            *("aws:userid", "aws:username"),
        ),
        _PRINCIPAL,
    ),
}
"""The columns that a key of the circumstances is read from; every other key is read from those of the call."""


READ: tuple[str, ...] = tuple(
    sorted(
        {
            *("time_ms", "id", "account", "person", "source", "name", "type", "outcome", "host"),
            *("method", "confidence", "why", "session_began_ms"),
            *OF_CALL,
            *(column for columns in COLUMNS.values() for column in columns),
        }
    )
)
"""All columns that an event is judged by, or told of; what any other says makes no difference to it."""


def columns_of(hangs: Hangs) -> tuple[str, ...]:
    """Give the columns that tell apart requests of one action, source and account, by what an answer hangs on."""
    return tuple(sorted({column for key in hangs for column in COLUMNS.get(key, OF_CALL)}))


def asked_by(evaluator: Evaluator, action: str) -> Hangs:
    """Give what the rules that speak of an action ask."""
    lowered = action.lower()
    found: set[str] = set()
    if lowered.startswith(BY_SERVICE) and any(rules_of_services(lowered)[1:]):
        found.add(RESOURCE)
    for level in evaluator.speaking_of(lowered):
        for rule in (*level.denies, *level.allows):
            for predicate in rule.predicates:
                keys = {key.lower() for key in predicate.keys}
                # Keys that follow from the resource are asked of it.
                found |= keys | {RESOURCE for key in keys if RESOURCE in FOLLOWING.get(key, ())}
        if level.name == "rcp" and level.denies:
            found.add(RESOURCE)  # they bound what is of the account alone
    return frozenset(found)


class Remembering:
    """Decides as `judge.decided` does, and asks once what hangs on nothing but the action."""

    def __init__(self) -> None:
        self._hangs: dict[tuple[Evaluator, str], Hangs] = {}
        self._known: dict[tuple[Evaluator, str, str], Decision] = {}

    def hangs_on(self, evaluator: Evaluator, action: str) -> Hangs:
        """Give what a decision on an action hangs on."""
        key = (evaluator, action)
        found = self._hangs.get(key)
        if found is None:
            if len(self._hangs) >= REMEMBERED:
                self._hangs.clear()
            found = self._hangs[key] = asked_by(evaluator, action)
        return found

    def __call__(self, evaluator: Evaluator, request: Request, number: str) -> Decision:
        """Decide a request in the account of a number."""
        if self.hangs_on(evaluator, request.action):
            return decided(evaluator, request, number)
        key = (evaluator, request.action, number)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[key] = decided(evaluator, request, number)
        return found


_Way = tuple[Evaluator, Evaluator | None, bool]
"""What decides on a path: its evaluator, its gate, and whether what it says is not known for sure."""


class Hanging:
    """Tells what a judge's answers hang on; the same ways, of whomever and whenever, are looked at once."""

    def __init__(self, judge: Judge, remembering: Remembering) -> None:
        self._judge = judge
        self._remembering = remembering
        self._now: dict[tuple[tuple[_Way, ...], str, str], tuple[Hangs, bool]] = {}
        self._near: dict[tuple[frozenset[_Way], str], Hangs] = {}
        self._windows: dict[int, tuple[Held, frozenset[_Way]]] = {}
        """What is held, so that its number stays its own, and all ways of the windows near it."""

    def of(self, held: Held, actions: Iterable[str]) -> Hangs:
        """Give what an answer hangs on to requests of some actions by a person, beside the time within a piece."""
        if held.account is None:
            return NOTHING
        return frozenset().union(*(self._one(held, action) for action in actions))

    def of_now(self, held: Held, actions: Iterable[str]) -> Hangs:
        """Give what it hangs on whether what is held now allows requests of some actions."""
        if held.account is None:
            return NOTHING
        ways = self._ways(held, held.now)
        return frozenset().union(*(self._asked_of(ways, action, held.number)[0] for action in actions))

    def _one(self, held: Held, action: str) -> Hangs:
        every: tuple[dict[Any, Any], ...] = (self._near, self._windows)
        for kept in every:
            if len(kept) >= REMEMBERED:
                kept.clear()
        found, allowed = self._asked_of(self._ways(held, held.now), action, held.number)
        if allowed:
            return found
        near = (self._ways_near(held), action)
        if near not in self._near:
            self._near[near] = frozenset().union(*(self._path(way, action) for way in near[0]))
        return found | self._near[near]

    def _asked_of(self, *now: *tuple[tuple[_Way, ...], str, str]) -> tuple[Hangs, bool]:
        if now not in self._now:
            if len(self._now) >= REMEMBERED:
                self._now.clear()
            self._now[now] = self._asked_now(*now)
        return self._now[now]

    def _ways(self, held: Held, holdings: tuple[Holding, ...]) -> tuple[_Way, ...]:
        return tuple((each.evaluator, each.gate, bool(each.unsure)) for each in self._judge.paths(held, holdings))

    def _ways_near(self, held: Held) -> frozenset[_Way]:
        if id(held) not in self._windows:
            ways = frozenset(way for window in held.near for way in self._ways(held, beside(window, held)))
            self._windows[id(held)] = held, ways
        return self._windows[id(held)][1]

    def _asked_now(self, ways: tuple[_Way, ...], action: str, number: str) -> tuple[Hangs, bool]:
        """Give what is asked, until a path allows it for sure: none after that is asked."""
        found: set[str] = set()
        probe = Request(action, None, {})
        for way in ways:
            asked, (evaluator, gate, unsure) = self._path(way, action), way
            found |= asked
            deciding = [evaluator] if gate is None else [evaluator, gate]
            if (
                not asked
                and not unsure
                and any(self._remembering(each, probe, number).effect is Effect.ALLOWED for each in deciding)
            ):
                return frozenset(found), True
        return frozenset(found), False

    def _path(self, way: _Way, action: str) -> Hangs:
        evaluator, gate, _ = way
        asked = self._remembering.hangs_on(evaluator, action)
        return asked if gate is None else asked | self._remembering.hangs_on(gate, action)
