"""`trail sql`: a SELECT over the events runs, and nothing else does, by the parse and by the engine's own locks."""

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.questions import sample, written

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.engines import open_duckdb
from watchbill.lake.sql import FUNCTIONS, LONGEST, Limits, refusals, run
from watchbill.trail.table import SCHEMA


ALLOWED = [
    "select 1",
    "select * from events limit 3;",
    "with a as (select person, count(*) n from events group by 1) select * from a order by n desc nulls last",
    "select count(*) filter (where ip like '10.%') over (partition by person order by time_ms rows between 1 preceding and current row) from events",
    "select distinct on (person) person, ip from events order by person, time_ms",
    "select date_trunc('hour', make_timestamp(time_ms*1000)) h, count(*) from events group by h",
    "select rest->>'$.a', request_parameters->'$.b' from events where person in ('a','b') and ip not in (select ip from events where person is null)",
    "select person from events union all select ip from events except select 'x' order by 1 limit 10%",
    "select case when mfa then 1 else 0 end, cast(record as bigint), person || ip, -time_ms, not mfa, time_ms between 1 and 2, ip similar to 'a', ip ~ 'x', person is distinct from ip from events",
    "select * exclude (rest) replace (1 as record) from events e join main.events f using (id)",
    "from events select person",
    "select max(x) from (values (1),(2)) t(x)",
    "select unnest([1,2])",
    "select e.* from events e, lateral (select e.id) l",
    "select person, count(*) from events group by cube(person, ip) having count(*)>1",
    "select * from events qualify row_number() over (partition by person order by time_ms)=1",
    "select list_transform([1], lambda x: x+1)",
    "select columns('p.*') from events",
    "select {'a':1}.a, [1,2][1], interval 1 day + date '2026-01-01', timestamp '2026-01-01', extract(hour from timestamp '2026-01-01'), trim(both ' ' from 'x'), position('a' in 'b'), substring('abc' from 1 for 2)",
    "select exists(select 1 from events)",
    "table events",
    "select * from events using sample 10 rows",
    "select * from events asof join (select time_ms t from events) b on events.time_ms >= b.t",
    "select count(distinct person), string_agg(person, ',' order by person) from events",
    "select x.y from (select {'y': 1} x)",
    "select true and null, 'a' collate nocase = 'A', 1.5, 1e3, try_cast('x' as int), ip ilike 'a%', ip glob 'a*' from events",
]

HOSTILE = [
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "copy (select 1) to '/tmp/x'",
    "copy events to '/tmp/x'",
    "select getenv('HOME')",
    "select * from glob('*')",
    "install httpfs",
    "load httpfs",
    "attach 'x.db'",
    "select 1; select 2",
    "select 1; drop view events",
    "set threads=1",
    "pragma version",
    "create table x as select 1",
    "insert into events select 1",
    "with d as (delete from events returning *) select * from d",
    "select * from duckdb_settings()",
    "select * from duckdb_tables",
    "select * from information_schema.tables",
    "with recursive t as (select 1 a union all select a+1 from t) select * from t",
    "select repeat('x',1000000000)",
    "select * from range(1000000000)",
    "select current_setting('x')",
    "select getvariable('x')",
    "select * from query('select 1')",
    "select * from query_table('events')",
    "select $1",
    "select ?",
    "explain select 1",
    "describe events",
    "show tables",
    "select * from (with windows as (select 1) select 1), windows",
    "select main.repeat('x',1)",
    "select * from sqlite_master",
    "export database 'x'",
    "call pragma_version()",
    "checkpoint",
    "",
    "/* x */",
    "select * from events; -- x\n drop view events",
    "select * from parquet_metadata('x')",
    "select * from windows",
    "prepare x as select 1",
    "use main",
    "vacuum",
    "begin",
    "select * from s3('x')",
    "pivot events on person using count(*)",
    "select read_text('/etc/passwd')",
    "select nextval('a')",
    "select * from 's3://x/y.parquet'",
    "select unnest(range(100000000))",
    "select * from pragma_show_tables",
    "detach memory",
    "import database 'x'",
    "create secret s (type s3)",
    "reset threads",
    "select * from unnest([1])",
    "select lpad('x',1000000000,'y')",
    "update events set person='x'",
    "merge into events using events on true when matched then delete",
    "from 'x.csv'",
    "select * from events positional join '/etc/passwd'",
    "summarize '/etc/passwd'",
]

LOCKED = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/hostname')",
    "SELECT * FROM read_parquet('{beside}')",
    "SELECT * FROM '{beside}'",
    "SELECT * FROM glob('/etc/*')",
    "SELECT getenv('HOME')",
    "COPY events TO '{beside}'",
    "COPY events TO '{new}'",
    "COPY (SELECT 1) TO '{mine}'",
    "EXPORT DATABASE '{new}'",
    "ATTACH '{new}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SELECT * FROM read_csv('https://127.0.0.1/x')",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "SET enable_external_access = true",
    "SET allowed_paths = ['/']",
    "SET allowed_directories = ['/']",
    "SET lock_configuration = false",
    "SET memory_limit = '1TB'",
    "SET temp_directory = '/tmp'",
    "RESET enable_external_access",
]
"""What the engine itself must refuse, whatever the parse let through."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Give the files of a small lake."""
    return written(sample(7, 200), tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize("text", ALLOWED)
def test_what_people_ask_is_allowed_and_runs(text, files):
    """A lock that keeps out whoever the lake is for is no use."""
    assert list(refusals(text)) == []
    run(files, text)


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        "select '\ud800'",
        "select " + "(" * 4_000 + "1" + ")" * 3_900,
        "select " + "- " * 4_000 + "1 from )",
        "select " + "[" * 101 + "]" * 101,
        "x" * (LONGEST + 1),
    ],
)
def test_what_is_no_question_to_the_lake_is_refused(text, files, tmp_path, monkeypatch):
    """Whatever else a text asks for, it is named and not run."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedError):
        run(files, text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", LOCKED)
def test_the_engine_is_locked_by_itself(text, files, tmp_path):
    """Were the parse wrong, the engine still reads the lake's files alone and writes nothing."""
    beside = tmp_path / "beside.parquet"
    beside.write_bytes(Path(files[0]).read_bytes())
    before = Path(files[0]).read_bytes()
    connection = open_duckdb(files, memory="200MB", threads=1)
    try:
        with pytest.raises(duckdb.Error):
            connection.execute(text.format(beside=beside, new=tmp_path / "new", mine=files[0])).fetchall()
    finally:
        connection.close()
    assert list(tmp_path.iterdir()) == [beside]
    assert Path(files[0]).read_bytes() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "the function `read_csv` is not allowed"),
        ("COPY events TO 'x'", "the query is not a SELECT"),
        ("SELECT 1; SELECT 2", "there are 2 statements, not one"),
        ("SELECT * FROM '/etc/passwd'", "there is no table `/etc/passwd` but `events`"),
        ("SELECT getenv('HOME')", "the function `getenv` is not allowed"),
        ("SELEC 1", "the query cannot be read: "),
    ],
)
def test_a_refusal_says_what_it_is_about(text, says):
    """Whoever wrote the query mends it."""
    assert any(why.startswith(says) for why in refusals(text))


def test_a_wrong_column_is_said(files):
    """DuckDB's own message names the nearest ones."""
    with pytest.raises(RefusedError, match="persn"):
        run(files, "SELECT persn FROM events")


@settings(max_examples=40)
@given(st.text("selctfromvn* ,;()'\"1-/\\\n=", max_size=40))
def test_no_text_raises_but_what_is_said(text):
    """What is typed is anything; it is answered or refused."""
    with suppress(RefusedError):
        run([], text)


def test_rows_past_the_limit_are_cut_and_that_is_said(files):
    """The first rows in the query's order are given."""
    rows = sorted(row["id"] for row in sample(7, 200))
    text = "SELECT id FROM events ORDER BY id"
    for limit, cut in ((10, True), (199, True), (200, False), (300, False)):
        answer = run(files, text, Limits(rows=limit))
        assert (answer.table["id"].to_pylist(), answer.cut) == (rows[:limit], cut)


def test_a_query_that_takes_too_long_is_stopped(files):
    """A join of everything with everything ends, and says why."""
    began = time.monotonic()
    text = f"SELECT count(*) FROM {', '.join(f'events e{number}' for number in range(7))} WHERE e1.ip < e2.ip"
    with pytest.raises(RefusedError, match=r"took longer than 0\.2 s"):
        run(files, text, Limits(time=timedelta(milliseconds=200)))
    assert time.monotonic() - began < 20


def test_a_query_that_needs_too_much_is_refused(files, tmp_path, monkeypatch):
    """Memory is bounded, and nothing is put on the disk instead."""
    monkeypatch.chdir(tmp_path)
    text = "SELECT list(a.id || b.id || c.id) FROM events a, events b, events c"
    with pytest.raises(RefusedError, match="more memory than 64MB"):
        run(files, text, Limits(memory="64MB"))
    assert list(tmp_path.iterdir()) == []


def test_a_lake_that_cannot_be_read_is_not_the_askers_fault(tmp_path):
    """A damaged file is another thing than a wrong query."""
    (tmp_path / "part.parquet").write_bytes(b"PAR1 this is none PAR1")
    with pytest.raises(ProviderError, match=r"part\.parquet"):
        run([tmp_path / "part.parquet"], "SELECT 1")


def test_a_table_of_with_is_known_in_its_own_query_alone():
    """Else any name could be made known by a WITH that nobody reads."""
    assert list(refusals("WITH a AS (SELECT 1) SELECT * FROM a")) == []
    assert list(refusals("SELECT * FROM (WITH a AS (SELECT 1) SELECT 1), a")) != []
    assert list(refusals("WITH a AS (SELECT * FROM events), b AS (SELECT * FROM a) SELECT * FROM b")) == []


def test_no_function_on_the_list_makes_a_table():
    """What makes a table may make it of a file."""
    connection = open_duckdb([], memory="200MB", threads=1)
    try:
        found = connection.execute("SELECT function_name, function_type FROM duckdb_functions()").fetchall()
    finally:
        connection.close()
    tables = {name for name, kind in found if kind in ("table", "pragma", "table_macro")} - {"unnest"}
    assert tables & FUNCTIONS == set()


def test_columns_are_those_of_the_schema(files):
    """What the docs say of columns is what can be asked for."""
    assert run(files, "SELECT * FROM events LIMIT 1").table.column_names == SCHEMA.names
