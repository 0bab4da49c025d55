"""Who is on call as rows of letters, for a terminal: one row per person, one column per day.

It says the same without colour: a letter is a kind, `!` is too few on call, `*` is today. A day is cut into equal parts
of its wall clock. A part has a letter where at least half of it is held, and where the middle of a shift lies, so that
a short one is seen; a gap marks every part that it touches. Names are shown inert.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.text import Text

from watchbill.inert import inert
from watchbill.intervals import Interval, Timeline
from watchbill.schedule.model import Gap, Shift
from watchbill.schedule.wall import to_utc
from watchbill.team.model import Kind
from watchbill.web.calendar import Day, lanes, local_days


_LETTERS = {Kind.PRIMARY: "P", Kind.SECONDARY: "S", Kind.SHADOW: "h", Kind.MANAGER: "M"}
_STYLES = {"P": "bold blue", "S": "green", "h": "dim", "M": "magenta", "!": "bold red", ".": "dim"}
_PARTS = (24, 12, 8, 6)
"""Into how many parts a day is cut; six still hold its name."""
_WEEK = 7
_SHORTEST_NAME = 8
"""Room for the name of a month, which stands above the names."""
_ROOM_FOR_HOURS = 12
"""Parts from which every six hours are marked, rather than every twelve."""
_LONGEST_NAME = 22
"""Names are cut rather than days: a week by the hour has room beside it on 200 columns."""

_Marks = Timeline[tuple[Interval, str]]
"""Letters by when they are shown."""
_Block = Sequence[tuple[Day, Sequence[Interval | None]]]
"""Days beside each other, each with its parts; None is a part that a change of the clocks skips."""


def terminal_calendar(
    shifts: Sequence[Shift],
    gaps: Sequence[Gap],
    within: Interval,
    zone: str,
    width: int,
    at: datetime | None = None,
) -> RenderableType:
    """Show who is on call in a span, by the local days of a zone; the day of `at` is marked as today.

    Days that do not fit beside each other go on below, by whole weeks where a week fits.
    """
    place = ZoneInfo(zone)
    rows = _rows(shifts, gaps, within)
    days = local_days(within, place)
    named = max([_SHORTEST_NAME, *(cell_len(name) for name, _ in rows)])
    named = min(named, max(_SHORTEST_NAME, width // 6), _LONGEST_NAME)
    beside, parts = _fit(len(days), width - named - 2)
    lines: list[Text] = []
    for start in range(0, len(days), beside):
        block = [(day, _parts_of(day, parts, place)) for day in days[start : start + beside]]
        lines += _header(block, named, at)
        lines += [_row(name, marks, block, within, named) for name, marks in rows if name or _any_in(marks, block)]
        lines.append(Text())
    letters = {letter for _, marks in rows for _, letter in marks.meeting(within)}
    if any(_is_on(day, at) for day in days):
        letters.add("*")
    return Group(*lines, *_legend(letters, [f"each character is {24 // parts} h", f"time zone {zone}"], width))


def _rows(shifts: Sequence[Shift], gaps: Sequence[Gap], within: Interval) -> list[tuple[str, _Marks]]:
    """Give a line per person, more where they are on call twice at once, and the gaps last."""
    of_person: dict[str, list[tuple[Interval, str]]] = {}
    for shift in sorted(shifts):
        if (cut := shift.interval.intersection(within)) is not None:
            of_person.setdefault(shift.person, []).append((cut, _LETTERS[shift.kind]))
    rows: list[tuple[str, _Marks]] = []
    for person in sorted(of_person, key=lambda name: (name.casefold(), name)):
        held = of_person[person]
        placed = lanes((cut.start.timestamp(), cut.end.timestamp()) for cut, _ in held)
        for lane in range(max(placed) + 1):
            marks = [mark for mark, its in zip(held, placed, strict=True) if its == lane]
            rows.append(("" if lane else inert(person), Timeline(marks, _when)))
    missing = [(gap.interval, "!") for gap in gaps if gap.interval.intersection(within) is not None]
    return [*rows, ("! gaps" if missing else "no gaps", Timeline(missing, _when))]


def _fit(days: int, room: int) -> tuple[int, int]:
    """Give how many days stand beside each other, and into how many parts each is cut."""
    narrowest = _PARTS[-1] + 1
    most = max(room // narrowest, 1)
    beside = days if days <= most else most - most % _WEEK or most
    parts = next((parts for parts in _PARTS if beside * (parts + 1) <= room), _PARTS[-1])
    return beside, parts


def _parts_of(day: Day, parts: int, zone: ZoneInfo) -> list[Interval | None]:
    """Cut a day by its wall clock."""
    hours = [to_utc(datetime.combine(day.date, time(24 // parts * number)), zone) for number in range(parts)]
    return [Interval(start, end) if start < end else None for start, end in pairwise([*hours, day.interval.end])]


def _header(block: _Block, named: int, at: datetime | None) -> Iterator[Text]:
    """Name the month and the days, and mark hours of the clock."""
    names = Text(set_cell_size(f"{block[0][0].date:%b %Y}", named) + " ", style="bold")
    hours = Text(" " * (named + 1), style="dim")
    for day, parts in block:
        today = _is_on(day, at)
        names.append("*" if today else " ")
        names.append(_named(day, len(parts)), style="reverse" if today else "dim" if day.is_weekend else "")
        step = 6 if len(parts) >= _ROOM_FOR_HOURS else 12
        wide = len(parts) * step // 24
        ticks = "".join(f"{hour:<{wide}}" for hour in range(0, 24, step))
        hours.append(f" {ticks}")
    yield _bare(names)
    yield _bare(hours)


def _named(day: Day, room: int) -> str:
    """Name a day in a room; the first of a month has the name of the month."""
    number = day.date.day
    name = f"{day.date:%a} {number}"
    if number == 1:
        name = f"{name} {day.date:%b}" if room > _PARTS[-2] else f"{number} {day.date:%b}"
    return name.ljust(room)


def _row(name: str, marks: _Marks, block: _Block, within: Interval, named: int) -> Text:
    """Write a name and the letters of its days."""
    # Marks above and below letters take no cell, yet many of them reach over other rows.
    fits = cell_len(name) <= named and len(name) <= named
    short = name if fits else set_cell_size(name[:named], named - 1) + "~"
    line = Text(set_cell_size(short, named) + " ")
    for _, parts in block:
        line.append("|", style="dim")
        for part in parts:
            letter = _letter(part, marks, within)
            line.append(letter, style=_STYLES.get(letter, ""))
    line.append("|", style="dim")
    return _bare(line)


def _any_in(marks: _Marks, block: _Block) -> bool:
    whole = Interval(block[0][0].interval.start, block[-1][0].interval.end)
    return any(interval.intersection(whole) is not None for interval, _ in marks.meeting(whole))


def _letter(part: Interval | None, marks: _Marks, within: Interval) -> str:
    """Say who holds a part of a day: a space outside the span, a dot where nothing is."""
    seen = part.intersection(within) if part is not None else None
    if seen is None:
        return " "
    found = ""
    for interval, letter in marks.meeting(seen):
        common = interval.intersection(seen)
        if common is None:
            continue
        if letter == "!" or interval.start + interval.length / 2 in seen:
            return letter
        if not found and common.length * 2 >= seen.length:
            found = letter
    return found or "."


def _legend(letters: set[str], more: Sequence[str], width: int) -> Iterator[Text]:
    """Say what the letters are, in as many lines as it takes."""
    meant = {letter: kind.value for kind, letter in _LETTERS.items()} | {"!": "too few on call", "*": "today"}
    items = [*(f"{letter} {words}" for letter, words in meant.items() if letter in letters), *more]
    line = ""
    for item in items:
        if line and len(line) + 3 + len(item) > width:
            yield _bare(Text(line, style="dim"))
            line = ""
        line += f"   {item}" if line else item
    yield _bare(Text(line, style="dim"))


def _when(mark: tuple[Interval, str]) -> Interval:
    return mark[0]


def _is_on(day: Day, at: datetime | None) -> bool:
    return at in day.interval


def _bare(line: Text) -> Text:
    """Keep a line one line."""
    line.rstrip()
    line.no_wrap, line.overflow = True, "ignore"
    return line
