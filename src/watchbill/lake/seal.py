"""Put the files of days that are over together, have them published, and drop what need not be kept.

A day is over when two days have passed since; what comes later is put in by the next run. Files of one month are put
together up to a size that fits into memory, in order of person and time, each on the disk before one transaction puts
it in the place of those it was made of.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from watchbill.lake.judged import kept, sweep_judged
from watchbill.lake.manifest import HOT, SEALED, PartRow
from watchbill.lake.parts import leave, read_part, write_part
from watchbill.lake.place import Lake


SETTLED = timedelta(days=2)
"""How long after its end a day is sealed: CloudTrail delivers within minutes, but a trail may retry for long."""

TARGET_ROWS = 400_000
"""Rows that a sealed file has at most, unless one file had more already: some 300 MB in memory."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run of `seal` did."""

    made: int
    """Files that were put together out of others."""
    out_of: int
    """Files that those were made of."""
    dropped: int
    """Files of which every event is older than what is kept."""


def seal(
    lake: Lake,
    at: datetime,
    *,
    keep: timedelta | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sealed:
    """Seal the days that are over at an instant; drop files whose last day is longer past than `keep`.

    Raises RefusedError where another process is changing the lake.
    """
    with lake.held() as hold:
        dropped = _drop(lake, at - keep) if keep is not None else 0
        made = out_of = 0
        until = (at - SETTLED).date().isoformat()
        while groups := list(_groups(lake.manifest.parts(), until)):
            _merge(lake, groups[0])
            made, out_of = made + 1, out_of + len(groups[0])
            progress(made, made + len(groups) - 1)
            hold.let_others()
        # What was judged of events goes with them, whether or not anybody serves pages now.
        listed = {part.name for part in lake.manifest.parts()}
        sweep_judged(lake.folder, {each.name for each in kept(lake.folder) if each.part in listed})
        # PyIceberg takes long to load, and most commands have no use for it.
        from watchbill.lake.iceberg import publish  # noqa: PLC0415

        publish(lake)
        return Sealed(made, out_of, dropped)


def _drop(lake: Lake, before: datetime) -> int:
    """Take files out of the table whose events all lie before the day of an instant."""
    gone = [part.name for part in lake.manifest.parts() if part.last_day < before.date().isoformat()]
    leave(lake.folder, gone)
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, gone, [])
    return len(gone)


def _groups(parts: Sequence[PartRow], until: str) -> Iterator[list[PartRow]]:
    """Group files that belong together: of one month, over before a day, small enough; sealed ones alone stay."""
    months: dict[str, list[PartRow]] = {}
    for part in parts:
        if part.last_day < until and (part.state == HOT or part.rows < TARGET_ROWS // 2):
            months.setdefault(part.day[:7], []).append(part)
    for month in months.values():
        group: list[PartRow] = []
        for part in month:
            if group and sum(each.rows for each in group) + part.rows > TARGET_ROWS:
                yield from _worth(group)
                group = []
            group.append(part)
        yield from _worth(group)


def _worth(group: list[PartRow]) -> Iterator[list[PartRow]]:
    if len(group) > 1 or any(part.state == HOT for part in group):
        yield group


def _merge(lake: Lake, group: Sequence[PartRow]) -> None:
    tables = [read_part(lake.folder, part.name) for part in group]
    made = write_part(lake.folder, pa.concat_tables(tables, promote_options="default").unify_dictionaries(), SEALED)
    names = [part.name for part in group]
    waiting = lake.manifest.waits_of(names)
    leave(lake.folder, names)
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, names, [made])
        lake.manifest.wait(connection, made.name, waiting)
