"""Broker, store and workers of one run, started and stopped together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from liveshop.embedded.broker import EmbeddedBroker
from liveshop.embedded.workers import WorkerProcess

#: The embedded broker lets a group's first member wait for half of the session timeout; members
#: on one machine need not wait for stragglers. What is set in the environment wins.
_QUICK: Final = {"LIVESHOP_REBALANCE_TIMEOUT_S": "2", "LIVESHOP_SESSION_TIMEOUT_S": "3"}
#: What may be set for another Kafka or store does not concern one of our own.
OWN_KAFKA: Final = {"LIVESHOP_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
OWN_STORE: Final = {"LIVESHOP_STORE_PASSWORD": "", "LIVESHOP_STORE_PASSWORD_FILE": ""}
#: How long a worker may flush when the run is broken off.
_BROKEN_OFF_S: Final = 8.0


class Stack:
    """Everything that a run needs on this machine; leaves no process behind.

    Args:
        directory: for logs and the embedded store.
        brokers: a Kafka that is there already; ``None`` starts the embedded broker.
        store: a store that is there already; ``None`` uses the embedded one.
        partitions: of the event topics.
        token: what the workers' HTTP endpoints ask for; empty for nothing.
    """

    def __init__(
        self,
        directory: Path,
        brokers: str | None,
        store: str | None,
        partitions: int | None,
        token: str = "",
    ) -> None:
        self.directory = directory
        self.partitions = partitions
        self._token = token
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
        self.stop(None if error is None else _BROKEN_OFF_S)

    def add_worker(self, port: int, env: Mapping[str, str] | None = None) -> WorkerProcess:
        """Start one more worker."""
        quick = {} if self._broker is None else _QUICK
        own = {} if self._broker is None else OWN_KAFKA
        settings = {
            **{name: value for name, value in quick.items() if name not in os.environ},
            **own,
            # What is not there when a demo begins will not come.
            "LIVESHOP_START_WAIT_S": "0",
            **OWN_STORE,  # Its address is complete: a password stands in it.
            "LIVESHOP_BROKERS": self.brokers,
            "LIVESHOP_STORE": self.store,
            "LIVESHOP_HTTP_TOKEN": self._token,
            "LIVESHOP_HTTP_TOKEN_FILE": "",
            **({} if self.partitions is None else {"LIVESHOP_PARTITIONS": str(self.partitions)}),
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

    def stop_workers(self, grace_s: float | None = None) -> list[int]:
        """Let the workers flush and leave; returns their exit codes.

        Args:
            grace_s: for how long each may take; a minute by default.
        """
        codes = [worker.stop(60.0 if grace_s is None else grace_s) for worker in self.workers]
        self.workers = []
        return codes

    def stop(self, grace_s: float | None = None) -> None:
        """End everything; ``grace_s`` as for :meth:`stop_workers`."""
        try:
            self.stop_workers(grace_s)
        finally:
            if self._broker is not None:
                self._broker.stop()
