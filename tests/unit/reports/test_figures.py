"""The parts of the report of ``hand_show``, added up by hand."""

from __future__ import annotations

import pytest

from reports import Report, build_report
from reports.model import ModeTraffic, Period, TrafficSource
from tests.fixtures.report_show import MINUTE_MS, START_MS, Show, hand_show, write_hand_show
from tests.fixtures.report_store import MemoryStore


@pytest.fixture
def report() -> Report:
    store = MemoryStore()
    write_hand_show(store)
    return build_report(store, "paris-1")


def test_each_minute_has_its_own_sales_and_both_views_of_refunds(report: Report) -> None:
    sales = report.headline.minutes
    assert [m.minute_ms for m in sales] == [START_MS + n * MINUTE_MS for n in range(10)]
    assert [m.gmv_minor for m in sales] == [0, 12_000, 6_000, 0, 0, 0, 0, 0, 0, 0]
    assert [m.orders for m in sales] == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert [m.cancelled for m in sales] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    # Cash: 20.00 in minute 4 (60.00 come a day later). Cohort: where o1 and o2 were sold.
    assert [m.refund_minor for m in sales] == [0, 0, 0, 0, 2_000, 0, 0, 0, 0, 0]
    assert [m.cohort_refund_minor for m in sales] == [0, 2_000, 6_000, 0, 0, 0, 0, 0, 0, 0]


def test_each_minute_has_its_own_audience(report: Report) -> None:
    assert [m.online for m in report.minutes] == [4, 4, 3, 3, 2, 2, 2, 2, 2, 0]
    assert [m.views for m in report.minutes] == [4, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert [m.chats for m in report.minutes] == [0, 0, 3, 0, 0, 0, 0, 0, 0, 0]
    assert [m.likes for m in report.minutes] == [0, 0, 12, 0, 0, 0, 0, 0, 0, 0]
    assert report.minutes[0].clicks == 3


def test_what_happened_outside_of_the_show_is_in_periods_of_its_own(report: Report) -> None:
    def period(name: str, *sums: int) -> Period:
        fields = ("orders", "units", "gmv_minor", "refunds", "refund_minor", "cohort_refund_minor")
        return Period(period=name, **dict(zip(fields, sums, strict=True)))  # type: ignore[arg-type]

    assert report.headline.periods == [
        period("before", 0, 0, 0, 0, 0, 0),
        period("during", 2, 6, 18_000, 1, 2_000, 8_000),
        period("after", 1, 1, 1_234, 1, 6_000, 0),
    ]


def test_promotions_are_compared_side_by_side(report: Report) -> None:
    promos = {promo.key: promo for promo in report.headline.promos}
    assert list(promos) == ["none", "flash", "coupon", "group_buy", "share", "points"]
    none, flash, coupon = promos["none"], promos["flash"], promos["coupon"]
    assert (none.orders, none.units, none.gmv_minor, none.aov_minor) == (2, 2, 7_234, 3_617)
    assert (none.refund_minor, none.net_gmv_minor) == (6_000, 1_234)
    assert (none.refund_rate, none.refunded_order_rate) == (0.829417, 0.5)
    assert (flash.orders, flash.sku_orders, flash.units) == (1, 2, 5)
    assert (flash.gmv_minor, flash.discount_minor, flash.aov_minor) == (12_000, 500, 12_000)
    assert (flash.refund_rate, flash.refunded_order_rate) == (0.166667, 1.0)
    assert (coupon.orders, coupon.aov_minor, coupon.refund_rate) == (0, None, None)


def test_attribution_rules_add_up_to_the_total(report: Report) -> None:
    rules = {rule.key: (rule.orders, rule.gmv_minor) for rule in report.headline.attributions}
    assert rules == {"in_room": (2, 18_000), "click_24h": (1, 1_234)}


def test_attribution_rules_stand_from_the_shortest_window_to_the_longest() -> None:
    store, show = MemoryStore(), Show("r", "k", "EUR")
    for number, rule in enumerate(("click_14d", "click_7d", "in_room", "click_24h")):
        show.order(number, "u", f"o{number}", [("bag", 1, 100)], attribution=rule)
    show.write(store)
    rules = [rule.key for rule in build_report(store, "r").headline.attributions]
    assert rules == ["in_room", "click_24h", "click_7d", "click_14d"]


def test_products_have_traffic_of_the_room_and_sales_by_currency(report: Report) -> None:
    bag, scarf, hat = report.products
    assert (bag.title, bag.price_minor) == ("Leather bag", 6_000)
    assert (bag.impressions, bag.clicks, bag.carts, bag.sku_orders) == (8, 2, 1, 3)
    assert (bag.product_ctr, bag.ctor_sku) == (0.25, 1.5)
    assert (bag.explanations, bag.explained_ms) == (1, 120_000)
    assert (scarf.impressions, scarf.clicks, scarf.product_ctr, scarf.ctor_sku) == (2, 1, 0.5, 2.0)
    assert (hat.title, hat.impressions, hat.product_ctr, hat.ctor_sku) == (
        "Felt hat",
        0,
        None,
        None,
    )
    euros = {p.product_id: p for p in report.headline.products}
    assert (euros["bag"].orders, euros["bag"].units, euros["bag"].gmv_minor) == (2, 4, 16_000)
    assert (euros["bag"].refunded_units, euros["bag"].refund_rate) == (1, 0.375)
    assert (euros["scarf"].gmv_minor, euros["scarf"].net_gmv_minor) == (3_234, 1_234)
    assert [p.gmv_minor for p in report.currencies[1].products] == [7_000]


def test_amounts_in_another_currency_stand_apart(report: Report) -> None:
    assert [sales.currency for sales in report.currencies] == ["EUR", "USD"]
    dollars = {m.key: m.value for m in report.currencies[1].measures}
    assert (dollars["gmv"], dollars["orders"], dollars["refund"]) == (7_000, 1, 0)
    assert dollars["aov"] == 7_000


def test_views_are_told_apart_by_source_and_mode(report: Report) -> None:
    def source(name: str, views: int, live: int, replay: int, share: float) -> TrafficSource:
        return TrafficSource(
            source=name, views=views, live_views=live, replay_views=replay, share=share
        )

    assert report.sources == [
        source("feed", 2, 2, 0, 0.4),
        source("follow", 1, 0, 1, 0.2),
        source("qr", 1, 1, 0, 0.2),
        source("share", 1, 1, 0, 0.2),
    ]
    assert report.modes == [
        ModeTraffic(mode="live", views=4, leaves=4, watch_ms=1_390_000, watch_per_view_ms=347_500),
        ModeTraffic(mode="replay", views=1, leaves=1, watch_ms=120_000, watch_per_view_ms=120_000),
    ]


def test_each_step_of_a_funnel_is_a_share_of_the_one_before(report: Report) -> None:
    products, people = report.funnels
    assert [(s.key, s.value, s.of_previous, s.of_first) for s in products.steps] == [
        ("impressions", 10, None, 1.0),
        ("clicks", 3, 0.3, 0.3),
        ("carts", 1, 0.333333, 0.1),
        ("sku_orders", 5, 5.0, 0.5),
    ]
    assert [(s.key, s.value) for s in people.steps] == [
        ("views", 5),
        ("viewers", 4),
        ("clickers", 2),
        ("buyers", 2),
    ]


def test_kols_of_a_room_are_ranked_by_net_gmv_then_orders_then_name() -> None:
    store, show = MemoryStore(), Show("r", "zoe", "EUR")
    show.begin("Brand", "Title")
    show.enter(0, "v1")
    show.enter(0, "v2")
    show.order(1_000, "v1", "o1", [("bag", 1, 500)])
    show.order(2_000, "v2", "o2", [("bag", 1, 900)], kol_id="yan")
    show.refund(3_000, "r2", "o2", [("bag", 1, 400)])
    show.order(4_000, "v2", "o3", [("bag", 1, 250)], kol_id="bea")
    show.order(5_000, "v2", "o4", [("bag", 1, 250)], kol_id="bea")
    show.order(6_000, "v2", "o5", [("bag", 1, 500)], kol_id="abe")
    show.write(store)
    kols = build_report(store, "r").headline.kols
    # All are at a net of 5.00: bea has two orders, then abe, yan, zoe by name.
    assert [(k.rank, k.kol_id, k.net_gmv_minor) for k in kols] == [
        (1, "bea", 500),
        (2, "abe", 500),
        (3, "yan", 500),
        (4, "zoe", 500),
    ]
    by_name = {k.kol_id: k for k in kols}
    # Views and viewers belong to the host.
    assert (by_name["zoe"].viewers, by_name["zoe"].conversion) == (2, 0.5)
    assert (by_name["yan"].viewers, by_name["yan"].conversion) == (0, None)


def test_a_refund_of_a_sale_that_is_not_there_is_counted_and_named() -> None:
    store, show = MemoryStore(), hand_show()
    show.refund(5 * MINUTE_MS, "r9", "unknown", [("bag", 1, 777)])
    show.write(store)
    sales = build_report(store, "paris-1").headline
    assert sales.unmatched_refund_minor == 777
    assert sum(m.refund_minor for m in sales.minutes) == 2_777
    assert sum(m.cohort_refund_minor for m in sales.minutes) == 8_000


def test_windows_and_ledger_agree_minute_by_minute(report: Report) -> None:
    # Sales or refunds in minutes 1, 2, 4, 33 and 1,440.
    assert report.reconciliation.statement == (
        "reconciled: windows = ledger, difference 0 over 5 minutes"
    )
    assert report.reconciliation.agrees
    assert report.reconciliation.window_orders == report.reconciliation.ledger_orders == 4


def test_a_difference_is_named_with_its_minute_and_amount() -> None:
    store = MemoryStore()
    write_hand_show(store)
    store.tables["ledger"] = [row for row in store.tables["ledger"] if row["id"] != "o2"]
    found = build_report(store, "paris-1").reconciliation
    assert not found.agrees
    assert found.statement == "NOT reconciled: windows ≠ ledger in 1 of 5 minutes"
    (difference,) = found.differences
    assert difference.minute_ms == START_MS + 2 * MINUTE_MS
    assert (difference.currency, difference.orders, difference.gmv_minor) == ("EUR", 1, 6_000)


def test_a_difference_in_refunds_alone_is_a_difference() -> None:
    store = MemoryStore()
    write_hand_show(store)
    store.tables["ledger"] = [row for row in store.tables["ledger"] if row["id"] != "r1"]
    (difference,) = build_report(store, "paris-1").reconciliation.differences
    assert (difference.orders, difference.gmv_minor, difference.refund_minor) == (0, 0, 2_000)


def test_records_are_counted_over_the_partitions_that_carry_the_room(report: Report) -> None:
    quality = report.quality
    names = [(p.kafka_topic, p.kafka_partition) for p in quality.partitions]
    assert names == [("live.purchases", 0), ("live.rooms", 0), ("live.traffic", 0)]
    assert (quality.consumed, quality.folded, quality.duplicates) == (220, 216, 3)
    assert (quality.dead_lettered, quality.late, quality.gap, quality.unaccounted) == (1, 2, 0, 0)
    assert [(d.reason, d.records) for d in quality.dead_letters] == [("not_json", 1)]
    assert quality.complete


@pytest.mark.parametrize("column", ["gap", "consumed"])
def test_lost_or_unaccounted_records_make_the_figures_incomplete(column: str) -> None:
    store = MemoryStore()
    write_hand_show(store)
    for row in store.tables["checkpoint"]:
        row[column] += 1
    assert not build_report(store, "paris-1").quality.complete
