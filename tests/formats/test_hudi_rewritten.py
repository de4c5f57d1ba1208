"""The next version of a base file: what no change touches is copied byte by byte, and the rows are those of the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.formats.hudi_world import LOGGED, PLAIN, World, row

from lakewright.errors import FormatError
from lakewright.formats.hudi import base_file, bloom, numbered_rows, rewritten, spliced
from lakewright.model.table import TableSpec

ROWS = [row(number, 0) for number in range(40)]
SCORES = (0.0, -0.0, math.nan, None, 1.5)
KEYS = {bloom.FILTER, bloom.TYPE, base_file.LEAST_KEY, base_file.GREATEST_KEY}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A table with one base file of four row groups, each large enough to be copied."""
    monkeypatch.setattr(base_file, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(rewritten, "ROW_GROUP_ROWS", 10)
    world = World(tmp_path, PLAIN)
    world.replace(ROWS[:10])
    for start in (10, 20, 30):
        world.upsert(ROWS[start : start + 10])
    return world


def file_of(world: World) -> Path:
    snapshot = world.open().snapshot()
    assert snapshot is not None
    (file,) = snapshot.files
    return Path(file.location)


def copied(before: Path, after: Path) -> list[set[str]]:
    """The columns of each row group whose pages are byte by byte those of the file before."""
    old, new = (spliced.Encoded(pa.BufferReader(path.read_bytes()), path.stat().st_size) for path in (before, after))
    names = pq.read_schema(before).names
    groups = range(pq.read_metadata(after).num_row_groups)
    pairs = [(old.chunks(group, names), new.chunks(group, names)) for group in groups]
    return [{name for name in names if bytes(one[name].pages) == bytes(other[name].pages)} for one, other in pairs]


def of_keys(path: Path) -> dict[bytes, bytes]:
    return {key: text for key, text in pq.read_metadata(path).metadata.items() if key.decode() in KEYS}


def test_what_no_change_touches_is_copied(world: World) -> None:
    before = file_of(world)
    assert pq.read_metadata(before).num_row_groups == 4
    world.upsert([{**ROWS[number], "kind": "changed"} for number in (12, 15)])
    after = file_of(world)
    world.check()
    everything = set(pq.read_schema(after).names)
    touched = {"_hoodie_commit_time", "_hoodie_commit_seqno", "kind"}
    own = {"_hoodie_file_name"}
    assert copied(before, after) == [everything - own, everything - own - touched, everything - own, everything - own]
    assert of_keys(after) == of_keys(before)
    assert len(of_keys(after)) == len(KEYS)


@pytest.mark.parametrize("new", SCORES)
@pytest.mark.parametrize("old", SCORES)
def test_a_value_counts_as_the_same_only_where_its_bits_are(tmp_path: Path, old: float | None, new: float | None) -> None:
    world = World(tmp_path, PLAIN)
    world.replace([{**row(1), "score": old}, {**row(2), "score": 2.0}])
    before = file_of(world)
    world.upsert([{**row(1), "score": new}])
    found = pq.read_table(file_of(world), columns=["score"], partitioning=None).column(0).to_pylist()
    assert [repr(value) for value in found] == [repr(new), "2.0"]
    assert ("score" in copied(before, file_of(world))[0]) == (repr(old) == repr(new))


def test_keys_that_come_or_go_are_in_the_footer(world: World) -> None:
    before = of_keys(file_of(world))
    world.upsert([row(99)])
    grown = of_keys(file_of(world))
    assert grown != before
    assert grown[base_file.GREATEST_KEY.encode()] == b"99"
    world.upsert([], [(99,)])
    world.check()
    assert of_keys(file_of(world))[base_file.GREATEST_KEY.encode()] == b"9"


@pytest.mark.parametrize(
    ("rows", "gone"), [([3, 13, 23, 33], []), ([], [3, 35]), ([5, 41, 42], [17]), (range(40), []), ([], range(10, 20))]
)
def test_any_change_gives_the_rows_of_the_model(world: World, rows: Sequence[int], gone: Sequence[int]) -> None:
    world.upsert([row(number, 7, kind="b") for number in rows], [(number,) for number in gone])
    world.upsert([row(number, 8) for number in range(0, 40, 9) if number not in gone])
    world.check()


def test_small_row_groups_become_one(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    for number in range(5):
        world.upsert([row(number)])
    world.upsert([row(2, 1)])
    world.check()
    assert pq.read_metadata(file_of(world)).num_row_groups == 1


@pytest.mark.parametrize("spec", [PLAIN, LOGGED], ids=["cow", "mor"])
def test_texts_may_be_longer_together_than_an_array_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: TableSpec
) -> None:
    monkeypatch.setattr(numbered_rows, "_MOST_TEXT", 0)
    world = World(tmp_path, spec)
    world.replace(ROWS[:10])
    world.upsert([row(number, 7, kind="changed") for number in (3, 5, 8)], [(4,)])
    world.upsert([row(number, 8) for number in (5, 50, 51)])
    world.upsert([row(number, 9) for number in (8, 3, 51)])
    snapshot = world.open().snapshot()
    assert snapshot is not None
    assert sum(batch.num_rows for batch in world.open().changes(snapshot)) == (5 if spec.type == "mor" else 0)
    world.open().compact(1)
    world.check_rows()


def test_a_row_group_whose_rows_grow_becomes_several(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = [row(number, 7, kind="x" * 10_000) for number in range(10, 20)]
    for module in (base_file, rewritten):
        monkeypatch.setattr(module, "ROW_GROUP_BYTES", 25_000)
    world.upsert(grown)
    world.check()
    found = pq.read_metadata(file_of(world))
    assert [found.row_group(index).num_rows for index in range(found.num_row_groups)] == [10, 4, 4, 2, 10, 10]


def test_a_column_that_the_file_lacks_is_written(world: World) -> None:
    before = file_of(world)
    world.upsert([{**ROWS[11], "more": "x"}], spec=dataclasses.replace(PLAIN, columns=(*PLAIN.columns, ("more", "string"))))
    world.check()
    assert [names >= {"kind", "blob"} for names in copied(before, file_of(world))] == [True] * 4


def test_damage_is_not_copied(world: World) -> None:
    path = file_of(world)
    data = bytearray(path.read_bytes())
    (chunk,) = spliced.Encoded(pa.BufferReader(bytes(data)), len(data)).chunks(3, {"kind"}).values()
    data[chunk.offset + len(chunk.pages) - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        world.upsert([{**ROWS[1], "kind": "changed"}])
    assert (caught.value.code, path.name in caught.value.message) == ("LW-405", True)
