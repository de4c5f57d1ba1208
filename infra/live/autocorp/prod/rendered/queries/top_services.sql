-- The ten services that brought in the most, before tax.
SELECT s.serviceid, s.service, s.category, count(*) AS sold, sum(os.line_total) AS revenue
FROM sales_order_services os
JOIN service s ON s.serviceid = os.serviceid
WHERE os.line_total > 0
GROUP BY s.serviceid, s.service, s.category
ORDER BY revenue DESC, s.serviceid
LIMIT 10
