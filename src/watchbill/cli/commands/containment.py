"""`freeze`, `restore`, `evict`, `assist`: stop somebody in one step, give it back, shut a thief out, help back in."""

from dataclasses import dataclass, replace

import rich_click as click

from watchbill.access.model import State
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.intervals import iso
from watchbill.respond.help import Help, Wanted
from watchbill.respond.model import Check
from watchbill.service import containment, eviction, helping
from watchbill.service.containment import Frozen, Restored
from watchbill.service.plan_view import ChangeView, OutcomeView, change_view, outcome_view


@dataclass(frozen=True, slots=True)
class CheckView:
    """One thing verified by reading AWS back."""

    what: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class FreezeView:
    """A freeze: what it changes, what became of that, and whether it holds; the last two empty for a mere plan."""

    id: str
    case: str | None
    person: str
    changes: list[ChangeView]
    outcomes: list[OutcomeView]
    checks: list[CheckView]
    holds: bool


@dataclass(frozen=True, slots=True)
class RestoreView:
    """What a restore gave back, what it left out on purpose, and what is not as it was."""

    freeze: str
    outcomes: list[OutcomeView]
    left_out: list[str]
    differences: list[str]


@command("freeze", team=True, state=True)
@click.argument("case_id")
@click.option("--yes", is_flag=True, help="Freeze without asking.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do.")
def freeze(session: Session, case_id: str, *, yes: bool, dry_run: bool) -> int:
    """Stop the person of CASE_ID in one step that can be undone, and verify it by reading AWS back.

    Everything is denied to their user and to their sessions of the roles they can reach, their keys and other
    credentials are switched off, their groups taken away, their shells ended; whoever is next has their watch. Only a
    lead may, never against a protected identity, never because of failed sign-ins alone. It is looked at again after 5,
    15 and 60 seconds, and mended where somebody undid it. Done once more, it is checked and mended.
    """
    with session.casework() as work:
        planned = containment.plan(work, case_id)
        made = planned.containment
        changes = [change_view(change) for change in made.changes]
        for change in made.changes:
            session.out.line(f"{change.account}: {change.why}")
        for each in made.stand_ins:
            session.out.line(f"{each.rota}: {each.person or 'nobody'} stands in as {each.kind} until {iso(each.end)}")
        for warning in made.warnings:
            session.out.line(warning, style="yellow")
        if dry_run:
            plan = FreezeView(made.id, case_id, made.person, changes, [], [], holds=False)
            session.out.answer(plan)
            return 0
        if not yes:
            click.confirm(f"freeze {made.person}?", abort=True, err=True)
        first = containment.freeze(work, planned)
        show_frozen(session.out, first)
        last = containment.settle(work, made.id, lambda found: _show_looked(session.out, found))
    frozen = replace(first, checks=last.checks, mended=last.mended)
    session.out.answer(frozen_view(frozen))
    return 0 if frozen.holds else 1


@command("restore", team=True, state=True)
@click.argument("case_id")
@click.option("--acknowledge-drift", is_flag=True, help="Restore although others changed things since the freeze.")
def restore(session: Session, case_id: str, *, acknowledge_drift: bool) -> int:
    """Undo the freeze of CASE_ID: as it was, but for stolen keys, and groups that the team file no longer gives."""
    with session.casework() as work:
        restored = containment.restore(work, case_id, acknowledge_drift=acknowledge_drift)
    show_restored(session.out, restored)
    session.out.answer(restored_view(restored))
    return 0


def show_frozen(out: Output, frozen: Frozen) -> None:
    """Print what became of a freeze."""
    for outcome in frozen.outcomes:
        if outcome.state is not State.DONE:
            out.line(f"{outcome.state}: {outcome.change.call}: {outcome.error}", style="red")
    held = sum(check.holds for check in frozen.checks)
    for check in frozen.checks:
        if not check.holds:
            out.line(f"does not hold: {check.what} ({check.detail})", style="red")
    done = sum(outcome.state is State.DONE for outcome in frozen.outcomes)
    text = f"{frozen.containment.id}: {done} of {len(frozen.outcomes)} changes made, {held} of {len(frozen.checks)}"
    out.line(f"{text} checks hold over the policies read back", style="green" if frozen.holds else "bold red")


def show_restored(out: Output, restored: Restored) -> None:
    """Print what a restore gave back."""
    for change in restored.restoration.changes:
        out.line(f"{change.account}: {change.why}")
    for left in restored.restoration.left_out:
        out.line(f"left out on purpose: {left}", style="yellow")
    for difference in restored.differences:
        out.line(f"not as it was before the freeze: {difference}", style="yellow")
    if not restored.differences:
        out.line("users, groups and roles are as they were before the freeze", style="green")


def frozen_view(frozen: Frozen) -> FreezeView:
    """Turn what became of a freeze into plain facts."""
    contained = frozen.containment
    return FreezeView(
        contained.id,
        contained.case,
        contained.person,
        [change_view(change) for change in contained.changes],
        [outcome_view(outcome) for outcome in frozen.outcomes],
        [_check(check) for check in frozen.checks],
        frozen.holds,
    )


def restored_view(restored: Restored) -> RestoreView:
    """Turn what became of a restore into plain facts."""
    return RestoreView(
        restored.restoration.containment,
        [outcome_view(outcome) for outcome in restored.outcomes],
        list(restored.restoration.left_out),
        list(restored.differences),
    )


def _show_looked(out: Output, frozen: Frozen) -> None:
    held = sum(check.holds for check in frozen.checks)
    mended = f"; {frozen.mended} steps had to be made again" if frozen.mended else ""
    style = "green" if frozen.holds else "bold red"
    out.line(f"looked again: {held} of {len(frozen.checks)} checks hold{mended}", style=style)


def _check(check: Check) -> CheckView:
    return CheckView(check.what, check.holds, check.detail)


@dataclass(frozen=True, slots=True)
class EvictView:
    """An eviction: what it does for good, what it leaves to people, and what became of it; empty until confirmed."""

    id: str
    case: str
    person: str
    changes: list[ChangeView]
    left_out: list[str]
    outcomes: list[OutcomeView]


@dataclass(frozen=True, slots=True)
class AssistView:
    """A help and where it stands. A password is never in it."""

    id: str
    person: str
    state: str
    changes: list[ChangeView]
    warnings: list[str]


@command("evict", team=True, state=True)
@click.argument("case_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do.")
def evict(session: Session, case_id: str, *, yes: bool, dry_run: bool) -> int:
    """Shut out whoever took over the account of CASE_ID's person, for good: this cannot be undone.

    Only where the verdict is a hijack and the person is frozen. One lead asks for it, and it is carried out once
    another runs the same command. The password goes, MFA devices that appeared since the first suspicious event go,
    and stolen keys after half a quiet hour; `assist` gives the person a new password after the restore.
    """
    with session.casework() as work:
        planned = eviction.plan(work, case_id)
        for change in planned.changes:
            session.out.line(f"{change.account}: {change.why}")
        for left in planned.left_out:
            session.out.line(f"left out on purpose: {left}", style="yellow")
        done = eviction.Evicted(planned, ())
        if not dry_run:
            if not yes:
                click.confirm(f"evict {planned.person}? It cannot be undone", abort=True, err=True)
            done = eviction.evict(work, case_id)
            held = f"{len(done.outcomes)} steps made" if done.outcomes else "asked for: another lead confirms it"
            session.out.line(f"{done.eviction.id}: {held}", style="green")
    made = done.eviction
    changes = [change_view(change) for change in made.changes]
    outcomes = [outcome_view(outcome) for outcome in done.outcomes]
    session.out.answer(EvictView(made.id, case_id, made.person, changes, list(made.left_out), outcomes))
    return 0


@click.group("assist", cls=click.RichGroup)
def assist() -> None:
    """Help somebody back in who cannot sign in: a lead approves it, and they alone see their new password, once."""


@command("assist request", team=True, state=True)
@click.argument("person")
@click.option("--account", required=True, help="The account in which they need it.")
@click.option("--password", is_flag=True, help="Give them another password.")
@click.option("--devices", is_flag=True, help="Take their MFA devices off, so that they enrol another.")
@click.option("--reason", required=True, help="Why, for whoever approves it.")
def request(session: Session, person: str, account: str, reason: str, *, password: bool, devices: bool) -> int:
    """Ask for help for PERSON: a new password, MFA enrolled anew, or both."""
    if not (password or devices):
        raise click.UsageError("say what is needed: --password, --devices or both")
    with session.casework() as work:
        name, made = helping.ask(work, person, account, Wanted(password, devices), reason)
    for change in made.changes:
        session.out.line(f"{change.account}: {change.why}")
    for warning in made.warnings:
        session.out.line(warning, style="yellow")
    session.out.line(f"{name}: a lead approves it with `watchbill assist approve {name}`")
    session.out.answer(_assist(name, "asked", made))
    return 0


@command("assist approve", team=True, state=True)
@click.argument("help_id")
def approve(session: Session, help_id: str) -> int:
    """Let help HELP_ID be given, as a lead who is not the person."""
    with session.casework() as work:
        made = helping.approve(work, help_id)
    session.out.line(f"{help_id}: {made.person} takes it over with `watchbill assist collect {help_id}`", style="green")
    session.out.answer(_assist(help_id, "confirmed", made))
    return 0


@command("assist refuse", team=True, state=True)
@click.argument("help_id")
@click.option("--reason", required=True, help="Why, for whoever reads the ledger.")
def refuse(session: Session, help_id: str, reason: str) -> int:
    """Refuse help HELP_ID, as a lead who is not the person."""
    with session.casework() as work:
        made = helping.refuse(work, help_id, reason)
    session.out.line(f"{help_id} is refused: {reason}")
    session.out.answer(_assist(help_id, "refused", made))
    return 0


@command("assist collect", team=True, state=True)
@click.argument("help_id")
def collect(session: Session, help_id: str) -> int:
    """Take help HELP_ID over, as the person it is for: the new password is shown here, once, and kept nowhere.

    It goes to the terminal alone, never to --json.
    """
    with session.casework() as work:
        given = helping.collect(work, help_id)
    if given.password is not None:
        click.echo(f"your password for one sign-in: {given.password}", err=True)
    session.out.line("sign in, choose another password, and enrol an MFA device if you have none")
    session.out.answer(_assist(help_id, "done", given.help))
    return 0


def _assist(name: str, state: str, made: Help) -> AssistView:
    return AssistView(name, made.person, state, [change_view(change) for change in made.changes], list(made.warnings))


for each in (request, approve, refuse, collect):
    assist.add_command(each)

COMMANDS = (freeze, restore, evict, assist)
