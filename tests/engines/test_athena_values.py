"""What an expression is worth in Athena, after trino.io/docs/current/functions.html and athena's reading of 1.5 as double."""

from __future__ import annotations

import datetime
import math
import random
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from lakewright.engines.duckdb import DuckDBEngine
from lakewright.engines.relation import Relations

D = datetime.date
T = datetime.datetime

NUMBERS: list[tuple[str, Any]] = [
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 % 3", 1),
    ("-7 % 3", -1),
    ("7.0 / 2", 3.5),
    ("7 / 2.0", 3.5),
    ("1e0 / 0", math.inf),
    ("1.5 + 1", 2.5),
    ("0.1 + 0.2", 0.30000000000000004),
    ("DECIMAL '12.3456'", Decimal("12.3456")),
    ("DECIMAL '1.0' / DECIMAL '3.0'", Decimal("0.3")),
    ("DECIMAL '2.00' / 3", Decimal("0.67")),
    ("DECIMAL '-2.00' / 3", Decimal("-0.67")),
    ("DECIMAL '0.5' / 1", Decimal("0.5")),
    ("10 / DECIMAL '4.00'", Decimal("2.50")),
    ("DECIMAL '1.10' * DECIMAL '1.10'", Decimal("1.2100")),
    ("CAST(2.5e0 AS integer)", 3),
    ("CAST(-2.5e0 AS integer)", -3),
    ("CAST(3.5e0 AS bigint)", 4),
    ("CAST(DECIMAL '2.5' AS integer)", 3),
    ("CAST('12' AS bigint)", 12),
    ("TRY_CAST('2.5' AS integer)", None),
    ("TRY_CAST('x' AS integer)", None),
    ("CAST(2.345 AS decimal(3,2))", Decimal("2.35")),
    ("CAST(7 AS decimal)", Decimal("7")),
    ("round(2.5)", 3.0),
    ("round(-2.5)", -3.0),
    ("round(2.345, 2)", 2.35),
    ("round(DECIMAL '2.345', 2)", Decimal("2.350")),
    ("truncate(2.99)", 2.0),
    ("abs(-3)", 3),
    ("sign(-3)", -1),
    ("ceil(1.2)", 2.0),
    ("floor(-1.2)", -2.0),
    ("mod(7, 4)", 3),
    ("power(2, 10)", 1024.0),
    ("sqrt(16)", 4.0),
    ("log(2, 8)", 3.0),
    ("greatest(1, 3, 2)", 3),
    ("greatest(1, NULL)", None),
    ("least(2, 1)", 1),
    ("to_base(255, 16)", "ff"),
    ("bitwise_and(12, 10)", 8),
    ("bitwise_xor(12, 10)", 6),
    ("width_bucket(3.14, 0, 4, 3)", 3),
    ("is_nan(nan())", True),
    ("coalesce(NULL, 4)", 4),
    ("nullif(4, 4)", None),
    ("if(1 > 2, 'a', 'b')", "b"),
    ("if(1 > 2, 'a')", None),
    ("TRY(1 / 0)", None),
    ("CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"),
    ("1 IS DISTINCT FROM NULL", True),
    ("3 BETWEEN 1 AND 3", True),
    ("4 IN (1, 2, NULL)", None),
]

TEXTS: list[tuple[str, Any]] = [
    ("CAST(1e0 AS varchar)", "1.0E0"),
    ("CAST(123456.789 AS varchar)", "1.23456789E5"),
    ("CAST(-0.00015 AS varchar)", "-1.5E-4"),
    ("CAST(0e0 AS varchar)", "0.0E0"),
    ("CAST(1e100 AS varchar)", "1.0E100"),
    ("CAST(infinity() AS varchar)", "Infinity"),
    ("CAST(DECIMAL '1.50' AS varchar)", "1.50"),
    ("CAST(true AS varchar)", "true"),
    ("CAST(DATE '2026-01-02' AS varchar)", "2026-01-02"),
    ("CAST(TIMESTAMP '2026-01-02 03:04:05' AS varchar)", "2026-01-02 03:04:05"),
    ("CAST(TIMESTAMP '2026-01-02 03:04:05.100' AS varchar)", "2026-01-02 03:04:05.100"),
    ("CAST('abcdef' AS varchar(3))", "abc"),
    ("CAST(123 AS varchar(3))", "123"),
    ("'a' || 'b' || 'c'", "abc"),
    ("'a' || NULL", None),
    ("concat('a', NULL)", None),
    ("concat('a', 'b', 'c')", "abc"),
    ("concat_ws(',', 'a', NULL, 'b')", "a,b"),
    ("trim(chr(9) || ' a' || chr(10))", "a"),
    ("trim(BOTH 'x' FROM 'xxaxx')", "a"),
    ("trim(LEADING FROM '  a ')", "a "),
    ("substr('abc', 2)", "bc"),
    ("substr('abc', -2)", "bc"),
    ("substr('abc', 0, 2)", ""),
    ("substr('abc', -5)", ""),
    ("substring('abcd', 2, 2)", "bc"),
    ("substring('abcd' FROM 2 FOR 2)", "bc"),
    ("strpos('abcabc', 'b')", 2),
    ("strpos('abcabc', 'b', 2)", 5),
    ("strpos('abcabc', 'b', 3)", 0),
    ("position('c' IN 'abc')", 3),
    ("split('a,b,c', ',')", ["a", "b", "c"]),
    ("split('a,b,c', ',', 2)", ["a", "b,c"]),
    ("split_part('a,b', ',', 2)", "b"),
    ("split_part('a,b', ',', 3)", None),
    ("lpad('5', 3, '0')", "005"),
    ("replace('aXbX', 'X')", "ab"),
    ("upper('a') || lower('B')", "Ab"),
    ("length('äb')", 2),
    ("reverse('abc')", "cba"),
    ("starts_with('abc', 'ab')", True),
    ("'abc' LIKE 'a%'", True),
    ("'a%c' LIKE 'a!%c' ESCAPE '!'", True),
    ("regexp_like('order 12', '[0-9]+')", True),
    ("regexp_extract('order 12', '[0-9]+')", "12"),
    ("regexp_extract('order', '[0-9]+')", None),
    ("regexp_extract('k=v', '(k)=(v)', 2)", "v"),
    ("regexp_replace('1a 2b', '([0-9])([a-z])', '$2$1')", "a1 b2"),
    ("regexp_replace('a1b2', '[0-9]')", "ab"),
    ("regexp_replace('a.b', '\\.', '\\$')", "a$b"),
    ("regexp_split('a1b22c', '[0-9]+')", ["a", "b", "c"]),
    ("codepoint('a')", 97),
    ("levenshtein_distance('kitten', 'sitting')", 3),
    ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
    ("to_base64(to_utf8('ab'))", "YWI="),
    ("X'4142'", b"AB"),
    ("url_encode('a b&ü')", "a+b%26%C3%BC"),
    ("url_decode('a+b%26')", "a b&"),
    ("url_extract_host('https://example.com:8080/p/a?x=1#f')", "example.com"),
    ("url_extract_port('https://example.com:8080/p/a?x=1#f')", 8080),
    ("url_extract_path('https://example.com:8080/p/a?x=1#f')", "/p/a"),
    ("url_extract_query('https://example.com:8080/p/a?x=1#f')", "x=1"),
    ("url_extract_fragment('https://example.com:8080/p/a?x=1#f')", "f"),
    ("url_extract_protocol('https://example.com')", "https"),
]

TIMES: list[tuple[str, Any]] = [
    ("DATE '2026-01-31' + INTERVAL '1' DAY", D(2026, 2, 1)),
    ("DATE '2026-01-31' + INTERVAL '1' MONTH", D(2026, 2, 28)),
    ("DATE '2026-03-01' - INTERVAL '1' DAY", D(2026, 2, 28)),
    ("INTERVAL '1' DAY + DATE '2026-01-31'", D(2026, 2, 1)),
    ("TIMESTAMP '2026-01-31 10:00:00' - INTERVAL '90' MINUTE", T(2026, 1, 31, 8, 30)),
    ("date_add('day', 3, DATE '2026-01-30')", D(2026, 2, 2)),
    ("date_add('month', -1, TIMESTAMP '2026-03-31 01:00:00')", T(2026, 2, 28, 1)),
    ("date_add('hour', 2, TIMESTAMP '2026-03-31 23:00:00')", T(2026, 4, 1, 1)),
    ("date_add('quarter', 1, DATE '2026-01-01')", D(2026, 4, 1)),
    ("date_diff('day', TIMESTAMP '2026-01-01 12:00:00', TIMESTAMP '2026-01-03 11:00:00')", 1),
    ("date_diff('month', DATE '2026-01-31', DATE '2026-02-27')", 0),
    ("date_diff('day', DATE '2026-01-03', DATE '2026-01-01')", -2),
    ("date_diff('hour', TIMESTAMP '2026-01-01 00:30:00', TIMESTAMP '2026-01-01 02:00:00')", 1),
    ("date_trunc('month', DATE '2026-02-17')", D(2026, 2, 1)),
    ("date_trunc('week', DATE '2026-02-01')", D(2026, 1, 26)),
    ("date_trunc('hour', TIMESTAMP '2026-02-17 10:59:00')", T(2026, 2, 17, 10)),
    ("extract(DOW FROM DATE '2026-02-01')", 7),
    ("extract(YEAR FROM DATE '2026-02-01')", 2026),
    ("day_of_week(DATE '2026-02-02')", 1),
    ("week(DATE '2027-01-01')", 53),
    ("year_of_week(DATE '2027-01-01')", 2026),
    ("millisecond(TIMESTAMP '2026-01-01 00:00:05.123')", 123),
    ("last_day_of_month(DATE '2026-02-01')", D(2026, 2, 28)),
    ("CAST(TIMESTAMP '2026-01-01 10:00:00' AS date)", D(2026, 1, 1)),
    ("date('2026-01-01')", D(2026, 1, 1)),
    ("CAST('2026-01-01 10:00:00.123456' AS timestamp)", T(2026, 1, 1, 10, 0, 0, 123000)),
    ("CAST(TIMESTAMP '2026-01-01 10:00:00.1256' AS timestamp(2))", T(2026, 1, 1, 10, 0, 0, 130000)),
    ("date_format(TIMESTAMP '2026-01-02 13:04:05', '%Y/%m/%d %h:%i:%s %p')", "2026/01/02 01:04:05 PM"),
    ("date_format(DATE '2026-01-02', '%W %M %e, %T')", "Friday January 2, 00:00:00"),
    ("date_parse('2026-01-02 13:04', '%Y-%m-%d %H:%i')", T(2026, 1, 2, 13, 4)),
    ("format_datetime(TIMESTAMP '2026-01-02 13:04:05.678', 'yyyy-MM-dd''T''HH:mm:ss.SSS')", "2026-01-02T13:04:05.678"),
    ("hour(from_iso8601_timestamp('2026-01-02T03:04:05Z'))", 3),
    ("CAST(CAST('2026-01-02 03:04:05 UTC' AS timestamp with time zone) AS varchar)", "2026-01-02 03:04:05.000 UTC"),
    ("to_iso8601(DATE '2026-01-02')", "2026-01-02"),
    ("to_iso8601(TIMESTAMP '2026-01-02 03:04:05')", "2026-01-02T03:04:05.000"),
    ("CAST(from_unixtime(0) AS timestamp)", T(1970, 1, 1)),
    ("to_unixtime(TIMESTAMP '1970-01-02 00:00:00')", 86400.0),
    ("CAST(TIMESTAMP '2026-01-01 12:00:00' AT TIME ZONE 'America/New_York' AS timestamp)", T(2026, 1, 1, 7)),
    ("hour(at_timezone(TIMESTAMP '2026-01-01 12:00:00 UTC', 'Asia/Tokyo'))", 21),
    ("DATE '2026-01-01' < TIMESTAMP '2026-01-01 00:00:01'", True),
    ("current_date = CAST(now() AS date)", True),
    ("cardinality(sequence(DATE '2026-01-01', DATE '2026-01-31'))", 31),
]

NESTED: list[tuple[str, Any]] = [
    ("ARRAY[1, 2][2]", 2),
    ("element_at(ARRAY[1, 2], 5)", None),
    ("element_at(ARRAY[1, 2], -1)", 2),
    ("cardinality(ARRAY[1, 2])", 2),
    ("cardinality(map(ARRAY['a'], ARRAY[1]))", 1),
    ("contains(ARRAY[1, NULL], 2)", None),
    ("contains(ARRAY[1, 2], 2)", True),
    ("array_position(ARRAY['a'], 'b')", 0),
    ("array_distinct(ARRAY[1, NULL, 2, 1, NULL])", [1, None, 2]),
    ("array_sort(ARRAY[3, NULL, 1])", [1, 3, None]),
    ("array_max(ARRAY[1, NULL])", None),
    ("array_join(ARRAY[1, NULL, 2], '-')", "1-2"),
    ("array_join(ARRAY[1, NULL, 2], '-', '?')", "1-?-2"),
    ("array_join(ARRAY[1.5], '-')", "1.5E0"),
    ("ARRAY[1] || ARRAY[2]", [1, 2]),
    ("ARRAY[1] || 2", [1, 2]),
    ("array_except(ARRAY[1, 2, 2], ARRAY[1])", [2]),
    ("array_union(ARRAY[1, 2], ARRAY[2, 3])", [1, 2, 3]),
    ("slice(ARRAY[1, 2, 3, 4], 2, 2)", [2, 3]),
    ("slice(ARRAY[1, 2, 3, 4], -3, 2)", [2, 3]),
    ("repeat('a', 2)", ["a", "a"]),
    ("reverse(ARRAY[1, 2])", [2, 1]),
    ("sequence(1, 3)", [1, 2, 3]),
    ("sequence(3, 1)", [3, 2, 1]),
    ("transform(ARRAY[1, 2], x -> x * 10)", [10, 20]),
    ("transform(ARRAY[7, 8], x -> x / 2)", [3, 4]),
    ("filter(ARRAY[1, 2, 3], x -> x > 1)", [2, 3]),
    ("reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s * 10)", 60),
    ("any_match(ARRAY[1, 2], x -> x > 1)", True),
    ("any_match(ARRAY[1, NULL], x -> x > 1)", None),
    ("all_match(ARRAY[2, 3], x -> x > 1)", True),
    ("none_match(ARRAY[2, 3], x -> x > 5)", True),
    ("zip_with(ARRAY[1, 2], ARRAY[10, 20], (a, b) -> a + b)", [11, 22]),
    ("map(ARRAY['a', 'b'], ARRAY[1, 2])['b']", 2),
    ("element_at(map(ARRAY['a'], ARRAY[1]), 'z')", None),
    ("map_keys(map_filter(map(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> v > 1))", ["b"]),
    ("map_values(transform_values(map(ARRAY['a', 'b'], ARRAY[1, 2]), (k, v) -> v * 10))", [10, 20]),
    ("map_keys(transform_keys(map(ARRAY['a'], ARRAY[1]), (k, v) -> k || 'x'))", ["ax"]),
    ("element_at(split_to_map('a=1,b=2', ',', '='), 'b')", "2"),
    ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
    ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a')", None),
    ("json_extract_scalar('{\"a\": null}', '$.a')", None),
    ('json_extract_scalar(\'{"a b": ["x"]}\', \'$["a b"][0]\')', "x"),
    ("json_extract_scalar('broken', '$.a')", None),
    ("CAST(json_extract('{\"a\": \"x\"}', '$.a') AS varchar)", "x"),
    ("CAST(json_extract('{\"a\": [1, 2]}', '$.a') AS array(integer))", [1, 2]),
    ("json_format(json_extract('{\"a\": [1, 2]}', '$.a'))", "[1,2]"),
    ("json_array_length('[1, 2]')", 2),
    ("json_array_length('{}')", None),
    ("CAST(json_array_get('[1, 2]', 1) AS bigint)", 2),
]


@pytest.mark.parametrize(("expression", "expected"), [*NUMBERS, *TEXTS, *TIMES, *NESTED], ids=lambda part: str(part)[:60])
def test_an_expression_has_athenas_value(engine: DuckDBEngine, shop: Relations, expression: str, expected: Any) -> None:
    (value,) = engine.query(f"SELECT {expression}", shop).reader.read_all().column(0).to_pylist()
    assert value == expected
    assert type(value) is type(expected)


QUERIES: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("SELECT avg(amount) FROM orders", [(Decimal("15.28"),)]),
    ("SELECT sum(amount) / count(*) FROM orders", [(Decimal("10.18"),)]),
    ("SELECT sum(amount) / 3 AS x FROM (SELECT amount FROM orders WHERE id = 1)", [(Decimal("3.33"),)]),
    ("SELECT amount / 3 FROM orders ORDER BY id LIMIT 1", [(Decimal("3.33"),)]),
    ("SELECT avg(quantity), sum(quantity) / 5, sum(quantity) FROM lines", [(4.0, 2, 12)]),
    ("SELECT avg(amount) FILTER (WHERE paid) FROM orders", [(Decimal("10.00"),)]),
    ("SELECT avg(amount) OVER (PARTITION BY paid) FROM orders ORDER BY id", [(Decimal("10.00"),), (Decimal("20.55"),), (None,)]),
    ("SELECT CAST(at AS varchar) FROM orders ORDER BY id", [("2026-01-31 10:00:00.000",), ("2026-02-01 23:30:00.500",), (None,)]),
    ("SELECT CAST(factor AS varchar) FROM orders WHERE id = 2", [("-2.5E0",)]),
    ("SELECT day + INTERVAL '1' DAY FROM orders WHERE id = 1", [(D(2026, 2, 1),)]),
    ("SELECT json_extract_scalar(document, '$.a.b') FROM orders ORDER BY id", [("1",), (None,), (None,)]),
    ("SELECT count(*), count(name), count(DISTINCT paid), count_if(paid) FROM orders", [(3, 2, 2, 1)]),
    ("SELECT max_by(name, id), min_by(name, id), arbitrary(id) > 0 FROM orders", [(None, "anna", True)]),
    ("SELECT array_agg(name ORDER BY id DESC) FROM orders", [([None, "ben", "anna"],)]),
    ("SELECT listagg(name, ',') WITHIN GROUP (ORDER BY id DESC) FROM orders", [("ben,anna",)]),
    ("SELECT approx_percentile(quantity, 0.5) FROM lines", [(4,)]),
    ("SELECT map_agg(name, id)['ben'] FROM orders", [(2,)]),
    (
        "SELECT name, sum(quantity) q FROM orders o JOIN lines l ON o.id = l.id GROUP BY name ORDER BY q DESC",
        [("anna", 7), ("ben", 5)],
    ),
    ("SELECT name, sum(quantity) q FROM orders JOIN lines USING (id) GROUP BY 1 HAVING sum(quantity) > 5", [("anna", 7)]),
    ("SELECT id, rank() OVER (ORDER BY quantity DESC) r FROM lines ORDER BY r", [(2, 1), (1, 2), (1, 3)]),
    ("SELECT lag(id, 1, 0) OVER (ORDER BY id) FROM orders ORDER BY id", [(0,), (1,), (2,)]),
    ("SELECT last_value(name) IGNORE NULLS OVER (ORDER BY id) FROM orders ORDER BY id", [("anna",), ("ben",), ("ben",)]),
    ("SELECT x, n FROM UNNEST(ARRAY['a', 'b']) WITH ORDINALITY AS t(x, n) ORDER BY n", [("a", 1), ("b", 2)]),
    ("SELECT x, y FROM UNNEST(ARRAY[1, 2], ARRAY['a']) AS t(x, y) ORDER BY x", [(1, "a"), (2, None)]),
    ("SELECT k, v FROM UNNEST(map(ARRAY['a'], ARRAY[1])) AS t(k, v)", [("a", 1)]),
    ("SELECT id, w FROM orders CROSS JOIN UNNEST(split(name, 'n')) AS t(w) WHERE id = 1", [(1, "a"), (1, ""), (1, "a")]),
    (
        "SELECT id, w FROM orders LEFT JOIN UNNEST(split(name, '-')) AS t(w) ON TRUE ORDER BY id",
        [(1, "anna"), (2, "ben"), (3, None)],
    ),
    ("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, s) ORDER BY n OFFSET 1 LIMIT 1", [(2, "b")]),
    ("VALUES 1, 2", [(1,), (2,)]),
    ("TABLE lines", [(1, 1, 3), (1, 2, 4), (2, 1, 5)]),
    ("SELECT id FROM orders EXCEPT SELECT id FROM lines", [(3,)]),
    ("SELECT id FROM lines UNION SELECT 1 ORDER BY id DESC", [(2,), (1,)]),
    ("(SELECT 1 AS a) UNION ALL SELECT 2 ORDER BY a DESC", [(2,), (1,)]),
    (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n ORDER BY i",
        [(1,), (2,), (3,)],
    ),
    (
        "SELECT paid, count(*) c FROM orders GROUP BY ROLLUP (paid) ORDER BY c DESC, paid",
        [(None, 3), (False, 1), (True, 1), (None, 1)],
    ),
    ("SELECT id FROM orders WHERE id IN (SELECT id FROM lines WHERE quantity > 4)", [(2,)]),
    ("SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM lines l WHERE l.id = o.id AND l.line = 2)", [(1,)]),
    ("SELECT (SELECT max(quantity) FROM lines l WHERE l.id = o.id) FROM orders o ORDER BY id", [(4,), (5,), (None,)]),
    ("SELECT orderid FROM mixed", [(7,)]),
    ('SELECT "OrderId" + 1 FROM Shop.Mixed', [(8,)]),
    ("SELECT sum(quantity) AS quantity FROM lines ORDER BY sum(quantity)", [(12,)]),
    ("SELECT name FROM orders ORDER BY name", [("anna",), ("ben",), (None,)]),
    ("SELECT name FROM orders ORDER BY name DESC", [("ben",), ("anna",), (None,)]),
]


@pytest.mark.parametrize(("statement", "expected"), QUERIES, ids=lambda part: str(part)[:70])
def test_a_query_has_athenas_rows(engine: DuckDBEngine, shop: Relations, statement: str, expected: list[tuple[Any, ...]]) -> None:
    table = engine.query(statement, shop).reader.read_all()
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    ordered = "ORDER BY" in statement
    assert (rows if ordered else sorted(rows, key=repr)) == (expected if ordered else sorted(expected, key=repr))


@pytest.mark.parametrize("count", [40, pytest.param(150, marks=pytest.mark.crash)])
def test_decimal_quotients_are_exact(engine: DuckDBEngine, shop: Relations, count: int) -> None:
    draw = random.Random(5)

    def decimal() -> str:
        scale = draw.randint(1, 6)
        return f"{draw.choice(['', '-'])}{draw.randint(0, 10 ** draw.randint(1, 9))}.{draw.randint(1, 10**scale - 1):0{scale}d}"

    pairs = [(decimal(), decimal()) for _ in range(count)]
    table = engine.query("SELECT " + ", ".join(f"DECIMAL '{a}' / DECIMAL '{b}'" for a, b in pairs), shop).reader.read_all()
    for (a, b), column in zip(pairs, table.columns, strict=True):
        scale = max(len(a.partition(".")[2]), len(b.partition(".")[2]))
        expected = (Decimal(a) / Decimal(b)).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
        answer = column[0].as_py()
        assert (answer, answer.as_tuple().exponent) == (expected, -scale), (a, b)
