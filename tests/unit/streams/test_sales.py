"""Orders, cancellations and refunds, with figures that can be checked by hand."""

from __future__ import annotations

from schemas.rows import FIRST_WINS
from streams.sales import SalesFold
from streams.windows import WindowPolicy
from tests.unit.streams.records import T0, cancellation, feed, next_batch, order, read, refund

COAT = ("coat", "coat-38", 1, 39_900)
SOCKS_M = ("socks", "socks-m", 3, 3_600)
SOCKS_L = ("socks", "socks-l", 2, 2_400)
SCARF = ("scarf", "scarf-red", 1, 12_200)


def new_fold(dedup_ids: int = 100) -> SalesFold:
    return SalesFold(0, WindowPolicy(dedup_ids=dedup_ids))


def test_basket_of_two_sizes_is_one_order_two_sku_orders_and_five_items() -> None:
    fold = new_fold()
    feed(fold, order("o1", 13, SOCKS_M, SOCKS_L, discount_minor=500))
    taken = fold.take()
    columns: tuple[str, ...] = (
        "window_start",
        "orders",
        "sku_orders",
        "units",
        "gmv_minor",
        "discount_minor",
    )
    assert read(taken, "sales_window", *columns) == [(T0 + 10, 1, 2, 5, 6_000, 500)]
    columns = ("product_id", "orders", "sku_orders", "units", "gmv_minor")
    assert read(taken, "product_window", *columns) == [("socks", 1, 2, 5, 6_000)]
    columns = ("room_id", "kol_id", "role", "minute", "user_id")
    assert read(taken, "audience_in", *columns) == [("room", "lena", "buyer", T0, "ann")]
    assert read(taken, "activity_window", "events", "late") == [(1, 0)]


def test_basket_of_two_products_is_an_order_of_each() -> None:
    fold = new_fold()
    feed(fold, order("o1", 3, SOCKS_M, SCARF))
    columns = ("product_id", "orders", "units", "gmv_minor")
    assert read(fold.take(), "product_window", *columns) == [
        ("scarf", 1, 1, 12_200),
        ("socks", 1, 3, 3_600),
    ]


def test_sales_are_kept_apart_by_kol_currency_promo_and_attribution() -> None:
    fold = new_fold()
    feed(
        fold,
        order("o1", 3, COAT),
        order("o2", 4, COAT, kol_id="mia"),
        order("o3", 5, COAT, currency="JPY"),
        order("o4", 6, COAT, promo="flash"),
        order("o5", 7, COAT, attribution="click_7d"),
        order("o6", 8, COAT),
    )
    columns = ("kol_id", "currency", "promo", "attribution", "orders", "gmv_minor")
    assert read(fold.take(), "sales_window", *columns) == [
        ("lena", "EUR", "flash", "in_room", 1, 39_900),
        ("lena", "EUR", "none", "click_7d", 1, 39_900),
        ("lena", "EUR", "none", "in_room", 2, 79_800),
        ("lena", "JPY", "none", "in_room", 1, 39_900),
        ("mia", "EUR", "none", "in_room", 1, 39_900),
    ]


def test_refund_is_booked_when_it_happens_and_leaves_gmv_alone() -> None:
    fold = new_fold()
    feed(
        fold,
        order("o1", 3, SOCKS_M, SOCKS_L),
        refund("r1", "o1", 25, ("socks", "socks-m", 1, 1_200), ("socks", "socks-l", 0, 300)),
    )
    taken = fold.take()
    columns = ("window_start", "orders", "gmv_minor", "refunds", "refunded_units", "refund_minor")
    rows = [(T0, 1, 6_000, 0, 0, 0), (T0 + 20, 0, 0, 1, 1, 1_500)]
    assert read(taken, "sales_window", *columns) == rows
    assert read(taken, "product_window", *columns) == rows


def test_cancelled_order_is_counted_and_has_no_money() -> None:
    fold = new_fold()
    feed(fold, cancellation("o1", 3))
    taken = fold.take()
    assert read(taken, "sales_window", "cancelled", "orders", "gmv_minor") == [(1, 0, 0)]
    assert read(taken, "product_window", "product_id") == []
    assert read(taken, "audience_in", "user_id") == []


def test_ledger_has_a_row_for_each_order_cancellation_and_refund() -> None:
    fold = new_fold()
    feed(
        fold,
        order("o1", 3.25, SOCKS_M, SOCKS_L, discount_minor=500),
        refund("r1", "o1", 25, ("socks", "socks-m", 1, 1_200)),
        cancellation("o1", 26),
    )
    taken = fold.take()
    columns: tuple[str, ...] = (
        "kind",
        "id",
        "order_id",
        "amount_minor",
        "discount_minor",
        "sku_orders",
        "units",
    )
    assert read(taken, "ledger", *columns) == [
        ("cancel", "o1", "o1", 44_900, 0, 0, 0),
        ("order", "o1", "o1", 6_000, 500, 2, 5),
        ("refund", "r1", "o1", 1_200, 0, 1, 1),
    ]
    columns = ("kafka_offset", "version", "occurred_at", "occurred_at_ms")
    assert read(taken, "ledger", *columns)[0] == (0, FIRST_WINS, T0 + 3, T0 * 1_000 + 3_250)
    assert read(taken, "ledger", "version") == [FIRST_WINS - 2, FIRST_WINS - 1, FIRST_WINS]


def test_order_sent_again_with_a_new_event_id_and_time_is_a_duplicate() -> None:
    fold = new_fold()
    feed(fold, order("o1", 3, COAT), order("o1", 9, COAT, event_id="again", discount_minor=1))
    taken = fold.take()
    assert (fold.counts.folded, fold.counts.duplicates) == (1, 1)
    assert read(taken, "sales_window", "orders", "gmv_minor") == [(1, 39_900)]
    assert read(taken, "ledger", "kafka_offset") == [0]


def test_order_that_is_not_accepted_does_not_move_the_watermark() -> None:
    fold = new_fold()
    feed(
        fold,
        order("o1", 3, COAT),
        order("o1", 300, COAT),
        order("o1", 400, SCARF),
        order("o2", 4, COAT),
    )
    assert (fold.counts.duplicates, fold.counts.dead_lettered, fold.counts.late) == (1, 1, 0)
    assert fold.watermark.newest_ms == (T0 + 4) * 1_000


def test_same_order_id_with_other_content_is_a_conflict() -> None:
    fold = new_fold()
    feed(
        fold,
        order("o1", 3, COAT),
        order("o1", 3, ("coat", "coat-38", 1, 39_901)),
        order("o1", 3, ("coat", "coat-40", 1, 39_900)),
        order("o1", 3, ("coat", "coat-38", 2, 39_900)),
        order("o1", 3, COAT, user_id="bob"),
        order("o1", 3, COAT, room_id="elsewhere"),
        order("o1", 3, COAT, kol_id="mia"),
        order("o1", 3, COAT, currency="JPY"),
        order("o1", 3, COAT, promo="flash"),
        order("o1", 3, COAT, attribution="click_24h"),
    )
    taken = fold.take()
    assert [letter.reason for letter in taken.dead_letters] == ["conflict"] * 9
    assert [letter.offset for letter in taken.dead_letters] == list(range(1, 10))
    assert "order o1" in taken.dead_letters[0].detail
    assert read(taken, "sales_window", "orders", "gmv_minor") == [(1, 39_900)]


def test_refund_or_cancellation_with_other_content_is_a_conflict() -> None:
    fold = new_fold()
    line = ("coat", "coat-38", 1, 39_900)
    feed(
        fold,
        refund("r1", "o1", 3, line),
        refund("r1", "o2", 3, line),
        refund("r1", "o1", 3, ("coat", "coat-38", 0, 39_900)),
        cancellation("o1", 4),
        cancellation("o1", 4, amount_minor=1),
        refund("r1", "o1", 5, line),
        cancellation("o1", 6),
    )
    assert [letter.offset for letter in fold.take().dead_letters] == [1, 2, 4]
    assert fold.counts.duplicates == 2


def test_only_an_order_older_than_the_memory_is_looked_up_in_the_ledger() -> None:
    fold = new_fold(dedup_ids=1)
    feed(fold, *(order(f"o{second}", second, COAT) for second in range(4)))
    taken = fold.take()
    again = order("o0", 0, COAT), order("o3", 3, COAT), order("o9", 9, COAT)
    _, events = fold.open(next_batch(fold, *again))
    assert fold.unknown(events) == [("order", "o0")]
    assert fold.remembered == 1
    # What the last batch pushed out of memory is let go of before the next one.
    assert fold._recent.find("order", "o0", {}) is None
    assert read(taken, "ledger", "id") == ["o0", "o1", "o2", "o3"]
