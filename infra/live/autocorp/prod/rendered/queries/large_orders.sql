-- Orders of 50 and more lines.
SELECT o.order_id, o.invoice_number, o.order_date, count(*) AS line_count, sum(op.quantity) AS pieces, o.total_amount
FROM sales_order o
JOIN sales_order_parts op ON op.order_id = o.order_id
GROUP BY o.order_id, o.invoice_number, o.order_date, o.total_amount
HAVING count(*) >= 50
ORDER BY line_count DESC, o.order_id
