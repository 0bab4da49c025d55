"""The events of the table as batches: each row once, whatever files there are and however they are cut."""

import contextlib
import weakref
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.lakes import delivery, log, taken_in
from tests.teams import MONDAY, team
from tests.trails import record, user

from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake import stream
from watchbill.lake.parts import FOLDER
from watchbill.lake.place import Lake
from watchbill.lake.stream import batches, dated, joined, picked, reach
from watchbill.trail.codes import holds
from watchbill.trail.table import SCHEMA


RECORDS = [
    record(event_id=f"e{n:02}", at=MONDAY + timedelta(hours=5 * n), who=user("james" if n % 3 else "rick"))
    for n in range(24)
]
"""Of five days."""

SPAN = Interval(MONDAY + timedelta(hours=10), MONDAY + timedelta(hours=80))
INSIDE = [f"e{n:02}" for n in range(2, 16)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give the folder of a lake with small files, and one that is larger than a batch."""
    found = tmp_path_factory.mktemp("lake")
    for start, end in ((0, 2), (2, 4), (4, 7), (7, 9), (9, 24)):
        taken_in(found, [delivery(f"{start}", log(RECORDS[start:end]))], team())
    return found


@pytest.fixture
def lake(folder):
    """Open it."""
    with contextlib.closing(Lake(folder)) as found:
        yield found


@pytest.fixture(params=[1, 3, 5, 20_000])
def size(request, monkeypatch):
    """Cut batches of some size."""
    monkeypatch.setattr(stream, "BATCH", request.param)
    return request.param


def ids(found):
    """Give the ids of batches, sorted."""
    return sorted(each for batch in found for each in batch["id"].to_pylist())


def test_each_event_comes_once(lake, size):
    """In batches of no more rows than one may have, with all columns."""
    found = list(batches(lake))
    assert ids(found) == [f"e{n:02}" for n in range(24)]
    assert all(0 < batch.num_rows <= size for batch in found)
    assert all(batch.schema.equals(SCHEMA, check_metadata=False) for batch in found)


def test_small_files_share_a_batch(lake):
    """What a batch costs by itself is paid once."""
    assert len(lake.manifest.parts()) > 4
    assert len(list(batches(lake))) == 1


@pytest.mark.usefixtures("size")
def test_what_is_said_to_be_over_is_over(lake, size):
    """No later batch has an event from before; and all come."""
    found = list(dated(lake, SPAN))
    assert ids(batch for batch, _ in found) == INSIDE
    for place, (_, until) in enumerate(found):
        assert all(time >= until for batch, _ in found[place + 1 :] for time in batch["time_ms"].to_pylist())
    assert len({until for _, until in found}) > 1 or size > 3


def test_of_a_span_nothing_else_comes(lake):
    """Its start is in it and its end is not, in bulk and picked."""
    assert ids(batches(lake, SPAN)) == INSIDE
    assert ids(picked(lake, SPAN, ["name"], lambda batch: np.ones(batch.num_rows, np.bool_))) == INSIDE


@pytest.mark.usefixtures("size")
def test_only_the_columns_that_are_asked_for_come(lake):
    """The time is looked at for the span, and not given."""
    found = list(batches(lake, SPAN, ["person", "id"]))
    assert {tuple(batch.schema.names) for batch in found} == {("id", "person")}
    assert ids(found) == INSIDE


@given(st.sets(st.integers(0, 23)), st.sampled_from([1, 3, 20_000]), st.booleans())
def test_picked_rows_are_those_that_are_wanted(folder, wanted, size, within):
    """Whole, and each is shown once with the columns to look at, those outside of the span never."""
    shown = []

    def mask(batch):
        assert batch.schema.names == ["id", "person"]
        shown.extend(batch["id"].to_pylist())
        return holds(batch, "id", lambda each: each is not None and int(each[1:]) in wanted)

    with contextlib.closing(Lake(folder)) as lake, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BATCH", size)
        found = list(picked(lake, SPAN if within else None, ["id", "person"], mask))
        whole = {row["id"]: row for batch in batches(lake) for row in batch.to_pylist()}
    there = INSIDE if within else list(whole)
    assert sorted(shown) == sorted(there)
    rows = [row for batch in found for row in batch.to_pylist()]
    assert sorted(row["id"] for row in rows) == sorted(each for each in there if int(each[1:]) in wanted)
    assert all(row == whole[row["id"]] for row in rows)


def test_a_picked_row_brings_no_texts_of_others(lake):
    """A few rows of each of many files are held together: they must not hold what all the rows of these share."""
    (found,) = picked(lake, None, ["id"], lambda batch: holds(batch, "id", ["e03", "e20"].__contains__))
    assert sorted(found["access_key"].dictionary.to_pylist()) == sorted({*found["access_key"].to_pylist()} - {None})


def test_batches_that_were_put_together_are_let_go():
    """Whoever looks at a batch holds it once."""
    whole = pa.record_batch({"row": pa.array([1, 2])})
    pieces = [whole.slice(0, 1), whole.slice(1, 1)]
    held = [weakref.ref(piece) for piece in pieces]
    more = (whole for _ in range(stream.BATCH // 2))
    found = joined(chain((pieces.pop() for _ in range(2)), more))
    next(found)
    assert [each() for each in held] == [None, None]


def test_the_rest_of_a_file_is_read_only_where_a_row_is_wanted(lake, monkeypatch):
    """Most files have nothing that counts."""
    read = []

    class Counted(pq.ParquetFile):  # type: ignore[misc]
        def iter_batches(self, *given, columns, **named):
            read.append(len(columns))
            return super().iter_batches(*given, columns=columns, **named)

    monkeypatch.setattr(pq, "ParquetFile", Counted)
    (found,) = picked(lake, None, ["id"], lambda batch: holds(batch, "id", lambda each: each == "e03"))
    assert found["id"].to_pylist() == ["e03"]
    assert sorted(read) == [2] * len(lake.manifest.parts()) + [len(SCHEMA)]


@given(st.lists(st.integers(0, 7), max_size=8))
def test_batches_are_put_together_in_their_order(sizes):
    """Words that each shares in its own way are the same afterwards; empty ones get lost."""
    pieces, said = [], []
    for number, size in enumerate(sizes):
        words = [f"{number % 3} {row % 2}" for row in range(size)]
        said += words
        pieces.append(pa.RecordBatch.from_arrays([pa.array(words, pa.string()).dictionary_encode()], ["w"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BATCH", 5)
        found = list(joined(pieces))
    assert [word for batch in found for word in batch["w"].to_pylist()] == said
    assert all(batch.num_rows <= max([5, *sizes]) for batch in found)


def test_an_empty_lake_has_nothing(tmp_path):
    """No batch, and no reach."""
    with contextlib.closing(Lake(tmp_path)) as lake:
        assert (list(batches(lake)), reach(lake)) == ([], None)
        assert list(picked(lake, None, ["id"], lambda batch: np.ones(batch.num_rows, np.bool_))) == []


def test_the_reach_is_from_the_first_event_to_the_last(lake):
    """Both are in it."""
    last = MONDAY + timedelta(hours=5 * 23, milliseconds=1)
    assert reach(lake) == Interval(MONDAY, last)
    far = Interval(datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC))
    assert list(batches(lake, far)) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """With what to do about it."""
    taken_in(tmp_path, [delivery("one", log(RECORDS[:2]))], team())
    with contextlib.closing(Lake(tmp_path)) as lake:
        path = tmp_path / FOLDER / lake.manifest.parts()[0].name
        path.write_bytes(b"PAR1 is how it begins")
        with pytest.raises(ProviderError, match=path.name):
            list(batches(lake))
