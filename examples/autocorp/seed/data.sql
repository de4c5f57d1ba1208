-- Customers and orders at the scale of the setting lakewright.scale (1 when it is not set; at least 1, fractions allowed).
-- The tables that grow hold 4,928 rows at scale 1: 1,149 customers, 1,000 orders, 2,135 part lines and 644 service lines.
-- At scale s they hold round(4928 s): orders and lines each grow in proportion and customers make up the rest, so that a scale
-- can be found for any total. At 325.844 the seven tables have 1,607,343 rows.

SET jit = off; -- compiling these few long statements would take longer than running them

CREATE TEMP TABLE size AS
SELECT round(1000 * scale)::bigint AS orders, round(2135 * scale)::bigint AS part_lines,
       round(644 * scale)::bigint AS service_lines,
       (round(4928 * scale) - round(1000 * scale) - round(2135 * scale) - round(644 * scale))::bigint AS customers
FROM (SELECT coalesce(nullif(current_setting('lakewright.scale', true), ''), '1')::numeric AS scale) AS wanted;
ANALYZE size;

DO $$ BEGIN
    IF (SELECT orders FROM size) < 1000 THEN
        RAISE EXCEPTION 'the scale must be at least 1, not %', current_setting('lakewright.scale');
    END IF;
END $$;

INSERT INTO customers
SELECT customer.* FROM size, generator.customers(size.customers) AS customer ORDER BY customer_id;

-- The plan of the orders. Every 40th gives back the first line of the order five before it; `source` is the order whose lines
-- are taken, and its hash decides the rest. Some are wholesale orders of 50 to 64 part lines, some warranty orders at no charge.
-- Each order has its least number of lines; what is left of the lines is shared out by weight, to the exact sum.
CREATE TEMP TABLE plan AS
WITH drawn AS (
    SELECT i, source, source <> i AS refund, md5('order:' || source) AS h, i % 250 = 125 AS wholesale, i % 100 = 50 AS warranty
    FROM size, generate_series(1, size.orders) AS i, LATERAL (SELECT CASE WHEN i % 40 = 7 THEN i - 5 ELSE i END) AS s (source)
    OFFSET 0
), typed AS (
    SELECT *, CASE WHEN wholesale OR draw < 9 THEN 'Parts' WHEN draw < 14 THEN 'Service'
                   WHEN refund THEN 'Parts' ELSE 'Mixed' END AS kind
    FROM drawn, LATERAL (SELECT generator.pick(h, 0, 20) OFFSET 0) AS d (draw)
), weighed AS (
    SELECT *, CASE WHEN kind = 'Service' THEN 0 WHEN wholesale THEN 50 + generator.pick(h, 1, 15) ELSE 1 END AS least_parts,
           CASE WHEN kind = 'Service' OR wholesale OR refund THEN 0 ELSE generator.pick(h, 1, 5) END AS parts_weight,
           CASE WHEN kind = 'Parts' THEN 0 ELSE 1 END AS least_services,
           CASE WHEN kind = 'Parts' OR refund OR generator.pick(h, 2, 4) > 0 THEN 0 ELSE 1 END AS services_weight
    FROM typed
), shared AS (
    SELECT weighed.*, part_lines - sum(least_parts) OVER () AS parts_left, sum(parts_weight) OVER () AS parts_sum,
           sum(parts_weight) OVER (ORDER BY i) AS parts_before, service_lines - sum(least_services) OVER () AS services_left,
           sum(services_weight) OVER () AS services_sum, sum(services_weight) OVER (ORDER BY i) AS services_before
    FROM weighed, size
)
SELECT i, source, refund, h, wholesale, warranty, kind,
       least_parts + parts_left * parts_before / parts_sum - parts_left * (parts_before - parts_weight) / parts_sum AS parts,
       least_services + services_left * services_before / services_sum
                      - services_left * (services_before - services_weight) / services_sum AS services
FROM shared;
ANALYZE plan;

CREATE TEMP TABLE part_line AS
SELECT i AS order_id, line, p.sku, quantity, unit_price, quantity * unit_price AS line_total
FROM plan
CROSS JOIN LATERAL generate_series(1, parts::integer) AS line
CROSS JOIN LATERAL (SELECT md5('line:' || source || ':' || line) OFFSET 0) AS hashed (line_hash)
CROSS JOIN LATERAL (SELECT (ARRAY[7, 11, 13, 17])[1 + generator.pick(h, 4, 4)]) AS walk (stride) -- prime to 400: no part twice
JOIN auto_parts p ON p.part_id = 1 + (generator.pick(h, 3, 400) + line * stride) % 400
CROSS JOIN LATERAL (
    SELECT CASE WHEN refund THEN -1 ELSE 1 END * CASE WHEN wholesale THEN 4 + generator.pick(line_hash, 0, 21)
                                                      ELSE (ARRAY[1, 1, 1, 2, 2, 4])[1 + generator.pick(line_hash, 0, 6)] END,
           CASE WHEN warranty THEN 0.00 ELSE p.price END
) AS sold (quantity, unit_price);
ANALYZE part_line;

-- Squaring the draw makes some services popular and most rare; the multiplication spreads the popular ones over the categories.
CREATE TEMP TABLE service_line AS
WITH offered AS (
    SELECT s.serviceid, s.labor_minutes, s.labor_cost, sum(sp.quantity * p.price) AS parts_cost,
           row_number() OVER (ORDER BY s.serviceid COLLATE "C") - 1 AS n
    FROM service s JOIN service_parts sp USING (serviceid) JOIN auto_parts p USING (sku)
    GROUP BY s.serviceid
)
SELECT i AS order_id, line, o.serviceid, o.labor_minutes, share * o.labor_cost AS labor_cost, share * o.parts_cost AS parts_cost,
       share * (o.labor_cost + o.parts_cost) AS line_total
FROM plan
CROSS JOIN LATERAL generate_series(1, services::integer) AS line
CROSS JOIN LATERAL (
    SELECT generator.pick(h, 5, 65536)::bigint, CASE WHEN warranty THEN 0 WHEN refund THEN -1 ELSE 1 END
) AS chosen (draw, share)
JOIN offered o ON o.n = ((draw * draw * 110 >> 32) * 37 + (line - 1) * 7) % 110;
ANALYZE service_line;

-- The business days of 2025-07-01 to 2025-11-20 share the orders evenly, each from 08:00 to 18:00 UTC.
INSERT INTO sales_order
WITH business_day AS (
    SELECT day, row_number() OVER (ORDER BY day) - 1 AS n, count(*) OVER () AS days
    FROM (SELECT date '2025-07-01' + d AS day FROM generate_series(0, 142) AS d) AS calendar
    WHERE extract(dow FROM day) <> 0
), charged AS (
    SELECT order_id, sum(line_total) AS amount
    FROM (SELECT order_id, line_total FROM part_line UNION ALL SELECT order_id, line_total FROM service_line) AS lines
    GROUP BY order_id
)
SELECT i, 1 + generator.pick_wide(h, size.customers), order_date,
       'INV-2025-' || lpad(i::text, 7, '0'),
       CASE WHEN status <> 'Open' AND NOT warranty THEN generator.word(w.payments, h, 1) END,
       0.0800, round(charged.amount * 1.0800, 2), kind, status, CASE WHEN refund THEN source END,
       CASE WHEN refund THEN 'Customer returned the item' WHEN warranty THEN 'Warranty, no charge'
            WHEN wholesale THEN 'Wholesale account' WHEN generator.pick(h, 2, 9) = 0 THEN 'Customer waits' END,
       order_date + CASE WHEN status = 'Open' THEN 0 ELSE 20 + generator.pick(h, 5, 90) END * interval '1 minute'
FROM plan JOIN charged ON charged.order_id = i CROSS JOIN size CROSS JOIN generator.words w
CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT refund AND i % 40 = 2 AND i + 5 <= size.orders THEN 'Refunded'
                WHEN refund OR warranty THEN 'Paid'
                WHEN i > size.orders - 60 AND generator.pick(h, 6, 2) = 0 OR generator.pick(h, 6, 50) = 0 THEN 'Open'
                ELSE 'Paid' END
) AS state (status)
JOIN business_day d ON d.n = (i - 1) * days / size.orders
CROSS JOIN LATERAL (
    SELECT (d.day::timestamp AT TIME ZONE 'UTC') + interval '8 hours' + ((i - 1) * days % size.orders) * 36000 / size.orders
           * interval '1 second' + generator.pick(md5('time:' || i), 0, 60000) * interval '10 microseconds'
) AS dated (order_date)
ORDER BY i;

INSERT INTO sales_order_parts
SELECT row_number() OVER (ORDER BY order_id, line), order_id, sku, quantity, unit_price, line_total FROM part_line ORDER BY 1;
INSERT INTO sales_order_services
SELECT row_number() OVER (ORDER BY order_id, line), order_id, serviceid, labor_minutes, labor_cost, parts_cost, line_total
FROM service_line ORDER BY 1;

DROP TABLE size, plan, part_line, service_line;
SELECT setval(pg_get_serial_sequence('auto_parts', 'part_id'), max(part_id)) FROM auto_parts;
SELECT setval(pg_get_serial_sequence('customers', 'customer_id'), max(customer_id)) FROM customers;
SELECT setval(pg_get_serial_sequence('sales_order', 'order_id'), max(order_id)) FROM sales_order;
SELECT setval(pg_get_serial_sequence('sales_order_parts', 'line_id'), max(line_id)) FROM sales_order_parts;
SELECT setval(pg_get_serial_sequence('sales_order_services', 'line_id'), max(line_id)) FROM sales_order_services;
ANALYZE auto_parts, customers, service, service_parts, sales_order, sales_order_parts, sales_order_services;
RESET jit;
