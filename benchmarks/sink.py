"""``sink``: rows per second into both stores, by batch size.

Rows like a worker's, columns of integers and of coded texts, go into an empty store, one insert after
the other; making them is not timed. What a small batch loses against a large one is the cost of an
insert: the fewer flushes, the better. Every table is read back: the number of rows and the sum of a
column must be what was inserted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from agents.stores import open_store
from benchmarks.load import WrongTotals
from benchmarks.result import Case, Spread
from benchmarks.run_store import kind_of, store_of_run
from benchmarks.scratch import scratch
from liveshop.console import meter
from schemas.rows import ACTIVITY_VALUES, COLUMNS
from schemas.store import Store
from streams.columns import Block, Coded, Column, Names

#: As many inserts at most, so that small batches do not wait for ClickHouse to merge parts.
_INSERTS: Final = 100
_WINDOW_S: Final = 10
#: 2026-06-18T02:00:00Z, as in the shows.
_START_S: Final = 1_781_748_000
_ROOMS: Final = 100
_TEXTS: Final = ("feed", "follow", "search", "")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        stores: as for :func:`benchmarks.run_store.kind_of`.
        sizes: rows per insert.
        rows: per run, or fewer where that would be more than 100 inserts.
        runs: of each size, each in a store of its own.
    """

    stores: Sequence[str]
    sizes: Sequence[int]
    rows: int
    runs: int


def measure(plan: Plan) -> dict[str, Case]:
    """Measure both tables in all stores with all sizes.

    Returns:
        ``"chdb, activity_window, 10,000 rows"`` → case.

    Raises:
        WrongTotals: other rows were read back than were inserted.
        Unavailable: there is no store.
    """
    seconds: dict[tuple[str, str, int], list[float]] = {}
    with meter("inserting", len(plan.stores) * len(plan.sizes) * len(_TABLES) * plan.runs) as bar:
        done = 0
        for store in plan.stores:
            for _ in range(plan.runs):
                for size in plan.sizes:
                    for table in _TABLES:
                        key = (kind_of(store), table, size)
                        bar.to(done := done + 1, f"{key[0]}, {table}, {size:,} rows")
                        seconds.setdefault(key, []).append(_run(store, table, size, plan.rows))
    return {
        f"{kind}, {table}, {size:,} rows": _case(table, size, plan, kind, seconds)
        for kind, table, size in seconds
    }


def _case(
    table: str,
    size: int,
    plan: Plan,
    kind: str,
    seconds: Mapping[tuple[str, str, int], list[float]],
) -> Case:
    rows, largest = _rows_of(size, plan.rows), max(plan.sizes)
    rates = [rows / took for took in seconds[kind, table, size]]
    best = [_rows_of(largest, plan.rows) / took for took in seconds[kind, table, largest]]
    return Case(
        events=rows,
        bytes=0,
        figures={
            "rows_per_s": Spread.of(rates),
            "ms_per_insert": Spread.of([1_000 * size / rate for rate in rates]),
        },
        ratios=(
            {"of_largest": Spread.of([a / b for a, b in zip(rates, best, strict=True)])}
            if size != largest
            else {}
        ),
        checks={"rows_read_back": rows},
    )


def _rows_of(size: int, rows: int) -> int:
    return size * max(1, min(_INSERTS, rows // size))


def _run(store: str, table: str, size: int, wanted: int) -> float:
    total = _rows_of(size, wanted)
    rows = _block(table, total)
    batches = [
        dict(zip(COLUMNS[table], rows.select(part).columns, strict=True))
        for part in np.split(np.arange(total), range(size, total, size))
    ]
    with (
        scratch("liveshop-bench-") as directory,
        store_of_run(store, directory) as address,
    ):
        opened = open_store(address)
        try:
            opened.ensure_schema()
            began = time.perf_counter()
            for batch in batches:
                opened.insert(table, batch)
            took = time.perf_counter() - began
            _check(opened, table, rows)
        finally:
            opened.close()
    return took


def _check(store: Store, table: str, rows: Block) -> None:
    found = store.query(f"SELECT count() AS rows, sum(version) AS sum FROM {table} FINAL")[0]  # noqa: S608
    versions = rows.columns[COLUMNS[table].index("version")]
    expected = {"rows": len(rows), "sum": sum(versions.tolist())}
    if {name: int(found[name]) for name in expected} != expected:
        raise WrongTotals(f"{table} holds {found}, and must hold {expected}")


def _block(table: str, rows: int) -> Block:
    columns = _TABLES[table](rows)
    return Block(tuple(map(_column, (columns[name] for name in COLUMNS[table]))))


def _column(values: Any) -> Column:
    """Texts by number, as they come out of a fold; integers as they are."""
    if isinstance(values, np.ndarray):
        return values
    codes = {text: code for code, text in enumerate(dict.fromkeys(values))}
    return Coded(np.array([codes[text] for text in values], dtype=np.int64), Names.of(list(codes)))


def _activity(rows: int) -> dict[str, Any]:
    number = np.arange(rows, dtype=np.int64)
    return {
        "room_id": [f"room-{n % _ROOMS:05d}" for n in range(rows)],
        "source": [_TEXTS[n % len(_TEXTS)] for n in range(rows)],
        "mode": ["live"] * rows,
        "window_start": _START_S + number // _ROOMS * _WINDOW_S % 86_400,
        "late_slice": number // (_ROOMS * 8_640),
        "kafka_topic": ["live.traffic"] * rows,
        "kafka_partition": number % 4,
        "version": number,
        **{name: number % (7 + place) for place, name in enumerate(ACTIVITY_VALUES)},
    }


def _ledger(rows: int) -> dict[str, Any]:
    number = np.arange(rows, dtype=np.int64)
    texts: dict[str, Any] = {
        "kind": ["order"] * rows,
        "id": [f"o-1f2e3d4c5b{n:010x}" for n in range(rows)],
        "room_id": [f"room-{n % _ROOMS:05d}" for n in range(rows)],
        "kol_id": [f"kol-{n % _ROOMS:05d}" for n in range(rows)],
        "user_id": [f"u-{n * 7 % 60_000:07d}" for n in range(rows)],
        "currency": ["CNY"] * rows,
        "promo": ["none"] * rows,
        "attribution": ["in_room"] * rows,
        "kafka_topic": ["live.purchases"] * rows,
    }
    integers: dict[str, Any] = {
        "amount_minor": 9_900 + number % 5_000,
        "occurred_at": _START_S + number // 100,
        "occurred_at_ms": 1_000 * _START_S + number * 10,
        "fingerprint": number * 2_654_435_761,
        "kafka_partition": number % 4,
        "kafka_offset": number // 4,
        "version": number,
    }
    rest = np.ones(rows, dtype=np.int64)
    columns = {**texts, "order_id": texts["id"], **integers}
    return {name: columns.get(name, rest) for name in COLUMNS["ledger"]}


#: Name → columns of so many rows: arrays of integers, and lists of texts.
_TABLES: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "activity_window": _activity,
    "ledger": _ledger,
}
