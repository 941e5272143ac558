"""Record batches are read as aiokafka reads them, whatever a fetch brings."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from agents.record_batches import RecordRun, has_record_batches, read_run

TP = TopicPartition("live.likes", 0)
PLAIN, GZIP = 0, 1
HEADER = 61

BYTES = st.none() | st.binary(max_size=40) | st.just(b"x" * 300)
RECORDS = st.lists(
    st.tuples(
        st.integers(0, 3),  # how many offsets compaction removed before it
        st.integers(-5_000, 5_000),  # of the timestamp, against the one before
        BYTES,
        BYTES,
        st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=2),
    ),
    min_size=1,
    max_size=8,
)
BATCHES = st.lists(st.tuples(RECORDS, st.sampled_from((PLAIN, PLAIN, GZIP))), max_size=4)


def encoded(batches: list[Any], base: int = 1_000) -> bytes:
    """Record batches as a broker sends them."""
    raw, timestamp_ms = b"", 1_732_273_200_000
    for records, compression in batches:
        builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 10**6)
        delta = -1
        for hole, shift_ms, key, value, headers in records:
            delta += 1 + hole
            timestamp_ms += shift_ms
            builder.append(delta, timestamp_ms, key, value, headers)
        batch = builder.build()
        # The builder counts from 0; a broker writes where the batch really begins.
        batch[:8] = base.to_bytes(8, "big")
        raw += bytes(batch)
        base += delta + 1
    return raw


def by_aiokafka(raw: bytes, from_offset: int) -> tuple[list[Any], int]:
    """The records, and where the next fetch begins."""
    records = PartitionRecords(
        TP, MemoryRecords(raw), [], from_offset, None, None, True, READ_UNCOMMITTED
    )
    found = [(one.offset, one.timestamp, one.key, one.value) for one in records]
    return found, records.next_fetch_offset


def records_of(run: RecordRun) -> list[Any]:
    """The records of a run, in the same form."""

    def piece(at: int, size: int) -> bytes | None:
        return None if size < 0 else run.data[at : at + size].tobytes()

    columns = (run.offsets, run.appended_ms, run.key_at, run.key_size, run.value_at, run.value_size)
    return [
        (offset, time, piece(key_at, key_size), piece(value_at, value_size))
        for offset, time, key_at, key_size, value_at, value_size in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


@given(batches=BATCHES, skipped=st.integers(0, 12), cut=st.integers(0, 60))
def test_batches_are_read_as_aiokafka_reads_them(
    batches: list[Any], skipped: int, cut: int
) -> None:
    raw = encoded(batches)
    # The position that was asked for is in the first batch that a broker sends.
    first = sum(1 + hole for hole, *_ in batches[0][0]) if batches else 1
    begin = 1_000 + min(skipped, first - 1)
    raw = raw[: max(0, len(raw) - cut)]
    run = read_run(raw, begin)
    assert (records_of(run), run.next_offset) == by_aiokafka(raw, begin)
    assert has_record_batches(raw) == (len(raw) >= HEADER)


@given(batches=BATCHES.filter(bool), data=st.data())
def test_a_changed_byte_is_never_taken_for_a_record(
    batches: list[Any], data: st.DataObject
) -> None:
    raw = bytearray(encoded(batches[:1]))
    at = data.draw(st.integers(21, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptRecordException, match="CRC"):
        read_run(bytes(raw), 0)


@given(batches=BATCHES.filter(bool), data=st.data())
def test_nonsense_with_a_right_crc_is_refused_or_read(
    batches: list[Any], data: st.DataObject
) -> None:
    """Nothing is read beyond the bytes of a batch, whatever they say."""
    raw = bytearray(encoded([(batches[0][0], PLAIN)]))
    at = data.draw(st.integers(HEADER, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    try:
        run = read_run(bytes(raw), 0, check_crcs=False)
    except CorruptRecordException:
        return
    for at_, size in ((run.key_at, run.key_size), (run.value_at, run.value_size)):
        ends = at_ + size.clip(0)
        assert (at_ >= 0).all()
        assert (ends <= len(raw) - HEADER).all()
        assert (size >= -(2**31)).all()
