"""The SQL that every engine understands alike: what a query may be made of, and its text for each engine.

The rules, in order:

1. A query is a tree of SQLGlot's. Each kind of node in it is on `ALLOWED`, or the query is refused by that kind's name.
   What is not known to mean the same everywhere is thus refused, not passed on: SQLGlot itself passes some of it on
   unchanged, such as ASOF joins.
2. Time is BIGINT milliseconds since 1970 in UTC (`time_ms`), and windows over it are in milliseconds. There are no
   timestamps, no intervals and no time zones; DATE, which has none, is compared with `day` alone.
3. A join is an inner or a left one with its condition written out.
4. `lag` and `lead` name their default: without one ClickHouse gives 0 and the others NULL. It is a value: Sail takes no
   column there. `length` of lists is not there, since it is the length of a text elsewhere.
5. Nulls come last in every order, and the outermost query has an order, so that equal answers are equal tables.
6. A sum is cast to BIGINT, since DuckDB's is wider. A cast is to BIGINT, BOOLEAN, TEXT or, of a literal, to DATE.
7. Names are lower-case words and are always quoted; the tables are those of the lake.

Tested are DuckDB and Spark (Sail and PySpark): there every query of `queries` gives the same table. For Trino, Athena
and ClickHouse the text is written and has never been run: no server of theirs can be had where this is tested.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from sqlglot import ErrorLevel, exp
from sqlglot.errors import UnsupportedError

from watchbill.errors import RefusedError


class Dialect(StrEnum):
    """An engine's way to write SQL."""

    DUCKDB = "duckdb"
    SPARK = "spark"
    """Sail, PySpark, and Spark elsewhere."""
    TRINO = "trino"
    ATHENA = "athena"
    CLICKHOUSE = "clickhouse"


TESTED = frozenset({Dialect.DUCKDB, Dialect.SPARK})
"""For all others the text is written and has never been run."""

EVENTS = "events"
"""The table of all events, with the columns of `trail.table.SCHEMA`."""

WINDOWS = "windows"
"""A small table of when it was whose turn: person, start_ms, end_ms; the end is not in the window."""

TABLES = frozenset({EVENTS, WINDOWS})

ALLOWED: frozenset[type[exp.Expr]] = frozenset(
    {
        # The query
        *(exp.Select, exp.Subquery, exp.With, exp.CTE, exp.From, exp.Join, exp.Where, exp.Group, exp.Having),
        *(exp.Order, exp.Ordered, exp.Limit, exp.Distinct, exp.Union),
        # Names
        *(exp.Table, exp.TableAlias, exp.Column, exp.Identifier, exp.Alias, exp.Star),
        # Values
        *(exp.Literal, exp.Null, exp.Boolean, exp.Cast, exp.DataType),
        # What is true of them
        *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Paren),
        # What is made of them
        *(exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod, exp.Neg, exp.Case, exp.If, exp.Coalesce),
        *(exp.Count, exp.Sum, exp.Min, exp.Max),
        *(exp.Window, exp.WindowSpec, exp.Lag, exp.Lead, exp.RowNumber),
    }
)
"""Each node by its own type: a kind that is derived from one of these is another kind."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_TYPES = frozenset({exp.DataType.Type.BIGINT, exp.DataType.Type.BOOLEAN, exp.DataType.Type.TEXT})
_BIG = 2**63


def refusals(tree: exp.Expr) -> Iterator[str]:
    """Say all that keeps a query from being portable, each in words; nothing where it is portable."""
    if not isinstance(tree, exp.Query):
        yield f"`{_kind(tree)}` is no query"
    elif not tree.args.get("order"):
        yield "the outermost query has no order, so that its rows come as they please"
    known = TABLES | {each.alias for each in tree.find_all(exp.CTE)}
    for node in tree.walk():
        if type(node) not in ALLOWED:
            yield f"`{_kind(node)}` is not in the portable subset"
        elif isinstance(node, exp.Table) and (node.args.get("db") or node.name not in known):
            yield f"there is no table `{node.sql()}`"
        elif (rule := _RULES.get(type(node))) is not None and (why := rule(node)):
            yield why


def render(tree: exp.Expr, dialect: Dialect) -> str:
    """Write a query for an engine.

    Raises RefusedError where it is not in the portable subset, or where SQLGlot cannot say it in that dialect.
    """
    if found := list(dict.fromkeys(refusals(tree))):
        raise RefusedError(f"this query is not portable: {'; '.join(found)}")
    try:
        return tree.sql(dialect.value, identify=True, unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise RefusedError(f"this query cannot be written for {dialect}: {error}") from error


def _kind(node: exp.Expr) -> str:
    # One that was not read from a text may have no name.
    return str(node.this or "").lower() if isinstance(node, exp.Anonymous) else node.key


def _of_name(node: exp.Expr) -> str | None:
    return None if _NAME.fullmatch(node.name) else f"`{node.name}` is no plain name"


def _of_literal(node: exp.Expr) -> str | None:
    if node.is_string:
        return "a text holds a NUL character" if "\0" in node.name else None
    whole = node.name.isdecimal() and node.name.isascii() and int(node.name) < _BIG
    return None if whole else f"`{node.name}` is no whole number that BIGINT can hold"


def _of_cast(node: exp.Expr) -> str | None:
    to = node.args["to"].this
    if to in _TYPES or (to is exp.DataType.Type.DATE and isinstance(node.this, exp.Literal)):
        return None
    return f"a cast to `{node.args['to'].sql()}` is not portable"


def _of_join(node: exp.Expr) -> str | None:
    said = {name for name, value in node.args.items() if value and name not in ("this", "on", "side", "kind")}
    plain = not said and node.args.get("side") in (None, "", "LEFT") and node.args.get("kind") in (None, "", "INNER")
    return None if plain and node.args.get("on") else "a join is an inner or a left one, with its condition"


def _of_ordered(node: exp.Expr) -> str | None:
    return None if node.args.get("nulls_first") is False else "nulls come last in every order: write `NULLS LAST`"


def _of_offset(node: exp.Expr) -> str | None:
    said = isinstance(node.args.get("offset"), exp.Literal) and isinstance(node.args.get("default"), exp.Literal)
    return None if said else f"`{node.key}` needs its offset and its default, as values"


def _of_sum(node: exp.Expr) -> str | None:
    outer = node.parent.parent if isinstance(node.parent, exp.Window) else node.parent
    cast = isinstance(outer, exp.Cast) and outer.args["to"].this is exp.DataType.Type.BIGINT
    return None if cast else "a sum is cast to BIGINT"


def _of_window(node: exp.Expr) -> str | None:
    if node.args.get("order") is None:
        return "a window has an order"
    if isinstance(node.this, exp.Lag | exp.Lead | exp.RowNumber) or node.args.get("spec") is not None:
        return None
    return "a window that gathers says how far it reaches"


def _of_star(node: exp.Expr) -> str | None:
    return None if isinstance(node.parent, exp.Count) else "columns are named: no `*` but in count(*)"


def _of_with(node: exp.Expr) -> str | None:
    return "`with recursive` is not portable" if node.args.get("recursive") else None


def _of_distinct(node: exp.Expr) -> str | None:
    if node.args.get("on"):
        return "`distinct on` is not portable"
    return "distinct values are counted of one column" if len(node.expressions) > 1 else None


def _of_in(node: exp.Expr) -> str | None:
    return None if node.expressions and not node.args.get("query") else "`in` takes a list of values"


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], str | None]] = {
    exp.Identifier: _of_name,
    exp.Literal: _of_literal,
    exp.Cast: _of_cast,
    exp.Join: _of_join,
    exp.Ordered: _of_ordered,
    exp.Lag: _of_offset,
    exp.Lead: _of_offset,
    exp.Sum: _of_sum,
    exp.Window: _of_window,
    exp.Star: _of_star,
    exp.In: _of_in,
    exp.With: _of_with,
    exp.Distinct: _of_distinct,
}
