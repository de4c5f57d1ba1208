"""A transaction that does not end keeps a slot from being made: what waits says for what, and can be stopped."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg2
import pytest

from tests.faults.conftest import Shop


@pytest.fixture
def writer(shop: Shop) -> Iterator[psycopg2.extensions.connection]:
    """A connection with an open transaction that has written."""
    with contextlib.closing(psycopg2.connect(shop.url, application_name="forgotten")) as connection:
        connection.cursor().execute("INSERT INTO parts VALUES (3, 'later')")
        yield connection


def test_up_tells_what_it_waits_for_and_can_be_stopped(shop: Shop, writer: psycopg2.extensions.connection) -> None:
    with shop.up() as up:
        told = up.until(lambda event: event["kind"] == "waiting")["detail"]
        assert f"pid {writer.info.backend_pid} (forgotten)" in told
        assert f"pg_terminate_backend({writer.info.backend_pid})" in told
        assert up.stop(signal.SIGTERM)[0] == 0
    writer.commit()
    assert shop.equal() == {"orders": "equal", "parts": "equal"}


def test_check_tells_what_it_waits_for(shop: Shop, writer: psycopg2.extensions.connection) -> None:
    writer.commit()
    shop.ok("run")
    writer.cursor().execute("INSERT INTO parts VALUES (4, 'later')")
    command = [sys.executable, "-m", "lakewright", "-C", str(shop.folder), "check", "--source"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as check:
        assert check.stderr is not None
        said = iter(check.stderr.readline, "")
        assert any(line.startswith("waiting for transaction of pid") for line in said)
        writer.commit()
        assert (check.wait(), [line for line in said if "error" in line]) == (0, [])
