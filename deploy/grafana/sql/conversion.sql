SELECT buyers / viewers AS conversion
FROM (
    SELECT
        uniqExactMergeIf(users, role = 'buyer') AS buyers,
        uniqExactMergeIf(users, role = 'viewer') AS viewers
    FROM audience
    WHERE $__conditionalAll(room_id IN (${room:singlequote}), $room)
        AND room_id IN (SELECT room_id FROM room WHERE currency = ${currency:singlequote})
        AND $__timeFilter(minute)
)
WHERE viewers > 0
