"""Every SELECT of the report, and nothing else.

They run on ClickHouse from 18.16 on and on chDB, hence no CTE and no window function. Times come
back as epoch seconds. Totals are not asked for: they are summed from the same rows as the curves,
so that a report of a running show agrees with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ROOMS: Final = """
SELECT room_id, kol_id, brand, title, currency, started_at_ms, ended_at_ms FROM room
"""

ROOM_VIEWS: Final = """
SELECT room_id, sum(views) AS views FROM activity_window FINAL GROUP BY room_id
"""

ROOM_ORDERS: Final = """
SELECT room_id, sum(orders) AS orders FROM sales_window FINAL GROUP BY room_id
"""

EVENTS: Final = """
SELECT occurred_at_ms, type, title, product_id, price_minor, coupon_id
FROM room_event FINAL
WHERE room_id = %(room_id)s
ORDER BY occurred_at_ms, event_id
"""

ACTIVITY: Final = """
SELECT
    toUInt32(window_start) AS at, source, mode,
    sum(views) AS views, sum(leaves) AS leaves, sum(watch_ms) AS watch_ms,
    sum(impressions) AS impressions, sum(clicks) AS clicks, sum(carts) AS carts,
    sum(chats) AS chats, sum(likes) AS likes
FROM activity_window FINAL
WHERE room_id = %(room_id)s
GROUP BY at, source, mode
ORDER BY at, source, mode
"""

SALES: Final = """
SELECT
    toUInt32(toStartOfMinute(window_start)) AS at, kol_id, currency, promo, attribution,
    sum(orders) AS orders, sum(sku_orders) AS sku_orders, sum(units) AS units,
    sum(gmv_minor) AS gmv_minor, sum(discount_minor) AS discount_minor,
    sum(cancelled) AS cancelled, sum(refunds) AS refunds,
    sum(refunded_units) AS refunded_units, sum(refund_minor) AS refund_minor
FROM sales_window FINAL
WHERE room_id = %(room_id)s
GROUP BY at, kol_id, currency, promo, attribution
ORDER BY at, kol_id, currency, promo, attribution
"""

#: Refunds under the minute of the sale they take back; minute 0 where that sale is not there.
REFUNDS_BY_SALE: Final = """
SELECT
    toUInt32(toStartOfMinute(sold_at)) AS at, currency, promo, attribution,
    uniqExact(order_id) AS refunded_orders, sum(amount_minor) AS refund_minor
FROM (
    SELECT order_id, currency, promo, attribution, amount_minor
    FROM ledger FINAL
    WHERE kind = 'refund' AND room_id = %(room_id)s
) AS refund ANY LEFT JOIN (
    SELECT id AS order_id, occurred_at AS sold_at
    FROM ledger FINAL
    WHERE kind = 'order' AND room_id = %(room_id)s
) AS sale USING order_id
GROUP BY at, currency, promo, attribution
ORDER BY at, currency, promo, attribution
"""

PRODUCTS: Final = """
SELECT
    product_id, currency,
    sum(impressions) AS impressions, sum(clicks) AS clicks, sum(carts) AS carts,
    sum(orders) AS orders, sum(sku_orders) AS sku_orders, sum(units) AS units,
    sum(gmv_minor) AS gmv_minor, sum(refunds) AS refunds,
    sum(refunded_units) AS refunded_units, sum(refund_minor) AS refund_minor
FROM product_window FINAL
WHERE room_id = %(room_id)s
GROUP BY product_id, currency
ORDER BY product_id, currency
"""

_SPANS: Final = """
SELECT
    product_id, currency, toUInt32(window_start) AS at,
    sum(clicks) AS clicks, sum(orders) AS orders, sum(units) AS units,
    sum(gmv_minor) AS gmv_minor
FROM product_window FINAL
WHERE room_id = %(room_id)s AND ({conditions})
GROUP BY product_id, currency, at
"""

PEOPLE: Final = """
SELECT role, uniqExactMerge(users) AS people
FROM audience
WHERE room_id = %(room_id)s
GROUP BY role
"""

#: Buyers come from the ledger, which alone knows each order's currency.
KOL_BUYERS: Final = """
SELECT kol_id, currency, uniqExact(user_id) AS people
FROM ledger
WHERE kind = 'order' AND room_id = %(room_id)s
GROUP BY kol_id, currency
"""

LEADERBOARD: Final = """
SELECT
    currency, rank, kol_id, orders, units, gmv_minor, refund_minor, net_gmv_minor,
    buyers, viewers, views
FROM kol_leaderboard
WHERE rank <= %(top)s OR kol_id = %(kol_id)s
ORDER BY currency, rank
"""

RECONCILIATION: Final = """
SELECT
    toUInt32(minute) AS at, currency, window_orders, ledger_orders,
    orders_difference, gmv_difference_minor, refund_difference_minor
FROM reconciliation
WHERE room_id = %(room_id)s
ORDER BY at, currency
"""

#: The partitions that carry the room. Every sale is also in ``sales_window``, every host event in
#: ``room_event``; product rows come from the same records as the other two.
ROOM_PARTITIONS: Final = """
SELECT kafka_topic, kafka_partition
FROM (
    SELECT kafka_topic, kafka_partition FROM activity_window WHERE room_id = %(room_id)s
    UNION ALL
    SELECT kafka_topic, kafka_partition FROM sales_window WHERE room_id = %(room_id)s
    UNION ALL
    SELECT kafka_topic, kafka_partition FROM room_event WHERE room_id = %(room_id)s
)
GROUP BY kafka_topic, kafka_partition
"""

PIPELINE: Final = """
SELECT
    kafka_topic, kafka_partition, watermark_ms, consumed, folded, duplicates, dead_lettered,
    late, gap, unaccounted
FROM pipeline
ORDER BY kafka_topic, kafka_partition
"""

DEAD_LETTERS: Final = """
SELECT kafka_topic, kafka_partition, reason, count() AS records
FROM dead_letter FINAL
GROUP BY kafka_topic, kafka_partition, reason
"""


def product_spans(spans: Sequence[tuple[str, int, int]]) -> tuple[str, dict[str, str | int]]:
    """The windows of each (product, first second, end second), and the parameters they need.

    One query for all spans: a long show has hundreds, and few of its windows lie in any.
    """
    conditions = []
    params: dict[str, str | int] = {}
    for number, (product_id, start, end) in enumerate(spans):
        conditions.append(
            f"(product_id = %(product{number})s"
            f" AND window_start >= toDateTime(%(start{number})s, 'UTC')"
            f" AND window_start < toDateTime(%(end{number})s, 'UTC'))"
        )
        params |= {f"product{number}": product_id, f"start{number}": start, f"end{number}": end}
    return _SPANS.format(conditions=" OR ".join(conditions)), params
