"""Page whoever stands in for somebody who is frozen, and let the rota say so for as long as the freeze lasts."""

from dataclasses import replace
from datetime import datetime

import msgspec

from watchbill.intervals import iso
from watchbill.respond.model import Containment, StandIn
from watchbill.respond.notices import LEADS, Notice, NoticeKind
from watchbill.respond.stand_in import overrides_of
from watchbill.service.casework import Casework
from watchbill.service.outbox import put
from watchbill.store.database import Store
from watchbill.team.model import Team


class _Kept(msgspec.Struct):
    containment: Containment | None = None


def page(work: Casework, frozen: Containment) -> None:
    """Write the notice to each who stands in, in the transaction of the freeze; to the leads where nobody is free."""
    for each in frozen.stand_ins:
        put(work, notice(frozen, each))


def notice(frozen: Containment, each: StandIn) -> Notice:
    """Say that somebody has the watch now; nothing of what is suspected."""
    to = each.person or LEADS
    title = f"You have the watch of {each.rota} now" if each.person else f"Nobody is free to keep {each.rota}"
    lines = (f"{frozen.person} cannot keep it. It is {each.kind} from {iso(each.start)} to {iso(each.end)}.",)
    key = f"{frozen.case or frozen.id}:{NoticeKind.STAND_IN}:{to}:{each.rota}:{frozen.id}"
    return Notice(key, NoticeKind.STAND_IN, to, frozen.case, "high", title, lines)


def with_stand_ins(team: Team, store: Store, at: datetime) -> Team:
    """Give the team with the watches of those who are frozen passed on, as each freeze says."""
    kept = [msgspec.json.decode(row.payload, type=_Kept).containment for row in store.freezes.active(at)]
    frozen = [each for each in kept if each is not None and each.stand_ins]
    if not frozen:
        return team
    rotas = {
        name: replace(rota, overrides=(*rota.overrides, *(o for each in frozen for o in overrides_of(each, rota))))
        for name, rota in team.rotas.items()
    }
    return replace(team, rotas=rotas)
