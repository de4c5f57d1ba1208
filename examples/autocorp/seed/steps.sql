-- The shop at work: generator.step(n) is the n-th thing that happens, one transaction. Its choices depend on n and on what the
-- tables hold, never on a clock. One connection at a time is meant to call it. Orders from generator.reserved() on are left
-- alone, for whoever wants to follow one of their own.

CREATE FUNCTION generator.reserved() RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 900000000;

-- An order of that status among the newest `span`, or null when there is none.
CREATE FUNCTION generator.find_order(wanted text, hash text, span bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT order_id FROM sales_order
    WHERE status = wanted AND order_id < generator.reserved() AND order_id > generator.pick_wide(hash, span) - span + (
        SELECT max(order_id) FROM sales_order WHERE order_id < generator.reserved())
    ORDER BY order_id LIMIT 1
$$;

-- A part line at today's price; the part leaves the shelf, which is filled up when it would run empty.
CREATE FUNCTION generator.sell_part(in_order bigint, hash text, quantity integer, moment timestamptz) RETURNS void
LANGUAGE sql AS $$
    WITH sold AS (
        UPDATE auto_parts p SET updated_at = moment,
            quantity_on_hand = p.quantity_on_hand - sell_part.quantity
                               + CASE WHEN p.quantity_on_hand < sell_part.quantity THEN 120 ELSE 0 END
        WHERE part_id = 1 + generator.pick(hash, 0, 400)
        RETURNING sku, price
    )
    INSERT INTO sales_order_parts (order_id, sku, quantity, unit_price, line_total)
    SELECT in_order, sku, sell_part.quantity, price, sell_part.quantity * price FROM sold
$$;

-- A service line with its parts at today's prices.
CREATE FUNCTION generator.sell_service(in_order bigint, hash text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO sales_order_services (order_id, serviceid, labor_minutes, labor_cost, parts_cost, line_total)
    SELECT in_order, s.serviceid, s.labor_minutes, s.labor_cost, sum(sp.quantity * p.price),
           s.labor_cost + sum(sp.quantity * p.price)
    FROM (SELECT * FROM service ORDER BY serviceid COLLATE "C" LIMIT 1 OFFSET generator.pick(hash, 1, 110)) AS s
    JOIN service_parts sp USING (serviceid) JOIN auto_parts p USING (sku)
    GROUP BY s.serviceid, s.labor_minutes, s.labor_cost
$$;

-- Makes the header agree with the lines.
CREATE FUNCTION generator.settle(settled bigint, moment timestamptz) RETURNS void
LANGUAGE sql AS $$
    UPDATE sales_order o SET updated_at = moment, total_amount = round((l.parts + l.services) * (1 + o.tax_rate), 2),
        order_type = CASE WHEN l.service_lines = 0 THEN 'Parts' WHEN l.part_lines = 0 THEN 'Service' ELSE 'Mixed' END
    FROM (SELECT (SELECT count(*) FROM sales_order_parts WHERE order_id = settled) AS part_lines,
                 (SELECT coalesce(sum(line_total), 0) FROM sales_order_parts WHERE order_id = settled) AS parts,
                 (SELECT count(*) FROM sales_order_services WHERE order_id = settled) AS service_lines,
                 (SELECT coalesce(sum(line_total), 0) FROM sales_order_services WHERE order_id = settled) AS services) AS l
    WHERE o.order_id = settled
$$;

-- A header without amount, numbered from the sequence.
CREATE FUNCTION generator.open_order(customer integer, moment timestamptz, refunded bigint) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO sales_order (order_id, customer_id, order_date, invoice_number, total_amount, order_type, refund_of, updated_at)
    SELECT id, customer, moment, 'INV-2025-' || lpad(id::text, 7, '0'), 0, 'Parts', refunded, moment
    FROM (SELECT nextval(pg_get_serial_sequence('sales_order', 'order_id')) AS id) AS next
    RETURNING order_id
$$;

CREATE FUNCTION generator.new_order(hash text, moment timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint := generator.open_order(
        (SELECT min(customer_id) FROM customers
         WHERE customer_id > generator.pick_wide(hash, (SELECT max(customer_id) FROM customers))), moment, NULL);
    kind integer := generator.pick(hash, 1, 20);
    wholesale boolean := generator.pick(hash, 2, 150) = 0;
BEGIN
    IF wholesale OR kind < 9 OR kind >= 14 THEN
        PERFORM generator.sell_part(made, md5(hash || line), 1 + generator.pick(md5(hash || line), 2, 4), moment)
        FROM generate_series(1, CASE WHEN wholesale THEN 55 ELSE 1 + generator.pick(hash, 3, 4) END) AS line;
    END IF;
    IF kind >= 9 AND NOT wholesale THEN
        PERFORM generator.sell_service(made, hash);
    END IF;
    PERFORM generator.settle(made, moment);
    RETURN made;
END $$;

-- A new order that gives back every line of a paid one.
CREATE FUNCTION generator.refund(returned bigint, moment timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    made bigint := generator.open_order((SELECT customer_id FROM sales_order WHERE order_id = returned), moment, returned);
BEGIN
    INSERT INTO sales_order_parts (order_id, sku, quantity, unit_price, line_total)
    SELECT made, sku, -quantity, unit_price, -line_total FROM sales_order_parts WHERE order_id = returned ORDER BY line_id;
    INSERT INTO sales_order_services (order_id, serviceid, labor_minutes, labor_cost, parts_cost, line_total)
    SELECT made, serviceid, labor_minutes, -labor_cost, -parts_cost, -line_total
    FROM sales_order_services WHERE order_id = returned ORDER BY line_id;
    UPDATE sales_order m SET status = 'Paid', payment_method = o.payment_method, tax_rate = o.tax_rate, notes = 'Order returned'
    FROM sales_order o WHERE m.order_id = made AND o.order_id = returned;
    UPDATE sales_order SET status = 'Refunded', updated_at = moment WHERE order_id = returned;
    PERFORM generator.settle(made, moment);
    RETURN made;
END $$;

-- A new customer; the number in the address keeps it unique.
CREATE FUNCTION generator.new_customer(hash text, moment timestamptz) RETURNS integer
LANGUAGE sql AS $$
    INSERT INTO customers (customer_id, first_name, last_name, email, city, state, postal_code, created_at, updated_at)
    SELECT id, first_name, last_name, lower(replace(first_name || '.' || last_name, '''', '')) || id || '@example.com',
           p.city, p.state, p.zip || '01', moment, moment
    FROM (SELECT nextval(pg_get_serial_sequence('customers', 'customer_id')) AS id) AS next, generator.words w,
         LATERAL (SELECT generator.word(w.first_names, hash, 1), generator.word(w.last_names, hash, 2))
             AS named (first_name, last_name),
         generator.place p
    WHERE p.n = 1 + generator.pick(hash, 3, (SELECT count(*)::integer FROM generator.place))
    RETURNING customer_id
$$;

-- The n-th step; returns what it did. Of 20 steps about 9 sell, 3 take payment, and one each is of the other kinds.
CREATE FUNCTION generator.step(n bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    hash text := md5('step:' || n);
    action integer := generator.pick(hash, 0, 20);
    moment timestamptz := timestamptz '2025-11-21 08:00:00+00' + n * interval '20 seconds';
    newest bigint := (SELECT max(order_id) FROM sales_order WHERE order_id < generator.reserved());
    chosen bigint := CASE WHEN action BETWEEN 9 AND 14 THEN generator.find_order('Open', hash, 120)
                          WHEN action IN (15, 16) THEN generator.find_order('Paid', hash, newest) END;
BEGIN
    IF action < 9 OR action BETWEEN 9 AND 16 AND chosen IS NULL THEN
        chosen := generator.new_order(hash, moment);
        RETURN 'sold in order ' || chosen;
    ELSIF action < 12 THEN
        UPDATE sales_order SET status = 'Paid', updated_at = moment,
            payment_method = (SELECT generator.word(payments, hash, 1) FROM generator.words)
        WHERE order_id = chosen;
        RETURN 'took payment for order ' || chosen;
    ELSIF action = 12 THEN
        PERFORM generator.sell_part(chosen, hash, 2, moment);
        PERFORM generator.settle(chosen, moment);
        RETURN 'added a line to order ' || chosen;
    ELSIF action = 13 THEN
        UPDATE sales_order_parts SET quantity = quantity + 1, line_total = (quantity + 1) * unit_price WHERE order_id = chosen;
        PERFORM generator.settle(chosen, moment);
        RETURN 'raised the quantities of order ' || chosen;
    ELSIF action = 14 THEN
        DELETE FROM sales_order_parts WHERE order_id = chosen;
        DELETE FROM sales_order_services WHERE order_id = chosen;
        DELETE FROM sales_order WHERE order_id = chosen;
        RETURN 'cancelled order ' || chosen;
    ELSIF action = 15 AND EXISTS (SELECT FROM sales_order WHERE order_id = chosen AND refund_of IS NULL) THEN
        RETURN 'refunded order ' || chosen || ' by order ' || generator.refund(chosen, moment);
    ELSIF action IN (15, 16) THEN
        UPDATE sales_order SET updated_at = moment,
            -- A refund moves forward, so that it never comes before its order.
            order_date = order_date + CASE WHEN refund_of IS NULL THEN -1 ELSE 1 END
                                      * (1 + generator.pick(hash, 1, 3)) * interval '24 hours'
        WHERE order_id = chosen;
        RETURN 'corrected the date of order ' || chosen;
    ELSIF action = 17 THEN
        UPDATE auto_parts SET price = round(price * (96 + generator.pick(hash, 1, 9)) / 100, 2), updated_at = moment
        WHERE part_id % 100 = generator.pick(hash, 2, 100);
        RETURN 'repriced four parts';
    ELSIF action = 18 THEN
        UPDATE customers SET phone = '(202) 555-01' || lpad(generator.pick(hash, 1, 100)::text, 2, '0'),
            email = split_part(split_part(email, '@', 1), '+', 1) || '+' || n || '@example.net', updated_at = moment
        WHERE customer_id = (SELECT min(customer_id) FROM customers
                             WHERE customer_id > generator.pick_wide(hash, (SELECT max(customer_id) FROM customers)));
        RETURN 'changed a customer''s phone and email';
    ELSE
        RETURN 'welcomed customer ' || generator.new_customer(hash, moment);
    END IF;
END $$;
