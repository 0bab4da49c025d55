"""What a person may do at an instant, by the documents of an account, read back from AWS or compiled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchbill.access.model import AccountState
from watchbill.access.ways import Way, Ways
from watchbill.intervals import iso
from watchbill.policy.model import Decision, Effect, Request


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """What one path to an action answers."""

    path: str
    """`user james`, or `role oncall-platform`."""
    decision: Decision
    taking: Decision | None
    """Whether the role may be taken; None for the user's own path."""
    unread: tuple[str, ...]
    """Attached policies whose documents were not read."""
    unread_bounds: tuple[str, ...] = ()
    """What may deny and never give, and was not read."""
    withheld: tuple[str, ...] = ()
    """Levels of the organization none of whose policies allows it, in words, where that denies it."""

    @property
    def effect(self) -> Effect:
        """Give the answer of the whole path: the role must be taken before anything can be done with it."""
        effects = [step.effect for step in (self.taking, self.decision) if step is not None]
        return whole(effects, unread=self.unread, unread_bounds=self.unread_bounds)


def whole(effects: Iterable[Effect], *, unread: Sequence[str] = (), unread_bounds: Sequence[str] = ()) -> Effect:
    """Give the answer of steps that must all be allowed.

    A policy that was not read may allow, and may deny; a bound that was not read may only deny.
    """
    found = set(effects)
    if Effect.EXPLICITLY_DENIED in found:
        return Effect.EXPLICITLY_DENIED
    if Effect.IMPLICITLY_DENIED in found and not unread:
        return Effect.IMPLICITLY_DENIED
    return Effect.DEPENDS if unread or unread_bounds or found != {Effect.ALLOWED} else Effect.ALLOWED


def answers(
    state: AccountState,
    user: str,
    action: str,
    resource: str | None,
    at: datetime,
    context: Mapping[str, str | tuple[str, ...]],
    *,
    complete: bool = True,
) -> tuple[PathAnswer, ...]:
    """Ask whether somebody may do something at an instant, by their user and by each role that trusts it.

    `context` adds condition keys, such as `aws:MultiFactorAuthPresent`; all others are absent when it is `complete`,
    else not known.
    """
    some = resource is not None and "*" in resource
    asked = Request(action, resource, {"aws:CurrentTime": iso(at), **context}, complete=complete, some=some)
    return tuple(_answer(way, asked) for way in Ways(state).of(user))


def _answer(way: Way, asked: Request) -> PathAnswer:
    decisions = [step.evaluator.decide(step.request(asked)) for step in way.steps]
    withheld = (
        words for step, found in zip(way.steps, decisions, strict=True) for words in step.withheld(asked, found)
    )
    taking = decisions[0] if len(decisions) > 1 else None
    return PathAnswer(way.name, decisions[-1], taking, way.unread, way.unread_bounds, tuple(withheld))
