"""``hot-path``: from the bytes of a batch to dirty rows, on one core.

Timed: decode, fold and take, batch by batch, as a worker does it. Not timed: making the records,
cutting them into batches (that is aiokafka's and the transport's work, see ``end-to-end``), and
the check of every row. The baselines, in the same run: ``orjson.loads`` on the same bytes, and the
ClickHouse engine with one thread on the same records (:mod:`benchmarks.engine`).

All three are CPU time of the whole process: on a machine of its own that is the time that passes,
and on a busy one it leaves out what others took.
"""

from __future__ import annotations

import gc
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Final

import orjson

from agents.memory import keep_freed_memory
from benchmarks.engine import Engine
from benchmarks.load import Load, WrongTotals, values_of
from benchmarks.result import Case, Spread
from liveshop.console import meter
from producers.partitioning import partition_of
from producers.record import OutRecord
from schemas.rows import COLUMNS
from schemas.truth import Truth
from streams.batch import Batch, PackedBatch
from streams.catalog import FOLDS
from streams.fold import Counts, PartitionFold, Row, Taken
from streams.windows import WindowPolicy

#: Topics with few records are folded several times over, each time from the beginning.
_SHORTEST_S: Final = 0.2
_SALES: Final = COLUMNS["sales_window"]
_VERSION, _GMV, _ORDERS = (_SALES.index(name) for name in ("version", "gmv_minor", "orders"))
_CURRENCY: Final = _SALES.index("currency")


@dataclass(frozen=True, slots=True)
class Shape:
    """How records reach the folds.

    Attributes:
        partitions: of each topic.
        poll: records in one fetch, over all partitions, cut into one batch for each.
        flush_every: records between two takes; what a worker folds in a flush interval.
    """

    partitions: int
    poll: int
    flush_every: int


def measure(loads: dict[str, Load], shape: Shape, runs: int) -> dict[str, Case]:
    """Measure each load ``runs`` times.

    Raises:
        WrongTotals: the rows of a run are wrong.
    """
    cases = {}
    keep_freed_memory()  # As a worker does.
    gc.collect()
    gc.freeze()
    try:
        with _one_core(), meter("folding", len(loads) * runs) as bar:
            for number, (name, load) in enumerate(loads.items()):
                bar.to(number * runs, name)
                cases[name] = _case(name, load, shape, runs)
    finally:
        gc.unfreeze()
    return cases


def _case(name: str, load: Load, shape: Shape, runs: int) -> Case:
    fetches = list(cut(load.records, shape))
    values = values_of(load.records)
    passes = 1
    while (seconds := _fold(fetches, shape, Audit()) * passes) < _SHORTEST_S:
        passes = max(passes + 1, int(_SHORTEST_S / seconds * passes) + 1)
    ours, theirs, columns = [], [], []
    with Engine(load.records) as engine:
        engine.seconds()  # Untimed, as ours was above: the first time, everything is cold.
        for _ in range(runs):
            theirs.append(sum(_parse(values) for _ in range(passes)) / passes)
            columns.append(engine.seconds() / engine.events)
            audits = [Audit() for _ in range(passes)]
            ours.append(sum(_fold(fetches, shape, audit) for audit in audits) / passes)
            for audit in audits:
                audit.check(name, load.truth)
    return Case(
        events=len(values),
        bytes=load.bytes,
        figures={
            "events_per_s": Spread.of([len(values) / seconds for seconds in ours]),
            "mb_per_s": Spread.of([load.bytes / seconds / 1e6 for seconds in ours]),
            "orjson_events_per_s": Spread.of([len(values) / seconds for seconds in theirs]),
            "clickhouse_events_per_s": Spread.of([1 / seconds for seconds in columns]),
        },
        ratios={
            "of_orjson": Spread.of([b / a for a, b in zip(ours, theirs, strict=True)]),
            "of_clickhouse": Spread.of(
                [b * len(values) / a for a, b in zip(ours, columns, strict=True)]
            ),
        },
        checks=audit.summary(),
    )


def cut(records: Sequence[OutRecord], shape: Shape) -> Iterator[list[PackedBatch]]:
    """Cut records into fetches, and each fetch into one batch per partition, as the transport does."""
    ends: dict[tuple[str, int], int] = defaultdict(int)
    for begin in range(0, len(records), shape.poll):
        runs: dict[tuple[str, int], list[OutRecord]] = defaultdict(list)
        for record in records[begin : begin + shape.poll]:
            runs[record.topic, partition_of(record.key, shape.partitions)].append(record)
        fetch = []
        for (topic, partition), run in runs.items():
            start = ends[topic, partition]
            end = ends[topic, partition] = start + len(run)
            fetch.append(
                Batch(
                    topic=topic,
                    partition=partition,
                    start=start,
                    next_offset=end,
                    offsets=range(start, end),
                    appended_ms=[record.due_ms for record in run],
                    values=values_of(run),
                    keys=[record.key for record in run],
                ).packed()
            )
        yield fetch


def _parse(values: Sequence[bytes]) -> float:
    """CPU seconds that ``orjson.loads`` alone takes; what is no JSON costs it as little as it may."""
    loads = orjson.loads
    began = time.process_time()
    for value in values:
        try:
            loads(value)
        except orjson.JSONDecodeError:
            continue
    return time.process_time() - began


def _fold(fetches: Sequence[list[PackedBatch]], shape: Shape, audit: Audit) -> float:
    """CPU seconds that decode, fold and take need; what is taken goes to the audit, untimed."""
    policy = WindowPolicy()
    folds: dict[tuple[str, int], PartitionFold] = {}
    seconds, waiting = 0.0, 0
    for number, fetch in enumerate(fetches, 1):
        began = time.process_time()
        for batch in fetch:
            place = (batch.topic, batch.partition)
            fold = folds.get(place)
            if fold is None:
                fold = folds[place] = FOLDS[batch.topic](batch.partition, policy)
            fold.fold(batch)
            waiting += len(batch)
        taken: list[Taken] = []
        if waiting >= shape.flush_every or number == len(fetches):
            taken = [fold.take() for fold in folds.values() if fold.is_dirty]
            waiting = 0
        seconds += time.process_time() - began
        for one in taken:
            audit.add(one)
    return seconds


@dataclass(slots=True)
class Audit:
    """Reads rows as the store would, and compares them with the truth."""

    rows: int = 0
    _sales: dict[Row, Row] = field(default_factory=dict)
    _counts: dict[tuple[str, int], Counts] = field(default_factory=dict)

    def add(self, taken: Taken) -> None:
        """Note what a take handed over."""
        self.rows += sum(map(len, taken.rows.values()))
        for row in taken.rows.get("sales_window", ()):
            self._sales[row[:_VERSION]] = row
        self._counts[taken.checkpoint.topic, taken.checkpoint.partition] = taken.checkpoint.counts

    def check(self, name: str, truth: Truth) -> None:
        """Compare.

        Raises:
            WrongTotals: a figure is wrong.
        """
        counts, sent = self._total(), truth.sent
        money = {
            currency: (total.gmv_minor, total.orders) for currency, total in truth.total.items()
        }
        for what, found, expected in (
            ("consumed", counts.consumed, sent.records),
            ("folded", counts.folded, sent.events),
            ("duplicates", counts.duplicates, sent.duplicates),
            ("dead-lettered", counts.dead_lettered, sent.unreadable),
            ("GMV and orders", self._money(), money),
        ):
            if found != expected:
                raise WrongTotals(f"{name}: {what} is {found}, and must be {expected}")

    def summary(self) -> dict[str, int]:
        """What was compared, and the number of rows that were taken."""
        counts, money = self._total(), self._money().values()
        return {
            "consumed": counts.consumed,
            "folded": counts.folded,
            "duplicates": counts.duplicates,
            "dead_lettered": counts.dead_lettered,
            "orders": sum(orders for _, orders in money),
            "rows": self.rows,
        }

    def _total(self) -> Counts:
        return Counts(
            *(
                sum(getattr(counts, each.name) for counts in self._counts.values())
                for each in fields(Counts)
            )
        )

    def _money(self) -> dict[str, tuple[int, int]]:
        sums: dict[str, tuple[int, int]] = {}
        for row in self._sales.values():
            currency = str(row[_CURRENCY])
            gmv, orders = sums.get(currency, (0, 0))
            sums[currency] = (gmv + int(row[_GMV]), orders + int(row[_ORDERS]))
        return sums


@contextmanager
def _one_core() -> Iterator[None]:
    """Stay on the last core: the first one serves most interrupts."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
