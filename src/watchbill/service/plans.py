"""The last plan that an instance has made, kept in memory for whoever looks: making one asks all of AWS.

It is kept as what pages show of it, made once and beforehand, and as text: the values of a large plan are a hundred
thousand, among which circles would be looked for again and again while every page waits.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, Final

import msgspec

from watchbill.access.model import Drift, Outcome, Plan, State
from watchbill.errors import Problem
from watchbill.service.plan_view import ChangeView, PlanView, change_view, effect_lines, effect_view, plan_view


PASSES: Final = "pass"
"""The job that makes a plan again and again."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptPlan:
    """A plan as it is shown, and what became of it."""

    id: str
    at: datetime
    """When it was made."""
    team_digest: str
    problems: tuple[Problem, ...]
    """What keeps it from being applied."""
    drift: tuple[Drift, ...]
    rest: PlanView
    """All of it but its effects and its changes."""
    lines: tuple[str, ...]
    """Its effects in sentences."""
    effects: tuple[bytes, ...]
    """Each as JSON."""
    changes: tuple[bytes, ...]
    """Each as JSON."""
    applied: int
    """How many of its changes were tried; none where it was not applied at once."""
    failed: int
    """How many of these are not made."""

    def calls(self, first: int, end: int) -> list[ChangeView]:
        """Give some of its changes, by their place."""
        return [msgspec.json.decode(each, type=ChangeView) for each in self.changes[first:end]]

    def as_json(self) -> bytes:
        """Give it as `plan --json` has it as its result."""
        large = {"effects": _listed(self.effects), "changes": _listed(self.changes)}
        return msgspec.json.encode({**asdict(self.rest), **large})


def kept_of(plan: Plan, outcomes: tuple[Outcome, ...]) -> KeptPlan:
    """Make what is kept of a plan; `outcomes` are of its changes, where it was applied at once."""
    return KeptPlan(
        plan.id,
        plan.made_at,
        plan.team_digest,
        plan.problems,
        plan.drift,
        plan_view(replace(plan, effects=(), changes=())),
        tuple(effect_lines(plan.effects)),
        _written(map(effect_view, plan.effects)),
        _written(map(change_view, plan.changes)),
        len(outcomes),
        sum(1 for outcome in outcomes if outcome.state is not State.DONE),
    )


def _written(views: Iterable[Any]) -> tuple[bytes, ...]:
    """Write each by itself: all in one would let no other thread go on meanwhile."""
    return tuple(map(msgspec.json.encode, views))


def _listed(written: Iterable[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(written) + b"]")


class Plans:
    """Keeps the last one. Its threads write it, pages read it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: KeptPlan | None = None

    def keep(self, plan: Plan | None, outcomes: tuple[Outcome, ...]) -> None:
        """Keep a plan in place of an older one; None, where AWS could not be read, leaves what there is."""
        if plan is None:
            return
        made = kept_of(plan, outcomes)
        with self._lock:
            if self._last is None or made.at >= self._last.at:
                self._last = made

    def last(self) -> KeptPlan | None:
        """Give the last one; None where this instance has made none."""
        with self._lock:
            return self._last
