"""Ask the person: what the question says, and what an answer does to a case."""

from datetime import datetime, timedelta
from enum import StrEnum

from watchbill.alerts.model import Case, Story
from watchbill.detect.model import Severity
from watchbill.errors import RefusedError


class Status(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ASKED = "asked"
    ESCALATED = "escalated"
    CLOSED = "closed"
    FROZEN = "frozen"
    RESTORED = "restored"


PATIENCE = {
    Severity.CRITICAL: timedelta(minutes=5),
    Severity.HIGH: timedelta(minutes=10),
    Severity.MEDIUM: timedelta(minutes=30),
}
"""How long an answer is waited for before a lead is told; two hours for what is less severe."""


def question(case: Case) -> str:
    """Write the question to the person of a case. It never tells what is suspected, only what was seen."""
    if case.person is None:
        raise RefusedError(f"case {case.id} names no person, so there is nobody to ask")
    place = f" from {case.findings[0].network}" if case.findings and case.findings[0].network else ""
    return (
        f"Security question {case.id}: between {case.first:%Y-%m-%d %H:%M} and {case.last:%H:%M} UTC we saw: "
        f"{case.sentence}{place}. Was that you? Answer yes or no. We never ask for passwords."
    )


def deadline(case: Case, asked_at: datetime) -> datetime:
    """Give the instant from which silence escalates."""
    return asked_at + PATIENCE.get(case.severity, timedelta(hours=2))


def after_answer(case: Case, answer: str) -> tuple[Status, str]:
    """Say where a case goes after an answer, and why; `case` was assessed with the answer in it.

    A "yes" closes only what nobody but a forgetful person could have done: failures from the usual place that ended in
    a sign-in with MFA. Everything else waits for a lead, since whoever holds the account may answer for it.
    """
    if answer == "no":
        return Status.ESCALATED, f"{case.person} says it was not them: a lead decides on the freeze"
    if case.assessment.leading is Story.FORGOTTEN_PASSWORD and case.severity <= Severity.LOW:
        return Status.CLOSED, (
            f"{case.person} says it was them; a password manager, or a reset before the shift, would help"
        )
    return Status.ESCALATED, f"{case.person} says it was them, and it was not theirs to do: a lead decides"
