"""What happened during a run, when, and what the store showed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """How long it took after a SIGKILL until the figures of every partition advanced again.

    Attributes:
        killed_at_s: when.
        who: which worker.
        seconds: until each partition with records waiting had a newer checkpoint than right after
            the kill, those of the other workers included; ``None`` if the run ended before.
        alone: nothing else went wrong in that time, and a worker was left to take over.
    """

    killed_at_s: float
    who: str
    seconds: float | None
    alone: bool


@dataclass(slots=True)
class _Waiting:
    killed_at_s: float
    who: str
    others: int
    done: Offsets


@dataclass(slots=True)
class Timeline:
    """Collects happenings, samples and recoveries.

    Args:
        clock: seconds, monotonic.
        tell: called with each happening.
    """

    clock: Callable[[], float] = time.monotonic
    tell: Callable[[Happening], None] = lambda _: None
    happenings: list[Happening] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
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

    def killed(self, at_s: float, who: str, others: int, done: Offsets) -> None:
        """A worker was killed: from ``done``, the checkpoints right after it, all must advance.

        Args:
            at_s: when.
            who: which worker.
            others: how many workers were left.
            done: partition → next offset.
        """
        self._waiting.append(_Waiting(at_s, who, others, dict(done)))

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
                for partition, end in ends.items()
                if end > one.done.get(partition, 0)
            ):
                self._recoveries.append(self._recovery(one, now_s))
            else:
                still.append(one)
        self._waiting = still

    def recoveries(self) -> list[Recovery]:
        """One for each kill, in order of time."""
        unfinished = [Recovery(one.killed_at_s, one.who, None, False) for one in self._waiting]
        return sorted([*self._recoveries, *unfinished], key=lambda one: one.killed_at_s)

    def faults(self) -> Iterator[Happening]:
        """Where faults began."""
        return (one for one in self.happenings if one.fault is not None)

    def _recovery(self, one: _Waiting, now_s: float) -> Recovery:
        began_s = one.killed_at_s - 1.0
        disturbed = sum(began_s <= fault.at_s <= now_s for fault in self.faults()) > 1
        return Recovery(
            one.killed_at_s,
            one.who,
            round(now_s - one.killed_at_s, 2),
            alone=not disturbed and one.others > 0,
        )


def seconds_of(recoveries: Sequence[Recovery], *, alone: bool) -> list[float]:
    """How long recoveries took, in order; of those that nothing disturbed, or of all."""
    return sorted(
        one.seconds for one in recoveries if one.seconds is not None and (one.alone or not alone)
    )
