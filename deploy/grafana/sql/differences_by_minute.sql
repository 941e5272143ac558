SELECT
    minute AS time,
    sum(orders_difference) AS orders_off,
    sum(gmv_difference_minor) AS gmv_off_minor,
    sum(refund_difference_minor) AS refunds_off_minor
FROM reconciliation
WHERE currency = ${currency:singlequote}
    AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND $__timeFilter(minute)
GROUP BY time
ORDER BY time
