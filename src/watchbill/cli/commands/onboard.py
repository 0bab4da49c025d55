"""`onboard`: somebody's first password, once MFA is demanded of them."""

import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import rich_click as click

from watchbill.cli.session import Session, command
from watchbill.files.secret import secret_file
from watchbill.service import onboarding
from watchbill.service.plan_view import ChangeView, OutcomeView, change_view, outcome_view


@dataclass(frozen=True, slots=True)
class OnboardView:
    """An onboarding; outcomes are empty for a mere plan. The password is never in it."""

    person: str
    account: str
    id: str | None
    changes: list[ChangeView]
    outcomes: list[OutcomeView]


@command("onboard", team=True, state=True)
@click.argument("person")
@click.option("--account", required=True, help="The account in which they get a password.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the password to this new file, which only you can read, instead of the terminal.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do.")
def onboard(
    session: Session, person: str, account: str, password_file: Path | None, *, yes: bool, dry_run: bool
) -> int:
    """Give PERSON their first console password, as a lead: they choose another and enrol MFA before anything else.

    The user is one that a plan has made. First everything without MFA is denied to it but to enrol a device and choose
    a password. The password is shown once, on the terminal alone or in a file of yours, and kept nowhere: hand it over
    by another way than the link. Whoever signs in by Identity Center needs none, and is refused.
    """
    with session.casework() as work:
        planned = onboarding.plan(work, person, account)
        for change in planned.changes:
            session.out.line(f"{change.account}: {change.why}")
        changes = [change_view(change) for change in planned.changes]
        if dry_run:
            session.out.answer(OnboardView(person, account, None, changes, []))
            return 0
        if password_file is None and not sys.stderr.isatty():
            raise click.UsageError("there is no terminal to show the password on: name a --password-file")
        if not yes:
            click.confirm(f"give {person} a password in {account}?", abort=True, err=True)
        with nullcontext() if password_file is None else secret_file(password_file) as place:
            done = onboarding.onboard(work, planned)
            if place is not None:
                os.write(place, f"{done.password}\n".encode())
    if password_file is None:
        click.echo(f"the password of {person} for one sign-in: {done.password}", err=True)
    else:
        session.out.line(f"the password for one sign-in is in {password_file}: remove it when it is handed over")
    outcomes = [outcome_view(outcome) for outcome in done.outcomes]
    session.out.answer(OnboardView(person, account, done.id, changes, outcomes))
    return 0


COMMANDS = (onboard,)
