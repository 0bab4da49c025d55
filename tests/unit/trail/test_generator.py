"""What the benchmarks measure with: as many events as asked, the same for a seed, and readable without a problem."""

import gzip
import hashlib
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from watchbill.trail.attribute import attribute
from watchbill.trail.model import Method
from watchbill.trail.openings import HANDS_OUT
from watchbill.trail.read import combine, read_file
from watchbill.trail.table import SCHEMA


TOOL = Path(__file__).parents[3] / "tools" / "trail_generator.py"
spec = importlib.util.spec_from_file_location("trail_generator", TOOL)
assert spec is not None
assert spec.loader is not None
generator = importlib.util.module_from_spec(spec)
sys.modules["trail_generator"] = generator
spec.loader.exec_module(generator)

EVENTS = 3_001
ROWS = 12_345


def content(folder):
    """Give the bytes of every file by its path in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def trail(tmp_path_factory):
    """Make a small trail."""
    folder = tmp_path_factory.mktemp("trail")
    return generator.write_trail(folder, EVENTS, seed=5, processes=1), content(folder)


@pytest.fixture(scope="module")
def reading(trail):
    """Read it."""
    return combine([read_file(name, data) for name, data in trail[1].items()])


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Make three months of rows."""
    folder = tmp_path_factory.mktemp("rows")
    files = generator.write_rows(folder, ROWS, seed=5, months=3, layout=generator.Layout(group=1000), processes=1)
    return [(path, pq.read_table(path)) for path in files]


def test_every_file_reads_clean(trail, reading):
    """What is measured is reading, not mending."""
    made, files = trail
    assert reading.problems == ()
    assert reading.tally.files == len(files) == made.files
    assert reading.tally.unreadable_records == reading.tally.unreadable_files == 0


def test_there_are_as_many_events_as_asked(trail, reading):
    """The others are repetitions, and what was made says so."""
    made, files = trail
    assert reading.tally.distinct == made.events == EVENTS
    assert reading.tally.records == made.records == EVENTS + reading.tally.duplicates
    assert made.packed == sum(map(len, files.values()))
    assert made.raw == sum(len(gzip.decompress(data)) for data in files.values())


def test_what_comes_again_is_the_same_record_in_another_file(tmp_path):
    """As CloudTrail delivers at least once: about one in a thousand, never twice in one file."""
    generator.write_trail(tmp_path, 20_000, seed=2, processes=1)
    found: dict[str, list[tuple[str, str]]] = {}
    for name, data in content(tmp_path).items():
        for record in json.loads(gzip.decompress(data))["Records"]:
            found.setdefault(record["eventID"], []).append((name, json.dumps(record)))
    again = [each for each in found.values() if len(each) > 1]
    assert len(found) == 20_000
    assert 5 <= len(again) <= 45
    for each in again:
        assert len({name for name, _ in each}) == len(each)
        assert len({text for _, text in each}) == 1


def test_keys_are_those_of_aws(trail):
    """A file says its account, its region and the day of its delivery, and holds its records.

    Only what comes again may be in a file of another region.
    """
    shape = re.compile(
        r"AWSLogs/(\d{12})/CloudTrail/([a-z0-9-]+)/(\d{4})/(\d\d)/(\d\d)/"
        r"\1_CloudTrail_\2_\3\4\5T\d\d[0-5][05]Z_[A-Z2-7]{16}\.json\.gz"
    )
    elsewhere = 0
    for name, data in trail[1].items():
        found = shape.fullmatch(name)
        assert found, name
        records = json.loads(gzip.decompress(data))["Records"]
        assert 1 <= len(records) <= generator.MOST
        assert {each["recipientAccountId"] for each in records} == {found[1]}
        elsewhere += sum(each["awsRegion"] != found[2] for each in records)
    assert elsewhere <= trail[0].records - trail[0].events


def test_records_come_late_and_out_of_order(trail):
    """No file was delivered before what it tells, and many are not in order of time."""
    unordered = 0
    for name, data in trail[1].items():
        times = [each["eventTime"] for each in json.loads(gzip.decompress(data))["Records"]]
        delivered = re.findall(r"_(\d{8}T\d{4})Z_", name)[0]
        assert re.sub("[-:]", "", max(times)) <= delivered + "00Z"
        unordered += times != sorted(times)
    assert unordered > len(trail[1]) / 10


def test_a_trail_has_all_that_happens(reading):
    """Sessions whose keys are handed out in the trail and others, failed and denied calls, sign-ins that fail."""
    named = attribute(reading.events, None)
    methods = Counter(each.actor.method for each in named)
    for method in (Method.SOURCE_IDENTITY, Method.IAM_USER, Method.KEY_CHAIN, Method.SERVICE, Method.NONE):
        assert methods[method] > EVENTS / 100, method
    sign_ins = Counter(each.outcome for each in reading.events if each.name == "ConsoleLogin")
    assert sign_ins["allowed"]
    assert sign_ins["failed"]
    assert {"denied", "failed", "allowed"} == {each.outcome for each in reading.events}
    given = [
        each.record["responseElements"]["credentials"]
        for each in reading.events
        if each.name in HANDS_OUT and each.record["responseElements"]
    ]
    used = {each.identity.access_key for each in reading.events}
    assert sum(each["accessKeyId"] in used for each in given) > 10


def test_records_are_about_as_large_as_real_ones(trail):
    """A figure in events a second means little otherwise."""
    assert 1_200 < trail[0].raw / trail[0].records < 1_800


def test_the_same_seed_gives_the_same_trail(trail, tmp_path):
    """Two machines measure the same bytes, with however many processes."""
    command = [sys.executable, str(TOOL), "trail", str(EVENTS), "--processes", "2", "--seed"]
    for seed in ("5", "6"):
        subprocess.run([*command, seed], env={"XDG_CACHE_HOME": str(tmp_path)}, check=True, capture_output=True)
    cache = tmp_path / "watchbill-bench"
    same, other = (cache / f"trail-{EVENTS}-{seed}-v{generator.VERSION}" / "trail" for seed in (5, 6))
    assert content(same) == trail[1]
    assert not set(content(other)) & set(trail[1])


def test_what_was_made_is_made_once(tmp_path, monkeypatch):
    """A second run finds it in the cache, and a run that was cut short leaves nothing that looks whole."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def cut_short(folder):
        (folder / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generator.kept("thing", cut_short)
    folder = generator.kept("thing", lambda folder: (folder / "whole").write_text("x"))
    assert list(content(folder)) == ["whole"]
    assert generator.kept("thing", cut_short) == folder


def test_rows_have_the_columns_of_the_lake(rows):
    """And as many rows as asked, each with an id of its own."""
    for path, table in rows:
        assert pq.read_schema(path).equals(SCHEMA)
        assert all(table[field.name].null_count == 0 for field in SCHEMA if not field.nullable)
        assert max(pq.ParquetFile(path).metadata.row_group(n).num_rows for n in range(2)) == 1000
    ids = [text for _, table in rows for text in table["id"].to_pylist()]
    assert len(set(ids)) == len(ids) == ROWS
    assert all(
        re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in ids
    )


def test_rows_are_sorted_by_person_and_time(rows):
    """Those of nobody come last."""
    for _, table in rows:
        keys = [
            (person is None, person or "", at)
            for person, at in zip(table["person"].to_pylist(), table["time_ms"].to_pylist(), strict=True)
        ]
        assert keys == sorted(keys)
        assert 0.2 < table["person"].null_count / len(table) < 0.6


def test_rows_say_one_thing_in_all_their_columns(rows):
    """The day is that of the time, texts are JSON, the identity is that of the columns, a place is one row's."""
    places = set()
    for _, table in rows:
        for row in table.to_pylist():
            assert row["day"].toordinal() - 719_163 == row["time_ms"] // 86_400_000
            identity = json.loads(row["user_identity"])
            assert identity["type"] == row["identity_type"]
            assert identity.get("arn") == row["arn"]
            assert identity.get("accessKeyId") == row["access_key"]
            for name in ("request_parameters", "response_elements", "additional_event_data", "resources", "rest"):
                assert row[name] is None or json.loads(row[name])
            assert (row["outcome"] == "allowed") == (row["error_message"] is None)
            assert row["object_digest"] == hashlib.sha256(row["object"].encode()).hexdigest()
            assert f"/{row['account']}/CloudTrail/{row['region']}/{row['day']:%Y/%m/%d}/" in row["object"]
            places.add((row["object"], row["record"]))
    assert len(places) == ROWS


def test_people_and_networks_grow_with_time(rows):
    """Later months have people and addresses that the earlier ones had not, and lost some."""
    months = [{name: set(table[name].to_pylist()) for name in ("person", "ip")} for _, table in rows]
    for earlier, later in pairwise(months):
        for name in ("person", "ip"):
            assert later[name] - earlier[name], name
            assert earlier[name] - later[name], name


def test_the_same_seed_gives_the_same_rows(rows, tmp_path):
    """Whatever else was made before."""
    layout = generator.Layout(group=1000)
    again = generator.write_rows(tmp_path / "a", ROWS, seed=5, months=3, layout=layout, processes=1)
    other = generator.write_rows(tmp_path / "b", ROWS, seed=6, months=3, layout=layout, processes=1)
    assert all(pq.read_table(path).equals(table) for path, (_, table) in zip(again, rows, strict=True))
    assert not set(pa.concat_tables(map(pq.read_table, other))["id"].to_pylist()) & set(rows[0][1]["id"].to_pylist())
