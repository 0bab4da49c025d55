"""Lay over a team file what was approved beside it: grants for a while, and swaps of watches.

Each begins when it was approved and ends by itself, or when somebody ended it. So it may be laid over the team file of
any time: what was done before or after is not entitled by it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import msgspec

from watchbill.intervals import Interval
from watchbill.respond.requests import Access, Swap, grant_of, override_of
from watchbill.store.database import Store
from watchbill.store.rows import Asked, RequestRow
from watchbill.team.model import Grant, Override, Team


ACCESS, SWAP = "access", "swap"


def wanted_of(row: RequestRow) -> Access | Swap:
    """Give what a request is for."""
    if row.kind == SWAP:
        return msgspec.json.decode(row.payload, type=Swap)
    return msgspec.json.decode(row.payload, type=Access)


def span_of(row: RequestRow) -> tuple[datetime, datetime]:
    """Give when what was approved begins and ends; where somebody ended it before it began, the two are the same.

    Whole seconds: IAM is given no others.
    """
    wanted, begins = wanted_of(row), (row.decided_at or row.at).replace(microsecond=0)
    if isinstance(wanted, Swap):
        start, end = max(wanted.start, begins), wanted.end
    else:
        start, end = begins, begins + wanted.length
    return start, end if row.ended_at is None else max(min(end, row.ended_at.replace(microsecond=0)), start)


def with_requests(team: Team, store: Store, known: datetime | None = None) -> Team:
    """Give a team with what was approved before an instant, as it was known then; None is all of it, as known now."""
    rows = store.requests.all(Asked.APPROVED)
    if known is not None:
        rows = [_as_known(row, known) for row in rows if row.decided_at is not None and row.decided_at < known]
    return laid_over(team, rows)


def approved_in(store: Store, within: Interval) -> list[RequestRow]:
    """Give what was approved and held at some instant of a span."""
    rows = ((row, *span_of(row)) for row in store.requests.all(Asked.APPROVED))
    return [row for row, start, end in rows if start < within.end and end > within.start]


def laid_over(team: Team, rows: Iterable[RequestRow]) -> Team:
    """Give a team with approved requests; one that is laid over it already is laid over it anew."""
    grants: dict[str, Grant] = {}
    swaps: dict[str, list[Override]] = {}
    names: set[str] = set()
    for row in rows:
        names.add(row.id.lower())
        if (given := given_by(row, team)) is None:
            continue
        if isinstance(given, Grant):
            grants[given.name] = given
        else:
            swaps.setdefault(_rota_of(row), []).append(given)
    if not names:
        return team
    kept = tuple(each for each in team.grants if each.name not in names)
    rotas = {
        name: replace(
            rota,
            overrides=(*(each for each in rota.overrides if each.name not in names), *swaps.get(name, ())),
        )
        for name, rota in team.rotas.items()
    }
    return replace(team, grants=(*kept, *grants.values()), rotas=rotas)


def given_by(row: RequestRow, team: Team) -> Grant | Override | None:
    """Give what an approved request comes to by a team file; None where nothing is left of it there."""
    wanted, span, by = wanted_of(row), span_of(row), row.decided_by or ""
    if isinstance(wanted, Swap):
        return override_of(row.id, wanted, *span, by, team)
    return grant_of(row.id, row.person, wanted, span, by, team)


def _rota_of(row: RequestRow) -> str:
    wanted = wanted_of(row)
    return wanted.rota if isinstance(wanted, Swap) else ""


def _as_known(row: RequestRow, known: datetime) -> RequestRow:
    later = row.ended_at is not None and row.ended_at >= known
    return replace(row, ended_at=None) if later else row
