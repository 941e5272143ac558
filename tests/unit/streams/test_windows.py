"""The watermark, where a record is placed, and what a window policy may be."""

from __future__ import annotations

import pytest

from streams.engagement import LikesFold
from streams.windows import Watermark, WindowPolicy
from tests.unit.streams.records import T0, feed, like, read

POLICY = WindowPolicy(window_ms=10_000, allowed_lateness_ms=30_000)
T0_MS = T0 * 1_000


def test_watermark_stays_behind_the_newest_event_by_the_allowed_lateness() -> None:
    watermark = Watermark(POLICY)
    assert watermark.now_ms == 0
    watermark.place(T0_MS + 50_000)
    assert watermark.now_ms == T0_MS + 20_000
    watermark.place(T0_MS + 1)
    assert watermark.now_ms == T0_MS + 20_000


def test_window_begins_at_a_multiple_of_its_length() -> None:
    watermark = Watermark(POLICY)
    assert watermark.place(T0_MS) == (T0_MS, 0)
    assert watermark.place(T0_MS + 9_999) == (T0_MS, 0)
    assert watermark.place(T0_MS + 10_000) == (T0_MS + 10_000, 0)


def test_window_is_open_until_the_watermark_reaches_its_end() -> None:
    watermark = Watermark(POLICY)
    watermark.place(T0_MS + 39_999)
    assert watermark.place(T0_MS + 5_000) == (T0_MS, 0)
    assert not watermark.is_closed(T0_MS, 0)
    watermark.place(T0_MS + 40_000)
    assert watermark.is_closed(T0_MS, 0)
    assert watermark.place(T0_MS + 5_000) == (T0_MS, 1)


def test_late_records_share_a_slice_until_it_is_full() -> None:
    watermark = Watermark(WindowPolicy(late_per_slice=2))
    watermark.place(T0_MS + 127_000)
    assert watermark.place(T0_MS + 3_000) == (T0_MS, 1)
    assert not watermark.is_closed(T0_MS, 1)
    assert watermark.place(T0_MS + 13_000) == (T0_MS + 10_000, 1)
    assert watermark.is_closed(T0_MS, 1)
    assert watermark.place(T0_MS + 3_000) == (T0_MS, 2)


def test_restored_watermark_goes_on_in_the_slice_it_was_in() -> None:
    policy = WindowPolicy(late_per_slice=2)
    watermark = Watermark(policy, newest_ms=T0_MS + 127_000, late=3)
    assert watermark.place(T0_MS) == (T0_MS, 2)
    assert watermark.place(T0_MS) == (T0_MS, 3)


def test_record_itself_is_placed_before_it_moves_the_watermark() -> None:
    watermark = Watermark(WindowPolicy(allowed_lateness_ms=0))
    assert watermark.place(T0_MS + 12_000) == (T0_MS + 10_000, 0)
    assert watermark.place(T0_MS + 11_000) == (T0_MS + 10_000, 0)
    assert watermark.place(T0_MS + 20_000) == (T0_MS + 20_000, 0)
    assert watermark.place(T0_MS + 19_999) == (T0_MS + 10_000, 1)


def test_late_record_gets_a_row_of_its_own_in_its_true_window() -> None:
    fold = LikesFold(0, WindowPolicy(late_per_slice=1))
    feed(fold, like(3, 5), like(127, 1), like(4, 2), like(130.5, 1), like(5, 4))
    columns = ("window_start", "late_slice", "version", "likes", "late")
    assert read(fold.take(), "activity_window", *columns) == [
        (T0, 0, 0, 5, 0),
        (T0, 1, 2, 2, 1),
        (T0, 2, 4, 4, 1),
        (T0 + 120, 0, 1, 1, 0),
        (T0 + 130, 0, 3, 1, 0),
    ]
    assert (fold.counts.late, fold.counts.folded) == (2, 5)


def test_closed_rows_leave_memory_once_they_are_taken() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(3), like(39))
    fold.take()
    assert fold.open_windows == 2
    feed(fold, like(40))
    assert fold.open_windows == 3  # the first is closed, but not known to be written yet
    fold.take()
    assert fold.open_windows == 2


@pytest.mark.parametrize("window_ms", [1_000, 2_000, 10_000, 12_000, 30_000, 60_000])
def test_window_that_divides_a_minute_is_accepted(window_ms: int) -> None:
    assert WindowPolicy(window_ms=window_ms).window_ms == window_ms


@pytest.mark.parametrize("window_ms", [0, -10_000, 500, 1_500, 7_000, 45_000, 120_000])
def test_window_that_does_not_divide_a_minute_into_whole_seconds_is_refused(window_ms: int) -> None:
    with pytest.raises(ValueError, match=f"divide a minute, not {window_ms}"):
        WindowPolicy(window_ms=window_ms)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"allowed_lateness_ms": -1}, "must not be negative"),
        ({"max_ahead_ms": -1}, "must not be negative"),
        ({"dedup_ids": 0}, "must be positive"),
        ({"late_per_slice": 0}, "must be positive"),
    ],
)
def test_negative_lateness_or_no_memory_is_refused(wrong: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        WindowPolicy(**wrong)


def test_zero_lateness_and_no_time_ahead_are_allowed() -> None:
    policy = WindowPolicy(allowed_lateness_ms=0, max_ahead_ms=0, dedup_ids=1)
    assert (policy.allowed_lateness_ms, policy.max_ahead_ms, policy.dedup_ids) == (0, 0, 1)
