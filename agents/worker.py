"""One worker process: Faust, the pipeline, the live page, and what watches over them."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.types import TP

from agents.app import AppConfig, create_app
from agents.leaderboard import LeaderboardAgent
from agents.live.figures import Figures
from agents.live.health import Health
from agents.live.server import LiveServer
from agents.live.trust import Trust
from agents.memory import keep_freed_memory
from agents.metrics import Metrics
from agents.pipeline import Pipeline, PipelineConfig
from agents.sink import Sink
from agents.waiting import until_there
from schemas.errors import Unavailable
from schemas.rows import COLUMNS
from schemas.store import Store, StoreUnavailable
from schemas.topics import EVENT_TOPICS
from streams.windows import WindowPolicy

logger = logging.getLogger(__name__)

#: How often the broker is asked where the logs end.
_WATCH_INTERVAL_S = 1.0
#: How long a worker may take to say goodbye before it is cut short.
_FAREWELL_S = 20.0


class StalledError(Exception):
    """Records are waiting, and nothing has moved for too long."""


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Everything a worker needs to know, read once at the start.

    Attributes:
        app: Kafka and the consumer group.
        pipeline: flushing and bounds.
        policy: event time.
        host: address of the live page.
        port: its port; 0 takes a free one.
        token: what its HTTP endpoints ask for; empty for nothing.
        stall_s: with records waiting and no progress for this long, the worker gives up.
    """

    app: AppConfig = field(default_factory=AppConfig)
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    policy: WindowPolicy = field(default_factory=WindowPolicy)
    host: str = "127.0.0.1"
    port: int = 8080
    token: str = field(default="", repr=False)
    stall_s: float = 120.0


class Worker:
    """Composes and runs a worker.

    Args:
        config: settings.
        store: what the worker writes to.
        reader: a second connection, for the live page.
    """

    def __init__(self, config: WorkerConfig, store: Store, reader: Store) -> None:
        self.config = config
        self.metrics = Metrics(
            topics=tuple(topic.name for topic in EVENT_TOPICS), tables=tuple(COLUMNS)
        )
        self.sink = Sink(store, config.policy, self.metrics)
        self.pipeline = Pipeline(config.pipeline, config.policy, self.sink, self.metrics)
        self.board = LeaderboardAgent(self.sink, config.policy)
        #: Set before ``stop`` when no worker takes over: open pages then keep the last figures.
        self.show_is_over = False
        self._reader = reader
        self._lag = 0

    async def run(
        self, stop: asyncio.Event, on_ready: Callable[[LiveServer], None] | None = None
    ) -> None:
        """Work until ``stop`` is set, then flush, acknowledge and leave.

        Args:
            stop: set by a signal handler.
            on_ready: called once the live page listens.

        Raises:
            schemas.errors.LiveshopError: broker, store, port or settings cannot be used.
            Exception: anything unexpected; nothing was acknowledged that is not durable.
        """
        keep_freed_memory()
        figures = Figures(self._reader, self.trust)
        server = LiveServer(
            self.config.host,
            self.config.port,
            figures,
            self.metrics.registry,
            self.health,
            token=self.config.token,
        )
        await until_there(
            self.sink.start, self.config.app.start_wait_s, StoreUnavailable, stop.is_set
        )
        app = create_app(self.config.app, self.pipeline, self.board)
        await server.start()
        try:
            if on_ready is not None:
                on_ready(server)
            await self._work(app, stop)
        finally:
            await server.stop(final=self.show_is_over)
            await figures.close()
            await self.sink.stop()

    async def _work(self, app: faust.App, stop: asyncio.Event) -> None:
        if not await _start(app, stop):
            return
        self.pipeline.attach(app.consumer)
        duties = [
            asyncio.create_task(coroutine, name=name)
            for name, coroutine in self._duties(app, stop).items()
        ]
        try:
            done, _ = await asyncio.wait(duties, return_when=asyncio.FIRST_COMPLETED)
            for duty in done:
                duty.result()
            await self._farewell(app)
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            await _within(_FAREWELL_S, app.stop())

    def _duties(self, app: faust.App, stop: asyncio.Event) -> dict[str, Coroutine[Any, Any, Any]]:
        """The tasks of a worker; the first one to end ends the worker."""
        return {
            "stop": stop.wait(),
            "failure": self.pipeline.failure(),
            "faust": _crash_of(app),
            "flush": self.pipeline.run(),
            "leaderboard": self.board.run(),
            "watch": self._watch(app),
        }

    async def _farewell(self, app: faust.App) -> None:
        """Stop fetching, make durable what was folded, and tell Kafka."""
        app.consumer.stop_flow()
        await _within(_FAREWELL_S, self.pipeline.flush())
        await self.board.write()
        await _within(_FAREWELL_S, app.consumer.commit())

    # --- watching ----------------------------------------------------------------------------

    async def _watch(self, app: faust.App) -> None:
        """Measure the lag, and end the worker when nothing moves any more.

        Faust is known to stall in silence; a worker that ends is started again, one that hangs
        is not.
        """
        moved_at, position = time.monotonic(), -1
        while True:
            await asyncio.sleep(_WATCH_INTERVAL_S)
            flushed = dict(self.pipeline.flushed)
            ends = await app.consumer.highwaters(*flushed) if flushed else {}
            self._lag = 0
            for tp, at in flushed.items():
                # The newest fetch knows better where the embedded broker's log ends.
                lag = max(0, ends[tp] - at, _end_seen(app, tp) - at)
                self._lag += lag
                self.metrics.lag.labels(tp.topic, tp.partition).set(lag)
            now, total = time.monotonic(), sum(flushed.values())
            if total != position or not self._lag or self.pipeline.waits_for_store:
                moved_at, position = now, total
            elif now - moved_at > self.config.stall_s:
                raise StalledError(
                    f"{self._lag} records are waiting and nothing moved for {now - moved_at:.0f} s"
                )

    def trust(self) -> Trust:
        """What the live page says next to the figures."""
        latencies = sorted(self.pipeline.latencies_ms)
        last = len(latencies) - 1
        age_s = time.monotonic() - self.pipeline.last_flush
        return Trust(
            lag_records=self._lag,
            latency_p50_ms=round(statistics.median(latencies)) if latencies else None,
            latency_p99_ms=round(latencies[round(last * 0.99)]) if latencies else None,
            last_flush_age_ms=round(age_s * 1_000),
            assigned_partitions=len(self.pipeline.folds),
        )

    def health(self) -> Health:
        """Healthy while flushes keep coming, or while only the store can help."""
        age_s = time.monotonic() - self.pipeline.last_flush
        limit_s = max(10.0, 10 * self.config.pipeline.flush_interval_ms / 1_000)
        flushes, waits = age_s < limit_s, self.pipeline.waits_for_store
        late = f"no flush for {age_s:.0f} s" + (": the store does not answer" if waits else "")
        return Health(
            ok=flushes or waits,
            sentence="flushing" if flushes else late,
            details={
                "last_flush_age_s": round(age_s, 3),
                "assigned_partitions": len(self.pipeline.folds),
                "partitions": sorted(f"{tp.topic}/{tp.partition}" for tp in self.pipeline.folds),
                "lag_records": self._lag,
            },
        )


async def _start(app: faust.App, stop: asyncio.Event) -> bool:
    """Start Faust, which may have to wait for a broker; ``False`` if ``stop`` was set meanwhile."""

    async def give_up() -> None:
        await stop.wait()
        app.transport.give_up.set()

    giving_up = asyncio.create_task(give_up())
    try:
        await app.start()
    except Unavailable:
        if stop.is_set():
            return False
        raise
    finally:
        giving_up.cancel()
    return True


def _end_seen(app: faust.App, tp: TP) -> int:
    """Where the newest fetch saw a log end; 0 without one."""
    try:
        return app.consumer.highwater(tp) or 0
    except AssertionError:  # aiokafka's word for a partition that was revoked a moment ago
        return 0


async def _crash_of(app: faust.App) -> None:
    """Wait until Faust gives up, and raise what it gave up for."""
    while not app.crashed and not app.should_stop:  # noqa: ASYNC110 - Faust offers no event
        await asyncio.sleep(0.2)
    reason = app._crash_reason
    raise reason if isinstance(reason, Exception) else RuntimeError("Faust stopped by itself")


async def _within(seconds: float, what: Awaitable[Any]) -> None:
    """Wait for a farewell, but not for ever: whatever is cut short is replayed."""
    try:
        await asyncio.wait_for(what, seconds)
    except TimeoutError:
        logger.warning("cut short after %.0f s; it will be replayed", seconds)
