"""The matrix as files tell it: an object of JSON, or a line of CSV, for each cell.

Nearly all cells are the same at every instant, and then the very same (`cells_at`). So what a cell is told as is kept
until another stands in its place, or another organization bounds it.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from typing import Final, Generic, TypeVar

import msgspec

from watchbill.access.matrix import Cell, Place
from watchbill.access.withheld import Emptied
from watchbill.inert import inert_cell, inert_json
from watchbill.intervals import iso
from watchbill.service.access_view import CellView, Filters, Then, cell_view, cells_of, emptied_in


T = TypeVar("T")

_MOST: Final = 100_000
"""Places of which it is kept, those of one file more at most; some 500 bytes each."""
_HEADINGS = ("at", "person", "account", "permission_set", "standing", "by", "why", "until", "where", "organization")


class Told(Generic[T]):
    """What cells are told as, for many who ask at once."""

    def __init__(self, tell: Callable[[CellView], T]) -> None:
        self._tell = tell
        self._kept: dict[Place, tuple[Cell, Emptied | None, T]] = {}

    def of(self, found: Then, filters: Filters) -> Iterator[T]:
        """Tell every cell that filters leave, in order of their places."""
        cells = cells_of(found, filters)
        bounds = emptied_in(found, (place[1:] for place in cells))
        if len(self._kept) > _MOST:
            self._kept = {}
        kept = self._kept
        for place, cell in cells.items():
            known, bound = kept.get(place), bounds.get(place[1:])
            if known is None or known[0] is not cell or known[1] != bound:
                known = kept[place] = (cell, bound, self._tell(cell_view(place, cell, bound)))
            yield known[2]


@dataclass(frozen=True, slots=True)
class AccessView:
    """All cells of an instant, for programs."""

    at: str
    by: str
    assumed: Sequence[str]
    cells: list[msgspec.Raw]
    """Each is a `CellView`."""


def as_json(found: Then, filters: Filters) -> str:
    """Write every cell that filters leave as JSON."""
    view = AccessView(iso(found.moment.at), found.by, found.assumed, list(_OBJECTS.of(found, filters)))
    return inert_json(msgspec.json.encode(view).decode())


def as_csv(found: Then, filters: Filters) -> str:
    """Write every cell that filters leave as a table of text: a spreadsheet computes nothing of it."""
    # An instant is written the same in CSV.
    at = f"{iso(found.moment.at)},"
    return _line(_HEADINGS) + "".join(at + line for line in _LINES.of(found, filters))


def _object(cell: CellView) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(cell))


def _row(cell: CellView) -> str:
    """Write the line of a cell but for its instant."""
    place = (cell.person, cell.account, cell.permission_set, cell.standing)
    until = (each or "" for each in cell.until)
    return _line((*place, *("; ".join(each) for each in (cell.by, cell.why, until, cell.where)), cell.organization))


def _line(fields: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text).writerow([_inert(each) for each in fields])
    return text.getvalue()


# The same names stand in thousands of lines.
_inert = lru_cache(maxsize=10_000)(inert_cell)
_OBJECTS = Told(_object)
_LINES = Told(_row)
