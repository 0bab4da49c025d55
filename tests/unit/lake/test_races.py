"""Batches side by side: in whatever order they come to be read and written, each event is there once."""

import multiprocessing
import os
import shutil
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.lakes import delivery, log, rows, table, taken_in
from tests.teams import MONDAY, team
from tests.trails import after, assume_role, record, session, user

from watchbill.errors import ProviderError
from watchbill.lake.batch import Claim
from watchbill.lake.delivery import Delivery
from watchbill.lake.keys import Known
from watchbill.lake.manifest import Manifest
from watchbill.lake.place import Lake
from watchbill.lake.workers import Workers
from watchbill.trail.columns import Source


TRUE = record(event_id="forged", error="AccessDenied")
FORGED = {**TRUE, "errorCode": None, "errorMessage": None}
OTHER = {**TRUE, "userAgent": "curl"}
EVENTS = [
    TRUE,
    FORGED,
    OTHER,
    {**TRUE, "recipientAccountId": "222222222222"},
    *(record(event_id=f"e{n}", at=after(13 * n)) for n in range(4)),
    assume_role(user("james"), "oncall", "ASIAONE", event_id="opens"),
    record(who=session("oncall", "x", "ASIAONE"), at=after(3), event_id="acts"),
]
"""Records of three days, three of which contradict each other, and one of another account with the same id."""


def scripted(choices):
    """Make workers of this process, of which the one is done next that the script says."""

    class Scripted:
        def __init__(self, folder, _, hosts, *, raw=False):
            self._each = [Workers(folder, 0, hosts) for _ in range(3)]
            self._busy: list[int] = []
            self._turn = iter(choices)

        def __len__(self):
            return len(self._each)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def begin(self, worker, sources):
            self._each[worker].begin(worker, sources)
            self._busy.append(worker)

        def settle(self, worker, answer):
            self._each[worker].settle(worker, answer)
            self._busy.append(worker)

        def next(self):
            worker = self._busy.pop(next(self._turn, 0) % len(self._busy))
            return worker, self._each[worker].next()[1]

    return Scripted


@given(
    st.lists(st.lists(st.sampled_from(range(len(EVENTS))), min_size=1, max_size=5), min_size=1, max_size=8),
    st.lists(st.integers(0, 2), max_size=30),
    st.lists(st.sampled_from(range(len(EVENTS))), max_size=4),
    st.sampled_from([1, 4, 10_000_000]),
)
@examples(15, 100)
def test_any_order_of_batches_gives_the_same_table(tmp_path_factory, files, choices, before, room):
    """Three batches at once, done in any order, contradictions and copies among them, with room for few keys only."""
    folder = tmp_path_factory.mktemp("lake")
    offered = [delivery(f"{n}", log([EVENTS[each] for each in file])) for n, file in enumerate(files)]
    taken_in(folder / "alone", [delivery("first", log([EVENTS[each] for each in before])), *offered], team())
    taken_in(folder / "beside", [delivery("first", log([EVENTS[each] for each in before]))], team())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
        patch.setattr("watchbill.lake.ingest.Workers", scripted(choices))
        patch.setattr("watchbill.lake.ingest.Known", partial(Known, room=room))
        taken_in(folder / "beside", offered, team())
    assert table(folder / "beside") == table(folder / "alone")
    assert len(rows(folder / "beside")) == len({*before, *(each for file in files for each in file)})
    shutil.rmtree(folder)


def test_two_versions_of_an_object_are_two_objects(tmp_path):
    """A queue may tell of an object with and without its ETag: both are read, counted each by itself, and known."""
    some = [record(event_id=f"{n}") for n in range(3)]
    both = [delivery("a", log(some[:2]), ""), delivery("a", log(some), "etag")]
    found = taken_in(tmp_path, both)
    assert (found.objects, found.records, found.events, found.duplicates) == (2, 5, 3, 2)
    lake = Lake(tmp_path)
    assert [(row.version, row.events, row.duplicates) for row in lake.manifest.objects()] == [
        ("", 2, 0),
        ("etag", 3, 2),
    ]
    lake.close()
    assert taken_in(tmp_path, both).objects == 0


@pytest.mark.parametrize("pieces", [[[0, 1, 2]], [[0], [1], [2]], [[2, 1], [0]]])
def test_contradictions_that_come_again_do_not_multiply(tmp_path, pieces):
    """Each of three stories about one event is kept once, however often all of them are delivered."""
    for number, piece in enumerate(pieces):
        taken_in(tmp_path, [delivery(f"{number}", log([EVENTS[n] for n in piece]))])
    again = [
        taken_in(tmp_path, [delivery(f"again{turn}", log(EVENTS[3::-1] if turn else EVENTS[:3]))]) for turn in range(3)
    ]
    assert [found.events for found in again] == [0, 1, 0]
    assert len(rows(tmp_path)) == 4


def test_many_stories_about_one_event_take_no_long_time(tmp_path):
    """Thousands of records with one id, all different, are kept and named; comparing all pairs would take hours."""
    made = [{**TRUE, "userAgent": f"{n}"} for n in range(3000)]
    begun = time.process_time()
    found = taken_in(tmp_path, [delivery("a", log(made))])
    again = taken_in(tmp_path, [delivery("b", log(made))])
    assert (found.events, len(found.problems), again.events) == (3000, 2999, 0)
    assert time.process_time() - begun < 30


def test_an_object_that_fails_in_the_middle_costs_no_other(tmp_path, monkeypatch):
    """Fetching may fail for one object of a batch; that is said with a reason, and progress goes on to the end."""

    def gone():
        raise OSError("the network is away")  # has no strerror

    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 2)
    files = [delivery(f"{n}", log([record(event_id=f"{n}")])) for n in range(4)]
    files[1:1] = [Delivery("0-", "1", 1, gone)]
    files.append(Delivery("9", "1", 1, gone))
    seen = []
    found = taken_in(tmp_path, files, progress=lambda done, total: seen.append((done, total)))
    assert (found.events, found.unreadable_objects) == (4, 2)
    assert {problem.message for problem in found.problems} == {"could not be read: the network is away"}
    assert seen[-1] == (6, 6)
    assert {total for _, total in seen} == {6}


def test_an_interrupted_run_leaves_the_lake_open_to_the_next(tmp_path, monkeypatch):
    """What a person stops in the middle holds no lock, and what was committed is not read again."""
    asked = []

    def stop():
        raise KeyboardInterrupt

    def fetch(number):
        asked.append(number)
        return log([record(event_id=f"{number}")])

    files = [Delivery(f"{n}", "1", 1, partial(fetch, n)) for n in range(3)]
    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
    with pytest.raises(KeyboardInterrupt):
        taken_in(tmp_path, [*files[:2], Delivery("1-", "1", 1, stop), files[2]])
    assert len(rows(tmp_path)) == 2
    asked.clear()
    found = taken_in(tmp_path, files)
    assert found.events == len(asked)
    assert len(rows(tmp_path)) == 3


def _killed_and(workers, *, speak):
    """Kill a worker after it has said what is in its batch, then speak to it, or wait for it."""
    with workers:
        workers.begin(0, [Source("a", log([TRUE]))])
        assert type(workers.next()[1]) is Claim
        (process,) = multiprocessing.active_children()
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        if speak:
            workers.begin(0, [Source("b", b"x" * 2**20)])
        workers.next()


@pytest.mark.parametrize("speak", [False, True])
def test_a_worker_that_is_killed_is_said(tmp_path, speak):
    """Killed for want of memory, say: whether it is waited for or spoken to, the reason and what to try are told."""
    with pytest.raises(ProviderError, match="ended early, by signal 9") as caught:
        _killed_and(Workers(tmp_path, 1), speak=speak)
    assert "memory" in (caught.value.hint or "")
    assert multiprocessing.active_children() == []


def test_a_run_of_which_a_worker_is_killed_ends_and_the_lake_is_whole(tmp_path, monkeypatch):
    """The one beside it is stopped, the lock is free, and the next run takes in all that is missing."""
    files = [delivery(f"{n}", log([record(event_id=f"{n}")])) for n in range(6)]

    class Killed(Workers):
        def settle(self, worker, answer):
            for process in multiprocessing.active_children()[:1]:
                os.kill(process.pid or 0, signal.SIGKILL)
            super().settle(worker, answer)

    with monkeypatch.context() as patch:
        patch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
        patch.setattr("watchbill.lake.ingest.Workers", Killed)
        with pytest.raises(ProviderError, match="ended early"):
            taken_in(tmp_path, files, beside=2)
    before = len(rows(tmp_path))
    assert taken_in(tmp_path, files).events == 6 - before > 0
    assert len(rows(tmp_path)) == 6


def test_what_a_worker_cannot_do_is_raised_here_and_the_others_end(tmp_path, monkeypatch):
    """Its error is the one that a person reads, with the hint; no process is left behind."""
    (tmp_path / "events").write_text("in the way")
    files = [delivery(f"{n}", log([record(event_id=f"{n}")])) for n in range(2)]
    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
    with pytest.raises(ProviderError, match="could not write to") as caught:
        taken_in(tmp_path, files, beside=2)
    assert "make room" in (caught.value.hint or "")
    lake = Lake(tmp_path)
    assert (lake.manifest.objects(), lake.manifest.parts()) == ([], [])
    with lake.held():
        assert multiprocessing.active_children() == []
    lake.close()


def test_an_empty_object_is_read_once(tmp_path):
    """Nothing in it is said once; it is not fetched again until it is another."""
    found = taken_in(tmp_path, [delivery("a", b""), delivery("b", b"{}"), delivery("c", log([]))])
    assert (found.objects, found.records, found.unreadable_objects) == (3, 0, 2)
    assert all(problem.message for problem in found.problems)
    assert taken_in(tmp_path, [delivery("a", b"")]).objects == 0


def test_accounts_may_be_missing(tmp_path):
    """A record without an account is one event too, however often it comes."""
    nobody = {**record(event_id="n", at=MONDAY), "recipientAccountId": None, "userIdentity": {"type": "AWSService"}}
    assert taken_in(tmp_path, [delivery("a", log([nobody])), delivery("b", log([nobody]))]).events == 1
    assert taken_in(tmp_path, [delivery("c", log([nobody]))]).events == 0


def test_no_token_is_kept_of_an_opening(tmp_path):
    """What is kept to trace sessions by has the name of the key, and nothing that opens anything."""
    taken_in(tmp_path, [delivery("a", log([assume_role(user("james"), "oncall", "ASIAONE")]))])
    lake = Lake(tmp_path)
    (found,) = lake.manifest.openings(["ASIAONE"])
    with lake.manifest.transaction() as connection:
        kept = connection.exec_driver_sql("SELECT * FROM openings").all()
    lake.close()
    assert found.key == "ASIAONE"
    assert "IQoJb3JpZ2luX2VjE" not in str(kept)


def test_objects_that_swell_are_in_batches_of_their_own(tmp_path, monkeypatch):
    """What is in memory at once hangs on what objects inflate to, not on how small they were packed."""
    begun = []

    class Counted(Workers):
        def begin(self, worker, sources):
            begun.append([source.name for source in sources])
            super().begin(worker, sources)

    monkeypatch.setattr("watchbill.lake.ingest.Workers", Counted)
    monkeypatch.setattr("watchbill.lake.ingest.BATCH_BYTES", 100_000)
    swollen = [{**record(event_id=f"{n}"), "requestParameters": {"x": "y" * 6_000_000}} for n in range(3)]
    files = [delivery(f"{n}", log([made])) for n, made in enumerate(swollen)]
    small = [delivery(f"z{n}", log([record(event_id=f"z{n}")])) for n in range(3)]
    assert taken_in(tmp_path, [*files, *small]).events == 6
    assert begun == [["0"], ["1"], ["2"], ["z0", "z1", "z2"]]


def test_days_are_held_in_memory_only_until_they_are_in_the_table(tmp_path, monkeypatch):
    """Each time that keys are added it is said, once, that they are listed: else nothing would ever be forgotten."""
    held: Counter[int] = Counter()

    class Watched(Known):
        def add(self, day, keys, number):
            held[day] += 1
            super().add(day, keys, number)

        def listed(self, day):
            held[day] -= 1
            super().listed(day)

    monkeypatch.setattr("watchbill.lake.ingest.BATCH_OBJECTS", 1)
    monkeypatch.setattr("watchbill.lake.ingest.Known", Watched)
    taken_in(tmp_path, [delivery(f"{n}", log([made, TRUE])) for n, made in enumerate(EVENTS)])
    assert len(held) >= 2
    assert set(held.values()) == {0}


def test_many_may_find_a_lake_new_at_once(tmp_path):
    """Whoever comes first makes the tables; nobody is told that it is locked."""
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        together = Barrier(6)

        def opened(_, folder=folder, together=together):
            together.wait()
            Manifest(folder).close()

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(opened, range(6))) == [None] * 6
