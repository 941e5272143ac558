"""The truth manifest: what every total must be once a replayed show has been folded.

Producers write it from what they intended to send, before duplicates, disorder and unreadable
records are mixed in; ``liveshop reconcile`` and the tests compare the store with it. It never
looks at the code that computes the figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Money(msgspec.Struct, kw_only=True):
    """Additive sales totals of one group, in one currency. Amounts are minor units."""

    orders: int = 0
    sku_orders: int = 0
    units: int = 0
    gmv_minor: int = 0
    discount_minor: int = 0
    cancelled: int = 0
    refunds: int = 0
    refunded_units: int = 0
    refund_minor: int = 0


class Room(msgspec.Struct, kw_only=True):
    """What happened in one room, apart from money. ``views`` counts enter events.

    The ``unique_*`` figures are numbers of distinct ``user_id``: of enter, chat, like, product
    click and paid-order events.
    """

    views: int = 0
    leaves: int = 0
    watch_ms: int = 0
    impressions: int = 0
    clicks: int = 0
    carts: int = 0
    chats: int = 0
    likes: int = 0
    unique_viewers: int = 0
    unique_chatters: int = 0
    unique_likers: int = 0
    unique_clickers: int = 0
    unique_buyers: int = 0


class Sent(msgspec.Struct, kw_only=True):
    """How many records were put on the topics, and of what kind.

    ``records`` = distinct events + ``duplicates`` + ``unreadable``; ``late`` events were held back
    on purpose, and are part of the distinct ones.
    """

    records: int = 0
    events: int = 0
    duplicates: int = 0
    late: int = 0
    unreadable: int = 0


class Truth(msgspec.Struct, kw_only=True):
    """The manifest of one replay.

    Attributes:
        source: the profile's name or the recording's path.
        seed: the seed of the generator; ``None`` for a recording.
        scale: the factor on the profile's arrival rates; ``None`` for a recording.
        start_ms: event time of the first moment of the show.
        end_ms: event time at which the replay stopped.
        currency: the currency with the highest GMV; the one that headlines are shown in.
        sent: counts of records.
        total: ``currency → Money`` over everything.
        by_room: ``room_id → currency → Money``; the other ``by_*`` alike. In ``by_product`` and
            only there, ``orders`` counts the orders with a line of that product, and cancelled
            orders, which have no lines, do not appear.
        rooms: ``room_id → Room``.
        kol_ranking: ``currency → kol_id`` in order of net GMV (``gmv_minor - refund_minor``),
            highest first; ties go to more orders, then to the smaller ``kol_id``.
    """

    source: str
    seed: int | None
    scale: float | None
    start_ms: int
    end_ms: int
    currency: str
    sent: Sent
    total: dict[str, Money]
    by_room: dict[str, dict[str, Money]]
    by_kol: dict[str, dict[str, Money]]
    by_product: dict[str, dict[str, Money]]
    by_promo: dict[str, dict[str, Money]]
    rooms: dict[str, Room]
    kol_ranking: dict[str, list[str]]

    def to_json(self) -> bytes:
        """The manifest as indented JSON, keys in a fixed order."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)


def read_truth(path: Path) -> Truth:
    """Read a manifest.

    Raises:
        OSError: the file cannot be read.
        msgspec.MsgspecError: it is not a manifest; the message says where.
    """
    content: Any = path.read_bytes()
    return msgspec.json.decode(content, type=Truth)
