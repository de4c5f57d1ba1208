"""The fold's one SQL text in Spark gives the rows that it gives in DuckDB, which are those of a model."""

from __future__ import annotations

import random

import pytest

from lakewright.engines.spark import SparkEngine
from lakewright.raw import fold
from tests.interop.engine import Spark
from tests.raw import test_fold as histories


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(11) if seed != 3)])
def test_the_fold_in_spark(spark: Spark, seed: int) -> None:
    rng, names = random.Random(seed), histories.NAMES[seed]
    base: histories.Rows = {key: (f"base{key}", -key) for key in histories.KEYS if rng.random() < 0.6}
    tail, expected = histories.random_history(rng, base, rng.randrange(5, 25), names)
    assert histories.folded(base, tail, names)[0] == expected
    assert _folded(SparkEngine(), base, tail, names) == expected


def _folded(engine: SparkEngine, base: histories.Rows, tail: list[tuple], names: histories.Names) -> histories.Rows:
    """The table that Spark makes of `base` and `tail`."""
    key, columns = names[:1], names[1:]
    values = f"`{names[0]}` bigint, `{names[1]}` string, `{names[2]}` int"
    frames = {
        "base": engine.session.createDataFrame([(key, *row) for key, row in base.items()], values),
        "tail": engine.session.createDataFrame(
            tail, f"Op string, {values}, _position string, _unavailable array<string>, _old_key struct<`{names[0]}`: bigint>"
        ),
    }
    for name, frame in frames.items():
        engine.name(frame, name)
    fold.complete(
        lambda: engine.one(fold.incomplete_sql("tail")),
        lambda: engine.keep("tail", fold.complete_sql(key, columns, "base", "tail")),
    )
    result = {} if engine.one(fold.truncated_sql("tail")) else dict(base)
    rows = engine.session.sql(fold.fold_sql(key, columns, "base", "tail")).collect()
    if engine.one(fold.plain_sql("tail")):
        assert sorted(engine.session.sql(fold.last_rows_sql(key, columns, "tail")).collect()) == sorted(rows)
    for row_key, a, b, position, deleted in rows:
        assert position == max(row[4] for row in tail if row[1] == row_key)
        result.pop(row_key, None)
        if not deleted:
            result[row_key] = (a, b)
    return result
