"""Functions by their Trino names: which aggregate, which need a window, and of which type their values are."""

from __future__ import annotations

from sqlglot import exp

_T = exp.DType

AGGREGATES: dict[str, str] = {
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
"""Aggregates, with the DuckDB function that means the same."""

WINDOWS = frozenset(
    {
        *("row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile"),
        *("lag", "lead", "first_value", "last_value", "nth_value"),
    }
)
"""Functions that need OVER."""

_RESULTS: dict[exp.DType, str] = {
    _T.BIGINT: """approx_distinct bitwise_and bitwise_not bitwise_or bitwise_xor cardinality codepoint count count_if date_diff
        day day_of_month day_of_week day_of_year dense_rank dow doy grouping hamming_distance hour json_array_length
        length levenshtein_distance millisecond minute month ntile quarter rank regexp_count row_number second strpos
        url_extract_port week week_of_year year year_of_week yow""",
    _T.DOUBLE: """acos asin atan atan2 cbrt corr cos covar_pop covar_samp cume_dist degrees e exp geometric_mean infinity ln log
        log10 log2 nan percent_rank pi pow power radians rand random regr_intercept regr_slope sin sqrt stddev
        stddev_pop stddev_samp tan to_unixtime var_pop var_samp variance""",
    _T.VARCHAR: """array_join chr concat concat_ws date_format format_datetime from_utf8 json_extract_scalar json_format lower
        lpad ltrim regexp_extract regexp_replace replace rpad rtrim split_part substr to_base to_base64 to_hex to_iso8601
        translate trim upper url_decode url_encode url_extract_fragment url_extract_host url_extract_path
        url_extract_protocol url_extract_query""",
    _T.BOOLEAN: """all_match any_match bool_and bool_or contains every is_finite is_infinite is_json_scalar is_nan none_match
        regexp_like starts_with""",
    _T.VARBINARY: "from_base64 from_hex md5 sha1 sha256 to_utf8",
    _T.DATE: "date from_iso8601_date last_day_of_month",
    _T.TIMESTAMP: "date_parse",
    _T.TIMESTAMPTZ: "from_iso8601_timestamp from_unixtime now parse_datetime",
    _T.MAP: "map map_agg map_concat map_filter split_to_map transform_keys transform_values",
    _T.JSON: "json_array_get json_extract json_parse",
}
RESULTS: dict[str, exp.DType] = {name: kind for kind, names in _RESULTS.items() for name in names.split()}
"""Functions whose values are of one type whatever their arguments are."""

LIKE_FIRST = frozenset(
    {
        *(
            "abs",
            "any_value",
            "approx_percentile",
            "arbitrary",
            "array_distinct",
            "array_except",
            "array_intersect",
            "array_remove",
        ),
        *(
            "array_sort",
            "array_union",
            "date_trunc",
            "filter",
            "first_value",
            "lag",
            "last_value",
            "lead",
            "max",
            "max_by",
            "min",
        ),
        *("min_by", "nth_value", "nullif", "slice", "try"),
    }
)
"""Functions whose values are of the type of their first argument."""

LIKE_ALL = frozenset({"coalesce", "greatest", "least", "mod"})
"""Functions whose values are of the type that all their arguments have in common."""

ROUNDING = frozenset({"ceil", "ceiling", "floor", "round", "sign", "truncate"})
"""Functions that give a decimal another size."""
