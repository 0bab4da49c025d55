"""A plan that waits for leads: what it gives and takes first, its documents second, and their word on exactly that.

Its id is made of all that is approved with it, so that nothing else can be approved by it. Approved is not applied:
the instance that leads does it, if it would still do the same.
"""

from datetime import datetime
from typing import Annotated

from fastapi import Form, Path
from starlette.responses import Response

from watchbill.intervals import iso
from watchbill.respond.outcomes import FRESH, Proof
from watchbill.service import proposals
from watchbill.service.sign_in import Role
from watchbill.store.rows import ProposalHead, Proposed
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Visit


AT = "/plan/{plan}"
_DIFF = 200
"""Lines of one policy that are shown; how many more there are is said."""

PlanId = Annotated[str, Path(pattern=r"^P-[0-9a-f]{16}$")]


def show(visit: Visiting, plan: PlanId) -> Response:
    """Show a plan that waits, or did: all that is approved with it, and where it stands."""
    return _shown(visit, plan, None)


def show_approve(visit: Visiting, plan: PlanId) -> Response:
    """Show what is about to be approved. Nothing is done by looking."""
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    return _shown(visit, plan, visit.proof.at + FRESH)


def approve(visit: Visiting, plan: PlanId) -> Response:
    """Approve it as a lead who may; where it takes another one too, it goes on to wait."""
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    proof = {"signed_in_at": iso(visit.proof.at), "how": " ".join(sorted(visit.proof.amr))}
    proposals.approve(visit.work(), plan, proof)
    return visit.go(f"/plan/{plan}")


def refuse(visit: Visiting, plan: PlanId, reason: Annotated[str, Form(min_length=1, max_length=2_000)]) -> Response:
    """Refuse it as a lead, with a reason; it stays refused while the file and AWS are as they are."""
    proposals.refuse(visit.work(), plan, reason)
    return visit.go(f"/plan/{plan}")


def _shown(visit: Visit, plan: str, until: datetime | None) -> Response:
    work = visit.work()
    row = proposals.head_of(work.store, plan)
    content = proposals.shown_of(row)
    approved = work.store.proposals.approvals(row.id)
    return visit.show(
        "proposal.html",
        until=until,
        row=row,
        said=proposals.said(work, row),
        content=content,
        diff=_DIFF,
        approved=approved,
        waits=row.state is Proposed.WAITING,
        other_file=not proposals.is_current(work, row),
        may=visit.role >= Role.LEAD and _may(visit, row) and visit.person not in [each.by for each in approved],
        refuses=_may_refuse(visit, row),
        proves=visit.site.provider is not None,
    )


def _may(visit: Visit, row: ProposalHead) -> bool:
    return row.state is Proposed.WAITING and visit.person in proposals.approvers(visit.work(), row)


def _may_refuse(visit: Visit, row: ProposalHead) -> bool:
    leads = visit.role >= Role.LEAD and visit.person in visit.team.leads
    return leads and _is_open(row) and not proposals.loses_by_review(row, visit.person)


def _is_open(row: ProposalHead) -> bool:
    return row.state in (Proposed.WAITING, Proposed.APPROVED)


PAGES = (
    Page("GET", AT, Need.AUDITOR, show, live=True),
    Page("GET", f"{AT}/approve", Need.LEAD, show_approve, fresh=Proof.SECOND_FACTOR),
    Page("POST", f"{AT}/approve", Need.LEAD, approve, fresh=Proof.SECOND_FACTOR),
    Page("POST", f"{AT}/refuse", Need.LEAD, refuse),
)
