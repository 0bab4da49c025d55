"""`oncall fetch`: outside schedules, what their new copies change, and a lead's yes to one that waits."""

from collections.abc import Sequence
from dataclasses import dataclass

import rich_click as click

from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.feeds.fetch import fetch as fetch_address
from watchbill.files.team_file import read_team
from watchbill.intervals import iso
from watchbill.schedule.copies import Change, sources
from watchbill.service.casework import Casework
from watchbill.service.feeds import FeedReport, accept, refresh
from watchbill.service.rights import IntervalView
from watchbill.settings import read_variables
from watchbill.team.model import Team


_SHOWN = 5
"""Changes of a feed that are shown; --json has all."""


@dataclass(frozen=True, slots=True)
class ChangeView:
    """Somebody gains or loses a span."""

    person: str
    gains: bool
    interval: IntervalView


@dataclass(frozen=True, slots=True)
class FeedView:
    """Where a feed stands; `changes` are those of the copy that waits, or else those just made."""

    feed: str
    copy_at: str | None
    in_force_since: str | None
    waiting_at: str | None
    waiting_for: list[str]
    changes: list[ChangeView]
    error: str | None
    failing_since: str | None


@command("oncall fetch", team=True, state=True)
@click.option("--accept", "accepted", metavar="ROTA/LAYER", help="Put the copy that waits in force, as a lead.")
def fetch(session: Session, accepted: str | None) -> int:
    """Fetch the outside schedules of the team, and show what has changed, what fails, and what waits for a lead.

    A copy that changes too much of the coming 30 days gives nobody anything before a lead has accepted it; neither does
    the first copy of a feed.
    """
    team = read_team(session.settings.team)
    with session.store() as store:
        if accepted is not None:
            # Nothing is fetched: what is accepted is what was shown.
            work = Casework(session.app(), store, team, session.at, session.settings.actor)
            reports = [accept(work, accepted)]
        else:
            secrets = read_variables(source.feed.secret for source in sources(team))
            reports = refresh(team, store, fetch_address, session.at, secrets, session.settings.actor)
    for report in reports:
        _show(session.out, report, team)
    if not reports:
        session.out.line("no layer of the team takes its shifts from outside")
    problems = [problem for report in reports for problem in report.problems]
    session.out.answer([_view(report, team) for report in reports], problems)
    return 0 if all(report.is_well for report in reports) else 1


def _show(out: Output, report: FeedReport, team: Team) -> None:
    if report.copy_at is None:
        out.line(f"{report.feed}: no copy is in force, so nobody is on call by it", style="red")
    else:
        out.line(f"{report.feed}: the copy of {iso(report.copy_at)} is in force")
    if report.error is not None:
        since = f"failing since {iso(report.failing_since)}: " if report.failing_since else ""
        out.line(f"  {since}{report.error}", style="red")
    if report.waiting_at is not None:
        leads = ", ".join(team.leads) or "a lead, and the team has none"
        out.line(f"  the copy of {iso(report.waiting_at)} waits for {leads}; by it:", style="yellow")
    _show_changes(out, report.changes)
    if report.waiting_at is not None:
        out.line(f"  to put it in force: watchbill oncall fetch --accept {report.feed}", style="yellow")


def _show_changes(out: Output, made: Sequence[Change]) -> None:
    for change in made[:_SHOWN]:
        span = f"{change.interval.start:%a %Y-%m-%d %H:%M} to {change.interval.end:%a %Y-%m-%d %H:%M} UTC"
        out.line(f"  {change.person} {'gains' if change.gains else 'loses'} {span}")
    if len(made) > _SHOWN:
        out.line(f"  ... and {len(made) - _SHOWN} more; --json has them all")


def _view(report: FeedReport, team: Team) -> FeedView:
    copy, since, waiting, failing = (
        None if at is None else iso(at)
        for at in (report.copy_at, report.since, report.waiting_at, report.failing_since)
    )
    made = [
        ChangeView(c.person, c.gains, IntervalView(iso(c.interval.start), iso(c.interval.end))) for c in report.changes
    ]
    leads = list(team.leads) if waiting is not None else []
    return FeedView(report.feed, copy, since, waiting, leads, made, report.error, failing)


COMMANDS = (fetch,)
