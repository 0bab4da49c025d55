"""Who held what from when to when in a span, by the team files that were in force: a line for each unbroken while.

It is cut where any cell of the matrix may change, and put together again where none did: at each instant of the span
the lines that cover it are the cells of that instant (`access.matrix`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath
from typing import Final, NamedTuple

from watchbill.access.history import History
from watchbill.access.matrix import By, Cell, Moment, Place, Standing, cells_at, turnings
from watchbill.errors import Location
from watchbill.intervals import Interval


LOOKS: Final = 2_000
"""Instants at which the matrix is made: for longer spans of many handoffs the first ones."""


class _Way(NamedTuple):
    place: Place
    by: By
    why: str
    where: str
    standing: Standing


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """One thing that somebody held, without a break."""

    place: Place
    span: Interval
    """Cut to what was asked for."""
    by: By
    why: str
    where: str
    """The line of the team file, without its folder."""
    frozen: bool
    """Whether a freeze took it away all this while."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What everybody held in a span."""

    lines: tuple[Held, ...]
    """By person, then place, then time."""
    known: Interval
    """What of the span was looked at; all of it, but where there are too many changes in it."""
    unread: tuple[str, ...]
    """Team files of the time that can be read no more: of their time nothing is said."""


def held_over(history: History, within: Interval, most: int = LOOKS) -> Holdings:
    """Give what everybody held in a span."""
    open_: dict[_Way, Interval] = {}
    lines: list[Held] = []
    unread = [each.why_not for _, each in history.spans(within) if each.team is None]
    until = within.start
    for number, (piece, moment) in enumerate(_moments(history, within)):
        if number == most:
            break
        now = {} if moment is None else dict.fromkeys(_ways(moment), piece)
        lines += [_line(way, span) for way, span in open_.items() if way not in now]
        open_ = {way: Interval(open_[way].start if way in open_ else piece.start, piece.end) for way in now}
        until = piece.end
    lines += [_line(way, span) for way, span in open_.items()]
    return Holdings(tuple(sorted(lines, key=_order)), Interval(within.start, until), tuple(unread))


def _order(held: Held) -> tuple[object, ...]:
    return *held.place, held.span.start, held.by, held.why


def _moments(history: History, within: Interval) -> Iterator[tuple[Interval, Moment | None]]:
    """Cut a span where a cell may change; None where it is not known what was in force."""
    for span, each in history.spans(within):
        if each.team is None:
            yield span, None
            continue
        start = Moment(span.start, each.team, tuple(history.freezes))
        edges = [span.start, *dict.fromkeys(turning.at for turning in turnings(start, span)), span.end]
        for first, last in pairwise(edges):
            yield Interval(first, last), Moment(first, each.team, tuple(history.freezes))


def _ways(moment: Moment) -> Iterator[_Way]:
    for place, cell in cells_at(moment).items():
        yield from _of_cell(place, cell)


def _of_cell(place: Place, cell: Cell) -> Iterator[_Way]:
    for reason in cell.reasons:
        yield _Way(place, reason.by, reason.why, _place(reason.where), cell.standing)


def _place(where: Location) -> str:
    return str(replace(where, path=PurePath(where.path).name))


def _line(way: _Way, span: Interval) -> Held:
    return Held(way.place, span, way.by, way.why, way.where, way.standing is Standing.FROZEN)
