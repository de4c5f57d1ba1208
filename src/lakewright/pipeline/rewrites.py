"""Rewrites: what a table's next commit would write anew, and does once somebody agreed to what that costs.

A column that has another name in its source is copied in the table. A table whose partition or type is another one in lake.yaml
is moved to a new folder (`moves`), which other engines have to be told of. Until then it stays at its last commit, and live reads
show it as it is to be: nothing is missing in the log. A load that somebody asked for writes all rows anyway and waits for nobody.
"""

from __future__ import annotations

import dataclasses

from lakewright.errors import CommitConflict
from lakewright.model.position import Position
from lakewright.pipeline import moves, table_at
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.mirror import Mirror
from lakewright.pipeline.table_at import TableAt


@dataclasses.dataclass(frozen=True)
class Rewrite:
    """What waits, and what it writes anew: rows, and bytes in files.

    ``columns`` are to be copied, as (former name, name). ``mismatch`` says how the table is kept otherwise than lake.yaml asks
    for, if it is. ``position`` is where the table stands meanwhile.
    """

    table: str
    position: Position
    columns: tuple[tuple[str, str], ...]
    mismatch: str | None
    rows: int
    bytes: int
    files: int

    def is_same(self, other: Rewrite | None) -> bool:
        """Whether who agreed to the other one agreed to this."""
        return other is not None and (other.columns, other.mismatch) == (self.columns, self.mismatch)

    def __str__(self) -> str:
        names = " and ".join(f"{former} to {name}" for former, name in self.columns)
        what = [f"copy column {names} in table {self.table}"] if names else []
        if self.mismatch:
            what.append(f"move table {self.table} {moves.TO_A_NEW_FOLDER}: it {self.mismatch}")
        files = f"{self.files:,} file{'s' * (self.files != 1)}"
        return f"{'; '.join(what)}: writes {self.rows:,} rows anew ({self.bytes:,} bytes in {files})"


def waiting(lake: Holdings, mirror: Mirror) -> Rewrite | None:
    """What the table's next commit waits for, None where it does not; raises as `table_at.plan`."""
    table, log = lake.table(mirror), lake.log(mirror.source)
    view = log.view()
    if table is None or view.load_of(mirror.origin, view.watermark) is None:
        return None
    if not log.newest_schema(mirror.origin).vacated and mirror.mismatch(table.spec) is None:
        return None
    instants = lake.instants(mirror)
    newest = instants.newest_marked()
    if newest is None or (mark := newest.mark()) is None or mark.paused:
        return None
    return _of(table_at.plan(mirror, log, view, instants, view.watermark))


def require_agreed(at: TableAt, agreed: Rewrite | None) -> None:
    """Raise `CommitConflict` LW-416 where a commit would copy other columns than somebody agreed to, who asked just before."""
    if at.snapshot is not None and at.renamed and (agreed is None or at.renamed != agreed.columns):
        raise CommitConflict("LW-416", f"columns of table {at.mirror.name} were renamed meanwhile", hint="try again")


def _of(at: TableAt) -> Rewrite | None:
    if at.snapshot is None:
        return None
    mismatch = at.mirror.mismatch(at.snapshot.spec)
    if not at.renamed and mismatch is None:
        return None
    sizes = [file.size for file in at.snapshot.files] + [log.size for log in at.snapshot.logs]
    return Rewrite(at.mirror.name, at.after, at.renamed, mismatch, at.snapshot.rows, sum(sizes), len(sizes))
