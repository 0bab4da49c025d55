"""One person: what they did against their shifts, and what the state has about them; and the list of all people.

A person sees themself; auditors and above see everybody, and that they looked is in the ledger.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from fastapi import Path, Query
from starlette.responses import Response

from watchbill.access.entitlements import is_frozen
from watchbill.access.history import History
from watchbill.alerts.export.reader import sees_insider
from watchbill.alerts.view import CaseView
from watchbill.errors import NotFoundError
from watchbill.intervals import Interval, iso
from watchbill.schedule.oncall import Schedule
from watchbill.service.about import about, is_known, note_reader
from watchbill.service.as_read import judged_by
from watchbill.service.casework import Casework
from watchbill.service.certificates import given
from watchbill.service.grounds import stamp_of
from watchbill.service.history import history_of
from watchbill.service.person import Lane, Seen, nothing_seen, shifts_of, sittings
from watchbill.service.seen import MOST
from watchbill.store.rows import FreezeRow
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
from watchbill.web.guard import Visiting
from watchbill.web.lanes import Scene, lanes_svg
from watchbill.web.page import Need, Page
from watchbill.web.site import Visit


_LEAST, _MOST = timedelta(hours=1), timedelta(days=90, hours=2)
"""From an hour to ninety days, in which the clocks may change."""
_DAYS = 7
_ROWS = 50
_SITTINGS = 30
_PEOPLE = 100
_SPANS = (
    ("1 h", timedelta(hours=1)),
    ("6 h", timedelta(hours=6)),
    ("1 day", timedelta(days=1)),
    ("7 days", timedelta(days=7)),
    ("30 days", timedelta(days=30)),
    ("90 days", timedelta(days=90)),
)

Who = Annotated[str, Path(max_length=200)]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of somebody's events in a span."""

    seen: Seen
    history: History
    complete_to: datetime | None
    there: bool
    """Whether there is a trail at all."""


def show(
    visit: Visiting,
    person: Who,
    start: Annotated[When, Query(alias="from")] = "",
    end: Annotated[When, Query(alias="to")] = "",
    zone: Zone = UTC,
    page: PageNumber = 1,
) -> Response:
    """Show a person in a span: a week until another is asked for."""
    work, place = visit.work(), zone_of(zone)
    if not is_known(work, person):
        raise NotFoundError(f"no person `{person}`", f"people: {len(work.team.people)} in the team file")
    span = _span(start, end, place, visit.at)
    note_reader(work, person)
    found = _found(visit, work, person, span)
    beside = about(work, person, span, lambda view: _sees(visit, view))
    shifts = shifts_of(found.history, person, span)
    local = local_in(place)
    frozen = [each for row in beside.freezes if (each := _cut(row, span)) is not None]
    scene = Scene(found.seen, shifts, frozen, found.complete_to)
    known = work.team.people.get(person)
    counts, sat = found.seen.counts(), sittings(found.seen)
    return visit.show(
        "person.html",
        person=person,
        known=known,
        span=span,
        picture=lanes_svg(scene, place, local, visit.at, lambda s, e: address(person, s, e, place.key)),
        events=found.seen.listed((page - 1) * _ROWS, _ROWS),
        counts=counts,
        outside=counts[Lane.OUTSIDE],
        total=sum(counts.values()),
        page=page,
        pages=-(-sum(counts.values()) // _ROWS),
        most=None if found.seen.whole else MOST,
        assumed=(*found.history.assumed, *judged_by(work.store, work.team, span)),
        sittings=sat[:_SITTINGS],
        sat=len(sat),
        shifts=shifts,
        about=beside,
        complete_to=found.complete_to,
        there=found.there,
        own=person == visit.person,
        certificates=given(work, person),
        local=local,
        zone=place.key,
        zones=zones_for(place, known.time_zone if known else None),
        steps=_steps(person, span, place),
        turn=lambda number: address(person, span.start, span.end, place.key, number),
    )


def certificate(visit: Visiting, person: Who, serial: Annotated[str, Path(pattern=r"^[0-9]{1,20}$")]) -> Response:
    """Give one of a person's certificates as the file that ssh reads; it is no secret."""
    work = visit.work()
    found = next((each for each in given(work, person) if each.serial == serial), None)
    if found is None:
        raise NotFoundError(f"no certificate {serial} of `{person}` is taken now", "it is over, or was taken back")
    note_reader(work, person)
    headers = {"Content-Disposition": f'attachment; filename="{found.file}"'}
    return Response(f"{found.text}\n", media_type="text/plain", headers=headers)


def address(
    person: str, start: datetime | None = None, end: datetime | None = None, zone: str = UTC, page: int = 1
) -> str:
    """Give the address of a person's page."""
    asked = {"from": iso(start) if start else "", "to": iso(end) if end else "", "zone": "" if zone == UTC else zone}
    asked["page"] = "" if page == 1 else str(page)
    rest = urlencode({name: each for name, each in asked.items() if each})
    return f"/people/{quote(person, safe='')}" + (f"?{rest}" if rest else "")


def _span(start: str, end: str, zone: ZoneInfo, at: datetime) -> Interval:
    """Read a span; where one end is not given it is a week, and where neither is, that up to tonight."""
    if start and not end:
        first = instant_of(start, zone)
        return span_of(first, days_later(first, zone, _DAYS), _LEAST, _MOST)
    last = instant_of(end, zone) if end else days_later(midnight(at, zone), zone, 1)
    return span_of(instant_of(start, zone) if start else days_later(last, zone, -_DAYS), last, _LEAST, _MOST)


def _steps(person: str, span: Interval, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Give the pages before and after, and those of other lengths that end with this one."""
    steps = [("Earlier", span.start - span.length, span.start), ("Later", span.end, span.end + span.length)]
    steps += [(words, span.end - length, span.end) for words, length in _SPANS]
    return [(words, address(person, start, end, zone.key)) for words, start, end in steps]


def _found(visit: Visit, work: Casework, person: str, span: Interval) -> Found:
    trail = visit.site.trail
    if trail is None:
        history = history_of(work, span)
        return Found(nothing_seen(span, history), history, None, there=False)
    history = trail.history(work, span, stamp_of(work))
    complete_to = trail.complete_to()
    return Found(trail.seen(work, person, span), history, complete_to, there=complete_to is not None)


def _sees(visit: Visit, view: CaseView) -> bool:
    return sees_insider(visit.team, visit.person, view)


def _cut(row: FreezeRow, span: Interval) -> Interval | None:
    end = row.end or span.end
    return Interval(row.start, end).intersection(span) if row.start < end else None


def show_all(visit: Visiting, q: Annotated[str, Query(max_length=100)] = "", page: PageNumber = 1) -> Response:
    """List the people of the team file, those whom a text names where one is given."""
    work, asked = visit.work(), q.casefold()
    team, freezes = work.laid_over(), work.freezes()
    names = [
        name
        for name, each in sorted(team.people.items())
        if asked in name.casefold() or asked in each.full_name.casefold()
    ]
    duties = [duty for rota in team.rotas.values() for duty in Schedule(rota).on_call(visit.at)]
    shown = names[(page - 1) * _PEOPLE : page * _PEOPLE]
    return visit.show(
        "people.html",
        people=[team.people[name] for name in shown],
        on_call={name: [f"{d.kind} of {d.rota}" for d in duties if d.person == name] for name in shown},
        frozen={name for name in shown if is_frozen(name, freezes, visit.at)},
        address=address,
        q=q,
        count=len(names),
        page=page,
        pages=-(-len(names) // _PEOPLE),
        turn=lambda number: f"/people?{urlencode({'q': q, 'page': number})}",
    )


PAGES = (
    Page("GET", "/people", Need.AUDITOR, show_all, menu="People"),
    Page("GET", "/people/{person}", Need.SELF, show),
    Page("GET", "/people/{person}/certificates/{serial}", Need.SELF, certificate),
)
