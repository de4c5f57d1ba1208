"""Moves: rows that cannot go on in their table's folder are written into a new one, and the table is switched to that.

Engines take key, partition and type of a table from its properties, for all of its history, and the type of a column from the
newest schema. So rows under another key, partition or table type, or with a column whose type the former does not widen to, begin
a folder of their own. That is filled completely and committed with its checkpoint; then the former one is left (`folders`).
"""

from __future__ import annotations

from collections.abc import Callable

from lakewright.errors import CommitConflict
from lakewright.model import types
from lakewright.model.contracts import Table, Write
from lakewright.model.table import Commit, TableSpec
from lakewright.pipeline.holdings import Holdings
from lakewright.pipeline.mirror import Mirror
from lakewright.storage.lease import Lease

TO_A_NEW_FOLDER = "to a new folder, where other engines have to read it from then on"
"""Where a table is moved, for the sentences that people read before they agree."""


def differences(stored: TableSpec, wanted: TableSpec) -> list[str]:
    """What keeps rows of the spec `wanted` from going on in the folder of a table of the spec `stored`."""
    former = dict(stored.columns)
    layout = zip(("key", "partition", "type"), _texts(stored), _texts(wanted), strict=True)
    columns = ((f"column {name}", former.get(name, kind), kind) for name, kind in wanted.columns)
    found = [each for each in layout if each[1] != each[2]] + [each for each in columns if not types.widens(*each[1:])]
    return [f"{what} {before} becomes {after}" for what, before, after in found]


def fits(stored: TableSpec, wanted: TableSpec) -> bool:
    """Whether rows of the spec `wanted` can go on in the folder of a table of the spec `stored`."""
    return not differences(stored, wanted)


def require_fitting(table: Table, wanted: TableSpec) -> None:
    """Raise `CommitConflict` LW-416 where the log came to say meanwhile that the table has to be moved."""
    if not fits(table.spec, wanted):
        raise CommitConflict("LW-416", f"table {wanted.name} was loaded under another shape meanwhile", hint="try again")


def move(
    lake: Holdings, mirror: Mirror, lease: Lease, leaving: Write, spec: TableSpec, fill: Callable[[Table], Commit]
) -> Commit:
    """Have `fill` write and commit all rows in a new folder, then switch the table to that; returns what `fill` does.

    `leaving` is an open write of the folder that the table is in. Raises `CommitConflict` LW-416 where another write of that
    completed since it was opened: the table stays there then.
    """
    fresh = lake.folders.fresh(mirror, lease.number, spec)
    commit = fill(fresh)
    lease.check()
    lake.folders.switch(mirror, leaving.leave(fresh.path))
    return commit


def _texts(spec: TableSpec) -> list[str]:
    return [*(f"({', '.join(names)})" for names in (spec.key, spec.partition)), spec.type]
