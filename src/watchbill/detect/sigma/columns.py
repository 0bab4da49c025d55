"""Rules asked of many events at once, over batches of the table.

The hits are exactly those that asking each rule of each record gives; what is shared is asked once:

1. Rules are asked first of each distinct pair of `eventSource` and `eventName`: most are out, some hold, and of the
   others what is left to ask is kept for the next batch too. A rule that looks at neither is asked of all rows.
2. A leaf about a column of shared texts, about `userIdentity`, `tlsDetails` or a derived field is decided once for each
   distinct value. One about JSON that each row has for itself (`requestParameters`, ...) is decided last, and only for
   the rows that are still undecided. A keyword needs the whole record, and comes after that.
3. What was read of a text, and decided on what stands at a path, is kept for the next batch too, up to a limit.
4. What `rest` says of a field counts before its column, as it does when a row is made a record again.

Events of hosts go through `hosts`, one by one; those of identity providers no rule is for.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.detect.sigma.hosts import HostMatcher, host_record
from watchbill.detect.sigma.model import Records, Rule
from watchbill.detect.sigma.tree import All, Either, Keyword, Leaf, Node, Not, Pair, known_of, paths_of, searched
from watchbill.detect.sigma.values import Path, values_at
from watchbill.trail.table import PLAIN, SCHEMA, TEXTS, record_of, rows_of


Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Values = list[Any]

SOURCE: Final[Path] = ("eventSource",)
NAME: Final[Path] = ("eventName",)
TIME: Final[Path] = ("eventTime",)

_DERIVED: Final = "wb"
_PROVIDER: Final = "IdentityProvider"
_PLANS: Final = 4_000
"""Pairs of source and name whose plan is kept."""

_MOSTLY_NULL: Final = frozenset({"error_message"})
"""Columns that have a text in few rows, so that these are soon told apart; most rules ask whether there is one."""

_REMEMBERED: Final = 50_000
"""Texts that are kept with what was read at a path, or decided by a leaf: some 10 MB."""

_LONGEST_TEXT: Final = 1_000
"""Characters of a text that is kept."""

_LONGEST_NAME: Final = 300
"""Characters of such a pair, written out, that is kept."""

_NOTHING: Final[Mapping[str, Any]] = dict.fromkeys(SCHEMA.names)


@dataclass(frozen=True, slots=True)
class Hits:
    """Which rows of a batch which rules match, in order of the rows, then of the rules."""

    rows: Rows
    rules: npt.NDArray[np.int32]
    columns: "Columns"
    """The batch, to see what is in its rows."""


class _Known:
    """What was read and decided before: both hang on nothing but the text and the rule."""

    def __init__(self) -> None:
        self._read: dict[Path, dict[str, Values]] = {}
        self._decided: dict[str, dict[tuple[str, ...], bool]] = {}

    def read(self, path: Path) -> dict[str, Values]:
        """Give what stands at a path by the text that it was read from."""
        return self._read.setdefault(path, {})

    def decide(self, leaf: Leaf, every: Iterable[Values]) -> Flags:
        """Decide on values at a leaf's path; on texts that were there before as before."""
        known, decide = self._decided.setdefault(leaf.key, {}), leaf.decide
        found: list[bool] = []
        for values in every:
            key = _key_of(values)
            if key is None:
                found.append(decide(values))
                continue
            said = known.get(key)
            if said is None:
                said = known[key] = decide(values)
            found.append(said)
        return np.array(found, np.bool_)

    def make_room(self) -> None:
        """Forget all where it is too much."""
        if sum(map(len, self._read.values())) + sum(map(len, self._decided.values())) > _REMEMBERED:
            self._read.clear()
            self._decided.clear()


class Columns:
    """A batch of the table, as rules look at it."""

    def __init__(self, batch: pa.RecordBatch, known: "_Known | None" = None) -> None:
        """Take a batch of `table.SCHEMA`, or some of its columns, and any `wb.*`; `known` is what was read before."""
        self._batch = batch
        self._known = known or _Known()
        self.count: int = batch.num_rows
        self._names = set(batch.schema.names)
        self._told: dict[str | None, tuple[Rows, list[Any]]] = {}
        self._distinct: dict[Path, tuple[Rows, list[Values]] | None] = {}
        self._decided: dict[str, Flags] = {}
        self._values: dict[Path, dict[int, Values]] = {}
        self._decoded: dict[str, Any] = {}
        self._searched: dict[int, tuple[str, str]] = {}
        self._is_host: Flags = np.zeros(self.count, np.bool_)
        if "host" in self._names:
            self._is_host = pc.is_valid(batch["host"]).to_numpy(zero_copy_only=False)
        self._rest_codes, self._rests = self._read_rest()
        self._says = [{field: value for field, value in rest.items() if value is not None} for rest in self._rests]

    def rows(self, *, hosts: bool) -> Rows:
        """Give the rows of hosts, or those of CloudTrail."""
        ours = self._is_host if hosts else ~self._is_host
        if not hosts and "category" in self._names:
            codes, texts = _coded(self._batch["category"])
            providers = np.array([text == _PROVIDER for text in texts] or [False])
            ours = ours & ~providers[codes]
        return np.flatnonzero(ours)

    def pairs(self, rows: Rows) -> tuple[list[tuple[Values, Values]], list[Rows]]:
        """Give each distinct pair of what stands for source and name, and the rows that have it."""
        if not len(rows):
            return [], []
        (sources, source_values), (names, name_values) = self._shared(SOURCE), self._shared(NAME)
        keys = sources[rows] * len(name_values) + names[rows]
        unique, inverse = np.unique(keys, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        ends = np.cumsum(np.bincount(inverse, minlength=len(unique)))
        found = [divmod(int(key), len(name_values)) for key in unique]
        return [(source_values[one], name_values[other]) for one, other in found], np.split(rows[order], ends[:-1])

    def holds(self, node: Node, rows: Rows) -> Flags:
        """Tell for each of some rows whether a tree holds."""
        match node:
            case Leaf():
                return self._leaf(node, rows)
            case Not():
                return ~self.holds(node.part, rows)
            case All():
                return self._until(node.parts, rows, decisive=False)
            case Either():
                return self._until(node.parts, rows, decisive=True)
            case Pair():
                ones, others = self.values(node.path, rows), self.values(node.other, rows)
                return _flags(node.decide(one, other) for one, other in zip(ones, others, strict=True))
            case Keyword():
                self._search(rows)
                return _flags(node.decide(*self._searched[row]) for row in rows.tolist())

    def values(self, path: Path, rows: Rows) -> list[Values]:
        """Give what stands at a path for each of some rows; of those of hosts, in their records."""
        of_hosts = self._is_host[rows]
        if path[0] != _DERIVED and of_hosts.any():
            found = dict(zip(rows[of_hosts].tolist(), self.records(rows[of_hosts]), strict=True))
            others = iter(self._own_values(path, rows[~of_hosts]))
            return [values_at(found[row], path) if row in found else next(others) for row in rows.tolist()]
        return self._own_values(path, rows)

    def _own_values(self, path: Path, rows: Rows) -> list[Values]:
        shared = self._shared_if_any(path)
        if shared is not None:
            codes, values = shared
            return [values[code] for code in codes[rows].tolist()]
        found = self._values.setdefault(path, {})
        missing = [row for row in rows.tolist() if row not in found]
        if missing:
            found.update(zip(missing, self._read(path, missing), strict=True))
        return [found[row] for row in rows.tolist()]

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        """Give the records of some rows, derived fields in them."""
        taken = self._batch.take(pa.array(rows))
        found = []
        for row in rows_of(taken):
            record = record_of({**_NOTHING, **row})
            # Only watchbill derives fields: a record that brings some of its own is not believed.
            record.pop(_DERIVED, None)
            if row.get("host") is not None:
                record = host_record(record, {**_NOTHING, **row})
            if derived := _nested(row):
                record[_DERIVED] = derived
            found.append(record)
        return found

    def column(self, name: str, rows: Rows) -> list[Any]:
        """Give a column of the table for some rows; None where there is no such column."""
        if name not in self._names:
            return [None] * len(rows)
        taken = self._batch[name].take(pa.array(rows))
        return list(taken.to_pylist())

    def times(self) -> pa.Array:
        """Give the times of all rows, in milliseconds since 1970."""
        return self._batch["time_ms"]

    def _until(self, parts: Sequence[Node], rows: Rows, *, decisive: bool) -> Flags:
        """Ask part after part, the cheap ones first, each only of the rows that those before left open."""
        result = np.full(len(rows), not decisive)
        open_ones = np.arange(len(rows))
        for part in sorted(parts, key=_weight):
            found = self.holds(part, rows[open_ones])
            settled = found if decisive else ~found
            result[open_ones[settled]] = decisive
            open_ones = open_ones[~settled]
            if not len(open_ones):
                break
        return result

    def _leaf(self, leaf: Leaf, rows: Rows) -> Flags:
        shared = self._shared_if_any(leaf.path)
        if shared is None:
            return self._known.decide(leaf, self.values(leaf.path, rows))
        decided = self._decided.get(leaf.key)
        if decided is None:
            decided = self._decided[leaf.key] = self._known.decide(leaf, shared[1])
        return decided[shared[0][rows]]

    def _search(self, rows: Rows) -> None:
        missing = [row for row in rows.tolist() if row not in self._searched]
        for row, record in zip(missing, self.records(np.array(missing, np.int64)) if missing else (), strict=True):
            self._searched[row] = searched(record)

    def _shared(self, path: Path) -> tuple[Rows, list[Values]]:
        found = self._shared_if_any(path)
        assert found is not None, "it has a column of shared texts"
        return found

    def _shared_if_any(self, path: Path) -> tuple[Rows, list[Values]] | None:
        """Give for each row the number of what stands at a path, and these; None where each row has its own."""
        if path not in self._distinct:
            self._distinct[path] = self._make_shared(path)
        return self._distinct[path]

    def _make_shared(self, path: Path) -> tuple[Rows, list[Values]] | None:
        column = _column_of(path)
        if _is_own(path):
            return None
        field = path[0]
        codes, told = self._of_column(column, decoded if field in TEXTS else _same)
        if field == _DERIVED:
            return codes, [values_at(value, ()) for value in told]
        values = [[] if value is None else values_at(value, path[1:]) for value in told]
        return _alike(*self._overruled(path, codes, told, values))

    def _of_column(self, column: str | None, decode: Callable[[Any], Any]) -> tuple[Rows, list[Any]]:
        """Give for each row the number of what a column says, and these, decoded once for all paths in it."""
        if column not in self._told:
            if column is None or column not in self._names:
                codes, said = np.zeros(self.count, np.int64), [None]
            else:
                codes, said = _coded(self._batch[column])
            self._told[column] = codes, [decode(value) for value in said]
        return self._told[column]

    def _overruled(self, path: Path, codes: Rows, told: list[Any], values: list[Values]) -> tuple[Rows, list[Values]]:
        """Put in what `rest` says of a path, for the rows that it says something for."""
        concerned = self._concerned(path)
        if not concerned.any():
            return codes, values
        rows = np.flatnonzero((self._rest_codes >= 0) & concerned[self._rest_codes])
        found: dict[tuple[int, int], int] = {}
        codes = codes.copy()
        for row in rows.tolist():
            key = (int(codes[row]), int(self._rest_codes[row]))
            if key not in found:
                found[key] = len(values)
                values.append(values_at(self._said(row, path[0], told[key[0]]), path))
            codes[row] = found[key]
        return codes, values

    def _said(self, row: int, field: str, value: Any) -> Mapping[str, Any]:
        """Give as much of the record of a row as tells of a field, whose column says `value`."""
        code = self._rest_codes[row]
        record = {} if value is None else {field: value}
        if code < 0:
            return record
        if field in self._rests[code]:
            record = {}
        return {**record, **self._says[code]}

    def _read(self, path: Path, rows: list[int]) -> Iterator[Values]:
        """Give what stands at a path in a field that each row has for itself; a text is read once for all its rows."""
        field = path[0]
        if field == TIME[0]:
            for row, at in zip(rows, self.column("time_ms", np.array(rows)), strict=True):
                value = None if at is None else record_of({**_NOTHING, "time_ms": at})[field]
                yield values_at(self._said(row, field, value), path)
            return
        texts = self.column(_column_of(path) or "", np.array(rows))
        known, concerned = self._known.read(path), self._concerned(path)
        for row, text in zip(rows, texts, strict=True):
            code = self._rest_codes[row]
            if code >= 0 and concerned[code]:
                yield values_at(self._said(row, field, self._value_of(field, text, path)), path)
            elif text is None:
                yield []
            elif text in known:
                yield known[text]
            else:
                value = self._value_of(field, text, path)
                values = [] if value is None else values_at(value, path[1:])
                if len(text) <= _LONGEST_TEXT:
                    known[text] = values
                yield values

    def _value_of(self, field: str, text: str | None, path: Path) -> Any:
        """Give what the text of a column says of a field, as far as a path in it goes."""
        if field not in TEXTS or text is None:
            return text
        if text not in self._decoded:
            if _lacks(text, path):
                return {}
            self._decoded[text] = decoded(text)
        return self._decoded[text]

    def _concerned(self, path: Path) -> Flags:
        """Tell which of what `rest` says is about a path."""
        joined = ".".join(path)
        return _flags(path[0] in rest or joined in rest for rest in self._rests)

    def _read_rest(self) -> tuple[Rows, list[Mapping[str, Any]]]:
        """Give for each row the number of its `rest`, -1 where it has none, and these."""
        nothing = np.full(self.count, -1, np.int64)
        if "rest" not in self._names or self._batch["rest"].null_count == self.count:
            return nothing, []
        # Those of hosts hold nearly their whole record, and are not looked at here.
        column = self._batch["rest"]
        if "host" in self._names:
            column = pc.if_else(pc.is_null(self._batch["host"]), column, None)
        codes, texts = _coded(column)
        rests = [decoded(text) for text in texts]
        kept = [number for number, rest in enumerate(rests) if isinstance(rest, dict)]
        places = np.full(len(texts), -1, np.int64)
        places[kept] = np.arange(len(kept))
        return places[codes] if len(texts) else nothing, [rests[number] for number in kept]


class Matcher:
    """Asks rules of batches. It learns which rules each kind of event concerns, and is to be kept between batches."""

    def __init__(self, rules: Sequence[Rule], timer: Callable[[], float] | None = None) -> None:
        """Take rules; with a `timer` it counts how long each takes, in the timer's unit."""
        self.rules = tuple(rules)
        self.spent = [0.0] * len(self.rules)
        """How long was spent on each rule so far; without a timer, nothing."""
        self._timer = timer
        self._hosts = HostMatcher(list(enumerate(self.rules)))
        self._named: dict[str, list[int]] = {}
        self._unnamed: list[int] = []
        self._anywhere: list[int] = []
        for number, rule in enumerate(self.rules):
            if rule.records is not Records.CLOUDTRAIL:
                continue
            if not paths_of(rule.condition) & {SOURCE, NAME}:
                self._anywhere.append(number)
            elif rule.names is None:
                self._unnamed.append(number)
            for name in rule.names or ():
                self._named.setdefault(name, []).append(number)
        self._plans: dict[tuple[Any, ...], list[tuple[int, Node | bool]]] = {}
        self._known = _Known()

    def match(self, batch: pa.RecordBatch) -> Hits:
        """Give which rows which rules match."""
        self._known.make_room()
        columns = Columns(batch, self._known)
        rows: list[Rows] = []
        rules: list[int] = []
        for number, node, own in self._asked(columns):
            began = self._timer() if self._timer else 0.0
            found = own if node is True else own[columns.holds(node, own)]
            if self._timer:
                self.spent[number] += self._timer() - began
            if len(found):
                rows.append(found)
                rules.append(number)
        all_rows = np.concatenate(rows) if rows else np.array([], np.int64)
        all_rules = np.repeat(np.array(rules, np.int32), [len(each) for each in rows])
        host_rows, host_rules = self._match_hosts(columns)
        all_rows, all_rules = np.concatenate([all_rows, host_rows]), np.concatenate([all_rules, host_rules])
        order = np.lexsort((all_rules, all_rows))
        return Hits(all_rows[order], all_rules[order], columns)

    def _asked(self, columns: Columns) -> Iterable[tuple[int, Node | Any, Rows]]:
        """Give which rules are to be asked, what is left to ask of each, and of which rows."""
        ours = columns.rows(hosts=False)
        if not len(ours):
            return
        for number in self._anywhere:
            yield number, self.rules[number].condition, ours
        left: dict[tuple[int, str], tuple[Node | bool, list[Rows]]] = {}
        for (sources, names), rows in zip(*columns.pairs(ours), strict=True):
            for number, node in self._plan(sources, names):
                key = (number, "" if isinstance(node, bool) else node.key)
                left.setdefault(key, (node, []))[1].append(rows)
        for (number, _), (node, pieces) in left.items():
            yield number, node, pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _plan(self, sources: Values, names: Values) -> list[tuple[int, Node | bool]]:
        """Give the rules that may match events of a source and a name, and what is left to ask of each."""
        key = (*map(repr, sources), None, *map(repr, names))
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            candidates = [
                number for name in names if isinstance(name, str) for number in self._named.get(name.lower(), ())
            ]
            known = {SOURCE: sources, NAME: names}
            asked = [
                (number, known_of(self.rules[number].condition, known)) for number in [*candidates, *self._unnamed]
            ]
            plan = [(number, node) for number, node in asked if node is not False]
            if sum(len(each) for each in key if each) <= _LONGEST_NAME:
                self._plans[key] = plan
        return plan

    def _match_hosts(self, columns: Columns) -> tuple[Rows, npt.NDArray[np.int32]]:
        rows: list[int] = []
        rules: list[int] = []
        own = columns.rows(hosts=True) if self._hosts else np.array([], np.int64)
        sources = columns.column("source", own)
        for place in range(0, len(own), _AT_ONCE):
            some = own[place : place + _AT_ONCE]
            for row, source, record in zip(
                some.tolist(), sources[place : place + _AT_ONCE], columns.records(some), strict=True
            ):
                found = self._hosts.match(source, record)
                rows += [row] * len(found)
                rules += found
        return np.array(rows, np.int64), np.array(rules, np.int32)


_AT_ONCE: Final = 2_000
"""Records of hosts that are made at once."""


def decoded(text: str | None) -> Any:
    """Decode a text of JSON of the table; None where there is none."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        # A number too large for a double: infinite, as `table.record_of` has it.
        return json.loads(text)


def _lacks(text: str, path: Path) -> bool:
    """Tell whether nothing in an object, as text of JSON, has the last name of a path; what may be escaped is not told.

    It need not be decoded then. Of a name with dots in it the last part ends it.
    """
    last = path[-1]
    return len(path) > 1 and last.isidentifier() and f'{last}"' not in text and "\\u" not in text and text[:1] == "{"


def _same(value: Any) -> Any:
    return value


def _alike(codes: Rows, values: list[Values]) -> tuple[Rows, list[Values]]:
    """Give one number to what is one text, or nothing: the sessions of one role have many identities."""
    numbers: dict[tuple[Any, ...], int] = {}
    kept: list[Values] = []
    places = np.zeros(len(values), np.int64)
    for place, each in enumerate(values):
        key = _key_of(each)
        places[place] = number = numbers.setdefault((None, place) if key is None else key, len(kept))
        if number == len(kept):
            kept.append(each)
    return places[codes], kept


def _key_of(values: Values) -> tuple[str, ...] | None:
    """Give what values are known by; None where they are not only texts, or long ones."""
    for each in values:
        if type(each) is not str:
            return None
    return tuple(values) if sum(map(len, values)) <= _LONGEST_TEXT else None


def _flags(found: Iterable[bool]) -> Flags:
    return np.fromiter(found, np.bool_)


def _coded(column: pa.Array) -> tuple[Rows, list[Any]]:
    """Give for each row the number of its value, and those values that are there, null among them."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    size = len(column.dictionary)
    codes = pc.fill_null(column.indices, size).to_numpy(zero_copy_only=False).astype(np.int64)
    used = np.flatnonzero(np.bincount(codes, minlength=size + 1))
    places = np.zeros(size + 1, np.int64)
    places[used] = np.arange(len(used))
    known = used[used < size]
    values: list[Any] = column.dictionary.take(pa.array(known)).to_pylist()
    return places[codes], values + [None] * (len(used) - len(known))


def _column_of(path: Path) -> str | None:
    """Name the column that a path looks at; None where only `rest` may have it."""
    if path[0] == _DERIVED:
        return ".".join(path)
    return PLAIN.get(path[0]) or TEXTS.get(path[0])


@lru_cache(maxsize=10_000)
def _is_own(path: Path) -> bool:
    """Tell whether each row has a value of its own at a path, so that sharing the decision gains nothing."""
    column = _column_of(path)
    if path == TIME or path[0] == TIME[0]:
        return True
    if path[0] == _DERIVED or column is None or column in _MOSTLY_NULL:
        return False
    return bool(SCHEMA.field(column).type == pa.string())


def _weight(node: Node) -> int:
    match node:
        case Leaf():
            return 2 if _is_own(node.path) else 0
        case Pair():
            return 3
        case Keyword():
            return 4
        case Not():
            return _weight(node.part)
        case _:
            return max(1, *map(_weight, node.parts))


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give the derived fields of a row as they nest in a record."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None or not name.startswith(f"{_DERIVED}."):
            continue
        *above, last = name.split(".")[1:]
        inner = found
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return found
