"""From looks at the store to latencies: the schedule counts, whatever the sender did."""

from __future__ import annotations

import pytest

from benchmarks.latency import Look, Slice, latencies
from benchmarks.options import numbers
from schemas.errors import UsageError

A, B = ("live.traffic", 0), ("live.chat", 1)


def test_a_slice_counts_from_its_due_moment_to_the_first_look_that_shows_all_of_it() -> None:
    due = {A: [Slice(10.0, 100, 100), Slice(10.5, 150, 50)], B: [Slice(10.2, 7, 7)]}
    looks = [
        Look(10.9, {A: 99}),  # One record of the first slice is missing.
        Look(11.0, {A: 149, B: 6}),
        Look(12.0, {A: 150, B: 7}),
    ]
    histogram = latencies(due, looks)
    assert histogram.get_total_count() == 157
    assert [round(histogram.get_value_at_percentile(p) / 1e6, 2) for p in (50, 90, 99)] == [
        1.0,
        1.5,
        1.8,
    ]
    assert histogram.get_max_value() / 1e6 == pytest.approx(1.8, rel=0.001)


def test_what_nobody_saw_is_not_counted() -> None:
    assert latencies({A: [Slice(1.0, 10, 10)]}, [Look(2.0, {B: 10})]).get_total_count() == 0
    assert latencies({A: []}, []).get_total_count() == 0


def test_numbers_are_read_and_what_is_none_is_refused() -> None:
    assert numbers("1000,200", int, "--intervals", 50, 60_000) == [1_000, 200]
    assert numbers("0.25, .5", float, "--shares", 0.01, 2.0) == [0.25, 0.5]
    for wrong in ("", "x", "10,", "49", "60001", "0.5"):
        with pytest.raises(UsageError, match="--intervals cannot be"):
            numbers(wrong, int, "--intervals", 50, 60_000)
