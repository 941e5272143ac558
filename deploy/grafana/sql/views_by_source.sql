SELECT
    toStartOfMinute(window_start) AS time,
    sumIf(views, source = 'feed') AS feed,
    sumIf(views, source = 'follow') AS follow,
    sumIf(views, source = 'search') AS search,
    sumIf(views, source = 'paid') AS paid,
    sumIf(views, source = 'share') AS share,
    sumIf(views, source = 'qr') AS qr
FROM activity_window FINAL
WHERE $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND room_id IN (SELECT room_id FROM room WHERE currency = ${currency:singlequote})
    AND toStartOfMinute(window_start) BETWEEN $__fromTime AND $__toTime
GROUP BY time
ORDER BY time
