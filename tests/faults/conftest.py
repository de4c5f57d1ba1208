"""A small lake to break: its commands, what they must say when they fail, and whether it is well again afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lakewright.cli.main import main
from lakewright.sources.postgres.embedded import EmbeddedPostgres
from tests.conftest import Sql, run_sql

PASSWORD = "pw-secret-7"
VALUE = "value-secret-7"
"""A text that stands in a row; like the password it must not stand in a message."""
LAKE = """\
lake: shop
sources:
  shop: {kind: postgres, url: "${env:SHOP_URL}", tables: [public.*]}
"""


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed on stdout, as JSON."""
        return json.loads(self.out)


@dataclasses.dataclass(frozen=True)
class Told:
    """An error as it was printed: one line of what, where, what helps, and the code."""

    message: str
    where: str | None
    hint: str | None
    code: str


class Shop:
    """A lake in `folder` over a database that `sql` reaches; its commands run in this process."""

    def __init__(self, folder: Path, url: str, sql: Sql, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.url, self.sql, self.capsys = folder, url, sql, capsys

    def run(self, *arguments: object) -> Ran:
        """Run a command, whatever comes of it."""
        self.capsys.readouterr()
        code = main(["-C", str(self.folder), *map(str, arguments)])
        ran = Ran(code, *self.capsys.readouterr())
        clean(ran.out if arguments[0] not in ("sql", "diff") else "", ran.err)
        return ran

    def ok(self, *arguments: object) -> Ran:
        """Run a command that must succeed."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.err
        return ran

    def fails(self, *arguments: object, exit_code: int = 1) -> Told:
        """Run a command that must fail with a known error; what it told."""
        ran = self.run(*arguments)
        assert ran.code == exit_code, ran
        return told(ran.err)

    def equal(self) -> dict[str, str]:
        """Capture, merge and compare: the verdict on each table, and the exit code must fit it."""
        self.ok("run")
        ran = self.run("check", "--source", "--json")
        verdicts = {table["table"]: table["verdict"] for report in ran.json["reports"] for table in report["tables"]}
        assert ran.code == (0 if set(verdicts.values()) <= {"equal", "append-only"} else 3)
        return verdicts

    def tables(self) -> dict[str, Any]:
        """The status of each table."""
        return {table["table"]: table for table in self.ok("status", "--json").json["tables"]}

    def files(self, pattern: str) -> list[Path]:
        """Files of the lake, in name order."""
        return sorted(self.folder.glob(pattern))

    @contextlib.contextmanager
    def up(self) -> Iterator[Up]:
        """`lakewright up` in a process of its own, which ends with the block."""
        up = Up(self.folder)
        try:
            yield up
        finally:
            if up.process.poll() is None:
                up.process.kill()
            up.process.communicate()


class Up:
    """A running `lakewright up`, and the events it printed so far."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "lakewright", "-C", str(folder), "up", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        self.seen: list[dict[str, Any]] = []

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read events until one is wanted."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(json.loads(line))
            if wanted(self.seen[-1]):
                return self.seen[-1]
        raise AssertionError(f"it ended: {self.seen}, {self.process.stderr.read() if self.process.stderr else ''}")

    def until_merged(self, table: str) -> None:
        """Read events until a table was merged."""
        self.until(lambda event: (event["kind"], event["subject"]) == ("merged", table))

    def until_merged_and(self, table: str, kind: str) -> dict[str, Any]:
        """Read events until a table was merged and one of `kind` came, whichever is first; gives back the latter."""
        begin = len(self.seen)

        def came(kind: str, *subjects: str) -> Iterator[dict[str, Any]]:
            return (each for each in self.seen[begin:] if each["kind"] == kind and (each["subject"] in subjects or not subjects))

        self.until(lambda _: any(came("merged", table)) and any(came(kind)))
        return next(came(kind))

    def stop(self, number: int) -> tuple[int, str]:
        """Send a signal; the exit code and what stood on stderr."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=240)
        clean("", err)
        return self.process.returncode, err


def clean(out: str, err: str) -> None:
    """No trace, no secret, no row, and no error that Lakewright does not know."""
    for text in (out, err):
        for word in ("Traceback", PASSWORD, VALUE, "LW-901"):
            assert word not in text, text


def told(err: str) -> Told:
    """The error at the end of what a command printed on stderr."""
    lines = err.splitlines()
    start = max(index for index, line in enumerate(lines) if line.startswith("error: "))
    found = {"at": None, "hint": None, "code": None}
    for line in lines[start + 1 :]:
        word, _, rest = line.strip().partition(" ")
        if line.startswith("  ") and word.rstrip(":") in found:
            found[word.rstrip(":")] = rest
    assert found["code"] is not None, err
    return Told(lines[start].removeprefix("error: "), found["at"], found["hint"], found["code"].partition(" ")[0])


def wait(reached: Callable[[], object], seconds: float = 240.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def open_shop(folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    """Make two small tables in a database, and in `folder` the lake over it; its URL holds a password."""
    run_sql(
        url,
        "CREATE TABLE orders (id int PRIMARY KEY, name text, price numeric(8, 2))",
        f"INSERT INTO orders SELECT g, '{VALUE}', g / 4.0 FROM generate_series(1, 20) g",
        "CREATE TABLE parts (id int PRIMARY KEY, name text)",
        f"INSERT INTO parts VALUES (1, '{VALUE}'), (2, NULL)",
    )
    (folder / "lake.yaml").write_text(LAKE)
    reach(url, patch)


def reach(url: str, patch: pytest.MonkeyPatch) -> None:
    """Let the lake over a database find it."""
    patch.setenv("SHOP_URL", url.replace("postgres@", f"postgres:{PASSWORD}@"))


@pytest.fixture
def shop(tmp_path: Path, url: str, sql: Sql, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    """A lake over a database with two small tables that was not loaded yet."""
    open_shop(tmp_path, url, monkeypatch)
    return Shop(tmp_path, url, sql, capsys)


@pytest.fixture
def loaded(shop: Shop) -> Shop:
    """The same lake, captured and merged once."""
    shop.ok("run")
    return shop


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """A running embedded server that a test may stop, spoil and put back."""
    folder = Path(tempfile.mkdtemp(prefix="lakewright-test-"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(folder / "pg")
    embedded.start()
    yield embedded
    embedded.stop()
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _small(one_thread: None) -> None:
    """See `one_thread`."""
