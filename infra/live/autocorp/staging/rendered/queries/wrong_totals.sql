-- Orders whose total is not their lines and the tax on them; there should be none.
SELECT o.order_id, o.order_type, o.total_amount, round(l.amount * (1 + o.tax_rate), 2) AS of_lines
FROM sales_order o
LEFT JOIN (
    SELECT order_id, sum(line_total) AS amount
    FROM (
        SELECT order_id, line_total FROM sales_order_parts
        UNION ALL
        SELECT order_id, line_total FROM sales_order_services
    ) AS line
    GROUP BY order_id
) AS l ON l.order_id = o.order_id
WHERE l.amount IS NULL OR o.total_amount <> round(l.amount * (1 + o.tax_rate), 2)
ORDER BY o.order_id
