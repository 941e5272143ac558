"""The peers' race on a real Kafka, short: those that need no environment of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import PEERS
from benchmarks.result import read_result
from tests.fixtures.kafka import need_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def test_everybody_has_the_truth_window_by_window(tmp_path: Path) -> None:
    need_kafka()
    names = ("liveshop", "bare-python", "aiokafka-drain")
    out = tmp_path / "peers.json"
    command = [sys.executable, "-m", "benchmarks", "peers", "--json", "--out", str(out)]
    command += ["--records", "30000", "--runs", "1", "--scale", "20"]
    command += [word for name in names for word in ("--peer", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = read_result(out)
    assert done.stdout.encode().strip() == result.to_json().strip()
    assert set(result.cases) == set(names)
    ours, by_hand, drain = (result.cases[name] for name in names)
    records = {peer.name: peer.records(30_000) for peer in PEERS}
    for name, case in (("liveshop", ours), ("bare-python", by_hand)):
        assert case.events == records[name]
        assert case.checks["runs_with_right_totals"] == 1, case.note
        assert case.checks["orders"] > 500
        assert case.checks["windows"] > 500
        assert case.figures["rows"].median >= case.checks["windows"]
    # The slower one reads the first part of the same records.
    assert set(ours.checks) == set(by_hand.checks)
    assert ours.checks["orders"] > by_hand.checks["orders"]
    assert drain.checks == {"runs": 1, "runs_with_right_totals": 0}, "it claims none"
    assert "not read" not in drain.note
    assert set(ours.ratios) == {"of_bare-python", "of_aiokafka-drain"}
