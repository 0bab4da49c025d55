"""The rules that are loaded, what they found in the cases that are kept, and how much of it was noise."""

from urllib.parse import urlencode

from starlette.responses import Response

from watchbill.alerts.audit import NO_RULES
from watchbill.alerts.export.reader import sees_insider
from watchbill.alerts.view import CaseView
from watchbill.service.rules_view import rules_of
from watchbill.web.asked import UTC, PageNumber, Zone, local_in, zone_of, zones_for
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page


RULES = "/rules"
_ROWS = 200


def show(visit: Visiting, page: PageNumber = 1, zone: Zone = UTC) -> Response:
    """Show every rule, those with the most cases first."""
    place, work = zone_of(zone), visit.work()

    def sees(view: CaseView) -> bool:
        return sees_insider(visit.team, visit.person, view)

    loaded = NO_RULES if visit.site.rules is None else visit.site.rules.at_stages(visit.team)
    found = rules_of(work, loaded, sees)
    own = visit.team.people.get(visit.person)
    return visit.show(
        "rules.html",
        lines=found.lines[(page - 1) * _ROWS : page * _ROWS],
        count=len(found.lines),
        others=found.others[:_ROWS],
        told=found.told,
        failed=found.failed[:_ROWS],
        page=page,
        pages=-(-len(found.lines) // _ROWS),
        turn=lambda number: f"{RULES}?{urlencode({'zone': zone, 'page': number})}",
        local=local_in(place),
        zone=place.key,
        zones=zones_for(place, own.time_zone if own else None),
    )


PAGES = (Page("GET", RULES, Need.AUDITOR, show, menu="Rules"),)
