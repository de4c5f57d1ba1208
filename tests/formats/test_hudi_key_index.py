"""Key indexes: where a base file has a record key, told without reading it; made, used, lost, damaged and taken away."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hudi_world import BY_REGION, LOGGED, PATH, TWO_KEYS, World, keys_of, row, table_of

from lakewright.formats.hudi import bloom, key_index, upsert
from lakewright.formats.hudi.file_names import BaseFile
from lakewright.formats.hudi.folder import Folder
from lakewright.formats.hudi.key_index import Wanted
from lakewright.model.table import TableSpec
from lakewright.storage.local import LocalStore
from lakewright.testing.faults import FaultyStore

FILE = BaseFile(f"{PATH}/x_0-0-0_20260101000000000.parquet", "", "x", "20260101000000000", 4 << 20)


@pytest.fixture(autouse=True)
def _for_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_index, "LEAST_BYTES", 0)


def _indexes(world: World) -> dict[str, bytes]:
    folder = world.root / PATH / ".hoodie/.keys"
    return {str(path.relative_to(folder)).removesuffix(".keys"): path.read_bytes() for path in folder.rglob("*.keys")}


def _bases(world: World) -> set[str]:
    folder = world.root / PATH
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")}


def _upsert(world: World, number: int, version: int) -> list[str]:
    """Change a row and add none; return what was read of base files. A key that is not there makes the range of keys wide."""
    store = FaultyStore(LocalStore(world.root))
    world.upsert([row(number, version)], [world.key(row(99))], store=store)
    return [call for call in store.calls if call.startswith("read") and call.endswith(".parquet")]


@pytest.mark.parametrize("hashes", [1, 3, 1 << 32], ids=["one hash", "three hashes", "all hashes"])
def test_it_finds_what_a_look_at_all_keys_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashes: int) -> None:
    plain = bloom.hash32
    monkeypatch.setattr(bloom, "hash32", lambda keys: (plain(keys) % np.uint64(hashes)).astype(np.uint32))
    folder = Folder(LocalStore(tmp_path), PATH)
    chance = np.random.default_rng(hashes)
    texts = ["", "ä", "€" * 9, *(f"{n:b}" for n in chance.choice(5000, 300, replace=False))]
    stored, asked = pa.array(texts[:200]), pa.array([*texts[2:120:3], *texts[200:], "no", ""])
    key_index.write(folder, FILE, [pa.chunked_array([stored.slice(0, 70)]), pa.chunked_array([stored.slice(70)])])
    found = key_index.find(folder, FILE, Wanted(asked))
    assert found is not None
    assert found.total == 200
    expected = [(texts.index(key), asked.to_pylist().index(key)) for key in asked.to_pylist() if key in texts[:200]]
    assert list(zip(found.rows.tolist(), found.numbers.tolist(), strict=True)) == sorted(expected)


@pytest.mark.parametrize("keys", [[""], ["x" * 1024, ""], ["x" * 5000, "y" * 3], [str(n) for n in range(128)]])
def test_keys_may_end_where_a_page_does(tmp_path: Path, keys: list[str]) -> None:
    folder = Folder(LocalStore(tmp_path), PATH)
    key_index.write(folder, FILE, [pa.chunked_array([keys])])
    found = key_index.find(folder, FILE, Wanted(pa.array([*keys, "no"])))
    assert found is not None
    assert (found.rows.tolist(), found.numbers.tolist()) == ([*range(len(keys))], [*range(len(keys))])


def test_a_base_file_without_rows_has_one(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(1)])
    world.upsert(deletes=[(1,)])
    assert world.open().compact(1) == 1
    world.upsert([row(1, 1), row(2)])
    world.check()


def test_no_damage_of_one_is_a_wrong_answer(tmp_path: Path) -> None:
    folder, asked = Folder(LocalStore(tmp_path), PATH), Wanted(pa.array([f"key {n}" for n in (3, 700, 999, 1000, -1)]))
    key_index.write(folder, FILE, [pa.chunked_array([[f"key {n}" for n in range(1000)]])])
    path = tmp_path / folder.keys_name(FILE)
    whole, right = path.read_bytes(), key_index.find(folder, FILE, asked)
    assert right is not None
    assert right.rows.tolist() == [3, 700, 999]
    chance = np.random.default_rng(1)
    for cut in [*range(0, len(whole), 997), len(whole) + 8]:
        path.write_bytes((whole + b"\0" * 8)[:cut])
        assert key_index.find(folder, FILE, asked) is None
    found = 0
    for at in [*range(200), *chance.integers(0, len(whole), 200)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << int(chance.integers(8))]) + whole[at + 1 :])
        answer = key_index.find(folder, FILE, asked)
        assert answer is None or [each.tolist() for each in answer[1:]] == [each.tolist() for each in right[1:]]
        found += answer is not None
    assert 0 < found < 200, "a page that holds none of the keys is not looked at"
    path.write_bytes(whole)
    assert key_index.find(folder, dataclasses.replace(FILE, size=FILE.size + 1), asked) is None


@pytest.mark.parametrize("spec", [LOGGED, dataclasses.replace(TWO_KEYS, type="mor")], ids=["one key", "two keys"])
def test_a_merge_on_read_table_is_changed_without_reading_its_base_files(tmp_path: Path, spec: TableSpec) -> None:
    world = World(tmp_path, spec)
    world.replace([row(i) for i in range(8)])
    assert _indexes(world).keys() == _bases(world)
    assert _upsert(world, 3, 1) == []
    world.upsert([row(4, 1)], [world.key(row(5))])
    world.upsert([row(5, 2)])
    world.check()


def test_one_that_is_lost_or_damaged_is_made_again(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    ((name, whole),) = _indexes(world).items()
    path = world.root / PATH / f".hoodie/.keys/{name}.keys"
    for version, data in enumerate([None, whole[:-1], whole[:20] + b"\xff" + whole[21:]], 1):
        path.unlink() if data is None else path.write_bytes(data)
        assert _upsert(world, version, version) != []
        assert path.read_bytes() == whole
        assert _upsert(world, version, version + 10) == []
        world.check()


def test_a_store_that_fails_at_one_keeps_nobody_from_writing(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.open()
    path = world.root / PATH / ".hoodie/.keys"
    path.write_bytes(b"no folder")
    world.replace([row(i) for i in range(8)])
    world.upsert([row(3, 1)])
    assert path.read_bytes() == b"no folder"
    world.check()


def test_of_a_copy_on_write_table_the_files_have_one_that_a_change_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upsert, "_SMALL_BYTES", 0)
    world = World(tmp_path, BY_REGION)
    world.replace([row(n, region=region) for n, region in enumerate(["north", "south", "west"] * 3)])
    assert _indexes(world) == {}
    _upsert(world, 0, 1)
    assert {name.partition("/")[0] for name in _indexes(world)} == {"region=south", "region=west"}
    assert {call.partition("region=")[2].partition("/")[0] for call in _upsert(world, 3, 2)} == {"north"}
    world.check()


def test_it_goes_with_its_base_file(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    for version in range(1, 4):
        world.upsert([row(3, version)])
    assert world.open().compact(3) == 1
    assert _indexes(world).keys() == _bases(world)
    assert len(_bases(world)) == 2
    assert world.open().clean([]) > 0
    assert _indexes(world).keys() == _bases(world)
    assert len(_bases(world)) == 1


def test_one_of_a_write_that_was_undone_goes_with_a_clean(tmp_path: Path) -> None:
    world = World(tmp_path, LOGGED)
    world.replace([row(i) for i in range(8)])
    with world.open().write() as write:
        write.upsert(table_of([row(50)]), keys_of([], world.spec))
    assert len(_indexes(world)) == 2
    world.open().clean([])
    assert _indexes(world).keys() == _bases(world)
    world.check()
