"""Transfers that end anywhere, and two at once: each version of a file is registered once, whole, and none is lost."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from lakewright.errors import StorageError
from lakewright.sources.files import copying, origin
from lakewright.sources.files.origin import CHUNK
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore, Result
from tests.sources.files.conftest import Counting, Exports, names

SMALL_CHUNK = 1 << 16
SIZES = {"customers-1.csv": SMALL_CHUNK + 5, "customers-2.csv": 7, "orders/1.csv": 0}
EACH_WAY = list(itertools.product(("before", "after"), ("fail", "die")))
KILLED = """
import os, signal, sys, threading
from lakewright.sources.files.arrivals import Arrivals
from lakewright.sources.files.origin import Folder
from lakewright.sources.files.selection import Selection
from lakewright.sources.files.transfer import TransferSettings, Transfer
from lakewright.storage.local import LocalStore
def die(name, done, size):
    if done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
store = LocalStore(sys.argv[2])
selections = [Selection("customers", ("customers*.csv",))]
arrivals = Arrivals(store, "raw", "exports")
Transfer(Folder(sys.argv[1]), store, arrivals, selections, TransferSettings(settle=0.0), die).look(threading.Event())
"""


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (copying, origin):
        monkeypatch.setattr(module, "CHUNK", SMALL_CHUNK)


def filled(root: Path) -> Exports:
    root.mkdir()
    exports = Exports(root)
    for age, (name, size) in enumerate(SIZES.items()):
        exports.put(name, os.urandom(size), age=age)
    return exports


def judge(exports: Exports, *, orphans: bool = False) -> None:
    """Started again without faults, all that is in the folder is in the lake, and no arrival repeats the one before it."""
    exports.store = LocalStore(exports.lake)
    exports.arrivals()
    exports.look()
    assert exports.taken() == exports.given()
    found = exports.arrivals()
    for name in SIZES:
        versions = [arrival.sha256 for arrival in found if arrival.name == name]
        assert all(one != two for one, two in itertools.pairwise(versions))
    if not orphans:
        stored = [entry.name for entry in exports.store.list("raw/csv/") if "_arrivals/" not in entry.name]
        assert stored == sorted(arrival.stored for arrival in found)
    assert exports.look() == []


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("when", "action"), EACH_WAY)
def test_a_crash_at_any_call_of_the_store(
    tmp_path: Path, when: Literal["before", "after"], action: Literal["fail", "die"]
) -> None:
    whole = FaultyStore(filled(tmp_path / "whole").store)
    Exports.look(filled(tmp_path / "counted"), whole)
    assert len(whole.calls) > 15
    for call in range(1, len(whole.calls) + 1):
        exports = filled(tmp_path / str(call))
        with pytest.raises(StorageError, match="injected"):
            exports.look(FaultyStore(exports.store, Fault(call, action, when)))
        judge(exports)
        assert len(exports.arrivals()) == len(SIZES)


def test_a_kill_in_the_middle_of_a_file_goes_on_there(exports: Exports) -> None:
    exports.put("customers-1.csv", os.urandom(CHUNK * 4))
    for killed_at in (CHUNK, CHUNK * 3):
        arguments = [sys.executable, "-c", KILLED, exports.folder, exports.lake, str(killed_at)]
        assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
        assert [*LocalStore(exports.lake).list("raw/")] == []
    written: list[int] = []
    assert names(exports.look(Counting(LocalStore(exports.lake), written))) == ["customers-1.csv"]
    assert sum(written) == CHUNK
    assert exports.taken() == exports.given()


def test_a_changed_source_is_not_resumed(exports: Exports) -> None:
    exports.put("customers-1.csv", os.urandom(CHUNK * 2))
    arguments = [sys.executable, "-c", KILLED, exports.folder, exports.lake, str(CHUNK)]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    exports.put("customers-1.csv", os.urandom(CHUNK * 2))
    written: list[int] = []
    exports.look(Counting(LocalStore(exports.lake), written))
    assert sum(written) == CHUNK * 2
    assert exports.taken() == exports.given()


class Meeting(FaultyStore):
    """A store that lets something else happen before one of its calls."""

    def __init__(self, exports: Exports, call: int, act: Callable[[], object]) -> None:
        super().__init__(exports.store)
        self._at = call
        self._act = act

    def _call(self, what: str, effect: Callable[[], Result]) -> Result:
        if len(self.calls) + 1 == self._at:
            self._at = 0
            self._act()
        return super()._call(what, effect)


def settle(exports: Exports) -> None:
    """Look twice: at the first time the other one may have registered, just before, what it had read earlier."""
    exports.look()
    exports.look()


def rewrite(exports: Exports) -> None:
    """Two more versions of a file, each transferred; the last one is the first one's content again."""
    first = (exports.folder / "customers-2.csv").read_bytes()
    exports.look()
    exports.put("customers-2.csv", b"another", age=100)
    exports.look()
    exports.put("customers-2.csv", first, age=200)
    settle(exports)


def replace(exports: Exports) -> None:
    """Another version of a file, transferred."""
    exports.put("customers-1.csv", os.urandom(SMALL_CHUNK + 5), age=300)
    settle(exports)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("act", [Exports.look, rewrite, replace])
@pytest.mark.parametrize("prepared", [False, True])
def test_two_transfers_at_once(tmp_path: Path, act: Callable[[Exports], object], prepared: bool) -> None:
    for call in itertools.count(1):
        exports = filled(tmp_path / str(call))
        if prepared:
            exports.look()
            for age, name in enumerate(SIZES, start=10):
                exports.put(name, os.urandom(9), age=age)
        met: list[int] = []
        zombie = Meeting(exports, call, lambda: (met.append(1), act(exports)))  # noqa: B023
        exports.look(zombie)
        if met:  # the other one registered all that is there, and nothing older comes behind it
            assert exports.taken() == exports.given()
        judge(exports, orphans=act is not Exports.look)
        if not met:
            break
    assert call > 10


@pytest.mark.usefixtures("_quick")
def test_many_transfers_at_once(tmp_path: Path) -> None:
    exports = filled(tmp_path / "many")
    errors: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(5):
                exports.look()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    judge(exports)
    assert len(exports.arrivals()) == len(SIZES)
