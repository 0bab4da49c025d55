"""The ledger: what watchbill itself did, the last first, as its reader may see it; and whether its chain holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from fastapi import Depends, Query
from starlette.responses import Response, StreamingResponse

from watchbill.inert import inert_json
from watchbill.ledger.chain import verify as verify_chain
from watchbill.ledger.model import Kind, Sought
from watchbill.service.ledger_view import Reader, entry_view, facts_said, verify_view
from watchbill.web.asked import UTC, When, Zone, instant_of, local_in, zone_of, zones_for
from watchbill.web.guard import Visiting
from watchbill.web.page import Need, Page
from watchbill.web.site import Visit


LEDGER = "/ledger"
_VERIFY = "/ledger/verify"
_EXPORT = "/ledger.json"
_ROWS = 50
_AT_ONCE = 200
"""Entries of one piece of the JSON."""
_LAST = 2_147_483_647
"""The greatest number that the table can have."""

Name = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    kind: Annotated[str, Query(max_length=64)] = ""
    actor: Name = ""
    start: Annotated[When, Query(alias="from")] = ""
    end: Annotated[When, Query(alias="to")] = ""
    zone: Zone = UTC
    before: Annotated[int | None, Query(ge=1, le=_LAST)] = None

    def sought(self, place: ZoneInfo) -> Sought:
        """Give which entries those are."""
        start, end = (_second(text, place) for text in (self.start, self.end))
        return Sought(self.kind, self.actor, start, end, self.before)

    def address(self, path: str = LEDGER, before: int | None = None) -> str:
        """Give the address of a page that asks for the same, from another number on."""
        zone = "" if self.zone == UTC else self.zone
        given = {"kind": self.kind, "actor": self.actor, "from": self.start, "to": self.end, "zone": zone}
        given["before"] = "" if before is None else str(before)
        rest = urlencode({name: each for name, each in given.items() if each})
        return f"{path}?{rest}" if rest else path


Given = Annotated[Asked, Depends(Asked)]


def _second(text: str, place: ZoneInfo) -> datetime | None:
    """Read an instant, to the whole second in which it is."""
    return instant_of(text, place).replace(microsecond=0) if text else None


def show(visit: Visiting, asked: Given) -> Response:
    """Show the entries that are asked for."""
    place, work = zone_of(asked.zone), visit.work()
    lines, more = Reader(work).page(asked.sought(place), _ROWS)
    return visit.show(
        "ledger.html",
        asked=asked,
        lines=lines,
        facts=facts_said,
        kinds=list(Kind),
        older=None if more is None else asked.address(before=more),
        newest=asked.address() if asked.before is not None else None,
        export=asked.address(_EXPORT),
        empty=not lines and asked == Asked(zone=asked.zone),
        **_times(visit, place),
    )


def _times(visit: Visit, place: ZoneInfo) -> dict[str, Any]:
    own = visit.team.people.get(visit.person)
    zones = zones_for(place, own.time_zone if own else None)
    return {"local": local_in(place), "zone": place.key, "zones": zones}


def verify(visit: Visiting) -> Response:
    """Say whether the chain holds, by all of it as it is now."""
    found = verify_view(verify_chain(visit.site.store.ledger.entries()))
    return visit.show("ledger_verify.html", found=found, local=local_in(zone_of(UTC)))


def as_json(visit: Visiting, asked: Given) -> Response:
    """Give the entries that are asked for as JSON, one on a line, the last first."""
    lines = Reader(visit.work()).lines(asked.sought(zone_of(asked.zone)))

    def said() -> Iterator[str]:
        # Each piece goes by way of another thread.
        while some := list(islice(lines, _AT_ONCE)):
            yield "".join(inert_json(msgspec.json.encode(entry_view(line.entry)).decode()) + "\n" for line in some)

    headers = {"Content-Disposition": f'attachment; filename="ledger-{visit.at:%Y%m%dT%H%M%SZ}.jsonl"'}
    return StreamingResponse(said(), media_type="application/x-ndjson", headers=headers)


PAGES = (
    Page("GET", LEDGER, Need.AUDITOR, show, menu="Ledger", live=True),
    Page("GET", _VERIFY, Need.AUDITOR, verify),
    Page("GET", _EXPORT, Need.AUDITOR, as_json),
)
