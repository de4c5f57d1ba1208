-- Parts whose stock is at or below the level to order again, the emptiest shelf first.
SELECT sku, name, category, brand, quantity_on_hand, reorder_level, reorder_level - quantity_on_hand AS short_by
FROM auto_parts
WHERE quantity_on_hand <= reorder_level AND NOT discontinued
ORDER BY short_by DESC, sku
