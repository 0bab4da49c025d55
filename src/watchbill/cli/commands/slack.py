"""`slack check`: what is in the way between watchbill and Slack."""

from dataclasses import dataclass

import rich_click as click

from watchbill.cli.session import Session, command
from watchbill.errors import RefusedError, WatchbillError
from watchbill.respond.interfaces import SlackId
from watchbill.store.database import Store
from watchbill.team.model import Team


@dataclass(frozen=True, slots=True)
class CheckedView:
    """One thing, and whether it is as it should be."""

    what: str
    holds: bool
    detail: str
    fix: str | None


@dataclass(frozen=True, slots=True)
class SlackCheckView:
    """What was looked at; `holds` where all of it is as it should be."""

    holds: bool
    checks: list[CheckedView]


@click.group("slack", cls=click.RichGroup)
def slack() -> None:
    """Ask people in Slack."""


@command("slack check", team=True, state=True)
def check_slack(session: Session) -> int:
    """Check the token, its scopes, how presses come, the channel of leads, and who each person is in Slack.

    Nothing is written to anybody. Exits with 1 when something is not as it should be, and says what to do.
    """
    try:
        # Imported here, since only who uses Slack needs what `watchbill[slack]` installs.
        from watchbill.slack.check import check  # noqa: PLC0415 - see above
        from watchbill.slack.connect import BOT_TOKEN, read_slack_settings  # noqa: PLC0415 - see above
    except ImportError as error:
        message = f"what speaks to Slack is not installed: {error.name or error} is missing"
        raise WatchbillError(message, "run `pip install 'watchbill[slack]'`") from error
    settings = read_slack_settings()
    if settings is None:
        raise RefusedError(
            f"{BOT_TOKEN} is not set", "make the app by deploy/slack-app-manifest.yaml: see docs/slack.md"
        )
    team = session.team()
    with session.store() as store:
        pins = _pins(store, team)
    checks: list[CheckedView] = []
    for found in check(settings, team, pins):
        checks.append(CheckedView(found.what, found.holds, found.detail, found.fix))
        session.out.line(
            f"{'yes' if found.holds else 'no '}  {found.what}: {found.detail}", "" if found.holds else "red"
        )
        if found.fix is not None:
            session.out.line(f"     try: {found.fix}")
    holds = all(each.holds for each in checks)
    session.out.answer(SlackCheckView(holds, checks))
    return 0 if holds else 1


def _pins(store: Store, team: Team) -> dict[str, SlackId]:
    rows = ((name, store.identities.of(name)) for name in team.people)
    return {name: SlackId(row.team, row.user) for name, row in rows if row is not None}


slack.add_command(check_slack)

COMMANDS = (slack,)
