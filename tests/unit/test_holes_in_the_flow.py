"""A batch that does not begin where the one before it ended: why, decides what becomes of it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from faust.types import TP

from agents.metrics import Metrics
from agents.pipeline import Pipeline, PipelineConfig
from agents.sink import Sink
from agents.transport import Consumer
from schemas.errors import UsageError
from streams.batch import Batch
from streams.catalog import FOLDS
from streams.fold import BrokenFlowError, PartitionFold
from streams.windows import WindowPolicy

TP_CHAT = TP("live.chat", 0)


class Log:
    """A consumer whose log begins at an offset."""

    def __init__(self, first: int) -> None:
        self.first = first

    async def earliest_offsets(self, *partitions: TP) -> dict[TP, int]:
        return dict.fromkeys(partitions, self.first)

    def folded(self, batch: Batch) -> None:
        """Nobody waits for it."""


class Store:
    """A sink whose store has no checkpoint of anybody."""

    async def positions(self) -> dict[tuple[str, int], int]:
        return {}


def batch(start: int, offsets: list[int]) -> Batch:
    """Records that end up as dead letters; what is in them does not matter here."""
    nothing: list[Any] = [None] * len(offsets)
    return Batch(
        "live.chat", 0, start, offsets[-1] + 1, offsets, [0] * len(offsets), nothing, nothing
    )


def pipeline_at(position: int, log_begins: int) -> tuple[Pipeline, PartitionFold]:
    policy = WindowPolicy()
    pipeline = Pipeline(PipelineConfig(), policy, cast("Sink", Store()), Metrics())
    fold = pipeline.folds[TP_CHAT] = FOLDS["live.chat"](0, policy, position)
    pipeline.attach(cast("Consumer", Log(log_begins)))
    return pipeline, fold


async def test_a_hole_that_compaction_left_is_no_gap() -> None:
    pipeline, fold = pipeline_at(100, log_begins=0)
    await pipeline.fold(batch(100, [140, 160]))
    assert (fold.next_offset, fold.counts.gap, fold.counts.consumed) == (161, 0, 2)


async def test_records_that_retention_deleted_are_counted() -> None:
    pipeline, fold = pipeline_at(100, log_begins=140)
    await pipeline.fold(batch(100, [140, 141]))
    assert (fold.next_offset, fold.counts.gap, fold.counts.consumed) == (142, 40, 2)


async def test_records_that_were_read_before_they_were_deleted_are_not_counted() -> None:
    pipeline, fold = pipeline_at(100, log_begins=500)
    await pipeline.fold(batch(100, [140, 141]))
    assert (fold.next_offset, fold.counts.gap, fold.counts.consumed) == (142, 40, 2)


async def test_a_log_that_begins_anew_is_refused() -> None:
    pipeline, fold = pipeline_at(100, log_begins=0)
    with pytest.raises(UsageError, match=r"began anew at offset 0, but .* folded up to 100"):
        await pipeline.fold(batch(100, [0, 1, 2]))
    assert (fold.next_offset, fold.counts.consumed) == (100, 0)
    with pytest.raises(UsageError):
        await pipeline.failure()


async def test_a_batch_that_went_missing_is_no_gap_of_the_log() -> None:
    pipeline, fold = pipeline_at(100, log_begins=140)
    with pytest.raises(BrokenFlowError):
        await pipeline.fold(batch(120, [140, 141]))
    assert fold.counts.gap == 0
    with pytest.raises(BrokenFlowError):
        await pipeline.failure()
