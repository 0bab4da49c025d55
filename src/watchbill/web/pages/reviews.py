"""Reviews of access: leads open one, reviewers decide their own rows and sign, auditors look and take it with them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import Form, Path
from starlette.responses import Response

from watchbill.access.recertification import Decided, Use
from watchbill.errors import NotFoundError
from watchbill.inert import inert_json
from watchbill.intervals import iso
from watchbill.respond.outcomes import FRESH, Proof
from watchbill.service import recertification as reviewing
from watchbill.service.casework import Casework
from watchbill.service.history import history_of
from watchbill.service.last_uses import Way, last_uses, span_of
from watchbill.service.recertification import Listed, Review, review_view
from watchbill.service.review_table import as_csv
from watchbill.service.sign_in import Role
from watchbill.web.asked import PageNumber
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Refusal, Visit


REVIEWS = "/reviews"
_ROWS = 50
"""Rows on a page: what is sent of them at once is a form of ours."""
_USED = 90
"""Days back in which last uses are looked for."""
_EVENTS = 50_000
"""Events of these days that are read while somebody waits: some seconds."""

ReviewId = Annotated[str, Path(pattern=r"^AR-[0-9a-f]{8}$")]
_Numbers = Annotated[list[int], Form(max_length=_ROWS)]
_Decisions = Annotated[list[str], Form(max_length=_ROWS)]


def show_all(visit: Visiting) -> Response:
    """List reviews: to auditors and above all, to others those that have something for them."""
    found = reviewing.listed(visit.site.store)
    return visit.show(
        "reviews.html",
        reviews=[(each, _to_sign(visit, each)) for each in found if _may_see_listed(visit, each)],
        leads=visit.role >= Role.LEAD and visit.person in visit.team.leads,
        open=any(not each.is_done for each in found),
        days=reviewing.LASTS.days,
        most=_EVENTS,
        used=_USED,
    )


def _to_sign(visit: Visit, listed: Listed) -> int:
    return 0 if listed.review is None else len(listed.review.to_sign(visit.person, visit.team))


def _may_see_listed(visit: Visit, listed: Listed) -> bool:
    if visit.role >= Role.AUDITOR or visit.person in listed.signers:
        return True
    return listed.review is not None and _may_see(visit, listed.review)


def open_one(visit: Visiting, days: Annotated[int, Form(ge=1, le=365)]) -> Response:
    """Open a review of what everybody holds now, with what others gave by the last plan that was made here."""
    work, kept = visit.work(), visit.site.plans.last()
    drift = None if kept is None else kept.drift
    work.must_lead(None)
    made = reviewing.open_review(work, work.at + timedelta(days=days), drift, _last_uses(visit, work))
    return visit.go(f"{REVIEWS}/{made.id}")


def _last_uses(visit: Visit, work: Casework) -> Mapping[Way, Use] | None:
    """Give when each thing was last used, as `review open` does; None where the trail is too long to wait for."""
    span, trail = span_of(work.at, _USED), visit.site.trail
    lake = None if trail is None else trail.lake(span, _EVENTS)
    return None if lake is None else last_uses(lake, work.team, history_of(work, span), work.at, _USED)[0]


def show(visit: Visiting, review: ReviewId, page: PageNumber = 1) -> Response:
    """Show a review: to a reviewer their own rows, to decide; to auditors and above all rows besides."""
    found = _found(visit, review)
    own = found.rows_for(visit.person, visit.team)
    rows = own or found.frozen.rows
    to_sign = found.to_sign(visit.person, visit.team)
    return visit.show(
        "review.html",
        review=found,
        rows=rows[(page - 1) * _ROWS : page * _ROWS],
        count=len(rows),
        own=bool(own),
        open=len(to_sign),
        decided=sum(1 for row in to_sign if row.number in found.decided),
        page=page,
        pages=max(1, -(-len(rows) // _ROWS)),
        lacking=reviewing.lacking(found, visit.person, visit.team),
        proves=visit.site.provider is not None,
        all=visit.role >= Role.AUDITOR,
        proposal=reviewing.proposal(found, visit.team) if visit.role >= Role.AUDITOR else None,
        plans=visit.site.store.proposals.of_review(found.id) if visit.role >= Role.AUDITOR else [],
    )


def save(
    visit: Visiting,
    review: ReviewId,
    row: _Numbers,
    decision: _Decisions,
    reason: _Decisions,
    page: Annotated[int, Form(ge=1)] = 1,
) -> Response:
    """Save what a reviewer has decided so far of the rows of a page; what is not decided stays as it was."""
    if not len(row) == len(decision) == len(reason):
        raise Refusal(400, "what was sent is not what this page takes", "open the page again")
    _found(visit, review)
    decided: Mapping[int, Decided] = {
        number: Decided(said == "keep", why.strip()[:500])
        for number, said, why in zip(row, decision, reason, strict=True)
        if said in ("keep", "remove")
    }
    reviewing.draft(visit.work(), review, decided)
    return visit.go(f"{REVIEWS}/{review}?page={page}#rows")


def show_sign(visit: Visiting, review: ReviewId) -> Response:
    """Show what is about to be signed, with its digest; only to whoever has decided all of theirs."""
    found = _found(visit, review)
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    rows = found.to_sign(visit.person, visit.team)
    lacking = reviewing.lacking(found, visit.person, visit.team)
    return visit.show(
        "review_sign.html",
        review=found,
        kept=[row for row in rows if row.number in found.decided and found.decided[row.number].keeps],
        removed=[row for row in rows if row.number in found.decided and not found.decided[row.number].keeps],
        lacking=lacking,
        digest=reviewing.digest_for(found, visit.person, visit.team),
        until=visit.proof.at + FRESH,
    )


def sign(visit: Visiting, review: ReviewId, digest: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")]) -> Response:
    """Sign what was shown."""
    _found(visit, review)
    assert visit.proof is not None, "the table says that it takes a fresh sign-in"
    proof = {"signed_in_at": iso(visit.proof.at), "how": " ".join(sorted(visit.proof.amr))}
    reviewing.sign(visit.work(), review, digest, proof)
    return visit.go(f"{REVIEWS}/{review}")


def as_json(visit: Visiting, review: ReviewId) -> Response:
    """Give a review as `review export` writes it, which `review verify` holds against the ledger."""
    view = review_view(visit.work(), reviewing.find(visit.site.store, review))
    text = inert_json(msgspec.json.format(msgspec.json.encode(view)).decode())
    headers = {"Content-Disposition": f'attachment; filename="{review}.json"'}
    return Response(text, media_type="application/json", headers=headers)


def as_table(visit: Visiting, review: ReviewId) -> Response:
    """Give a review as a table of text."""
    view = review_view(visit.work(), reviewing.find(visit.site.store, review))
    headers = {"Content-Disposition": f'attachment; filename="{review}.csv"'}
    return Response(as_csv(view), media_type="text/csv; charset=utf-8", headers=headers)


def _found(visit: Visit, review_id: str) -> Review:
    """Give a review that its reader may see; to others it is not there."""
    found = reviewing.find(visit.site.store, review_id)
    if not _may_see(visit, found):
        raise NotFoundError(f"no review `{review_id}`")
    return found


def _may_see(visit: Visit, review: Review) -> bool:
    return visit.role >= Role.AUDITOR or bool(review.rows_for(visit.person, visit.team))


PAGES = (
    Page("GET", REVIEWS, Need.VIEWER, show_all, menu="Reviews", live=True),
    Page("POST", REVIEWS, Need.LEAD, open_one),
    Page("GET", f"{REVIEWS}/{{review}}", Need.VIEWER, show, live=True),
    Page("POST", f"{REVIEWS}/{{review}}", Need.VIEWER, save),
    Page("GET", f"{REVIEWS}/{{review}}/sign", Need.VIEWER, show_sign, fresh=Proof.SECOND_FACTOR),
    Page("POST", f"{REVIEWS}/{{review}}/sign", Need.VIEWER, sign, fresh=Proof.SECOND_FACTOR),
    Page("GET", f"{REVIEWS}/{{review}}/export.json", Need.AUDITOR, as_json),
    Page("GET", f"{REVIEWS}/{{review}}/export.csv", Need.AUDITOR, as_table),
)
