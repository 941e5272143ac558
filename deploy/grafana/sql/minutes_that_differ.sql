SELECT countIf(
        orders_difference != 0 OR gmv_difference_minor != 0 OR refund_difference_minor != 0
    ) AS minutes_that_differ
FROM reconciliation
WHERE $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND $__timeFilter(minute)
HAVING count() > 0
