"""The views on small data; every expected figure was worked out by hand."""

from __future__ import annotations

import pytest

from schemas.store import Row, Store
from tests.contract.rows import TEN, activity, entry, insert_rows, sales, seen, select, started

MINUTE_0 = TEN
MINUTE_1 = TEN + 60


@pytest.fixture
def show(store: Store) -> Store:
    """Four rooms, three KOLs, three currencies.

    kol_a hosts r1 and r2 in EUR, kol_b hosts r4 in USD, nobody is known to host r3. kol_b also
    sells in r1, where somebody pays in USD too. u1 buys and views in both rooms of kol_a.
    """
    insert_rows(
        store,
        "room_event",
        started("r1", "kol_a", "EUR"),
        started("r2", "kol_a", "EUR"),
        started("r4", "kol_b", "USD"),
        {
            "room_id": "r3",
            "occurred_at_ms": TEN * 1000,
            "event_id": "pin",
            "type": "product_pinned",
        },
    )
    insert_rows(
        store,
        "activity_window",
        activity(
            "r1", TEN, events=5, views=3, leaves=1, watch_ms=60_000,
            impressions=4, clicks=2, carts=1, chats=1, likes=10,
        ),
        activity("r1", TEN + 50, 1, views=2, likes=5),
        activity("r1", TEN, late_slice=(TEN + 90) * 1000, views=1, late=1),
        activity("r1", TEN + 60, views=4),
        activity("r2", TEN, views=7),
        activity("r3", TEN, views=8),
        activity("r4", TEN, views=16),
    )  # fmt: skip
    insert_rows(
        store,
        "sales_window",
        sales(
            "r1", "kol_a", "EUR", TEN,
            orders=2, sku_orders=3, units=5, gmv_minor=3000, discount_minor=100,
        ),
        sales("r1", "kol_a", "EUR", TEN, 1, orders=1, sku_orders=1, units=1, gmv_minor=500),
        sales("r1", "kol_b", "EUR", TEN + 10, orders=1, sku_orders=1, units=1, gmv_minor=700),
        sales("r1", "kol_a", "USD", TEN, orders=1, sku_orders=1, units=1, gmv_minor=900),
        sales(
            "r1", "kol_a", "EUR", TEN + 60,
            cancelled=1, refunds=1, refunded_units=2, refund_minor=1000,
        ),
        sales("r2", "kol_a", "EUR", TEN, orders=1, sku_orders=1, units=1, gmv_minor=100),
        sales("r3", "kol_c", "JPY", TEN, orders=1, sku_orders=1, units=2, gmv_minor=50_000),
        sales("r4", "kol_b", "USD", TEN, orders=1, sku_orders=1, units=1, gmv_minor=900),
    )  # fmt: skip
    insert_rows(
        store,
        "ledger",
        entry("order", "o1", "r1", "kol_a", "EUR", 2000, TEN, user="u1", offset=1),
        entry("order", "o2", "r1", "kol_a", "EUR", 1000, TEN, user="u5", offset=2),
        entry("order", "o3", "r1", "kol_a", "EUR", 500, TEN, user="u1", offset=3),
        entry("order", "o4", "r1", "kol_b", "EUR", 700, TEN + 10, user="u2", offset=4),
        entry("order", "o5", "r1", "kol_a", "USD", 900, TEN, user="u1", offset=5),
        entry("refund", "f1", "r1", "kol_a", "EUR", 1000, TEN + 60, user="u5", offset=6),
        entry("cancel", "c1", "r1", "kol_a", "EUR", 0, TEN + 60, user="u8", offset=7),
        entry("order", "o6", "r2", "kol_a", "EUR", 100, TEN, user="u1", offset=8),
        entry("order", "o7", "r3", "kol_c", "JPY", 50_000, TEN, user="u7", offset=9),
        entry("order", "o8", "r4", "kol_b", "USD", 900, TEN, user="u9", offset=10),
    )
    insert_audience(store)
    return store


def insert_audience(store: Store) -> None:
    insert_rows(
        store,
        "audience_in",
        seen("r1", "viewer", MINUTE_0, "u1"),
        seen("r1", "viewer", MINUTE_0, "u2"),
        seen("r1", "viewer", MINUTE_1, "u2"),
        seen("r1", "viewer", MINUTE_1, "u3"),
        seen("r1", "chatter", MINUTE_0, "u1"),
        seen("r1", "liker", MINUTE_0, "u1"),
        seen("r1", "liker", MINUTE_1, "u2"),
        seen("r1", "clicker", MINUTE_0, "u1"),
        seen("r1", "buyer", MINUTE_0, "u1", "kol_a"),
        seen("r1", "buyer", MINUTE_0, "u5", "kol_a"),
        seen("r1", "buyer", MINUTE_0, "u2", "kol_b"),
        seen("r2", "viewer", MINUTE_0, "u1"),
        seen("r2", "viewer", MINUTE_0, "u4"),
        seen("r2", "buyer", MINUTE_0, "u1", "kol_a"),
        seen("r3", "viewer", MINUTE_0, "u1"),
        seen("r3", "buyer", MINUTE_0, "u7", "kol_c"),
        seen("r4", "viewer", MINUTE_0, "u9"),
        seen("r4", "buyer", MINUTE_0, "u9", "kol_b"),
    )


ROOM_FIGURES = (
    "views", "leaves", "watch_ms", "impressions", "clicks", "carts", "chats", "likes", "viewers",
    "buyers", "orders", "sku_orders", "units", "gmv_minor", "discount_minor", "cancelled",
    "refunds", "refunded_units", "refund_minor", "net_gmv_minor", "late",
)  # fmt: skip


def figures(row: Row) -> Row:
    """The figures of a row that are not zero."""
    return {name: row[name] for name in ROOM_FIGURES if row[name]}


def test_a_room_is_described_by_what_its_host_did(show: Store) -> None:
    ended = {
        "room_id": "r1",
        "occurred_at_ms": (TEN + 3600) * 1000,
        "event_id": "end",
        "type": "room_ended",
    }
    insert_rows(show, "room_event", ended)
    insert_rows(show, "room_event", started("r1", "kol_a", "EUR"))
    rows = {row["room_id"]: row for row in show.query("SELECT * FROM room")}
    assert rows["r1"] == {
        "room_id": "r1",
        "kol_id": "kol_a",
        "brand": "brand of r1",
        "title": "title of r1",
        "currency": "EUR",
        "started_at_ms": TEN * 1000,
        "ended_at_ms": (TEN + 3600) * 1000,
    }
    assert (rows["r4"]["started_at_ms"], rows["r4"]["ended_at_ms"]) == (TEN * 1000, 0)
    assert (rows["r3"]["currency"], rows["r3"]["started_at_ms"]) == ("", 0)


def test_a_rooms_minutes_add_up_partitions_and_slices_and_keep_currencies_apart(
    show: Store,
) -> None:
    rows = {
        (row["room_id"], int(row["minute"].timestamp()), row["currency"]): figures(row)
        for row in show.query("SELECT * FROM room_minute")
    }
    assert rows == {
        ("r1", MINUTE_0, "EUR"): {
            "views": 6, "leaves": 1, "watch_ms": 60_000, "impressions": 4, "clicks": 2,
            "carts": 1, "chats": 1, "likes": 15, "viewers": 2, "buyers": 3, "orders": 4,
            "sku_orders": 5, "units": 7, "gmv_minor": 4200, "discount_minor": 100,
            "net_gmv_minor": 4200, "late": 1,
        },
        ("r1", MINUTE_0, "USD"): {
            "orders": 1, "sku_orders": 1, "units": 1, "gmv_minor": 900, "net_gmv_minor": 900,
        },
        ("r1", MINUTE_1, "EUR"): {
            "views": 4, "viewers": 2, "cancelled": 1, "refunds": 1, "refunded_units": 2,
            "refund_minor": 1000, "net_gmv_minor": -1000,
        },
        ("r2", MINUTE_0, "EUR"): {
            "views": 7, "viewers": 2, "buyers": 1, "orders": 1, "sku_orders": 1, "units": 1,
            "gmv_minor": 100, "net_gmv_minor": 100,
        },
        ("r3", MINUTE_0, ""): {"views": 8, "viewers": 1, "buyers": 1},
        ("r3", MINUTE_0, "JPY"): {
            "orders": 1, "sku_orders": 1, "units": 2, "gmv_minor": 50_000,
            "net_gmv_minor": 50_000,
        },
        ("r4", MINUTE_0, "USD"): {
            "views": 16, "viewers": 1, "buyers": 1, "orders": 1, "sku_orders": 1, "units": 1,
            "gmv_minor": 900, "net_gmv_minor": 900,
        },
    }  # fmt: skip


def test_a_rooms_summary_counts_a_person_once_over_the_show(show: Store) -> None:
    rows = {
        (row["room_id"], row["currency"]): (
            figures(row),
            (row["chatters"], row["likers"], row["clickers"]),
        )
        for row in show.query("SELECT * FROM room_summary")
    }
    assert rows.keys() == {
        ("r1", "EUR"), ("r1", "USD"), ("r2", "EUR"), ("r3", ""), ("r3", "JPY"), ("r4", "USD"),
    }  # fmt: skip
    assert rows["r1", "EUR"] == (
        {
            "views": 10, "leaves": 1, "watch_ms": 60_000, "impressions": 4, "clicks": 2,
            "carts": 1, "chats": 1, "likes": 15, "viewers": 3, "buyers": 3, "orders": 4,
            "sku_orders": 5, "units": 7, "gmv_minor": 4200, "discount_minor": 100,
            "cancelled": 1, "refunds": 1, "refunded_units": 2, "refund_minor": 1000,
            "net_gmv_minor": 3200, "late": 1,
        },
        (1, 2, 1),
    )  # fmt: skip
    assert rows["r1", "USD"] == (
        {"orders": 1, "sku_orders": 1, "units": 1, "gmv_minor": 900, "net_gmv_minor": 900},
        (0, 0, 0),
    )
    assert rows["r3", ""] == ({"views": 8, "viewers": 1, "buyers": 1}, (0, 0, 0))


@pytest.mark.parametrize("view", ["room", "room_minute", "room_summary", "reconciliation"])
def test_a_view_can_be_asked_for_one_room(show: Store, view: str) -> None:
    everything = show.query(f"SELECT * FROM {view}")
    for room in ("r1", "r2", "r3", "r4", "r5"):
        one = show.query(f"SELECT * FROM {view} WHERE room_id = %(room)s", {"room": room})
        expected = [row for row in everything if row["room_id"] == room]
        assert sorted(map(repr, one)) == sorted(map(repr, expected))


KOL_FIGURES = (
    "kol_id", "currency", "orders", "units", "gmv_minor", "refunds", "refund_minor",
    "net_gmv_minor", "buyers", "viewers", "views",
)  # fmt: skip


def test_a_kol_gets_the_sales_of_every_room_and_the_viewers_of_the_rooms_they_host(
    show: Store,
) -> None:
    assert select(show, "kol_total", *KOL_FIGURES) == [
        # u1 bought in r1 and r2 and counts once; u1 u2 u3 viewed r1, u1 u4 viewed r2
        ("kol_a", "EUR", 4, 7, 3600, 1, 1000, 2600, 2, 4, 17),
        ("kol_a", "USD", 1, 1, 900, 0, 0, 900, 1, 0, 0),
        ("kol_b", "EUR", 1, 1, 700, 0, 0, 700, 1, 0, 0),
        ("kol_b", "USD", 1, 1, 900, 0, 0, 900, 1, 1, 16),
        ("kol_c", "JPY", 1, 2, 50_000, 0, 0, 50_000, 1, 0, 0),
    ]


def test_the_leaderboard_ranks_the_totals_within_each_currency(show: Store) -> None:
    assert select(show, "kol_leaderboard", "currency", "rank", *KOL_FIGURES) == [
        ("EUR", 1, "kol_a", "EUR", 4, 7, 3600, 1, 1000, 2600, 2, 4, 17),
        ("EUR", 2, "kol_b", "EUR", 1, 1, 700, 0, 0, 700, 1, 0, 0),
        ("JPY", 1, "kol_c", "JPY", 1, 2, 50_000, 0, 0, 50_000, 1, 0, 0),
        ("USD", 1, "kol_a", "USD", 1, 1, 900, 0, 0, 900, 1, 0, 0),
        ("USD", 2, "kol_b", "USD", 1, 1, 900, 0, 0, 900, 1, 1, 16),
    ]


def test_ties_go_to_more_orders_and_then_to_the_smaller_kol(store: Store) -> None:
    insert_rows(
        store,
        "sales_window",
        sales("r", "k_refunded", "EUR", TEN, orders=9, gmv_minor=50, refund_minor=100),
        sales("r", "k_one_order", "EUR", TEN, orders=1, gmv_minor=100),
        sales("r", "k_zeta", "EUR", TEN, orders=2, gmv_minor=100),
        sales("r", "k_alpha", "EUR", TEN, orders=2, gmv_minor=150, refund_minor=50),
        sales("r", "k_best", "EUR", TEN, orders=1, gmv_minor=101),
        sales("r", "k_zeta", "USD", TEN, orders=1, gmv_minor=1),
    )
    assert select(store, "kol_leaderboard", "currency", "rank", "kol_id", "net_gmv_minor") == [
        ("EUR", 1, "k_best", 101),
        ("EUR", 2, "k_alpha", 100),
        ("EUR", 3, "k_zeta", 100),
        ("EUR", 4, "k_one_order", 100),
        ("EUR", 5, "k_refunded", -50),
        ("USD", 1, "k_zeta", 1),
    ]


def test_inserting_everything_again_changes_no_view(show: Store) -> None:
    views = ("room_minute", "room_summary", "kol_total", "reconciliation")
    before = {view: sorted(map(repr, show.query(f"SELECT * FROM {view}"))) for view in views}
    insert_audience(show)
    for table in ("activity_window", "sales_window", "ledger", "room_event"):
        copies = show.query(f"SELECT * FROM {table} FINAL")
        for row in copies:
            for name in ("window_start", "occurred_at"):
                if name in row:
                    row[name] = int(row[name].timestamp())
        for half in (copies[::2], copies[1::2]):
            insert_rows(show, table, *half)
    after = {view: sorted(map(repr, show.query(f"SELECT * FROM {view}"))) for view in views}
    assert after == before


# --- reconciliation and pipeline ----------------------------------------------------------------

RECONCILED = (
    "room_id", "minute", "currency",
    "window_orders", "ledger_orders", "orders_difference",
    "window_gmv_minor", "ledger_gmv_minor", "gmv_difference_minor",
    "window_refund_minor", "ledger_refund_minor", "refund_difference_minor",
)  # fmt: skip


def reconciled(store: Store) -> list[tuple[object, ...]]:
    rows = select(store, "reconciliation", *RECONCILED)
    return [(row[0], int(row[1].timestamp()), *row[2:]) for row in rows]


def test_windows_and_ledger_of_a_true_show_agree_in_every_minute(show: Store) -> None:
    assert reconciled(show) == [
        ("r1", MINUTE_0, "EUR", 4, 4, 0, 4200, 4200, 0, 0, 0, 0),
        ("r1", MINUTE_0, "USD", 1, 1, 0, 900, 900, 0, 0, 0, 0),
        ("r1", MINUTE_1, "EUR", 0, 0, 0, 0, 0, 0, 1000, 1000, 0),
        ("r2", MINUTE_0, "EUR", 1, 1, 0, 100, 100, 0, 0, 0, 0),
        ("r3", MINUTE_0, "JPY", 1, 1, 0, 50_000, 50_000, 0, 0, 0, 0),
        ("r4", MINUTE_0, "USD", 1, 1, 0, 900, 900, 0, 0, 0, 0),
    ]


def test_what_only_one_side_knows_is_a_difference(store: Store) -> None:
    insert_rows(
        store,
        "sales_window",
        sales("r1", "k", "EUR", TEN, orders=1, gmv_minor=100),
        sales("r2", "k", "EUR", TEN, refunds=1, refund_minor=40),
    )
    insert_rows(
        store,
        "ledger",
        entry("order", "o1", "r1", "k", "EUR", 100, TEN + 59, offset=1),
        entry("order", "o2", "r1", "k", "EUR", 30, TEN + 59, offset=2),
        entry("refund", "f1", "r1", "k", "EUR", 7, TEN + 60, offset=3),
    )
    assert reconciled(store) == [
        ("r1", MINUTE_0, "EUR", 1, 2, -1, 100, 130, -30, 0, 0, 0),
        ("r1", MINUTE_1, "EUR", 0, 0, 0, 0, 0, 0, 0, 7, -7),
        ("r2", MINUTE_0, "EUR", 0, 0, 0, 0, 0, 0, 40, 0, 40),
    ]


def test_records_that_were_neither_folded_nor_recognised_nor_buried_are_unaccounted(
    store: Store,
) -> None:
    true = {"kafka_topic": "t", "next_offset": 10, "consumed": 10, "folded": 6, "duplicates": 3}
    insert_rows(
        store,
        "checkpoint",
        {**true, "dead_lettered": 1},
        {**true, "kafka_partition": 1},
        {**true, "kafka_partition": 2, "folded": 9},
        {**true, "kafka_partition": 3, "consumed": 1, "next_offset": 9},
        {**true, "kafka_partition": 3, "dead_lettered": 1},
    )
    assert select(store, "pipeline", "kafka_partition", "unaccounted") == [
        (0, 0), (1, 1), (2, -2), (3, 0),
    ]  # fmt: skip
