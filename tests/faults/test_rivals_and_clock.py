"""Two that do one thing, processes that are killed or interrupted, and a clock that goes backwards."""

from __future__ import annotations

import datetime
import json
import signal
import subprocess
import sys

import pytest
import time_machine

from lakewright.errors import LeaseHeld
from lakewright.pipeline.hold import lease_name
from lakewright.pipeline.lake import Lake
from lakewright.storage.lease import Lease
from tests.faults.conftest import LAKE, VALUE, Shop

ALL_EQUAL = {"orders": "equal", "parts": "equal"}


def test_a_second_capture_hears_who_captures_and_a_killed_one_is_replaced(loaded: Shop) -> None:
    with loaded.up() as up:
        loaded.sql(f"INSERT INTO parts VALUES (500, '{VALUE}')")
        up.until_merged("parts")
        for command in ("capture", "resync"):
            told = loaded.fails(command)
            assert (told.code, f"process {up.process.pid} on " in told.message) == ("LW-351", True)
            assert "stop that process" in (told.hint or "")
        assert loaded.run("check", "--source").code == 0
        loaded.sql(f"INSERT INTO parts VALUES (501, '{VALUE}')")
        code, _ = up.stop(signal.SIGKILL)
        assert code == -signal.SIGKILL
    assert loaded.equal() == ALL_EQUAL


def test_a_second_merge_hears_who_merges(loaded: Shop) -> None:
    loaded.sql("DELETE FROM orders WHERE id = 1")
    loaded.ok("capture")
    with Lake.open(loaded.folder) as lake:
        (mirror,) = lake.mirrors(["orders"])
        with Lease.take(lake.store, lease_name(mirror), purpose="merge"):
            with pytest.raises(LeaseHeld, match="merge \\(process") as held:
                lake.merge(["orders"], wait=0.0)
        assert held.value.code == "LW-351"
    assert loaded.equal() == ALL_EQUAL


def test_up_beside_another_holder_goes_on_with_the_other_tables_and_stops_at_once(loaded: Shop) -> None:
    with Lake.open(loaded.folder) as lake:
        (mirror,) = lake.mirrors(["orders"])
        with Lease.take(lake.store, lease_name(mirror), purpose="merge"), loaded.up() as up:
            loaded.sql(f"UPDATE orders SET name = '{VALUE} 2' WHERE id = 1; INSERT INTO parts VALUES (7, '{VALUE}')")
            held = up.until_merged_and("parts", "waiting")
            assert held["error"]["code"] == "LW-351"
            assert up.stop(signal.SIGTERM) == (0, "")
    assert loaded.equal() == ALL_EQUAL


def test_up_that_meets_what_nobody_expected_says_so_and_fails(loaded: Shop) -> None:
    script = (
        "import lakewright.pipeline.up as up, lakewright.cli.main as main, sys\n"
        "def fails(*_): raise ZeroDivisionError('password=pw-secret-7 x')\n"
        "up._Capture._captured = fails\n"
        "sys.exit(main.main(sys.argv[1:]))\n"
    )
    loaded.sql(f"INSERT INTO parts VALUES (8, '{VALUE}')")
    command = [sys.executable, "-c", script, "-C", str(loaded.folder), "up", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    error = json.loads(ran.stderr.splitlines()[-1])["error"]
    assert (error["code"], error["message"]) == ("LW-901", "unexpected ZeroDivisionError: password=***")
    assert "Traceback" not in ran.stdout + ran.stderr
    assert loaded.equal() == ALL_EQUAL


def test_up_stops_cleanly_on_a_signal_and_goes_on(loaded: Shop) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with loaded.up() as up:
            loaded.sql(f"INSERT INTO parts SELECT max(id) + 1, '{VALUE}' FROM parts")
            up.until_merged("parts")
            assert up.stop(number) == (0, "")
    assert loaded.equal() == ALL_EQUAL


def test_a_clock_that_goes_backwards_orders_nothing(loaded: Shop) -> None:
    now = datetime.datetime.now(datetime.UTC)
    for seconds in (40, 20, 0):
        with time_machine.travel(now + datetime.timedelta(seconds=seconds)):
            loaded.sql(f"UPDATE orders SET name = '{VALUE} {seconds}' WHERE id = 3")
            loaded.ok("run")
    instants = [commit["instant"] for commit in loaded.ok("history", "orders", "--json").json["commits"]]
    assert (len(instants), instants) == (4, sorted(set(instants)))
    assert loaded.equal() == ALL_EQUAL


def test_after_an_instant_in_the_future_merges_go_on_and_no_other_engine_writes(loaded: Shop) -> None:
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=400)
    with time_machine.travel(later):
        loaded.sql(f"UPDATE orders SET name = '{VALUE} 1' WHERE id = 3")
        loaded.ok("run")
    for name in (f"{VALUE} 2", f"{VALUE} 3"):
        loaded.sql(f"UPDATE orders SET name = '{name}' WHERE id = 3; DELETE FROM orders WHERE id = (SELECT max(id) FROM orders)")
        assert loaded.equal() == ALL_EQUAL
    loaded.ok("maintain")
    told = loaded.fails("hold", "orders", "--", "true")
    assert (told.code, f"{later:%Y-%m-%d}" in (told.hint or "")) == ("LW-413", True)
    assert loaded.ok("hold", "parts", "--", "true").code == 0
    assert "LW-413" in loaded.run("verify", "orders").out
    instants = [commit["instant"] for commit in loaded.ok("history", "orders", "--json").json["commits"]]
    assert (len(instants), instants) == (4, sorted(set(instants)))
    (loaded.folder / "lake.yaml").write_text(f"{LAKE}tables: {{orders: {{from: shop.public.orders, partition: name}}}}\n")
    loaded.ok("apply")
    assert (loaded.ok("hold", "orders", "--", "true").code, loaded.equal()) == (0, ALL_EQUAL)
