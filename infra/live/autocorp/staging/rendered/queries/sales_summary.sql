-- Orders, refunds and amounts by day and kind of order: the database's view sales_summary.
SELECT CAST(order_date AS date) AS day, order_type, count(*) AS orders, count(refund_of) AS refunds,
       sum(total_amount) AS total_amount
FROM sales_order
GROUP BY 1, 2
ORDER BY 1 DESC, 2
