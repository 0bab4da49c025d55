"""A table of shifts (CSV): a header with `start`, `end` and `person`, and a row for each shift.

Any of `person`, `email` and `name` says who; `kind` in what capacity, in our words; `uid` what the table calls the
shift. Columns stand in any order, and others are passed over. Times name their zone: `2026-09-07T08:00:00Z`. Commas,
semicolons or tabs separate, whichever the header has.
"""

import csv
from collections.abc import Mapping
from io import StringIO

from watchbill.errors import WatchbillError
from watchbill.intervals import Interval
from watchbill.schedule.imported import Imported
from watchbill.schedule.vendors.reading import Entries, check_size, quoted, what_it_is
from watchbill.team.model import Kind


_WHO = ("email", "person", "name")
_HINT = "the first line names the columns: start,end,person"


def read(data: bytes, within: Interval, file: str) -> Imported:
    """Give the shifts of a table; raises WatchbillError where it is none."""
    check_size(data, file)
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WatchbillError(f"{file} is no table: it is no UTF-8 text", "save it as CSV in UTF-8") from error
    header, _, _ = content.partition("\n")
    delimiter = max(",;\t", key=header.count)
    lines = csv.DictReader(StringIO(content, newline=""), delimiter=delimiter)
    entries = Entries(within, file)
    try:
        columns = [name.strip().lower() for name in lines.fieldnames or ()]
        _check(columns, data, file)
        lines.fieldnames = columns
        for row in lines:
            _add(entries, f"line {lines.line_num}", row)
    except csv.Error as error:
        place = f"line {lines.line_num}"
        raise WatchbillError(
            f"{file} cannot be read as a table: {place}: {error}", "look for a quote left open"
        ) from error
    return entries.imported("")


def _check(columns: list[str], data: bytes, file: str) -> None:
    wanted = [name for name in ("start", "end") if name not in columns]
    if not any(name in columns for name in _WHO):
        wanted.append("person")
    if len(wanted) == 3:  # noqa: PLR2004 - none of what is wanted
        raise WatchbillError(f"{file} is no table of shifts: it is {what_it_is(data)}", _HINT)
    if wanted:
        raise WatchbillError(f"{file} has no column {' and '.join(f'`{name}`' for name in wanted)}", _HINT)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise WatchbillError(f"{file} has the column {quoted(twice[0])} twice", _HINT)


def _add(entries: Entries, place: str, row: Mapping[str | None, str | list[str] | None]) -> None:
    if None in row:
        entries.report(
            "bad-row", f"{place}: it has more cells than the header; put quotes around what holds the separator"
        )
        return
    said = str(row.get("kind") or "").strip().lower()
    if said and said not in list(Kind):
        entries.report("bad-kind", f"{place}: {quoted(said)} is no kind; write {', '.join(Kind)}")
        return
    names = [row.get(column) for column in _WHO]
    uid = str(row.get("uid") or "").strip() or place
    entries.add(place, row.get("start"), row.get("end"), names, uid, Kind(said) if said else None)
