"""Let rotas say who stood in for whom, from each freeze on and for as long as it lasted."""

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from watchbill.intervals import Interval
from watchbill.respond.model import Containment
from watchbill.respond.stand_in import overrides_of
from watchbill.store.database import Store
from watchbill.store.rows import FreezeRow
from watchbill.team.model import Override, Rota, Team


class _Kept(msgspec.Struct):
    containment: Containment | None = None


def with_stand_ins(team: Team, store: Store) -> Team:
    """Give a team with the watches of whoever was frozen passed on, as each freeze says."""
    frozen = [
        (row, kept) for row in store.freezes.all() if (kept := containment_of(row)) is not None and kept.stand_ins
    ]
    if not frozen:
        return team
    rotas = {
        name: replace(rota, overrides=(*rota.overrides, *(o for pair in frozen for o in _passed_on(*pair, rota))))
        for name, rota in team.rotas.items()
    }
    return replace(team, rotas=rotas)


def containment_of(row: FreezeRow) -> Containment | None:
    """Give what a freeze was made by; None where it was kept without."""
    return msgspec.json.decode(row.payload, type=_Kept).containment


def _passed_on(row: FreezeRow, frozen: Containment, rota: Rota) -> Iterator[Override]:
    """Give the overrides of a freeze: they end with it, where that is before the shift ends."""
    for each in overrides_of(frozen, rota):
        if row.end is None or row.end >= each.interval.end:
            yield each
        elif row.end > each.interval.start:
            yield replace(each, interval=Interval(each.interval.start, row.end))
