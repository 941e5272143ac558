"""Shapes of shows are held to each other, run by run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.scaling import EVEN, HOUR, SHAPES, Plan, Run, _case
from schemas.errors import UsageError

PLAN = Plan((EVEN, HOUR), 1_000, 10_000, 1, 4, "chdb", 2)
RUN = Run(
    records=1_000, bytes=1, seconds=1.0, cpu_s=0.5, rows=100.0, peak_rss_mb=50.0, checks={"a": 1}
)


def test_a_ratio_compares_the_runs_of_the_same_round() -> None:
    slow, slower = replace(RUN, seconds=2.0), replace(RUN, seconds=8.0)
    runs = {EVEN: [RUN, slow], "celebrity, spread": [slow, slower]}
    case = _case(SHAPES["celebrity, spread"], runs["celebrity, spread"], runs)
    assert case.ratios["of_even"].runs == [0.5, 0.25]
    assert case.figures["events_per_s"].runs == [500.0, 125.0]
    assert case.figures["cpu_us_per_event"].median == 500.0
    assert _case(SHAPES[EVEN], runs[EVEN], runs).ratios == {}, "10 rooms were not measured"


def test_every_ratio_names_a_case_that_there_is() -> None:
    assert {to for shape in SHAPES.values() for to in shape.of.values()} <= set(SHAPES)


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [(("12 rooms",), "no case '12 rooms'"), (("2 workers",), "chDB serves one worker only")],
)
def test_a_case_that_cannot_be_is_refused(shapes: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        replace(PLAN, shapes=shapes)
