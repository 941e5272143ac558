"""What a run through Kafka needs: a broker, a store, workers, and the proof at the end.

A worker joins its group on empty topics and can be frozen with SIGSTOP until its records are in
Kafka: a frozen process takes no time and no core, and joining is no part of any figure.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

from agents.app import AppConfig
from benchmarks.bare_drain import Ends
from benchmarks.load import checks_of
from benchmarks.mill import Made
from benchmarks.run_store import store_of_run
from benchmarks.scratch import scratch
from benchmarks.worker_watch import memory_mb, read_metrics
from liveshop.console import meter
from liveshop.drain import Lag
from liveshop.embedded.kafka_server import KafkaServer
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.embedded.workers import WorkerProcess
from liveshop.reconcile import reconcile
from liveshop.stores import reading
from producers.publisher import Publisher
from producers.topics import ensure_topics
from schemas.errors import Unavailable
from schemas.topics import EVENT_TOPICS
from schemas.truth import Truth

BrokerKind = Literal["embedded", "kafka"]

#: Without any progress for this long, a run is given up.
_STALLED_S: Final = 60.0
#: How often the end is looked for when it is near, and when it is far: each look takes some
#: milliseconds of a core, from the client and from the broker.
_LOOK_S: Final = 0.1
_FAR_LOOK_S: Final = 1.0
_JOIN_S: Final = 60.0
#: A frozen worker sends no heartbeats, and must not lose its partitions for that. The more is published
#: and drained meanwhile, the longer its session has to be; but joining takes half of a session, too.
_SHORTEST_SESSION_S: Final = 8.0
_FROZEN_RECORDS_PER_S: Final = 40_000


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is made with.

    Attributes:
        partitions: of each topic.
        store: as for :func:`benchmarks.run_store.kind_of`.
        workers: how many share the partitions; chDB serves one only.
        broker: the embedded one, or an Apache Kafka of our own.
        env: settings of the workers.
        frozen: records that are published and drained while the workers are frozen.
    """

    partitions: int
    store: str
    workers: int = 1
    broker: BrokerKind = "embedded"
    env: Mapping[str, str] = field(default_factory=dict)
    frozen: int = 0

    @property
    def worker_env(self) -> dict[str, str]:
        """All settings of the workers."""
        session_s = _SHORTEST_SESSION_S + self.frozen / _FROZEN_RECORDS_PER_S
        return {
            "LIVESHOP_SESSION_TIMEOUT_S": f"{session_s:.1f}",
            "LIVESHOP_REBALANCE_TIMEOUT_S": "2",
            **self.env,
        }


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing took.

    Attributes:
        ends: (topic, partition) → end of its log.
        seconds: from the first batch to the last acknowledgement.
        cpu_s: CPU time of this process meanwhile.
    """

    ends: Ends
    seconds: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What the workers have used so far, all of them together.

    Attributes:
        cpu_s: CPU time, of all their threads; 0 where there is no ``/proc``.
        metrics: name → sum over all labels and workers.
        peak_rss_mb: the largest resident memory of one of them, 10^6 bytes.
    """

    cpu_s: float
    metrics: Mapping[str, float]
    peak_rss_mb: float


class Rig:
    """The parts of one run. Made by :func:`rig`.

    Attributes:
        stack: the broker and the address of the store.
        title: what is going on, for progress bars.
    """

    def __init__(self, stack: Stack, setting: Setting, title: str) -> None:
        self.stack = stack
        self.title = title
        self._setting = setting

    @property
    def brokers(self) -> str:
        """Address of the broker."""
        return self.stack.brokers

    @property
    def workers(self) -> list[WorkerProcess]:
        """The workers, in the order in which they were started."""
        return self.stack.workers

    async def prepare(self) -> None:
        """Create the topics, for a run without workers."""
        await ensure_topics(self.brokers, self._setting.partitions)

    async def start(self) -> None:
        """Create the topics, start the workers, and wait until all partitions are folded.

        Raises:
            Unavailable: a worker ended, or takes too long.
        """
        setting = self._setting
        await self.prepare()
        for _ in range(setting.workers):
            await self.stack.add_worker(free_port(), setting.worker_env).ready()
        wanted = setting.partitions * len(EVENT_TOPICS)
        deadline = time.monotonic() + _JOIN_S
        while sum([await one.partitions() for one in self.workers]) != wanted:
            self.check()
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The workers do not share {wanted} partitions after {_JOIN_S:.0f} s.",
                    self.workers[-1].child.tail(4),
                )
            await asyncio.sleep(_LOOK_S)

    def freeze(self) -> None:
        """Stop the workers where they are."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for worker in self.workers:
            worker.child.send(number)

    async def publish(self, made: Made) -> Published:
        """Put records on Kafka, as fast as it takes them.

        Raises:
            Unavailable: the broker refuses a batch.
        """
        async with Publisher(self.brokers) as publisher:
            began, cpu_s = time.perf_counter(), time.process_time()
            with meter(f"{self.title}: publishing", made.records, counts=True) as bar:
                done = 0
                for chunk in made.chunks:
                    await publisher.send_encoded(chunk.batches)
                    bar.to(done := done + chunk.records)
                await publisher.flush()
            took = time.perf_counter() - began, time.process_time() - cpu_s
            return Published(publisher.ends, *took)

    async def until_committed(self, ends: Ends, records: int) -> float:
        """Wait until the group has committed everything, which it does after it is durable.

        Args:
            ends: what has been published.
            records: how many of them are new, for the progress bar.

        Returns:
            Seconds from the call on.

        Raises:
            Unavailable: a worker ended, or nothing moves any more.
        """
        began = moved_at = time.perf_counter()
        first = best = -1
        async with Lag(self.brokers, AppConfig().group) as lag:
            with meter(f"{self.title}: folding", records, counts=True) as bar:
                while left := await lag.measure(ends):
                    self.check()
                    now = time.perf_counter()
                    if best < 0 or left < best:
                        first, best, moved_at = max(first, left), left, now
                    elif now - moved_at > _STALLED_S:
                        raise Unavailable(
                            f"{left} records are still waiting after {_STALLED_S:.0f} s "
                            "without progress.",
                            self.workers[0].child.tail(4),
                        )
                    bar.to(records - left)
                    await asyncio.sleep(_pause_s(left, first - left, now - began))
        return time.perf_counter() - began

    def check(self) -> None:
        """Raise if a worker has ended.

        Raises:
            Unavailable: one has.
        """
        for worker in self.workers:
            if worker.child.exit_code is not None:
                raise Unavailable(f"The {worker.name} ended.", worker.child.tail(4))

    def cpu_s(self) -> float:
        """CPU seconds of the workers so far."""
        return sum(_cpu_s(worker.child.pid) for worker in self.workers)

    def rss_mb(self) -> float:
        """Resident memory of the largest worker, 10^6 bytes."""
        return max(memory_mb(worker.child.pid, "VmRSS") for worker in self.workers)

    async def spent(self) -> Spent:
        """What the workers have used."""
        loop = asyncio.get_running_loop()
        sums: dict[str, float] = {}
        for worker in self.workers:
            found = await loop.run_in_executor(None, read_metrics, worker.port)
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + value
        peak_mb = max(memory_mb(worker.child.pid, "VmHWM") for worker in self.workers)
        return Spent(self.cpu_s(), sums, peak_mb)

    def prove(self, truth: Truth) -> dict[str, int]:
        """Let the workers leave, and compare every figure in the store with the truth.

        Returns:
            What was compared.

        Raises:
            WrongTotals: a figure is not the truth's.
        """
        self.stack.stop_workers()
        with reading(self.stack.store) as opened:
            return checks_of(reconcile(opened, truth), truth)


@cache
def _compile_once() -> None:
    """Compile the folds, as installing does, so that sources just changed are no part of a run."""
    code = "from agents.compiled import compile_all; compile_all()"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


def _pause_s(left: int, done: int, elapsed_s: float) -> float:
    """Half of the time that what is left will take at the rate so far, within bounds."""
    eta_s = left * elapsed_s / done if done else 0.0
    return min(_FAR_LOOK_S, max(_LOOK_S, eta_s / 2))


@contextmanager
def rig(setting: Setting, title: str) -> Iterator[Rig]:
    """A broker and a store of one's own, without workers yet; nothing of them is left behind.

    Raises:
        Unavailable: the broker or the store cannot start.
    """
    _compile_once()
    with (
        scratch("liveshop-bench-") as directory,
        brokers_of_run(setting.broker, directory) as brokers,
        store_of_run(setting.store, directory) as store,
        Stack(directory, brokers, store, setting.partitions) as stack,
    ):
        yield Rig(stack, setting, title)


@contextmanager
def brokers_of_run(kind: BrokerKind, directory: Path) -> Iterator[str | None]:
    """The address of a Kafka of our own; ``None`` lets the stack start the embedded broker."""
    if kind == "embedded":
        yield None
        return
    with KafkaServer(directory / "kafka") as kafka:
        yield kafka.address


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, user and system; 0 where there is no ``/proc``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
