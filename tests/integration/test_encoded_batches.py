"""Batches that were encoded beforehand arrive as if their records had been sent one by one."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from liveshop.embedded.broker import EmbeddedBroker
from producers.encoding import Encoder
from producers.keys import spread_key
from producers.partitioning import partition_of
from producers.publisher import Publisher
from producers.record import OutRecord
from producers.topics import ensure_topics
from tests.unit.producers.shows import small_show

PARTITIONS = 3
SHARDS = 8


@pytest.fixture(
    params=[
        pytest.param("embedded", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The embedded broker, without idempotent producers, and Apache Kafka, with them."""
    if request.param == "kafka":
        yield request.getfixturevalue("kafka")
        return
    embedded = EmbeddedBroker(tmp_path)
    try:
        yield embedded.address
    finally:
        embedded.stop()


async def arrived(broker: str, expected: int) -> dict[tuple[str, int], list[ConsumerRecord]]:
    """The records of every partition, checksums checked."""
    found: dict[tuple[str, int], list[ConsumerRecord]] = defaultdict(list)
    async with AIOKafkaConsumer(
        bootstrap_servers=broker, enable_auto_commit=False, check_crcs=True
    ) as consumer:
        topics = await ensure_topics(broker, PARTITIONS)
        places = [TopicPartition(t, n) for t, count in topics.items() for n in range(count)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while expected > 0:
            fetched = await consumer.getmany(timeout_ms=5_000)
            assert fetched, f"{expected} records are missing"
            for place, records in fetched.items():
                found[place.topic, place.partition] += records
                expected -= len(records)
    assert expected == 0
    return found


async def test_they_arrive_in_order_in_the_partition_of_their_key_with_the_time_of_sending(
    broker: str,
) -> None:
    await ensure_topics(broker, PARTITIONS)
    show = small_show("xinba-12h", scale=0.3)
    records = [record for record, _ in zip(show.records(), range(20_000), strict=False)]
    expected: defaultdict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
    encoder = Encoder(PARTITIONS, SHARDS, batch_bytes=16_384)
    chunks = []
    for begin in range(0, len(records), 7_000):
        chunk: list[OutRecord] = records[begin : begin + 7_000]
        encoder.add(chunk)
        chunks.append(encoder.take())
        for record in chunk:
            key = spread_key(record.key, record.event, SHARDS)
            place = (record.topic, partition_of(key, PARTITIONS))
            expected[place].append((key, record.value))
    assert encoder.take() == []
    assert [sum(batch.records for batch in chunk) for chunk in chunks] == [7_000, 7_000, 6_000]
    assert max(len(batch) for chunk in chunks for batch in chunk) <= 16_384

    began_ms = time.time() * 1_000
    # Twice: the same batches can be sent again, and are then other records.
    async with Publisher(broker, max_in_flight_records=5_000) as publisher:
        for _ in range(2):
            for chunk_of_batches in chunks:
                await publisher.send_encoded(chunk_of_batches)
        await publisher.flush()
        ends = publisher.ends
    found = await arrived(broker, 40_000)
    for place, sent in expected.items():
        assert [(one.key, one.value) for one in found[place]] == sent * 2
        assert ends[place] == 2 * len(sent)
    times = [one.timestamp for run in found.values() for one in run]
    assert began_ms - 1 <= min(times) <= max(times) <= time.time() * 1_000 + 1


@pytest.mark.embedded
async def test_a_record_that_is_larger_than_a_batch_has_one_of_its_own(tmp_path: Path) -> None:
    show = small_show("boutique")
    small = next(iter(show.records()))
    large = OutRecord(0, small.topic, small.key, b"x" * 300_000, small.kind, None)
    encoder = Encoder(PARTITIONS)
    encoder.add([small, large, small])
    assert [batch.records for batch in encoder.take()] == [1, 1, 1]
