"""Invariants: "support never ec2:TerminateInstances", proven over all requests, or shown to be broken by one.

An invariant names whom it is about (a group, a person or `everyone`), an action or a pattern of actions, and optionally
`on` a pattern of resources and `in` an account. It holds when no way of anyone it is about can be allowed by any
request, whatever the resource, the time and the context. A role is a way: it must be taken first.

Actions are those that the documents name or that AWS lists; what a pattern speaks of and AWS has not thought of yet is
covered by a name of our own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from watchbill.access.ways import Step, Way, Ways
from watchbill.errors import Problem, WatchbillError
from watchbill.policy.actions import actions_matching
from watchbill.policy.cells import BudgetError, instant_witnesses, overlap, text_witnesses
from watchbill.policy.context import resource_account
from watchbill.policy.evaluate import NAMING, Evaluator
from watchbill.policy.model import Origin, Principal, Request
from watchbill.policy.operators import read_instant
from watchbill.policy.patterns import glob, glob_matches
from watchbill.policy.prove import STEPS, Answer, Counterexample, NotKnown, Proof, any_allowed
from watchbill.policy.rules import Policy
from watchbill.policy.services import rules_of_services
from watchbill.team.model import Team


_NOW = "aws:CurrentTime"
_SECONDS = "aws:EpochTime"
_ALWAYS = frozenset({_NOW, _SECONDS, "aws:SecureTransport"})
"""Keys that are in every request (IAM User Guide, "AWS global condition context keys")."""
EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Invariant:
    """Nobody whom it is about may ever do this."""

    text: str
    about: str
    action: str
    resource: str
    account: str | None
    """None is every account."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer for one way of one person in one account."""

    invariant: Invariant
    person: str
    account: str
    way: str
    answer: Answer
    taking: Counterexample | None = None
    """How the role is taken, where the way is a role and the invariant is broken."""


class InvariantError(WatchbillError):
    """Invariants that cannot be read, or that name nobody we know."""

    code = "bad-invariant"

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self._problems = tuple(problems)

    @property
    def problems(self) -> Sequence[Problem]:
        """Give each mistake with its place."""
        return self._problems or super().problems


def read_invariants(text: str, name: str, team: Team) -> tuple[Invariant, ...]:
    """Read invariants, one a line; `#` starts a comment. Raises InvariantError with every mistake and its line."""
    found: list[Invariant] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        said = line.partition("#")[0].strip()
        if said:
            try:
                found.append(read_invariant(said, team))
            except InvariantError as error:
                problems.append(Problem(error.code, str(error), name, number, 1))
    if problems:
        raise InvariantError("; ".join(str(problem) for problem in problems), problems)
    return tuple(found)


def read_invariant(text: str, team: Team) -> Invariant:
    """Read `SUBJECT never ACTION [on RESOURCE] [in ACCOUNT]`."""
    words = text.split()
    if len(words) < 3 or words[1] != "never":  # noqa: PLR2004 - subject, never, action
        raise InvariantError(f"`{text}` is no invariant; write: support never ec2:TerminateInstances")
    about, _, action, *rest = words
    options = dict(zip(rest[::2], rest[1::2], strict=False))
    if len(rest) != 2 * len(options) or set(options) - {"on", "in"}:
        raise InvariantError(f"`{text}`: after the action there may be `on RESOURCE` and `in ACCOUNT`")
    if about != EVERYONE and about not in team.groups and about not in team.people:
        known = ", ".join([EVERYONE, *team.groups])
        raise InvariantError(f"`{text}`: `{about}` is no group and nobody in the team; groups: {known}")
    account = options.get("in")
    if account is not None and account not in team.accounts:
        raise InvariantError(f"`{text}`: no account `{account}`; accounts: {', '.join(team.accounts)}")
    if action != "*" and ":" not in action:
        raise InvariantError(f"`{text}`: an action is a service and a name: ec2:TerminateInstances")
    return Invariant(text, about, action, options.get("on", "*"), account)


class Prover:
    """Proves invariants over the documents of accounts; equal questions are answered once."""

    def __init__(self, team: Team, ways: Mapping[str, Ways], steps: int = STEPS) -> None:
        self._team = team
        self._ways = ways
        self._steps = steps
        self._answers: dict[tuple[object, ...], Answer] = {}
        self._without_rcps: dict[Evaluator, Evaluator] = {}
        self._actions: dict[tuple[Evaluator, str], tuple[tuple[str, ...], frozenset[str], bool, bool]] = {}

    def prove(self, invariant: Invariant) -> Iterator[Finding]:
        """Give the answer for each way of everyone whom an invariant is about."""
        for account, ways in self._ways.items():
            if invariant.account in (None, account):
                for person in self._about(invariant):
                    for way in ways.of(self._team.people[person].iam_user):
                        yield self._finding(invariant, person, account, way)

    def _about(self, invariant: Invariant) -> Sequence[str]:
        if invariant.about == EVERYONE:
            return tuple(self._team.people)
        return self._team.members(invariant.about) if invariant.about in self._team.groups else (invariant.about,)

    def _finding(self, invariant: Invariant, person: str, account: str, way: Way) -> Finding:
        asked = Request(invariant.action, invariant.resource, {}, present=_ALWAYS)
        found, taking = self._answer(way.steps[-1], asked), None
        if way.unread:
            found = NotKnown(f"not read: {', '.join(way.unread)}")
        elif len(way.steps) > 1 and not isinstance(found, Proof):
            found, taking = self._together(way, asked, found)
        if way.unread_bounds and isinstance(found, Counterexample):
            found, taking = NotKnown(f"not read: {', '.join(way.unread_bounds)}"), None
        return Finding(invariant, person, account, way.name, found, taking)

    def _together(self, way: Way, asked: Request, used: Answer) -> tuple[Answer, Counterexample | None]:
        """Look for an instant at which the role can be taken and used: the one that was found, then any."""
        first, last = way.steps
        if isinstance(used, Counterexample) and (instant := _instant_of(used)) is not None:
            taking = self._answer(first, _at(asked, instant))
            if isinstance(taking, Counterexample):
                return used, taking
        ever = self._answer(first, asked)
        for answer in (ever, used):
            if not isinstance(answer, Counterexample):
                return answer, None
        return self._at_any(way, asked, first, last)

    def _at_any(self, way: Way, asked: Request, first: Step, last: Step) -> tuple[Answer, Counterexample | None]:
        """Ask both steps in each span in which no date makes a change."""
        held: dict[Origin, None] = {}
        unknown: Answer | None = None
        for instant in self._instants(way, asked):
            taking, used = (self._answer(step, _at(asked, instant)) for step in (first, last))
            if isinstance(taking, Counterexample) and isinstance(used, Counterexample):
                return used, taking
            unknown = unknown or next((each for each in (taking, used) if isinstance(each, NotKnown)), None)
            held |= dict.fromkeys(o for each in (taking, used) if isinstance(each, Proof) for o in each.held_by)
        return unknown or Proof(tuple(held), "" if held else "identity"), None

    def _instants(self, way: Way, asked: Request) -> tuple[str, ...]:
        edges: set[float] = set()
        for step in way.steps:
            edges.update(_edges(step.evaluator, self._asked(step.evaluator, step.request(asked).action)[0]))
        return instant_witnesses(edges)

    def _answer(self, step: Step, asked: Request) -> Answer:
        request = step.request(asked)
        actions, keys, by_name, every = self._asked(step.evaluator, request.action)
        given = {key: value for key, value in request.context.items() if key.lower() in keys}
        who = step.principal if by_name else Principal.of(step.principal).entity[0]
        key = (step.evaluator, request.action, request.resource, *sorted(given.items()), step.absent, step.unknown, who)
        if key not in self._answers:
            answer = self._allowed(step, request, actions)
            if isinstance(answer, Proof) and not every:
                answer = NotKnown(f"{request.action}: proven for the actions that AWS lists; others are too many")
            self._answers[key] = answer
        return _by(self._answers[key], request)

    def _allowed(self, step: Step, request: Request, actions: Sequence[str]) -> Answer:
        """Ask whether anything is allowed; a proof that rests on RCPs is one for resources of their account alone."""
        answer = any_allowed(step.evaluator, request, actions, steps=self._steps)
        own = resource_account(request) == Principal.of(step.principal).account
        if step.evaluator.layers.rcps is None or own or not isinstance(answer, Proof):
            return answer
        if step.evaluator not in self._without_rcps:
            layers = replace(step.evaluator.layers, rcps=None)
            self._without_rcps[step.evaluator] = Evaluator(layers)
        elsewhere = any_allowed(self._without_rcps[step.evaluator], request, actions, steps=self._steps)
        if isinstance(elsewhere, Proof):
            return elsewhere
        why = "resource control policies of this account deny it; those of accounts elsewhere are not known"
        return NotKnown(f"{request.action}: {why}")

    def _asked(self, evaluator: Evaluator, pattern: str) -> tuple[tuple[str, ...], frozenset[str], bool, bool]:
        """Give the actions to ask for, the keys that statements about them read, and whether they name callers.

        Last, whether the actions stand for all that the pattern speaks of.
        """
        key = (evaluator, pattern)
        if key not in self._actions:
            every_action, every = _actions(evaluator, pattern)
            # Those that the same rules speak of are one question.
            alike = {
                (rules_of_services(a.lower()), evaluator.speaking_of(a.lower())): a for a in reversed(every_action)
            }
            actions = tuple(reversed(alike.values()))
            rules = [
                (level.name, r)
                for a in actions
                for level in evaluator.speaking_of(a.lower())
                for r in (*level.denies, *level.allows)
            ]
            keys = frozenset(key.lower() for _, rule in rules for each in rule.predicates for key in each.keys)
            self._actions[key] = (actions, keys, any(name in NAMING for name, _ in rules), every)
        return self._actions[key]


def _by(answer: Answer, asked: Request) -> Answer:
    """Put who asks into an answer that was found for somebody who is treated alike."""
    if not isinstance(answer, Counterexample):
        return answer
    found = {_NOW if key.lower() == _NOW.lower() else key: value for key, value in answer.request.context.items()}
    context = {**found, **asked.context}
    return replace(answer, request=replace(answer.request, principal=asked.principal, context=context))


def _at(asked: Request, instant: str) -> Request:
    return replace(asked, context={_NOW: instant, _SECONDS: str(int(read_instant(instant) or 0))})


def _instant_of(found: Counterexample) -> str | None:
    """Give the instant of a request; None where it has none, or one in seconds only."""
    context = {key.lower(): value for key, value in found.request.context.items()}
    instant = context.get(_NOW.lower())
    return instant if isinstance(instant, str) and _SECONDS.lower() not in context else None


def _edges(evaluator: Evaluator, actions: Sequence[str]) -> Iterator[float]:
    """Give the instants, in seconds since 1970, that statements about some actions name."""
    levels = (level for action in actions for level in evaluator.speaking_of(action.lower()))
    rules = (rule for level in levels for rule in (*level.denies, *level.allows))
    for entry in dict.fromkeys(predicate.entry for rule in rules for predicate in rule.predicates):
        if entry is not None and entry.key.lower() in (_NOW.lower(), _SECONDS.lower()):
            for text in entry.values:
                if (found := read_instant(text)) is not None:
                    # What is asked in whole seconds changes at the next one.
                    yield from (found, found + 1) if entry.key.lower() == _SECONDS.lower() else (found,)


def _actions(evaluator: Evaluator, pattern: str) -> tuple[tuple[str, ...], bool]:
    """Give actions that stand for all that a pattern speaks of, and whether they do."""
    if "*" not in pattern and "?" not in pattern:
        return (pattern,), True
    listed, folded = actions_matching(pattern), pattern.lower()
    named = {each for policy in _policies(evaluator) for s in policy.statements for each in s.actions}
    try:
        found = text_witnesses([glob(folded), *(glob(each) for each in named if overlap(each, folded))])
    except BudgetError:
        return listed, False
    return (*listed, *(each for each in found if glob_matches(folded, each))), True


def _policies(evaluator: Evaluator) -> Iterator[Policy]:
    layers = evaluator.layers
    levels = (
        layers.identity,
        layers.boundary,
        layers.session,
        layers.endpoint,
        *(layers.scps or ()),
        *(layers.rcps or ()),
    )
    for level in levels:
        yield from level or ()
    if layers.resource is not None:
        yield layers.resource
