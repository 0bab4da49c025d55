"""Which events a case is made of are read whole: those it cites, and some of what the subject did around them.

Of many that are alike a few say as much as all: alike is what has the same name, outcome, address, key and answer.
Those that are not read are counted.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.alerts.sittings import Sitting, Wrong
from watchbill.detect.networks import network_of
from watchbill.trail.codes import codes_of
from watchbill.trail.table import milliseconds


LOOK_AT = ("id", "time_ms", "person", "principal", "ip", "name", "outcome", "access_key")
"""Columns that tell whether a row is wanted."""

ALIKE = 5
"""How many of what is alike are read, of what counts and of what lies around it."""

CITED = 25
"""How many events of one finding are read, from its beginning."""

MOST = 400
"""How many events that count one case shows at most."""


def cited(sitting: Sitting) -> set[str]:
    """Give the ids of the events that count and are read: the first of each kind, and the last one of all."""
    alike: Counter[Hashable] = Counter()
    found: list[str] = []
    for item in sitting.items:
        if item.finding is not None:
            found.extend(item.finding.event_ids[:CITED])
            found.extend(item.finding.event_ids[-1:])
        elif item.wrong is not None and _is_new(alike, _kind(item.wrong)):
            found.append(item.wrong.id)
    last = [item.wrong.id for item in sitting.items if item.wrong is not None][-1:]
    return {*found[:MOST], *last}


def _kind(wrong: Wrong) -> Hashable:
    return wrong.source, wrong.name, wrong.right, wrong.ip, wrong.user_agent


def _is_new(seen: Counter[Hashable], kind: Hashable) -> bool:
    seen[kind] += 1
    return seen[kind] <= ALIKE


class Wanted:
    """Tells which rows are wanted for some sittings. Shown each row once."""

    def __init__(self, sittings: Sequence[Sitting], ips: Mapping[str, str], also: Collection[str] = ()) -> None:
        """`ips` gives the address of events that were noticed, by id; `also` are ids that are wanted besides."""
        self._ids = pa.array(sorted(set(chain.from_iterable(map(cited, sittings)))), pa.string())
        self._also = pa.array(sorted(also), pa.string())
        self._by: dict[str, dict[str, list[tuple[int, int]]]] = {"person": {}, "principal": {}, "ip": {}}
        for sitting in sittings:
            span = milliseconds(sitting.around.start), milliseconds(sitting.around.end)
            for column, value in _keys(sitting, ips):
                self._by[column].setdefault(value, []).append(span)
        self._seen: Counter[Hashable] = Counter()

    def __call__(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Tell it of a batch with the columns `LOOK_AT`."""
        found: npt.NDArray[np.bool_] = pc.is_in(batch.column("id"), self._ids).to_numpy(zero_copy_only=False)
        found = found.copy()
        near = np.zeros(batch.num_rows, np.bool_)
        times = batch.column("time_ms").to_numpy()
        span = (int(times.min(initial=0)), int(times.max(initial=0)))
        for column, by in self._by.items():
            if not by:
                continue
            codes, values = codes_of(batch.column(column))
            for code, value in enumerate(values):
                for start, end in by.get(value, ()):
                    if span[1] < start or end <= span[0]:
                        continue
                    near |= (codes == code) & (times >= start) & (times < end)
        near &= ~found
        for row in np.flatnonzero(near).tolist():
            kind = tuple(batch.column(name)[row].as_py() for name in ("person", "principal", *LOOK_AT[4:]))
            hour = int(times[row]) // 3_600_000
            found[row] = _is_new(self._seen, (hour, *kind))
        found |= pc.is_in(batch.column("id"), self._also).to_numpy(zero_copy_only=False)
        return found


def _keys(sitting: Sitting, ips: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    subject = sitting.subject
    if subject.person is not None:
        yield "person", subject.person
    elif subject.principal is not None:
        yield "principal", subject.principal
    else:
        known = {ips[event_id] for item in sitting.items for event_id in item.event_ids if event_id in ips}
        yield from (("ip", ip) for ip in sorted(known) if network_of(ip) == subject.network)
