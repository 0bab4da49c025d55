"""A table of requests, each column as numbers of its distinct values, so that a value is looked at once.

A null in the column of a condition key is a key that is not known; in a list of texts it is no value.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.policy.context import Context, account_of
from watchbill.policy.model import Principal, Request
from watchbill.policy.operators import Compare, Negated, Ordered, Read, Texts, read_instant
from watchbill.policy.patterns import Match


Codes = npt.NDArray[np.int32]
"""Small numbers of what is told apart."""
Keys = npt.NDArray[np.int64]
"""Large ones: of what is told apart by several things together, or a bit for each of them."""
Names = tuple[str, ...]
"""Columns by name, whose values are looked at together."""
Numbers = npt.NDArray[np.float64]
Holds = npt.NDArray[np.bool_]

NOT_KEYS = ("evaluator", "action", "resource", "principal", "resource_account")
"""Columns that are no condition keys."""

_HEAD = r"(?s)^(?P<head>arn:(?:[^:]*:){4})"
_EPOCH = "1970-01-01T00:00:00Z"
_WHOLE_SECOND = r"(?s)^.{10}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z$"
_PARTS = ((0, 10), (10, 17), (17, 20))
"""Where the day, the minute, and the second stand in a date of whole seconds."""

_AT_ONCE = 1 << 20
"""Comparisons whose answers are held at once."""


class Column:
    """A column of texts, or of lists of texts, as codes of its distinct values; 0 is null."""

    def __init__(self, name: str, array: pa.Array) -> None:
        self.has_texts = not (pa.types.is_list(array.type) or pa.types.is_large_list(array.type))
        """Whether its values are texts, not lists."""
        if self.has_texts:
            self.codes, self._texts = _encoded(_texts(name, array))
            self.size = len(self._texts) + 1
            """One more than the greatest code there may be."""
        else:
            _texts(name, array.values)
            listed = [None if each is None else tuple(v for v in each if v is not None) for each in array.to_pylist()]
            self.values = list(dict.fromkeys([None, *listed]))
            number = {value: code for code, value in enumerate(self.values)}
            self.codes = np.fromiter((number[each] for each in listed), np.int32, len(listed))
            self.size = len(self.values)
        self.has_nulls = bool((self.codes == 0).any())
        self._read: dict[Read, Numbers] = {}

    @cached_property
    def values(self) -> list[Any]:
        """Give the values by code."""
        return [None, *self._texts.to_pylist()]

    @cached_property
    def _code_of(self) -> Mapping[str, int]:
        return {text: code for code, text in enumerate(self.values) if code}

    def holding(self, match: Match, codes: Keys) -> Holds | None:
        """Tell of which texts a match holds that looks for some, or compares numbers; None where it does neither."""
        wanted = match.match if isinstance(match, Negated) else match
        if not isinstance(wanted, Texts | Ordered):
            return None
        if isinstance(wanted, Texts):
            held = self._among(wanted)[codes]
            return ~held if isinstance(match, Negated) else held
        numbers = self._numbers(wanted.read)[codes]
        held = np.zeros(len(codes), np.bool_)
        for limit in wanted.limits:
            held |= wanted.compare(numbers, limit)
        return ~held & ~np.isnan(numbers) if isinstance(match, Negated) else held

    def beyond(self, read: Read, compare: Compare, limits: Sequence[tuple[float, int]], codes: Keys) -> Keys:
        """Tell of texts the bits of the limits with which they do not compare as wanted: each comes with its bits."""
        numbers = self._numbers(read)[codes][:, np.newaxis]
        found: Keys = np.zeros(len(codes), np.int64)
        step = max(1, _AT_ONCE // len(codes))
        for start in range(0, len(limits), step):
            values, bits = zip(*limits[start : start + step], strict=True)
            fails = ~compare(numbers, np.array(values))
            found |= np.bitwise_or.reduce(np.where(fails, np.array(bits, np.int64), 0), axis=1)
        return found

    def _among(self, texts: Texts) -> Holds:
        found = np.zeros(self.size, np.bool_)
        found[[self._code_of[text] for text in texts if text in self._code_of]] = True
        return found

    def _numbers(self, read: Read) -> Numbers:
        """Read the texts as numbers, by code; NaN where one does not read as a number."""
        found = self._read.get(read)
        if found is None:
            numbers = _instants(self._texts) if read is read_instant else _read(read, self._texts.to_pylist())
            found = self._read[read] = np.concatenate(([np.nan], numbers))
        return found

    def accounts(self) -> tuple[Codes, list[str | None]]:
        """Give the accounts that ARNs name: for each value the number of its account among those given."""
        # Few heads are distinct, and the account that an ARN names is that of its head.
        codes, heads = _encoded(pc.struct_field(pc.extract_regex(self._texts, _HEAD), "head"))
        return np.concatenate((np.zeros(1, np.int32), codes)), [None, *map(account_of, heads.to_pylist())]


class Joint:
    """Several columns as codes of the values that they have together."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.codes = compact(joined([column.codes for column in columns]))
        self.first = first_of(self.codes)
        """A row of each code."""
        self.size = len(self.first)


class Table:
    """The rows of a table as requests, or as requests of which some columns only are known."""

    def __init__(self, batch: pa.RecordBatch, like: Request) -> None:
        """Take a batch; `like` says of every row what is absent, whether that is all, and whether it asks for some.

        Raises ValueError where a column is missing, or not of the type it must be of.
        """
        if missing := {"evaluator", "action", "resource"} - set(batch.schema.names):
            raise ValueError(f"a table of requests needs a column `{min(missing)}`")
        self.count = batch.num_rows
        self.like = like
        self.evaluators = _whole_numbers("evaluator", batch.column("evaluator"))
        self.columns = {
            name if name in NOT_KEYS else name.lower(): Column(name, batch.column(place))
            for place, name in enumerate(batch.schema.names)
            if name != "evaluator"
        }
        for name, column in self.columns.items():
            if name in NOT_KEYS and not column.has_texts:
                raise ValueError(f"column `{name}` must hold texts, not lists of them")
        if self.columns["action"].has_nulls:
            raise ValueError("column `action` must not have nulls")
        self.keys = frozenset(self.columns) - set(NOT_KEYS)
        """The columns that are condition keys."""
        self._joint: dict[Names, Joint] = {}

    def reorder(self, order: Keys) -> None:
        """Put the rows into another order."""
        self.evaluators = self.evaluators[order]
        for column in self.columns.values():
            column.codes = column.codes[order]
        self._joint.clear()

    def together(self, names: Names) -> Column | Joint:
        """Give a column, or several as one."""
        if len(names) == 1:
            return self.columns[names[0]]
        found = self._joint.get(names)
        if found is None:
            found = self._joint[names] = Joint([self.columns[name] for name in names])
        return found

    def value(self, name: str, row: int | np.int64) -> Any:
        """Give what a row has in a column; None where it has none."""
        column = self.columns[name]
        return column.values[column.codes[row]]

    def request(self, row: int) -> Request:
        """Give a row as a request."""
        return self.made({name: self.value(name, row) for name in self.columns})

    def contexts(self, names: Names, codes: Iterable[int], put: Collection[str]) -> Iterator[Context]:
        """Give what is known where some columns together have each of some values, and the others were not there.

        Those of `put` are put into a context in turn: nothing may follow from them.
        """
        made_of = [name for name in names if name not in put]

        @lru_cache(maxsize=1024)
        def made(*values: Any) -> Context:
            return Context(self.made(dict(zip(made_of, values, strict=True))))

        for values in self._values(names, codes):
            context = made(*(values[name] for name in made_of))
            for name in put:
                context.put(name, values[name])
            yield context

    def _values(self, names: Names, codes: Iterable[int]) -> Iterator[dict[str, Any]]:
        column = self.together(names)
        if isinstance(column, Column):
            yield from ({names[0]: column.values[code]} for code in codes)
        else:
            yield from ({name: self.value(name, column.first[code]) for name in names} for code in codes)

    def made(self, values: Mapping[str, Any]) -> Request:
        """Make a request of values of some columns; the others are as if they were not there."""
        principal = values.get("principal")
        context = {name: value for name, value in values.items() if name in self.keys and value is not None}
        return Request(
            values.get("action") or "",
            values.get("resource"),
            context,
            self.like.absent,
            self.like.complete,
            Principal.of(principal) if principal else None,
            values.get("resource_account"),
            present=self.like.present,
            unknown=self.like.unknown,
            some=self.like.some,
        )


def compact(keys: npt.NDArray[Any]) -> Codes:
    """Renumber from 0, in the order in which they first occur."""
    return _to_codes(pa.array(keys).dictionary_encode().indices)


def first_of(codes: Codes) -> Keys:
    """Give the first row of each code; codes are numbered from 0."""
    first = np.zeros(int(codes.max()) + 1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


_ROOM = 1 << 62


def joined(parts: Sequence[npt.NDArray[Any]]) -> Keys:
    """Give rows one number for several, none of them negative."""
    key: Keys = np.zeros(len(parts[0]), np.int64)
    most = 1
    for part in parts:
        base = int(part.max()) + 1
        if most * base >= _ROOM:
            key, part = compact(key).astype(np.int64), compact(part)  # noqa: PLW2901 - the same, by smaller numbers
            most, base = int(key.max()) + 1, int(part.max()) + 1
        key = key * base + part
        most *= base
    return key


def _texts(name: str, array: pa.Array) -> pa.Array:
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise ValueError(f"column `{name}` must hold texts or lists of texts, not {kind}")
    return array


def _encoded(array: pa.Array) -> tuple[Codes, pa.Array]:
    """Give codes and distinct texts: code 0 is null, and code 1 the first text."""
    if not pa.types.is_dictionary(array.type):
        encoded = array.dictionary_encode()
        return _to_codes(encoded.indices.fill_null(-1)) + np.int32(1), encoded.dictionary
    # What a dictionary repeats, or holds as null, gets one code.
    codes, texts = _encoded(array.dictionary)
    outer = array.indices.cast(pa.int32()).fill_null(-1)
    return np.concatenate((np.zeros(1, np.int32), codes))[_to_codes(outer) + 1], texts


def _to_codes(indices: pa.Array) -> Codes:
    codes: Codes = indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return codes


def _whole_numbers(name: str, array: pa.Array) -> Keys:
    if not pa.types.is_integer(array.type) or array.null_count:
        raise ValueError(f"column `{name}` must hold whole numbers, and no nulls")
    numbers: Keys = array.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _instants(texts: pa.Array) -> Numbers:
    """Read dates, as `read_instant` does.

    Those of whole seconds in UTC are read in parts, each in its place of the epoch: few of each part are distinct.
    """
    found = np.full(len(texts), np.nan)
    usual = pc.match_substring_regex(texts, _WHOLE_SECOND).to_numpy(zero_copy_only=False)
    whole = texts.filter(pa.array(usual))
    found[usual] = sum(_part(whole, start, end) for start, end in _PARTS)
    found[~usual] = _read(read_instant, texts.filter(pa.array(~usual)).to_pylist())
    return found


def _part(texts: pa.Array, start: int, end: int) -> Numbers:
    codes, parts = _encoded(pc.utf8_slice_codeunits(texts, start, end))
    read = _read(read_instant, [f"{_EPOCH[:start]}{part}{_EPOCH[end:]}" for part in parts.to_pylist()])
    return read[codes - 1]


def _read(read: Read, texts: Sequence[str]) -> Numbers:
    return np.array([np.nan if (found := read(text)) is None else found for text in texts], np.float64)
