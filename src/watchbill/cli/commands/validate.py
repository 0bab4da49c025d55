"""`validate`: check the team file, with nothing but the file."""

from dataclasses import dataclass

from watchbill.cli.session import Session, command


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


@command("validate", team=True)
def validate(session: Session) -> int:
    """Check the team file: every mistake at once, each with its place and what was meant."""
    team = session.team()
    session.out.line(
        f"{team.path} is fine; people: {len(team.people)}, groups: {len(team.groups)}, rotas: {len(team.rotas)},"
        f" accounts: {len(team.accounts)}",
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


COMMANDS = (validate,)
