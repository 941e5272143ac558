SELECT
    rank, kol_id, orders, units,
    gmv_minor / ${minor_per_major} AS gmv,
    refund_minor / ${minor_per_major} AS refunded,
    net_gmv_minor / ${minor_per_major} AS net_gmv,
    buyers, viewers
FROM kol_leaderboard
WHERE currency = ${currency:singlequote}
ORDER BY rank
LIMIT 20
