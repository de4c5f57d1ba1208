-- The orders of the last seven days that have any.
SELECT order_id, customer_id, total_amount, order_date, order_type, status
FROM sales_order
WHERE order_date >= (SELECT max(order_date) FROM sales_order) - INTERVAL '7' DAY
ORDER BY order_date DESC, order_id DESC
