"""Who has access to what at any time, as a matrix; two times compared; and why one cell is as it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final
from urllib.parse import quote_plus, urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Form, Query
from starlette.responses import Response

from watchbill.access.chain import chain_of
from watchbill.access.matrix import By, Cell, Place, Standing
from watchbill.errors import NotFoundError
from watchbill.intervals import iso
from watchbill.policy.actions import is_action
from watchbill.policy.model import Request
from watchbill.service import drift_seen
from watchbill.service.access_view import (
    COLUMNS,
    ROWS,
    Filters,
    Matrix,
    Search,
    Then,
    compared,
    denied_of,
    emptied_in,
    explained,
    matrix,
    place_of,
    search,
    then,
)
from watchbill.service.drift_seen import SeenDrift
from watchbill.service.rights import ExplainView
from watchbill.service.sign_in import Role
from watchbill.web import told
from watchbill.web.asked import UTC, PageNumber, When, Zone, instant_of, local_in, zone_of, zones_for
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Refusal, Visit
from watchbill.web.slider import Stop, slider_svg


ACCESS: Final = "/access"
_EXPLAIN: Final = "/access/explain"
_COMPARE: Final = "/access/compare"
_REACH = timedelta(days=3660)
"""How far from now a page looks: schedules are worked out, not looked up."""
_STEPS = ((-8, "8 h earlier"), (-1, "1 h earlier"), (1, "1 h later"), (8, "8 h later"))
"""Hours, and what the link by so many is called."""
_STOPS = 24
"""Changes on the line of time."""
_NAMED = 3
"""How many things that change at once are named."""
_DIFFERENCES = 100
"""Differences on a page."""
_MFA = "aws:MultiFactorAuthPresent"

MARKS: Final = {
    By.JOB: "\u25a0",
    By.ON_CALL: "\u25cf",
    By.OVERRIDE: "\u25c6",
    By.GRANT: "\u25b2",
    Standing.FROZEN: "\u2715",
    Standing.DRIFT: "!",
    Standing.OFF_WATCH: "\u25cb",
}
"""A shape for each word, so that nothing is said by colour alone."""

Name = Annotated[str, Query(max_length=200)]
Long = Annotated[str, Query(max_length=2048)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: an instant, and of whom, where and what. All of it is in the address."""

    at: When = ""
    person: Name = ""
    group: Name = ""
    account: Name = ""
    permission_set: Annotated[Name, Query(alias="set")] = ""
    zone: Zone = UTC
    action: Name = ""
    resource: Long = ""

    def fields(self, **more: str) -> dict[str, str]:
        """Give the fields of the address, those that are empty left out."""
        given = {
            "at": self.at,
            "person": self.person,
            "group": self.group,
            "account": self.account,
            "set": self.permission_set,
            "zone": "" if self.zone == UTC else self.zone,
            "action": self.action,
            "resource": self.resource,
        }
        return {name: value for name, value in (given | more).items() if value}


Given = Annotated[Asked, Depends(Asked)]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at an instant, for one visitor."""

    visit: Visit
    asked: Asked
    place: ZoneInfo
    found: Then
    filters: Filters

    def address(self, path: str = ACCESS, at: datetime | None = None, **more: str) -> str:
        """Give the address of a page that asks for the same, but for what is given; of now where that is asked for."""
        moment = self.asked.at if at is None else iso(at)
        fields = self.asked.fields(at=moment, **more)
        said = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
        return f"{path}?{said}" if said else path

    def drawn(self) -> dict[str, Any]:
        """Give what every page of this kind is drawn with."""
        team, own = self.found.moment.team, self.visit.person
        theirs = team.people[own].time_zone if own in team.people else None
        return {
            "look": self,
            "asked": self.asked,
            "team": team,
            "at": self.found.moment.at,
            "field_at": self.found.moment.at.astimezone(self.place).strftime("%Y-%m-%dT%H:%M"),
            "by": self.found.by,
            "assumed": self.found.assumed,
            "all_people": self.filters.own is None,
            "local": local_in(self.place),
            "brief": _brief(self.place, self.found.moment.at),
            "zone": self.place.key,
            "zones": zones_for(self.place, theirs),
            "marks": MARKS,
        }


# The same names stand in thousands of addresses.
_quoted = lru_cache(maxsize=4_096)(quote_plus)


def _look(visit: Visit, asked: Asked) -> _Look:
    place = zone_of(asked.zone)
    now = visit.at.replace(microsecond=0)
    at = now if not asked.at else _within_reach(visit, instant_of(asked.at, place))
    filters = Filters(asked.person, asked.group, asked.account, asked.permission_set, _own(visit))
    return _Look(visit, asked, place, then(visit.work(), at), filters)


def _own(visit: Visit) -> str | None:
    """Give the one person whom a visitor may see: themself, unless they may see all."""
    return None if visit.role >= Role.AUDITOR else visit.person


def _within_reach(visit: Visit, at: datetime) -> datetime:
    if abs(at - visit.at) > _REACH:
        raise Refusal(400, f"{iso(at)} is out of reach", "ask about an instant within ten years of now")
    return at


def _brief(place: ZoneInfo, at: datetime) -> Callable[[datetime], str]:
    """Give what says an instant near another in short: the hour alone where it is on the same day."""
    long, day = local_in(place), at.astimezone(place).date()

    def said(instant: datetime) -> str:
        local = instant.astimezone(place)
        return f"{local:%H:%M}" if local.date() == day else long(instant)

    return said


def show(visit: Visiting, asked: Given, page: PageNumber = 1, across: PageNumber = 1) -> Response:
    """Show the matrix at an instant; where an action is asked about, who can do it, in its place."""
    look = _look(visit, asked)
    found = _searched(look)
    shown = matrix(look.found, look.filters, page, across) if found is None else None
    now = look.found.moment.at
    given = _drift(look)
    steps = [(look.address(at=now + timedelta(hours=hours)), name) for hours, name in _STEPS]
    stops = [] if shown is None else _stops(look, shown)
    return visit.show(
        "access.html",
        **look.drawn(),
        matrix=shown,
        stops=stops,
        slider=slider_svg(now, stops, lambda instant: look.address(at=instant), look.place),
        page=page,
        pages=0 if shown is None else -(-shown.people // ROWS),
        across=across,
        acrosses=0 if shown is None else -(-shown.sets // COLUMNS),
        steps=steps,
        found=found,
        drift=given,
        drifted={each.person for each in given if each.acknowledged is None},
        leads=visit.role >= Role.LEAD and visit.person in visit.team.leads and not asked.at,
        now=_without_instant(look),
        compare=f"{_COMPARE}?{urlencode(_to_compare(look))}",
    )


def _drift(look: _Look) -> list[SeenDrift]:
    """Give what others gave as of the instant, of those whom the visitor may see."""
    own = look.filters.own
    return [each for each in look.found.seen if own is None or each.person == own]


def acknowledge(
    visit: Visiting,
    drift: Annotated[str, Form(pattern=r"^D-[0-9a-f]{16}$")],
    reason: Annotated[str, Form(max_length=2_000)],
) -> Response:
    """Write that a lead knows of something that others gave; it takes nothing back."""
    drift_seen.acknowledge(visit.work(), drift, reason)
    return visit.go(f"{ACCESS}#drift")


def _stops(look: _Look, shown: Matrix) -> list[Stop]:
    """Give the changes around the instant, those at one instant together; the nearest ones where there are many."""
    found: dict[datetime, list[str]] = {}
    for turning in shown.around:
        found.setdefault(turning.at, []).append(turning.what)
    now = look.found.moment.at
    nearest = sorted(found, key=lambda at: abs(at - now))[:_STOPS]
    return [Stop(at, _few(found[at]), look.address(at=at)) for at in sorted(nearest)]


def _few(names: Sequence[str]) -> str:
    left = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {left} more" if left > 0 else "")


def _without_instant(look: _Look) -> str:
    return replace(look, asked=replace(look.asked, at="")).address()


def _to_compare(look: _Look) -> dict[str, str]:
    """Give the fields of a comparison of the instant with eight hours later, or with now where it is another."""
    at, now = look.found.moment.at, look.visit.at
    other = now if look.asked.at and at != now else at + timedelta(hours=8)
    fields = look.asked.fields(action="", resource="", at="")
    return {"from": iso(min(at, other)), "to": iso(max(at, other)), **fields}


def _searched(look: _Look) -> Search | None:
    """Tell who can do what is asked about; None where nothing is."""
    if not look.asked.action:
        return None
    _one_action(look.asked.action)
    return search(look.found, look.filters, look.asked.action, look.asked.resource or "*")


def _one_action(action: str) -> None:
    if "*" in action or "?" in action or ":" not in action:
        hint = "write one such as rds:ModifyDBInstance; `watchbill prove` is about all of a pattern"
        raise Refusal(400, f"`{action}` is not one action", hint)


def as_json(visit: Visiting, asked: Given) -> Response:
    """Give every cell that is asked for, for programs."""
    look = _look(visit, asked)
    return Response(told.as_json(look.found, look.filters), media_type="application/json")


def as_csv(visit: Visiting, asked: Given) -> Response:
    """Give every cell that is asked for, as a table of text."""
    look = _look(visit, asked)
    headers = {"Content-Disposition": f'attachment; filename="access-{look.found.moment.at:%Y%m%dT%H%M%SZ}.csv"'}
    text = told.as_csv(look.found, look.filters)
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def compare(
    visit: Visiting,
    asked: Given,
    start: Annotated[When, Query(alias="from")] = "",
    end: Annotated[When, Query(alias="to")] = "",
    page: PageNumber = 1,
) -> Response:
    """Show what is not the same at two times, person by person, and by what."""
    place = zone_of(asked.zone)
    before = _look(visit, replace(asked, at=start or iso(visit.at)))
    later = end or iso(before.found.moment.at + timedelta(hours=8))
    after = _look(visit, replace(asked, at=later))
    found = compared(before.found, after.found, after.filters)
    shown = found[(page - 1) * _DIFFERENCES : page * _DIFFERENCES]

    def turn(number: int) -> str:
        fields = asked.fields(at="") | {"from": start, "to": end, "page": str(number)}
        return f"{_COMPARE}?{urlencode({name: value for name, value in fields.items() if value})}"

    def why(one: _Look, where: Place) -> str:
        names = {"person": where.person, "account": where.account, "set": where.permission_set}
        return one.address(_EXPLAIN, one.found.moment.at, **names)

    return visit.show(
        "access_compare.html",
        **after.drawn(),
        before=before,
        after=after,
        from_field=before.found.moment.at.astimezone(place).strftime("%Y-%m-%dT%H:%M"),
        differences=shown,
        all=len(found),
        people=len({each.place.person for each in found}),
        page=page,
        pages=-(-len(found) // _DIFFERENCES),
        turn=turn,
        why=why,
        said=cell_words,
    )


def explain(visit: Visiting, asked: Given) -> Response:
    """Show why one cell is as it is, or what one action comes to; and what would change it."""
    if not asked.person:
        asked = replace(asked, person=visit.person)
    own = _own(visit)
    if own not in (None, asked.person):
        raise Refusal(403, "you see your own access alone", "auditors see everybody's", (f"{_EXPLAIN}", "Your own"))
    look = _look(visit, asked)
    team = look.found.moment.team
    if asked.person not in team.people:
        raise NotFoundError(f"no person `{asked.person}` in {look.found.by}")
    chain, drift, denied, bound = None, tuple[SeenDrift, ...](), list[str](), None
    if asked.permission_set and asked.account:
        place = place_of(look.found, asked.person, asked.account, asked.permission_set)
        chain, drift = chain_of(look.found.moment, place), look.found.drift.get(place, ())
        denied = denied_of(look.found, place)
        bound = next(iter(emptied_in(look.found, [(place.account, place.permission_set)]).values()), None)
    return visit.show(
        "access_explain.html",
        **look.drawn(),
        person=team.people[asked.person],
        chain=chain,
        drift=drift,
        denied=denied,
        bound=bound,
        ways=_ways(look),
        listed=not asked.action or is_action(asked.action),
    )


def _ways(look: _Look) -> list[ExplainView] | None:
    """Explain every way to the action that is asked about; None where none is."""
    asked, team = look.asked, look.found.moment.team
    if not asked.action or not asked.account:
        return None
    _one_action(asked.action)
    if asked.account not in team.accounts:
        raise NotFoundError(f"no account `{asked.account}` in {look.found.by}")
    resource = asked.resource or "*"
    request = Request(asked.action, resource, {_MFA: "true"}, some="*" in resource)
    return explained(look.found, asked.person, asked.account, request)


def cell_words(cell: Cell | None) -> str:
    """Say a cell in words: what it comes to, and by what."""
    if cell is None:
        return "no"
    if cell.standing is Standing.OFF_WATCH:
        return str(cell.standing)
    frozen = "frozen, else " if cell.standing is Standing.FROZEN else ""
    reasons = (f"{reason.by} ({reason.why})" for reason in cell.reasons)
    drift = (f"{Standing.DRIFT} ({each.what})" for each in cell.drift)
    return frozen + "; ".join((*reasons, *drift))


PAGES = (
    Page("POST", f"{ACCESS}/drift", Need.LEAD, acknowledge),
    Page("GET", ACCESS, Need.VIEWER, show, menu="Access"),
    Page("GET", "/access.csv", Need.VIEWER, as_csv),
    Page("GET", "/access.json", Need.VIEWER, as_json),
    Page("GET", _COMPARE, Need.VIEWER, compare),
    Page("GET", _EXPLAIN, Need.VIEWER, explain),
)
