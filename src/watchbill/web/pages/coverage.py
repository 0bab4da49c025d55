"""What could not be seen: where and when the trail has nothing though it should, who nobody knows, what is stale."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Depends, Query
from starlette.responses import Response

from watchbill.errors import NotFoundError
from watchbill.inert import inert_json
from watchbill.intervals import Interval, parse_instant
from watchbill.service.coverage_view import LATELY, CoverageView, coverage_view
from watchbill.service.now import fresh
from watchbill.service.seen import Unmapped
from watchbill.web.asked import UTC, When, Zone, instant_of, local_in, span_of, zone_of, zones_for
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Visit


COVERAGE = "/coverage"
_EVERY = timedelta(minutes=5)
"""How often it is looked at anew: it is asked of months of the trail."""
_LEAST, _MOST = timedelta(hours=1), timedelta(days=92)
_ROWS = 200
"""Lines of each kind."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which span the address asks for."""

    start: Annotated[When, Query(alias="from")] = ""
    end: Annotated[When, Query(alias="to")] = ""
    zone: Zone = UTC


Given = Annotated[Asked, Depends(Asked)]


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a span, and when that was looked at."""

    within: Interval
    at: datetime
    found: CoverageView | None
    """None where there is no trail."""


def _looked(visit: Visit, asked: Asked, place: ZoneInfo) -> Looked:
    at = visit.at - (visit.at - datetime.min.replace(tzinfo=visit.at.tzinfo)) % _EVERY
    end = instant_of(asked.end, place) if asked.end else at
    start = instant_of(asked.start, place) if asked.start else end - LATELY
    within = span_of(start, end, _LEAST, _MOST)
    found = None if visit.site.trail is None else visit.site.trail.coverage(visit.team, within, at)
    return Looked(within, at, None if found is None else coverage_view(found, within))


def show(visit: Visiting, asked: Given) -> Response:
    """Show what is not seen of a span: of the last seven days unless another is asked for."""
    place, trail = zone_of(asked.zone), visit.site.trail
    looked, work = _looked(visit, asked, place), visit.work()
    complete_to = None if trail is None else trail.complete_to()
    unmapped: list[Unmapped] = [] if trail is None else trail.unmapped(looked.within)
    unread = [] if trail is None else trail.unread()
    own = visit.team.people.get(visit.person)
    return visit.show(
        "coverage.html",
        asked=asked,
        looked=looked,
        found=looked.found,
        unmapped=unmapped[:_ROWS],
        unmapped_all=len(unmapped),
        unread=unread[:_ROWS],
        unread_all=len(unread),
        accounts={account.number: account.name for account in visit.team.accounts.values()},
        sources=fresh(work, complete_to, visit.site.jobs()),
        most=_ROWS,
        parsed=parse_instant,
        local=local_in(place),
        zone=place.key,
        zones=zones_for(place, own.time_zone if own else None),
        export=_export(asked),
    )


def _export(asked: Asked) -> str:
    given = {"from": asked.start, "to": asked.end, "zone": asked.zone}
    return f"{COVERAGE}.json?{urlencode({name: each for name, each in given.items() if each})}"


def as_json(visit: Visiting, asked: Given) -> Response:
    """Give what `trail coverage --json` has as its result, for programs."""
    found = _looked(visit, asked, zone_of(asked.zone)).found
    if found is None:
        raise NotFoundError("there is no trail", "`watchbill trail ingest SOURCE` takes one in")
    return Response(inert_json(msgspec.json.encode(found).decode()), media_type="application/json")


PAGES = (
    Page("GET", COVERAGE, Need.AUDITOR, show, menu="Coverage", live=True),
    Page("GET", f"{COVERAGE}.json", Need.AUDITOR, as_json),
)
