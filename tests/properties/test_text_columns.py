"""Columns of text as bytes, against Python's own strings; and columns of integers in any width."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.stores.integers import integers
from streams.batch import PADDING
from streams.columnar.texts import framed, packed_texts
from streams.columns import Coded, Column, Joined, Names, Repeated, Texts

#: Sizes around those at which a varint grows are rare in Hypothesis's own texts.
texts = st.one_of(st.text(max_size=40), st.integers(0, 20_000).map("x".__mul__), st.just("é" * 64))
strings = st.lists(texts, max_size=12)


def coded(values: list[str], shift: int) -> Coded:
    names = Names.of(["never used", *dict.fromkeys(values)][shift:])
    known = names.tolist()
    return Coded(np.array([known.index(value) for value in values], dtype=np.int64), names)


def placed(values: list[str]) -> Texts:
    """As in a batch: one behind the other with something in between."""
    data, places = b"before", []
    for value in values:
        raw = value.encode()
        places.append(len(data) << 16 | len(raw))
        data += raw + b"|"
    array = np.frombuffer(bytearray(data + bytes(PADDING)), dtype=np.uint8)
    return Texts(array, np.array(places, dtype=np.int64))


def columns(values: list[str]) -> st.SearchStrategy[Column | tuple[str, ...]]:
    ways: list[Column | tuple[str, ...]] = [
        coded(values, 0),
        coded(values, 1),
        placed(values),
        tuple(values),
    ]
    if len(set(values)) == 1:
        ways.append(Repeated(values[0], len(values)))
    return st.sampled_from(ways)


#: One to four runs of strings, and a column that holds them one after the other.
joined_columns: st.SearchStrategy[tuple[list[str], Joined]] = (
    st.lists(strings, min_size=1, max_size=4)
    .flatmap(lambda runs: st.tuples(st.just(runs), st.tuples(*map(columns, runs))))
    .map(lambda drawn: ([*chain(*drawn[0])], Joined(drawn[1])))
)


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes((*out, number))


@given(joined_columns)
def test_texts_become_their_bytes_however_a_column_holds_them(
    drawn: tuple[list[str], Joined],
) -> None:
    values, column = drawn
    raw = [value.encode() for value in values]
    assert (len(column), column.tolist()) == (len(values), values)
    assert framed(column) == b"".join(varint(len(part)) + part for part in raw)
    data, ends = packed_texts(column)
    assert [data[begin:end].tobytes() for begin, end in pairwise(ends.tolist())] == raw
    assert len(data) == ends[-1]


@pytest.mark.parametrize("values", [[1], [None], ["a", b"b"]], ids=str)
def test_what_is_no_text_is_refused(values: list[Any]) -> None:
    with pytest.raises(AttributeError):
        framed(values)
    with pytest.raises(AttributeError):
        packed_texts(values)


wide = st.integers(-(2**63), 2**64 - 1)


@given(st.lists(wide, max_size=6), st.sampled_from("BHIQbhiq"))
def test_integers_fit_or_are_refused_whatever_they_come_in(values: list[int], code: str) -> None:
    bounds = np.iinfo(code)
    fits = all(bounds.min <= value <= bounds.max for value in values)
    ways: list[Any] = [
        values,
        tuple(values),
        *([Repeated(values[0], 1)] if len(values) == 1 else []),
    ]
    for kind in (np.int64, np.uint64):
        info = np.iinfo(kind)
        if all(info.min <= value <= info.max for value in values):
            ways.append(np.array(values, dtype=kind))
    for way in (*ways, Joined([*ways])):
        if fits:
            found = integers(code, way)
            assert found.dtype == np.dtype(code)
            assert found.tolist() == (values * len(ways) if isinstance(way, Joined) else values)
        else:
            with pytest.raises(OverflowError):
                integers(code, way)


@pytest.mark.parametrize("values", [[1.5], ["1"], [None], np.array([1.0]), [True, "x"]], ids=repr)
def test_what_is_no_integer_is_refused(values: Any) -> None:
    with pytest.raises(TypeError):
        integers("Q", values)
