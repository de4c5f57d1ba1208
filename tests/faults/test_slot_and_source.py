"""A slot that is taken, lost or ahead; a source that was restored or replaced. `lakewright resync` mends what is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.extras
import pytest

from lakewright.sources.postgres import source as postgres
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from tests.conftest import run_sql
from tests.faults.conftest import VALUE, Shop, wait

ALL_EQUAL = {"orders": "equal", "parts": "equal"}


@contextlib.contextmanager
def reader(shop: Shop) -> Iterator[psycopg2.extensions.connection]:
    """Somebody else who reads the lake's slot."""
    connection = psycopg2.connect(shop.url, connection_factory=psycopg2.extras.LogicalReplicationConnection)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("IDENTIFY_SYSTEM")
        publications = f"{slot(shop)},{slot(shop)}_inserts"
        cursor.start_replication(
            slot_name=slot(shop), decode=False, options={"proto_version": "1", "publication_names": publications}
        )
        yield connection


def slot(shop: Shop) -> str:
    """The name of the lake's slot."""
    return str(shop.ok("status", "--json").json["sources"][0]["slot"])


def change(shop: Shop) -> None:
    """Commit something in the source."""
    shop.sql(f"UPDATE orders SET name = '{VALUE} again', price = price + 1 WHERE id = 3")
    shop.sql("DELETE FROM orders WHERE id = 4")
    shop.sql(f"INSERT INTO parts SELECT (SELECT coalesce(max(id), 0) FROM parts) + g, '{VALUE}' FROM generate_series(1, 5) g")


def generation(shop: Shop, table: str) -> int:
    """Of the table's newest commit."""
    commits = shop.ok("history", table, "--json").json["commits"]
    return int([commit["checkpoint"]["generation"] for commit in commits if commit["checkpoint"]][-1])


def mended_by_resync(shop: Shop) -> None:
    """A resync without a table loads all of them as a new generation, and the lake goes on."""
    before = generation(shop, "orders")
    shop.ok("resync")
    assert shop.equal() == ALL_EQUAL
    assert generation(shop, "orders") == before + 1
    change(shop)
    assert shop.equal() == ALL_EQUAL


def test_a_slot_with_another_reader(loaded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with reader(loaded) as other, monkeypatch.context() as impatient:
        impatient.setattr(postgres, "_FREE_SECONDS", 0.3)
        pid = other.info.backend_pid
        change(loaded)
        for command in ("capture", "resync"):
            told = loaded.fails(command)
            assert (told.code, f"pid {pid}" in told.message, slot(loaded) in told.message) == ("LW-220", True, True)
            assert f"pg_terminate_backend({pid})" in (told.hint or "")
    assert loaded.equal() == ALL_EQUAL


def test_a_reader_that_just_died_is_waited_for(loaded: Shop) -> None:
    with reader(loaded) as other:
        change(loaded)
        # The server sees its reader go only while we wait for the slot.
        ends = threading.Timer(0.5, other.close)
        ends.start()
        assert loaded.equal() == ALL_EQUAL
        ends.join()


def test_a_slot_that_was_dropped(loaded: Shop) -> None:
    change(loaded)
    loaded.sql(f"SELECT pg_drop_replication_slot('{slot(loaded)}')")
    change(loaded)
    told = loaded.fails("run")
    assert (told.code, slot(loaded) in told.message) == ("LW-222", True)
    assert "`lakewright resync`" in (told.hint or "")
    source = loaded.ok("status", "--json").json["sources"][0]
    assert (source["slot_state"], "LW-222" in source["problem"]) == ("missing", True)
    mended_by_resync(loaded)


def test_a_slot_that_somebody_moved_ahead(loaded: Shop) -> None:
    change(loaded)
    loaded.sql(f"SELECT pg_replication_slot_advance('{slot(loaded)}', pg_current_wal_lsn())")
    told = loaded.fails("run")
    assert (told.code, slot(loaded) in told.message) == ("LW-225", True)
    assert "`lakewright resync`" in (told.hint or "")
    mended_by_resync(loaded)


def test_a_slot_that_the_server_gave_up(shop: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres) -> None:
    moved(shop, monkeypatch, own_server)
    shop.ok("run")
    settings = ("max_slot_wal_keep_size = '1MB'", "max_wal_size = '32MB'", "min_wal_size = '32MB'")
    run_sql(own_server.url, *(f"ALTER SYSTEM SET {each}" for each in settings), "SELECT pg_reload_conf()")
    run_sql(own_server.url, "CREATE TABLE elsewhere (b text)", "ALTER TABLE elsewhere ALTER b SET STORAGE EXTERNAL")
    change(shop)
    for _ in range(6):
        run_sql(own_server.url, "INSERT INTO elsewhere SELECT repeat('x', 8000) FROM generate_series(1, 2500)")
        run_sql(own_server.url, "SELECT pg_switch_wal()", "CHECKPOINT")
        if run_sql(own_server.url, "SELECT wal_status FROM pg_replication_slots")[0] == ("lost",):
            break
    run_sql(own_server.url, "DROP TABLE elsewhere")
    told = shop.fails("run")
    assert (told.code, slot(shop) in told.message) == ("LW-223", True)
    assert "`lakewright resync`" in (told.hint or "")
    assert shop.ok("status", "--json").json["sources"][0]["slot_state"] == "lost"
    mended_by_resync(shop)


def cold_copy(server: EmbeddedPostgres) -> Path:
    """A copy of the stopped server's folder; it runs again afterwards."""
    server.stop()
    backup = server.folder / "backup"
    shutil.copytree(server.data, backup)
    chown_like(server.data, backup)
    server.start()
    return backup


def restore(server: EmbeddedPostgres, backup: Path) -> None:
    """Put such a copy in the place of the server's folder, and start it."""
    server.stop()
    shutil.rmtree(server.data)
    backup.rename(server.data)
    server.start()


def test_a_source_that_was_restored_from_a_backup(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres
) -> None:
    moved(shop, monkeypatch, own_server)
    shop.ok("run")
    backup = cold_copy(own_server)
    change(shop)
    assert shop.equal() == ALL_EQUAL
    restore(own_server, backup)
    told = shop.fails("run")
    assert (told.code, "restored from a backup" in told.message) == ("LW-224", True)
    assert "`lakewright resync`" in (told.hint or "")
    mended_by_resync(shop)


@pytest.mark.parametrize("changes", [1, 0])
def test_a_restored_source_that_went_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres, changes: int
) -> None:
    moved(shop, monkeypatch, own_server)
    shop.ok("run")
    backup = cold_copy(own_server)
    for _ in range(changes):
        change(shop)
    run_sql(own_server.url, "SELECT pg_logical_emit_message(true, 'elsewhere', repeat('x', 10000))")
    shop.ok("run")
    restore(own_server, backup)
    change(shop)
    # Its log has passed the place up to which the lake has it, with other changes.
    run_sql(own_server.url, *["SELECT pg_logical_emit_message(true, 'elsewhere', repeat('y', 100000))"] * 3)
    told = shop.fails("run")
    assert (told.code, "restored from a backup" in told.message) == ("LW-224", True)
    assert "`lakewright resync`" in (told.hint or "")
    mended_by_resync(shop)


def test_a_server_that_crashed_sends_again_what_the_lake_has(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres
) -> None:
    moved(shop, monkeypatch, own_server)
    shop.ok("run")
    ((before,),) = run_sql(own_server.url, "SELECT confirmed_flush_lsn FROM pg_replication_slots")
    for _ in range(3):
        change(shop)
        shop.ok("run")
        own_server_crash(own_server)
        change(shop)
        assert shop.equal() == ALL_EQUAL
    assert run_sql(own_server.url, "SELECT confirmed_flush_lsn FROM pg_replication_slots") != [(before,)]


def own_server_crash(server: EmbeddedPostgres) -> None:
    """Kill the server, so that its slots may be where its last checkpoint left them, and start it again."""
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    wait(lambda: not server.is_running())
    server.start()


def test_another_system_is_loaded_as_a_new_generation_when_it_is_asked_for(
    loaded: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres
) -> None:
    before = loaded.ok("sql", "--json", "SELECT * FROM orders ORDER BY id").out
    moved(loaded, monkeypatch, own_server)
    run_sql(own_server.url, f"INSERT INTO orders VALUES (7000, '{VALUE}', 1)", "DELETE FROM orders WHERE id < 5")
    with loaded.up() as up:
        assert up.until(lambda event: event["kind"] == "failed")["error"]["code"] == "LW-229"
        assert up.process.wait() == 1
    for command in (["run"], ["capture"], ["resync", "orders"]):
        assert loaded.fails(*command).code == "LW-229"
    assert loaded.ok("sql", "--json", "--committed", "SELECT * FROM orders ORDER BY id").out == before
    assert generation(loaded, "orders") == 1
    loaded.ok("resync")
    assert loaded.equal() == ALL_EQUAL
    assert generation(loaded, "orders") == 2
    change(loaded)
    assert loaded.equal() == ALL_EQUAL


def test_another_server_is_told_before_anything_else_is_advised(
    loaded: Shop, monkeypatch: pytest.MonkeyPatch, own_server: EmbeddedPostgres
) -> None:
    system = "SELECT system_identifier::text FROM pg_control_system()"
    systems = {*loaded.sql(system)[0], *run_sql(own_server.url, system)[0]}
    monkeypatch.setenv("SHOP_URL", own_server.url)
    for command in (["run"], ["check", "--source"]):
        told = loaded.fails(*command)
        assert (told.code, [word in told.message for word in systems]) == ("LW-229", [True, True])
        assert "environment variable" in (told.hint or "")
    problem = loaded.ok("status", "--json").json["sources"][0]["problem"]
    assert "LW-229" in problem
    failed = [finding for finding in loaded.run("doctor", "--json").json["findings"] if not finding["ok"]]
    assert [finding["name"] for finding in failed if "LW-229" in finding["detail"]] == ["shop: server"]
    moved(loaded, monkeypatch, own_server)
    assert generation(loaded, "orders") == 1
    assert any("LW-229" in line for line in loaded.run("plan", "--json").json["warnings"])
    loaded.ok("resync")
    assert loaded.equal() == ALL_EQUAL
    assert loaded.ok("status", "--json").json["sources"][0]["problem"] is None


def moved(shop: Shop, monkeypatch: pytest.MonkeyPatch, server: EmbeddedPostgres) -> None:
    """Give the lake the same tables on another server."""
    run_sql(
        server.url,
        "CREATE TABLE orders (id int PRIMARY KEY, name text, price numeric(8, 2))",
        f"INSERT INTO orders SELECT g, '{VALUE}', g / 4.0 FROM generate_series(1, 20) g",
        "CREATE TABLE parts (id int PRIMARY KEY, name text)",
    )
    monkeypatch.setenv("SHOP_URL", server.url)
    shop.url, shop.sql = server.url, lambda statement: run_sql(server.url, statement)


def chown_like(model, folder) -> None:  # type: ignore[no-untyped-def]
    """Give a copied folder and all in it to the owner of what was copied."""
    owner = model.stat()
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    folder.chmod(0o700)


@pytest.mark.parametrize("resynced", [False, True])
def test_a_raw_zone_that_was_lost_or_put_back_takes_no_change_along(loaded: Shop, resynced: bool) -> None:
    raw, copy = loaded.folder / "raw", loaded.folder / "copy"
    if resynced:
        shutil.copytree(raw, copy)
        loaded.ok("resync")
    change(loaded)
    loaded.ok("run")
    loaded.sql("DELETE FROM orders WHERE id = 5; INSERT INTO parts VALUES (900, NULL)")
    shutil.rmtree(raw)
    if resynced:
        copy.rename(raw)
        assert loaded.fails("capture").code == "LW-225"
        loaded.ok("resync")
    assert loaded.equal() == ALL_EQUAL
