"""Apache Hudi tables, version 6, copy-on-write and merge-on-read, written and read in Arrow without a JVM.

`HudiFormat` is the way in. From the bottom up: `schema`, `keys`, `properties`, `timeline`, `avro` and `metadata` hold the bytes
of the format, `avro_rows` and `log_block` those of logs; `folder`, `slices`, `archive` and `commits` say what a table's folder
holds; `base_file` reads and writes Parquet, `logs` what stands beside it; `rollback` and `clean` remove files; `upsert`, `delta`
and `replace` make an instant's files; `write` opens and completes instants; `table` is on top.
"""

from __future__ import annotations

from lakewright.formats.hudi.table import HudiFormat

__all__ = ["HudiFormat"]
