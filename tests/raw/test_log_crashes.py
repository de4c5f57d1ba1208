"""The raw log under crashes and interleavings: the rule's sentences about manifests, against the real code.

A source of numbered transactions is captured, resynced, folded and read; each actor is stopped at any call of the store, and a
scheduler with a seed decides who takes the next step.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.raw.writers import loader, zombie
from tests.strides import strides

from lakewright.errors import Changed, LakewrightError, LeaseLost, LogError, NotFound, StorageError
from lakewright.model.batch import ChangeBatch, raw_schema
from lakewright.model.contracts import Store
from lakewright.model.names import TableName
from lakewright.model.position import Feed, Position
from lakewright.model.schema import Column, TableSchema
from lakewright.raw import care, pages
from lakewright.raw.care import Limit, expire, gather
from lakewright.raw.log import RawLog
from lakewright.raw.manifest import RawFile
from lakewright.raw.view import LogView, next_manifest
from lakewright.raw.writer import LogWriter
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import Fault, FaultyStore

FEED = Feed("native", "1", 1)
TABLES = (TableName("public", "a"), TableName("public", "b"))
SCHEMAS = {table: TableSchema(table, (Column("id", "bigint", "bigint"),), ("id",), number=1) for table in TABLES}
EPOCH = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
LOADED = 1
"""Transactions at the first load. They are numbered from 1; number n commits at LSN 100 n and ends at 100 n + 50."""


def end(transaction: int) -> Position:
    return Position(100 * transaction + 50)


def changes(table: TableName, after: Position, upto: Position) -> list[str]:
    """The positions of a table's changes in (after, upto], as the source has them: each transaction changes one table or both."""
    ours = TABLES.index(table)
    found = [Position(100 * n, 1 + ours) for n in range(1, upto.lsn // 100 + 1) if n % 3 != ours]
    return [str(p) for p in found if after < p <= upto]


def rows(table: TableName, op: str, positions: list[str]) -> pa.Table:
    empty = {name: [None] * len(positions) for name in ("_unavailable", "_old_key", "_exact")}
    data = {
        "Op": [op] * len(positions),
        "_commit_time": [EPOCH] * len(positions),
        "_position": positions,
        "id": [*range(len(positions))],
    }
    return pa.table({**data, **empty}, raw_schema(SCHEMAS[table]))


class World:
    """What all actors know of: the source's size, who captures under which number, what was acknowledged."""

    def __init__(self, root: Path, transactions: int) -> None:
        self.store = LocalStore(root)
        self.transactions = transactions
        self.leases = 0
        self.acknowledged = Position(0)
        for schema in SCHEMAS.values():
            self.log().store_schema(schema)

    def log(self, store: Store | None = None) -> RawLog:
        return RawLog(store or self.store, "raw", "shop")

    def capture(self, store: Store, rng: random.Random) -> None:
        """One process's capture, up to the end of the source or to the first error."""
        self.leases += 1
        log = self.log(store)
        writer = LogWriter.take_over(log, zombie(self.leases))
        if log.view().feed is None:
            point = end(LOADED)
            files = [self.load(writer, table, point) for table in TABLES]
            writer.append_load(files, point, EPOCH, FEED, first=True)
        done = log.view().watermark
        while done < end(self.transactions):
            upto = min(end(done.lsn // 100 + rng.choice([1, 1, 2])), end(self.transactions))
            files = [self.change(writer, table, done, upto) for table in TABLES if changes(table, done, upto)]
            writer.append(files, upto, EPOCH)
            done = upto
            self.acknowledged = max(self.acknowledged, upto)

    def resync(self, store: Store, table: TableName, transaction: int) -> None:
        log = self.log(store)
        if log.view().feed is None:
            return
        writer = loader(log)
        writer.append_load([self.load(writer, table, end(transaction))], end(transaction), EPOCH, FEED, first=False)

    def care(self, store: Store, passed: int) -> None:
        """What `maintain` does, where every table has passed so many transactions, and their first may expire."""
        log = self.log(store)
        expire(log, {TABLES[0]: Limit(end(passed - 1), EPOCH + datetime.timedelta(days=1))})
        gather(log, dict.fromkeys(TABLES, end(passed)))

    def load(self, writer: LogWriter, table: TableName, point: Position) -> RawFile:
        return writer.write_load(SCHEMAS[table], rows(table, "I", [str(point)]).to_batches(), point, EPOCH)

    def change(self, writer: LogWriter, table: TableName, after: Position, upto: Position) -> RawFile:
        positions = changes(table, after, upto)
        data = rows(table, "U", positions)
        first, last = Position.parse(positions[0]), Position.parse(positions[-1])
        return writer.write_log(SCHEMAS[table], ChangeBatch(SCHEMAS[table], data, first, last, EPOCH, EPOCH))

    def judge(self, log: RawLog, view: LogView) -> None:
        """What the view names can be read and is the source's changes, each once, up to the end of a transaction."""
        assert view.watermark == Position(0) or view.watermark.lsn % 100 == 50
        for table in TABLES if view.feed else ():
            load = view.load_of(table, view.watermark)
            assert load is not None
            expired = view.expired(table)
            after = max(load.position, expired.position) if expired else load.position
            assert [log.store.read_range(log.folder + file.name, 0, 4) for file in load.files] == [b"PAR1"] * (
                after == load.position
            )
            found: list[str] = []
            for file in view.changes(table, after, view.watermark):
                data = log.store.read(log.folder + file.name)
                found += pq.read_table(pa.BufferReader(data), columns=["_position"])["_position"].to_pylist()
            assert [p for p in found if str(after) < p] == changes(table, after, view.watermark)

    def judge_end(self) -> None:
        """Started again without faults, the log becomes whole, and nothing that was acknowledged is missing before that."""
        view = self.log().view()
        assert view.watermark >= self.acknowledged
        self.judge(self.log(), view)
        self.capture(self.store, random.Random(0))
        log = self.log()
        assert log.view().watermark == end(self.transactions)
        self.judge(log, log.view())
        named = {log.folder + file.name for file in log.view().named()}
        assert {e.name for e in self.store.list(log.folder) if e.name.endswith(".parquet")} == named
        log.fold_manifests()
        fold = log.view().manifests[0]
        kept = [log.folder + page.name for page in (*fold.pages, *fold.replaced)]
        assert fold.pages
        assert [e.name for e in self.store.list(f"{log.folder}_pages/")] == sorted(kept)
        self.judge(log, self.log().view())


@pytest.fixture
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds fill pages with one file each, and two small files are worth a large one."""
    monkeypatch.setattr(pages, "FILES", 1)
    monkeypatch.setattr(care, "FEWEST", 2)


def one_life(world: World, store: Store) -> None:
    """A capture, resyncs beside it, and folds, of which the later ones keep the pages of the first."""
    world.capture(store, random.Random(1))
    for table in TABLES:
        world.resync(store, table, world.transactions - 1)
        assert world.log(store).fold_manifests()
        world.care(store, world.transactions - 1)
    world.capture(store, random.Random(1))
    assert world.log(store).fold_manifests()


@pytest.mark.usefixtures("_small_pages")
@strides(13)
def test_a_failure_at_any_call_of_the_store_loses_and_repeats_nothing(stride: int, tmp_path: Path) -> None:
    whole = FaultyStore(LocalStore(tmp_path / "whole"))
    one_life(World(tmp_path / "whole", 5), whole)
    assert len(whole.calls) > 40
    for call in range(1, len(whole.calls) + 1, stride):
        for when in ("before", "after"):
            world = World(tmp_path / f"{call}-{when}", 5)
            with pytest.raises(StorageError, match="injected"):
                one_life(world, FaultyStore(world.store, Fault(call, "fail", when)))  # type: ignore[arg-type]
            world.judge_end()


@pytest.mark.usefixtures("_small_pages")
def test_a_kill_at_any_call_of_the_store_loses_and_repeats_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, os; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import test_log_crashes as t\n"
        "t.pages.FILES, t.care.FEWEST = 1, 2\n"
        "for call in range(2, int(sys.argv[3]), 12):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        world = t.World(Path(sys.argv[2]) / str(call), 5)\n"
        "        t.one_life(world, t.FaultyStore(world.store, t.Fault(call, 'kill', 'before')))\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 9, call\n"
    )
    whole = FaultyStore(LocalStore(tmp_path / "whole"))
    one_life(World(tmp_path / "whole", 5), whole)
    subprocess.run([sys.executable, "-c", script, Path(__file__).parent, tmp_path, str(len(whole.calls))], check=True)
    killed = [path for path in tmp_path.iterdir() if path.name != "whole"]
    assert len(killed) > 10
    for root in killed:
        world = World(root, 5)
        world.leases = 2
        world.judge_end()
    assert signal.SIGKILL == 9


# ---- interleavings


class Turns:
    """Lets one actor at a time go on, to its next call of the store; `rng` chooses."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._changed = threading.Condition()
        self._waiting: dict[str, threading.Event] = {}
        self._running: set[str] = set()
        self.trace: list[str] = []

    def start(self, name: str, act: Callable[[], None], errors: list[BaseException]) -> threading.Thread:
        def run() -> None:
            try:
                act()
            except BaseException as error:  # the test raises it again
                errors.append(error)
            with self._changed:
                self._running.discard(name)
                self._changed.notify_all()

        self._running.add(name)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def wait(self, name: str, what: str) -> None:
        """Called by an actor before each call of the store."""
        go = threading.Event()
        with self._changed:
            self._waiting[name] = go
            self._changed.notify_all()
        go.wait()
        self.trace.append(f"{name}: {what}")

    def play(self) -> None:
        """Give turns until every actor has ended."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self._waiting) == len(self._running))
                if not self._running:
                    return
                self._waiting.pop(self._rng.choice(sorted(self._waiting))).set()


class Stepped(FaultyStore):
    """A store whose every call waits for its actor's turn."""

    def __init__(self, store: Store, turns: Turns, name: str, *plan: Fault) -> None:
        super().__init__(store, *plan)
        self._turns = turns
        self._name = name

    def _call(self, what: str, effect: Callable[[], Any]) -> Any:
        self._turns.wait(self._name, what)
        return super()._call(what, effect)


def interleave(root: Path, seed: int) -> list[str]:
    """Random histories of two captures, a resync, a folder, two who care and a reader at once; some of them crash."""
    rng = random.Random(seed)
    world, turns, errors = World(root, 7), Turns(rng), []
    if rng.random() < 0.8:
        world.transactions = 5
        world.capture(world.store, rng)
        world.transactions = 7

    def stepped(name: str) -> Stepped:
        crash = [Fault(rng.randrange(1, 60), "fail", rng.choice(["before", "after"]))] if rng.random() < 0.4 else []  # type: ignore[arg-type]
        return Stepped(world.store, turns, name, *crash)

    def forgiving(act: Callable[[], None]) -> None:
        with contextlib.suppress(LeaseLost, Changed):
            try:
                act()
            except LakewrightError as error:
                if "injected" not in error.message and error.code != "LW-359":
                    raise

    def read(store: Store) -> None:
        log, last = world.log(store), Position(0)
        for _ in range(4):
            view = log.view()
            assert view.watermark >= last
            last = view.watermark
            with contextlib.suppress(NotFound, Changed):  # a file that a later view no longer names
                world.judge(log, view)

    def fold(store: Store) -> None:
        log = world.log(store)
        for _ in range(3):
            log.fold_manifests()

    def tend(store: Store) -> None:
        world.care(store, 4)
        world.care(store, 6)

    actors: list[tuple[str, Callable[[Store], None]]] = [
        ("capture 1", lambda store: world.capture(store, random.Random(seed))),
        ("capture 2", lambda store: world.capture(store, random.Random(seed + 1))),
        ("resync", lambda store: world.resync(store, TABLES[0], 3)),
        ("fold 1", fold),
        ("care 1", tend),
        ("care 2", tend),
        ("reader", read),
    ]
    threads = [
        turns.start(name, functools.partial(forgiving, functools.partial(act, stepped(name))), errors) for name, act in actors
    ]
    turns.play()
    for thread in threads:
        thread.join()
    for error in errors:
        raise AssertionError("\n".join([f"seed {seed}", *turns.trace])) from error
    world.judge_end()
    return turns.trace


@pytest.mark.usefixtures("_small_pages")
@pytest.mark.parametrize("batch", [0, *(pytest.param(batch, marks=pytest.mark.crash) for batch in range(1, 40))])
def test_no_interleaving_breaks_the_log(tmp_path: Path, batch: int) -> None:
    seeds = range(25 * batch, 25 * batch + (25 if batch else 15))
    steps = [step for seed in seeds for step in interleave(tmp_path / str(seed), seed)]
    for told in (
        "capture 2: create",
        "resync: create",
        "care 2: delete raw/database/shop/public",
        "care 1: close",
        "fold 1: create raw/database/shop/_pages",
        "reader: read",
    ):
        assert any(step.startswith(told) for step in steps)


@pytest.mark.usefixtures("_small_pages")
def test_a_fold_makes_a_late_writer_of_a_deleted_number_start_over(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    world.capture(world.store, random.Random(0))
    late, stale = world.log(), world.log()
    manifest = next_manifest(late.view(), "open", 1)
    stale.view()
    world.resync(world.store, TABLES[1], 3)
    assert world.log().fold_manifests()
    numbers = [manifest.number for manifest in world.log().view().manifests]
    with pytest.raises(Changed, match="was folded away while it was written"):
        late.create(manifest)
    assert world.log().view() == stale.view()
    assert [manifest.number for manifest in stale.view().manifests] == numbers


@pytest.mark.usefixtures("_small_pages")
def test_a_stale_reader_does_not_take_a_stray_manifest_for_the_next_one(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    world.capture(world.store, random.Random(0))
    stale = world.log()
    number = stale.view().number
    world.resync(world.store, TABLES[1], 3)
    stray = world.store.read(f"{stale.folder}_manifests/{number + 1:020d}.json")
    assert world.log().fold_manifests()
    world.store.create(f"{stale.folder}_manifests/{number + 1:020d}.json", stray)  # as a writer leaves it that is killed at once
    assert stale.view() == world.log().view()
    assert stale.view().number == number + 2


@pytest.mark.usefixtures("_small_pages")
def test_a_gap_that_no_fold_explains_is_an_error(tmp_path: Path) -> None:
    world = World(tmp_path, 3)
    world.capture(world.store, random.Random(0))
    world.store.delete(f"{world.log().folder}_manifests/{2:020d}.json")
    with pytest.raises(LogError, match="is missing"):
        world.log().view()
