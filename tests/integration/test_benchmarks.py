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
from tests.fixtures.clickhouse import need_clickhouse

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
    assert result.settings["profile"] == before.settings["profile"]
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


@pytest.mark.embedded
@pytest.mark.clickhouse
def test_latency_sees_every_record_that_was_due(tmp_path: Path) -> None:
    need_clickhouse()
    _, result, _ = run(
        tmp_path / "latency.json",
        *("latency", "--profile", "boutique", "--records", "6000", "--scale", "1"),
        *("--intervals", "200", "--shares", "0.5", "--seconds", "4"),
    )
    (case,) = result.cases.values()
    assert set(result.cases) == {"200 ms, 50%"}
    rate = case.figures["events_per_s"].median
    assert rate == pytest.approx(case.figures["max_events_per_s"].median / 2, rel=0.01)
    # The first two seconds of four are not counted.
    assert case.events == pytest.approx(2 * rate, rel=0.1)
    assert case.checks["consumed"] > 6_000 + case.events
    low, *_, high = [case.figures[f"{name}_ms"].median for name in ("p50", "p99", "p99_9", "max")]
    assert 1 < low <= high < 60_000
    assert case.figures["order_p50_ms"].median > 0


@pytest.mark.embedded
@pytest.mark.clickhouse
def test_scaling_folds_a_spread_celebrity_and_watches_memory_for_an_hour(tmp_path: Path) -> None:
    need_clickhouse()
    _, result, _ = run(
        tmp_path / "scaling.json",
        *("scaling", "--cases", "celebrity, spread; one hour"),
        *("--records", "3000", "--hour-records", "10000", "--runs", "1"),
    )
    celebrity, hour = result.cases.values()
    assert celebrity.events >= 3_000
    assert celebrity.checks["consumed"] > celebrity.events + 1_000, "facts of rooms come on top"
    assert hour.checks["consumed"] == hour.events > 5_000
    assert len(hour.series["rss_mb"]) == len(hour.series["at_s"]) > 4
    assert min(hour.series["rss_mb"]) > 10


@pytest.mark.embedded
def test_sink_reads_back_what_it_inserted(tmp_path: Path) -> None:
    _, result, _ = run(
        tmp_path / "sink.json",
        *("sink", "--stores", "chdb", "--sizes", "7,100", "--rows", "1000", "--runs", "1"),
    )
    assert {name: case.checks["rows_read_back"] for name, case in result.cases.items()} == {
        f"chdb, {table}, {size} rows": rows
        for size, rows in ((7, 700), (100, 1_000))
        for table in ("activity_window", "ledger")
    }


@pytest.mark.embedded
def test_generator_publishes_what_a_worker_then_folds(tmp_path: Path) -> None:
    _, result, _ = run(
        tmp_path / "generator.json",
        *("generator", "--profile", "boutique", "--records", "6000", "--scale", "1"),
        *("--runs", "1"),
    )
    assert set(result.cases) == {"make", "count", "encode", "publish records", "publish batches"}
    for name, case in result.cases.items():
        assert case.checks["consumed"] == case.events == 6_000
        assert set(case.ratios) == ({"of_end_to_end"} if "publish" in name else set())
