"""Looks at the store once a second, from the outside, whether or not it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from liveshop.chaos.fleet import Fleet
from liveshop.chaos.meter import Meter
from liveshop.chaos.timeline import Sample, Timeline
from schemas.store import Store, StoreUnavailable

_T = TypeVar("_T")

_GMV: Final = (
    "SELECT sum(gmv_minor) AS gmv_minor FROM sales_window FINAL WHERE currency = %(currency)s"
)
_CHECKPOINTS: Final = (
    "SELECT kafka_topic, kafka_partition, max(next_offset) AS next_offset FROM checkpoint"
    " GROUP BY kafka_topic, kafka_partition"
)
_INTERVAL_S: Final = 1.0
_RETRY_S: Final = 0.25


class Observer:
    """Takes the samples of a timeline.

    Args:
        store: a connection of its own; used from the observer's thread only, from now on.
        currency: in which GMV is compared.
        fleet: the workers.
        timeline: where the samples go.
    """

    def __init__(self, store: Store, currency: str, fleet: Fleet, timeline: Timeline) -> None:
        self._store = store
        self._currency = currency
        self._fleet = fleet
        self._timeline = timeline
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer")
        self._done: dict[str, int] = {}
        self._stored_minor = 0

    async def watch(self, meter: Meter, tell: Callable[[Sample], None]) -> None:
        """Take a sample a second, until cancelled.

        Args:
            meter: what has been sent.
            tell: called with each sample.
        """
        while True:
            sample = await self._sample(meter)
            self._timeline.samples.append(sample)
            tell(sample)
            await asyncio.sleep(_INTERVAL_S)

    async def checkpoints(self) -> dict[str, int]:
        """Where the partitions stand; waits until the store answers."""
        while True:
            try:
                return await self._ask(self._read_checkpoints)
            except StoreUnavailable:
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._store.close)
        self._thread.shutdown()

    async def _sample(self, meter: Meter) -> Sample:
        try:
            self._done = await self._ask(self._read_checkpoints)
            self._stored_minor = await self._ask(self._read_gmv)
            answers = True
        except StoreUnavailable:
            answers = False
        ends = {f"{topic}/{number}": end for (topic, number), end in meter.ends.items()}
        if answers:
            self._timeline.advanced(self._done, ends)
        return Sample(
            at_s=self._timeline.now_s(),
            records=sum(ends.values()),
            lag=sum(max(0, end - self._done.get(name, 0)) for name, end in ends.items()),
            sent_minor=meter.gmv_minor[self._currency],
            stored_minor=self._stored_minor,
            workers=len(self._fleet.working),
            store_answers=answers,
        )

    async def _ask(self, question: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    def _read_checkpoints(self) -> dict[str, int]:
        return {
            f"{row['kafka_topic']}/{row['kafka_partition']}": int(row["next_offset"])
            for row in self._store.query(_CHECKPOINTS)
        }

    def _read_gmv(self) -> int:
        return int(self._store.query(_GMV, {"currency": self._currency})[0]["gmv_minor"] or 0)
