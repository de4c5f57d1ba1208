from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from lakewright.errors import SourceError
from lakewright.model.finding import Finding
from lakewright.sources.postgres import doctor
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from lakewright.sources.postgres.source import PostgresSource
from tests.conftest import run_sql

Sql = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def shop(url: str) -> PostgresSource:
    return PostgresSource(url, ["public.*"], f"shop_{url.partition('test_')[2][:12]}")


@pytest.fixture
def role(sql: Sql) -> Iterator[str]:
    """A role that may do nothing but connect."""
    name = f"role_{uuid.uuid4().hex[:8]}"
    sql(f"CREATE ROLE {name} LOGIN")
    yield name
    sql(f"DROP OWNED BY {name}; DROP ROLE {name}")


def as_role(shop: PostgresSource, role: str) -> PostgresSource:
    return PostgresSource(shop.database.url.replace("postgres@", f"{role}@"), ["public.*"], shop.name)


def failed(shop: PostgresSource) -> dict[str, Finding]:
    return {finding.name: finding for finding in shop.examine() if not finding.ok}


def test_everything_is_well_after_apply(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE log (line text)")
    assert failed(shop)["publications"].mend == "`lakewright apply`"
    shop.apply(shop.discover().tables)
    findings = shop.examine()
    assert [finding for finding in findings if not finding.ok or finding.mend] == []
    assert "append log" in next(finding.detail for finding in findings if finding.name == "table public.log")
    assert {"version", "wal_level", "replication slots", "wal senders", "replication privilege"} <= {f.name for f in findings}


def test_what_may_not_be_looked_at_hides_nothing_else(shop: PostgresSource, sql: Sql, role: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("REVOKE SELECT ON pg_publication_tables FROM PUBLIC; REVOKE SELECT ON pg_publication FROM PUBLIC")
    findings = failed(as_role(shop, role))
    assert "permission denied" in findings["published"].detail
    assert {"replication privilege", "table public.t"} <= set(findings)


def test_every_mend_of_a_poor_role_mends(shop: PostgresSource, sql: Sql, role: str) -> None:
    sql("CREATE SCHEMA closed; CREATE TABLE closed.t (id int PRIMARY KEY)")
    poor = PostgresSource(as_role(shop, role).database.url, ["closed.*"], shop.name)
    findings = failed(poor)
    assert set(findings) == {"replication privilege", "table closed.t", "publications"}, "an owner has to publish anyway"
    sql((findings["replication privilege"].mend or "").partition(" (on RDS")[0])
    reading = next(f for f in poor.examine() if f.name == "table closed.t" and "read" in f.detail)
    sql(reading.mend or "")
    sql(f"CREATE TABLE closed.own (id int PRIMARY KEY); ALTER TABLE closed.own OWNER TO {role}")
    findings = failed(poor)
    assert set(findings) == {"publications"}
    assert "does not own closed.t and so" in findings["publications"].detail
    with pytest.raises(SourceError) as caught:
        poor.apply(poor.discover().tables)
    assert caught.value.code == "LW-206"
    sql((findings["publications"].mend or "").removeprefix("as a superuser: "))
    assert failed(poor) == {}
    with poor.open_load(poor.discover().tables, after=None) as load:
        assert [list(load.batches(table)) for table in poor.discover().tables] == [[], []]


def test_the_owner_of_all_tables_needs_the_right_to_make_publications(shop: PostgresSource, sql: Sql, role: str) -> None:
    sql(f"CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t OWNER TO {role}; ALTER ROLE {role} REPLICATION")
    owner = as_role(shop, role)
    findings = failed(owner)
    assert set(findings) == {"create privilege", "publications"}
    sql(findings["create privilege"].mend or "")
    assert failed(owner)["publications"].mend == "`lakewright apply`"
    owner.apply(owner.discover().tables)
    assert failed(owner) == {}


def test_row_level_security_is_found_and_never_filters_in_silence(shop: PostgresSource, sql: Sql, role: str) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON t USING (false)")
    sql(f"GRANT SELECT ON t TO {role}; ALTER ROLE {role} REPLICATION")
    shop.apply(shop.discover().tables)
    other = as_role(shop, role)
    finding = failed(other)["table public.t"]
    assert "row-level security" in finding.detail
    sql("SET synchronous_commit = off; INSERT INTO t VALUES (2)")
    assert other.current_position() <= shop.current_position()
    (schema,) = other.discover().tables
    with other.open_load([schema], after=None) as load, pytest.raises(SourceError, match="row-level security"):
        list(load.batches(schema))
    sql(finding.mend or "")
    assert "table public.t" not in failed(other)


def test_table_that_cannot_be_taken_is_a_finding_with_its_mend(shop: PostgresSource, sql: Sql) -> None:
    sql("CREATE TABLE t (at timestamptz PRIMARY KEY)")
    finding = failed(shop)["table public.t"]
    assert "LW-212" in finding.detail
    assert "REPLICA IDENTITY USING INDEX" in (finding.mend or "")
    assert [str(table) for table in shop.discover().refused] == ["public.t"]
    assert not failed(shop)["tables"].ok


def test_slot_of_another_plugin_is_found(shop: PostgresSource, sql: Sql) -> None:
    sql(f"SELECT pg_create_physical_replication_slot('{shop.name}')")
    finding = failed(shop)["slot"]
    assert "plugin" in finding.detail
    sql(f"SELECT pg_drop_replication_slot('{shop.name}')")
    assert "slot" not in failed(shop)


def test_server_that_cannot_decode_is_found_before_a_load_fails(own_server: EmbeddedPostgres) -> None:
    own_server.start()
    with contextlib.closing(psycopg2.connect(own_server.url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE TABLE t (id int PRIMARY KEY)")
        for setting in ("wal_level = replica", "max_replication_slots = 1", "max_wal_senders = 1"):
            cursor.execute(f"ALTER SYSTEM SET {setting}")
    own_server.stop()
    own_server.start()
    shop = PostgresSource(own_server.url, ["public.*"], "shop")
    findings = failed(shop)
    assert (findings["wal_level"].detail, findings["wal senders"].ok) == ("replica", False)
    assert "ALTER SYSTEM SET wal_level = logical" in (findings["wal_level"].mend or "")
    assert "max_replication_slots = 2" in (findings["replication slots"].mend or "")
    with pytest.raises(SourceError, match="wal_level") as caught, shop.open_load(shop.discover().tables, after=None):
        pass
    assert caught.value.hint == "`lakewright doctor` names what is missing"


def test_a_forgotten_prepared_transaction_is_found_with_what_ends_it(
    own_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LONG_SECONDS", 0)
    own_server.start()
    run_sql(own_server.url, "CREATE TABLE t (id int PRIMARY KEY)", "ALTER SYSTEM SET max_prepared_transactions = 2")
    own_server.stop()
    own_server.start()
    shop = PostgresSource(own_server.url, ["public.*"], "shop")
    assert "transactions" not in failed(shop)
    run_sql(own_server.url, "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'it''s mine'")
    finding = failed(shop)["transactions"]
    assert "prepared transaction 'it''s mine' in database lake has been open for" in finding.detail
    assert "COMMIT PREPARED 'it''s mine' or ROLLBACK PREPARED 'it''s mine'" in (finding.mend or "")
    run_sql(own_server.url, "ROLLBACK PREPARED 'it''s mine'")
    assert "transactions" not in failed(shop)
