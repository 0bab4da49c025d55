"""Columns as numbers: rows have the same number exactly where they have the same value."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchbill.trail.codes import codes_of, holds, together


WORDS = st.lists(st.sampled_from(["a", "A", "", "b", None]), max_size=12)


def said(codes, values):
    """Give what the numbers stand for, row by row."""
    return [values[code] for code in codes.tolist()]


@given(WORDS, st.booleans())
def test_numbers_stand_for_the_values(words, shared):
    """Whether the words are shared or written out; no value has two numbers."""
    column = pa.array(words, pa.string())
    codes, values = codes_of(column.dictionary_encode() if shared else column)
    assert said(codes, values) == words
    assert len(set(values)) == len(values)


def test_a_dictionary_that_repeats_a_word_says_it_once():
    """Others write such dictionaries; null in one is the same as no value."""
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 3]), pa.array(["x", "y", "x", None]))
    codes, values = codes_of(column)
    assert said(codes, values) == ["x", "y", "x", None, None]
    assert codes[0] == codes[2] != codes[1]
    assert codes[3] == codes[4]


@given(WORDS, st.data())
def test_a_slice_says_what_is_in_it(words, data):
    """A slice of a column shares its words with the rest."""
    start, length = (data.draw(st.integers(0, len(words))) for _ in range(2))
    codes, values = codes_of(pa.array(words, pa.string()).dictionary_encode().slice(start, length))
    assert said(codes, values) == words[start : start + length]


@given(st.lists(st.tuples(*[st.sampled_from([None, "a", "b", "c"])] * 3), min_size=1, max_size=30))
def test_combinations_are_told_apart(rows):
    """Each combination has one number, and stands beside it."""
    columns = [codes_of(pa.array(column, pa.string())) for column in zip(*rows, strict=True)]
    codes, found = together(columns)
    assert said(codes, found) == rows
    assert len(set(found)) == len(found)


def test_many_columns_of_many_values_do_not_overflow():
    """The product of their sizes, 256 each with null, is more than 64 bits hold."""
    rows = [(str(row // 255), *(f"{column} {row % 255}" for column in range(8))) for row in range(510)]
    columns = [codes_of(pa.array(column)) for column in zip(*rows, strict=True)]
    codes, found = together(columns)
    assert said(codes, found) == rows


@pytest.mark.parametrize("shared", [True, False])
def test_each_distinct_value_is_tested_once(shared):
    """A test may be dear."""
    asked = []

    def test(value):
        asked.append(value)
        return value == "a"

    column = pa.array(["a", "b", None, "a"], pa.string())
    batch = pa.RecordBatch.from_arrays([column.dictionary_encode() if shared else column], ["x"])
    assert holds(batch, "x", test).tolist() == [True, False, False, True]
    assert len(asked) == len(set(asked))


def test_nothing_is_nothing():
    """An empty column has no rows."""
    batch = pa.RecordBatch.from_arrays([pa.array([], pa.string())], ["x"])
    assert holds(batch, "x", lambda _: True).tolist() == []
