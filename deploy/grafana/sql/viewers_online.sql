SELECT time, online
FROM (
    SELECT
        groupArray(minute) AS minutes,
        arrayCumSum(groupArray(net_change)) AS running
    FROM (
        SELECT minute, sum(change) AS net_change
        FROM (
            SELECT
                toStartOfMinute(window_start) AS minute,
                toInt64(views) - toInt64(leaves) AS change
            FROM activity_window FINAL
            WHERE mode = 'live'
                AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
                AND room_id IN (SELECT room_id FROM room WHERE currency = ${currency:singlequote})
                AND window_start <= $__toTime
            UNION ALL
            -- Whoever had not left when a show ended is not online any more.
            SELECT ended AS minute, -remaining AS change
            FROM (
                SELECT room_id, sum(toInt64(views) - toInt64(leaves)) AS remaining
                FROM activity_window FINAL
                WHERE mode = 'live'
                    AND $__conditionalAll(room_id IN (${room:singlequote}), $room)
                    AND window_start <= $__toTime
                GROUP BY room_id
            ) AS rooms
            ANY INNER JOIN (
                SELECT
                    room_id,
                    toStartOfMinute(toDateTime(intDiv(ended_at_ms, 1000), 'UTC')) AS ended
                FROM room
                WHERE currency = ${currency:singlequote} AND ended_at_ms > 0
            ) AS ends USING room_id
            WHERE ended <= $__toTime
        )
        GROUP BY minute
        ORDER BY minute
    )
)
ARRAY JOIN minutes AS time, running AS online
WHERE $__timeFilter(time)
ORDER BY time
