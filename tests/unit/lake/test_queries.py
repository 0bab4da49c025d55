"""The questions to the lake: each gives what a plain program gives, on rows that collide and lack what they may."""

import inspect
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.questions import BASE, DAY, ODD, SPAN, SUITE, VALUES, WINDOWS, complete, sample, written
from tests.teams import MONDAY

from watchbill.errors import ProviderError, RefusedError
from watchbill.intervals import Interval
from watchbill.lake import queries
from watchbill.lake.engines import DuckEngine, StandingEngine, open_duckdb
from watchbill.lake.queries import (
    bound,
    events_of_person,
    first_seen,
    named,
    timeline_of_person,
    totals,
    windows_table,
)
from watchbill.trail.table import SCHEMA


SPAN_OF_ALL = Interval(MONDAY, MONDAY + timedelta(days=1))
ROW = st.fixed_dictionaries({column: st.sampled_from(values) for column, values in VALUES.items()})


def answers(rows, tree, folder):
    """Ask DuckDB."""
    with DuckEngine(written(rows, folder), windows_table(WINDOWS), threads=1) as engine:
        return engine.ask(tree).to_pylist()


@settings(max_examples=15)
@given(st.lists(ROW, max_size=25))
def test_every_question_gives_what_a_plain_program_gives(drawn):
    """Nulls, equal times, edges of windows and spans, and overlapping windows are where SQL and intent part."""
    rows = complete(drawn)
    with TemporaryDirectory() as folder:
        files = written(rows, Path(folder))
        with DuckEngine(files, windows_table(WINDOWS), threads=1) as engine:
            for asked in SUITE:
                assert engine.ask(asked.tree).to_pylist() == asked.expected(rows), asked.name


def test_the_sample_leaves_no_question_without_an_answer():
    """An oracle that agrees on nothing shows nothing."""
    rows = sample(1, 80)
    assert [asked.name for asked in SUITE if not asked.expected(rows)] == ["named-nothing"]


def test_every_question_is_in_the_suite():
    """A question that is not asked of every engine may differ on one."""
    made = {
        name for name, each in inspect.getmembers(queries, inspect.isfunction) if each.__module__ == queries.__name__
    }
    public = {name for name in made if not name.startswith("_")} - {"bound", "windows_table"}
    text = Path(sample.__code__.co_filename).read_text()
    assert {name for name in public if f"queries.{name}(" not in text} == set()


@pytest.mark.parametrize(
    "text", [ODD, "'", "\\'", "x' OR '1'='1", "\\", "$person", ":last", "{{a}}", "", "NULL", "a\tb\r\n"]
)
def test_a_value_is_a_value(text, tmp_path):
    """A name from a trail is anything; it is compared and never read as SQL."""
    rows = complete([{"time_ms": BASE, "outcome": "allowed", "person": who} for who in (text, "ada", None)])
    assert [row["person"] for row in answers(rows, timeline_of_person(text), tmp_path)] == [text]


def test_an_engine_that_stands_answers_several_at_once_each_by_its_files(tmp_path):
    """Pages ask side by side, and each of the files of its own span; a question may be of no file at all."""
    rows = complete([{"time_ms": BASE + n, "outcome": "allowed", "person": "ada"} for n in range(30)])
    files = written(rows, tmp_path)
    lists = [files[:count] for count in (0, 1, 2, 3)] * 8
    engine = StandingEngine(tmp_path, threads=1)
    with ThreadPoolExecutor(4) as pool:
        counts = list(
            pool.map(lambda some: len(engine.ask(events_of_person("ada", SPAN_OF_ALL, 100, SCHEMA.names), some)), lists)
        )
    assert counts == [0, 10, 20, 30] * 8
    engine.close()


def test_an_engine_that_stands_reads_its_folder_alone(tmp_path):
    """What it is asked is ours, and yet: it is locked like the other."""
    inside, beside = tmp_path / "lake", tmp_path / "beside"
    inside.mkdir()
    beside.mkdir()
    other = written(complete([{"time_ms": BASE, "outcome": "allowed", "person": "ada"}]), beside, 1)
    engine = StandingEngine(inside, threads=1)
    with pytest.raises(ProviderError, match="cannot answer"):
        engine.ask(timeline_of_person("ada"), other)
    engine.close()


def test_a_nul_is_refused_not_cut():
    """Engines disagree on what a NUL in a text does."""
    with DuckEngine([]) as engine, pytest.raises(RefusedError, match="NUL"):
        engine.ask(timeline_of_person("ada\0"))


@pytest.mark.parametrize("length", [DAY, DAY // 2])
def test_the_end_of_a_span_is_not_in_it(length, tmp_path):
    """A span's days are asked for too, and must not lose its last millisecond or the first of the next day."""
    rows = complete([{"time_ms": BASE + offset, "outcome": "allowed"} for offset in (-1, 0, length - 1, length)])
    span = Interval(MONDAY, MONDAY + timedelta(milliseconds=length))
    (found,) = answers(rows, totals(span), tmp_path)
    assert (found["events"], found["first_ms"], found["last_ms"]) == (2, BASE, BASE + length - 1)


def test_a_span_that_begins_between_milliseconds_begins_after():
    """An event is at whole milliseconds: one before the start is outside."""
    assert bound(datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC)) == 1001
    assert bound(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1000


@pytest.mark.parametrize("pair", [("person", "rest"), ("ip", "ip"), ("person; drop", "ip")])
def test_only_known_columns_make_a_pair(pair):
    """A column's name may come from a command line."""
    with pytest.raises(RefusedError):
        first_seen(*pair)


@pytest.mark.parametrize("last", [-1, 2**63])
def test_a_limit_that_is_none_is_refused(last):
    """Engines disagree on what LIMIT -1 is."""
    with pytest.raises(RefusedError):
        named(["x"], last=last)


def test_an_empty_lake_answers(tmp_path):
    """Before anything was taken in there is nothing, not an error."""
    for files in ([], written([], tmp_path)):
        with DuckEngine(files) as engine:
            for asked in SUITE:
                assert engine.ask(asked.tree).to_pylist() == asked.expected([]), asked.name


def test_files_that_lack_a_newer_column_are_read(tmp_path):
    """Parts that were written before a column was there stay as they are."""
    rows, (old, new) = sample(2, 20), (tmp_path / "old", tmp_path / "new")
    old.mkdir()
    new.mkdir()
    without = SCHEMA.remove(SCHEMA.get_field_index("user_agent"))
    with DuckEngine([*written(rows[:10], old, 1, without), *written(rows[10:], new, 1)]) as engine:
        assert engine.ask(totals()).to_pylist()[0]["events"] == 20


@pytest.mark.parametrize("name", ["[logs]", "l*", "l?", "{logs,x}", "l\\ogs"])
def test_a_name_that_is_a_pattern_is_refused(name, tmp_path):
    """An engine would read the neighbours instead, and say nothing."""
    (tmp_path / name).mkdir()
    with pytest.raises(RefusedError, match="pattern"):
        DuckEngine(written(sample(3, 5), tmp_path / name, 1))


def test_a_file_that_is_gone_is_said(tmp_path):
    """The ledger may name a file that somebody removed."""
    with pytest.raises(ProviderError, match=r"gone\.parquet"):
        DuckEngine([tmp_path / "gone.parquet"])


def test_a_file_removed_while_it_is_open_is_said(tmp_path):
    """Whoever asks is told, not shown a traceback."""
    files = written(sample(4, 30), tmp_path)
    with DuckEngine(files) as engine:
        Path(files[1]).unlink()
        with pytest.raises(ProviderError, match=r"part-1\.parquet"):
            engine.ask(totals(SPAN))


def test_an_engine_writes_nothing_without_leave(tmp_path):
    """DuckDB would spill into the folder it was started in, if it were not told."""
    for spill, folder in ((None, ""), (tmp_path, str(tmp_path))):
        connection = open_duckdb([], memory="60MB", threads=1, spill=spill)
        assert connection.execute("SELECT current_setting('temp_directory')").fetchall() == [(folder,)]
        connection.close()
    assert list(tmp_path.iterdir()) == []
