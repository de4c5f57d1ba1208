"""Sets of lines."""

from __future__ import annotations

import pyarrow as pa

from lakewright.sources.files.lines import Lines


def batch(*lines: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"_line": pa.array(lines, pa.int64())})


def test_rows_are_in_the_set_or_others() -> None:
    lines = Lines()
    assert lines.others(batch(2, 5_000)).column("_line").to_pylist() == [2, 5_000]
    lines.add(batch(2, 3_000))
    lines.add(batch())
    assert lines.others(batch(1, 2, 3, 3_000, 1_000_000)).column("_line").to_pylist() == [1, 3, 1_000_000]
    assert lines.others(batch()).num_rows == 0


def test_what_another_set_lacks() -> None:
    mine, theirs = Lines(), Lines()
    mine.add(batch(2, 3, 3_000))
    theirs.add(batch(3))
    assert mine.less(theirs).tolist() == [2, 3_000]
    assert theirs.less(mine).tolist() == []
