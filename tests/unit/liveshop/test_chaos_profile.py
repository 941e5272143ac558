"""The profile of a chaos run is nearly all money, and large enough to prove something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import Kind, OutRecord

_SECONDS = 180
_SCALE = 0.02
_DISTINCT = {Kind.EVENT, Kind.LATE}


@cache
def _records() -> tuple[OutRecord, ...]:
    show = Show(load_profile("chaos"), seed=1, scale=_SCALE)
    until_ms = show.start_ms + round(1_000 * _SECONDS * show.default_speed)
    return tuple(show.records(until_ms))


def _events(*types: str) -> Iterator[dict[str, Any]]:
    for record in _records():
        event = record.event
        if event and record.kind in _DISTINCT and (not types or event["type"] in types):
            yield event


def test_three_minutes_are_two_million_events_and_two_hundred_thousand_orders() -> None:
    types = Counter(event["type"] for event in _events())
    assert types.total() / _SCALE > 2_000_000
    assert types["order_paid"] / _SCALE > 200_000
    assert 0.10 < types["order_paid"] / types.total() < 0.15


def test_many_orders_come_back_before_it_is_over() -> None:
    types = Counter(event["type"] for event in _events())
    assert types["order_refunded"] > 0.25 * types["order_paid"]
    assert types["order_cancelled"] > 0


def test_there_are_several_of_everything_that_is_reconciled() -> None:
    orders = list(_events("order_paid"))
    assert len({order["room_id"] for order in orders}) >= 6
    assert len({order["kol_id"] for order in orders}) >= 5
    assert len({order["promo"] for order in orders}) >= 5
    assert {order["currency"] for order in orders} == {"CNY", "USD"}
    assert len({line["product_id"] for order in orders for line in order["lines"]}) >= 80


def test_there_are_copies_latecomers_and_garbage() -> None:
    kinds = Counter(record.kind for record in _records())
    assert kinds[Kind.DUPLICATE] > 100
    assert kinds[Kind.LATE] > 100
    assert kinds[Kind.UNREADABLE] > 10
