"""Engines run SQL over tables that a caller provides: `duckdb` is the engine, `athena_sql` the dialect it is written in."""
