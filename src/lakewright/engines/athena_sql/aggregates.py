"""Aggregate and window functions by their Trino names, with the DuckDB function that means the same."""

from __future__ import annotations

AGGREGATES = {
    "approx_distinct": "approx_count_distinct",
    "approx_percentile": "quantile_disc",
    "any_value": "any_value",
    "arbitrary": "any_value",
    "array_agg": "list",
    "avg": "avg",
    "bitwise_and_agg": "bit_and",
    "bitwise_or_agg": "bit_or",
    "bitwise_xor_agg": "bit_xor",
    "bool_and": "bool_and",
    "bool_or": "bool_or",
    "corr": "corr",
    "count": "count",
    "count_if": "count_if",
    "covar_pop": "covar_pop",
    "covar_samp": "covar_samp",
    "every": "bool_and",
    "geometric_mean": "geometric_mean",
    "histogram": "histogram",
    "map_agg": "list",
    "max": "max",
    "max_by": "arg_max_null",
    "min": "min",
    "min_by": "arg_min_null",
    "regr_intercept": "regr_intercept",
    "regr_slope": "regr_slope",
    "stddev": "stddev_samp",
    "stddev_pop": "stddev_pop",
    "stddev_samp": "stddev_samp",
    "sum": "sum",
    "var_pop": "var_pop",
    "var_samp": "var_samp",
    "variance": "var_samp",
}

WINDOWS = frozenset(
    {
        *("row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile"),
        *("lag", "lead", "first_value", "last_value", "nth_value"),
    }
)
