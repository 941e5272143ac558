"""Views, watch time, impressions, clicks and carts."""

from __future__ import annotations

from streams.traffic import TrafficFold
from streams.windows import WindowPolicy
from tests.unit.streams.records import T0, feed, read, record


def enter(second: float, user: str, source: str = "feed", mode: str = "live") -> bytes:
    return record(
        "viewer_entered",
        second,
        event_id=f"{user}@{second}",
        user_id=user,
        source=source,
        mode=mode,
    )


def leave(second: float, user: str, watch_ms: int) -> bytes:
    return record("viewer_left", second, user_id=user, mode="live", watch_ms=watch_ms)


def look(kind: str, second: float, product_id: str, **fields: object) -> bytes:
    return record(kind, second, user_id="ann", product_id=product_id, **fields)


def test_views_are_counted_by_source_and_mode() -> None:
    fold = TrafficFold(0, WindowPolicy())
    feed(
        fold,
        enter(1, "ann"),
        enter(2, "bob"),
        enter(3, "ann"),
        enter(4, "cho", "qr"),
        enter(5, "dan", "feed", "replay"),
        enter(12, "eve"),
    )
    taken = fold.take()
    columns = ("window_start", "source", "mode", "views", "events")
    assert read(taken, "activity_window", *columns) == [
        (T0, "feed", "live", 3, 3),
        (T0, "feed", "replay", 1, 1),
        (T0, "qr", "live", 1, 1),
        (T0 + 10, "feed", "live", 1, 1),
    ]
    assert read(taken, "audience_in", "role", "user_id", "minute") == [
        ("viewer", user, T0) for user in ("ann", "bob", "cho", "dan", "eve")
    ]


def test_leaving_adds_a_leave_and_the_watch_time_of_that_view() -> None:
    fold = TrafficFold(0, WindowPolicy())
    feed(fold, leave(8, "ann", 7_000), leave(9, "bob", 0))
    taken = fold.take()
    columns = ("source", "mode", "leaves", "watch_ms", "views")
    assert read(taken, "activity_window", *columns) == [("", "live", 2, 7_000, 0)]
    assert read(taken, "audience_in", "user_id") == []


def test_looks_are_counted_per_room_and_per_product() -> None:
    fold = TrafficFold(0, WindowPolicy())
    feed(
        fold,
        look("product_shown", 1, "coat"),
        look("product_shown", 2, "coat"),
        look("product_clicked", 3, "coat"),
        look("product_shown", 4, "scarf"),
        look("cart_added", 5, "coat", quantity=7),
    )
    taken = fold.take()
    columns: tuple[str, ...] = ("events", "impressions", "clicks", "carts", "views")
    assert read(taken, "activity_window", *columns) == [(5, 3, 1, 1, 0)]
    columns = ("product_id", "kol_id", "currency", "impressions", "clicks", "carts", "orders")
    assert read(taken, "product_window", *columns) == [
        ("coat", "", "", 2, 1, 1, 0),
        ("scarf", "", "", 1, 0, 0, 0),
    ]
    assert read(taken, "audience_in", "role", "user_id") == [("clicker", "ann")]


def test_one_person_counts_once_per_minute_and_role() -> None:
    fold = TrafficFold(0, WindowPolicy())
    feed(fold, enter(1, "ann"), enter(30, "ann"), enter(59.999, "ann"), enter(60, "ann"))
    assert read(fold.take(), "audience_in", "minute") == [T0, T0 + 60]
