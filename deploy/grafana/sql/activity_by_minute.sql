SELECT
    toStartOfMinute(window_start) AS time,
    sum(chats) AS chat_messages,
    sum(clicks) AS product_clicks,
    sum(likes) AS like_count
FROM activity_window FINAL
WHERE $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND room_id IN (SELECT room_id FROM room WHERE currency = ${currency:singlequote})
    AND toStartOfMinute(window_start) BETWEEN $__fromTime AND $__toTime
GROUP BY time
ORDER BY time
