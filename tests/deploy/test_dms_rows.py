"""What differs between a database and a lake that DMS fed is what `deploy check` lists, by table and column, and nothing else."""

from __future__ import annotations

import datetime
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests import dms
from tests.conftest import run_sql

from lakewright.deploy.losses import losses
from lakewright.model.names import TableName
from lakewright.model.schema import Column, TableSchema
from lakewright.model.types import from_postgres
from lakewright.pipeline import landing, merge_all
from lakewright.pipeline.lake import Lake
from lakewright.project import known
from lakewright.raw import dms_rows
from lakewright.storage.local import LocalStore

pytestmark = pytest.mark.usefixtures("one_thread")

LAKE = """
lake: t
sources:
  db: {{kind: postgres, url: "{url}", tables: ["s.*"], slot: "{slot}"}}
deploy:
  terraform: live
  region: eu-west-1
  environments:
    dev:
      cidr: 10.40.0.0/20
      databases: {{db: {{name: db, address: 192.168.7.20/32, route: 192.168.0.0/16}}}}
"""
BEGINNING = """
CREATE SCHEMA s;
CREATE TYPE s.mood AS ENUM ('good', 'bad');
CREATE TABLE s.all_types (id bigint PRIMARY KEY, small smallint, whole integer, big bigint, part real, double double precision,
  exact numeric(15,2), free numeric, money money, flag boolean, fixed character(6), name character varying(40), note text,
  bytes bytea, day date, at timestamp, instant timestamptz, clock time, zoned timetz, span interval, uid uuid, doc json,
  docb jsonb, tags int[], mood s.mood, dot point, range int4range, net inet, bits bit(3));
CREATE TABLE s.plain (id int PRIMARY KEY, v numeric(10,2));
CREATE TABLE s.emptied (id int PRIMARY KEY);
CREATE TABLE s.moved (id int PRIMARY KEY, v text);
CREATE TABLE s.wide (id int PRIMARY KEY, v int, big text);
ALTER TABLE s.wide ALTER COLUMN big SET STORAGE EXTERNAL;
CREATE TABLE s.grown (id int PRIMARY KEY);
INSERT INTO s.all_types VALUES (1, -1, 2, 3, 1.5, 0.1, 12.34, 0.611111104488373, 12.34, true, 'ab', 'näme', 'tëxt', '\\x00ff',
  '-infinity', 'infinity', '-infinity', '12:34:56.789012', '12:34:56+02', '1 year 2 mons 3 days 04:05:06',
  '00000000-0000-0000-0000-000000000001', '{"b": 1}', '{"b": 1}', '{1,NULL}', 'bad', '(1,2)', '[1,5)', '10.0.0.1/8', '101');
INSERT INTO s.all_types VALUES (2, NULL, NULL, NULL, 'NaN', 'Infinity', 'NaN', 1, -5, false, '', '', '', '',
  '2026-02-28', '2026-02-28 23:59:59.999999', '1969-12-31 23:59:59.000001Z', '12:00', '00:00+00', '0', NULL, 'null', 'null',
  '{}', 'good', '(0,0)', 'empty', '::1', '000');
INSERT INTO s.all_types (id) VALUES (3);
INSERT INTO s.all_types (id, at) VALUES (4, '-infinity');
INSERT INTO s.plain SELECT g, g FROM generate_series(1, 9) g;
INSERT INTO s.emptied VALUES (1);
INSERT INTO s.moved VALUES (1, 'one'), (2, 'two');
INSERT INTO s.wide VALUES (1, 1, repeat('x', 5000));
INSERT INTO s.grown VALUES (1), (2);
"""
CHANGES = """
UPDATE s.plain SET v = v / 2 WHERE id < 5; DELETE FROM s.plain WHERE id = 5;
UPDATE s.all_types SET whole = 7;
TRUNCATE s.emptied;
UPDATE s.moved SET id = 3 WHERE id = 2;
UPDATE s.wide SET v = 2;
ALTER TABLE s.grown ADD COLUMN later int DEFAULT 5;
INSERT INTO s.grown VALUES (3, 6);
"""
SHOWN = {"truncate", "new column", "key change", "toast", "array", "numeric", "nan", "infinity", "time", "interval", "money"} | {
    "padding",
    "spelling",
}
"""Losses that this history has; the others stop a table, or need a value that no table here has."""


def test_what_differs_is_what_is_listed(url: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    run_sql(url, BEGINNING)
    for folder in (here, there):
        (folder / "live").mkdir(parents=True)
        (folder / "lake.yaml").write_text(LAKE.format(url=url, slot="here"))
    with Lake.open(here) as ours:
        ours.capture()
        tables = ours.log("db").followed()
        (there / "live" / known.FILE).write_text(json.dumps(known.committed({"db": tables})))
        task = dms.Task(LocalStore(there), "raw/dms/db/", ours.log("db"))
        task.load()
        run_sql(url, CHANGES)
        ours.run()
        task.follow()
        with Lake.open(there) as theirs:
            task.wait(minutes=16)
            assert landing.land_all(theirs, clock=lambda: task.now) == []
            merge_all.merge_all(theirs)
            found = {(t.name, kind) for t in tables for kind in different(ours, theirs, t)}
    listed = {(t.name, (loss.kind, loss.columns)) for t in tables for loss in losses(t, 32)}
    columns = {(table, column) for table, (_, of) in listed for column in of}
    kinds = {table: {kind for table_, (kind, _) in listed if table_ == table} for table, _ in listed}
    for table, what in found:
        assert what in kinds[table] or (table, what) in columns, f"{what} of {table} is not in the list"
    expected = {(t, column) for t, (kind, of) in listed for column in of if kind in SHOWN and t.table in ("all_types", "wide")}
    expected |= {(TableName("s", "emptied"), "truncate"), (TableName("s", "moved"), "key change")}
    expected |= {(TableName("s", "grown"), "new column")}
    assert found == expected - {(TableName("s", "all_types"), column) for column in TOASTED}


TOASTED = ("note", "bytes", "doc", "docb")
"""Columns of the list whose values here are short, and so are sent."""


def different(ours: Lake, theirs: Lake, table: TableSchema) -> set[str]:
    """The columns in which rows of a table differ; what is wrong with the rows themselves by the word for it."""
    one, other = ({row[table.key[0]]: row for row in rows(lake, f"s_{table.name.table}")} for lake in (ours, theirs))
    if one.keys() != other.keys():
        return {"key change" if other.keys() - one.keys() and one.keys() else "truncate"}
    found = {name for key in one for name in one[key] if repr(one[key][name]) != repr(other[key].get(name))}
    return {"new column" if name == "later" else name for name in found}


def rows(lake: Lake, name: str) -> list[dict[str, Any]]:
    """A table's rows, with days and times as numbers: Python has no year before 1."""
    with lake.sql(f"SELECT * FROM {name}", committed=True) as answer:
        batches = list(answer.batches())
    if not batches:
        return []
    table = pa.Table.from_batches(batches)
    numbers = {pa.date32(): pa.int32(), pa.timestamp("us"): pa.int64(), pa.timestamp("us", "UTC"): pa.int64()}
    schema = pa.schema([field.with_type(numbers.get(field.type, field.type)) for field in table.schema])
    found: list[dict[str, Any]] = table.cast(schema).to_pylist()
    return found


REAL = """\
required group field_id=-1 schema {
  required binary field_id=-1 DMS_TIMESTAMP (String);
  optional int64 field_id=-1 id;
  optional int32 field_id=-1 my_int;
  optional int32 field_id=-1 my_smallint (Int(bitWidth=16, isSigned=true));
  optional fixed_len_byte_array(7) field_id=-1 my_numeric (Decimal(precision=15, scale=2));
  optional float field_id=-1 my_real;
  optional double field_id=-1 my_double;
  optional fixed_len_byte_array(16) field_id=-1 my_money (Decimal(precision=38, scale=4));
  optional binary field_id=-1 my_varchar (String);
  optional binary field_id=-1 my_text (String);
  optional binary field_id=-1 my_bytea;
  optional int64 field_id=-1 my_timestamp (Timestamp(isAdjustedToUTC=true, timeUnit=milliseconds,\
 is_from_converted_type=false, force_set_converted_type=false));
  optional binary field_id=-1 my_uuid (String);
  optional binary field_id=-1 my_json (String);
  optional binary field_id=-1 my_jsonb (String);
  optional boolean field_id=-1 my_bool;
}
"""
"""The schema of a file that DMS wrote of PostgreSQL: dms_test_table_LOAD00000001.parquet, a test file of parquet-go."""
KINDS = (
    "bigint integer smallint numeric(15,2) real,double_precision money character_varying text bytea timestamp_without_time_zone"
    " uuid json jsonb boolean"
)


@pytest.fixture
def real() -> TableSchema:
    """The table of that file."""
    kinds = [kind.replace("_", " ") for kind in KINDS.replace("real,", "real ").split()]
    names = [line.split()[3] for line in REAL.splitlines()[2:-1] if "optional" in line]
    names = [name.rstrip(";") for name in names]
    return TableSchema(
        TableName("s", "real"),
        tuple(Column(n, k, from_postgres(k), number=i) for i, (n, k) in enumerate(zip(names, kinds, strict=True), 1)),
        ("id",),
    )


def test_files_are_as_dms_writes_them(real: TableSchema) -> None:
    data = dms.parquet(
        [{"DMS_TIMESTAMP": "2022-07-26 06:46:18.616807", "id": 1}], dms.parquet_schema(real, ("DMS_TIMESTAMP",), unit="ms")
    )
    found = str(pq.ParquetFile(io.BytesIO(data)).schema).partition("\n")[2]
    assert found.replace("is_from_converted_type=true", "is_from_converted_type=false") == REAL


def test_a_row_that_dms_wrote(real: TableSchema) -> None:
    """The first row of that file, as it becomes one of the raw log."""
    values = (1298498081, 15887, Decimal("1427131847.59"), 0.42463749647140503, 0.6868230728671094, Decimal("47632969758.5400"))
    texts = ("", "mraj", b"whthctcu", datetime.datetime(2021, 10, 31, 15, 34, 12, 458000, datetime.UTC))
    last = ("181e9c5d-9b55-4535-8c6e-6c8c1234b807", '{"key_24":"p"}', '{"key_5": "b"}', False)
    row = dict(zip(real.column_names, (1, *values, *texts, *last), strict=True))
    schema = dms.parquet_schema(real, ("Op", "_commit_time"), ("_position",), "ms")
    data = dms.parquet([{**row, "Op": "I", "_commit_time": "2022-07-26 06:46:18.616807"}], schema)
    (made,) = dms_rows.convert(pq.read_table(io.BytesIO(data)), real, pa.array(["p"])).to_pylist()
    assert {name: made[name] for name in row} == {**row, "my_money": "47632969758.5400"}
    assert made["_commit_time"] == datetime.datetime(2022, 7, 26, 6, 46, 18, 616807, datetime.UTC)


@pytest.mark.parametrize(
    ("source_type", "lake_type", "given", "made", "exact"),
    [
        ("numeric", "decimal(4,2)", pa.array([Decimal("1.500000"), Decimal("123.5"), Decimal("1.234567")], pa.decimal128(28, 6)),
         [Decimal("1.50"), None, None], [None, '{"c": "123.500000"}', '{"c": "1.234567"}']),
        ("boolean", "boolean", pa.array(["true", "false", None]), [True, False, None], [None] * 3),
        ("time without time zone", "string", pa.array([0, 500, 61_000], pa.time32("ms")),
         ["00:00:00", "00:00:00.5", "00:01:01"], [None] * 3),
        ("integer", "int", pa.array([1, 2, 3], pa.int64()), [1, 2, 3], [None] * 3),
    ],
)  # fmt: skip
def test_types_that_dms_has_otherwise(
    source_type: str, lake_type: str, given: pa.Array, made: list[Any], exact: list[Any]
) -> None:
    schema = TableSchema(TableName("s", "t"), (Column("id", "int", "int"), Column("c", source_type, lake_type)), ("id",))
    ours = {
        "Op": ["I"] * 3,
        "_commit_time": ["2026-01-01 00:00:00.000000"] * 3,
        "id": pa.array([1, 2, 3], pa.int32()),
        "c": given,
    }
    found = dms_rows.convert(pa.table(ours), schema, pa.array(["a", "b", "c"]))
    assert (found["c"].to_pylist(), found["_exact"].to_pylist()) == (made, exact)


@pytest.mark.parametrize(
    ("source_type", "lake_type", "given"),
    [
        ("integer", "int", pa.array([2**40])),
        ("integer", "int", pa.array(["1"])),
        ("boolean", "boolean", pa.array(["yes"])),
        ("date", "date", pa.array([1])),
    ],
)
def test_values_that_dms_does_not_write(source_type: str, lake_type: str, given: pa.Array) -> None:
    schema = TableSchema(TableName("s", "t"), (Column("id", "int", "int"), Column("c", source_type, lake_type)), ("id",))
    ours = {"Op": ["I"], "_commit_time": ["2026-01-01 00:00:00.000000"], "id": pa.array([1], pa.int32()), "c": given}
    with pytest.raises(ValueError, match="column c"):
        dms_rows.convert(pa.table(ours), schema, pa.array(["a"]))
