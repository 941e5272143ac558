"""Where a result goes: a table for people, JSON for programs, a file to compare with later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.result import Change, Result, Spread, compare, read_result
from liveshop.console import console, say
from schemas.errors import UsageError

_DIRECTORY = Path("out/benchmarks")


@dataclass(frozen=True, slots=True)
class Output:
    """What the command line asked for; made before the run, so that a bad file name costs nothing.

    Attributes:
        benchmark: the question.
        path: the result file.
        as_json: JSON on standard output instead of the table.
        before: a result to hold the ratios to.
        tolerance: the share that a ratio may fall by.
    """

    benchmark: str
    path: Path
    as_json: bool
    before: Result | None
    tolerance: float

    @classmethod
    def prepare(
        cls,
        benchmark: str,
        out: Path | None,
        compare_with: Path | None,
        tolerance: float,
        *,
        as_json: bool,
    ) -> Output:
        """Check what can be checked before anything is measured.

        Raises:
            UsageError: the result cannot be written, or the other one cannot be read.
        """
        before = None if compare_with is None else read_result(compare_with)
        path = out or _DIRECTORY / f"{benchmark}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab"):
                pass
        except OSError as error:
            raise UsageError(
                f"The result cannot be written to {path}: {error.strerror or error}.",
                "Name another file with --out.",
            ) from None
        return cls(benchmark, path, as_json, before, tolerance)

    def deliver(self, result: Result) -> int:
        """Write, show and compare; returns the exit code, 1 where a ratio regressed.

        Raises:
            UsageError: the two results cannot be compared.
        """
        self.path.write_bytes(result.to_json())
        if self.as_json:
            say(result.to_json().decode())
        else:
            self._show(result)
        if self.before is None:
            return 0
        changes = compare(result, self.before, self.tolerance)
        self._show_changes(changes)
        return int(any(change.regressed for change in changes))

    def _show(self, result: Result) -> None:
        machine = result.machine
        load = " ".join(f"{value:.1f}" for value in machine.load_average)
        table = Table(title=f"{result.benchmark} · {machine.cpu}, {machine.cores} cores")
        table.caption = (
            f"commit {machine.commit or '-'} · load average at start {load}"
            f" · files in {machine.scratch}"
        )
        table.add_column("load")
        table.add_column("figure", no_wrap=True)
        for heading in ("median", "min", "max"):
            table.add_column(heading, justify="right")
        for name, case in result.cases.items():
            table.add_row(name, "events", f"{case.events:,}")
            for figure, spread in case.figures.items():
                table.add_row("", figure, *_cells(spread))
            for ratio, spread in case.ratios.items():
                table.add_row("", f"ratio {ratio}", *_cells(spread), style="bold")
            table.add_section()
        people = Console(highlight=False)
        people.print(table)
        for name, case in result.cases.items():
            if case.note:
                people.print(f"{name}: {case.note}", soft_wrap=True, markup=False)
        people.print(f"result: {self.path}", soft_wrap=True)

    def _show_changes(self, changes: Sequence[Change]) -> None:
        for change in changes:
            verdict = "REGRESSED" if change.regressed else "ok"
            console.print(
                f"{verdict:9} {change.name}: {change.before:.3f} before, {change.now:.3f} now "
                f"(may fall by {self.tolerance:.0%})",
                style="bold red" if change.regressed else None,
                soft_wrap=True,
            )


def _cells(spread: Spread) -> list[str]:
    return [_number(value) for value in (spread.median, spread.min, spread.max)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
