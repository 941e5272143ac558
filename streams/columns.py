"""Rows as columns: what a columnar fold hands over instead of a list of tuples.

Strings stay what they are in the fold, numbers of a vocabulary or places in bytes, until the store
that gets them says what it wants. A column is anything with a length and ``tolist()``; integers are
plain arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from streams.batch import PADDING

Ints = npt.NDArray[np.int64]


class Column(Protocol):
    """Equally typed values, one for each row."""

    def __len__(self) -> int: ...

    def tolist(self) -> list[Any]:
        """The values as Python objects."""


@dataclass(frozen=True, slots=True)
class Names:
    """Different strings, by number.

    Attributes:
        data: UTF-8, one string behind the other, and ``streams.batch.PADDING`` bytes behind them.
        ends: ``int64[n + 1]``; string ``i`` lies from ``ends[i]`` to ``ends[i + 1]``.
    """

    data: npt.NDArray[np.uint8]
    ends: Ints

    @classmethod
    def of(cls, strings: Sequence[str]) -> Names:
        """These strings, in this order."""
        parts = [string.encode() for string in strings]
        ends = np.array([*accumulate(map(len, parts), initial=0)], dtype=np.int64)
        return cls(
            np.frombuffer(bytearray(b"".join((*parts, bytes(PADDING)))), dtype=np.uint8), ends
        )

    def __len__(self) -> int:
        return len(self.ends) - 1

    def some(self, codes: Ints) -> list[str]:
        """Some of the strings."""
        places = zip(self.ends[codes].tolist(), self.ends[codes + 1].tolist(), strict=True)
        return [self.data[begin:end].tobytes().decode() for begin, end in places]

    def tolist(self) -> list[str]:
        """The strings, in the order of their numbers."""
        first, last = self.ends[0], self.ends[-1]
        raw = self.data[first:last].tobytes()
        return [raw[begin:end].decode() for begin, end in pairwise((self.ends - first).tolist())]


@dataclass(frozen=True, slots=True)
class Coded:
    """Strings by number.

    Attributes:
        codes: places in ``names``.
        names: may have more strings than are used.
    """

    codes: Ints
    names: Names

    def __len__(self) -> int:
        return len(self.codes)

    def tolist(self) -> list[str]:
        """The strings; equal ones are one object."""
        table = np.empty(len(self.names), dtype=object)
        table[:] = self.names.tolist()
        strings: list[str] = table[self.codes].tolist()
        return strings


@dataclass(frozen=True, slots=True)
class Texts:
    """Strings by their place in UTF-8 bytes.

    Attributes:
        data: the bytes.
        places: ``at << 16 | size``.
    """

    data: npt.NDArray[np.uint8]
    places: Ints

    def __len__(self) -> int:
        return len(self.places)

    def tolist(self) -> list[str]:
        """The strings."""
        raw = self.data.tobytes()
        begins = self.places >> 16
        ends = begins + (self.places & 0xFFFF)
        pairs = zip(begins.tolist(), ends.tolist(), strict=True)
        if raw.isascii():
            whole = raw.decode("ascii")
            return [whole[begin:end] for begin, end in pairs]
        return [raw[begin:end].decode() for begin, end in pairs]


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same value in every row."""

    value: str | int
    times: int

    def __len__(self) -> int:
        return self.times

    def tolist(self) -> list[str | int]:
        """The value, as often as there are rows."""
        return [self.value] * self.times


@dataclass(frozen=True, slots=True)
class Joined:
    """Columns one behind the other.

    Attributes:
        pieces: what several partitions have of one column; tuples are of rows that were no block.
    """

    pieces: Sequence[Column | tuple[Any, ...]]

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def tolist(self) -> list[Any]:
        """All values."""
        values: list[Any] = []
        for piece in self.pieces:
            values.extend(piece if isinstance(piece, tuple) else piece.tolist())
        return values


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table; iterating gives tuples, as a list of rows does.

    Attributes:
        columns: equally long, in the order of ``schemas.rows.COLUMNS``.
    """

    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[tuple[str | int, ...]]:
        return zip(*(column.tolist() for column in self.columns), strict=True)

    def select(self, rows: Ints) -> Block:
        """Some of the rows, by their places."""
        return Block(tuple(_select(column, rows) for column in self.columns))


def compacted(codes: Ints, n: int) -> tuple[Ints, Ints]:
    """Which of ``n`` codes there are, rising; and the codes as places among those."""
    is_there = np.zeros(n, dtype=np.bool_)
    is_there[codes] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[codes]


def _select(column: Column, rows: Ints) -> Column:
    match column:
        case np.ndarray():
            return column[rows]
        case Coded():
            return Coded(column.codes[rows], column.names)
        case Texts():
            return Texts(column.data, column.places[rows])
        case Repeated():
            return Repeated(column.value, len(rows))
        case _:
            raise TypeError(f"{type(column).__name__} is no column")


def joined(parts: Sequence[Block | Sequence[tuple[str | int, ...]]]) -> list[Joined]:
    """The columns of several runs of rows of one table, one after the other."""
    by_part = [
        part.columns if isinstance(part, Block) else tuple(zip(*part, strict=True))
        for part in parts
    ]
    return [Joined(pieces) for pieces in zip(*by_part, strict=True)]
