"""A lake that dies and comes back: every life is a new set of objects over the same folder, as after a crash of the process.

Only the engine goes from life to life, for it costs more than many a life: it keeps nothing that counts between two answers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest
from hudi import HudiTableBuilder

from lakewright.engines.duckdb import DuckDBEngine
from lakewright.errors import CommitConflict, LakewrightError
from lakewright.model.names import quote_identifier as quote
from lakewright.model.position import Position
from lakewright.model.table import newest_mark
from lakewright.pipeline import raw_care, table_at
from lakewright.pipeline.capture import capture_of
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.instants import based
from lakewright.pipeline.lake import Lake
from lakewright.pipeline.maintain import tend
from lakewright.pipeline.merge import merge
from lakewright.pipeline.mirror import Mirror
from lakewright.project.project import open_project
from lakewright.raw import care
from lakewright.raw.manifest import RawFile
from lakewright.raw.writer import LogWriter
from lakewright.sources.postgres.stream import PostgresStream
from lakewright.storage.local import LocalStore
from lakewright.storage.process import Process
from lakewright.testing.faults import Fault, FaultyStore

ENGINES: list[DuckDBEngine] = []
"""Those that no life has now."""
Rows = list[tuple[object, ...]]
LAKE = """
lake: t
sources:
  db: {{kind: postgres, url: "{url}", tables: ["{schema}.*"], slot: "{schema}"}}
tables:
  {schema}_pair: {{from: db.{schema}.pair, type: mor, compact_after: 2}}
"""


class Lives:
    """A folder with a lake of one source, ``db``. `live` runs something in a life that may end at any store call."""

    def __init__(self, folder: Path, lake: str, rng: random.Random, monkeypatch: pytest.MonkeyPatch, dying: float) -> None:
        (folder / "lake.yaml").write_text(lake)
        self.folder = folder
        self._project = open_project(folder)  # values, which a life does not change
        self.log: list[str] = []
        self._rng = rng
        self._dying = dying
        self._patch = monkeypatch
        self._lives = 0

    @contextlib.contextmanager
    def life(self, *faults: Fault) -> Iterator[Lake]:
        """A new process's view of the lake; whatever it held is as dead as after SIGKILL when the next life begins."""
        self._lives += 1
        started = f"life {self._lives} of {self.folder}"
        self._patch.setattr(Process, "current", classmethod(lambda cls: cls(host(), boot(), 2**22 + 1, started)))
        with Lake(self._project, FaultyStore(LocalStore(self.folder), *faults)) as lake:
            if ENGINES:
                lake.engine = ENGINES.pop()
            try:
                yield lake
            finally:
                if "engine" in vars(lake):
                    ENGINES.append(lake.engine)
                    del lake.engine

    def live(self, name: str, most: int) -> None:
        """Run one of this object's verbs; with the odds `dying` it ends at one of its first `most` store calls."""
        faults = []
        if self._rng.random() < self._dying:
            action: Literal["die", "fail"] = "die" if self._rng.random() < 0.8 else "fail"
            faults = [Fault(self._rng.randint(1, most), action, self._rng.choice(("before", "after")))]
        self.log.append(f"{name} {', '.join(map(str, faults))}")
        with contextlib.suppress(LakewrightError) if faults else contextlib.nullcontext(), self.life(*faults) as lake:
            getattr(self, name)(lake)

    # ---- verbs

    def capture(self, lake: Lake) -> None:
        """Capture up to now."""
        until = lake.source("db").current_position()
        capture_of(lake, "db").run(threading.Event(), until)

    def merge(self, lake: Lake) -> None:
        """Merge one table, or all."""
        mirrors = lake.mirrors()
        for mirror in mirrors if self._rng.random() < 0.5 else self._rng.sample(mirrors, min(1, len(mirrors))):
            merge(lake, mirror)

    def maintain(self, lake: Lake) -> None:
        """Fold manifests, clean every table of all but its newest snapshot, care for the raw log."""
        lake.log("db").fold_manifests()
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        raw = datetime.timedelta(0) if self._rng.random() < 0.4 else None
        mirrors = [dataclasses.replace(each, small_files=1 << 30, raw=raw) for each in lake.mirrors()]
        for mirror in mirrors:
            tend(lake, mirror, later)
        with self._patch.context() as patch:
            patch.setattr(care, "FEWEST", 2)
            raw_care.tend(lake, "db", mirrors, later)

    def care(self, lake: Lake) -> None:
        """Restore one table, let it stand, go on with it, or make or remove a savepoint of it."""
        opened = {mirror.name: lake.table(mirror) for mirror in lake.mirrors()}
        ready = [(name, table) for name, table in opened.items() if table is not None and table.snapshots()]
        if not ready:
            return
        name, table = self._rng.choice(ready)
        chosen = self._rng.choice(table.snapshots())
        what = self._rng.choice(["restore", "restore", "pause", "resume", "savepoint"])
        if what == "restore":
            lake.restore(name, chosen.instant)
        elif what == "pause":
            lake.pause(name)
        elif what == "savepoint":
            lake.release(name, chosen.instant) if chosen.saved else lake.savepoint(name, chosen.instant)
        else:
            self.resume(lake)

    def resume(self, lake: Lake) -> None:
        """Let every table follow its source."""
        for mirror in lake.mirrors():
            table = lake.table(mirror)
            mark = newest_mark(table.history()) if table else None
            if mark is not None and mark.paused:
                lake.resume(mirror.name)

    def resync(self, lake: Lake) -> None:
        """Load one table again."""
        names = [mirror.name for mirror in lake.mirrors()]
        if names:
            lake.resync(self._rng.choice(names))


class World(Lives):
    """A folder with a lake over one schema of a database."""

    def __init__(
        self, folder: Path, url: str, schema: str, rng: random.Random, monkeypatch: pytest.MonkeyPatch, dying: float = 0.5
    ) -> None:
        super().__init__(folder, LAKE.format(url=url, schema=schema), rng, monkeypatch, dying)
        self.schema = schema

    def unacknowledged(self, lake: Lake) -> None:
        """A capture that dies after it wrote a manifest, and before the source hears of it."""
        with self._patch.context() as patch, contextlib.suppress(_Died):
            patch.setattr(PostgresStream, "acknowledge", _die)
            self.capture(lake)

    def unwritten(self, lake: Lake) -> None:
        """A capture that dies before it writes a manifest that names files."""
        append = LogWriter.append

        def dying(writer: LogWriter, files: Sequence[RawFile], *rest: Any) -> Any:
            if files:
                raise _Died
            return append(writer, files, *rest)

        with self._patch.context() as patch, contextlib.suppress(_Died):
            patch.setattr(LogWriter, "append", dying)
            self.capture(lake)

    def zombie(self, lake: Lake) -> None:
        """A merge that is suspended before its commit while another life merges; what it planned must not land."""
        merged = [(mirror, table) for mirror in lake.mirrors() if (table := lake.table(mirror)) is not None]
        if not merged:
            return
        mirror, table = self._rng.choice(merged)
        log = lake.log("db")
        with contextlib.suppress(CommitConflict), table.write() as write:
            view = log.view()
            at = table_at.plan(mirror, log, view, based(table, write.base), view.watermark)
            fold = Fold(lake.connection(), at, log)
            rows = fold.reader(fold.rows_sql(), 1000).read_all().cast(at.spec.arrow())
            write.replace(at.spec, iter(rows.to_batches()))
            with self.life() as other:
                self.capture(other)
                merge(other, mirror)
            write.commit(at.checkpoint)

    # ---- what a reader sees

    def at(self, lake: Lake, mirror: Mirror, position: Position | None) -> Rows:
        """A table at a position (None: the log's end), as live SQL reads it."""
        log = lake.log("db")
        view = log.view()
        at = table_at.plan(mirror, log, view, lake.instants(mirror), position or view.watermark)
        fold = Fold(lake.connection(), at, log)
        text = fold.visible_sql(lambda column: quote(column.name))
        rows = as_rows(fold.reader(text, 1000).read_all(), at.schema.column_names)
        fold.close()
        return rows

    def hudi_rs(self, mirror: Mirror, columns: tuple[str, ...]) -> Rows:
        """A table as an independent reader sees it on disk."""
        batches = HudiTableBuilder.from_base_uri(str(self.folder / mirror.path)).build().read()
        return as_rows(pa.Table.from_batches(batches), columns) if batches else []


class _Died(Exception):
    """The process is gone."""


def _die(stream: PostgresStream, lsn: int) -> None:
    raise _Died


def as_rows(table: pa.Table, columns: tuple[str, ...]) -> Rows:
    """Rows of some columns as tuples, sorted."""
    return sorted(zip(*(table[name].to_pylist() for name in columns), strict=True), key=repr) if table.num_rows else []


def host() -> str:
    """This host's name as a lease knows it."""
    return _ME.host


def boot() -> str:
    """This host's boot."""
    return _ME.boot


_ME: Any = Process.current()
