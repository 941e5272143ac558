"""Puts records on Kafka in large batches, a bounded number of them at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.transaction import InitProducerIdRequest

from producers.connection import CONNECT_TIMEOUT_S, answering
from producers.encoding import BATCH_BYTES, EncodedBatch, by_partition
from producers.keys import spread_key
from producers.partitioning import partition_of
from producers.record import OutRecord
from schemas.errors import Unavailable, UsageError
from schemas.kafka_security import PLAINTEXT, KafkaSecurity
from schemas.topics import EVENT_TOPICS

logger = logging.getLogger(__name__)

_ANY_TRANSACTION_TIMEOUT_MS: Final = 60_000
_STOP_TIMEOUT_S: Final = 10.0
_RETRY_S: Final = 0.1


class Publisher:
    """Publishes records with ``acks=all``; use it as an async context manager.

    Records of one partition keep their order. With a broker that can (see :meth:`start`), retries
    inside aiokafka are idempotent; otherwise a lost answer may lead to duplicates, which the fold
    recognises.

    Args:
        bootstrap: ``HOST:PORT``, or several with commas in between.
        max_in_flight_records: handing over waits while so many are not yet acknowledged.
        spread: over how many keys a room is spread, for a room too hot for one partition;
            ``None`` keeps a room in one.
        compression: ``None``, ``"gzip"``, or what else aiokafka supports on this machine.
        request_timeout_ms: how long aiokafka retries a batch before it fails.
        security: how to connect.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        max_in_flight_records: int = 200_000,
        spread: int | None = None,
        compression: str | None = None,
        request_timeout_ms: int = 40_000,
        security: KafkaSecurity = PLAINTEXT,
    ) -> None:
        if spread is not None and not 1 <= spread <= 1_000:
            raise UsageError(
                f"A room cannot be spread over {spread} keys.", "Give a number from 1 to 1,000."
            )
        self._bootstrap = bootstrap
        self._max_in_flight_records = max(1, max_in_flight_records)
        self._spread = spread if spread and spread > 1 else None
        self._compression = compression
        self._request_timeout_ms = request_timeout_ms
        self._security = security
        self._producer: Any = None
        self._partitions: dict[str, int] = {}
        self._in_flight_records = 0
        self._ends: dict[tuple[str, int], int] = {}
        self._landed = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def partitions(self) -> dict[str, int]:
        """Topic → number of partitions, as the broker says."""
        return dict(self._partitions)

    @property
    def ends(self) -> dict[tuple[str, int], int]:
        """(topic, partition) → offset after the last record that the broker acknowledged."""
        return dict(self._ends)

    @property
    def in_flight_records(self) -> int:
        """How many records are handed over and not yet acknowledged."""
        return self._in_flight_records

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect, and find out whether the broker can tell a retry from a new batch.

        Raises:
            Unavailable: no broker answers, or it lacks a topic.
            UsageError: the address is not of the form ``HOST:PORT``.
        """
        async with answering(self._bootstrap, self._security):
            idempotent = await self._supports_idempotence()
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                acks="all",
                enable_idempotence=idempotent,
                max_batch_size=BATCH_BYTES,
                compression_type=self._compression,
                request_timeout_ms=self._request_timeout_ms,
                **self._security.client_arguments(),
            )
            try:
                await self._producer.start()
            except BaseException:
                await self.stop()
                raise
        await self._learn_partitions()

    async def send(self, records: Sequence[OutRecord]) -> None:
        """Hand records over, in order; returns when all of them are on their way.

        Waits while too many are in flight. Cancelling it may leave some of ``records`` out.

        Raises:
            Unavailable: a batch was not accepted, this one or one handed over earlier.
        """
        by_partition: defaultdict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        partitions, shards = self._partitions, self._spread
        for record in records:
            topic, key = record.topic, record.key
            if shards is not None:
                key = spread_key(key, record.event, shards)
            place = (topic, partition_of(key, partitions[topic]))
            by_partition[place].append((key, record.value))
        await self._make_room(len(records))
        # All partitions at once, so that one request to the broker carries a batch of each.
        await asyncio.gather(
            *(
                self._send_to(topic, partition, rows)
                for (topic, partition), rows in by_partition.items()
            )
        )

    async def send_encoded(self, batches: Sequence[EncodedBatch]) -> None:
        """Hand batches over that were encoded beforehand, those of one partition in order.

        A tenth of the time of :meth:`send`, for load generators. The batches must have been made
        for the topics' numbers of partitions; ``spread`` and ``compression`` do not apply to them.

        Raises:
            Unavailable: a batch was not accepted, this one or one handed over earlier.
        """
        await self._make_room(sum(batch.records for batch in batches))
        await asyncio.gather(
            *(
                self._send_encoded_to(topic, partition, own)
                for (topic, partition), own in by_partition(batches).items()
            )
        )

    async def flush(self) -> None:
        """Wait until everything that was handed over is acknowledged.

        Raises:
            Unavailable: a batch was not accepted.
        """
        while self._in_flight_records:
            await self._wait_for_landing()
        self._raise_failure()

    async def stop(self) -> None:
        """Send what is left and disconnect. Stopping twice does nothing.

        Waits for 10 s at most: an idempotent producer would try for ever to reach a dead broker.
        """
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await producer.stop()
        except TimeoutError:
            logger.warning("gave up %d records that were not yet sent", self._in_flight_records)
            await producer.client.close()

    async def _send_to(self, topic: str, partition: int, rows: list[tuple[bytes, bytes]]) -> None:
        producer = self._producer
        batch = producer.create_batch()
        for key, value in rows:
            # Without a timestamp, aiokafka takes the present moment: the append time.
            if batch.append(timestamp=None, key=key, value=value) is None:
                await self._hand_over(batch, topic, partition)
                batch = producer.create_batch()
                batch.append(timestamp=None, key=key, value=value)
        await self._hand_over(batch, topic, partition)

    async def _send_encoded_to(
        self, topic: str, partition: int, batches: Sequence[EncodedBatch]
    ) -> None:
        for batch in batches:
            await self._hand_over(batch.builder(), topic, partition)

    async def _hand_over(self, batch: Any, topic: str, partition: int) -> None:
        batch.close()
        count = batch.record_count()
        try:
            landing = await self._producer.send_batch(batch, topic, partition=partition)
        except KafkaError as error:
            raise self._refused(error) from error
        self._in_flight_records += count

        def landed(future: asyncio.Future[Any]) -> None:
            self._in_flight_records -= count
            if future.cancelled():
                pass
            elif (error := future.exception()) is not None:
                self._failure = self._failure or error
            else:
                end = future.result().offset + count
                self._ends[topic, partition] = max(end, self._ends.get((topic, partition), 0))
            self._landed.set()

        landing.add_done_callback(landed)

    async def _make_room(self, count: int) -> None:
        """Wait until ``count`` records more may be in flight. One chunk always may."""
        while self._in_flight_records and (
            self._in_flight_records + count > self._max_in_flight_records
        ):
            await self._wait_for_landing()
        self._raise_failure()

    async def _wait_for_landing(self) -> None:
        self._landed.clear()
        await self._landed.wait()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._refused(self._failure) from self._failure

    def _refused(self, error: BaseException) -> Unavailable:
        return Unavailable(
            f"The Kafka broker at {self._bootstrap} did not take a batch: {error!r}.",
            "Look at the broker's log; what was sent so far is not lost.",
        )

    async def _learn_partitions(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                for topic in EVENT_TOPICS:
                    partitions = await self._producer.partitions_for(topic.name)
                    self._partitions[topic.name] = len(partitions)
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            raise Unavailable(
                f"The Kafka broker at {self._bootstrap} has no topic {topic.name}.",
                "Create the topics first; `liveshop replay` and `liveshop demo` do.",
            ) from error

    async def _supports_idempotence(self) -> bool:
        """Ask the broker for a producer id. The embedded broker has none to give."""
        client = AIOKafkaClient(
            bootstrap_servers=self._bootstrap, **self._security.client_arguments()
        )
        try:
            await client.bootstrap()
            if not client.cluster.brokers():
                raise Unavailable(
                    f"The Kafka broker at {self._bootstrap} belongs to no cluster.",
                    "Wait until it has started.",
                )
            # A broker that has just started first has to ask its controller for producer ids.
            while (refusal := await _ask_for_producer_id(client)) and refusal.retriable:  # noqa: ASYNC110
                await asyncio.sleep(_RETRY_S)
        finally:
            await client.close()
        if refusal is not None:
            logger.info(
                "%s gives out no producer ids (%s): publishing without idempotence, so that a "
                "retry may lead to duplicates, which the fold recognises",
                self._bootstrap,
                refusal.__name__,
            )
        return refusal is None


async def _ask_for_producer_id(client: AIOKafkaClient) -> type[KafkaError] | None:
    """What any broker of the cluster objects to giving out a producer id; ``None`` if it did."""
    request = InitProducerIdRequest(
        transactional_id=None, transaction_timeout_ms=_ANY_TRANSACTION_TIMEOUT_MS
    )
    try:
        response = await client.send(client.get_random_node(), request)
    except KafkaError as error:
        return type(error)
    refusal: type[KafkaError] = for_code(response.error_code)
    return None if refusal is NoError else refusal
