"""The list of cases, and a case, as their reader may see them. Nobody is shown anything of a case about themselves."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.responses import Response

from watchbill.alerts.export.reader import sees_insider
from watchbill.alerts.view import CaseView
from watchbill.respond.ask import Status
from watchbill.service.standing import WORST_FIRST, Sees, lengths, listed, standing_case, worst_first
from watchbill.store.rows import CaseRow
from watchbill.web.asked import UTC, PageNumber, Zone, local_in, zone_of, zones_for
from watchbill.web.guard import CaseId, Visiting
from watchbill.web.page import Need, Page
from watchbill.web.pages import deciding
from watchbill.web.pages.deciding import box_of
from watchbill.web.pages.now import said_length
from watchbill.web.pages.people import address
from watchbill.web.report import LANES, LEFT, WIDTH, Standing, timeline
from watchbill.web.site import Refusal, Visit
from watchbill.web.weights import drawn, weights_svg


CASES = "/cases"
ANY = "any"
"""What is asked for where it may stand anywhere, closed or not."""
_ROWS = 50

Word = Annotated[str, Query(max_length=16)]


def show_all(
    visit: Visiting,
    status: Word = "",
    severity: Word = "",
    person: Annotated[str, Query(max_length=100)] = "",
    page: PageNumber = 1,
    zone: Zone = UTC,
) -> Response:
    """List cases, those that are not closed until others are asked for."""
    place = zone_of(zone)
    store = visit.site.store.cases
    rows = [row for row in (store.all() if status else store.not_in(str(Status.CLOSED))) if row.person != visit.person]
    found = worst_first(row for row in rows if _is_asked_for(row, status, severity, person.casefold()))
    asked = {"status": status, "severity": severity, "person": person, "zone": "" if zone == UTC else zone}
    own = visit.team.people.get(visit.person)
    return visit.show(
        "cases.html",
        cases=[listed(row, _sees(visit)) for row in found[(page - 1) * _ROWS : page * _ROWS]],
        count=len(found),
        any=bool(rows),
        page=page,
        pages=-(-len(found) // _ROWS),
        turn=lambda number: f"{CASES}?{urlencode({**{k: v for k, v in asked.items() if v}, 'page': number})}",
        statuses=[ANY, *(str(each) for each in Status)],
        severities=WORST_FIRST,
        stands=status,
        severity=severity,
        person=person,
        address=address,
        age=lambda at: said_length(visit.at - at),
        local=local_in(place),
        zone=place.key,
        zones=zones_for(place, own.time_zone if own else None),
    )


def _is_asked_for(row: CaseRow, status: str, severity: str, person: str) -> bool:
    stands = row.status == status if status not in ("", ANY) else status == ANY or row.status != Status.CLOSED
    return stands and severity in ("", row.severity) and person in (row.person or "").casefold()


def _sees(visit: Visit) -> Sees:
    def sees(view: CaseView) -> bool:
        return sees_insider(visit.team, visit.person, view)

    return sees


def show(visit: Visiting, case: CaseId) -> Response:
    """Show a case whole. Its subject is shown none of it, whatever their role: they are told what they are asked."""
    sees = _sees(visit)
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
        stories=drawn(found.case),
        weights=weights_svg(found.case),
        box=box_of(visit, found, sees=sees(found.case)),
    )


PAGES = (
    Page("GET", CASES, Need.AUDITOR, show_all, menu="Cases", live=True),
    Page("GET", "/open/{case}", Need.AUDITOR, show, live=True),
    *deciding.PAGES,
)
