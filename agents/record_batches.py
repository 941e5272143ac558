"""Kafka's record batches (format 2) to packed batches, without an object per record.

A fetch brings, for each partition, a run of record batches: a header of 61 bytes and records of
variable length, perhaps compressed. aiokafka makes three objects of each record; here compiled code
notes where keys and values stand, and the bytes are copied once. What this module does not know (the
formats before Kafka 0.11) is left to aiokafka.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from aiokafka import codec
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, Fetcher, FetchResult
from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from streams.batch import PADDING
from streams.columnar.native import compiled, load8

#: Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base timestamp,
#: newest timestamp, producer's id, epoch and sequence, number of records.
_HEADER: Final = Struct(">qiibIhiqqqhii")
#: Base offset and length: what stands before the bytes that the length counts.
_FRAME: Final = 12
#: Where the bytes begin that the CRC covers.
_CHECKED: Final = 21
_CODEC, _APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_DECODERS: Final[dict[int, tuple[str, Callable[..., Any]]]] = {
    1: ("gzip", codec.gzip_decode),
    2: ("snappy", codec.snappy_decode),
    3: ("lz4", codec.lz4_decode),
    4: ("zstd", codec.zstd_decode),
}


@dataclass(frozen=True, slots=True)
class RecordRun:
    """The records of one fetch of one partition; arrays as in ``streams.batch.PackedBatch``."""

    next_offset: int
    offsets: npt.NDArray[np.int64]
    appended_ms: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]
    value_at: npt.NDArray[np.int64]
    value_size: npt.NDArray[np.int64]
    key_at: npt.NDArray[np.int64]
    key_size: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)


@compiled
def _varint(data: Any, i: Any, end: Any) -> Any:
    """``(value, next)`` of a zigzag varint; a ``next`` beyond ``end`` where it is cut off."""
    word = np.uint64(0)
    shift = np.uint64(0)
    while i < end:
        byte = np.uint64(load8(data, i))
        i += 1
        word |= (byte & np.uint64(0x7F)) << shift
        if byte < np.uint64(0x80):
            half = np.int64(word >> np.uint64(1))
            return (~half if word & np.uint64(1) else half), i
        shift += np.uint64(7)
        if shift > np.uint64(63):
            break
    return np.int64(0), end + 1


@compiled
def _index(data: Any, batches: Any, from_offset: Any, columns: Any) -> Any:
    """Note where the records of some batches stand.

    Args:
        data: the records of the batches, uncompressed.
        batches: ``int64[n, 6]``: begin, end, records, base offset, base timestamp, and the timestamp
            of all records where the broker sets it, else -1.
        from_offset: records below it are passed over.
        columns: ``int64[6, m]``, filled in: offset, timestamp, value at, size, key at, size.

    Returns:
        The number of records; -1 where a batch is not what its header says.
    """
    n = 0
    for b in range(len(batches)):
        i, end = batches[b, 0], batches[b, 1]
        for _ in range(batches[b, 2]):
            size, i = _varint(data, i, end)
            stop = i + size
            if size < 0 or stop > end:
                return -1
            delta_ms, i = _varint(data, i + 1, stop)
            delta, i = _varint(data, i, stop)
            key_size, i = _varint(data, i, stop)
            key_at = i
            i += max(key_size, np.int64(0))
            if i > stop:
                return -1
            value_size, i = _varint(data, i, stop)
            if i + max(value_size, np.int64(0)) > stop:
                return -1
            offset = batches[b, 3] + delta
            if offset >= from_offset:
                columns[0, n] = offset
                columns[1, n] = batches[b, 4] + delta_ms if batches[b, 5] < 0 else batches[b, 5]
                columns[2, n] = i
                columns[3, n] = value_size
                columns[4, n] = key_at
                columns[5, n] = key_size
                n += 1
            i = stop
        if i != end:
            return -1
    return n


def has_record_batches(raw: bytes) -> bool:
    """Whether these are record batches of format 2; older formats do not come behind it."""
    return len(raw) >= _HEADER.size and raw[16] == 2


def read_run(raw: bytes, from_offset: int, *, check_crcs: bool = True) -> RecordRun:
    """Read the record batches that a fetch brought for one partition.

    Args:
        raw: the batches, one behind the other; the last one may be cut off.
        from_offset: the position that was asked for; batches begin where they like.
        check_crcs: whether to check each batch's CRC.

    Raises:
        CorruptRecordException: a batch does not have its CRC, or is not what its header says.
        UnsupportedCodecError: no library for its compression is installed.
    """
    pieces: list[bytes | memoryview] = []
    batches: list[tuple[int, int, int, int, int, int]] = []
    whole = memoryview(raw)
    at = size = n = 0
    next_offset = from_offset
    while at + _HEADER.size <= len(raw):
        (base, length, _, magic, crc, attributes, last, base_ms, newest_ms, _, _, _, records) = (
            _HEADER.unpack_from(raw, at)
        )
        end = at + _FRAME + length
        if end > len(raw):
            break
        if magic != 2:
            raise CorruptRecordException(f"a record batch of format {magic} behind one of format 2")
        if check_crcs and calc_crc32c(whole[at + _CHECKED : end]) != crc:
            raise CorruptRecordException(f"the record batch at offset {base} has not its CRC")
        behind = base + last + 1
        next_offset = max(next_offset, behind)
        if not attributes & _CONTROL and behind > from_offset:
            piece = _records(whole[at + _HEADER.size : end], attributes & _CODEC)
            appended_ms = newest_ms if attributes & _APPEND_TIME else -1
            batches.append((size, size + len(piece), records, base, base_ms, appended_ms))
            pieces.append(piece)
            size += len(piece)
            n += records
        at = end
    data = np.frombuffer(bytearray(b"".join((*pieces, bytes(PADDING)))), dtype=np.uint8)
    columns: npt.NDArray[np.int64] = np.empty((6, n), dtype=np.int64)
    index = np.array(batches, dtype=np.int64).reshape(-1, 6)
    found = _index(data, index, np.int64(from_offset), columns)
    if found < 0:
        raise CorruptRecordException("a record batch is not what its header says")
    offsets, appended, value_at, value_size, key_at, key_size = columns[:, :found]
    return RecordRun(next_offset, offsets, appended, data, value_at, value_size, key_at, key_size)


def _records(piece: memoryview, compression: int) -> bytes | memoryview:
    if not compression:
        return piece
    if compression not in _DECODERS:
        raise CorruptRecordException(f"there is no compression {compression}")
    name, decode = _DECODERS[compression]
    if not getattr(codec, f"has_{name}")():
        raise UnsupportedCodecError(f"the library for {name} compression is not installed")
    found: bytes = decode(piece.tobytes())
    return found


class _OneRun:
    """In the place of aiokafka's iterator over the records of a fetch: one run, and no more."""

    def __init__(self, raw: bytes, fetch_offset: int, check_crcs: bool) -> None:
        self.next_fetch_offset = fetch_offset
        self._raw: bytes | None = raw
        self._check_crcs = check_crcs

    def __iter__(self) -> _OneRun:
        return self

    def __next__(self) -> RecordRun:
        raw, self._raw = self._raw, None
        if raw is None:
            raise StopIteration
        run = read_run(raw, self.next_fetch_offset, check_crcs=self._check_crcs)
        self.next_fetch_offset = run.next_offset
        if not len(run):
            raise StopIteration
        return run


class _Watched:
    """A client that keeps the raw record batches of what it is sent."""

    def __init__(self, client: Any, topics: Collection[str]) -> None:
        self._client = client
        self._topics = topics
        self.raw: dict[TopicPartition, bytes] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any, **options: Any) -> Any:
        response = await self._client.send(node_id, request, **options)
        if isinstance(request, FetchRequest):
            for topic, partitions in response.topics:
                if topic in self._topics:
                    for partition, *_, raw in partitions:
                        self.raw[TopicPartition(topic, partition)] = raw or b""
        return response


class RunFetcher(Fetcher):  # type: ignore[misc]
    """A fetcher that has one :class:`RecordRun` where others have a list of records.

    aiokafka has no seam for this, so a fetcher is given this class once it is there.
    """

    _client: _Watched

    @classmethod
    def take_over(cls, fetcher: Fetcher, topics: Collection[str]) -> None:
        """Have a fetcher that has fetched nothing yet bring runs of these topics."""
        if fetcher._isolation_level == READ_UNCOMMITTED:
            fetcher._client = _Watched(fetcher._client, topics)
            fetcher.__class__ = cls

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> Any:
        result = await super()._proc_fetch_request(assignment, node_id, request)
        # No one else has run since aiokafka made its results of the answer.
        for topic, partitions in request.topics:
            for partition, offset, *_ in partitions:
                tp = TopicPartition(topic, partition)
                raw = self._client.raw.pop(tp, b"")
                fetched = self._records.get(tp)
                if type(fetched) is FetchResult and has_record_batches(raw):
                    records = fetched._partition_records
                    if records is not None and records.next_fetch_offset == offset:
                        fetched._partition_records = _OneRun(raw, offset, self._check_crcs)
        return result
