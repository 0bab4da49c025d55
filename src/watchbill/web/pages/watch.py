"""Who is on watch, as swim lanes and as a table; for other calendars; and the plan of a swap before it is asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Query
from starlette.responses import Response

from watchbill.errors import NotFoundError
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.schedule.calendar_out import write_calendar
from watchbill.schedule.model import Gap, Shift
from watchbill.service import requests
from watchbill.service.watching import given_by, handoffs, on_call, swap_plan, whole_shifts
from watchbill.team.model import Team
from watchbill.web.asked import (
    UTC,
    PageNumber,
    When,
    Zone,
    days_later,
    instant_of,
    local_in,
    midnight,
    span_of,
    zone_of,
    zones_for,
)
from watchbill.web.calendar import calendar_svg, is_override
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Refusal


WATCH = "/watch"
_LANES = 40
"""People that one picture has room for. Where more are on call, one rota is shown until another is asked for."""
_ROWS = 100
"""Shifts on one page of the table."""
_ICS = timedelta(weeks=13)
_DAYS = 14

Name = Annotated[str, Query(max_length=200)]
Sent = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: a shift, or a gap."""

    interval: Interval
    who: str
    kind: str
    rota: str
    gives: str
    why: str
    gap: bool = False


def show(
    visit: Visiting,
    start: Annotated[When, Query(alias="from")] = "",
    days: Annotated[int, Query(ge=1, le=92)] = _DAYS,
    rota: Name = "",
    zone: Zone = UTC,
    page: PageNumber = 1,
) -> Response:
    """Show a calendar of some days."""
    place, team = zone_of(zone), visit.work().laid_over()
    first = instant_of(start, place) if start else midnight(visit.at, place)
    within = Interval(first, days_later(first, place, days))
    name = rota or _rota_shown(team, within, visit.person)
    held, missing = on_call(team, within, name)
    lines = _lines(team, held, missing)
    picture = calendar_svg(
        held, missing, within, place.key, visit.at, says=lambda s: given_by(team.rotas[s.rota], s.kind), alone=False
    )
    own = _zone_of_person(team, visit.person)
    return visit.show(
        "watch.html",
        picture=picture,
        lines=lines[(page - 1) * _ROWS : page * _ROWS],
        pages=-(-len(lines) // _ROWS),
        page=page,
        shifts=len(held),
        gaps=missing,
        handoffs=handoffs(held, within),
        within=within,
        local=local_in(place),
        zone=place.key,
        zones=zones_for(place, own),
        days=days,
        rota=name or "",
        rotas=list(team.rotas),
        start=start,
        earlier=_address(days_later(first, place, -days), days, rota, place.key),
        later=_address(within.end, days, rota, place.key),
        turn=lambda number: _address(first, days, rota, place.key, number),
        on_rota=any(visit.person in each.people for each in team.rotas.values()),
        others=_others(team, visit.person),
        people=team.people,
    )


def _rota_shown(team: Team, within: Interval, person: str) -> str | None:
    """Give the rota that is shown where none is asked for: all while a picture has room for them, else one's own."""
    if len({who for each in team.rotas.values() for who in each.people}) <= _LANES:
        return None
    own = (name for name, each in team.rotas.items() if person in each.people)
    return next(own, next(iter(team.rotas)))


def _lines(team: Team, held: list[Shift], missing: list[Gap]) -> list[Line]:
    """Give the rows of the table in order of time, gaps before shifts that begin with them."""
    rows = [Line(g.interval, "", str(g.kind), g.rota, str(g), "", gap=True) for g in missing]
    for shift in held:
        gives = given_by(team.rotas[shift.rota], shift.kind).removeprefix("gives ")
        why = f"{shift.source}, in place of whose turn it was" if is_override(shift) else shift.source
        rows.append(Line(shift.interval, shift.person, str(shift.kind), shift.rota, gives, why))
    return sorted(rows, key=lambda line: (line.interval.start, not line.gap, line.rota, line.who))


def _address(first: datetime, days: int, rota: str, zone: str, page: int = 1) -> str:
    asked = {"from": iso(first), "days": str(days), "rota": rota, "zone": zone, "page": "" if page == 1 else str(page)}
    return f"{WATCH}?{urlencode({name: each for name, each in asked.items() if each})}"


def _zone_of_person(team: Team, person: str) -> str | None:
    return team.people[person].time_zone if person in team.people else None


def _others(team: Team, person: str) -> list[str]:
    """Give whom somebody may swap with: everybody on a rota of theirs."""
    mine = (each.people for each in team.rotas.values() if person in each.people)
    return sorted({who for people in mine for who in people} - {person})


def calendar(visit: Visiting, person: Name = "", rota: Name = "") -> Response:
    """Give the shifts of a person, of a rota, or all, for another calendar (RFC 5545): thirteen weeks, each whole."""
    team = visit.work().laid_over()
    if person and person not in team.people:
        raise NotFoundError(f"no person `{person}`", f"people: {len(team.people)} in the team file")
    within = Interval(midnight(visit.at, zone_of(UTC)), visit.at + _ICS)
    found = [each for each in whole_shifts(team, within, rota or None) if person in ("", each.person)]
    name = f"On call for {rota or team.name}" + (f": {team.people[person].full_name}" if person else "")
    headers = {"Content-Disposition": 'attachment; filename="watch.ics"'}
    return Response(write_calendar(found, name, team.people, visit.at), media_type="text/calendar", headers=headers)


def show_swap(
    visit: Visiting,
    other: Name,
    start: Annotated[When, Query(alias="from")],
    end: Annotated[When, Query(alias="to")],
    reason: Annotated[str, Query(max_length=500)] = "",
    rota: Name = "",
    zone: Zone = UTC,
) -> Response:
    """Show who would gain and lose what, when. Nothing is asked of anybody by looking."""
    place, work = zone_of(zone), visit.work()
    if visit.person not in work.team.people:
        raise Refusal(403, "you are in no rota of the team file")
    span = span_of(instant_of(start, place), instant_of(end, place), timedelta(minutes=1), timedelta(days=31))
    plan = swap_plan(work, other, (span.start, span.end), reason, rota or None)
    return visit.show(
        "swap.html",
        plan=plan,
        wanted=plan.wanted,
        within=Interval(plan.wanted.start, plan.wanted.end),
        key=visit.site.secret(),
        local=local_in(place),
        zone=place.key,
        done=None,
    )


def ask_swap(
    visit: Visiting,
    other: Sent,
    start: Annotated[Sent, Form(alias="from")],
    end: Annotated[Sent, Form(alias="to")],
    reason: Sent,
    rota: Sent,
    key: Annotated[str, Form(max_length=64)],
) -> Response:
    """Ask the other one, as `/watch swap` in Slack does: it is they who say yes, and no file is written."""
    work = visit.work()
    span = _sent_instant(start), _sent_instant(end)
    row = requests.ask_swap(work, (visit.person, other), span, reason, rota, f"web:{key}")
    return visit.show("swap.html", done=requests.said(row))


def _sent_instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise Refusal(400, "what was sent is no span", "open the page of the swap again", (WATCH, "Watch")) from None


PAGES = (
    Page("GET", WATCH, Need.VIEWER, show, menu="Watch"),
    Page("GET", "/watch.ics", Need.VIEWER, calendar),
    Page("GET", "/watch/swap", Need.VIEWER, show_swap),
    Page("POST", "/watch/swap", Need.VIEWER, ask_swap),
)
