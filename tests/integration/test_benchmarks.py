"""The benchmarks run to their end, reconcile, and say so; the hot path is held to its ratios."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.machine import Machine
from benchmarks.result import Result, read_result

pytestmark = [pytest.mark.timeout(240)]

TOPICS = {"purchases", "traffic", "likes", "chat", "mixed"}
BASELINE = Path(__file__).parents[2] / "benchmarks" / "baseline.json"


def run(out: Path, *arguments: str) -> tuple[dict[str, Any], Result, str]:
    """Run a benchmark as a user would; its standard output and its file must be the same."""
    command = [sys.executable, "-m", "benchmarks", *arguments, "--json", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    assert content == json.loads(out.read_bytes())
    return content, read_result(out), done.stderr


@pytest.mark.embedded
def test_hot_path_folds_every_topic_and_is_no_slower_than_it_was(tmp_path: Path) -> None:
    """The only test that looks at speed: at ratios of CPU time, with room for a half."""
    before = read_result(BASELINE)
    shape = {name: str(before.settings[name]) for name in ("records", "least", "runs")}
    content, result, said = run(
        tmp_path / "hot.json",
        "hot-path",
        *(f"--{name}={value}" for name, value in shape.items()),
        *("--compare", str(BASELINE), "--tolerance", "0.5"),
    )
    assert set(result.cases) == TOPICS
    for name, case in result.cases.items():
        assert case.checks["consumed"] == case.events
        accounted = (case.checks[name] for name in ("folded", "duplicates", "dead_lettered"))
        assert sum(accounted) == case.events
        assert {
            "events_per_s",
            "mb_per_s",
            "orjson_events_per_s",
            "clickhouse_events_per_s",
        } <= set(case.figures)
        for ratio in ("of_orjson", "of_clickhouse"):
            assert len(case.ratios[ratio].runs) == before.settings["runs"]
            assert f"{name}.{ratio}:" in said
    assert result.cases["purchases"].checks["orders"] > 0
    assert result.settings == before.settings
    assert content["benchmark"] == "hot-path"
    assert set(content["machine"]) == set(Machine.__struct_fields__)
    assert content["machine"]["packages"]["orjson"] != "-"


@pytest.mark.embedded
def test_end_to_end_reconciles_before_it_gives_a_figure(tmp_path: Path) -> None:
    _, result, said = run(
        tmp_path / "whole.json",
        *(
            "end-to-end",
            "--profile",
            "boutique",
            "--records",
            "6000",
            "--runs",
            "1",
            "--scale",
            "1",
        ),
    )
    assert said == "", "silent in a pipe"
    assert set(result.cases) == {"backlog", "live"}
    for case in result.cases.values():
        assert case.events == case.checks["consumed"] == 6_000
        assert case.checks["figures_compared"] > 100
        assert case.checks["orders"] > 0
        assert {
            "events_per_s",
            "mb_per_s",
            "bare_drain_events_per_s",
            "librdkafka_events_per_s",
            "peak_rss_mb",
            "flushes",
            "cpu_us_per_event",
            "bare_drain_cpu_us_per_event",
        } <= set(case.figures)
        assert case.figures["rows"].median > 0
        assert set(case.ratios) == {"of_bare_drain", "of_librdkafka"}
    assert result.settings["store"] == "chdb"
