"""Decide a table of requests at once, with the reasons of each.

Rows that no rule can tell apart get the same decision, so one of them is decided for all:

1. Rows meet the same rules when they have the same evaluator and action; what those rules ask are the *features*: one
   for each distinct predicate, one for each principal element, and one for who asks from where.
2. A feature looks at few columns. It is computed once for each distinct value of them that occurs where it matters,
   by the very test that a single decision uses, and has few outcomes, which take three bits of a word.
3. Rows of the same rules and the same bits, of those features that matter to their rules, are equal. The first of each
   is decided by the evaluator itself, so that the two ways cannot drift apart.

Columns: `evaluator` (which of those given, from 0), `action`, `resource` (null: not known), and optionally `principal`,
`resource_account`, and condition keys by their names, as text or lists of text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from watchbill.policy.conditions import Predicate
from watchbill.policy.context import FOLLOWING, RESOURCE, Context, account_of
from watchbill.policy.evaluate import NAMING, Evaluator, has_policies, names
from watchbill.policy.model import Decision, Principal, Request
from watchbill.policy.rules import Rule


Codes = npt.NDArray[np.int64]

NOT_KEYS = ("evaluator", "action", "resource", "principal", "resource_account")
"""Columns that are no condition keys."""

_BITS = 3
_PER_WORD = 62 // _BITS


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions of a table's rows."""

    codes: Codes
    """For each row the index of its decision in `distinct`."""
    distinct: tuple[Decision, ...]

    def __getitem__(self, row: int) -> Decision:
        return self.distinct[int(self.codes[row])]

    def batch(self) -> pa.RecordBatch:
        """Give them as columns: `effect`, `layer`, `deciding`, `unknown_keys`, each a dictionary over the decisions."""
        index = pa.array(self.codes.astype(np.int32))
        columns = {
            "effect": [str(each.effect) for each in self.distinct],
            "layer": [each.layer for each in self.distinct],
            "deciding": ["; ".join(map(str, each.deciding)) for each in self.distinct],
            "unknown_keys": ["; ".join(each.unknown_keys) for each in self.distinct],
        }
        arrays = [pa.DictionaryArray.from_arrays(index, pa.array(values, pa.string())) for values in columns.values()]
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def decide_batch(
    evaluators: Sequence[Evaluator],
    batch: pa.RecordBatch,
    *,
    absent: frozenset[str] = frozenset(),
    complete: bool = False,
    some: bool = False,
) -> Decisions:
    """Decide every row. `absent`, `complete` and `some` say of each row what they say of a request.

    A null in the column of a key is a key that is not known; it is absent when `absent` names it, or when all is
    complete.
    """
    if batch.num_rows == 0:
        return Decisions(np.zeros(0, np.int64), ())
    rows = _Rows(batch, Request("", None, {}, absent, complete, some=some))
    plans = _Plans(evaluators, rows)
    key = plans.codes
    for word in plans.words():
        key = _compact(key * (int(word.max()) + 1) + word)
    first = _first(key)
    decided = [evaluators[rows.evaluator(row)].decide(rows.request(row)) for row in first.tolist()]
    distinct = {decision: index for index, decision in enumerate(dict.fromkeys(decided))}
    return Decisions(np.array([distinct[each] for each in decided], np.int64)[key], tuple(distinct))


class _Column:
    """A column as codes of its distinct values."""

    __slots__ = ("codes", "values")

    def __init__(self, array: pa.Array) -> None:
        if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            listed = [None if value is None else tuple(value) for value in array.to_pylist()]
            found = {value: code for code, value in enumerate(dict.fromkeys(listed))}
            self.codes: Codes = np.fromiter((found[value] for value in listed), np.int64, len(listed))
            self.values: list[Any] = list(found)
            return
        encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        self.values = [*encoded.dictionary.to_pylist(), None]
        self.codes = encoded.indices.fill_null(len(self.values) - 1).to_numpy(zero_copy_only=False).astype(np.int64)


class _Rows:
    """The rows of a table as requests, or as contexts that hold some columns only."""

    def __init__(self, batch: pa.RecordBatch, like: Request) -> None:
        self.count = batch.num_rows
        self.columns = {
            name if name in NOT_KEYS else name.lower(): _Column(batch.column(index))
            for index, name in enumerate(batch.schema.names)
        }
        self._like = like
        self._keys = [name for name in self.columns if name not in NOT_KEYS]

    def value(self, name: str, row: int) -> Any:
        column = self.columns.get(name)
        return None if column is None else column.values[int(column.codes[row])]

    def evaluator(self, row: int) -> int:
        return int(self.value("evaluator", row))

    def request(self, row: int) -> Request:
        """Give a row as a request."""
        return self.made({name: self.value(name, row) for name in self.columns})

    def contexts(self, columns: Sequence[str], rows: Sequence[int], *, whole: bool) -> Iterator[Context]:
        """Give what is known of some rows from some columns only; each context is good until the next is taken."""
        if whole:
            for row in rows:
                yield Context(self.made({name: self.value(name, row) for name in columns}))
            return
        context = Context(self.made({}))
        found = [(name, self.columns[name].values, self.columns[name].codes[rows].tolist()) for name in columns]
        for place in range(len(rows)):
            for name, values, codes in found:
                context.put(name, values[codes[place]])
            yield context

    def made(self, values: Mapping[str, Any]) -> Request:
        """Make a request of the values of some columns; the others are as if they were not there."""
        principal = values.get("principal")
        keys = {name: values[name] for name in self._keys if name in values}
        return Request(
            values.get("action") or "",
            values.get("resource"),
            {name: value for name, value in keys.items() if value is not None},
            self._like.absent,
            self._like.complete,
            Principal.of(principal) if principal else None,
            values.get("resource_account"),
            some=self._like.some,
        )


@dataclass(slots=True)
class _Feature:
    """Something that rules ask of rows: of which columns, and how."""

    columns: tuple[str, ...]
    outcome: Callable[[Context], int]
    whole: bool
    """Whether it needs whole requests, for it asks who asks, or keys that follow from that."""
    plans: list[int]
    """Where it matters."""


class _Plans:
    """Which rules each row meets, and the features that these rules ask."""

    def __init__(self, evaluators: Sequence[Evaluator], rows: _Rows) -> None:
        self._rows = rows
        evaluator, action = rows.columns["evaluator"], rows.columns["action"]
        self.codes: Codes = _compact(evaluator.codes * len(action.values) + action.codes)
        self._features: dict[Any, _Feature] = {}
        self._sets: dict[tuple[str, ...], tuple[Codes, Codes]] = {}
        first = _first(self.codes)
        self._count = len(first)
        for plan, row in enumerate(first.tolist()):
            asked = (rows.value("action", row) or "").lower()
            for level in evaluators[rows.evaluator(row)].speaking_of(asked):
                for rule in (*level.denies, *level.allows):
                    self._ask(level.name, rule, plan)

    def words(self) -> Iterator[Codes]:
        """Give, for each set of columns, what tells rows apart by the features that matter to them, as small codes."""
        if "principal" in self._rows.columns:
            yield _ways(self._rows)
        by_columns: dict[tuple[str, ...], list[_Feature]] = {}
        for feature in self._features.values():
            if feature.columns:
                by_columns.setdefault(feature.columns, []).append(feature)
        for columns, features in by_columns.items():
            for start in range(0, len(features), _PER_WORD):
                yield self._word(columns, features[start : start + _PER_WORD])

    def _ask(self, layer: str, rule: Rule, plan: int) -> None:
        for predicate in rule.predicates:
            if predicate not in self._features:
                whole = any(key.lower() in FOLLOWING for key in predicate.keys)
                feature = _Feature(self._columns_of(predicate), _predicate_of(predicate), whole, [])
                self._features[predicate] = feature
            self._features[predicate].plans.append(plan)
        if layer in NAMING and "principal" in self._rows.columns:
            named = _Feature(("principal",), _naming_of(layer, rule), whole=True, plans=[])
            self._features.setdefault((layer, rule), named).plans.append(plan)

    def _columns_of(self, predicate: Predicate) -> tuple[str, ...]:
        found: set[str] = set()
        for written in predicate.keys:
            key = written if written == RESOURCE else written.lower()
            found |= {key, *FOLLOWING.get(key, ())}
        return tuple(sorted(found & self._rows.columns.keys()))

    def _word(self, columns: tuple[str, ...], features: Sequence[_Feature]) -> Codes:
        codes, first = self._set(columns)
        words = np.zeros(len(first), np.int64)
        masks = np.zeros(self._count, np.int64)
        for place, feature in enumerate(features):
            matters = np.zeros(self._count, np.bool_)
            matters[feature.plans] = True
            masks[matters] |= ((1 << _BITS) - 1) << (place * _BITS)
            seen = np.zeros(len(first), np.bool_)
            seen[codes if matters.all() else codes[matters[self.codes]]] = True
            self._compute(columns, feature, np.flatnonzero(seen), first, words, place * _BITS)
        return _compact(words[codes] & masks[self.codes])

    def _compute(
        self, columns: tuple[str, ...], feature: _Feature, wanted: Codes, first: Codes, words: Codes, shift: int
    ) -> None:
        contexts = self._rows.contexts(columns, first[wanted].tolist(), whole=feature.whole)
        outcomes = np.fromiter(map(feature.outcome, contexts), np.int64, len(wanted))
        words[wanted] |= outcomes << shift

    def _set(self, columns: tuple[str, ...]) -> tuple[Codes, Codes]:
        """Give the distinct values of some columns together: a code for each row, and a row for each code."""
        found = self._sets.get(columns)
        if found is None:
            codes = self._rows.columns[columns[0]].codes
            for name in columns[1:]:
                column = self._rows.columns[name]
                codes = _compact(codes * len(column.values) + column.codes)
            codes = _compact(codes)
            found = self._sets[columns] = (codes, _first(codes))
        return found


def _predicate_of(predicate: Predicate) -> Callable[[Context], int]:
    test = predicate.test

    def outcome(context: Context) -> int:
        held = test(context)
        return 2 if held is None else int(held)

    return outcome


def _naming_of(layer: str, rule: Rule) -> Callable[[Context], int]:
    return lambda context: int(names(layer, rule, context.request.principal))


def _ways(rows: _Rows) -> Codes:
    """Tell for each row whether the caller has policies of its own, and whether it asks for another account's."""
    column = rows.columns["principal"]
    callers = [Principal.of(name) if name else None for name in column.values]
    accounts: dict[str | None, int] = {None: 0}
    mine = _numbered([caller.account if caller else None for caller in callers], accounts)[column.codes]
    resource = rows.columns["resource"]
    theirs = _numbered([account_of(value) for value in resource.values], accounts)[resource.codes]
    if "resource_account" in rows.columns:
        given = rows.columns["resource_account"]
        said = _numbered(given.values, accounts)[given.codes]
        theirs = np.where(said > 0, said, theirs)
    own = np.array([has_policies(caller) for caller in callers], np.int64)[column.codes]
    crosses: Codes = (mine > 0) & (theirs > 0) & (mine != theirs)
    return own + 2 * crosses.astype(np.int64)


def _numbered(values: Sequence[str | None], numbers: dict[str | None, int]) -> Codes:
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _compact(codes: Codes) -> Codes:
    """Renumber codes from 0, in the order in which they first occur."""
    indices: Codes = pa.array(codes).dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return indices


def _first(codes: Codes) -> Codes:
    """Give the first row of each code; codes are numbered from 0."""
    first = np.zeros(int(codes.max()) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first
