"""Any split into batches, and any moments of ``take``, give the same rows and counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.catalog import FOLDS
from streams.fold import BrokenFlowError
from tests.properties.model import ModelStore, Worker, folded_at_once
from tests.properties.strategies import PLANS, Log, Step, logs


@given(log=logs(), plan=PLANS)
def test_any_split_into_batches_and_any_takes_give_the_same_rows(
    log: Log, plan: list[Step]
) -> None:
    at_once, reference = folded_at_once(log)
    store = ModelStore()
    worker = Worker(log, store)
    worker.run(plan)
    worker.finish()
    assert store.content() == at_once.content()
    assert worker.end_state() == reference.end_state()


@given(log=logs())
def test_record_by_record_gives_the_same_rows(log: Log) -> None:
    at_once, reference = folded_at_once(log)
    store = ModelStore()
    worker = Worker(log, store)
    worker.run([Step(size=1, again=1, wide=False, take=True)] * len(log.records))
    worker.finish()
    assert store.content() == at_once.content()
    assert worker.end_state() == reference.end_state()


@given(log=logs(), plan=PLANS)
def test_counts_add_up_to_the_records_consumed_at_every_moment(log: Log, plan: list[Step]) -> None:
    worker = Worker(log, ModelStore())
    for step in plan:
        worker.step(step)
        counts = worker.fold.counts
        position = worker.fold.next_offset
        assert counts.consumed == sum(record.offset < position for record in log.records)
        assert counts.consumed == counts.folded + counts.duplicates + counts.dead_lettered
        assert counts.late <= counts.folded
    worker.finish()
    assert worker.fold.counts.consumed == len(log.records)
    assert len(worker.store.dead_letters) == worker.fold.counts.dead_lettered


@given(log=logs())
def test_dead_letter_carries_the_record_as_it_was(log: Log) -> None:
    store, _ = folded_at_once(log)
    records = {record.offset: record for record in log.records}
    for offset, letter in store.dead_letters.items():
        record = records[offset]
        assert (letter.value, letter.key, letter.appended_ms) == (
            record.value,
            record.key,
            record.appended_ms,
        )


@given(log=logs(), plan=PLANS)
def test_take_with_nothing_new_hands_over_nothing(log: Log, plan: list[Step]) -> None:
    worker = Worker(log, ModelStore())
    worker.run(plan)
    worker.flush()
    assert not worker.fold.is_dirty
    taken = worker.fold.take()
    assert not any(taken.rows.values())
    assert not taken.dead_letters
    assert not len(taken.checkpoint.fresh_ids)
    assert taken.checkpoint.previous_offset == taken.checkpoint.next_offset


@given(log=logs(), plan=PLANS, missing=st.integers(1, 9))
def test_gap_between_batches_breaks_the_flow_and_changes_nothing(
    log: Log, plan: list[Step], missing: int
) -> None:
    worker = Worker(log, ModelStore())
    worker.run(plan)
    before = worker.fold.next_offset
    with pytest.raises(BrokenFlowError, match=f"expected offset {before}"):
        worker.fold.fold(log.batch(before + missing, before + missing + 5))
    assert worker.fold.next_offset == before
    store = ModelStore()
    reference = Worker(log, store)
    reference.run(plan)
    assert worker.end_state() == reference.end_state()


@given(log=logs(), plan=PLANS)
def test_batch_that_was_folded_before_is_trimmed_to_nothing(log: Log, plan: list[Step]) -> None:
    worker = Worker(log, ModelStore())
    worker.run(plan)
    worker.flush()
    counts, position = worker.fold.take().checkpoint.counts, worker.fold.next_offset
    worker.feed(0, position)
    assert (worker.fold.counts, worker.fold.next_offset) == (counts, position)
    assert not worker.fold.is_dirty


@given(log=logs(), plan=PLANS)
def test_memory_holds_only_what_the_watermark_leaves_open(log: Log, plan: list[Step]) -> None:
    policy = log.policy
    worker = Worker(log, ModelStore())
    for step in plan:
        worker.step(step)
        worker.flush()
        now_ms = worker.fold.watermark.now_ms
        current_slice = 1 + worker.fold.counts.late // policy.late_per_slice
        for tally in worker.fold.tallies.values():
            for *_, window_ms, late_slice in tally.snapshot().by_key():
                if late_slice:
                    assert late_slice == current_slice
                else:
                    assert int(window_ms) + policy.window_ms > now_ms
                assert int(window_ms) <= worker.fold.watermark.newest_ms
        assert worker.fold.remembered <= 2 * policy.dedup_ids


def test_there_is_a_fold_for_every_event_topic() -> None:
    assert all(fold.topic.name == name for name, fold in FOLDS.items())
    assert len(FOLDS) == 5
