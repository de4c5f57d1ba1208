"""What the tests of merge-on-read tables share: the rows of base files and logs together, and the checklist of logs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from lakewright.formats.hudi import HudiFormat, log_block, logs
from lakewright.formats.hudi.file_names import log_named
from lakewright.formats.hudi.folder import Folder
from lakewright.model.table import BASE_COLUMN, PLACE_COLUMN, Snapshot
from lakewright.storage.local import LocalStore

Row = dict[str, Any]


def merged_rows(snapshot: Snapshot, rows: list[Row]) -> list[Row]:
    """The rows of a snapshot with their meta columns; `rows` are those of its base files, each with its file as ``_base``."""
    first = snapshot.logs[0]
    root = Path(first.location.removesuffix(first.name))
    path = "/".join(first.name.split("/")[:2])
    table = HudiFormat(LocalStore(root)).open(path)
    assert table is not None
    changes = [change for batch in table.changes(snapshot) for change in batch.to_pylist()]
    alive = [change for change in changes if not change["_deleted"]]
    stored: list[Row] = []
    for base, group in itertools.groupby(snapshot.logs, lambda log: log.base):
        partition = str(Path(str(base)).parent.relative_to(root / path)).removeprefix(".")
        named = [log for log in (log_named(each.name, partition, each.size) for each in group) if log]
        newest = logs.newest(Folder(LocalStore(root), path), named, snapshot.spec, "_position")
        meta = {"_hoodie_partition_path": partition, "_hoodie_file_name": named[0].file_id}
        stored += [{**row, **meta} for row in newest.rows.to_pylist()]
    visible = [name for name, _ in snapshot.spec.columns]
    assert [[repr(r[name]) for name in visible] for r in stored] == [[repr(r[name]) for name in visible] for r in alive]
    key = snapshot.spec.key
    changed = {(change[BASE_COLUMN], *(change[name] for name in key)) for change in changes}
    assert {(c[BASE_COLUMN], c[PLACE_COLUMN]) for c in changes if c[PLACE_COLUMN] is not None} == {
        (base, place)
        for base, group in itertools.groupby(rows, lambda row: row["_base"])
        for place, row in enumerate(group)
        if (base, *(row[name] for name in key)) in changed
    }
    found = [row for row in rows if (row["_base"], *(row[name] for name in key)) not in changed] + stored
    assert snapshot.rows == len(found)
    if snapshot == table.snapshot():
        verified = table.verify()
        assert (verified.flaws, verified.rows) == ((), len(found))
    return found


def assert_log(path: Path, stat: dict[str, Any]) -> None:
    """A log is as its stat says, and as engines read it."""
    log = log_named(path.name, stat["partitionPath"], path.stat().st_size)
    assert log is not None
    assert (stat["fileId"], stat["prevCommit"], stat["logVersion"]) == (log.file_id, log.base, log.number)
    assert stat["fileSizeInBytes"] == stat["totalWriteBytes"] == path.stat().st_size
    assert stat["logFiles"][-1] == path.name
    written = removed = 0
    for block in log_block.decode(path.read_bytes(), path.name, whole=True):
        assert block.header[log_block.INSTANT] == log.instant
        if block.kind == log_block.AVRO_DATA:
            rows = list(log_block.records_of(block))
            written += len(rows)
            assert {row["_hoodie_commit_time"] for row in rows} == {log.instant}
            assert {row["_hoodie_partition_path"] for row in rows} == {stat["partitionPath"]}
            assert len({row["_hoodie_commit_seqno"] for row in rows}) == len(rows)
        else:
            removed += len(log_block.deletes_of(block, path.name)[0])
    assert (stat["numWrites"], stat["numDeletes"]) == (written, removed)
    assert stat["numInserts"] + stat["numUpdateWrites"] == written
