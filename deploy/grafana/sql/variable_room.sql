-- Newest first. A show with more rooms than this is watched through "All".
SELECT room_id
FROM room
ORDER BY started_at_ms DESC, room_id
LIMIT 1000
