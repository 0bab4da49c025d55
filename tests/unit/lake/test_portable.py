"""The portable subset: what is in it has a text for every engine, and what is not is refused by its name."""

import pytest
import sqlglot
from hypothesis import example, given
from hypothesis import strategies as st
from sqlglot import exp
from tests.questions import SUITE

from watchbill.errors import RefusedError
from watchbill.lake.engines import DuckEngine
from watchbill.lake.portable import ALLOWED, TESTED, Dialect, refusals, render


def parse(text):
    """Read SQL as DuckDB has it."""
    return sqlglot.parse_one(text, read="duckdb")


def test_every_question_is_portable():
    """A query that left the subset would be right on one engine alone."""
    assert {asked.name: list(refusals(asked.tree)) for asked in SUITE} == {asked.name: [] for asked in SUITE}


@pytest.mark.parametrize("dialect", Dialect)
def test_every_question_has_a_text_that_is_read_back(dialect):
    """Where no engine can be asked, at least SQLGlot reads its own text, and as the same query."""
    for asked in SUITE:
        text = render(asked.tree, dialect)
        assert sqlglot.parse_one(text, read=dialect.value).sql(dialect.value, identify=True) == text


def test_what_is_tested_is_said():
    """Text alone is no proof, and the set that says so is what the docs name."""
    assert {Dialect.DUCKDB, Dialect.SPARK} == TESTED


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "SELECT e.id FROM events AS e ASOF LEFT JOIN windows AS w ON e.time_ms >= w.start_ms ORDER BY e.id",
            "inner or a left one",
        ),
        (
            "SELECT LAG(time_ms) OVER (ORDER BY time_ms) AS x FROM events ORDER BY x",
            "`lag` needs its offset and its default",
        ),
        ("SELECT LEAD(time_ms, 1) OVER (ORDER BY time_ms) AS x FROM events ORDER BY x", "`lead` needs"),
        ("SELECT LENGTH(id) AS x FROM events ORDER BY x", "`length`"),
        ("SELECT len([1]) AS x FROM events ORDER BY x", "`length`"),
        ("SELECT CURRENT_TIMESTAMP AS x FROM events ORDER BY x", "`currenttimestamp`"),
        ("SELECT epoch_ms(time_ms) AS x FROM events ORDER BY x", "is not in the portable subset"),
        ("SELECT time_ms AT TIME ZONE 'UTC' AS x FROM events ORDER BY x", "`attimezone`"),
        ("SELECT rest->>'$.a' AS x FROM events ORDER BY x", "`jsonextractscalar`"),
        ("SELECT time_ms / 2 AS x FROM events ORDER BY x", "`div`"),
        ("SELECT COUNT(*) OVER (ORDER BY time_ms) AS x FROM events ORDER BY x", "says how far it reaches"),
        ("SELECT COUNT(*) OVER (PARTITION BY ip) AS x FROM events ORDER BY x", "a window has an order"),
        ("SELECT SUM(time_ms) AS x FROM events ORDER BY x", "a sum is cast"),
        ("SELECT CAST(id AS TIMESTAMP) AS x FROM events ORDER BY x", "a cast to"),
        ("SELECT CAST(id AS DATE) AS x FROM events ORDER BY x", "a cast to"),
        ("SELECT id FROM events", "has no order"),
        ("SELECT * FROM events ORDER BY id", "columns are named"),
        ("SELECT id FROM read_parquet('x') ORDER BY id", "readparquet"),
        ("SELECT id FROM other ORDER BY id", "there is no table `other`"),
        ("SELECT id FROM main.events ORDER BY id", "there is no table"),
        ("SELECT id FROM events ORDER BY id NULLS FIRST", "NULLS LAST"),
        ("SELECT e.id FROM events AS e CROSS JOIN windows AS w ORDER BY e.id", "inner or a left one"),
        ("SELECT e.id FROM events AS e JOIN windows AS w USING (person) ORDER BY e.id", "inner or a left one"),
        (
            "SELECT e.id FROM events AS e FULL JOIN windows AS w ON e.person = w.person ORDER BY e.id",
            "inner or a left one",
        ),
        ("SELECT id FROM events WHERE person IN (SELECT person FROM windows) ORDER BY id", "list of values"),
        ("SELECT id FROM events WHERE id LIKE 'a%' ORDER BY id", "`like`"),
        ("SELECT id FROM events QUALIFY ROW_NUMBER() OVER (ORDER BY id) = 1 ORDER BY id", "`qualify`"),
        ("SELECT made_up(id) AS x FROM events ORDER BY x", "`made_up`"),
        ("SELECT 1.5 AS x FROM events ORDER BY x", "no whole number"),
        ("SELECT 9223372036854775808 AS x FROM events ORDER BY x", "no whole number"),
        ('SELECT id AS "a b" FROM events ORDER BY id', "no plain name"),
        ("WITH RECURSIVE t AS (SELECT id FROM events) SELECT id FROM t ORDER BY id", "recursive"),
        ("SELECT id FROM events ORDER BY id FETCH FIRST 1 ROW ONLY", "`fetch`"),
        ("DELETE FROM events", "`delete` is no query"),
        ("SELECT id FROM events WHERE id = :id ORDER BY id", "is not in the portable subset"),
        ("SELECT COUNT(DISTINCT ip, person) AS x FROM events ORDER BY x", "one column"),
        ("SELECT DISTINCT ON (ip) id FROM events ORDER BY id", "distinct on"),
        ("SELECT id FROM events ORDER BY ALL", "`var`"),
    ],
)
def test_what_engines_disagree_on_is_refused_by_name(text, named):
    """Each of these was passed on unchanged, or gave another answer, on some engine."""
    with pytest.raises(RefusedError, match=named):
        render(parse(text), Dialect.SPARK)


def test_an_order_that_names_no_nulls_is_refused_where_it_was_made_by_hand():
    """A tree that nobody parsed says nothing of nulls, and each engine has its own default."""
    tree = exp.select("id").from_("events")
    tree.set("order", exp.Order(expressions=[exp.Ordered(this=exp.column("id"))]))
    assert list(refusals(tree)) == ["nulls come last in every order: write `NULLS LAST`"]


FUNCTIONS = [each for each in vars(exp).values() if isinstance(each, type) and issubclass(each, exp.Func)]
OTHERS = sorted(set(FUNCTIONS) - ALLOWED - {exp.Func, exp.AggFunc}, key=str)


@given(st.sampled_from(OTHERS))
@example(exp.Anonymous)
def test_no_function_but_those_on_the_list_passes(kind):
    """SQLGlot knows hundreds of functions, and gains more with each release."""
    tree = parse("SELECT id AS x FROM events ORDER BY x")
    tree.selects[0].set("this", kind())
    assert any("portable subset" in why for why in refusals(tree))


def test_all_refusals_are_said_at_once():
    """Whoever writes a query mends it in one go."""
    found = list(refusals(parse("SELECT LENGTH(id) AS x, SUM(record) AS y FROM other")))
    assert len(found) == 4


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_text_is_the_same_text_in_duckdb(text):
    """Quotes, backslashes and what looks like a comment are part of the text."""
    tree = parse("SELECT COUNT(*) AS n FROM events WHERE id = 'x' OR 'y' = 'y' ORDER BY n")
    for literal in list(tree.find_all(exp.Literal))[1:]:
        literal.set("this", text)
    with DuckEngine([]) as engine:
        assert engine.ask(tree).to_pylist() == [{"n": 0}]
