"""The fold against a naive oracle, and against itself with duplicates and disorder mixed in."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.rows import COLUMNS
from streams.fold import Row
from tests.properties.model import VALUES, ModelStore, Worker, folded_at_once
from tests.properties.oracle import Totals, expect
from tests.properties.strategies import (
    PLANS,
    Log,
    Numbers,
    Step,
    encode,
    garbage,
    logs,
    make_event,
    renumbered,
    sound_events,
)


def totals(store: ModelStore) -> Totals:
    """The window rows as a reader sums them: over slices (there is one partition here)."""
    summed: Totals = defaultdict(lambda: defaultdict(Counter))
    for table, values in VALUES.items():
        at = COLUMNS[table].index("window_start")
        for row in store.windows[table].values():
            summed[table][row[: at + 1]].update(
                dict(zip(values, map(int, row[-len(values) :]), strict=True))
            )
    return summed


def without_zeros(summed: Totals) -> dict[str, dict[tuple[Any, ...], dict[str, int]]]:
    """For comparison: a column that nobody added to is the same as 0."""
    return {
        table: {key: {name: n for name, n in one.items() if n} for key, one in rows.items()}
        for table, rows in summed.items()
        if rows
    }


def rows_without_offsets(store: ModelStore) -> dict[str, set[Row]]:
    """All rows, without the columns that say where in the log they come from."""
    offsets = {"version", "kafka_offset"}
    tables: dict[str, list[Row]] = {
        **{table: list(rows.values()) for table, rows in store.windows.items()},
        "audience_in": list(store.audience),
        "ledger": list(store.ledger.values()),
        "room_event": list(store.room_events.values()),
    }
    return {
        table: {
            tuple(v for name, v in zip(COLUMNS[table], row, strict=True) if name not in offsets)
            for row in rows
        }
        for table, rows in tables.items()
    }


@given(log=logs(), plan=PLANS)
def test_every_total_equals_that_of_a_naive_oracle(log: Log, plan: list[Step]) -> None:
    expected = expect(log)
    store = ModelStore()
    worker = Worker(log, store)
    worker.run(plan)
    worker.finish()

    assert without_zeros(totals(store)) == without_zeros(expected.totals)
    assert store.audience == expected.people
    assert {
        (str(row[0]), str(row[1])): (row[-2], row[9]) for row in store.ledger.values()
    } == expected.ledger
    assert {key: row[-2] for key, row in store.room_events.items()} == expected.facts
    reasons = {offset: letter.reason for offset, letter in store.dead_letters.items()}
    assert reasons == expected.refused
    counts = worker.fold.counts
    assert (counts.folded, counts.duplicates, counts.late, counts.dead_lettered) == (
        expected.folded,
        expected.duplicates,
        expected.late,
        len(expected.refused),
    )


@given(log=logs((topics.PURCHASES,)))
def test_windows_and_ledger_hold_the_same_money(log: Log) -> None:
    store, _ = folded_at_once(log)
    at = {name: i for i, name in enumerate(COLUMNS["ledger"])}
    ledger: Counter[tuple[str, str]] = Counter()
    for row in store.ledger.values():
        if row[at["kind"]] != "cancel":
            ledger[str(row[at["kind"]]), str(row[at["currency"]])] += int(row[at["amount_minor"]])
    windows: Counter[tuple[str, str]] = Counter()
    for key, values in totals(store)["sales_window"].items():
        windows["order", key[2]] += values["gmv_minor"]
        windows["refund", key[2]] += values["refund_minor"]
    assert +windows == +ledger


@given(log=sound_events(), data=st.data())
def test_duplicates_within_the_horizon_change_no_row(log: Log, data: st.DataObject) -> None:
    store, worker = folded_at_once(log)
    values: list[tuple[int, bytes | None]] = []
    copies = 0
    for index, record in enumerate(log.records):
        values.append((record.appended_ms, record.value))
        for back in data.draw(st.lists(st.integers(0, index), max_size=2)):
            values.append((record.appended_ms, log.records[back].value))
            copies += 1
    noisy, noisy_worker = folded_at_once(renumbered(log, values))
    assert rows_without_offsets(noisy) == rows_without_offsets(store)
    assert noisy_worker.fold.counts.folded == worker.fold.counts.folded
    assert noisy_worker.fold.counts.duplicates == copies
    assert noisy_worker.fold.watermark.newest_ms == worker.fold.watermark.newest_ms


@given(log=sound_events(), data=st.data())
def test_disorder_within_the_allowed_lateness_changes_no_row(log: Log, data: st.DataObject) -> None:
    store, worker = folded_at_once(log)
    lateness_ms = log.policy.allowed_lateness_ms
    delays = [data.draw(st.integers(0, lateness_ms)) for _ in log.records]
    delayed = sorted(
        (record.appended_ms + delay, index)
        for index, (record, delay) in enumerate(zip(log.records, delays, strict=True))
    )
    values = [(appended_ms, log.records[index].value) for appended_ms, index in delayed]
    shuffled, shuffled_worker = folded_at_once(renumbered(log, values))
    assert rows_without_offsets(shuffled) == rows_without_offsets(store)
    assert shuffled_worker.fold.counts.late == worker.fold.counts.late == 0


@given(log=sound_events(), data=st.data())
def test_any_disorder_changes_no_total_but_the_late_ones(log: Log, data: st.DataObject) -> None:
    store, _ = folded_at_once(log)
    order = data.draw(st.permutations(range(len(log.records))))
    end_ms = max((record.appended_ms for record in log.records), default=0)
    values = [(end_ms, log.records[index].value) for index in order]
    shuffled, worker = folded_at_once(renumbered(log, values))
    summed, before = totals(shuffled), totals(store)
    late = sum(one.pop("late", 0) for one in summed["activity_window"].values())
    for one in before["activity_window"].values():
        one.pop("late", None)
    assert without_zeros(summed) == without_zeros(before)
    assert shuffled.audience == store.audience
    if log.topic is not topics.ROOMS:
        assert late == worker.fold.counts.late


@given(log=sound_events(), data=st.data())
def test_unreadable_and_far_ahead_records_move_nothing(log: Log, data: st.DataObject) -> None:
    store, worker = folded_at_once(log)
    values: list[tuple[int, bytes | None]] = []
    for index, record in enumerate(log.records):
        for number in data.draw(st.lists(st.integers(0, 13), max_size=2)):
            ahead_ms = record.appended_ms + log.policy.max_ahead_ms + 1 + 50_000 * number
            event = make_event(log.topic, f"ahead-{index}-{number}", ahead_ms, Numbers(number))
            far_ahead = encode(event)
            bad = far_ahead if number > 9 else garbage(log.topic, event, number)
            values.append((record.appended_ms, bad))
        values.append((record.appended_ms, record.value))
    noisy, noisy_worker = folded_at_once(renumbered(log, values))
    assert rows_without_offsets(noisy) == rows_without_offsets(store)
    assert noisy_worker.fold.watermark.newest_ms == worker.fold.watermark.newest_ms
    assert noisy_worker.fold.counts.dead_lettered == len(values) - len(log.records)


@given(log=sound_events())
def test_record_at_the_limit_of_being_ahead_is_folded(log: Log) -> None:
    early = [(record.appended_ms - log.policy.max_ahead_ms, record.value) for record in log.records]
    store, worker = folded_at_once(renumbered(log, list(early)))
    assert worker.fold.counts.dead_lettered == 0
    one_earlier = [(appended_ms - 1, value) for appended_ms, value in early]
    _, quarantined = folded_at_once(renumbered(log, list(one_earlier)))
    assert quarantined.fold.counts.dead_lettered == len(log.records)
    assert quarantined.fold.watermark.newest_ms == 0
    assert not store.dead_letters
