"""`export cases`, `send cases`: cases go out to other systems, as documents, or straight to where they are gathered."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import rich_click as click

from watchbill.alerts.export.asff import asff
from watchbill.alerts.export.flat import flat, json_line
from watchbill.alerts.export.model import CLOSED, Kept, state, state_id
from watchbill.alerts.export.ocsf import ocsf
from watchbill.alerts.export.prometheus import prometheus
from watchbill.alerts.export.reader import kept_for
from watchbill.alerts.export.syslog import EXAMPLE_NUMBER, message
from watchbill.aws.security_hub import hub, import_findings
from watchbill.cli.session import Session, command
from watchbill.clock import SystemClock
from watchbill.errors import NotFoundError, Problem, ProviderError, RefusedError
from watchbill.files.report import write_text
from watchbill.intervals import iso
from watchbill.service.casework import view_of
from watchbill.settings import read_variables
from watchbill.siem import syslog, webhook
from watchbill.team.model import Account, Team


FORMS = ("jsonl", "ocsf", "asff", "prometheus")

SECRET = "WATCHBILL_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
"""Holds the secrets that webhooks are signed with, where no file does."""

_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class ExportedView:
    """What was exported: the documents themselves where they went into no file."""

    form: str
    cases: int
    file: str | None
    documents: list[dict[str, Any]]
    text: str | None


@dataclass(frozen=True, slots=True)
class SentCase:
    """One case in the state that was sent."""

    case: str
    state: str
    id: str
    """By which a receiver knows that it has seen this state."""


@dataclass(frozen=True, slots=True)
class SentView:
    """What was sent, or would be."""

    to: str
    cases: list[SentCase]
    not_taken: int
    dry_run: bool


@click.group("export", cls=click.RichGroup)
def export() -> None:
    """Write what watchbill knows in the formats that other systems read."""


@click.group("send", cls=click.RichGroup)
def send() -> None:
    """Send what watchbill knows to where a company gathers its alerts."""


@command("export cases", team=True, state=True)
@click.option("--format", "form", type=click.Choice(FORMS), required=True, help="What the documents are.")
@click.option("--all", "every", is_flag=True, help="The closed ones too; Prometheus counts them in any case.")
@click.option("--account", help="With asff: the AWS account, by its name in the team file or its number.")
@click.option("--region", default=_REGION, help=f"With asff: the region [default: {_REGION}].")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it [default: the screen]."
)
def export_cases(
    session: Session, form: str, account: str | None, region: str, output: Path | None, *, every: bool
) -> int:
    """Write the cases as JSON lines, OCSF Detection Findings, AWS Security Hub findings, or counts for Prometheus.

    OCSF is one document a line; ASFF is one that `aws securityhub batch-import-findings --cli-input-json` takes.
    Strings that strangers chose are shown and not obeyed, in every format.
    """
    kept = _kept(session, every=every or form == "prometheus")
    documents: list[dict[str, Any]] = []
    text = None
    match form:
        case "prometheus":
            text = prometheus(kept, session.at)
        case "asff":
            where = _account(session.team(), account)
            documents = [asff(each, where.number, region) for each in kept]
        case "ocsf":
            documents = [ocsf(each, version("watchbill")) for each in kept]
        case _:
            documents = [flat(each) for each in kept]
    written = text if text is not None else _written(form, documents)
    if output is not None:
        write_text(output, written)
        session.out.line(f"{len(kept)} cases written to {output}")
        documents, text = [], None
    elif not session.out.as_json:
        sys.stdout.write(written)
    session.out.answer(ExportedView(form, len(kept), None if output is None else str(output), documents, text))
    return 0


@command("send cases", team=True, state=True)
@click.option("--webhook", "address", help="Send each by HTTPS to this address, or to that in the file after an @.")
@click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"With --webhook: the file with the secrets to sign with [default: ${SECRET}].",
)
@click.option("--syslog", "collector", help="Send each to udp://host:514, tcp://host:601 or tls://host:6514.")
@click.option(
    "--enterprise", type=int, default=EXAMPLE_NUMBER, help="With --syslog: your private enterprise number of IANA."
)
@click.option("--security-hub", "account", help="Send each to AWS Security Hub in this account, by name or number.")
@click.option("--region", default=_REGION, help=f"With --security-hub: the region [default: {_REGION}].")
@click.option(
    "--ca",
    "trusted",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file of certificates to trust instead of this machine's own.",
)
@click.option("--all", "every", is_flag=True, help="The closed ones too, so that it is known that they are.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
def send_cases(  # noqa: PLR0913 - each is an option of its own
    session: Session,
    address: str | None,
    secret_file: Path | None,
    collector: str | None,
    enterprise: int,
    account: str | None,
    region: str,
    trusted: Path | None,
    *,
    every: bool,
    dry_run: bool,
) -> int:
    """Send the cases to one place: a webhook, a collector of syslog, or AWS Security Hub.

    Each state of a case has an id of its own, so that what is sent again is known. Exits with 1 when one was not taken.
    """
    if sum(place is not None for place in (address, collector, account)) != 1:
        raise click.UsageError("name one of --webhook, --syslog and --security-hub")
    kept = _kept(session, every=every)
    if address is not None:
        to, problems = _by_webhook(session, kept, (address, secret_file, trusted), dry_run=dry_run)
    elif collector is not None:
        to, problems = _by_syslog(kept, (collector, trusted, enterprise), dry_run=dry_run)
    else:
        to, problems = _to_security_hub(session, kept, (account, region), dry_run=dry_run)
    for each in kept if dry_run else ():
        session.out.line(f"{each.case.id} {state(each)}: {each.case.sentence}")
    what = f"{len(kept)} cases would go to" if dry_run else f"{len(kept) - len(problems)} of {len(kept)} cases sent to"
    session.out.line(f"{what} {to}", style="red" if problems else "green")
    sent = [SentCase(each.case.id, state(each), state_id(each)) for each in kept]
    session.out.answer(SentView(to, sent, len(problems), dry_run), problems)
    return 1 if problems else 0


def _kept(session: Session, *, every: bool) -> list[Kept]:
    """Read the cases as whoever receives them may see them: without the insider story, which is for named people."""
    with session.store() as store:
        rows = sorted(store.cases.all(), key=lambda row: (row.opened_at, row.id))
    return [
        kept_for(Kept(view_of(row), row.status, row.note, row.opened_at, row.updated_at), may_see_insider=False)
        for row in rows
        if every or row.status != CLOSED
    ]


def _written(form: str, documents: Sequence[Mapping[str, Any]]) -> str:
    if form == "asff":
        return json_line({"Findings": documents}) + "\n"
    return "".join(json_line(document) + "\n" for document in documents)


def _account(team: Team, named: str | None) -> Account:
    """Find an account of the team by its name or number; without a name, the only one there is."""
    accounts = list(team.accounts.values())
    if named is None and len(accounts) == 1:
        return accounts[0]
    found = [account for account in accounts if named in (account.name, account.number)]
    known = ", ".join(f"{account.name} ({account.number})" for account in accounts)
    if not found:
        raise NotFoundError(f"no account `{named}`" if named else "no account is named", f"accounts: {known}")
    return found[0]


def _by_webhook(
    session: Session, kept: Sequence[Kept], place: tuple[str, Path | None, Path | None], *, dry_run: bool
) -> tuple[str, Sequence[Problem]]:
    address, secret_file, trusted = place
    if address.startswith("@"):
        address = _secret(Path(address[1:]))
    secrets = _secret(secret_file) if secret_file is not None else read_variables([SECRET]).get(SECRET, "")
    hook = webhook.parse_hook(address, secrets, trusted)
    deliveries = [
        webhook.Delivery(
            each.case.id,
            state_id(each),
            json_line({"type": f"case.{state(each)}", "timestamp": iso(each.updated), "data": flat(each)}).encode(),
        )
        for each in kept
    ]
    # The machine's own time: a receiver refuses what was not signed just now.
    sent = None if dry_run else webhook.send(hook, deliveries, SystemClock().now)
    return str(hook), () if sent is None else sent.problems


def _by_syslog(
    kept: Sequence[Kept], place: tuple[str, Path | None, int], *, dry_run: bool
) -> tuple[str, Sequence[Problem]]:
    address, trusted, enterprise = place
    collector = syslog.parse_collector(address)
    host = syslog.this_host()
    messages = [message(each, host, collector.most, enterprise) for each in kept]
    if dry_run:
        return str(collector), ()
    try:
        syslog.send(collector, messages, trusted)
    except ProviderError as error:
        # How many of them arrived cannot be told, so that none counts as sent.
        return str(collector), [Problem("syslog", f"case `{each.case.id}` may be lost: {error}") for each in kept]
    return str(collector), ()


def _to_security_hub(
    session: Session, kept: Sequence[Kept], place: tuple[str | None, str], *, dry_run: bool
) -> tuple[str, Sequence[Problem]]:
    account, region = _account(session.team(), place[0]), place[1]
    findings = [(each.case.id, asff(each, account.number, region)) for each in kept]
    to = f"Security Hub of {account.name} ({account.number}) in {region}"
    if dry_run:
        return to, ()
    app = session.app()
    return to, import_findings(hub(app.accounts.acting(account), region, app.endpoint, app.keys), findings).problems


def _secret(file: Path) -> str:
    """Read a file whose content is shown to nobody."""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise RefusedError(f"could not read {file}: {why}", "name a file with nothing else in it") from None


export.add_command(export_cases)
send.add_command(send_cases)

COMMANDS = (export, send)
