-- What a synthetic oil change takes, part by part: the database's view service_with_parts for one service.
SELECT s.service, s.category, s.labor_cost, sp.sku, p.name AS part, sp.quantity, p.price, sp.quantity * p.price AS parts_cost
FROM service s
JOIN service_parts sp ON sp.serviceid = s.serviceid
JOIN auto_parts p ON p.sku = sp.sku
WHERE s.serviceid = '48392017'
ORDER BY sp.sku
