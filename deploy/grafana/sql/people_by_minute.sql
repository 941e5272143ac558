SELECT
    minute AS time,
    uniqExactMergeIf(users, role = 'viewer') AS viewers,
    uniqExactMergeIf(users, role = 'buyer') AS buyers
FROM audience
WHERE $__conditionalAll(room_id IN (${room:singlequote}), $room)
    AND room_id IN (SELECT room_id FROM room WHERE currency = ${currency:singlequote})
    AND $__timeFilter(minute)
GROUP BY time
ORDER BY time
