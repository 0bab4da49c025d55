"""Hits that a correlation counts, held as a few numbers each until it is asked what they say together.

Hits of one group that lie more than a timespan apart are in no window together, and what was before says nothing of
what comes after: so a group falls into *stretches*, each looked at by itself. Of most of them it is known without
looking that they count too little.
"""

from array import array
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa


Texts = tuple[str, ...]
Key = tuple[Texts, ...]
"""What stands at each field that hits are grouped by."""

Numbers = npt.NDArray[np.int64]

_FRESH: Final = 2_000
"""Ids that are held as they came, before they go together."""

_LARGEST: Final = 1 << 62


class Hit(NamedTuple):
    """A hit of a member."""

    time: int
    ids: Texts
    """Its event; of an alert, its events."""
    member: int
    values: tuple[Any, ...]
    """What is counted, or summed, of it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some hits of a group, of which none lies more than a timespan from the next, as places in what is held."""

    group: int
    rows: Numbers
    """In order of time."""
    last: int
    """When the last of them was."""


class Numbered:
    """Values by number, each once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, value: Hashable) -> int:
        """Give the number of a value."""
        found = self._numbers.setdefault(value, len(self.values))
        if found == len(self.values):
            self.values.append(value)
        return found


class Held:
    """The hits that one correlation counts, by number, in the order in which they came."""

    def __init__(self, span_ms: int) -> None:
        self._span = span_ms
        self._accounts, self._keys, self._told = Numbered(), Numbered(), Numbered()
        self._groups = Numbered()
        self._group_of_key: list[int] = []
        self._keys_of_group: list[list[int]] = []
        self._spelled: dict[int, Key] = {}
        """How the first hit of a group spells its key, of groups that hits were dropped of."""
        self._time, self._account, self._member = array("q"), array("i"), array("b")
        self._key, self._values = array("i"), array("i")
        self._ids: list[pa.Array] = []
        self._fresh: list[str] = []

    def __len__(self) -> int:
        return len(self._time)

    def add(self, hit: Hit, account: str, key: Key) -> None:
        """Take a hit of a rule."""
        self.add_numbered(hit.time, hit.ids[0], self.account(account), hit.member, self.numbers(key, hit.values))

    def account(self, name: str) -> int:
        """Give the number of an account."""
        return self._accounts.number(name)

    def numbers(self, key: Key, values: tuple[Any, ...]) -> tuple[int, int]:
        """Give the numbers of a key and of what is counted."""
        number = self._keys.number(key)
        if number == len(self._group_of_key):
            group = self._groups.number(folded(key))
            self._group_of_key.append(group)
            if group == len(self._keys_of_group):
                self._keys_of_group.append([])
            self._keys_of_group[group].append(number)
        return number, self._told.number(values)

    def add_numbered(self, time: int, event_id: str, account: int, member: int, numbers: tuple[int, int]) -> None:
        """Take a hit of a rule, what is alike in many by its number."""
        self._time.append(time)
        self._account.append(account)
        self._member.append(member)
        self._key.append(numbers[0])
        self._values.append(numbers[1])
        self._fresh.append(event_id)
        if len(self._fresh) >= _FRESH:
            self._ids.append(pa.array(self._fresh, pa.string()))
            self._fresh = []

    def ids(self) -> pa.Array:
        """Give the ids of the events, in the order in which they came."""
        self._ids = [pa.concat_arrays([*self._ids, pa.array(self._fresh, pa.string())])]
        self._fresh = []
        return self._ids[0]

    def stretches(self, weigh: Callable[[tuple[Any, ...]], int] | None, least: float) -> list[Stretch]:
        """Cut all groups into stretches, each in order of time.

        With `weigh`, which gives how much what is counted of a hit comes to at most, those are left out in which no
        window comes to `least`.
        """
        if not len(self):
            return []
        times, groups = _plain(self._time), np.array(self._group_of_key, np.int64)[_plain(self._key)]
        order = np.lexsort((times, groups))
        times, groups = times[order], groups[order]
        new = (np.diff(groups, prepend=-1) != 0) | (np.diff(times, prepend=times[0]) > self._span)
        starts = np.flatnonzero(new)
        ends = np.append(starts[1:], len(order))
        enough = np.ones(len(starts), np.bool_)
        if weigh is not None:
            weights = np.array([weigh(each) for each in self._told.values], np.int64)[_plain(self._values)[order]]
            enough = _most(times, np.cumsum(new) - 1, weights, self._span, starts) >= least
        return [
            Stretch(int(groups[start]), order[start:end], int(times[end - 1]))
            for start, end in zip(starts[enough].tolist(), ends[enough].tolist(), strict=True)
        ]

    def hits(self, stretch: Stretch) -> list[Hit]:
        """Give the hits of a stretch in order of time, each event of a member once."""
        found: dict[tuple[int, int, str], Hit] = {}
        for row, event_id in zip(
            stretch.rows.tolist(), self.ids().take(pa.array(stretch.rows)).to_pylist(), strict=True
        ):
            member = self._member[row]
            hit = Hit(self._time[row], (event_id,), member, self._told.values[self._values[row]])
            found.setdefault((member, self._account[row], event_id), hit)
        return sorted(found.values(), key=lambda hit: hit[:3])

    def key(self, group: int) -> Key:
        """Give the key of a group as its first hit spells it."""
        if group in self._spelled:
            return self._spelled[group]
        keys = self._keys_of_group[group]
        if len(keys) == 1:
            return self._spelling(keys[0])
        rows = np.flatnonzero(np.isin(_plain(self._key), keys))
        first = _plain(self._time)[rows].min()
        ids = self.ids()
        tied = [row for row in rows.tolist() if self._time[row] == first]
        return self._spelling(self._key[min(tied, key=lambda row: (ids[row].as_py(), self._member[row]))])

    def by_group(self) -> Iterator[tuple[Key, Hit]]:
        """Give all hits with their keys, in the order of groups."""
        for stretch in self.stretches(None, 0):
            key = self.key(stretch.group)
            yield from ((key, hit) for hit in self.hits(stretch))

    def drop_before(self, until_ms: int) -> None:
        """Drop all stretches that are over, where no hit before an instant comes any more."""
        over = [each for each in self.stretches(None, 0) if each.last + self._span < until_ms]
        if not over:
            return
        self._spelled.update({group: self.key(group) for group in {each.group for each in over}})
        keep = np.ones(len(self), np.bool_)
        for each in over:
            keep[each.rows] = False
        self._keep(np.flatnonzero(keep))

    def _keep(self, rows: Numbers) -> None:
        self._ids = [self.ids().take(pa.array(rows))]
        told = [self._told.values[self._values[row]] for row in rows.tolist()]
        self._told = Numbered()
        self._values = array("i", map(self._told.number, told))
        self._time, self._account = _some(self._time, rows), _some(self._account, rows)
        self._member, self._key = _some(self._member, rows), _some(self._key, rows)

    def _spelling(self, number: int) -> Key:
        found: Key = self._keys.values[number]
        return found


def folded(key: Key) -> Key:
    """Give a key as groups have it: without regard to case."""
    return tuple(tuple(text.lower() for text in texts) for texts in key)


def _some(column: "array[int]", rows: Numbers) -> "array[int]":
    return array(column.typecode, [column[row] for row in rows.tolist()])


def _plain(column: "array[int]") -> Numbers:
    return np.array(column, np.int64)


def _most(times: Numbers, stretch: Numbers, weights: Numbers, span: int, starts: Numbers) -> Numbers:
    """Give for each stretch the most that the weights in any of its windows come to."""
    first, last = int(times.min()), int(times.max())
    apart = last - first + span + 1
    if apart * (int(stretch[-1]) + 1) >= _LARGEST:
        return np.add.reduceat(weights, starts)
    # Stretch after stretch on one line, too far apart to share a window.
    line = stretch * apart + (times - first)
    sums = np.append(0, np.cumsum(weights))
    windows = sums[np.searchsorted(line, line, "right")] - sums[np.searchsorted(line, line - span, "left")]
    return np.maximum.reduceat(windows, starts)
