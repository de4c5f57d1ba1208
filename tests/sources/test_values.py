"""Values as a real server prints them; what they should become is computed by the same server."""

from __future__ import annotations

import datetime
import decimal
import json
import struct
from collections.abc import Iterator
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakewright.errors import SourceError
from lakewright.model import types
from lakewright.model.schema import Column
from lakewright.sources.postgres.connection import Database
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from lakewright.sources.postgres.values import Decoded, decode, exact_column

FEW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@pytest.fixture(scope="module")
def session(server: EmbeddedPostgres) -> Iterator[psycopg2.extensions.connection]:
    with Database(server.url).session() as session:
        yield session


def column(source_type: str, lake_type: str | None = None) -> Column:
    return Column("c", source_type, lake_type or types.from_postgres(source_type))


def printed(session: psycopg2.extensions.connection, source_type: str, given: list[Any], expected: str = "NULL") -> list[Any]:
    """Per value what the server's output function prints of it as `source_type`, and the SQL expression `expected` over ``v``."""
    values = f"SELECT g::{source_type} AS v, n FROM unnest(%s::text[]) WITH ORDINALITY u(g, n)"
    query = f"SELECT CASE WHEN v IS NOT NULL THEN format('%%s', v) END, {expected} FROM ({values}) t"
    with session.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY n", (given,))
        return cursor.fetchall()


def decoded(session: psycopg2.extensions.connection, source_type: str, given: list[Any], lake_type: str | None = None) -> Decoded:
    kind = column(source_type, lake_type)
    found = decode(kind, pa.array([text for text, _ in printed(session, source_type, given)], pa.string()))
    found.array.validate(full=True)
    assert found.array.type == types.to_arrow(kind.type)
    return found


@FEW
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_integers(session: psycopg2.extensions.connection, given: list[int | None]) -> None:
    assert decoded(session, "bigint", [None if v is None else str(v) for v in given]).array.to_pylist() == given


def test_small_integers_and_booleans(session: psycopg2.extensions.connection) -> None:
    assert decoded(session, "smallint", ["-32768", None, "32767"]).array.to_pylist() == [-32768, None, 32767]
    assert decoded(session, "integer", ["-2147483648", "2147483647"]).array.to_pylist() == [-(2**31), 2**31 - 1]
    assert decoded(session, "boolean", ["t", None, "f"]).array.to_pylist() == [True, None, False]
    assert decode(column("boolean"), pa.array([], pa.string())).array.to_pylist() == []


@FEW
@given(st.lists(st.none() | st.floats()))
def test_floats_bit_for_bit(session: psycopg2.extensions.connection, given: list[float | None]) -> None:
    found = decoded(session, "double precision", [None if v is None else repr(v) for v in given]).array.to_pylist()
    assert [v if v is None else struct.pack("d", v) for v in found] == [
        v if v is None else struct.pack("d", v) for v in given
    ] or (
        repr(found) == repr(given)  # a NaN has many bit patterns
    )


@FEW
@given(st.lists(st.floats(width=32)))
def test_short_floats(session: psycopg2.extensions.connection, given: list[float]) -> None:
    assert repr(decoded(session, "real", [repr(v) for v in given]).array.to_pylist()) == repr(given)


@FEW
@given(st.lists(st.none() | st.just("NaN") | st.decimals(-(10**13), 10**13, places=4).map(str)))
def test_decimals_keep_nan_as_text(session: psycopg2.extensions.connection, given: list[str | None]) -> None:
    found = decoded(session, "numeric(18,4)", given)
    assert found.array.to_pylist() == [None if v in (None, "NaN") else decimal.Decimal(v) for v in given]
    assert found.exact == {i: "NaN" for i, v in enumerate(given) if v == "NaN"}


@FEW
@given(st.lists(st.sampled_from(["NaN", "Infinity", "-Infinity"]) | st.decimals(allow_nan=False, allow_infinity=False).map(str)))
def test_a_decimal_given_to_a_free_numeric_is_exact_or_null(session: psycopg2.extensions.connection, given: list[str]) -> None:
    given = [v for v in given if abs(decimal.Decimal(v).adjusted()) < 1000 or not decimal.Decimal(v).is_finite()]
    texts = [text for text, _ in printed(session, "numeric", given)]
    found = decoded(session, "numeric", given, "decimal(12,3)")
    for row, text in enumerate(texts):
        value = decimal.Decimal(text)
        fits = value.is_finite() and abs(value) < 10**9 and value * 1000 == (value * 1000).to_integral_value()
        assert found.array[row].as_py() == (value if fits else None)
        assert found.exact.get(row) == (None if fits else text)


def test_a_decimal_of_all_digits_or_none_behind_the_point(session: psycopg2.extensions.connection) -> None:
    given = ["0.12", "1.00", "-0.5000", "0.123", "NaN"]
    assert decoded(session, "numeric", given, "decimal(2,2)").array.to_pylist()[:4:3] == [decimal.Decimal("0.12"), None]
    assert decoded(session, "numeric", given, "decimal(2,2)").exact == {1: "1.00", 3: "0.123", 4: "NaN"}
    assert decoded(session, "numeric", given, "decimal(3,0)").exact == {0: "0.12", 2: "-0.5000", 3: "0.123", 4: "NaN"}
    zeros = ["1." + "0" * 50, "9" * 38, "9" * 39]
    assert decoded(session, "numeric", zeros, "decimal(38,0)").exact == {2: "9" * 39}


MICROSECONDS = "(extract(epoch FROM CASE WHEN isfinite(v) THEN v END) * 1000000)::numeric(30)::text"


@FEW
@given(
    st.lists(
        st.none()
        | st.sampled_from(["infinity", "-infinity", "4713-11-24 00:00:00 BC", "294246-12-31 23:59:59.999999", "0001-01-01"])
        | st.datetimes().map(str)
        | st.datetimes().map(lambda v: f"{v} BC" if (v.month, v.day) != (2, 29) and v.year < 4713 else str(v))
        | st.datetimes().map(lambda v: f"{v.year + 9999}-01-{v.day:02} {v.time()}")
    ),
    st.sampled_from(["timestamp without time zone", "timestamp with time zone", "timestamp(3) with time zone"]),
)
def test_timestamps(session: psycopg2.extensions.connection, given: list[str | None], kind: str) -> None:
    rows = printed(session, kind, given, MICROSECONDS)
    found = decode(column(kind), pa.array([text for text, _ in rows], pa.string()))
    clamped = {
        "infinity": datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC),
        "-infinity": datetime.datetime(1, 1, 1, tzinfo=datetime.UTC),
    }
    for row, (text, microseconds) in enumerate(rows):
        if text in clamped:
            assert (found.array[row].as_py(), found.exact[row]) == (clamped[text], text)
        else:
            assert found.array[row].value == (None if microseconds is None else int(microseconds))
    assert set(found.exact) == {row for row, (text, _) in enumerate(rows) if text in clamped}


def test_a_timestamp_beyond_64_bits_is_clamped(session: psycopg2.extensions.connection) -> None:
    found = decoded(session, "timestamp without time zone", ["294276-12-31 23:59:59.999999", "2000-01-01"])
    assert [v.year for v in found.array.to_pylist()] == [9999, 2000]
    assert found.exact == {0: "294276-12-31 23:59:59.999999"}


@FEW
@given(
    st.lists(
        st.none()
        | st.sampled_from(["infinity", "-infinity", "4713-11-24 BC", "5874897-12-31", "0001-12-31 BC"])
        | st.dates().map(str)
        | st.dates().map(lambda v: f"{v.year + 9999}-02-{min(v.day, 28):02}")
    )
)
def test_dates(session: psycopg2.extensions.connection, given: list[str | None]) -> None:
    rows = printed(session, "date", given, "CASE WHEN isfinite(v) THEN v - date '1970-01-01' END")
    found = decode(column("date"), pa.array([text for text, _ in rows], pa.string()))
    clamped = {"infinity": datetime.date.max, "-infinity": datetime.date.min}
    for row, (text, days) in enumerate(rows):
        if text in clamped:
            assert (found.array[row].as_py(), found.exact[row]) == (clamped[text], text)
        else:
            assert found.array[row].value == days
    assert set(found.exact) == {row for row, (text, _) in enumerate(rows) if text in clamped}


@FEW
@given(st.lists(st.none() | st.binary(max_size=20)))
def test_bytes(session: psycopg2.extensions.connection, given: list[bytes | None]) -> None:
    assert decoded(session, "bytea", [v if v is None else "\\x" + v.hex() for v in given]).array.to_pylist() == given


def test_a_slice_of_texts_is_decoded_like_the_whole() -> None:
    texts = pa.array(["\\x00", "\\xff01", None, "\\xabcdef", "\\x"]).slice(1, 3)
    assert decode(column("bytea"), texts).array.to_pylist() == [b"\xff\x01", None, b"\xab\xcd\xef"]


def array_literal(values: list[Any] | None) -> str | None:
    """An array as PostgreSQL reads it, every element quoted."""

    def one(value: Any) -> str:
        if isinstance(value, list):
            return "{" + ",".join(map(one, value)) + "}"
        return "NULL" if value is None else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'

    return None if values is None else one(values)


@FEW
@given(
    st.lists(st.none() | st.lists(st.none() | TEXT | st.sampled_from(["NULL", "null", "", "a,b", "{}", '"', "\\"]), max_size=4))
)
def test_arrays_of_text(session: psycopg2.extensions.connection, given: list[list[str | None] | None]) -> None:
    rows = printed(session, "text[]", [array_literal(v) for v in given], "array_to_json(v)::text")
    found = decode(column("text[]"), pa.array([text for text, _ in rows], pa.string())).array.to_pylist()
    for text, (_, expected), original in zip(found, rows, given, strict=True):
        assert (text is None) == (expected is None)
        if text is not None:
            assert json.loads(text) == json.loads(expected) == original


@FEW
@given(st.lists(st.lists(st.none() | st.floats(), min_size=0, max_size=4)), st.sampled_from(["double precision[]", "numeric[]"]))
def test_arrays_of_numbers(session: psycopg2.extensions.connection, given: list[list[float | None]], kind: str) -> None:
    literals = [array_literal([None if v is None else repr(v) for v in values]) for values in given]
    rows = printed(session, kind, literals, "array_to_json(v)::text")
    found = decode(column(kind), pa.array([text for text, _ in rows], pa.string())).array.to_pylist()
    for text, (_, expected) in zip(found, rows, strict=True):
        assert json.loads(text, parse_float=decimal.Decimal) == json.loads(expected, parse_float=decimal.Decimal)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("integer[]", "{}", "[]"),
        ("text[]", "{}", "[]"),
        ("integer[]", "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        ("integer[]", "[2:3]={5,6}", "[5,6]"),
        ("text[]", "[-1:0][2:3]={{a,b},{c,NULL}}", '[["a","b"],["c",null]]'),
        ("boolean[]", "{t,f,NULL}", "[true,false,null]"),
        ("numeric(6,2)[]", "{1.5,NaN}", '[1.50,"NaN"]'),
        ("jsonb[]", '{"{\\"a\\": [1, \\"x\\"]}",null}', '["{\\"a\\": [1, \\"x\\"]}",null]'),
        ("date[]", "{2026-01-02}", '["2026-01-02"]'),
        ("timestamp without time zone[]", "{2026-01-02 03:04:05}", '["2026-01-02 03:04:05"]'),
        ("box[]", "{(1,1),(0,0);(3,3),(2,2)}", '["(1,1),(0,0)","(3,3),(2,2)"]'),
    ],
)
def test_arrays_one_by_one(session: psycopg2.extensions.connection, kind: str, given: str, expected: str) -> None:
    assert decoded(session, kind, [given, None]).array.to_pylist() == [expected, None]


def test_other_types_are_the_servers_text(session: psycopg2.extensions.connection) -> None:
    given = {
        "numeric": "1.10",
        "time without time zone": "24:00:00",
        "interval": "1 mon -3 days",
        "uuid": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "jsonb": '{"b":1,"a":[null]}',
        "json": '{"b":1, "a":[null]}',
    }
    for kind, value in given.items():
        assert decoded(session, kind, [value]).array.to_pylist() == [printed(session, kind, [value])[0][0]]


@pytest.mark.parametrize(
    ("kind", "lake_type", "text"),
    [
        ("integer", None, "secret"),
        ("integer", None, "2147483648"),
        ("boolean", None, "true"),
        ("bytea", None, "\\x0"),
        ("bytea", None, "\\xGG"),
        ("bytea", None, "00ff"),
        ("bytea", None, ""),
        ("date", None, "13/02/2026"),
        ("date", None, "2026-02-30 BC"),
        ("timestamp with time zone", None, "2026-01-01 00:00:00 CET"),
        ("numeric", "decimal(5,2)", "1,5"),
        ("integer[]", None, "1,2"),
        ("integer[]", None, "{1,2"),
        ("text[]", None, "{1}}"),
        ("text[]", None, "{1}{2}"),
        ("text[]", None, '{"a}'),
        ("text[]", None, ""),
    ],
)
def test_texts_that_no_server_prints(kind: str, lake_type: str | None, text: str) -> None:
    with pytest.raises(SourceError) as caught:
        decode(column(kind, lake_type), pa.array([None, text]))
    assert caught.value.code == "LW-241"
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_the_column_of_exact_texts() -> None:
    found = exact_column(3, {"a": {1: "NaN"}, "b": {1: "infinity", 2: "über"}})
    assert found.to_pylist() == [None, '{"a": "NaN", "b": "infinity"}', '{"b": "über"}']
    assert exact_column(2, {"a": {}}).to_pylist() == [None, None]
    assert exact_column(0, {}).type == pa.string()
