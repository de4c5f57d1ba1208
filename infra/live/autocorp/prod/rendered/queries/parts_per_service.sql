-- How many different parts a service takes, by category: on average and at most.
SELECT category, count(*) AS services, round(avg(CAST(parts AS double)), 1) AS average_parts, max(parts) AS most_parts
FROM (
    SELECT s.category, s.serviceid, count(sp.sku) AS parts
    FROM service s
    LEFT JOIN service_parts sp ON sp.serviceid = s.serviceid
    GROUP BY s.category, s.serviceid
) AS counted
GROUP BY category
ORDER BY average_parts DESC, category
