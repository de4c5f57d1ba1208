from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
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


def test_settings_allow_logical_replication_on_a_private_socket_only(own_server: EmbeddedPostgres) -> None:
    own_server.start()
    assert query(own_server, "SHOW wal_level") == "logical"
    assert query(own_server, "SHOW fsync") == "on"
    assert query(own_server, "SHOW listen_addresses") == ""
    assert query(own_server, "SHOW server_encoding") == "UTF8"
    sockets = Path(query(own_server, "SHOW unix_socket_directories"))
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert len(str(sockets)) < 90


def test_start_from_several_processes_gives_one_server(own_server: EmbeddedPostgres) -> None:
    starters = [subprocess.Popen([sys.executable, "-c", START, own_server.folder]) for _ in range(3)]
    assert [starter.wait() for starter in starters] == [0, 0, 0]
    assert own_server.is_running()
    assert query(own_server, "SELECT current_database()") == "lake"


def test_rows_survive_a_kill_and_orphans_are_waited_for(own_server: EmbeddedPostgres) -> None:
    own_server.start()
    query(own_server, "CREATE TABLE kept AS SELECT 42 AS answer")
    held = psycopg2.connect(own_server.url)
    os.kill(postmaster(own_server), signal.SIGKILL)
    while own_server.is_running():
        time.sleep(0.01)
    own_server.start()
    assert own_server.is_running()
    assert query(own_server, "SELECT answer FROM kept") == "42"
    held.close()


def test_process_id_taken_by_another_process_does_not_keep_it_down(own_server: EmbeddedPostgres) -> None:
    own_server.start()
    own_server.stop()
    own_server.stop()
    assert not own_server.is_running()
    record = [str(os.getpid()), str(own_server.data), "1", "5432", "/nowhere", "", "0 0", "ready   "]
    (own_server.data / "postmaster.pid").write_text("\n".join(record) + "\n")
    assert not own_server.is_running()
    own_server.start()
    assert query(own_server, "SELECT 1") == "1"


def test_first_start_that_was_cut_short_is_repeated(own_server: EmbeddedPostgres) -> None:
    (own_server.folder / "data.new").mkdir(parents=True)
    (own_server.folder / "data.new" / "PG_VERSION").write_text("18\n")
    own_server.start()
    assert query(own_server, "SELECT current_database()") == "lake"
    assert not (own_server.folder / "data.new").exists()


def test_moved_folder_is_a_server_of_its_own(own_server: EmbeddedPostgres) -> None:
    own_server.start()
    copy = EmbeddedPostgres(own_server.folder.with_name("copy"))
    shutil.copytree(own_server.folder, copy.folder, symlinks=True)
    assert not copy.is_running()
    assert copy.url != own_server.url


def test_another_path_to_the_folder_is_the_same_server(own_server: EmbeddedPostgres, tmp_path: Path) -> None:
    own_server.start()
    (tmp_path / "link").symlink_to(own_server.folder)
    other = EmbeddedPostgres(tmp_path / "link")
    assert other.is_running()
    assert other.url == own_server.url


def test_broken_data_gives_the_servers_own_words(own_server: EmbeddedPostgres) -> None:
    own_server.data.mkdir(parents=True)
    with pytest.raises(SourceError, match="pg_ctl") as caught:
        own_server.start()
    assert caught.value.code == "LW-203"


def test_foreign_socket_folder_is_refused(own_server: EmbeddedPostgres) -> None:
    folder = Path(own_server.url.partition("host=")[2].partition("&")[0].replace("%2F", "/"))
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        with pytest.raises(SourceError, match="not a private folder"):
            own_server.start()
    finally:
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_under_root_a_closed_folder_becomes_a_link_to_an_open_one(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    first = EmbeddedPostgres(closed / "pg")
    first.start()
    try:
        assert (closed / "pg").is_symlink()
        assert EmbeddedPostgres(closed / "pg").is_running()
        (closed / "pg").unlink()
        again = EmbeddedPostgres(closed / "pg")
        again.start()  # the lake was removed: nothing of it comes back
        assert not first.is_running() or first.folder == again.folder
        assert again.is_running()
        again.stop()
    finally:
        shutil.rmtree(first.folder)


def test_missing_wheel_names_the_pip_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency) as caught:
        EmbeddedPostgres(tmp_path).start()
    assert caught.value.code == "LW-801"
    assert "pip install" in (caught.value.hint or "")
