"""A transaction that does not end keeps a slot from being made: what waits says for what, and can be stopped."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

import psycopg2
import pytest

from tests.conftest import run_sql
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
    told = threading.Event()

    def end() -> None:
        # The slot's maker is seen to wait for our transaction.
        waits = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event_type = 'Lock'"
        while run_sql(shop.url, waits) != [(1,)]:
            told.wait(0.05)
        told.wait(2)
        writer.commit()

    thread = threading.Thread(target=end)
    thread.start()
    ran = shop.ok("check", "--source")
    thread.join()
    assert "waiting for transaction of pid" in ran.err
