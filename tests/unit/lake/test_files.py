"""The lake's files: whole or not there, left to those who read them, and said clearly where they cannot be written."""

import contextlib
import errno
import multiprocessing
import os
import resource
import signal
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.lakes import AT, age, delivery, log, rows, table, taken_in
from tests.teams import MONDAY, team
from tests.trails import assume_role, record, session, user

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake import parts
from watchbill.lake.engines import DuckEngine
from watchbill.lake.iceberg import iceberg, publish
from watchbill.lake.manifest import PartRow
from watchbill.lake.parts import day_of, leave, read_part, sweep
from watchbill.lake.place import Lake
from watchbill.lake.queries import places
from watchbill.lake.seal import seal
from watchbill.service.questions import files_of
from watchbill.trail.table import SCHEMA


LATER = AT + timedelta(days=90)
RECORDS = [record(event_id=f"e{n}", at=MONDAY + timedelta(days=n)) for n in range(3)]


@pytest.fixture
def lake(tmp_path):
    """Give a lake with a few events, a file for each."""
    for made in RECORDS:
        taken_in(tmp_path, [delivery(made["eventID"], log([made]))], team())
    with contextlib.closing(Lake(tmp_path)) as found:
        yield found


@pytest.mark.parametrize("name", ["with space", "quo'te", 'dou"ble', "100%25", "a=b", "é", "semi;colon", "a&b", "+"])
def test_a_lake_may_lie_in_a_folder_of_any_common_name(tmp_path, name):
    """Taken in, sealed, published, asked: whatever the folder is called, the same rows and the columns of the schema."""
    folder = tmp_path / name / "lake"
    taken_in(folder, [delivery("a", log(RECORDS))], team())
    with contextlib.closing(Lake(folder)) as lake:
        seal(lake, LATER)
        ids = iceberg(folder).scan(selected_fields=("id",)).to_arrow()["id"].to_pylist()
        with DuckEngine(files_of(lake)) as engine:
            asked = engine.ask(places(["e1"])).num_rows
        (part,) = lake.manifest.parts()
    assert (sorted(ids), asked, part.rows) == (["e0", "e1", "e2"], 1, 3)
    assert [row["id"] for row in rows(folder)] == ["e0", "e1", "e2"]
    assert set(rows(folder)[0]) == set(SCHEMA.names)
    assert taken_in(folder, [delivery("b", log(RECORDS))], team()).duplicates == 3


@pytest.mark.parametrize("name", ["what?", "all*", "[a]", "{a}", "back\\slash", "number#1", "two\nlines"])
def test_a_folder_that_engines_take_for_a_pattern_is_refused(tmp_path, name):
    """Nothing is written where no question could be asked; the name is said, and what is wrong with it."""
    with pytest.raises(RefusedError, match="a lake cannot lie in"):
        Lake(tmp_path / name / "lake")
    assert not (tmp_path / name).exists()


def test_a_lake_is_its_owners_alone(tmp_path):
    """A folder that is made for a lake is for nobody else to look into."""
    taken_in(tmp_path / "lake", [delivery("a", log(RECORDS))])
    assert (tmp_path / "lake").stat().st_mode & 0o777 == 0o700


def test_days_in_a_row_share_a_file_while_they_are_small(tmp_path, monkeypatch):
    """Of one month, without a day between them, and up to so many rows: what a file costs is paid once for them."""
    monkeypatch.setattr("watchbill.lake.batch.TOGETHER", 4)
    days = [0, 1, 1, 2, 3, 5, 18, 19, 20]
    made = [record(event_id=f"{n}", at=MONDAY + timedelta(days=day)) for n, day in enumerate(days)]
    taken_in(tmp_path, [delivery("a", log(made))], team())
    with contextlib.closing(Lake(tmp_path)) as lake:
        found = [(part.day, part.last_day, part.rows) for part in lake.manifest.parts()]
        assert [len(lake.manifest.parts(day, day)) for day in ("2026-01-13", "2026-01-16")] == [1, 0]
    assert found == [
        ("2026-01-12", "2026-01-14", 4),
        ("2026-01-15", "2026-01-15", 1),
        ("2026-01-17", "2026-01-17", 1),
        ("2026-01-30", "2026-01-31", 2),
        ("2026-02-01", "2026-02-01", 1),
    ]
    assert taken_in(tmp_path, [delivery("b", log(made[::-1]))], team()).duplicates == len(made)


def test_a_page_of_a_file_has_few_rows_and_is_found_without_the_others(tmp_path, monkeypatch):
    """Every column has an index of its pages, and what is asked for is told of each: who, and when."""
    monkeypatch.setattr(parts, "PAGE", 2)
    taken_in(tmp_path, [delivery("a", log(RECORDS))], team())
    (path,) = (tmp_path / parts.FOLDER).glob("*.parquet")
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(n) for n in range(group.num_columns)]
    assert all(each.has_offset_index for each in columns)
    indexed = {each.path_in_schema for each in columns if each.has_column_index}
    assert indexed >= {"person", "time_ms", "day"}
    assert [row["id"] for row in rows(tmp_path)] == ["e0", "e1", "e2"]


def test_files_that_were_replaced_are_left_for_an_hour(lake):
    """However old a file is: who began to read by the list of a moment ago can still read it, until an hour later."""
    age(lake.folder, 100)
    old = files_of(lake)
    seal(lake, LATER)
    taken_in(lake.folder, [], team(), at=LATER + timedelta(days=36_500))
    with DuckEngine(old) as engine:
        assert engine.ask(places(["e1"])).num_rows == 1
    age(lake.folder, 0.9)
    taken_in(lake.folder, [], team())
    assert all(Path(file).exists() for file in old)
    age(lake.folder, 0.2)
    taken_in(lake.folder, [], team())
    assert not any(Path(file).exists() for file in old)
    assert [row["id"] for row in rows(lake.folder)] == ["e0", "e1", "e2"]


@pytest.mark.parametrize("how", ["renamed", "dropped"])
def test_renamed_and_dropped_files_are_left_too(lake, how):
    """Also where a file is written anew for a name, or dropped for its age."""
    acts = record(who=session("oncall", "x", "ASIAONE"), event_id="acts")
    taken_in(lake.folder, [delivery("acts", log([acts]))], team())
    age(lake.folder, 100)
    old = files_of(lake)
    if how == "renamed":
        opens = assume_role(user("james"), "oncall", "ASIAONE", event_id="opens")
        assert taken_in(lake.folder, [delivery("opens", log([opens]))], team()).renamed == 1
    else:
        assert seal(lake, LATER, keep=timedelta(days=1)).dropped == 4
    taken_in(lake.folder, [], team())
    assert set(files_of(lake)) != set(old)
    assert all(Path(file).exists() for file in old)


def test_sweeping_takes_what_nobody_lists_and_nothing_else(lake):
    """What is listed stays however old it is, what is young stays though nobody lists it; folders are not files."""
    place = lake.folder / "events"
    (place / "stray.parquet").write_bytes(b"x")
    (place / "folder").mkdir()
    age(lake.folder, 5)
    os.utime(place / "folder", (0, 0))
    (place / "young.parquet").write_bytes(b"x")
    listed = {part.name for part in lake.manifest.parts()}
    leave(lake.folder, ["gone.parquet"])
    assert sweep(lake.folder, listed) == 1
    assert {path.name for path in place.iterdir()} == listed | {"young.parquet", "folder"}
    assert sweep(lake.folder, listed) == 0


def _full(folder, room):
    """Take records in with so many bytes of room for each file, and end as the errors say."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        taken_in(folder, [delivery("more", log([record(event_id=f"m{n}", userAgent="x" * n) for n in range(200)]))])
    except ProviderError as error:
        os._exit(3 if "room" in str(error.hint) and "None" not in str(error) else 4)
    os._exit(0)


@pytest.mark.parametrize("room", [0, 4, 1000, 5000, 20_000])
def test_a_disk_that_is_full_costs_nothing_that_was_there(lake, room):
    """Wherever there is no room, it is said, no file is listed that is not whole, and what is half written goes."""
    before = table(lake.folder)
    lake.close()
    process = multiprocessing.get_context("fork").Process(target=_full, args=(lake.folder, room))
    process.start()
    process.join()
    assert process.exitcode == 3
    assert table(lake.folder) == before
    assert [path.name for path in (lake.folder / "events").iterdir() if path.name.endswith(".tmp")] == []
    assert taken_in(lake.folder, [delivery("more", log([record(event_id="m")]))]).events == 1


def test_a_disk_that_fills_up_at_the_last_moment_keeps_no_half_file(lake, monkeypatch):
    """A file of which it is not sure that it is on the disk is none: it is removed, and the reason said."""

    def full(_):
        raise OSError("no more room")  # has no strerror

    before = table(lake.folder)
    with monkeypatch.context() as patch:
        patch.setattr("watchbill.lake.parts.os.fsync", full)
        with pytest.raises(ProviderError, match="no more room"):
            taken_in(lake.folder, [delivery("more", log([record(event_id="m")]))])
    assert [path.name for path in (lake.folder / "events").iterdir() if path.name.endswith(".tmp")] == []
    assert table(lake.folder) == before


def test_what_cannot_be_opened_is_said(tmp_path, monkeypatch):
    """A folder that cannot be made, a lock that cannot be taken: errors for people, with what to look at."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProviderError, match="could not make the folder"):
        Lake(tmp_path / "file" / "lake")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "manifest.db").mkdir()
    with pytest.raises(ProviderError, match=r"could not open .*manifest\.db"):
        Lake(tmp_path / "lake")
    with contextlib.closing(Lake(tmp_path / "other")) as lake:
        (tmp_path / "other" / "ingest.lock").mkdir()
        with pytest.raises(ProviderError, match="could not lock"), lake.held():
            pass
        (tmp_path / "other" / "ingest.lock").rmdir()

        def broken(*_):
            raise OSError(errno.ENOLCK, "no locks available")

        monkeypatch.setattr("watchbill.lake.place.fcntl.flock", broken)
        with pytest.raises(ProviderError, match="no locks available"), lake.held():
            pass


def test_a_file_that_is_damaged_is_named(lake):
    """Which file, and what to try."""
    part = lake.manifest.parts()[0]
    (lake.folder / "events" / part.name).write_bytes(b"no parquet")
    with pytest.raises(ProviderError, match=part.name) as caught:
        read_part(lake.folder, part.name)
    assert "restore" in (caught.value.hint or "")


def test_a_flaw_that_came_after_a_whole_version_is_not_hidden(tmp_path):
    """An object that is put in the place of a whole one, and cannot be read, stands in every answer until it can."""
    whole, broken = log(RECORDS), log(RECORDS)[:50]
    taken_in(tmp_path, [delivery("a", whole, "1")], at=AT)
    taken_in(tmp_path, [delivery("a", broken, "2")], at=AT + timedelta(hours=1))
    with contextlib.closing(Lake(tmp_path)) as lake:
        assert [(row.name, row.version) for row in lake.manifest.objects(flawed=True)] == [("a", "2")]
        taken_in(tmp_path, [delivery("a", whole, "3")], at=AT + timedelta(hours=2))
        assert lake.manifest.objects(flawed=True) == []


@pytest.mark.parametrize("day", [-719_162, -1, 0, 19_000, 2_932_896])
def test_days_far_away_are_found(lake, day):
    """Whatever day an event lies on, its file is part of the table, and is found by its days."""
    name = day_of(day)
    with lake.manifest.transaction() as connection:
        lake.manifest.add(connection, (), [PartRow("far", name, name, 1, 0, 0, 1, "hot")])
    assert "far" in [part.name for part in lake.manifest.parts()]
    assert "far" in [part.name for part in lake.manifest.parts(name, name)]
    assert "far" not in [part.name for part in lake.manifest.parts("2001-01-01", "2001-01-02")]


def test_files_of_several_days_are_found_by_each_of_them(lake):
    """A file that was put together out of three days is asked for whichever of them is meant, and no other."""
    seal(lake, LATER)
    days = [day_of(int((MONDAY + timedelta(days=n)).timestamp() // 86_400)) for n in range(-1, 4)]
    assert [len(lake.manifest.parts(day, day)) for day in days] == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("what", ["catalog.db", "*.metadata.json", "snap-*.avro", "*-m0.avro", "all"])
@pytest.mark.parametrize("how", ["gone", "cut", "garbage"])
def test_an_iceberg_table_that_is_damaged_is_made_anew(lake, what, how):
    """Whatever of it is gone, cut short or overwritten: it is derived, and the next run publishes it again."""
    seal(lake, LATER)
    place = lake.folder / "iceberg"
    damaged = [path for path in place.rglob("*" if what == "all" else what) if path.is_file()]
    assert damaged
    for path in damaged:
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:40] if how == "cut" else b"\0garbage" * 99)
    taken_in(lake.folder, [delivery("x", log([record(event_id="x")]))], team())
    seal(lake, LATER)
    ids = iceberg(lake.folder).scan(selected_fields=("id",)).to_arrow()["id"].to_pylist()
    assert sorted(ids) == ["e0", "e1", "e2", "x"]


def test_metadata_that_was_current_is_left_for_an_hour(lake):
    """Who opened the table before it was published anew still finds what it names."""
    seal(lake, LATER)
    age(lake.folder, 100)
    reader = iceberg(lake.folder)
    taken_in(lake.folder, [delivery("x", log([record(event_id="x")]))], team())
    seal(lake, LATER)
    assert sorted(reader.scan(selected_fields=("id",)).to_arrow()["id"].to_pylist()) == ["e0", "e1", "e2"]


def test_what_cannot_be_published_is_said(lake, monkeypatch):
    """No room for the Iceberg table: the events are safe, and the error says what was not done."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("watchbill.lake.iceberg._lean", full)
    with pytest.raises(ProviderError, match=r"could not publish .* No space left"):
        publish(lake)
