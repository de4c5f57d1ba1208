-- Rows of the exports that did not fit, the first of each kind: where it is, which value, why.
SELECT _file AS file, _line AS line, "column", value, reason
FROM (
    SELECT *, row_number() OVER (PARTITION BY reason, "column" ORDER BY _file, _line) AS place
    FROM (SELECT * FROM autocorp_dev_quarantine.quarantine_customers_export UNION ALL SELECT * FROM autocorp_dev_quarantine.quarantine_sales_orders)
)
WHERE place = 1
ORDER BY file, line
