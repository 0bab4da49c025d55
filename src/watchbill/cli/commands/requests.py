"""`request`, `requests`: ask for a permission set for a while or for a swap, and decide about what others ask for."""

import re
from dataclasses import dataclass
from datetime import timedelta

import rich_click as click

from watchbill.cli.session import Session, command
from watchbill.intervals import iso
from watchbill.service import requests as asked
from watchbill.service.approved import span_of, wanted_of
from watchbill.slack.model import AskSwap
from watchbill.store.rows import Asked, RequestRow


_LENGTH = re.compile(r"([1-9]\d{0,3})([mh])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours"}


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request and where it stands."""

    id: str
    kind: str
    person: str
    what: str
    reason: str
    asked_at: str
    expires_at: str
    """Until when it may be decided."""
    state: str
    decided_by: str | None
    start: str | None
    """When what was approved begins; null where it was not."""
    end: str | None
    effective_at: str | None
    """When AWS was read back and had it."""


@command("request", team=True, state=True)
@click.argument("permission_set")
@click.option(
    "--for", "length", required=True, metavar="TIME", help="For how long, such as 45m or 2h; 12h at the most."
)
@click.option("--account", "accounts", multiple=True, help="In which account; may be given again.")
@click.option("--reason", required=True, help="Why, for whoever decides and whoever reads the audit.")
def request(session: Session, permission_set: str, length: str, accounts: tuple[str, ...], reason: str) -> int:
    """Ask for PERMISSION_SET for a while; a lead who is not you approves it within an hour, or it lapses.

    Only what a group or a rota of the team file gives can be asked for, in an account in which one does. Once approved
    it is brought to AWS by the next pass, and ends by AWS's own clock.
    """
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise click.BadParameter(f"`{length}` is no time; write 45m or 2h", param_hint="--for")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    with session.casework() as work:
        row = asked.ask_access(
            work, permission_set, span, accounts, reason, f"{iso(work.at)} {permission_set} {reason}"
        )
    session.out.line(asked.said(row))
    session.out.answer(request_view(row))
    return 0


@command("requests", team=True, state=True, group=True)
@click.option("--all", "every", is_flag=True, help="Those that were decided or are over, too.")
def requests(session: Session, *, every: bool) -> int:
    """Show the requests that wait for somebody to decide, and those that hold now."""
    with session.store() as store:
        rows = [row for row in store.requests.all() if every or _is_open(session, row)]
    for row in rows:
        where = row.state if row.effective_at is None else "in effect"
        session.out.line(f"{row.id} [{where}] {asked.asking_of(row).sentence}: {wanted_of(row).reason}")
    if not rows:
        session.out.line("no request waits, and none holds now")
    session.out.answer([request_view(row) for row in rows])
    return 0


@command("requests swap", team=True, state=True)
@click.argument("people", nargs=2)
@click.option("--from", "start", required=True, help="From this instant, or the date where you live.")
@click.option("--to", "end", required=True, help="Up to this instant or date.")
@click.option("--reason", required=True, help="Why, for the other one and whoever reads the audit.")
@click.option("--rota", help="The rota [default: the one that both are on].")
def swap(session: Session, people: tuple[str, str], start: str, end: str, reason: str, rota: str | None) -> int:
    """Ask the other of two PEOPLE to exchange what they hold in a span; you are one of them, and they decide.

    It is what `/watch swap` does. What they agree to holds beside the team file; `oncall swap` writes one into it.
    """
    wish = AskSwap(people, start, end, reason, rota)
    with session.casework() as work:
        row = asked.ask_swap_as_typed(work, wish, f"{iso(work.at)} {' '.join(people)} {start} {end} {reason}")
    session.out.line(asked.said(row))
    session.out.answer(request_view(row))
    return 0


@command("requests approve", team=True, state=True)
@click.argument("request_id")
def approve(session: Session, request_id: str) -> int:
    """Approve REQUEST_ID: access as a lead who did not ask for it, a swap as the other of the two.

    A plan with it is made first, and refused is what could not be applied. It holds from now on; the next pass
    brings it to AWS, reads it back, and tells whoever asked.
    """
    return _decide(session, request_id, approves=True)


@command("requests refuse", team=True, state=True)
@click.argument("request_id")
@click.option("--reason", default="", help="Why, for whoever asked.")
def refuse(session: Session, request_id: str, reason: str) -> int:
    """Refuse REQUEST_ID, as whoever could approve it."""
    return _decide(session, request_id, approves=False, reason=reason)


@command("requests end", team=True, state=True)
@click.argument("request_id")
def end(session: Session, request_id: str) -> int:
    """End what was approved as REQUEST_ID before its time, as a lead or as one of those it is for.

    The next pass takes it out of AWS.
    """
    with session.casework() as work:
        said = asked.end(work, request_id)
        row = asked.find(work.store, request_id)
    session.out.line(said)
    session.out.answer(request_view(row))
    return 0


def request_view(row: RequestRow) -> RequestView:
    """Turn a request into plain facts."""
    wanted = wanted_of(row)
    start, end = (iso(each) for each in span_of(row)) if row.state is Asked.APPROVED else (None, None)
    return RequestView(
        row.id,
        row.kind,
        row.person,
        asked.asking_of(row).sentence,
        wanted.reason,
        iso(row.at),
        iso(row.expires_at),
        str(row.state),
        row.decided_by,
        start,
        end,
        None if row.effective_at is None else iso(row.effective_at),
    )


def _decide(session: Session, request_id: str, *, approves: bool, reason: str = "") -> int:
    with session.casework() as work:
        said = asked.decide(work, request_id, approves=approves, reason=reason)
        row = asked.find(work.store, request_id)
    session.out.line(said)
    session.out.answer(request_view(row))
    return 0


def _is_open(session: Session, row: RequestRow) -> bool:
    if row.state is Asked.WAITING:
        return row.expires_at > session.at
    return row.state is Asked.APPROVED and span_of(row)[1] > session.at


for part in (swap, approve, refuse, end):
    requests.add_command(part)

COMMANDS = (request, requests)
