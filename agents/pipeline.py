"""The folds of a worker's partitions, and the checkpoint protocol that makes them durable.

The protocol, per flush, in this order:

1. take the changed rows, ledger rows, audience rows and dead letters of every partition;
2. insert them, with retries; each insert is idempotent;
3. hand dead letters and KOL totals to their topics;
4. write the checkpoints: fold state and next offset;
5. acknowledge the offsets to Kafka.

A death between any two steps is mended by replaying from the last checkpoint: the same records
give the same rows. Anything unexpected stops the worker before step 5; it is never worked around.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from faust.types import TP

from agents.metrics import Metrics
from agents.restore import sign, signature
from agents.sink import Sink
from agents.transport import Consumer, LogBounds
from schemas.errors import UsageError
from streams.catalog import FOLDS
from streams.fold import AnyBatch, Counts, IncompatibleStateError, PartitionFold, Restored, Taken
from streams.windows import WindowPolicy

logger = logging.getLogger(__name__)

#: Hands dead letters and totals to Kafka; returns once the broker has them.
Publish = Callable[[Sequence[Taken]], Awaitable[None]]


class CutShortError(Exception):
    """A flush was cancelled; what it had taken must be folded again, by the next worker."""


class OvertakenError(Exception):
    """The partition was another worker's while this one was frozen; only a restart can help."""


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """How much may be under way.

    Attributes:
        flush_interval_ms: from the start of a flush to that of the next one.
        max_buffered: records per partition between fetcher and fold.
        max_unflushed: records folded since the last flush, over all partitions, each as often as
            it weighs (``PartitionFold.weight``); beyond it the worker waits for the store. Half of
            them start a flush before its time.
    """

    flush_interval_ms: int = 1_000
    max_buffered: int = 20_000
    max_unflushed: int = 400_000


class Pipeline:
    """Folds batches, flushes once per interval, and knows where each partition goes on."""

    batched_topics = frozenset(FOLDS)

    def __init__(
        self, config: PipelineConfig, policy: WindowPolicy, sink: Sink, metrics: Metrics
    ) -> None:
        self.config = config
        self.max_buffered = config.max_buffered
        self.policy = policy
        self.folds: dict[TP, PartitionFold] = {}
        self.flushed: dict[TP, int] = {}
        self.latencies_ms: deque[float] = deque(maxlen=600)
        self.last_flush = time.monotonic()
        self.publish: Publish | None = None
        self._sink = sink
        self._metrics = metrics
        self._consumer: Consumer | None = None
        self._flushing = asyncio.Lock()
        self._positioning = asyncio.Lock()
        self._unflushed = 0
        self._room = asyncio.Event()
        self._room.set()
        #: Set when half of what may be unflushed is there: waiting longer would hold up folding.
        self._is_due = asyncio.Event()
        self._counted: dict[TP, Counts] = {}
        #: Offset of the record that was folded last, and when it was appended.
        self._newest: dict[TP, tuple[int, int]] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        metrics.unflushed.set_function(self._count_unflushed)

    def attach(self, consumer: Consumer) -> None:
        """Connect the consumer, to tell it what is folded and what is durable."""
        self._consumer = consumer

    @property
    def waits_for_store(self) -> bool:
        """Whether folding has to wait because the store is behind."""
        return not self._sink.is_up

    def _count_unflushed(self) -> int:
        return sum(fold.next_offset - self.flushed[tp] for tp, fold in self.folds.items())

    def fail(self, error: BaseException) -> None:
        """Stop folding and flushing for good: something happened that must not be worked around."""
        if not self._failed.done():
            self._failed.set_exception(error)

    async def failure(self) -> None:
        """Wait for :meth:`fail`, and raise what it was told."""
        await asyncio.shield(self._failed)

    # --- positions ---------------------------------------------------------------------------

    async def positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        """Load what is not in memory yet, forget what is not ours, or was another's meanwhile.

        Raises:
            UsageError: a topic is shorter than its checkpoint (it was created anew), or a
                checkpoint was written with other settings.
        """
        try:
            # Faust may ask again before it has its answer: one set of folds is enough.
            async with self._positioning:
                return await self._positions(partitions, log)
        except Exception as error:
            self.fail(error)
            raise

    async def _positions(self, partitions: Iterable[TP], log: LogBounds) -> Mapping[TP, int]:
        assigned = {TP(tp.topic, tp.partition) for tp in partitions}
        stored = await self._sink.positions() if self.folds else {}
        for tp in list(self.folds):
            # Further than we wrote: it was another worker's for a while, and we never heard of it.
            if tp not in assigned or stored.get(tp, 0) > self.flushed[tp]:
                self._forget(tp)
        missing = sorted(assigned - self.folds.keys())
        await self._load(missing)
        if assigned:
            first = await log.earliest_offsets(*assigned)
            end = await log.highwaters(*assigned)
            for tp in assigned:
                await self._check_bounds(tp, first[tp], end[tp], log)
            await self._check_newest(missing, first, log)
            self._metrics.rebalances.inc()
        return {tp: self.folds[tp].next_offset for tp in assigned}

    async def _load(self, missing: Sequence[TP]) -> None:
        """Bring partitions into memory: those that have a checkpoint go on from it."""
        began = time.monotonic()
        folds = {
            (tp.topic, tp.partition): FOLDS[tp.topic](tp.partition, self.policy) for tp in missing
        }
        async for place, restored in self._sink.restore(folds.keys()):
            self._restore(folds[place], restored)
            if newest := signature(restored.state):
                self._newest[TP(*place)] = newest
        for tp, fold in zip(missing, folds.values(), strict=True):
            self.folds[tp] = fold
            self.flushed[tp] = fold.next_offset
            # Counters tell what this process did; what the checkpoint brought along is not it.
            self._counted[tp] = replace(fold.counts)
        if missing:
            logger.info(
                "%d partitions restored in %.1f s: %s",
                len(missing),
                time.monotonic() - began,
                ", ".join(f"{tp.topic}/{tp.partition} at {self.flushed[tp]}" for tp in missing),
            )

    def _restore(self, fold: PartitionFold, restored: Restored) -> None:
        try:
            fold.restore(restored)
        except IncompatibleStateError as error:
            raise UsageError(
                f"{fold.topic.name}/{fold.partition}: {error}.",
                "Start the worker with the settings the database was written with, "
                "or use a new database.",
            ) from error

    async def _check_bounds(self, tp: TP, first: int, end: int, log: LogBounds) -> None:
        fold = self.folds[tp]
        if fold.next_offset > end and not await log.reaches(tp, fold.next_offset):
            raise _created_anew(tp, f"ends at offset {end}", fold.next_offset)
        await self._skip_deleted(tp, fold, first)

    async def _check_newest(
        self, partitions: Iterable[TP], first: Mapping[TP, int], log: LogBounds
    ) -> None:
        """Compare the record that was folded last with the one that is in its place now.

        It is gone where retention or compaction removed it; then there is nothing to compare.
        """
        known = {tp: self._newest[tp] for tp in partitions if tp in self._newest}
        asked = {tp: offset for tp, (offset, _) in known.items() if offset >= first[tp]}
        found = await log.appended_ms(asked) if asked else {}
        for tp, appended_ms in found.items():
            if appended_ms != known[tp][1]:
                what = f"has another record at offset {asked[tp]} than the one that was folded"
                raise _created_anew(tp, what, self.folds[tp].next_offset)

    async def _skip_deleted(self, tp: TP, fold: PartitionFold, first: int) -> None:
        """Count the records below ``first`` that were not folded: the log no longer has them.

        Raises:
            OvertakenError: another worker has folded them.
        """
        if fold.next_offset >= first:
            return
        stored = (await self._sink.positions()).get(tp, 0)
        if not self._holds(fold):
            return
        if stored > fold.next_offset:
            raise OvertakenError(
                f"{tp.topic}/{tp.partition}: another worker went on beyond {fold.next_offset}"
            )
        logger.error(
            "%s/%s: retention deleted %s records before they were read",
            tp.topic,
            tp.partition,
            first - fold.next_offset,
        )
        fold.skip_gap(first)

    def _forget(self, tp: TP) -> None:
        del self.folds[tp]
        self.flushed.pop(tp, None)
        self._counted.pop(tp, None)
        self._newest.pop(tp, None)

    # --- folding -----------------------------------------------------------------------------

    async def fold(self, batch: AnyBatch) -> None:
        """Fold one batch; waits while the store is behind.

        Raises:
            streams.fold.BrokenFlowError: records are missing before it.
        """
        try:
            await self._fold(batch)
        except Exception as error:
            # Faust would acknowledge the batch and go on with the next one.
            self.fail(error)
            raise

    async def _fold(self, batch: AnyBatch) -> None:
        tp = TP(batch.topic, batch.partition)
        fold = self.folds.get(tp)
        await self._room.wait()
        if batch.offsets[0] != batch.start:
            await self._look_into_hole(tp, batch)
        if fold is None or not self._holds(fold):
            return  # Of an assignment that is over; who has the partition now fetches it again.
        began = time.perf_counter()
        opened, events = fold.open(batch)
        asked = fold.unknown(events)
        known = {}
        if asked:
            await self.flush()
            known = await self._sink.known(tp.topic, tp.partition, opened.start, asked)
            if not self._holds(fold):
                return
        fold.apply(opened, events, known)
        if len(opened):
            self._newest[tp] = (int(opened.offsets[-1]), int(opened.appended_ms[-1]))
        self._metrics.fold_seconds.labels(tp.topic).inc(time.perf_counter() - began)
        self._metrics.batch_records.observe(len(batch))
        self._unflushed += fold.weight * len(opened)
        if self._unflushed > self.config.max_unflushed:
            self._room.clear()
        if 2 * self._unflushed > self.config.max_unflushed:
            self._is_due.set()
        if self._consumer is not None:
            self._consumer.folded(batch)

    async def _look_into_hole(self, tp: TP, batch: AnyBatch) -> None:
        """A batch does not begin where the one before it ended: find out why.

        aiokafka begins anew at the first record, without a word, when the log no longer has the
        position: retention overtook us, or it is another log. Compaction leaves holes as well.
        """
        if batch.offsets[0] < batch.start:
            raise _created_anew(tp, f"began anew at offset {batch.offsets[0]}", batch.start)
        if self._consumer is None:
            return
        first = (await self._consumer.earliest_offsets(tp))[tp]
        fold = self.folds.get(tp)
        # A batch that is missing is another matter: the fold refuses what comes after it.
        if fold is not None and batch.start <= fold.next_offset:
            await self._skip_deleted(tp, fold, min(first, batch.offsets[0]))

    # --- flushing ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Flush once per interval, and sooner where much has been folded, until cancelled."""
        interval = self.config.flush_interval_ms / 1_000
        while True:
            began = time.monotonic()
            await self.flush()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, began + interval - time.monotonic())):
                    await self._is_due.wait()

    async def flush(self) -> None:
        """Run the checkpoint protocol once over all partitions.

        A flush that does not end well is the last one: what it took is no longer in the folds, and
        the next one would write checkpoints beyond rows that are not durable.
        """
        async with self._flushing:
            if self._failed.done():
                await self._failed
            try:
                await self._flush()
            except BaseException as error:
                self.fail(error if isinstance(error, Exception) else CutShortError())
                raise
            self.last_flush = time.monotonic()
            self._metrics.last_flush.set_to_current_time()

    async def _flush(self) -> None:
        began = time.perf_counter()
        self._unflushed = 0
        self._room.set()
        self._is_due.clear()
        folds = [fold for fold in self.folds.values() if fold.is_dirty]
        taken = [self._signed(fold.take()) for fold in folds]  # 1
        if taken:
            await self._sink.write_rows(taken)  # 2
            if self.publish is not None:
                await self.publish(taken)  # 3
            await self._sink.write_checkpoints(taken)  # 4
            # A partition that went away meanwhile may be back, with a fold that is further on.
            ours = [one for fold, one in zip(folds, taken, strict=True) if self._holds(fold)]
            self._acknowledge(ours)  # 5
            self._measure(ours, time.perf_counter() - began)

    def _holds(self, fold: PartitionFold) -> bool:
        return self.folds.get(TP(fold.topic.name, fold.partition)) is fold

    def _signed(self, taken: Taken) -> Taken:
        checkpoint = taken.checkpoint
        newest = self._newest.get(TP(checkpoint.topic, checkpoint.partition))
        if newest is None:
            return taken
        state = sign(checkpoint.state, newest)
        return replace(taken, checkpoint=replace(checkpoint, state=state))

    def _acknowledge(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            tp = TP(one.checkpoint.topic, one.checkpoint.partition)
            self.flushed[tp] = one.checkpoint.next_offset
            if self._consumer is not None:
                self._consumer.acknowledge(tp, one.checkpoint.next_offset)

    def _measure(self, taken: Sequence[Taken], seconds: float) -> None:
        metrics, now_ms = self._metrics, time.time() * 1_000
        metrics.flush_seconds.observe(seconds)
        for one in taken:
            if one.appended_ms:
                latency_ms = max(0.0, now_ms - one.appended_ms)
                self.latencies_ms.append(latency_ms)
                metrics.append_to_visible.observe(latency_ms / 1_000)
            self._count(one)
        metrics.open_windows.set(sum(fold.open_windows for fold in self.folds.values()))
        metrics.dedup_ids.set(sum(fold.remembered for fold in self.folds.values()))

    def _count(self, taken: Taken) -> None:
        metrics, checkpoint = self._metrics, taken.checkpoint
        tp = TP(checkpoint.topic, checkpoint.partition)
        now = checkpoint.counts
        before = self._counted[tp]
        self._counted[tp] = now
        metrics.consumed.labels(tp.topic).inc(now.consumed - before.consumed)
        metrics.folded.labels(tp.topic).inc(now.folded - before.folded)
        metrics.duplicates.labels(tp.topic).inc(now.duplicates - before.duplicates)
        metrics.late.labels(tp.topic).inc(now.late - before.late)
        metrics.gap.labels(tp.topic).inc(now.gap - before.gap)
        for letter in taken.dead_letters:
            metrics.dead_lettered.labels(tp.topic, letter.reason).inc()
        metrics.watermark.labels(tp.topic, tp.partition).set(checkpoint.watermark_ms / 1_000)
        for row in taken.rows.get("ledger", ()):
            currency, amount = str(row[6]), int(row[9])
            if row[0] == "order":
                metrics.orders.labels(currency).inc()
                metrics.gmv_minor.labels(currency).inc(amount)
            elif row[0] == "refund":
                metrics.refund_minor.labels(currency).inc(amount)


def _created_anew(tp: TP, what: str, folded: int) -> UsageError:
    return UsageError(
        f"{tp.topic}/{tp.partition} {what}, but the store has it folded up to {folded}: "
        "the topic was created anew.",
        "Use a new database (or data directory) for the new topic, or bring back the old one; "
        "records would be skipped otherwise.",
    )
