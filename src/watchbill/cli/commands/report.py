"""`report`: one HTML file with everything, to keep and to pass on."""

from dataclasses import dataclass, replace
from pathlib import Path

import rich_click as click

from watchbill.alerts.export.reader import readable
from watchbill.alerts.model import Audit
from watchbill.alerts.plain import audit_view
from watchbill.alerts.view import AuditView
from watchbill.cli.commands.trail import audited, load_rules, trail_option
from watchbill.cli.session import Session, command
from watchbill.errors import Problem
from watchbill.files.report import write_text
from watchbill.service.casework import Casework, view_of
from watchbill.service.plan_view import words_of
from watchbill.service.standing import Sees, as_read
from watchbill.web.report import Standing, render


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
    default=Path("watchbill-report.html"),
    help="Where to write it [default: watchbill-report.html].",
)
def report(session: Session, source: str | None, rules: tuple[Path, ...], output: Path) -> int:
    """Write one self-contained HTML file: what was read, who did what, every case and where it stands.

    It works offline, loads nothing, runs no script, and can be printed.
    """
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
