-- What people read. Money is never summed across currencies: every view with money has a
-- currency column, and a room's activity stands in the row of the room's own currency.

CREATE VIEW room AS
SELECT
    room_id,
    maxIf(kol_id, type = 'room_started')            AS kol_id,
    maxIf(brand, type = 'room_started')             AS brand,
    maxIf(title, type = 'room_started')             AS title,
    maxIf(currency, type = 'room_started')          AS currency,
    minIf(occurred_at_ms, type = 'room_started')    AS started_at_ms,
    maxIf(occurred_at_ms, type = 'room_ended')      AS ended_at_ms
FROM room_event FINAL
GROUP BY room_id;

CREATE VIEW room_minute AS
SELECT
    room_id, minute, currency,
    sum(views) AS views, sum(leaves) AS leaves, sum(watch_ms) AS watch_ms,
    sum(impressions) AS impressions, sum(clicks) AS clicks, sum(carts) AS carts,
    sum(chats) AS chats, sum(likes) AS likes,
    sum(viewers) AS viewers, sum(buyers) AS buyers,
    sum(orders) AS orders, sum(sku_orders) AS sku_orders, sum(units) AS units,
    sum(gmv_minor) AS gmv_minor, sum(discount_minor) AS discount_minor,
    sum(cancelled) AS cancelled, sum(refunds) AS refunds,
    sum(refunded_units) AS refunded_units, sum(refund_minor) AS refund_minor,
    sum(gmv_minor) - sum(refund_minor) AS net_gmv_minor,
    sum(late) AS late
FROM (
    SELECT
        room_id, toStartOfMinute(window_start) AS minute, currency,
        0 AS views, 0 AS leaves, 0 AS watch_ms, 0 AS impressions, 0 AS clicks, 0 AS carts,
        0 AS chats, 0 AS likes, 0 AS viewers, 0 AS buyers, 0 AS late,
        orders, sku_orders, units, gmv_minor, discount_minor, cancelled, refunds,
        refunded_units, refund_minor
    FROM sales_window FINAL
    UNION ALL
    SELECT
        room_id, minute, currency, views, leaves, watch_ms, impressions, clicks, carts,
        chats, likes, viewers, buyers, late,
        0 AS orders, 0 AS sku_orders, 0 AS units, 0 AS gmv_minor, 0 AS discount_minor,
        0 AS cancelled, 0 AS refunds, 0 AS refunded_units, 0 AS refund_minor
    FROM (
        SELECT
            room_id, toStartOfMinute(window_start) AS minute, views, leaves, watch_ms,
            impressions, clicks, carts, chats, likes, 0 AS viewers, 0 AS buyers, late
        FROM activity_window FINAL
        UNION ALL
        SELECT
            room_id, minute, 0 AS views, 0 AS leaves, 0 AS watch_ms, 0 AS impressions,
            0 AS clicks, 0 AS carts, 0 AS chats, 0 AS likes,
            uniqExactMergeIf(users, role = 'viewer') AS viewers,
            uniqExactMergeIf(users, role = 'buyer') AS buyers, 0 AS late
        FROM audience
        GROUP BY room_id, minute
    ) ANY LEFT JOIN (SELECT room_id, currency FROM room) USING room_id
)
GROUP BY room_id, minute, currency;

-- One row per room and currency. The unique people of a room stand in the row of its own currency.
CREATE VIEW room_summary AS
SELECT
    room_id, currency,
    sum(views) AS views, sum(leaves) AS leaves, sum(watch_ms) AS watch_ms,
    sum(impressions) AS impressions, sum(clicks) AS clicks, sum(carts) AS carts,
    sum(chats) AS chats, sum(likes) AS likes,
    sum(viewers) AS viewers, sum(chatters) AS chatters, sum(likers) AS likers,
    sum(clickers) AS clickers, sum(buyers) AS buyers,
    sum(orders) AS orders, sum(sku_orders) AS sku_orders, sum(units) AS units,
    sum(gmv_minor) AS gmv_minor, sum(discount_minor) AS discount_minor,
    sum(cancelled) AS cancelled, sum(refunds) AS refunds,
    sum(refunded_units) AS refunded_units, sum(refund_minor) AS refund_minor,
    sum(gmv_minor) - sum(refund_minor) AS net_gmv_minor,
    sum(late) AS late
FROM (
    SELECT
        room_id, currency,
        0 AS views, 0 AS leaves, 0 AS watch_ms, 0 AS impressions, 0 AS clicks, 0 AS carts,
        0 AS chats, 0 AS likes, 0 AS viewers, 0 AS chatters, 0 AS likers, 0 AS clickers,
        0 AS buyers, 0 AS late,
        orders, sku_orders, units, gmv_minor, discount_minor, cancelled, refunds,
        refunded_units, refund_minor
    FROM sales_window FINAL
    UNION ALL
    SELECT
        room_id, currency, views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
        viewers, chatters, likers, clickers, buyers, late,
        0 AS orders, 0 AS sku_orders, 0 AS units, 0 AS gmv_minor, 0 AS discount_minor,
        0 AS cancelled, 0 AS refunds, 0 AS refunded_units, 0 AS refund_minor
    FROM (
        SELECT
            room_id, views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
            0 AS viewers, 0 AS chatters, 0 AS likers, 0 AS clickers, 0 AS buyers, late
        FROM activity_window FINAL
        UNION ALL
        SELECT
            room_id, 0 AS views, 0 AS leaves, 0 AS watch_ms, 0 AS impressions, 0 AS clicks,
            0 AS carts, 0 AS chats, 0 AS likes,
            uniqExactMergeIf(users, role = 'viewer') AS viewers,
            uniqExactMergeIf(users, role = 'chatter') AS chatters,
            uniqExactMergeIf(users, role = 'liker') AS likers,
            uniqExactMergeIf(users, role = 'clicker') AS clickers,
            uniqExactMergeIf(users, role = 'buyer') AS buyers, 0 AS late
        FROM audience
        GROUP BY room_id
    ) ANY LEFT JOIN (SELECT room_id, currency FROM room) USING room_id
)
GROUP BY room_id, currency;

-- Per KOL and currency, whole show. Sales belong to the KOL of the order; views and viewers to
-- the KOL who hosts the room. rank 1 is the highest net GMV; ties go to more orders, then to the
-- smaller kol_id.
CREATE VIEW kol_total AS
SELECT
    kol_id, currency,
    sum(orders) AS orders, sum(units) AS units, sum(gmv_minor) AS gmv_minor,
    sum(refunds) AS refunds, sum(refund_minor) AS refund_minor,
    sum(gmv_minor) - sum(refund_minor) AS net_gmv_minor,
    sum(buyers) AS buyers, sum(viewers) AS viewers, sum(views) AS views
FROM (
    SELECT
        kol_id, currency, orders, units, gmv_minor, refunds, refund_minor,
        0 AS buyers, 0 AS viewers, 0 AS views
    FROM sales_window FINAL
    UNION ALL
    SELECT
        kol_id, currency, 0 AS orders, 0 AS units, 0 AS gmv_minor, 0 AS refunds,
        0 AS refund_minor, buyers, 0 AS viewers, 0 AS views
    FROM (
        SELECT room_id, kol_id, uniqExactMerge(users) AS buyers
        FROM audience
        WHERE role = 'buyer'
        GROUP BY room_id, kol_id
    ) ANY LEFT JOIN (SELECT room_id, currency FROM room) USING room_id
    UNION ALL
    SELECT
        kol_id, currency, 0 AS orders, 0 AS units, 0 AS gmv_minor, 0 AS refunds,
        0 AS refund_minor, 0 AS buyers, viewers, views
    FROM (
        SELECT room_id, sum(viewers) AS viewers, sum(views) AS views
        FROM room_summary
        GROUP BY room_id
    ) ANY LEFT JOIN (SELECT room_id, kol_id, currency FROM room) USING room_id
)
WHERE kol_id != ''
GROUP BY kol_id, currency;

CREATE VIEW kol_leaderboard AS
SELECT
    currency, rank, kol_id, orders, units, gmv_minor, refunds, refund_minor, net_gmv_minor,
    buyers, viewers, views
FROM (
    SELECT currency, arrayJoin(arrayEnumerate(sorted)) AS rank, (sorted[rank]).3 AS kol_id
    FROM (
        SELECT
            currency,
            arraySort(groupArray(tuple(-net_gmv_minor, -toInt64(orders), kol_id))) AS sorted
        FROM kol_total
        GROUP BY currency
    )
) ANY LEFT JOIN (SELECT * FROM kol_total) USING currency, kol_id;

-- The windows (fast) against the ledger (the truth), minute by minute; every difference is 0.
CREATE VIEW reconciliation AS
SELECT
    room_id, minute, currency,
    sum(window_orders) AS window_orders, sum(ledger_orders) AS ledger_orders,
    sum(window_gmv_minor) AS window_gmv_minor, sum(ledger_gmv_minor) AS ledger_gmv_minor,
    sum(window_refund_minor) AS window_refund_minor,
    sum(ledger_refund_minor) AS ledger_refund_minor,
    sum(window_orders) - sum(ledger_orders) AS orders_difference,
    sum(window_gmv_minor) - sum(ledger_gmv_minor) AS gmv_difference_minor,
    sum(window_refund_minor) - sum(ledger_refund_minor) AS refund_difference_minor
FROM (
    SELECT
        room_id, toStartOfMinute(window_start) AS minute, currency,
        toInt64(orders) AS window_orders, gmv_minor AS window_gmv_minor,
        refund_minor AS window_refund_minor,
        toInt64(0) AS ledger_orders, toInt64(0) AS ledger_gmv_minor,
        toInt64(0) AS ledger_refund_minor
    FROM sales_window FINAL
    UNION ALL
    SELECT
        room_id, toStartOfMinute(occurred_at) AS minute, currency,
        toInt64(0) AS window_orders, toInt64(0) AS window_gmv_minor,
        toInt64(0) AS window_refund_minor,
        toInt64(kind = 'order') AS ledger_orders,
        if(kind = 'order', amount_minor, 0) AS ledger_gmv_minor,
        if(kind = 'refund', amount_minor, 0) AS ledger_refund_minor
    FROM ledger FINAL
    WHERE kind != 'cancel'
)
GROUP BY room_id, minute, currency;

-- Every record is folded, recognised as a duplicate, or dead-lettered: unaccounted is 0.
CREATE VIEW pipeline AS
SELECT
    kafka_topic, kafka_partition, next_offset, watermark_ms, consumed, folded, duplicates,
    dead_lettered, late, gap,
    toInt64(consumed) - toInt64(folded) - toInt64(duplicates) - toInt64(dead_lettered)
        AS unaccounted
FROM checkpoint FINAL;
