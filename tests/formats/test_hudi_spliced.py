"""Base files put together of what is encoded already: byte by byte what it was, and files like any other to their readers."""

from __future__ import annotations

import datetime
import io
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hudi import HudiTableBuilder
from tests.formats.hudi_world import COLUMNS, META, PLAIN, World, row, table_of

from lakewright.formats.hudi import spliced, thrift

ROWS = [row(number, number % 4) for number in range(10)]


def test_a_footer_is_decoded_and_encoded_to_the_same_bytes() -> None:
    wide = {f"c{number}": pa.array([-number, None], pa.int32()) for number in range(20)}
    table = pa.table({**wide, "t": [["a"], []], "d": [datetime.date(1, 1, 1), None], "s": [{"x": True}, None]})
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=1, write_page_checksum=True)
    data = file.getvalue()
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    assert thrift.encode(thrift.decode(footer)) == footer


def test_a_dictionary_that_there_is_not_may_stand_at_0() -> None:
    """So old versions of Java's writer say it."""
    table = pa.table({"a": pa.array([1, 2, 3]), "b": pa.array(["x", "y", None])})
    file = io.BytesIO()
    pq.write_table(table, file, use_dictionary=False, write_page_checksum=True)
    data = file.getvalue()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = thrift.decode(data[start:-8])
    for chunk in footer[4][1][1][0][1][1][1]:
        chunk[3][1][11] = thrift.I64, 0
    text = thrift.encode(footer)
    old = _encoded(data[:start] + text + len(text).to_bytes(4, "little") + b"PAR1")
    out = io.BytesIO()
    writer = spliced.SplicedWriter(out, table.schema, {})
    chunks = old.chunks(0, table.column_names)
    for name, each in chunks.items():
        spliced.require_sound(name, each.pages)
    writer.write(spliced.Part(chunks, 3))
    writer.close()
    assert old.extent(0) == (4, start - 4)
    assert pq.read_table(pa.BufferReader(out.getvalue()), page_checksum_verification=True).equals(table)


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_footer_that_ends_too_early_is_refused(cut: int) -> None:
    file = io.BytesIO()
    pq.write_table(table_of(ROWS), file)
    data = file.getvalue()
    with pytest.raises((ValueError, IndexError)):
        thrift.decode(data[-8 - int.from_bytes(data[-8:-4], "little") : -8 - cut])


def test_a_list_of_booleans_is_refused_and_not_misread() -> None:
    """In a list each takes a byte, in a struct none; no footer has one."""
    with pytest.raises(ValueError, match="no footer"):
        thrift.decode(b"\x19\x21\x01\x02\x00")


def test_columns_are_copied_as_they_are(tmp_path: Path) -> None:
    world = World(tmp_path, PLAIN)
    world.upsert(ROWS[:1])
    world.replace(ROWS)
    snapshot = world.open().snapshot()
    assert snapshot is not None
    rows, original, found = table_of(ROWS), _encoded((tmp_path / "raw/2.parquet").read_bytes()), list[int]()
    for data in snapshot.files:
        base, copied = pq.ParquetFile(data.location, page_checksum_verification=True), _encoded(Path(data.location).read_bytes())
        assert base.schema_arrow.names == [*META, *(name for name, _ in COLUMNS)]
        for group in range(base.num_row_groups):
            ids = base.read_row_group(group, ["id"]).column(0).to_pylist()
            assert _pages(copied, group, rows.column_names[:-2]) == _pages(original, ids[0] // 3, rows.column_names[:-2])
            found += ids
    assert sorted(found) == list(range(10))

    listed = [data.location for data in snapshot.files]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        again = connection.sql(f"SELECT * FROM read_parquet({listed}) WHERE id < 7 ORDER BY id").to_arrow_table()
    assert again.select(rows.column_names).cast(rows.schema).equals(rows.slice(0, 7))
    batches = HudiTableBuilder.from_base_uri(world.location).build().read()
    assert pa.Table.from_batches(batches).select(rows.column_names).sort_by("id").cast(rows.schema).equals(rows)


def _encoded(data: bytes) -> spliced.Encoded:
    return spliced.Encoded(pa.BufferReader(data), len(data))


def _pages(file: spliced.Encoded, group: int, names: list[str]) -> dict[str, bytes]:
    return {name: bytes(chunk.pages) for name, chunk in file.chunks(group, names).items()}


@pytest.mark.parametrize(
    "damage",
    [
        b"\x1c" * 5000,
        b"\x19" * 5000,
        b"\x15" + b"\xff" * 200_000,
        b"\x3c\x00\x00",
        b"\x38\x01a\x00",
        b"\x15\x00\x15\x00\x15\x02\x00ab",
    ],
    ids=["structs without end", "lists without end", "a number without end", "no number", "text for a number", "no checksum"],
)
def test_pages_of_whatever_bytes_are_refused(damage: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        spliced.require_sound("a", memoryview(damage))


def test_a_column_is_copied_where_its_pages_agree_with_the_footer() -> None:
    rows = pa.table({"a": ["x", "x", None]})
    (chunk,) = spliced.encoded(rows, {"write_page_checksum": True}).chunks.values()
    (without,) = spliced.encoded(rows, {}).chunks.values()
    assert [spliced.may_copy(each, 3) for each in (chunk, without)] == [True, False]
    assert not spliced.may_copy(chunk, 4)
    for field, value in ((2, (5, [])), (5, 4), (6, 1)):
        kind, _ = chunk.meta[field]
        assert not spliced.may_copy(chunk._replace(meta={**chunk.meta, field: (kind, value)}), 3)


def test_each_checksum_counts_also_beside_pages_without() -> None:
    (chunk,) = spliced.encoded(pa.table({"a": ["x", "x", None]}), {"write_page_checksum": True}).chunks.values()
    (first, dictionary), (second, values) = spliced._pages(chunk.pages)
    bare = thrift.encode({field: held for field, held in second.items() if field != 4})
    shorter = len(thrift.encode(second)) - len(bare)
    meta = {**chunk.meta, 6: (thrift.I64, chunk.meta[6][1] - shorter)}
    changed = bytes([dictionary[0] ^ 1]) + dictionary[1:]
    sound, damaged = (
        spliced.Chunk(meta, memoryview(thrift.encode(first) + body + bare + values), 4) for body in (dictionary, changed)
    )
    spliced.require_agreeing("a", sound, 3)
    with pytest.raises(ValueError, match="not what its checksum says"):
        spliced.require_agreeing("a", damaged, 3)


def test_a_footer_that_says_no_number_of_a_dictionary_is_refused() -> None:
    """PyArrow reads such a file: to its Thrift the field is one that it does not know."""
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", "x"]}), file)
    data = file.getvalue()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = thrift.decode(data[start:-8])
    footer[4][1][1][0][1][1][1][0][3][1][11] = thrift.BINARY, b"4"
    text = thrift.encode(footer)
    damaged = data[:start] + text + len(text).to_bytes(4, "little") + b"PAR1"
    assert pq.read_metadata(pa.BufferReader(damaged)).num_rows == 2
    with pytest.raises(ValueError, match="no integer"):
        _encoded(damaged).chunks(0, {"a"})
