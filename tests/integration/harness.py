"""Runs a show through real processes, as a user would, and compares every figure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from liveshop.drain import Lag, drain
from liveshop.embedded.process import free_port
from liveshop.embedded.stack import Stack
from liveshop.reconcile import Reconciliation, reconcile
from liveshop.stores import reading
from producers.generator import Show
from producers.pacing import Schedule
from producers.publisher import Publisher
from producers.recording import Recording
from producers.replay import ReplayResult, replay
from producers.topics import ensure_topics
from schemas.store import Row

#: Groups of one machine need not wait for stragglers.
QUICK = {"LIVESHOP_REBALANCE_TIMEOUT_S": "2", "LIVESHOP_SESSION_TIMEOUT_S": "6"}
_DRAIN_LIMIT_S = 40.0

#: Called while the show runs.
Disturb = Callable[[Stack], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """What a run ended with.

    Attributes:
        sent: by the producers.
        result: the store's figures against the manifest.
        pipeline: rows of the view ``pipeline``.
        rooms: rows of ``room_summary``, in a fixed order.
        kols: rows of ``kol_leaderboard``, in a fixed order.
    """

    sent: ReplayResult
    result: Reconciliation
    pipeline: list[Row]
    rooms: list[Row]
    kols: list[Row]


def run_show(
    directory: Path,
    source: Show | Recording,
    *,
    brokers: str | None = None,
    store: str | None = None,
    speed: float | None = 0,
    duration_s: float | None = None,
    partitions: int = 2,
    workers: int = 1,
    env: Mapping[str, str] | None = None,
    disturb: Disturb | None = None,
) -> Outcome:
    """Replay a source through broker, workers and store; stop everything; compare."""

    async def run(stack: Stack) -> ReplayResult:
        await ensure_topics(stack.brokers, partitions)
        for _ in range(workers):
            stack.add_worker(free_port(), {**QUICK, **(env or {})})
        await asyncio.gather(*(worker.ready() for worker in stack.workers))
        async with Publisher(stack.brokers) as publisher:
            sending = asyncio.create_task(replay(source, publisher, Schedule(speed), duration_s))
            if disturb is not None:
                await disturb(stack)
            sent = await sending
            ends = publisher.ends
        async with Lag(stack.brokers, "liveshop") as lag:
            await drain(lag, _DRAIN_LIMIT_S, ends, lambda _: stack.check())
        return sent

    directory.mkdir(parents=True, exist_ok=True)
    with Stack(directory, brokers, store, partitions) as stack:
        sent = asyncio.run(run(stack))
        codes = stack.stop_workers()
        assert codes == [0] * len(codes)
        with reading(stack.store) as opened:
            return Outcome(
                sent,
                reconcile(opened, sent.truth),
                pipeline=opened.query("SELECT * FROM pipeline"),
                rooms=opened.query("SELECT * FROM room_summary ORDER BY room_id, currency"),
                kols=opened.query("SELECT * FROM kol_leaderboard ORDER BY currency, rank"),
            )


def assert_exact(outcome: Outcome) -> None:
    """Every figure equals the truth, and every record is accounted for."""
    assert outcome.result.differences == []
    accounts = outcome.result.accounts
    sent = outcome.sent.truth.sent
    assert accounts["unaccounted"] == 0
    assert accounts["consumed"] == sent.records
    assert accounts["folded"] == sent.events
    assert accounts["dead_lettered"] == sent.unreadable
    assert accounts["duplicates"] == sent.duplicates
