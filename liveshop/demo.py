"""A demo: a show through broker, workers and store on this machine, and the proof of its totals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from liveshop.credentials import http_token, kafka_security
from liveshop.drain import Lag, drain
from liveshop.embedded.rundir import run_directory
from liveshop.embedded.stack import Stack
from liveshop.manifest import write_manifest
from liveshop.reconcile import Reconciliation, reconcile
from liveshop.screen import Screen
from liveshop.settings import Settings
from liveshop.signals import run_interruptibly, stop_if_asked
from liveshop.stores import reading
from liveshop.wording import progress_words
from producers.generator import Show
from producers.pacing import Schedule
from producers.publisher import Publisher
from producers.replay import Progress, ReplayResult, replay
from producers.topics import ensure_topics
from schemas.kafka_security import PLAINTEXT, KafkaSecurity

_DRAIN_LIMIT_S = 120.0
_CHECK_S = 0.5
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run.

    Attributes:
        show: what is replayed.
        schedule: how fast.
        duration_s: for how many wall seconds.
        settings: ports, directories and the consumer group.
        ports: of each worker's live page.
        brokers: a Kafka to use; ``None`` for one of our own.
        store: a store to use, with its password; ``None`` for one of our own.
    """

    show: Show
    schedule: Schedule
    duration_s: float
    settings: Settings
    ports: list[int]
    brokers: str | None = None
    store: str | None = field(default=None, repr=False)

    def security(self) -> KafkaSecurity:
        """How to connect to Kafka: the embedded broker knows no logins.

        Raises:
            UsageError: the settings for another one cannot be used.
        """
        return PLAINTEXT if self.brokers is None else kafka_security(self.settings)


@dataclass(slots=True)
class Stopwatch:
    """How long each phase took, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure one."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        sent: what was sent, and the truth about it.
        proof: the comparison of the store with that truth.
        directory: everything the run left behind.
        report: the page about the room with the most orders; ``None`` if no room was opened.
        restarts: how often a worker had to be started again.
        seconds: phase → how long it took.
    """

    sent: ReplayResult
    proof: Reconciliation
    directory: Path
    report: Path | None
    restarts: int
    seconds: dict[str, float]


def run_demo(plan: Plan, screen: Screen) -> Outcome:
    """Run a demo from beginning to end; leaves no process behind, however it ends.

    Raises:
        Interrupted: by a signal.
        LiveshopError: something that it needs cannot be had.
    """
    clock = Stopwatch()
    with run_directory(plan.settings.data_dir) as directory, screen:
        with clock.phase("start"):
            partitions = plan.settings.asked_partitions
            token = http_token(plan.settings)
            stack = Stack(directory, plan.brokers, plan.store, partitions, token)
        with stack:
            sent = run_interruptibly(_run(plan, stack, screen, clock))
            write_manifest(directory / "truth.json", sent.truth)
            stop_if_asked()
            restarts = sum(worker.restarts for worker in stack.workers)
            with clock.phase("prove"):
                screen.phase("proving")
                stack.stop_workers()
                proof, report = _prove(plan, stack, sent, directory)
    return Outcome(sent, proof, directory, report, restarts, clock.seconds)


async def _run(plan: Plan, stack: Stack, screen: Screen, clock: Stopwatch) -> ReplayResult:
    began = time.monotonic()
    await ensure_topics(stack.brokers, stack.partitions, security=plan.security())
    for port in plan.ports:
        stack.add_worker(port)
    await asyncio.gather(*(worker.ready() for worker in stack.workers))
    clock.seconds["start"] += time.monotonic() - began
    work = asyncio.create_task(_replay_and_drain(plan, stack, screen, clock))
    duties = [asyncio.create_task(_keep_alive(stack))]
    if screen.shown:
        duties.append(asyncio.create_task(_show_figures(stack, screen)))
    try:
        done, _ = await asyncio.wait({work, *duties}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {work}:
            task.result()
        return work.result()
    finally:
        for task in (work, *duties):
            task.cancel()
        await asyncio.gather(work, *duties, return_exceptions=True)


async def _keep_alive(stack: Stack) -> None:
    while True:
        await asyncio.sleep(_CHECK_S)
        stack.check()


async def _show_figures(stack: Stack, screen: Screen) -> None:
    while True:
        screen.figures(await stack.workers[0].ask("/api/live"))
        await asyncio.sleep(_LOOK_S)


async def _replay_and_drain(
    plan: Plan, stack: Stack, screen: Screen, clock: Stopwatch
) -> ReplayResult:
    start_ms, span_ms = plan.show.start_ms, plan.show.end_ms - plan.show.start_ms
    screen.phase("replaying", plan.duration_s if plan.schedule.is_paced else span_ms)

    def on_progress(progress: Progress) -> None:
        done_ms = progress.event_ms - start_ms
        screen.to(
            progress.elapsed_s if plan.schedule.is_paced else done_ms, progress_words(progress)
        )

    with clock.phase("replay"):
        async with Publisher(stack.brokers, security=plan.security()) as publisher:
            sent = await replay(plan.show, publisher, plan.schedule, plan.duration_s, on_progress)
    screen.phase("draining")
    with clock.phase("drain"):
        async with Lag(stack.brokers, plan.settings.group, plan.security()) as lag:
            await drain(
                lag,
                _DRAIN_LIMIT_S,
                publisher.ends,
                lambda left: screen.to(0, f"{left:,} records left"),
            )
    return sent


def _prove(
    plan: Plan, stack: Stack, sent: ReplayResult, directory: Path
) -> tuple[Reconciliation, Path | None]:
    """Compare, and write the report of the biggest room."""
    # Here, because nobody needs templates while a show is about to start.
    from reports import list_rooms, report

    # A broker or a store of the user's may hold other shows, too.
    shared = plan.brokers is not None or plan.store is not None
    with reading(stack.store) as store:
        proof = reconcile(store, sent.truth, shared=shared)
        rooms = list_rooms(store)
        if not rooms:
            return proof, None
        best = max(rooms, key=lambda room: room.orders)
        page = directory / "report.html"
        page.write_text(str(report(store, best.room_id, "html")), encoding="utf-8")
    return proof, page
