"""Broker, store and workers of one run, started and stopped together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from liveshop.embedded.broker import EmbeddedBroker
from liveshop.embedded.workers import WorkerProcess


class Stack:
    """Everything that a run needs on this machine; leaves no process behind.

    Args:
        directory: for logs and the embedded store.
        brokers: a Kafka that is there already; ``None`` starts the embedded broker.
        store: a store that is there already; ``None`` uses the embedded one.
        partitions: of the event topics.
    """

    def __init__(
        self, directory: Path, brokers: str | None, store: str | None, partitions: int
    ) -> None:
        self.directory = directory
        self.partitions = partitions
        self.workers: list[WorkerProcess] = []
        self._broker = None if brokers else EmbeddedBroker(directory)
        self.brokers = brokers or (self._broker.address if self._broker else "")
        self.store = store or f"chdb://{(directory / 'store').resolve()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def add_worker(self, port: int, env: Mapping[str, str] | None = None) -> WorkerProcess:
        """Start one more worker."""
        settings = {
            "LIVESHOP_BROKERS": self.brokers,
            "LIVESHOP_STORE": self.store,
            "LIVESHOP_PARTITIONS": str(self.partitions),
            **(env or {}),
        }
        name = f"worker-{len(self.workers) + 1}"
        worker = WorkerProcess(name, self.directory, port, settings)
        self.workers.append(worker)
        return worker

    def check(self) -> None:
        """Start workers again that ended by themselves."""
        for worker in self.workers:
            worker.check()

    def stop_workers(self) -> list[int]:
        """Let the workers flush and leave; returns their exit codes."""
        codes = [worker.stop() for worker in self.workers]
        self.workers = []
        return codes

    def stop(self) -> None:
        """End everything."""
        self.stop_workers()
        if self._broker is not None:
            self._broker.stop()
