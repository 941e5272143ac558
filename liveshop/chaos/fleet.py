"""Workers under a supervisor that starts every one again, however often it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Final

from liveshop.chaos.timeline import Timeline
from liveshop.embedded.process import free_port
from liveshop.embedded.workers import WorkerProcess, last_words
from schemas.errors import Unavailable

_LOOK_S: Final = 0.1
#: How often they are asked what they hold.
_WATCH_S: Final = 0.5
#: A worker that ended by itself is left in peace for so long.
_PAUSE_S: Final = 1.0
_GRACE_S: Final = 60.0
_SETTLE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Exit:
    """A worker that ended although nobody had asked it to.

    Attributes:
        at_s: seconds since the start of the show.
        who: which worker.
        code: its exit code.
        words: what it said last.
    """

    at_s: float
    who: str
    code: int
    words: str


@dataclass(slots=True, eq=False)
class Member:
    """One place in the fleet, whoever fills it now."""

    process: WorkerProcess
    frozen: bool = False
    leaving: bool = False
    due_s: float | None = None
    #: The partitions that it folded when it was last looked at; ``None`` before it ever answered.
    held: tuple[str, ...] | None = None
    #: Kills and ends by itself, after which it was started again.
    restarts: int = field(default=0)

    @property
    def name(self) -> str:
        """Of the place."""
        return self.process.name

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process.child.exit_code is None

    @property
    def works(self) -> bool:
        """Whether it is there, and neither frozen nor about to leave."""
        return self.runs and not self.frozen and not self.leaving


class Fleet:
    """The workers of a run. Use it from one thread, which starts them.

    Args:
        directory: for their logs.
        env: their ``LIVESHOP_*`` settings.
        timeline: where it is noted what becomes of them.
    """

    def __init__(self, directory: Path, env: Mapping[str, str], timeline: Timeline) -> None:
        self.members: list[Member] = []
        #: Ends that nobody asked for.
        self.exits: list[Exit] = []
        self._directory = directory
        self._env = dict(env)
        self._timeline = timeline
        self._started = 0

    def add(self) -> Member:
        """Start one more worker."""
        self._started += 1
        member = Member(self._start(f"worker-{self._started}", free_port()))
        self.members.append(member)
        return member

    @property
    def working(self) -> list[Member]:
        """Those that run and are not frozen."""
        return [member for member in self.members if member.works]

    async def choose(self, pick: int) -> Member:
        """One that works; waits until there is any."""
        while not (working := self.working):  # noqa: ASYNC110 - a process that runs is no event
            await asyncio.sleep(_LOOK_S)
        return working[pick % len(working)]

    def kill(self, member: Member, away_s: float) -> None:
        """SIGKILL it; the supervisor starts it again after ``away_s``."""
        member.due_s = self._timeline.now_s() + away_s
        member.process.kill()

    def freeze(self, member: Member) -> None:
        """Let it stand still, with everything it was about to do."""
        member.frozen = True
        member.process.child.send(Signals.SIGSTOP)

    def thaw(self, member: Member) -> None:
        """Let it go on where it stood."""
        member.process.child.send(Signals.SIGCONT)
        member.frozen = False

    async def settle(self) -> None:
        """Wait until every one of them folds partitions again.

        Raises:
            Unavailable: one does not, in two minutes.
        """
        try:
            async with asyncio.timeout(_SETTLE_S):
                for member in self.members:
                    while not await member.process.partitions():  # noqa: ASYNC110 - as above
                        await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise Unavailable(
                f"The {member.name} has no partitions {_SETTLE_S:.0f} s after the last fault.",
                f"Its log is {member.process.child.log}.",
            ) from None

    async def dismiss(self, member: Member) -> int:
        """Let one leave in good order while the show goes on; returns its exit code."""
        member.leaving = True
        code = await asyncio.to_thread(member.process.child.stop, _GRACE_S, Signals.SIGTERM)
        self.members.remove(member)
        return code

    async def supervise(self) -> None:
        """Start again whoever is not there, until cancelled."""
        while True:
            for member in self.members:
                if not member.runs and not member.leaving:
                    self._look_after(member)
            await asyncio.sleep(_LOOK_S)

    async def watch(self) -> None:
        """Look at who folds what, until cancelled.

        Apart from the faults: a worker that is asked right before it is killed would never be
        killed while it is too busy to answer.
        """
        while True:
            await asyncio.gather(*(self._look_at(member) for member in self.working))
            await asyncio.sleep(_WATCH_S)

    async def _look_at(self, member: Member) -> None:
        process = member.process
        held = await process.held()
        if held is not None and process is member.process:
            member.held = held

    def _look_after(self, member: Member) -> None:
        now_s = self._timeline.now_s()
        if member.due_s is None:
            code = member.process.child.exit_code or 0
            tail = member.process.child.tail(40)
            words = last_words(tail)[0] or tail.rpartition("\n")[2]
            self.exits.append(Exit(now_s, member.name, code, words))
            self._timeline.note("ended by itself", member.name)
            member.due_s = now_s + _PAUSE_S
        elif now_s >= member.due_s:
            member.due_s = None
            member.restarts += 1
            member.held = None
            member.process = self._start(member.name, member.process.port)
            self._timeline.note("started again", member.name)

    def stop(self, grace_s: float = _GRACE_S) -> list[int]:
        """Let all flush and leave, for the show is over; returns their exit codes."""
        members, self.members = self.members, []
        for member in members:
            self.thaw(member)
        # At once, for a second signal would cut a farewell short.
        with ThreadPoolExecutor(max_workers=max(1, len(members))) as pool:
            return list(pool.map(lambda member: member.process.stop(grace_s), members))

    def _start(self, name: str, port: int) -> WorkerProcess:
        return WorkerProcess(name, self._directory, port, self._env)
