"""Waiting until the workers have folded and stored everything that is in Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from producers.connection import answering
from producers.topics import existing_topics
from schemas.errors import Unavailable
from schemas.kafka_security import PLAINTEXT, KafkaSecurity
from schemas.topics import ALL_TOPICS, EVENT_TOPICS

_POLL_S = 0.25


class Lag:
    """How many records the consumer group has not acknowledged yet.

    A worker acknowledges a record after its checkpoint is durable, so a lag of 0 means that every
    figure is in the store.

    Args:
        brokers: ``host:port[,host:port…]``.
        group: consumer group of the workers.
        security: how to connect.
    """

    def __init__(self, brokers: str, group: str, security: KafkaSecurity = PLAINTEXT) -> None:
        self._brokers = brokers
        self._security = security
        self._topics: dict[str, int] = {}
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers,
            group_id=group,
            enable_auto_commit=False,
            **security.client_arguments(),
        )

    async def __aenter__(self) -> Lag:
        try:
            self._topics = await existing_topics(self._brokers, security=self._security)
            async with answering(self._brokers, self._security):
                await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        self._partitions = {
            TopicPartition(topic.name, number)
            for topic in EVENT_TOPICS
            for number in range(self._topics.get(topic.name, 0))
        }
        # Not assigned to the consumer: it would fetch them, and a listing would wait for the fetch.
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    def topics(self) -> dict[str, int]:
        """Our topics that the broker has, and their numbers of partitions."""
        return {
            topic.name: self._topics[topic.name]
            for topic in ALL_TOPICS
            if topic.name in self._topics
        }

    async def measure(self, sent: Mapping[tuple[str, int], int] | None = None) -> int:
        """Records that are in Kafka and not acknowledged by the group.

        Args:
            sent: (topic, partition) → end of the log as the producer knows it. It is exact, where
                the embedded broker names the start of the last batch when asked for the end.
        """
        known = {TopicPartition(*place): end for place, end in (sent or {}).items()}
        listed = await self._consumer.end_offsets(self._partitions)
        lag = 0
        for partition in known.keys() | listed.keys():
            end = max(listed.get(partition, 0), known.get(partition, 0))
            try:
                done = await self._consumer.committed(partition)
            except KafkaError:
                done = None  # The coordinator is moving; the next look tells.
            lag += max(0, end - (done or 0))
        return lag


async def drain(
    lag: Lag,
    limit_s: float,
    sent: Mapping[tuple[str, int], int] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> None:
    """Wait until the lag is 0; ``sent`` as for :meth:`Lag.measure`.

    Raises:
        Unavailable: it is not after ``limit_s`` without any progress.
    """
    loop = asyncio.get_running_loop()
    best, since = -1, loop.time()
    while True:
        left = await lag.measure(sent)
        if on_progress is not None:
            on_progress(left)
        if not left:
            return
        if best < 0 or left < best:
            best, since = left, loop.time()
        elif loop.time() - since > limit_s:
            raise Unavailable(
                f"{left} records are still waiting after {limit_s:.0f} s without progress",
                "look into the worker's log",
            )
        await asyncio.sleep(_POLL_S)
