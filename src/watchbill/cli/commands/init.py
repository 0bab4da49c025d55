"""`init`: draft a team file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import rich_click as click

from watchbill.access.draft import account_name
from watchbill.access.draft import draft_team as draft_from_iam
from watchbill.aws.reached import read_reached
from watchbill.cli.commands.trail import read_trail
from watchbill.cli.session import Session, command
from watchbill.errors import Problem, RefusedError, WatchbillError
from watchbill.files.report import write_text
from watchbill.trail.draft import draft_team as draft_from_trail


_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
"""What a team file takes for a name."""


@dataclass(frozen=True, slots=True)
class InitView:
    """The file that was written."""

    file: str


@command("init", team=True)
@click.option("--from-trail", "source", help="A folder, a file, or s3://bucket/prefix of CloudTrail.")
@click.option(
    "--from-aws", is_flag=True, help="The IAM of the account that the AWS credentials reach; it is only read."
)
@click.option(
    "--account", help="With --from-aws: what to call the account [default: its alias, or account- and its number]."
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(session: Session, source: str | None, account: str | None, *, from_aws: bool, force: bool) -> int:
    """Draft a team file to edit, either from the IAM that is there or from who acts in a trail.

    --from-aws takes over the users, groups and policies of one account: the one that boto3's credentials reach
    (AWS_PROFILE chooses). Users with neither a console password nor MFA become workloads. What a team file cannot say,
    such as a policy attached to one user alone, is listed at its end with its ARN. AWS is read and never written to; it
    takes iam:GetAccountAuthorizationDetails, iam:GenerateCredentialReport, iam:GetCredentialReport,
    iam:GetAccountSummary and iam:ListAccountAliases.

    --from-trail takes over who acted, and nobody holds anything until you say so.
    """
    if from_aws == (source is not None):
        raise click.UsageError("say what to draft from: one of --from-aws and --from-trail DIR")
    if account is not None and not (from_aws and _NAME.fullmatch(account)):
        raise click.UsageError(
            "--account goes with --from-aws, and is a name of lower-case letters, digits, `-`, `_` and `.`, 32 at most"
        )
    path = session.settings.team
    if path.exists() and not force:
        raise RefusedError(f"{path} is there already", "name another file with --team, or write over it with --force")
    if source is None:
        text, problems = _from_aws(session, account)
        if left := text.count("\n# not taken over: "):
            session.out.line(f"{left} things could not be taken over; they are listed at the end of the file")
        then = "edit it, then run `watchbill validate` and `watchbill plan`"
    else:
        text, problems = _from_trail(session, source)
        then = f"edit it, then run `watchbill validate` and `watchbill audit --trail {source}`"
    write_text(path, text)
    session.out.line(f"wrote {path}; {then}")
    session.out.answer(InitView(str(path)), problems)
    return 0


def _from_trail(session: Session, source: str) -> tuple[str, Sequence[Problem]]:
    reading = read_trail(session, source)
    if not reading.events:
        raise WatchbillError(f"no event in {source} could be read")
    return draft_from_trail(reading.events), reading.problems


def _from_aws(session: Session, name: str | None) -> tuple[str, Sequence[Problem]]:
    app = session.app()
    found = read_reached(app.accounts, app.cloud)
    state = replace(found.state, account=name or account_name(found.alias, found.state.number))
    return draft_from_iam(state, found.passwords), [Problem("not-read", each) for each in state.unread]


COMMANDS = (init,)
