"""Lakes in processes of their own, over one database."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 240.0
"""How long anything may take."""


def write_project(folder: Path, url: str, tables: str, slot: str) -> None:
    """A lake.yaml with one source, `db`."""
    source = f'{{kind: postgres, url: "{url}", tables: ["{tables}"], slot: "{slot}"}}'
    (folder / "lake.yaml").write_text(f"lake: t\nsources:\n  db: {source}\n")


@contextlib.contextmanager
def up(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`lakewright up` until the block ends; asked to stop, it must end well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lakewright", "-C", str(folder), "--quiet", "up"], stdout=subprocess.DEVNULL
    )
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def repeated(step: Callable[[], None], every: float) -> Iterator[None]:
    """Run `step` every so many seconds in a thread until the block ends; raises what it raised."""
    stop, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not stop.wait(every):
                step()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def wait_for(condition: Callable[[], bool]) -> None:
    """Look until it holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
