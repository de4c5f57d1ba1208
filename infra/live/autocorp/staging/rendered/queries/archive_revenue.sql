-- Revenue by month from the archived exports to the database's newest orders; how much of it from customers of the database.
SELECT date_trunc('month', o.order_date) AS month, o.system, count(*) AS orders, sum(o.total) AS revenue,
       count(c.customer_id) AS orders_of_known_customers
FROM (
    SELECT 'archive' AS system, customer_no AS customer_id, CAST(order_date AS timestamp) AS order_date, total FROM sales_orders
    UNION ALL SELECT 'database', customer_id, order_date, total_amount FROM sales_order
) o
LEFT JOIN customers c ON c.customer_id = o.customer_id
GROUP BY 1, 2
ORDER BY 1, 2
