"""Columns of text as the bytes that stores take, without a Python string per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from streams.batch import PADDING
from streams.columnar.native import compiled, copy_bytes
from streams.columnar.tables import Bytes, Ints
from streams.columns import Coded, Column, Joined, Names, Repeated, Texts

#: Bytes of the longest size before a text.
_SIZE_BYTES = 10


class _Spans(NamedTuple):
    """Where texts lie: each in ``data`` from its ``begins`` on, ``sizes`` bytes long."""

    data: Bytes
    begins: Ints
    sizes: Ints


def _spans(column: Column | Sequence[Any]) -> Iterator[_Spans]:
    """The texts of a column in a few runs; ``AttributeError`` where a value is no string."""
    match column:
        case Joined():
            for piece in column.pieces:
                yield from _spans(piece)
        case Coded():
            ends = column.names.ends
            begins = ends[column.codes]
            yield _Spans(column.names.data, begins, ends[column.codes + 1] - begins)
        case Texts():
            yield _Spans(column.data, column.places >> 16, column.places & 0xFFFF)
        case Repeated():
            same = Names.of([str(column.value)])
            zeros: Ints = np.zeros(column.times, dtype=np.int64)
            yield _Spans(same.data, zeros, zeros + same.ends[1])
        case _:
            names = Names.of(column if isinstance(column, Sequence) else column.tolist())
            yield _Spans(names.data, names.ends[:-1], np.diff(names.ends))


@compiled
def _frame(data, begins, sizes, out):
    at = np.int64(0)
    for i in range(len(sizes)):
        size = sizes[i]
        while size >= 128:
            out[at] = (size & 127) | 128
            at += 1
            size >>= 7
        out[at] = size
        at += 1
        copy_bytes(data, begins[i], out, at, sizes[i])
        at += sizes[i]
    return at


@compiled
def _pack(data, begins, sizes, out):
    at = np.int64(0)
    for i in range(len(sizes)):
        copy_bytes(data, begins[i], out, at, sizes[i])
        at += sizes[i]
    return at


def framed(column: Column | Sequence[Any]) -> bytes:
    """Texts one behind the other, each behind its size as a varint: ClickHouse's native ``String``.

    Raises:
        AttributeError: a value is no string.
        UnicodeEncodeError: a string has no UTF-8.
    """
    pieces = []
    for data, begins, sizes in _spans(column):
        room = int(sizes.sum()) + _SIZE_BYTES * len(sizes) + PADDING
        out = np.empty(room, dtype=np.uint8)
        pieces.append(out[: _frame(data, begins, sizes, out)].tobytes())
    return b"".join(pieces)


def packed_texts(column: Column | Sequence[Any]) -> tuple[Bytes, Ints]:
    """Texts one behind the other, and ``int64[n + 1]``, where each begins and the last one ends.

    Raises:
        AttributeError: a value is no string.
        UnicodeEncodeError: a string has no UTF-8.
    """
    pieces, runs = [], [np.zeros(1, dtype=np.int64)]
    for data, begins, sizes in _spans(column):
        out = np.empty(int(sizes.sum()) + PADDING, dtype=np.uint8)
        pieces.append(out[: _pack(data, begins, sizes, out)])
        runs.append(sizes)
    return np.concatenate(pieces), np.cumsum(np.concatenate(runs))
