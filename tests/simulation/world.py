"""A world of workers, a broker and a store, to which a scenario happens.

First everything happens that the scenario says. Then the world is mended: whoever is to die dies,
whoever is to freeze freezes, and the others consume the logs to their ends. What the store holds
then must equal what one worker that never died would have written. At last the frozen ones thaw
and write what they still had in mind, inserts that were on their way arrive, and everything must
still be the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from faust.types import TP

from schemas.rows import COLUMNS
from streams.fold import Counts
from tests.properties.model import read_state
from tests.simulation.broker import Broker
from tests.simulation.process import Process, Protocol, SteppedLoop
from tests.simulation.reference import Reference
from tests.simulation.scenario import Scenario
from tests.simulation.store import ENGINES, Fault, Violation

#: Rounds in which a mended world must come to its end.
_ROUNDS: Final = 40
#: Calls that a worker left alone may make before it comes to rest.
_CALLS: Final = 400
#: What a worker that is on its way out still does before it is gone.
_LAST_DEEDS: Final = 3

#: So small that they are met all the time.
_TINY: Final = {
    "streams.filter._BITS": 8,
    "streams.filter._PROBES": 8,
    "agents.restore._LEDGER_AT_ONCE": 2,
    "agents.restore._TOGETHER": 4,
    "agents.restore._SPARE": 1,
    "agents.sink._ASK_AT_ONCE": 1,
}
_FAULTS: Final = (Fault.LOST, Fault.LATE, Fault.HALF, Fault.AWAY, Fault.REJECTED)
_COUNTS: Final = tuple(Counts.__dataclass_fields__)


@contextmanager
def tiny_and_quiet() -> Iterator[None]:
    """What every simulation needs around it.

    The filter takes every order for an old one as soon as one is forgotten, what is read back comes
    in pieces of a few rows, and nobody wants to read what the workers log about the faults that
    are made here by the thousand.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with ExitStack() as patches:
            for limit, value in _TINY.items():
                patches.enter_context(patch(limit, value))
            yield
    finally:
        logging.disable(disabled)


def simulate(scenario: Scenario, expected: Reference, protocol: Protocol | None = None) -> World:
    """Let a scenario happen.

    Args:
        scenario: what happens.
        expected: what must come out of it.
        protocol: the code under test; the real one unless told otherwise.

    Raises:
        Violation: something came out that must not.
    """
    loop = SteppedLoop()
    loop.set_exception_handler(lambda *_: None)
    world = World(loop, scenario, expected, protocol or Protocol())
    try:
        loop.run_until_complete(world.run())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.settle())
        loop.close()
    return world


class World:
    """Everything there is in a simulation. The methods with ``(who, how)`` are its actions."""

    def __init__(
        self, loop: SteppedLoop, scenario: Scenario, expected: Reference, protocol: Protocol
    ) -> None:
        self.timeline: list[str] = []
        self._loop = loop
        self._scenario = scenario
        self._expected = expected
        self._protocol = protocol
        self._store = protocol.store()
        logs = scenario.partitions
        first = dict(zip(logs, scenario.first, strict=True))
        self._broker = Broker(logs, first, self._store)
        #: Every process that there ever was.
        self.processes: list[Process] = []
        self._workers: list[Process] = []
        self._shares: list[list[TP]] = []
        self._deeds: dict[Process, int] = {}
        self._away = 0

    async def run(self) -> None:
        """Let everything happen, mend the world, and let the past catch up with it."""
        scenario = self._scenario
        self._workers = [self._new_process() for _ in range(scenario.workers)]
        self._share_out(0)
        for who in range(scenario.workers):
            await self._tell(who)
        for action in scenario.actions:
            who = action.who % len(self._workers)
            await self._act(action.what, who, action.how)
        frozen = await self._mend()
        await self._consume_everything()
        self._compare("consumed")
        for process in frozen:
            await self._exhaust(process)
            process.flush()
            await self._exhaust(process)
        while self._store.on_their_way:
            self._store.land(0)
        await self._check()
        self._compare("thawed")
        await self._compare_restored()

    async def _act(self, what: str, who: int, how: int) -> None:
        self.timeline.append(f"{what}({who}, {how})")
        await getattr(self, what)(who, how)
        await self._check()
        process = self._workers[who]
        if process.is_failing:
            self._deeds[process] = self._deeds.get(process, 0) + 1
        if process.is_dead or self._deeds.get(process, 0) > _LAST_DEEDS:
            self._restart(who)

    # --- actions -----------------------------------------------------------------------------

    async def fetch(self, who: int, how: int) -> None:
        """A run of records is fetched; it reaches its agent now, or with the next one."""
        self._workers[who].fetch(which=how, size=1 + how // 3)
        if how % 2:
            self._workers[who].deliver()

    async def flush(self, who: int, how: int) -> None:
        """The flush interval is over."""
        self._workers[who].flush()

    async def work(self, who: int, how: int) -> None:
        """A few calls, as long as the store is not away."""
        for _ in range(1 + 3 * how):
            if self._away:
                self._away -= 1
                return
            self._workers[who].step()
            await self._check()

    async def run_on(self, who: int, how: int) -> None:
        """A worker goes on undisturbed for a while."""
        if not self._away:
            self._workers[who].fetch(which=how, size=1 + how // 4)
            self._workers[who].deliver()
            await self._exhaust(self._workers[who])
            self._workers[who].flush()
            await self._exhaust(self._workers[who])

    async def join(self, who: int, how: int) -> None:
        """A worker hears which partitions it has now, and loads what it needs."""
        if not self._away:
            await self.tell(who, how)
            await self._exhaust(self._workers[who])

    async def stumble(self, who: int, how: int) -> None:
        """A call meets faults before it succeeds, and others go on meanwhile."""
        if how % 2:
            await self._flush_half(who, calls=how // 2)
        fault = _FAULTS[how % len(_FAULTS)]
        faults = (fault, Fault.AWAY) if how > 5 else (fault,)
        self._workers[who].step(faults, self._meanwhile(who))

    async def meet(self, who: int, how: int) -> None:
        """A call that asks several questions, while others go on between them."""
        self._workers[who].step((), self._meanwhile(who))

    async def die(self, who: int, how: int) -> None:
        """A process is killed; its call happened, happens later, happened in part, or never."""
        fault = (None, None, Fault.LATE, Fault.HALF)[how % 4]
        self._workers[who].die(happens=how % 4 > 0, fault=fault)

    async def die_flushing(self, who: int, how: int) -> None:
        """A process is killed some calls into a flush."""
        await self._flush_half(who, calls=how)
        await self.die(who, how // 3)

    async def cut_short(self, who: int, how: int) -> None:
        """A flush is cancelled some calls after its beginning; what else is under way goes on."""
        await self._flush_half(who, calls=how // 2)
        self._workers[who].cut_short()
        await self._check()
        await self.work(who, how)

    async def die_acknowledging(self, who: int, how: int) -> None:
        """A process is killed between two acknowledgements of its next flush."""
        self._workers[who].dies_acknowledging = how % 3

    async def rebalance(self, who: int, how: int) -> None:
        """The partitions are shared out anew; nobody knows yet. It may have taken very long."""
        if how % 2:
            self._expire()
        self._share_out(how // 2)

    async def take_over(self, who: int, how: int) -> None:
        """A worker gets all partitions, and those who had them do not know it yet."""
        await self.rebalance(who, 8 + how % 2)
        self._shares = [list(self._broker.logs) if one == who else [] for one in self._numbers]
        await self.join(who, how)

    async def tell(self, who: int, how: int) -> None:
        """A worker hears which partitions it has now."""
        self._workers[who].tell(self._shares[who], self._broker.generation, drop_queues=how % 2 > 0)

    async def lose(self, who: int, how: int) -> None:
        """What is fetched is dropped on its way to the fold, and nobody is told."""
        self._workers[who].fetch(which=how, size=1 + how // 4)
        self._workers[who].drop_batches()

    async def away(self, who: int, how: int) -> None:
        """The store is away for a while."""
        self._away = how

    async def land(self, who: int, how: int) -> None:
        """An insert that was given up arrives after all."""
        if self._store.on_their_way:
            self._store.land(how % len(self._store.on_their_way))

    async def oversleep(self, who: int, how: int) -> None:
        """A worker is frozen for so long that others went on and the log forgot what it lacks."""
        other = (who + 1) % len(self._workers)
        await self.take_over(other, how)
        for _ in range(1 + how % 3):
            await self.run_on(other, how)
        self._expire()
        if how > 5:
            await self.take_over(who, 0)
        await self.run_on(who, how)

    async def _flush_half(self, who: int, calls: int) -> None:
        """Begin a flush, and fold something more while it is under way."""
        for moment in range(calls + 1):
            if moment in (0, calls // 2):
                self._workers[who].fetch(which=calls, size=1 + calls % 2)
                self._workers[who].deliver()
                await self._check()
                self._workers[who].flush()
            else:
                self._workers[who].step()
            await self._check()

    def _meanwhile(self, who: int) -> Callable[[], None]:
        def others_go_on() -> None:
            for process in self._workers:
                if process is not self._workers[who]:
                    process.step()

        return others_go_on

    # --- workers -----------------------------------------------------------------------------

    def _new_process(self) -> Process:
        policy = self._scenario.policy
        process = Process(self._loop, self._broker, self._store, policy, self._protocol)
        self.processes.append(process)
        return process

    def _restart(self, who: int) -> None:
        """The supervisor starts a worker anew, and the group takes it back."""
        self._workers[who].die(happens=False)
        self._workers[who] = self._new_process()
        self._workers[who].tell(self._shares[who], self._broker.generation, drop_queues=True)

    def _expire(self) -> None:
        """Retention deletes what nobody of the group needs any more."""
        for tp in self._broker.logs:
            needed = [
                process.pipeline.folds[tp].next_offset
                for process in self._workers
                if process.generation == self._broker.generation and tp in process.pipeline.folds
            ]
            self._broker.delete_before(tp, min(needed, default=self._broker.end[tp]))

    @property
    def _numbers(self) -> range:
        return range(len(self._workers))

    def _share_out(self, how: int) -> None:
        """Share the partitions out: in turn, or all of them to one worker."""
        count = len(self._workers)
        self._shares = [[] for _ in range(count)]
        for index, tp in enumerate(self._broker.logs):
            owner = how if how > 3 else how + index
            self._shares[owner % count].append(tp)
        self._broker.generation += 1

    # --- the end -----------------------------------------------------------------------------

    async def _tell(self, who: int) -> None:
        process = self._workers[who]
        await self._exhaust(process)
        process.tell(self._shares[who], self._broker.generation, drop_queues=True)
        await self._exhaust(process)

    async def _exhaust(self, process: Process) -> None:
        """Let a process do what it can until it waits for nothing."""
        for _ in range(_CALLS):
            await self._check()
            if not process.calls:
                return
            process.step()
        raise Violation("a worker never comes to rest")

    async def _mend(self) -> list[Process]:
        """Kill, freeze and replace workers; the partitions go to those that remain."""
        frozen = []
        for who, process in enumerate(self._workers):
            if who in self._scenario.frozen:
                frozen.append(process)
                self._workers[who] = self._new_process()
            elif who in self._scenario.restarted or process.is_failing or process.is_dead:
                process.die(happens=False)
                self._workers[who] = self._new_process()
        self._share_out(0)
        for who in range(len(self._workers)):
            await self._tell(who)
        return frozen

    async def _consume_everything(self) -> None:
        for _ in range(_ROUNDS):
            for who, process in enumerate(self._workers):
                if process.is_failing or process.is_dead:
                    self._restart(who)
                for which in range(len(self._shares[who])):
                    self._workers[who].fetch(which, 5)
                self._workers[who].deliver()
                await self._exhaust(self._workers[who])
                self._workers[who].flush()
                await self._exhaust(self._workers[who])
            if all(self._broker.committed[tp] == end for tp, end in self._broker.end.items()):
                if any(process.stalls for process in self._workers):
                    raise Violation("a worker counts records as under way that it has folded")
                return
        raise Violation("the logs are never consumed to their ends")

    # --- checks ------------------------------------------------------------------------------

    async def _check(self) -> None:
        """Let everybody come to rest, and see whether anything happened that must not."""
        await self._loop.settle()
        for process in self._workers:
            if not process.is_dead and process.holds_too_much:
                raise Violation("a worker folds on and on while the store is behind")
        for found in (*self._store.violations, *self._broker.violations):
            raise Violation(found)

    def _compare(self, when: str) -> None:
        expected = self._expected
        for table in ENGINES:
            if table in ("checkpoint", "checkpoint_link", "kol_rank"):
                continue
            found = set(self._store.rows[table].values())
            _same(f"{when}: {table}", found, expected.rows.get(table, set()))
        _same(f"{when}: letters sent", self._broker.letters, expected.letters)
        _same(f"{when}: hosts sent", self._broker.totals.hosts, expected.totals.hosts)
        _same(
            f"{when}: totals sent",
            set(self._broker.totals.parts.items()),
            set(expected.totals.parts.items()),
        )
        self._compare_checkpoints(when)

    def _compare_checkpoints(self, when: str) -> None:
        names = ("kafka_topic", "kafka_partition", "next_offset", "watermark_ms", *_COUNTS)
        places = [COLUMNS["checkpoint"].index(name) for name in names]
        rows = self._store.rows["checkpoint"].values()
        found = {tuple(row[place] for place in places) for row in rows}
        wanted = {
            (*tp, one.next_offset, one.watermark_ms, *_counts(one.counts))
            for tp, one in self._expected.checkpoints.items()
        }
        _same(f"{when}: checkpoints", found, wanted)

    async def _compare_restored(self) -> None:
        """A last worker takes every partition over, and knows what it must know."""
        self._workers = [self._new_process()]
        self._share_out(0)
        await self._tell(0)
        folds = self._workers[0].pipeline.folds
        for tp, checkpoint in self._expected.checkpoints.items():
            if tp not in folds:
                raise Violation(f"restored: {tp}: it cannot be")
            found, wanted = map(read_state, (folds[tp].take().checkpoint, checkpoint))
            if found != wanted:
                raise Violation(f"restored: {tp}: {found} instead of {wanted}")
            if folds[tp].remembered != self._expected.remembered[tp]:
                raise Violation(f"restored: {tp}: {folds[tp].remembered} ids remembered")


def _counts(counts: Counts) -> tuple[int, ...]:
    return tuple(getattr(counts, name) for name in _COUNTS)


def _same(what: str, found: set[Any], expected: set[Any]) -> None:
    if found != expected:
        raise Violation(f"{what}: unexpected {found - expected}, missing {expected - found}")
