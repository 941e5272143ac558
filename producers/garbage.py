"""Records that no worker can read: one maker for each way in which a record goes wrong.

Each maker takes sound events of its own, with identifiers that no real event has, and spoils them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from producers.record import EventDict
from schemas.topics import CHAT, LIKES, PURCHASES, ROOMS, TRAFFIC


class Sound:
    """Sound events of one room and moment, for a maker to spoil."""

    def __init__(self, room_id: str, at_ms: int, event_id: str) -> None:
        self._head = {"v": 1, "event_id": event_id, "room_id": room_id, "occurred_at_ms": at_ms}
        self._event_id = event_id

    def order(self) -> EventDict:
        """An order of two lines."""
        line = {"product_id": "p-0001", "sku_id": "p-0001-1", "quantity": 1, "paid_minor": 1290}
        return {
            "type": "order_paid",
            **self._head,
            "user_id": "u-garbage",
            "order_id": f"o-{self._event_id}",
            "kol_id": "kol-garbage",
            "currency": "EUR",
            "promo": "none",
            "attribution": "in_room",
            "paid_minor": 2580,
            "discount_minor": 0,
            "lines": [line, {**line, "sku_id": "p-0001-2"}],
        }

    def click(self) -> EventDict:
        """A product click."""
        return {
            "type": "product_clicked",
            **self._head,
            "user_id": "u-garbage",
            "product_id": "p-0001",
        }

    def chat(self) -> EventDict:
        """A chat message."""
        return {"type": "chat_sent", **self._head, "user_id": "u-garbage", "text": "hello"}

    def likes(self) -> EventDict:
        """A batch of likes."""
        return {"type": "likes_sent", **self._head, "user_id": "u-garbage", "count": 3}

    def marker(self) -> EventDict:
        """A product is pinned."""
        return {"type": "product_pinned", **self._head, "product_id": "p-0001"}


def _dumps(event: object) -> bytes:
    return orjson.dumps(event)


#: How a record can go wrong: (a name for tests, its topic, its maker). The order is part of what a
#: seed means. The last two are sound JSON of the right types, and wrong all the same.
MAKERS: Final[tuple[tuple[str, str, Callable[[Sound], bytes]], ...]] = (
    ("not JSON", TRAFFIC.name, lambda _: b"GET / HTTP/1.1"),
    ("empty", TRAFFIC.name, lambda _: b""),
    ("truncated", PURCHASES.name, lambda sound: _dumps(sound.order())[:-40]),
    (
        "time as text",
        TRAFFIC.name,
        lambda sound: _dumps({**sound.click(), "occurred_at_ms": "2026-06-18T12:00:00Z"}),
    ),
    (
        "missing field",
        PURCHASES.name,
        lambda sound: _dumps({k: v for k, v in sound.order().items() if k != "order_id"}),
    ),
    (
        "NaN",
        PURCHASES.name,
        lambda sound: _dumps(sound.order()).replace(b'"paid_minor":2580', b'"paid_minor":NaN'),
    ),
    (
        "float money",
        PURCHASES.name,
        lambda sound: _dumps({**sound.order(), "paid_minor": 25.8}),
    ),
    (
        "invalid UTF-8",
        CHAT.name,
        lambda sound: _dumps(sound.chat()).replace(b"hello", b"caf\xe9"),
    ),
    (
        "unknown type",
        TRAFFIC.name,
        lambda sound: _dumps({**sound.click(), "type": "viewer_teleported"}),
    ),
    ("unknown version", LIKES.name, lambda sound: _dumps({**sound.likes(), "v": 99})),
    ("negative count", LIKES.name, lambda sound: _dumps({**sound.likes(), "count": -5})),
    ("not an object", CHAT.name, lambda sound: _dumps([sound.chat()])),
    ("wrong topic", CHAT.name, lambda sound: _dumps(sound.click())),
    (
        "no room",
        ROOMS.name,
        lambda sound: _dumps({**sound.marker(), "room_id": ""}),
    ),
    (
        "before time began",
        TRAFFIC.name,
        lambda sound: _dumps({**sound.click(), "occurred_at_ms": 0}),
    ),
    (
        "lines do not add up",
        PURCHASES.name,
        lambda sound: _dumps({**sound.order(), "paid_minor": 2581}),
    ),
    (
        "unknown currency",
        PURCHASES.name,
        lambda sound: _dumps({**sound.order(), "currency": "ZZZ"}),
    ),
)
