-- The agent writes whole boards, so the newest one is complete.
SELECT
    rank,
    if(previous_rank > 0, toInt64(previous_rank) - toInt64(rank), NULL) AS moved,
    kol_id, orders,
    gmv_minor / ${minor_per_major} AS gmv,
    net_gmv_minor / ${minor_per_major} AS net_gmv
FROM kol_rank FINAL
WHERE span = '5m' AND ranked_by = 'net_gmv'
    AND currency = ${currency:singlequote}
    AND at = (
        SELECT max(at)
        FROM kol_rank
        WHERE span = '5m' AND ranked_by = 'net_gmv'
            AND currency = ${currency:singlequote}
            AND at <= $__toTime
    )
ORDER BY rank
LIMIT 20
