"""Page whoever stands in for somebody who is frozen."""

from watchbill.intervals import iso
from watchbill.respond.model import Containment, StandIn
from watchbill.respond.notices import LEADS, Notice, NoticeKind
from watchbill.service.casework import Casework
from watchbill.service.outbox import put


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
