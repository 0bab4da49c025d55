"""`oncall check`: what is wrong with the schedules, and how evenly they burden people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import rich_click as click

from watchbill.cli.output import Output
from watchbill.cli.session import CHANGES, Session, command
from watchbill.intervals import Interval, iso
from watchbill.schedule.check import Finding, Load, check, fairness
from watchbill.service.rights import IntervalView


_SERIOUS = frozenset({"gap", "leave-gap", "no-copy"})
"""What leaves nobody on call."""
_BAR = 20
"""Characters of the bar of somebody who carries all of a rota."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FindingView:
    """Something about a schedule that a person should look at."""

    code: str
    message: str
    person: str | None
    interval: IntervalView
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class LoadView:
    """What being on call for a rota asks of a person, in hours."""

    person: str
    rota: str
    hours: float
    night_hours: float
    weekend_hours: float
    shifts: int
    share: float


@dataclass(frozen=True, slots=True)
class CheckView:
    """Findings, and who carries how much."""

    findings: list[FindingView]
    loads: list[LoadView]


@command("oncall check", team=True, state=True)
@click.option("--days", type=click.IntRange(1, 3660), default=91, help="How many days ahead [default: 91].")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is anything to see.")
def check_schedules(session: Session, days: int, *, detailed_exitcode: bool) -> int:
    """Look for gaps, double duty, short rest, people away who are on call; and show who carries how much.

    Exits with 1 where nobody would be on call.
    """
    team = session.team()
    within = Interval(session.at, session.at + timedelta(days=days))
    found, loads = check(team, within), fairness(team, within)
    for alike in _alike(found):
        _show(session.out, alike)
    if not found:
        session.out.line(f"nothing to mend from {within}", style="green")
    _show_loads(session.out, loads)
    session.out.answer(CheckView([_finding(each) for each in found], [_load(each) for each in loads]))
    if any(finding.code in _SERIOUS for finding in found):
        return 1
    return CHANGES if detailed_exitcode and found else 0


def _alike(found: Iterable[Finding]) -> Iterable[list[Finding]]:
    """Put findings together that come back day after day: of one code, about one person and line of the file."""
    groups: dict[object, list[Finding]] = {}
    for finding in found:
        groups.setdefault((finding.code, finding.person, finding.where, finding.interval.length), []).append(finding)
    return groups.values()


def _show(out: Output, alike: Sequence[Finding]) -> None:
    first = alike[0]
    said = first.message if iso(first.interval.start) in first.message else f"{first.message}, {first.interval}"
    again = f"; {len(alike)} times until {iso(alike[-1].interval.end)}" if len(alike) > 1 else ""
    out.line(f"{first.where} {first.code}: {said}{again}", style="red" if first.code in _SERIOUS else "yellow")


def _show_loads(out: Output, loads: tuple[Load, ...]) -> None:
    rows = [
        (
            load.rota,
            load.person,
            f"{load.on_call / _HOUR:.0f}",
            f"{load.at_night / _HOUR:.0f}",
            f"{load.at_weekends / _HOUR:.0f}",
            str(load.shifts),
            f"{load.share:4.0%} {'#' * round(load.share * _BAR)}",
        )
        for load in loads
    ]
    if rows:
        out.table(("rota", "who", "hours", "of them at night", "at weekends", "shifts", "share"), rows)


def _finding(each: Finding) -> FindingView:
    span = IntervalView(iso(each.interval.start), iso(each.interval.end))
    return FindingView(each.code, each.message, each.person, span, each.where.path, each.where.line)


def _load(load: Load) -> LoadView:
    hours, night, weekend = (round(each / _HOUR, 3) for each in (load.on_call, load.at_night, load.at_weekends))
    return LoadView(load.person, load.rota, hours, night, weekend, load.shifts, round(load.share, 4))
