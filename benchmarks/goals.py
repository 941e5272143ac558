"""What issue 4 asks for, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from benchmarks.result import Case, Result

#: Stream processors in Python: the best of them counts.
_PYTHON_PEERS: Final = ("faust", "quix-streams", "bytewax", "pathway")

Results = Mapping[str, Result]


class Goal(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        goal: in words.
        measured: in words; empty where nothing was.
        met: ``None`` where nothing was measured.
    """

    goal: str
    measured: str
    met: bool | None


class _Measured(msgspec.Struct, frozen=True):
    value: float
    words: str


class _Aim(msgspec.Struct, frozen=True):
    """A goal before it is measured.

    Attributes:
        goal: in words.
        limit: the least value that meets it; the most, where ``at_most``.
        find: what was measured, ``None`` where nothing was.
        at_most: less is better.
    """

    goal: str
    limit: float
    find: Callable[[Results], _Measured | None]
    at_most: bool = False

    def judge(self, results: Results) -> Goal:
        found = self.find(results)
        if found is None:
            return Goal(self.goal, "", None)
        met = found.value <= self.limit if self.at_most else found.value >= self.limit
        return Goal(self.goal, found.words, met)


def judge(results: Results, failures: Mapping[str, str]) -> list[Goal]:
    """Hold every goal to the results.

    Args:
        results: benchmark → result.
        failures: benchmark → why it gave none.
    """
    checked = sum(
        count
        for result in results.values()
        for case in result.cases.values()
        for name, count in case.checks.items()
        if name == "figures_compared"
    )
    reconciled = Goal(
        "every run's totals reconcile: no figure without its correctness",
        f"no result: {', '.join(failures)}"
        if failures
        else f"{checked:,} figures of the stores compared with the truth, all equal",
        not failures if results or failures else None,
    )
    return [*(aim.judge(results) for aim in _AIMS), reconciled]


def _case(results: Results, benchmark: str, name: str) -> Case | None:
    result = results.get(benchmark)
    return None if result is None else result.cases.get(name)


def _ratio(benchmark: str, case: str, ratio: str) -> Callable[[Results], _Measured | None]:
    def find(results: Results) -> _Measured | None:
        found = _case(results, benchmark, case)
        if found is None or ratio not in found.ratios:
            return None
        spread = found.ratios[ratio]
        words = f"{spread.median:.3g}"
        if len(spread.runs) > 1:
            words += f" ({spread.min:.3g} to {spread.max:.3g})"
        return _Measured(spread.median, words)

    return find


def _figure(
    benchmark: str, case: str, figure: str, unit: str
) -> Callable[[Results], _Measured | None]:
    def find(results: Results) -> _Measured | None:
        found = _case(results, benchmark, case)
        if found is None or figure not in found.figures:
            return None
        median = found.figures[figure].median
        return _Measured(median, f"{median:,.0f} {unit}")

    return find


def _best_python_peer(results: Results) -> _Measured | None:
    ours = _case(results, "peers", "liveshop")
    if ours is None:
        return None
    ratios = {
        name: spread.median
        for name in _PYTHON_PEERS
        if (spread := ours.ratios.get(f"of_{name}")) is not None
    }
    if not ratios:
        return None
    best = min(ratios, key=lambda name: ratios[name])
    return _Measured(ratios[best], f"{ratios[best]:.3g} ({best})")


_AIMS: Final = (
    _Aim(
        "hot path, purchases: at least 1.5 times `orjson.loads`",
        1.5,
        _ratio("hot-path", "purchases", "of_orjson"),
    ),
    _Aim(
        "hot path, mixed: at least 1.5 times `orjson.loads`",
        1.5,
        _ratio("hot-path", "mixed", "of_orjson"),
    ),
    _Aim(
        "aim: hot path, mixed: at least 1 times the ClickHouse engine",
        1.0,
        _ratio("hot-path", "mixed", "of_clickhouse"),
    ),
    _Aim(
        "end to end, backlog: at least 0.8 times the bare aiokafka drain",
        0.8,
        _ratio("end-to-end", "backlog", "of_bare_drain"),
    ),
    _Aim(
        "end to end, live: at least 0.8 times the bare aiokafka drain",
        0.8,
        _ratio("end-to-end", "live", "of_bare_drain"),
    ),
    _Aim("at least 50 times plain Faust", 50.0, _ratio("peers", "liveshop", "of_faust")),
    _Aim("at least 3 times the best Python peer", 3.0, _best_python_peer),
    _Aim("at least 1 times Kafka Streams", 1.0, _ratio("peers", "liveshop", "of_kafka-streams")),
    *(
        _Aim(
            f"p99 to visible at 50 % of the maximum rate, flushing every {interval_ms:,} ms: "
            f"at most {2 * interval_ms:,} ms",
            2.0 * interval_ms,
            _figure("latency", f"{interval_ms} ms, 50%", "p99_ms", "ms"),
            at_most=True,
        )
        for interval_ms in (1_000, 200)
    ),
    _Aim(
        "10,000 rooms: at least 0.85 of the rate of 10",
        0.85,
        _ratio("scaling", "10,000 rooms", "of_10_rooms"),
    ),
    _Aim(
        "celebrity on one partition: at least 0.9 of the even load",
        0.9,
        _ratio("scaling", "celebrity, one partition", "of_even"),
    ),
    _Aim(
        "celebrity spread over partitions: at least 1.0 of the even load",
        1.0,
        _ratio("scaling", "celebrity, spread", "of_even"),
    ),
    _Aim(
        "a worker with 10,000 live rooms: under 600 MB",
        600.0,
        _figure("scaling", "10,000 rooms", "peak_rss_mb", "MB"),
        at_most=True,
    ),
    _Aim(
        "memory does not grow with the show: in its second quarter at least 0.95 of the last one's",
        0.95,
        _ratio("scaling", "one hour", "memory_early_of_late"),
    ),
    _Aim(
        "pre-generated batches, one core: at least 2 times end to end",
        2.0,
        _ratio("generator", "publish batches", "of_end_to_end"),
    ),
)
