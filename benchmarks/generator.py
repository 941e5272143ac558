"""``generator``: what producers can do on one core, held to what a worker takes.

Each step on its own, on records of the same show:

- ``make``: drawing the show and writing it as JSON, record by record;
- ``count``: adding up the truth beside it;
- ``encode``: Kafka's record batches out of finished records;
- ``publish records``: handing records over one by one, as ``liveshop replay`` does;
- ``publish batches``: handing over batches that were encoded beforehand, as the benchmarks do.

Then one worker folds what was published, as in ``end-to-end``, and the totals are compared. The
ratio ``of_end_to_end`` divides records per second of the producer's CPU time by what the worker
stores per second, in the same run: what one core can offer, and what one worker takes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from benchmarks.load import LoadSpec
from benchmarks.mill import CHUNK, Made, Mill, mill_of, no_garbage_collection
from benchmarks.result import Case, Spread
from benchmarks.rig import Rig, Setting, rig
from liveshop.console import meter
from liveshop.signals import run_interruptibly
from producers.encoding import Encoder
from producers.generator import Show
from producers.profile_files import load_profile
from producers.publisher import Publisher
from producers.record import OutRecord
from producers.recount import Counter

_STEPS: Final = ("make", "count", "encode", "publish records", "publish batches")


@dataclass(slots=True)
class Step:
    """What one step took, run by run.

    Attributes:
        publishes: whether it is held to what a worker takes.
        seconds: wall time.
        cpu_s: CPU time of this process.
    """

    publishes: bool
    seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time a block."""
        began, cpu_s = time.perf_counter(), time.process_time()
        yield
        self.seconds.append(time.perf_counter() - began)
        self.cpu_s.append(time.process_time() - cpu_s)


def measure(spec: LoadSpec, setting: Setting, runs: int) -> dict[str, Case]:
    """Measure all steps ``runs`` times.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
        Unavailable: broker, store or worker failed.
        UsageError: there is no such profile, or its show is too short.
    """
    steps = {name: Step(publishes="publish" in name) for name in _STEPS}
    end_to_end: list[float] = []
    setting = replace(setting, frozen=spec.records)
    mill = mill_of(spec, setting.partitions)
    made = mill.make(spec.records)
    checks: dict[str, int] = {}
    for number in range(1, runs + 1):
        title = f"run {number}/{runs}"
        with meter(f"{title}: one core", None), no_garbage_collection():
            records = _on_one_core(spec, setting.partitions, steps)
        with rig(setting, f"{title}: by records") as parts:
            run_interruptibly(_publish_records(parts, records, steps["publish records"]))
        del records
        with rig(setting, f"{title}: by batches") as parts:
            end_to_end.append(run_interruptibly(_publish_batches(parts, made, steps)))
            checks = parts.prove(mill.truth())
    return {
        name: _case(spec.records, mill, step, end_to_end, checks) for name, step in steps.items()
    }


def _case(
    records: int, mill: Mill, step: Step, end_to_end: list[float], checks: dict[str, int]
) -> Case:
    per_core = [records / cpu_s for cpu_s in step.cpu_s]
    figures = {
        "events_per_s": Spread.of([records / seconds for seconds in step.seconds]),
        "events_per_core_s": Spread.of(per_core),
    }
    ratios = {}
    if step.publishes:
        worker = [records / seconds for seconds in end_to_end]
        figures["end_to_end_events_per_s"] = Spread.of(worker)
        ratios["of_end_to_end"] = Spread.of([a / b for a, b in zip(per_core, worker, strict=True)])
    return Case(events=records, bytes=mill.bytes, figures=figures, ratios=ratios, checks=checks)


def _on_one_core(spec: LoadSpec, partitions: int, steps: dict[str, Step]) -> list[OutRecord]:
    """Make, count and encode the records; returns them."""
    show = Show(load_profile(spec.profile), seed=spec.seed, scale=spec.scale)
    with steps["make"].timed():
        records = list(islice(show.records(), spec.records))
    counter = Counter()
    with steps["count"].timed():
        for record in records:
            counter.count(record)
    encoder = Encoder(partitions)
    with steps["encode"].timed():
        for begin in range(0, len(records), CHUNK):
            encoder.add(records[begin : begin + CHUNK])
            encoder.take()
    return records


async def _publish_records(parts: Rig, records: list[OutRecord], step: Step) -> None:
    await parts.prepare()
    async with Publisher(parts.brokers) as publisher:
        with step.timed():
            for begin in range(0, len(records), CHUNK):
                await publisher.send(records[begin : begin + CHUNK])
            await publisher.flush()


async def _publish_batches(parts: Rig, made: Made, steps: dict[str, Step]) -> float:
    """Publish with the worker frozen, then let it fold; returns what that took."""
    await parts.start()
    parts.freeze()
    try:
        published = await parts.publish(made)
    finally:
        parts.thaw()
    steps["publish batches"].seconds.append(published.seconds)
    steps["publish batches"].cpu_s.append(published.cpu_s)
    return await parts.until_committed(published.ends, made.records)
