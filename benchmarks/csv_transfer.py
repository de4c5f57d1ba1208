"""Transfer of a file: copied, hashed, durable, and read back to be compared, as the first look at a folder does it.

The peer does by hand what that takes: ``cp`` with an fsync of the copy, then ``sha256sum`` of the copy. Both read from the page
cache; the rounds alternate, and each begins with nothing left to write back.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._figure import Figure
from lakewright.sources.files.arrivals import Arrivals
from lakewright.sources.files.origin import Folder
from lakewright.sources.files.selection import Selection
from lakewright.sources.files.transfer import Transfer, TransferSettings
from lakewright.storage.local import LocalStore

BYTES = 2_000_000_000
ROUNDS = 3
_LINES = 1_000_000


def run(size: int = BYTES) -> Iterator[Figure]:
    """``csv-transfer`` in bytes a second, the best of some rounds."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        source = folder / "exports" / "orders.csv"
        _write(source, size)
        peers, ours = [], []
        for turn in range(ROUNDS):
            copy = folder / "copy.csv"
            os.sync()
            start = time.perf_counter()
            subprocess.run(["cp", source, copy], check=True)
            subprocess.run(["sync", copy], check=True)
            subprocess.run(["sha256sum", copy], check=True, stdout=subprocess.DEVNULL)
            peers.append(time.perf_counter() - start)
            copy.unlink()
            os.sync()
            start = time.perf_counter()
            stored = _transfer(source.parent, folder / f"lake-{turn}")
            ours.append(time.perf_counter() - start)
            stored.unlink()
        yield Figure(
            "csv-transfer",
            source.stat().st_size / min(ours),
            "bytes/s",
            "cp, sync, sha256sum",
            source.stat().st_size / min(peers),
        )


def _write(path: Path, size: int) -> None:
    """Lines of an export, the same million again and again."""
    chance = random.Random(1)
    lines = (f"{n},{chance.random()},2026-03-01 12:30:{n % 60:02d},customer {n * 7919 % 100_003}\n" for n in range(_LINES))
    block = "".join(lines).encode()
    path.parent.mkdir()
    with open(path, "wb") as file:
        while file.tell() < size:
            file.write(block)
    os.utime(path, (0, 0))


def _transfer(folder: Path, lake: Path) -> Path:
    store = LocalStore(lake)
    transfer = Transfer(Folder(folder), store, Arrivals(store, "raw", "b"), [Selection("orders", ("*.csv",))], TransferSettings())
    (arrival,) = transfer.look(threading.Event())
    return Path(store.location(arrival.stored))
