"""`init`, `validate`: the team file."""

from dataclasses import dataclass

import rich_click as click

from watchbill.cli.commands.trail import read_trail
from watchbill.cli.session import Session, command
from watchbill.errors import RefusedError, WatchbillError
from watchbill.files.report import write_text
from watchbill.trail.draft import draft_team


@dataclass(frozen=True, slots=True)
class ValidateView:
    """What a team file declares, in numbers."""

    team: str
    digest: str
    people: int
    groups: int
    permission_sets: int
    rotas: int
    accounts: int


@dataclass(frozen=True, slots=True)
class InitView:
    """The file that was written."""

    file: str


@command("validate", team=True)
def validate(session: Session) -> int:
    """Check the team file: every mistake at once, each with its place and what was meant."""
    team = session.team()
    session.out.line(
        f"{team.path} is fine: {len(team.people)} people, {len(team.groups)} groups, {len(team.rotas)} rotas,"
        f" {len(team.accounts)} accounts",
        style="green",
    )
    session.out.answer(
        ValidateView(
            team.name,
            team.digest,
            len(team.people),
            len(team.groups),
            len(team.permission_sets),
            len(team.rotas),
            len(team.accounts),
        )
    )
    return 0


@command("init", team=True)
@click.option("--from-trail", "source", required=True, help="A folder, a file, or s3://bucket/prefix of CloudTrail.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(session: Session, source: str, *, force: bool) -> int:
    """Draft a team file from who acts in a trail. Nobody holds anything in it until you say so."""
    path = session.settings.team
    if path.exists() and not force:
        raise RefusedError(f"{path} is there already", "name another file with --team, or write over it with --force")
    reading = read_trail(session, source)
    if not reading.events:
        raise WatchbillError(f"no event in {source} could be read")
    write_text(path, draft_team(reading.events))
    session.out.line(f"wrote {path}; edit it, then run `watchbill validate` and `watchbill audit --trail {source}`")
    session.out.answer(InitView(str(path)), reading.problems)
    return 0


COMMANDS = (init, validate)
