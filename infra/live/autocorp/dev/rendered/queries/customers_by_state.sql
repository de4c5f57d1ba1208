-- How many customers each state has, how many of them ordered, and what they spent.
SELECT c.state, count(DISTINCT c.customer_id) AS customers, count(DISTINCT o.customer_id) AS with_orders,
       coalesce(sum(o.total_amount), 0) AS spent
FROM customers c
LEFT JOIN sales_order o ON o.customer_id = c.customer_id
GROUP BY c.state
ORDER BY customers DESC, c.state
