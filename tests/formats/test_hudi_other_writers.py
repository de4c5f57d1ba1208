"""Base files that other programs wrote, who encode the same columns otherwise: changed like our own, and no damage is copied."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.formats.hudi_world import LOGGED, PLAIN, World, row

from lakewright.errors import FormatError
from lakewright.formats.hudi import base_file, rewritten
from lakewright.formats.hudi.base_file import BaseFileWriter
from lakewright.formats.hudi.footer import SealedFile
from lakewright.model.table import TableSpec

TIMES = [datetime.datetime(year, 3, 1, 12, 0, 0, 7, datetime.UTC) for year in (1, 1600, 2300, 9999)]
ROWS = [row(number, at=TIMES[number % 4]) for number in range(30)]
WIDE = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
WRITERS: dict[str, dict[str, Any]] = {
    "times as INT96": {"use_deprecated_int96_timestamps": True},
    "everything by a dictionary": {"use_dictionary": True},
    "long offsets": {"store_schema": True},
    "no checksums": {"write_page_checksum": False},
    "decimals as integers": {"store_decimal_as_integer": True},
    "pages of version 2": {"data_page_version": "2.0", "compression": "gzip", "data_page_size": 1},
}
USUAL = {"use_dictionary": False, "write_page_checksum": True, "store_schema": False}


class _Other:
    """Writes a base file in row groups of ten with options that are not ours."""

    def __init__(self, file: SealedFile, options: Mapping[str, Any]) -> None:
        self._file, self._options = file, options
        self._rows: list[pa.Table] = []
        self._metadata: dict[str, str] = {}

    def write_table(self, rows: pa.Table, row_group_size: int) -> None:
        texts = [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
        kinds = WIDE if self._options["store_schema"] else {}
        self._rows.append(rows.cast(pa.schema([f.with_type(kinds.get(f.type, f.type)) for f in texts])))

    def add_key_value_metadata(self, metadata: dict[str, str]) -> None:
        self._metadata = metadata

    def close(self) -> None:
        rows = pa.concat_tables(self._rows)
        with pq.ParquetWriter(self._file, rows.schema, **self._options) as writer:
            writer.write_table(rows, row_group_size=10)
            writer.add_key_value_metadata(self._metadata)


def _world(root: Path, spec: TableSpec, options: Mapping[str, Any]) -> World:
    """A table with one base file by another writer."""
    world = World(root, spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseFileWriter, "_opened", lambda writer, _: _Other(writer._sealed, {**USUAL, **options}))
        world.replace(ROWS)
    return world


@pytest.fixture(autouse=True)
def _of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_file, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(rewritten, "ROW_GROUP_ROWS", 10)


@pytest.mark.parametrize("spec", [PLAIN, LOGGED], ids=["cow", "mor"])
@pytest.mark.parametrize("options", WRITERS.values(), ids=WRITERS.keys())
def test_files_of_other_writers_are_changed_as_ours(tmp_path: Path, spec: TableSpec, options: dict[str, Any]) -> None:
    world = _world(tmp_path, spec, options)
    for changed, gone in (([*ROWS[2:4], row(50)], []), ([row(12, 2)], [(22,)])):
        world.upsert([{**each, "kind": "changed"} for each in changed], gone)
    world.open().compact(1)
    world.check_rows()
    assert world.open().verify().flaws == ()


@pytest.mark.parametrize("checksum", [True, False])
def test_no_damage_of_a_page_is_copied(tmp_path: Path, checksum: bool) -> None:
    """A page without a checksum is decoded: what packed it has one, here gzip."""
    world = _world(tmp_path, PLAIN, {"write_page_checksum": checksum, "compression": "gzip"})
    snapshot = world.open().snapshot()
    assert snapshot is not None
    path = Path(snapshot.files[0].location)
    data = bytearray(path.read_bytes())
    last = pq.read_metadata(path).row_group(2).column(pq.read_schema(path).get_field_index("score"))
    data[last.data_page_offset + last.total_compressed_size - 6] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        world.upsert([{**ROWS[1], "kind": "changed"}])
    assert caught.value.code == "LW-405"
