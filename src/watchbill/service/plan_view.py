"""A plan as plain facts and in sentences: for commands and for pages."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from watchbill.access.model import Change, Drift, Effect, Outcome, Plan
from watchbill.intervals import Interval, iso
from watchbill.service.rights import IntervalView


@dataclass(frozen=True, slots=True)
class EffectView:
    """Who gains or loses what, when and why; no interval means from now on."""

    person: str
    verb: str
    permission_set: str
    account: str
    interval: IntervalView | None
    why: str
    where: str | None
    """The line of the team file that gives it."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One call that the plan makes."""

    account: str
    operation: str
    target: str
    why: str
    diff: list[str]
    """The statements of a policy that go and come."""


@dataclass(frozen=True, slots=True)
class DriftView:
    """What others put onto watchbill's objects."""

    account: str
    principal: str
    kind: str
    what: str
    healed: bool
    """Whether a plan undoes it."""
    author: str | None
    """Who did it, and when, where a trail was given that has it."""


@dataclass(frozen=True, slots=True)
class CapacityView:
    """How much of a limit of AWS is used."""

    account: str
    what: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan."""

    id: str
    effects: list[EffectView]
    changes: list[ChangeView]
    drift: list[DriftView]
    warnings: list[str]
    capacity: list[CapacityView]


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """What became of one change."""

    change: ChangeView
    state: str
    error: str | None


_ALIKE = 2
"""Windows of one person for one reason that are written out; the rest is counted."""


def plan_view(plan: Plan) -> PlanView:
    """Turn a plan into plain facts."""
    return PlanView(
        plan.id,
        [effect_view(effect) for effect in plan.effects],
        [change_view(change) for change in plan.changes],
        [drift_view(drift) for drift in plan.drift],
        [str(warning) for warning in plan.warnings],
        [CapacityView(c.account, c.what, c.used, c.limit) for c in plan.capacity],
    )


def outcome_view(outcome: Outcome) -> OutcomeView:
    """Turn what became of a change into plain facts."""
    return OutcomeView(change_view(outcome.change), str(outcome.state), outcome.error)


def words_of(effect: Effect) -> str:
    """Say an effect: `james gains prod-oncall in production Mon 18:00 - Tue 02:00 UTC, because rota ...`."""
    when = "" if effect.interval is None else f" {span(effect.interval)} UTC"
    return f"{effect.person} {effect.verb} {effect.permission_set} in {effect.account}{when}, because {effect.why}"


def span(interval: Interval) -> str:
    """Write a span as a person reads it, with the day of the week."""
    same_day = interval.start.date() == interval.end.date()
    return f"{interval.start:%a %d %b %H:%M} - {interval.end:{'%H:%M' if same_day else '%a %d %b %H:%M'}}"


def effect_lines(effects: Iterable[Effect]) -> Iterator[str]:
    """Say effects, the windows that somebody has for the same reason in few lines."""
    for _, alike in groupby(effects, key=lambda e: (e.person, e.verb, e.permission_set, e.account, e.why)):
        found = list(alike)
        for effect in found[:_ALIKE]:
            where = f" ({effect.where})" if effect.where is not None else ""
            yield ("+ " if effect.verb == "gains" else "- ") + words_of(effect) + where
        last = found[-1].interval
        if len(found) > _ALIKE and last is not None:
            yield f"    and {len(found) - _ALIKE} more like it, up to {last.end:%a %d %b %H:%M} UTC"


def _interval(interval: Interval | None) -> IntervalView | None:
    return None if interval is None else IntervalView(iso(interval.start), iso(interval.end))


def effect_view(effect: Effect) -> EffectView:
    """Turn an effect into plain facts."""
    where = None if effect.where is None else str(effect.where)
    given = effect.permission_set, effect.account, _interval(effect.interval), effect.why, where
    return EffectView(effect.person, str(effect.verb), *given)


def change_view(change: Change) -> ChangeView:
    """Turn a change into plain facts."""
    return ChangeView(change.account, change.call.operation, str(change.call), change.why, list(change.diff))


def drift_view(found: Drift, author: str | None = None) -> DriftView:
    """Turn a drift into plain facts, with who did it where a trail tells."""
    return DriftView(found.account, found.principal, str(found.kind), found.what, found.healed, author)
