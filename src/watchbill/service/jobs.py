"""The jobs of an instance besides its passes: what cannot wait for one.

Each looks at what there is to do in the state, and does it. What people press is worked on first and often, and what of
it takes long beside that; questions whose time is over and freezes that are to be looked at again come in their time;
and what is to be told goes out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event

from watchbill.errors import NotFoundError, Problem
from watchbill.intervals import iso
from watchbill.ledger.model import Kind
from watchbill.respond.interfaces import Sender
from watchbill.service import containment, requests
from watchbill.service.asking import deadlines
from watchbill.service.briefing import Preview
from watchbill.service.casework import Casework
from watchbill.service.clicks import Desk, work_clicks, work_slow
from watchbill.service.links import LinksOf, nowhere
from watchbill.service.outbox import deliver
from watchbill.service.serve import Did, Job, Turn
from watchbill.store.rows import Proposed, Worked
from watchbill.team.model import Team


PRESSES, SLOW, DEADLINES, OUTBOX, AT_ONCE = "presses", "slow presses", "deadlines", "outbox", "at once"

OFTEN = timedelta(milliseconds=50)
"""How often presses are looked for that another instance took; its own wake the job (`Instance.wake`)."""

A_MOMENT = timedelta(milliseconds=250)
"""How often there is a look at presses that were taken on: whoever pressed has been told."""

SOON = timedelta(seconds=1)
"""How often there is a look at deadlines, at freezes and at what is to be told."""

_FRESH = timedelta(minutes=5)
_AGAIN = timedelta(seconds=10)
"""How long after a try for something that cannot wait there is the next one."""
_OUTSIDE = "outside schedules"

Works = Callable[[Turn], Casework]
"""Gives who works, by the team file as it is, over the state as the turn may write it."""


def presses(works: Works, desk: Callable[[Casework], Desk]) -> Job:
    """Work on what people pressed; `desk` gives what that may set in motion."""

    def work(turn: Turn) -> Did:
        if not turn.store.clicks.waiting():
            return Did()
        working = works(turn)
        done = work_clicks(working, desk(working), turn.goes_on)
        return Did({"worked": done} if done else {})

    return Job(PRESSES, OFTEN, work, _FRESH)


def slow_presses(works: Works, desk: Callable[[Casework], Desk]) -> Job:
    """Do what was taken on of what people pressed, one after the other: it speaks to AWS."""

    def work(turn: Turn) -> Did:
        if not turn.store.clicks.waiting(Worked.TAKEN_ON):
            return Did()
        working = works(turn)
        return Did({"worked": 1}, more=True) if work_slow(working, desk(working)) else Did()

    return Job(SLOW, A_MOMENT, work, _FRESH)


def due(works: Works) -> Job:
    """Hear silence, and look at freezes again."""

    def work(turn: Turn) -> Did:
        working = works(turn)
        escalated, looked = deadlines(working), containment.recheck_due(working)
        facts = {"escalated": escalated, "rechecked": looked}
        return Did({name: ids for name, ids in facts.items() if ids})

    return Job(DEADLINES, SOON, work, _FRESH)


def at_once(
    works: Works,
    bring: Callable[[Casework], Sequence[Problem]],
    refresh: Callable[[Casework], Casework],
    rung: Event,
) -> Job:
    """Bring AWS in step for what was approved, and for what an outside schedule says anew, before the next pass does.

    `bring` plans and applies as a pass does; `refresh` fetches outside schedules and gives the work that goes by them;
    `rung` is set where somebody outside says that one has changed.
    """
    tried: dict[str, datetime] = {}

    def is_due(what: str, at: datetime) -> bool:
        return what not in tried or at - tried[what] >= _AGAIN

    def work(turn: Turn) -> Did:
        new = [row.id for row in requests.unsettled(turn.store, turn.at) if is_due(row.id, turn.at)]
        rang = rung.is_set() and is_due(_OUTSIDE, turn.at)
        heads = turn.store.proposals.open_heads()
        let = [head.id for head in heads if head.state is Proposed.APPROVED and is_due(head.id, turn.at)]
        if not (new or let or rang or requests.is_overdue(turn.store, turn.at)):
            return Did()
        working = works(turn)
        expired, problems = requests.expire(working), list[Problem]()
        tried.update(dict.fromkeys([*new, *let, *([_OUTSIDE] if rang else [])], turn.at))
        if rang:
            rung.clear()
            working = refresh(working)
        if new or let or rang:
            problems += bring(working)
        facts = {"expired": expired, "effective": requests.settle(working)}
        return Did({name: ids for name, ids in facts.items() if ids}, problems)

    return Job(AT_ONCE, SOON, work, _FRESH)


def preview_of(work: Casework) -> Preview:
    """Give what shows leads the exact calls of a freeze, before they let it be made."""

    def preview(case_id: str) -> list[str]:
        person = work.case(case_id)[1].person
        lead = next((name for name in work.team.leads if name != person), work.actor)
        planned = containment.plan(replace(work, actor=lead), case_id)
        return [f"{change.account}: {change.call}" for change in planned.containment.changes]

    return preview


def freeze(work: Casework, case_id: str) -> str:
    """Freeze the person of a case on a lead's press, or go on with it; say what came of it."""
    frozen = containment.freeze(work, containment.plan(work, case_id))
    who, held = frozen.containment.person, sum(check.holds for check in frozen.checks)
    if frozen.holds:
        return f"{who} is frozen: {held} checks hold over what AWS gives back. It is looked at again for a minute."
    broken = next(check for check in frozen.checks if not check.holds)
    found = f"{held} of {len(frozen.checks)} checks hold. First of the others: {broken.what} ({broken.detail})"
    return f"{who} is not frozen by every path: {found}. It goes on by itself; `watchbill freeze {case_id}` shows it."


def restore(work: Casework, case_id: str) -> str:
    """Give back what the freeze of a case took, on a lead's press; say what is not as it was."""
    try:
        restored = containment.restore(work, case_id)
    except NotFoundError:
        # The process died between the restore and saying so.
        before = _restored_before(work, case_id)
        if before is None:
            raise
        return before
    left = "; ".join((*restored.restoration.left_out, *restored.differences))
    said = f"Not as it was: {left}" if left else "All is as it was."
    return f"{work.case(case_id)[1].person} is restored. {said}"


def _restored_before(work: Casework, case_id: str) -> str | None:
    """Tell of the restore of a case that the same lead has made; None where they made none."""
    ids = [row.id for row in work.store.freezes.all() if row.case_id == case_id]
    done = [entry for entry in work.store.ledger.about(ids) if entry.kind == Kind.RESTORE_APPLIED]
    if not done or done[-1].actor != work.actor:
        return None
    return f"{done[-1].facts['person']} is restored, since {iso(done[-1].at)}."


def outbox(works: Works, senders: Callable[[Team], Mapping[str, Sender]], links: LinksOf = nowhere) -> Job:
    """Tell people what is to be told; `senders` gives the channels of a team file, `links` what makes addresses."""

    def work(turn: Turn) -> Did:
        if turn.store.outbox.waiting_since() is None:
            return Did()
        working = works(turn)
        done = deliver(working, senders(working.team), links(working.team), turn.goes_on)
        return Did({"sent": done.sent} if done.sent else {}, tuple(done.problems), more=done.more)

    return Job(OUTBOX, SOON, work, _FRESH)
