"""The report over both stores, against figures worked out by hand from ``hand_show``."""

from __future__ import annotations

import pytest

from reports import build_report, list_rooms
from schemas.errors import UsageError
from schemas.store import Store
from tests.fixtures.report_show import write_gala, write_hand_show
from tests.fixtures.report_store import MemoryStore


def test_every_metric_is_what_the_show_adds_up_to(store: Store) -> None:
    write_hand_show(store)
    report = build_report(store, "paris-1")
    # EUR: o1 120.00 + o2 60.00 + o4 12.34; refunds 20.00 (o1) and 60.00 (o2); 5 views.
    assert {m.key: m.value for m in report.headline.measures} == {
        "gmv": 19_234,
        "refund": 8_000,
        "net_gmv": 11_234,
        "discount": 500,
        "orders": 3,
        "sku_orders": 4,
        "units": 7,
        "aov": 6_411,  # 19,234 / 3 = 6,411.33
        "gpm": 3_846_800,  # 19,234 / 5 x 1,000
        "show_gpm": 1_923_400,  # 19,234 / 10 x 1,000
        "refunds": 2,
        "refunded_orders": 2,
        "refunded_units": 3,
        "refund_rate": 0.41593,  # 8,000 / 19,234 = 0.4159301...
        "refunded_order_rate": 0.666667,
        "placed": 4,
        "cancelled": 1,
        "cancel_rate": 0.25,
    }
    # All currencies: 4 orders with 5 lines; viewers a b c d, clickers and buyers a b.
    assert {m.key: m.value for m in report.measures} == {
        "room_orders": 4,
        "room_sku_orders": 5,
        "views": 5,
        "viewers": 4,
        "impressions": 10,
        "clicks": 3,
        "clickers": 2,
        "carts": 1,
        "buyers": 2,
        "live_ctr": 0.6,
        "product_ctr": 0.3,
        "cart_rate": 0.333333,
        "ctor_sku": 1.666667,
        "ctor_main": 1.333333,
        "order_rate": 1.0,
        "conversion": 0.5,
        "visitor_conversion": 1.0,
        "pcu": 4,
        "acu": 2.316667,  # (4 x 70 + 3 x 170 + 2 x 300) / 600 = 1,390 / 600
        "watch_per_view": 302_000,  # (70 + 240 + 540 + 540 + 120) s / 5
        "watch_per_viewer": 377_500,
        "chats": 3,
        "chatters": 2,
        "comment_rate": 0.6,
        "comments_per_viewer": 0.75,
        "likes": 12,
        "likers": 1,
        "like_rate": 2.4,
        "likes_per_viewer": 3.0,
    }


@pytest.mark.parametrize("room_id", ["paris-1", "tokyo-1"])
def test_the_store_in_memory_answers_as_the_real_ones_do(store: Store, room_id: str) -> None:
    memory = MemoryStore()
    for each in (store, memory):
        write_hand_show(each)
    assert build_report(store, room_id) == build_report(memory, room_id)


def test_an_evening_of_thousands_of_views_is_reported_alike_by_all_stores(store: Store) -> None:
    memory = MemoryStore()
    room_id = write_gala(memory)
    assert write_gala(store) == room_id
    report = build_report(store, room_id)
    assert report == build_report(memory, room_id)
    assert report.reconciliation.agrees


def test_totals_are_those_of_the_room_summary_view(store: Store) -> None:
    room_id = write_gala(store)
    report = build_report(store, room_id)
    sql = "SELECT * FROM room_summary WHERE room_id = %(room_id)s"
    summary = {row["currency"]: row for row in store.query(sql, {"room_id": room_id})}
    for sales in report.currencies:
        row = summary[sales.currency]
        values = {m.key: m.value for m in sales.measures}
        assert values["gmv"] == row["gmv_minor"]
        assert values["net_gmv"] == row["net_gmv_minor"]
        assert values["orders"] == row["orders"]
        assert values["units"] == row["units"]
    own = summary["EUR"]
    for key in ("views", "viewers", "clicks", "clickers", "buyers", "chatters", "likes", "likers"):
        assert report.measure(key).value == own[key]


def test_a_room_that_does_not_exist_is_answered_with_its_likeness(store: Store) -> None:
    write_hand_show(store)
    with pytest.raises(UsageError) as caught:
        build_report(store, "paris-l")
    assert "paris-1" in caught.value.hint


def test_all_rooms_are_listed_the_latest_first(store: Store) -> None:
    write_hand_show(store)
    assert [(room.room_id, room.views, room.orders) for room in list_rooms(store)] == [
        ("tokyo-1", 0, 1),
        ("paris-1", 5, 4),
    ]
