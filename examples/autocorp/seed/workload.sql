-- One step of the shop's day, a transaction of its own; lakewright.step counts them.
SELECT generator.step(current_setting('lakewright.step')::bigint);
