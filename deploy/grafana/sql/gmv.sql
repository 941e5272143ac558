SELECT sum(gmv_minor) / ${minor_per_major} AS gmv
FROM sales_window FINAL
WHERE currency = ${currency:singlequote}
    AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND toStartOfMinute(window_start) BETWEEN $__fromTime AND $__toTime
GROUP BY currency
