"""Judge one event at a time against what its person was entitled to at its time.

The rules, in order:

1. A machine is not a person; an actor we cannot name is unknown. Neither is judged further.
2. A frozen person has no right to anything.
3. An event that no IAM permission stands behind needs none: sign-ins, GetCallerIdentity.
4. Each path a person may act by is asked by itself, since AWS does: the IAM user with its groups and grants, and each
   on-call role; a rota has one for each kind of duty. One path that allows it is enough: entitled. The documents are
   those that `access` writes.
5. Where a path hangs on something unknown and none allows it: not judgeable, naming what is missing.
6. What a window within `REACH` would allow is off shift; what none allows is beyond the role.

An event is judged by every request that it was. A resource that it does not name is not known: where statements on
narrower resources matter, the event is not judgeable, and that is said.

Where the team file was changed and applied in the span, each event is judged by the file in force at its time, and by
that file's own schedule to both sides of it.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

from watchbill.access.compile import opted_in
from watchbill.access.documents import document
from watchbill.access.entitlements import is_frozen, role_name, standing, windows
from watchbill.access.guards import guard_statements, on_call_statements
from watchbill.access.history import History
from watchbill.access.model import PATH, Freeze, Holding
from watchbill.access.permissions import known_documents
from watchbill.intervals import Interval, Timeline
from watchbill.judge.model import Judgement, Right, Watch, WatchState
from watchbill.policy.evaluate import Evaluator, Layers
from watchbill.policy.managed import managed_changes
from watchbill.policy.model import Decision, Effect, Request
from watchbill.policy.requests import requests_of_record
from watchbill.policy.rules import Policy
from watchbill.policy.statements import parse_policy
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import shifts
from watchbill.team.model import Account, Team
from watchbill.trail.model import Attributed, Event, Method


T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

NEAR = timedelta(days=7)
"""How far a shift may lie from an event and still be named."""

REACH = timedelta(days=35)
"""How far a window may lie from an event and still make it off shift, not beyond the role: a turn in five weeks."""

_USER = "user"
"""The path of the IAM user itself; every other path is a role of a rota."""


class Judge:
    """Judges events of a span of time by one team file. Compiled once; every answer is a pure function of it."""

    def __init__(self, team: Team, span: Interval, freezes: Collection[Freeze] = ()) -> None:
        self._team = team
        self._freezes = tuple(freezes)
        wide = Interval(span.start - REACH, span.end + REACH)
        self._standing = _grouped(standing(team), lambda holding: (holding.person, holding.account))
        timed = _grouped(windows(team, wide), lambda holding: (holding.person, holding.account))
        self._windows = {key: Timeline(held, _window) for key, held in timed.items()}
        found = {rota.name: shifts(rota, wide) for rota in team.rotas.values()}
        self._by_rota = {name: Timeline(each, _shift) for name, each in found.items()}
        by_person = _grouped(chain.from_iterable(found.values()), lambda shift: shift.person)
        self._by_person = {person: Timeline(held, _shift) for person, held in by_person.items()}
        self._evaluators: dict[tuple[object, ...], tuple[Evaluator, tuple[str, ...]]] = {}
        self._gates: dict[tuple[str, str, str], Evaluator] = {}
        # Managed policies change by themselves, at instants that are known.
        self._turns = {
            name: sorted({turn for each in permissions.managed for turn in managed_changes(each)})
            for name, permissions in team.permission_sets.items()
        }
        self._guards: dict[str, Policy] = {}

    def judge(self, attributed: Attributed) -> Judgement:
        """Judge one event."""
        actor, event = attributed.actor, attributed.event
        if actor.person is None or actor.person not in self._team.people:
            return _nobody(attributed)
        state = self.watch_state(actor.person, event)
        if is_frozen(actor.person, self._freezes, event.at):
            return _frozen(attributed, state)
        mapped = requests_of_record(event.record)
        if not mapped.requests:
            return _needs_none(attributed, state, mapped.why_not)
        judged = [self._one(attributed, request, state) for request in mapped.requests]
        return min(judged, key=lambda judgement: _WORST.index(judgement.right))

    def watch_state(self, person: str, event: Event) -> WatchState:
        """Tell where an event lies against the person's shifts, and who was on call in its account then."""
        account = self._team.account_of(event.account)
        rotas = [r for r in self._team.rotas.values() if account is None or account.name in r.accounts]
        on_call = {shift.person for rota in rotas for shift in self._by_rota[rota.name].at(event.at)}
        mine = self._by_person.get(person, _NO_SHIFTS).meeting(_around(event, NEAR))
        return _nearest(mine, event, tuple(sorted(on_call)))

    def _one(self, attributed: Attributed, request: Request, state: WatchState) -> Judgement:
        person, event = attributed.actor.person or "", attributed.event
        account = self._team.account_of(event.account)
        if account is None:
            why = f"account {event.account} is in no team file"
            return Judgement(attributed, Right.NOT_JUDGEABLE, why, None, state, request, past_role=False)
        held = self._standing.get((person, account.name), ())
        timed = self._windows.get((person, account.name), _NO_WINDOWS)
        now = timed.at(event.at)
        allowed, unknown = self._ask(request, account, [*held, *now], event.at)
        if allowed is not None:
            past = allowed.through.startswith("rota ") and _is_user(event) and not _assumes_role(request)
            return Judgement(attributed, Right.ENTITLED, allowed.why, allowed, state, request, past_role=past)
        if unknown:
            why = f"it hangs on {', '.join(unknown)}"
            return Judgement(attributed, Right.NOT_JUDGEABLE, why, None, state, request, past_role=False)
        near = sorted(timed.meeting(_around(event, REACH)), key=lambda h: _distance(h, event))
        then = self._elsewhen(request, account, held, near, event.at)
        if then is not None:
            why = f"{then.permission_set} is {person}'s only in the window {then.interval}"
            return Judgement(attributed, Right.OFF_SHIFT, why, then, state, request, past_role=False)
        why = f"no permission set of {person} in {account.name} allows {request.action}"
        return Judgement(attributed, Right.BEYOND_ROLE, why, None, state, request, past_role=False)

    def _elsewhen(
        self, request: Request, account: Account, held: Sequence[Holding], timed: Sequence[Holding], at: datetime
    ) -> Holding | None:
        """Give the first of some windows that allows the request when it begins."""
        asked: set[str] = set()
        for window in timed:
            path = _path(window)
            if path in asked:
                continue
            together = [window]
            if path == _USER:
                assert window.interval is not None, "a window has an interval"
                begins = window.interval.start
                grants = [h for h in timed if h is not window and _path(h) == _USER]
                together += [*(h for h in grants if h.interval and begins in h.interval), *held]
            else:
                asked.add(path)
            allowed, _ = self._ask(request, account, together, at)
            if allowed is not None and allowed.interval is not None:
                return allowed
        return None

    def _ask(
        self, request: Request, account: Account, holdings: Iterable[Holding], at: datetime
    ) -> tuple[Holding | None, tuple[str, ...]]:
        """Give the first holding whose path allows the request, else what the answer hangs on, if anything."""
        paths: dict[str, list[Holding]] = {}
        for holding in holdings:
            paths.setdefault(_path(holding), []).append(holding)
        unknown: list[str] = []
        for path, held in paths.items():
            evaluator, unsure = self._evaluator(account, path, held, at)
            decision = evaluator.decide(request)
            if path != _USER and decision.effect is not Effect.ALLOWED:
                gate = self._gate(account, held[0]).decide(request)
                decision = gate if gate.effect is Effect.ALLOWED else decision
            if unsure and decision.effect is not Effect.EXPLICITLY_DENIED:
                unknown.extend(f"what {each} said then" for each in unsure)
            elif decision.effect is Effect.ALLOWED:
                names = {origin.document for origin in decision.deciding}
                return next((h for h in held if h.permission_set in names), held[0]), ()
            unknown.extend(_hangs_on(decision))
        return None, tuple(dict.fromkeys(unknown))

    def _evaluator(
        self, account: Account, path: str, held: Sequence[Holding], at: datetime
    ) -> tuple[Evaluator, tuple[str, ...]]:
        """Give what decides by permission sets together, and which managed policies of theirs are not known then."""
        names = tuple(dict.fromkeys(holding.permission_set for holding in held))
        key = (account.name, path != _USER, *((name, bisect_right(self._turns[name], at)) for name in names))
        if key not in self._evaluators:
            policies: list[Policy] = [] if path != _USER else [self._guard(account)]
            unsure: list[str] = []
            for name in names:
                permissions = self._team.permission_sets[name]
                documents, not_known = known_documents(permissions, at)
                policies.extend(parse_policy(written, name) for written in documents)
                unsure.extend(not_known)
                if path != _USER:
                    statements = on_call_statements(account.number, opted_in(permissions))
                    policies.append(parse_policy(document(statements), "guard"))
            self._evaluators[key] = (Evaluator(Layers(tuple(policies))), tuple(unsure))
        return self._evaluators[key]

    def _guard(self, account: Account) -> Policy:
        """Give what every job role is denied in an account."""
        if account.name not in self._guards:
            takers = {
                role_name(rota, kind): sorted(self._team.people[person].iam_user for person in rota.people)
                for rota in self._team.rotas.values()
                if account.name in rota.accounts
                for kind in rota.entitlement
            }
            self._guards[account.name] = parse_policy(document(guard_statements(account.number, takers)), "guard")
        return self._guards[account.name]

    def _gate(self, account: Account, holding: Holding) -> Evaluator:
        """Give what decides by the right to take the role of a rota, which a window in it carries."""
        key = (account.name, holding.through, holding.permission_set)
        if key not in self._gates:
            self._gates[key] = Evaluator(Layers((self._gate_policy(account, holding),)))
        return self._gates[key]

    def _gate_policy(self, account: Account, holding: Holding) -> Policy:
        rota = self._team.rotas[holding.through.removeprefix("rota ")]
        roles = [
            f"arn:aws:iam::{account.number}:role{PATH}{role_name(rota, kind)}"
            for kind, permission_set in rota.entitlement.items()
            if permission_set == holding.permission_set
        ]
        actions = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
        statement = {"Effect": "Allow", "Action": actions, "Resource": roles}
        return parse_policy({"Version": "2012-10-17", "Statement": [statement]}, f"gate-{rota.name}")


class Judges:
    """Judges events of a span of time, each by the team file that was in force at its time.

    One judge for each piece of the span in which one file was in force, made when the first event of it comes.
    """

    def __init__(self, history: History, span: Interval) -> None:
        self._freezes = history.freezes
        self._pieces = history.spans(span)
        self._starts = [piece.start for piece, _ in self._pieces]
        self._judges: dict[int, Judge] = {}

    def judge(self, attributed: Attributed) -> Judgement:
        """Judge one event, which lies in the span."""
        number = bisect_right(self._starts, attributed.event.at) - 1
        piece, in_force = self._pieces[number]
        if in_force.team is None:
            return self._open(attributed, in_force.why_not)
        if number not in self._judges:
            self._judges[number] = Judge(in_force.team, piece, self._freezes)
        return self._judges[number].judge(attributed)

    def _open(self, attributed: Attributed, why_not: str) -> Judgement:
        """Judge an event whose team file can be read no more by what does not hang on one."""
        actor, event = attributed.actor, attributed.event
        if actor.person is None:
            return _nobody(attributed)
        if is_frozen(actor.person, self._freezes, event.at):
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


def _nobody(attributed: Attributed) -> Judgement:
    machine = attributed.actor.method in (Method.SERVICE, Method.WORKLOAD)
    right = Right.NOT_A_PERSON if machine else Right.UNKNOWN_ACTOR
    return Judgement(attributed, right, attributed.actor.why, None, None, None, past_role=False)


def _frozen(attributed: Attributed, state: WatchState | None) -> Judgement:
    why = f"{attributed.actor.person} was frozen"
    return Judgement(attributed, Right.FROZEN, why, None, state, None, past_role=False)


def _needs_none(attributed: Attributed, state: WatchState | None, why_not: str | None) -> Judgement:
    why = why_not or "no permission stands behind it"
    return Judgement(attributed, Right.NEEDS_NONE, why, None, state, None, past_role=False)


def _nearest(mine: list[Shift], event: Event, on_call: tuple[str, ...]) -> WatchState:
    for shift in mine:
        if event.at in shift.interval:
            span, since = shift.interval, event.at - shift.interval.start
            return WatchState(Watch.ON, shift.rota, span.start, span.end, timedelta(0), on_call, since)
    if not mine:
        return WatchState(Watch.NEVER, None, None, None, timedelta(0), on_call, None)
    away, shift = min(((_away(shift.interval, event), shift) for shift in mine), key=lambda pair: pair[0])
    watch = Watch.ENDED if shift.interval.end <= event.at else Watch.NOT_YET
    return WatchState(watch, shift.rota, shift.interval.start, shift.interval.end, away, on_call, None)


def _away(interval: Interval, event: Event) -> timedelta:
    return event.at - interval.end if interval.end <= event.at else interval.start - event.at


def _distance(holding: Holding, event: Event) -> timedelta:
    return timedelta(0) if holding.interval is None else _away(holding.interval, event)


def _around(event: Event, reach: timedelta) -> Interval:
    return Interval(event.at - reach, event.at + reach)


def _grouped(things: Iterable[T], key_of: Callable[[T], K]) -> Mapping[K, tuple[T, ...]]:
    found: dict[K, list[T]] = {}
    for thing in things:
        found.setdefault(key_of(thing), []).append(thing)
    return {key: tuple(held) for key, held in found.items()}


def _window(holding: Holding) -> Interval:
    assert holding.interval is not None, "a window has an interval"
    return holding.interval


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


def _is_user(event: Event) -> bool:
    return event.identity.type == "IAMUser"


def _assumes_role(request: Request) -> bool:
    return request.action.startswith("sts:")
