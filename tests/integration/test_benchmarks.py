"""The benchmarks run to their end, reconcile, and say so. Nothing here looks at a time."""

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


def run(out: Path, *arguments: str) -> tuple[dict[str, Any], Result]:
    """Run a benchmark as a user would; its standard output and its file must be the same."""
    command = [sys.executable, "-m", "benchmarks", *arguments, "--json", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "silent in a pipe"
    content: dict[str, Any] = json.loads(done.stdout)
    assert content == json.loads(out.read_bytes())
    return content, read_result(out)


def test_hot_path_folds_every_topic_and_names_its_machine(tmp_path: Path) -> None:
    content, result = run(
        tmp_path / "hot.json",
        *("hot-path", "--profile", "boutique", "--records", "6000", "--runs", "2"),
    )
    assert set(result.cases) == TOPICS
    for case in result.cases.values():
        assert case.checks["consumed"] == case.events
        accounted = (case.checks[name] for name in ("folded", "duplicates", "dead_lettered"))
        assert sum(accounted) == case.events
        assert {
            "events_per_s",
            "mb_per_s",
            "orjson_events_per_s",
            "clickhouse_events_per_s",
        } <= set(case.figures)
        assert [len(case.ratios[name].runs) for name in ("of_orjson", "of_clickhouse")] == [2, 2]
    assert result.cases["mixed"].events == 6_000
    assert result.cases["purchases"].checks["orders"] > 0
    assert content["benchmark"] == "hot-path"
    assert set(content["machine"]) == set(Machine.__struct_fields__)
    assert content["machine"]["packages"]["orjson"] != "-"


@pytest.mark.embedded
def test_end_to_end_reconciles_before_it_gives_a_figure(tmp_path: Path) -> None:
    _, result = run(
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
