"""The report for auditors: one HTML file of a span, drawn by what draws the pages.

It loads nothing and runs nothing, says in which zone its times are, and is made to be printed: no table is cut off.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from watchbill.intervals import iso, parse_instant
from watchbill.service.dossier import Dossier, PersonPart
from watchbill.service.standing import StandingCase, lengths
from watchbill.web.asked import local_in
from watchbill.web.calendar import calendar_svg
from watchbill.web.drawing import STYLE, environment
from watchbill.web.lanes import Scene, lanes_svg
from watchbill.web.pages.access import MARKS
from watchbill.web.report import LANES, LEFT, WIDTH, Standing, timeline


@dataclass(frozen=True, slots=True)
class _Part:
    """One person, with the picture of what they did."""

    of: PersonPart
    picture: str


def render_dossier(found: Dossier, zone: ZoneInfo) -> str:
    """Give the HTML, its times by a zone."""
    local = local_in(zone)
    day = found.span.end.astimezone(zone).date()

    def brief(instant: datetime) -> str:
        there = instant.astimezone(zone)
        return f"{there:%H:%M}" if there.date() == day else local(instant)

    text = (
        environment()
        .get_template("dossier.html")
        .render(
            found=found,
            style=Markup(STYLE),  # noqa: S704 - ours, and it is no HTML
            zone=zone.key,
            local=local,
            brief=brief,
            marks_of=MARKS,
            calendar=calendar_svg(found.shifts, found.gaps, found.span, zone.key, None, alone=False),
            people=list(_parts(found, zone)),
            cases=found.cases,
            standings={each.case.id: Standing(each.status, each.note) for each in found.cases},
            marks={each.case.id: timeline(each.case) for each in found.cases},
            took=_took,
            lanes=LANES,
            width=WIDTH,
            left=LEFT,
            at=parse_instant,
            iso=iso,
        )
    )
    # What is folded on a page would be left out by a printer.
    return text.replace("<details>", "<details open>")


def _took(case: StandingCase) -> list[tuple[str, str]]:
    return list(lengths(case.times))


def _parts(found: Dossier, zone: ZoneInfo) -> Iterator[_Part]:
    local = local_in(zone)

    for number, part in enumerate(found.people):

        def leads(start: datetime, end: datetime, number: int = number) -> str:
            return f"#person-{number}"

        scene = Scene(part.seen, part.shifts, part.frozen, found.complete_to)
        picture = lanes_svg(scene, zone, local, found.made_at, leads)
        # Each picture of a page has names of its own.
        yield _Part(
            part, picture.replace('"did-title"', f'"did-title-{number}"').replace('"did-desc"', f'"did-desc-{number}"')
        )
