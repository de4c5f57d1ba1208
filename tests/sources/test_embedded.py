from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from lakewright.errors import MissingDependency, SourceError
from lakewright.sources.postgres.embedded import EmbeddedPostgres

START = """
import pathlib, sys
from lakewright.sources.postgres.embedded import EmbeddedPostgres
EmbeddedPostgres(pathlib.Path(sys.argv[1])).start()
"""


@pytest.fixture
def embedded() -> Iterator[EmbeddedPostgres]:
    """A server of its own, not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="lakewright-test-"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(folder / "a folder" / "pg")
    yield embedded
    embedded.stop()
    shutil.rmtree(folder)


def query(embedded: EmbeddedPostgres, statement: str) -> str:
    connection = psycopg2.connect(embedded.url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0]) if cursor.description else ""  # type: ignore[index]
    finally:
        connection.close()


def postmaster(embedded: EmbeddedPostgres) -> int:
    return int((embedded.data / "postmaster.pid").read_text().split()[0])


def test_settings_allow_logical_replication_on_a_private_socket_only(server: EmbeddedPostgres) -> None:
    assert query(server, "SHOW wal_level") == "logical"
    assert query(server, "SHOW fsync") == "on"
    assert query(server, "SHOW listen_addresses") == ""
    assert query(server, "SHOW server_encoding") == "UTF8"
    sockets = Path(query(server, "SHOW unix_socket_directories"))
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert len(str(sockets)) < 90


def test_start_from_several_processes_gives_one_server(embedded: EmbeddedPostgres) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", START, embedded.folder]) for _ in range(3)]
    assert [starter.wait() for starter in starters] == [0, 0, 0]
    assert embedded.is_running()
    assert query(embedded, "SELECT current_database()") == "lake"


def test_rows_survive_a_kill_and_orphans_are_waited_for(embedded: EmbeddedPostgres) -> None:
    embedded.start()
    query(embedded, "CREATE TABLE kept AS SELECT 42 AS answer")
    held = psycopg2.connect(embedded.url)
    os.kill(postmaster(embedded), signal.SIGKILL)
    while embedded.is_running():
        time.sleep(0.01)
    embedded.start()
    assert embedded.is_running()
    assert query(embedded, "SELECT answer FROM kept") == "42"
    held.close()


def test_process_id_taken_by_another_process_does_not_keep_it_down(embedded: EmbeddedPostgres) -> None:
    embedded.start()
    embedded.stop()
    embedded.stop()
    assert not embedded.is_running()
    record = [str(os.getpid()), str(embedded.data), "1", "5432", "/nowhere", "", "0 0", "ready   "]
    (embedded.data / "postmaster.pid").write_text("\n".join(record) + "\n")
    assert not embedded.is_running()
    embedded.start()
    assert query(embedded, "SELECT 1") == "1"


def test_first_start_that_was_cut_short_is_repeated(embedded: EmbeddedPostgres) -> None:
    (embedded.folder / "data.new").mkdir(parents=True)
    (embedded.folder / "data.new" / "PG_VERSION").write_text("18\n")
    embedded.start()
    assert query(embedded, "SELECT current_database()") == "lake"
    assert not (embedded.folder / "data.new").exists()


def test_moved_folder_is_a_server_of_its_own(embedded: EmbeddedPostgres) -> None:
    embedded.start()
    copy = EmbeddedPostgres(embedded.folder.with_name("copy"))
    shutil.copytree(embedded.folder, copy.folder, symlinks=True)
    assert not copy.is_running()
    assert copy.url != embedded.url


def test_broken_data_gives_the_servers_own_words(embedded: EmbeddedPostgres) -> None:
    embedded.data.mkdir(parents=True)
    with pytest.raises(SourceError, match="pg_ctl") as caught:
        embedded.start()
    assert caught.value.code == "LW-203"


def test_foreign_socket_folder_is_refused(embedded: EmbeddedPostgres) -> None:
    folder = Path(embedded.url.partition("host=")[2].partition("&")[0].replace("%2F", "/"))
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        with pytest.raises(SourceError, match="not a private folder"):
            embedded.start()
    finally:
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_closed_folder_under_root_says_which(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    with pytest.raises(SourceError, match="is closed to it") as caught:
        EmbeddedPostgres(closed / "pg").start()
    assert caught.value.code == "LW-204"
    assert "chmod o+x" in (caught.value.hint or "")


def test_missing_wheel_names_the_pip_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency) as caught:
        EmbeddedPostgres(tmp_path).start()
    assert caught.value.code == "LW-801"
    assert "pip install" in (caught.value.hint or "")
