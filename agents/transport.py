"""A Faust transport that delivers batches: one message per (partition, fetch).

Faust spends two tasks, an event and an acknowledgement on every message. Here the *message* is a
whole :class:`~streams.batch.Batch`, so that cost is paid once per fetch. Topics that are not
batched (the leaderboard's, changelogs) pass through as Faust knows them.

What has to stay true while batches travel from the fetcher to the agent:

1. **Nothing is lost in silence.** Positions are chained where the records leave the fetcher: a
   batch starts where the one before it ended. If any batch is dropped later on (a rebalance, a
   paused flow), the next one does not fit what was folded, and the fold refuses it.
2. **The checkpoint is the position.** On every assignment each partition is sought to what its
   fold or its checkpoint says, never to what Kafka has committed. Records that were fetched but
   not delivered are thereby fetched again; an overlap is trimmed by the fold.
3. **Ranges are acknowledged.** After a checkpoint is durable its position is noted, and Faust's
   commit loop commits the newest one. Kafka's committed offset is for lag monitors only.
4. **The buffer is bounded in records**, not in messages: a partition with more than
   ``max_buffered`` records under way is not fetched from until half of them are folded. While
   one is full, no fetch waits for news of the others: it would go on waiting when the full one has
   room again, and a backlog in one topic would be read in bursts, one a second.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from time import monotonic
from typing import Any, Protocol

from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from agents.record_batches import RecordRun, RunFetcher
from agents.waiting import until_there
from schemas.errors import Unavailable
from streams.batch import Batch, PackedBatch
from streams.fold import AnyBatch

logger = logging.getLogger(__name__)

#: How long a record that should be there is waited for, and one that need not be.
_REACH_S = 5.0
_COMPARE_S = 2.0
#: Of each partition that is looked at; a larger batch comes alone.
_PROBE_BYTES = 64 * 1024
#: How soon a full partition is looked at again.
_FULL_S = 0.01
#: How long the broker may wait for news of the partitions that a fetch asks for. aiokafka has one
#: fetch per broker under way, so that is also how long the others may have to wait for theirs:
#: Faust's 1.5 s would be added to the latency, and to every few thousand records of a backlog.
FETCH_MAX_WAIT_MS = 50
#: How long a client that finds no broker rests.
_REST_S = 0.5


class Positions(Protocol):
    """Who knows where a partition goes on; the worker's pipeline."""

    #: The topics that are delivered in batches.
    batched_topics: frozenset[str]
    #: Records of one partition that may be under way.
    max_buffered: int

    @property
    def flushed(self) -> Mapping[TP, int]:
        """Up to where each partition is durable; its position may be further on."""

    async def positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        """The position of each assigned partition; forgets those that are not among them."""


class LogBounds(Protocol):
    """First and end offsets of partitions, from the broker."""

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Offset of the first record that the log still has."""

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Offset after the last record; some brokers name the start of the last batch."""

    async def reaches(self, tp: TP, position: int) -> bool:
        """Whether the log has every offset below a position, found out by reading it."""

    async def appended_ms(self, offsets: Mapping[TP, int]) -> Mapping[TP, int]:
        """When a record of each partition was appended; without those that are not there."""


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Runs aiokafka; cuts what it fetches into batches before anything can go missing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        #: Where the next batch of each partition starts.
        self.next_start: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # before its start; Faust has no setting
        rest_while_away(consumer._client)
        return consumer

    async def on_start(self) -> None:
        """Connect."""

        async def connect() -> None:
            try:
                await super(ConsumerThread, self).on_start()
            except KafkaConnectionError:
                await self._consumer.stop()
                raise

        await self.transport.until_there(connect)
        RunFetcher.take_over(self._consumer._fetcher, self.transport.positions.batched_topics)

    async def reaches(self, tp: TP, position: int) -> bool:
        """See :class:`LogBounds`."""
        found = await self.call_thread(self._first_at, {tp: position - 1}, _REACH_S)
        # A log that is shorter makes the consumer begin anew, below the position.
        return any(record.offset >= position - 1 for record in found.values())

    async def appended_ms(self, offsets: Mapping[TP, int]) -> Mapping[TP, int]:
        """See :class:`LogBounds`."""
        try:
            found = await self.call_thread(self._first_at, offsets, _COMPARE_S)
        except KafkaError as error:
            logger.info("the records that were folded last could not be looked at: %s", error)
            return {}
        return {
            tp: record.timestamp for tp, record in found.items() if record.offset == offsets[tp]
        }

    async def _first_at(self, offsets: Mapping[TP, int], limit_s: float) -> dict[TP, Any]:
        """The first record at or above an offset of each partition, as far as there is one."""
        consumer = self._create_client_consumer(self.transport)
        consumer._max_partition_fetch_bytes = _PROBE_BYTES
        found: dict[TP, Any] = {}
        await consumer.start()
        try:
            wanted = {driver.ensure_aiokafka_TP(tp): offset for tp, offset in offsets.items()}
            consumer.assign(list(wanted))
            for aiotp, offset in wanted.items():
                consumer.seek(aiotp, offset)
            until = monotonic() + limit_s
            while wanted and (left_s := until - monotonic()) > 0:
                runs = await consumer.getmany(
                    *wanted, timeout_ms=round(left_s * 1_000), max_records=1
                )
                for aiotp, (record, *_) in runs.items():
                    found[TP(aiotp.topic, aiotp.partition)] = record
                    del wanted[aiotp]
        finally:
            await consumer.stop()
        return found

    async def seek_batched(self, positions: Mapping[TP, int]) -> None:
        """Seek, and begin a new chain of batches there."""
        await self.call_thread(self._seek_batched, positions)

    async def _seek_batched(self, positions: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in positions.items():
            consumer.seek(driver.ensure_aiokafka_TP(tp), offset)
            self.next_start[tp] = offset

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        records = await super()._fetch_records(*args, **kwargs)
        # From here to the return there is no await: what the fetcher gave up is in a batch.
        batched = self.transport.positions.batched_topics
        return {
            tp: [self._cut(TP(tp.topic, tp.partition), run)] if tp.topic in batched else run
            for tp, run in records.items()
        }

    def _cut(self, tp: TP, run: list[Any]) -> AnyBatch:
        if isinstance(run[0], RecordRun):
            return self._pack(tp, *run)
        offsets = [record.offset for record in run]
        start = self.next_start.get(tp, offsets[0])
        next_offset = self.next_start[tp] = offsets[-1] + 1
        return Batch(
            topic=tp.topic,
            partition=tp.partition,
            start=start,
            next_offset=next_offset,
            offsets=offsets,
            appended_ms=[record.timestamp for record in run],
            values=[record.value for record in run],
            keys=[record.key for record in run],
        )

    def _pack(self, tp: TP, run: RecordRun) -> PackedBatch:
        start = self.next_start.get(tp, int(run.offsets[0]))
        self.next_start[tp] = run.next_offset
        return PackedBatch(
            topic=tp.topic,
            partition=tp.partition,
            start=start,
            next_offset=run.next_offset,
            offsets=run.offsets,
            appended_ms=run.appended_ms,
            data=run.data,
            value_at=run.value_at,
            value_size=run.value_size,
            key_at=run.key_at,
            key_size=run.key_size,
        )


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Delivers batches, and commits what has been acknowledged as a range."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._acknowledged: dict[TP, int] = {}
        self._under_way: dict[TP, int] = defaultdict(int)
        #: What Kafka has committed of the batched partitions, as of the last seek.
        self._in_kafka: dict[TP, int | None] = {}

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _positions(self) -> Positions:
        positions: Positions = self.transport.positions
        return positions

    def _is_batched(self, tp: TP) -> bool:
        return tp.topic in self._positions.batched_topics

    # --- positions ---------------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek batched partitions to their checkpoints, the others to Kafka's offsets."""
        committed = {
            TP(tp.topic, tp.partition): offset
            for tp, offset in (await super().seek_to_committed()).items()
        }
        batched = {tp for tp in self.assignment() if self._is_batched(tp)}
        positions = await self._positions.positions(batched, self)
        await self._thread.seek_batched(positions)
        for tp in list(self._under_way):
            self._under_way[tp] = 0
            self.on_buffer_drop(tp)
        self._in_kafka = {tp: committed.get(tp) for tp in positions}
        return {**committed, **positions}

    async def perform_seek(self) -> None:
        """Seek, and acknowledge what a checkpoint holds beyond Kafka's committed offset.

        The worker that wrote it may have died before its commit.
        """
        await super().perform_seek()
        flushed = self._positions.flushed
        self._acknowledged = {tp: until for tp in self._in_kafka if (until := flushed.get(tp))}
        self._committed_offset.update(self._in_kafka)

    async def reaches(self, tp: TP, position: int) -> bool:
        """See :class:`LogBounds`."""
        return await self._thread.reaches(tp, position)

    async def appended_ms(self, offsets: Mapping[TP, int]) -> Mapping[TP, int]:
        """See :class:`LogBounds`."""
        return await self._thread.appended_ms(offsets)

    # --- delivery ----------------------------------------------------------------------------

    async def _wait_next_records(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> tuple[Any, Any]:
        while (  # noqa: ASYNC110 - whatever ends it, soon is enough
            self._buffered_partitions
            and not self._get_active_partitions()
            and self.flow_active
            and not self.should_stop
        ):
            await asyncio.sleep(_FULL_S)
        found: tuple[Any, Any] = await super()._wait_next_records(
            _FULL_S if self._buffered_partitions else timeout
        )
        return found

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, AnyBatch):
            return super()._to_message(tp, record)
        under_way = self._under_way[tp] = self._under_way[tp] + len(record)
        if under_way > self._positions.max_buffered:
            self.on_buffer_full(tp)
        return ConsumerMessage(
            record.topic,
            record.partition,
            record.next_offset - 1,
            record.appended_ms[-1] / 1_000,
            0,
            None,
            None,
            record,
            None,
            -1,
            -1,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def folded(self, batch: AnyBatch) -> None:
        """Say that a batch is folded, so that fetching can go on."""
        tp = TP(batch.topic, batch.partition)
        under_way = self._under_way[tp] = max(0, self._under_way[tp] - len(batch))
        if under_way <= self._positions.max_buffered // 2:
            self.on_buffer_drop(tp)

    # --- acknowledgement ---------------------------------------------------------------------

    def acknowledge(self, tp: TP, next_offset: int) -> None:
        """Note that everything below ``next_offset`` is durable; the commit loop commits it."""
        self._acknowledged[tp] = next_offset

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        yield from super()._filter_tps_with_pending_acks(topics)
        for tp in self._acknowledged:
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        if self._is_batched(tp):
            return self._acknowledged.get(tp)
        offset: int | None = super()._new_offset(tp)
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # A batch leaps over the offsets of its own records: no gap.
        if not self._is_batched(tp):
            await super()._add_gap(tp, offset_from, offset_to)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what has been acknowledged, unless the group is rebalancing.

        Kafka would look at such a commit only after it has answered the join request, on the same
        connection: it is then of the generation before, is refused, and makes aiokafka join once
        more. Everybody would rebalance again, for a session timeout each time.
        """
        if self.app.rebalancing:
            return False
        committed: bool = await super().commit(topics, start_new_transaction)
        return committed


class Producer(driver.Producer):  # type: ignore[misc]
    """Waits for a broker that is away when it starts."""

    def _new_producer(self) -> Any:
        producer = super()._new_producer()
        rest_while_away(producer.client)
        return producer

    async def on_start(self) -> None:
        """Connect."""

        async def connect() -> None:
            try:
                await super(Producer, self).on_start()
            except KafkaConnectionError:
                await self._producer.stop()
                raise

        await self.transport.until_there(connect)


class Transport(driver.Transport):  # type: ignore[misc]
    """The aiokafka transport with batches. ``positions`` must be set before the app starts."""

    Consumer = Consumer
    Producer = Producer
    positions: Positions
    #: For how long a broker that is away at the start is waited for.
    start_wait_s: float = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Set to end that wait, from any thread.
        self.give_up = threading.Event()

    async def until_there(self, connect: Callable[[], Awaitable[None]]) -> None:
        """Connect to the broker, as soon as there is one.

        Raises:
            Unavailable: there is none for too long, or nobody waits any more.
        """
        addresses = driver.server_list(self.url, self.default_port)

        async def attempt() -> None:
            try:
                await connect()
            except KafkaConnectionError as error:
                raise Unavailable(
                    f"No Kafka broker answers at {', '.join(addresses)}.",
                    "Start it, or give its address in LIVESHOP_BROKERS.",
                ) from error

        await until_there(attempt, self.start_wait_s, is_over=self.give_up.is_set)


def rest_while_away(client: Any) -> None:
    """Let an aiokafka client that finds no broker rest before it looks again.

    Its sender and fetcher ask for metadata again in the moment in which they got none, thousands
    of times a second, and each attempt is two lines in the log.
    """
    look = client._metadata_update

    async def look_and_rest(*args: Any) -> bool:
        found: bool = await look(*args)
        if not found:
            await asyncio.sleep(_REST_S)
        return found

    client._metadata_update = look_and_rest
