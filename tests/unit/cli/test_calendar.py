"""Who is on call on a terminal: legible in letters alone, whole at every width, inert."""
# ruff: noqa: D103 - the names of the tests say what holds

import io
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from tests.teams import HERE

from watchbill.cli.calendar import terminal_calendar
from watchbill.intervals import Interval
from watchbill.schedule.model import Duty, Gap, Shift
from watchbill.team.model import Kind


MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
WEEK = Interval(MONDAY, MONDAY + timedelta(days=7))


def span(start, hours=8.0, of=MONDAY):
    """Give a span that begins some hours into the week."""
    begin = of + timedelta(hours=start)
    return Interval(begin, begin + timedelta(hours=hours))


def shift(interval, person="jane", kind=Kind.PRIMARY):
    """Put somebody on call."""
    return Shift(interval, Duty("platform", kind, person, "layer emea", HERE))


def gap(interval):
    """Say that nobody is."""
    return Gap(interval, "platform", Kind.PRIMARY, 1, HERE)


def show(shifts=(), gaps=(), within=WEEK, zone="UTC", width=80, at=None, *, colour=False):
    """Print, and give the lines."""
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        soft_wrap=True,
        emoji=False,
    )
    console.print(terminal_calendar(shifts, gaps, within, zone, width, at))
    return console.file.getvalue().split("\n")  # type: ignore[attr-defined]


def cells(line):
    """Give the letters of each day of a row."""
    return line.split("|")[1:-1]


def test_a_week_is_legible_on_eighty_columns():
    held = [
        *(shift(span(24 * day + 9, 9)) for day in range(5)),
        shift(span(9, 24 * 7), "sofia", Kind.SECONDARY),
        shift(span(33, 8), "newbie", Kind.SHADOW),
        shift(span(60, 24), "Maria Alexandrovna", Kind.MANAGER),
    ]
    assert show(held, [gap(span(24 * 6, 4))], at=MONDAY + timedelta(days=2, hours=1)) == [
        "Jan 2026       Mon 12   Tue 13  *Wed 14   Thu 15   Fri 16   Sat 17   Sun 18",
        "               0   12   0   12   0   12   0   12   0   12   0   12   0   12",
        "jane          |...PPP..|...PPP..|...PPP..|...PPP..|...PPP..|........|........|",
        "Maria Alexan~ |........|........|....MMMM|MMMM....|........|........|........|",
        "newbie        |........|...hhh..|........|........|........|........|........|",
        "sofia         |...SSSSS|SSSSSSSS|SSSSSSSS|SSSSSSSS|SSSSSSSS|SSSSSSSS|SSSSSSSS|",
        "! gaps        |........|........|........|........|........|........|!!......|",
        "",
        "P primary   S secondary   h shadow   M manager   ! too few on call   * today",
        "each character is 3 h   time zone UTC",
        "",
    ]


def test_five_weeks_go_on_below_by_weeks():
    within = Interval(MONDAY, MONDAY + timedelta(days=35))
    lines = show([shift(span(24 * 7 * 3, 24))], within=within)
    heads = [line.split()[:4] for line in lines if " Mon " in line]
    assert heads == [
        ["Jan", "2026", "Mon", "12"],
        ["Jan", "2026", "Mon", "19"],
        ["Jan", "2026", "Mon", "26"],
        ["Feb", "2026", "Mon", "2"],
        ["Feb", "2026", "Mon", "9"],
    ]
    assert ["PPPPPPPP" in line for line in lines if line.startswith("jane")] == [False, False, False, True, False]
    assert sum("1 Feb" in line for line in lines) == 1
    # Where two weeks fit, two stand beside each other.
    assert len([line for line in show(within=within, width=130) if "Mon" in line]) == 3


def test_no_gap_is_said_too():
    assert any(line.startswith("no gaps ") for line in show())
    assert not any("!" in line for line in show())


@pytest.mark.parametrize(
    ("start", "drawn"),
    [
        # The clocks go forward at 01:00, and back at 02:00.
        (datetime(2026, 3, 29, tzinfo=UTC), "P PPP..................."),
        (datetime(2026, 10, 24, 23, tzinfo=UTC), "PPPP...................."),
    ],
)
def test_a_column_is_an_hour_of_the_wall_clock(start, drawn):
    zone = ZoneInfo("Europe/London")
    end = (start.astimezone(zone) + timedelta(days=1)).replace(hour=0).astimezone(UTC)
    until = start.astimezone(zone).replace(hour=len(drawn.rstrip(".")), fold=1).astimezone(UTC)
    lines = show([shift(Interval(start, until))], within=Interval(start, end), zone=zone.key)
    assert [cells(line) for line in lines if line.startswith("jane")] == [[drawn]]


def test_outside_the_span_is_blank():
    (line,) = [line for line in show([shift(span(20))], within=span(12, 24)) if line.startswith("jane")]
    assert cells(line) == ["            ........PPPP", "PPPP........            "]


def test_a_handoff_in_the_middle_of_a_part_goes_to_who_holds_most_of_it():
    held = [shift(span(0, 10)), shift(span(10, 14), "bo")]
    by_name = {line.split()[0]: cells(line)[0] for line in show(held) if "|" in line}
    assert by_name["jane"] == "PPP....."
    assert by_name["bo"] == "...PPPPP"


def test_nobody_is_hidden_by_what_they_hold_besides():
    held = [shift(span(0, 48)), shift(span(24, 8), kind=Kind.SECONDARY)]
    lines = show(held)
    at = next(number for number, line in enumerate(lines) if line.startswith("jane"))
    assert cells(lines[at])[:3] == ["PPPPPPPP", "PPPPPPPP", "........"]
    assert lines[at + 1].startswith("   ")
    assert cells(lines[at + 1])[:3] == ["........", "SSS.....", "........"]


def test_today_is_marked_and_another_day_is_not():
    assert re.findall(r"\*(\w+ \d+)", show(at=MONDAY)[0]) == ["Mon 12"]
    assert not any("*" in line for line in show(at=WEEK.end))
    assert any("* today" in line for line in show(at=MONDAY))


def test_it_says_the_same_without_colour():
    held = [shift(span(3)), shift(span(30), "bo", Kind.MANAGER)]
    plain = show(held, [gap(span(50))], at=MONDAY)
    coloured = show(held, [gap(span(50))], at=MONDAY, colour=True)
    assert any("\x1b[" in line for line in coloured)
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in coloured] == plain


def test_hostile_names_are_inert():
    lines = show(
        [shift(span(3), "[red]x[/red]\x1b[31m\u202e\n"), shift(span(3), "\N{CJK UNIFIED IDEOGRAPH-5F20}" * 20)],
        width=200,
    )
    rows = [line for line in lines if "|" in line]
    assert len(rows) == 3
    assert rows[0].startswith("[red]x[/red]\\u001b[31~ |")
    assert len({cell_len(line) for line in rows}) == 1
    # Marks above letters take no cell: a pile of them is cut all the same.
    (piled,) = [line for line in show([shift(span(3), "a" + "\u0301" * 500)]) if line.startswith("a")]
    assert piled.count("\u0301") < 20


SPANS = st.lists(
    st.tuples(
        st.integers(0, 24 * 40),
        st.integers(1, 24 * 4),
        st.sampled_from(["ada", "bo", "\N{CJK UNIFIED IDEOGRAPH-5F20}" * 30]),
        st.sampled_from(list(Kind)),
    ),
    max_size=20,
)


@given(SPANS, st.integers(1, 84), st.integers(24, 220), st.sampled_from(["UTC", "Europe/London", "Asia/Kathmandu"]))
def test_nothing_is_wider_than_the_terminal_and_no_day_or_shift_is_lost(held, days, width, zone):
    start = datetime(2026, 3, 20, 5, tzinfo=UTC)
    within = Interval(start, start + timedelta(days=days))
    shifts = [shift(span(begin, hours / 4, start), person, kind) for begin, hours, person, kind in held]
    gaps = [gap(each.interval) for each in shifts]
    lines = show(shifts, gaps, within, zone, width)
    rows = [line for line in lines if line.endswith("|")]
    assert all(cell_len(line) <= width for line in lines if "time zone" not in line)
    local = [each.astimezone(ZoneInfo(zone)).date() for each in (within.start, within.end - timedelta(seconds=1))]
    heads = [line for line, below in pairwise(lines) if re.match(r"\s+0\s", below)]
    named = [name for line in heads for name in re.findall(r"[A-Z][a-z]{2} \d{1,2}(?!\d)|1 [A-Z][a-z]{2}", line[9:])]
    assert len(named) == (local[1] - local[0]).days + 1
    inside = [each for each in shifts if each.interval.intersection(within) is not None]
    letters = {"primary": "P", "secondary": "S", "shadow": "h", "manager": "M"}
    seen = {letter for line in rows for day in cells(line) for letter in day}
    assert seen - {" ", ".", "!"} <= {letters[each.kind] for each in inside}
    assert ("!" in seen) == bool(inside)


@given(st.integers(1, 24 * 60 * 6), st.integers(1, 3000), st.integers(60, 220))
def test_no_shift_is_too_short_to_be_seen(begin, minutes, width):
    lines = show([shift(span(begin / 60, minutes / 60))], width=width)
    assert any("P" in day for line in lines if line.startswith("jane") for day in cells(line))
