-- What labor and parts brought in, month by month, before tax; the parts of services stand by themselves.
WITH line AS (
    SELECT order_id, labor_cost AS labor, parts_cost AS service_parts, CAST(0 AS decimal(12,2)) AS parts FROM sales_order_services
    UNION ALL
    SELECT order_id, CAST(0 AS decimal(12,2)), CAST(0 AS decimal(12,2)), line_total FROM sales_order_parts
)
SELECT CAST(date_trunc('month', o.order_date) AS date) AS month, sum(l.labor) AS labor, sum(l.service_parts) AS service_parts,
       sum(l.parts) AS parts_sold
FROM line l
JOIN sales_order o ON o.order_id = l.order_id
GROUP BY 1
ORDER BY 1
