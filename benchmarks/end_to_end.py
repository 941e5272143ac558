"""``end-to-end``: from Kafka to rows in the store, one worker process, on a backlog.

Each run has a broker, a store and a worker of its own:

1. the worker starts on empty topics, joins its group, and is stopped with SIGSTOP: a frozen
   process takes no time and no core;
2. the records, made beforehand, are published;
3. an aiokafka consumer in another process drains the topics and decodes nothing: the bare drain;
4. the worker goes on with SIGCONT, and the clock starts;
5. the clock stops when Kafka's committed offsets are at the end of every partition: a worker
   commits after its checkpoint is durable, so every row is in the store by then;
6. the worker leaves, and every figure in the store is compared with the truth.

Joining the group is no part of the time. The last flush interval, the last commit interval (both
up to a second) and the poll that sees it (a quarter of one) are: the rate is a little too low, the
more so the fewer records there are.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from agents.app import AppConfig
from agents.stores.config import ADDRESS_HINT, clickhouse_settings
from benchmarks.bare_drain import Ends, bare_drain
from benchmarks.load import Load, checks_of
from benchmarks.result import Case, Spread
from benchmarks.worker_watch import memory_mb, read_metrics
from liveshop.console import meter
from liveshop.drain import Lag, drain
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.embedded.workers import WorkerProcess
from liveshop.reconcile import reconcile
from liveshop.signals import run_interruptibly
from liveshop.stores import reading
from producers.publisher import Publisher
from producers.topics import ensure_topics
from schemas.errors import Unavailable, UsageError

#: Records handed to the publisher at once.
_CHUNK: Final = 20_000
#: Without any progress for this long, the run is given up.
_STALLED_S: Final = 60.0
#: A frozen worker sends no heartbeats, and must not lose its partitions for that.
_WORKER: Final = {"LIVESHOP_SESSION_TIMEOUT_S": "80", "LIVESHOP_REBALANCE_TIMEOUT_S": "2"}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took.

    Attributes:
        drain_s: the bare drain.
        drain_cpu_s: its CPU time.
        worker_s: the worker, until everything is committed.
        worker_cpu_s: its CPU time, of all its threads; 0 where there is no ``/proc``.
        fold_s: of that, decoding and folding, on the worker's event loop.
        flush_s: of that, flushes under way; folding goes on meanwhile.
        flushes: how many.
        rows: inserted by them.
        peak_rss_mb: the worker's largest resident memory so far, 10^6 bytes.
        checks: what reconciled.
    """

    drain_s: float
    drain_cpu_s: float
    worker_s: float
    worker_cpu_s: float
    fold_s: float
    flush_s: float
    flushes: float
    rows: float
    peak_rss_mb: float
    checks: dict[str, int]


def measure(load: Load, partitions: int, runs: int, store: str | None) -> Case:
    """Measure ``runs`` times.

    Args:
        load: what to publish.
        partitions: of each topic.
        runs: how often.
        store: a ClickHouse server's address; each run takes a new database on it, named after
            the one in the address. ``None`` for chDB.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
        Unavailable: broker, store or worker failed.
    """
    stamp = f"{time.time():.0f}"
    done = []
    for number in range(1, runs + 1):
        address = None if store is None else own_database(store, f"{stamp}_{number}")
        with tempfile.TemporaryDirectory(prefix="liveshop-bench-") as directory:
            done.append(_run(Path(directory), load, partitions, address, f"run {number}/{runs}"))
    return _case(load, done)


def kind_of(store: str | None) -> str:
    """``"chdb"`` or ``"clickhouse"``.

    Raises:
        UsageError: the address is of neither.
    """
    if store is None:
        return "chdb"
    clickhouse_settings(store)
    if not store.startswith(("clickhouse://", "clickhouses://")):
        raise UsageError("A benchmark's store is a ClickHouse server, or chDB.", ADDRESS_HINT)
    return "clickhouse"


def own_database(store: str, suffix: str) -> str:
    """The address of another database on the same server."""
    parts = urlsplit(store)
    return parts._replace(path=f"/{parts.path.strip('/') or 'liveshop'}_{suffix}").geturl()


def _case(load: Load, runs: list[Run]) -> Case:
    events, size = len(load.records), load.bytes
    figures = {
        "events_per_s": [events / run.worker_s for run in runs],
        "mb_per_s": [size / run.worker_s / 1e6 for run in runs],
        "bare_drain_events_per_s": [events / run.drain_s for run in runs],
        "bare_drain_mb_per_s": [size / run.drain_s / 1e6 for run in runs],
        "cpu_us_per_event": [run.worker_cpu_s / events * 1e6 for run in runs],
        "bare_drain_cpu_us_per_event": [run.drain_cpu_s / events * 1e6 for run in runs],
        "seconds": [run.worker_s for run in runs],
        "fold_s": [run.fold_s for run in runs],
        "flush_s": [run.flush_s for run in runs],
        "flushes": [run.flushes for run in runs],
        "rows": [run.rows for run in runs],
        "peak_rss_mb": [run.peak_rss_mb for run in runs],
    }
    return Case(
        events=events,
        bytes=size,
        figures={name: Spread.of(values) for name, values in figures.items()},
        ratios={"of_bare_drain": Spread.of([run.drain_s / run.worker_s for run in runs])},
        checks=runs[-1].checks,
    )


def _run(directory: Path, load: Load, partitions: int, store: str | None, title: str) -> Run:
    with Stack(directory, None, store, partitions) as stack:
        run = run_interruptibly(_drive(stack, load, title))
        stack.stop_workers()
        with reading(stack.store) as opened:
            checks = checks_of(reconcile(opened, load.truth), load.truth)
    return Run(**run, checks=checks)


async def _drive(stack: Stack, load: Load, title: str) -> dict[str, float]:
    await ensure_topics(stack.brokers, stack.partitions)
    worker = stack.add_worker(free_port(), _WORKER)
    await worker.ready()
    worker.child.send(signal.SIGSTOP)
    try:
        ends = await _publish(stack.brokers, load, title)
        drained = await bare_drain(stack.brokers, ends)
        cpu_s = _cpu_s(worker.child.pid)
    finally:
        worker.child.send(signal.SIGCONT)
    worker_s = await _until_committed(stack.brokers, worker, ends, len(load.records), title)
    cpu_s = _cpu_s(worker.child.pid) - cpu_s
    metrics = await asyncio.get_running_loop().run_in_executor(None, read_metrics, worker.port)
    return {
        "drain_s": drained.seconds,
        "drain_cpu_s": drained.cpu_s,
        "worker_s": worker_s,
        "worker_cpu_s": cpu_s,
        "fold_s": metrics["liveshop_fold_seconds_total"],
        "flush_s": metrics["liveshop_flush_seconds_sum"],
        "flushes": metrics["liveshop_flush_seconds_count"],
        "rows": metrics["liveshop_flushed_rows_total"],
        "peak_rss_mb": memory_mb(worker.child.pid, "VmHWM"),
    }


async def _publish(brokers: str, load: Load, title: str) -> Ends:
    async with Publisher(brokers) as publisher:
        with meter(f"{title}: publishing", len(load.records), counts=True) as bar:
            for begin in range(0, len(load.records), _CHUNK):
                await publisher.send(load.records[begin : begin + _CHUNK])
                bar.to(begin)
            await publisher.flush()
        return publisher.ends


async def _until_committed(
    brokers: str, worker: WorkerProcess, ends: Ends, records: int, title: str
) -> float:
    began = time.perf_counter()
    async with Lag(brokers, AppConfig().group) as lag:
        with meter(f"{title}: folding", records, counts=True) as bar:

            def look(left: int) -> None:
                if worker.child.exit_code is not None:
                    raise Unavailable("The worker ended.", worker.child.tail(4))
                bar.to(records - left)

            await drain(lag, _STALLED_S, ends, look)
    return time.perf_counter() - began


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, user and system; 0 where there is no ``/proc``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
