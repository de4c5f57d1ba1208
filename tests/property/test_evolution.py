"""Columns that come, go, get other names and wider types between changes of rows, in lives that end at random store calls.

At each position that was noted the table has what its source had then, column by column; in the end so have its files.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from hudi import HudiTableBuilder

from lakewright.errors import CommitConflict, LakewrightError
from lakewright.model.names import quote_identifier as quote
from lakewright.model.position import Position
from lakewright.model.table import COW, MOR
from lakewright.pipeline import table_at
from lakewright.pipeline.folding import Fold
from lakewright.pipeline.lake import Lake
from lakewright.testing.faults import Fault, FaultyStore
from tests.strides import strides

from .test_delivery_rule import drop
from .world import Lives

LAKE = """
lake: t
sources:
  db: {{kind: postgres, url: "{url}", tables: ["{schema}.t"], slot: "{schema}"}}
tables:
  t: {{from: db.{schema}.t, type: {kind}, compact_after: 2}}
"""
VERBS = ("capture", "capture", "capture", "merge", "merge", "apply", "maintain", "resync")
WIDER = {"integer": "bigint", "real": "double precision", "numeric(5,2)": "numeric(9,2)", "character varying(40)": "text"}
Row = dict[str, Any]


class Source:
    """A table ``t`` whose columns change as its rows do. Every value is a small whole number, whatever its column's type."""

    def __init__(self, url: str, schema: str, rng: random.Random) -> None:
        self._con = psycopg2.connect(url)
        self._con.autocommit = True
        self._rng, self._names, self.schema = rng, itertools.count(), schema
        self.run("DROP SCHEMA IF EXISTS {s} CASCADE; CREATE SCHEMA {s}")
        self.run("CREATE TABLE {s}.t (id int PRIMARY KEY, a int, b varchar(40), c numeric(5, 2), d real)")
        self.run("INSERT INTO {s}.t SELECT g, g, g, g, g FROM generate_series(1, 6) g")

    def close(self) -> None:
        self._con.autocommit = False
        drop(self._con, self.schema)
        self._con.close()

    def step(self) -> None:
        """A change of some rows, or of the columns."""
        rng, columns = self._rng, self.columns()
        chosen = rng.choice(list(columns)) if columns else None
        what = rng.choice(["rows"] * 5 + ["add", "drop", "rename", "rename", "widen"])
        if what == "add" or chosen is None:
            default = rng.choice(["", " DEFAULT 7"])
            self.run(f"ALTER TABLE {{s}}.t ADD n{next(self._names)} {rng.choice(list(WIDER))}{default}")
        elif what == "drop":
            self.run(f"ALTER TABLE {{s}}.t DROP {chosen}")
        elif what == "rename":
            self.run(f"ALTER TABLE {{s}}.t RENAME {chosen} TO n{next(self._names)}")
        elif what == "widen" and columns[chosen] in WIDER:
            using = rng.choice(["", f" USING ({chosen}::int + 1)::{WIDER[columns[chosen]]}"])
            self.run(f"ALTER TABLE {{s}}.t ALTER {chosen} TYPE {WIDER[columns[chosen]]}{using}")
        else:
            self.rows(columns)

    def rows(self, columns: Row) -> None:
        """Insert, change and delete some rows."""
        rng = self._rng
        names = [name for name in columns if rng.random() < 0.7]
        ids = rng.sample(range(12), 4)
        self.run(f"DELETE FROM {{s}}.t WHERE id = {ids[0]}")
        for id in ids[1:]:
            listed = ", ".join(["id", *names])
            new = ", ".join([str(id), *(str(rng.randrange(99)) for _ in names)])
            sets = ", ".join(f"{name} = excluded.{name}" for name in names)
            does = f"UPDATE SET {sets}" if names else "NOTHING"
            self.run(f"INSERT INTO {{s}}.t ({listed}) VALUES ({new}) ON CONFLICT (id) DO {does}")

    def columns(self) -> dict[str, str]:
        """The columns but the key, with their types."""
        found = self.run(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{s}.t'::regclass"
            " AND attnum > 1 AND NOT attisdropped ORDER BY attnum"
        )
        return dict(found)

    def table(self) -> list[Row]:
        """The rows, by key."""
        names = ["id", *self.columns()]
        return [dict(zip(names, row, strict=True)) for row in self.run("SELECT * FROM {s}.t ORDER BY id")]

    def run(self, text: str) -> list[tuple[Any, ...]]:
        with self._con.cursor() as cursor:
            cursor.execute(text.format(s=self.schema))
            return cursor.fetchall() if cursor.description else []


class World(Lives):
    """A lake over that table."""

    def apply(self, lake: Lake) -> None:
        """Agree to what renames cost."""
        with contextlib.suppress(CommitConflict):
            lake.apply()

    def at(self, lake: Lake, position: Position | None) -> list[Row]:
        """The table at a position (None: the log's end), by key."""
        mirror, log = lake.mirror("t"), lake.log("db")
        at = table_at.plan(mirror, log, log.view(), lake.instants(mirror), position or log.view().watermark)
        fold = Fold(lake.connection(), at, log)
        rows = fold.reader(fold.visible_sql(lambda column: quote(column.name)), 1000).read_all().to_pylist()
        fold.close()
        return sorted(rows, key=lambda row: int(row["id"]))

    def hudi_rs(self, lake: Lake) -> list[Row]:
        """The table as an independent reader sees it on disk."""
        batches = HudiTableBuilder.from_base_uri(str(self.folder / lake.mirror("t").path)).build().read()
        return sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: int(row["id"]))


def has(found: list[Row], expected: list[Row]) -> bool:
    """Whether rows have the expected values in the expected columns."""
    names = expected[0].keys() if expected else ()
    return [{name: _plain(row.get(name, "lacks it")) for name in names} for row in found] == [
        {name: _plain(value) for name, value in row.items()} for row in expected
    ]


def _plain(value: Any) -> float | str | None:
    return value if value in (None, "lacks it") else float(value)


def run(seed: int, folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
    """One history of rows and columns with its crashes, and every comparison."""
    rng = random.Random(seed)
    source = Source(url, f"e{seed}", rng)
    kind = rng.choice([COW, MOR])
    world = World(folder, LAKE.format(url=url, schema=source.schema, kind=kind), rng, patch, dying=0.3)
    noted: list[tuple[Position, list[Row]]] = []
    try:
        for _ in range(6):
            for _ in range(rng.randint(0, 4)):
                source.step()
            world.live(rng.choice(VERBS), most=rng.choice((10, 30, 90)))
            with world.life() as lake:
                noted.append((lake.source("db").current_position(), source.table()))
        with world.life() as lake:
            world.capture(lake)
            if lake.log("db").view().stopped():  # a column was renamed twice, with rows between
                lake.resync("t")
            assert has(world.at(lake, None), source.table()), (seed, "live", world.log)
            past(world, lake, noted)
            lake.apply()
            lake.merge()
        with world.life() as lake:
            assert has(world.at(lake, None), source.table()), (seed, "merged", world.log)
            assert has(world.hudi_rs(lake), source.table()), (seed, "hudi-rs", world.log)
            past(world, lake, noted)
            assert lake.check("db").passed, (seed, world.log)
            assert lake.verify("t")[0].flaws == ()
    finally:
        source.close()


def past(world: World, lake: Lake, noted: list[tuple[Position, list[Row]]]) -> None:
    """Compare each noted position since the table's newest load: before a load that was needed it shows its former rows.

    A change of columns shows with the table's next change of a row, or with capture's next look: until then the names are the
    former ones.
    """
    load = lake.log("db").view().newest_load(lake.mirror("t").origin)
    assert load is not None
    for position, rows in noted:
        if load.position <= position:
            found = world.at(lake, position)
            known = [{name: value for name, value in row.items() if not found or name in found[0]} for row in rows]
            assert has(found, known), (position, rows, found, world.log)


@pytest.mark.parametrize("seed", range(4))
def test_any_change_of_columns_and_any_crash(seed: int, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(seed, tmp_path, database, monkeypatch)


@pytest.mark.crash
@pytest.mark.timeout(3600)
def test_many_more(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(100, 400):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with monkeypatch.context() as patch:
            run(seed, folder, database, patch)
        shutil.rmtree(folder)


@pytest.fixture
def source(database: str) -> Iterator[Source]:
    made = Source(database, "evolving", random.Random(1))
    yield made
    made.close()


@strides(90)
@pytest.mark.parametrize("kind", [COW, MOR])
def test_a_death_at_any_call_of_a_copy(
    kind: str, stride: int, tmp_path: Path, database: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is that of before the copy or that of after it, and the next copy comes to its end."""
    rng, template = random.Random(1), tmp_path / "template"
    template.mkdir()
    settings = LAKE.format(url=database, schema=source.schema, kind=kind)
    world = World(template, settings, rng, monkeypatch, dying=0)
    with world.life() as lake:
        world.capture(lake)
        lake.merge()
        source.rows(source.columns())
        source.run("ALTER TABLE {s}.t RENAME a TO e; ALTER TABLE {s}.t DROP b; ALTER TABLE {s}.t ALTER c TYPE numeric(9, 2)")
        source.rows(source.columns())
        world.capture(lake)
        before = world.hudi_rs(lake)
    seen = set()
    for call in itertools.count(1, stride):
        folder = tmp_path / str(call)
        shutil.copytree(template, folder)
        world = World(folder, settings, rng, monkeypatch, dying=0)
        with contextlib.suppress(LakewrightError), world.life(Fault(call, "die", rng.choice(("before", "after")))) as lake:
            lake.apply()
        assert isinstance(lake.store, FaultyStore)
        reached = len(lake.store.calls) >= call
        with world.life() as lake:
            now = world.hudi_rs(lake)
            seen.add(now == before)
            assert now == before or has(now, source.table())
            assert has(world.at(lake, None), source.table())
            lake.apply()
            assert has(world.hudi_rs(lake), source.table())
            assert {row["a"] for row in world.hudi_rs(lake)} == {None}
            assert lake.verify("t")[0].flaws == ()
        shutil.rmtree(folder)
        if not reached:
            break
    assert seen == {True, False}
