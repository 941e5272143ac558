from __future__ import annotations

from typing import Any

from reports.markers import read_markers
from reports.model import MarkerSales
from tests.fixtures.report_show import START_MS, Show, hand_show
from tests.fixtures.report_store import MemoryStore


def event(at_ms: int, kind: str, product_id: str = "bag", **values: Any) -> dict[str, Any]:
    filler = {"title": "", "price_minor": 0, "coupon_id": ""}
    return {
        "occurred_at_ms": START_MS + at_ms,
        "type": kind,
        "product_id": product_id,
        **filler,
        **values,
    }


def spans(
    events: list[dict[str, Any]], ended_ms: int | None = None
) -> list[tuple[str, int, int | None]]:
    markers = read_markers(MemoryStore(), "r", events, ended_ms, START_MS + 600_000)
    return [
        (m.kind, m.start_ms - START_MS, None if m.end_ms is None else m.end_ms - START_MS)
        for m in markers
    ]


def test_a_start_is_paired_with_the_next_end_of_the_same_product() -> None:
    events = [
        event(1_000, "explanation_started"),
        event(2_000, "explanation_started", "hat"),
        event(3_000, "flash_sale_started"),
        event(4_000, "explanation_ended"),
        event(5_000, "flash_sale_ended"),
        event(6_000, "explanation_ended", "hat"),
    ]
    assert spans(events) == [
        ("explanation", 1_000, 4_000),
        ("explanation", 2_000, 6_000),
        ("flash_sale", 3_000, 5_000),
    ]


def test_what_the_host_left_open_ends_with_the_show() -> None:
    events = [event(1_000, "explanation_started")]
    assert spans(events) == [("explanation", 1_000, None)]
    assert spans(events, START_MS + 9_000) == [("explanation", 1_000, 9_000)]


def test_a_second_start_without_an_end_closes_the_first() -> None:
    events = [event(1_000, "explanation_started"), event(5_000, "explanation_started")]
    assert spans(events, START_MS + 9_000) == [
        ("explanation", 1_000, 5_000),
        ("explanation", 5_000, 9_000),
    ]


def test_an_end_without_a_start_is_nothing() -> None:
    assert spans([event(1_000, "flash_sale_ended")]) == []


def test_pins_and_coupons_are_moments() -> None:
    events = [
        event(1_000, "product_listed", title="Bag"),
        event(2_000, "product_pinned"),
        event(3_000, "coupon_dropped", "", coupon_id="TEN"),
    ]
    found = read_markers(MemoryStore(), "r", events, None, START_MS)
    assert [(m.kind, m.label, m.end_ms) for m in found] == [
        ("pin", "Bag", None),
        ("coupon", "TEN", None),
    ]


def test_a_span_has_what_its_product_sold_in_it_by_currency() -> None:
    store, show = MemoryStore(), hand_show()
    show.write(store)
    events = list(store.tables["room_event"])
    events.sort(key=lambda row: (row["occurred_at_ms"], row["event_id"]))
    explanation, flash, pin, coupon = read_markers(store, "paris-1", events, None, START_MS)
    # 30 s to 150 s: clicks of a and b; o1 (3 bags), o2 and, in USD, o3.
    assert (explanation.clicks, explanation.label) == (2, "Leather bag")
    assert explanation.sales == [
        MarkerSales(currency="EUR", orders=2, units=4, gmv_minor=16_000),
        MarkerSales(currency="USD", orders=1, units=1, gmv_minor=7_000),
    ]
    # 60 s to 120 s: o1 alone.
    assert (flash.clicks, flash.price_minor) == (0, 3_500)
    assert flash.sales == [MarkerSales(currency="EUR", orders=1, units=3, gmv_minor=10_000)]
    assert (pin.kind, pin.sales, coupon.label) == ("pin", [], "TEN-OFF")


def test_hundreds_of_spans_are_read_in_few_queries_and_counted_once() -> None:
    store, show = MemoryStore(), Show("r", "k", "EUR")
    show.order(5_000, "u", "o", [("bag", 1, 100)])
    show.write(store)
    events = [event(n * 1_000, "explanation_started") for n in range(450)]
    found = read_markers(store, "r", events, START_MS + 600_000, START_MS)
    assert len(store.asked) == 3
    # The sale's window begins with the first span, which lasts a second.
    assert found[0].sales == [MarkerSales(currency="EUR", orders=1, units=1, gmv_minor=100)]
    assert [marker.sales for marker in found[1:]] == [[]] * 449


def test_a_window_that_begins_as_a_span_ends_is_no_part_of_it() -> None:
    store, show = MemoryStore(), Show("r", "k", "EUR")
    show.order(10_000, "u", "o1", [("bag", 1, 100)])
    show.order(20_000, "u", "o2", [("bag", 1, 900)])
    show.write(store)
    events = [
        event(10_000, "flash_sale_started"),
        event(20_000, "flash_sale_ended"),
        event(20_000, "explanation_started"),
    ]
    flash, explanation = read_markers(store, "r", events, None, START_MS + 60_000)
    assert explanation.sales == [MarkerSales(currency="EUR", orders=1, units=1, gmv_minor=900)]
    assert flash.sales == [MarkerSales(currency="EUR", orders=1, units=1, gmv_minor=100)]
