"""More rooms, products, people and orders at once than a new table has room for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from schemas import topics
from schemas.topics import Topic
from streams.catalog import FOLDS, PLAIN_FOLDS
from streams.windows import WindowPolicy
from tests.unit.streams.records import feed, like, order, record

MANY = 9_000


def _visit(n: int) -> bytes:
    names = {"user_id": f"user {n}", "product_id": f"product {n}"}
    return record("product_clicked", n / 100, room_id=f"room {n % 5_000}", **names)


def _purchase(n: int) -> bytes:
    lines = [(f"product {n}", f"sku {n}", 1, n), (f"product {n % 7}", "sku", 2, 10)]
    names = {"room_id": f"room {n % 5_000}", "user_id": f"user {n}", "kol_id": f"host {n % 6_000}"}
    return order(f"order {n}", n / 100, *lines, **names)


def _likes(n: int) -> bytes:
    return like(n / 100, n, room_id=f"room {n}", user_id=f"user {n}")


def _chat(n: int) -> bytes:
    names = {"room_id": f"room {n}", "user_id": f"user {n}"}
    return record("chat_sent", n / 100, text="hello", **names)


def _twin(value: bytes) -> bytes:
    """The same once more, under another id."""
    for name in (b'"event_id":"', b'"order_id":"'):
        value = value.replace(name, name + b"twin of ")
    return value


@pytest.mark.parametrize(
    ("topic", "make"),
    [
        (topics.TRAFFIC, _visit),
        (topics.LIKES, _likes),
        (topics.CHAT, _chat),
        (topics.PURCHASES, _purchase),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_tables_grow_and_shrink_and_lose_nothing(
    topic: Topic, make: Callable[[int], bytes]
) -> None:
    # When the watermark is at 20 s, the only window before it is closed, and all others move up.
    records = [make(1), *(make(n) for n in range(2_000, MANY + 2_000))]
    later = [make(n) for n in range(100_000, 100_010)]
    again = [*records[:10], *records[3_000:3_100], *records[-100:]]

    def taken(folds: Any) -> list[Any]:
        fold = folds[topic.name](0, WindowPolicy(dedup_ids=6_000))
        found = []
        twins = [_twin(value) for value in records[2_900:3_000]]
        for batch in (records[:3_000], twins, records[3_000:], again, later, later):
            feed(fold, *batch)
            one = fold.take()
            rows = {table: Counter(rows) for table, rows in one.rows.items() if len(rows)}
            found.append((rows, one.checkpoint.counts, fold.remembered, fold.open_windows))
        return found

    assert taken(FOLDS) == taken(PLAIN_FOLDS)
