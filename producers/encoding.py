"""Record batches encoded beforehand, so that publishing them costs next to nothing per record.

A batch is kept as the bytes that Kafka stores (message format 2). When it is sent, only its header
is written: the append time, what an idempotent producer needs, and the checksum over it all.
"""

from __future__ import annotations

import struct
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from producers.keys import spread_key
from producers.partitioning import partition_of
from producers.record import OutRecord

#: Size of a batch at most, as a broker accepts it with its default settings.
BATCH_BYTES: Final = 256 * 1024

_UNCOMPRESSED: Final = 0
#: Where a header field lies: the checksum covers everything from the attributes on.
_CRC: Final = struct.Struct(">I"), 17
_ATTRIBUTES_AT: Final = 21
_TIMESTAMPS: Final = struct.Struct(">qq"), 27
_PRODUCER: Final = struct.Struct(">qhi"), 43


class EncodedBatch:
    """Records of one partition as Kafka stores them. It can be sent any number of times.

    Attributes:
        topic: where it goes.
        partition: of the topic.
        records: how many it holds.
    """

    __slots__ = ("_content", "partition", "records", "topic")

    def __init__(self, topic: str, partition: int, records: int, content: bytes) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self._content = content

    def __len__(self) -> int:
        """Its size in bytes, header included."""
        return len(self._content)

    @property
    def content(self) -> bytes:
        """Its bytes, to keep it somewhere else: the last argument of a new one."""
        return self._content

    def builder(self) -> BatchBuilder:
        """What aiokafka's ``send_batch`` takes; a new one for each time that it is sent."""
        return _Sealed(self.records, self._content)


class _Sealed(BatchBuilder):  # type: ignore[misc]
    """A batch builder that is full from the start, and writes its header when it is sent."""

    def __init__(self, records: int, content: bytes) -> None:
        self._records = records
        self._content = content
        self._buffer: bytearray | None = None
        self._producer = (-1, -1, -1)

    def append(self, **_: object) -> None:
        """It is full."""

    def close(self) -> None:
        """It always is."""

    def closed(self) -> bool:
        """Always."""
        return True

    def size(self) -> int:
        """Bytes."""
        return len(self._content)

    def record_count(self) -> int:
        """Records."""
        return self._records

    def _set_producer_state(self, producer_id: int, producer_epoch: int, sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, sequence)

    def _build(self) -> bytearray:
        # Kept: a batch that is sent again must be the same one.
        if self._buffer is None:
            self._buffer = buffer = bytearray(self._content)
            now_ms = time.time_ns() // 1_000_000
            _put(buffer, _TIMESTAMPS, now_ms, now_ms)
            _put(buffer, _PRODUCER, *self._producer)
            _put(buffer, _CRC, calc_crc32c(memoryview(buffer)[_ATTRIBUTES_AT:]))
        return self._buffer


def _put(buffer: bytearray, field: tuple[struct.Struct, int], *values: int) -> None:
    layout, offset = field
    layout.pack_into(buffer, offset, *values)


class Encoder:
    """Gathers records into batches.

    Args:
        partitions: of each topic.
        spread: over how many keys a room is spread; ``None`` keeps a room in one partition.
        batch_bytes: size of a batch at most; one record that is larger has a batch of its own.
    """

    def __init__(
        self, partitions: int, spread: int | None = None, batch_bytes: int = BATCH_BYTES
    ) -> None:
        self._partitions = partitions
        self._spread = spread if spread and spread > 1 else None
        self._batch_bytes = batch_bytes
        self._open: dict[tuple[str, int], BatchBuilder] = {}
        self._full: list[EncodedBatch] = []

    def add(self, records: Iterable[OutRecord]) -> None:
        """Append records, in the order in which they are to be sent."""
        for record in records:
            topic, key = record.topic, record.key
            if self._spread is not None:
                key = spread_key(key, record.event, self._spread)
            place = (topic, partition_of(key, self._partitions))
            batch = self._open.get(place)
            if batch is None:
                batch = self._open[place] = BatchBuilder(self._batch_bytes, _UNCOMPRESSED)
            # All records have the same timestamp, so that writing the header's changes them all.
            if batch.append(timestamp=0, key=key, value=record.value) is None:
                self._seal(place, batch)
                batch = self._open[place] = BatchBuilder(self._batch_bytes, _UNCOMPRESSED)
                batch.append(timestamp=0, key=key, value=record.value)

    def take(self) -> list[EncodedBatch]:
        """What was added since the last call. Batches of one partition are in their order."""
        for place, batch in self._open.items():
            self._seal(place, batch)
        self._open = {}
        full, self._full = self._full, []
        return full

    def _seal(self, place: tuple[str, int], batch: BatchBuilder) -> None:
        self._full.append(EncodedBatch(*place, batch.record_count(), bytes(batch._build())))


def by_partition(batches: Iterable[EncodedBatch]) -> dict[tuple[str, int], list[EncodedBatch]]:
    """(topic, partition) → its batches, in their order."""
    found: defaultdict[tuple[str, int], list[EncodedBatch]] = defaultdict(list)
    for batch in batches:
        found[batch.topic, batch.partition].append(batch)
    return dict(found)
