-- What people read. Money is never summed across currencies: every view with money has a
-- currency column, and a room's activity stands in the row of the room's own currency.
--
-- Written for ClickHouse 18.16 and for today's at once, which differ on these points:
--   * the parts of a UNION ALL must have equal types: a zero is toUInt64(0) or toInt64(0)
--   * sum(x) AS x hides the column x from the rest of that SELECT: differences of sums are taken
--     one level further out
--   * both sides of a join need a name
--   * no window functions: ranks come out of a sorted array

CREATE VIEW IF NOT EXISTS room AS
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

-- One row per room, minute and currency. viewers and buyers are the unique people of that minute.
CREATE VIEW IF NOT EXISTS room_minute AS
SELECT
    room_id, minute, currency,
    views, leaves, watch_ms, impressions, clicks, carts, chats, likes, viewers, buyers,
    orders, sku_orders, units, gmv_minor, discount_minor,
    cancelled, refunds, refunded_units, refund_minor,
    gmv_minor - refund_minor AS net_gmv_minor,
    late
FROM (
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
        sum(late) AS late
    FROM (
        SELECT
            room_id, toStartOfMinute(window_start) AS minute, currency,
            toUInt64(0) AS views, toUInt64(0) AS leaves, toUInt64(0) AS watch_ms,
            toUInt64(0) AS impressions, toUInt64(0) AS clicks, toUInt64(0) AS carts,
            toUInt64(0) AS chats, toUInt64(0) AS likes,
            toUInt64(0) AS viewers, toUInt64(0) AS buyers, toUInt64(0) AS late,
            orders, sku_orders, units, gmv_minor, discount_minor,
            cancelled, refunds, refunded_units, refund_minor
        FROM sales_window FINAL
        UNION ALL
        SELECT
            room_id, minute, currency,
            views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
            viewers, buyers, late,
            toUInt64(0) AS orders, toUInt64(0) AS sku_orders, toUInt64(0) AS units,
            toInt64(0) AS gmv_minor, toInt64(0) AS discount_minor,
            toUInt64(0) AS cancelled, toUInt64(0) AS refunds,
            toUInt64(0) AS refunded_units, toInt64(0) AS refund_minor
        FROM (
            SELECT
                room_id, toStartOfMinute(window_start) AS minute,
                views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
                toUInt64(0) AS viewers, toUInt64(0) AS buyers, late
            FROM activity_window FINAL
            UNION ALL
            SELECT
                room_id, minute,
                toUInt64(0) AS views, toUInt64(0) AS leaves, toUInt64(0) AS watch_ms,
                toUInt64(0) AS impressions, toUInt64(0) AS clicks, toUInt64(0) AS carts,
                toUInt64(0) AS chats, toUInt64(0) AS likes,
                uniqExactMergeIf(users, role = 'viewer') AS viewers,
                uniqExactMergeIf(users, role = 'buyer') AS buyers,
                toUInt64(0) AS late
            FROM audience
            GROUP BY room_id, minute
        ) AS happened ANY LEFT JOIN (SELECT room_id, currency FROM room) AS host USING room_id
    )
    GROUP BY room_id, minute, currency
);

-- One row per room and currency. The unique people of a room stand in the row of its own currency.
CREATE VIEW IF NOT EXISTS room_summary AS
SELECT
    room_id, currency,
    views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
    viewers, chatters, likers, clickers, buyers,
    orders, sku_orders, units, gmv_minor, discount_minor,
    cancelled, refunds, refunded_units, refund_minor,
    gmv_minor - refund_minor AS net_gmv_minor,
    late
FROM (
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
        sum(late) AS late
    FROM (
        SELECT
            room_id, currency,
            toUInt64(0) AS views, toUInt64(0) AS leaves, toUInt64(0) AS watch_ms,
            toUInt64(0) AS impressions, toUInt64(0) AS clicks, toUInt64(0) AS carts,
            toUInt64(0) AS chats, toUInt64(0) AS likes,
            toUInt64(0) AS viewers, toUInt64(0) AS chatters, toUInt64(0) AS likers,
            toUInt64(0) AS clickers, toUInt64(0) AS buyers, toUInt64(0) AS late,
            orders, sku_orders, units, gmv_minor, discount_minor,
            cancelled, refunds, refunded_units, refund_minor
        FROM sales_window FINAL
        UNION ALL
        SELECT
            room_id, currency,
            views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
            viewers, chatters, likers, clickers, buyers, late,
            toUInt64(0) AS orders, toUInt64(0) AS sku_orders, toUInt64(0) AS units,
            toInt64(0) AS gmv_minor, toInt64(0) AS discount_minor,
            toUInt64(0) AS cancelled, toUInt64(0) AS refunds,
            toUInt64(0) AS refunded_units, toInt64(0) AS refund_minor
        FROM (
            SELECT
                room_id,
                views, leaves, watch_ms, impressions, clicks, carts, chats, likes,
                toUInt64(0) AS viewers, toUInt64(0) AS chatters, toUInt64(0) AS likers,
                toUInt64(0) AS clickers, toUInt64(0) AS buyers, late
            FROM activity_window FINAL
            UNION ALL
            SELECT
                room_id,
                toUInt64(0) AS views, toUInt64(0) AS leaves, toUInt64(0) AS watch_ms,
                toUInt64(0) AS impressions, toUInt64(0) AS clicks, toUInt64(0) AS carts,
                toUInt64(0) AS chats, toUInt64(0) AS likes,
                uniqExactMergeIf(users, role = 'viewer') AS viewers,
                uniqExactMergeIf(users, role = 'chatter') AS chatters,
                uniqExactMergeIf(users, role = 'liker') AS likers,
                uniqExactMergeIf(users, role = 'clicker') AS clickers,
                uniqExactMergeIf(users, role = 'buyer') AS buyers,
                toUInt64(0) AS late
            FROM audience
            GROUP BY room_id
        ) AS happened ANY LEFT JOIN (SELECT room_id, currency FROM room) AS host USING room_id
    )
    GROUP BY room_id, currency
);

-- Per KOL and currency, whole show. Sales and buyers belong to the KOL and the currency of the
-- order, whichever room it was placed in; views and viewers to the KOL who hosts the room, in the
-- room's currency. A person who buys or views in two rooms counts once. buyers come from the
-- ledger, which alone knows each order's currency; its user_id never differs between copies of a
-- row, so it needs no FINAL.
CREATE VIEW IF NOT EXISTS kol_total AS
SELECT
    kol_id, currency, orders, units, gmv_minor, refunds, refund_minor,
    gmv_minor - refund_minor AS net_gmv_minor,
    buyers, viewers, views
FROM (
    SELECT
        kol_id, currency,
        sum(orders) AS orders, sum(units) AS units, sum(gmv_minor) AS gmv_minor,
        sum(refunds) AS refunds, sum(refund_minor) AS refund_minor,
        sum(buyers) AS buyers, sum(viewers) AS viewers, sum(views) AS views
    FROM (
        SELECT
            kol_id, currency, orders, units, gmv_minor, refunds, refund_minor,
            toUInt64(0) AS buyers, toUInt64(0) AS viewers, toUInt64(0) AS views
        FROM sales_window FINAL
        UNION ALL
        SELECT
            kol_id, currency,
            toUInt64(0) AS orders, toUInt64(0) AS units, toInt64(0) AS gmv_minor,
            toUInt64(0) AS refunds, toInt64(0) AS refund_minor,
            uniqExact(user_id) AS buyers, toUInt64(0) AS viewers, toUInt64(0) AS views
        FROM ledger
        WHERE kind = 'order'
        GROUP BY kol_id, currency
        UNION ALL
        SELECT
            kol_id, currency,
            toUInt64(0) AS orders, toUInt64(0) AS units, toInt64(0) AS gmv_minor,
            toUInt64(0) AS refunds, toInt64(0) AS refund_minor,
            toUInt64(0) AS buyers, uniqExactMerge(users) AS viewers, toUInt64(0) AS views
        FROM (SELECT room_id, users FROM audience WHERE role = 'viewer') AS happened
            ANY LEFT JOIN (SELECT room_id, kol_id, currency FROM room) AS host USING room_id
        GROUP BY kol_id, currency
        UNION ALL
        SELECT
            kol_id, currency,
            toUInt64(0) AS orders, toUInt64(0) AS units, toInt64(0) AS gmv_minor,
            toUInt64(0) AS refunds, toInt64(0) AS refund_minor,
            toUInt64(0) AS buyers, toUInt64(0) AS viewers, views
        FROM (SELECT room_id, views FROM activity_window FINAL) AS happened
            ANY LEFT JOIN (SELECT room_id, kol_id, currency FROM room) AS host USING room_id
    )
    WHERE kol_id != ''
    GROUP BY kol_id, currency
);

-- rank 1 is the highest net GMV; ties go to more orders, then to the smaller kol_id.
CREATE VIEW IF NOT EXISTS kol_leaderboard AS
SELECT
    currency, rank,
    tupleElement(entry, 3) AS kol_id,
    tupleElement(entry, 4) AS orders,
    tupleElement(entry, 5) AS units,
    tupleElement(entry, 6) AS gmv_minor,
    tupleElement(entry, 7) AS refunds,
    tupleElement(entry, 8) AS refund_minor,
    tupleElement(entry, 9) AS net_gmv_minor,
    tupleElement(entry, 10) AS buyers,
    tupleElement(entry, 11) AS viewers,
    tupleElement(entry, 12) AS views
FROM (
    SELECT
        currency,
        arraySort(groupArray(tuple(
            -net_gmv_minor, -toInt64(orders), kol_id,
            orders, units, gmv_minor, refunds, refund_minor, net_gmv_minor,
            buyers, viewers, views
        ))) AS entries
    FROM kol_total
    GROUP BY currency
)
ARRAY JOIN entries AS entry, arrayEnumerate(entries) AS rank;

-- The windows (fast) against the ledger (the truth), minute by minute; every difference is 0.
CREATE VIEW IF NOT EXISTS reconciliation AS
SELECT
    room_id, minute, currency,
    window_orders, ledger_orders,
    window_gmv_minor, ledger_gmv_minor,
    window_refund_minor, ledger_refund_minor,
    window_orders - ledger_orders AS orders_difference,
    window_gmv_minor - ledger_gmv_minor AS gmv_difference_minor,
    window_refund_minor - ledger_refund_minor AS refund_difference_minor
FROM (
    SELECT
        room_id, minute, currency,
        sum(window_orders) AS window_orders, sum(ledger_orders) AS ledger_orders,
        sum(window_gmv_minor) AS window_gmv_minor, sum(ledger_gmv_minor) AS ledger_gmv_minor,
        sum(window_refund_minor) AS window_refund_minor,
        sum(ledger_refund_minor) AS ledger_refund_minor
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
            if(kind = 'order', amount_minor, toInt64(0)) AS ledger_gmv_minor,
            if(kind = 'refund', amount_minor, toInt64(0)) AS ledger_refund_minor
        FROM ledger FINAL
        WHERE kind != 'cancel'
    )
    GROUP BY room_id, minute, currency
);

-- Every record is folded, recognised as a duplicate, or dead-lettered: unaccounted is 0.
CREATE VIEW IF NOT EXISTS pipeline AS
SELECT
    kafka_topic, kafka_partition, next_offset, watermark_ms, consumed, folded, duplicates,
    dead_lettered, late, gap,
    toInt64(consumed) - toInt64(folded) - toInt64(duplicates) - toInt64(dead_lettered)
        AS unaccounted
FROM checkpoint FINAL;
