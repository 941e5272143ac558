"""A worker process of the simulation: the real pipeline and sink, run one call at a time.

Whatever the worker asks of the outside (a store call, a message to the broker) becomes a
:class:`Call` that waits until the schedule lets it happen. Nothing else can block, so between two
calls a process does as much as it can, and the order of calls is the whole interleaving.

A process that dies is never resumed: what it had asked for may still happen, but it never hears
the answer, and no handler of its own runs.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, Final, cast

from faust.types import TP

from agents.metrics import Metrics
from agents.pipeline import CutShortError, OvertakenError, Pipeline, PipelineConfig
from agents.sink import Sink
from agents.stores.config import RetryPolicy
from agents.transport import Consumer
from schemas.store import StoreRejected
from streams.batch import Batch
from streams.fold import BrokenFlowError, PartitionFold, Taken
from streams.windows import WindowPolicy
from tests.simulation.broker import Broker
from tests.simulation.store import Connection, Fault, SimStore

#: Few records may be unflushed, so that folding often has to wait for a flush.
_CONFIG: Final = PipelineConfig(max_unflushed=2)
#: Records that may be in memory and not durable: what a flush has taken and as much again, each
#: with a batch of five for each of three partitions beyond the limit. Not quite: a partition that is
#: beyond the limit because it asks the ledger has been flushed first.
_MAX_HELD: Final = 2 * (_CONFIG.max_unflushed + 3 * 5) - 1
_AT_ONCE: Final = RetryPolicy(first_wait_seconds=0.0, max_wait_seconds=0.0)
#: Shared: the registry is slow to make, and no figure of the simulation comes from it.
_METRICS: Final = Metrics()


class Died(BaseException):
    """The process was killed at this point."""


class BrokerLost(Exception):
    """The broker did not confirm a message."""


@dataclass
class Call:
    """Something that a process asked of the outside, and waits for."""

    happen: Callable[[], Any]
    answer: asyncio.Future[Any]


_CALLS: ContextVar[deque[Call]] = ContextVar("calls of the running process")


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop on which calls to other threads wait for the schedule. No clock is used."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Note the call; :meth:`Process.step` makes it."""
        call = Call(lambda: func(*args), self.create_future())
        _CALLS.get().append(call)
        return call.answer

    async def settle(self) -> None:
        """Let every task run until it waits for a call."""
        ready = self._ready  # type: ignore[attr-defined]
        while ready:  # noqa: ASYNC110 - nobody else can tell when all tasks are at rest
            await asyncio.sleep(0)


@dataclass(frozen=True)
class Protocol:
    """The code under test; mutants replace a part of it."""

    pipeline: type[Pipeline] = Pipeline
    sink: type[Sink] = Sink
    store: type[SimStore] = SimStore


class Process:
    """One worker process, and its consumer.

    Args:
        loop: the event loop of the simulation.
        broker: what it reads from and acknowledges to.
        store: what it writes to.
        policy: the window policy.
        protocol: the code under test.
    """

    def __init__(
        self,
        loop: SteppedLoop,
        broker: Broker,
        store: SimStore,
        policy: WindowPolicy,
        protocol: Protocol,
    ) -> None:
        self.calls: deque[Call] = deque()
        self.generation = -1
        #: Where the next batch of each partition starts; what may be fetched.
        self.next_start: dict[TP, int] = {}
        #: Die while acknowledging, after this many acknowledgements.
        self.dies_acknowledging: int | None = None
        #: A duty ended with an error: the process is on its way out.
        self.is_failing = False
        self.is_dead = False
        #: What it was asking for when it was killed, and what was wrong with the answer that it
        #: never heard; ``None`` if nobody killed it.
        self.end: tuple[str, Fault | None] | None = None
        self._loop = loop
        self._broker = broker
        self._store = store
        self._connection = Connection(store)
        self._context = copy_context()
        self._context.run(_CALLS.set, self.calls)
        self._fetched: list[Batch] = []
        self._queues: dict[str, asyncio.Queue[Batch]] = {}
        self._flush: asyncio.Task[None] | None = None
        self._under_way: dict[TP, int] = defaultdict(int)
        self._folded: dict[TP, set[int]] = defaultdict(set)
        self._acknowledged: dict[TP, int] = {}
        self._was_cut_short = False
        self._may_miss_batches = False
        self._seek_error: Exception | None = None
        self._durable_then: dict[TP, int] = {}
        self._telling: asyncio.Task[None] | None = None
        sink = protocol.sink(self._connection, policy, _METRICS, _AT_ONCE)
        self.pipeline = protocol.pipeline(_CONFIG, policy, sink, _METRICS)
        self.pipeline.attach(cast("Consumer", self))
        self.pipeline.publish = self._publish
        self._start(self._duty(self.pipeline.failure()))

    def _start(self, activity: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._loop.create_task(self._until_it_dies(activity), context=self._context)

    async def _until_it_dies(self, activity: Coroutine[Any, Any, None]) -> None:
        try:
            await activity
        except Died:
            self.is_dead = True
            self.end = ("acknowledgements", Fault.HALF)

    async def _duty(self, duty: Coroutine[Any, Any, None]) -> None:
        """A task whose error ends the worker."""
        try:
            await duty
        except Exception as error:
            if self.is_dead:  # Python closes the coroutines that nobody resumes.
                return
            self.is_failing = True
            if not self._has_cause(error):
                self._broker.violations.append(f"a worker ended without a cause: {error!r}")

    def _has_cause(self, error: Exception) -> bool:
        """Whether something happened to the worker that it could only end for."""
        if isinstance(error, CutShortError):
            return self._was_cut_short
        if isinstance(error, BrokenFlowError):
            return self._may_miss_batches
        if isinstance(error, OvertakenError):
            # Who asks for positions must have forgotten what others went on with before that.
            return error is not self._seek_error or self._durable() != self._durable_then
        return isinstance(error, (StoreRejected, BrokerLost))

    # --- what the schedule lets it do ----------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether it knows where its partitions go on, and nothing is under way."""
        return not self.calls and (self._telling is None or self._telling.done())

    def tell(self, partitions: Iterable[TP], generation: int, *, drop_queues: bool) -> None:
        """Tell the process which partitions it has; nothing while it is still being told."""
        if self._telling is None or self._telling.done():
            if drop_queues:
                self._empty_queues()
            else:  # They may begin beyond the checkpoint that it goes on from.
                self._may_miss_batches = True
            self.next_start = {}
            self.generation = generation
            self._telling = self._start(self._seek(set(partitions)))

    def drop_batches(self) -> None:
        """Drop what was fetched and did not reach the fold; what comes after it does not fit."""
        self._may_miss_batches = True
        self._empty_queues()

    def _empty_queues(self) -> None:
        self._fetched.clear()
        for queue in self._queues.values():
            while not queue.empty():
                queue.get_nowait()

    async def _seek(self, partitions: set[TP]) -> None:
        self._durable_then = self._durable()
        before = dict(self.pipeline.folds)
        try:
            positions = await self.pipeline.positions(partitions, self._broker)
        except Exception as error:
            self._seek_error = error
            return
        self._watch_holdings(partitions, before)
        self.next_start = dict(positions)
        self._under_way.clear()
        for tp in positions:
            self.acknowledge(tp, self.pipeline.flushed[tp])

    def _watch_holdings(self, partitions: set[TP], before: Mapping[TP, PartitionFold]) -> None:
        """Whether it holds what it was given, and reads back only what it must."""
        if self.pipeline.folds.keys() != partitions:
            self._broker.violations.append("a worker holds other partitions than it was given")
        durable = self._durable()
        for tp, fold in before.items():
            if (
                tp in partitions
                and durable[tp] == self._durable_then[tp] == self._acknowledged.get(tp, 0)
                and self.pipeline.folds[tp] is not fold
            ):
                self._broker.violations.append(f"{tp}: read back what nobody else had touched")

    def _durable(self) -> dict[TP, int]:
        return {tp: self._store.position(tp.topic, tp.partition) for tp in self._broker.logs}

    def fetch(self, which: int, size: int) -> None:
        """Fetch a run of records of one of its partitions; what was fetched before arrives."""
        if not self.next_start:
            return
        tp = sorted(self.next_start)[which % len(self.next_start)]
        batch = self._broker.fetch(tp, self.next_start[tp], size)
        if batch is None:
            return
        self.next_start[tp] = batch.next_offset
        self.deliver()
        self._fetched.append(batch)

    def deliver(self) -> None:
        """Hand what was fetched to the agents of the topics."""
        for batch in self._fetched:
            if batch.topic not in self._queues:
                queue = self._queues[batch.topic] = asyncio.Queue()
                self._start(self._fold_all(queue))
            self._queues[batch.topic].put_nowait(batch)
            self._under_way[TP(batch.topic, batch.partition)] += len(batch)
        self._fetched.clear()

    async def _fold_all(self, queue: asyncio.Queue[Batch]) -> None:
        while True:
            # An error in an agent is logged by Faust, which goes on with the next batch.
            with suppress(Exception):
                await self.pipeline.fold(await queue.get())

    def flush(self) -> None:
        """Begin a periodic flush, unless one is under way or they have ended."""
        if not self.is_failing and (self._flush is None or self._flush.done()):
            self._flush = self._start(self._duty(self.pipeline.flush()))

    def cut_short(self) -> None:
        """Cancel a flush that is under way, as a farewell that takes too long does."""
        if self._flush is not None and not self._flush.done():
            self._flush.cancel()
            self._was_cut_short = True

    def step(
        self, faults: Sequence[Fault] = (), meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Let the call that waits longest happen.

        Args:
            faults: what its attempts meet before one succeeds.
            meanwhile: what others do between its attempts, or between its questions.
        """
        if not self.calls:
            return
        call = self.calls.popleft()
        self._connection.begin(faults, meanwhile)
        try:
            answer = call.happen()
        except Exception as error:
            if not call.answer.cancelled():
                call.answer.set_exception(error)
        else:
            if not call.answer.cancelled():
                call.answer.set_result(answer)

    def die(self, *, happens: bool, fault: Fault | None = None) -> None:
        """Die; the call that waits longest may still happen, but nobody hears of it."""
        if not happens:
            faults = [Fault.REJECTED]
        elif fault is None:
            faults = []
        else:  # A second attempt is one that the process does not live to make.
            faults = [fault, Fault.REJECTED]
        self._connection.begin(faults)
        if self.calls:
            with suppress(Exception):
                self.calls[0].happen()
        if not self.is_failing and not self.is_dead:
            self.end = (self._connection.asked, faults[0] if faults else None)
        self.is_dead = True
        self.calls.clear()

    # --- the consumer that the pipeline sees ---------------------------------------------------

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Where the logs begin."""
        return await self._broker.earliest_offsets(*partitions)

    def folded(self, batch: Batch) -> None:
        """Make room for more; when it is fetched is up to the schedule."""
        tp = TP(batch.topic, batch.partition)
        self._under_way[tp] = max(0, self._under_way[tp] - len(batch))
        self._folded[tp] |= set(batch.offsets)

    @property
    def stalls(self) -> bool:
        """Whether nothing more would be fetched, although nothing is under way."""
        return not self.calls and any(self._under_way.values())

    @property
    def holds_too_much(self) -> bool:
        """Whether folding did not wait for the store."""
        return (
            sum(
                offset >= until
                for tp, until in self.pipeline.flushed.items()
                for offset in self._folded[tp]
            )
            > _MAX_HELD
        )

    def acknowledge(self, tp: TP, next_offset: int) -> None:
        """Commit to the broker."""
        if self.dies_acknowledging is not None:
            self.dies_acknowledging -= 1
            if self.dies_acknowledging < 0:
                raise Died
        if tp not in self.pipeline.folds:
            self._broker.violations.append(f"{tp}: acknowledged, and not held")
        if next_offset < self._acknowledged.get(tp, 0):
            self._broker.violations.append(f"{tp}: {next_offset} acknowledged after more than that")
        self._acknowledged[tp] = next_offset
        self._broker.commit(tp, next_offset, self.generation)

    # --- the producer ----------------------------------------------------------------------------

    async def _publish(self, taken: Sequence[Taken]) -> None:
        await self._loop.run_in_executor(None, self._send, taken)

    def _send(self, taken: Sequence[Taken]) -> None:
        self._connection.asked = "messages"
        fault = self._connection.faults[0] if self._connection.faults else None
        if fault not in (Fault.AWAY, Fault.REJECTED):
            self._broker.publish(taken[:1] if fault is Fault.HALF else taken)
        if fault is not None:
            raise BrokerLost
