"""``report-card``: every benchmark, one after the other, and what they come to.

Each runs in a process of its own, as its command would on its own. What it found stays in the
folder as ``NAME.json``, and the report card is drawn from those files: measuring one of them again
leaves the others as they are.

::

    report-card.md      goals, tables, charts, machine
    report-card.json    the same for programs
    NAME.json           a benchmark's result
    NAME.log            what it said on standard error, where it failed
    *.svg               charts
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.charts import draw
from benchmarks.goals import Goal, judge
from benchmarks.result import Case, Result, Spread, read_result
from liveshop.console import tell
from schemas.errors import UsageError

Size = Literal["short", "full"]

_LAYOUT: Final = 1
_TEMPLATES: Final = Path(__file__).with_name("templates")
#: Benchmark → options of the short and of the full report card, in the order in which they run.
RUNS: Final[dict[str, dict[Size, tuple[str, ...]]]] = {
    "hot-path": {"short": ("--records", "200000", "--runs", "3"), "full": ()},
    "end-to-end": {"short": ("--records", "1000000", "--runs", "1"), "full": ()},
    "latency": {"short": ("--records", "500000", "--seconds", "8"), "full": ()},
    "scaling": {
        "short": ("--records", "300000", "--hour-records", "1500000", "--runs", "1"),
        "full": (),
    },
    "sink": {"short": ("--rows", "100000", "--runs", "1"), "full": ()},
    "generator": {"short": ("--records", "300000", "--runs", "1"), "full": ()},
    "peers": {"short": ("--records", "600000", "--runs", "1"), "full": ()},
    "soak": {"short": ("--minutes", "1"), "full": ("--minutes", "20")},
}
#: What stands in the tables; the files have everything.
_FIGURES: Final[dict[str, tuple[str, ...]]] = {
    "hot-path": ("events_per_s", "orjson_events_per_s", "clickhouse_events_per_s"),
    "end-to-end": (
        "events_per_s",
        "bare_drain_events_per_s",
        "librdkafka_events_per_s",
        "cpu_us_per_event",
        "peak_rss_mb",
    ),
    "latency": ("events_per_s", "p50_ms", "p99_ms", "p99_9_ms", "max_ms", "order_p99_ms"),
    "scaling": ("events_per_s", "cpu_us_per_event", "rows_per_event", "peak_rss_mb"),
    "sink": ("rows_per_s", "ms_per_insert"),
    "generator": ("events_per_s", "events_per_core_s"),
    "peers": ("events_per_s", "cpu_us_per_event", "peak_rss_mb"),
    "soak": ("events_per_s", "peak_rss_mb", "rss_mb_per_hour", "peak_lag"),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A benchmark that gave no result, in one sentence."""

    benchmark: str
    sentence: str


def measure(folder: Path, size: Size, names: Sequence[str]) -> list[Failure]:
    """Run benchmarks, and keep what they find in the folder.

    Args:
        folder: created if it is missing.
        size: how long it may take.
        names: which.

    Returns:
        Those that failed; the others are measured all the same.

    Raises:
        UsageError: there is no such benchmark, or the folder cannot be written.
    """
    for name in names:
        if name not in RUNS:
            raise UsageError(
                f"There is no benchmark {name!r} in the report card.",
                f"There are {', '.join(RUNS)}.",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The report card cannot be written to {folder}: {error.strerror or error}.",
            "Name another folder with --folder.",
        ) from None
    failures = []
    for number, name in enumerate(names, 1):
        tell(f"{number}/{len(names)} {name}")
        began = time.monotonic()
        failure = _run(folder, name, RUNS[name][size])
        if failure is not None:
            failures.append(failure)
            tell(f"  failed: {failure.sentence}")
        else:
            tell(f"  {time.monotonic() - began:.0f} s")
    return failures


def _run(folder: Path, name: str, options: Sequence[str]) -> Failure | None:
    target, log = folder / f"{name}.json", folder / f"{name}.log"
    for path in (target, log):
        path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks", name, *options, "--out", str(target)]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        return None
    target.unlink(missing_ok=True)
    log.write_text(done.stderr)
    said = [line for line in done.stderr.splitlines() if line.startswith("liveshop: ")]
    sentence = said[-1].removeprefix("liveshop: ") if said else f"exit code {done.returncode}"
    return Failure(name, sentence)


def write(folder: Path, failures: Sequence[Failure] = ()) -> list[Goal]:
    """Write the report card from the results that are in the folder.

    Raises:
        UsageError: there are none, or one of them cannot be read.
    """
    results = {
        name: read_result(path) for name in RUNS if (path := folder / f"{name}.json").is_file()
    }
    if not results:
        raise UsageError(
            f"There is no result in {folder}.", "Run `python -m benchmarks report-card` first."
        )
    goals = judge(results, {failure.benchmark: failure.sentence for failure in failures})
    charts = draw(results)
    for name, svg in charts.items():
        (folder / name).write_text(svg)
    if "soak" in results and (folder / "soak.svg").is_file():
        charts["soak.svg"] = ""
    (folder / "report-card.md").write_text(_markdown(results, goals, failures, list(charts)))
    (folder / "report-card.json").write_bytes(_json(results, goals, failures))
    return goals


def _json(
    results: Mapping[str, Result], goals: Sequence[Goal], failures: Sequence[Failure]
) -> bytes:
    content = {
        "schema": _LAYOUT,
        "goals": goals,
        "failures": failures,
        "results": {
            name: msgspec.structs.replace(result, cases=_without_series(result.cases))
            for name, result in results.items()
        },
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1)


def _without_series(cases: Mapping[str, Case]) -> dict[str, Case]:
    return {name: msgspec.structs.replace(case, series={}) for name, case in cases.items()}


def _markdown(
    results: Mapping[str, Result],
    goals: Sequence[Goal],
    failures: Sequence[Failure],
    charts: Sequence[str],
) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, of our own words and numbers
    )
    newest = max(results.values(), key=lambda result: result.began_at)
    return environment.get_template("report-card.md.j2").render(
        goals=goals,
        failures=failures,
        machine=newest.machine,
        tables={name: _table(name, result) for name, result in results.items()},
        results=results,
        charts=charts,
        verdict={True: "yes", False: "**no**", None: "not measured"},
    )


def _table(name: str, result: Result) -> dict[str, Any]:
    figures = _FIGURES[name]
    ratios = list(dict.fromkeys(ratio for case in result.cases.values() for ratio in case.ratios))
    notes = {case_name: case.note for case_name, case in result.cases.items() if case.note}
    return {
        "columns": [*figures, *ratios],
        "rows": [
            [case_name, *(_cell(case.figures.get(figure)) for figure in figures)]
            + [_cell(case.ratios.get(ratio)) for ratio in ratios]
            for case_name, case in result.cases.items()
        ],
        "notes": notes,
    }


def _cell(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if len(spread.runs) == 1:
        return _number(spread.median)
    return f"{_number(spread.median)} ({_number(spread.min)} to {_number(spread.max)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
