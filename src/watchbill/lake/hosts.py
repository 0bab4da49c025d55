"""Who it was on hosts: told a day at a time, since one line alone does not tell it.

A day of hosts is named anew when rows of it came in, or rows of AWS that tie log-ins to people: a key that was pushed,
a session of Systems Manager. What the day before and the day after say counts too. Until then such rows are nobody's.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.lake.manifest import PartRow
from watchbill.lake.parts import day_of, leave, read_part, write_part
from watchbill.lake.place import Lake
from watchbill.trail.hosts.model import CATEGORY
from watchbill.trail.model import Actor, Attributed, Event
from watchbill.trail.table import WHO, WORDS, actor_of, actor_row, attributed_of, event_of, rows_of


TIES = ("SendSSHPublicKey", "StartSession", "ResumeSession", "TerminateSession")
"""Names of what AWS records of log-ins to hosts."""

_WHO = frozenset(field.name for field in WHO)

Tie = Callable[[Sequence[Event], Sequence[Attributed]], Sequence[Attributed]]
"""Names who events of hosts were, by what AWS recorded: `trail.hosts.logins.attribute_hosts` with its team."""


def touched(table: pa.Table) -> set[int]:
    """Give the days, counted from 1970-01-01, whose hosts are to be named anew because of some rows."""
    days = pc.unique(table.filter(pc.or_(_hosts(table), _ties(table)))["day"].cast(pa.int32())).to_pylist()
    return {day + step for day in days for step in (-1, 0, 1)}


def tell_hosts(lake: Lake, tie: Tie) -> int:
    """Name anew who did what on hosts, on the days that wait for it; give how many files that changed.

    What came since decides, also where it leaves somebody unnamed who was named before.
    """
    return sum(_tell(lake, day, tie, keep=False) for day in sorted(lake.manifest.untied()))


def tell_all_hosts(lake: Lake, tie: Tie) -> int:
    """Name anew who did what on hosts on every day, such as by another team file; give how many files that changed.

    Who was named stays named where nobody would be now.
    """
    changed = tell_hosts(lake, tie)
    days: set[int] = set()
    for part in lake.manifest.parts():
        table = read_part(lake.folder, part.name, ["category", "day"])
        days.update(pc.unique(table.filter(_hosts(table))["day"].cast(pa.int32())).to_pylist())
    return changed + sum(_tell(lake, day, tie, keep=True) for day in sorted(days))


def _with_hosts(lake: Lake, day: int) -> list[PartRow]:
    parts = lake.manifest.parts(day_of(day), day_of(day))
    return [part for part in parts if pc.any(_hosts(read_part(lake.folder, part.name, ["category"]))).as_py()]


def _tell(lake: Lake, day: int, tie: Tie, *, keep: bool) -> int:
    """Name anew who did what on hosts on a day; give how many files that changed."""
    parts, changed = _with_hosts(lake, day), 0
    if parts:
        hosts, aws = _around(lake, day)
        actors = {each.event.id: each.actor for each in tie(hosts, aws)}
        changed = sum(_rename(lake, part, day, actors, keep=keep) for part in parts)
    with lake.manifest.transaction() as connection:
        lake.manifest.mark_tied(connection, day)
    return changed


def _around(lake: Lake, day: int) -> tuple[list[Event], list[Attributed]]:
    """Give what hosts did, and what ties it to people, on a day, the one before and the one after."""
    hosts: list[Event] = []
    aws: list[Attributed] = []
    for near in lake.manifest.parts(day_of(day - 1), day_of(day + 1)):
        table = read_part(lake.folder, near.name)
        # A file may have a whole month; how far is looked must not hang on that.
        days = table["day"].cast(pa.int32())
        table = table.filter(pc.and_(pc.greater_equal(days, day - 1), pc.less_equal(days, day + 1)))
        hosts += [event_of(row) for row in rows_of(table.filter(_hosts(table)))]
        for batch in table.filter(_ties(table)).to_batches():
            aws += attributed_of(batch)
    return hosts, aws


def _rename(lake: Lake, part: PartRow, day: int, actors: Mapping[str, Actor], *, keep: bool) -> bool:
    """Put actors into the rows that hosts have in a file on a day; tell whether that changed anything.

    Where `keep`, somebody who was named is not put out by nobody.
    """
    table = read_part(lake.folder, part.name)
    of_day = pc.equal(table["day"].cast(pa.int32()), day)
    places = np.flatnonzero(pc.and_(of_day, _hosts(table)).to_numpy())
    rows = rows_of(table.take(pa.array(places)))
    old = [actor_of(row) for row in rows]
    told = [actors[row["id"]] for row in rows]
    if keep:
        told = [now if now.person is not None else was or now for now, was in zip(told, map(_named, old), strict=True)]
    if told == old:
        return False
    new = [actor_row(actor) for actor in told]
    for number, field in enumerate(table.schema):
        if field.name in _WHO:
            table = table.set_column(
                number, field.name, _put(table[field.name], places, [row[field.name] for row in new])
            )
    made = write_part(lake.folder, table, part.state)
    leave(lake.folder, [part.name])
    waiting = lake.manifest.waits_of([part.name])
    with lake.manifest.transaction() as connection:
        lake.manifest.replace(connection, [part.name], [made])
        lake.manifest.arrive(connection, [made])
        lake.manifest.wait(connection, made.name, waiting)
    return True


def _named(actor: Actor) -> Actor | None:
    return None if actor.person is None else actor


def _put(column: pa.ChunkedArray, places: npt.NDArray[np.int64], values: Sequence[object]) -> pa.Array:
    """Put values into some places of a column."""
    shared = column.type == WORDS
    plain = (column.cast(pa.string()) if shared else column).combine_chunks()
    mask = np.zeros(len(plain), bool)
    mask[places] = True
    found = pc.replace_with_mask(plain, pa.array(mask), pa.array(values, plain.type))
    return found.dictionary_encode() if shared else found


def _hosts(table: pa.Table) -> pa.ChunkedArray:
    return pc.equal(table["category"].cast(pa.string()), CATEGORY).fill_null(fill_value=False)


def _ties(table: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(table["name"].cast(pa.string()), pa.array(TIES)).fill_null(fill_value=False)
