"""What somebody may do, and why, as plain facts: for commands and for pages."""

from dataclasses import dataclass

from watchbill.access.explain import Explanation
from watchbill.access.who import Holder, Part
from watchbill.intervals import Interval, iso


@dataclass(frozen=True, slots=True)
class IntervalView:
    """A half-open span, `[start, end)`."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class HolderView:
    """One part of a span in which somebody can do something, or can under conditions."""

    person: str | None
    """None where the IAM user is nobody's in the team."""
    user: str
    account: str
    way: str
    interval: IntervalView
    decision: str
    because: list[str]
    conditions: list[str]
    unread: list[str]


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a way, explained."""

    request: str
    decision: str
    blocked_by: str | None
    statements: list[str]


@dataclass(frozen=True, slots=True)
class ExplainView:
    """Why one way of somebody can, or cannot."""

    account: str
    way: str
    decision: str
    steps: list[StepView]
    because: list[str]
    """What the team file gives it by: group, rota or grant, with its line."""
    what_would_change_it: list[str]


def span_view(interval: Interval) -> IntervalView:
    """Give the view of a span."""
    return IntervalView(iso(interval.start), iso(interval.end))


def holder_view(person: str | None, account: str, holder: Holder, part: Part) -> HolderView:
    """Give the view of one part of what a way of somebody gives."""
    return HolderView(
        person,
        holder.user,
        account,
        holder.way,
        span_view(part.interval),
        str(part.effect),
        list(part.because),
        list(part.conditions),
        list(holder.unread),
    )


def explain_view(found: Explanation) -> ExplainView:
    """Give the view of why one way is as it is."""
    steps = [StepView(s.request, str(s.decision.effect), s.decision.layer, list(s.statements)) for s in found.steps]
    return ExplainView(
        found.account, found.way, str(found.effect), steps, list(found.because), list(found.would_change)
    )
