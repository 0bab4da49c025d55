"""Exporting: what lies in the span and no more, in a form that others read, whole or not at all."""

import contextlib
import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.lakes import delivery, log, taken_in
from tests.teams import MONDAY, team
from tests.trails import record, user

from watchbill.errors import ProviderError
from watchbill.intervals import Interval
from watchbill.lake.export import export
from watchbill.lake.parts import read_part
from watchbill.lake.place import Lake
from watchbill.service.questions import files_of
from watchbill.trail.table import SCHEMA


RECORDS = [
    record(event_id=f"e{n}", at=MONDAY + timedelta(hours=6 * n), who=user("james" if n % 2 else "rick"))
    for n in range(8)
]


@pytest.fixture
def files(tmp_path):
    """Give the files of a lake with events six hours apart."""
    taken_in(tmp_path / "lake", [delivery("a", log(RECORDS))], team())
    with contextlib.closing(Lake(tmp_path / "lake")) as lake:
        return files_of(lake)


def ids(path, form):
    """Give the ids that an exported file has."""
    if form == "parquet":
        return sorted(pq.read_table(path)["id"].to_pylist())
    lines = path.read_text("utf-8").splitlines()
    if form == "csv":
        return sorted(line.split(",")[SCHEMA.names.index("id")] for line in lines[1:])
    return sorted(json.loads(line)["record"]["eventID"] for line in lines)


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("first", "last", "person", "expected"),
    [
        (None, None, None, [0, 1, 2, 3, 4, 5, 6, 7]),
        (6, 18, None, [1, 2]),
        (6.001, 18.001, None, [2, 3]),
        (0, 24, "james", [1, 3]),
        (None, None, "nobody", []),
        (60, 70, None, []),
    ],
)
def test_a_span_has_its_beginning_and_not_its_end(tmp_path, files, form, first, last, person, expected):
    """In each form the same events, counted right; where there is none, an empty file of that form."""
    span = None if first is None else Interval(MONDAY + timedelta(hours=first), MONDAY + timedelta(hours=last))
    to = tmp_path / f"out.{form}"
    assert export(files, to, form, span, person) == len(expected)
    assert ids(to, form) == [f"e{n}" for n in expected]
    assert to.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob(".*")) == []


def test_lines_are_json_whatever_was_recorded(tmp_path):
    """Half a character and numbers without end are in records that people forge: a strict reader takes the lines."""
    odd = json.dumps({"Records": [record(event_id="odd", requestParameters={"half": "\ud800", "é": 1})]})
    taken_in(tmp_path / "lake", [delivery("a", odd.replace('"\\u00e9": 1', '"\\u00e9": 1e999').encode())])
    with contextlib.closing(Lake(tmp_path / "lake")) as lake:
        assert export(files_of(lake), tmp_path / "out.jsonl", "jsonl", None, None) == 1
    text = (tmp_path / "out.jsonl").read_bytes().decode()

    def refuse(word):
        raise AssertionError(word)

    (line,) = text.splitlines()
    asked = json.loads(line, parse_constant=refuse)["record"]["requestParameters"]
    assert asked == {"half": "\ufffd", "é": "Infinity"}


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_what_was_there_stays_when_an_export_fails(tmp_path, files, form):
    """A damaged file of the lake is named, and the last export is still whole, with its mode."""
    to = tmp_path / f"out.{form}"
    to.write_text("the last one")
    to.chmod(0o640)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(Path(files[0]).read_bytes()[:-200])
    with pytest.raises(ProviderError, match=r"could not read .*broken\.parquet"):
        export([files[0], str(broken)], to, form, None, None)
    assert to.read_text() == "the last one"
    assert list(tmp_path.glob(".*")) == []
    export(files, to, form, None, None)
    assert to.stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_gone_is_not_said_to_be_the_export(tmp_path, files):
    """What could not be read is what is named."""
    Path(files[0]).unlink()
    with pytest.raises(ProviderError, match="could not read"):
        export(files, tmp_path / "out.csv", "csv", None, None)
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(ProviderError, match=r"could not write .*out\.csv: No such file"):
        export([], tmp_path / "no" / "out.csv", "csv", None, None)


def test_a_pipe_is_written_to(tmp_path, files):
    """An export into another program is no file to put in place."""
    os.mkfifo(tmp_path / "pipe")
    read = []
    thread = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text("utf-8")))
    thread.start()
    assert export(files, tmp_path / "pipe", "jsonl", None, None) == 8
    thread.join()
    assert len(read[0].splitlines()) == 8


def test_an_exported_table_is_the_lakes(tmp_path, files):
    """As Parquet each column comes out with its values and its type."""
    export(files, tmp_path / "out.parquet", "parquet", None, None)
    found = pq.read_table(tmp_path / "out.parquet")
    order = [("time_ms", "ascending")]
    folder = tmp_path / "lake"
    there = pa.concat_tables([read_part(folder, Path(file).name) for file in files])
    assert found.sort_by(order).to_pylist() == there.sort_by(order).to_pylist()
    assert found.schema.names == SCHEMA.names
