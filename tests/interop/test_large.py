"""A table of more than a million rows in several file groups and partitions, ours and Spark's in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lakewright.formats.hudi import HudiFormat, lanes
from lakewright.model.table import TableSpec
from lakewright.storage.local import LocalStore
from tests.formats.hudi_world import checkpoint
from tests.interop.engine import Spark

ROWS = 1_200_000
SPEC = TableSpec(
    "large",
    (
        ("id", "bigint"),
        ("at_day", "string"),
        ("note", "string"),
        ("amount", "bigint"),
        ("_position", "string"),
        ("_hoodie_is_deleted", "boolean"),
    ),
    ("id",),
    ("at_day",),
)


@pytest.mark.full
def test_more_than_a_million_rows(spark: Spark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MAX_BYTES", 24 << 20)
    table = HudiFormat(LocalStore(tmp_path)).create("large", SPEC)
    expected = _rows(np.arange(ROWS), 1)
    with table.write() as write:
        write.replace(SPEC, iter(expected.to_batches(max_chunksize=100_000)))
        first = write.commit(checkpoint(1))
    snapshot = table.snapshot()
    assert snapshot is not None
    assert len(snapshot.files) > len({file.partition for file in snapshot.files}) == 3
    before = _sums(expected)
    assert _spark_sums(spark, tmp_path) == before

    changed = _rows(np.arange(0, ROWS + 50_000, 13), 2)  # one in thirteen, which moves some to another day, and new ones
    gone = pa.table({"id": pa.array(np.arange(5, ROWS, 1013))})
    gone = gone.filter(pc.invert(pc.is_in(gone["id"], changed["id"].combine_chunks())))
    with table.write() as write:
        write.upsert(changed, gone)
        write.commit(checkpoint(2))
    stays = pc.invert(pc.is_in(expected["id"], pa.chunked_array([*changed["id"].chunks, *gone["id"].chunks]).combine_chunks()))
    expected = pa.concat_tables([expected.filter(stays), changed])
    assert _spark_sums(spark, tmp_path) == _sums(expected)
    assert _spark_sums(spark, tmp_path, as__of__instant=first.instant) == before

    more = _rows(np.arange(0, ROWS, 997), 3)
    spark.write(tmp_path / "large", SPEC, more, **{"hoodie.index.type": "GLOBAL_SIMPLE"})
    expected = pa.concat_tables([expected.filter(pc.invert(pc.is_in(expected["id"], more["id"].combine_chunks()))), more])
    assert _spark_sums(spark, tmp_path) == _sums(expected)
    found = table.snapshot()
    assert found is not None
    assert _sums(pa.concat_tables([pq.ParquetFile(file.location).read(SPEC.arrow().names) for file in found.files])) == _sums(
        expected
    )
    assert table.verify().flaws == ()


def _rows(ids: np.ndarray, version: int) -> pa.Table:
    days = np.array(["2026-01-01", "2026-01-02", "2026-01-03"])[(ids + version) % 3]
    notes = pc.binary_join_element_wise("note ", pa.array(ids * 7919 % 1_000_003).cast(pa.string()), "")
    positions = pa.array(np.full(len(ids), f"0001.{version:016X}.0000000001"))
    columns = [pa.array(ids), pa.array(days), notes, pa.array(ids * version), positions, pa.nulls(len(ids), pa.bool_())]
    return pa.table(columns, names=[name for name, _ in SPEC.columns]).cast(SPEC.arrow())


def _sums(rows: pa.Table) -> dict[str, tuple[int, ...]]:
    """By day how many rows, the sum of their keys, of their amounts and of the lengths of their notes."""
    rows = rows.append_column("length", pc.utf8_length(rows["note"]).cast(pa.int64()))
    wanted = [("id", "count"), ("id", "sum"), ("amount", "sum"), ("length", "sum")]
    found = rows.group_by("at_day").aggregate(wanted).to_pylist()
    return {row["at_day"]: tuple(row[f"{name}_{what}"] for name, what in wanted) for row in found}


def _spark_sums(spark: Spark, root: Path, **options: str) -> dict[str, tuple[int, ...]]:
    dotted = {name.replace("__", "."): value for name, value in options.items()}
    frame = spark.session.read.format("hudi").options(**dotted).load(str(root / "large"))
    sums = frame.groupBy("at_day").agg({"id": "sum", "amount": "sum", "*": "count"})
    lengths = {row[0]: row[1] for row in frame.selectExpr("at_day", "length(note) AS n").groupBy("at_day").sum("n").collect()}
    return {r["at_day"]: (r["count(1)"], r["sum(id)"], r["sum(amount)"], lengths[r["at_day"]]) for r in sums.collect()}
