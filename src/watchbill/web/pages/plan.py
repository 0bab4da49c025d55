"""What would change in AWS: the last plan that this instance has made, as `watchbill plan` says it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.responses import Response

from watchbill.errors import NotFoundError
from watchbill.inert import inert_json
from watchbill.service.plans import PASSES
from watchbill.web.asked import UTC, PageNumber, Zone, local_in, zone_of, zones_for
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page


PLAN = "/plan"
_LINES = 200
"""Sentences on a page."""
_CALLS = 100
"""Calls on a page, with what of a policy goes and comes."""
_DIFF = 60
"""Lines of one policy that are shown."""
_MORE = 50
"""Lines of drift, warnings and limits."""

_Asked = Annotated[str, Query(max_length=8)]


def show(visit: Visiting, page: PageNumber = 1, zone: Zone = UTC, asked: _Asked = "") -> Response:
    """Show the last plan: who gains and loses first, then drift and warnings, then the calls."""
    place = zone_of(zone)
    kept = visit.site.plans.last()
    lines, calls = ((), 0) if kept is None else (kept.lines, len(kept.changes))
    own = visit.team.people.get(visit.person)
    return visit.show(
        "plan.html",
        kept=kept,
        view=None if kept is None else kept.rest,
        problems=() if kept is None else kept.problems,
        lines=lines[(page - 1) * _LINES : page * _LINES],
        all_lines=len(lines),
        calls=[] if kept is None else kept.calls((page - 1) * _CALLS, page * _CALLS),
        all_calls=calls,
        most=_MORE,
        diff=_DIFF,
        page=page,
        pages=max(1, -(-len(lines) // _LINES), -(-calls // _CALLS)),
        turn=lambda number: f"{PLAN}?{urlencode({'zone': zone, 'page': number})}",
        job=visit.site.jobs().get(PASSES),
        asked=bool(asked),
        waiting=visit.site.store.proposals.open_heads(),
        other_file=kept is not None and kept.team_digest != visit.team.digest,
        local=local_in(place),
        zone=place.key,
        zones=zones_for(place, own.time_zone if own else None),
    )


def anew(visit: Visiting) -> Response:
    """Have a pass made at once; it makes the plan anew, and does no more than it would have done within a minute."""
    visit.site.replan()
    return visit.go(f"{PLAN}?asked=1")


def as_json(visit: Visiting) -> Response:
    """Give the plan as `plan --json` has it as its result, for programs."""
    kept = visit.site.plans.last()
    if kept is None:
        raise NotFoundError("this instance has made no plan yet", "the one that leads makes one in each pass")
    return Response(inert_json(kept.as_json().decode()), media_type="application/json")


PAGES = (
    Page("GET", PLAN, Need.AUDITOR, show, menu="Plan", live=True),
    Page("POST", PLAN, Need.AUDITOR, anew),
    Page("GET", f"{PLAN}.json", Need.AUDITOR, as_json),
)
