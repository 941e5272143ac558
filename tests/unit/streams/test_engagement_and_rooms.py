"""Chat, likes, and what the host does."""

from __future__ import annotations

from schemas.rows import FIRST_WINS
from streams.engagement import ChatFold, LikesFold
from streams.rooms import RoomsFold
from streams.windows import WindowPolicy
from tests.unit.streams.records import T0, feed, like, read, record


def test_likes_of_one_batch_all_count_and_make_one_event() -> None:
    fold = LikesFold(0, WindowPolicy())
    feed(fold, like(1, 17), like(2, 3), like(3, 1, user_id="bob"), like(10, 5, room_id="other"))
    taken = fold.take()
    columns = ("room_id", "window_start", "events", "likes")
    assert read(taken, "activity_window", *columns) == [
        ("other", T0 + 10, 1, 5),
        ("room", T0, 3, 21),
    ]
    assert read(taken, "audience_in", "room_id", "role", "user_id") == [
        ("other", "liker", "ann"),
        ("room", "liker", "ann"),
        ("room", "liker", "bob"),
    ]


def test_chat_counts_messages_and_chatters() -> None:
    fold = ChatFold(0, WindowPolicy())
    feed(
        fold,
        record("chat_sent", 1, user_id="ann", text="size?"),
        record("chat_sent", 2, user_id="ann", text="size?"),
        record("chat_sent", 2.5, user_id="bob", text=""),
    )
    taken = fold.take()
    assert read(taken, "activity_window", "events", "chats", "likes") == [(3, 3, 0)]
    assert read(taken, "audience_in", "role", "user_id") == [("chatter", "ann"), ("chatter", "bob")]


def test_host_facts_are_kept_as_they_are() -> None:
    fold = RoomsFold(2, WindowPolicy())
    feed(
        fold,
        record("room_started", 0, kol_id="lena", brand="Printemps", title="Coats", currency="EUR"),
        record("product_listed", 1, product_id="coat", title="Wool coat", price_minor=44_900),
        record("coupon_dropped", 2, coupon_id="NOEL10"),
        record("room_ended", 3),
    )
    taken = fold.take()
    columns = ("type", "kol_id", "title", "currency", "product_id", "price_minor", "coupon_id")
    assert read(taken, "room_event", *columns) == [
        ("coupon_dropped", "", "", "", "", 0, "NOEL10"),
        ("product_listed", "", "Wool coat", "", "coat", 44_900, ""),
        ("room_ended", "", "", "", "", 0, ""),
        ("room_started", "lena", "Coats", "EUR", "", 0, ""),
    ]
    assert read(taken, "room_event", "kafka_partition", "kafka_offset", "version")[1] == (
        2,
        1,
        FIRST_WINS - 1,
    )
    assert fold.open_windows == 0
