SELECT sum(abs(unaccounted)) AS records
FROM pipeline
HAVING count() > 0
