"""What happened during a run, when, and what the store showed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from liveshop.chaos.plan import Kind

#: Partition, as "topic/number" → an offset.
Offsets = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    Attributes:
        at_s: seconds since the start of the show.
        what: in a few words.
        who: the process that it happened to.
        fault: the kind, where it is the beginning of a fault.
    """

    at_s: float
    what: str
    who: str
    fault: Kind | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The state of a run at a moment. What the store says is that of the last time it answered.

    Attributes:
        at_s: seconds since the start of the show.
        records: handed to Kafka and acknowledged by it.
        lag: of those, the ones that no checkpoint holds yet.
        sent_minor: GMV handed over, in the headline currency.
        stored_minor: GMV in the store, in the same currency.
        workers: processes that run and are not frozen.
        store_answers: whether the store answered.
    """

    at_s: float
    records: int
    lag: int
    sent_minor: int
    stored_minor: int
    workers: int
    store_answers: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took after a SIGKILL until the figures of the worker's partitions advanced again.

    Attributes:
        killed_at_s: when.
        who: which worker.
        partitions: how many it held; without any there is nothing to recover.
        seconds: until each of them with records waiting had a newer checkpoint than right after
            the kill; ``None`` if the run ended before, or it held none.
        undisturbed_s: of those, the seconds in which no :class:`Outage` stood in the way.
        alone: no other fault happened in that time or the second before, and a worker was left to
            take over.
    """

    killed_at_s: float
    who: str
    partitions: int
    seconds: float | None
    undisturbed_s: float | None
    alone: bool


@dataclass(slots=True)
class Outage:
    """A time in which nobody could have recovered from anything.

    Attributes:
        who: broker or store that was away, or a worker that was killed or frozen: for a session
            timeout its group waits for it.
        began_s: since when.
        ended_s: until when; ``None`` while it lasts.
    """

    who: str
    began_s: float
    ended_s: float | None = None


@dataclass(slots=True)
class _Waiting:
    killed_at_s: float
    who: str
    others: int
    held: Collection[str]
    done: Offsets


@dataclass(slots=True)
class Timeline:
    """Collects happenings, outages, samples and recoveries.

    Args:
        clock: seconds, monotonic.
        tell: called with each happening.
    """

    clock: Callable[[], float] = time.monotonic
    tell: Callable[[Happening], None] = lambda _: None
    happenings: list[Happening] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    _recoveries: list[Recovery] = field(default_factory=list)
    _waiting: list[_Waiting] = field(default_factory=list)
    _began: float = 0.0

    def begin(self) -> None:
        """The show begins now."""
        self._began = self.clock()

    def now_s(self) -> float:
        """Seconds since the start of the show."""
        return round(self.clock() - self._began, 2)

    def note(self, what: str, who: str, fault: Kind | None = None) -> None:
        """Something happened now."""
        happening = Happening(self.now_s(), what, who, fault)
        self.happenings.append(happening)
        self.tell(happening)

    @contextmanager
    def away(self, who: str) -> Iterator[None]:
        """Broker or store is away for as long as this lasts."""
        outage = Outage(who, self.now_s())
        self.outages.append(outage)
        try:
            yield
        finally:
            outage.ended_s = self.now_s()

    def lost(self, who: str, at_s: float, session_timeout_s: float) -> None:
        """A member of the group fell silent: the others wait for it until its session is over."""
        self.outages.append(Outage(who, at_s, at_s + session_timeout_s))

    def killed(
        self, at_s: float, who: str, others: int, held: Collection[str], done: Offsets
    ) -> None:
        """A worker was killed: from ``done``, the checkpoints right after it, its own must advance.

        Args:
            at_s: when.
            who: which worker.
            others: how many workers were left.
            held: the partitions that it held.
            done: partition → next offset.
        """
        if held:
            self._waiting.append(_Waiting(at_s, who, others, held, dict(done)))
        else:
            self._recoveries.append(Recovery(at_s, who, 0, None, None, alone=False))

    def advanced(self, done: Offsets, ends: Offsets) -> None:
        """Look at which kills are recovered from.

        Args:
            done: partition → next offset of its newest checkpoint.
            ends: partition → end of its log.
        """
        now_s = self.now_s()
        still: list[_Waiting] = []
        for one in self._waiting:
            if all(
                done.get(partition, 0) > one.done.get(partition, 0)
                for partition in one.held
                if ends.get(partition, 0) > one.done.get(partition, 0)
            ):
                self._recoveries.append(self._recovery(one, now_s))
            else:
                still.append(one)
        self._waiting = still

    def recoveries(self) -> list[Recovery]:
        """One for each kill, in order of time."""
        unfinished = [
            Recovery(one.killed_at_s, one.who, len(one.held), None, None, alone=False)
            for one in self._waiting
        ]
        return sorted([*self._recoveries, *unfinished], key=lambda one: one.killed_at_s)

    def faults(self) -> Iterator[Happening]:
        """Where faults began."""
        return (one for one in self.happenings if one.fault is not None)

    def _recovery(self, one: _Waiting, now_s: float) -> Recovery:
        began_s = one.killed_at_s - 1.0
        disturbed = sum(began_s <= fault.at_s <= now_s for fault in self.faults()) > 1
        seconds = now_s - one.killed_at_s
        return Recovery(
            one.killed_at_s,
            one.who,
            len(one.held),
            round(seconds, 2),
            round(seconds - self._hindered_s(one, now_s), 2),
            alone=not disturbed and one.others > 0,
        )

    def _hindered_s(self, one: _Waiting, now_s: float) -> float:
        """Seconds since a kill in which there was an outage, its own apart."""
        total_s, until_s = 0.0, one.killed_at_s
        for outage in sorted(self.outages, key=lambda outage: outage.began_s):
            if (outage.who, outage.began_s) == (one.who, one.killed_at_s):
                continue
            began_s = max(outage.began_s, until_s)
            ended_s = now_s if outage.ended_s is None else min(outage.ended_s, now_s)
            if ended_s > began_s:
                total_s += ended_s - began_s
                until_s = ended_s
        return total_s
