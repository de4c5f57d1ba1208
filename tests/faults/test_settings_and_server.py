"""What lake.yaml says wrong, and a server that does not answer, is too old, or may not be read."""

from __future__ import annotations

import os
import shutil
import signal

import psycopg2.extensions
import pytest

from lakewright.sources.postgres import connection
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from tests.conftest import run_sql
from tests.faults.conftest import LAKE, PASSWORD, Shop

ALL_EQUAL = {"orders": "equal", "parts": "equal"}


@pytest.mark.parametrize(
    ("text", "code", "line", "words"),
    [
        (LAKE.replace("tables:", "tabels:"), "LW-102", 3, ("tabels", "tables")),
        (LAKE.replace("kind: postgres", "kind: postgers"), "LW-104", 3, ("postgers", "postgres")),
        (LAKE.replace("lake: shop\n", ""), "LW-103", 1, ("lake",)),
        (LAKE + "lake: two\n", "LW-105", 4, ("lake",)),
        (LAKE.replace("SHOP_URL", "SHOP_UHL"), "LW-106", 3, ("SHOP_UHL",)),
        (LAKE.replace("{kind", "{{kind"), "LW-101", 4, ()),
    ],
)
def test_a_wrong_lake_yaml_is_told_with_its_line(shop: Shop, text: str, code: str, line: int, words: tuple[str, ...]) -> None:
    (shop.folder / "lake.yaml").write_text(text)
    told = shop.fails("run")
    assert (told.code, told.where) == (code, f"{shop.folder / 'lake.yaml'}:{line}")
    assert [word for word in words if word not in f"{told.message} {told.hint}"] == []
    assert told.hint
    (shop.folder / "lake.yaml").write_text(LAKE)
    assert shop.equal() == ALL_EQUAL


def test_a_folder_without_a_lake(shop: Shop) -> None:
    (shop.folder / "lake.yaml").unlink()
    told = shop.fails("status")
    assert (told.code, str(shop.folder) in told.message) == ("LW-107", True)
    assert "lakewright init" in (told.hint or "")


@pytest.mark.parametrize("command", [("run",), ("check", "--source"), ("plan",), ("resync",)])
def test_a_server_that_does_not_answer(loaded: Shop, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("SHOP_URL", f"postgresql://boss:{PASSWORD}@127.0.0.1:1/shop")
        told = loaded.fails(*command)
        assert told.code == "LW-201"
        assert "127.0.0.1" in told.message
        assert "start the server" in (told.hint or "")
        # What is here already can be read and merged.
        assert loaded.ok("sql", "SELECT count(*) AS n FROM orders", "--json").json == [{"n": 20}]
        assert loaded.ok("status", "--json").json["sources"][0]["problem"]
        loaded.ok("merge")
        assert loaded.run("doctor").code == 3
    assert loaded.equal() == ALL_EQUAL


def test_a_wrong_password_is_not_shown(loaded: Shop, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    run_sql(server.url, f"CREATE ROLE keeper LOGIN REPLICATION SUPERUSER PASSWORD '{PASSWORD}1'")
    hba = server.data / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("local all keeper scram-sha-256\nlocal replication keeper scram-sha-256\n" + before)
    try:
        run_sql(server.url, "SELECT pg_reload_conf()")
        with monkeypatch.context() as patch:
            patch.setenv("SHOP_URL", loaded.url.replace("postgres@", f"keeper:{PASSWORD}@"))
            told = loaded.fails("run")
        assert (told.code, "keeper" in told.message) == ("LW-208", True)
    finally:
        hba.write_text(before)
        run_sql(server.url, "SELECT pg_reload_conf()", "DROP ROLE keeper")
    assert loaded.equal() == ALL_EQUAL


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (("/test_", "/no_"), "correct the database"),
        (("postgres:", "nobody:"), "CREATE ROLE"),
    ],
)
def test_a_wrong_part_of_the_url_is_told(
    loaded: Shop, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], hint: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("SHOP_URL", os.environ["SHOP_URL"].replace(*change))
        told = loaded.fails("run")
        assert (told.code, hint in (told.hint or "")) == ("LW-208", True), told
        (found,) = (f for f in loaded.run("doctor", "--json").json["findings"] if f["name"] == "shop: connection")
        assert hint in found["mend"]
        assert "lake.yaml:3" in found["detail"]
        assert loaded.run("up").code == 1
    assert loaded.equal() == ALL_EQUAL


def test_a_standby_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres) -> None:
    run_sql(own_server.url, "CREATE TABLE orders (id int PRIMARY KEY)")
    own_server.stop()
    (own_server.data / "standby.signal").touch()
    shutil.chown(own_server.data / "standby.signal", own_server.data.owner())
    own_server.start()
    with monkeypatch.context() as patch:
        patch.setenv("SHOP_URL", own_server.url)
        told = shop.fails("run")
        assert (told.code, "primary" in (told.hint or "")) == ("LW-209", True)
        findings = {finding["name"]: finding for finding in shop.run("doctor", "--json").json["findings"]}
        assert "primary" in findings["primary"]["mend"]
    (own_server.data / "standby.signal").unlink()


def test_a_url_that_is_none_is_not_repeated(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("SHOP_URL", f"postgres//boss:{PASSWORD}@host/db")
        told = shop.fails("run")
    assert (told.code, "postgresql://USER:PASSWORD@HOST" in (told.hint or "")) == ("LW-202", True)


@pytest.mark.parametrize(
    "given",
    [
        "postgresql://boss:pa@{0}@host/db",
        "postgresql://boss:{0}/x@host/db",
        "postgresql://boss:x/{0}@host/db",
        "postgresql://boss:#{0} with blanks@host/db",
        "postgresql://boss:a?{0}@host/db",
        "postgres//boss:{0}@host/db",
        "postgresql://host/db?user=boss&password=a{0}&sslmode=require",
        "host=here password=a {0} dbname=db",
        "host=here password='a {0} dbname=db",
        "${{env:NOT_SET_HERE:-postgresql://boss:a@{0}@host/db}}",
    ],
)
def test_no_part_of_a_password_is_shown(shop: Shop, given: str) -> None:
    text = given.format(PASSWORD).replace("'", "''")
    (shop.folder / "lake.yaml").write_text(LAKE.replace('"${env:SHOP_URL}"', f"'{text}'"))
    # Every command's output is searched for the password.
    assert "***" in shop.ok("config", "show").out
    shop.ok("config", "show", "--json")
    shop.ok("status")
    shop.run("doctor")


def test_a_server_that_is_too_old(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(connection, "OLDEST_VERSION", 99)
        told = shop.fails("run")
    assert (told.code, "oldest that serves is 99" in told.message, bool(told.hint)) == ("LW-205", True, True)
    assert shop.equal() == ALL_EQUAL


def test_wal_level_is_not_logical(shop: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres) -> None:
    run_sql(own_server.url, "ALTER SYSTEM SET wal_level = replica", "CREATE TABLE orders (id int PRIMARY KEY)")
    own_server.stop()
    own_server.start()
    with monkeypatch.context() as patch:
        patch.setenv("SHOP_URL", own_server.url)
        told = shop.fails("run")
        assert (told.code, "wal_level" in told.message) == ("LW-207", True)
        assert "lakewright doctor" in (told.hint or "")
        found = {finding["name"]: finding for finding in shop.run("doctor", "--json").json["findings"]}
        assert (found["wal_level"]["ok"], found["wal_level"]["mend"].startswith("ALTER SYSTEM SET wal_level = logical")) == (
            False,
            True,
        )
        run_sql(own_server.url, "ALTER SYSTEM SET wal_level = logical")
        own_server.stop()
        own_server.start()
        assert shop.equal() == {"orders": "equal"}


def test_up_says_when_a_server_that_was_gone_answers_again(
    shop: Shop, own_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(own_server.url, "CREATE TABLE orders (id int PRIMARY KEY)")
    monkeypatch.setenv("SHOP_URL", own_server.url)
    with shop.up() as up:
        up.until(lambda event: event["kind"] == "following")
        own_server.stop()
        up.until(lambda event: event["kind"] == "retry")
        own_server.start()
        assert up.until(lambda event: event["kind"] == "following")["subject"] == "shop"
        assert up.stop(signal.SIGTERM) == (0, "")


@pytest.mark.parametrize(
    ("role", "grants", "code", "word"),
    [
        ("LOGIN", "", "LW-206", "WAL sender"),
        ("LOGIN REPLICATION", "", "LW-206", ""),
        ("LOGIN REPLICATION", "GRANT CREATE ON DATABASE {db} TO poor", "LW-206", "owner"),
        ("LOGIN REPLICATION", "GRANT CREATE ON DATABASE {db} TO poor; ALTER TABLE orders OWNER TO poor;"
         " REVOKE SELECT ON orders FROM poor", "LW-206", "parts"),
    ],
)  # fmt: skip
def test_a_role_that_may_not(shop: Shop, monkeypatch: pytest.MonkeyPatch, role: str, grants: str, code: str, word: str) -> None:
    database = psycopg2.extensions.parse_dsn(shop.url)["dbname"]
    shop.sql(f"CREATE ROLE poor {role}")
    try:
        if grants:
            shop.sql(grants.format(db=database))
        with monkeypatch.context() as patch:
            patch.setenv("SHOP_URL", shop.url.replace("postgres@", f"poor:{PASSWORD}@"))
            told = shop.fails("run")
            assert (told.code, word in told.message) == (code, True)
            assert "lakewright doctor" in (told.hint or "")
            assert shop.run("doctor").code == 3
        assert shop.equal() == ALL_EQUAL
    finally:
        shop.sql("REASSIGN OWNED BY poor TO postgres")
        shop.sql("DROP OWNED BY poor")
        shop.sql("DROP ROLE poor")


def test_a_role_that_may_not_read_a_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sql("CREATE ROLE poor LOGIN REPLICATION")
    try:
        shop.ok("apply")
        with monkeypatch.context() as patch:
            patch.setenv("SHOP_URL", shop.url.replace("postgres@", f"poor:{PASSWORD}@"))
            told = shop.fails("run")
            assert (told.code, "permission denied for table" in told.message) == ("LW-206", True)
            findings = shop.run("doctor", "--json").json["findings"]
            assert any("GRANT SELECT ON" in (finding["mend"] or "") for finding in findings)
            shop.sql("GRANT SELECT ON orders, parts TO poor")
            assert shop.equal() == ALL_EQUAL
    finally:
        shop.sql("DROP OWNED BY poor")
        shop.sql("DROP ROLE poor")
