"""The matrix as files tell it: an object of JSON, or a line of CSV, for each cell.

Thousands of places have the very same cell (`cells_at`). So what a cell is told as is kept for all of them, and stands
beside the names of each.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Final

import msgspec

from watchbill.access.matrix import Cell, Place
from watchbill.access.withheld import Emptied
from watchbill.inert import inert_cell, inert_json
from watchbill.intervals import iso
from watchbill.service.access_view import CellView, Filters, Then, cell_view, cells_of, emptied_in


_MOST: Final = 10_000
"""Cells whose words are kept, and names: some 500 bytes each."""
_HEADINGS = ("at", "person", "account", "permission_set", "standing", "by", "why", "until", "where", "organization")


@dataclass(frozen=True, slots=True)
class AccessView:
    """All cells of an instant, for programs."""

    at: str
    by: str
    assumed: Sequence[str]
    cells: msgspec.Raw
    """A list: in each the names of a `Place` and what a `CellView` has."""


def as_json(found: Then, filters: Filters) -> str:
    """Write every cell that filters leave as JSON."""
    objects = (
        f'{{"person":{_text(place.person)},{_column(*place[1:])},{told}' for place, told in _OBJECTS.of(found, filters)
    )
    cells = msgspec.Raw(f"[{','.join(objects)}]".encode())
    view = AccessView(iso(found.moment.at), found.by, found.assumed, cells)
    return inert_json(msgspec.json.encode(view).decode())


def as_csv(found: Then, filters: Filters) -> str:
    """Write every cell that filters leave as a table of text: a spreadsheet computes nothing of it."""
    at = _fields(iso(found.moment.at))
    lines = (
        f"{at},{_fields(place.person)},{_fields(*place[1:])},{told}\r\n" for place, told in _LINES.of(found, filters)
    )
    return f"{_fields(*_HEADINGS)}\r\n{''.join(lines)}"


class _Told:
    """What cells are told as, for many who ask at once."""

    def __init__(self, tell: Callable[[CellView], str]) -> None:
        self._tell = tell
        self._kept: dict[tuple[int, Emptied | None], tuple[Cell, str]] = {}
        """By cell, each of which is held on to: no other comes to be in its place in memory."""

    def of(self, found: Then, filters: Filters) -> Iterator[tuple[Place, str]]:
        """Tell every cell that filters leave, in order of their places."""
        cells = cells_of(found, filters)
        bounds = emptied_in(found, (place[1:] for place in cells))
        for place, cell in cells.items():
            bound = bounds.get(place[1:]) if bounds else None
            known = self._kept.get((id(cell), bound))
            yield place, self._made(cell, bound) if known is None else known[1]

    def _made(self, cell: Cell, bound: Emptied | None) -> str:
        told = self._tell(cell_view(cell, bound))
        if len(self._kept) >= _MOST:
            self._kept = {}
        self._kept[id(cell), bound] = (cell, told)
        return told


def _object(cell: CellView) -> str:
    """Write what follows the names in an object."""
    return msgspec.json.encode(cell).decode().removeprefix("{")


def _line(cell: CellView) -> str:
    """Write what follows the names in a line."""
    until = (each or "" for each in cell.until)
    lists = (cell.by, cell.why, until, cell.where)
    return _fields(cell.standing, *map("; ".join, lists), cell.organization)


@lru_cache(maxsize=_MOST)
def _text(name: str) -> str:
    return msgspec.json.encode(name).decode()


@lru_cache(maxsize=_MOST)
def _column(account: str, permission_set: str) -> str:
    return f'"account":{_text(account)},"permission_set":{_text(permission_set)}'


@lru_cache(maxsize=_MOST)
def _fields(*texts: str) -> str:
    """Write fields of a line of CSV."""
    written = StringIO()
    csv.writer(written).writerow([inert_cell(each) for each in texts])
    return written.getvalue().removesuffix("\r\n")


_OBJECTS, _LINES = _Told(_object), _Told(_line)
