-- orders/YYYY-MM.csv: a month of orders from before the database's time, as a bookkeeper abroad exports them: separated by
-- semicolons, with numbers as 1.234,56, dates as 31.12.2025, and in the character set Windows-1252. 8,000 a month at scale 1.
-- Of 1,000 records 5 are faulty, and the header stands once more in the middle; a file that is sent again is mended.
WITH asked AS (
    SELECT to_date(substring(current_setting('lakewright.file') FROM '\d{4}-\d{2}'), 'YYYY-MM') AS month,
           current_setting('lakewright.corrected')::boolean AS is_corrected,
           round(8000 * current_setting('lakewright.scale')::numeric)::bigint AS orders,
           round(1200000 * current_setting('lakewright.scale')::numeric / 325.844)::bigint AS customers
), header (line) AS (
    VALUES ('Order No;Invoice No;Order Date;Customer No;Order Type;Payment;Total;Remark' || E'\r\n')
), records AS (
    SELECT i, ARRAY[
        to_char(month, 'YYYYMM') || lpad(i::text, 8, '0'),
        'ARC-' || to_char(month, 'YYYY-MM-') || lpad(i::text, 8, '0'),
        CASE fault WHEN 230 THEN '31.02.2025' ELSE to_char(month + (i * 28 / (orders + 1))::integer, 'DD.MM.YYYY') END,
        CASE fault WHEN 907 THEN 'walk-in' ELSE (1 + generator.pick_wide(h, customers))::text END,
        (ARRAY['Parts', 'Parts', 'Service', 'Mixed'])[1 + generator.pick(h, 0, 4)],
        CASE WHEN generator.pick(h, 1, 9) > 0 THEN generator.word(w.payments, h, 2) END,
        CASE fault WHEN 17 THEN 'see invoice' WHEN 611 THEN amount
             ELSE translate(amount, ',.', '.,') END,
        CASE WHEN generator.pick(h, 3, 12) = 0 THEN generator.field('10 € off; says "the café round the corner" sent them')
             WHEN generator.pick(h, 3, 12) = 1 THEN generator.field(E'Rückgabe\nnach 14 Tagen') END
    ] AS fields, fault = 419 AS is_cut
    FROM asked, generator.words w, generate_series(1, orders) AS i
    CROSS JOIN LATERAL (SELECT md5('archive:' || month || ':' || i) OFFSET 0) AS hashed (h)
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT is_corrected THEN i % 1000 END) AS drawn (fault)
    CROSS JOIN LATERAL (
        SELECT to_char((CASE WHEN generator.pick(h, 4, 30) = 0 THEN -1 ELSE 1 END) * (1250 + generator.pick(h, 5, 60000)) / 12.5,
                       'FM999,999,990.00')
    ) AS priced (amount)
)
SELECT convert_to(line, 'WIN1252') FROM (
    SELECT 0 AS place, line FROM header
    UNION ALL SELECT orders / 2 + 0.5, line FROM asked, header WHERE NOT is_corrected
    UNION ALL SELECT i, array_to_string(CASE WHEN is_cut THEN fields[:4] ELSE fields END, ';', '') || E'\r\n' FROM records
) AS file
ORDER BY place;
