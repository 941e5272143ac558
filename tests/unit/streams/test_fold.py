"""Quarantine, gaps, takes and checkpoints of a partition's fold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from streams.batch import Batch
from streams.cells import unpack_cells
from streams.engagement import ChatFold, LikesFold
from streams.fold import (
    STATE_VERSION,
    BrokenFlowError,
    Checkpoint,
    Counts,
    IncompatibleStateError,
    Restored,
)
from streams.sales import SalesFold
from streams.windows import WindowPolicy
from tests.unit.streams.records import T0, cancellation, feed, like, next_batch, read

POLICY = WindowPolicy()


def restored(checkpoint: Checkpoint, **state: Any) -> Restored:
    """A checkpoint as the store gives it back; ``state`` replaces parts of its state."""
    return Restored(
        next_offset=checkpoint.next_offset,
        counts=checkpoint.counts,
        state=orjson.loads(checkpoint.state) | state,
        cells=[unpack_cells(checkpoint.cells)],
        id_tail=checkpoint.fresh_ids,
    )


def test_record_too_far_ahead_of_its_broker_timestamp_is_quarantined() -> None:
    fold = LikesFold(0, WindowPolicy(max_ahead_ms=300_000))
    feed(fold, like(10), like(310), like(310.001), appended=10)
    (letter,) = fold.take().dead_letters
    assert (letter.offset, letter.reason, letter.detail) == (2, "too_far_ahead", "300001 ms ahead")
    assert (letter.key, letter.value) == (b"room", like(310.001))
    assert fold.watermark.newest_ms == (T0 + 310) * 1_000


def test_quarantined_record_is_not_remembered_so_that_it_can_come_again_in_time() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(400, 5), appended=0)
    feed(fold, like(400, 5), appended=400)
    assert read(fold.take(), "activity_window", "likes", "version") == [(5, 1)]
    assert fold.counts == Counts(consumed=2, folded=1, dead_lettered=1)


def test_take_hands_over_absolute_values_of_the_windows_that_changed() -> None:
    fold = LikesFold(3, POLICY)
    columns = ("window_start", "likes", "version", "kafka_topic", "kafka_partition")
    feed(fold, like(1, 5), like(11, 1))
    assert read(fold.take(), "activity_window", *columns) == [
        (T0, 5, 0, "live.likes", 3),
        (T0 + 10, 1, 1, "live.likes", 3),
    ]
    feed(fold, like(2, 2))
    assert read(fold.take(), "activity_window", *columns) == [(T0, 7, 2, "live.likes", 3)]
    assert not fold.is_dirty
    assert fold.take().rows == {}


def test_checkpoints_are_linked_and_carry_the_ids_admitted_in_between() -> None:
    fold = LikesFold(0, POLICY, next_offset=100)
    feed(fold, like(1), like(2))
    first = fold.take().checkpoint
    feed(fold, like(2), like(3))
    second = fold.take().checkpoint
    assert (first.previous_offset, first.next_offset, len(first.fresh_ids)) == (100, 102, 2)
    assert (second.previous_offset, second.next_offset, len(second.fresh_ids)) == (102, 104, 1)
    assert (second.topic, second.partition) == ("live.likes", 0)
    assert second.watermark_ms == (T0 + 3) * 1_000 - 30_000


def test_counts_of_a_checkpoint_do_not_change_afterwards() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(1))
    checkpoint = fold.take().checkpoint
    feed(fold, like(2))
    assert checkpoint.counts == Counts(consumed=1, folded=1)


def test_restored_fold_goes_on_with_the_open_windows() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(1, 5), like(2, 1), b"broken")
    checkpoint = fold.take().checkpoint
    again = LikesFold(0, POLICY)
    again.restore(restored(checkpoint))
    feed(again, like(2, 1), like(3, 2))
    assert read(again.take(), "activity_window", "likes", "version") == [(8, 4)]
    assert again.counts == Counts(consumed=5, folded=3, duplicates=1, dead_lettered=1)
    assert checkpoint.counts == Counts(consumed=3, folded=2, dead_lettered=1)


@pytest.mark.parametrize(
    "other",
    [
        replace(POLICY, window_ms=1_000),
        replace(POLICY, allowed_lateness_ms=0),
        replace(POLICY, max_ahead_ms=0),
        replace(POLICY, dedup_ids=7),
    ],
)
def test_checkpoint_of_another_policy_is_refused_by_name(other: WindowPolicy) -> None:
    checkpoint = LikesFold(0, POLICY).take().checkpoint
    (name,) = (n for n in POLICY.__slots__ if getattr(POLICY, n) != getattr(other, n))
    with pytest.raises(IncompatibleStateError, match=f"{name}={getattr(POLICY, name)}"):
        LikesFold(0, other).restore(restored(checkpoint))


def test_checkpoint_of_another_layout_is_refused() -> None:
    checkpoint = LikesFold(0, POLICY).take().checkpoint
    with pytest.raises(IncompatibleStateError, match=f"version {STATE_VERSION + 1}"):
        LikesFold(0, POLICY).restore(restored(checkpoint, v=STATE_VERSION + 1))


def test_missing_records_break_the_flow() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(1))
    batch = replace(next_batch(fold, like(3)), start=2, next_offset=3, offsets=[2])
    with pytest.raises(BrokenFlowError, match=r"live\.likes/0: expected offset 1, .* begins at 2"):
        fold.fold(batch)


def test_records_deleted_by_retention_are_counted_as_a_gap() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(1))
    fold.skip_gap(41)
    fold.skip_gap(41)
    assert fold.is_dirty
    feed(fold, like(2))
    assert fold.take().checkpoint.counts == Counts(consumed=2, folded=2, gap=40)
    assert fold.next_offset == 42


def test_batch_without_records_moves_the_position() -> None:
    fold = LikesFold(0, POLICY)
    fold.fold(Batch("live.likes", 0, 0, 7, [], [], [], []))
    assert (fold.next_offset, fold.is_dirty, fold.counts) == (7, True, Counts())


def test_tombstone_is_a_dead_letter() -> None:
    fold = ChatFold(0, POLICY)
    feed(fold, None)
    assert [letter.reason for letter in fold.take().dead_letters] == ["empty"]


def test_broker_timestamp_of_a_take_is_that_of_its_oldest_record() -> None:
    fold = LikesFold(0, POLICY)
    feed(fold, like(1), appended=5)
    feed(fold, like(2), appended=6)
    assert fold.take().appended_ms == (T0 + 5) * 1_000
    assert fold.take().appended_ms == 0
    feed(fold, like(3), appended=7)
    assert fold.take().appended_ms == (T0 + 7) * 1_000


def test_fold_without_a_ledger_folds_purchases_too() -> None:
    fold = SalesFold(0, POLICY)
    feed(fold, cancellation("o1", 1), cancellation("o1", 1))
    assert (fold.counts.folded, fold.counts.duplicates, fold.remembered) == (1, 1, 1)


def test_batch_is_trimmed_to_a_position() -> None:
    batch = Batch("t", 0, 10, 20, [11, 13, 17], [1, 2, 3], [b"a", b"b", b"c"], [b"x", None, b"z"])
    assert batch.since(9) is batch
    assert batch.since(10) is batch
    later = batch.since(13)
    assert (later.start, later.next_offset, list(later.offsets)) == (13, 20, [13, 17])
    assert (later.values, later.keys, later.appended_ms) == ([b"b", b"c"], [None, b"z"], [2, 3])
    in_hole = batch.since(11)
    assert (in_hole.start, len(in_hole)) == (11, 3)
    beyond = batch.since(25)
    assert (beyond.start, beyond.next_offset, len(beyond)) == (25, 25, 0)
