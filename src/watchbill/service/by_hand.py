"""What only a person can do of a freeze or a restore: a list whose items a lead ticks, each with words and a link.

There is no call that ends a session of the access portal, or that disables a user of Identity Center's own directory;
an account of LDAP is disabled at the directory. Until such a step is ticked, the freeze does not hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from watchbill.access.apply import BY_HAND
from watchbill.access.model import State
from watchbill.errors import NotFoundError, RefusedError
from watchbill.ledger.model import Kind
from watchbill.respond.elsewhere import is_by_hand
from watchbill.respond.model import Check, Containment
from watchbill.service.casework import Casework
from watchbill.store.rows import StepRow


@dataclass(frozen=True, slots=True)
class Item:
    """One step that a person makes."""

    number: int
    """Its place in the list of its case, from 1; it does not change."""
    step: StepRow
    words: str
    ticked_at: datetime | None


def checklist(work: Casework, case_id: str) -> list[Item]:
    """Give the steps of a case that only a person can make: those of its freezes, then those of its restores.

    A freeze of no case is asked for by its own id, here and in what follows.
    """
    freezes = [row.id for row in work.store.freezes.all() if case_id in (row.case_id, row.id)]
    steps = [step for step in work.store.journal.all() if f" {BY_HAND}:" in step.call and _of(step.plan, freezes)]
    steps.sort(key=lambda step: (freezes.index(_freeze(step.plan)), "-back-" in step.plan, step.plan, step.number))
    return [
        Item(number, step, step.error or step.call, step.at if step.state == State.DONE else None)
        for number, step in enumerate(steps, start=1)
    ]


def tick(work: Casework, case_id: str, number: int) -> Item:
    """Say that a step was made, as a lead who is not the person of the case; to say it twice is refused."""
    work.must_lead(person_in(work, case_id))
    found = next((item for item in checklist(work, case_id) if item.number == number), None)
    if found is None:
        raise NotFoundError(f"case {case_id} has no step {number} for a person", f"watchbill tick {case_id} lists them")
    if found.ticked_at is not None:
        raise RefusedError(f"step {number} of case {case_id} is ticked already")
    done = replace(found.step, at=work.at, state=str(State.DONE))
    with work.store.transaction():
        work.store.journal.write(done)
        work.record(Kind.STEP_TICKED, found.step.plan, {"step": found.step.number, "what": found.words})
    return replace(found, step=done, ticked_at=work.at)


def person_in(work: Casework, case_id: str) -> str | None:
    """Give whom a case is about; one that is not there is a NotFoundError."""
    frozen = next((row for row in work.store.freezes.all() if row.id == case_id and row.case_id is None), None)
    return work.case(case_id)[1].person if frozen is None else frozen.person


def checks_by_hand(work: Casework, frozen: Containment) -> Iterator[Check]:
    """Check that a person has made each step of a freeze that is theirs."""
    done = {step.number for step in work.store.journal.of(frozen.id) if step.state == State.DONE}
    for number, change in enumerate(frozen.changes):
        if is_by_hand(change):
            ticked = number in done
            said = "ticked" if ticked else f"waits for a person: watchbill tick {frozen.case or frozen.id}"
            yield Check(change.why, ticked, said)


def _of(plan: str, freezes: list[str]) -> bool:
    return _freeze(plan) in freezes


def _freeze(plan: str) -> str:
    """Give the id of the freeze that a plan is of: `F-123abc` and `F-123abc-back-45678901` are both of `F-123abc`."""
    return plan.partition("-back-")[0]
