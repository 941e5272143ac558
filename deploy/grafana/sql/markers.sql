SELECT
    toDateTime(intDiv(occurred_at_ms, 1000)) AS time,
    replaceAll(toString(type), '_', ' ') AS title,
    concat(room_id, ' ', product_id, coupon_id) AS text,
    toString(type) AS tags
FROM room_event FINAL
WHERE type != 'product_listed'
    AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND $__timeFilter(time)
ORDER BY time
LIMIT 500
