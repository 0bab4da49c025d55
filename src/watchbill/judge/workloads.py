"""What a workload is expected to call, as the team file declares it, against what it called.

The declaration gives nothing and takes nothing: it says what is usual for the machine. A workload of which nothing is
said may call anything, and so is any call that no permission stands behind. What a call needs besides its own action,
such as passing a role, is not looked at.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from watchbill.policy.model import Request
from watchbill.policy.patterns import any_of
from watchbill.policy.requests import requests_of_record
from watchbill.team.model import Team, Workload
from watchbill.trail.model import Actor, Method


def workload_of(actor: Actor, team: Team) -> Workload | None:
    """Find the workload that an event is ascribed to."""
    if actor.method is not Method.WORKLOAD:
        return None
    said = actor.why.lower()
    named = [
        each
        for name, each in team.workloads.items()
        if said == f"workload {name.lower()}" or said.startswith(f"workload {name.lower()}, by the token ")
    ]
    return max(named, key=lambda each: len(each.name), default=None)


def undeclared(actor: Actor, record: Mapping[str, Any], team: Team) -> str | None:
    """Say what a workload called beyond what is declared for it; None where it did not, or nothing is declared."""
    workload = workload_of(actor, team)
    if workload is None or not workload.actions:
        return None
    mapped = requests_of_record(record)
    return outside(workload, actor.why, mapped.requests[: mapped.own])


def outside(workload: Workload, why: str, requests: Sequence[Request]) -> str | None:
    """Say what of a call's own requests a workload, known by `why`, is not expected to call."""
    expects = _expected(workload.actions)
    odd = dict.fromkeys(each.action for each in requests if not expects(each.action.lower()))
    if not odd:
        return None
    return f"{why}; {', '.join(odd)} is outside what the team file declares for {workload.name}"


@lru_cache(maxsize=1024)
def _expected(actions: tuple[str, ...]) -> Any:
    return any_of([each.lower() for each in actions])
