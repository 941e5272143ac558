from __future__ import annotations

import pytest

from reports import build_report, list_rooms
from reports.model import Header
from schemas.errors import UsageError
from tests.fixtures.report_show import (
    DAY_MS,
    MINUTE_MS,
    START_MS,
    Show,
    checkpoints,
    hand_show,
    write_hand_show,
)
from tests.fixtures.report_store import MemoryStore


def header(watermarks: dict[tuple[str, int], int], days: int = 14) -> Header:
    store = MemoryStore()
    hand_show().write(store)
    checkpoints(store, {(topic, n): START_MS + ms for (topic, n), ms in watermarks.items()})
    return build_report(store, "paris-1", refund_window_days=days).header


def test_a_room_is_live_until_it_has_ended() -> None:
    store = MemoryStore()
    write_hand_show(store)
    found = build_report(store, "tokyo-1").header
    assert (found.finality, found.final_from_ms, found.ended_at_ms) == ("live", None, None)


def test_an_ended_room_is_provisional_while_refunds_may_come() -> None:
    found = header({("live.purchases", 0): 14 * DAY_MS})
    assert found.finality == "provisional"
    assert found.final_from_ms == START_MS + 10 * MINUTE_MS + 14 * DAY_MS


def test_an_ended_room_is_final_once_the_refund_window_is_behind_the_watermark() -> None:
    assert header({("live.purchases", 0): 14 * DAY_MS + 10 * MINUTE_MS}).finality == "final"
    assert header({("live.purchases", 0): DAY_MS + 10 * MINUTE_MS}, days=1).finality == "final"


def test_one_purchases_partition_that_lags_keeps_a_room_provisional() -> None:
    watermarks = {("live.purchases", 0): 99 * DAY_MS, ("live.purchases", 1): DAY_MS}
    assert header(watermarks).finality == "provisional"


def test_progress_of_other_topics_makes_nothing_final() -> None:
    assert header({("live.traffic", 0): 99 * DAY_MS}).finality == "provisional"
    assert header({}).finality == "provisional"


def test_a_room_that_was_started_again_is_live() -> None:
    store, show = MemoryStore(), hand_show()
    show.host(20 * MINUTE_MS, "room_started", kol_id="mrbags", currency="EUR")
    show.write(store)
    assert build_report(store, "paris-1").header.finality == "live"


def test_as_of_is_the_watermark_of_the_partitions_that_carry_the_room() -> None:
    store = MemoryStore()
    write_hand_show(store)
    found = build_report(store, "paris-1").header
    assert found.as_of_ms == START_MS + 2 * DAY_MS
    assert found.sales_as_of_ms == START_MS + DAY_MS


def test_sales_are_as_of_the_slowest_partition_that_carries_them() -> None:
    store = MemoryStore()
    write_hand_show(store)
    elsewhere = {**store.tables["sales_window"][0], "kafka_partition": 1}
    store.tables["sales_window"].append({**elsewhere, "orders": 0, "gmv_minor": 0})
    found = build_report(store, "paris-1").header
    assert found.sales_as_of_ms == START_MS + 5
    assert found.as_of_ms == START_MS + 2 * DAY_MS


def test_as_of_is_unknown_before_the_first_checkpoint() -> None:
    found = header({})
    assert (found.as_of_ms, found.sales_as_of_ms) == (None, None)


def test_an_unknown_room_ends_in_a_sentence_and_the_closest_names() -> None:
    store = MemoryStore()
    write_hand_show(store)
    with pytest.raises(UsageError) as caught:
        build_report(store, "pariss-1")
    assert caught.value.sentence == "There is no room 'pariss-1'."
    assert caught.value.hint.startswith("Did you mean paris-1?")
    assert "liveshop report --list" in caught.value.hint


@pytest.mark.parametrize("filled", [True, False])
def test_an_unknown_room_unlike_any_other_points_to_the_list(filled: bool) -> None:
    store = MemoryStore()
    if filled:
        write_hand_show(store)
    with pytest.raises(UsageError, match="There is no room") as caught:
        build_report(store, "zzzzzz")
    assert "Did you mean" not in caught.value.hint
    assert "liveshop report --list" in caught.value.hint


def test_a_room_whose_start_was_never_read_is_reported_all_the_same() -> None:
    store, show = MemoryStore(), Show("lost", "k", "EUR")
    show.enter(0, "u")
    show.order(5_000, "u", "o", [("bag", 1, 100)])
    show.write(store)
    report = build_report(store, "lost")
    assert (report.header.currency, report.header.room_currency) == ("EUR", "")
    assert report.header.started_at_ms is None
    assert report.measure("gmv").value == 100
    assert len(report.minutes) == 1
    (listed,) = list_rooms(store)
    assert (listed.room_id, listed.started_at_ms, listed.views) == ("lost", None, 1)


def test_a_room_in_which_nothing_happened_has_zeros_and_dashes() -> None:
    store, show = MemoryStore(), Show("silent", "k", "EUR")
    show.begin("Brand", "Title")
    show.write(store)
    report = build_report(store, "silent")
    assert report.measure("gmv").value == 0
    assert report.measure("aov").value is None
    assert report.reconciliation.statement == "nothing to reconcile yet: no minute has a sale"
    assert not report.reconciliation.agrees


def test_the_headline_can_be_shown_in_another_currency_of_the_room() -> None:
    store = MemoryStore()
    write_hand_show(store)
    report = build_report(store, "paris-1", "USD")
    assert [sales.currency for sales in report.currencies] == ["USD", "EUR"]
    assert report.measure("gmv").value == 7_000
    assert report.header.room_currency == "EUR"


def test_a_currency_without_sales_is_refused_with_those_there_are() -> None:
    store = MemoryStore()
    write_hand_show(store)
    with pytest.raises(UsageError) as caught:
        build_report(store, "paris-1", "GBP")
    assert caught.value.hint == "It has sales in EUR, USD."
