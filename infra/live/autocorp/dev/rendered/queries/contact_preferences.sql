-- How customers want to be reached; many never said.
SELECT coalesce(json_extract_scalar(preferences, '$.contact'), 'never said') AS contact, count(*) AS customers,
       count_if(marketing_consent) AS agreed_to_marketing, count(phone) AS with_phone
FROM customers
GROUP BY 1
ORDER BY customers DESC, contact
