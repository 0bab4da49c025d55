"""The self-contained report: one HTML file, readable offline, printable, with nothing loaded from anywhere.

Every string from a trail is escaped by the template engine, and control and direction-changing characters are shown
rather than obeyed. The page carries a content security policy that forbids scripts and every outside source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from watchbill.alerts.sittings import WRONG
from watchbill.alerts.view import AuditView, CaseView, EvidenceView
from watchbill.errors import Problem
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.judge.model import Right
from watchbill.schedule.model import Gap, Shift
from watchbill.schedule.oncall import gaps, shifts
from watchbill.team.model import Team
from watchbill.web.calendar import calendar_svg, local_days
from watchbill.web.drawing import environment


WIDTH = 720
"""Width of a timeline in user units."""
LEFT = 84
"""Where its marks begin, right of the names of the lanes."""

LANES = {"theirs": 14, "not theirs": 38, "failed": 62, "not judged": 86}
"""Where each lane of a timeline is."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a case stands, and why."""

    status: str
    note: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One event on a timeline."""

    x: float
    y: int
    lane: str
    label: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is on call in the week around the report."""

    picture: str
    """An SVG, which escapes what it shows by itself: it is made by an XML writer."""
    shifts: list[Shift]
    gaps: list[Gap]


def render(
    audit: AuditView,
    at: datetime,
    problems: Sequence[Problem] = (),
    plan: Sequence[str] = (),
    standings: Mapping[str, Standing] | None = None,
    drift: Sequence[str] = (),
    team: Team | None = None,
) -> str:
    """Give the HTML of a report, with who is on call around its time where a team is given.

    `plan` and `drift` are lines that say who gains and loses what, and what others did; `standings` is by case id.
    """
    return (
        environment()
        .get_template("report.html")
        .render(
            audit=audit,
            standings=standings or {},
            at=iso(at),
            problems=[str(problem) for problem in problems],
            plan=list(plan),
            marks={case.id: timeline(case) for case in audit.cases},
            lanes=LANES,
            width=WIDTH,
            left=LEFT,
            drift=list(drift),
            watch=watch(team, at) if team is not None and team.rotas else None,
            of_people=sum(person.events for person in audit.people),
            of_others=sum(other.events for other in audit.others),
        )
    )


def render_case(
    case: CaseView,
    standing: Standing,
    at: datetime,
    done: Sequence[tuple[str, str, str]],
    took: Sequence[tuple[str, str]],
) -> str:
    """Give the HTML of one case, with what was done about it (when, by whom, what) and how long each step took."""
    return (
        environment()
        .get_template("case.html")
        .render(
            case=case,
            standings={case.id: standing},
            at=iso(at),
            marks={case.id: timeline(case)},
            lanes=LANES,
            width=WIDTH,
            left=LEFT,
            done=list(done),
            took=list(took),
        )
    )


def watch(team: Team, at: datetime) -> Watch:
    """Give who is on call by the rotas of a team in the week that has an instant's day in its middle, in UTC."""
    utc = ZoneInfo("UTC")
    day = local_days(Interval(at, at + timedelta(microseconds=1)), utc)[0].interval
    week = Interval(day.start - timedelta(days=3), day.end + timedelta(days=3))
    held = sorted(shift for rota in team.rotas.values() for shift in shifts(rota, week))
    missing = sorted(gap for rota in team.rotas.values() for gap in gaps(rota, week))
    return Watch(calendar_svg(held, missing, week, utc.key, at), held, missing)


def timeline(case: CaseView) -> list[Mark]:
    """Place the events of a case on its time line: theirs, not theirs, refused or failed, and not judged."""
    times = [parse_instant(event.at).timestamp() for event in case.evidence]
    if not times:
        return []
    first, length = min(times), max(max(times) - min(times), 1.0)
    marks = []
    for event, time in zip(case.evidence, times, strict=True):
        lane = _lane(event)
        x = LEFT + (WIDTH - LEFT - 10) * (time - first) / length
        marks.append(Mark(round(x, 1), LANES[lane], lane, f"{event.at} {event.what} ({event.right}, {event.outcome})"))
    return marks


def _lane(event: EvidenceView) -> str:
    if event.outcome != "allowed":
        return "failed"
    if event.right == Right.ENTITLED:
        return "theirs"
    return "not theirs" if event.right in WRONG else "not judged"
