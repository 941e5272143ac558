"""Sound events for the corpus to spoil, as plain dicts."""

from __future__ import annotations

from typing import Any

import orjson

from tests.corpus.kind import CURRENCY, ROOM

Fields = dict[str, Any]


class Sound:
    """Sound events of one moment.

    Args:
        name: part of all their ids; different for every record that is no copy.
        at_ms: event time.
    """

    def __init__(self, name: str, at_ms: int) -> None:
        self.name = name
        self._head: Fields = {
            "v": 1,
            "event_id": f"e-{name}",
            "room_id": ROOM,
            "occurred_at_ms": at_ms,
        }
        self._person: Fields = {**self._head, "user_id": "u-corpus"}
        self._purchase: Fields = {
            **self._person,
            "order_id": f"o-{name}",
            "kol_id": "kol-corpus",
            "currency": CURRENCY,
            "promo": "none",
            "attribution": "in_room",
        }

    def like(self, **changes: Any) -> Fields:
        """A batch of likes."""
        return {"type": "likes_sent", **self._person, "count": 3, **changes}

    def chat(self, text: str = "hello", **changes: Any) -> Fields:
        """A chat message."""
        return {"type": "chat_sent", **self._person, "text": text, **changes}

    def click(self, **changes: Any) -> Fields:
        """A product click."""
        return {"type": "product_clicked", **self._person, "product_id": "p-1", **changes}

    def cart(self, **changes: Any) -> Fields:
        """A product goes into the cart."""
        return {
            "type": "cart_added",
            **self._person,
            "product_id": "p-1",
            "quantity": 1,
            **changes,
        }

    def enter(self, **changes: Any) -> Fields:
        """A view."""
        return {
            "type": "viewer_entered",
            **self._person,
            "source": "feed",
            "mode": "live",
            **changes,
        }

    def started(self, **changes: Any) -> Fields:
        """A show goes on air."""
        return {
            "type": "room_started",
            **self._head,
            "kol_id": "kol-corpus",
            "brand": "Corpus",
            "title": "All that can go wrong",
            "currency": CURRENCY,
            **changes,
        }

    def order(self, *paid: int, **changes: Any) -> Fields:
        """An order of so many lines; of one line of 1,000 unless said."""
        lines = [
            {"product_id": "p-1", "sku_id": f"s-{i}", "quantity": 1, "paid_minor": amount}
            for i, amount in enumerate(paid or (1_000,))
        ]
        return {
            "type": "order_paid",
            **self._purchase,
            "paid_minor": sum(paid or (1_000,)),
            "discount_minor": 0,
            "lines": lines,
            **changes,
        }

    def cancel(self, **changes: Any) -> Fields:
        """An order that was never paid."""
        return {"type": "order_cancelled", **self._purchase, "amount_minor": 1_000, **changes}

    def refund(self, amount: int = 1_000, **changes: Any) -> Fields:
        """Money goes back, all in one line."""
        line = {"product_id": "p-1", "sku_id": "s-0", "quantity": 1, "amount_minor": amount}
        return {
            "type": "order_refunded",
            **self._purchase,
            "refund_id": f"r-{self.name}",
            "amount_minor": amount,
            "lines": [line],
            **changes,
        }


def dumps(event: Fields) -> bytes:
    """The event as a record."""
    return orjson.dumps(event)
