"""A case, as its reader may see it."""

from starlette.responses import Response

from watchbill.alerts.export.reader import sees_insider
from watchbill.alerts.view import CaseView
from watchbill.service.standing import lengths, standing_case
from watchbill.web.guard import CaseId, Visiting
from watchbill.web.page import Need, Page
from watchbill.web.report import LANES, LEFT, WIDTH, Standing, timeline
from watchbill.web.site import Refusal


def show(visit: Visiting, case: CaseId) -> Response:
    """Show a case whole. Its subject is shown none of it, whatever their role: they are told what they are asked."""

    def sees(view: CaseView) -> bool:
        return sees_insider(visit.team, visit.person, view)

    found = standing_case(visit.site.store, case, sees)
    if found.case.person == visit.person:
        raise Refusal(403, "this case is about you", "what is asked of you comes by the way you are told things")
    return visit.show(
        "case_page.html",
        found=found,
        case=found.case,
        standings={case: Standing(found.status, found.note)},
        marks={case: timeline(found.case)},
        lanes=LANES,
        width=WIDTH,
        left=LEFT,
        done=[(step.at, step.by, step.what) for step in found.steps],
        took=list(lengths(found.times)),
    )


PAGES = (Page("GET", "/open/{case}", Need.AUDITOR, show),)
