"""Sealing: days that are over are put together, nothing of the table changes by it, and Iceberg has the same."""

import contextlib
import itertools
import multiprocessing
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from tests.lakes import age, delivery, log, table, taken_in
from tests.teams import MONDAY, team
from tests.trails import assume_role, record, session, user

from watchbill.errors import RefusedError
from watchbill.lake.iceberg import iceberg, publish
from watchbill.lake.place import Lake
from watchbill.lake.seal import SETTLED, Sealed, seal


LATER = datetime(2026, 4, 1, tzinfo=UTC)

RECORDS = [
    *(
        record(event_id=f"e{n}", at=MONDAY + timedelta(days=3 * n), who=user("james" if n % 2 else "rick"))
        for n in range(20)
    ),
    record(who=session("oncall", "x", "ASIAONE"), at=MONDAY + timedelta(days=2), event_id="acts"),
]
"""Records over two months."""

OPENS = assume_role(user("james"), "oncall", "ASIAONE", MONDAY + timedelta(days=2), event_id="opens")


@pytest.fixture
def lake(tmp_path):
    """Give a lake with the records, each object a part or several."""
    for number in range(0, len(RECORDS), 4):
        taken_in(tmp_path, [delivery(f"{number}", log(RECORDS[number : number + 4]))], team())
    with contextlib.closing(Lake(tmp_path)) as found:
        yield found


def published(lake):
    """Give the ids of the rows that the Iceberg table has."""
    return sorted(iceberg(lake.folder).scan(selected_fields=("id",)).to_arrow()["id"].to_pylist())


def months(lake):
    """Give the month and state of each file of the table."""
    return [(part.day[:7], part.state) for part in lake.manifest.parts()]


def test_sealing_changes_nothing_of_the_table(lake):
    """The rows are the same ones, in one file a month, and the Iceberg table has them all."""
    before = table(lake.folder)
    assert seal(lake, LATER) == Sealed(3, len(RECORDS), 0)
    assert table(lake.folder) == before
    assert months(lake) == [("2026-01", "sealed"), ("2026-02", "sealed"), ("2026-03", "sealed")]
    assert published(lake) == sorted(made["eventID"] for made in RECORDS)
    assert seal(lake, LATER) == Sealed(0, 0, 0)


def test_a_day_is_sealed_when_it_is_over_for_long(lake):
    """Days that may still get events stay as they are, and are not published."""
    seal(lake, MONDAY + timedelta(days=7) + SETTLED)
    assert published(lake) == ["acts", "e0", "e1", "e2"]
    assert [part.state for part in lake.manifest.parts()].count("hot") == len(RECORDS) - 4


def test_what_comes_late_is_put_in(lake):
    """An event of a sealed day, a copy of one that is there, and the AssumeRole that tells who somebody was."""
    seal(lake, LATER)
    late = record(event_id="late", at=MONDAY)
    found = taken_in(lake.folder, [delivery("late", log([late, RECORDS[0], OPENS]))], team())
    assert (found.events, found.duplicates, found.renamed) == (2, 1, 1)
    publish(lake)
    assert published(lake) == sorted(made["eventID"] for made in RECORDS)
    people = iceberg(lake.folder).scan("id = 'acts'").to_arrow()["person"].to_pylist()
    assert people == ["james"]
    seal(lake, LATER)
    assert published(lake) == sorted([*(made["eventID"] for made in RECORDS), "late", "opens"])
    assert "hot" not in dict(months(lake)).values()


def test_who_is_waited_for_is_not_forgotten_by_sealing(lake):
    """A session that was nobody's when its day was sealed still becomes the person's."""
    seal(lake, LATER)
    taken_in(lake.folder, [delivery("late", log([OPENS]))], team())
    said = {found["eventID"]: dict(columns)["person"] for columns, found, _ in table(lake.folder)}
    assert said["acts"] == "james"


def test_files_stay_small_enough_for_memory(lake, monkeypatch):
    """A month of many rows is several files, each of the size that was set or less, in order of days."""
    monkeypatch.setattr("watchbill.lake.seal.TARGET_ROWS", 5)
    seal(lake, LATER)
    parts = lake.manifest.parts()
    assert max(part.rows for part in parts) <= 5
    assert all(one.last_day <= other.day for one, other in itertools.pairwise(parts))
    assert published(lake) == sorted(made["eventID"] for made in RECORDS)


def test_what_is_older_than_is_kept_is_dropped(lake):
    """Whole files go when their last day is past, and their objects are not taken in again."""
    seal(lake, LATER)
    dropped = seal(lake, LATER, keep=LATER - datetime(2026, 2, 1, tzinfo=UTC)).dropped
    assert dropped == 1
    assert {found["eventTime"][:7] for _, found, _ in table(lake.folder)} == {"2026-02", "2026-03"}
    assert len(published(lake)) == len(table(lake.folder))
    assert taken_in(lake.folder, [delivery("0", log(RECORDS[:4]))], team()).events == 0


def test_a_file_that_spans_the_cut_is_kept_whole(lake):
    """Nothing that is young enough goes with what is not: a month stays until its last day is past."""
    seal(lake, LATER)
    before = table(lake.folder)
    assert seal(lake, LATER, keep=LATER - datetime(2026, 1, 25, tzinfo=UTC)).dropped == 0
    assert table(lake.folder) == before


def test_a_lake_that_was_moved_is_published_anew(lake, tmp_path):
    """Iceberg's files name each other by where they lie: a copy elsewhere has a table of its own."""
    seal(lake, LATER)
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    shutil.copytree(lake.folder, moved)
    with contextlib.closing(Lake(moved)) as other:
        publish(other)
        assert published(other) == published(lake)
        files = [task.file.file_path for task in iceberg(moved).scan().plan_files()]
    assert all(path.startswith(str(moved)) for path in files)


def test_old_metadata_is_removed(lake, monkeypatch):
    """Publishing again and again does not leave behind the metadata of every time."""
    monkeypatch.setattr("watchbill.lake.iceberg.MANIFESTS", 3)
    seal(lake, LATER)
    left = []
    for number in range(6):
        taken_in(lake.folder, [delivery(f"m{number}", log([record(event_id=f"m{number}", at=MONDAY)]))], team())
        seal(lake, LATER)
        age(lake.folder)
        left.append(len(list((lake.folder / "iceberg" / "events" / "metadata").iterdir())))
    assert max(left) <= 10
    assert len(published(lake)) == len(RECORDS) + 6


def test_sealing_is_refused_while_another_process_changes_the_lake(lake):
    """Two processes never put the same files together."""
    with contextlib.closing(Lake(lake.folder)) as other, other.held(), pytest.raises(RefusedError):
        seal(lake, LATER)


def _killed(folder, after, number):
    """Seal, and kill this process at the so-many-th file it makes sure of."""
    seen, true = 0, os.fsync

    def counted(handle):
        nonlocal seen
        seen += 1
        if seen == number and not after:
            os._exit(9)
        true(handle)
        if seen == number:
            os._exit(9)

    os.fsync = counted
    lake = Lake(folder)
    seal(lake, LATER)
    os._exit(0)


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_sealing_nothing_is_lost_nor_doubled(lake, after):
    """Wherever sealing is killed, the table is the same, and the next run ends what was begun."""
    before = table(lake.folder)
    for number in range(1, 20):
        process = multiprocessing.get_context("fork").Process(target=_killed, args=(lake.folder, after, number))
        process.start()
        process.join()
        assert table(lake.folder) == before
        if process.exitcode == 0:
            break
    seal(lake, LATER)
    assert published(lake) == sorted(made["eventID"] for made in RECORDS)
