-- Whoever had not left when a show ended is not online any more.
SELECT sumIf(
        toInt64(views) - toInt64(leaves),
        room_id NOT IN (
            SELECT room_id FROM room
            WHERE ended_at_ms > 0 AND toDateTime(intDiv(ended_at_ms, 1000)) <= $__toTime
        )
    ) AS online
FROM activity_window FINAL
WHERE mode = 'live'
    AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND room_id IN (SELECT room_id FROM room WHERE currency = ${currency:singlequote})
    AND window_start <= $__toTime
GROUP BY mode
