"""`init`, `validate`, `oncall`: the team file and who is on watch by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import rich_click as click

from watchbill.cli.commands.access import IntervalView
from watchbill.cli.commands.trail import read_trail
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.errors import RefusedError, WatchbillError
from watchbill.files.report import write_text
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.schedule.model import Shift
from watchbill.schedule.oncall import gaps, shifts
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


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """One shift."""

    rota: str
    kind: str
    person: str
    interval: IntervalView
    why: str


@dataclass(frozen=True, slots=True)
class OncallView:
    """Shifts and gaps of a span."""

    shifts: list[ShiftLine]
    gaps: list[IntervalView]


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


@command("oncall", team=True)
@click.option("--at", "when", help="Who is on call at this instant, such as 2026-01-14T03:00:00Z.")
@click.option("--days", type=click.IntRange(1, 366), default=7, help="How many days to show [default: 7].")
def oncall(session: Session, when: str | None, days: int) -> int:
    """Show who is on call, now and for the days to come, and where nobody is."""
    team = session.team()
    try:
        start = parse_instant(when) if when else session.at
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    within = Interval(start, start + (timedelta(seconds=1) if when else timedelta(days=days)))
    found = [shift for rota in team.rotas.values() for shift in shifts(rota, within)]
    missing = [gap for rota in team.rotas.values() for gap in gaps(rota, within)]
    show_shifts(session.out, sorted(found))
    for gap in missing:
        session.out.line(f"nobody is {gap.kind} of {gap.rota} from {gap.interval}", style="red")
    session.out.answer(
        OncallView(
            [shift_line(shift) for shift in sorted(found)],
            [_span(gap.interval) for gap in missing],
        )
    )
    return 1 if missing else 0


def show_shifts(out: Output, found: Sequence[Shift]) -> None:
    """Print shifts as a table."""
    rows = [
        (f"{s.interval.start:%a %Y-%m-%d %H:%M}", f"{s.interval.end:%a %H:%M} UTC", s.person, str(s.kind), s.why)
        for s in found
    ]
    out.table(("from", "to", "who", "kind", "why"), rows)


def shift_line(shift: Shift) -> ShiftLine:
    """Turn a shift into plain facts."""
    return ShiftLine(shift.rota, str(shift.kind), shift.person, _span(shift.interval), shift.why)


def _span(interval: Interval) -> IntervalView:
    return IntervalView(iso(interval.start), iso(interval.end))


COMMANDS = (init, validate, oncall)
