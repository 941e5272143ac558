SELECT
    product_id, shown, clicked, in_cart, bought, items,
    gross / ${minor_per_major} AS gmv,
    paid_back / ${minor_per_major} AS refunded,
    (gross - paid_back) / ${minor_per_major} AS net_gmv,
    if(shown > 0, clicked / shown, NULL) AS product_ctr,
    if(clicked > 0, bought / clicked, NULL) AS ctor
FROM (
    SELECT
        product_id,
        sum(impressions) AS shown, sum(clicks) AS clicked, sum(carts) AS in_cart,
        sum(sku_orders) AS bought, sum(units) AS items,
        sum(gmv_minor) AS gross, sum(refund_minor) AS paid_back
    FROM product_window FINAL
    -- Rows of traffic have no currency: they stand with what their room sells in.
    WHERE (currency = ${currency:singlequote} OR (currency = '' AND room_id IN (
            SELECT room_id FROM room WHERE currency = ${currency:singlequote})))
        AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
        AND toStartOfMinute(window_start) BETWEEN $__fromTime AND $__toTime
    GROUP BY product_id
)
ORDER BY gross DESC, product_id
LIMIT 50
