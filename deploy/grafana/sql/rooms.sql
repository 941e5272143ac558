-- A show still on air is shown for six hours.
SELECT
    room_id, title, brand, kol_id, currency,
    toDateTime(intDiv(started_at_ms, 1000)) AS started,
    toDateTime(intDiv(if(ended_at_ms > 0, ended_at_ms, started_at_ms + 21600000), 1000)) AS until
FROM room
WHERE started_at_ms > 0
ORDER BY started_at_ms DESC, room_id
LIMIT 100
