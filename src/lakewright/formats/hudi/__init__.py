"""Apache Hudi tables, version 6, copy-on-write, written and read in Arrow without a JVM.

`HudiFormat` is the way in. From the bottom up: `schema`, `keys`, `properties`, `timeline`, `avro` and `metadata` hold the format's
bytes; `folder` and `slices` say what a table's folder holds; `base_file` reads and writes Parquet; `rollback` and `clean` remove
files; `upsert` and `replace` make the files of an instant; `write` opens and completes instants; `table` ties them together.
"""

from __future__ import annotations

from lakewright.formats.hudi.table import HudiFormat

__all__ = ["HudiFormat"]
