"""The totals of a log by the naive way: one pass over all records, everything kept for ever.

It shares the decoder with the fold and nothing else. Where the fold remembers a bounded number of
ids, the oracle cuts a complete list; where the fold closes windows, the oracle never does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas import events as e
from streams.decode import Decoder, Rejected
from tests.properties.strategies import Log

#: table → (dimensions, window start in seconds) → value column → sum.
Totals = dict[str, dict[tuple[Any, ...], Counter[str]]]


@dataclass
class Expected:
    """What the store must hold in the end."""

    totals: Totals = field(default_factory=lambda: defaultdict(lambda: defaultdict(Counter)))
    people: set[tuple[str, str, str, int, str]] = field(default_factory=set)
    ledger: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    facts: dict[tuple[str, int, str], int] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    duplicates: int = 0
    late: int = 0
    folded: int = 0


def expect(log: Log) -> Expected:
    """Fold a log naively."""
    result = Expected()
    decoder, policy = Decoder(log.topic), log.policy
    accepted_ids: list[str] = []
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    newest_ms = 0
    for record in log.records:
        event = decoder.strict(record.value)
        if isinstance(event, Rejected):
            result.refused[record.offset] = event.reason
            continue
        if event.occurred_at_ms - record.appended_ms > policy.max_ahead_ms:
            result.refused[record.offset] = "too_far_ahead"
            continue
        if isinstance(event, e.OrderPaid | e.OrderCancelled | e.OrderRefunded):
            identity, content = _identity(event), _content(event)
            if identity in entries:
                if entries[identity] == content:
                    result.duplicates += 1
                else:
                    result.refused[record.offset] = "conflict"
                continue
            entries[identity] = content
            amount_minor = (
                event.paid_minor if isinstance(event, e.OrderPaid) else event.amount_minor
            )
            result.ledger[identity] = (record.offset, amount_minor)
        else:
            full = len(accepted_ids) // policy.dedup_ids * policy.dedup_ids
            if event.event_id in accepted_ids[max(0, full - policy.dedup_ids) :]:
                result.duplicates += 1
                continue
            accepted_ids.append(event.event_id)
        result.folded += 1
        window_ms = event.occurred_at_ms // policy.window_ms * policy.window_ms
        is_late = window_ms + policy.window_ms <= newest_ms - policy.allowed_lateness_ms
        newest_ms = max(newest_ms, event.occurred_at_ms)
        result.late += is_late
        _add(result, event, window_ms // 1_000, is_late, record.offset)
    return result


def _identity(event: e.PurchaseEvent) -> tuple[str, str]:
    if isinstance(event, e.OrderRefunded):
        return "refund", event.refund_id
    return ("order" if isinstance(event, e.OrderPaid) else "cancel"), event.order_id


def _content(event: e.PurchaseEvent) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(event)
    for name in ("event_id", "occurred_at_ms", "discount_minor"):
        content.pop(name, None)
    return content


def _add(result: Expected, event: e.Event, window: int, is_late: bool, offset: int) -> None:
    if not isinstance(event, e.PersonEvent):
        result.facts.setdefault((event.room_id, event.occurred_at_ms, event.event_id), offset)
        return
    room, user = event.room_id, event.user_id
    minute = event.occurred_at_ms // 60_000 * 60
    source = mode = ""
    values: dict[str, int] = {}
    if isinstance(event, e.ViewerEntered):
        source, mode = event.source, event.mode
        values["views"] = 1
        result.people.add((room, "", "viewer", minute, user))
    elif isinstance(event, e.ViewerLeft):
        mode = event.mode
        values = {"leaves": 1, "watch_ms": event.watch_ms}
    elif isinstance(event, e.ChatSent):
        values["chats"] = 1
        result.people.add((room, "", "chatter", minute, user))
    elif isinstance(event, e.LikesSent):
        values["likes"] = event.count
        result.people.add((room, "", "liker", minute, user))
    elif isinstance(event, e.ProductShown | e.ProductClicked | e.CartAdded):
        looked = {e.ProductShown: "impressions", e.ProductClicked: "clicks", e.CartAdded: "carts"}
        values[looked[type(event)]] = 1
        key = (room, event.product_id, "", "", "", window)
        result.totals["product_window"][key][looked[type(event)]] += 1
        if isinstance(event, e.ProductClicked):
            result.people.add((room, "", "clicker", minute, user))
    elif isinstance(event, e.OrderPaid | e.OrderCancelled | e.OrderRefunded):
        _add_sale(result, event, window, minute)
    activity = result.totals["activity_window"][room, source, mode, window]
    activity.update({"events": 1, "late": int(is_late), **values})


def _add_sale(result: Expected, event: e.PurchaseEvent, window: int, minute: int) -> None:
    room, kol, currency, promo = event.room_id, event.kol_id, event.currency, event.promo
    sales = result.totals["sales_window"][room, kol, currency, promo, event.attribution, window]
    products = result.totals["product_window"]
    if isinstance(event, e.OrderPaid):
        sales["orders"] += 1
        sales["sku_orders"] += len(event.lines)
        sales["units"] += sum(line.quantity for line in event.lines)
        sales["gmv_minor"] += event.paid_minor
        sales["discount_minor"] += event.discount_minor
        for product in {line.product_id for line in event.lines}:
            lines = [line for line in event.lines if line.product_id == product]
            total = products[room, product, kol, currency, promo, window]
            total["orders"] += 1
            total["sku_orders"] += len(lines)
            total["units"] += sum(line.quantity for line in lines)
            total["gmv_minor"] += sum(line.paid_minor for line in lines)
        result.people.add((room, kol, "buyer", minute, event.user_id))
    elif isinstance(event, e.OrderRefunded):
        sales["refunds"] += 1
        sales["refunded_units"] += sum(line.quantity for line in event.lines)
        sales["refund_minor"] += event.amount_minor
        for product in {line.product_id for line in event.lines}:
            back = [line for line in event.lines if line.product_id == product]
            total = products[room, product, kol, currency, promo, window]
            total["refunds"] += 1
            total["refunded_units"] += sum(line.quantity for line in back)
            total["refund_minor"] += sum(line.amount_minor for line in back)
    else:
        sales["cancelled"] += 1
