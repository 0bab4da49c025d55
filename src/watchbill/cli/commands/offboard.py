"""`offboard`: shut out whoever leaves, say what is left of them, and delete it."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from watchbill.access.model import Outcome, State
from watchbill.cli.commands.containment import CheckView, RestoreView, restored_view, show_frozen, show_restored
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.files.report import write_text
from watchbill.intervals import iso
from watchbill.respond.offboard import Remains
from watchbill.service import containment, offboarding
from watchbill.service.offboarding import View
from watchbill.service.plan_view import ChangeView, OutcomeView, change_view, outcome_view


@dataclass(frozen=True, slots=True)
class ShutOutView:
    """How somebody who leaves is shut out; outcomes and checks are empty for a mere plan."""

    person: str
    freeze: str
    changes: list[ChangeView]
    warnings: list[str]
    outcomes: list[OutcomeView]
    checks: list[CheckView]
    holds: bool


@dataclass(frozen=True, slots=True)
class RemainsView:
    """Something that is left of somebody."""

    place: str
    what: str
    by_hand: bool


@dataclass(frozen=True, slots=True)
class GivenView:
    """Something that the team file gives."""

    what: str
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class OffboardView:
    """What is left of somebody who leaves, and what comes of deleting it."""

    person: str
    id: str | None
    """Null where nobody has begun."""
    state: str | None
    """`asked`, `cancelling`, `confirmed` or `done`."""
    by: str | None
    reason: str | None
    deletes: list[ChangeView]
    remains: list[RemainsView]
    given: list[GivenView]
    gaps: list[str]
    by_hand: list[str]
    """What a person has to change in the team file."""
    diff: str
    """The team file without them, as `patch -p0` takes it."""


@dataclass(frozen=True, slots=True)
class FinishedView:
    """What was deleted, and what is left to people; outcomes are empty for a mere plan."""

    person: str
    changes: list[ChangeView]
    outcomes: list[OutcomeView]
    remains: list[RemainsView]


@click.group("offboard", cls=click.RichGroup)
def offboard() -> None:
    """Take everything from whoever leaves: shut them out at once, then delete what they had, by two leads."""


@command("offboard begin", team=True, state=True)
@click.argument("person")
@click.option("--reason", required=True, help="Why, for whoever reads the ledger.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do.")
def begin(session: Session, person: str, reason: str, *, yes: bool, dry_run: bool) -> int:
    """Shut PERSON out everywhere, in one step that can be undone: what a freeze does, without a case.

    Everything is denied to them, keys and other credentials are switched off, sessions and shells ended, on hosts, at
    identity providers and in Identity Center too; whoever is next has their watch. Another lead has the rest deleted
    with `offboard finish`; until then `offboard cancel` gives it all back.
    """
    with session.casework() as work:
        planned = offboarding.plan(work, person, reason)
        made = planned.containment
        for change in made.changes:
            session.out.line(f"{change.account}: {change.why}")
        for each in made.stand_ins:
            session.out.line(f"{each.rota}: {each.person or 'nobody'} stands in as {each.kind} until {iso(each.end)}")
        for warning in made.warnings:
            session.out.line(warning, style="yellow")
        changes = [change_view(change) for change in made.changes]
        warnings = list(made.warnings)
        if dry_run:
            session.out.answer(ShutOutView(person, made.id, changes, warnings, [], [], holds=False))
            return 0
        if not yes:
            click.confirm(f"shut {person} out?", abort=True, err=True)
        first = offboarding.begin(work, planned, reason)
        last = containment.settle(work, made.id)
    show_frozen(session.out, first)
    checks = [CheckView(check.what, check.holds, check.detail) for check in last.checks]
    outcomes = [outcome_view(outcome) for outcome in first.outcomes]
    session.out.line(f"what is left: watchbill offboard show {person}")
    session.out.answer(ShutOutView(person, made.id, changes, warnings, outcomes, checks, last.holds))
    return 0 if last.holds else 1


@command("offboard show", team=True, state=True)
@click.argument("person")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Also write the diff to this file."
)
def show(session: Session, person: str, output: Path | None) -> int:
    """Say what is left of PERSON, what would be deleted, and what the team file gives them, with a diff that takes it.

    It only reads. The diff is yours to apply: layers go on with whoever is left, in the same order, and the turn that
    is running stays whose it is. Gaps that come of it are named.
    """
    with session.casework() as work:
        found = offboarding.look(work, person)
        before = work.team.text.splitlines(keepends=True)
        after = found.proposal.text.splitlines(keepends=True)
        diff = "".join(difflib.unified_diff(before, after, work.team.path, work.team.path))
    _show(session.out, found, diff)
    if output is not None:
        write_text(output, diff)
        session.out.line(f"diff written to {output}")
    session.out.answer(_view(found, diff))
    return 0


@command("offboard finish", team=True, state=True)
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do.")
def finish(session: Session, person: str, *, yes: bool, dry_run: bool) -> int:
    """Delete PERSON's users with all they have, for good, as another lead than the one who began it.

    Refused while the team file still gives them anything. Every credential, membership and policy goes before the user,
    under AWSDenyAll as its boundary to the end. It is read back; cut short, the same command carries on with it.
    """
    with session.casework() as work:
        found = offboarding.look(work, person)
        for change in found.deletes:
            session.out.line(f"{change.account}: {change.why}")
        changes = [change_view(change) for change in found.deletes]
        if dry_run:
            session.out.answer(FinishedView(person, changes, [], [_remains(each) for each in found.remains]))
            return 0
        if not yes:
            click.confirm(f"delete all of {person}? It cannot be undone", abort=True, err=True)
        done = offboarding.finish(work, person, lambda outcome: _told(session.out, outcome))
    for each in done.remains:
        session.out.line(f"left to a person, {each.place}: {each.what}", style="yellow")
    made = sum(outcome.state is State.DONE for outcome in done.outcomes)
    session.out.line(f"{done.id}: {made} steps made, nothing of the user is left", style="green")
    outcomes = [outcome_view(outcome) for outcome in done.outcomes]
    session.out.answer(FinishedView(person, changes, outcomes, [_remains(each) for each in done.remains]))
    return 0


@command("offboard cancel", team=True, state=True)
@click.argument("person")
@click.option(
    "--acknowledge-drift", is_flag=True, help="Do it although others changed things since they were shut out."
)
def cancel(session: Session, person: str, *, acknowledge_drift: bool) -> int:
    """Give PERSON back what `offboard begin` took, as long as nobody has confirmed that it is deleted."""
    with session.casework() as work:
        restored = offboarding.cancel(work, person, acknowledge_drift=acknowledge_drift)
    if restored is None:
        session.out.line(f"{person} is offboarded no more, and stays frozen in their case", style="yellow")
        session.out.answer(RestoreView("", [], [], []))
        return 0
    show_restored(session.out, restored)
    session.out.answer(restored_view(restored))
    return 0


def _told(out: Output, outcome: Outcome) -> None:
    if outcome.state is not State.DONE:
        out.line(f"{outcome.state}: {outcome.change.call}: {outcome.error}", style="red")


def _show(out: Output, found: View, diff: str) -> None:
    if (standing := found.standing) is not None:
        out.line(f"{standing.id}: {standing.state}, begun by {standing.by}: {standing.reason}")
    for each in found.remains:
        out.line(f"{each.place}: {each.what}{' (by hand)' if each.by_hand else ''}")
    for given in found.given:
        out.line(
            f"the team file gives {given.what}{'' if given.where is None else f' ({given.where})'}", style="yellow"
        )
    for gap in found.gaps:
        out.line(f"without them {gap}", style="yellow")
    for words in found.proposal.by_hand:
        out.line(f"by hand: {words}", style="yellow")
    for line in diff.splitlines():
        out.line(line, style={"+": "green", "-": "red"}.get(line[:1], ""))
    if not (found.remains or found.given):
        out.line(f"nothing is left of {found.person}", style="green")


def _view(found: View, diff: str) -> OffboardView:
    standing = found.standing
    return OffboardView(
        found.person,
        None if standing is None else standing.id,
        None if standing is None else standing.state,
        None if standing is None else standing.by,
        None if standing is None else standing.reason,
        [change_view(change) for change in found.deletes],
        [_remains(each) for each in found.remains],
        [
            GivenView(g.what, None if g.where is None else g.where.path, None if g.where is None else g.where.line)
            for g in found.given
        ],
        list(found.gaps),
        list(found.proposal.by_hand),
        diff,
    )


def _remains(each: Remains) -> RemainsView:
    return RemainsView(each.place, each.what, each.by_hand)


for _each in (begin, show, finish, cancel):
    offboard.add_command(_each)

COMMANDS = (offboard,)
