"""Engines run SQL over tables that a caller provides: `duckdb` in the dialect of `athena_sql`, and `spark`, which writes too."""
