"""A soak with an outage runs to its end, reconciles, and leaves result and chart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.result import read_result
from tests.fixtures.clickhouse import need_clickhouse


@pytest.mark.embedded
@pytest.mark.clickhouse
def test_a_soak_ends_with_the_proof_and_an_outage_is_caught_up(tmp_path: Path) -> None:
    need_clickhouse()
    out = tmp_path / "soak.json"
    command = [
        *(sys.executable, "-m", "benchmarks", "soak", "--minutes", "0.15", "--rate", "1500"),
        *("--outage-at", "3", "--outage-seconds", "3", "--out", str(out)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reconciled: ")
    result = read_result(out)
    case = result.cases["clickhouse"]
    assert case.events == case.checks["consumed"] == 13_500
    assert case.checks["figures_compared"] > 100
    assert case.figures["retries"].median > 0
    assert 0 < case.figures["catch_up_s"].median < 12
    assert min(case.series["rss_mb"]) > 50
    assert case.series["lag"][-1] == 0
    # While the store is away, records are folded and wait.
    assert case.figures["peak_unflushed"].median > 1_500
    assert "ClickHouse away for 3 s" in out.with_suffix(".svg").read_text()
