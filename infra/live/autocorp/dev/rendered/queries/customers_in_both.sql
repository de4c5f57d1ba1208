-- The marketing system's export beside the shop's database: who is in which, and whose e-mail address is not the same in both.
SELECT CASE WHEN c.customer_id IS NULL THEN 'in the export alone' WHEN e.customer_id IS NULL THEN 'in the database alone'
            WHEN c.email = e.email THEN 'in both' ELSE 'in both, with another address' END AS customer,
       count(*) AS customers, count(e.marketing_consent) AS asked, count_if(e.marketing_consent) AS agreed
FROM customers_export e
FULL JOIN customers c ON c.customer_id = e.customer_id
GROUP BY 1
ORDER BY 1
