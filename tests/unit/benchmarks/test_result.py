"""Results as JSON, and the comparison of two of them."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from benchmarks.result import SCHEMA, Change, Result, Spread, compare, read_result
from schemas.errors import UsageError
from tests.unit.benchmarks.results import a_result


def test_a_spread_keeps_every_run_in_its_order() -> None:
    spread = Spread.of([3.0, 1.0, 2.0])
    assert (spread.median, spread.min, spread.max) == (2.0, 1.0, 3.0)
    assert spread.runs == [3.0, 1.0, 2.0]


def test_a_spread_does_not_pretend_to_more_than_four_digits() -> None:
    assert Spread.of([123_456.789, 0.123456]).runs == [123_500.0, 0.1235]


def test_a_ratio_that_fell_by_more_than_the_tolerance_has_regressed() -> None:
    before, now = a_result({"mixed": {"of_orjson": 0.20}}), a_result({"mixed": {"of_orjson": 0.14}})
    assert compare(now, before, 0.25) == [Change("mixed.of_orjson", 0.20, 0.14, regressed=True)]


@pytest.mark.parametrize("ratio", [0.16, 0.20, 0.90])
def test_a_ratio_within_the_tolerance_or_above_has_not_regressed(ratio: float) -> None:
    before = a_result({"mixed": {"of_orjson": 0.20}})
    now = a_result({"mixed": {"of_orjson": ratio}})
    assert [change.regressed for change in compare(now, before, 0.25)] == [False]


def test_an_absolute_figure_never_regresses() -> None:
    before = a_result({"mixed": {"of_orjson": 0.2}}, events_per_s=1_000_000.0)
    now = a_result({"mixed": {"of_orjson": 0.2}}, events_per_s=1.0)
    assert [change.regressed for change in compare(now, before, 0.0)] == [False]


def test_every_ratio_is_compared_and_one_bad_one_is_found() -> None:
    before = a_result({"chat": {"of_orjson": 0.2}, "likes": {"of_orjson": 0.3}})
    now = a_result({"chat": {"of_orjson": 0.2}, "likes": {"of_orjson": 0.1}})
    verdicts = {change.name: change.regressed for change in compare(now, before, 0.25)}
    assert verdicts == {"chat.of_orjson": False, "likes.of_orjson": True}


def test_results_of_different_benchmarks_are_not_compared() -> None:
    now = a_result({"mixed": {"of_orjson": 1.0}}, benchmark="end-to-end")
    with pytest.raises(UsageError, match="cannot be compared"):
        compare(now, a_result({"mixed": {"of_orjson": 1.0}}), 0.25)


def test_results_without_a_common_ratio_are_not_compared_in_silence() -> None:
    with pytest.raises(UsageError, match="no ratio in common"):
        compare(
            a_result({"chdb": {"of_bare_drain": 1.0}}),
            a_result({"clickhouse": {"of_bare_drain": 1.0}}),
            0.25,
        )


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    result = a_result({"mixed": {"of_orjson": 0.2}})
    path = tmp_path / "result.json"
    path.write_bytes(result.to_json())
    assert read_result(path) == result


def test_the_json_has_the_documented_fields() -> None:
    content = json.loads(a_result({"mixed": {"of_orjson": 0.2}}).to_json())
    assert set(content) == {"schema", "benchmark", "began_at", "settings", "machine", "cases"}
    assert content["schema"] == SCHEMA
    assert {"cpu", "cores", "python", "packages", "commit", "load_average"} <= set(
        content["machine"]
    )
    case = content["cases"]["mixed"]
    assert set(case) == {"events", "bytes", "figures", "ratios", "checks"}
    assert set(case["ratios"]["of_orjson"]) == {"median", "min", "max", "runs"}


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"schema": 1}'])
def test_a_file_that_is_no_result_is_refused_with_its_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"odd\.json is not the result"):
        read_result(path)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.json cannot be read"):
        read_result(tmp_path / "nowhere.json")


def test_a_result_of_another_layout_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    result = a_result({"mixed": {"of_orjson": 0.2}})
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(result, schema=SCHEMA + 1)))
    with pytest.raises(UsageError, match="layout 2"):
        read_result(path)


def test_a_result_is_typed_all_the_way_down() -> None:
    broken = a_result({"mixed": {"of_orjson": 0.2}}).to_json().replace(b'"median"', b'"middle"')
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(broken, type=Result)
