"""Does what the plan says to workers, broker and store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from liveshop.chaos.fleet import Fleet
from liveshop.chaos.plan import Fault, Kind
from liveshop.chaos.timeline import Timeline
from liveshop.chaos.together import together
from liveshop.embedded.clickhouse_server import ClickHouseServer
from liveshop.embedded.kafka_server import KafkaServer

#: An insert that was under way when a worker died is through by then.
_SETTLE_S: Final = 0.2

#: Looks at the store now, and says where the partitions stand.
Look = Callable[[], Awaitable[dict[str, int]]]


class Faults:
    """Performs a plan.

    Args:
        fleet: the workers.
        kafka: the broker.
        clickhouse: the store.
        hands: starts and stops servers; its thread must outlive them (``embedded.process``).
        timeline: where it is noted.
        session_timeout_s: of the consumer group.
    """

    def __init__(
        self,
        fleet: Fleet,
        kafka: KafkaServer,
        clickhouse: ClickHouseServer,
        hands: Executor,
        timeline: Timeline,
        session_timeout_s: float,
    ) -> None:
        self._fleet = fleet
        self._kafka = kafka
        self._clickhouse = clickhouse
        self._hands = hands
        self._timeline = timeline
        self._session_timeout_s = session_timeout_s
        # What is away already cannot be taken away: the second fault waits for the first.
        self._broker_lock = asyncio.Lock()
        self._store_lock = asyncio.Lock()

    async def perform(self, plan: Sequence[Fault], look: Look) -> None:
        """Let everything go wrong at its moment; returns when everything is right again."""
        await together(*(self._perform(fault, look) for fault in plan))

    async def _perform(self, fault: Fault, look: Look) -> None:
        await asyncio.sleep(max(0.0, fault.at_s - self._timeline.now_s()))
        match fault.kind:
            case Kind.KILL_WORKER:
                await self._kill_worker(fault, look)
            case Kind.FREEZE_WORKER:
                await self._freeze_worker(fault)
            case Kind.RESTART_BROKER:
                await self._restart_broker(fault, self._kafka.stop)
            case Kind.KILL_BROKER:
                await self._restart_broker(fault, self._kafka.kill)
            case Kind.KILL_STORE:
                await self._kill_store(fault)
            case Kind.ADD_WORKER:
                self._timeline.note("added", self._fleet.add().name, fault.kind)
            case Kind.STOP_WORKER:
                await self._stop_worker(fault)

    async def _kill_worker(self, fault: Fault, look: Look) -> None:
        member = await self._fleet.choose(fault.pick)
        held = member.held
        self._fleet.kill(member, fault.lasts_s)
        self._timeline.note("killed", member.name, fault.kind)
        at_s, others = self._timeline.now_s(), len(self._fleet.working)
        # Before it answers, a worker has not joined the group, and nobody waits for it.
        if held is not None:
            self._timeline.lost(member.name, at_s, self._session_timeout_s)
        await asyncio.sleep(_SETTLE_S)
        self._timeline.killed(at_s, member.name, others, held or (), await look())

    async def _freeze_worker(self, fault: Fault) -> None:
        member = await self._fleet.choose(fault.pick)
        self._fleet.freeze(member)
        self._timeline.note("frozen", member.name, fault.kind)
        self._timeline.lost(member.name, self._timeline.now_s(), self._session_timeout_s)
        await asyncio.sleep(fault.lasts_s)
        self._fleet.thaw(member)
        self._timeline.note("thawed", member.name)

    async def _stop_worker(self, fault: Fault) -> None:
        member = await self._fleet.choose(fault.pick)
        self._timeline.note("asked to leave", member.name, fault.kind)
        code = await self._fleet.dismiss(member)
        self._timeline.note(f"left with exit code {code}", member.name)

    async def _restart_broker(self, fault: Fault, end: Callable[[], None]) -> None:
        async with self._broker_lock:
            self._timeline.note(
                "killed" if fault.kind is Kind.KILL_BROKER else "stopping", "broker", fault.kind
            )
            with self._timeline.away("broker"):
                await self._by_hand(end)
                await asyncio.sleep(fault.lasts_s)
                await self._by_hand(self._kafka.launch)
                await asyncio.to_thread(self._kafka.wait)
            self._timeline.note("back", "broker")

    async def _kill_store(self, fault: Fault) -> None:
        async with self._store_lock:
            self._timeline.note("killed", "store", fault.kind)
            with self._timeline.away("store"):
                await self._by_hand(self._clickhouse.kill)
                await asyncio.sleep(fault.lasts_s)
                await self._by_hand(self._clickhouse.start)
            self._timeline.note("back", "store")

    async def _by_hand(self, what: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._hands, what)
