"""`report`: one HTML file with everything, to keep and to pass on."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import rich_click as click

from watchbill.alerts.export.reader import readable
from watchbill.alerts.model import Audit
from watchbill.alerts.plain import audit_view
from watchbill.alerts.view import AuditView
from watchbill.cli.commands.lake import LAKE
from watchbill.cli.commands.oncall import read_instant, read_zone
from watchbill.cli.commands.trail import audited, load_rules, trail_option
from watchbill.cli.session import Session, command
from watchbill.errors import Problem
from watchbill.files.report import write_text
from watchbill.intervals import Interval, iso
from watchbill.service.casework import Casework, view_of
from watchbill.service.dossier import dossier
from watchbill.service.plan_view import words_of
from watchbill.service.standing import Sees, as_read
from watchbill.web.dossier import render_dossier
from watchbill.web.report import Standing, render


_WEEK, _LONGEST = timedelta(days=7), timedelta(days=366)


@dataclass(frozen=True, slots=True)
class ReportView:
    """The file that was written."""

    file: str
    cases: int


@command("report", team=True, state=True)
@trail_option
@click.option(
    "--rules", type=click.Path(path_type=Path), multiple=True, help="A folder of Sigma rules; may be given again."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write it [default: watchbill-report.html].",
)
@click.option(
    "--html",
    "whole",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report for auditors to this file, in place of the other.",
)
@click.option("--since", metavar="WHEN", help="With --html: from this instant or day on [default: a week before].")
@click.option("--until", metavar="WHEN", help="With --html: up to this instant or day [default: now].")
@click.option("--time-zone", "zone", default="UTC", help="With --html: whose wall clock times go by [default: UTC].")
def report(session: Session, source: str | None, rules: tuple[Path, ...], output: Path | None, **given: Any) -> int:
    """Write one self-contained HTML file: what was read, who did what, every case and where it stands.

    It works offline, loads nothing, runs no script, and can be printed.

    With --html it is the report for auditors, of what the state and the lake have of a span: who held what when, and
    who has access at its end; who was on watch; what each person did against that; cases with their evidence and
    decisions; access reviews; the head of the ledger, verified; and what could not be seen. It reads no trail anew.
    """
    if given["whole"] is not None:
        if source is not None or rules or output is not None:
            raise click.UsageError("--html is of the state and the lake: leave out --trail, --rules and -o")
        return _for_auditors(session, given["whole"], given["since"], given["until"], read_zone(given["zone"]))
    if given["since"] is not None or given["until"] is not None:
        raise click.UsageError("--since and --until are of the report for auditors: give --html FILE too")
    output = output or Path("watchbill-report.html")
    loaded, problems = load_rules(rules)
    found = audited(session, source, session.team(), loaded)
    with session.casework() as work:
        result, standings = with_standings(work, found, session.sees_insider())
        plan, team = work.plan(), work.team
    effects, drift = [words_of(effect) for effect in plan.effects], [each.what for each in plan.drift]
    assumed = [Problem("assumed", words) for words in found.assumed]
    said = [*assumed, *found.problems, *problems, *session.feeds(team)]
    write_text(output, render(result, session.at, said, effects, standings, drift, team))
    session.out.line(f"report written to {output}: {len(result.cases)} cases")
    session.out.answer(ReportView(str(output), len(result.cases)), said)
    return 0


def _for_auditors(session: Session, file: Path, since: str | None, until: str | None, zone: ZoneInfo) -> int:
    """Write the report for auditors."""
    end = session.at if until is None else read_instant(until, zone)
    start = end - _WEEK if since is None else read_instant(since, zone)
    if not timedelta(0) < end - start <= _LONGEST:
        raise click.UsageError(
            f"a report is of a span of up to {_LONGEST.days} days: {iso(start)} to {iso(end)} is none"
        )
    with session.casework() as work:
        found = dossier(work, session.settings.state / LAKE, Interval(start, end), session.sees_insider())
    text = render_dossier(found, zone)
    write_text(file, text)
    size = f"{len(text.encode()) / 1000:,.0f} kB"
    session.out.line(f"report for auditors written to {file}: {iso(start)} to {iso(end)}, {size}")
    for each in found.left_out:
        session.out.line(f"left out for its size: {each}", style="yellow")
    problems = [Problem("assumed", words) for words in found.assumed]
    session.out.answer(ReportView(str(file), len(found.cases)), problems)
    return 0


def with_standings(work: Casework, found: Audit, sees: Sees) -> tuple[AuditView, dict[str, Standing]]:
    """Give an audit with each case as it is kept, and where it stands, as a reader may see it."""
    kept = {row.id: row for row in work.store.cases.all()}
    result = audit_view(found, work.team.name)
    read = {row.id: as_read(row, view_of(row), sees) for row in kept.values()}
    cases = [
        read[case.id].case if case.id in read else readable(case, may_see_insider=sees(case)) for case in result.cases
    ]
    return replace(result, cases=cases), {case_id: Standing(each.status, each.note) for case_id, each in read.items()}


COMMANDS = (report,)
