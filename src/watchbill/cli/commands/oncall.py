"""`oncall`: who is on call, as a list, as a calendar and for other calendars; swaps; schedules kept elsewhere."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import rich_click as click

from watchbill.cli.calendar import terminal_calendar
from watchbill.cli.commands.checks import check_schedules
from watchbill.cli.commands.feeds import fetch
from watchbill.cli.commands.takeover import take
from watchbill.cli.output import Output
from watchbill.cli.session import Session, command
from watchbill.errors import NotFoundError, RefusedError
from watchbill.files.report import write_text
from watchbill.files.team_file import change_team
from watchbill.intervals import Interval, iso, parse_instant
from watchbill.schedule.calendar_out import write_calendar
from watchbill.schedule.model import Gap, Shift
from watchbill.schedule.swaps import kind_of, rota_of
from watchbill.service.rights import IntervalView
from watchbill.service.watching import held, on_call, whole_shifts, windows_that_change
from watchbill.team.edit import with_override
from watchbill.team.files import parse
from watchbill.team.model import Kind, Rota
from watchbill.team.names import instant_or_date
from watchbill.web.calendar import calendar_svg


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """One shift."""

    rota: str
    kind: str
    person: str
    interval: IntervalView
    why: str


@dataclass(frozen=True, slots=True)
class GapLine:
    """A span in which fewer people than must be are on call."""

    rota: str
    kind: str
    people: int
    interval: IntervalView


@dataclass(frozen=True, slots=True)
class OncallView:
    """Shifts and gaps of a span."""

    shifts: list[ShiftLine]
    gaps: list[GapLine]


@dataclass(frozen=True, slots=True)
class SwapView:
    """What a swap changes."""

    override: str
    file: str
    written: bool
    before: list[ShiftLine]
    after: list[ShiftLine]
    gains: list[str]
    losses: list[str]


@command("oncall", team=True, state=True, group=True)
@click.option("--at", "when", help="Who is on call at this instant, such as 2026-01-14T03:00:00Z.")
@click.option("--days", type=click.IntRange(1, 366), default=7, help="How many days to show [default: 7].")
def oncall(session: Session, when: str | None, days: int) -> int:
    """Show who is on call, now and for the days to come, and where nobody is."""
    start = read_instant(when) if when else session.at
    within = Interval(start, start + (timedelta(seconds=1) if when else timedelta(days=days)))
    return _answer(session, within, whole=when is not None)


def _answer(session: Session, within: Interval, rota: str | None = None, *, whole: bool = False) -> int:
    team = session.team_on_watch()
    found, missing = on_call(team, within, rota)
    found = whole_shifts(team, within, rota) if whole else found
    show_shifts(session.out, found)
    _show_gaps(session.out, missing)
    view = OncallView([shift_line(shift) for shift in found], [_gap_line(gap) for gap in missing])
    session.out.answer(view, session.feeds(team))
    return 1 if missing else 0


_FROM = click.option("--from", "start", help="From this instant or date [default: now].")
_TO = click.option("--to", "end", help="Up to this instant or date [default: two weeks on].")
_ROTA = click.option("--rota", help="Only this rota.")
_ZONE = click.option("--time-zone", "zone", default="UTC", help="Whose wall clock the days go by [default: UTC].")


@command("oncall show", team=True, state=True)
@_FROM
@_TO
@_ROTA
@_ZONE
def show(session: Session, start: str | None, end: str | None, rota: str | None, zone: str) -> int:
    """Show a calendar: a row for each person, and one for where nobody is on call."""
    place = read_zone(zone)
    within = _span(session, start, end, place)
    if session.out.as_json:
        return _answer(session, within, rota)
    team = session.team_on_watch()
    found, missing = on_call(team, within, rota)
    session.out.out.print(terminal_calendar(found, missing, within, zone, session.out.out.width, session.at))
    _show_gaps(session.out, missing)
    session.out.problems(session.feeds(team))
    return 1 if missing else 0


@command("oncall export", team=True, state=True)
@_FROM
@click.option("--to", "end", help="Up to this instant or date [default: 13 weeks on].")
@_ROTA
@_ZONE
@click.option("--person", help="Only this person's shifts.")
@click.option("--form", type=click.Choice(["ics", "svg", "json"]), default="ics", help="What to write [default: ics].")
@click.option("--out", "path", type=click.Path(path_type=Path, dir_okay=False), help="The file [default: print it].")
def export(
    session: Session,
    start: str | None,
    end: str | None,
    rota: str | None,
    zone: str,
    person: str | None,
    form: str,
    path: Path | None,
) -> int:
    """Write shifts for other calendars (ics), as a picture (svg), or for programs (json)."""
    team = session.team_on_watch()
    if person is not None and person not in team.people:
        raise NotFoundError(f"no person `{person}`", f"people: {', '.join(team.people)}")
    within = _span(session, start, end, read_zone(zone), timedelta(weeks=13))
    found, missing = on_call(team, within, rota)
    if form == "ics":
        # Cut to the span, a shift would be another event with each export.
        found = whole_shifts(team, within, rota)
    found = [shift for shift in found if person in (None, shift.person)]
    name = f"On call for {rota or team.name}" + (f": {team.people[person].full_name}" if person is not None else "")
    if form == "json" or session.out.as_json:
        session.out.as_json = True
        session.out.answer(OncallView([shift_line(shift) for shift in found], [_gap_line(gap) for gap in missing]))
        return 0
    if form == "svg":
        written = calendar_svg(found, [] if person is not None else missing, within, zone, session.at)
    else:
        written = write_calendar(found, name, team.people, session.at).decode()
    if path is None:
        sys.stdout.write(written)
    else:
        write_text(path, written)
        session.out.line(f"wrote {len(found)} shifts to {path}")
    return 0


@command("oncall swap", team=True, state=True)
@click.argument("people", nargs=2)
@click.option("--from", "start", required=True, help="From this instant, or the date where the first of them lives.")
@click.option("--to", "end", required=True, help="Up to this instant or date.")
@click.option("--reason", required=True, help="Why, for whoever reads the audit.")
@click.option("--rota", help="The rota [default: the one that both are on].")
@click.option("--by", help="Who arranged it [default: you, $WATCHBILL_ACTOR].")
@click.option("--yes", is_flag=True, help="Write it without asking.")
def swap(
    session: Session,
    people: tuple[str, str],
    start: str,
    end: str,
    reason: str,
    rota: str | None,
    by: str | None,
    *,
    yes: bool,
) -> int:
    """Let two PEOPLE exchange what they hold in a span: shows what changes, then writes it into the team file."""
    team = session.team()
    by = by or session.settings.actor
    for person in (*people, by):
        if person not in team.people:
            raise NotFoundError(
                f"no person `{person}`", f"people: {', '.join(team.people)}; --by names who arranged it"
            )
    if not reason.strip():
        raise click.BadParameter("--reason must say why")
    name = rota_of(team, rota, people)
    zone = ZoneInfo(team.people[people[0]].time_zone)
    span = _interval(read_instant(start, zone), read_instant(end, zone))
    kind = kind_of(team.rotas[name], people, span)
    override = _swap_part(team.rotas[name], kind, span, people, (reason, by))
    text = with_override(team.text, name, override)
    changed = session.filled(parse(text, team.path))
    before, after = held(team, name, kind, span), held(changed, name, kind, span)
    gains, losses = windows_that_change(team, changed, span)
    _show_swap(session.out, before, after, gains, losses)
    if not (yes or session.out.as_json) and not click.confirm(f"write this into {team.path}?", err=True):
        raise RefusedError("nothing was written")
    if yes or not session.out.as_json:
        change_team(session.settings.team, team, text)
        session.out.line(f"wrote override {override['name']} into {team.path}; `watchbill plan` shows AWS", "green")
    was, becomes = [shift_line(shift) for shift in before], [shift_line(shift) for shift in after]
    written = yes or not session.out.as_json
    session.out.answer(SwapView(str(override["name"]), team.path, written, was, becomes, gains, losses))
    return 0


def _swap_part(
    rota: Rota, kind: Kind, span: Interval, people: tuple[str, str], words: tuple[str, str]
) -> dict[str, object]:
    """Write a swap as the team file has it; `words` are the reason and who arranged it."""
    taken = {override.name for override in rota.overrides}
    name = next(name for number in range(1, len(taken) + 2) if (name := f"swap-{number}") not in taken)
    start, end, (reason, by) = iso(span.start), iso(span.end), words
    kinds = {} if kind is Kind.PRIMARY else {"kind": str(kind)}
    return {"name": name, **kinds, "from": start, "to": end, "swap": list(people), "reason": reason, "by": by}


def _show_swap(
    out: Output, before: Sequence[Shift], after: Sequence[Shift], gains: Sequence[str], losses: Sequence[str]
) -> None:
    out.line("before:")
    show_shifts(out, before)
    out.line("after:")
    show_shifts(out, after)
    for gain in gains:
        out.line(f"+ {gain}", style="green")
    for loss in losses:
        out.line(f"- {loss}", style="red")


def _span(
    session: Session, start: str | None, end: str | None, zone: ZoneInfo, usual: timedelta = timedelta(days=14)
) -> Interval:
    begin = read_instant(start, zone) if start else session.at
    return _interval(begin, read_instant(end, zone) if end else begin + usual)


def _interval(start: datetime, end: datetime) -> Interval:
    if start >= end:
        raise click.BadParameter(f"--to must be later than --from: {iso(start)} to {iso(end)}")
    if end - start > timedelta(days=3660):
        raise click.BadParameter("a span has ten years at the most")
    return Interval(start, end)


def read_instant(text: str, zone: ZoneInfo | None = None) -> datetime:
    """Read an instant, or a day of a zone where one is given; what is neither is wrong usage."""
    try:
        return parse_instant(text) if zone is None else instant_or_date(text, zone)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error)) from error


def read_zone(name: str) -> ZoneInfo:
    """Read a time zone; what is none is wrong usage."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise click.BadParameter(f"no time zone `{name}`; write Europe/London") from error


def show_shifts(out: Output, found: Sequence[Shift]) -> None:
    """Print shifts as a table."""
    rows = [
        (f"{s.interval.start:%a %Y-%m-%d %H:%M}", f"{s.interval.end:%a %H:%M} UTC", s.person, str(s.kind), s.why)
        for s in found
    ]
    out.table(("from", "to", "who", "kind", "why"), rows)


def _show_gaps(out: Output, missing: Sequence[Gap]) -> None:
    for gap in missing:
        out.line(f"{gap.rota} has {gap}", style="red")


def shift_line(shift: Shift) -> ShiftLine:
    """Turn a shift into plain facts."""
    return ShiftLine(shift.rota, str(shift.kind), shift.person, span_view(shift.interval), shift.why)


def _gap_line(gap: Gap) -> GapLine:
    return GapLine(gap.rota, str(gap.kind), gap.people, span_view(gap.interval))


def span_view(interval: Interval) -> IntervalView:
    """Turn a span into plain facts."""
    return IntervalView(iso(interval.start), iso(interval.end))


for part in (show, check_schedules, swap, take, fetch, export):
    oncall.add_command(part)

COMMANDS = (oncall,)
