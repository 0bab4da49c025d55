"""One SELECT of somebody's own over the events, in DuckDB's SQL, which can read the lake and do nothing else.

The rules, in order:

1. DuckDB's own parser takes the text apart, so that what is checked is what will run. It is one SELECT.
2. Each part of it is on a list of what is allowed, by its kind; functions by their name. All else is refused by name:
   functions that read files or settings, tables that are not `events`, recursion, and those that make much of little.
3. The engine is locked all the same: it opens the lake's files and no others, has no network, no extensions and no
   way to unlock it, keeps to an amount of memory and writes nothing to disk.
4. A query that takes longer than its time is stopped and refused; rows past the limit are cut, and that is said.

What is not bounded by `memory` is a single text that is made by folding constants, before the query runs: hence the
functions that can make a long one of a short one are not on the list.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb
import pyarrow as pa

from watchbill.errors import ProviderError, RefusedError
from watchbill.lake.engines import MEMORY, THREADS, first_line, open_duckdb, plain
from watchbill.lake.portable import EVENTS


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a query may go."""

    rows: int = 10_000
    time: timedelta = timedelta(seconds=60)
    memory: str = MEMORY
    threads: int = THREADS


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave."""

    table: pa.Table
    cut: bool
    """Whether there were more rows than the limit; the table holds the first ones."""


LONGEST = 10_000
"""Characters that a query may have."""

DEEPEST = 100
"""How many brackets may be open at once. DuckDB's parser takes minutes over some texts that are nested deeper and then
broken, and cannot be interrupted in that."""

_CALLED = """
    any_value approx_count_distinct arbitrary arg_max arg_min array_agg avg bit_and bit_or bool_and bool_or count
    count_if count_star countif first last list max max_by median min min_by mode quantile quantile_cont
    quantile_disc stddev string_agg sum variance
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
    abs ceil ceiling floor greatest least log log10 log2 mod pow power round sign sqrt trunc
    coalesce if ifnull nullif
    ascii concat concat_ws contains ends_with instr left length like_escape lower ltrim md5 not_like_escape
    position prefix regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace replace reverse
    right rtrim sha256 split split_part starts_with string_split strip_accents strlen strpos substr substring suffix
    trim upper
    age date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
    dayofweek dayofyear epoch epoch_ms extract hour isodow last_day make_date make_timestamp make_timestamp_ms minute
    month monthname quarter second strftime strptime time_bucket timezone to_days to_hours to_milliseconds to_minutes
    to_seconds to_timestamp week weekday year
    array_contains array_length cardinality element_at flatten len list_aggregate list_contains list_distinct
    list_extract list_filter list_has list_has_any list_slice list_sort list_transform list_value map_keys map_values
    array_extract array_slice struct_extract struct_pack row unnest
    from_json json json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
    json_extract_string json_keys json_transform json_type json_valid json_value
    hash cast_to_type grouping typeof
"""
FUNCTIONS = frozenset(_CALLED.split())
"""What a query may call, beside operators."""

_CLASS_NAMES = """
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR
    POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW
"""
_CLASSES = frozenset(_CLASS_NAMES.split())
"""Kinds of expressions, as DuckDB calls them."""

_KIND_NAMES = """
    SELECT_NODE SET_OPERATION_NODE CTE_NODE
    BASE_TABLE JOIN SUBQUERY EMPTY EXPRESSION_LIST
    ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER
    ORDER_DEFAULT ASCENDING DESCENDING
"""
_KINDS = frozenset(_KIND_NAMES.split())
"""Kinds of all else: queries, what they are from, and how they are ordered."""

_SIGNS = re.compile(r"(?:[-+~!@]\s*){100}")
"""Signs that are nested without brackets."""

_OPERATOR = re.compile(r"[^\w\s]{1,4}")


def refusals(text: str) -> Iterator[str]:
    """Say all that keeps a query from being run, each in words; nothing where it may be run."""
    if len(text) > LONGEST:
        yield f"the query is longer than {LONGEST} characters"
        return
    if _depth(text) > DEEPEST or _SIGNS.search(text):
        yield f"the query is nested deeper than {DEEPEST}"
        return
    try:
        parsed = _parse(text)
    except (RecursionError, UnicodeEncodeError, duckdb.Error) as error:
        yield f"the query cannot be read: {first_line(error)}"
        return
    if parsed["error"]:
        only = "Only SELECT" in parsed["error_message"]
        yield "the query is not a SELECT" if only else f"the query cannot be read: {parsed['error_message']}"
    elif (count := len(parsed.get("statements", ()))) != 1:
        yield f"there are {count} statements, not one"
    else:
        yield from _walk(parsed)


def run(files: Sequence[str | Path], text: str, limits: Limits = Limits()) -> Answer:
    """Run a query over the events in some files.

    Raises RefusedError where it is not allowed, is wrong, or takes too long or too much; ProviderError where the files
    cannot be read.
    """
    if found := list(dict.fromkeys(refusals(text))):
        raise RefusedError(f"{'; '.join(found)}", f"ask one SELECT over `{EVENTS}`")
    connection = open_duckdb(files, memory=limits.memory, threads=limits.threads)
    late = Timer(limits.time.total_seconds(), connection.interrupt)
    late.daemon = True
    late.start()
    try:
        found_rows = connection.sql(text).limit(limits.rows + 1).to_arrow_table()
    except duckdb.InterruptException as error:
        seconds = f"{limits.time.total_seconds():g}"
        raise RefusedError(f"the query took longer than {seconds} s and was stopped", "ask for less time") from error
    except duckdb.OutOfMemoryException as error:
        raise RefusedError(
            f"the query needs more memory than {limits.memory}", "ask for fewer rows or columns"
        ) from error
    except duckdb.IOException as error:
        raise ProviderError(f"DuckDB cannot read the lake: {first_line(error)}") from error
    except duckdb.Error as error:
        raise RefusedError(f"DuckDB cannot answer: {first_line(error)}", "columns are in docs/lake.md") from error
    finally:
        late.cancel()
        late.join()
        connection.close()
    return Answer(plain(found_rows.slice(0, limits.rows)), found_rows.num_rows > limits.rows)


def _parse(text: str) -> dict[str, Any]:
    """Give DuckDB's own tree of a text, as JSON; nothing of the text is run."""
    connection = open_duckdb((), memory=MEMORY, threads=1)
    try:
        answered = connection.execute("SELECT json_serialize_sql(?, skip_null := true)", [text]).fetchone()
    finally:
        connection.close()
    assert answered is not None, "a SELECT without FROM has one row"
    parsed: dict[str, Any] = json.loads(answered[0])
    return parsed


def _depth(text: str) -> int:
    """Count how many brackets are open at most, those in texts too."""
    steps = (1 if each in "([{" else -1 for each in text if each in "()[]{}")
    return max(accumulate(steps), default=0)


def _walk(parsed: dict[str, Any]) -> Iterator[str]:
    """Say what is not allowed anywhere in a tree. A table of WITH is known inside the query that has it alone."""
    waiting: list[tuple[Any, frozenset[str]]] = [(parsed, frozenset())]
    while waiting:
        node, known = waiting.pop()
        if isinstance(node, dict):
            made = node.get("cte_map")
            if isinstance(made, dict):
                known = known | {each["key"].lower() for each in made.get("map", ())}
            yield from _refused(node, known)
        parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting.extend((part, known) for part in parts if isinstance(part, dict | list))


def _refused(node: dict[str, Any], known: frozenset[str]) -> Iterator[str]:
    kind, form = node.get("class"), node.get("type")
    if kind is not None and kind not in _CLASSES:
        yield f"`{kind.lower()}` is not allowed"
    elif kind is None and isinstance(form, str) and form not in _KINDS:
        called = node.get("function")
        name = called.get("function_name") if isinstance(called, dict) else None
        yield f"`{name}` is no table of the lake" if name else f"`{form.lower()}` is not allowed"
    if kind is None and form == "BASE_TABLE" and not _is_known(path := _path(node), known):
        yield f"there is no table `{'.'.join(path)}` but `{EVENTS}`"
    if "function_name" in node and not _may_call(path := _path(node) or [str(node["function_name"])]):
        yield f"the function `{'.'.join(path)}` is not allowed"


def _is_known(path: Sequence[str], known: frozenset[str]) -> bool:
    lower = [part.lower() for part in path]
    return lower in ([EVENTS], ["main", EVENTS]) or (len(lower) == 1 and lower[0] in known)


def _may_call(path: Sequence[str]) -> bool:
    return len(path) == 1 and (path[0].lower() in FUNCTIONS or _OPERATOR.fullmatch(path[0]) is not None)


def _path(node: dict[str, Any]) -> list[str]:
    named = node.get("qualified_name")
    return [str(part) for part in named.get("path", ())] if isinstance(named, dict) else []
