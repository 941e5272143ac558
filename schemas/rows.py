"""The rows of the store: for each table the columns that the worker writes, in order.

The DDL beside it (``schemas/migrations/``) is the authority on types; a test holds the two
together.
"""

from __future__ import annotations

from typing import Final

#: Columns that identify where a window row came from, in every ``*_window`` table.
_ORIGIN = ("window_start", "late_slice", "kafka_topic", "kafka_partition", "version")
_OFFSET = ("kafka_topic", "kafka_partition", "kafka_offset", "version")

ACTIVITY_DIMENSIONS: Final = ("room_id", "source", "mode")
ACTIVITY_VALUES: Final = (
    "events",
    "late",
    "views",
    "leaves",
    "watch_ms",
    "impressions",
    "clicks",
    "carts",
    "chats",
    "likes",
)
SALES_DIMENSIONS: Final = ("room_id", "kol_id", "currency", "promo", "attribution")
SALES_VALUES: Final = (
    "orders",
    "sku_orders",
    "units",
    "gmv_minor",
    "discount_minor",
    "cancelled",
    "refunds",
    "refunded_units",
    "refund_minor",
)
PRODUCT_DIMENSIONS: Final = ("room_id", "product_id", "kol_id", "currency", "promo")
PRODUCT_VALUES: Final = (
    "impressions",
    "clicks",
    "carts",
    "orders",
    "sku_orders",
    "units",
    "gmv_minor",
    "refunds",
    "refunded_units",
    "refund_minor",
)

#: Table → columns in the order in which the worker writes them.
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "activity_window": (*ACTIVITY_DIMENSIONS, *_ORIGIN, *ACTIVITY_VALUES),
    "sales_window": (*SALES_DIMENSIONS, *_ORIGIN, *SALES_VALUES),
    "product_window": (*PRODUCT_DIMENSIONS, *_ORIGIN, *PRODUCT_VALUES),
    "audience_in": ("room_id", "kol_id", "role", "minute", "user_id"),
    "ledger": (
        "kind",
        "id",
        "order_id",
        "room_id",
        "kol_id",
        "user_id",
        "currency",
        "promo",
        "attribution",
        "amount_minor",
        "discount_minor",
        "sku_orders",
        "units",
        "occurred_at",
        "occurred_at_ms",
        "fingerprint",
        *_OFFSET,
    ),
    "room_event": (
        "room_id",
        "occurred_at_ms",
        "event_id",
        "type",
        "kol_id",
        "brand",
        "title",
        "currency",
        "product_id",
        "price_minor",
        "coupon_id",
        *_OFFSET,
    ),
    "dead_letter": (
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "appended_at_ms",
        "reason",
        "detail",
        "key",
        "value",
    ),
    "checkpoint": (
        "kafka_topic",
        "kafka_partition",
        "next_offset",
        "watermark_ms",
        "consumed",
        "folded",
        "duplicates",
        "dead_lettered",
        "late",
        "gap",
        "state",
    ),
    "checkpoint_link": (
        "kafka_topic",
        "kafka_partition",
        "next_offset",
        "previous_offset",
        "ids",
        "cells_since",
        "cells",
    ),
    "kol_rank": (
        "span",
        "ranked_by",
        "currency",
        "at",
        "kol_id",
        "rank",
        "previous_rank",
        "orders",
        "views",
        "gmv_minor",
        "net_gmv_minor",
    ),
}

#: First acceptance wins in a ReplacingMergeTree: ``version = FIRST_WINS - kafka_offset``.
FIRST_WINS: Final = 2**63 - 1
