"""Renames: a column has another name in its source, and the lake copies it once somebody agreed to what that costs.

Until then the table stays at its last commit, and live reads show the column under its new name: nothing is missing in the log.
The copy is one commit that writes all rows anew. The new name holds the values then; the former one stays, null in every row.
"""

from __future__ import annotations

import dataclasses

from lakewright.errors import CommitConflict
from lakewright.model.contracts import Table
from lakewright.model.position import Position
from lakewright.model.table import newest_mark
from lakewright.pipeline import table_at
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.table_at import TableAt
from lakewright.pipeline.wiring import Wiring


@dataclasses.dataclass(frozen=True)
class Renames:
    """Columns of a table that wait to be copied, as (former name, name), and what that writes anew: rows, and bytes in files.

    ``position`` is where the table stands meanwhile.
    """

    table: str
    position: Position
    columns: tuple[tuple[str, str], ...]
    rows: int
    bytes: int
    files: int

    def __str__(self) -> str:
        names = " and ".join(f"{former} to {name}" for former, name in self.columns)
        files = f"{self.files:,} file{'s' * (self.files != 1)}"
        return f"copy column {names} in table {self.table}: writes {self.rows:,} rows anew ({self.bytes:,} bytes in {files})"


def waiting(lake: Wiring, mirror: Mirror, table: Table | None) -> Renames | None:
    """The renames that the table's next commit waits for, None where there are none; raises as `table_at.plan`."""
    log = lake.log(mirror.source)
    view = log.view()
    if table is None or not log.newest_schema(mirror.origin).vacated or view.load_of(mirror.origin, view.watermark) is None:
        return None
    mark = newest_mark(table.history())
    if mark is not None and mark.paused:
        return None
    return _of(table_at.plan(mirror, log, view, table, view.watermark))


def require_agreed(at: TableAt, agreed: Renames | None) -> None:
    """Raise `CommitConflict` LW-416 where a commit would copy other columns than somebody agreed to, who asked just before."""
    if (found := _of(at)) is not None and (agreed is None or found.columns != agreed.columns):
        raise CommitConflict("LW-416", f"columns of table {at.mirror.name} were renamed meanwhile", hint="try again")


def _of(at: TableAt) -> Renames | None:
    if at.snapshot is None or not at.renamed:
        return None
    sizes = [file.size for file in at.snapshot.files] + [log.size for log in at.snapshot.logs]
    return Renames(at.mirror.name, at.after, at.renamed, at.snapshot.rows, sum(sizes), len(sizes))
