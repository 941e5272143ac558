"""``end-to-end``: from Kafka to rows in the store, one worker process, at saturation.

Each run has a broker, a store and a worker of its own. ``backlog``:

1. the worker starts on empty topics, joins its group, and is stopped with SIGSTOP: a frozen
   process takes no time and no core;
2. the records, made and encoded beforehand, are published;
3. consumers in processes of their own drain the topics and decode nothing: aiokafka, which is
   the worker's own client, and librdkafka;
4. the worker goes on with SIGCONT, and the clock starts;
5. the clock stops when Kafka's committed offsets are at the end of every partition: a worker
   commits after its checkpoint is durable, so every row is in the store by then;
6. the worker leaves, and every figure in the store is compared with the truth.

``live``: the same records, published while the worker folds them. The publisher stays a bounded
number of records ahead of what is committed, so the rate is what the worker sustains beside a
producer and a broker that work, too. The clock starts with the first record.

Joining the group is no part of the time. The last flush interval (up to a second), the last commit
interval (up to half of one) and the poll that sees it (a tenth of one) are: the rate is a little
too low, the more so the fewer records there are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from agents.app import AppConfig
from benchmarks.bare_drain import Drained, Ends, bare_drain, librdkafka_drain
from benchmarks.load import LoadSpec
from benchmarks.mill import Made, Mill, mill_of
from benchmarks.result import Case, Spread
from benchmarks.rig import Rig, Setting, Spent, rig
from liveshop.console import meter
from liveshop.drain import Lag
from liveshop.signals import run_interruptibly
from producers.publisher import Publisher

Way = Literal["backlog", "live"]
BOTH: Final[tuple[Way, ...]] = ("backlog", "live")

#: Records that a live publisher may be ahead: more than is folded between two commits.
AHEAD: Final = 1_000_000
_WAIT_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    Attributes:
        worker_s: the worker, until everything is committed.
        cpu_s: its CPU time meanwhile, of all its threads.
        spent: what it used since its start.
        drained: the bare drain of the same topics.
        librdkafka: the same with librdkafka; ``None`` where it is not installed.
        checks: what reconciled.
    """

    worker_s: float
    cpu_s: float
    spent: Spent
    drained: Drained
    librdkafka: Drained | None
    checks: dict[str, int]


def measure(
    spec: LoadSpec, setting: Setting, runs: int, ways: Sequence[Way] = ("backlog",)
) -> dict[str, Case]:
    """Measure each way ``runs`` times.

    Args:
        spec: what to publish.
        setting: broker, store and worker.
        runs: how often.
        ways: ``"backlog"``, ``"live"`` or both.

    Returns:
        way → case.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
        Unavailable: broker, store or worker failed.
        UsageError: the show has fewer records.
    """
    setting = replace(setting, frozen=spec.records)
    mill = mill_of(spec, setting.partitions)
    made = mill.make(spec.records)
    found: dict[Way, list[Run]] = {way: [] for way in ways}
    for number in range(1, runs + 1):
        for way, done in found.items():
            done.append(_run(_WAYS[way], setting, mill, made, f"{way} {number}/{runs}"))
    return {way: _case(mill, done) for way, done in found.items()}


def _case(mill: Mill, runs: list[Run]) -> Case:
    events, size = mill.records, mill.bytes
    librdkafka = [run.librdkafka for run in runs if run.librdkafka is not None]

    def metric(name: str) -> list[float]:
        return [run.spent.metrics[name] for run in runs]

    figures = {
        "events_per_s": [events / run.worker_s for run in runs],
        "mb_per_s": [size / run.worker_s / 1e6 for run in runs],
        "bare_drain_events_per_s": [events / run.drained.seconds for run in runs],
        "bare_drain_mb_per_s": [size / run.drained.seconds / 1e6 for run in runs],
        "librdkafka_events_per_s": [events / one.seconds for one in librdkafka],
        "cpu_us_per_event": [run.cpu_s / events * 1e6 for run in runs],
        "bare_drain_cpu_us_per_event": [run.drained.cpu_s / events * 1e6 for run in runs],
        "seconds": [run.worker_s for run in runs],
        "fold_s": metric("liveshop_fold_seconds_total"),
        "flush_s": metric("liveshop_flush_seconds_sum"),
        "flushes": metric("liveshop_flush_seconds_count"),
        "rows": metric("liveshop_flushed_rows_total"),
        "peak_rss_mb": [run.spent.peak_rss_mb for run in runs],
    }
    ratios = {
        "of_bare_drain": [run.drained.seconds / run.worker_s for run in runs],
        "of_librdkafka": [
            run.librdkafka.seconds / run.worker_s for run in runs if run.librdkafka is not None
        ],
    }
    return Case(
        events=events,
        bytes=size,
        figures={name: Spread.of(values) for name, values in figures.items() if values},
        ratios={name: Spread.of(values) for name, values in ratios.items() if values},
        checks=runs[-1].checks,
    )


_Times = tuple[float, float, Spent, Drained, Drained | None]
_Way = Callable[[Rig, Made], Awaitable[_Times]]


def _run(
    way: _Way,
    setting: Setting,
    mill: Mill,
    made: Made,
    title: str,
) -> Run:
    with rig(setting, title) as parts:

        async def through() -> _Times:
            await parts.start()
            return await way(parts, made)

        times = run_interruptibly(through())
        return Run(*times, checks=parts.prove(mill.truth()))


async def _backlog(parts: Rig, made: Made) -> _Times:
    parts.freeze()
    try:
        published = await parts.publish(made)
        drains = await _drains(parts, published.ends)
        cpu_s = parts.cpu_s()
    finally:
        parts.thaw()
    worker_s = await parts.until_committed(published.ends, made.records)
    spent = await parts.spent()
    return worker_s, spent.cpu_s - cpu_s, spent, *drains


async def _live(parts: Rig, made: Made) -> _Times:
    began, cpu_s = time.perf_counter(), parts.cpu_s()
    ends = await publish_ahead(parts, made)
    await parts.until_committed(ends, made.records)
    worker_s = time.perf_counter() - began
    spent = await parts.spent()
    parts.freeze()
    try:
        drains = await _drains(parts, ends)
    finally:
        parts.thaw()
    return worker_s, spent.cpu_s - cpu_s, spent, *drains


_WAYS: Final[dict[Way, _Way]] = {"backlog": _backlog, "live": _live}


async def publish_ahead(parts: Rig, made: Made) -> Ends:
    """Publish while the workers fold, :data:`AHEAD` records ahead of what they have committed.

    Returns:
        (topic, partition) → end of its log.

    Raises:
        Unavailable: a worker ended, or the broker refuses a batch.
    """
    async with (
        Publisher(parts.brokers) as publisher,
        Lag(parts.brokers, AppConfig().group) as lag,
    ):
        sent = committed = 0
        with meter(f"{parts.title}: publishing", made.records, counts=True) as bar:
            for chunk in made.chunks:
                while sent + chunk.records - committed > AHEAD:
                    parts.check()
                    await asyncio.sleep(_WAIT_S)
                    committed = sum(publisher.ends.values()) - await lag.measure(publisher.ends)
                await publisher.send_encoded(chunk.batches)
                bar.to(sent := sent + chunk.records)
            await publisher.flush()
        return publisher.ends


async def _drains(parts: Rig, ends: Ends) -> tuple[Drained, Drained | None]:
    return await bare_drain(parts.brokers, ends), await librdkafka_drain(parts.brokers, ends)
