"""Liveshop in the peers' race: a worker as ``liveshop worker`` runs it, with the counting sink.

Everything but the store is as shipped, so it does more than the job: the ledger, the audience, the
leaderboard, checkpoints, copies of every event. Those rows are taken, and counted nowhere.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from agents.stores.values import plain_values
from agents.worker import Worker
from benchmarks.peers.programs.job import Job, read_job
from benchmarks.peers.programs.sink import CountingSink
from liveshop.settings import load_settings
from liveshop.worker_config import worker_config
from producers.topics import ensure_topics
from schemas.store import Column, Params, Row


class CountingStore:
    """A :class:`schemas.store.Store` that keeps nothing: an empty store, whatever is asked."""

    def __init__(self, sink: CountingSink) -> None:
        self._sink = sink

    def ensure_schema(self) -> None:
        """There are no tables."""

    def insert(self, table: str, columns: Mapping[str, Column]) -> None:
        """Hand the two tables of the job to the sink."""
        if table == "product_window":
            self._write(columns, "product_id", "gmv_minor", "orders", "units", None, "clicks")
        elif table == "activity_window":
            self._write(columns, None, None, None, None, "likes", None)

    def query(self, sql: str, params: Params | None = None) -> list[Row]:
        """Nothing is there."""
        return []

    def close(self) -> None:
        """Nothing to close."""

    def _write(
        self, columns: Mapping[str, Column], product: str | None, *figures: str | None
    ) -> None:
        plain = {name: plain_values(column) for name, column in columns.items()}
        rooms = plain["room_id"]
        nothing: Sequence[Any] = [0] * len(rooms)
        products = plain[product] if product else [""] * len(rooms)
        starts = [second * 1_000 for second in plain["window_start"]]
        values = [plain[name] if name else nothing for name in figures]
        parts = zip(*(column for name, column in plain.items() if name in _PARTS), strict=True)
        self._sink.write(zip(rooms, products, starts, *values, strict=True), parts)


#: Dimensions that the job does not ask for: rows that differ in them are added up.
_PARTS = frozenset(
    {
        *("kol_id", "currency", "promo", "source", "mode"),
        *("late_slice", "kafka_topic", "kafka_partition"),
    }
)


async def main(job: Job) -> None:
    """Work until SIGTERM."""
    settings = load_settings(brokers=job.brokers, group=job.group, port=0)
    await ensure_topics(settings.brokers)
    config = worker_config(settings)
    sink = CountingSink(job)
    worker = Worker(config, CountingStore(sink), CountingStore(sink))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    beginning = asyncio.create_task(_begin(worker, sink))
    await worker.run(stop)
    beginning.cancel()


async def _begin(worker: Worker, sink: CountingSink) -> None:
    """Start the clock when the worker has partitions, a little before its first record."""
    while not worker.trust().assigned_partitions:  # noqa: ASYNC110 - a worker has no event for it
        await asyncio.sleep(0.01)
    sink.begin()


if __name__ == "__main__":
    asyncio.run(main(read_job()))
