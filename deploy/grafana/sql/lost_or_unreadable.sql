SELECT sum(gap) AS gap_records, sum(dead_lettered) AS unreadable_records
FROM pipeline
HAVING count() > 0
