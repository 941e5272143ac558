"""What a run found, as JSON, and how two of them are compared.

Only ratios are compared: both sides of a ratio are measured in the same run on the same machine,
so a slower machine or a busy neighbour moves both. In every ratio, higher is better.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.machine import Machine
from schemas.errors import UsageError

#: Layout of the result file; it rises when a field changes its meaning.
SCHEMA: Final = 1


class Spread(msgspec.Struct, kw_only=True):
    """One figure over all runs, in the order in which they ran."""

    median: float
    min: float
    max: float
    runs: list[float]

    @classmethod
    def of(cls, runs: Sequence[float]) -> Spread:
        """The spread of at least one run; four significant digits, for more would be noise."""
        rounded = [float(f"{value:.4g}") for value in runs]
        return cls(
            median=float(f"{statistics.median(rounded):.4g}"),
            min=min(rounded),
            max=max(rounded),
            runs=rounded,
        )


class Case(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One load under one question.

    Attributes:
        events: records in the load.
        bytes: of their values.
        figures: name → spread; the unit is the end of the name. They describe this machine only.
        ratios: name → spread; both sides measured in the same run. Higher is better.
        checks: what reconciled, so that the reader sees that something was compared.
        note: what else the reader must know; empty for nothing.
        series: name → values over time, where the benchmark looks once a second.
    """

    events: int
    bytes: int
    figures: dict[str, Spread]
    ratios: dict[str, Spread]
    checks: dict[str, int]
    note: str = ""
    series: dict[str, list[float]] = {}


class Result(msgspec.Struct, kw_only=True):
    """Everything that a benchmark says.

    Attributes:
        schema: :data:`SCHEMA`.
        benchmark: the question, as on the command line.
        began_at: ISO 8601, UTC.
        settings: what the run can be repeated with.
        machine: where it ran.
        cases: name → case.
    """

    schema: int = SCHEMA
    benchmark: str
    began_at: str
    settings: dict[str, str | int | float]
    machine: Machine
    cases: dict[str, Case]

    def to_json(self) -> bytes:
        """The result as indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1)


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises:
        UsageError: it cannot be read, or it is no result of this version.
    """
    try:
        result = msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise UsageError(
            f"The result {path} cannot be read: {error.strerror or error}.",
            "Name a file that a benchmark wrote, under out/benchmarks or with --out.",
        ) from None
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{path} is not the result of a benchmark: {error}.",
            "Name a file that a benchmark wrote, under out/benchmarks or with --out.",
        ) from None
    if result.schema != SCHEMA:
        raise UsageError(
            f"{path} has layout {result.schema}, and this version writes {SCHEMA}.",
            "Measure the other version again with the same harness.",
        )
    return result


class Change(msgspec.Struct, frozen=True):
    """A ratio then and now; ``regressed`` if it fell by more than the tolerance."""

    name: str
    before: float
    now: float
    regressed: bool


def compare(now: Result, before: Result, tolerance: float) -> list[Change]:
    """Compare the median ratios that both results have; figures are never looked at.

    Args:
        now: the run just made.
        before: the run to hold it to.
        tolerance: the share that a ratio may fall by, 0.25 for a quarter.

    Raises:
        UsageError: they answer different questions, or have no ratio in common.
    """
    if now.benchmark != before.benchmark:
        raise UsageError(
            f"A result of {now.benchmark} cannot be compared with one of {before.benchmark}.",
            f"Name a file that `python -m benchmarks {now.benchmark}` wrote.",
        )
    ours, theirs = dict(_ratios(now.cases)), dict(_ratios(before.cases))
    common = [name for name in theirs if name in ours]
    if not common:
        raise UsageError(
            "The two results have no ratio in common.",
            "Run both with the same options.",
        )
    return [
        Change(name, theirs[name], ours[name], ours[name] < theirs[name] * (1 - tolerance))
        for name in common
    ]


def _ratios(cases: Mapping[str, Case]) -> Iterator[tuple[str, float]]:
    for name, case in cases.items():
        for ratio, spread in case.ratios.items():
            yield f"{name}.{ratio}", spread.median
