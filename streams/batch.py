"""What the core is given: a run of records of one partition, in offset order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

#: Zero bytes behind the data of a packed batch: compiled code reads words, also at its last byte.
PADDING: Final = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one partition between two positions.

    The sequences are equally long. Offsets may have holes (compaction removes records); the
    range ``start`` to ``next_offset`` has none: whoever holds ``start`` has seen everything before
    it, and whoever has folded the batch holds ``next_offset``.

    Attributes:
        topic: Kafka topic.
        partition: partition of the topic.
        start: position before the batch.
        next_offset: position after the batch.
        offsets: offset of each record, rising, all in ``[start, next_offset)``.
        appended_ms: the broker timestamp of each record, epoch milliseconds.
        values: the raw bytes of each record; ``None`` for a tombstone.
        keys: the raw key of each record.
    """

    topic: str
    partition: int
    start: int
    next_offset: int
    offsets: Sequence[int]
    appended_ms: Sequence[int]
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]

    def __len__(self) -> int:
        return len(self.values)

    def since(self, position: int) -> Batch:
        """The part of the batch at or above a position; itself where that is all of it."""
        if position <= self.start:
            return self
        skip = next((i for i, offset in enumerate(self.offsets) if offset >= position), len(self))
        return Batch(
            topic=self.topic,
            partition=self.partition,
            start=position,
            next_offset=max(self.next_offset, position),
            offsets=self.offsets[skip:],
            appended_ms=self.appended_ms[skip:],
            values=self.values[skip:],
            keys=self.keys[skip:],
        )

    def value(self, index: int) -> bytes | None:
        """The raw bytes of one record."""
        return self.values[index]

    def key(self, index: int) -> bytes | None:
        """The raw key of one record."""
        return self.keys[index]

    def unpacked(self) -> Batch:
        """Itself; see :meth:`PackedBatch.unpacked`."""
        return self

    def packed(self) -> PackedBatch:
        """The same records, their bytes one behind the other."""
        sizes, ends = _sizes(self.values)
        key_sizes, key_ends = _sizes(self.keys, ends[-1])
        data = b"".join((*(v or b"" for v in self.values), *(k or b"" for k in self.keys)))
        return PackedBatch(
            topic=self.topic,
            partition=self.partition,
            start=self.start,
            next_offset=self.next_offset,
            offsets=np.array(self.offsets, dtype=np.int64),
            appended_ms=np.array(self.appended_ms, dtype=np.int64),
            data=np.frombuffer(bytearray(data + bytes(PADDING)), dtype=np.uint8),
            value_at=np.array(ends[:-1], dtype=np.int64),
            value_size=np.array(sizes, dtype=np.int64),
            key_at=np.array(key_ends[:-1], dtype=np.int64),
            key_size=np.array(key_sizes, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """A :class:`Batch` without an object per record: places in one run of bytes.

    Attributes:
        data: the bytes of keys and values, anywhere in it, and :data:`PADDING` zeros behind them.
        value_at: where each value begins.
        value_size: its bytes; -1 for a tombstone.
        key_at: where each key begins.
        key_size: its bytes; -1 where there is none.
    """

    topic: str
    partition: int
    start: int
    next_offset: int
    offsets: Ints
    appended_ms: Ints
    data: Bytes
    value_at: Ints
    value_size: Ints
    key_at: Ints
    key_size: Ints

    def __len__(self) -> int:
        return len(self.offsets)

    def since(self, position: int) -> PackedBatch:
        """The part of the batch at or above a position; itself where that is all of it."""
        if position <= self.start:
            return self
        rest = self.part(int(np.searchsorted(self.offsets, position)), len(self))
        return replace(rest, start=position, next_offset=max(self.next_offset, position))

    @property
    def value_bytes(self) -> int:
        """Size of all values."""
        return int(np.maximum(self.value_size, 0).sum())

    def part(self, begin: int, end: int) -> PackedBatch:
        """The records between two places in the batch, with the positions of the whole."""
        return PackedBatch(
            topic=self.topic,
            partition=self.partition,
            start=self.start,
            next_offset=self.next_offset,
            offsets=self.offsets[begin:end],
            appended_ms=self.appended_ms[begin:end],
            data=self.data,
            value_at=self.value_at[begin:end],
            value_size=self.value_size[begin:end],
            key_at=self.key_at[begin:end],
            key_size=self.key_size[begin:end],
        )

    def parts(self, size: int) -> Iterator[PackedBatch]:
        """The records in parts of at most so many."""
        return (self.part(begin, begin + size) for begin in range(0, len(self), size))

    def packed(self) -> PackedBatch:
        """Itself."""
        return self

    def unpacked(self) -> Batch:
        """The same records, each with its bytes."""
        return Batch(
            topic=self.topic,
            partition=self.partition,
            start=self.start,
            next_offset=self.next_offset,
            offsets=self.offsets.tolist(),
            appended_ms=self.appended_ms.tolist(),
            values=self.values_at(range(len(self))),
            keys=self.keys_at(range(len(self))),
        )

    def value(self, index: int) -> bytes | None:
        """The raw bytes of one record."""
        return self.values_at([index])[0]

    def key(self, index: int) -> bytes | None:
        """The raw key of one record."""
        return self.keys_at([index])[0]

    def values_at(self, indices: Sequence[int]) -> list[bytes | None]:
        """The raw bytes of some records."""
        return self._pieces(self.value_at, self.value_size, indices)

    def keys_at(self, indices: Sequence[int]) -> list[bytes | None]:
        """The raw keys of some records."""
        return self._pieces(self.key_at, self.key_size, indices)

    def _pieces(self, at: Ints, size: Ints, indices: Sequence[int]) -> list[bytes | None]:
        view = self.data.data
        places = zip(at[indices].tolist(), size[indices].tolist(), strict=True)
        return [None if n < 0 else bytes(view[begin : begin + n]) for begin, n in places]


def _sizes(pieces: Sequence[bytes | None], begin: int = 0) -> tuple[list[int], list[int]]:
    sizes = [-1 if piece is None else len(piece) for piece in pieces]
    ends: Iterator[int] = accumulate((max(size, 0) for size in sizes), initial=begin)
    return sizes, list(ends)
