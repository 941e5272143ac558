"""A chaos run: a show on a real Kafka and a real ClickHouse while things go wrong, and the proof."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from agents.stores import open_store
from liveshop.chaos.faults import Faults
from liveshop.chaos.fleet import Fleet
from liveshop.chaos.meter import Meter
from liveshop.chaos.observer import Observer
from liveshop.chaos.plan import Fault
from liveshop.chaos.record import Record
from liveshop.chaos.screen import ChaosScreen
from liveshop.chaos.timeline import Timeline
from liveshop.chaos.together import together
from liveshop.drain import Lag, drain
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.kafka_server import KafkaServer
from liveshop.embedded.rundir import run_directory
from liveshop.embedded.stack import OWN_KAFKA, OWN_STORE
from liveshop.manifest import write_manifest
from liveshop.reconcile import reconcile
from liveshop.settings import Settings
from liveshop.signals import run_interruptibly, stop_if_asked
from liveshop.stores import reading
from liveshop.wording import progress_words
from producers.generator import Show
from producers.pacing import Schedule
from producers.publisher import Publisher
from producers.replay import ReplayResult, replay
from producers.topics import ensure_topics

#: After this long without a heartbeat a worker has lost its partitions; as short as is sane.
SESSION_TIMEOUT_S: Final = 6.0
#: A worker that hangs is ended after so long; the run would wait for it in vain.
_STALL_S: Final = 45.0
_DRAIN_LIMIT_S: Final = 90.0
_BROKEN_OFF_S: Final = 5.0
_REQUEST_TIMEOUT_MS: Final = 60_000
_DATABASE: Final = "chaos"


@dataclass(frozen=True, slots=True)
class Request:
    """What to run.

    Attributes:
        show: what is replayed.
        duration_s: for how many wall seconds.
        plan: what goes wrong meanwhile.
        workers: how many there are at the beginning.
        settings: partitions, directory and consumer group.
    """

    show: Show
    duration_s: float
    plan: tuple[Fault, ...]
    workers: int
    settings: Settings


@dataclass(slots=True)
class _Sent:
    result: ReplayResult
    purchases: int
    drain_s: float


def run_chaos(request: Request, screen: ChaosScreen) -> Record:
    """Run it from beginning to end; leaves no process behind, however it ends.

    What a run that was exact leaves behind is logs, truth and record; otherwise the data of broker
    and store as well.

    Raises:
        Interrupted: by a signal.
        LiveshopError: something that it needs cannot be had.
    """
    timeline = Timeline(tell=screen.happened)
    with (
        run_directory(request.settings.data_dir) as directory,
        screen,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="hands") as hands,
    ):
        kafka, clickhouse = KafkaServer(directory / "kafka"), ClickHouseServer(directory / "store")
        with kafka, clickhouse:
            dsn = clickhouse.dsn(_DATABASE)
            env = _environment(request.settings, kafka.address, dsn)
            fleet = Fleet(directory, env, timeline)
            faults = Faults(fleet, kafka, clickhouse, hands, timeline, SESSION_TIMEOUT_S)
            run = _Run(request, screen, timeline, fleet, faults, kafka.address, dsn)
            try:
                sent = run_interruptibly(run.through())
                stop_if_asked()
                screen.phase("proving")
                farewells = fleet.stop()
            finally:
                fleet.stop(_BROKEN_OFF_S)
            truth = sent.result.truth
            write_manifest(directory / "truth.json", truth)
            with reading(dsn) as store:
                proof = reconcile(store, truth)
        if proof.is_exact:
            for server in (kafka, clickhouse):
                shutil.rmtree(server.directory, ignore_errors=True)
    return Record(
        profile=request.show.name,
        seed=request.show.seed,
        scale=request.show.scale,
        duration_s=request.duration_s,
        workers=request.workers,
        events=truth.sent.events,
        purchases=sent.purchases,
        records=truth.sent.records,
        sent_duplicates=truth.sent.duplicates,
        plan=request.plan,
        happenings=timeline.happenings,
        samples=timeline.samples,
        outages=timeline.outages,
        recoveries=timeline.recoveries(),
        exits=fleet.exits,
        farewells=farewells,
        replay_s=sent.result.seconds,
        drain_s=sent.drain_s,
        proof=proof,
        directory=directory,
    )


def _environment(settings: Settings, brokers: str, dsn: str) -> Mapping[str, str]:
    return {
        **OWN_KAFKA,
        **OWN_STORE,
        "LIVESHOP_BROKERS": brokers,
        "LIVESHOP_STORE": dsn,
        "LIVESHOP_GROUP": settings.group,
        "LIVESHOP_PARTITIONS": str(settings.partitions),
        "LIVESHOP_SESSION_TIMEOUT_S": f"{SESSION_TIMEOUT_S:g}",
        "LIVESHOP_REBALANCE_TIMEOUT_S": f"{SESSION_TIMEOUT_S:g}",
        "LIVESHOP_STALL_S": f"{_STALL_S:g}",
    }


class _Run:
    """The part of a run in which there is an event loop."""

    def __init__(
        self,
        request: Request,
        screen: ChaosScreen,
        timeline: Timeline,
        fleet: Fleet,
        faults: Faults,
        brokers: str,
        dsn: str,
    ) -> None:
        self._request = request
        self._screen = screen
        self._timeline = timeline
        self._fleet = fleet
        self._faults = faults
        self._brokers = brokers
        self._dsn = dsn

    async def through(self) -> _Sent:
        """Start the workers, replay the show while things go wrong, and wait for the store."""
        await ensure_topics(self._brokers, self._request.settings.partitions)
        members = [self._fleet.add() for _ in range(self._request.workers)]
        await asyncio.gather(*(member.process.ready() for member in members))
        currency = self._request.show.profile.currency
        observer = Observer(open_store(self._dsn), currency, self._fleet, self._timeline)
        try:
            publisher = Publisher(self._brokers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
            async with publisher:
                meter = Meter(publisher)
                self._timeline.begin()
                return await self._observed(observer, meter)
        finally:
            await observer.close()

    async def _observed(self, observer: Observer, meter: Meter) -> _Sent:
        sent: list[_Sent] = []

        async def work() -> None:
            sent.append(await self._replay_and_drain(observer, meter))

        await together(
            work(),
            beside=(
                self._fleet.supervise(),
                self._fleet.watch(),
                observer.watch(meter, self._screen.sampled),
            ),
        )
        return sent[0]

    async def _replay_and_drain(self, observer: Observer, meter: Meter) -> _Sent:
        request, screen = self._request, self._screen
        screen.phase("replaying", request.duration_s)
        results: list[ReplayResult] = []

        async def send() -> None:
            results.append(
                await replay(
                    request.show,
                    meter,
                    Schedule(request.show.default_speed),
                    request.duration_s,
                    lambda progress: screen.to(progress.elapsed_s, progress_words(progress)),
                )
            )

        await together(send(), self._faults.perform(request.plan, observer.checkpoints))
        screen.phase("draining")
        began = time.monotonic()
        await self._fleet.settle()
        async with Lag(self._brokers, request.settings.group) as lag:
            await drain(
                lag,
                _DRAIN_LIMIT_S,
                meter.ends,
                lambda left: screen.to(0, f"{left:,} records left"),
            )
        return _Sent(results[0], meter.orders, time.monotonic() - began)
