"""Decide a table of requests at once, with the reasons of each.

Rows that no rule can tell apart get the same decision, so one of them is decided for all:

1. Rows are of one *plan* when the same rules speak of them. Most actions of most people are of few plans.
2. What rules ask are predicates. Each looks at few columns, and is asked once for each distinct value of them that
   occurs where it matters, by the very test that a single decision uses.
3. From that follows, for whole columns, which rules apply. Rows of one plan to which the same rules apply, and may
   apply for the same reasons, are decided once.

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
from watchbill.policy.evaluate import NAMING, Evaluator, Level, decided_by_service, names
from watchbill.policy.model import Decision, Principal, Request
from watchbill.policy.rules import Rule
from watchbill.policy.services import fixed, must_allow


Codes = npt.NDArray[np.int64]
Outcomes = npt.NDArray[np.uint8]

NOT_KEYS = ("evaluator", "action", "resource", "principal", "resource_account")
"""Columns that are no condition keys."""

BY_SERVICE = ("kms:", "sts:", "iam:")
"""Starts of actions that services have rules of their own about."""


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
    asked = _Asked(rows)
    codes = np.zeros(rows.count, np.int64)
    distinct: dict[Decision, int] = {}
    for plan, members in _plans(evaluators, rows):
        for decision, those in asked.decide(plan, members):
            codes[those] = distinct.setdefault(decision, len(distinct))
    return Decisions(codes, tuple(distinct))


class _Column:
    """A column as codes of its distinct values."""

    __slots__ = ("codes", "nulls", "values")

    def __init__(self, array: pa.Array) -> None:
        if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            listed = [None if value is None else tuple(value) for value in array.to_pylist()]
            found = {value: code for code, value in enumerate(dict.fromkeys(listed))}
            self.codes: Codes = np.fromiter((found[value] for value in listed), np.int64, len(listed))
            self.values: list[Any] = list(found)
            self.nulls = None in found
            return
        encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        self.values = [*encoded.dictionary.to_pylist(), None]
        self.nulls = encoded.null_count > 0 or None in self.values[:-1]
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


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules that speak of some rows, and an evaluator that settles them."""

    evaluator: Evaluator
    levels: tuple[Level, ...]
    action: str
    """In lower case; empty where no service has a rule of its own about it."""

    def special(self, resource: str | None) -> object:
        """Tell what services decide, or ask for, by a resource."""
        has_policy = self.evaluator.layers.resource is not None
        return fixed(self.action, resource), must_allow(self.action, resource, has_policy=has_policy)

    def named(self, principal: str | None) -> object:
        """Tell how the rules name a caller."""
        caller = Principal.of(principal) if principal else None
        named = (level for level in self.levels if level.name in NAMING)
        return tuple(names(level.name, rule, caller) for level in named for rule in (*level.denies, *level.allows))


def _plans(evaluators: Sequence[Evaluator], rows: "_Rows") -> Iterator[tuple[_Plan, Codes]]:
    """Sort rows by plan."""
    evaluator, action = rows.columns["evaluator"], rows.columns["action"]
    pairs = _compact(evaluator.codes * len(action.values) + action.codes)
    plans: dict[tuple[object, ...], int] = {}
    found: list[_Plan] = []
    number: list[int] = []
    for row in _first(pairs).tolist():
        chosen, name = evaluators[rows.evaluator(row)], (rows.value("action", row) or "").lower()
        levels, layers = chosen.speaking_of(name), chosen.layers
        special = name.startswith(BY_SERVICE)
        kind = (layers.boundary is None, layers.resource is None, layers.resource_unread)
        key = (levels, kind, layers.in_management_account, layers.service_linked, name if special else "")
        place = plans.setdefault(key, len(plans))
        if place == len(found):
            found.append(_Plan(chosen, levels, name if special else ""))
        number.append(place)
    of = np.array(number, np.int64)[pairs]
    order = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of, minlength=len(found)))
    return zip(found, np.split(order, ends[:-1]), strict=True)


class _Asked:
    """What predicates answered of the distinct values of their columns."""

    def __init__(self, rows: "_Rows") -> None:
        self._rows = rows
        self._sets: dict[tuple[str, ...], tuple[Codes, Codes]] = {}
        self._tables: dict[Predicate, tuple[tuple[str, ...], Outcomes]] = {}
        self._ways = _ways(rows) if "principal" in rows.columns else None
        """For each row, who asks from where, as a small code."""

    def decide(self, plan: _Plan, members: Codes) -> Iterator[tuple[Decision, Codes]]:
        """Decide the rows of a plan: each decision with its rows."""
        rules = [rule for level in plan.levels for rule in (*level.denies, *level.allows)]
        outcomes = {rule: self._outcome(rule, members) for rule in dict.fromkeys(rules)}
        told = [code for code in outcomes.values() if isinstance(code, np.ndarray)]
        if self._ways is not None:
            told.append(self._ways[members])
        if plan.action:
            told.append(self._alike("resource", members, plan.special))
        if self._ways is not None and any(level.name in NAMING for level in plan.levels):
            told.append(self._alike("principal", members, plan.named))
        key = _together(told, len(members))
        first = _first(key)
        applying = _applying(outcomes, first)
        decided = [self._settled(plan, each, row) for each, row in zip(applying, members[first].tolist(), strict=True)]
        order = np.argsort(key, kind="stable")
        ends = np.cumsum(np.bincount(key, minlength=len(first)))
        for decision, those in zip(decided, np.split(order, ends[:-1]), strict=True):
            yield decision, members[those]

    def _alike(self, name: str, members: Codes, of: Callable[[str | None], object]) -> Codes:
        """Give rows numbers by what follows from the value of a column."""
        column = self._rows.columns[name]
        codes = column.codes[members]
        distinct = np.unique(codes)
        numbers: dict[object, int] = {}
        table = np.zeros(len(column.values), np.int64)
        table[distinct] = [numbers.setdefault(of(column.values[code]), len(numbers)) for code in distinct.tolist()]
        return table[codes]

    def _settled(self, plan: _Plan, applying: Mapping[Rule, bool | None], row: int) -> Decision:
        request = self._rows.request(row)
        if plan.action and (decision := decided_by_service(request)) is not None:
            return decision
        asked = plan.evaluator.is_asked
        levels = [level.only(applying) for level in plan.levels if asked(level.name, request)]
        return plan.evaluator.settle(request, levels, applying.__getitem__, lambda: Context(request))

    def _outcome(self, rule: Rule, members: Codes) -> Codes | int:
        """Tell for each row whether a rule applies; one number where that is the same for all.

        0 does not, 1 does, and from 2 on may: by which of its predicates hang, as a number of one bit for each.
        """
        left: Codes | None = None
        """Which rows no predicate has failed yet; None is all of them."""
        hanging: Codes = np.zeros(len(members), np.int64)
        # Those of few distinct values first: they are the cheapest to ask, and leave the others less.
        order = sorted(enumerate(rule.predicates), key=lambda each: len(self._table(each[1])[1]))
        for place, predicate in order:
            answers = self._answers(predicate, members if left is None else members[left])
            if isinstance(answers, int):
                if answers == _FAILS:
                    return 0
                hanging += (answers == _HANGS) << place
                continue
            where = slice(None) if left is None else left
            hanging[where] += (answers == _HANGS).astype(np.int64) << place
            kept = np.flatnonzero(answers)
            if len(kept) < len(answers):
                left = kept if left is None else left[kept]
            if not len(kept):
                return 0
        code = hanging + 1
        if left is None:
            return code if hanging.any() else 1
        found = np.zeros(len(members), np.int64)
        found[left] = code[left]
        return found

    def _answers(self, predicate: Predicate, members: Codes) -> "Outcomes | int":
        """Give what a predicate answers of each row; one number where it is the same for all."""
        columns, table = self._table(predicate)
        if not columns:
            if table[0] == _NOT_ASKED:
                table[0] = _outcome_of(predicate.test(Context(self._rows.made({}))))
            return int(table[0])
        codes, first = self._set(columns)
        mine = codes[members]
        answers = table[mine]
        missing = answers == _NOT_ASKED
        if missing.any():
            wanted = np.unique(mine[missing])
            table[wanted] = self._ask(predicate, columns, first[wanted].tolist())
            answers = table[mine]
        return answers

    def _ask(self, predicate: Predicate, columns: tuple[str, ...], rows: list[int]) -> list[int]:
        test, found = predicate.test, self._rows
        follows = any(key in FOLLOWING and key not in columns for key in map(str.lower, predicate.keys))
        if len(columns) > 1 or follows:
            return [_outcome_of(test(Context(found.made({n: found.value(n, row) for n in columns})))) for row in rows]
        context, column = Context(found.made({})), found.columns[columns[0]]
        answers = []
        for code in column.codes[rows].tolist():
            context.put(columns[0], column.values[code])
            answers.append(_outcome_of(test(context)))
        return answers

    def _table(self, predicate: Predicate) -> tuple[tuple[str, ...], Outcomes]:
        found = self._tables.get(predicate)
        if found is None:
            columns = self._columns_of(predicate)
            size = len(self._set(columns)[1]) if columns else 1
            found = self._tables[predicate] = (columns, np.full(size, _NOT_ASKED, np.uint8))
        return found

    def _columns_of(self, predicate: Predicate) -> tuple[str, ...]:
        found: set[str] = set()
        for written in predicate.keys:
            key = written if written == RESOURCE else written.lower()
            column = self._rows.columns.get(key)
            # Where a row has no value of its own, some keys follow from who asks for what.
            found |= {key} if column is not None and not column.nulls else {key, *FOLLOWING.get(key, ())}
        return tuple(sorted(found & self._rows.columns.keys()))

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


_ROOM = 1 << 62
"""Codes that fit into a number."""
_FAILS, _HOLDS, _HANGS, _NOT_ASKED = 0, 1, 2, 255


def _applying(outcomes: Mapping[Rule, Codes | int], places: Codes) -> list[dict[Rule, bool | None]]:
    """Give for each of some rows the rules that apply, or may."""
    found: list[dict[Rule, bool | None]] = [{} for _ in places]
    for rule, code in outcomes.items():
        if isinstance(code, int):
            if code:
                for each in found:
                    each[rule] = True if code == 1 else None
            continue
        here = code[places]
        for place in np.flatnonzero(here).tolist():
            found[place][rule] = True if here[place] == 1 else None
    return found


def _outcome_of(held: bool | None) -> int:  # noqa: FBT001 - what a predicate answers
    return _HANGS if held is None else int(held)


def _ways(rows: "_Rows") -> Codes:
    """Give a code for each row of who asks from where: callers that rules name alike are still told apart."""
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
    kinds: dict[str | None, int] = {}
    told = [f"{caller.kind} {caller.entity[0]}" if caller else None for caller in callers]
    kind = _numbered(told, kinds)[column.codes]
    crosses: Codes = (mine > 0) & (theirs > 0) & (mine != theirs)
    return kind * 2 + crosses.astype(np.int64)


def _numbered(values: Sequence[str | None], numbers: dict[str | None, int]) -> Codes:
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def _compact(codes: Codes) -> Codes:
    """Renumber codes from 0, in the order in which they first occur."""
    indices: Codes = pa.array(codes).dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return indices


def _together(told: Sequence[Codes], count: int) -> Codes:
    """Give rows numbers by several codes together, from 0."""
    key: Codes = np.zeros(count, np.int64)
    most = 1
    for code in told:
        base = int(code.max()) + 1
        if most * base >= _ROOM:
            key = _compact(key)
            most = int(key.max()) + 1
        key = key * base + code
        most *= base
    return _compact(key)


def _first(codes: Codes) -> Codes:
    """Give the first row of each code; codes are numbered from 0."""
    first = np.zeros(int(codes.max()) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first
