-- The newest orders line by line, with customer and names: the database's view order_details.
WITH line AS (
    SELECT op.order_id, 'part' AS line_kind, op.line_id, op.sku AS item, p.name AS description, op.quantity, op.line_total
    FROM sales_order_parts op
    JOIN auto_parts p ON p.sku = op.sku
    UNION ALL
    SELECT os.order_id, 'service', os.line_id, os.serviceid, s.service, 1, os.line_total
    FROM sales_order_services os
    JOIN service s ON s.serviceid = os.serviceid
)
SELECT o.order_id, o.invoice_number, o.order_date, o.status, c.first_name || ' ' || c.last_name AS customer,
       l.line_kind, l.item, l.description, l.quantity, l.line_total
FROM sales_order o
JOIN customers c ON c.customer_id = o.customer_id
LEFT JOIN line l ON l.order_id = o.order_id
ORDER BY o.order_id DESC, l.line_kind, l.line_id
LIMIT 50
