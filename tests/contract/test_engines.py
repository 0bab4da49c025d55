"""Every question to the lake is answered alike by DuckDB, by Sail and, slowly, by a real Spark cluster.

Sail runs in this process on the loopback, and reads the Iceberg table as well as the list of files. The cluster is a
master and two workers of PySpark: see `tests.spark`.
"""

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.transforms import MonthTransform
from pysail.spark import SparkConnectServer  # type: ignore[import-untyped]
from tests.questions import ODD, SUITE, WINDOWS, complete, sample, written
from tests.spark import Cluster
from tests.teams import DAY, MONDAY, STAGING, team
from tests.trails import after, assume_role, reading, record, service, session, sign_in, user

from watchbill.access.history import History, InForce
from watchbill.access.model import Freeze
from watchbill.errors import ProviderError, RefusedError
from watchbill.intervals import Interval
from watchbill.judge.bulk import JUDGED, BulkJudge
from watchbill.lake.engines import DuckEngine, SparkEngine, plain
from watchbill.lake.queries import named, timeline_of_person, totals, windows_table
from watchbill.trail.attribute import attribute
from watchbill.trail.table import SCHEMA, actor_row, row_of, table_of


TEXTS = [
    ODD,
    "'",
    "''",
    "\\",
    "\\'",
    "\\\\",
    "\\n",
    "\n",
    '"',
    "`",
    "${x}",
    "$1",
    ":x",
    "?",
    "%",
    "_",
    "x' OR '1'='1",
    "é",
    "😀",
    " a ",
]
TEXTS += [
    "",
    "-- x",
    "/* x */",
    "{{x}}",
    "\\u0041",
    "\\x41",
    "\\101",
    "\t",
    "\r\n",
    "NULL",
    "\\%",
    "\\_",
    "r'x'",
    "\x7f",
    "\u2028",
]
OTHERWISE = {"spark.sql.session.timeZone": "America/New_York", "spark.sql.variable.substitute": "true"}
PINNED = {"spark.sql.session.timeZone": "UTC", "spark.sql.variable.substitute": "false"}
SPARK_VENV = Path(__file__).parents[2] / ".venv-spark"


@pytest.fixture(scope="module", autouse=True)
def main_module():
    """Give the main module a file: a worker of pytest-xdist has none, which PySpark takes for its own doctests."""
    with pytest.MonkeyPatch.context() as patch:
        main = sys.modules["__main__"]
        patch.setattr(main, "__file__", getattr(main, "__file__", __file__), raising=False)
        yield


@pytest.fixture(scope="module")
def sail():
    """Start Sail, and stop it."""
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    try:
        host, port = server.listening_address
        yield f"sc://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def rows():
    """Give rows that collide."""
    return sample(11, 1500)


@pytest.fixture(scope="module")
def files(rows, tmp_path_factory):
    """Give Parquet files of them, each of one month, as a sealed table's are."""
    folder = tmp_path_factory.mktemp("lake")
    files = []
    for month in sorted({row["day"].month for row in rows}):
        (folder / str(month)).mkdir()
        files += written([row for row in rows if row["day"].month == month], folder / str(month), 2)
    return files


@pytest.fixture(scope="module")
def iceberg(files, tmp_path_factory):
    """Seal them as an Iceberg table, partitioned by month, and give where it lies."""
    return sealed(files, tmp_path_factory.mktemp("iceberg"))


def sealed(files, folder):
    """Make an Iceberg table of Parquet files."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    catalog.create_namespace("trail")
    columns = [pa.field(each.name, plain_type(each.type), nullable=each.nullable) for each in SCHEMA]
    table = catalog.create_table("trail.events", pa.schema(columns))
    with table.update_spec() as spec:
        spec.add_field("day", MonthTransform(), "month")
    table.add_files([f"file://{file}" for file in files])
    catalog.close()
    return table.location()


def plain_type(kind):
    """Give the type of a column without its dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


@contextmanager
def both(local, remote, **where):
    """Open DuckDB and Spark over the same events."""
    windows = windows_table(WINDOWS)
    with DuckEngine(local, windows) as duck, SparkEngine(remote, windows=windows, **where) as spark:
        yield duck, spark


def assert_alike(duck, spark, rows):
    """Ask both all questions; the tables are the same, column by column, and so is what a plain program gives."""
    for asked in SUITE:
        one, other = duck.ask(asked.tree), spark.ask(asked.tree)
        assert one.schema.equals(other.schema), asked.name
        for column in one.column_names:
            assert one[column].to_pylist() == other[column].to_pylist(), (asked.name, column)
        assert one.to_pylist() == asked.expected(rows), asked.name


def judged_rows():
    """Give events of many kinds with who it was, as rows."""
    actions = [
        "ec2:DescribeInstances",
        "rds:RebootDBInstance",
        "iam:CreateUser",
        "s3:GetObject",
        "sts:GetCallerIdentity",
    ]
    made = [
        record(action, user(name), after(hour), account=account)
        for number, action in enumerate(actions)
        for name in ("james", "ada", "sofia", "lee", "stranger")
        for account, hour in (("111111111111", 2 + number), (STAGING, 20 + number), ("111111111111", 150))
    ]
    made += [
        assume_role(user("james"), "watchbill/oncall-platform", "ASIA1", after(18)),
        record("rds:RebootDBInstance", session("oncall-platform", "james", "ASIA1", path="/watchbill/"), after(19)),
        record("rds:RebootDBInstance", session("oncall-platform", "nobody", "ASIA9", path="/watchbill/"), after(19)),
        record("ec2:DescribeInstances", service("ec2"), after(3)),
        record("ec2:DescribeInstances", user("james"), after(24 * 20)),
        sign_in(user("rick"), after(5), success=False),
    ]
    found = attribute(reading(*made).events, team())
    return [{**row_of(each.event, "00"), **actor_row(each.actor)} for each in found]


def bulk_judge():
    """Make a judge whose team file changes in the middle of the week, with a freeze."""
    later = replace(team(), digest="later", groups={})
    freeze = Freeze("f1", "lee", MONDAY, MONDAY + DAY, None)
    history = History(team(), (InForce(None, team(), None), InForce(MONDAY + 3 * DAY, later, "later")), (freeze,))
    return BulkJudge(history, Interval(MONDAY, MONDAY + 7 * DAY))


def in_order(table):
    """Give the rows of a table in an order of their own."""
    return sorted(table.to_pylist(), key=lambda row: (row["account"] or "", row["id"]))


def assert_judged_alike(duck, spark, rows):
    """Judge in this process, through DuckDB and on the workers of Spark."""
    judge = bulk_judge()
    here = plain(pa.Table.from_batches(judge(table_of(rows).to_batches()), JUDGED))
    assert {row["right"] for row in here.to_pylist()} >= {
        "entitled",
        "off shift",
        "beyond role",
        "frozen",
        "not judgeable",
    }
    assert here.num_rows == len(rows)
    assert in_order(duck.through(judge, JUDGED)) == in_order(here)
    assert in_order(spark.through(judge, JUDGED)) == in_order(here)


def test_sail_answers_every_question_like_duckdb_from_files(sail, files, rows):
    """Two engines that share no code agree, and agree with a plain program."""
    with both(files, sail, files=files) as (duck, spark):
        assert_alike(duck, spark, rows)


def test_sail_answers_every_question_like_duckdb_from_the_iceberg_table(sail, files, iceberg, rows):
    """What is published as a table is read by another engine as the same events."""
    with both(files, sail, iceberg=iceberg) as (duck, spark):
        assert_alike(duck, spark, rows)


def test_sail_judges_in_bulk_like_this_process(sail, tmp_path):
    """The judge is a function of batches, and does not care where it runs."""
    files = written(judged_rows(), tmp_path)
    with both(files, sail, files=files) as (duck, spark):
        assert_judged_alike(duck, spark, judged_rows())


def test_a_text_is_the_same_text_everywhere(sail, tmp_path):
    """Engines escape texts in ways of their own: one that was cut open would be another name, or SQL."""
    rows = complete([{"time_ms": number, "outcome": "allowed", "name": text} for number, text in enumerate(TEXTS)])
    files = written(rows, tmp_path)
    with both(files, sail, files=files) as (duck, spark):
        for engine in (duck, spark):
            found = engine.ask(named(TEXTS, last=1000))["name"].to_pylist()
            assert found == TEXTS[::-1]
            for text in TEXTS:
                assert engine.ask(named([text]))["name"].to_pylist() == [text]


def test_a_column_that_no_file_has_is_null_in_spark(sail, tmp_path):
    """Older parts stay as they are."""
    rows, (old, new) = sample(2, 20), (tmp_path / "old", tmp_path / "new")
    old.mkdir()
    new.mkdir()
    without = SCHEMA.remove(SCHEMA.get_field_index("user_agent"))
    files = [*written(rows[:10], old, 1, without), *written(rows[10:], new, 1)]
    with both(files, sail, files=files) as (duck, spark):
        assert spark.ask(totals()).equals(duck.ask(totals()))


def test_a_session_of_the_callers_own_is_pinned_and_left_open(sail, files):
    """A session zone would move what is compared with times; whoever made the session ends it."""
    from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415 - as the engine does

    session = SparkSession.builder.remote(sail).create()
    try:
        for name, value in OTHERWISE.items():
            session.conf.set(name, value)
        with SparkEngine(session, files=files) as spark:
            spark.ask(totals())
            assert {name: session.conf.get(name) for name in OTHERWISE} == PINNED
        assert session.sql("SELECT 1 AS one").toArrow().num_rows == 1
    finally:
        session.stop()


def test_what_spark_refuses_is_said(sail, files, tmp_path):
    """Whoever asks is told, not shown a traceback of another language."""
    with pytest.raises(ProviderError, match=r"no file .*gone\.parquet"):
        SparkEngine(sail, files=[*files, tmp_path / "gone.parquet"])
    with pytest.raises(ProviderError, match="Spark cannot"):
        SparkEngine(sail, iceberg=str(tmp_path / "gone"))
    with SparkEngine(sail, files=files) as spark, pytest.raises(RefusedError, match="NUL"):
        spark.ask(timeline_of_person("\0"))


@pytest.mark.parametrize("where", [{}, {"iceberg": "x", "files": ["y"]}, {"files": ["[x]/y.parquet"]}])
def test_spark_is_told_what_to_read_in_one_way(sail, where):
    """A table beside a list would hide the list, and a pattern would read the neighbours."""
    with pytest.raises(RefusedError):
        SparkEngine(sail, **where)


def test_without_its_client_spark_is_refused_with_what_to_install(monkeypatch):
    """It is an optional extra."""
    monkeypatch.setitem(sys.modules, "pyspark.sql.connect.session", None)
    with pytest.raises(RefusedError, match="not installed") as refused:
        SparkEngine("sc://127.0.0.1:1", files=["x.parquet"])
    assert "watchbill[spark]" in str(refused.value.hint)


def test_a_file_with_arrows_own_schema_is_one_sail_cannot_read(sail, rows, tmp_path):
    """Why parts are written without it: when Sail can, this fails, and they may be written either way."""
    pq.write_table(table_of(rows[:5]), tmp_path / "part.parquet")
    with pytest.raises(ProviderError, match="Dictionary"):
        SparkEngine(sail, files=[tmp_path / "part.parquet"]).ask(totals())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start a real cluster, and stop it; skip by name where Spark is not installed."""
    if not (SPARK_VENV / "lib").is_dir():
        pytest.skip(f"PySpark is absent: no folder {SPARK_VENV.name} (run `make spark`)")
    with Cluster(SPARK_VENV, tmp_path_factory.mktemp("spark")) as running:
        yield running


@pytest.mark.slow
def test_a_spark_cluster_answers_every_question_like_duckdb(cluster, files, rows):
    """What outgrows one machine goes on with the same files and the same questions."""
    with both(files, cluster.url, files=files) as (duck, spark):
        assert_alike(duck, spark, rows)
    assert sum("Launching executor" in line for line in cluster.log("master").splitlines()) >= Cluster.WORKERS


@pytest.mark.slow
def test_a_spark_cluster_judges_in_bulk_like_this_process(cluster, tmp_path):
    """The workers are other processes, to which the judge is sent."""
    files = written(judged_rows(), tmp_path)
    with both(files, cluster.url, files=files) as (duck, spark):
        assert_judged_alike(duck, spark, judged_rows())


@pytest.mark.slow
def test_a_text_is_the_same_text_in_a_spark_cluster(cluster, tmp_path):
    """Spark's own parser reads what SQLGlot escapes, which Sail's was written after."""
    rows = complete([{"time_ms": number, "outcome": "allowed", "name": text} for number, text in enumerate(TEXTS)])
    files = written(rows, tmp_path)
    with both(files, cluster.url, files=files) as (_, spark):
        assert spark.ask(named(TEXTS, last=1000))["name"].to_pylist() == TEXTS[::-1]
