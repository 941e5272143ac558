"""A death at any moment, and a restart from any checkpoint, change nothing in the end."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.rows import COLUMNS
from streams.windows import WindowPolicy
from tests.properties.model import ModelStore, Worker, folded_at_once
from tests.properties.strategies import PLANS, Log, Record, Step, logs, sound_events


@dataclass(frozen=True)
class Life:
    """What a worker does until it dies.

    Attributes:
        plan: the batches it folds.
        torn: the tables it still writes of a last flush, before it dies without a checkpoint.
        back: how many checkpoints before the newest its successor restores; it may not see the
            newest ones, or be a zombie itself.
    """

    plan: list[Step]
    torn: frozenset[str] | None
    back: int


_TABLES = sorted({*COLUMNS, "dead_letter"})
LIVES = st.lists(
    st.builds(
        Life,
        plan=PLANS,
        torn=st.none() | st.frozensets(st.sampled_from(_TABLES)),
        back=st.sampled_from((0, 0, 0, 1, 2, 99)),
    ),
    min_size=1,
    max_size=4,
)


def checkpoint_to_restore(store: ModelStore, back: int) -> int | None:
    """The offset of a checkpoint, counted from the newest; ``None`` to begin from nothing."""
    newest_first = sorted(store.checkpoints, reverse=True)
    return newest_first[back] if back < len(newest_first) else None


def live_and_die(log: Log, lives: list[Life]) -> Worker:
    """One worker after the other; the last one lives to the end."""
    store = ModelStore()
    worker = Worker(log, store)
    for life in lives:
        worker.run(life.plan)
        if life.torn is not None:
            worker.die_flushing(life.torn)
        worker = Worker(log, store, checkpoint_to_restore(store, life.back))
    worker.finish()
    return worker


@given(log=logs(), lives=LIVES)
def test_deaths_and_restarts_from_any_checkpoint_change_nothing(
    log: Log, lives: list[Life]
) -> None:
    at_once, reference = folded_at_once(log)
    worker = live_and_die(log, lives)
    assert worker.store.content() == at_once.content()
    assert worker.end_state() == reference.end_state()


TIGHT = st.builds(
    WindowPolicy,
    allowed_lateness_ms=st.sampled_from((0, 30_000)),
    dedup_ids=st.integers(1, 4),
)


@given(log=logs((topics.PURCHASES, topics.LIKES), TIGHT, max_records=60), lives=LIVES)
def test_restart_with_a_small_dedup_memory_changes_nothing(log: Log, lives: list[Life]) -> None:
    at_once, reference = folded_at_once(log)
    worker = live_and_die(log, lives)
    assert worker.store.content() == at_once.content()
    assert worker.end_state() == reference.end_state()


@given(log=logs(max_records=25), plan=PLANS)
def test_every_checkpoint_of_a_finished_run_leads_to_the_same_end(
    log: Log, plan: list[Step]
) -> None:
    # The store already holds the rows, ledger entries and ids of everything after it.
    store = ModelStore()
    first = Worker(log, store)
    first.run(plan)
    first.finish()
    content, end = {**store.content()}, first.end_state()
    for at in sorted(store.checkpoints):
        again = Worker(log, store, at)
        again.run([Step(size=3, again=0, wide=True, take=True)] * 3)
        again.finish()
        assert store.content() == content
        assert again.end_state() == end


@given(log=sound_events((topics.PURCHASES,), TIGHT), plan=PLANS)
def test_after_a_restart_no_purchase_of_the_past_is_accepted_again(
    log: Log, plan: list[Step]
) -> None:
    store = ModelStore()
    first = Worker(log, store)
    first.run(plan)
    first.finish()
    end_ms = max((record.appended_ms for record in log.records), default=0)
    for at in sorted(store.checkpoints):
        past = [record.value for record in log.records if record.offset < at]
        copies = [Record(at + n, end_ms, value) for n, value in enumerate(past)]
        again = Worker(replace(log, records=tuple(copies)), store, at)
        before = again.fold.counts.folded
        again.feed(at, at + len(copies))
        assert again.fold.counts.folded == before == at
        assert again.fold.counts.duplicates == len(copies)


@given(log=logs(), plan=PLANS, lost=st.integers(1, 50))
def test_gap_left_by_retention_is_counted_and_survives_a_restart(
    log: Log, plan: list[Step], lost: int
) -> None:
    store = ModelStore()
    worker = Worker(log, store)
    worker.run(plan)
    position = worker.fold.next_offset
    worker.fold.skip_gap(position + lost)
    worker.fold.skip_gap(position)  # the log begins below: nothing is missing
    worker.flush()
    again = Worker(log, store, position + lost)
    assert again.fold.counts == worker.fold.counts
    assert again.fold.counts.gap == lost
    assert again.fold.next_offset == position + lost
