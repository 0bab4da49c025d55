"""On which days was which value seen of whom: a table of integers, in order of what and whose, a bit for each day.

An owner is a number (of a person, of a job role, of the company) for one kind of value, and a value is a number too.
Days are counted from 1970 in UTC; what lies outside of `FIRST` to `LAST` is not kept, since no trail is of then. A row
holds 64 days in 16 bytes. Rows may come in any order and as often as they like: the table is the same.

A day on which somebody was seen with more than `MOST` values of a kind teaches nothing of that kind: whoever makes up
a new user agent for each call would else fill the memory, and be usual with each of them. Such a day is told of.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


WINDOW = 90
"""Days that are looked back upon; what was not seen for so long is forgotten."""

MOST = 1000
"""Values of one kind that somebody can be seen with on one day. Tools that look at everything call some hundred
actions; nobody has a thousand networks."""

FIRST, LAST = 0, 2**16 - 1
"""From 1970 to 2149."""

OWNERS, VALUES = 2**23, 2**30
"""How many there may be; the last of each stands for one that is not there."""
NOBODY, NOTHING = OWNERS - 1, VALUES - 1

_VALUE_AT, _OWNER_AT = 10, 40
_CHUNK = 64
_CHUNKS = 3
"""Rows that 90 days can lie in."""
_PENDING = 32_768
_ONES = np.array([2**n - 1 for n in range(_CHUNK + 1)], np.uint64)

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(slots=True)
class Days:
    """The table. What is added is put in its place when it is asked for, or when much has come."""

    keys: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    words: Words = field(default_factory=lambda: np.empty(0, np.uint64))
    flooded: set[tuple[int, int]] = field(default_factory=set)
    """Owners and days of theirs that had too many values, as far as is settled."""
    _pending: list[tuple[Ints, Words]] = field(default_factory=list)
    _waiting: int = 0

    def add(self, owners: Ints, values: Ints, days: Ints) -> bool:
        """Say that values were seen of owners on days; tell whether what waits should be settled now."""
        self._put(*_packed(owners, values, days))
        return self._waiting > max(_PENDING, len(self.keys) // 4)

    def _put(self, keys: Ints, words: Words) -> None:
        self._pending.append((keys, words))
        self._waiting += len(keys)

    def teaches(self, owners: Ints, days: Ints) -> npt.NDArray[np.bool_]:
        """Tell which days are kept at all, and were not given up for having too many values."""
        fine: npt.NDArray[np.bool_] = (days >= FIRST) & (days <= LAST)
        if self.flooded:
            gone = np.array([owner << 16 | day for owner, day in self.flooded], np.int64)
            fine &= ~np.isin(owners << 16 | np.clip(days, FIRST, LAST), gone)
        return fine

    def settle(self) -> bool:
        """Put what waits in its place; tell whether a day was given up."""
        if not self._pending:
            return False
        keys = np.concatenate([self.keys, *(keys for keys, _ in self._pending)])
        words = np.concatenate([self.words, *(words for _, words in self._pending)])
        self._pending, self._waiting = [], 0
        self.keys, self.words = _united(keys, words)
        return self._give_up()

    def _give_up(self) -> bool:
        """Take out the days that have too many values."""
        owners = self.keys >> _OWNER_AT
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        ends = np.append(starts[1:], len(owners))
        given_up = False
        for start, end in zip(starts[ends - starts > MOST], ends[ends - starts > MOST], strict=True):
            chunks = self.keys[start:end] & _ONES[_VALUE_AT].astype(np.int64)
            found, counts = np.unique(chunks, return_counts=True)
            for chunk in found[counts > MOST]:
                rows = start + np.flatnonzero(chunks == chunk)
                for bit in range(_CHUNK):
                    if np.count_nonzero(self.words[rows] >> np.uint64(bit) & np.uint64(1)) > MOST:
                        self.words[rows] &= ~np.uint64(1 << bit)
                        self.flooded.add((int(owners[start]), int(chunk) * _CHUNK + bit))
                        given_up = True
        if given_up:
            kept = self.words != 0
            self.keys, self.words = self.keys[kept], self.words[kept]
        return given_up

    def within(self, owners: Ints, values: Ints, days: Ints) -> Words:
        """Give the days of the window before each day, on which the value was seen: a row of words for each.

        Rows of the same day can be united by `|`; `count` counts what is in them. The day itself is not in it.
        """
        last = days - 1
        chunks = (last // _CHUNK)[:, None] - np.arange(_CHUNKS)
        kept = ((days >= FIRST) & (days <= LAST + 1))[:, None] & (chunks >= 0)
        chunks = np.where(kept, chunks, 0)
        found = self._at((owners << _OWNER_AT | values << _VALUE_AT)[:, None] | chunks)
        ends = np.clip(days[:, None] - chunks * _CHUNK, 0, _CHUNK)
        begins = np.clip(days[:, None] - WINDOW - chunks * _CHUNK, 0, _CHUNK)
        return np.where(kept, found & _ONES[ends] & ~_ONES[begins], np.uint64(0))

    def _at(self, keys: Ints) -> Words:
        self.settle()
        if not len(self.keys):
            return np.zeros(keys.shape, np.uint64)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.words[places], np.uint64(0))

    def ever(self, owner: int, value: int) -> int:
        """Count the days on which a value was seen of an owner at all."""
        self.settle()
        key = owner << _OWNER_AT | value << _VALUE_AT
        first, end = np.searchsorted(self.keys, [key, key + (1 << _VALUE_AT)])
        return int(np.bitwise_count(self.words[first:end]).sum())

    def most_ever(self) -> int:
        """Give the most days that any row of the table has, of one owner and value."""
        self.settle()
        if not len(self.keys):
            return 0
        starts = np.flatnonzero(np.diff(self.keys >> _VALUE_AT, prepend=-1))
        return int(np.add.reduceat(np.bitwise_count(self.words).astype(np.int64), starts).max())

    def by_owner(self, owners: Ints, others: Ints) -> "Days":
        """Give the table of other owners: for each pair of the lists, what the first has is the second's too.

        Both lists are of the same length, and the first is sorted.
        """
        self.settle()
        mine = self.keys >> _OWNER_AT
        starts, ends = np.searchsorted(mine, owners), np.searchsorted(mine, owners, "right")
        lengths = ends - starts
        rows = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        rest = self.keys[rows] & ((1 << _OWNER_AT) - 1)
        return Days(*_united(np.repeat(others, lengths) << _OWNER_AT | rest, self.words[rows]))

    def owners(self) -> Ints:
        """Give every owner, sorted."""
        self.settle()
        return np.unique(self.keys >> _OWNER_AT)

    def values(self) -> Ints:
        """Give every value, sorted, whosesoever."""
        self.settle()
        return np.unique(self.keys >> _VALUE_AT & (VALUES - 1))

    def rows(self) -> Iterator[tuple[int, int, int]]:
        """Give every owner, value and day that belong together."""
        self.settle()
        for key, word in zip(self.keys.tolist(), self.words.tolist(), strict=True):
            first = (key & ((1 << _VALUE_AT) - 1)) * _CHUNK
            for bit in range(_CHUNK):
                if word >> bit & 1:
                    yield key >> _OWNER_AT, key >> _VALUE_AT & (VALUES - 1), first + bit

    def renumbered(self, owners: Ints, values: Ints) -> "Days":
        """Give the table with other numbers: what was n is the n-th of the list."""
        self.settle()
        owner, value = owners[self.keys >> _OWNER_AT], values[self.keys >> _VALUE_AT & (VALUES - 1)]
        keys = owner << _OWNER_AT | value << _VALUE_AT | self.keys & ((1 << _VALUE_AT) - 1)
        renumbered = Days(*_united(keys, self.words))
        renumbered.flooded = {(int(owners[each]), day) for each, day in self.flooded}
        return renumbered

    def merge(self, other: "Days") -> None:
        """Take in another table with the same numbers."""
        other.settle()
        flooded = self.flooded | other.flooded
        self._put(other.keys, other.words)
        self.settle()
        self.flooded |= flooded
        for owner, day in flooded:
            rows = self.keys >> _OWNER_AT == owner
            rows &= self.keys & ((1 << _VALUE_AT) - 1) == day // _CHUNK
            self.words[rows] &= ~np.uint64(1 << day % _CHUNK)
        kept = self.words != 0
        self.keys, self.words = self.keys[kept], self.words[kept]

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        waiting = sum(keys.nbytes + words.nbytes for keys, words in self._pending)
        return self.keys.nbytes + self.words.nbytes + waiting


def count(words: Words) -> Ints:
    """Count the days of each row that `within` gave."""
    counted: Ints = np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return counted


def _packed(owners: Ints, values: Ints, days: Ints) -> tuple[Ints, Words]:
    keys = owners << _OWNER_AT | values << _VALUE_AT | days // _CHUNK
    return keys, np.uint64(1) << (days % _CHUNK).astype(np.uint64)


def _united(keys: Ints, words: Words) -> tuple[Ints, Words]:
    """Sort rows, and make those of one key one."""
    if not len(keys):
        return keys, words
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[starts], np.bitwise_or.reduceat(words[order], starts)
