"""The publisher against the embedded broker, and against none."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from liveshop.embedded.broker import EmbeddedBroker
from liveshop.embedded.process import free_port
from producers.pacing import Schedule
from producers.partitioning import partition_of
from producers.publisher import Publisher
from producers.record import Kind, OutRecord
from producers.replay import replay
from producers.topics import ensure_topics
from schemas.errors import Unavailable, UsageError
from schemas.topics import ALL_TOPICS, EVENT_TOPICS, KOL_TOTALS
from tests.unit.producers.shows import cut_ms, small_show

PARTITIONS = 3


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    embedded = EmbeddedBroker(tmp_path)
    try:
        yield embedded.address
    finally:
        embedded.stop()


async def drained(broker: str) -> dict[TopicPartition, list[ConsumerRecord]]:
    """Everything in the event topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(t.name, n) for t in EVENT_TOPICS for n in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: dict[TopicPartition, list[ConsumerRecord]] = {place: [] for place in places}
        async with asyncio.timeout(30):
            while any(len(found[place]) < ends[place] for place in places):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[place] += records
        return found
    finally:
        await consumer.stop()


@pytest.mark.embedded
async def test_everything_sent_arrives_once_in_order_in_the_partition_of_its_key(
    broker: str,
) -> None:
    found = await ensure_topics(broker, PARTITIONS)
    assert found == {**{topic.name: PARTITIONS for topic in ALL_TOPICS}, KOL_TOTALS: 1}
    show = small_show("xinba-12h", scale=0.3)
    began_ms = time.time() * 1000
    async with Publisher(broker, max_in_flight_records=5_000) as publisher:
        assert publisher.partitions == {topic.name: PARTITIONS for topic in EVENT_TOPICS}
        result = await replay(show, publisher, Schedule(), duration_s=30)
        assert publisher.in_flight_records == 0
    expected: defaultdict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
    for record in show.records(result.truth.end_ms):
        place = (record.topic, partition_of(record.key, PARTITIONS))
        expected[place].append((record.key, record.value))
    assert sum(map(len, expected.values())) == sum(result.sent.values()) > 20_000

    arrived = await drained(broker)
    for place, records in arrived.items():
        assert [(r.key, r.value) for r in records] == expected[place.topic, place.partition]
        assert all(began_ms - 1 <= r.timestamp <= time.time() * 1000 + 1 for r in records)
    per_topic = Counter({topic.name: 0 for topic in EVENT_TOPICS})
    for place, records in arrived.items():
        per_topic[place.topic] += len(records)
    assert per_topic == result.sent


@pytest.mark.embedded
async def test_a_hot_room_is_spread_and_its_orders_stay_with_their_copies_and_refunds(
    broker: str,
) -> None:
    await ensure_topics(broker, PARTITIONS)
    show = small_show("flash-drop", duplicates=0.1)
    async with Publisher(broker, spread=16) as publisher:
        await replay(show, publisher, Schedule(), duration_s=(cut_ms(show) - show.start_ms) / 6e3)
    partitions: defaultdict[str, set[int]] = defaultdict(set)
    loads: Counter[int] = Counter()
    for place, records in (await drained(broker)).items():
        for record in records:
            with suppress(orjson.JSONDecodeError):
                event = orjson.loads(record.value)
                if isinstance(event, dict) and event.get("user_id") != "u-garbage":
                    if order_id := event.get("order_id"):
                        partitions[order_id].add(place.partition)
                    loads[place.partition] += place.topic == "live.traffic"
    assert len(partitions) > 50
    assert all(len(numbers) == 1 for numbers in partitions.values())
    assert min(loads.values()) > 0.15 * loads.total()


@pytest.mark.embedded
async def test_a_record_larger_than_a_batch_and_many_small_ones_arrive(broker: str) -> None:
    await ensure_topics(broker, PARTITIONS)
    values = [b"x" * 300_000, b"", *(b"%d" % number for number in range(30_000))]
    records = [OutRecord(0, "live.chat", b"room", v, Kind.UNREADABLE, None) for v in values]
    async with Publisher(broker, max_in_flight_records=10) as publisher:
        await publisher.send(records)
        await publisher.flush()
    place = TopicPartition("live.chat", partition_of(b"room", PARTITIONS))
    assert [record.value for record in (await drained(broker))[place]] == values


@pytest.mark.embedded
async def test_topics_that_exist_are_kept_and_another_number_of_partitions_is_refused(
    broker: str,
) -> None:
    first = await ensure_topics(broker, PARTITIONS)
    assert await ensure_topics(broker) == first
    assert await ensure_topics(broker, PARTITIONS) == first
    with pytest.raises(UsageError, match=r"live\.rooms has 3 partitions, not 4"):
        await ensure_topics(broker, PARTITIONS + 1)


@pytest.mark.embedded
async def test_a_broker_that_goes_away_ends_the_replay_with_one_sentence(tmp_path: Path) -> None:
    embedded = EmbeddedBroker(tmp_path)
    try:
        await ensure_topics(embedded.address, PARTITIONS)
        show = small_show("boutique")
        async with Publisher(embedded.address, request_timeout_ms=2_000) as publisher:
            task = asyncio.create_task(replay(show, publisher, Schedule(speed=60)))
            await asyncio.sleep(0.5)
            embedded.stop()
            with pytest.raises(Unavailable, match="did not take a batch"):
                async with asyncio.timeout(20):
                    await task
    finally:
        embedded.stop()


@pytest.mark.embedded
async def test_a_flush_does_not_pass_over_a_batch_that_was_not_accepted(tmp_path: Path) -> None:
    embedded = EmbeddedBroker(tmp_path)
    try:
        await ensure_topics(embedded.address, PARTITIONS)
        async with Publisher(embedded.address, request_timeout_ms=1_000) as publisher:
            embedded.stop()
            await publisher.send([OutRecord(0, "live.chat", b"room", b"", Kind.EVENT, None)])
            assert publisher.in_flight_records == 1
            with pytest.raises(Unavailable, match="did not take a batch"):
                await publisher.flush()
            with pytest.raises(Unavailable, match="did not take a batch"):
                await publisher.send([])
    finally:
        embedded.stop()


@asynccontextmanager
async def something_else_than_kafka() -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refused(address: str, sentence: str = "No Kafka broker answers at") -> None:
    for attempt in (ensure_topics(address, 1), Publisher(address).start()):
        with pytest.raises(Unavailable, match=f"{sentence} {address}") as caught:
            await attempt
        assert caught.value.hint


async def test_no_broker_is_said_in_one_sentence_and_soon() -> None:
    began = time.monotonic()
    await refused(f"127.0.0.1:{free_port()}")
    assert time.monotonic() - began < 10


async def test_a_server_that_is_no_broker_is_said_in_one_sentence() -> None:
    async with something_else_than_kafka() as address:
        await refused(address, "What listens at")


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connection.CONNECT_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await refused(f"127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize("address", ["localhost:port", "127.0.0.1:99999999", ""])
async def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises((UsageError, Unavailable)):
        await ensure_topics(address, 1)
