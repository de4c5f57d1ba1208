"""Keys, names, properties and schemas against what real Hudi writes."""

from __future__ import annotations

import datetime
import decimal
import json
from typing import Any

import pyarrow as pa
import pytest

from lakewright.errors import FormatError
from lakewright.formats.hudi import avro, bloom, keys, metadata, partitions, properties, schema
from lakewright.formats.hudi.partitions import PathStyle
from lakewright.formats.hudi.timeline import Instant, Timeline, file_name, format_time, parse_time
from lakewright.model.table import TableSpec

DECIMAL = decimal.Decimal


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, -20], pa.int64(), ["1", "-20"]),
        ([7], pa.int32(), ["7"]),
        ([True, False], pa.bool_(), ["true", "false"]),
        ([datetime.date(2020, 1, 2), datetime.date(1, 2, 3)], pa.date32(), ["2020-01-02", "0001-02-03"]),
        ([DECIMAL("1.5"), DECIMAL("-0.05"), DECIMAL(0)], pa.decimal128(10, 2), ["1.50", "-0.05", "0.00"]),
        ([DECIMAL("12E-10"), DECIMAL(0)], pa.decimal128(20, 10), ["1.2E-9", "0E-10"]),
        (["a:b,c/d é", "", "__empty__"], pa.string(), ["a:b,c/d é", "", "__empty__"]),
    ],
)
def test_one_key_column_gives_the_bare_value(values: list[Any], kind: pa.DataType, expected: list[str]) -> None:
    assert keys.record_keys(pa.table({"k": pa.array(values, kind)}), ["k"], "t").to_pylist() == expected


def test_several_key_columns_are_named() -> None:
    rows = pa.table({"b": ["x", ""], "a": pa.array([1, 2])})
    assert keys.record_keys(rows, ["a", "b"], "t").to_pylist() == ["a:1,b:x", "a:2,b:__empty__"]


def test_a_bloom_filter_has_hudis_bytes() -> None:
    found = bloom.BloomFilter()
    found.add(pa.chunked_array([["", "1", "ab", "abc"], [], ["abcd", "été", "漢字🙂", "id:1,name:x"]], pa.string()))
    assert found.footer() == {
        "org.apache.hudi.bloomfilter": "/////wAAAAcBAAAATQAAAAgAAAAIAAAAAf////8AAAAHAQAAAE31lC5MJwpUULUb",
        "hoodie_bloom_filter_type_code": "DYNAMIC_V0",
    }


def test_a_bloom_filter_of_no_key_is_one() -> None:
    assert bloom.BloomFilter().footer()["org.apache.hudi.bloomfilter"]


def test_the_bounds_of_keys_are_those_of_java() -> None:
    for values, least, greatest in [
        (["b", "a", "c"], "a", "c"),
        (["\uff01", "\U0001f642"], "\U0001f642", "\uff01"),
        (["a\uff01", "z", "a\U0001f642"], "a\U0001f642", "z"),
    ]:
        assert keys.bounds(pa.chunked_array([values])) == (least, greatest)


NONE = "__HIVE_DEFAULT_PARTITION__"


@pytest.mark.parametrize(
    ("style", "columns", "expected"),
    [
        (PathStyle(), ("p",), ["p=2020-01-02", f"p={NONE}", f"p={NONE}", "p=é x=1"]),
        (PathStyle(), ("p", "n"), ["p=2020-01-02/n=-5", f"p={NONE}/n={NONE}", f"p={NONE}/n=-5", f"p=é x=1/n={NONE}"]),
        (PathStyle(hive=False), ("n", "p"), ["-5/2020-01-02", f"{NONE}/{NONE}", f"-5/{NONE}", f"{NONE}/é x=1"]),
        (PathStyle(hive=False, encoded=True), ("p",), ["2020-01-02", NONE, NONE, "é x%3D1"]),
        (PathStyle(encoded=True), ("p",), ["p=2020-01-02", f"p={NONE}", f"p={NONE}", "p=é x%3D1"]),
        (PathStyle(), (), ["", "", "", ""]),
    ],
)
def test_partition_paths_are_hudis(style: PathStyle, columns: tuple[str, ...], expected: list[str]) -> None:
    rows = pa.table({"p": ["2020-01-02", None, "", "é x=1"], "n": [-5, None, -5, None]})
    assert partitions.paths(rows, columns, style, "t").to_pylist() == expected
    values = [[row[name] or None for name in columns] for row in rows.to_pylist()]
    assert [style.values(path, columns) for path in expected] == [tuple(v and str(v) for v in row) for row in values]


def test_special_characters_are_escaped_as_spark_did() -> None:
    style, rows = PathStyle(hive=False, encoded=True), pa.table({"p": ["a:b/c d%", "..", "[x]{y}^\"'\x7f\t"]})
    with pytest.raises(FormatError, match="folder"):
        partitions.paths(rows.slice(1, 1), ("p",), style, "t")
    paths = partitions.paths(rows.take([0, 2]), ("p",), style, "t").to_pylist()
    assert paths == ["a%3Ab%2Fc d%25", "%5Bx%5D%7By}%5E%22%27%7F%09"]
    assert [style.values(path, ("p",)) for path in paths] == [("a:b/c d%",), ("[x]{y}^\"'\x7f\t",)]


def test_properties_survive_java_escapes() -> None:
    found = properties.of_spec(TableSpec("größe", (("id", "bigint"), ("price", "decimal(9,2)")), ("id",)))
    written = properties.render(found, datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC))
    assert b'hoodie.table.create.schema={"type"\\:"record"' in written
    assert b"hoodie.table.name=gr\\u00F6\\u00DFe\n" in written
    assert properties.parse(written, "here") == found
    assert properties.parse(b"# x\n! y\n\nhoodie.a = b\\u0063\\=\\t\n", "here") == {"hoodie.a": "bc=\t"}


def test_the_checksum_is_that_of_real_tables() -> None:
    text = b"hoodie.table.name=cow_hive\nhoodie.database.name=default\nhoodie.table.checksum=4134117986\n"
    text += b"hoodie.table.recordkey.fields=id\n"
    text += b"hoodie.table.version=6\nhoodie.timeline.layout.version=1\nhoodie.table.timeline.timezone=UTC\n"
    properties.check(properties.parse(text, "here"), "here")


def test_the_avro_schema_has_sparks_names() -> None:
    found = json.loads(schema.avro_schema("cow_hive", (("id", "bigint"), ("amt", "decimal(10,2)"))))
    assert found == {
        "type": "record",
        "name": "cow_hive_record",
        "namespace": "hoodie.cow_hive",
        "fields": [
            {"name": "id", "type": ["null", "long"], "default": None},
            {
                "name": "amt",
                "type": [
                    "null",
                    {
                        "type": "fixed",
                        "name": "fixed",
                        "namespace": "hoodie.cow_hive.cow_hive_record.amt",
                        "size": 5,
                        "logicalType": "decimal",
                        "precision": 10,
                        "scale": 2,
                    },
                ],
                "default": None,
            },
        ],
    }


def test_columns_come_back_from_avro() -> None:
    kinds = ["boolean", "int", "bigint", "float", "double", "string", "binary", "date", "timestamp", "decimal(38,10)"]
    columns = tuple((f"c{i}", kind) for i, kind in enumerate(kinds))
    assert schema.columns_of_avro(schema.avro_schema("1-t", columns, meta=True)) == columns
    required = '{"fields": [{"name": "a", "type": "long"}, {"name": "b", "type": ["string", "null"]}]}'
    assert schema.columns_of_avro(required) == (("a", "bigint"), ("b", "string"))


def test_names_of_timeline_files_are_read_and_made() -> None:
    names = ["20200101000000001.commit.requested", "20200101000000001.inflight", "20200101000000001.commit", "hoodie.properties"]
    names += ["20200101000000002.replacecommit.requested", "20200101000000003.clean.inflight", "20200101000000001.commit.crc"]
    timeline = Timeline(names)
    assert timeline.instants == [
        Instant("20200101000000001", "commit", "completed"),
        Instant("20200101000000002", "replacecommit", "requested"),
        Instant("20200101000000003", "clean", "inflight"),
    ]
    assert [file_name("1", "commit", state) for state in ("requested", "inflight", "completed")] == [
        "1.commit.requested",
        "1.inflight",
        "1.commit",
    ]
    assert file_name("1", "clean", "inflight") == "1.clean.inflight"
    assert format_time(parse_time("20240229235959999")) == "20240229235959999"
    assert format_time(parse_time("20240229235958")) == "20240229235958999"


def test_a_commit_of_another_engine_with_the_least_fields_is_read() -> None:
    data = b'{"partitionToWriteStats": {"p=1": [{"fileId": "f-0", "path": "p=1/f-0_0-0-0_1.parquet"}]}, "extraMetadata": null}'
    found = metadata.CommitMetadata.decode(data, "here")
    assert found.stats == (metadata.WriteStat("p=1", "f-0", "p=1/f-0_0-0-0_1.parquet", None, 0, 0, 0, 0, 0),)
    assert found.operation == "UNKNOWN"


def test_avro_files_come_back() -> None:
    plan = {
        "instantToRollback": {"commitTime": "1", "action": "commit"},
        "RollbackRequests": [
            {
                "partitionPath": "p",
                "fileId": "f",
                "latestBaseInstant": "1",
                "filesToBeDeleted": ["/a"],
                "logBlocksToBeDeleted": {},
            }
        ],
        "version": 1,
    }
    assert avro.decode(avro.encode(avro.ROLLBACK_PLAN, plan), "here") == plan
    assert avro.decode(avro.encode(avro.REPLACE_REQUEST, {}), "here")["operationType"] is None
