-- customers.csv as the marketing system exports it: everybody it knows, the shop's own customers among them; 1.2 million at the
-- largest scale. It begins with a byte order mark, spells NULL in three ways, and its remarks hold commas, quotes and line ends.
-- Of 1,000 records 6 are faulty, and the header stands once more in the middle.
WITH size AS (
    SELECT round(1200000 * current_setting('lakewright.scale')::numeric / 325.844)::bigint AS customers
), header (line) AS (
    VALUES (E'customer_id,first_name,last_name,email,phone,street,city,state,postal_code,birth_date,marketing_consent,remark,'
            'created_at\r\n')
), records AS (
    SELECT customer_id, ARRAY[
        CASE fault WHEN 137 THEN 'C-' || customer_id ELSE customer_id::text END,
        first_name, last_name, email, coalesce(phone, 'N/A'),
        CASE WHEN fault = 555 THEN street || ', Apt 5' -- not quoted: one value too many
             WHEN customer_id % 7 = 0 THEN generator.field(street || ', Apt ' || customer_id % 90) ELSE street END,
        city, state, postal_code,
        CASE fault WHEN 250 THEN '1980-02-31' ELSE coalesce(birth_date::text, 'NULL') END,
        CASE fault WHEN 333 THEN 'maybe' ELSE coalesce(marketing_consent::text, '\N') END,
        CASE WHEN fault = 888 THEN '"urgent" call back' -- text behind a closing quote
             WHEN customer_id % 25 = 3 THEN generator.field('Says "the usual", means synthetic oil')
             WHEN customer_id % 40 = 11 THEN generator.field(E'Leaves the keys\nin the box') END,
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
    ] AS fields, fault = 444 AS is_cut
    FROM size, generator.customers(size.customers) AS customer, LATERAL (SELECT customer_id % 1000) AS drawn (fault)
)
SELECT line FROM (
    SELECT 0 AS place, U&'\FEFF' || line AS line FROM header
    UNION ALL SELECT customers / 2 + 0.5, line FROM size, header
    UNION ALL SELECT customer_id, array_to_string(CASE WHEN is_cut THEN fields[:9] ELSE fields END, ',', '') || E'\r\n' FROM records
) AS file
ORDER BY place;
