"""What is not right is refused, with a code, a place, and carets under the wrong word of the user's text."""

from __future__ import annotations

import pytest

from lakewright.engines.duckdb import DuckDBEngine
from lakewright.engines.relation import Relations
from lakewright.errors import QueryError

PLACES: list[tuple[str, str, str]] = [
    # (statement, code, the words under the carets)
    ("selct 1", "LW-500", "selct"),
    ("SELECT id FROM orders WHERE", "LW-500", "WHERE"),
    ("SELECT id\nFROM orders o\nORDER BYE id", "LW-500", "ORDER"),
    ("INSERT INTO orders VALUES (1)", "LW-501", "INSERT"),
    ("CREATE TABLE x AS SELECT 1", "LW-501", "CREATE"),
    ("DROP TABLE orders", "LW-501", "DROP"),
    ("COPY orders TO 'x'", "LW-501", "COPY"),
    ("ATTACH 'x.db'", "LW-501", "ATTACH"),
    ("PRAGMA database_list", "LW-501", "PRAGMA"),
    ("SET memory_limit = '1TB'", "LW-501", "SET"),
    ("CALL pragma_version()", "LW-501", "CALL"),
    ("UNLOAD (SELECT 1) TO 's3://x'", "LW-501", "UNLOAD"),
    ("-- first\nDELETE FROM orders", "LW-501", "DELETE"),
    ("SELECT 1; SELECT 2", "LW-501", "2"),
    ("EXPLAIN ANALYZE SELECT 1", "LW-502", "ANALYZE"),
    ("SELECT * FROM read_parquet('x')", "LW-502", "read_parquet"),
    ("SELECT * FROM query('SELECT 1')", "LW-502", "query"),
    ("SELECT * FROM glob('/*')", "LW-502", "glob"),
    ("SELECT * FROM orders TABLESAMPLE BERNOULLI (10)", "LW-502", "orders"),
    ("SELECT * EXCLUDE (id) FROM orders", "LW-502", "*"),
    ("SELECT * FROM orders NATURAL JOIN lines", "LW-502", "lines"),
    ("SELECT * FROM orders QUALIFY id = 1", "LW-500", "id"),
    ("SELECT id FROM orders GROUP BY ALL", "LW-502", "id"),
    ("SELECT main.now()", "LW-502", "main"),
    ("SELECT name ILIKE 'a' FROM orders", "LW-502", "name"),
    ("SELECT INTERVAL '1' DAY", "LW-502", ""),
    ("SELECT at AT TIME ZONE 'Asia/Tokyo' FROM orders", "LW-502", "at"),
    ("SELECT date_trunc('day', at AT TIME ZONE 'Asia/Tokyo') FROM orders", "LW-502", "at"),
    ("SELECT TIMESTAMP '2026-01-01 00:00:00 Asia/Tokyo'", "LW-502", "'2026-01-01 00:00:00 Asia/Tokyo'"),
    ("SELECT array_agg(id) IGNORE NULLS FROM orders", "LW-502", "array_agg"),
    ("SELECT * FROM ordrs", "LW-503", "ordrs"),
    ("SELECT * FROM shop.ordrs", "LW-503", "ordrs"),
    ("SELECT * FROM 'orders.parquet'", "LW-503", "'orders.parquet'"),
    ('SELECT * FROM "orders.parquet"', "LW-503", '"orders.parquet"'),
    ("SELECT * FROM information_schema.tables", "LW-503", "tables"),
    ("SELECT * FROM sqlite_master", "LW-503", "sqlite_master"),
    ("DESCRIBE ordrs", "LW-503", "ordrs"),
    ("WITH a AS (SELECT * FROM a) SELECT * FROM a", "LW-503", "a"),
    ("SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, x", "LW-503", "x"),
    ("SELECT nme FROM orders", "LW-504", "nme"),
    ("SELECT o.id,\n       o.nme\nFROM orders o", "LW-504", "nme"),
    ("SELECT x.id FROM orders o", "LW-504", "x"),
    ("SELECT id FROM orders JOIN lines ON orders.id = lines.id", "LW-504", "id"),
    ("SELECT id AS k FROM orders WHERE k = 1", "LW-504", "k"),
    ("SELECT id AS k, k + 1 FROM orders", "LW-504", "k"),
    ("SELECT PYSECRET", "LW-504", "PYSECRET"),
    ("SELECT lowr(name) FROM orders", "LW-505", "lowr"),
    ("SELECT query('SELECT 1')", "LW-505", "query"),
    ("SELECT getenv('HOME')", "LW-505", "getenv"),
    ("SELECT json_execute_serialized_sql('x')", "LW-505", "json_execute_serialized_sql"),
    ("SELECT word_stem(name) FROM orders", "LW-505", "word_stem"),
    ("SELECT array_sort(ARRAY[1], (a, b) -> 1)", "LW-505", "array_sort"),
    ("SELECT substr(name) FROM orders", "LW-505", "substr"),
    ("SELECT date_add('days', 1, day) FROM orders", "LW-505", "date_add"),
    ("SELECT date_format(day, '%D') FROM orders", "LW-505", "date_format"),
    ("SELECT json_extract(document, '$..a') FROM orders", "LW-505", "json_extract"),
    ("SELECT name = 1 FROM orders", "LW-506", "1"),
    ("SELECT * FROM orders WHERE day = '2026-01-01'", "LW-506", "'2026-01-01'"),
    ("SELECT * FROM orders WHERE id IN (1, 'a')", "LW-506", "'a'"),
    ("SELECT * FROM orders WHERE id", "LW-506", "id"),
    ("SELECT name || id FROM orders", "LW-506", "id"),
    ("SELECT day - day FROM orders", "LW-506", "day"),
    ("SELECT name + 1 FROM orders", "LW-506", "name"),
    ("SELECT element_at(document, 1) FROM orders", "LW-506", "document"),
    ("SELECT document[1] FROM orders", "LW-506", "document"),
    ("SELECT cardinality(lower(document)) FROM orders", "LW-506", "lower"),
    ("SELECT contains(document, 'a') FROM orders", "LW-506", "document"),
    ("SELECT x FROM orders CROSS JOIN UNNEST(document) AS t(x)", "LW-506", "document"),
    ("SELECT element_at(json_parse(document), 1) FROM orders", "LW-506", "json_parse"),
    ("SELECT coalesce(id, name) FROM orders", "LW-506", "name"),
    ("SELECT CASE WHEN paid THEN 1 ELSE 'x' END FROM orders", "LW-506", "'x'"),
    ("SELECT id FROM orders UNION SELECT name FROM orders", "LW-506", "name"),
    ("SELECT id, count(*) FROM orders", "LW-506", "id"),
    ("SELECT * FROM orders FOR VERSION AS OF 3", "LW-507", "orders"),
    ("SELECT * FROM orders FOR TIMESTAMP AS OF NULL", "LW-507", "orders"),
    ("WITH a AS (SELECT 1) SELECT * FROM a FOR TIMESTAMP AS OF now()", "LW-507", "a"),
    ("SELECT * FROM gone", "LW-520", "gone"),
]


@pytest.mark.parametrize(("statement", "code", "words"), PLACES, ids=lambda part: part[:60])
def test_refused_at_its_place(engine: DuckDBEngine, shop: Relations, statement: str, code: str, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.query(statement, shop).reader.read_all()
    error = caught.value
    assert error.code == code, error.message
    if not words:
        return
    assert error.where is not None
    assert error.excerpt is not None
    line, column = map(int, error.where.split(":"))
    shown, carets = error.excerpt.split("\n")
    assert shown == statement.split("\n")[line - 1]
    assert carets == " " * (column - 1) + "^" * len(words)
    assert shown[column - 1 : column - 1 + len(words)] == words


HINTS: list[tuple[str, str]] = [
    ("selct 1", "did you mean select?"),
    ("SELECT * FROM ordrs", "did you mean orders?"),
    ("SELECT nme FROM orders", "did you mean name?"),
    ("SELECT o.quantty FROM lines o", "did you mean quantity?"),
    ("SELECT lowr(name) FROM orders", "did you mean lower?"),
    ("SELECT date_add('days', 1, day) FROM orders", "did you mean day?"),
    ("SELECT id FROM orders JOIN lines ON orders.id = lines.id", "write orders.id, or another table's"),
]


ARRAYS = (
    "element_at({}, 2)",
    "{}[2]",
    "contains({}, 'b')",
    "cardinality({})",
    "array_join({}, ' ')",
    "any_match({}, x -> x = 'b')",
)


@pytest.mark.parametrize("form", ARRAYS)
def test_the_form_that_is_hinted_for_an_array_that_is_stored_as_text_runs(
    engine: DuckDBEngine, shop: Relations, form: str
) -> None:
    statement = """SELECT {} FROM (SELECT '["a", "b", null]' AS "order" FROM orders WHERE id = 1)"""
    with pytest.raises(QueryError) as caught:
        engine.query(statement.format(form.format('"order"')), shop)
    hint = caught.value.hint or ""
    assert hint == 'CAST(json_parse("order") AS ARRAY(VARCHAR)) is the array of its elements'
    array = hint.removesuffix(" is the array of its elements")
    answer = engine.query(statement.format(form.format(array)), shop)
    assert answer.reader.read_all().column(0).to_pylist()[0] in ("b", True, 3, "a b")


@pytest.mark.parametrize(("statement", "hint"), HINTS)
def test_a_refusal_says_what_helps(engine: DuckDBEngine, shop: Relations, statement: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.query(statement, shop)
    assert caught.value.hint == hint


def test_a_long_line_is_cut_around_the_place(engine: DuckDBEngine, shop: Relations) -> None:
    statement = "SELECT " + ", ".join(f"id AS i{number}" for number in range(50)) + ", wrong FROM orders"
    with pytest.raises(QueryError) as caught:
        engine.query(statement, shop)
    assert caught.value.excerpt is not None
    shown, carets = caught.value.excerpt.split("\n")
    assert len(shown) <= 110
    assert shown[carets.index("^") : carets.index("^") + 5] == "wrong"


RUNNING: list[tuple[str, str]] = [
    ("SELECT 1 / (id - 1) FROM orders", "division by zero"),
    ("SELECT CAST(name AS integer) FROM orders", "a value could not be converted (to int32)"),
    ("SELECT CAST(name AS date) FROM orders", "a value could not be converted"),
    ("SELECT CAST(name AS decimal(5,2)) FROM orders", "a value could not be converted (to decimal(5,2))"),
    ("SELECT CAST(id * 100000 AS tinyint) FROM orders", "a value could not be converted (to int8)"),
    ("SELECT 2147483647 + id FROM orders", "a value is out of the range of its type (to int32)"),
    ("SELECT ARRAY[1][id] FROM orders", "array subscript out of bounds"),
    ("SELECT day + INTERVAL '1' HOUR FROM orders", "hours, minutes or seconds cannot be added to a date"),
    ("SELECT from_iso8601_timestamp('2026-01-02T03:04:05+02:00')", "a time in a zone other than UTC cannot be kept"),
    ("SELECT split_part(name, ',', 0) FROM orders", "the index must be at least 1"),
    ("SELECT (SELECT id FROM orders)", "a subquery that stands for one value gave several rows"),
    ("SELECT transform(array_agg(amount), x -> x / 3) FROM orders", "a decimal of unknown scale: CAST it"),
    ("SELECT CAST(sum(x) AS bigint) FROM (VALUES 9223372036854775807, 1) AS t(x)", "a value could not be converted (to int64)"),
]


@pytest.mark.parametrize(("statement", "message"), RUNNING)
def test_what_fails_in_a_row_is_told_without_the_row(engine: DuckDBEngine, shop: Relations, statement: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        engine.query(statement, shop).reader.read_all()
    assert (caught.value.code, caught.value.message) == ("LW-508", message)
    assert "anna" not in f"{caught.value} {caught.value.hint}"
