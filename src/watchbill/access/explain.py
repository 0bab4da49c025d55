"""Why somebody can or cannot do something: each way, step by step, to the statements and the lines of the team file.

What would change the answer is found by asking, not by guessing: the next time at which the same documents allow it,
the conditions it hangs on, and the permission sets of the team that allow it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from watchbill.access.compile import policies_of
from watchbill.access.effective import whole
from watchbill.access.entitlements import granted, on_call, role_name, standing
from watchbill.access.model import AccountState, Holding
from watchbill.access.permissions import known_documents
from watchbill.access.ways import Step, Way, Ways
from watchbill.access.who import NOW, who_can
from watchbill.intervals import Interval, iso
from watchbill.policy.actions import actions_matching
from watchbill.policy.evaluate import Evaluator, evaluate
from watchbill.policy.model import Decision, Effect, Origin, Request, Statement
from watchbill.policy.residual import conditions, rules_of, words
from watchbill.policy.statements import parse_policy
from watchbill.team.model import Team


AHEAD = timedelta(days=14)
"""How far ahead the next time is looked for."""

_GRANTS_AHEAD = timedelta(days=366)
_MOST = 8
"""Patterns of a statement that are written out."""


@dataclass(frozen=True, slots=True)
class StepExplained:
    """One request of a way, and what decided it."""

    request: str
    decision: Decision
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one way is as it is."""

    account: str
    way: str
    effect: Effect
    steps: tuple[StepExplained, ...]
    because: tuple[str, ...]
    """What the team file gives it by, with its line; and what the answer hangs on that was not read."""
    would_change: tuple[str, ...]


def explain_ways(
    team: Team, person: str, state: AccountState, user: str, asked: Request, at: datetime
) -> Iterator[Explanation]:
    """Explain every way of somebody in an account; keys that `asked` does not give are not known."""
    ways = Ways(state).only(user)
    near, far = Interval(at, at + AHEAD), Interval(at, at + _GRANTS_AHEAD)
    timed = [*(h for rota in team.rotas.values() for h in on_call(rota, near)), *granted(team, far)]
    mine = [h for h in (*standing(team), *timed) if h.account == state.account and h.person == person]
    now = replace(asked, context={**asked.context, NOW: iso(at)})
    for way in ways.of(user):
        steps = tuple(_step(step, now) for step in way.steps)
        effects = [step.decision.effect for step in steps]
        effect = whole(effects, unread=way.unread, unread_bounds=way.unread_bounds)
        because = (*_because(team, mine, way, steps, at), *_not_read(way, effect))
        change = () if effect is Effect.ALLOWED else tuple(_would_change(team, ways, way, now, at))
        yield Explanation(state.account, way.name, effect, steps, because, change)


def _step(step: Step, asked: Request) -> StepExplained:
    request = step.request(asked)
    decision = step.evaluator.decide(request)
    on = {None: "something", "*": "some resource"}.get(request.resource, request.resource)
    said = tuple(_statement(step.evaluator, origin) for origin in decision.deciding) + step.withheld(asked, decision)
    return StepExplained(f"{request.action} on {on}", decision, said)


def _statement(evaluator: Evaluator, origin: Origin) -> str:
    layers = evaluator.layers
    policies = (
        *layers.identity,
        *(layers.boundary or ()),
        *((layers.resource,) if layers.resource else ()),
        *chain.from_iterable((*(layers.scps or ()), *(layers.rcps or ()))),
    )
    found = next((p.statements[origin.index] for p in policies if p.name == origin.document), None)
    return str(origin) if found is None else f"{origin}: {statement_words(found)}"


def statement_words(statement: Statement) -> str:
    """Say what a statement allows or denies, on what and if what; long lists are cut."""
    verb = "Allow" if statement.allows else "Deny"
    actions = ("all but " if statement.not_actions else "") + _few([_spelled(each) for each in statement.actions])
    on = ("all but " if statement.not_resources else "") + _few(statement.resources)
    said = f"{verb} {actions}" + (f" on {on}" if statement.resources else "")
    needs = " and ".join(words(entry) for entry in statement.conditions)
    return f"{said} if {needs}" if needs else said


def _spelled(action: str) -> str:
    """Spell an action as AWS does; statements keep them in lower case."""
    listed = actions_matching(action) if set(action).isdisjoint("*?") else ()
    return listed[0] if listed else action


def _few(patterns: Sequence[str]) -> str:
    more = f" and {len(patterns) - _MOST} more" if len(patterns) > _MOST else ""
    return ", ".join(patterns[:_MOST]) + more


def _because(
    team: Team, mine: Sequence[Holding], way: Way, steps: Sequence[StepExplained], at: datetime
) -> Iterator[str]:
    """Say what of the team file the deciding statements come from."""
    documents = {origin.document.rsplit("/", 1)[-1] for step in steps for origin in step.decision.deciding}
    role = way.name.removeprefix("role ") if way.name.startswith("role ") else None
    for holding in mine:
        inside = holding.interval is None or at in holding.interval
        policies = policies_of(team.permission_sets[holding.permission_set])
        given = {each.rpartition("/")[2] for each in policies} | {holding.through.replace(" ", "-")}
        by_user = role is None and not holding.through.startswith("rota ") and bool(documents & given)
        if inside and (by_user or (role is not None and role in _roles(team, holding))):
            until = f", until {iso(holding.interval.end)}" if holding.interval else ""
            yield f"{holding.why} gives {holding.permission_set} in {holding.account}{until} ({holding.where})"


def _not_read(way: Way, effect: Effect) -> Iterator[str]:
    """Say what was not read, where the answer hangs on it."""
    if effect is Effect.DEPENDS:
        yield from (f"not read: {each}" for each in (*way.unread, *way.unread_bounds))


def _roles(team: Team, holding: Holding) -> set[str]:
    """Give the roles through which a rota gives what somebody holds."""
    rota = team.rotas.get(holding.through.removeprefix("rota ")) if holding.through.startswith("rota ") else None
    if rota is None:
        return set()
    return {role_name(rota, kind) for kind, each in rota.entitlement.items() if each == holding.permission_set}


def _would_change(team: Team, ways: Ways, way: Way, asked: Request, at: datetime) -> Iterator[str]:
    effects = []
    for step in way.steps:
        request = step.request(asked)
        decision = step.evaluator.decide(request)
        effects.append(decision.effect)
        yield from conditions(rules_of(step.evaluator, request.action), request, decision)
    if Effect.IMPLICITLY_DENIED not in effects and Effect.EXPLICITLY_DENIED not in effects:
        return
    found = False
    for holder in who_can(ways, _timeless(asked), Interval(at, at + AHEAD)):
        if holder.way == way.name and holder.parts:
            part, found = holder.parts[0], True
            needs = f", {', '.join(part.conditions)}" if part.conditions else ""
            yield f"waiting: it is allowed from {iso(part.interval.start)} to {iso(part.interval.end)}{needs}"
    if not found and len(way.steps) == 1 and Effect.IMPLICITLY_DENIED in effects:
        giving = [
            n
            for n, p in team.permission_sets.items()
            if any(_gives(document, n, asked) for document in known_documents(p, at)[0])
        ]
        if giving:
            yield f"a group, a rota or a grant that gives {' or '.join(giving)}"


def _timeless(asked: Request) -> Request:
    return replace(asked, context={key: value for key, value in asked.context.items() if key != NOW})


def _gives(document: object, name: str, asked: Request) -> bool:
    policy = parse_policy(document, name) if isinstance(document, dict) else None
    return policy is not None and evaluate(asked, identity=[policy]).effect in (Effect.ALLOWED, Effect.DEPENDS)
