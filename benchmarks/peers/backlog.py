"""The backlog: what everybody reads, published before anything is measured.

A slow peer gets the first part of the same records, on topics of its own, so that its run takes
seconds and not minutes. The whole backlog is on the topics that a worker of Liveshop reads.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.load import LoadSpec
from benchmarks.peers.job import TOPICS, Figures, Key, Record, TruthBook, records
from liveshop.console import meter
from producers.partitioning import partition_of
from producers.topics import ensure_topics

_CHUNK = 20_000
_BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Backlog:
    """So many records from the start of the show.

    Attributes:
        topics: those with clicks, likes and purchases.
        records: how many.
        bytes: of their values.
        truth: what must come of them.
    """

    topics: tuple[str, ...]
    records: int
    bytes: int
    truth: dict[Key, Figures]


async def publish(
    brokers: str, spec: LoadSpec, sizes: Collection[int], partitions: int
) -> dict[int, Backlog]:
    """Publish backlogs of several sizes; one of ``spec.records``, the largest, is always there.

    Raises:
        UsageError: the show has too few records.
    """
    topics = {size: tuple(f"first-{size}.{name}" for name in TOPICS) for size in sorted(sizes)}
    topics[spec.records] = TOPICS
    await ensure_topics(brokers, partitions)
    small = [name for size, names in topics.items() if size < spec.records for name in names]
    await _create(brokers, small, partitions)

    backlogs: dict[int, Backlog] = {}
    stream, book = records(spec), TruthBook()
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers, acks="all", max_batch_size=_BATCH_BYTES, linger_ms=5
    )
    await producer.start()
    try:
        with meter("publishing", spec.records, counts=True) as bar:
            for chunk, sent in _chunks(stream, sorted(topics)):
                wanted = [
                    dict(zip(TOPICS, topics[size], strict=True)) for size in topics if size >= sent
                ]
                await _send(producer, chunk, wanted, partitions)
                for record in chunk:
                    book.add(record)
                bar.to(sent)
                if sent in topics:
                    backlogs[sent] = Backlog(topics[sent], sent, book.bytes, book.windows())
    finally:
        await producer.stop()
    return backlogs


def _chunks(stream: Iterator[Record], sizes: Sequence[int]) -> Iterator[tuple[list[Record], int]]:
    """Chunks and where they end; every size is the end of one."""
    for begin, end in pairwise([0, *sizes]):
        for at in range(begin, end, _CHUNK):
            count = min(_CHUNK, end - at)
            yield list(islice(stream, count)), at + count


async def _create(brokers: str, topics: Sequence[str], partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in topics])
    finally:
        await admin.close()


async def _send(
    producer: Any, chunk: Sequence[Record], names: Sequence[dict[str, str]], partitions: int
) -> None:
    """Put a chunk on several sets of topics, and wait until the broker has it."""
    by_place: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in chunk:
        by_place[record.topic, partition_of(record.key, partitions)].append(record)
    landings: list[Any] = []
    for (topic, partition), batch in by_place.items():
        for name in names:
            landings += await _send_to(producer, name[topic], partition, batch)
    await asyncio.gather(*landings)


async def _send_to(producer: Any, topic: str, partition: int, batch: Sequence[Record]) -> list[Any]:
    landings = []
    builder = producer.create_batch()
    for record in batch:
        if builder.append(timestamp=None, key=record.key, value=record.value) is None:
            landings.append(await producer.send_batch(builder, topic, partition=partition))
            builder = producer.create_batch()
            builder.append(timestamp=None, key=record.key, value=record.value)
    landings.append(await producer.send_batch(builder, topic, partition=partition))
    return landings
