"""When a flush begins: once per interval, and sooner where much has been folded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest
from faust.types import TP

from agents.metrics import Metrics
from agents.pipeline import Pipeline, PipelineConfig
from agents.sink import Sink
from agents.transport import LogBounds
from streams.batch import Batch
from streams.catalog import FOLDS
from streams.fold import Taken
from streams.windows import WindowPolicy

TP_CHAT, TP_ROOMS = TP("live.chat", 0), TP("live.rooms", 0)


class Log:
    """The bounds of an empty log."""

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, 0)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, 0)


class Store:
    """A sink that notes how far each checkpoint is, over an empty store."""

    def __init__(self) -> None:
        self.checkpoints: list[int] = []

    async def positions(self) -> dict[tuple[str, int], int]:
        return {}

    async def restore(self, places: Any) -> AsyncIterator[Any]:
        for nothing in list[Any]():
            yield nothing

    async def write_rows(self, taken: Sequence[Taken]) -> None:
        """Rows are of no interest here."""

    async def write_checkpoints(self, taken: Sequence[Taken]) -> None:
        self.checkpoints += [one.checkpoint.next_offset for one in taken]


def batch(start: int, end: int, topic: str = "live.chat") -> Batch:
    nothing: list[Any] = [None] * (end - start)
    times = [0] * (end - start)
    return Batch(topic, 0, start, end, range(start, end), times, nothing, nothing)


async def running(store: Store, config: PipelineConfig) -> Pipeline:
    """A pipeline with a partition of chat and one of facts about rooms."""
    pipeline = Pipeline(config, WindowPolicy(), cast("Sink", store), Metrics())
    await pipeline.positions([TP_CHAT, TP_ROOMS], cast("LogBounds", Log()))
    return pipeline


@pytest.mark.parametrize(("records", "is_early"), [(5, False), (6, True)])
async def test_half_of_what_may_be_unflushed_starts_a_flush(records: int, is_early: bool) -> None:
    store = Store()
    pipeline = await running(store, PipelineConfig(flush_interval_ms=60_000, max_unflushed=10))
    flushing = asyncio.create_task(pipeline.run())
    await asyncio.sleep(0)
    await pipeline.fold(batch(0, records))
    await asyncio.sleep(0.05)
    assert store.checkpoints == [records] * is_early
    await pipeline.fold(batch(records, 20))
    await asyncio.sleep(0.05)
    assert store.checkpoints == [records] * is_early + [20]
    flushing.cancel()


async def test_without_much_to_do_a_flush_waits_for_its_interval() -> None:
    store = Store()
    pipeline = await running(store, PipelineConfig(flush_interval_ms=20, max_unflushed=1_000))
    flushing = asyncio.create_task(pipeline.run())
    await pipeline.fold(batch(0, 1))
    for _ in range(100):
        await asyncio.sleep(0.01)
        if store.checkpoints:
            break
    assert store.checkpoints == [1]
    flushing.cancel()


@pytest.mark.parametrize(("records", "is_early"), [(5, False), (6, True)])
async def test_records_weigh_what_their_fold_keeps_of_them(records: int, is_early: bool) -> None:
    store = Store()
    weight = FOLDS["live.rooms"].weight
    assert weight > FOLDS["live.chat"].weight == 1
    config = PipelineConfig(flush_interval_ms=60_000, max_unflushed=10 * weight)
    pipeline = await running(store, config)
    flushing = asyncio.create_task(pipeline.run())
    await asyncio.sleep(0)
    await pipeline.fold(batch(0, records, "live.rooms"))
    await asyncio.sleep(0.05)
    assert store.checkpoints == [records] * is_early
    flushing.cancel()
