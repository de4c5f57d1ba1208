-- Trino's functions, written in DuckDB. What stands in schema athena is what a statement may call; translation holds what
-- rewritten operators and calls are made of. Meanings: trino.io/docs/current/functions.html.

-- ---- guards: decided from the type when the statement is bound, so they cost nothing per row

CREATE OR REPLACE MACRO translation.not_decimal(v) AS
  CASE WHEN starts_with(typeof(v), 'DECIMAL') THEN error('a decimal of unknown scale: CAST it') ELSE v END;
CREATE OR REPLACE MACRO translation.not_time(v) AS
  CASE WHEN typeof(v) IN ('DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE') THEN error('a difference of times: use date_diff') ELSE v END;
CREATE OR REPLACE MACRO translation.plain(v) AS
  CASE WHEN regexp_matches(typeof(v), 'DOUBLE|FLOAT|DECIMAL|TIMESTAMP|BLOB') THEN error('elements cannot be cast: use transform')
       ELSE v END;

-- ---- arithmetic

CREATE OR REPLACE MACRO translation.divide(a DOUBLE, b DOUBLE) AS a / b, (a BIGINT, b BIGINT) AS a // b;
CREATE OR REPLACE MACRO translation.of_scale(v, size) AS
  CASE WHEN typeof(v) = '"NULL"' OR regexp_full_match(typeof(v), 'DECIMAL\([0-9]+,' || size || '\)')
         OR size = 0 AND regexp_full_match(typeof(v), '(TINY|SMALL|BIG|HUGE)?INT(EGER)?') THEN v
       ELSE error('a decimal of unknown scale: CAST it') END;
CREATE OR REPLACE MACRO translation.round_quotient(n, d) AS
  n // d + CASE WHEN abs(n % d) >= abs(d) - abs(n % d) THEN CASE WHEN (n < 0) = (d < 0) THEN 1 ELSE -1 END ELSE 0 END;
CREATE OR REPLACE MACRO translation.plus_date(a, i) AS
  CASE WHEN a + i = CAST(CAST(a + i AS DATE) AS TIMESTAMP) THEN CAST(a + i AS DATE)
       ELSE error('hours, minutes or seconds cannot be added to a date') END;
CREATE OR REPLACE MACRO translation.plus(a DATE, i INTERVAL) AS translation.plus_date(a, i),
  (a TIMESTAMP, i INTERVAL) AS a + i,
  (a TIMESTAMP WITH TIME ZONE, i INTERVAL) AS a + i,
  (a TIME, i INTERVAL) AS a + i;

-- ---- casts

CREATE OR REPLACE MACRO translation.scientific_digits(digits, exponent) AS
  left(digits, 1) || '.' || CASE WHEN length(digits) > 1 THEN substr(digits, 2) ELSE '0' END || 'E' || exponent;
CREATE OR REPLACE MACRO translation.scientific(t) AS
  CASE WHEN t IN ('inf', '-inf', 'nan') THEN replace(replace(t, 'inf', 'Infinity'), 'nan', 'NaN')
       WHEN NOT regexp_matches(t, '^[^e]*[1-9]') THEN CASE WHEN starts_with(t, '-') THEN '-0.0E0' ELSE '0.0E0' END
       ELSE CASE WHEN starts_with(t, '-') THEN '-' ELSE '' END || translation.scientific_digits(
         rtrim(ltrim(regexp_replace(split_part(t, 'e', 1), '[-.]', '', 'g'), '0'), '0'),
         coalesce(TRY_CAST(split_part(t, 'e', 2) AS BIGINT), 0)
         + length(regexp_extract(t, '^-?([0-9]+)', 1)) - 1
         - length(regexp_extract(regexp_replace(split_part(t, 'e', 1), '[-.]', '', 'g'), '^0*'))) END;
-- A date or timestamp's text with its year as ISO 8601 counts: the year before 1 is 0, the one before that -1.
CREATE OR REPLACE MACRO translation.iso_text(t) AS CASE WHEN NOT contains(t, ' (BC)') THEN t
  ELSE CASE WHEN starts_with(t, '0001-') THEN '0000' ELSE format('-{:04d}', CAST(split_part(t, '-', 1) AS BIGINT) - 1) END
    || replace(substr(t, strpos(t, '-')), ' (BC)', '') END;
CREATE OR REPLACE MACRO translation.seconds_text(t) AS split_part(split_part(translation.iso_text(t), '.', 1), '+', 1);
CREATE OR REPLACE MACRO translation.time_text(t) AS translation.seconds_text(t) || '.' || CASE WHEN regexp_matches(t, '[.][0-9]{3}')
  THEN regexp_extract(t, '[.]([0-9]+)', 1) ELSE left(regexp_extract(t, '[.]([0-9]+)', 1) || '000', 3) END;
CREATE OR REPLACE MACRO translation.to_varchar(v) AS CASE
  WHEN typeof(v) IN ('VARCHAR', 'BOOLEAN', 'TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UUID', '"NULL"')
    OR starts_with(typeof(v), 'DECIMAL') THEN CAST(v AS VARCHAR)
  WHEN typeof(v) = 'DATE' THEN translation.iso_text(CAST(v AS VARCHAR))
  WHEN typeof(v) IN ('DOUBLE', 'FLOAT') THEN translation.scientific(CAST(v AS VARCHAR))
  WHEN typeof(v) = 'TIMESTAMP' THEN translation.time_text(CAST(v AS VARCHAR))
  WHEN typeof(v) = 'TIMESTAMP WITH TIME ZONE' THEN translation.time_text(CAST(v AS VARCHAR)) || ' UTC'
  WHEN typeof(v) = 'JSON' THEN CAST(CAST(v AS VARCHAR) AS JSON) ->> '$'
  ELSE error('a value of this type cannot be cast to varchar') END;
CREATE OR REPLACE MACRO translation.to_varchar_of(v, size) AS CASE
  WHEN typeof(v) = 'VARCHAR' THEN left(CAST(v AS VARCHAR), size)
  WHEN length(translation.to_varchar(v)) > size THEN error('a value is longer than its varchar')
  ELSE translation.to_varchar(v) END;
CREATE OR REPLACE MACRO translation.no_integer(v) AS
  typeof(v) = 'VARCHAR' AND NOT regexp_full_match(CAST(v AS VARCHAR), '[+-]?[0-9]+');
CREATE OR REPLACE MACRO translation.to_bigint(v) AS CASE
  WHEN typeof(v) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(v AS DOUBLE)) AS BIGINT)
  WHEN translation.no_integer(v) THEN CAST('!' AS BIGINT) ELSE CAST(v AS BIGINT) END;
CREATE OR REPLACE MACRO translation.to_int(v) AS CASE
  WHEN typeof(v) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(v AS DOUBLE)) AS INTEGER)
  WHEN translation.no_integer(v) THEN CAST('!' AS INTEGER) ELSE CAST(v AS INTEGER) END;
CREATE OR REPLACE MACRO translation.to_smallint(v) AS CASE
  WHEN typeof(v) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(v AS DOUBLE)) AS SMALLINT)
  WHEN translation.no_integer(v) THEN CAST('!' AS SMALLINT) ELSE CAST(v AS SMALLINT) END;
CREATE OR REPLACE MACRO translation.to_tinyint(v) AS CASE
  WHEN typeof(v) IN ('DOUBLE', 'FLOAT') THEN CAST(round(CAST(v AS DOUBLE)) AS TINYINT)
  WHEN translation.no_integer(v) THEN CAST('!' AS TINYINT) ELSE CAST(v AS TINYINT) END;
CREATE OR REPLACE MACRO translation.round_timestamp(t, unit) AS make_timestamp(CAST(round(epoch_us(t) / unit) AS BIGINT) * unit);

-- ---- arrays in operators and lambdas

CREATE OR REPLACE MACRO translation.concat_arrays(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_concat(a, b) END;
CREATE OR REPLACE MACRO translation.any_true(l) AS CASE
  WHEN l IS NULL THEN NULL WHEN list_contains(l, true) THEN true
  WHEN len(list_filter(l, lambda b: b IS NULL)) > 0 THEN NULL ELSE false END;
CREATE OR REPLACE MACRO translation.all_true(l) AS CASE
  WHEN l IS NULL THEN NULL WHEN list_contains(l, false) THEN false
  WHEN len(list_filter(l, lambda b: b IS NULL)) > 0 THEN NULL ELSE true END;
CREATE OR REPLACE MACRO translation.array_element(l, i) AS
  CASE WHEN l IS NULL OR i IS NULL OR i BETWEEN 1 AND len(l) THEN l[i] ELSE error('array subscript out of bounds') END;
CREATE OR REPLACE MACRO translation.map_element(m, k) AS
  CASE WHEN m IS NULL OR map_contains(m, k) THEN m[k] ELSE error('key not present in map') END;

-- ---- date and time

CREATE OR REPLACE MACRO translation.in_utc(v) AS CASE
  WHEN typeof(v) = 'VARCHAR'
    AND NOT regexp_full_match(CAST(v AS VARCHAR), '[0-9-]+([T ][0-9:.,]+)? *(Z|UTC|GMT|[+-]00(:?00)?)?')
  THEN error('a time in a zone other than UTC cannot be kept') ELSE v END;

CREATE OR REPLACE MACRO translation.trunc_time(unit, v DATE) AS CAST(date_trunc(unit, v) AS DATE),
  (unit, v TIMESTAMP) AS date_trunc(unit, v), (unit, v TIMESTAMP WITH TIME ZONE) AS date_trunc(unit, v);
CREATE OR REPLACE MACRO athena.now() AS now();
CREATE OR REPLACE MACRO athena.date(v) AS CAST(v AS DATE);
CREATE OR REPLACE MACRO athena.year(v) AS year(v);
CREATE OR REPLACE MACRO athena.quarter(v) AS quarter(v);
CREATE OR REPLACE MACRO athena.month(v) AS month(v);
CREATE OR REPLACE MACRO athena.week(v) AS week(v);
CREATE OR REPLACE MACRO athena.week_of_year(v) AS week(v);
CREATE OR REPLACE MACRO athena.year_of_week(v) AS isoyear(v);
CREATE OR REPLACE MACRO athena.yow(v) AS isoyear(v);
CREATE OR REPLACE MACRO athena.day(v) AS day(v);
CREATE OR REPLACE MACRO athena.day_of_month(v) AS day(v);
CREATE OR REPLACE MACRO athena.day_of_week(v) AS isodow(v);
CREATE OR REPLACE MACRO athena.dow(v) AS isodow(v);
CREATE OR REPLACE MACRO athena.day_of_year(v) AS dayofyear(v);
CREATE OR REPLACE MACRO athena.doy(v) AS dayofyear(v);
CREATE OR REPLACE MACRO athena.hour(v) AS hour(v);
CREATE OR REPLACE MACRO athena.minute(v) AS minute(v);
CREATE OR REPLACE MACRO athena.second(v) AS second(v);
CREATE OR REPLACE MACRO athena.millisecond(v) AS millisecond(v) % 1000;
CREATE OR REPLACE MACRO athena.last_day_of_month(v) AS last_day(v);
CREATE OR REPLACE MACRO athena.to_unixtime(v) AS epoch(v);
CREATE OR REPLACE MACRO athena.from_unixtime(v) AS to_timestamp(CAST(v AS DOUBLE));
CREATE OR REPLACE MACRO athena.from_iso8601_date(v) AS CAST(v AS DATE);
CREATE OR REPLACE MACRO athena.from_iso8601_timestamp(v) AS CAST(translation.in_utc(v) AS TIMESTAMP WITH TIME ZONE);
CREATE OR REPLACE MACRO athena.to_iso8601(v) AS CASE typeof(v)
  WHEN 'DATE' THEN translation.iso_text(CAST(v AS VARCHAR))
  WHEN 'TIMESTAMP' THEN replace(translation.time_text(CAST(v AS VARCHAR)), ' ', 'T')
  WHEN 'TIMESTAMP WITH TIME ZONE' THEN replace(translation.time_text(CAST(v AS VARCHAR)), ' ', 'T') || 'Z'
  ELSE error('to_iso8601 takes a date or a timestamp') END;
CREATE OR REPLACE MACRO athena.sequence(a, b) AS generate_series(a, b, CASE WHEN a <= b THEN 1 ELSE -1 END), (a, b, step) AS generate_series(a, b, step);
CREATE OR REPLACE MACRO translation.date_sequence(a, b) AS list_transform(
    generate_series(a, b, CASE WHEN a <= b THEN INTERVAL 1 DAY ELSE INTERVAL (-1) DAY END), lambda d: CAST(d AS DATE)),
  (a, b, step) AS list_transform(generate_series(a, b, step), lambda d: CAST(d AS DATE));

-- ---- strings

CREATE OR REPLACE MACRO athena.lower(s) AS lower(s);
CREATE OR REPLACE MACRO athena.upper(s) AS upper(s);
CREATE OR REPLACE MACRO athena.length(s) AS length(s);
CREATE OR REPLACE MACRO athena.trim(s) AS trim(s, chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), (s, c) AS trim(s, c);
CREATE OR REPLACE MACRO athena.ltrim(s) AS ltrim(s, chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), (s, c) AS ltrim(s, c);
CREATE OR REPLACE MACRO athena.rtrim(s) AS rtrim(s, chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)), (s, c) AS rtrim(s, c);
CREATE OR REPLACE MACRO athena.lpad(s, n, p) AS lpad(s, CAST(n AS INTEGER), p);
CREATE OR REPLACE MACRO athena.rpad(s, n, p) AS rpad(s, CAST(n AS INTEGER), p);
CREATE OR REPLACE MACRO athena.replace(s, a) AS replace(s, a, ''), (s, a, b) AS replace(s, a, b);
CREATE OR REPLACE MACRO athena.translate(s, a, b) AS translate(s, a, b);
CREATE OR REPLACE MACRO athena.chr(n) AS chr(CAST(n AS INTEGER));
CREATE OR REPLACE MACRO athena.codepoint(s) AS unicode(s);
CREATE OR REPLACE MACRO athena.starts_with(s, p) AS starts_with(s, p);
CREATE OR REPLACE MACRO athena.substr(s, i) AS CASE WHEN i = 0 OR abs(i) > length(s) THEN '' ELSE substr(s, i) END,
  (s, i, n) AS CASE WHEN i = 0 OR n <= 0 OR abs(i) > length(s) THEN '' ELSE substr(s, i, n) END;
CREATE OR REPLACE MACRO athena.strpos(s, p) AS strpos(s, p), (s, p, n) AS CASE
  WHEN n < 1 THEN error('the instance must be at least 1')
  WHEN len(string_split(s, p)) <= n THEN 0
  ELSE length(array_to_string(list_slice(string_split(s, p), 1, n), p)) + 1 END;
CREATE OR REPLACE MACRO athena.split(s, d) AS string_split(s, d), (s, d, n) AS CASE
  WHEN n < 1 THEN error('the limit must be positive')
  WHEN len(string_split(s, d)) <= n THEN string_split(s, d)
  ELSE list_append(list_slice(string_split(s, d), 1, n - 1), array_to_string(list_slice(string_split(s, d), n, len(string_split(s, d))), d))
  END;
CREATE OR REPLACE MACRO athena.split_part(s, d, i) AS CASE
  WHEN i < 1 THEN error('the index must be at least 1')
  WHEN i <= len(string_split(s, d)) THEN list_extract(string_split(s, d), i) END;
CREATE OR REPLACE MACRO athena.levenshtein_distance(a, b) AS levenshtein(a, b);
CREATE OR REPLACE MACRO athena.hamming_distance(a, b) AS hamming(a, b);
CREATE OR REPLACE MACRO athena.regexp_like(s, p) AS regexp_matches(s, p);
CREATE OR REPLACE MACRO athena.regexp_count(s, p) AS len(regexp_extract_all(s, p));
CREATE OR REPLACE MACRO athena.regexp_extract(s, p) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p) END,
  (s, p, i) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, i) END;
CREATE OR REPLACE MACRO athena.regexp_extract_all(s, p) AS regexp_extract_all(s, p), (s, p, i) AS regexp_extract_all(s, p, i);
CREATE OR REPLACE MACRO athena.regexp_split(s, p) AS string_split_regex(s, p);
CREATE OR REPLACE MACRO athena.split_to_map(s, e, k) AS map_from_entries(list_transform(
  list_filter(string_split(s, e), lambda p: p <> ''),
  lambda p: CASE WHEN contains(p, k) THEN row(split_part(p, k, 1), substr(p, strpos(p, k) + length(k)))
            ELSE error('an entry has no delimiter between key and value') END));

-- ---- URLs

CREATE OR REPLACE MACRO athena.url_encode(s) AS replace(replace(replace(url_encode(s), '%20', '+'), '~', '%7E'), '%2A', '*');
CREATE OR REPLACE MACRO athena.url_decode(s) AS url_decode(replace(s, '+', ' '));
CREATE OR REPLACE MACRO athena.url_extract_protocol(s) AS nullif(regexp_extract(s, '^([A-Za-z][A-Za-z0-9+.-]*):', 1), '');
CREATE OR REPLACE MACRO athena.url_extract_host(s) AS
  nullif(regexp_extract(s, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)', 1), '');
CREATE OR REPLACE MACRO athena.url_extract_port(s) AS
  CAST(nullif(regexp_extract(s, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*):([0-9]+)', 1), '') AS BIGINT);
CREATE OR REPLACE MACRO athena.url_extract_path(s) AS url_decode(regexp_extract(s, '^[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#]*)?([^?#]*)', 1));
CREATE OR REPLACE MACRO athena.url_extract_query(s) AS CASE WHEN regexp_matches(s, '^[^#]*[?]') THEN url_decode(regexp_extract(s, '[?]([^#]*)', 1)) END;
CREATE OR REPLACE MACRO athena.url_extract_fragment(s) AS CASE WHEN contains(s, '#') THEN url_decode(regexp_extract(s, '#(.*)$', 1)) END;

-- ---- JSON

CREATE OR REPLACE MACRO translation.json_at(j, path) AS CASE WHEN json_valid(j) THEN json_extract(CAST(j AS JSON), path) END;
CREATE OR REPLACE MACRO translation.json_scalar_at(j, path) AS CASE
  WHEN NOT json_valid(j) THEN NULL
  WHEN json_type(CAST(j AS JSON), path) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL
  ELSE json_extract_string(CAST(j AS JSON), path) END;
CREATE OR REPLACE MACRO athena.json_parse(s) AS CAST(s AS JSON);
CREATE OR REPLACE MACRO athena.json_format(j) AS CAST(j AS VARCHAR);
CREATE OR REPLACE MACRO athena.json_array_length(j) AS
  CASE WHEN json_valid(j) AND json_type(CAST(j AS JSON)) = 'ARRAY' THEN CAST(json_array_length(CAST(j AS JSON)) AS BIGINT) END;
CREATE OR REPLACE MACRO athena.is_json_scalar(j) AS json_type(CAST(j AS JSON)) NOT IN ('OBJECT', 'ARRAY');

-- ---- arrays and maps

CREATE OR REPLACE MACRO athena.contains(l, v) AS CASE
  WHEN l IS NULL OR v IS NULL THEN NULL WHEN list_contains(l, v) THEN true
  WHEN len(list_filter(l, lambda e: e IS NULL)) > 0 THEN NULL ELSE false END;
CREATE OR REPLACE MACRO athena.array_position(l, v) AS CASE WHEN l IS NULL OR v IS NULL THEN NULL ELSE coalesce(list_position(l, v), 0) END;
CREATE OR REPLACE MACRO athena.array_distinct(l) AS list_filter(l, lambda e, i: list_position(l, e) = i);
CREATE OR REPLACE MACRO athena.array_sort(l) AS list_sort(l, 'ASC', 'NULLS LAST');
CREATE OR REPLACE MACRO athena.array_max(l) AS CASE WHEN len(list_filter(l, lambda e: e IS NULL)) > 0 THEN NULL ELSE list_max(l) END;
CREATE OR REPLACE MACRO athena.array_min(l) AS CASE WHEN len(list_filter(l, lambda e: e IS NULL)) > 0 THEN NULL ELSE list_min(l) END;
CREATE OR REPLACE MACRO athena.array_join(l, d) AS
    array_to_string(list_transform(list_filter(l, lambda e: e IS NOT NULL), lambda e: translation.to_varchar(e)), d),
  (l, d, n) AS array_to_string(list_transform(l, lambda e: coalesce(translation.to_varchar(e), n)), d);
CREATE OR REPLACE MACRO athena.array_remove(l, v) AS list_filter(l, lambda e: e IS DISTINCT FROM v);
CREATE OR REPLACE MACRO athena.array_union(a, b) AS athena.array_distinct(translation.concat_arrays(a, b));
CREATE OR REPLACE MACRO athena.array_except(a, b) AS athena.array_distinct(list_filter(a, lambda e: list_position(b, e) IS NULL));
CREATE OR REPLACE MACRO athena.array_intersect(a, b) AS athena.array_distinct(list_filter(a, lambda e: list_position(b, e) IS NOT NULL));
CREATE OR REPLACE MACRO athena.flatten(l) AS flatten(l);
CREATE OR REPLACE MACRO athena.repeat(v, n) AS list_transform(range(n), lambda i: v);
CREATE OR REPLACE MACRO athena.slice(l, i, n) AS CASE
  WHEN i = 0 OR n < 0 THEN error('array indices start at 1, and a length is not negative')
  WHEN i > 0 THEN list_slice(l, i, i + n - 1)
  WHEN -i > len(l) THEN list_slice(l, 1, 0)
  ELSE list_slice(l, len(l) + i + 1, len(l) + i + n) END;
CREATE OR REPLACE MACRO athena.map(k, v) AS map(k, v);
CREATE OR REPLACE MACRO athena.map_keys(m) AS map_keys(m);
CREATE OR REPLACE MACRO athena.map_values(m) AS map_values(m);
CREATE OR REPLACE MACRO athena.map_concat(a, b) AS map_concat(a, b);

-- ---- numbers

CREATE OR REPLACE MACRO athena.abs(v) AS abs(v);
CREATE OR REPLACE MACRO athena.ceil(v) AS ceil(v);
CREATE OR REPLACE MACRO athena.ceiling(v) AS ceil(v);
CREATE OR REPLACE MACRO athena.floor(v) AS floor(v);
CREATE OR REPLACE MACRO athena.round(v) AS round(v), (v, n) AS round(v, CAST(n AS INTEGER));
CREATE OR REPLACE MACRO athena.truncate(v) AS trunc(v), (v, n) AS trunc(v, CAST(n AS INTEGER));
CREATE OR REPLACE MACRO athena.mod(a, b) AS a % b;
CREATE OR REPLACE MACRO athena.sign(v) AS sign(v);
CREATE OR REPLACE MACRO athena.power(a, b) AS pow(a, b);
CREATE OR REPLACE MACRO athena.pow(a, b) AS pow(a, b);
CREATE OR REPLACE MACRO athena.sqrt(v) AS sqrt(v);
CREATE OR REPLACE MACRO athena.cbrt(v) AS cbrt(v);
CREATE OR REPLACE MACRO athena.exp(v) AS exp(v);
CREATE OR REPLACE MACRO athena.ln(v) AS ln(v);
CREATE OR REPLACE MACRO athena.log(b, v) AS log(b, v);
CREATE OR REPLACE MACRO athena.log2(v) AS log2(v);
CREATE OR REPLACE MACRO athena.log10(v) AS log10(v);
CREATE OR REPLACE MACRO athena.sin(v) AS sin(v);
CREATE OR REPLACE MACRO athena.cos(v) AS cos(v);
CREATE OR REPLACE MACRO athena.tan(v) AS tan(v);
CREATE OR REPLACE MACRO athena.asin(v) AS asin(v);
CREATE OR REPLACE MACRO athena.acos(v) AS acos(v);
CREATE OR REPLACE MACRO athena.atan(v) AS atan(v);
CREATE OR REPLACE MACRO athena.atan2(a, b) AS atan2(a, b);
CREATE OR REPLACE MACRO athena.degrees(v) AS degrees(v);
CREATE OR REPLACE MACRO athena.radians(v) AS radians(v);
CREATE OR REPLACE MACRO athena.pi() AS pi();
CREATE OR REPLACE MACRO athena.e() AS exp(1);
CREATE OR REPLACE MACRO athena.rand() AS random();
CREATE OR REPLACE MACRO athena.random() AS random();
CREATE OR REPLACE MACRO athena.infinity() AS CAST('inf' AS DOUBLE);
CREATE OR REPLACE MACRO athena.nan() AS CAST('nan' AS DOUBLE);
CREATE OR REPLACE MACRO athena.is_nan(v) AS isnan(v);
CREATE OR REPLACE MACRO athena.is_finite(v) AS isfinite(CAST(v AS DOUBLE));
CREATE OR REPLACE MACRO athena.is_infinite(v) AS isinf(CAST(v AS DOUBLE));
CREATE OR REPLACE MACRO athena.to_base(v, base) AS lower(to_base(v, CAST(base AS INTEGER)));
CREATE OR REPLACE MACRO athena.bitwise_and(a, b) AS CAST(a AS BIGINT) & CAST(b AS BIGINT);
CREATE OR REPLACE MACRO athena.bitwise_or(a, b) AS CAST(a AS BIGINT) | CAST(b AS BIGINT);
CREATE OR REPLACE MACRO athena.bitwise_xor(a, b) AS xor(CAST(a AS BIGINT), CAST(b AS BIGINT));
CREATE OR REPLACE MACRO athena.bitwise_not(a) AS ~CAST(a AS BIGINT);
CREATE OR REPLACE MACRO athena.width_bucket(v, low, high, n) AS CASE
  WHEN n < 1 OR low = high THEN error('width_bucket needs a bucket and two different bounds')
  WHEN low < high AND v < low OR low > high AND v > low THEN 0
  WHEN low < high AND v >= high OR low > high AND v <= high THEN n + 1
  ELSE CAST(floor(n * (CAST(v AS DOUBLE) - low) / (CAST(high AS DOUBLE) - low)) AS BIGINT) + 1 END;

-- ---- bytes

CREATE OR REPLACE MACRO athena.to_utf8(s) AS encode(s);
CREATE OR REPLACE MACRO athena.from_utf8(b) AS decode(b);
CREATE OR REPLACE MACRO athena.to_hex(b) AS hex(b);
CREATE OR REPLACE MACRO athena.from_hex(s) AS unhex(s);
CREATE OR REPLACE MACRO athena.to_base64(b) AS to_base64(b);
CREATE OR REPLACE MACRO athena.from_base64(s) AS from_base64(s);
CREATE OR REPLACE MACRO athena.md5(b) AS unhex(md5(b));
CREATE OR REPLACE MACRO athena.sha1(b) AS unhex(sha1(b));
CREATE OR REPLACE MACRO athena.sha256(b) AS unhex(sha256(b));
