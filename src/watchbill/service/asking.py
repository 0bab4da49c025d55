"""Ask the person of a case, take the answer, and let a lead decide.

The person who was asked may answer, and nobody else for them; a lead decides, never the subject of the case.
"""

from datetime import timedelta

from watchbill.alerts.view import reassessed
from watchbill.errors import RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.ask import Status, after_answer, deadline, question
from watchbill.respond.model import Verdict
from watchbill.service.casework import Casework
from watchbill.store.rows import QuestionRow


def ask(work: Casework, case_id: str) -> QuestionRow:
    """Write the question to the outbox; a case is asked about once."""
    row, view = work.case(case_id)
    text = question(view)
    silent_at = deadline(view, work.at, work.team.alerts.quiet_hours)
    asked = QuestionRow(case_id, view.person or "", text, work.at, silent_at)
    with work.store.transaction():
        if not work.store.questions.ask(asked):
            raise RefusedError(f"case {case_id} was asked about already")
        work.move(row, view, Status.ASKED, f"asked {view.person}")
        work.record(Kind.QUESTION_ASKED, case_id, {"person": view.person, "deadline": str(asked.deadline_at)})
    return asked


def answer(work: Casework, case_id: str, said: str) -> tuple[Status, str]:
    """Take the answer of the person who was asked; the first one stands."""
    row, view = work.case(case_id)
    asked = work.store.questions.of(case_id)
    if asked is None:
        raise RefusedError(f"nobody was asked about case {case_id} yet", f"watchbill ask {case_id}")
    if work.actor != asked.person:
        raise RefusedError(f"`{asked.person}` was asked, not `{work.actor}`: nobody answers for somebody else")
    view = reassessed(view, {"answer": said})
    status, why = after_answer(view)
    with work.store.transaction():
        if not work.store.questions.answer(case_id, said, work.at, work.actor):
            raise RefusedError(f"case {case_id} was answered already")
        work.move(row, view, status, why)
        work.record(Kind.QUESTION_ANSWERED, case_id, {"answer": said, "status": str(status)})
    return status, why


def decide(work: Casework, case_id: str, verdict: Verdict, reason: str) -> None:
    """Close a case with a lead's verdict and reason."""
    row, view = work.case(case_id)
    work.must_lead(view.person)
    if any(freeze.case_id == case_id for freeze in work.store.freezes.active(work.at)):
        raise RefusedError(f"{view.person} is frozen in case {case_id}", f"watchbill restore {case_id}, then decide")
    with work.store.transaction():
        work.move(row, view, Status.CLOSED, f"{verdict}: {reason}")
        work.record(Kind.CASE_DECIDED, case_id, {"verdict": str(verdict), "reason": reason})


def deadlines(work: Casework) -> list[str]:
    """Move every case whose question went unanswered past its deadline to a lead; give their ids."""
    moved = []
    for asked in work.store.questions.all():
        if asked.answer is not None or asked.deadline_at > work.at:
            continue
        row, view = work.case(asked.case_id)
        if row.status == Status.ASKED:
            view = reassessed(view, {"answer": "silence"})
            with work.store.transaction():
                minutes = round((work.at - asked.asked_at) / timedelta(minutes=1))
                work.move(row, view, Status.ESCALATED, f"{asked.person} did not answer within {minutes} min")
                work.record(Kind.QUESTION_ESCALATED, asked.case_id, {"person": asked.person})
            moved.append(asked.case_id)
    return moved
