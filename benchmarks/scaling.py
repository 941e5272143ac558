"""``scaling``: what the shape of a show does to a worker's rate and memory.

Each case is a backlog as in ``end-to-end``, with two differences: the facts about rooms (started,
products listed, the first markers) are folded beforehand and not timed, and the shows have no
drops, so that all of them are equally dense. The cases take turns, so that a busy minute of the
machine does not fall on one of them alone.

``one hour``: a show of an hour of event time at full speed, and the worker's memory on the way.
The dedup memory must be full well before the end, or the worker would still be growing for that:
``LIVESHOP_DEDUP_IDS`` is set in proportion to the records.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from benchmarks.end_to_end import publish_ahead
from benchmarks.festival import Festival
from benchmarks.mill import Made, Mill
from benchmarks.result import Case, Spread
from benchmarks.rig import Rig, Setting, rig
from liveshop.signals import run_interruptibly
from schemas.errors import UsageError
from schemas.topics import ROOMS

_HOUR_S: Final = 3_600.0
_HOUR_ROOMS: Final = 100
_SAMPLE_S: Final = 0.25
#: A partition remembers up to twice ``LIVESHOP_DEDUP_IDS``. With this share of the records for that
#: setting, traffic and likes, 97 % of all records, have filled theirs after a tenth of the show.
_RECORDS_PER_DEDUP_ID: Final = 400
_SPREAD: Final = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """One case.

    Attributes:
        festival: the show.
        workers: how many share its partitions.
        spread: over how many keys each room is spread.
        of: ratio → name of the case whose rate it is held to.
    """

    festival: Festival
    workers: int = 1
    spread: int | None = None
    of: Mapping[str, str] = field(default_factory=dict)


EVEN: Final = "100 rooms"
SHAPES: Final[dict[str, Shape]] = {
    "10 rooms": Shape(Festival(10)),
    EVEN: Shape(Festival(100), of={"of_10_rooms": "10 rooms"}),
    "1,000 rooms": Shape(Festival(1_000), of={"of_10_rooms": "10 rooms"}),
    "10,000 rooms": Shape(Festival(10_000), of={"of_10_rooms": "10 rooms"}),
    "1 product": Shape(Festival(10, products=1), of={"of_20_products": "10 rooms"}),
    "200 products": Shape(Festival(10, products=200), of={"of_20_products": "10 rooms"}),
    "2 workers": Shape(Festival(100), workers=2, of={"of_1_worker": EVEN}),
    "Zipf festival": Shape(Festival(1_000, zipf=1.1), of={"of_even": "1,000 rooms"}),
    "celebrity, one partition": Shape(Festival(100, zipf=4.0), of={"of_even": EVEN}),
    "celebrity, spread": Shape(Festival(100, zipf=4.0), spread=_SPREAD, of={"of_even": EVEN}),
}
HOUR: Final = "one hour"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        shapes: names out of :data:`SHAPES`, and :data:`HOUR`.
        records: of each case, the facts about rooms not counted.
        hour_records: of the one-hour show.
        seed: of all shows.
        partitions: of each topic.
        store: as for :func:`benchmarks.run_store.kind_of`.
        runs: of each case; the hour runs once.
    """

    shapes: tuple[str, ...]
    records: int
    hour_records: int
    seed: int
    partitions: int
    store: str
    runs: int

    def __post_init__(self) -> None:
        """Refuse cases that there are not, or that cannot be.

        Raises:
            UsageError: no such case, or two workers on chDB.
        """
        unknown = [name for name in self.shapes if name not in SHAPES and name != HOUR]
        if unknown:
            raise UsageError(
                f"There is no case {unknown[0]!r}.", f"There are: {'; '.join([*SHAPES, HOUR])}."
            )
        if self.store == "chdb" and any(SHAPES[n].workers > 1 for n in self.shapes if n != HOUR):
            raise UsageError(
                "chDB serves one worker only.", "Use --store clickhouse, or leave that case out."
            )


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one case."""

    records: int
    bytes: int
    seconds: float
    cpu_s: float
    rows: float
    peak_rss_mb: float
    checks: dict[str, int]


def measure(plan: Plan) -> dict[str, Case]:
    """Measure all cases.

    Returns:
        name → case.

    Raises:
        WrongTotals: a figure in the store is not the truth's.
        Unavailable: broker, store or worker failed.
    """
    shapes = {name: SHAPES[name] for name in plan.shapes if name != HOUR}
    runs: dict[str, list[Run]] = {name: [] for name in shapes}
    for number in range(1, plan.runs + 1):
        for name, shape in shapes.items():
            runs[name].append(_run(shape, plan, f"{name} {number}/{plan.runs}"))
    cases = {name: _case(shape, runs[name], runs) for name, shape in shapes.items()}
    if HOUR in plan.shapes:
        cases[HOUR] = _hour(plan)
    return cases


def _case(shape: Shape, own: list[Run], runs: Mapping[str, list[Run]]) -> Case:
    figures = {
        "events_per_s": [run.records / run.seconds for run in own],
        "cpu_us_per_event": [run.cpu_s / run.records * 1e6 for run in own],
        "rows_per_event": [run.rows / run.records for run in own],
        "peak_rss_mb": [run.peak_rss_mb for run in own],
    }
    ratios = {
        ratio: [
            (one.records / one.seconds) / (base.records / base.seconds)
            for one, base in zip(own, runs[to], strict=True)
        ]
        for ratio, to in shape.of.items()
        if to in runs
    }
    return Case(
        events=own[-1].records,
        bytes=own[-1].bytes,
        figures={name: Spread.of(values) for name, values in figures.items()},
        ratios={name: Spread.of(values) for name, values in ratios.items()},
        checks=own[-1].checks,
    )


def _run(shape: Shape, plan: Plan, title: str) -> Run:
    setting = Setting(plan.partitions, plan.store, shape.workers, frozen=plan.records)
    mill = Mill(shape.festival.show(plan.seed), plan.partitions, shape.spread)
    facts, made = _facts_apart(mill, plan.records)
    with rig(setting, title) as parts:
        seconds, cpu_s, rows, peak_mb = run_interruptibly(_through(parts, facts, made))
        checks = parts.prove(mill.truth())
    return Run(made.records, mill.bytes, seconds, cpu_s, rows, peak_mb, checks)


def _facts_apart(mill: Mill, records: int) -> tuple[Made, Made]:
    """The facts about rooms, and at least ``records`` others: with many rooms, facts come first."""
    facts, made = mill.make(records).split(ROOMS.name)
    while made.records < records:
        more_facts, more = mill.make(records - made.records).split(ROOMS.name)
        facts, made = facts + more_facts, made + more
    return facts, made


async def _through(parts: Rig, facts: Made, made: Made) -> tuple[float, float, float, float]:
    await parts.start()
    told = await parts.publish(facts)
    await parts.until_committed(told.ends, facts.records)
    before = await parts.spent()
    parts.freeze()
    try:
        published = await parts.publish(made)
    finally:
        parts.thaw()
    seconds = await parts.until_committed({**told.ends, **published.ends}, made.records)
    spent = await parts.spent()
    rows, rows_before = (one.metrics["liveshop_flushed_rows_total"] for one in (spent, before))
    return seconds, spent.cpu_s - before.cpu_s, rows - rows_before, spent.peak_rss_mb


def _hour(plan: Plan) -> Case:
    festival = Festival(_HOUR_ROOMS, events_per_s=plan.hour_records / _HOUR_S, duration_s=_HOUR_S)
    mill = Mill(festival.show(plan.seed), plan.partitions)
    made = mill.rest()
    env = {"LIVESHOP_DEDUP_IDS": str(max(1_000, made.records // _RECORDS_PER_DEDUP_ID))}
    with rig(Setting(plan.partitions, plan.store, env=env), HOUR) as parts:
        samples, peak_mb = run_interruptibly(_watch_memory(parts, made))
        checks = parts.prove(mill.truth())
    seconds = samples[-1][0]
    quarters = statistics.quantiles(range(len(samples) + 1), n=4)
    early = statistics.median(mb for _, mb in samples[int(quarters[0]) : int(quarters[1])])
    late = statistics.median(mb for _, mb in samples[int(quarters[2]) :])
    figures = {
        "events_per_s": made.records / seconds,
        "times_real_time": _HOUR_S / seconds,
        "peak_rss_mb": peak_mb,
        "rss_second_quarter_mb": early,
        "rss_last_quarter_mb": late,
    }
    return Case(
        events=made.records,
        bytes=mill.bytes,
        figures={name: Spread.of([value]) for name, value in figures.items()},
        ratios={"memory_early_of_late": Spread.of([early / late])},
        checks=checks,
        series={
            "at_s": [round(at_s, 2) for at_s, _ in samples],
            "rss_mb": [round(mb, 1) for _, mb in samples],
        },
    )


async def _watch_memory(parts: Rig, made: Made) -> tuple[list[tuple[float, float]], float]:
    """Seconds and resident memory while the show runs, and the peak."""
    await parts.start()
    samples: list[tuple[float, float]] = []
    began = time.perf_counter()

    async def watch() -> None:
        while True:
            samples.append((time.perf_counter() - began, parts.rss_mb()))
            await asyncio.sleep(_SAMPLE_S)

    watching = asyncio.create_task(watch())
    try:
        ends = await publish_ahead(parts, made)
        await parts.until_committed(ends, made.records)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return samples, (await parts.spent()).peak_rss_mb
