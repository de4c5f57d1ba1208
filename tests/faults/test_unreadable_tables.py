"""A table that cannot be read stops alone and is named; the others go on, and it is loaded once it is mended."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lakewright.pipeline import capture
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.steps import LeftOut, LoadComplete, Loaded, Step
from tests.conftest import run_sql
from tests.faults.conftest import PASSWORD, Shop, wait

EQUAL = {"orders": "equal", "parts": "equal"}


@pytest.fixture
def keeper(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The lake's role: it may replicate and owns the tables, and no more."""
    name = f"keeper_{shop.url.partition('test_')[2][:12]}"
    shop.sql(f"CREATE ROLE {name} LOGIN REPLICATION; GRANT CREATE ON SCHEMA public TO {name}")
    shop.sql(f"ALTER TABLE orders OWNER TO {name}; ALTER TABLE parts OWNER TO {name}")
    shop.sql(f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {name}', current_database()); END $$")
    monkeypatch.setenv("SHOP_URL", shop.url.replace("postgres@", f"{name}:{PASSWORD}@"))
    yield name
    shop.sql(f"REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    ("spoil", "mend", "code", "words"),
    [
        ("REVOKE SELECT ON parts FROM {role}", "GRANT SELECT ON parts TO {role}", "LW-206", "permission denied for table parts"),
        (
            "ALTER TABLE parts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY a_part ON parts USING (id = 1)",
            "ALTER TABLE parts DISABLE ROW LEVEL SECURITY",
            "LW-206",
            "row-level security",
        ),
        (
            "ALTER TABLE parts OWNER TO postgres; GRANT SELECT ON parts TO {role}",
            "ALTER TABLE parts OWNER TO {role}",
            "LW-206",
            "owner",
        ),
    ],
)
def test_an_unreadable_table_stops_alone(shop: Shop, keeper: str, spoil: str, mend: str, code: str, words: str) -> None:
    shop.sql(spoil.format(role=keeper))
    ran = shop.ok("run")
    (line,) = (line for line in ran.err.splitlines() if "left out" in line)
    assert "public.parts" in line
    assert words in line
    assert code in line
    assert shop.tables()["public.parts"]["state"] == "not loaded"
    shop.sql("INSERT INTO orders VALUES (21, 'later', 1); INSERT INTO parts VALUES (3, 'later')")
    report = shop.run("check", "--source", "--json")
    verdicts = {table["table"]: table["verdict"] for table in report.json["reports"][0]["tables"]}
    assert (report.code, verdicts) == (3, {"orders": "equal", "public.parts": "not loaded"})
    shop.sql(mend.format(role=keeper))
    assert shop.equal() == EQUAL


def test_a_table_that_may_be_published_later_is_loaded_while_capture_runs(
    shop: Shop, keeper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "CATALOG_SECONDS", 0.0)
    shop.sql(f"ALTER TABLE parts OWNER TO postgres; GRANT SELECT ON parts TO {keeper}")
    told: list[Step] = []
    stop = threading.Event()
    with Lake.open(shop.folder) as lake:
        thread = threading.Thread(target=capture.capture_of(lake, "shop", told.append).run, args=(stop,))
        thread.start()
        looks = lake.source("shop").discover
        looked: list[object] = []
        monkeypatch.setattr(lake.source("shop"), "discover", lambda: (looked.append(1), looks())[1])
        try:
            wait(lambda: any(isinstance(step, LoadComplete) for step in told) and len(looked) > 4)
            shop.sql(f"ALTER TABLE parts OWNER TO {keeper}")
            wait(lambda: any(isinstance(step, Loaded) and str(step.table) == "public.parts" for step in told))
        finally:
            stop.set()
            thread.join()
    assert [str(step.table) for step in told if isinstance(step, LeftOut)] == ["public.parts"]
    assert shop.equal() == EQUAL


def test_a_table_that_becomes_unreadable_goes_on(shop: Shop, keeper: str) -> None:
    assert shop.equal() == EQUAL
    shop.sql(f"REVOKE SELECT ON parts FROM {keeper}; INSERT INTO parts VALUES (3, 'later')")
    assert shop.equal() == {"orders": "equal", "parts": "error"}
    assert shop.ok("sql", "SELECT count(*) AS n FROM parts", "--json").json == [{"n": 3}]
    shop.sql(f"GRANT SELECT ON parts TO {keeper}")
    assert shop.equal() == EQUAL


@pytest.fixture
def ascii_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The same lake over a database that takes any bytes for text."""
    name = f"{shop.url.partition('test_')[2][:12]}"
    plain = f"test_{name}"
    run_sql(shop.url, f"CREATE DATABASE ascii_{name} ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    url = shop.url.replace(plain, f"ascii_{name}")
    monkeypatch.setenv("SHOP_URL", url)

    def sql(statement: str) -> list[tuple[object, ...]]:
        return run_sql(url, statement)

    sql("CREATE TABLE orders (id int PRIMARY KEY, name text); INSERT INTO orders VALUES (1, 'plain')")
    sql(r"CREATE TABLE parts (id int PRIMARY KEY, name text); INSERT INTO parts VALUES (1, E'gr\xc3\xbcn')")
    yield Shop(shop.folder, url, sql, shop.capsys)
    slots = f"FROM pg_replication_slots WHERE database = 'ascii_{name}' AND NOT temporary"
    run_sql(shop.url, f"SELECT pg_drop_replication_slot(slot_name) {slots}")
    run_sql(shop.url, f"DROP DATABASE ascii_{name} WITH (FORCE)")


def test_bytes_that_are_no_utf_8_stop_their_table_in_the_load(ascii_shop: Shop) -> None:
    ascii_shop.sql(r"INSERT INTO parts VALUES (2, E'gr\xfcn')")
    encoding = {f["name"]: f for f in ascii_shop.run("doctor", "--json").json["findings"]}["encoding"]
    assert (encoding["ok"], "SQL_ASCII" in encoding["detail"]) == (False, True)
    ran = ascii_shop.ok("run")
    assert "left out public.parts" in ran.err
    assert "LW-218" in ran.err
    assert ascii_shop.tables()["public.parts"]["state"] == "not loaded"
    ascii_shop.sql("UPDATE parts SET name = 'green' WHERE id = 2")
    assert ascii_shop.equal() == EQUAL


def test_bytes_that_are_no_utf_8_stop_their_table_in_the_stream(ascii_shop: Shop) -> None:
    assert ascii_shop.equal() == EQUAL
    ascii_shop.sql(r"INSERT INTO parts VALUES (2, E'gr\xfcn'); INSERT INTO orders VALUES (2, E'gr\xc3\xbcn')")
    assert ascii_shop.equal() == {"orders": "equal", "parts": "stopped"}
    stopped = ascii_shop.tables()["parts"]
    assert "LW-218" in str(stopped)
    assert "column name" in str(stopped)
    ascii_shop.sql("UPDATE parts SET name = 'green' WHERE id = 2; INSERT INTO parts VALUES (3, 'blue')")
    ascii_shop.ok("resync", "parts")
    assert ascii_shop.equal() == EQUAL
