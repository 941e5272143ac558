"""What the core is given: a run of records of one partition, in offset order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one partition between two positions.

    The three sequences are equally long. Offsets may have holes (compaction removes records); the
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
