"""Columns of a batch of events as numbers of their distinct values, so that a value is looked at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from watchbill.policy.table import compact, first_of, joined


Codes = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Coded:
    """A column: for each row the place of its value; the value of 0 is None."""

    codes: Codes
    values: tuple[object, ...]


def coded(column: pa.Array) -> Coded:
    """Read a column of texts or numbers, with a dictionary or without."""
    found = _encoded(column)
    return Coded(_places(found), (None, *found.dictionary.to_pylist()))


def places(column: pa.Array) -> Codes:
    """Give only the places: rows with the same value have the same."""
    return _places(_encoded(column))


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()


def _places(found: pa.DictionaryArray) -> Codes:
    return np.asarray(found.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False), np.int64) + 1


def alike(parts: Sequence[Codes]) -> tuple[Codes, Codes]:
    """Give rows numbers from 0 by what they have in all parts, and for each number its first row."""
    if not len(parts[0]):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    numbers = compact(joined(parts))
    return numbers.astype(np.int64), first_of(numbers).astype(np.int64)


def texts_with(column: pa.Array, pattern: str, *, any_case: bool = True) -> npt.NDArray[np.bool_]:
    """Tell which texts match a pattern somewhere; a null does not."""
    encoded = _encoded(column)
    found = pc.match_substring_regex(encoded.dictionary, pattern, ignore_case=any_case)
    # Null is the last, which index -1 finds; a text is looked at once.
    of = np.append(np.asarray(found.fill_null(fill_value=False).to_numpy(zero_copy_only=False), np.bool_), [False])
    return of[_places(encoded) - 1]
