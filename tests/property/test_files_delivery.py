"""Any crash, anywhere, then a restart, gives the same tables of files too.

Random histories of a folder: files come, are corrected, sent again and taken away, with rows that do not fit, in every mode, and
people replay such rows, accept files with too many of them, and change definitions; all are captured and merged by lives that end
at random store calls. After each history every table is what a plain model in Python makes of the arrivals, each under the
definition recorded for it, the arrivals are the files of the folder, and each row of each file is in the table or in quarantine,
by the run records too.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import itertools
import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lakewright.errors import LakewrightError
from lakewright.model.names import DATASETS, QUARANTINE, TableName
from lakewright.pipeline.lake import Lake
from lakewright.sources.files import structure
from lakewright.sources.files.arrivals import Arrival, Arrivals

from .world import Lives

SEEDS = [int(os.environ["LAKEWRIGHT_SEED"])] if "LAKEWRIGHT_SEED" in os.environ else range(4)
MANY_SECONDS = float(os.environ.get("LAKEWRIGHT_CRASH_SECONDS", "1800"))
MODES = ("append", "snapshot", "upsert", "delta")
VERBS = ("capture", "capture", "merge", "maintain", "resync", "replay", "replay", "accept")
HEADER = ["id", "name", "flag"]
LAKE = """
lake: t
sources:
  db:
    kind: files
    path: in
    settle: 1ms
    deleted: remove
    datasets:
      append: {files: "append*.csv", limit: 50%}
      snapshot: {files: "snapshot*.csv", mode: snapshot, limit: 50%}
      upsert: {files: "upsert*.csv", mode: upsert, key: [id], limit: 50%}
      delta: {files: "delta*.csv", mode: delta, key: [id], deleted: flag = gone, limit: 50%}
"""

Row = tuple[object, ...]


class Folder:
    """The folder that others write into; what stands in a file is never younger than a second, so it counts as complete."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        path.mkdir()
        self.path = path
        self._rng = rng
        self._clock = itertools.count(1_700_000_000)
        for mode in MODES:
            self._write(f"{mode}0.csv", [["1", "first", "here"], ["2", "second", "gone"]])

    def change(self) -> None:
        """Write a new file, another content into one that is there or was, the same content again, or take a file away.

        Or change which names of a dataset are no name.
        """
        rng, mode = self._rng, self._rng.choice(MODES)
        known = (self.path.parent / "datasets" / f"{mode}.yaml").exists()  # inferred from the first file, as it is written here
        name = f"{mode}{rng.randint(0 if known else 1, 3)}.csv"
        there = (self.path / name).exists()
        if known and rng.random() < 0.15:
            definition = self.path.parent / "datasets" / f"{mode}.yaml"
            found = yaml.safe_load(definition.read_text())
            found["columns"][1]["nulls"] = [f"n{number}" for number in rng.sample(range(100), 50)]
            definition.write_text(yaml.safe_dump(found))
        elif there and rng.random() < 0.15:
            (self.path / name).unlink()
        elif there and rng.random() < 0.15:
            os.utime(self.path / name, (0, next(self._clock)))
        else:
            bad = rng.choice((0.0, 0.0, 0.1, 0.3, 0.9))
            self._write(name, [self._row(bad) for _ in range(rng.randint(0, 12))])

    def _row(self, bad: float) -> list[str]:
        rng = self._rng
        if rng.random() < bad:
            return rng.choice([["x1", "no number", "here"], ["1", "too", "many", "values"], ["2"], ["", "no key", "here"]])
        return [str(rng.randint(1, 9)), f"n{rng.randint(0, 99)}", rng.choice(("here", "here", "gone"))]

    def _write(self, name: str, rows: list[list[str]]) -> None:
        draft = self.path / ".draft"
        with draft.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
        os.utime(draft, (0, next(self._clock)))
        draft.rename(self.path / name)


class People(Lives):
    """Lives of a lake whose rejected rows people correct, and whose waiting files they accept."""

    def replay(self, lake: Lake) -> None:
        """Correct some of the rejected rows of a table, and leave others as they are."""
        path = self.folder / f"corrected-{len(self.log)}.csv"
        with told("LW-278", "LW-279", "LW-287", "LW-289"):
            mode = self._rng.choice(MODES)
            lake.export(mode, path)
            with path.open(newline="") as file:
                header, *rows = csv.reader(file)
            keep = self._rng.random()
            right = [[*row[:4], str(self._rng.randint(1, 9)), "corrected", self._rng.choice(("here", "gone"))] for row in rows]
            with path.open("w", newline="") as file:
                csv.writer(file).writerow(header)
                csv.writer(file).writerows(
                    old if self._rng.random() < keep else new for old, new in zip(rows, right, strict=True)
                )
            for _ in range(self._rng.randint(1, 2)):
                lake.replay(mode, path)

    def accept(self, lake: Lake) -> None:
        """Accept a file that waits, or discard it, perhaps for a while."""
        waiting = sorted(lake.inspection("db").held_back().faults)
        if waiting:
            file, decisions = self._rng.choice(waiting), [lake.discard, lake.accept]
            first = self._rng.choice((0, 1, 1))
            for decide in decisions[first : self._rng.randint(first + 1, 2)]:
                with told("LW-288"):
                    decide("db", file)


@contextlib.contextmanager
def told(*codes: str) -> Iterator[None]:
    """What may be refused, for more has arrived, or nothing yet."""
    try:
        yield
    except LakewrightError as error:
        if error.code not in codes:
            raise


class Model:
    """What the arrivals make of one dataset: its rows, and the lines in quarantine."""

    def __init__(self, mode: str, arrivals: list[Arrival], folder: Path, nulls: Callable[[str, Arrival], list[str]]) -> None:
        self._keyed = mode in ("upsert", "delta")
        versions: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            if arrival.corrects:
                if versions.get(arrival.name, [arrival])[0].number == arrival.corrects:
                    versions[arrival.name].append(arrival)
            elif arrival.removed:
                versions.pop(arrival.name, None)
            elif arrival.accepts or not self._waits(read(folder / arrival.stored)):
                versions[arrival.name] = [arrival]
        self.versions = sorted(versions.values(), key=lambda version: version[0].number)
        if mode == "snapshot":
            self.versions = self.versions[-1:]
        good, self.rejected = [], []
        for version in self.versions:
            rows = {line: (version[0], row) for line, row in read(folder / version[0].stored)}
            for replay in version[1:]:
                rows |= {int(row[0]): (replay, row[1:]) for _, row in read(folder / replay.stored)}
            for line, (arrival, row) in rows.items():
                if self._fits(row):
                    good.append((arrival, line, [row[0], "-" if row[1] in nulls(mode, arrival) else row[1], row[2]]))
            self.rejected += [(version[0].name, line) for line, (_, row) in rows.items() if not self._fits(row)]
        self.rejected.sort()
        if self._keyed:
            newest = {row[0]: row for _, _, row in sorted(good, key=lambda found: (found[0].number, found[1]))}
            self.rows = sorted(typed(row) for row in newest.values() if mode != "delta" or row[2] != "gone")
        else:
            self.rows = sorted((*typed(row), *((a.name, line) if mode == "append" else ())) for a, line, row in good)

    def _fits(self, row: list[str]) -> bool:
        return len(row) == len(HEADER) and (row[0].isdigit() or (row[0] == "" and not self._keyed))

    def _waits(self, rows: list[tuple[int, list[str]]]) -> bool:
        return sum(not self._fits(row) for _, row in rows) > 0.5 * len(rows)


def read(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a file with their lines."""
    with path.open(newline="") as file:
        return [(line, row) for line, row in enumerate(csv.reader(file), 1) if line > 1]


def typed(row: list[str]) -> Row:
    return (int(row[0]) if row[0] else -1, *row[1:])


def found(lake: Lake, text: str) -> list[Row]:
    with lake.sql(text) as answer:
        return sorted(tuple(row) for batch in answer.batches() for row in zip(*batch.to_pydict().values(), strict=True))


def nulls(lake: Lake, mode: str, arrival: Arrival) -> list[str]:
    """The names that are none by the definition which the log has for an arrival."""
    schemas = (lake.log("db").past().schema_at(TableName(kind, mode), arrival.number) for kind in (DATASETS, QUARANTINE))
    digest = next(schema.definition for schema in schemas if schema is not None)
    definition = json.loads(lake.store.read(f"raw/csv/_definitions/{digest}.json"))
    return definition["dataset"]["columns"][1].get("nulls", [])


def compare(lake: Lake, folder: Path, when: object) -> None:
    """Every table against its model, live and committed."""
    by_mode: dict[str, list[Arrival]] = {mode: [] for mode in MODES}
    for arrival in Arrivals(lake.store, "raw", "db").after(0):
        by_mode[arrival.dataset].append(arrival)
    for mode, arrivals in by_mode.items():
        model = Model(mode, arrivals, folder, functools.partial(nulls, lake))
        place = ", _file, _line" if mode == "append" else ""
        assert found(lake, f"SELECT coalesce(id, -1), coalesce(name, '-'), flag{place} FROM {mode}") == model.rows, (mode, when)
        assert found(lake, f"SELECT _file, _line FROM quarantine_{mode}") == model.rejected, (mode, when)
        account(lake, model, mode, when)


def account(lake: Lake, model: Model, mode: str, when: object) -> None:
    """Each row of each file is in the table or in quarantine, by the run records too."""
    taken = rejected = 0
    for file, *replays in model.versions:
        past = lake.log("db").past()
        run, *corrections = [lake.inspection("db").run(arrival, past) for arrival in (file, *replays)]
        assert run.rows == run.taken + run.rejected == len(read(lake.project.folder / file.stored)), (mode, when)
        moved = sum(correction.taken for correction in corrections)
        taken, rejected = taken + run.taken + moved, rejected + run.rejected - moved
    assert rejected == len(model.rejected), (mode, when)
    assert mode in ("upsert", "delta") or taken == len(model.rows), (mode, when)


def complete(lake: Lake, folder: Path) -> None:
    """The newest arrivals are the files of the folder, byte by byte."""
    newest = Arrivals(lake.store, "raw", "db").newest()
    there = {path.name: path.read_bytes() for path in (folder / "in").iterdir()}
    assert {name: (folder / a.stored).read_bytes() for name, a in newest.items() if not a.removed} == there


def run(seed: int, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """One history with its crashes, and every comparison."""
    rng = random.Random(seed)
    files, lives = Folder(folder / "in", rng), People(folder, LAKE, rng, patch, 0.5)
    if seed % 2:  # each file is taken for one whose lines are all records, as only large ones are
        patch.setattr(structure, "_looks_regular", lambda *args: True)
    for _ in range(rng.randint(3, 6)):
        lives.live(rng.choice(VERBS), most=rng.choice((10, 40, 150)))
        for _ in range(rng.randint(0, 4)):
            files.change()
    with lives.life() as lake:
        lives.capture(lake)
        complete(lake, folder)
        compare(lake, folder, (seed, "live", lives.log))
        lake.merge()
    with lives.life() as lake:
        compare(lake, folder, (seed, "merged", lives.log))
        if rng.random() < 0.3:
            report = lake.check("db")
            assert (report.failed, {file.verdict for file in report.files} - {"waits"}) == (0, set()), report


@pytest.mark.parametrize("seed", SEEDS)
def test_any_crash_then_a_restart_gives_the_same_tables(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(seed, tmp_path, monkeypatch)


@pytest.mark.crash
@pytest.mark.timeout(MANY_SECONDS + 300)
def test_many_more_histories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New ones at every run; a failure prints its seed."""
    end, first = time.monotonic() + MANY_SECONDS, random.randrange(10**6, 10**9)
    for seed in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count(first)):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with monkeypatch.context() as patch:
            try:
                run(seed, folder, patch)
            except BaseException as error:
                error.add_note(f"replay with LAKEWRIGHT_SEED={seed}")
                raise
        shutil.rmtree(folder)
