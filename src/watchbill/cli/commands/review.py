"""`review`: the review of who holds what, that leads open, reviewers sign on their pages, and auditors check."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import rich_click as click

from watchbill.access.model import Drift
from watchbill.access.recertification import Use
from watchbill.cli.commands.lake import LAKE, lake_option, opened
from watchbill.cli.commands.trail import kept
from watchbill.cli.session import Session, command
from watchbill.errors import FileError, Problem
from watchbill.files.report import write_text
from watchbill.service import recertification as reviewing
from watchbill.service.last_uses import last_uses, span_of
from watchbill.service.recertification import Checked, ReviewView, review_view
from watchbill.service.review_table import as_csv


@dataclass(frozen=True, slots=True)
class ReviewFiles:
    """Where an export of a review was written."""

    id: str
    json: str
    csv: str
    rows: int
    signatures: int


@click.group("review", cls=click.RichGroup)
def review() -> None:
    """Review who holds what, every quarter: a lead opens it, reviewers sign on their pages, auditors check it."""


@command("review open", team=True, state=True)
@click.option("--days", type=click.IntRange(1, 365), default=14, show_default=True, help="In how many days it is due.")
@click.option("--live", is_flag=True, help="Read AWS, and put in what others gave there.")
@click.option(
    "--used", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days back to look for last uses."
)
@lake_option
def open_command(session: Session, days: int, used: int, folder: Path | None, *, live: bool) -> int:
    """Open a review of what everybody holds now, frozen as it is, with a reviewer for each row.

    A group is reviewed by the person whom the team file names for it, all else by the leads; nobody reviews their own
    access. When each thing was last used is by the lake, where there is one. Only a lead opens one, and one at a time.
    """
    problems = list[Problem]()
    uses = _uses(session, used, folder, problems)
    with session.casework() as work:
        work.must_lead(None)
        drift: tuple[Drift, ...] | None = work.plan().drift if live else None
        found = reviewing.open_review(work, work.at + timedelta(days=days), drift, uses)
        view = review_view(work, found)
    session.out.line(f"{view.id} is open: {len(view.rows)} rows, due {view.due_at}", style="green")
    _show(session, view)
    session.out.answer(view, problems)
    return 0


def _uses(
    session: Session, days: int, folder: Path | None, problems: list[Problem]
) -> Mapping[tuple[str, str, str, str], Use] | None:
    """Give when each thing was last used, by the lake; None where there is no lake."""
    team = session.team()
    if not ((folder or session.settings.state / LAKE) / "manifest.db").exists():
        return None
    with ExitStack() as stack:
        known = kept(session, team, stack)
        lake = stack.enter_context(opened(session, folder))
        history = known.history_of(span_of(session.at, days))
        found, flawed = last_uses(lake, team, history, session.at, days)
    problems += flawed
    return found


@command("review show", team=True, state=True)
@click.argument("review_id", required=False, metavar="[REVIEW]")
def show(session: Session, review_id: str | None) -> int:
    """Show every review and how far it is, or the rows of one, with what was decided and who signed."""
    with session.casework() as work:
        found = reviewing.reviews(work.store) if review_id is None else [reviewing.find(work.store, review_id)]
        views = [review_view(work, each) for each in found]
    for view in views:
        if review_id is None:
            _head(session, view)
        else:
            _show(session, view)
    if not views:
        session.out.line("no review yet; `watchbill review open` opens one")
    session.out.answer(views)
    return 0


@command("review export", team=True, state=True)
@click.argument("review_id", metavar="REVIEW")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=".", help="Into a folder."
)
def export(session: Session, review_id: str, folder: Path) -> int:
    """Write REVIEW as JSON and CSV for auditors, with the entries of the ledger that its signatures are in.

    `review verify` holds the JSON against the ledger.
    """
    with session.casework() as work:
        view = review_view(work, reviewing.find(work.store, review_id))
    places = folder / f"{view.id}.json", folder / f"{view.id}.csv"
    write_text(places[0], msgspec.json.format(msgspec.json.encode(view)).decode() + "\n")
    write_text(places[1], as_csv(view))
    session.out.line(f"{places[0]} and {places[1]} written")
    session.out.answer(ReviewFiles(view.id, str(places[0]), str(places[1]), len(view.rows), len(view.signatures)))
    return 0


@command("review verify", state=True)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def verify(session: Session, file: Path) -> int:
    """Hold FILE, the JSON of an export, against the ledger: its rows, each signature, and the chain itself.

    Exits with 1 where anything is not as the ledger has it.
    """
    try:
        view = msgspec.json.decode(file.read_bytes(), type=ReviewView)
    except (msgspec.MsgspecError, OSError) as error:
        message = f"{file} is no export of a review: {error}"
        raise FileError([Problem("review-file", message, str(file))]) from error
    with session.store() as store:
        found = reviewing.check(view, list(store.ledger.entries()))
    _said(session, found)
    session.out.answer(found)
    return 0 if found.holds else 1


def _said(session: Session, found: Checked) -> None:
    if found.holds:
        session.out.line(f"{found.id} is as the ledger has it: {found.signatures} signatures", style="green")
    for each in found.wrong:
        session.out.line(f"{found.id}: {each}", style="bold red")
    if found.unsigned:
        session.out.line(f"{found.unsigned} rows are not signed", style="yellow")


def _head(session: Session, view: ReviewView) -> None:
    signed = sum(1 for each in view.rows if each.signed)
    style = "bold red" if view.state == "overdue" else ""
    said = f"{view.id} {view.state}: {signed} of {len(view.rows)} rows signed, due {view.due_at}"
    session.out.line(said, style=style)


def _show(session: Session, view: ReviewView) -> None:
    out = session.out
    _head(session, view)
    if not view.drift:
        out.line("AWS was not read for it: what others gave there is not in it", style="yellow")
    for each in view.rows:
        row = each.row
        used = row.last_used or row.use
        what = f"{row.person}: {row.permission_set} in {', '.join(row.accounts)} through {row.through}"
        why = f" ({each.reason})" if each.reason else ""
        out.line(f"{row.number:4} {row.reviewer}: {each.decision}{why}; {what}; last used {used}")
    for signature in view.signatures:
        out.line(f"signed by {signature.reviewer} at {signature.at}: entry {signature.entry}, {signature.digest}")
    for line in view.diff.splitlines():
        out.line(line, style={"+": "green", "-": "red"}.get(line[:1], ""))
    for words in view.by_hand:
        out.line(f"by hand: {words}")


for _each in (open_command, show, export, verify):
    review.add_command(_each)

COMMANDS = (review,)
