"""Judge one event at a time against what its person was entitled to at its time.

The rules, in order:

1. A machine is not a person; an actor we cannot name is unknown. Neither is judged further, but that a workload for
   which the team file declares what it calls is said to have called something else.
2. A frozen person has no right to anything, wherever it was: in AWS, on a host, at an identity provider. That a session
   of theirs ends is not theirs to do or to leave: a freeze ends it.
3. An event that no IAM permission stands behind needs none: sign-ins, GetCallerIdentity.
4. Each path a person may act by is asked by itself, since AWS does: the IAM user with its groups and grants, and each
   on-call role; a rota has one for each kind of duty. One path that allows it is enough: entitled. The documents are
   those that `access` writes.
5. Where a path hangs on something unknown and none allows it: not judgeable, naming what is missing.
6. What a window within `REACH` would allow is off shift; what none allows is beyond the role.

An event is judged by every request that it was. A resource that it does not name is not known: where statements on
narrower resources matter, the event is not judgeable, and that is said. A key's own policy is no part of the team file:
it is taken to leave its account to IAM, as that of a new key does (KMS Developer Guide, "Default key policy").

What the organization denies in an account is nobody's there, by whatever path. Where its policies of the time are not
known, none denied what AWS allowed; what is entitled but for them, and AWS did not allow, is not judgeable.

Where the team file was changed and applied in the span, or the organization was read to be another, each event is
judged by what was in force at its time, and by that file's own schedule to both sides of it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import TypeVar

from watchbill.access.compile import opted_in
from watchbill.access.documents import document
from watchbill.access.entitlements import apart, is_frozen, role_name, standing
from watchbill.access.guards import guard_statements, on_call_statements
from watchbill.access.history import History
from watchbill.access.model import PATH, Freeze, Holding
from watchbill.access.organization import Known, bounds_of
from watchbill.access.permissions import known_documents
from watchbill.access.ways import Levels, organization_keys, rcps_of, scps_of, withheld_by
from watchbill.intervals import Interval, Timeline, iso
from watchbill.judge.model import Judgement, Right, Watch, WatchState
from watchbill.judge.workloads import undeclared
from watchbill.policy.context import account_of
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.managed import managed_changes
from watchbill.policy.model import Decision, Effect, Principal, Request
from watchbill.policy.requests import requests_of_record
from watchbill.policy.rules import Policy
from watchbill.policy.statements import parse_policy
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import shifts
from watchbill.team.model import Account, Team
from watchbill.trail.model import Attributed, Event, Method, Outcome


T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

NEAR = timedelta(days=7)
"""How far a shift may lie from an event and still be named."""

REACH = timedelta(days=35)
"""How far a window may lie from an event and still make it off shift, not beyond the role: a turn in five weeks."""

NEEDS_NONE = "no permission stands behind it"
ENDED = "it is how a session ends, and nothing was done"

_ENDINGS = frozenset({"ChannelClosed", "ConnectionClosed", "CredentialsSet", "Logout", "SessionClosed", "SignedOut"})
"""Why, where the call itself has no reason."""

_TICK = timedelta(microseconds=1)

_USER = "user"
"""The path of the IAM user itself; every other path is a role of a rota."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way by which a person may act: the IAM user, or a role of a rota."""

    held: tuple[Holding, ...]
    evaluator: Evaluator
    gate: Evaluator | None
    """What decides by the right to take the role; None for the IAM user."""
    unsure: tuple[str, ...]
    """Managed policies of it that are not known for the time."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a person has in an account at an instant, and what they have near it."""

    person: str
    number: str
    """The account's, of twelve digits."""
    at: datetime
    account: Account | None
    """None where it is in no team file."""
    now: tuple[Holding, ...] = ()
    standing: tuple[Holding, ...] = ()
    """Those of them that they have always."""
    near: tuple[Holding, ...] = ()
    """Windows within `REACH`, those in force now too."""
    paths: dict[tuple[int, ...], tuple[Path, ...]] = field(default_factory=dict, compare=False, repr=False)
    """What has been asked before: the paths of some of the judge's holdings, by their identity."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether one request was somebody's right, as the fields of a `Judgement`."""

    right: Right
    why: str
    holding: Holding | None = None
    by_role: bool = False
    """Whether a role of a rota gave it that is not taken by it: as the IAM user it was done past the role."""
    window: Interval | None = None
    """For off shift, the window that lay nearest."""
    unless_allowed: str = ""
    """Why it is not judgeable where AWS did not allow it: of what denies, not all is known."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What the organization bounds an account by."""

    scps: Levels | None = None
    rcps: Levels | None = None
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition keys that follow from it."""
    absent: frozenset[str] = frozenset()
    why_not: str = ""
    """Why it is not known; empty where it is."""


Decide = Callable[[Evaluator, Request, str], Decision]
"""Decides a request in the account of a number."""


class Judge:
    """Judges events of a span of time by one team file. Compiled once; every answer is a pure function of it."""

    def __init__(
        self,
        team: Team,
        span: Interval,
        freezes: Collection[Freeze] = (),
        decide: Decide | None = None,
        organization: Known = None,
    ) -> None:
        self.team = team
        self._organization = organization
        self._bounds: dict[str, _Bounds] = {}
        self._freezes = tuple(freezes)
        self._decide = decide or decided
        # What ended `REACH` before the first instant is still near it.
        wide = Interval(span.start - REACH - _TICK, span.end + REACH)
        self._standing = _grouped(standing(team), lambda holding: (holding.person, holding.account))
        timed = _grouped(apart(team, wide), lambda holding: (holding.person, holding.account))
        self._timed = timed
        self._windows = {key: Timeline(held, _window) for key, held in timed.items()}
        found = {rota.name: shifts(rota, wide) for rota in team.rotas.values()}
        self._by_rota = {name: Timeline(each, _shift) for name, each in found.items()}
        self.shifts = _grouped(chain.from_iterable(found.values()), lambda shift: shift.person)
        self._by_person = {person: Timeline(held, _shift) for person, held in self.shifts.items()}
        self._evaluators: dict[tuple[object, ...], tuple[Evaluator, tuple[str, ...]]] = {}
        self._gates: dict[tuple[str, str, str], Evaluator] = {}
        self._turns: dict[str, list[datetime]] = {}
        self._guards: dict[str, Policy] = {}

    def judge(self, attributed: Attributed) -> Judgement:
        """Judge one event."""
        actor, event = attributed.actor, attributed.event
        if actor.person is None or actor.person not in self.team.people:
            return _nobody(attributed, self.team)
        state = self.watch_state(actor.person, event)
        if self.is_frozen(actor.person, event.at):
            return _frozen(attributed, state)
        mapped = requests_of_record(event.record)
        if not mapped.requests:
            return _needs_none(attributed, state, mapped.why_not)
        held = self.held(actor.person, event.account, event.at)
        answer, request = self.answer_all(held, mapped.requests)
        if answer.unless_allowed and event.outcome is not Outcome.ALLOWED:
            answer = Answer(Right.NOT_JUDGEABLE, answer.unless_allowed)
        past = answer.by_role and is_user(event.identity.type)
        return Judgement(attributed, answer.right, answer.why, answer.holding, state, request, past_role=past)

    def is_frozen(self, person: str, at: datetime) -> bool:
        """Tell whether a person was frozen at an instant."""
        return is_frozen(person, self._freezes, at)

    def watch_state(self, person: str, event: Event) -> WatchState:
        """Tell where an event lies against the person's shifts, and who was on call in its account then."""
        account = self.team.account_of(event.account)
        rotas = [r for r in self.team.rotas.values() if account is None or account.name in r.accounts]
        on_call = {shift.person for rota in rotas for shift in self._by_rota[rota.name].at(event.at)}
        return self.watch(person, event.at, tuple(sorted(on_call)))

    def watch(self, person: str, at: datetime, on_call: tuple[str, ...] = ()) -> WatchState:
        """Tell where an instant lies against the person's shifts."""
        mine = self._by_person.get(person, _NO_SHIFTS).meeting(Interval(at - NEAR, at + NEAR))
        return nearest(mine, at, on_call)

    def watch_turns(self, person: str) -> list[datetime]:
        """Give the instants at which `watch` may turn to another shift, or to another word for it."""
        mine = [shift.interval for shift in self.shifts.get(person, ())]
        found = {edge for each in mine for edge in (each.start, each.end)}
        found |= {edge for each in mine for edge in (each.start - NEAR, each.end + NEAR + _TICK)}
        starts = sorted(each.start for each in mine)
        for end in {each.end for each in mine}:
            place = bisect_left(starts, end)
            if place < len(starts):
                # Halfway to the next shift that one becomes the nearer; at the middle itself the one before still is.
                found.add(end + (starts[place] - end) // _TICK // 2 * _TICK + _TICK)
        return sorted(found)

    def held(self, person: str, number: str, at: datetime) -> Held:
        """Give what a person had in an account at an instant."""
        account = self.team.account_of(number)
        if account is None:
            return Held(person, number, at, None)
        always = self._standing.get((person, account.name), ())
        timed = self._windows.get((person, account.name), _NO_WINDOWS)
        now, near = (
            sorted(each, key=_told) for each in (timed.at(at), timed.meeting(Interval(at - REACH, at + REACH)))
        )
        return Held(person, number, at, account, (*always, *now), always, tuple(near))

    def turns(self, person: str, number: str) -> list[datetime]:
        """Give the instants at which `held`, or what its permission sets say, may turn; and each end of a freeze."""
        found = {edge for f in self._freezes if f.person == person for edge in (f.start, f.end) if edge is not None}
        account = self.team.account_of(number)
        if account is not None:
            key = (person, account.name)
            for window in map(_window, self._timed.get(key, ())):
                found |= {window.start, window.end, window.start - REACH, window.end + REACH + _TICK}
            for holding in (*self._standing.get(key, ()), *self._timed.get(key, ())):
                found.update(self._turns_of(holding.permission_set))
        return sorted(found)

    def _turns_of(self, permission_set: str) -> list[datetime]:
        """Give when a permission set says something else by itself: its managed policies change, at known instants."""
        if permission_set not in self._turns:
            managed = self.team.permission_sets[permission_set].managed
            self._turns[permission_set] = sorted({turn for each in managed for turn in managed_changes(each)})
        return self._turns[permission_set]

    def answer_all(self, held: Held, requests: Sequence[Request]) -> tuple[Answer, Request]:
        """Judge all requests of a call: the first of the worst is the answer."""
        answers = [(self.answer(held, request), request) for request in requests]
        return min(answers, key=lambda pair: _WORST.index(pair[0].right))

    def answer(self, held: Held, request: Request) -> Answer:
        """Judge one request."""
        if held.account is None:
            return Answer(Right.NOT_JUDGEABLE, f"account {held.number} is in no team file")
        bounds = self._bounds_of(held.account)
        if bounds.context or bounds.absent:
            context = {**request.context, **bounds.context}
            request = replace(request, context=context, absent=request.absent | bounds.absent)
        allowed, unknown = self._ask(request, held, held.now)
        if allowed is not None:
            by_role = allowed.through.startswith("rota ") and not _assumes_role(request)
            return Answer(Right.ENTITLED, allowed.why, allowed, by_role, unless_allowed=bounds.why_not)
        if unknown:
            return Answer(Right.NOT_JUDGEABLE, f"it hangs on {', '.join(unknown)}")
        found = self._elsewhen(request, held)
        if found is not None:
            window, then = found
            why = f"{then.permission_set} is {held.person}'s only in {_named(_window(then), held.at)}"
            return Answer(Right.OFF_SHIFT, why, then, window=window)
        withheld = self._withheld(request, held)
        plainly = f"no permission set of {held.person} in {held.account.name} allows {request.action}"
        return Answer(Right.BEYOND_ROLE, withheld or plainly)

    def _withheld(self, request: Request, held: Held) -> str | None:
        """Say by what the organization denies what somebody holds otherwise; None where that is not so."""
        for path in self.paths(held, held.now):
            for evaluator in (path.evaluator, *([] if path.gate is None else [path.gate])):
                decision = self._decide(evaluator, request, held.number)
                if decision.effect is Effect.DEPENDS or decision.layer not in ("scp", "rcp"):
                    continue
                alone = decided(_unbounded(evaluator), request, held.number)
                if alone.effect is Effect.ALLOWED:
                    names = {origin.document for origin in alone.deciding}
                    name = next(
                        (h.permission_set for h in path.held if h.permission_set in names), path.held[0].through
                    )
                    by = next(
                        iter((*map(str, decision.deciding), *withheld_by(evaluator.layers, request, decision))), ""
                    )
                    return f"{name} allows {held.person} {request.action}, and the organization denies it: {by}"
        return None

    def _bounds_of(self, account: Account) -> _Bounds:
        """Give what the organization bounds an account by."""
        if self.team.organization is None:
            return _NO_BOUNDS
        if account.number not in self._bounds:
            found = bounds_of(self._organization, [account.number])[account.number]
            self._bounds[account.number] = (
                _Bounds(why_not=f"it hangs on policies of the organization: {found}")
                if isinstance(found, str)
                else _Bounds(scps_of(found), rcps_of(found), *organization_keys(found))
            )
        return self._bounds[account.number]

    def _layers(self, account: Account, policies: Iterable[Policy]) -> Layers:
        """Give what decides by policies of somebody's own in an account."""
        bounds = self._bounds_of(account)
        return Layers(tuple(policies), scps=bounds.scps, rcps=bounds.rcps, rcps_of_caller=bounds.rcps is not None)

    def _elsewhen(self, request: Request, held: Held) -> tuple[Interval, Holding] | None:
        """Give the nearest window that allows the request when it begins, and what allows it there."""
        asked: set[str] = set()
        for window in sorted(held.near, key=lambda each: _away(_window(each), held.at)):
            path = _path(window)
            if path not in asked:
                if path != _USER:
                    asked.add(path)
                allowed, _ = self._ask(request, held, beside(window, held))
                if allowed is not None and allowed.interval is not None:
                    return _window(window), allowed
        return None

    def _ask(
        self, request: Request, held: Held, holdings: tuple[Holding, ...]
    ) -> tuple[Holding | None, tuple[str, ...]]:
        """Give the first holding whose path allows the request, else what the answer hangs on, if anything."""
        unknown: list[str] = []
        for path in self.paths(held, holdings):
            decision = self._decide(path.evaluator, request, held.number)
            if path.gate is not None and decision.effect is not Effect.ALLOWED:
                gate = self._decide(path.gate, request, held.number)
                decision = gate if gate.effect is Effect.ALLOWED else decision
            if path.unsure and decision.effect is not Effect.EXPLICITLY_DENIED:
                unknown.extend(f"what {each} said then" for each in path.unsure)
            elif decision.effect is Effect.ALLOWED:
                names = {origin.document for origin in decision.deciding}
                return next((h for h in path.held if h.permission_set in names), path.held[0]), ()
            unknown.extend(_hangs_on(decision))
        return None, tuple(dict.fromkeys(unknown))

    def paths(self, held: Held, holdings: tuple[Holding, ...]) -> tuple[Path, ...]:
        """Sort holdings in an account, which is one of the team's, by the path they are used by."""
        key = tuple(map(id, holdings))
        if key not in held.paths:
            held.paths[key] = tuple(self._paths(held, holdings))
        return held.paths[key]

    def _paths(self, held: Held, holdings: Iterable[Holding]) -> Iterator[Path]:
        assert held.account is not None, "who asks has looked"
        found: dict[str, list[Holding]] = {}
        for holding in holdings:
            found.setdefault(_path(holding), []).append(holding)
        for path, each in found.items():
            evaluator, unsure = self._evaluator(held.account, path, each, held.at)
            yield Path(tuple(each), evaluator, None if path == _USER else self._gate(held.account, each[0]), unsure)

    def _evaluator(
        self, account: Account, path: str, held: Sequence[Holding], at: datetime
    ) -> tuple[Evaluator, tuple[str, ...]]:
        """Give what decides by permission sets together, and which managed policies of theirs are not known then."""
        names = tuple(dict.fromkeys(holding.permission_set for holding in held))
        key = (account.name, path != _USER, *((name, bisect_right(self._turns_of(name), at)) for name in names))
        if key not in self._evaluators:
            policies: list[Policy] = [] if path != _USER else [self._guard(account)]
            unsure: list[str] = []
            for name in names:
                permissions = self.team.permission_sets[name]
                documents, not_known = known_documents(permissions, at)
                policies.extend(parse_policy(written, name) for written in documents)
                unsure.extend(not_known)
                if path != _USER:
                    statements = on_call_statements(account.number, opted_in(permissions))
                    policies.append(parse_policy(document(statements), "guard"))
            self._evaluators[key] = (Evaluator(self._layers(account, policies)), tuple(unsure))
        return self._evaluators[key]

    def _guard(self, account: Account) -> Policy:
        """Give what every job role is denied in an account."""
        if account.name not in self._guards:
            takers = {
                role_name(rota, kind): sorted(self.team.people[person].iam_user for person in rota.people)
                for rota in self.team.rotas.values()
                if account.name in rota.accounts
                for kind in rota.entitlement
            }
            self._guards[account.name] = parse_policy(document(guard_statements(account.number, takers)), "guard")
        return self._guards[account.name]

    def _gate(self, account: Account, holding: Holding) -> Evaluator:
        """Give what decides by the right to take the role of a rota, which a window in it carries."""
        key = (account.name, holding.through, holding.permission_set)
        if key not in self._gates:
            self._gates[key] = Evaluator(self._layers(account, [self._gate_policy(account, holding)]))
        return self._gates[key]

    def _gate_policy(self, account: Account, holding: Holding) -> Policy:
        rota = self.team.rotas[holding.through.removeprefix("rota ")]
        roles = [
            f"arn:aws:iam::{account.number}:role{PATH}{role_name(rota, kind)}"
            for kind, permission_set in rota.entitlement.items()
            if permission_set == holding.permission_set
        ]
        actions = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
        statement = {"Effect": "Allow", "Action": actions, "Resource": roles}
        return parse_policy({"Version": "2012-10-17", "Statement": [statement]}, f"gate-{rota.name}")


class Judges:
    """Judges events of a span of time, each by the team file and the organization that were in force at its time.

    One judge for each piece of the span in which they were the same, made when the first event of it comes.
    """

    def __init__(self, history: History, span: Interval, decide: Decide | None = None) -> None:
        self._freezes = history.freezes
        self._decide = decide
        every = [
            ((piece, in_force), known)
            for whole, in_force in history.spans(span)
            for piece, known in history.organized(in_force.team, whole)
        ]
        self.pieces = tuple(piece for piece, _ in every)
        self._organizations = tuple(known for _, known in every)
        self._starts = [piece.start for piece, _ in self.pieces]
        self._judges: dict[int, Judge] = {}

    def judge(self, attributed: Attributed) -> Judgement:
        """Judge one event, which lies in the span."""
        number = bisect_right(self._starts, attributed.event.at) - 1
        judge = self.judge_of(number)
        if judge is None:
            return self._open(attributed, self.pieces[number][1].why_not)
        return judge.judge(attributed)

    def judge_of(self, number: int) -> Judge | None:
        """Give the judge of a piece of the span; None where its team file can be read no more."""
        piece, in_force = self.pieces[number]
        if in_force.team is None:
            return None
        if number not in self._judges:
            organization = self._organizations[number]
            self._judges[number] = Judge(in_force.team, piece, self._freezes, self._decide, organization)
        return self._judges[number]

    def is_frozen(self, person: str, at: datetime) -> bool:
        """Tell whether a person was frozen at an instant."""
        return is_frozen(person, self._freezes, at)

    def freezes_of(self, person: str) -> list[datetime]:
        """Give the ends of a person's freezes, in order."""
        return sorted({at for f in self._freezes if f.person == person for at in (f.start, f.end) if at is not None})

    def _open(self, attributed: Attributed, why_not: str) -> Judgement:
        """Judge an event whose team file can be read no more by what does not hang on one."""
        actor, event = attributed.actor, attributed.event
        if actor.person is None:
            return _nobody(attributed, None)
        if self.is_frozen(actor.person, event.at):
            return _frozen(attributed, None)
        mapped = requests_of_record(event.record)
        if not mapped.requests:
            return _needs_none(attributed, None, mapped.why_not)
        return Judgement(attributed, Right.NOT_JUDGEABLE, why_not, None, None, None, past_role=False)


_WORST = (
    Right.FROZEN,
    Right.BEYOND_ROLE,
    Right.OFF_SHIFT,
    Right.NOT_JUDGEABLE,
    Right.ENTITLED,
    Right.NEEDS_NONE,
    Right.UNKNOWN_ACTOR,
    Right.NOT_A_PERSON,
)
"""A call that is several requests is judged by the worst of them."""


def decided(evaluator: Evaluator, request: Request, number: str) -> Decision:
    """Decide a request in the account of a number; a KMS key's own policy leaves the key's account to IAM.

    Which resource control policies bound a resource of another account is not known, and none is asked.
    """
    if evaluator.layers.rcps is not None and account_of(request.resource) not in (None, number):
        evaluator = _without_rcps(evaluator)
    if not request.action.lower().startswith("kms:"):
        return evaluator.decide(request)
    owner = account_of(request.resource) or number
    # Naming an account says nothing of who asks within it: what the record does not tell of them stays unknown.
    asked = replace(request, principal=Principal.of(f"arn:aws:iam::{owner}:role/any"), unknown=request.unknown | _WHO)
    return Evaluator(replace(evaluator.layers, resource=_key_policy(owner))).decide(asked)


@lru_cache(maxsize=256)
def _without_rcps(evaluator: Evaluator) -> Evaluator:
    return Evaluator(replace(evaluator.layers, rcps=None))


@lru_cache(maxsize=256)
def _unbounded(evaluator: Evaluator) -> Evaluator:
    return Evaluator(replace(evaluator.layers, scps=None, rcps=None))


_NO_BOUNDS = _Bounds()

_WHO = frozenset({"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:username"})


@lru_cache(maxsize=1024)
def _key_policy(owner: str) -> Policy:
    principal = {"AWS": f"arn:aws:iam::{owner}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    return parse_policy({"Version": "2012-10-17", "Statement": [statement]}, "key policy")


def beside(window: Holding, held: Held) -> tuple[Holding, ...]:
    """Give what is asked together with a window: all that the IAM user has when it begins, or the role alone."""
    if _path(window) != _USER:
        return (window,)
    begins = _window(window).start
    grants = [h for h in held.near if h is not window and _path(h) == _USER and begins in _window(h)]
    return (window, *grants, *held.standing)


def _nobody(attributed: Attributed, team: Team | None) -> Judgement:
    right = right_of_nobody(attributed.actor.method)
    said = None if team is None else undeclared(attributed.actor, attributed.event.record, team)
    why = said or attributed.actor.why
    return Judgement(attributed, right, why, None, None, None, past_role=False, unexpected=said is not None)


def right_of_nobody(method: Method) -> Right:
    """Give what is said of an actor that is no person of the team."""
    return Right.NOT_A_PERSON if method in (Method.SERVICE, Method.WORKLOAD) else Right.UNKNOWN_ACTOR


def is_ending(name: str | None) -> bool:
    """Tell by its name whether an event is how a session ends: of a host, an identity provider or Identity Center."""
    return name in _ENDINGS


def _frozen(attributed: Attributed, state: WatchState | None) -> Judgement:
    if is_ending(attributed.event.name):
        return _needs_none(attributed, state, ENDED)
    why = f"{attributed.actor.person} was frozen"
    return Judgement(attributed, Right.FROZEN, why, None, state, None, past_role=False)


def _needs_none(attributed: Attributed, state: WatchState | None, why_not: str | None) -> Judgement:
    why = why_not or NEEDS_NONE
    return Judgement(attributed, Right.NEEDS_NONE, why, None, state, None, past_role=False)


def nearest(mine: list[Shift], at: datetime, on_call: tuple[str, ...]) -> WatchState:
    """Give where an instant lies against a person's shifts within `NEAR`, given in order of time."""
    for shift in mine:
        if at in shift.interval:
            span, since = shift.interval, at - shift.interval.start
            return WatchState(Watch.ON, shift.rota, span.start, span.end, timedelta(0), on_call, since)
    if not mine:
        return WatchState(Watch.NEVER, None, None, None, timedelta(0), on_call, None)
    away, shift = min(((_away(shift.interval, at), shift) for shift in mine), key=lambda pair: pair[0])
    watch = Watch.ENDED if shift.interval.end <= at else Watch.NOT_YET
    return WatchState(watch, shift.rota, shift.interval.start, shift.interval.end, away, on_call, None)


def _away(interval: Interval, at: datetime) -> timedelta:
    return at - interval.end if interval.end <= at else interval.start - at


def _grouped(things: Iterable[T], key_of: Callable[[T], K]) -> Mapping[K, tuple[T, ...]]:
    found: dict[K, list[T]] = {}
    for thing in things:
        found.setdefault(key_of(thing), []).append(thing)
    return {key: tuple(held) for key, held in found.items()}


def _window(holding: Holding) -> Interval:
    assert holding.interval is not None, "a window has an interval"
    return holding.interval


def _told(window: Holding) -> tuple[str, str, str]:
    """Give what windows are put in order by: of one that is cut it is not known when it began."""
    return window.permission_set, window.through, window.why


def _named(window: Interval, at: datetime) -> str:
    """Name a window by the edge that lies nearer: of the other one not more is known than how far was looked."""
    if at in window:
        return "another part of the window that it lies in"
    return (
        f"the window that ended at {iso(window.end)}" if window.end <= at else f"the window from {iso(window.start)} on"
    )


def _shift(shift: Shift) -> Interval:
    return shift.interval


_NO_WINDOWS: Timeline[Holding] = Timeline((), _window)
_NO_SHIFTS: Timeline[Shift] = Timeline((), _shift)


def _hangs_on(decision: Decision) -> tuple[str, ...]:
    if decision.effect is not Effect.DEPENDS:
        return ()
    return (*decision.unknown_keys, *(f"statement {origin}: {why}" for origin, why in decision.not_evaluable))


def _path(holding: Holding) -> str:
    return f"{holding.through}: {holding.permission_set}" if holding.through.startswith("rota ") else _USER


def is_user(identity_type: str | None) -> bool:
    """Tell whether an event was done as the IAM user itself, by the type of its identity."""
    return identity_type == "IAMUser"


def _assumes_role(request: Request) -> bool:
    return request.action.startswith("sts:")
