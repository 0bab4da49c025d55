"""The first page: what is asked of you, who is on watch, and for those who may, all that goes on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from watchbill.service import recertification as reviewing
from watchbill.service.casework import Casework
from watchbill.service.now import (
    SEVERITIES,
    OpenCase,
    asked_of,
    fresh,
    frozen_people,
    live,
    on_watch,
    open_cases,
    waiting,
    written,
)
from watchbill.service.sign_in import Role
from watchbill.team.model import Team
from watchbill.web.asked import UTC, Zone, local_in, zone_of, zones_for
from watchbill.web.guard import Visiting
from watchbill.web.pages.people import address
from watchbill.web.site import Visit


_MOST = 50
"""Cases that are listed."""
_LIVE = 60
"""Lines of what people hold that are listed."""
_SOON = timedelta(days=2)
"""A horizon that is nearer is said to be near."""


def show(visit: Visiting, zone: Zone = UTC) -> Response:
    """Show how things stand; to a viewer what is asked of them and who is on call, to nobody anything."""
    place = zone_of(zone)
    if visit.session is None:
        return visit.show("now.html", zone=place.key)
    work = visit.work()
    own = work.team.people.get(visit.person)
    given: dict[str, Any] = {
        "asked": asked_of(work, visit.person),
        "local": local_in(place),
        "left": lambda at: said_length(at - visit.at),
        "zone": place.key,
        "zones": zones_for(place, own.time_zone if own else None),
        "you": address(visit.person) if own else None,
        "watches": None,
        "reviews": [],
        "overdue": [],
        "all": visit.role >= Role.AUDITOR,
    }
    if visit.role >= Role.VIEWER:
        team = work.laid_over()
        given["watches"] = on_watch(team, visit.at)
        given["reviews"] = reviewing.awaited(work, visit.person)
        if visit.role >= Role.AUDITOR:
            given |= _for_auditors(visit, work, team)
    return visit.show("now.html", **given)


def _for_auditors(visit: Visit, work: Casework, team: Team) -> dict[str, Any]:
    """Give all that goes on, as whoever may see it all may see it."""
    found = open_cases(work)
    cases = [case for case in found if not case.is_gap]
    held, done, trail = live(work, team), written(work), visit.site.trail
    return {
        "cases": cases[:_MOST],
        "more": max(0, len(cases) - _MOST),
        "counts": counted(cases),
        "gaps": [case for case in found if case.is_gap][:_MOST],
        "live": held[:_LIVE],
        "held": len(held),
        "frozen": frozen_people(work),
        "waiting": waiting(work),
        "sources": fresh(work, None if trail is None else trail.complete_to(), visit.site.jobs()),
        "written": done,
        "overdue": reviewing.overdue(work),
        "plans": work.store.proposals.open_heads(),
        "near": [each for each in done.horizons if each.until - visit.at < _SOON],
        "address": address,
        "age": lambda at: said_length(visit.at - at),
    }


def counted(cases: Sequence[OpenCase]) -> list[tuple[str, int]]:
    """Count cases by how grave they are, the worst first."""
    tally = ((each, sum(case.severity == each for case in cases)) for each in SEVERITIES)
    return [(severity, count) for severity, count in tally if count]


def said_length(length: timedelta) -> str:
    """Say how long something is, by its two largest parts: `3 d 4 h`, `2 h 5 min`; what is over is `over`."""
    minutes = int(length.total_seconds() // 60)
    if length < timedelta(0):
        return "over"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest} min" if hours else f"{rest} min"
