"""Columns as numbers of their distinct values, so that a value is looked at once and rows are compared as numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


Codes = npt.NDArray[np.int64]


def codes_of(column: pa.Array) -> tuple[Codes, list[Any]]:
    """Give for each row the number of its value among the distinct ones given beside; null is a value, and None.

    What a dictionary repeats gets one number, what nobody has any more none.
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    numbers: dict[Any, int] = {}
    of = np.array([numbers.setdefault(value, len(numbers)) for value in [*values, None]], np.int64)
    # Null is the last, which index -1 finds.
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return of[indices], list(numbers)


def alone(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Let some rows of a batch go by themselves: of texts that rows share they keep those of the whole batch."""
    columns = [
        column.cast(column.type.value_type).dictionary_encode() if pa.types.is_dictionary(column.type) else column
        for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def together(columns: Sequence[tuple[Codes, list[Any]]]) -> tuple[Codes, list[tuple[Any, ...]]]:
    """Give for each row the number of the values that it has in several columns, with these combinations."""
    key: Codes = np.zeros(len(columns[0][0]), np.int64)
    for codes, values in columns:
        key = key * len(values) + codes
        # Small numbers again, so that they never overflow.
        _, key = np.unique(key, return_inverse=True)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    found = [tuple(values[codes[row]] for codes, values in columns) for row in first.tolist()]
    return inverse.astype(np.int64), found


def holds(batch: pa.RecordBatch, column: str, test: Callable[[Any], bool]) -> npt.NDArray[np.bool_]:
    """Tell for which rows a test holds of their value in a column; each distinct value is tested once."""
    codes, values = codes_of(batch.column(column))
    return np.array([test(value) for value in values], np.bool_)[codes]
