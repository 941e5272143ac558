"""The counting sink, which everybody shares."""

from __future__ import annotations

import json
import time
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.programs import sink as sinks
from benchmarks.peers.programs.job import Job
from benchmarks.peers.programs.sink import CountingSink


def a_job(directory: Path, expected: int) -> Job:
    return Job("broker", ("a", "b", "c"), 4, "group", directory, expected)


def a_sink(directory: Path, expected: int) -> CountingSink:
    sink = CountingSink(a_job(directory, expected))
    sink.begin()
    return sink


def flushes(directory: Path) -> list[dict[str, Any]]:
    lines = (directory / "flushes.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


def result(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "rows.json").read_bytes())
    return found


def test_a_later_row_replaces_an_earlier_one(tmp_path: Path) -> None:
    sink = a_sink(tmp_path, expected=10)
    sink.write([("r", "p", 0, 100, 1, 2, 0, 3)])
    sink.write([("r", "p", 0, 300, 3, 4, 0, 7)])
    assert result(tmp_path) == {"counted": 10, "rows": [["r", "p", 0, 300, 3, 4, 0, 7]]}
    assert [(one["rows"], one["counted"]) for one in flushes(tmp_path)] == [(0, 0), (1, 4), (2, 10)]


def test_rows_of_different_parts_stand_side_by_side(tmp_path: Path) -> None:
    sink = a_sink(tmp_path, expected=6)
    sink.write([("r", "p", 0, 100, 1, 1, 0, 0)], repeat("purchases"))
    sink.write([("r", "p", 0, 0, 0, 0, 0, 5)], repeat("clicks"))
    assert result(tmp_path)["counted"] == 6
    assert len(result(tmp_path)["rows"]) == 2


def test_nothing_is_over_before_everything_is_there(tmp_path: Path) -> None:
    sink = a_sink(tmp_path, expected=5)
    sink.write([("r", "", 0, 0, 0, 0, 4, 0)])
    sink.write([])
    assert not (tmp_path / "rows.json").exists()
    assert len(flushes(tmp_path)) == 2, "an empty flush is none"
    sink.write([("r", "", 0, 0, 0, 0, 5, 0)])
    assert (tmp_path / "rows.json").exists()


def test_silence_is_the_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "_QUIET_S", 0.1)
    a_sink(tmp_path, expected=100).count(3)
    deadline = time.monotonic() + 5
    while not (tmp_path / "rows.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert result(tmp_path) == {"counted": 3, "rows": []}


def test_the_clock_starts_once_and_before_any_row(tmp_path: Path) -> None:
    sink = CountingSink(a_job(tmp_path, expected=10))
    with pytest.raises(RuntimeError, match="begin"):
        sink.count(1)
    sink.begin()
    sink.begin()
    assert len(flushes(tmp_path)) == 1
