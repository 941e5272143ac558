"""The live page's questions to the store, in SQL for ClickHouse 18.16 and for chDB alike.

Sales and activity are read from the window tables and not from ``room_summary``: that view also
merges every set of unique people, which is too slow for every second. A test holds both to the
same figures. An alias never bears the name of a column that is summed in the same SELECT, because
the two stores resolve it differently.
"""

from __future__ import annotations

from typing import Final

#: One row: where the records went, over all partitions.
ACCOUNTS: Final = """
SELECT
    count() AS partitions, max(watermark_ms) AS newest_ms, sum(consumed) AS taken,
    sum(duplicates) AS repeated, sum(dead_lettered) AS unreadable, sum(late) AS too_late,
    sum(gap) AS lost, sum(abs(unaccounted)) AS missing
FROM pipeline
"""

#: Every room there is.
ROOMS: Final = "SELECT room_id, kol_id, brand, title, ended_at_ms FROM room"

#: Per room and currency, also of rooms whose start was never seen.
SALES: Final = """
SELECT
    room_id, currency, sum(orders) AS sold, sum(units) AS items, sum(gmv_minor) AS gmv,
    sum(refunds) AS paybacks, sum(refund_minor) AS paid_back,
    toUInt32(max(window_start)) AS newest_s
FROM sales_window FINAL
GROUP BY room_id, currency
"""

#: Per room, likewise. Who watches a replay has a view, and is not online.
ACTIVITY: Final = """
SELECT
    room_id, sum(views) AS entered, sumIf(views, mode = 'live') AS came,
    sumIf(leaves, mode = 'live') AS gone, sum(likes) AS hearts, sum(chats) AS messages,
    toUInt32(max(window_start)) AS newest_s
FROM activity_window FINAL
GROUP BY room_id
"""

#: One row: unique people over all rooms, each counted once.
PEOPLE: Final = """
SELECT
    uniqExactMergeIf(users, role = 'viewer') AS viewers,
    uniqExactMergeIf(users, role = 'buyer') AS buyers
FROM audience
"""

#: Per listed room.
ROOM_PEOPLE: Final = """
SELECT
    room_id, uniqExactMergeIf(users, role = 'viewer') AS viewers,
    uniqExactMergeIf(users, role = 'buyer') AS buyers
FROM audience
WHERE room_id IN %(rooms)s
GROUP BY room_id
"""

#: Per minute and currency, from a minute on.
LINES: Final = """
SELECT
    toUInt32(toStartOfMinute(window_start)) AS minute_s, currency,
    sum(orders) AS sold, sum(gmv_minor) AS gmv
FROM sales_window FINAL
WHERE window_start >= toDateTime(%(first_minute_s)s)
GROUP BY minute_s, currency
"""

#: Per listed room, minute and currency.
ROOM_LINES: Final = """
SELECT
    room_id, toUInt32(toStartOfMinute(window_start)) AS minute_s, currency,
    sum(orders) AS sold, sum(gmv_minor) AS gmv
FROM sales_window FINAL
WHERE room_id IN %(rooms)s AND window_start >= toDateTime(%(first_minute_s)s)
GROUP BY room_id, minute_s, currency
"""

#: Every rank's newest holder since a moment; a board has fewer ranks than before when KOLs drop
#: out, so the reader keeps only the ranks of each board's newest ``at``.
RANKS: Final = """
SELECT
    span, ranked_by, currency, rank, toUInt32(max(at)) AS at_s,
    argMax(kol_id, at) AS kol, argMax(previous_rank, at) AS previous,
    argMax(orders, at) AS sold, argMax(views, at) AS entered,
    argMax(gmv_minor, at) AS gmv, argMax(net_gmv_minor, at) AS net
FROM kol_rank FINAL
WHERE at >= toDateTime(%(since_s)s) AND rank <= %(ranks)s
GROUP BY span, ranked_by, currency, rank
ORDER BY span, ranked_by, currency, rank
"""

#: The whole show's ranks by net GMV, for the time before the leaderboard agent has written any.
LEADERBOARD: Final = """
SELECT currency, rank, kol_id, orders, views, gmv_minor, net_gmv_minor
FROM kol_leaderboard
WHERE rank <= %(ranks)s AND orders > 0
ORDER BY currency, rank
"""

#: Minutes in which the windows and the ledger disagree.
DIFFERENCES: Final = """
SELECT
    room_id, toUInt32(minute) AS minute_s, currency,
    orders_difference, gmv_difference_minor, refund_difference_minor
FROM reconciliation
WHERE orders_difference != 0 OR gmv_difference_minor != 0 OR refund_difference_minor != 0
ORDER BY room_id, minute_s, currency
LIMIT 1000
"""
