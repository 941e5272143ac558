"""Short ways to write records and to read rows by column name."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from schemas.rows import COLUMNS
from streams.batch import Batch
from streams.fold import PartitionFold, Taken

#: 11:00:00 UTC, the start of a minute and of a window; all times below are seconds after it.
T0 = 1_732_273_200


def record(kind: str, second: float, **fields: Any) -> bytes:
    """An event ``second`` seconds into the show, with the fields that do not matter filled in."""
    occurred_at_ms = T0 * 1_000 + round(second * 1_000)
    common = {"v": 1, "type": kind, "event_id": f"{kind}@{second}", "room_id": "room"}
    return msgspec.json.encode({**common, "occurred_at_ms": occurred_at_ms, **fields})


def like(second: float, count: int = 1, **fields: Any) -> bytes:
    """A batch of likes."""
    return record("likes_sent", second, **{"user_id": "ann", "count": count, **fields})


def order(order_id: str, second: float, *lines: tuple[str, str, int, int], **fields: Any) -> bytes:
    """A paid order; a line is product, SKU, quantity and paid minor units."""
    names = ("product_id", "sku_id", "quantity", "paid_minor")
    return record(
        "order_paid",
        second,
        **{
            **PURCHASE,
            "order_id": order_id,
            "paid_minor": sum(line[3] for line in lines),
            "discount_minor": 0,
            "lines": [dict(zip(names, line, strict=True)) for line in lines],
            **fields,
        },
    )


def refund(
    refund_id: str, order_id: str, second: float, *lines: tuple[str, str, int, int], **fields: Any
) -> bytes:
    """A refund; a line is product, SKU, quantity and refunded minor units."""
    names = ("product_id", "sku_id", "quantity", "amount_minor")
    return record(
        "order_refunded",
        second,
        **{
            **PURCHASE,
            "refund_id": refund_id,
            "order_id": order_id,
            "amount_minor": sum(line[3] for line in lines),
            "lines": [dict(zip(names, line, strict=True)) for line in lines],
            **fields,
        },
    )


def cancellation(order_id: str, second: float, **fields: Any) -> bytes:
    """An order that was never paid."""
    return record(
        "order_cancelled",
        second,
        **{**PURCHASE, "order_id": order_id, "amount_minor": 44_900, **fields},
    )


PURCHASE = {
    "user_id": "ann",
    "kol_id": "lena",
    "currency": "EUR",
    "promo": "none",
    "attribution": "in_room",
}


def key_of(value: bytes | None) -> bytes:
    """The room of a record; any room where none can be read."""
    try:
        return str(orjson.loads(value or b"")["room_id"]).encode()
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return b"room"


def next_batch(fold: PartitionFold, *values: bytes | None, appended: float = 3_600) -> Batch:
    """These records next, appended by the broker an hour into the show unless said."""
    start = fold.next_offset
    end = start + len(values)
    return Batch(
        topic=fold.topic.name,
        partition=fold.partition,
        start=start,
        next_offset=end,
        offsets=range(start, end),
        appended_ms=[round((T0 + appended) * 1_000)] * len(values),
        values=values,
        keys=[key_of(value) for value in values],
    )


def feed(fold: PartitionFold, *values: bytes | None, appended: float = 3_600) -> None:
    """Fold these records next."""
    fold.fold(next_batch(fold, *values, appended=appended))


def read(taken: Taken, table: str, *columns: str) -> list[Any]:
    """The rows of a table in order; only these columns, bare if it is one."""
    places = [COLUMNS[table].index(name) for name in columns]
    rows = taken.rows.get(table, [])
    return sorted(
        row[places[0]] if len(places) == 1 else tuple(row[i] for i in places) for row in rows
    )
