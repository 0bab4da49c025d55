"""Which events are the same: by account and id, whatever file and company they come in."""

import time

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from watchbill.lake.keys import Known, keys_of


UUIDS = [
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "3F2504E0-4F89-11D3-9A0C-0305E82C3301",
    "3f2504e0-4f89-11d3-9a0c-0305e82c330g",
]
IDS = st.sampled_from([*UUIDS, "", "x", "é" * 36, "3f2504e04f8911d39a0c0305e82c3301", " " * 36, "-" * 36])
EVENTS = st.lists(st.tuples(IDS, st.sampled_from(["111111111111", "222222222222", None])), max_size=8)


def keys(events):
    """Give the keys of some events, each as two numbers."""
    ids, accounts = pa.array([i for i, _ in events], pa.string()), pa.array([a for _, a in events], pa.string())
    return [tuple(map(int, key)) for key in keys_of(ids, accounts.dictionary_encode())]


@given(EVENTS)
@example([("x", "111111111111"), ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", None)])
def test_a_key_is_that_of_its_event_alone(events):
    """The company that an event is in changes nothing, and no two events share a key."""
    together = keys(events)
    assert together == [keys([event])[0] for event in events]
    assert len(set(together)) == len(set(events))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)))), max_size=40),
    st.integers(1, 30),
)
def test_known_keys_are_found_again(added, room):
    """What was added is found with its number, what was not is not; forgetting days for want of room loses nothing."""
    there: dict[int, dict[tuple[int, int], int]] = {}
    listed: dict[int, dict[tuple[int, int], int]] = {}
    written: dict[int, int] = {}

    def load(day):
        found = listed.get(day, {})
        return np.array(list(found) or np.empty((0, 2)), np.uint64).reshape(-1, 2), np.array(
            list(found.values()), np.int32
        )

    known = Known(load, room)
    for number, (day, pairs) in enumerate(added):
        of_day = there.setdefault(day, {})
        asked = np.array(pairs or np.empty((0, 2)), np.uint64).reshape(-1, 2)
        assert known.find(day, asked).tolist() == [of_day.get(pair, -1) for pair in pairs]
        fresh = [pair for pair in dict.fromkeys(pairs) if pair not in of_day]
        known.add(day, np.array(fresh or np.empty((0, 2)), np.uint64).reshape(-1, 2), number)
        of_day.update(dict.fromkeys(fresh, number))
        written[day] = written.get(day, 0) + 1
        if number % 3 == 2:
            # Only now is it in the table: until then nothing but memory has it.
            for each, times in written.items():
                listed[each] = dict(there[each])
                for _ in range(times):
                    known.listed(each)
            written.clear()


def many(count, half=None):
    """Make keys, of which all have one first half if that is given."""
    return np.array([[n if half is None else half, n] for n in range(count)], np.uint64)


def test_keys_that_are_added_bit_by_bit_are_all_found():
    """However many runs a day has had, each key is found with the number it came with."""
    known = Known(lambda day: (many(0).reshape(-1, 2), np.array([], np.int32)))
    for number in range(40):
        known.add(7, many(40)[number : number + 1], number)
    assert known.find(7, many(41)).tolist() == [*range(40), -1]


def test_days_are_forgotten_when_they_are_listed_and_there_is_no_room():
    """What waits to be listed stays in memory, twice added until twice listed; then it is loaded again when asked for."""
    loaded = []

    def load(day):
        loaded.append(day)
        return many(3), np.arange(3, dtype=np.int32)

    known = Known(load, room=4)
    known.add(1, many(4)[3:], 3)
    known.add(1, many(5)[4:], 4)
    known.listed(1)
    known.find(2, many(1))
    assert known.find(1, many(5)).tolist() == [0, 1, 2, 3, 4]
    known.listed(1)
    known.find(2, many(1))
    assert known.find(1, many(5)).tolist() == [0, 1, 2, -1, -1]
    assert loaded.count(1) == 2


def test_keys_made_alike_are_found_in_no_long_time():
    """Whoever chooses ids so that they share their first half slows nothing down, and hides nothing."""
    count = 200_000
    known = Known(lambda day: (many(count, 5), np.arange(count, dtype=np.int32)))
    begun = time.process_time()
    asked = np.concatenate([many(count, 5)[::10], np.array([[5, count], [4, 1], [6, 1]], np.uint64)])
    assert known.find(0, asked).tolist() == [*range(0, count, 10), -1, -1, -1]
    assert time.process_time() - begun < 20
