"""Which events are the same: an account and an event id, as 128 bits.

A UUID is taken as it is, any other id by its BLAKE2b digest, and the account is mixed in. So the key of an event is
the same whichever file it comes in, and a million of them are 16 MB.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


Keys = npt.NDArray[np.uint64]
"""Of two columns."""

_UUID = 36
_DASHES = [8, 13, 18, 23]
_HEX = [place for place in range(_UUID) if place not in _DASHES]
_ALIKE = 16
"""Keys that may share their first half before it is taken for somebody's doing."""


def keys_of(ids: pa.Array, accounts: pa.Array) -> Keys:
    """Give the keys of events by their ids and accounts."""
    keys = _keys_of_ids(ids)
    if accounts.type != pa.dictionary(pa.int32(), pa.string()):
        accounts = accounts.cast(pa.string()).dictionary_encode()
    salts = [_digest(account or "")[1] for account in [*accounts.dictionary.to_pylist(), None]]
    which = accounts.indices.fill_null(len(salts) - 1).to_numpy()
    keys[:, 1] ^= np.array(salts, np.uint64)[which]
    return keys


def _keys_of_ids(ids: pa.Array) -> Keys:
    keys = np.empty((len(ids), 2), np.uint64)
    alike = pc.equal(pc.binary_length(ids), _UUID).to_numpy(zero_copy_only=False)
    taken = _uuids(ids.filter(pa.array(alike)))
    rows = np.flatnonzero(alike)
    if taken is not None:
        keys[rows] = taken
        rows = np.flatnonzero(~alike)
    else:
        rows = np.arange(len(ids))
    for row in rows:
        text = ids[row].as_py()
        one = _uuids(pa.array([text])) if len(text) == _UUID and text.isascii() else None
        keys[row] = _digest(text) if one is None else one[0]
    return keys


def _uuids(ids: pa.Array) -> Keys | None:
    """Read UUIDs of lower-case letters; None where one of them is none."""
    if not len(ids):
        return np.empty((0, 2), np.uint64)
    _, offsets, data = ids.buffers()
    places = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if places[-1] - places[0] != len(ids) * _UUID:
        return None
    letters = np.frombuffer(data, np.uint8)[places[0] : places[-1]].reshape(len(ids), _UUID)
    digits = letters[:, _HEX]
    proper = ((digits >= ord("0")) & (digits <= ord("9"))) | ((digits >= ord("a")) & (digits <= ord("f")))
    if not (proper.all() and (letters[:, _DASHES] == ord("-")).all()):
        return None
    return np.frombuffer(bytes.fromhex(digits.tobytes().decode()), ">u8").astype(np.uint64).reshape(len(ids), 2)


def _digest(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return int.from_bytes(digest[:8]), int.from_bytes(digest[8:])


class Known:
    """The keys of the events that are there already, by day; days that were not asked for long are forgotten.

    `load` gives the keys of a day as the table has them, each with the number of its file. What was added to a day is
    not in the table yet, so that such a day stays until it is `listed`: as many times as it was added to. `room` is how
    many keys are kept, unless that is exceeded by one day and those that wait to be listed.
    """

    def __init__(self, load: Callable[[int], tuple[Keys, npt.NDArray[np.int32]]], room: int = 5_000_000) -> None:
        self._load = load
        self._room = room
        self._days: OrderedDict[int, list[tuple[Keys, npt.NDArray[np.int32]]]] = OrderedDict()
        self._held: Counter[int] = Counter()

    def find(self, day: int, keys: Keys) -> npt.NDArray[np.int32]:
        """Give for each key the number that was given with it, -1 where it is not there."""
        found = np.full(len(keys), -1, np.int32)
        for known, numbers in self._runs(day):
            _look_up(known, numbers, keys, found)
        return found

    def add(self, day: int, keys: Keys, number: int) -> None:
        """Say that keys are there from now on, though `load` does not give them yet."""
        self._held[day] += 1
        runs = self._runs(day)
        if not len(keys):
            return
        runs.append(_run([(keys, np.full(len(keys), number, np.int32))]))
        # So there are few runs, and each key is put together with others a few times only, however many a day has.
        while len(runs) > 1 and len(runs[-2][0]) <= 2 * len(runs[-1][0]):
            runs[-2:] = [_run(runs[-2:])]

    def listed(self, day: int) -> None:
        """Say that what was added to a day once is what `load` gives from now on."""
        self._held[day] -= 1

    def _runs(self, day: int) -> list[tuple[Keys, npt.NDArray[np.int32]]]:
        if day not in self._days:
            self._days[day] = [_run([self._load(day)])]
        self._days.move_to_end(day)
        for other in list(self._days):
            if self._size() <= self._room:
                break
            if other != day and self._held[other] <= 0:
                del self._days[other]
        return self._days[day]

    def _size(self) -> int:
        return sum(len(keys) for runs in self._days.values() for keys, _ in runs)


def _run(parts: Sequence[tuple[Keys, npt.NDArray[np.int32]]]) -> tuple[Keys, npt.NDArray[np.int32]]:
    keys = np.concatenate([part for part, _ in parts])
    numbers = np.concatenate([part for _, part in parts])
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    # Each half by itself in memory, as searching needs it.
    return np.asfortranarray(keys[order]), numbers[order]


def _look_up(known: Keys, numbers: npt.NDArray[np.int32], keys: Keys, found: npt.NDArray[np.int32]) -> None:
    if not len(known):
        return
    first, second = known[:, 0], known[:, 1]
    left = np.searchsorted(first, keys[:, 0], "left")
    right = np.searchsorted(first, keys[:, 0], "right")
    # Two keys hardly ever share their first half, so that this runs once.
    for step in range(min(int((right - left).max(initial=0)), _ALIKE)):
        at = np.minimum(left + step, len(known) - 1)
        same = (left + step < right) & (second[at] == keys[:, 1])
        found[same] = numbers[at[same]]
    for row in np.flatnonzero(right - left > _ALIKE):
        # Within equal first halves the second ones are in order.
        begin, end = int(left[row]), int(right[row])
        place = begin + int(np.searchsorted(second[begin:end], keys[row, 1]))
        if place < end and second[place] == keys[row, 1]:
            found[row] = numbers[place]
