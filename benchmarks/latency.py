"""``latency``: from a record's due moment to a query of the store that sees it, in an open loop.

For each flush interval one broker, one ClickHouse server and one worker:

1. the maximum rate is measured as ``end-to-end`` does while it publishes;
2. at a share of that rate, a slice of records is due every 20 ms, whatever the system does. Nothing
   ever moves the schedule, so a slice that was sent late counts from the moment at which it should
   have been sent: there is no coordinated omission;
3. meanwhile another connection asks the store, over and over, how far each partition's checkpoint
   is and which is the newest order in the ledger. A checkpoint is written after the rows of its
   records, so a record below it can be read;
4. when everything has been seen, the next share; at the end every figure is compared with the
   truth.

The first two seconds at each share are not counted. A record counts from its slice's due moment to
the end of the first query that shows it, the query's own time included.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Final

from hdrh.histogram import HdrHistogram

from agents.stores import open_store
from benchmarks.end_to_end import publish_ahead
from benchmarks.load import LoadSpec
from benchmarks.mill import Made, Mill, mill_of, no_garbage_collection
from benchmarks.result import Case, Spread
from benchmarks.rig import Rig, Setting, rig
from benchmarks.run_store import CLICKHOUSE
from liveshop.console import meter
from liveshop.signals import run_interruptibly
from producers.publisher import Publisher
from schemas.errors import Unavailable
from schemas.topics import PURCHASES

_SLICE_S: Final = 0.02
_WARM_UP_S: Final = 2.0
#: Between two questions to the store: they take time of the cores that the worker and the store work
#: on, and a pause makes a latency longer at most by itself.
_PAUSE_S: Final = 0.03
#: Without any progress for this long after the last record, a run is given up.
_STALLED_S: Final = 60.0
_PERCENTILES: Final = {"p50": 50.0, "p99": 99.0, "p99_9": 99.9}

#: How far each partition's rows can be read: by checkpoints, and by the orders in the ledger.
_VISIBLE: Final = (
    "SELECT kafka_topic, kafka_partition, max(next_offset) AS below FROM checkpoint"
    " GROUP BY kafka_topic, kafka_partition"
    " UNION ALL"
    " SELECT 'ledger' AS kafka_topic, kafka_partition, max(kafka_offset) + 1 AS below FROM ledger"
    " GROUP BY kafka_partition SETTINGS max_threads = 1"
)
_LEDGER: Final = "ledger"

_Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        spec: the show; its number of records is for measuring the maximum.
        partitions: of each topic.
        intervals_ms: flush intervals.
        shares: of the maximum rate.
        seconds: for how long each share is sent; the first two are not counted.
    """

    spec: LoadSpec
    partitions: int
    intervals_ms: Sequence[int]
    shares: Sequence[float]
    seconds: float


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of one partition that are due together.

    Attributes:
        due_s: on the clock of the run.
        below: offset after the last of them.
        records: how many.
    """

    due_s: float
    below: int
    records: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one query showed: every record below these offsets could be read at ``at_s``."""

    at_s: float
    below: Mapping[_Place, int]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one share of the maximum rate showed.

    Attributes:
        rate: records/s.
        behind_ms: the longest time by which the sender was too late.
        looks: how many queries were answered.
        all_records: due to visible, µs, by the checkpoints.
        orders: the same for the ledger's rows alone.
    """

    rate: float
    behind_ms: float
    looks: int
    all_records: HdrHistogram
    orders: HdrHistogram


def measure(plan: Plan) -> dict[str, Case]:
    """Measure every share at every interval.

    Returns:
        ``"1000 ms, 50 %"`` → case.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
        Unavailable: broker, store or worker failed, or records do not become visible.
        UsageError: the show has too few records.
    """
    cases: dict[str, Case] = {}
    for interval_ms in plan.intervals_ms:
        cases |= _at(interval_ms, plan)
    return cases


def _at(interval_ms: int, plan: Plan) -> dict[str, Case]:
    mill = mill_of(plan.spec, plan.partitions)
    env = {"LIVESHOP_FLUSH_INTERVAL_MS": str(interval_ms)}
    setting = Setting(plan.partitions, CLICKHOUSE, env=env)
    with rig(setting, f"{interval_ms} ms") as parts:
        maximum, stages = run_interruptibly(_through(parts, mill, plan))
        checks = parts.prove(mill.truth())
    return {
        f"{interval_ms} ms, {share:.0%}": _case(interval_ms, maximum, stage, checks)
        for share, stage in zip(plan.shares, stages, strict=True)
    }


def _case(interval_ms: int, maximum: float, stage: Stage, checks: dict[str, int]) -> Case:
    figures = {
        "max_events_per_s": maximum,
        "events_per_s": stage.rate,
        "sender_behind_ms": stage.behind_ms,
        "looks": stage.looks,
    }
    for prefix, histogram in (("", stage.all_records), ("order_", stage.orders)):
        for name, percentile in _PERCENTILES.items():
            figures[f"{prefix}{name}_ms"] = histogram.get_value_at_percentile(percentile) / 1_000
        figures[f"{prefix}max_ms"] = histogram.get_max_value() / 1_000
    return Case(
        events=stage.all_records.get_total_count(),
        bytes=0,
        figures={name: Spread.of([value]) for name, value in figures.items()},
        ratios={"interval_of_p99": Spread.of([interval_ms / figures["p99_ms"]])},
        checks=checks,
    )


async def _through(parts: Rig, mill: Mill, plan: Plan) -> tuple[float, list[Stage]]:
    await parts.start()
    made = mill.make(plan.spec.records)
    began = time.perf_counter()
    ends = await publish_ahead(parts, made)
    await parts.until_committed(ends, made.records)
    maximum = made.records / (time.perf_counter() - began)
    del made
    stages = []
    for share in plan.shares:
        rate = maximum * share
        made = mill.make(round(rate * plan.seconds), max(1, round(rate * _SLICE_S)))
        ends, stage = await _stage(parts, made, rate, ends, f"{parts.title}, {share:.0%}")
        stages.append(stage)
    return maximum, stages


async def _stage(
    parts: Rig, made: Made, rate: float, ends: Mapping[_Place, int], title: str
) -> tuple[Mapping[_Place, int], Stage]:
    with no_garbage_collection(), Watcher(parts.stack.store) as watcher:
        began_s = time.perf_counter()
        slices, behind_s = await _send(parts, made, rate, ends, title)
        reached = {place: due[-1].below for place, due in slices.items()}
        await _until(watcher, reached, parts)
    counted = {
        place: [one for one in due if one.due_s >= began_s + _WARM_UP_S]
        for place, due in slices.items()
    }
    orders = {
        (_LEDGER, partition): due
        for (topic, partition), due in counted.items()
        if topic == PURCHASES.name
    }
    stage = Stage(
        rate=rate,
        behind_ms=behind_s * 1_000,
        looks=len(watcher.looks),
        all_records=latencies(counted, watcher.looks),
        orders=latencies(orders, watcher.looks),
    )
    return {**ends, **reached}, stage


async def _send(
    parts: Rig, made: Made, rate: float, ends: Mapping[_Place, int], title: str
) -> tuple[dict[_Place, list[Slice]], float]:
    """Send each chunk when it is due; returns what was due when, and the longest delay."""
    slices: defaultdict[_Place, list[Slice]] = defaultdict(list)
    below = defaultdict(int, ends)
    behind_s, sent = 0.0, 0
    async with Publisher(parts.brokers) as publisher:
        began = time.perf_counter()
        with meter(title, made.records, counts=True) as bar:
            for chunk in made.chunks:
                sent += chunk.records
                due_s = began + sent / rate
                for batch in chunk.batches:
                    place = batch.topic, batch.partition
                    below[place] += batch.records
                    slices[place].append(Slice(due_s, below[place], batch.records))
                if (wait_s := due_s - time.perf_counter()) > 0:
                    await asyncio.sleep(wait_s)
                await publisher.send_encoded(chunk.batches)
                behind_s = max(behind_s, time.perf_counter() - due_s)
                bar.to(sent)
            await publisher.flush()
        if any(end != below[place] for place, end in publisher.ends.items()):
            raise Unavailable("The broker has other records than were sent: one came twice.")
    return slices, behind_s


async def _until(watcher: Watcher, reached: Mapping[_Place, int], parts: Rig) -> None:
    best, moved_at = -1, time.perf_counter()
    while left := watcher.unseen(reached):
        parts.check()
        watcher.check()
        now = time.perf_counter()
        if best < 0 or left < best:
            best, moved_at = left, now
        elif now - moved_at > _STALLED_S:
            raise Unavailable(f"{left} records do not become visible, for {_STALLED_S:.0f} s now.")
        await asyncio.sleep(0.1)


def latencies(due: Mapping[_Place, Sequence[Slice]], looks: Sequence[Look]) -> HdrHistogram:
    """Due to visible, µs; a slice counts when a look shows all of it.

    Args:
        due: the slices of each partition, in the order of their offsets.
        looks: in the order of time. A slice that none of them shows is not counted.
    """
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for place, slices in due.items():
        waiting = iter(slices)
        one = next(waiting, None)
        for look in looks:
            below = look.below.get(place, 0)
            while one is not None and one.below <= below:
                latency_us = round((look.at_s - one.due_s) * 1e6)
                histogram.record_value(max(1, latency_us), one.records)
                one = next(waiting, None)
    return histogram


class Watcher:
    """Asks the store over and over, in a thread of its own, while the block runs.

    Args:
        store: its address.

    Attributes:
        looks: what it was told, whenever that was something new.
    """

    def __init__(self, store: str) -> None:
        self.looks: list[Look] = []
        self._store = open_store(store)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="watcher")
        self._enough = Event()
        self._watching: Future[None] | None = None

    def __enter__(self) -> Watcher:
        self._watching = self._thread.submit(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.shutdown()
        self._store.close()

    def check(self) -> None:
        """Raise what ended the watching.

        Raises:
            Exception: the store failed.
        """
        if self._watching is not None and self._watching.done():
            self._watching.result()

    def unseen(self, below: Mapping[_Place, int]) -> int:
        """How many records below these offsets could not be read at the last look."""
        seen: Mapping[_Place, int] = self.looks[-1].below if self.looks else {}
        return sum(max(0, end - seen.get(place, 0)) for place, end in below.items())

    def _watch(self) -> None:
        while not self._enough.wait(_PAUSE_S):
            rows = self._store.query(_VISIBLE)
            at_s = time.perf_counter()
            below = {
                (str(row["kafka_topic"]), int(row["kafka_partition"])): int(row["below"])
                for row in rows
            }
            if not self.looks or below != self.looks[-1].below:
                self.looks.append(Look(at_s, below))
