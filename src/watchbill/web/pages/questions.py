"""Answer a question: by the link of a mail, or with a fresh sign-in that proves a "yes"."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Form, Query
from starlette.responses import Response

from watchbill.respond.outcomes import FRESH, Proof, Stand, strength
from watchbill.service import asking
from watchbill.service.links import link_of
from watchbill.store.rows import QuestionRow
from watchbill.web.guard import WITH, CaseId, Visiting
from watchbill.web.page import Need, Page
from watchbill.web.pages.sign_in import Secret
from watchbill.web.site import Visit


Said = Literal["yes", "no", "peer-yes", "peer-no"]


def show_link(visit: Visiting, secret: Secret, say: Annotated[str, Query(max_length=16)] = "") -> Response:
    """Show what a link asks. Opening it answers nothing: mail scanners open every link."""
    link = link_of(visit.work("watchbill"), secret)
    asked = _asked(visit, link.case_id)
    return visit.show("answer.html", asked=asked, peer=link.person == asked.peer, secret=secret, say=say)


def answer(visit: Visiting, secret: Secret, say: Annotated[Said, Form()]) -> Response:
    """Take the answer of whoever has the link, which is used up."""
    work = visit.work("watchbill")
    link = link_of(work, secret)
    answered = asking.answer_by_link(work, secret, say)
    asked = _asked(visit, link.case_id)
    confirm = visit.site.provider is not None and link.person == asked.person and _may_be_proven(asked, visit.at)
    return visit.show("answered.html", words=answered.words, case=link.case_id, confirm=confirm)


def _may_be_proven(asked: QuestionRow, at: datetime) -> bool:
    """Tell whether a "yes" waits for its proof; where it was not theirs to do it does so beside the leads."""
    waits = asked.answer == "yes" and asked.confirmed_at is None and at <= asked.deadline_at
    return waits and asked.stand in (Stand.ANSWERED, Stand.ESCALATED)


def show_confirmation(visit: Visiting, case: CaseId) -> Response:
    """Show the question, and what the sign-in that was made for it proves."""
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    until = visit.proof.at + FRESH
    return visit.show("confirm.html", asked=_asked(visit, case), how=WITH[strength(visit.proof)], until=until)


def confirm(visit: Visiting, case: CaseId) -> Response:
    """Take the fresh sign-in of the person who was asked as the proof of their "yes"."""
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    answered = asking.confirm(visit.work(), case, visit.proof)
    return visit.show("answered.html", words=answered.words, case=case, confirm=False)


def _asked(visit: Visit, case_id: str) -> QuestionRow:
    found = visit.site.store.questions.of(case_id)
    assert found is not None, "a link, and the guard, go by a question that was asked"
    return found


PAGES = (
    Page("GET", "/answer/{secret}", Need.ANYBODY, show_link, paced=True),
    Page("POST", "/answer/{secret}", Need.ANYBODY, answer, paced=True),
    Page("GET", "/confirm/{case}", Need.SUBJECT, show_confirmation, fresh=Proof.NONE),
    Page("POST", "/confirm/{case}", Need.SUBJECT, confirm, fresh=Proof.NONE),
)
