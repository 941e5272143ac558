"""Small shows, and a second way to count one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import OutRecord
from schemas import events
from schemas.money import MINOR_DIGITS
from schemas.topics import EVENT_TOPICS
from schemas.truth import Truth

#: The shows; `chaos`, which is none, has tests of its own (tests/unit/liveshop/test_chaos_profile.py).
PROFILES = ("boutique", "flash-drop", "xinba-12h")
#: Seconds of event time that give each profile drops, late records and refunds, and few records.
MINUTES = {"boutique": 40, "flash-drop": 5, "xinba-12h": 20}
NO_NOISE: dict[str, Any] = {"duplicates": 0.0, "late": 0.0, "unreadable": 0.0, "disorder_ms": 0.0}

_DECODERS = {topic.name: msgspec.json.Decoder(topic.events) for topic in EVENT_TOPICS}

Flat = Counter[tuple[str, ...]]


def small_show(name: str, seed: int = 1, scale: float = 0.05, **noise: Any) -> Show:
    return Show(load_profile(name, **noise), seed=seed, scale=scale)


def cut_ms(show: Show) -> int:
    return show.start_ms + MINUTES[show.name] * 60_000


def decoded(record: OutRecord) -> events.AnyEvent | None:
    """The event in a record, as a worker would type it; ``None`` if it is none."""
    try:
        event: events.AnyEvent = _DECODERS[record.topic].decode(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return event


def is_sound(event: events.AnyEvent) -> bool:
    match event:
        case events.OrderPaid(lines=lines, paid_minor=paid, currency=currency):
            return sum(x.paid_minor for x in lines) == paid and currency in MINOR_DIGITS
        case events.OrderRefunded(lines=lines, amount_minor=amount, currency=currency):
            return sum(x.amount_minor for x in lines) == amount and currency in MINOR_DIGITS
        case events.OrderCancelled(currency=currency):
            return currency in MINOR_DIGITS
    return True


def recounted(records: Iterable[OutRecord]) -> Flat:
    """Every total of a manifest as ``path → number``, from bytes alone."""
    total: Flat = Counter()
    people: set[tuple[str, str, str]] = set()
    distinct: dict[tuple[str, str], events.AnyEvent] = {}
    for record in records:
        total["sent", "records"] += 1
        event = decoded(record)
        if event is None or not is_sound(event):
            total["sent", "unreadable"] += 1
            continue
        identity = (type(event).__name__, event.event_id)
        total["sent", "duplicates" if identity in distinct else "events"] += 1
        distinct.setdefault(identity, event)
    for event in distinct.values():
        for path, number in _worth(event):
            total[path] += number
        role = _ROLES.get(type(event))
        if role and isinstance(event, events.PersonEvent):
            people.add((event.room_id, role, event.user_id))
    for room_id, role, _user_id in people:
        total["rooms", room_id, role] += 1
    return +total


_ROLES: dict[type, str] = {
    events.ViewerEntered: "unique_viewers",
    events.ChatSent: "unique_chatters",
    events.LikesSent: "unique_likers",
    events.ProductClicked: "unique_clickers",
    events.OrderPaid: "unique_buyers",
}
_ROOM_COUNTS: dict[type, str] = {
    events.ViewerEntered: "views",
    events.ViewerLeft: "leaves",
    events.ProductShown: "impressions",
    events.ProductClicked: "clicks",
    events.CartAdded: "carts",
    events.ChatSent: "chats",
}


def _worth(event: events.AnyEvent) -> list[tuple[tuple[str, ...], int]]:
    worth: list[tuple[tuple[str, ...], int]] = []
    if count := _ROOM_COUNTS.get(type(event)):
        worth.append((("rooms", event.room_id, count), 1))
    if isinstance(event, events.ViewerLeft):
        worth.append((("rooms", event.room_id, "watch_ms"), event.watch_ms))
    if isinstance(event, events.LikesSent):
        worth.append((("rooms", event.room_id, "likes"), event.count))
    if not isinstance(event, events.OrderPaid | events.OrderCancelled | events.OrderRefunded):
        return worth
    currency = event.currency
    figures: dict[str, int]
    match event:
        case events.OrderPaid():
            figures = {
                "orders": 1,
                "sku_orders": len(event.lines),
                "units": sum(line.quantity for line in event.lines),
                "gmv_minor": event.paid_minor,
                "discount_minor": event.discount_minor,
            }
            for line in event.lines:
                product = ("by_product", line.product_id, currency)
                worth += [
                    ((*product, "sku_orders"), 1),
                    ((*product, "units"), line.quantity),
                    ((*product, "gmv_minor"), line.paid_minor),
                ]
            for product_id in {line.product_id for line in event.lines}:
                worth.append((("by_product", product_id, currency, "orders"), 1))
        case events.OrderRefunded():
            figures = {
                "refunds": 1,
                "refunded_units": sum(line.quantity for line in event.lines),
                "refund_minor": event.amount_minor,
            }
            for back in event.lines:
                product = ("by_product", back.product_id, currency)
                worth += [
                    ((*product, "refunded_units"), back.quantity),
                    ((*product, "refund_minor"), back.amount_minor),
                ]
            for product_id in {back.product_id for back in event.lines}:
                worth.append((("by_product", product_id, currency, "refunds"), 1))
        case events.OrderCancelled():
            figures = {"cancelled": 1}
    for group in (
        ("total", currency),
        ("by_room", event.room_id, currency),
        ("by_kol", event.kol_id, currency),
        ("by_promo", event.promo, currency),
    ):
        worth += [((*group, figure), number) for figure, number in figures.items()]
    return worth


def flattened(truth: Truth) -> Flat:
    """A manifest in the form of :func:`recounted`; ``late`` is left out, bytes do not show it."""
    flat: Flat = Counter()

    def walk(path: tuple[str, ...], node: object) -> None:
        if isinstance(node, dict):
            for name, child in node.items():
                walk((*path, name), child)
        elif isinstance(node, int):
            flat[path] = node

    content = msgspec.to_builtins(truth)
    del content["sent"]["late"]
    for part in ("sent", "total", "by_room", "by_kol", "by_product", "by_promo", "rooms"):
        walk((part,), content[part])
    return +flat
