"""``soak``: one worker under a steady load for minutes, and what becomes of its memory.

1. The maximum rate is measured as ``end-to-end`` does (``live``), on a ClickHouse server of its own.
2. Records for the whole run are made beforehand and kept on disk.
3. They are sent in an open loop at a share of that rate: the schedule never waits for anybody.
   Once a second the worker is looked at from the outside.
4. With an outage, the ClickHouse server is killed (or frozen) under the load, and comes back. The
   worker must stop reading in time, keep its memory, catch up, and lose nothing.
5. When everything is committed the worker leaves, and every figure in the store is compared with
   the truth.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from agents.app import AppConfig
from benchmarks import end_to_end
from benchmarks.load import LoadSpec, checks_of
from benchmarks.result import Case, Spread
from benchmarks.rig import BrokerKind, Setting, brokers_of_run
from benchmarks.scratch import scratch
from benchmarks.spool import Spool, write_spool
from benchmarks.worker_watch import Sample, WorkerWatch, memory_mb
from liveshop.chaos.together import together
from liveshop.console import meter
from liveshop.drain import Lag, drain
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.reconcile import Reconciliation, reconcile
from liveshop.signals import run_interruptibly
from liveshop.stores import reading
from producers.pacing import Schedule
from producers.publisher import Publisher
from producers.topics import ensure_topics
from schemas.errors import Unavailable, UsageError

#: How often records are handed over.
_SLICE_S: Final = 0.05
#: Without any progress for this long at the end, the run is given up.
_STALLED_S: Final = 90.0
#: The worker keeps up while no more than what is sent in this time is waiting.
_KEPT_UP_S: Final = 3.0
#: Caches fill in the first quarter of a run; what grows after it grows for ever.
_SETTLED_AFTER: Final = 0.25
#: Fewer samples tell nothing about a slope.
_LEAST_SETTLED: Final = 30

OutageKind = Literal["kill", "freeze"]


@dataclass(frozen=True, slots=True)
class Outage:
    """The ClickHouse server goes away under the load.

    Attributes:
        at_s: after so many seconds.
        seconds: for how long.
        kind: ``"kill"``: SIGKILL and a new start; ``"freeze"``: SIGSTOP and SIGCONT.
    """

    at_s: float
    seconds: float
    kind: OutageKind


@dataclass(frozen=True, slots=True)
class Request:
    """What to do.

    Attributes:
        spec: the load; its number of records is for measuring the maximum rate.
        partitions: of each topic.
        seconds: for how long the load lasts.
        share: of the maximum rate.
        rate: records/s instead of a share; nothing is measured beforehand then.
        outage: ``None`` for none.
        broker: a real Kafka, or the embedded one, which keeps all records in memory.
    """

    spec: LoadSpec
    partitions: int
    seconds: float
    share: float
    rate: float | None
    outage: Outage | None
    broker: BrokerKind

    def __post_init__(self) -> None:
        """Refuse what cannot end well.

        Raises:
            UsageError: the outage does not fit into the run.
        """
        if self.outage is not None and self.outage.at_s + self.outage.seconds > self.seconds:
            raise UsageError(
                f"An outage of {self.outage.seconds:g} s that begins after {self.outage.at_s:g} s "
                f"does not fit into a run of {self.seconds:g} s.",
                "Give more --minutes, or a shorter or earlier outage.",
            )


@dataclass(frozen=True, slots=True)
class Soak:
    """What a run found.

    Attributes:
        request: what was asked for.
        maximum: records/s, measured before; ``None`` if the rate was given.
        rate: records/s that were sent.
        records: how many.
        bytes: size of their values.
        samples: one a second, from the first record until everything was stored.
        away: when the store was away, in seconds; ``None`` without an outage.
        behind_ms: the longest time by which the sender was too late.
        drain_s: from the last record until everything was stored.
        peak_rss_mb: the kernel's high-water mark of the worker.
        proof: every figure in the store against the truth.
        checks: what reconciled.
    """

    request: Request
    maximum: float | None
    rate: float
    records: int
    bytes: int
    samples: list[Sample]
    away: tuple[float, float] | None
    behind_ms: float
    drain_s: float
    peak_rss_mb: float
    proof: Reconciliation
    checks: dict[str, int]

    @property
    def catch_up_s(self) -> float | None:
        """From the store's return until the worker keeps up with the load again."""
        if self.away is None:
            return None
        back_s = self.away[1]
        kept_up = (one.at_s for one in self.samples if one.at_s > back_s and self._keeps_up(one))
        return next(kept_up, self.samples[-1].at_s) - back_s

    @property
    def settled(self) -> list[Sample]:
        """The samples under load, after the caches have filled, and not of an outage."""
        span_s = self.request.seconds
        away_s, well_s = (span_s, 0.0) if self.away is None else self.away
        well_s += self.catch_up_s or 0.0
        return [
            one
            for one in self.samples
            if _SETTLED_AFTER * span_s <= one.at_s <= span_s and not away_s <= one.at_s <= well_s
        ]

    @property
    def rss_mb_per_hour(self) -> float | None:
        """Slope of the least-squares line through the settled memory, of half a minute at least."""
        points = [(one.at_s / 3_600, one.rss_mb) for one in self.settled]
        if len(points) < _LEAST_SETTLED:
            return None
        return statistics.linear_regression(*zip(*points, strict=True)).slope

    def case(self) -> Case:
        """The run as a benchmark's result; every ratio is 1 in a run as it should be."""
        settled = self.settled
        lags = sorted(one.lag for one in settled)
        half = len(settled) // 2
        figures = {
            "events_per_s": self.rate,
            "max_events_per_s": self.maximum,
            "seconds": self.request.seconds,
            "peak_rss_mb": self.peak_rss_mb,
            "rss_mb_per_hour": self.rss_mb_per_hour,
            "lag_median": lags[len(lags) // 2] if lags else None,
            "lag_p99": lags[round(0.99 * (len(lags) - 1))] if lags else None,
            "peak_lag": max(one.lag for one in self.samples),
            "peak_unflushed": max(one.unflushed for one in self.samples),
            "peak_flush_age_s": max(one.flush_age_s for one in self.samples),
            "rows_per_s": self.samples[-1].rows / self.samples[-1].at_s,
            "retries": self.samples[-1].retries,
            "sender_behind_ms": self.behind_ms,
            "drain_s": self.drain_s,
            "catch_up_s": self.catch_up_s,
        }
        ratios = {}
        if half:
            ratios["kept_up"] = sum(map(self._keeps_up, settled)) / len(settled)
            ratios["memory_early_of_late"] = _memory(settled[:half]) / _memory(settled[half:])
        return Case(
            events=self.records,
            bytes=self.bytes,
            figures={
                name: Spread.of([value]) for name, value in figures.items() if value is not None
            },
            ratios={name: Spread.of([value]) for name, value in ratios.items()},
            checks=self.checks,
            series=columns(self.samples),
        )

    def _keeps_up(self, sample: Sample) -> bool:
        return sample.lag <= self.rate * _KEPT_UP_S


def _memory(samples: Sequence[Sample]) -> float:
    return statistics.median(one.rss_mb for one in samples)


def columns(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Samples by name, for a file."""
    return {name: [getattr(one, name) for one in samples] for name in Sample.__dataclass_fields__}


def soak(request: Request) -> Soak:
    """Run it; leaves no process and no file behind. TMPDIR takes 220 bytes a record, and the data.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
        Unavailable: broker, store or worker failed.
        UsageError: the show is too short for so many records.
    """
    with (
        # The kernel ends a server with the thread that started it: this one outlives it.
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="hands") as hands,
        # The records of a long soak are gigabytes: they alone are on disk.
        tempfile.TemporaryDirectory(prefix="liveshop-soak-") as spool_name,
        scratch("liveshop-soak-") as directory,
        ClickHouseServer(directory / "store") as server,
    ):
        maximum = None if request.rate else _maximum(request, server)
        rate = request.rate or request.share * (maximum or 0.0)
        spec = replace(request.spec, records=round(rate * request.seconds))
        slice_records = max(1, round(rate * _SLICE_S))
        spool = write_spool(Path(spool_name) / "records", spec, request.partitions, slice_records)
        with (
            brokers_of_run(request.broker, directory) as brokers,
            Stack(directory, brokers, server.dsn("soak"), request.partitions) as stack,
        ):
            run = _Run(request, stack, server, hands, spool, rate)
            run_interruptibly(run.through())
            stack.stop_workers()
            with reading(stack.store) as opened:
                proof = reconcile(opened, spool.truth)
        checks = checks_of(proof, spool.truth)
    return Soak(
        request=request,
        maximum=maximum,
        rate=rate,
        records=spool.records,
        bytes=spool.bytes,
        samples=run.samples,
        away=run.away,
        behind_ms=run.behind_ms,
        drain_s=run.drain_s,
        peak_rss_mb=run.peak_rss_mb,
        proof=proof,
        checks=checks,
    )


def _maximum(request: Request, server: ClickHouseServer) -> float:
    setting = Setting(request.partitions, server.dsn("maximum"), broker=request.broker)
    # Beside a broker and a sender that work, as under the load.
    case = end_to_end.measure(request.spec, setting, 1, ("live",))["live"]
    return case.figures["events_per_s"].median


class _Run:
    """The part of a run in which there is an event loop; its attributes are those of ``Soak``."""

    def __init__(
        self,
        request: Request,
        stack: Stack,
        server: ClickHouseServer,
        hands: Executor,
        spool: Spool,
        rate: float,
    ) -> None:
        self.samples: list[Sample] = []
        self.away: tuple[float, float] | None = None
        self.behind_ms = self.drain_s = self.peak_rss_mb = 0.0
        self._request = request
        self._stack = stack
        self._server = server
        self._spool = spool
        self._rate = rate
        self._hands = hands

    async def through(self) -> None:
        """Start the worker, send everything, and wait until it is stored."""
        stack = self._stack
        await ensure_topics(stack.brokers, stack.partitions)
        worker = stack.add_worker(free_port())
        await worker.ready()
        async with (
            Publisher(stack.brokers) as publisher,
            Lag(stack.brokers, AppConfig().group) as lag,
        ):
            watch = WorkerWatch(worker, lag, lambda: publisher.ends)
            self.samples = watch.samples
            with meter("soaking", self._request.seconds) as bar:

                def tell(sample: Sample) -> None:
                    if worker.child.exit_code is not None:
                        raise Unavailable("The worker ended.", worker.child.tail(4))
                    bar.to(sample.at_s, f"{sample.rss_mb:.0f} MB, {sample.lag:,} waiting")

                await together(self._load(publisher, lag, watch), beside=(watch.run(tell),))
        self.peak_rss_mb = memory_mb(worker.child.pid, "VmHWM")

    async def _load(self, publisher: Publisher, lag: Lag, watch: WorkerWatch) -> None:
        await together(self._send(publisher), self._disturb(watch))
        began = time.monotonic()
        await drain(lag, _STALLED_S, publisher.ends)
        self.drain_s = time.monotonic() - began
        await asyncio.sleep(1.0)  # One more sample: everything is stored.

    async def _send(self, publisher: Publisher) -> None:
        """Hand over each slice at its time, whatever the others do."""
        schedule = Schedule(rate=self._rate)
        began, sent = time.monotonic(), 0
        for chunk in self._spool.chunks():
            due_s = schedule.send_at_s(0, sent, 0)
            await asyncio.sleep(due_s - (time.monotonic() - began))
            await publisher.send_encoded(chunk.batches)
            elapsed_s = time.monotonic() - began
            self.behind_ms = max(self.behind_ms, schedule.behind_ms(0, sent, 0, elapsed_s))
            sent += chunk.records
        await publisher.flush()

    async def _disturb(self, watch: WorkerWatch) -> None:
        outage = self._request.outage
        if outage is None:
            return
        await asyncio.sleep(outage.at_s)
        leave, come_back = self._ways(outage.kind)
        loop = asyncio.get_running_loop()
        left_s = watch.now_s()
        await loop.run_in_executor(self._hands, leave)
        await asyncio.sleep(outage.seconds)
        await loop.run_in_executor(self._hands, come_back)
        self.away = (left_s, watch.now_s())

    def _ways(self, kind: OutageKind) -> tuple[Callable[[], None], Callable[[], None]]:
        """How the server goes away, and how it comes back."""
        server = self._server
        if kind == "freeze":
            return server.freeze, server.thaw
        return server.kill, server.start
