"""Settings of the client's environment, the role and the database, which must not reach what is read."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2.extensions
import pytest

from tests.faults.conftest import Shop

ENVIRONMENT = {
    "PGTZ": "America/New_York",
    "PGDATESTYLE": "SQL, DMY",
    "PGOPTIONS": "-c IntervalStyle=iso_8601 -c extra_float_digits=-10",
    "PGCLIENTENCODING": "LATIN1",
}
WRONG = {
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "lock_timeout": "1",
    "statement_timeout": "20",
    "idle_in_transaction_session_timeout": "1",
    "extra_float_digits": "-10",
    "bytea_output": "escape",
    "IntervalStyle": "iso_8601",
    "DateStyle": "German, DMY",
    "TimeZone": "Asia/Tokyo",
    "search_path": "odd",
    "row_security": "on",
}
COLUMNS = (
    "id int PRIMARY KEY, d date, at timestamptz, local timestamp, i interval, f float8, r real, b bytea, days date[],"
    ' ats timestamptz[], fs float8[], bs bytea[], mood odd.mood, name text, "from" varchar(20), span tstzrange, n numeric'
)
ROW = (
    "DATE '2024-02-03', TIMESTAMPTZ '2024-07-01 23:30:00.123456+00', TIMESTAMP '2024-07-01 23:30',"
    r" INTERVAL '1 year 2 days 03:04:05', 0.1::float8 + 0.2, 0.1::real, '\x00ff5c'::bytea, ARRAY[DATE '2024-02-03'],"
    r" ARRAY[TIMESTAMPTZ '2024-07-01 23:30+00'], ARRAY[0.1::float8 + 0.2], ARRAY['\x00ff'::bytea], 'good',"
    r" 'back\slash', 'x',"
    " tstzrange('2024-07-01 23:30+00', NULL), 1.50"
)


@pytest.fixture
def odd_url(shop: Shop) -> Iterator[str]:
    """The lake's database as a role reads it whose every setting is wrong; it has a table."""
    shop.sql("CREATE SCHEMA odd; CREATE TYPE odd.mood AS ENUM ('good', 'bad')")
    shop.sql(f"CREATE TABLE odds ({COLUMNS})")
    shop.sql(f"INSERT INTO odds SELECT g, {ROW} FROM generate_series(1, 3) g")
    role = f"odd_{psycopg2.extensions.parse_dsn(shop.url)['dbname']}"
    shop.sql(f"CREATE ROLE {role} LOGIN SUPERUSER")
    for name, value in WRONG.items():
        shop.sql(f"ALTER ROLE {role} SET {name} = '{value}'")
    yield shop.url.replace("postgres@", f"{role}@")
    shop.sql(f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}")


def test_no_setting_of_role_or_environment_reaches_a_value(shop: Shop, odd_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    all_equal = dict.fromkeys(("orders", "parts", "odds"), "equal")
    with monkeypatch.context() as patch:
        patch.setenv("SHOP_URL", odd_url)
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        shop.ok("run")
        shop.ok("doctor")
        shop.sql(f"INSERT INTO odds SELECT g, {ROW} FROM generate_series(4, 6) g; UPDATE odds SET n = 2 WHERE id = 1")
        assert shop.equal() == all_equal
        # Load and stream tell the same row in the same way.
        told = shop.ok("sql", "SELECT * FROM odds WHERE id IN (2, 5) ORDER BY id", "--json").json
        assert {**told[0], "id": 5} == told[1]
        assert (told[0]["d"], told[0]["local"]) == ("2024-02-03", "2024-07-01T23:30:00")
    # And so does a session without any of it.
    assert shop.equal() == all_equal
