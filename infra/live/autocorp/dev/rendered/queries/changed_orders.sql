-- Orders as they are now; with --since a time, only those changed after it, and the deleted ones.
SELECT *
FROM sales_order
ORDER BY order_id DESC
LIMIT 100
