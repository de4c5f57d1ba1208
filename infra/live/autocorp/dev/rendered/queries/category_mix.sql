-- The share of each category in what parts and services brought in, before tax.
WITH line AS (
    SELECT 'parts' AS sold_as, p.category, op.line_total
    FROM sales_order_parts op
    JOIN auto_parts p ON p.sku = op.sku
    UNION ALL
    SELECT 'services', s.category, os.line_total
    FROM sales_order_services os
    JOIN service s ON s.serviceid = os.serviceid
)
SELECT sold_as, category, sum(line_total) AS revenue,
       round(100 * CAST(sum(line_total) AS double) / sum(CAST(sum(line_total) AS double)) OVER (PARTITION BY sold_as), 1)
           AS percent
FROM line
GROUP BY sold_as, category
ORDER BY sold_as, revenue DESC, category
