"""`tick`: say that a step is done which only a person can do."""

from dataclasses import dataclass

import rich_click as click

from watchbill.cli.session import Session, command
from watchbill.intervals import iso
from watchbill.service import by_hand, containment


@dataclass(frozen=True, slots=True)
class StepToTick:
    """One step that a person makes."""

    number: int
    place: str
    """The host, or `identity-center`."""
    what: str
    ticked_at: str | None


@command("tick", team=True, state=True)
@click.argument("case_id")
@click.argument("number", type=int, required=False)
def tick(session: Session, case_id: str, number: int | None) -> int:
    """List the steps of CASE_ID that only a person can make, or say as a lead that step NUMBER is made.

    They are of its freeze and its restore: what only the console of Identity Center can do, users of a directory that
    is not watchbill's to change, files that are about others too. Until each is ticked, the freeze does not hold. For
    somebody who is offboarded, CASE_ID is the id of their freeze.
    """
    with session.casework() as work:
        by_hand.person_in(work, case_id)
        looked = None if number is None else containment.ticked(work, case_id, number)
        items = by_hand.checklist(work, case_id)
    for item in items:
        done = f"ticked {iso(item.ticked_at)}" if item.ticked_at is not None else "to do"
        session.out.line(
            f"{item.number}. {done}: {item.words}", style="green" if item.ticked_at is not None else "yellow"
        )
    if not items:
        session.out.line(f"nothing of {case_id} is left to a person", style="green")
    if looked is not None:
        held = sum(check.holds for check in looked.checks)
        style = "green" if looked.holds else "bold red"
        session.out.line(f"looked again: {held} of {len(looked.checks)} checks hold", style=style)
    ticked = [None if item.ticked_at is None else iso(item.ticked_at) for item in items]
    places = [item.step.call.partition(" ")[0] for item in items]
    session.out.answer(
        [StepToTick(i.number, place, i.words, at) for i, place, at in zip(items, places, ticked, strict=True)]
    )
    return 0


COMMANDS = (tick,)
