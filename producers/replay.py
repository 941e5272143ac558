"""A replay: records from a source, through a schedule, to a publisher, with the truth kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from producers.pacing import Schedule
from producers.record import OutRecord, Source
from producers.recount import Counter as TruthCounter
from schemas.truth import Truth

#: Records handed over at once at most: enough for large batches, and for the loop to breathe.
_CHUNK: Final = 4_000

#: A paced replay wakes up this often at most, and sends what has become due.
_TICK_S: Final = 0.01

#: Progress is reported, and a wish to stop is noticed, this often at least.
_REPORT_S: Final = 0.25

#: A cancelled replay waits this long at most for what it has handed over.
_LAST_FLUSH_S: Final = 10.0


class Sink(Protocol):
    """Where records go: :class:`producers.publisher.Publisher`, or a stand-in for it."""

    async def send(self, records: Sequence[OutRecord]) -> None:
        """Hand records over, in order."""
        ...

    async def flush(self) -> None:
        """Wait until everything that was handed over has arrived."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay is.

    Attributes:
        records: handed over so far.
        event_ms: event time reached, epoch milliseconds.
        elapsed_s: wall seconds since the start.
        rate: records per second over the whole replay so far.
        behind_ms: how much too late the last records were.
    """

    records: int
    event_ms: int
    elapsed_s: float
    rate: float
    behind_ms: float


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What was sent.

    Attributes:
        truth: what every total must be, for exactly the records that were sent.
        sent: topic → number of records, copies and garbage included.
        behind_ms: the longest time by which any record was too late; 0 without pacing.
        seconds: wall seconds from the first record to the last acknowledgement.
    """

    truth: Truth
    sent: dict[str, int]
    behind_ms: float
    seconds: float


async def replay(
    source: Source,
    publisher: Sink,
    schedule: Schedule,
    duration_s: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    stop: asyncio.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ReplayResult:
    """Send a show or a recording, and say what was sent.

    Args:
        source: what to send.
        publisher: where to; it must be started.
        schedule: when to send what.
        duration_s: wall seconds after which to stop, see :meth:`Schedule.until_ms`; ``None`` for
            the whole source.
        on_progress: called about four times a second.
        stop: once it is set, the replay ends early with the truth of what was sent by then.
        clock: seconds, monotonic.

    Raises:
        asyncio.CancelledError: it was cancelled; what was handed over has been flushed, or 10 s
            were spent on it.
        Unavailable: the broker did not take a batch.
    """
    run = _Run(source, publisher, schedule, on_progress, stop, clock)
    until_ms = schedule.until_ms(duration_s, source.start_ms, source.default_speed)
    most = schedule.most_records(duration_s)
    try:
        await run.through(islice(source.records(until_ms), most))
        await publisher.flush()
    except asyncio.CancelledError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_FLUSH_S):
                await publisher.flush()
        raise
    return run.result()


class _Run:
    """The state of one replay."""

    def __init__(
        self,
        source: Source,
        publisher: Sink,
        schedule: Schedule,
        on_progress: Callable[[Progress], None] | None,
        stop: asyncio.Event | None,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._schedule = schedule
        self._on_progress = on_progress
        self._stop = stop
        self._clock = clock
        self._began_s = clock()
        self._reported_s = 0.0
        self._counter = TruthCounter()
        self._sent: Counter[str] = Counter()
        self._event_ms = source.start_ms
        self._behind_ms = 0.0

    async def through(self, records: Iterator[OutRecord]) -> None:
        """Send records until there are none left, or until asked to stop."""
        chunk: list[OutRecord] = []
        first_in_chunk = 0
        now_s = self._elapsed_s()
        for position, record in enumerate(records):
            due_s = self._schedule.send_at_s(record.due_ms, position, self._source.start_ms)
            # The clock is read again only when its last reading says that it is too early.
            if due_s > now_s or len(chunk) >= _CHUNK:
                await self._hand_over(chunk, first_in_chunk)
                chunk, first_in_chunk = [], position
                now_s = await self._sleep_until(due_s)
                if self._stop is not None and self._stop.is_set():
                    return
            chunk.append(record)
        await self._hand_over(chunk, first_in_chunk)

    def result(self) -> ReplayResult:
        """What was sent, once it has been flushed."""
        return ReplayResult(
            truth=self._counter.book.truth(
                source=self._source.name,
                seed=self._source.seed,
                scale=self._source.scale,
                start_ms=self._source.start_ms,
                end_ms=self._event_ms,
            ),
            sent=dict(self._sent),
            behind_ms=self._behind_ms,
            seconds=self._elapsed_s(),
        )

    async def _hand_over(self, chunk: list[OutRecord], first: int) -> None:
        if not chunk:
            return
        # Shielded, because half a chunk could not be told from a whole one in the truth.
        handing = asyncio.ensure_future(self._publisher.send(chunk))
        try:
            await asyncio.shield(handing)
        except asyncio.CancelledError:
            await handing
            raise
        for record in chunk:
            self._counter.count(record)
            self._sent[record.topic] += 1
        self._event_ms = max(self._event_ms, chunk[-1].due_ms)
        behind_ms = self._schedule.behind_ms(
            chunk[0].due_ms, first, self._source.start_ms, self._elapsed_s()
        )
        self._behind_ms = max(self._behind_ms, behind_ms)
        self._report(behind_ms)

    async def _sleep_until(self, due_s: float) -> float:
        """Wait until a moment, or until asked to stop; returns the seconds gone by."""
        while (wait_s := due_s - self._elapsed_s()) > 0:
            await asyncio.sleep(min(max(wait_s, _TICK_S), _REPORT_S))
            if self._stop is not None and self._stop.is_set():
                break
            self._report(0.0)
        return self._elapsed_s()

    def _report(self, behind_ms: float) -> None:
        elapsed_s = self._elapsed_s()
        if self._on_progress is None or elapsed_s - self._reported_s < _REPORT_S:
            return
        self._reported_s = elapsed_s
        records = self._counter.book.sent.records
        self._on_progress(
            Progress(records, self._event_ms, elapsed_s, records / elapsed_s, behind_ms)
        )

    def _elapsed_s(self) -> float:
        return self._clock() - self._began_s
