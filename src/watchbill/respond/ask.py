"""Ask the person: what the question says, and how long its answer is waited for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from watchbill.alerts.quiet import wakes_at
from watchbill.alerts.view import CaseView
from watchbill.detect.model import Severity
from watchbill.errors import RefusedError
from watchbill.inert import inert
from watchbill.team.model import QuietHours


class Status(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ASKED = "asked"
    ESCALATED = "escalated"
    """A lead has to decide: the answer was no, was a yes that anybody could give, or did not come."""
    FROZEN = "frozen"
    CLOSED = "closed"


PATIENCE = {
    "critical": timedelta(minutes=5),
    "high": timedelta(minutes=10),
    "medium": timedelta(minutes=30),
}
"""How long an answer is waited for before a lead is told; two hours for what is less severe."""


def question(case: CaseView) -> str:
    """Write the question to the person of a case. It tells what was seen, never what is suspected."""
    if case.person is None:
        raise RefusedError(f"case {case.id} names no person, so there is nobody to ask")
    counted = [event for event in case.evidence if event.note]
    calls = _some([event.what for event in counted], 4)
    places = _some([event.ip for event in counted if event.ip], 3)
    where = f" from {places}" if places else ""
    return (
        f"Security question {case.id}: between {case.first} and {case.last} we saw {calls}"
        f" under your name{where}. Was that you? Answer yes or no. We never ask for passwords."
    )


def _some(words: Sequence[str], most: int) -> str:
    """Name the first few, each once, and how many more there are; what others chose in them breaks no line."""
    found = list(dict.fromkeys(words))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(inert(word) for word in found[:most]) + more


def deadline(case: CaseView, asked_at: datetime, quiet_hours: QuietHours | None = None) -> datetime:
    """Give the instant from which silence escalates: an answer is not waited for in quiet hours, nor a lead woken."""
    severity = Severity[case.severity.upper()]
    begun = wakes_at(severity, asked_at, quiet_hours)
    return wakes_at(severity, begun + PATIENCE.get(case.severity, timedelta(hours=2)), quiet_hours)
