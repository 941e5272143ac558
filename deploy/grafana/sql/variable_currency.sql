SELECT currency
FROM (
    SELECT currency FROM room
    UNION ALL
    SELECT toString(currency) AS currency FROM sales_window
)
WHERE currency != ''
GROUP BY currency
ORDER BY count() DESC, currency
