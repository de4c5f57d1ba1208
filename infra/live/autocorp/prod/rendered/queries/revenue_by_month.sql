-- What each kind of order brought in, month by month, refunds subtracted.
SELECT CAST(date_trunc('month', order_date) AS date) AS month, order_type, count(*) AS orders, sum(total_amount) AS revenue
FROM sales_order
GROUP BY 1, 2
ORDER BY 1, 2
