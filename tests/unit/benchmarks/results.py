"""Results as a benchmark would write them."""

from __future__ import annotations

from benchmarks.machine import Machine
from benchmarks.result import Case, Result, Spread

MACHINE = Machine(
    cpu="a processor",
    cores=2,
    memory_mb=8_000,
    system="Linux",
    python="3.11.7",
    packages={"orjson": "3.10.0"},
    commit="0123456789ab",
    load_average=(0.1, 0.2, 0.3),
)


def a_result(
    ratios: dict[str, dict[str, float]],
    *,
    benchmark: str = "hot-path",
    events_per_s: float = 100_000.0,
) -> Result:
    """A result with one run per case; ``ratios`` is case → ratio → value."""
    return Result(
        benchmark=benchmark,
        began_at="2026-11-22T15:00:00+00:00",
        settings={"records": 1_000, "profile": "boutique", "scale": 1.0},
        machine=MACHINE,
        cases={
            name: Case(
                events=1_000,
                bytes=170_000,
                figures={"events_per_s": Spread.of([events_per_s])},
                ratios={ratio: Spread.of([value]) for ratio, value in values.items()},
                checks={"consumed": 1_000},
            )
            for name, values in ratios.items()
        },
    )
