-- Refunds beside the orders they give back, the newest first.
SELECT r.order_id, r.order_date, r.total_amount AS refunded, o.order_id AS original_order, o.total_amount AS original_amount,
       date_diff('day', o.order_date, r.order_date) AS days_after, r.notes
FROM sales_order r
JOIN sales_order o ON o.order_id = r.refund_of
ORDER BY r.order_date DESC, r.order_id DESC
