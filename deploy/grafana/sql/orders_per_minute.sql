SELECT sum(orders) / 5 AS orders_per_minute
FROM sales_window FINAL
WHERE currency = ${currency:singlequote}
    AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND window_start > $__toTime - 300
    AND window_start <= $__toTime
GROUP BY currency
