"""What a worker looks like from the outside, once a second: memory, lag, flushes, retries."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from liveshop.drain import Lag
from liveshop.embedded.workers import WorkerProcess

_INTERVAL_S: Final = 1.0
_LAST_FLUSH: Final = "liveshop_last_flush_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Sample:
    """A worker at a moment. What it did not answer is as it was a second before.

    Attributes:
        at_s: seconds since the load began.
        sent: records that the broker has acknowledged.
        lag: of those, the ones that the worker has not committed: it stores first.
        rss_mb: its resident memory, 10^6 bytes.
        unflushed: records that it has folded and not stored yet.
        flush_age_s: since it has last stored everything that it had folded.
        remembered: ids that it knows copies by.
        rows: inserted so far.
        retries: store calls so far that failed and were tried again.
    """

    at_s: float
    sent: int
    lag: int
    rss_mb: float
    unflushed: int
    flush_age_s: float
    remembered: int
    rows: int
    retries: int


class WorkerWatch:
    """Takes samples of one worker.

    Args:
        worker: whom to look at.
        lag: where Kafka knows the group's commits from.
        ends: (topic, partition) → end of its log, as the sender knows it.
    """

    def __init__(
        self, worker: WorkerProcess, lag: Lag, ends: Callable[[], Mapping[tuple[str, int], int]]
    ) -> None:
        self.samples: list[Sample] = []
        self._worker = worker
        self._lag = lag
        self._ends = ends
        self._began = time.monotonic()
        self._metrics: Mapping[str, float] = {}

    def now_s(self) -> float:
        """Seconds since the watch began."""
        return round(time.monotonic() - self._began, 2)

    async def run(self, tell: Callable[[Sample], None]) -> None:
        """Take a sample a second, until cancelled; ``tell`` gets each of them."""
        while True:
            self.samples.append(await self._sample())
            tell(self.samples[-1])
            await asyncio.sleep(-self.now_s() % _INTERVAL_S)

    async def _sample(self) -> Sample:
        port, pid = self._worker.port, self._worker.child.pid
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(None, read_metrics, port)
        self._metrics = metrics = answer or self._metrics
        ends = self._ends()
        return Sample(
            at_s=self.now_s(),
            sent=sum(ends.values()),
            lag=await self._lag.measure(ends),
            rss_mb=round(memory_mb(pid, "VmRSS"), 1),
            unflushed=round(metrics.get("liveshop_unflushed_records", 0)),
            flush_age_s=round(time.time() - (metrics.get(_LAST_FLUSH) or time.time()), 3),
            remembered=round(metrics.get("liveshop_dedup_ids", 0)),
            rows=round(metrics.get("liveshop_flushed_rows_total", 0)),
            retries=round(metrics.get("liveshop_store_retries_total", 0)),
        )


def read_metrics(port: int) -> Mapping[str, float]:
    """Metric of the worker at a port → sum over all labels; empty if it does not answer in 2 s."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def memory_mb(pid: int, field: str) -> float:
    """``VmRSS`` or ``VmHWM`` of a process, 10^6 bytes; 0 where there is no ``/proc``."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith(f"{field}:")]
    return int(sizes[0]) * 1_024 / 1e6 if sizes else 0.0
