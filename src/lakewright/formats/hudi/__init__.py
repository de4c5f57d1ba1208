"""Apache Hudi tables, version 6, copy-on-write and merge-on-read, written and read in Arrow without a JVM.

`HudiFormat` is the way in. From the bottom up: `schema`, `keys`, `partitions`, `bloom`, `properties`, `timeline`, `file_names`,
`avro` and `metadata` hold the bytes and names of the format, `avro_rows` and `log_block` those of logs; `folder`, `slices`,
`archive`, `commits` and `inventory` say what a table's folder holds; `base_file` and `base_reader` write and read Parquet, with
`spliced`, `rewritten` and `thrift` where columns are encoded already; `key_index`, `places` and `logs` are what stands beside
it; `look`, `snapshot` and `changes` are what readers see; `savepoint`, `rollback` and `clean` keep or remove files; `upsert`,
`delta`, `append`, `replace` and `copied`, in `batches`, `numbered_rows` and `lanes`, and `clustering` make an instant's files;
`write` opens and completes instants, `compact` those that take logs into base files, `loan` has Spark do it; `contents`,
`verify` and `repair` look at what is wrong, and mend it; `table` is on top.
"""

from __future__ import annotations

from lakewright.formats.hudi.table import HudiFormat

__all__ = ["HudiFormat"]
