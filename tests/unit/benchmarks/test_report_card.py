"""The report card: goals held to what was measured, and nothing left out in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from benchmarks import report_card
from benchmarks.charts import Bar, bars, draw
from benchmarks.goals import judge
from benchmarks.report_card import Failure
from benchmarks.result import Case, Result, Spread
from schemas.errors import UsageError
from tests.unit.benchmarks.results import a_result

_CASES: Mapping[str, dict[str, dict[str, float]]] = {
    "hot-path": {"purchases": {"of_orjson": 1.5}, "mixed": {"of_orjson": 1.4, "of_clickhouse": 1}},
    "end-to-end": {"backlog": {"of_bare_drain": 0.8}, "live": {"of_bare_drain": 0.79}},
    "latency": {"1000 ms, 50%": {"interval_of_p99": 0.5}, "200 ms, 50%": {"interval_of_p99": 0.4}},
    "scaling": {
        "10,000 rooms": {"of_10_rooms": 0.86},
        "celebrity, one partition": {"of_even": 0.89},
        "celebrity, spread": {"of_even": 1.0},
        "one hour": {"memory_early_of_late": 0.97},
    },
    "sink": {"chdb, ledger, 100 rows": {"of_largest": 0.1}},
    "generator": {"publish batches": {"of_end_to_end": 7.0}},
    "peers": {"liveshop": {"of_faust": 51.0, "of_bytewax": 2.9, "of_pathway": 4.0}},
}
_FIGURES: Mapping[tuple[str, str], dict[str, float]] = {
    ("latency", "1000 ms, 50%"): {"p99_ms": 2_000.0},
    ("latency", "200 ms, 50%"): {"p99_ms": 401.0},
    ("scaling", "10,000 rooms"): {"peak_rss_mb": 600.0},
}


def results() -> dict[str, Result]:
    """One run of everything."""
    found = {}
    for benchmark, ratios in _CASES.items():
        result = a_result(dict(ratios), benchmark=benchmark)
        for name, case in result.cases.items():
            case.checks = {"figures_compared": 100}
            for figure, value in _FIGURES.get((benchmark, name), {}).items():
                case.figures[figure] = Spread.of([value])
        found[benchmark] = result
    found["scaling"].cases["one hour"].series = {"at_s": [0.0, 60.0], "rss_mb": [100.0, 120.0]}
    return found


def verdicts(found: Mapping[str, Result]) -> dict[str, bool | None]:
    return {goal.goal: goal.met for goal in judge(found, {})}


def test_a_goal_is_met_at_its_limit_and_missed_beyond_it() -> None:
    assert list(verdicts(results()).values()) == [
        *(True, False, True),  # hot path: purchases, mixed, the engine
        *(True, False),  # end to end: backlog, live
        *(True, False, None),  # plain Faust, the best Python peer, Kafka Streams (not measured)
        *(True, False),  # latency: 1,000 and 200 ms
        *(True, False, True),  # rooms, celebrity on one partition, spread
        *(True, True),  # memory: at once, and over time
        True,  # the generator
        True,  # every total
    ]


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert set(verdicts({}).values()) == {None}


def test_the_best_python_peer_is_the_one_that_is_nearest() -> None:
    goal = next(goal for goal in judge(results(), {}) if "best Python peer" in goal.goal)
    assert goal.measured == "2.9 (bytewax)"


def test_a_benchmark_without_a_result_leaves_the_totals_unproven() -> None:
    last = judge(results(), {"soak": "The worker ended."})[-1]
    assert (last.met, last.measured) == (False, "no result: soak")


def test_every_chart_is_well_formed_and_names_its_bars() -> None:
    drawn = draw(results())
    assert set(drawn) == {
        *("hot-path.svg", "end-to-end.svg", "latency.svg", "scaling.svg", "memory.svg"),
        *("hour.svg", "sink.svg", "generator.svg", "peers.svg"),
    }
    for svg in drawn.values():
        ElementTree.fromstring(svg)
    assert "celebrity, spread" in drawn["scaling.svg"]


def test_a_bar_is_as_long_as_its_value_and_a_logarithmic_one_as_its_digits() -> None:
    def widths(*, log: bool) -> list[float]:
        svg = bars("t", "s", [[Bar("<a>", 10.0), Bar("b", 100.0), Bar("c", 0.0)]], log=log)
        found = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect")
        return [float(one.attrib["width"]) for one in found if one.get("class") == "bar"]

    short, long, none = widths(log=False)
    assert short / long == pytest.approx(0.1, rel=0.01)
    assert none == 1.0
    assert widths(log=True)[0] / long == pytest.approx(0.5, rel=0.01)


def test_the_folder_holds_goals_tables_and_charts(tmp_path: Path) -> None:
    for name, result in results().items():
        (tmp_path / f"{name}.json").write_bytes(result.to_json())
    goals = report_card.write(tmp_path, [Failure("soak", "The worker ended.")])
    written = (tmp_path / "report-card.md").read_text()
    assert "| hot path, mixed: at least 1.5 times `orjson.loads` | 1.4 | **no** |" in written
    assert "| at least 1 times Kafka Streams |  | not measured |" in written
    assert "**soak gave no result:** The worker ended." in written
    assert "## scaling" in written
    assert "![peers.svg](peers.svg)" in written
    content = json.loads((tmp_path / "report-card.json").read_bytes())
    assert [goal["met"] for goal in content["goals"]] == [goal.met for goal in goals]
    assert content["failures"] == [{"benchmark": "soak", "sentence": "The worker ended."}]
    assert set(content["results"]) == set(results())
    assert msgspec.convert(content["results"]["hot-path"], Result) == results()["hot-path"]
    assert (tmp_path / "hour.svg").is_file()


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no result"):
        report_card.write(tmp_path)


def test_each_runs_as_its_command_would_and_a_failure_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("--profile", "boutique", "--records", "1000", "--runs", "1")
    monkeypatch.setitem(report_card.RUNS, "end-to-end", {"short": ("--store", "x"), "full": ()})
    monkeypatch.setitem(report_card.RUNS, "hot-path", {"short": small, "full": ()})
    (tmp_path / "end-to-end.json").write_bytes(b"an older one")
    failures = report_card.measure(tmp_path, "short", ["end-to-end", "hot-path"])
    assert [failure.benchmark for failure in failures] == ["end-to-end"]
    assert "store" in failures[0].sentence
    assert "hint" in (tmp_path / "end-to-end.log").read_text()
    assert not (tmp_path / "end-to-end.json").exists()
    report_card.write(tmp_path, failures)
    result = msgspec.json.decode((tmp_path / "hot-path.json").read_bytes(), type=Result)
    case: Case = result.cases["mixed"]
    assert case.checks["consumed"] == 1_000


def test_a_benchmark_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no benchmark 'warp'"):
        report_card.measure(tmp_path, "short", ["warp"])
